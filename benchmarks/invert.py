"""How well pictures are found in a generator, what a step costs, and whether edits work there as on samples.

    python benchmarks/invert.py [--parts table drawn step effect real] [--n 100] [--photos 12] [--quick]

table: the bundled generator's own pictures of known latents (seeds nobody trained with), found again by every strategy:
    median PSNR, and correlations of the latent, of the edit layer's activations r and of the picture. Any two pictures'
    activations are somewhat alike, so the correlation of r with another picture's stands beside; and r may hold more
    numbers than a picture, when it can match anything whatever it means, so the ratio of the two is told.
drawn: drawn scenes that the generator never saw: PSNR as found, and once the generator is adapted to the photo; then a
    brush of tree units at a random place, and how far the photo is from itself outside the brush, as shares of 255.
step: one step of a search over one bare forward and backward pass of the module, in turn and in the same run; and the
    steps until the picture has 90 % of its final PSNR, with what starts need kept from before.
effect: trees taken out of inverted drawn scenes, and doors drawn on their walls, by edits that were learned on samples:
    the share that is removed, and the pixels that are gained inside the brush, over the same for other samples.
real: `invert_real.py`: generators of others, with three photos each.

Intervals are 95 % bootstrap intervals over pictures. One thread; times are CPU seconds, so that other work on the
machine counts little. Ratios do not depend on the machine.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ganwidgets as gw
from ganwidgets.ablate.brush_places import BrushPlaces, find_places
from ganwidgets.ablate.contrast import concept_contrast
from ganwidgets.ablate.counts import concept_pixels
from ganwidgets.ablate.insertion_search import optimise_insertion
from ganwidgets.invert.adapt import adapt
from ganwidgets.invert.reconstruct import searching
from ganwidgets.invert.self_inversion import self_inversion
from ganwidgets.invert.strategies import DEFAULT, STRATEGIES, strategy_named
from ganwidgets.models.checkpoints import SCENES
from ganwidgets.models.edits import Edit
from ganwidgets.models.style_generator import StyleGenerator
from ganwidgets.paint.photo_canvas import PhotoCanvas
from ganwidgets.results.inverted import inputs_of, inverted
from ganwidgets.scenes.draw import draw_batch

PARTS = ("table", "drawn", "step", "effect", "real")
OWN_SEED, DRAWN_SEED = 31_337, 40_404  # of pictures that nothing was trained with
LAYER, BRUSH, RESAMPLES = "layer4", (16, 12), 2000
ENOUGH = 40  # tree pixels for their removal to be counted


def say(text: str) -> None:
    """Print at once: this runs for a while."""
    print(text, flush=True)


def table(header: Sequence[str], rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]]) -> None:
    """As Markdown, row by row."""
    say("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        say("| " + " | ".join(map(str, row)) + " |")
    say("")


def interval(values: Sequence[float], of: Callable[..., Any] = np.median) -> tuple[float, float, float]:
    """A statistic over pictures with its bootstrap interval."""
    values = np.asarray(values, float)
    picks = np.random.RandomState(0).randint(len(values), size=(RESAMPLES, len(values)))
    found = [of(values[pick]) for pick in picks]
    return float(of(values)), *(float(end) for end in np.percentile(found, (2.5, 97.5)))


def shown(values: Sequence[float], digits: int = 2, of: Callable[..., Any] = np.median) -> str:
    """A statistic and its interval as text."""
    middle, low, high = interval(values, of)
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """What comes of it, and the CPU seconds it took."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def drawings(n: int) -> Tensor:
    """Drawn scenes in [-1, 1]."""
    images, _ = draw_batch(n, seed=DRAWN_SEED)
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def fitting(network: gw.models.Generator) -> list[str]:
    """Strategies that such a network has."""
    style = isinstance(network, StyleGenerator)
    return [name for name, strategy in STRATEGIES.items() if style or strategy.space not in ("w", "ws")]


