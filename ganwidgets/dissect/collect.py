"""One layer's counts: everything a dissection needs from a batch, added up in fixed memory.

Only the *tail* of a unit is looked at, the few percent of pixels where it is highest. `calibrate` sets, from the first
images, where the tail begins, which scale its bins have, and a provisional threshold. Per batch, `LayerCounts.add`
enters the tail pixels into a joint histogram (unit, bin, concept), from which the final threshold is read at the end,
and, above the provisional threshold, counts two more things: the agreement with *deranged* segmentations (the chance
level), and the agreement under bootstrap weights of the images (the interval). All counts are integers, so they
merge exactly.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.dissect.options import Options
from ganwidgets.nn.images import pixels_above, upsample
from ganwidgets.nn.stats import Counts, Edges, JointHistogram, State

TAIL = 3.0
"""The tail begins where this many times the wanted share of pixels lies above."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the first images say about a layer's units.

    Attributes:
        edges: of the bins of the tail.
        provisional: threshold, one a unit.
        concept: of each unit, where it was chosen beforehand.
    """

    edges: Edges
    provisional: Float[Tensor, " unit"]
    concept: Integer[Tensor, " unit"] | None = None


def tail_levels(acts: Tensor, fractions: tuple[float, ...], grid: tuple[int, int], padding: str) -> list[Tensor]:
    """Levels above which these shares of the upsampled pixels lie, on every second row and column."""
    units, levels = acts.shape[1], []
    at_once = max(1, 2**25 // (len(acts) * grid[0] * grid[1]))
    for first in range(0, units, at_once):
        maps = upsample(acts[:, first : first + at_once], grid, padding)[..., ::2, ::2]
        values = maps.transpose(0, 1).flatten(1).cpu().numpy()
        places = [min(values.shape[1] - 1, int(values.shape[1] * (1 - f))) for f in fractions]
        levels.append(torch.from_numpy(np.partition(values, places, axis=1)[:, places]))
    return list(torch.cat(levels).to(acts.device).unbind(1))


def calibrate(
    acts: Float[Tensor, "batch unit height width"], grid: tuple[int, int], options: Options, n_labels: int
) -> Calibration:
    """Edges and provisional thresholds for the rule "top_fraction" from the activations of the first images."""
    share = options.top_fraction
    low, middle, high = tail_levels(acts, (min(0.9, TAIL * share), share, share / 20), grid, options.padding)
    smallest = torch.maximum(low.abs() * 1e-6, torch.full_like(low, 1e-12))
    edges = Edges(low, torch.maximum(high - low, smallest), JointHistogram.bins_that_fit(acts.shape[1], n_labels))
    return Calibration(edges, middle)


def at_levels(level: Float[Tensor, " unit"], concept: Integer[Tensor, " unit"]) -> Calibration:
    """No calibration: thresholds that are already known, as the rule "iqr" has them after its search."""
    edges = Edges(level.float(), torch.ones_like(level, dtype=torch.float32), 1)
    return Calibration(edges, level.float(), concept)


def draws_that_fit(units: int, n_concepts: int, wanted: int) -> int:
    """Number of bootstrap draws, with the plain count first, whose tables stay within 128 MiB; at least 21."""
    return max(21, min(wanted + 1, 2**27 // (8 * units * (n_concepts + 1))))


class LayerCounts:
    """Counts of one layer.

    Args:
        calibration: from `calibrate` or `at_levels`.
        n_concepts: number of concepts.
        category_of: index of each concept's category.
        options: of the dissection.
    """

    def __init__(
        self, calibration: Calibration, n_concepts: int, category_of: Integer[Tensor, " concept"], options: Options
    ) -> None:
        self.calibration, self.options, self.n_concepts = calibration, options, n_concepts
        self.category_of = category_of
        self.n_categories = int(category_of.max()) + 1 if options.rule == "iqr" else 0
        self.histogram = JointHistogram(calibration.edges, n_concepts + self.n_categories)
        units = len(calibration.provisional)
        draws = draws_that_fit(units, n_concepts, options.resamples)
        shapes: dict[str, tuple[int, ...]] = {
            "concept": (n_concepts,),
            "pixels": (1,),
            "category": (self.n_categories,),
        }
        if options.chance:
            shapes |= {
                "chance_joint": (options.derangements, units, n_concepts + 1),
                "chance_area": (units,),
                "drawn_joint": (draws, units, n_concepts + 1),
                "drawn_area": (draws, units),
                "drawn_concept": (draws, n_concepts),
            }
        self.counts = Counts(device=calibration.provisional.device, **shapes)
        self.lowest = torch.full((units,), torch.inf, device=calibration.provisional.device)
        self.highest = -self.lowest

    def add(
        self,
        acts: Float[Tensor, "batch unit height width"],
        seg: Integer[Tensor, "batch slot place"],
        concepts: Integer[Tensor, "batch concept"],
        grid: tuple[int, int],
        weights: Float[Tensor, "draw batch"],
    ) -> None:
        """Count a batch.

        Args:
            acts: the layer's activations.
            seg: segmentation on the grid, places in one row.
            concepts: pixels of each concept in each image.
            grid: (height, width) of the comparison.
            weights: of the images in each bootstrap draw; the first draw is all ones.
        """
        batch = len(acts)
        flat = acts.flatten(2)
        self.lowest = torch.minimum(self.lowest, flat.amin((0, 2)))
        self.highest = torch.maximum(self.highest, flat.amax((0, 2)))
        edges = self.histogram.edges
        tail = pixels_above(acts, edges.origin, grid, self.options.padding)
        place = tail.image * seg.shape[2] + tail.place
        slots = [slot.reshape(-1) for slot in seg.unbind(1)]
        labels = [slot[place] for slot in slots]
        bins = edges.bin_of((tail.value - edges.origin[tail.unit]) / edges.span[tail.unit]) if edges.n_bins > 1 else 0
        bins = bins if isinstance(bins, Tensor) else torch.zeros_like(tail.unit, dtype=torch.int32)
        holds = self._categories(torch.arange(batch, device=acts.device), concepts)
        pixels = [(category > 0).sum() * seg.shape[2] for category in holds]
        if pixels:
            self.counts.add(category=torch.stack(pixels))
        self.histogram.add(tail.unit, bins, [label.long() for label in labels] + self._categories(tail.image, concepts))
        self.counts.add(concept=concepts.sum(0), pixels=torch.tensor([batch * seg.shape[2]], device=acts.device))
        if self.options.chance:
            above = tail.value > self.calibration.provisional[tail.unit] if edges.n_bins > 1 else slice(None)
            self._add_draws(tail.image[above], tail.unit[above], [label[above] for label in labels], concepts, weights)
            self._add_chance(tail.image[above], tail.unit[above], tail.place[above], slots, batch, grid)

    def _categories(self, image: Tensor, concepts: Tensor) -> list[Tensor]:
        """Whole-image labels: whether the image holds any concept of each category."""
        found = []
        for category in range(self.n_categories):
            present = (concepts[:, self.category_of == category] > 0).any(1)
            found.append((present.long() * (self.n_concepts + 1 + category))[image])
        return found

    def _add_draws(self, image: Tensor, unit: Tensor, labels: list[Tensor], concepts: Tensor, weights: Tensor) -> None:
        batch, units, width = len(concepts), self.highest.shape[0], self.n_concepts + 1
        weights = weights[: len(self.counts["drawn_area"])]
        row = image * units + unit
        area = torch.bincount(row, minlength=batch * units).view(batch, units).double()
        joint = sum(torch.bincount(row * width + label, minlength=batch * units * width) for label in labels)
        joint = joint.view(batch, -1).double()  # whole numbers below 2**53: the products are exact
        self.counts.add(
            drawn_area=(weights @ area).long(),
            drawn_joint=(weights @ joint).long().view(len(weights), units, width),
            drawn_concept=(weights @ concepts.double()).long(),
        )

    def _add_chance(
        self, image: Tensor, unit: Tensor, place: Tensor, slots: list[Tensor], batch: int, grid: tuple[int, int]
    ) -> None:
        """Count against the segmentations of *other* images of the batch, on every second row and column."""
        if batch < 2:
            return
        if min(grid) >= 32:
            kept = ((place & 1) == 0) & ((torch.div(place, grid[1], rounding_mode="floor") & 1) == 0)
            image, unit, place = image[kept], unit[kept], place[kept]
        width, pixels, size = self.n_concepts + 1, grid[0] * grid[1], self.highest.shape[0] * (self.n_concepts + 1)
        start = unit * width
        found = []
        for number in range(self.options.derangements):
            shift = 1 + number % (batch - 1)
            row = torch.arange(batch, device=image.device).roll(shift)[image] * pixels + place
            found.append(sum(torch.bincount(start + slot[row], minlength=size) for slot in slots))
        self.counts.add(
            chance_joint=torch.stack(found).view(len(found), -1, width),
            chance_area=torch.bincount(unit, minlength=self.highest.shape[0]),
        )

    def merge(self, other: "LayerCounts") -> None:
        """Add what another counted, of other images under the same calibration."""
        self.histogram.merge(other.histogram)
        self.counts.merge(other.counts)
        self.lowest = torch.minimum(self.lowest, other.lowest)
        self.highest = torch.maximum(self.highest, other.highest)

    def state(self) -> State:
        """Everything, as tensors."""
        parts = {"provisional": self.calibration.provisional, "lowest": self.lowest, "highest": self.highest}
        parts |= {f"histogram.{k}": v for k, v in self.histogram.state().items()}
        return {k: v.clone() for k, v in parts.items()} | {f"counts.{k}": v for k, v in self.counts.state().items()}

    @classmethod
    def from_state(cls, state: State, n_concepts: int, category_of: Tensor, options: Options) -> "LayerCounts":
        """The counts whose `state` this was."""
        part = {k.split(".", 1)[1]: v for k, v in state.items() if k.startswith("histogram.")}
        histogram = JointHistogram.from_state(part)
        self = cls(Calibration(histogram.edges, state["provisional"]), n_concepts, category_of, options)
        self.histogram = histogram
        self.counts = Counts.from_state({k.split(".", 1)[1]: v for k, v in state.items() if k.startswith("counts.")})
        self.lowest, self.highest = state["lowest"].clone(), state["highest"].clone()
        return self
