"""The session behind curves of accuracy: more and more of a layer's units off together, in every order.

Units are ordered on one half of the images and judged on the other: on the same ones, chance would look like
importance.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from traitlets import Bunch, Dict, Instance, Int, Unicode, observe, validate

from ganwidgets.ablate.class_attributes import unit_attributes
from ganwidgets.ablate.class_curves import ClassCurve, cumulative_curve, unit_orders
from ganwidgets.ablate.class_passes import BATCH
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.class_statistics import halves
from ganwidgets.ablate.classes import class_ablation_steps, unit_edits
from ganwidgets.ablate.controller_classes import LabelledImages
from ganwidgets.models.classifiers import Classifier
from ganwidgets.session import LayerSession, whole_in_range
from ganwidgets.worker import Job, giving_way

Progress = Callable[[float], None]
RANKED = 0.5  # share of a run after which units are ordered


class ClassCurvesController(LayerSession):
    """Measures curves and remembers those of each layer.

    Args:
        classifier: the network.
        data: images and labels.
        batch: images at once.
        traits: first values.
    """

    ablation = Instance(ClassAblation, allow_none=True, help="Of all images: spares measuring one half again.")
    n_random_sets = Int(20, help="Number of random sets of each size.")
    seed = Int(0, help="Of the halves and the random sets.")
    curve = Instance(ClassCurve, allow_none=True, read_only=True, help="Of the layer, on the second half.")
    orders = Dict(read_only=True, help="Units by name of the order, the first to go first; from the first half.")
    stage = Unicode(read_only=True, help="What the running job does now.")

    def __init__(self, classifier: Classifier, data: LabelledImages, *, batch: int = BATCH, **traits: Any) -> None:
        self.data, self.batch = data, batch
        self._kept: dict[str, dict[str, Any]] = {}
        super().__init__(classifier, **traits)

    def run(self, *, wait: bool = False) -> Job:
        """Measure the curves of the layer; `wait` does it in the calling thread."""
        layer, ablation = self.layer, self.ablation
        return self.submit(
            lambda progress: self._measure(layer, ablation, progress), self._publish, background=not wait
        )

    def first_units(self, order: str, size: int) -> tuple[int, ...]:
        """The units that are off at one place of a curve; none while the order is not known."""
        return tuple(self.orders.get(order, ())[:size])

    def close(self) -> None:
        super().close()
        self._kept.clear()

    def _measure(
        self, layer: str, ablation: ClassAblation | None, progress: Progress
    ) -> Iterator[dict[str, Any] | None]:
        data, batch, seed = self.data, self.batch, self.seed
        numbers, place = np.unique(data.labels, return_inverse=True)
        half = halves(place, len(numbers), seed)
        ranked, tested = data.part(half), data.part(~half)
        yield {"stage": "ordering units on one half of the images"}
        if ablation is not None and (ablation.layer, ablation.n) == (layer, len(data)):
            before, after = ablation.before[half], ablation.after[:, half]
            ranking = replace(ablation, labels=ablation.labels[half], before=before, after=after)
        else:
            ranking = yield from self._rank(layer, *ranked, progress)
        attributes = unit_attributes(self.network, layer, *ranked, batch=batch)
        orders = unit_orders(ranking, attributes)
        yield {"stage": "switching off more and more units on the other half"}
        told = giving_way(lambda share: progress(RANKED + (1 - RANKED) * share))
        options = {"n_random_sets": self.n_random_sets, "batch": batch, "seed": seed, "progress": told}
        curve = cumulative_curve(self.network, layer, *tested, orders, **options)
        yield {"layer": layer, "curve": curve, "orders": orders, "stage": ""}

    def _rank(self, layer: str, images: Any, labels: np.ndarray, progress: Progress) -> Iterator[None]:
        units = tuple(range(self.network.layers[layer].units))
        edits = unit_edits(self.network, layer, images, units)
        total, last = -(-len(images) // self.batch) * (len(edits) + 1), None
        steps = class_ablation_steps(self.network, layer, images, labels, edits, units, batch=self.batch)
        for done, step in enumerate(steps, 1):
            last = step or last
            progress(RANKED * done / total)
            yield None
        return last

    def _publish(self, news: dict[str, Any]) -> None:
        self._write(stage=news.pop("stage", self.stage))
        if "layer" in news:
            self._kept[news.pop("layer")] = news
            self._look()

    @observe("layer")
    def _look(self, change: Bunch | None = None) -> None:
        known = self._kept.get(self.layer, {})
        self._write(curve=known.get("curve"), orders=known.get("orders", {}))

    @validate("n_random_sets")
    def _check_sets(self, proposal: Bunch) -> int:
        return whole_in_range("n_random_sets", proposal["value"], 1, 1000)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)
