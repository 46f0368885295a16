"""A Fréchet segmentation distance, with everything that is needed to judge it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class FSD:
    """How far apart the statistics of two sets of segmentations are; made by `ganwidgets.coverage.fsd`.

    All distances are in percent of area, squared.

    Attributes:
        distance: as published: of means and unbiased covariances of these images.
        mean: the part of the means, |μa − μb|².
        covariance: the part of the covariances.
        debiased: an estimate for infinitely many images, 2 · distance − the mean distance of half as many images; NaN
            with fewer than 4 images of a set, which have no halves.
        interval: 95 % for the distance of infinitely many images, from half-samples; NaN where there are none.
        floor: what two sets of real images of these sizes give on average; NaN where it was not measured.
        floor_interval: the middle 95 % of it.
        bias: images a set → mean distance of so many images.
        extrapolated: where a line through `bias` over 1 / images meets 0.
        concepts: of the columns.
        contributions: (concept 2) what each adds to the part of the means and of the covariances; the sum of all is the
            distance.
        n: images of the two sets.
        enough: images a set from which the covariance has full rank, columns + 1.
        shrinkage: (δ of one set, of the other) where covariances were shrunk, else None.
        notes: sentences about what a reader should know.
    """

    distance: float
    mean: float
    covariance: float
    debiased: float
    interval: tuple[float, float]
    floor: float
    floor_interval: tuple[float, float]
    bias: Mapping[int, float]
    extrapolated: float
    concepts: tuple[str, ...]
    contributions: Float[np.ndarray, "concept two"]
    n: tuple[int, int]
    enough: int
    shrinkage: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def __float__(self) -> float:
        return self.distance

    @property
    def beyond_floor(self) -> bool:
        """Whether the distance is larger than 97.5 % of those between two sets of real images."""
        return bool(self.distance > self.floor_interval[1])

    def __str__(self) -> str:
        low, high = self.interval
        text = f"Fréchet segmentation distance {self.distance:.4g} (of infinitely many images "
        known = np.isfinite([self.debiased, low, high]).all()
        text += f"{self.debiased:.4g}, 95 % {low:.4g} to {high:.4g}" if known else "not known from so few"
        if np.isfinite(self.floor):
            text += f"; two sets of real images: {self.floor:.4g}, {self.floor_interval[0]:.4g} to "
            text += f"{self.floor_interval[1]:.4g}"
        return text + ")"

    def __repr__(self) -> str:
        return f"FSD({self})"

    def to_frame(self) -> "pd.DataFrame":
        """A row per concept, largest contribution first."""
        import pandas as pd

        total = self.contributions.sum(1)
        frame = pd.DataFrame(
            {
                "concept": self.concepts,
                "mean": self.contributions[:, 0],
                "covariance": self.contributions[:, 1],
                "contribution": total,
                "share": total / self.distance if self.distance > 0 else np.nan,
            }
        )
        return frame.sort_values("contribution", ascending=False, kind="stable", ignore_index=True)