def self_table(network: gw.models.Generator, names: Sequence[str], n: int, steps: int | None) -> None:
    """The network's own pictures, by every strategy."""

    def rows() -> Iterator[list[Any]]:
        for name in names:
            found, seconds = cpu(partial(self_inversion, network, name, n, steps, OWN_SEED))
            parts = [shown(found.psnr, 1), *(shown(p) for p in (found.latent, found.acts, found.acts_chance))]
            yield [name, found.steps, *parts, shown(found.image, 3), f"{seconds / n:.2f}"]
            ratios.append((found.layer, found.ratio))

    ratios: list[tuple[str, float]] = []
    say(f"{n} own pictures of {network.name} found again: medians\n")
    header = ["strategy", "steps", "PSNR [dB]", "latent", "r", "r, another picture's", "picture", "CPU s a picture"]
    table(header, rows())
    for layer, ratio in dict.fromkeys(ratios):
        meaning = "a small error alone would prove nothing" if ratio > 1 else "fewer than the picture has"
        say(f"r is {layer}: {ratio:.2f} numbers for each number of a picture, {meaning}\n")


def drawn(network: gw.models.Generator, strategy: str, n: int, steps: int | None) -> None:
    """Drawn scenes: before and after adaptation, and what an edit does outside its brush."""
    trees, random = tree_brush(network), np.random.RandomState(0)
    before, after, outside, levels, seconds = [], [], [], [], []
    for image in drawings(n):
        found, took = cpu(lambda image=image: gw.invert.invert(network, image, strategy, steps=steps))
        adaptation, more = cpu(partial(adapt, network, found, steps=steps))
        found = found.with_adaptation(adaptation)
        before.append(found.errors.psnr)
        after.append(adaptation.errors.psnr)
        seconds.append((took, more))
        stroke = gw.paint.Stroke(trees.layer, trees.units, placed(random, image.shape[1:]), trees.value)
        errors = PhotoCanvas(network, found).outside([stroke])
        outside.append(errors.shown * 255)
        levels.append(errors.drawn * 255)
    took, more = np.median(seconds, 0)
    say(f"{n} drawn scenes by {strategy}: medians\n")
    rows = [["as found", shown(before, 1), f"{took:.1f}"], ["adapted", shown(after, 1), f"{more:.1f}"]]
    table(["", "PSNR [dB]", "CPU s"], rows)
    say(f"outside the brush after an edit, mean error in levels of 255: shown {shown(outside, 3, np.mean)}")
    say(f"  (wanted: at most 1), as the generator draws it {shown(levels, 2, np.mean)}\n")


def placed(random: np.random.RandomState, size: Sequence[int]) -> Tensor:
    """A brush at a random place."""
    region = torch.zeros(*size)
    top, left = (random.randint(side - part) for side, part in zip(size, BRUSH, strict=True))
    region[top : top + BRUSH[0], left : left + BRUSH[1]] = 1
    return region


def tree_brush(network: gw.models.Generator) -> gw.paint.Brush:
    """Units that draw trees, and to which values."""
    dissection = gw.dissect.load(SCENES / "dissection.safetensors")
    return next(b for b in gw.paint.brushes(dissection, network, LAYER) if b.concept == "tree")


def step_cost(network: gw.models.Generator, names: Sequence[str], repeats: int) -> Iterator[list[Any]]:
    """Rows: a step of each strategy over a bare forward and backward pass, one picture at a time."""
    z = network.sample_z(1, OWN_SEED)
    with torch.no_grad():
        image = network.images(z)
    weights = list(network.module.parameters())
    asks = [part.requires_grad for part in weights]

    def bare() -> None:
        latent = z.clone().requires_grad_()
        (network.module(latent) - image).abs().mean().backward()

    for name in names:
        search = searching(network, image, strategy_named(name, network), steps=10_000)
        for _ in range(5):
            next(search)
            bare()
        pairs = [(cpu(lambda s=search: next(s))[1], cpu(bare)[1]) for _ in range(repeats)]
        ratios = [step / pair for step, pair in pairs]
        yield [name, f"{1000 * np.median([b for _, b in pairs]):.1f}", shown(ratios)]
        search.close()
    for part, ask in zip(weights, asks, strict=True):
        part.requires_grad_(ask).grad = None


