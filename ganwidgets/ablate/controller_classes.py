"""The sessions behind a view of a classifier's units: each alone, and a chosen few together.

`ClassesController.run()` looks at the activations, then switches off one unit after the other, on more and more images:
what it publishes on the way, and leaves when cancelled, is of all units and the images so far. `JointDropController`
answers a choice of units with what the classes lose without all of them.
"""

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int, Num
from torch import Tensor
from traitlets import Bunch, Enum, Instance, Tuple, Unicode, observe

from ganwidgets.ablate.class_attributes import unit_attributes
from ganwidgets.ablate.class_correlations import FEWEST, TARGETS, attribute_correlations
from ganwidgets.ablate.class_passes import BATCH, checked_data
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.classes import class_ablation_steps, unit_edits
from ganwidgets.ablate.joint_drop import JointDrop, joint_drop_steps, single_drop
from ganwidgets.ablate.unit_pictures import UnitPictures, as_pictures, mean_activations
from ganwidgets.models.classifiers import Classifier
from ganwidgets.session import LayerSession
from ganwidgets.worker import Cancelled, Job, giving_way

PUBLISH_INTERVAL = 1.0  # [s] between two looks at a running measurement
READING, KNOWING = 0.05, 0.1  # shares of a run: activations read, attributes known

Progress = Callable[[float], None]


class LabelledImages:
    """What a classifier is judged on.

    Args:
        classifier: judges them.
        images: (image channel height width) in [-1, 1], or uint8.
        labels: number of the true class of each image; None takes the network's own predictions, when first needed.

    Raises:
        ValueError, TypeError: images that the classifier does not take, or labels that do not fit.
    """

    def __init__(self, classifier: Classifier, images: Any, labels: Any = None) -> None:
        if not hasattr(images, "shape"):
            kind = type(images).__name__
            raise TypeError(f"`images` must be a tensor or an array (image channel height width), got {kind}")
        self.classifier, self.images = classifier, torch.as_tensor(images)
        classifier.predict(self.images[:2])
        self.predicted = labels is None
        if labels is not None:
            self.labels = checked_data(classifier, self.images, labels)

    @cached_property
    def labels(self) -> Int[np.ndarray, " image"]:
        """True class of each image."""
        return checked_data(self.classifier, self.images, None)

    def __len__(self) -> int:
        return len(self.images)

    def pictures(self, rows: list[int]) -> Num[np.ndarray, "image height width shown"]:
        """Some of the images, as 8-bit pictures."""
        return as_pictures(self.images[rows])

    def part(self, rows: np.ndarray) -> tuple[Tensor, Int[np.ndarray, " image"]]:
        """Some of the images with their labels."""
        return self.images[torch.from_numpy(np.flatnonzero(rows))], self.labels[rows]


