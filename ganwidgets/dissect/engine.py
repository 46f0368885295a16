"""One pass over a generator's images, giving first labels after 64 of them and better ones with every batch.

`DissectionRun.steps` yields the number of images done after each batch, so a caller may stop at any time and go on
later; `result` gives the dissection of what has been seen. Per batch there is one forward pass, for all layers, and
one segmentation. The rule "iqr" first passes over a sample of its own, to choose thresholds.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ganwidgets.dissect.collect import LayerCounts, at_levels, calibrate, tail_levels
from ganwidgets.dissect.conclude import conclude
from ganwidgets.dissect.exact import ExactSample
from ganwidgets.dissect.gallery import CANDIDATES, Gallery, Thumbnails, thumbnail_stride
from ganwidgets.dissect.iou import intersection_over_union
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.search import Search, best_levels, histogram_levels
from ganwidgets.models.generator import Generator
from ganwidgets.nn.images import pixels_above, to_uint8, upsample
from ganwidgets.nn.stats import Edges, JointHistogram
from ganwidgets.results.dissection import Dissection, thumbnail_arrays
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation

CALIBRATION = 64
"""Images that set the bins."""


def check_layers(network: Generator, layers: tuple[str, ...]) -> None:
    """Refuse layers that have no maps; unknown names raise in the network, with what was probably meant."""
    for name in layers:
        info = network.layer_info(name)
        if not info.is_map:
            usable = [n for n, other in network.layers.items() if other.is_map]
            raise ValueError(
                f"`layer` must give maps (batch unit height width), but {name!r} gives {('batch', *info.shape)}; "
                f"layers with maps are {usable}"
            )


class DissectionRun:
    """A dissection under way.

    Args:
        network: whose units are dissected.
        segmenter: names the pixels of its images.
        options: what, how much and by which rule.

    Attributes:
        done: images counted so far.
        searched: images of the separate sample seen so far, of the rule "iqr".
        notes: sentences about what had to be done differently.
    """

    def __init__(self, network: Generator, segmenter: Segmenter, options: Options) -> None:
        check_segmenter_attributes(segmenter)
        check_layers(network, options.layers)
        self.network, self.segmenter, self.options = network, segmenter, options
        self.done = self.searched = 0
        self.notes: list[str] = []
        names = list(dict.fromkeys(segmenter.categories))
        self.category_of = torch.tensor([names.index(c) for c in segmenter.categories], device=network.device)
        self._z = network.sample_z(options.n, options.seed, options.truncation)
        height, width = network.image_shape[1:]
        self._stride = max(1, -(-max(height, width) // options.grid))
        self._grid = tuple(len(range(self._stride // 2, side, self._stride)) for side in (height, width))
        self._weights = torch.from_numpy(_image_weights(options)).to(network.device)
        self._counts: dict[str, LayerCounts] = {}
        self._galleries: dict[str, Gallery] = {}
        self._thumbnails = Thumbnails()
        self._first: list[tuple] = []
        self._kept: list[tuple] = []
        self._search: dict[str, JointHistogram] = {}
        self._search_area = torch.zeros(len(segmenter.concepts), dtype=torch.int64, device=network.device)
        self._train: list[tuple] = []
        self.searches: dict[str, Search] = {}

    @property
    def total(self) -> int:
        """Images to be seen in all, those of the separate sample included."""
        return self.options.n * (2 if self.options.rule == "iqr" else 1)

    def steps(self) -> Iterator[int]:
        """Work on from where it stands; yields images seen (of `total`) after every batch.

        Raises:
            ValueError: an image is not finite, or the segmenter's answer is not usable.
            TypeError: the segmenter's answer is not a tensor of whole numbers.
        """
        if self.options.rule == "iqr":
            yield from self._search_steps()
        while self.done < self.options.n:
            first = self.done
            z = self._z[first : first + self.options.batch]
            images, acts, seg, concepts, shown = self._pass(z)
            if not self._counts:
                self._first.append((first, acts, seg, concepts))
            self.done = first + len(z)
            if not self._counts and (self.done >= min(CALIBRATION, self.options.n)):
                self._calibrate()
                for batch in self._first:
                    self._add(*batch)
                self._first = []
            elif self._counts:
                self._add(first, acts, seg, concepts)
            if self.options.exact:
                self._kept.append((acts, seg))
            self._collect(first, images, shown, acts, concepts)
            yield self.searched + self.done

    @property
    def ready(self) -> bool:
        """Whether `result` has something to say."""
        return bool(self._counts)

    def result(self) -> Dissection:
        """The dissection of the images seen so far.

        Raises:
            ValueError: fewer than 64 images, and not all, have been seen.
        """
        if not self.ready:
            raise ValueError(
                f"`result` needs the first {min(CALIBRATION, self.options.n)} images; {self.done} were seen"
            )
        exactly = {}
        if self.options.exact and self.done == self.options.n and self.options.rule == "top_fraction":
            exactly = {name: self._sample(self._kept, name).areas(self.options) for name in self.options.layers}
        layers = {}
        for name, counts in self._counts.items():
            shape = self.network.layer_info(name).shape
            layers[name] = conclude(name, shape, counts, self._galleries[name], exactly.get(name))
        return Dissection(
            network=self.network.name,
            fingerprint=self.network.fingerprint,
            segmenter=self.segmenter.name,
            concepts=tuple(self.segmenter.concepts),
            categories=tuple(self.segmenter.categories),
            slots=tuple(self.segmenter.slots),
            n=self.done,
            options=self.options.as_dict(),
            layers=layers,
            thumbnails=thumbnail_arrays(self._thumbnails.images, self._thumbnails.segs),
            notes=tuple(self.notes),
        )

    def _sample(self, batches: list[tuple], layer: str) -> ExactSample:
        acts = torch.cat([acts[layer] for acts, _ in batches])
        maps = upsample(acts, self._grid, self.options.padding).transpose(0, 1).flatten(2)
        return ExactSample(maps, torch.cat([seg for _, seg in batches]), len(self.segmenter.concepts))

    def _pass(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor], Tensor, Tensor, Tensor]:
        """Images, activations, segmentation on the grid (batch slot place), pixels of each concept, and in full."""
        images, acts = self._forward(z)
        seg = validate_segmentation(self.segmenter(images), images, self.segmenter)
        on_grid = seg[..., self._stride // 2 :: self._stride, self._stride // 2 :: self._stride].flatten(2)
        on_grid = _without_repeats(on_grid).contiguous()
        n = len(self.segmenter.concepts)
        code = on_grid.long() + (torch.arange(len(z), device=seg.device) * (n + 1))[:, None, None]
        concepts = torch.bincount(code.flatten(), minlength=len(z) * (n + 1)).view(len(z), n + 1)[:, 1:]
        return images, acts, on_grid, concepts, seg

    def _forward(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """One forward pass; in halves, and those in halves, when memory runs out."""
        try:
            return self.network.read(z, list(self.options.layers))
        except (torch.OutOfMemoryError, MemoryError):
            if len(z) == 1:
                raise
        half = (len(z) + 1) // 2
        note = f"memory ran out at {len(z)} images in one forward pass; they were done {half} at a time"
        if note not in self.notes:
            self.notes.append(note)
        parts = [self._forward(z[:half]), self._forward(z[half:])]
        acts = {name: torch.cat([part[1][name] for part in parts]) for name in self.options.layers}
        return torch.cat([part[0] for part in parts]), acts

    def _calibrate(self) -> None:
        concepts = torch.cat([batch[3] for batch in self._first])
        labels = torch.cat([batch[2] for batch in self._first])
        n = len(self.segmenter.concepts)
        for name in self.options.layers:
            acts = torch.cat([batch[1][name] for batch in self._first])
            if self.options.rule == "iqr":
                search = self.searches[name]
                calibration = at_levels(search.threshold.float(), search.concept)
            else:
                calibration = calibrate(acts, self._grid, self.options, n)
            self._counts[name] = LayerCounts(calibration, n, self.category_of, self.options)
            likely = self._likely(acts, calibration.provisional, labels, concepts)
            shape = self.network.layer_info(name).shape
            self._galleries[name] = Gallery(shape, likely, self.options.top_k, acts.device)
            for first, batch_acts, _, batch_concepts in self._first[:-1]:  # the newest follows in `steps`
                self._galleries[name].add(batch_acts[name], batch_concepts, first)

    def _likely(self, acts: Tensor, level: Tensor, labels: Tensor, concepts: Tensor) -> Tensor:
        """The concepts each unit agrees with best on the first images."""
        units, n = acts.shape[1], len(self.segmenter.concepts)
        found = pixels_above(acts, level, self._grid, self.options.padding)
        area = torch.bincount(found.unit, minlength=units).double()
        codes = [found.unit * (n + 1) + slot[found.image, found.place].long() for slot in labels.unbind(1)]
        joint = sum(torch.bincount(code, minlength=units * (n + 1)) for code in codes).view(units, n + 1)[:, 1:]
        iou = intersection_over_union(joint.double(), area[:, None], concepts.sum(0).double())
        return iou.topk(min(CANDIDATES, n), 1).indices

    def _add(self, first: int, acts: dict[str, Tensor], seg: Tensor, concepts: Tensor) -> None:
        weights = self._weights[:, first : first + len(seg)].double()
        for name, counts in self._counts.items():
            counts.add(acts[name], seg, concepts, self._grid, weights)

    def _collect(self, first: int, images: Tensor, seg: Tensor, acts: dict[str, Tensor], concepts: Tensor) -> None:
        stride = thumbnail_stride(*images.shape[2:])
        small = to_uint8(images[..., ::stride, ::stride])
        segs = seg[..., ::stride, ::stride].to(torch.int16 if len(self.segmenter.concepts) > 255 else torch.uint8)
        if not self._galleries:  # before calibration nothing is known to be unwanted
            wanted = set(self._thumbnails.images) | set(range(first, first + len(images)))
        else:
            for name, gallery in self._galleries.items():
                gallery.add(acts[name], concepts, first)
            wanted = set().union(*(gallery.wanted() for gallery in self._galleries.values()))
        self._thumbnails.keep(wanted, first, small, segs.cpu().numpy())

    def _search_steps(self) -> Iterator[int]:
        """The separate sample of the rule "iqr": all pixels into a histogram, then the search."""
        options, n = self.options, len(self.segmenter.concepts)
        z = self.network.sample_z(options.n, options.seed + 1, options.truncation)
        waiting: list[tuple] = []
        while self.searched < options.n:
            batch = z[self.searched : self.searched + options.batch]
            _, acts, seg, concepts, _ = self._pass(batch)
            self.searched += len(batch)
            self._search_area += concepts.sum(0)
            if options.exact:
                self._train.append((acts, seg))
            else:
                waiting.append((acts, seg, concepts))
                if self._search or self.searched >= min(CALIBRATION, options.n):
                    for item in waiting:
                        self._add_search([b[0] for b in waiting], *item)
                    waiting = []
            yield self.searched
        if self.searches:
            return
        if options.exact:
            for name in options.layers:
                sample = self._sample(self._train, name)
                self.searches[name] = best_levels(sample.levels(self.category_of), self._search_area, sample.pixels)
        else:
            pixels = options.n * self._grid[0] * self._grid[1]
            self.searches = {
                name: best_levels(histogram_levels(h, n, self.category_of, pixels), self._search_area, pixels)
                for name, h in self._search.items()
            }
        self._search, self._train = {}, []

    def _add_search(self, first: list[dict], acts: dict[str, Tensor], seg: Tensor, concepts: Tensor) -> None:
        n, n_categories = len(self.segmenter.concepts), int(self.category_of.max()) + 1
        for name in self.options.layers:
            if name not in self._search:
                everything = torch.cat([batch[name] for batch in first])
                low, middle, high = tail_levels(everything, (0.9, 0.5, 0.01), self._grid, self.options.padding)
                span = torch.maximum(high - low, torch.maximum(middle.abs() * 1e-6, torch.full_like(low, 1e-12))) / 2
                bins = JointHistogram.bins_that_fit(len(low), n + n_categories, 1024)
                self._search[name] = JointHistogram(Edges(middle, span, bins, two_sided=True), n + n_categories)
            histogram = self._search[name]
            edges = histogram.edges
            found = pixels_above(
                acts[name], torch.full_like(edges.origin, -torch.inf), self._grid, self.options.padding
            )
            labels = [slot[found.image, found.place].long() for slot in seg.unbind(1)]
            for category in range(n_categories):
                present = (concepts[:, self.category_of == category] > 0).any(1).long() * (n + 1 + category)
                labels.append(present[found.image])
            bins = edges.bin_of((found.value - edges.origin[found.unit]) / edges.span[found.unit])
            histogram.add(found.unit, bins, labels)


def _without_repeats(seg: Tensor) -> Tensor:
    """A pixel that carries the same concept in two slots counts once."""
    slots = list(seg.unbind(1))
    for later in range(1, len(slots)):
        for earlier in range(later):
            slots[later] = torch.where(slots[later] == slots[earlier], torch.zeros_like(slots[later]), slots[later])
    return torch.stack(slots, 1)


def _image_weights(options: Options) -> np.ndarray:
    """Poisson(1) bootstrap weights (draw image), the first draw all ones; image i's do not depend on n."""
    draws = np.random.RandomState(options.seed).poisson(1.0, (options.n, options.resamples)).astype(np.int16).T
    return np.concatenate([np.ones((1, options.n), np.int16), draws])
