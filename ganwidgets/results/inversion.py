"""A photo as a generator would draw it: the latent and the maps that make it, and how much to believe of that.

An `Inversion` is what `ganwidgets.invert` finds for one photo. `reconstruction` is what the network draws for `latent`
once `residuals` are added to the outputs of its first layers. Three numbers say what it is worth: `errors`, how near
the picture is; `verdict`, whether that is near for this network; `editability`, whether latent and activations lie
where the network's own do, so that edits do there what they do elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.picture_errors import l1, psnr, ssim

SPACES = ("z", "w", "ws")
"""What a latent is one of; w and ws for StyleGANs only."""

STOPPED = ("plateau", "steps", "time", "cancelled", "not finite")
"""Why a search ended."""


@dataclass(frozen=True)
class Errors:
    """How far a picture is from the photo.

    Attributes:
        psnr: peak signal-to-noise ratio [dB]; 100 for equal pictures.
        ssim: structural similarity, at most 1.
        l1: mean absolute error as share of the range of a channel.
    """

    psnr: float
    ssim: float
    l1: float

    def __str__(self) -> str:
        return f"PSNR {self.psnr:.1f} dB, SSIM {self.ssim:.3f}, mean error {self.l1:.1%} of the range"


def errors_between(
    image: Float[Tensor, "channel height width"], other: Float[Tensor, "channel height width"]
) -> Errors:
    """All three errors of one picture against another."""
    pair = image[None].float(), other[None].to(image.device).float()
    return Errors(*(round(float(measure(*pair)), 6) for measure in (psnr, ssim, l1)))


@dataclass(frozen=True)
class Verdict:
    """How far a photo is from what the generator draws, judged by how well its own pictures are found again.

    Attributes:
        share: of the generator's own pictures that the same search brings less near, 0 to 1.
        n: number of own pictures.
        median_psnr: of theirs [dB].
        psnr: of the photo [dB].
    """

    share: float
    n: int
    median_psnr: float
    psnr: float

    @property
    def far(self) -> bool:
        """Whether the photo is worse than 19 in 20 own pictures."""
        return self.share < 0.05

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        beside = f"{self.psnr:.1f} dB, own pictures {self.median_psnr:.1f} dB in the median, n = {self.n}"
        worse = 1 - self.share
        told = f"worse than {'all' if self.share == 0 else f'{worse:.0%}'} of its own pictures ({beside})"
        if self.far:
            return f"This photo is far from what the generator draws: {told}."
        if self.share < 0.25:
            return f"This photo is at the edge of what the generator draws: {told}."
        return (
            f"This photo is as near as the generator's own pictures: nearer than {self.share:.0%} of them ({beside})."
        )


@dataclass(frozen=True)
class Editability:
    """Whether an inversion lies where the generator's own pictures do: edits are only known to work there.

    Distances are Mahalanobis distances over the root of the number of directions, so that about 1 is usual.

    Attributes:
        latent: distance of the latent from the mean of sampled ones.
        latent_share: share of sampled latents that lie farther out.
        acts: distance of the edit layer's activations, their means over the map; None where there is no such layer.
        acts_share: share of sampled pictures whose activations lie farther out.
        n: number of samples these shares are of, at least.
    """

    latent: float
    latent_share: float
    acts: float | None
    acts_share: float | None
    n: int

    @property
    def usual(self) -> bool:
        """Whether edits should work: not so for up to 1 in 20 sampled pictures, by both distances together."""
        shares = [share for share in (self.latent_share, self.acts_share) if share is not None]
        return min(shares) >= 1 - 0.95 ** (1 / len(shares))

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        if not self.n:
            return "Not measured."
        share = self.latent_share if self.acts_share is None else min(self.latent_share, self.acts_share)
        what = "the latent" if share == self.latent_share else "the edit layer's activations"
        word = "Edits should work as on samples" if self.usual else "Edits may not work as on samples"
        return f"{word}: {share:.0%} of {self.n} sampled pictures lie farther out ({what})."


@dataclass(frozen=True, eq=False)
class Inversion:
    """One photo in one generator.

    Attributes:
        image: the photo as it was searched for, in the network's size and channels, [-1, 1].
        latent: a batch of one: z, w or ws.
        space: which of these.
        class_vector: what goes in beside the latent, where pictures are drawn by class; sums to 1.
        residuals: layer → map that is added to the layer's output, in running order; empty where only the latent was
            searched for.
        reconstruction: what the network draws for all this, without adaptation.
        strategy: name of the strategy.
        layer: the edit layer: residuals reach up to it.
        seed: of the search.
        steps: taken.
        seconds: taken.
        stopped: why it ended, one of `STOPPED`.
        curve: step, loss, and PSNR [dB] of the best state so far.
        errors: of the reconstruction.
        network_name: of the generator.
        network_fingerprint: of its weights and of what turns latents into pictures.
        photo_sha256: of the photo's file, or of its numbers if it was none.
        adaptation: what makes the network draw this photo more exactly; a `results.adaptation.Adaptation` or None.
        verdict: how far the photo is from what the generator draws; None before it was asked for.
        editability: whether latent and activations lie where the generator's own do.
        notes: what there is to say about the photo or the search.
        total_steps: that the search was given; it may have ended before.
        starts: searches side by side, of which this is the best.
        losses: how pictures were compared, as `invert.losses.label` says it.
    """

    image: Float[Tensor, "rgb height width"]
    latent: Tensor
    space: str
    class_vector: Float[Tensor, " label"] | None
    residuals: Mapping[str, Tensor]
    reconstruction: Float[Tensor, "rgb height width"]
    strategy: str
    layer: str
    seed: int
    steps: int
    seconds: float
    stopped: str
    curve: Float[Tensor, "step 3"]
    errors: Errors
    network_name: str
    network_fingerprint: str
    photo_sha256: str
    adaptation: Any = None
    verdict: Verdict | None = None
    editability: Editability = field(default_factory=lambda: Editability(0.0, 0.0, None, None, 0))
    notes: tuple[str, ...] = ()
    total_steps: int = 0
    starts: int = 1
    losses: str = "usual"

    def replaced(self, **changes: Any) -> "Inversion":
        """The same inversion with other values of some fields."""
        return replace(self, **changes)

    def with_adaptation(self, adaptation: Any) -> "Inversion":
        """The same inversion, with an adaptation of the network to the photo (None takes it off)."""
        return replace(self, adaptation=adaptation)

    def with_verdict(self, verdict: Verdict | None) -> "Inversion":
        """The same inversion, judged."""
        return replace(self, verdict=verdict)

    @property
    def adapted(self) -> Float[Tensor, "rgb height width"]:
        """What the adapted network draws; without an adaptation, the reconstruction."""
        return self.reconstruction if self.adaptation is None else self.adaptation.image

    @property
    def error_map(self) -> Float[Tensor, "height width"]:
        """Where the reconstruction is off: absolute error as share of the range, mean over channels."""
        return (self.reconstruction - self.image).abs().mean(0) / 2

    def save(self, path: str | Path) -> Path:
        """Write it to one file; an older file stays until the new one is whole."""
        from ganwidgets.results.inversion_files import save

        return save(self, path)

    def plot(self) -> Any:
        """Photo, reconstruction and error as a matplotlib figure."""
        from ganwidgets.results.inversion_plot import plot

        return plot(self)

    def __repr__(self) -> str:
        height, width = self.image.shape[1:]
        adapted = "" if self.adaptation is None else ", adapted"
        return (
            f"<Inversion of a {width} × {height} photo in {self.network_name!r} by {self.strategy!r}: "
            f"{self.errors.psnr:.1f} dB after {self.steps} steps and {self.seconds:.1f} s ({self.stopped}){adapted}>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from ganwidgets.results.inversion_picture import as_png

        return {"text/plain": repr(self), "image/png": as_png(self)}


def as_uint8(image: Float[Tensor, "channel height width"]) -> np.ndarray:
    """A picture as (height width channel) of bytes; grey ones keep one channel."""
    return ((image.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
