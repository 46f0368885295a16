"""Switch off more and more of a classifier's units together: which order hurts most.

`unit_orders` ranks units by what a `ClassAblation` or a table of attributes says. `cumulative_curve` switches off the
first 1, 2, 4, … units of each order together and reports the accuracy, beside random sets of the same sizes.

Rank units on other images than those the curve is drawn for: the same ones make chance look like importance.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import index
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Num
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor

from ganwidgets.ablate.class_attributes import ATTRIBUTES
from ganwidgets.ablate.class_passes import BATCH, checked_data, predictions
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.class_statistics import class_sums
from ganwidgets.ablate.counts import checked_units, random_sets
from ganwidgets.models.classifiers import Classifier
from ganwidgets.models.edits import zero_units
from ganwidgets.nn.proportions import proportion_interval
from ganwidgets.results.effects import chance_columns
from ganwidgets.results.plot import COLORS, BarGraph


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """Accuracy as more and more units are off together.

    Attributes:
        layer: of the units.
        n: number of images.
        units: number of units of the layer.
        sizes: how many are off.
        classes: names of the classes that occur in the labels.
        accuracy: order → share of all images that are right, at each size.
        interval: order → its 95 % interval (Wilson).
        class_recall: order → share of each class's images that are right.
        random: accuracy with random sets of each size, a row a set.
    """

    layer: str
    n: int
    units: int
    sizes: tuple[int, ...]
    classes: tuple[str, ...]
    accuracy: dict[str, Float[np.ndarray, " size"]] = field(repr=False)
    interval: dict[str, Float[np.ndarray, "size 2"]] = field(repr=False)
    class_recall: dict[str, Float[np.ndarray, "size class"]] = field(repr=False)
    random: Float[np.ndarray, "set size"] = field(repr=False)

    @property
    def n_random_sets(self) -> int:
        """Number of random sets of each size."""
        return len(self.random)

    def to_frame(self) -> pd.DataFrame:
        """A row per order and size; `random_low` and `random_high` hold the middle 90 % of the random sets."""
        parts = [
            pd.DataFrame(
                {
                    "order": order,
                    "size": self.sizes,
                    "accuracy": accuracy,
                    "accuracy_low": self.interval[order][:, 0],
                    "accuracy_high": self.interval[order][:, 1],
                    **chance_columns("random", self.random),
                    "n": self.n,
                    "n_random_sets": self.n_random_sets,
                }
            )
            for order, accuracy in self.accuracy.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def plot(self) -> BarGraph:
        """The curves, with the band of the random sets; on a canvas of its own (no pyplot state)."""
        figure = BarGraph(figsize=(5.5, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        if len(self.random):
            low, high = np.quantile(self.random, [0.05, 0.95], axis=0)
            axes.fill_between(self.sizes, low, high, color="0.5", alpha=0.25, lw=0, label="random sets (90 %)")
        for number, (order, accuracy) in enumerate(self.accuracy.items()):
            axes.plot(self.sizes, accuracy, ".-", color=COLORS[number % len(COLORS)], label=order)
        axes.set_xlabel(f"units of {self.layer} off, of {self.units}", parse_math=False)
        axes.set_ylabel("accuracy")
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
        for text in axes.legend(frameon=False, fontsize=8).get_texts():
            text.set_parse_math(False)
        return figure


def unit_orders(ablation: ClassAblation, attributes: pd.DataFrame | None = None) -> dict[str, tuple[int, ...]]:
    """Units in order of importance, most important first, by every measure there is.

    "overall drop" and "max class drop" from the ablation, then the attributes of
    `unit_attributes`, if given. "least overall drop" is the first one turned round.
    """
    units = np.array(ablation.units)
    measures = {"overall drop": ablation.overall_drop, "max class drop": ablation.max_class_drop_corrected}
    if attributes is not None:
        table = attributes.set_index("unit").loc[list(units)]
        measures |= {name.replace("_", " "): table[name].to_numpy() for name in ATTRIBUTES if name in table}
    orders = {name: tuple(units[(-values).argsort(kind="stable")].tolist()) for name, values in measures.items()}
    return orders | {"least overall drop": orders["overall drop"][::-1]}


def cumulative_curve(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: Any,
    orders: Mapping[str, Iterable[int]],
    *,
    sizes: Iterable[int] | None = None,
    n_random_sets: int = 20,
    batch: int = BATCH,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> ClassCurve:
    """Accuracy with the first units of each order switched off together.

    Args:
        classifier: the network.
        layer: of the units.
        images: in [-1, 1], or uint8; others than those the orders come from.
        labels: as in `class_ablation`.
        orders: name → units, the first to go first; an order may name some units only.
        sizes: how many go; None is 0, 1, 2, 4, … and all of the layer. A shorter order goes as far as it has units.
        n_random_sets: number of random sets of each size.
        batch: images at once.
        seed: of the random sets.
        progress: called with the share that is done, 0 to 1.

    Raises:
        TypeError, ValueError: no order, or one without units; a unit that does not exist or occurs twice in an order, a
            size the layer does not have, a negative number of random sets; data as in `class_ablation`.
    """
    labels, units = checked_data(classifier, images, labels, batch), classifier.layer_info(layer).units
    orders = {name: checked_units(classifier, layer, order, f"orders[{name!r}]") for name, order in orders.items()}
    sizes = checked_sizes(sizes, units)
    if not orders:
        raise ValueError("`orders` must hold at least one order of units, such as unit_orders(ablation), got none")
    chance = [random_sets(size, units, n_random_sets, seed) for size in sizes]
    sets = [order[:size] for order in orders.values() for size in sizes]
    sets += [one for of_every_size in zip(*chance, strict=True) for one in of_every_size]
    distinct = list(dict.fromkeys(tuple(sorted(one)) for one in sets))
    edits = [zero_units(one) for one in distinct]
    _, after = predictions(classifier, layer, images, edits, batch=batch, progress=progress)
    numbers, place = np.unique(labels, return_inverse=True)
    counts = class_sums((after == labels).astype(np.int8), place, len(numbers))  # (set class)
    counts = counts[[distinct.index(tuple(sorted(one))) for one in sets]]
    right = counts.sum(1).reshape(-1, len(sizes))
    recall = (counts / np.bincount(place)).reshape(*right.shape, -1)
    return ClassCurve(
        layer=layer,
        n=len(labels),
        units=units,
        sizes=sizes,
        classes=tuple(classifier.classes[number] for number in numbers),
        accuracy={name: right[row] / len(labels) for row, name in enumerate(orders)},
        interval={name: proportion_interval(right[row], len(labels)) for row, name in enumerate(orders)},
        class_recall={name: recall[row] for row, name in enumerate(orders)},
        random=right[len(orders) :] / len(labels),
    )


def checked_sizes(sizes: Iterable[int] | None, units: int) -> tuple[int, ...]:
    """How many units go, in order; None is 0, 1, 2, 4, … and all.

    Raises:
        TypeError: sizes that are no whole numbers.
        ValueError: a size below 0 or beyond the layer.
    """
    if sizes is None:
        return tuple(sorted({0, units, *(2**k for k in range(units.bit_length()) if 2**k < units)}))
    try:
        sizes = tuple(sorted({index(size) for size in sizes}))
    except TypeError:
        raise TypeError(f"`sizes` must be a list of whole numbers, got {sizes!r}") from None
    if not sizes or sizes[0] < 0 or sizes[-1] > units:
        raise ValueError(f"`sizes` must lie in 0 … {units}, the number of units of the layer, got {list(sizes)}")
    return sizes
