"""Did the stroke do what was asked? What it did, beside what it does elsewhere and what chance does.

A generator does not obey: asked for a door in the sky it draws none. `report` says so in numbers. **Achieved** is
counted in this picture: pixels of the concept inside the brush with the stroke, minus without it, every other stroke
staying. **Predicted** is what the very same stroke (place, units, values, strength) gains inside the brush when it is
painted alone on other scenes: their mean, and the middle 90 % of them. So "predicted 30, achieved 0" means that this
place is unusual, and "predicted 0" that the brush does not work there at all. **Chance** is the stroke with random
units of the same layer, as many, each at its own insertion level, in this picture.

A stroke that did no more than chance has an `obstacle`, and `why_nothing` says it in words.

"Inside" are the pixels painted at least half as strongly as the stroke's strongest spot, "outside" those not painted
at all; a soft fringe counts as neither. A layer's cells are larger than pixels: some change just outside is expected.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import index

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from ganwidgets.models import Generator, State
from ganwidgets.models.latents import one_latent, whole_number
from ganwidgets.nn.regions import resize
from ganwidgets.paint.brushes import Levels
from ganwidgets.paint.render import apply_to_many, paint_on
from ganwidgets.paint.strokes import Stroke, edits
from ganwidgets.segment import Segmenter, validate_segmentation

VISIBLE = 8 / 127.5  # a pixel counts as changed when a channel moves by more than 8 of 255 levels
SCENES, SCENES_SEED = 16, 987_654_321  # other scenes, for the prediction; a seed nobody types
N_RANDOM_SETS = 10
ALMOST_NOTHING = 0.02  # of the brush

Draw = Callable[[Sequence[Stroke]], Tensor]


@dataclass(frozen=True, eq=False)
class PaintReport:
    """What one stroke did to one picture.

    Attributes:
        stroke: that is reported on.
        concepts: names; arrays have a column each. Empty without a segmenter.
        brush_pixels: inside the brush.
        inside: pixels of each concept inside the brush, without the stroke and with it.
        outside: the same outside the brush.
        changed_inside, changed_outside: share of those pixels whose colour changed visibly (over 8 of 255 levels).
        elsewhere: gain inside the brush on other scenes, a row each; no rows if not measured.
        chance: gain inside the brush with random units, a row for each set; no rows if not measured.
    """

    stroke: Stroke
    concepts: tuple[str, ...]
    brush_pixels: int
    inside: Integer[np.ndarray, "2 concept"]
    outside: Integer[np.ndarray, "2 concept"]
    changed_inside: float
    changed_outside: float
    elsewhere: Integer[np.ndarray, "scene concept"]
    chance: Integer[np.ndarray, "set concept"]

    @property
    def achieved(self) -> int | None:
        """Pixels of the stroke's concept gained inside the brush; None without concept or segmenter."""
        column = self._column
        return None if column is None else int(self.inside[1, column] - self.inside[0, column])

    @property
    def predicted(self) -> tuple[float, float, float] | None:
        """Mean gain of the same stroke on other scenes, and the middle 90 % of them; None if not measured."""
        return self._summary(self.elsewhere)

    @property
    def by_chance(self) -> tuple[float, float, float] | None:
        """Mean gain with random units, and the middle 90 % of the sets; None if not measured."""
        return self._summary(self.chance)

    @property
    def stood(self) -> str:
        """The commonest concept inside the brush before the stroke; "" if there was none."""
        before = self.inside[0]
        return self.concepts[int(before.argmax())] if before.any() else ""

    @property
    def sentence(self) -> str:
        """The report in words."""
        change = f"{self.changed_inside:.0%} of the brush and {self.changed_outside:.0%} of the rest changed visibly"
        if self.achieved is None:
            return f"{change[0].upper()}{change[1:]}."
        notes = [f"{self.stood} stood there"] if self.stood else []
        for label, found in (
            (f"in {len(self.elsewhere)} other scenes", self.predicted),
            ("random units", self.by_chance),
        ):
            if found is not None:
                notes.append(f"{label} {found[0]:+.0f}, from {found[1]:+.0f} to {found[2]:+.0f}")
        beside = f" ({'; '.join(notes)})" if notes else ""
        return (
            f"{self.stroke.concept}: {self.achieved:+d} of {self.brush_pixels} pixels in the brush{beside}; {change}."
        )

    @property
    def obstacle(self) -> str:
        """What stood in the way of a stroke that did no more than random units; "" if it did, or if nobody knows yet.

        "absent": none of the concept was there to be removed. "already": the brush was full of it. "here": the same
        stroke does something in other scenes. "anywhere": it does not.
        """
        concept, chance, elsewhere = self.stroke.concept, self.by_chance, self.predicted
        if self.achieved is None or chance is None or elsewhere is None:
            return ""
        removing = self.stroke.sign == "remove"
        by_luck = max(-chance[1] if removing else chance[2], ALMOST_NOTHING * self.brush_pixels)
        done, usual = (-self.achieved, -elsewhere[0]) if removing else (self.achieved, elsewhere[0])
        if done > by_luck:
            return ""
        before = int(self.inside[0, self.concepts.index(concept)])
        if removing and not before:
            return "absent"
        if not removing and before > 0.9 * self.brush_pixels:
            return "already"
        return "here" if usual > by_luck else "anywhere"

    @property
    def why_nothing(self) -> str:
        """The obstacle in one sentence; "" if there is none. `ablate.insertion_context` knows better places."""
        where = f", where {self.stood} stood" if self.stood else ""
        return {
            "": "",
            "absent": f"Nothing happened: there was no {self.stroke.concept} inside the brush.",
            "already": f"Nothing happened: {self.stroke.concept} was there already.",
            "here": f"Nothing happened here{where}; the same stroke does something in other scenes.",
            "anywhere": f"Nothing happened{where}, and the same stroke does no more in other scenes: "
            "try another place, another layer or more units.",
        }[self.obstacle]

    def to_frame(self) -> pd.DataFrame:
        """A row per concept; ranges are the middle 90 % of other scenes and of random unit sets."""
        frame = {"concept": self.concepts}
        for place, counts in (("inside", self.inside), ("outside", self.outside)):
            frame |= {f"{place}_before": counts[0], f"{place}_after": counts[1]}
        frame["achieved"] = self.inside[1] - self.inside[0]
        for name, gains in (("predicted", self.elsewhere), ("chance", self.chance)):
            low, high = np.quantile(gains, [0.05, 0.95], axis=0) if len(gains) else (np.nan, np.nan)
            frame |= {name: gains.mean(0) if len(gains) else np.nan, f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame(frame)

    @property
    def _column(self) -> int | None:
        return self.concepts.index(self.stroke.concept) if self.stroke.concept in self.concepts else None

    def _summary(self, gains: np.ndarray) -> tuple[float, float, float] | None:
        if self._column is None or not len(gains):
            return None
        column = gains[:, self._column]
        return float(column.mean()), *map(float, np.quantile(column, [0.05, 0.95]))


def report(
    network: Generator,
    strokes: Sequence[Stroke],
    z: Float[Tensor, "batch *latent"],
    segmenter: Segmenter | None = None,
    *,
    which: int = -1,
    scenes: int = SCENES,
    n_random_sets: int = N_RANDOM_SETS,
    seed: int = 0,
) -> PaintReport:
    """What one of the strokes did to a picture, beside what it does on other scenes and what random units do.

    Args:
        network: the generator.
        strokes: all of the picture, the lowest first.
        z: its latent, as a batch of one.
        segmenter: names the pixels; None leaves only the changes of colour.
        which: number of the stroke that is reported on; −1 is the last.
        scenes: number of other scenes for the prediction.
        n_random_sets: number of random unit sets.
        seed: of the random units.

    Raises:
        ValueError: no such stroke; strokes that do not fit the network; not one latent.
    """
    one_latent(z)
    scenes, n_random_sets = whole_number("scenes", scenes, 0), whole_number("n_random_sets", n_random_sets, 0)
    strokes = tuple(strokes)
    if not -len(strokes) <= index(which) < len(strokes):
        raise ValueError(f"`which` must be the number of one of {len(strokes)} strokes, got {which}")
    other = Elsewhere(network, segmenter, scenes) if segmenter is not None and scenes else None
    frames = each_report(
        network,
        strokes,
        index(which) % len(strokes),
        lambda chosen: apply_to_many(network, chosen, z),
        segmenter,
        elsewhere=other,
        levels=Levels(network),
        n_random_sets=n_random_sets,
        seed=seed,
    )
    *_, last = (frame for frame in frames if frame is not None)
    return last


def each_report(
    network: Generator,
    strokes: tuple[Stroke, ...],
    which: int,
    draw: Draw,
    segmenter: Segmenter | None,
    *,
    elsewhere: "Elsewhere | None",
    levels: Callable[[str], Tensor],
    n_random_sets: int = N_RANDOM_SETS,
    seed: int = 0,
) -> Iterator[PaintReport | None]:
    """`report` as it grows: achieved, then predicted, then chance; None where somebody else may go first.

    Args:
        draw: gives the picture (a batch of one) with these strokes.
        elsewhere: other scenes; None leaves the prediction out.
        levels: gives the insertion levels of a layer, for the random units.
    """
    stroke = replace(strokes[which], muted=False) if strokes[which].muted else strokes[which]
    below, over = strokes[:which], strokes[which + 1 :]
    inside, outside = (mask.to(network.device) for mask in footprint(stroke, network.image_shape[1:]))
    without = draw((*below, *over))
    with_it = draw((*below, stroke, *over))
    moved = ((with_it - without).abs() > VISIBLE).any(1)[0]
    counts = [np.zeros((2, 0), np.int64)] * 2
    if segmenter is not None:
        before = _named(without, segmenter)
        segs = torch.cat([before, _named(with_it, segmenter)])
        counts = [pixels_in(segs, mask, len(segmenter.concepts)) for mask in (inside, outside)]
    nothing = np.zeros((0, counts[0].shape[1]), np.int64)
    found = PaintReport(
        stroke=stroke,
        concepts=() if segmenter is None else tuple(segmenter.concepts),
        brush_pixels=int(inside.sum()),
        inside=counts[0],
        outside=counts[1],
        changed_inside=float(moved[inside].float().mean()),
        changed_outside=float(moved[outside].float().mean()) if outside.any() else 0.0,
        elsewhere=nothing,
        chance=nothing,
    )
    yield found
    if segmenter is None:
        return
    if elsewhere is not None:
        found = replace(found, elsewhere=elsewhere.gains(stroke))
        yield found
    if not n_random_sets or stroke.value.ndim > 1:  # other units have no clip to paste
        return
    gains = []
    for random in _random_strokes(stroke, network, levels, n_random_sets, seed):
        after = pixels_in(_named(draw((*below, random, *over)), segmenter), inside, len(segmenter.concepts))
        gains.append(after[0] - counts[0][0])
        yield None
    yield replace(found, chance=np.stack(gains))


class Elsewhere:
    """Other scenes on which a stroke can be tried; what lies below a layer runs once.

    Args:
        network: the generator.
        segmenter: names the pixels.
        scenes: how many.
        seed: of their latents.
    """

    def __init__(self, network: Generator, segmenter: Segmenter, scenes: int = SCENES, seed: int = SCENES_SEED) -> None:
        self.network, self.segmenter = network, segmenter
        self._z = network.sample_z(scenes, seed)
        self._of, self._states, self._seg = "", {}, torch.empty(0)

    def gains(self, stroke: Stroke) -> Integer[np.ndarray, "scene concept"]:
        """Pixels each concept gains inside the brush when the stroke is painted alone, on every scene."""
        state = self._state(stroke.layer)
        inside = footprint(stroke, self.network.image_shape[1:])[0].to(state.acts.device)
        after = _named(paint_on(self.network, state, edits([stroke], self.network)), self.segmenter)
        counts = [pixels_in(seg, inside, len(self.segmenter.concepts)) for seg in (self._seg, after)]
        return counts[1] - counts[0]

    def _state(self, layer: str) -> State:
        if self._of != self.network.fingerprint:
            self._of, self._states = self.network.fingerprint, {}
            self._seg = _named(paint_on(self.network, self._add(layer), {}), self.segmenter)
        return self._states[layer] if layer in self._states else self._add(layer)

    def _add(self, layer: str) -> State:
        self._states = {layer: self.network.below(self._z, layer, grad=False)}  # of one layer: they may be large
        return self._states[layer]


def footprint(
    stroke: Stroke, size: tuple[int, int]
) -> tuple[Bool[Tensor, "height width"], Bool[Tensor, "height width"]]:
    """Pixels inside the brush (painted at least half as strongly as anywhere) and outside (not painted)."""
    painted = resize(stroke.region, tuple(size), "area")
    return painted >= painted.max() / 2, painted == 0


def pixels_in(
    seg: Integer[Tensor, "batch slot height width"], mask: Bool[Tensor, "height width"], n_concepts: int
) -> Integer[np.ndarray, "batch concept"]:
    """How many of the marked pixels show each concept, all slots together."""
    numbers = seg[:, :, mask].flatten(1).long()
    rows = torch.arange(len(seg), device=seg.device)[:, None] * (n_concepts + 1)
    counts = torch.bincount((numbers + rows).flatten(), minlength=len(seg) * (n_concepts + 1))
    return counts.view(len(seg), -1)[:, 1:].cpu().numpy()


def _named(images: Tensor, segmenter: Segmenter) -> Tensor:
    return validate_segmentation(segmenter(images), images, segmenter)


def _random_strokes(
    stroke: Stroke, network: Generator, levels: Callable[[str], Tensor], sets: int, seed: int
) -> Iterator[Stroke]:
    random, n_units = np.random.RandomState(seed), network.layers[stroke.layer].units
    of_layer = None if stroke.sign == "remove" else levels(stroke.layer)
    for _ in range(sets):
        units = sorted(random.choice(n_units, len(stroke.units), replace=False).tolist())
        yield replace(stroke, units=units, value=0.0 if of_layer is None else of_layer[units].cpu())
