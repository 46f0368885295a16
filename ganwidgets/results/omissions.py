"""What a generator leaves out of photos, photo by photo, beside what its own pictures lose on the same way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, UInt8

if TYPE_CHECKING:
    import pandas as pd

SAME, OTHERS = "same concept", "other concepts"
"""What a control has: the concept itself, or, of a generator that draws none, other concepts of similar area."""


@dataclass(frozen=True, eq=False)
class Inverted:
    """Pictures beside what the generator makes of them, and how much of each concept stays near its place.

    Attributes:
        numbers: of the pictures, in their source.
        images: the pictures.
        reconstructions: what the generator makes of them.
        segs, reconstructed_segs: the segmentations of both.
        before: pixels of each concept in the picture.
        after: pixels of each concept in the reconstruction.
        kept: pixels of the reconstruction that show the concept near where it was, no more than there were.
        psnr: of the reconstructions [dB].
    """

    numbers: Int[np.ndarray, " image"]
    images: UInt8[np.ndarray, "image height width rgb"]
    reconstructions: UInt8[np.ndarray, "image height width rgb"]
    segs: Integer[np.ndarray, "image slot height width"]
    reconstructed_segs: Integer[np.ndarray, "image slot height width"]
    before: Int[np.ndarray, "image concept"]
    after: Int[np.ndarray, "image concept"]
    kept: Int[np.ndarray, "image concept"]
    psnr: Float[np.ndarray, " image"]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def lost(self) -> Float[np.ndarray, "image concept"]:
        """Share of each concept's area that is gone from where it was; NaN where there is none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.before > 0, 1 - self.kept / self.before, np.nan)


def share(value: float) -> str:
    """A share in percent, or words where it is not known."""
    return f"{value:.0%}" if np.isfinite(value) else "an unknown share"


def _with_ends(value: float, interval: tuple[float, float]) -> str:
    if not np.isfinite(value):
        return "an unknown share"
    ends = "not known how surely" if not np.isfinite(interval).all() else f"{interval[0]:+.0%}, {interval[1]:+.0%}"
    return f"{value:+.0%} [{ends}]"


@dataclass(frozen=True, eq=False, repr=False)
class Omissions:
    """How much of a concept is lost when photos are drawn by the generator; made by `ganwidgets.coverage.omissions`.

    Shares are means over images, of the share of the concept's area that is gone from where it was.

    Attributes:
        concept: what is looked for.
        concepts, categories: all that the segmenter names.
        network, data, segmenter: their names.
        photos: images of the data that show the concept, the largest loss first.
        control: pictures of the generator itself, whose latents are known to exist.
        control_kind: "same concept", or "other concepts" where too few pictures show it.
        compared: by photo and by control, whether each concept counts as one of similar area.
        lost: share of the concept lost in the photos.
        others: share lost of other concepts of similar area in the same photos.
        control_lost: share of the concept lost in the control; of other concepts of similar area if it has none.
        control_others: share lost of other concepts of similar area in the control.
        excess: lost − control_lost: what is lost beyond the optimiser's own error.
        excess_interval: its 95 % bootstrap interval over images.
        beyond_others: lost − others in photos, less the same of the control: what is lost beyond what photos lose
            anyway.
        beyond_interval: its 95 % bootstrap interval.
        margin: share that must be lost beyond both.
        named: whether this is an omission: both intervals are known and lie above the margin, and there are enough
            photos and pictures to trust them.
        settings: how it was measured, as plain values.
        notes: sentences about what a reader should know.
    """

    concept: str
    concepts: tuple[str, ...]
    categories: tuple[str, ...]
    network: str
    data: str
    segmenter: str
    photos: Inverted
    control: Inverted
    control_kind: str
    compared: tuple[Bool[np.ndarray, "photo concept"], Bool[np.ndarray, "picture concept"]]
    lost: float
    others: float
    control_lost: float
    control_others: float
    excess: float
    excess_interval: tuple[float, float]
    beyond_others: float
    beyond_interval: tuple[float, float]
    margin: float
    named: bool
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        verdict = "an omission" if self.named else "not called an omission"
        return (
            f"{self.concept!r} is {verdict} of {self.network}: {self.lost:.0%} of it is lost in {len(self.photos)} "
            f"photos, {share(self.control_lost)} ({self.control_kind}) in {len(self.control)} pictures of its own; "
            f"beyond that {_with_ends(self.excess, self.excess_interval)}, and "
            f"{_with_ends(self.beyond_others, self.beyond_interval)} beyond other concepts of similar area"
        )

    def __repr__(self) -> str:
        return f"Omissions({self})"

    def to_frame(self) -> "pd.DataFrame":
        """A row per photo, the largest loss first, then a row per picture of the control."""
        import pandas as pd

        column = self.concepts.index(self.concept)
        frames = []
        for kind, part in (("photo", self.photos), ("control", self.control)):
            pixels = part.segs.shape[2] * part.segs.shape[3]
            percent = 100 / pixels
            columns = {"set": kind, "number": part.numbers, "before": part.before[:, column] * percent}
            columns |= {"after": part.after[:, column] * percent, "kept": part.kept[:, column] * percent}
            frames.append(pd.DataFrame(columns | {"lost": part.lost[:, column], "psnr": part.psnr}))
        return pd.concat(frames, ignore_index=True)
