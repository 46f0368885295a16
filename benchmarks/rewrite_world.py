"""Twenty copies and pastes on the bundled generator: `python benchmarks/rewrite.py --parts world`.

Nobody paints: an instance is one connected piece of a concept, found by the bundled segmenter in a sample of latents
(seed 401). Copied and pasted concepts, pictures and pieces are drawn from a generator of the same seed; layers take
turns. Each edit has rank 1. Its context is the place pasted on and two more pieces of that concept in other pictures.

The original is our own projected descent, 2,001 steps on the crop: on the golden edits it ends where the published code
does. What is compared is what one sees with the weights it keeps: error of the values inside the box of the edited
picture, change elsewhere in it, change of the pictures of the other samples.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

import ganwidgets as gw
from ganwidgets.models.protocol import State
from ganwidgets.nn.proportions import proportion_interval
from ganwidgets.rewrite import (
    EditableLayer,
    Example,
    Target,
    collect_keys,
    context_directions,
    copy_object,
    descend,
    editable_layer,
    paste_target,
    patch_moment,
    solve,
)
from ganwidgets.rewrite.descent import mean_error
from ganwidgets.rewrite.keys import KeyStatistics
from ganwidgets.rewrite.solve import SMOOTHNESS

SEED, SAMPLE, EDITS = 401, 200, 20
LAYERS = ("layer4", "layer5", "layer6", "layer7", "layer8")
COPIED = ("spire", "dome", "tree", "sun or moon", "door", "lit window", "window", "roof", "house")
PASTED = ("dome", "spire", "tree", "cloud", "door", "window", "lit window", "roof", "mountain")
LEAST, MOST = 16, 400  # pixels of a piece
CURVE = (0.1, SMOOTHNESS, 1.0, 3.0, 10.0)  # λ
NORMS = ("l1", "l2")

Measures = tuple[float, float, float]
"""Error in the box, change elsewhere in the picture, change of the other pictures."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """The generator, its sample, and what is in the pictures."""

    network: gw.models.Generator
    segmenter: gw.segment.Segmenter
    seed: int

    @cached_property
    def z(self) -> Tensor:
        return self.network.sample_z(SAMPLE, seed=self.seed)

    @cached_property
    def images(self) -> Tensor:
        """Not clamped."""
        return self.network.images(self.z, clamp=False)

    @cached_property
    def seg(self) -> Tensor:
        return self.segmenter(self.network.images(self.z))

    def of(self, concept: str) -> list[Example]:
        """All pieces of a concept that are neither tiny nor most of the picture."""
        masks = (self.seg == self.segmenter.concepts.index(concept) + 1).any(1).numpy()
        found = []
        for image, mask in enumerate(masks):
            labels, count = ndimage.label(mask, np.ones((3, 3)))
            pieces = [labels == number for number in range(1, count + 1)]
            found += [Example(image, torch.from_numpy(p).float()) for p in pieces if LEAST <= p.sum() <= MOST]
        return found


@dataclass(frozen=True, eq=False)
class PastedEdit:
    """One of the twenty."""

    name: str
    pieces: Pieces
    editable: EditableLayer
    target: Target
    context: Tensor
    moment: Tensor
    states: Sequence[State]
    pasted_on: int

    def solved(self, norm: str, smoothness: float = SMOOTHNESS) -> Measures:
        """What one sees with the default objective."""
        found = solve(self.target, self.context, norm=norm, moment=self.moment, smoothness=smoothness)
        return self.measures(self.editable.W0 + self.editable.expand(found.update, self.context))

    def kept(self, steps: int) -> Measures:
        """What one sees with the weight that the original's way of finding it keeps."""
        return self.measures(descend(self.target.cropped(), self.context, iterations=steps).weight)

    @torch.no_grad()
    def measures(self, weight: Tensor) -> Measures:
        """Error in the box, change elsewhere in the picture, change of the other pictures."""
        moved = (self.target.present(weight) - self.target.present()).abs()[:, self.target.where == 0].mean()
        after = [self.editable.network.above(s, self.editable.values(s, weight), clamp=False) for s in self.states]
        drift = (torch.cat(after) - self.pieces.images).abs().flatten(1).mean(1)
        others = torch.arange(SAMPLE) != self.pasted_on
        return float(mean_error([self.target])(weight)), float(moved), float(drift[others].mean())


def pasted_edits(n: int = EDITS, seed: int = SEED) -> Iterator[PastedEdit]:
    """The edits, one after the other; the first so many are always the same."""
    pieces, random = Pieces(gw.load("scenes"), gw.segment.load("scenes"), seed), np.random.RandomState(seed)
    known = {concept: pieces.of(concept) for concept in (*COPIED, *PASTED)}
    layers = []
    for layer in LAYERS[:n]:
        editable = editable_layer(pieces.network, layer)
        states = [editable.run(z) for z in pieces.z.split(50)]
        layers.append((editable, states, collect_keys(editable, pieces.z)))
    for number in range(n):
        yield _edit(pieces, *layers[number % len(layers)], *_drawn(known, random))


