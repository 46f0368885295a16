"""The separate sample on which the rule "iqr" chooses thresholds: every pixel is counted, then the search is made."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.dissect.batches import Batch, batches_from_state, batches_state
from ganwidgets.dissect.calibrate import CALIBRATION, tail_levels
from ganwidgets.dissect.exact import exact_sample
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import joined, part_of
from ganwidgets.dissect.search import Search, best_levels, histogram_levels
from ganwidgets.nn.histograms import Edges, JointHistogram
from ganwidgets.nn.images import upsample
from ganwidgets.nn.stats import State

BINS = 1024
_AT_ONCE = 2**17  # pixels of so many units and images are binned together that they stay in the processor's cache


@dataclass(eq=False)
class SearchSample:
    """Counts of the search sample, of all layers.

    Attributes:
        options: of the dissection.
        grid: (height, width) of the comparison.
        category_of: number of each concept's category.
        done: images counted, or waiting for the first 64 to be there.
        area: pixels of each concept.
        waiting: batches seen before the bins could be set; under `exact`, all of them.
        histograms: by layer; labels are the concepts, then one for the images that hold each category.
    """

    options: Options
    grid: tuple[int, int]
    category_of: Integer[Tensor, " concept"]
    done: int = 0
    area: Integer[Tensor, " concept"] | None = None
    waiting: list[Batch] = field(default_factory=list)
    histograms: dict[str, JointHistogram] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        """Pixels seen of one unit."""
        return self.done * self.grid[0] * self.grid[1]

    def add(self, batch: Batch) -> None:
        """Count a batch, or keep it while the bins are not set."""
        self.waiting.append(batch)
        self.done += len(batch)
        self.area = batch.concepts.sum(0) + (0 if self.area is None else self.area)
        if self.options.exact or self.done < min(CALIBRATION, self.options.n):
            return
        for layer in self.options.layers:
            if layer not in self.histograms:
                acts = torch.cat([batch.acts[layer] for batch in self.waiting])[:CALIBRATION]
                self.histograms[layer] = self._histogram(acts)
            for waiting in self.waiting:
                self._count(self.histograms[layer], waiting, waiting.acts[layer])
        self.waiting = []

    def result(self) -> dict[str, Search]:
        """The best levels of every layer's units."""
        found = {}
        for layer in self.options.layers:
            if self.options.exact:
                levels = exact_sample(self.waiting, layer, self.grid, self.options).levels(self.category_of)
            else:
                n = len(self.category_of)
                levels = histogram_levels(self.histograms[layer], n, self.category_of, self.pixels)
            found[layer] = best_levels(levels, self.area, self.pixels)
        return found

    def forget(self) -> "SearchSample":
        """Only how many images there were: all that is needed after the search."""
        return SearchSample(self.options, self.grid, self.category_of, self.done)

    def state(self) -> State:
        """Everything, as tensors."""
        parts = {f"histograms.{number}": h.state() for number, h in enumerate(self.histograms.values())}
        area = {} if self.area is None else {"area": self.area}
        return joined(parts | {"waiting": batches_state(self.waiting)}) | area | {"done": torch.tensor(self.done)}

    def continued(self, state: State) -> "SearchSample":
        """The sample whose `state` this was, of the same settings."""
        found = self.forget()
        found.done, found.area = int(state["done"]), state.get("area")
        found.waiting = batches_from_state(part_of(state, "waiting"), self.options.layers)
        for number, layer in enumerate(self.options.layers):
            if histogram := part_of(state, f"histograms.{number}"):
                found.histograms[layer] = JointHistogram.from_state(histogram)
        return found

    def _histogram(self, acts: Float[Tensor, "batch unit height width"]) -> JointHistogram:
        low, middle, high = tail_levels(acts, (0.9, 0.5, 0.01), self.grid, self.options.padding)
        span = torch.maximum(high - low, torch.maximum(middle.abs() * 1e-6, torch.full_like(low, 1e-12))) / 2
        n_labels = len(self.category_of) + int(self.category_of.max()) + 1
        bins = JointHistogram.bins_that_fit(len(low), n_labels, BINS)
        return JointHistogram(Edges(middle, span, bins, two_sided=True), n_labels)

    def _count(self, histogram: JointHistogram, batch: Batch, acts: Float[Tensor, "batch unit height width"]) -> None:
        """Every pixel of a batch: one table of (bin, image) and one of (bin, concept) for each slot, unit by unit."""
        n, n_bins, places = len(self.category_of), histogram.edges.n_bins, self.grid[0] * self.grid[1]
        present = [
            (batch.concepts[:, self.category_of == c] > 0).any(1) for c in range(int(self.category_of.max()) + 1)
        ]
        present = torch.stack(present, 1).double()  # (image category)
        image = torch.arange(len(batch), device=acts.device).repeat_interleave(places)
        labels = [slot.reshape(-1).long() for slot in batch.seg.unbind(1)]
        at_once = max(1, _AT_ONCE // (len(batch) * places))
        for first in range(0, acts.shape[1], at_once):
            units = slice(first, first + at_once)
            bins = self._bins(histogram.edges, acts[:, units], units)  # (unit pixel)
            per_image = _table(bins * len(batch), image, n_bins * len(batch)).view(-1, n_bins, len(batch))
            histogram.alone[units] += per_image.sum(2)
            histogram.joint[units, :, n + 1 :] += (per_image.double() @ present).long()
            for label in labels:
                histogram.joint[units, :, : n + 1] += _table(bins * (n + 1), label, n_bins * (n + 1)).view(
                    -1, n_bins, n + 1
                )

    def _bins(self, edges: Edges, acts: Tensor, units: slice) -> Integer[Tensor, "unit pixel"]:
        maps = upsample(acts.transpose(0, 1), self.grid, self.options.padding).flatten(1)
        return edges.bin_of((maps - edges.origin[units, None]).div_(edges.span[units, None])).long()


def _table(start: Integer[Tensor, "unit pixel"], number: Integer[Tensor, " pixel"], size: int) -> Tensor:
    """How often each start + number occurs in each row."""
    rows = torch.arange(len(start), device=start.device)[:, None] * size
    return torch.bincount((start + number + rows).flatten(), minlength=len(start) * size)
