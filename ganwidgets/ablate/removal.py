"""What a removal curve is: how much of a concept goes with each number of units; `removal_curve` measures one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ganwidgets.models.layers import did_you_mean
from ganwidgets.results.effects import chance_columns
from ganwidgets.results.plot import COLORS, BarGraph

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class RemovalCurve:
    """How much of a concept goes with each number of units, for several orders and for random ones.

    Attributes:
        layer: of the units.
        concept: which is to be removed.
        concepts: all names; the last axis of the arrays below.
        n: number of images.
        at: "image", or "cell": units off in one cell that shows the concept, counted inside it, every such cell once.
        sizes: numbers of units.
        orders: units in the order of removal, by name of the order.
        before: pixels of each concept before (in cells: in all those cells together).
        share: by order, 1 − pixels after / before, (size concept); negative: there are more; NaN: it never occurs.
        share_interval: its 95 % bootstrap intervals over images, (size concept 2).
        random_share: of random orders, (set size concept).
    """

    layer: str
    concept: str
    concepts: tuple[str, ...]
    n: int
    at: str
    sizes: tuple[int, ...]
    orders: Mapping[str, tuple[int, ...]]
    before: Integer[np.ndarray, " concept"]
    share: Mapping[str, np.ndarray]
    share_interval: Mapping[str, np.ndarray]
    random_share: Float[np.ndarray, "set size concept"]

    @property
    def removed(self) -> dict[str, np.ndarray]:
        """Share of the concept's pixels that go, by order, one number a size."""
        return {name: share[:, self._number] for name, share in self.share.items()}

    @property
    def interval(self) -> dict[str, np.ndarray]:
        """95 % intervals of `removed`, by order (size 2)."""
        return {name: interval[:, self._number] for name, interval in self.share_interval.items()}

    @property
    def random(self) -> Float[np.ndarray, "set size"]:
        """`removed` of random orders, a row each."""
        return self.random_share[:, :, self._number]

    @property
    def n_random_sets(self) -> int:
        """Number of random orders."""
        return len(self.random_share)

    @property
    def _number(self) -> int:
        return self.concepts.index(self.concept)

    def size_for(self, order: str, share: float | int) -> int | None:
        """The smallest of `sizes` whose units remove at least this share of the concept; None if none does.

        Raises:
            ValueError: no such order.
        """
        removed = self.share[self._checked(order)][:, self._number]
        enough = [size for size, gone in zip(self.sizes, removed, strict=True) if gone >= share]
        return enough[0] if enough else None

    def to_frame(self) -> "pd.DataFrame":
        """A row per order and size; `random_low` and `random_high` hold the middle 90 % of the random orders."""
        import pandas as pd

        parts = [
            pd.DataFrame(
                {
                    "order": name,
                    "size": self.sizes,
                    "removed": removed,
                    "removed_low": self.interval[name][:, 0],
                    "removed_high": self.interval[name][:, 1],
                    **chance_columns("random", self.random),
                    "n": self.n,
                    "n_random_sets": self.n_random_sets,
                }
            )
            for name, removed in self.removed.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def side_effects(self, order: str) -> "pd.DataFrame":
        """A row per size and concept: the share of every concept that goes with these units.

        Raises:
            ValueError: no such order.
        """
        import pandas as pd

        order = self._checked(order)
        sizes, names = np.meshgrid(np.arange(len(self.sizes)), np.arange(len(self.concepts)), indexing="ij")
        low, high = np.moveaxis(self.share_interval[order], 2, 0)
        return pd.DataFrame(
            {
                "size": np.array(self.sizes)[sizes.ravel()],
                "concept": np.array(self.concepts)[names.ravel()],
                "removed": self.share[order].ravel(),
                "removed_low": low.ravel(),
                "removed_high": high.ravel(),
                "n": self.n,
            }
        )

    def _checked(self, order: str) -> str:
        if order not in self.orders:
            near = did_you_mean(str(order), self.orders)
            raise ValueError(f"`order` must be one of {list(self.orders)}, got {order!r}.{near}")
        return order

    def plot(self) -> BarGraph:
        """The curves with their intervals, and the middle 90 % of random orders as a band."""
        number, everywhere = self.concepts.index(self.concept), "everywhere" if self.at == "image" else "in one cell"
        figure = BarGraph(figsize=(5.2, 3.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        places = np.arange(len(self.sizes))
        if len(self.random):
            low, high = np.quantile(self.random, [0.05, 0.95], axis=0)
            axes.fill_between(places, low, high, color="0.85", lw=0, label="random units, middle 90 %")
            axes.plot(places, self.random.mean(0), color="0.5", lw=1, ls="--")
        for place, (name, removed) in enumerate(self.removed.items()):
            color, (low, high) = COLORS[place % len(COLORS)], self.interval[name].T
            axes.plot(places, removed, color=color, marker="o", ms=4, label=name)
            axes.fill_between(places, low, high, color=color, alpha=0.18, lw=0)
        axes.axhline(0, color="black", lw=0.6)
        axes.set_xticks(places, [str(size) for size in self.sizes])
        axes.set_xlabel(f"units of {self.layer} switched off {everywhere}", parse_math=False)
        axes.set_ylabel(f"share of {self.concept} pixels removed", parse_math=False)
        pixels = f"{int(self.before[number]):,} {self.concept} pixels in {self.n:,} images; shaded: 95 % intervals"
        axes.set_title(pixels, fontsize=9, parse_math=False)
        axes.spines[["top", "right"]].set_visible(False)
        for text in axes.legend(frameon=False, fontsize=8).get_texts():
            text.set_parse_math(False)
        return figure