def until_near(network: gw.models.Generator, names: Sequence[str], n: int) -> Iterator[list[Any]]:
    """Rows: steps until 90 % of the final PSNR, for own pictures and for drawn scenes."""
    with torch.no_grad():
        own = network.images(network.sample_z(n, OWN_SEED))
    for name in names:
        row = [name]
        for images in (own, drawings(n)):
            curve = torch.stack([step.psnr for step in searching(network, images, strategy_named(name, network))])
            near = (curve >= 0.9 * curve[-1]).float().argmax(0)
            row += [shown(near.tolist(), 0), int(near.max()), f"{float(curve[-1].median()):.1f}"]
        yield row


@dataclass(frozen=True)
class Learned:
    """Edits that work in samples: which units take out trees how far, and to what units are set to draw a door."""

    removal: Edit
    units: tuple[int, ...]
    value: Tensor

    @classmethod
    def of(cls, network: gw.models.Generator, segmenter: Any, quick: bool) -> "Learned":
        sizes = {"n_search": 32, "steps": 2, "batch": 8} if quick else {"n_search": 512, "steps": 60, "batch": 32}
        alpha = gw.ablate.optimise_removal(network, LAYER, "tree", segmenter, seed=10, **sizes)
        contrast = concept_contrast(
            network, LAYER, "door", "wall", segmenter, network.sample_z(64 if quick else 400, 10)
        )
        places = walls(network, segmenter, 4 if quick else 48, 105)
        found = optimise_insertion(network, LAYER, "door", segmenter, places, contrast, steps=2 if quick else 40)
        removal = gw.zero_units(alpha.units(32), strength=torch.tensor(alpha.strengths(32)).float())
        return cls(removal, found.units, torch.from_numpy(found.value).float())

    def insertion(self, region: Tensor) -> Edit:
        return gw.set_units(self.units, self.value, region)


def walls(network: Any, segmenter: Any, n: int, seed: int) -> BrushPlaces:
    """Pictures with room for a brush on a wall without a door."""
    return find_places(network, segmenter, "wall", BRUSH, n=n, without="door", seed=seed)


@cache
def world_segmenter() -> Any:
    """The bundled segmenter."""
    return gw.segment.load("scenes")


class Drawn:
    """Drawn scenes as if a generator drew them, for `find_places`: a latent is the number of a scene."""

    def __init__(self, images: Tensor) -> None:
        self.all, self.image_shape = images, tuple(images.shape[1:])

    def sample_z(self, n: int, seed: int) -> Tensor:
        return torch.arange(min(n, len(self.all)))

    def images(self, numbers: Tensor) -> Tensor:
        return self.all[numbers]


Case = tuple[Callable[[Tensor | None], gw.models.Generator], Tensor]
"""A picture: the network that draws it, given where maps are let go, and its latent."""