def _drawn(known: dict[str, list[Example]], random: np.random.RandomState) -> tuple[str, Example, list[Example]]:
    """In words, what to copy, what to paste on, and two more pieces like that one, of four pictures."""
    while True:
        copied, pasted = random.choice(COPIED), random.choice(PASTED)
        clip = known[copied][random.randint(len(known[copied]))]
        where = [known[pasted][number] for number in random.randint(len(known[pasted]), size=3)]
        if copied != pasted and len({one.image for one in (clip, *where)}) == 4:
            return f"{copied} ({clip.image}) on {pasted} ({where[0].image})", clip, where


def _edit(
    pieces: Pieces,
    editable: EditableLayer,
    states: Sequence[State],
    statistics: KeyStatistics,
    words: str,
    copied: Example,
    where: list[Example],
) -> PastedEdit:
    image = where[0].image
    clip = copy_object(editable, pieces.z[copied.image : copied.image + 1], copied.region)
    target = paste_target(editable, pieces.z[image : image + 1], clip, where[0].region)
    context, name = context_directions(editable, where, pieces.z, statistics), editable.name.partition(".")[0]
    moment = patch_moment(editable, states, context)
    return PastedEdit(f"{name}: {words}", pieces, editable, target, context, moment, states, image)


@dataclass(frozen=True)
class Compared:
    """Measures of one edit.

    Attributes:
        nothing, original: without an edit, and with the original's.
        curves: by norm, measures by λ.
    """

    name: str
    nothing: Measures
    original: Measures
    curves: dict[str, dict[float, Measures]]

    def better(self, norm: str, price: float) -> bool:
        """Than the original in all three, and than no edit in the box."""
        found = self.curves[norm][price]
        return found[0] < self.nothing[0] and all(a < b for a, b in zip(found, self.original, strict=True))

    def ever(self, norm: str) -> bool:
        """At some λ."""
        return any(self.better(norm, price) for price in CURVE)


def compared(edit: PastedEdit, steps: int) -> Compared:
    """All measures of an edit."""
    nothing, original = edit.measures(edit.editable.W0), edit.kept(steps)
    curves = {norm: {price: edit.solved(norm, price) for price in CURVE} for norm in NORMS}
    return Compared(edit.name, nothing, original, curves)


def share(hits: int, n: int) -> str:
    """With its 95 % interval (Wilson)."""
    low, high = proportion_interval(np.array(hits), n)
    return f"{hits} of {n} [{low:.2f}, {high:.2f}]"


def counts(rows: Sequence[Compared]) -> list[list[str]]:
    """How many edits are better: than nothing and the original in the box, in all three, and at some λ."""
    n = len(rows)
    lines = [["original", share(sum(row.original[0] < row.nothing[0] for row in rows), n), "", "", ""]]
    for norm in NORMS:
        met = [row.curves[norm][SMOOTHNESS][0] < row.nothing[0] for row in rows]
        nearer = [row.curves[norm][SMOOTHNESS][0] < row.original[0] for row in rows]
        wins, ever = [row.better(norm, SMOOTHNESS) for row in rows], [row.ever(norm) for row in rows]
        lines.append([f"solve, {norm}", *(share(sum(hits), n) for hits in (met, nearer, wins, ever))])
    return lines


def world(n: int, steps: int, seed: int = SEED) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Title, header and rows of each table."""
    rows = []
    for edit in pasted_edits(n, seed):
        rows.append(compared(edit, steps))
        print(f"{len(rows)}: {edit.name}", file=sys.stderr, flush=True)
    header = ["edit", "box: no edit", "original", *NORMS, "elsewhere: original", *NORMS, "others: original", *NORMS]
    title = f"{n} edits of the bundled generator, rank 1, beside our own descent of {steps} steps"
    yield title, [*header, "better in all three"], [_numbers(row) for row in rows]
    header = ["weights", "box: better than no edit", "box: than the original", "better in all three", "at some λ"]
    yield "How many of them [95 %]", header, counts(rows)
    prices = [f"λ {price:g}" for price in CURVE]
    hits = [[norm, *(share(sum(row.better(norm, p) for row in rows), n) for p in CURVE)] for norm in NORMS]
    yield "Better in all three, by λ", ["norm", *prices], hits
    for norm in NORMS:
        curves = [[row.name, *_curve(row, norm)] for row in rows if not row.better(norm, SMOOTHNESS)]
        title = f"Not better in all three at λ = {SMOOTHNESS:g}, {norm} (box / elsewhere / others; bold: better)"
        yield title, ["edit", "no edit, original", *prices], curves


def _numbers(row: Compared) -> list[str]:
    columns = zip(row.original, *(row.curves[norm][SMOOTHNESS] for norm in NORMS), strict=True)
    numbers = [f"{number:.4g}" for column in columns for number in column]
    wins = [norm for norm in NORMS if row.better(norm, SMOOTHNESS)]
    return [row.name, f"{row.nothing[0]:.4g}", *numbers, ", ".join(wins) or "none"]


def _curve(row: Compared, norm: str) -> list[str]:
    cells = [(row.better(norm, price), _three(found)) for price, found in row.curves[norm].items()]
    start = f"{row.nothing[0]:.3g}, {_three(row.original)}"
    return [start, *(f"**{cell}**" if wins else cell for wins, cell in cells)]


def _three(found: Measures) -> str:
    return " / ".join(f"{number:.3g}" for number in found)
