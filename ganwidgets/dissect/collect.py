"""One layer's counts: everything a dissection needs from a batch, added up in fixed memory.

Only the *tail* of a unit is looked at, the few percent of pixels where it is highest. The calibration says, from the
first images, where the tail begins, which scale its bins have, and a provisional threshold. A batch's tail is entered
into a joint histogram (unit, bin, concept), from which the final threshold is read; above the provisional threshold two
more things are counted: the agreement with *deranged* segmentations (the chance level), and the agreement under
bootstrap weights of the images (the interval).

All counts are whole numbers, so they merge exactly, in any order, bit for bit. Only the derangements know of batches,
as an image meets the segmentations of its own batch.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.dissect.batches import Batch
from ganwidgets.dissect.calibrate import MOST_PIXELS, Calibration, place_edges
from ganwidgets.dissect.chance import Deranged, lattice
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import joined, part_of
from ganwidgets.nn.histograms import JointHistogram
from ganwidgets.nn.images import flat_nonzero, pixels_above
from ganwidgets.nn.stats import Counts, State


def draws_that_fit(units: int, n_concepts: int, wanted: int) -> int:
    """Number of bootstrap draws, with the plain count first, whose tables stay within 128 MiB; at least 21."""
    return max(21, min(wanted + 1, 2**27 // (8 * units * (n_concepts + 1))))


class LayerCounts:
    """Counts of one layer.

    Args:
        calibration: from `calibrate` or `at_levels`.
        grid: (height, width) of the comparison.
        category_of: number of each concept's category.
        options: of the dissection.
    """

    def __init__(
        self,
        calibration: Calibration,
        grid: tuple[int, int],
        category_of: Integer[Tensor, " concept"],
        options: Options,
    ) -> None:
        self.calibration, self.grid, self.options = calibration, grid, options
        self.category_of, self.n_concepts = category_of, len(category_of)
        self.n_categories = int(category_of.max()) + 1 if options.per_category else 0
        self.histogram = JointHistogram(calibration.edges, self.n_concepts + self.n_categories)
        # Values of the maps as they are, where the rule "netdissect" reads its thresholds unless they are known.
        by_places = options.rule == "netdissect" and calibration.edges.n_bins > 1
        self.places = JointHistogram(place_edges(calibration.edges), 0) if by_places else None
        units, device = len(calibration.provisional), calibration.provisional.device
        draws = draws_that_fit(units, self.n_concepts, options.resamples)
        shapes: dict[str, tuple[int, ...]] = {
            "concept": (self.n_concepts,),
            "pixels": (1,),
            "category": (self.n_categories,),
        }
        if self.places is not None:
            shapes["places"] = (1,)
        if options.chance:
            shapes |= {
                "chance_joint": (options.derangements, units, self.n_concepts + 1),
                "chance_area": (units,),
                "chance_category": (options.derangements, units, self.n_categories),
                "drawn_joint": (draws, units, self.n_concepts + 1),
                "drawn_area": (draws, units),
                "drawn_category": (draws, units, self.n_categories),
                "drawn_concept": (draws, self.n_concepts),
            }
        self.counts = Counts(device=device, **shapes)
        self.lowest = torch.full((units,), torch.inf, device=device)
        self.highest = -self.lowest

    def add(
        self, acts: Float[Tensor, "batch unit height width"], batch: Batch, weights: Float[Tensor, "draw batch"]
    ) -> None:
        """Count a batch.

        Args:
            acts: the layer's activations.
            batch: the images.
            weights: of the images in each bootstrap draw; the first draw is all ones.
        """
        n, units, places = len(batch), acts.shape[1], self.grid[0] * self.grid[1]
        flat = acts.flatten(2)
        self.lowest = torch.minimum(self.lowest, flat.amin((0, 2)))
        self.highest = torch.maximum(self.highest, flat.amax((0, 2)))
        present = self._present(batch.concepts)
        pixels = torch.tensor([n * places], device=acts.device)
        self.counts.add(concept=batch.concepts.sum(0), pixels=pixels, category=present.sum(0) * places)
        if self.places is not None:
            self._add_places(flat)
        deranged = self._deranged(batch) if self.options.chance and n > 1 else None
        at_once = max(1, MOST_PIXELS // (units * max(places, self.n_concepts)))
        for first in range(0, n, at_once):
            part = slice(first, first + at_once)
            found = self._tail(acts[part], batch.seg[part])
            if self.histogram.edges.n_bins > 1:
                found = self._add_tail(found, present[part])
            if self.histogram.edges.n_bins == 1 or self.options.chance:
                area, joint = self._per_image(found, len(acts[part]), units)
            if self.histogram.edges.n_bins == 1:
                self._add_at_level(area, joint, present[part])
            if self.options.chance:
                self._add_draws(area, joint, batch.concepts[part], present[part], weights[:, part])
            if deranged is not None:
                met, area = deranged.count(found.image + first, found.unit, found.place, units)
                in_category = deranged.in_category(area, present)
                self.counts.add(chance_joint=met, chance_area=area.sum(0), chance_category=in_category)

    def _deranged(self, batch: Batch) -> Deranged:
        turn = batch.first // self.options.batch
        places = lattice(self.grid, self.calibration.spacing, turn, batch.seg.device)
        return Deranged(batch.seg, self.n_concepts, self.options.derangements, turn, places)

    def _present(self, concepts: Integer[Tensor, "batch concept"]) -> Integer[Tensor, "batch category"]:
        """Whether an image holds any concept of each category, 0 or 1."""
        found = torch.zeros(len(concepts), self.n_categories, dtype=torch.int64, device=concepts.device)
        for category in range(self.n_categories):
            found[:, category] = (concepts[:, self.category_of == category] > 0).any(1)
        return found

    def _tail(self, acts: Tensor, seg: Tensor) -> "_Labelled":
        found = pixels_above(acts, self.histogram.edges.origin, self.grid, self.options.padding)
        row = found.image * seg.shape[2] + found.place
        labels = [slot.reshape(-1).index_select(0, row) for slot in seg.unbind(1)]
        return _Labelled(found.image, found.unit, found.place, found.value, labels)

    def _add_places(self, flat: Float[Tensor, "batch unit place"]) -> None:
        edges, units = self.places.edges, flat.shape[1]
        origin = edges.origin
        hit = flat_nonzero(flat > origin[:, None])
        unit = hit // flat.shape[2] % units
        beyond = flat.reshape(-1).index_select(0, hit) - origin.index_select(0, unit)
        bins = edges.bin_of(beyond.div_(edges.span.index_select(0, unit)))
        self.places.add(unit, bins, [])
        self.counts.add(places=torch.tensor([len(flat) * flat.shape[2]], device=flat.device))

    def _add_tail(self, tail: "_Labelled", present: Integer[Tensor, "batch category"]) -> "_Labelled":
        """Enter the tail into the histogram; gives the pixels above the provisional threshold."""
        edges = self.histogram.edges
        beyond = tail.value - edges.origin.index_select(0, tail.unit)
        bins = edges.bin_of(beyond.div_(edges.span.index_select(0, tail.unit)))
        first = self.n_concepts + 1  # of the labels that say "an image which holds this category"
        held = (present * torch.arange(first, first + self.n_categories, device=present.device)).unbind(1)
        in_category = [label.index_select(0, tail.image) for label in held]
        self.histogram.add(tail.unit, bins, [label.long() for label in tail.labels] + in_category)
        if not self.options.chance:
            return tail
        return tail.only(flat_nonzero(tail.value > self.calibration.provisional.index_select(0, tail.unit)))

    def _per_image(self, found: "_Labelled", batch: int, units: int) -> tuple[Tensor, Tensor]:
        """Pixels, and pixels of each concept, in every image: (image unit) and (image unit 1+concept)."""
        width = self.n_concepts + 1
        row = found.image * units + found.unit
        area = torch.bincount(row, minlength=batch * units).view(batch, units)
        row = row * width
        joint = sum(torch.bincount(row + label, minlength=batch * units * width) for label in found.labels)
        return area, joint.view(batch, units, width)

    def _add_at_level(self, area: Tensor, joint: Tensor, present: Tensor) -> None:
        """All that is above the level, as the histogram's only bin."""
        n = self.n_concepts + 1
        self.histogram.alone[:, 0] += area.sum(0)
        self.histogram.joint[:, 0, :n] += joint.sum(0)
        self.histogram.joint[:, 0, n:] += (area.double().T @ present.double()).long()

    def _add_draws(self, area: Tensor, joint: Tensor, concepts: Tensor, present: Tensor, weights: Tensor) -> None:
        weights = weights[: len(self.counts["drawn_area"])]
        drawn_joint = weights @ joint.flatten(1).double()  # whole numbers below 2**53: the products are exact
        in_category = (area[:, :, None] * present[:, None]).flatten(1).double()  # (image unit·category)
        self.counts.add(
            drawn_area=(weights @ area.double()).long(),
            drawn_joint=drawn_joint.long().view(len(weights), *joint.shape[1:]),
            drawn_category=(weights @ in_category).long().view(len(weights), area.shape[1], self.n_categories),
            drawn_concept=(weights @ concepts.double()).long(),
        )

    @property
    def where_thresholds_are(self) -> tuple[JointHistogram, int]:
        """The histogram of which a share lies above the threshold, and how much it was made of: pixels, or places."""
        if self.places is not None:
            return self.places, int(self.counts["places"])
        return self.histogram, int(self.counts["pixels"])

    def unreached(self) -> int:
        """Units whose threshold should lie below their bins: the first images were more active than all together."""
        if self.options.rule == "iqr":
            return 0
        histogram, all_of_them = self.where_thresholds_are
        thin = histogram.alone.sum(1) < 0.95 * self.options.top_fraction * all_of_them
        return int((thin & (self.lowest < self.histogram.edges.origin)).sum())

    def merge(self, other: "LayerCounts") -> None:
        """Add what another counted, of other images under the same calibration.

        Raises:
            ValueError: the calibration, or what is counted, differs.
        """
        if not self.calibration.same_as(other.calibration):
            raise ValueError("`other` must have the same calibration: calibrate once and hand it on")
        self.counts.merge(other.counts)
        self.histogram.merge(other.histogram)
        if self.places is not None:
            self.places.merge(other.places)
        self.lowest = torch.minimum(self.lowest, other.lowest.to(self.lowest))
        self.highest = torch.maximum(self.highest, other.highest.to(self.lowest))

    def state(self) -> State:
        """Everything, as tensors."""
        calibration = self.calibration
        parts = {"provisional": calibration.provisional, "lowest": self.lowest, "highest": self.highest}
        parts |= {"concept": calibration.concept, "spacing": torch.tensor(calibration.spacing)}
        state = {name: part.clone() for name, part in parts.items() if part is not None}
        parts = {"histogram": self.histogram.state(), "counts": self.counts.state()}
        return state | joined(parts | ({} if self.places is None else {"places": self.places.state()}))

    @classmethod
    def from_state(
        cls, state: State, grid: tuple[int, int], category_of: Integer[Tensor, " concept"], options: Options
    ) -> "LayerCounts":
        """The counts whose `state` this was."""
        histogram = JointHistogram.from_state(part_of(state, "histogram"))
        known = state["provisional"], state.get("concept"), int(state["spacing"])
        self = cls(Calibration(histogram.edges, *known), grid, category_of, options)
        self.histogram, self.counts = histogram, Counts.from_state(part_of(state, "counts"))
        if self.places is not None:
            self.places = JointHistogram.from_state(part_of(state, "places"))
        self.lowest, self.highest = state["lowest"].clone(), state["highest"].clone()
        return self


class _Labelled(NamedTuple):
    """Pixels of a batch at which a unit is high, one entry each, with the concept in each slot."""

    image: Tensor
    unit: Tensor
    place: Tensor
    value: Tensor
    labels: list[Tensor]

    def only(self, kept: Tensor) -> "_Labelled":
        *plain, labels = self
        return _Labelled(*(part.index_select(0, kept) for part in plain), [x.index_select(0, kept) for x in labels])