class ClassesController(LayerSession):
    """Switches off every unit of a layer alone, and remembers the result of each layer.

    Args:
        classifier: the network.
        data: images and labels.
        batch: images at once.
        traits: first values.
    """

    against = Enum(list(TARGETS), "max_class_drop_corrected", help="The drop that attributes are compared with.")

    ablation = Instance(ClassAblation, allow_none=True, read_only=True, help="Of the layer; partial while running.")
    attributes = Instance(pd.DataFrame, allow_none=True, read_only=True, help="As `unit_attributes` gives them.")
    correlations = Instance(pd.DataFrame, allow_none=True, read_only=True, help="As `attribute_correlations` does.")
    pictures = Instance(UnitPictures, allow_none=True, read_only=True, help="How active units are in which image.")
    measured = Tuple(read_only=True, help="Layers with a result.")
    run_layer = Unicode(read_only=True, help="Layer of the newest run.")
    stage = Unicode(read_only=True, help="What the running job does now.")

    def __init__(self, classifier: Classifier, data: LabelledImages, *, batch: int = BATCH, **traits: Any) -> None:
        self.data, self.batch = data, batch
        self._kept: dict[str, dict[str, Any]] = {}
        self._units: dict[str, tuple[int, ...]] = {}
        super().__init__(classifier, **traits)

    def run(self, *, wait: bool = False) -> Job:
        """Measure the layer, again if it was; `wait` does it in the calling thread."""
        layer = self.layer
        self._write(run_layer=layer)
        return self.submit(lambda progress: self._measure(layer, progress), self._publish, background=not wait)

    def close(self) -> None:
        super().close()
        self._kept.clear()

    # The run

    def _measure(self, layer: str, progress: Progress) -> Iterator[dict[str, Any] | None]:
        data, batch = self.data, self.batch
        yield {"stage": "reading activations"}
        labels, rows, seen = data.labels, [], 0
        for part in mean_activations(self.network, layer, data.images, batch):
            rows.append(part)
            seen += len(part)
            progress(READING * seen / len(data))
            yield None
        told = giving_way(lambda share: progress(READING + (KNOWING - READING) * share))
        attributes = unit_attributes(self.network, layer, data.images, labels, batch=batch, progress=told)
        pictures = UnitPictures(layer, np.concatenate(rows))
        yield {"layer": layer, "pictures": pictures, "attributes": attributes, "stage": "switching units off"}
        ablation = yield from self._ablate(layer, progress)
        if ablation.n < len(data):  # cancelled
            return {"layer": layer, "ablation": ablation, "stage": ""}
        found = attribute_correlations(ablation, attributes) if len(ablation.units) >= FEWEST else None
        return {"layer": layer, "ablation": ablation, "correlations": found, "stage": ""}

    def _ablate(self, layer: str, progress: Progress) -> Iterator[dict[str, Any] | None]:
        """Publishes what is known now and then, and returns the last that is known; cancelled, too, if there is any."""
        images, labels, batch = self.data.images, self.data.labels, self.batch
        units = tuple(range(self.network.layers[layer].units))
        edits = unit_edits(self.network, layer, images, units)
        total, last, next_look = -(-len(images) // batch) * (len(edits) + 1), None, time.monotonic()
        steps = class_ablation_steps(self.network, layer, images, labels, edits, units, batch=batch)
        try:
            for done, step in enumerate(steps, 1):
                last = step or last
                progress(KNOWING + (1 - KNOWING) * done / total)
                started = time.monotonic()
                if step is None or (started < next_look and done < total):
                    yield None
                    continue
                _ = step.max_class_interval, step.max_class_chance  # counted here, and not while the lock is held
                counted = time.monotonic()
                next_look = counted + max(PUBLISH_INTERVAL, 4 * (counted - started))
                yield {"layer": layer, "ablation": step, "correlations": None}
        except Cancelled:
            if last is None:
                raise
        return last

    def _publish(self, news: dict[str, Any]) -> None:
        self._write(stage=news.pop("stage", self.stage))
        layer = news.pop("layer", None)
        if layer is not None:
            self._kept.setdefault(layer, {}).update(news)
            self._look()

    @observe("layer")
    def _layer_changed(self, change: Bunch) -> None:
        if isinstance(change.old, str) and change.old:
            self._units[change.old] = self.units
            self.units = self._units.get(change.new, ())
        self._look()

    def _look(self) -> None:
        known = self._kept.get(self.layer, {})
        names = ("ablation", "attributes", "correlations", "pictures")
        measured = tuple(layer for layer in self.network.layers if "ablation" in self._kept.get(layer, {}))
        self._write(measured=measured, **{name: known.get(name) for name in names})


class JointDropController(LayerSession):
    """What the classes lose without all chosen units: at once where it is known, else image by image.

    Args:
        classifier: the network.
        data: images and labels.
        batch: images at once.
        traits: first values.
    """

    ablation = Instance(ClassAblation, allow_none=True, help="What single units are known to cost.")
    drop = Instance(JointDrop, allow_none=True, read_only=True, help="Of the chosen units; None: none, or unknown.")

    def __init__(self, classifier: Classifier, data: LabelledImages, *, batch: int = BATCH, **traits: Any) -> None:
        self.data, self.batch = data, batch
        super().__init__(classifier, **traits)

    def look_at(self, layer: str, units: tuple[int, ...], ablation: ClassAblation | None) -> None:
        """Choose layer and units in one step: units of one layer mean nothing in another."""
        same = (layer, units) == (self.layer, self.units)
        with self.hold_trait_notifications():
            self.layer, self.units, self.ablation = layer, units, ablation
        if not same or len(units) == 1:  # sets are measured on all images in any case
            self.update()

    def update(self, *, wait: bool = False) -> Job:
        """Measure the chosen units; `wait` does it in the calling thread."""
        layer, units, ablation = self.layer, self.units, self.ablation

        def work(progress: Progress) -> Iterator[dict[str, Any] | None]:
            known = single_drop(ablation, units[0]) if ablation is not None and len(units) == 1 else None
            if known is not None or not units:
                yield {"drop": known}
                return
            yield {"drop": None}
            yield from self._measure(layer, units)

        return self.submit(work, lambda news: self._write(**news), kind="drop", interactive=True, background=not wait)

    def _measure(self, layer: str, units: tuple[int, ...]) -> Iterator[dict[str, Any] | None]:
        next_look = time.monotonic()
        data = self.data
        for step in joint_drop_steps(self.network, layer, data.images, data.labels, units, batch=self.batch):
            now = time.monotonic()
            if step is None or (now < next_look and step.n < len(data)):
                yield None
                continue
            next_look = now + PUBLISH_INTERVAL / 2
            yield {"drop": step}