def effect(network: gw.models.Generator, strategy: str, n: int, samples: int, steps: int | None) -> None:
    """What the same units do in inverted drawn scenes and in samples."""
    segmenter, quick = world_segmenter(), steps is not None
    learned, scenes = Learned.of(network, segmenter, quick), drawings(60 * n)
    tree = segmenter.concepts.index("tree")
    enough = concept_pixels(scenes, segmenter)[:, tree] >= ENOUGH
    with_trees = cases(network, scenes[enough][:n], strategy, steps)
    places = walls(Drawn(scenes), segmenter, n, 0)
    with_walls = cases(network, scenes[places.z], strategy, steps)
    own: list[Case] = [(lambda _: network, z[None]) for z in network.sample_z(samples, OWN_SEED)]
    own_places = walls(network, segmenter, max(4, samples // 4), 103)
    own_walls: list[Case] = [(lambda _: network, z[None]) for z in own_places.z]
    usual = np.array([removed(case, learned) for case in own])
    gains = np.array([gained(*pair, learned) for pair in zip(own_walls, own_places.regions, strict=True)])
    say(f"The same edits of {LAYER} in samples and in drawn scenes inverted by {strategy}\n")

    def rows() -> Iterator[list[Any]]:
        yield ["samples", *compared(usual, usual), *compared_gains(gains, gains)]
        for name in with_trees:
            pairs = np.array([removed(case, learned) for case in with_trees[name]])
            given = zip(with_walls[name], places.regions, strict=True)
            more = np.array([gained(*pair, learned) for pair in given])
            yield [name, *compared(pairs, usual), *compared_gains(more, gains)]

    header = ["", "n", "trees removed", "over samples", "n", "door pixels gained", "over samples"]
    table(header, rows())
    say("wanted: at least 0.7 over samples\n")


def cases(network: gw.models.Generator, images: Tensor, strategy: str, steps: int | None) -> dict[str, list[Case]]:
    """Inverted photos, as found and adapted."""
    found: dict[str, list[Case]] = {"as found": [], "adapted": []}
    for image in images:
        one = gw.invert.invert(network, image, strategy, steps=steps)
        adapted = one.with_adaptation(adapt(network, one, steps=steps))
        for name, inversion in (("as found", one), ("adapted", adapted)):
            drawing = partial(_as_photo, network, inversion)
            found[name].append((drawing, inputs_of(network, inversion)))
    return found


def _as_photo(network: gw.models.Generator, inversion: Any, released: Tensor | None) -> gw.models.Generator:
    return inverted(network, inversion, released=released)


def pixels(case: Case, edit: Edit | None, released: Tensor | None, concept: str, counted: Tensor | None) -> float:
    """How many pixels a concept has in a picture; its maps are let go where it is edited."""
    drawing, latent = case
    network, segmenter = drawing(released), world_segmenter()
    edit = gw.zero_units([0], strength=0.0) if edit is None else edit
    with torch.no_grad(), network.intervene(LAYER, edit):
        found = concept_pixels(network.images(latent), segmenter, counted)
    return float(found[0, segmenter.concepts.index(concept)])


def removed(case: Case, learned: Learned) -> tuple[float, float]:
    """Tree pixels of a picture, and those that are left."""
    everywhere = torch.ones(case[0](None).image_shape[1:])
    return pixels(case, None, None, "tree", None), pixels(case, learned.removal, everywhere, "tree", None)


def gained(case: Case, region: Tensor, learned: Learned) -> float:
    """Door pixels that an insertion adds inside its brush."""
    counted = region > 0
    before = pixels(case, None, None, "door", counted)
    return pixels(case, learned.insertion(region), region, "door", counted) - before


def compared(pairs: np.ndarray, usual: np.ndarray) -> list[Any]:
    """Share of the trees removed, where there are some, and the same over samples."""

    def share(pairs: np.ndarray) -> float:
        return 1 - pairs[:, 1].sum() / pairs[:, 0].sum()

    pairs, usual = (part[part[:, 0] >= ENOUGH] for part in (pairs, usual))
    return [len(pairs), shown(pairs, 3, share), shown(pairs, 2, lambda part: share(part) / share(usual))]


def compared_gains(gains: np.ndarray, usual: np.ndarray) -> list[Any]:
    """Mean pixels gained, and the same over samples."""
    return [len(gains), shown(gains, 1, np.mean), shown(gains, 2, lambda part: part.mean() / usual.mean())]


def main() -> None:
    """The parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--n", type=int, default=100, help="own pictures of the table")
    parser.add_argument("--photos", type=int, default=12, help="drawn scenes")
    parser.add_argument("--samples", type=int, default=200, help="samples of `effect`")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, help="of the table and of `step`")
    parser.add_argument("--strategy", choices=STRATEGIES, default=DEFAULT, help="of the other parts")
    parser.add_argument("--quick", action="store_true", help="few pictures and steps, to see that it runs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    network, steps = gw.load("scenes"), 5 if given.quick else None
    n, photos, samples = (2, 2, 8) if given.quick else (given.n, given.photos, given.samples)
    names = given.strategies or fitting(network)
    if "table" in given.parts:
        self_table(network, names, n, steps)
    if "drawn" in given.parts:
        drawn(network, given.strategy, photos, steps)
    if "step" in given.parts:
        moving = [name for name in names if STRATEGIES[name].steps]
        say("One step of a search over a bare forward and backward pass of one picture\n")
        table(["strategy", "bare [CPU ms]", "step over bare"], step_cost(network, moving, 5 if given.quick else 40))
        say("Steps until 90 % of the final PSNR: median, worst; final PSNR [dB]\n")
        header = ["strategy", "own pictures", "worst", "final", "drawn scenes", "worst", "final"]
        table(header, until_near(network, moving, photos))
    if "effect" in given.parts:
        effect(network, given.strategy, photos, samples, steps)
    if "real" in given.parts:
        import invert_real  # beside this file

        invert_real.real(steps)


if __name__ == "__main__":
    main()
