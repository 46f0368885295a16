"""One pass over images, giving first labels after 64 of them and better ones with every batch.

They are a generator's own, named by a segmenter, or labelled images that are fed to a network.

`DissectionRun.steps` yields the number of images done after each batch, so a caller may stop at any time and go on
later; `result` gives the dissection of what has been seen. Per batch there is one forward pass, for all layers, and
one segmentation. The rule "iqr" first passes over a sample of its own, to choose thresholds. The rule
"netdissect" passes over the images again, with thresholds that are known then, where memory allows too few bins to read
counts from. `state` writes down a run
that was stopped, `from_state` takes it up again in another process: the result is the same.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch

from ganwidgets.dissect.batches import Batch, Batches, Pictures, batches_from_state, batches_state
from ganwidgets.dissect.bootstrap import image_weights
from ganwidgets.dissect.calibrate import CALIBRATION, FINE, at_levels, calibrate, first_look
from ganwidgets.dissect.chance import different
from ganwidgets.dissect.collect import LayerCounts
from ganwidgets.dissect.conclude import areas_of, conclude, thresholds_of
from ganwidgets.dissect.exact import exact_sample
from ganwidgets.dissect.gallery import CANDIDATES, Gallery, Thumbnails
from ganwidgets.dissect.labelled_batches import LabelledBatches
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import FORMAT, VERSION, RunState, check_same, joined, part_of, subject, whole
from ganwidgets.dissect.search import Search
from ganwidgets.dissect.search_sample import SearchSample
from ganwidgets.dissect.sources import check_source
from ganwidgets.models.devices import counting_device
from ganwidgets.models.protocol import Network
from ganwidgets.nn.histograms import JointHistogram
from ganwidgets.results.dissection import Dissection, thumbnail_arrays
from ganwidgets.segment.labelled import LabelledImages, is_labelled
from ganwidgets.segment.protocol import Segmenter


class DissectionRun:
    """A dissection under way.

    Args:
        network: whose units are dissected: a generator, or with labelled images a network that is fed images.
        segmenter: names the pixels of the generator's images; or labelled images.
        options: what, how much and by which rule.

    Attributes:
        done: images counted so far.
        whole: False after a failure in the middle of counting a batch; such a run can only be started again.
        grid: (height, width) at which units and concepts are compared.
        searches: by layer, the thresholds that the rule "iqr" chose.
        coarse: layers and the number of their bins, where memory allows fewer than 256 for all units and concepts.
        recounted: images counted again, of these layers and under the rule "netdissect".

    Raises:
        ValueError: no such layer, or one without maps; a truncation that cannot be.
        TypeError: neither a segmenter nor labelled images.
    """

    def __init__(self, network: Network, segmenter: Segmenter | LabelledImages, options: Options) -> None:
        self.network, self.segmenter, self.options = network, segmenter, options
        make = LabelledBatches if is_labelled(segmenter) else Batches
        self._batches = make(network, segmenter, options)
        self.grid, self.category_of = self._batches.grid, self._batches.category_of
        self.done, self.whole = 0, True
        self.searches: dict[str, Search] = {}
        units = {name: network.layer_info(name).units for name in options.layers}
        bins = {name: JointHistogram.bins_that_fit(many, self._n_labels) for name, many in units.items()}
        self.coarse = {} if options.exact else {name: many for name, many in bins.items() if many < FINE}
        self.recounted = 0
        self._search = SearchSample(options, self.grid, self.category_of)
        self._counts: dict[str, LayerCounts] = {}
        self._galleries: dict[str, Gallery] = {}
        self._again: dict[str, LayerCounts] = {}  # at known thresholds
        self._thumbnails = Thumbnails()
        self._waiting: list[Batch] = []  # before calibration; under `exact`, all
        self._told: tuple[str, ...] = ()  # notes of the run that this one continues

    @property
    def searched(self) -> int:
        """Images of the separate sample seen so far, of the rule "iqr"."""
        return self._search.done

    @property
    def total(self) -> int:
        """Images to be seen in all, those of a separate sample or a second pass included."""
        return self.options.n * (2 if self.options.rule == "iqr" or self._twice else 1)

    @property
    def seen(self) -> int:
        """Images seen so far, of `total`."""
        return self.searched + self.done + self.recounted

    @property
    def _twice(self) -> bool:
        """Whether images are counted again at known thresholds."""
        return self.options.rule == "netdissect" and bool(self.coarse)

    @property
    def _n_labels(self) -> int:
        """Concepts, and the categories where images are told by them."""
        return len(self.category_of) + (int(self.category_of.max()) + 1 if self.options.per_category else 0)

    @property
    def ready(self) -> bool:
        """Whether `result` has something to say."""
        return bool(self._counts)

    @property
    def _keeps(self) -> bool:
        """Whether all activations are kept, to be sorted at the end."""
        return self.options.exact and self.options.rule != "iqr"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what had to be done differently."""
        about = *self._about_chance(), *self._about_bins(), *self._about_tails()
        return tuple(dict.fromkeys([*self._told, *self._batches.notes, *about]))

    def _about_chance(self) -> Iterator[str]:
        options = self.options
        if options.chance and (options.batch == 1 or options.n == 1):
            yield "chance levels were not measured: an image needs others in its batch whose segmentations it can meet"
        elif options.chance and (k := different(options.derangements, options.batch, options.n)) < options.derangements:
            yield (
                f"chance levels rest on {k} different exchange{'' if k == 1 else 's'} of segmentations, not "
                f"{options.derangements}: batches of {min(options.batch, options.n)} allow no more"
            )

    def _about_bins(self) -> Iterator[str]:
        if self._twice and self.recounted == self.options.n:
            return
        for name, bins in self.coarse.items():
            many = f"{name!r}: memory allows {bins} bins for its units and {len(self.category_of):,} concepts"
            if self._twice:
                yield f"{many}; IoU and area are estimates until the second pass over the images has ended"
            else:
                what = "thresholds are sought among them" if self.options.rule == "iqr" else "IoU is read between them"
                yield f"{many}, fewer than {FINE}, and {what}: take fewer concepts, or exact=True"

    def _about_tails(self) -> Iterator[str]:
        for name, counts in self._counts.items():
            if not self._keeps and (k := counts.unreached()):
                yield (
                    f"{k} unit{'' if k == 1 else 's'} of {name!r} {'was' if k == 1 else 'were'} so much more active in "
                    f"the first {CALIBRATION} images than later that {'it is' if k == 1 else 'they are'} compared on "
                    f"less than {self.options.top_fraction:g} of the "
                    "pixels: shuffle the latents, or use exact=True"
                )

    def steps(self) -> Iterator[int]:
        """Work on from where it stands; yields images seen (of `total`) after every batch.

        Raises:
            ValueError: an image is not finite, or the segmenter's answer is not usable.
            TypeError: the segmenter's answer is not a tensor of whole numbers.
        """
        self._check_whole()
        if self.options.rule == "iqr":
            yield from self._search_steps()
        while self.done < self.options.n:
            batch, pictures = self._batches.at(self.done)
            self.whole = False
            self._count(batch)
            self._keep(batch, pictures)
            self.done += len(batch)
            self.whole = True
            yield self.seen
        if self._twice:
            yield from self._second_pass()

    def result(self) -> Dissection:
        """The dissection of the images seen so far.

        Raises:
            ValueError: fewer than 64 images, and not all, have been seen.
        """
        self._check_whole()
        if not self.ready:
            raise ValueError(
                f"`result` needs the first {min(CALIBRATION, self.options.n)} images; {self.done} were seen"
            )
        layers, options = {}, self.options
        sorted_out = self._keeps and self.done == options.n
        for name, counts in self._counts.items():
            exactly = areas_of(self._again[name]) if self.recounted == options.n and name in self._again else None
            if sorted_out:
                exactly = exact_sample(self._waiting, name, self.grid, options).areas(options, self.category_of)
            shape = self.network.layer_info(name).shape
            layers[name] = conclude(name, shape, counts, self._galleries[name], exactly)
        label = getattr(self.network, "label", None) if hasattr(self.network, "with_label") else None
        return Dissection(
            network=self.network.name,
            fingerprint=self.network.fingerprint,
            segmenter=self.segmenter.name,
            concepts=tuple(self.segmenter.concepts),
            categories=tuple(self.segmenter.categories),
            slots=tuple(self.segmenter.slots),
            n=self.done,
            options=options.as_dict(),
            layers=layers,
            thumbnails=thumbnail_arrays(self._thumbnails.images, self._thumbnails.segs),
            notes=self.notes,
            label=label,
            class_name="" if label is None else self.network.classes[label],
        )

    # Stop here, go on elsewhere

    def state(self) -> RunState:
        """All that was seen, as tensors for a file and plain values for JSON; `state().save(path)` writes both."""
        self._check_whole()
        parts = {"search": self._search.state(), "thumbnails": self._thumbnails.state()}
        parts["waiting"] = batches_state(self._waiting)
        for number, layer in enumerate(self.options.layers):
            kept = {"counts": self._counts, "galleries": self._galleries, "again": self._again}
            for name, found in kept.items():
                parts |= {f"{name}.{number}": found[layer].state()} if layer in found else {}
            parts |= {f"searches.{number}": self.searches[layer]._asdict()} if layer in self.searches else {}
        tensors = {name: part.clone(memory_format=torch.contiguous_format) for name, part in joined(parts).items()}
        about = {"format": FORMAT, "version": VERSION, "done": self.done, "recounted": self.recounted}
        about["notes"] = [note for note in self.notes if note not in set(self._about_bins())]
        return RunState(tensors, about | subject(self.network, self.segmenter, self.options))

    @classmethod
    def from_state(
        cls,
        state: RunState,
        network: Network,
        segmenter: Segmenter | LabelledImages,
        options: Options | None = None,
    ) -> "DissectionRun":
        """A run that goes on where another was when its `state` was taken, and ends with the same result.

        Args:
            state: of a run, perhaps of another process: `RunState.load(path)` reads one that was saved.
            network: the same network.
            segmenter: the same segmenter or labelled images.
            options: those of the state if left out.

        Raises:
            ValueError: of another network or segmenter, with other options, or no state of a run.
            TypeError: neither a segmenter nor labelled images.
        """
        check_source(segmenter)
        with whole():
            self = cls(network, segmenter, check_same(state, network, segmenter, options))
            tensors = {name: part.to(counting_device(network.device)) for name, part in state.tensors.items()}
            self.done, self._told = state.about["done"], tuple(state.about["notes"])
            self.recounted = state.about.get("recounted", 0)
            self._search = self._search.continued(part_of(tensors, "search"))
            self._thumbnails = Thumbnails.from_state(part_of(tensors, "thumbnails"))
            self._waiting = batches_from_state(part_of(tensors, "waiting"), self.options.layers)
            for number, layer in enumerate(self.options.layers):
                if search := part_of(tensors, f"searches.{number}"):
                    self.searches[layer] = Search(**search)
                if counts := part_of(tensors, f"counts.{number}"):
                    self._counts[layer] = LayerCounts.from_state(counts, self.grid, self.category_of, self.options)
                    shape = network.layer_info(layer).shape
                    self._galleries[layer] = Gallery.from_state(part_of(tensors, f"galleries.{number}"), shape)
                if again := part_of(tensors, f"again.{number}"):
                    about = self.grid, self.category_of, self._second_options
                    self._again[layer] = LayerCounts.from_state(again, *about)
        return self

    # How a batch is counted

    def _check_whole(self) -> None:
        if not self.whole:
            raise ValueError("this run failed in the middle of counting a batch, its counts are wrong: start it again")

    def _count(self, batch: Batch) -> None:
        if self._counts:
            self._add(batch)
            if self._keeps:
                self._waiting.append(batch)
            return
        waiting = [*self._waiting, batch]
        if self.done + len(batch) >= min(CALIBRATION, self.options.n):
            self._calibrate(waiting)
            for each in waiting:
                self._add(each)
        self._waiting = waiting if self._keeps or not self._counts else []

    def _add(self, batch: Batch) -> None:
        weights = image_weights(batch.first, len(batch), self.options.resamples, self.options.seed)
        weights = torch.from_numpy(weights).to(batch.concepts.device).double()
        for name, counts in self._counts.items():
            counts.add(batch.acts[name], batch, weights)
            self._galleries[name].add(batch.acts[name], batch.concepts, batch.first)

    def _keep(self, batch: Batch, pictures: Pictures) -> None:
        """Thumbnails of images that some list refers to; before calibration nothing is known to be unwanted."""
        if self._galleries:
            wanted = set().union(*(gallery.wanted() for gallery in self._galleries.values()))
        else:
            wanted = set(range(batch.first + len(batch)))
        self._thumbnails.keep(wanted, batch.first, *pictures)

    def _calibrate(self, waiting: list[Batch]) -> None:
        """Bins, provisional thresholds and likely concepts, from the first images."""
        seg = torch.cat([batch.seg for batch in waiting])[:CALIBRATION]
        concepts = torch.cat([batch.concepts for batch in waiting])[:CALIBRATION].sum(0)
        n, counts, galleries = len(self.category_of), {}, {}
        for name in self.options.layers:
            acts = torch.cat([batch.acts[name] for batch in waiting])[:CALIBRATION]
            if self.options.rule == "iqr":
                calibration = at_levels(self.searches[name].threshold, self.searches[name].concept)
            else:
                calibration = calibrate(acts, self.grid, self.options, self._n_labels)
            calibration, iou = first_look(acts, calibration, seg, concepts, self.grid, self.options.padding)
            likely = iou.topk(min(CANDIDATES, n), 1).indices
            counts[name] = LayerCounts(calibration, self.grid, self.category_of, self.options)
            shape = self.network.layer_info(name).shape
            galleries[name] = Gallery(shape, likely, self.options.top_k, acts.device)
        self._counts, self._galleries = counts, galleries

    @property
    def _second_options(self) -> Options:
        return replace(self.options, chance=False)

    def _second_pass(self) -> Iterator[int]:
        """The same images again: what lies above the thresholds, which are known now."""
        if not self._again:
            about = self.grid, self.category_of, self._second_options
            levels = {name: at_levels(thresholds_of(self._counts[name])) for name in self.coarse}
            self._again = {name: LayerCounts(level, *about) for name, level in levels.items()}
        while self.recounted < self.options.n:
            batch, _ = self._batches.at(self.recounted)
            self.whole = False
            for name, counts in self._again.items():
                counts.add(batch.acts[name], batch, batch.concepts.new_ones(1, len(batch), dtype=torch.float64))
            self.recounted += len(batch)
            self.whole = True
            yield self.seen

    def _search_steps(self) -> Iterator[int]:
        """The separate sample of the rule "iqr", of the next seed."""
        while self.searched < self.options.n:
            batch, _ = self._batches.at(self.searched, search=True)
            self.whole = False
            self._search.add(batch)
            self.whole = True
            yield self.searched
        if not self.searches:
            self.searches = self._search.result()
            self._search = self._search.forget()
