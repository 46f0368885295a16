"""What a report of an edited rule holds: counts for every picture, and the shares and intervals made of them.

Three questions, for each method: did the source become what was meant, what else changed in these pictures, and what
changed in pictures in which there was nothing to change?
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Integer

from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.bootstrap import ratio_interval, resampled
from ganwidgets.nn.proportions import proportion_interval

if TYPE_CHECKING:
    import matplotlib.figure
    import pandas as pd

MEASURES = ("success", "became", "gone", "outside", "elsewhere", "drift", "distance")
"""What is measured of each method; `RewriteReport.share` says what each means."""


@dataclass(frozen=True, eq=False)
class RewriteReport:
    """What methods did to a concept, and to everything else, in the same unseen pictures.

    A picture *has the source* if at least `least` of its pixels show it. *Outside* is what lies more than `margin`
    pixels from all of these; in a picture without any source pixel it is everything.

    Attributes:
        methods: their names; the first axis of the arrays below.
        source: concept that was to change.
        target: what it was to become; None: anything else.
        concepts: names; the last axis where there is one.
        least: source pixels from which a picture has the source.
        enough: share of a picture's source pixels that must have changed as meant for a success.
        margin: [pixels] around the source that belong to it.
        visible: change of a channel, in [-1, 1], above which a pixel counts as changed.
        source_pixels: of each image.
        outside_pixels: of each image.
        gone: source pixels that do not show it any more.
        became: of these, pixels that show the target; all of them if there is none.
        moved: pixels outside that changed visibly.
        drift: absolute change of a pixel, mean over channels, summed over those outside [8-bit levels].
        distance: how far the picture went from what it was outside, in features; 1 is as far as another picture.
        shown: pixels of each concept where the source was, all images together.
        outside_before: pixels of each concept outside.
        outside_lost, outside_gained: how many of them went, and came.
        seed: of the bootstrap.
    """

    methods: tuple[str, ...]
    source: str
    target: str | None
    concepts: tuple[str, ...] = field(repr=False)
    least: int
    enough: float
    margin: int
    visible: float
    source_pixels: Integer[np.ndarray, " image"] = field(repr=False)
    outside_pixels: Integer[np.ndarray, " image"] = field(repr=False)
    gone: Integer[np.ndarray, "method image"] = field(repr=False)
    became: Integer[np.ndarray, "method image"] = field(repr=False)
    moved: Integer[np.ndarray, "method image"] = field(repr=False)
    drift: Float[np.ndarray, "method image"] = field(repr=False)
    distance: Float[np.ndarray, "method image"] = field(repr=False)
    shown: Integer[np.ndarray, "method concept"] = field(repr=False)
    outside_before: Integer[np.ndarray, "image concept"] = field(repr=False)
    outside_lost: Integer[np.ndarray, "method image concept"] = field(repr=False)
    outside_gained: Integer[np.ndarray, "method image concept"] = field(repr=False)
    seed: int = 0

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.source_pixels)

    @property
    def has_source(self) -> Bool[np.ndarray, " image"]:
        """Which images have the source."""
        return self.source_pixels >= self.least

    @property
    def n_source(self) -> int:
        """Number of images that have the source."""
        return int(self.has_source.sum())

    def share(self, measure: str) -> Float[np.ndarray, " method"]:
        """One number for each method; NaN if there is nothing to measure it on.

        Args:
            measure: "success": share of the images with the source in which at least `enough` of its pixels became the
                target; "became": share of all source pixels in them that did; "gone": share that is no longer source;
                "outside": share of pixels outside that changed visibly, in images with the source; "elsewhere": the
                same in images without a source pixel; "drift": mean absolute change outside [8-bit levels], and
                "distance": mean distance, both over all images.

        Raises:
            ValueError: another measure.
        """
        top, bottom = self._parts(measure)
        total = bottom.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 0, top.sum(0) / total, np.nan)

    def interval(self, measure: str) -> Float[np.ndarray, "method 2"]:
        """Its 95 % interval over images: Wilson's for "success", else a bootstrap, the same draws for all methods."""
        top, bottom = self._parts(measure)
        if measure == "success":  # a few images that agree would have a bootstrap interval of no width
            return proportion_interval(top.sum(0), bottom.sum(0))
        return ratio_interval(top, bottom, self._draws)

    @cached_property
    def _draws(self) -> np.ndarray:
        return resampled(self.n, self.seed)

    def _parts(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """What is summed over images, above and below: (image method) each."""
        if measure not in MEASURES:
            raise ValueError(
                f"`measure` must be one of {list(MEASURES)}, got {measure!r}.{did_you_mean(measure, MEASURES)}"
            )
        pixels, outside, every = self.source_pixels, self.outside_pixels, np.ones(self.n, bool)
        top, bottom, counted = {
            "success": (self.became >= self.enough * pixels, every, self.has_source),
            "became": (self.became, pixels, self.has_source),
            "gone": (self.gone, pixels, self.has_source),
            "outside": (self.moved, outside, self.has_source),
            "elsewhere": (self.moved, outside, pixels == 0),
            "drift": (self.drift, outside, every),
            "distance": (self.distance, every, every),
        }[measure]
        bottom = np.tile(np.where(counted, bottom, 0).astype(float)[:, None], len(self.methods))
        return np.where(bottom > 0, top.T, 0.0), bottom

    def sentence(self, method: str | None = None) -> str:
        """What a method did, in words; None is the first.

        Raises:
            ValueError: no such method.
        """
        row = self._row(method)
        goal = f"{self.source} → {self.target or 'anything else'}"
        if not self.n_source:
            return f"{goal}: none of {self.n} images shows {self.least} pixels of {self.source}; take more latents."
        success, (low, high) = self.share("success")[row], self.interval("success")[row]
        became = self.share("became")[row]
        outside, elsewhere = self.share("outside")[row], self.share("elsewhere")[row]
        without = "" if np.isnan(elsewhere) else f", and {elsewhere:.1%} of images without {self.source}"
        return (
            f"{goal}: changed as meant in {success:.0%} [{low:.0%}, {high:.0%}] of {self.n_source} images "
            f"({became:.0%} of the pixels); {outside:.1%} of what is outside changed visibly{without}."
        )

    def __repr__(self) -> str:
        others = f" {len(self.methods)} methods: {', '.join(self.methods)}." if len(self.methods) > 1 else ""
        return f"<RewriteReport: {self.sentence()}{others}>"

    def to_frame(self) -> "pd.DataFrame":
        """A row for each method; `…_low` and `…_high` are 95 % intervals over images."""
        import pandas as pd

        frame: dict[str, object] = {"method": self.methods, "n": self.n, "n_source": self.n_source}
        for measure in MEASURES:
            low, high = self.interval(measure).T
            frame |= {measure: self.share(measure), f"{measure}_low": low, f"{measure}_high": high}
        return pd.DataFrame(frame)

    def concept_frame(self, method: str | None = None) -> "pd.DataFrame":
        """A row for each concept: what stands where the source was, and how much came and went outside.

        `shown` is the share of the source's pixels; `lost` and `gained` are shares of the concept's pixels outside
        before (NaN if there were none), with intervals.

        Args:
            method: None is the first.
        """
        import pandas as pd

        row, before = self._row(method), self.outside_before.astype(float)
        pixels = int(self.source_pixels[self.has_source].sum())
        frame: dict[str, object] = {"concept": self.concepts}
        frame["shown"] = self.shown[row] / pixels if pixels else np.nan
        frame["outside_before"] = before.sum(0).astype(int)
        for name, counts in (("lost", self.outside_lost), ("gained", self.outside_gained)):
            low, high = ratio_interval(counts[row], before, self._draws).T
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(before.sum(0) > 0, counts[row].sum(0) / before.sum(0), np.nan)
            frame |= {name: share, f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame(frame)

    def plot(self, measures: Sequence[str] = ("success", "outside", "elsewhere")) -> "matplotlib.figure.Figure":
        """Bars of the methods with their intervals."""
        from ganwidgets.rewrite.plot_report import plot_report

        return plot_report(self, tuple(measures))

    def _row(self, method: str | None) -> int:
        if method is None:
            return 0
        if method not in self.methods:
            near = did_you_mean(str(method), self.methods)
            raise ValueError(f"`method` must be one of {list(self.methods)}, got {method!r}.{near}")
        return self.methods.index(method)
