"""Decoders as generators: what turns latents into pictures can be dissected and edited, wherever latents come from.

The decoders people use today (of latent diffusion models, say) have no prior: their latents are encoded photos. A
`DecoderGenerator` draws from photos, by default these very ones in another order, or from a normal distribution with
their mean and covariance.

    G = gw.models.load_decoder("taef2_decoder.pth", "taef2_encoder.pth", photos=images)
    G.reconstruct(images)               # what the decoder makes of them
    gw.dissect.panel(G, segmenter=…)
"""

import copy
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.generator import Generator
from ganwidgets.models.passes import Inputs, first_tensor

Encoder = Callable[[Float[Tensor, "batch rgb height width"]], Any]

DRAWS = ("photos", "gaussian")
"""What latents are drawn from."""

_BATCH = 8


@dataclass(frozen=True, eq=False)
class Encodings:
    """Encoded photos, from which latents are drawn.

    Attributes:
        z: the latents of the photos.
        draw: "photos": all of them in another order for each seed, again and again; "gaussian": a normal distribution
            with their mean and covariance, so every latent is a mixture of them.
    """

    z: Float[Tensor, "photo *latent"]
    draw: str = "photos"

    def __call__(self, n: int, seed: int) -> Float[Tensor, "n *latent"]:
        random = np.random.RandomState(seed)
        if self.draw == "photos":
            rounds = -(-n // len(self.z))
            order = np.concatenate([random.permutation(len(self.z)) for _ in range(rounds)])[:n]
            return self.z[torch.from_numpy(order)]
        mean = self.z.mean(0)
        weights = torch.from_numpy(random.standard_normal((n, len(self.z)))).to(self.z) / (len(self.z) - 1) ** 0.5
        parts = (self.z - mean).flatten(1).T.contiguous()
        # One product for each: rows of one large product depend on how many there are.
        return mean + torch.stack([parts @ own for own in weights]).unflatten(1, self.z.shape[1:])


class DecoderGenerator(Generator):
    """A decoder as a generator over encoded photos.

    Args:
        decoder: any module that turns latents into images.
        encoder: turns photos in [-1, 1] into latents, if there is one; what it gives may be a tensor, the first of a
            tuple or mapping, or a distribution with a `mode()`, as diffusers' encoders give it.
        photos: (photo rgb height width) in [-1, 1], or uint8; their encodings are what latents are drawn from.
        z: latents to draw from instead, for a decoder without an encoder.
        name: what reports call it.
        scale: latents are (what the encoder gives − shift) · scale.
        shift: see there.
        draw: "photos" or "gaussian"; see `Encodings`.
        output_range: lowest and highest value of the decoder's images.

    Raises:
        ValueError: photos without an encoder, both photos and latents, or a decoder that gives no images.
    """

    def __init__(
        self,
        decoder: nn.Module,
        encoder: Encoder | None = None,
        photos: Any = None,
        *,
        z: Float[Tensor, "photo *latent"] | None = None,
        name: str | None = None,
        scale: float | int = 1.0,
        shift: float | int = 0.0,
        draw: str = "photos",
        output_range: tuple[float | int, float | int] = (-1.0, 1.0),
    ) -> None:
        if draw not in DRAWS:
            raise ValueError(f"`draw` must be one of {DRAWS}, got {draw!r}")
        if not scale or not abs(scale) < float("inf"):
            raise ValueError(f"`scale` must be a number other than 0, got {scale!r}")
        if (photos is None) == (z is None):
            raise ValueError("`photos` must be given, or else `z`, latents to draw from")
        self.encoder, self.scale, self.shift = encoder, float(scale), float(shift)
        if z is None:
            z = self.encode(photos)
        if draw == "gaussian" and len(z) < 2:
            raise ValueError(f"`draw` 'gaussian' needs at least 2 photos, got {len(z)}")
        self.encodings = Encodings(z.detach().float().cpu(), draw)
        super().__init__(decoder, tuple(z.shape[1:]), name, output_range, self.encodings)

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns latents into images, scale and shift included."""
        return hashlib.sha256(f"{super().fingerprint} {self.scale} {self.shift}".encode()).hexdigest()

    def encode(self, photos: Any) -> Float[Tensor, "photo *latent"]:
        """The latents of photos.

        Args:
            photos: (photo rgb height width) in [-1, 1], or uint8.

        Raises:
            ValueError: no encoder, or no such photos.
        """
        if self.encoder is None:
            raise ValueError("`encoder` must be given to encode photos: this generator has only the decoder")
        images = _as_photos(photos)
        with torch.no_grad():
            parts = [_latents(self.encoder(part)) for part in images.split(_BATCH)]
        return (torch.cat(parts).float() - self.shift) * self.scale

    def reconstruct(self, photos: Any) -> Float[Tensor, "photo rgb height width"]:
        """What the decoder makes of photos, in [-1, 1]; see `encode`."""
        return torch.cat([self.images(z, grad=False) for z in self.encode(photos).split(_BATCH)])

    def drawing(self, draw: str) -> "DecoderGenerator":
        """The same generator, sharing all weights, drawing from "photos" or from a "gaussian" of them."""
        if draw not in DRAWS:
            raise ValueError(f"`draw` must be one of {DRAWS}, got {draw!r}")
        if draw == "gaussian" and len(self.encodings.z) < 2:
            raise ValueError(f"`draw` 'gaussian' needs at least 2 photos, got {len(self.encodings.z)}")
        second = copy.copy(self)
        second.encodings = second.sampler = Encodings(self.encodings.z, draw)
        return second

    def _call(self, inputs: Inputs) -> Any:
        return self.module(inputs / self.scale + self.shift)


def _latents(encoded: Any) -> Tensor:
    """The latents in what an encoder gives."""
    encoded = getattr(encoded, "latent_dist", encoded)
    if hasattr(encoded, "mode") and not isinstance(encoded, Tensor):
        encoded = encoded.mode()
    found = first_tensor(encoded)
    if found is None:
        raise ValueError(f"`encoder` must give latents as a tensor, got {type(encoded).__name__}")
    return found


def _as_photos(photos: Any) -> Float[Tensor, "photo rgb height width"]:
    images = torch.as_tensor(np.asarray(photos) if isinstance(photos, Sequence) else photos)
    if images.dtype == torch.uint8:
        images = images.float() / 127.5 - 1
        images = images.permute(0, 3, 1, 2) if images.ndim == 4 and images.shape[-1] == 3 else images
    if images.ndim != 4 or not len(images) or not images.is_floating_point() or not images.isfinite().all():
        raise ValueError(f"`photos` must be images (photo rgb height width) in [-1, 1], or uint8, got {images.shape}")
    if images.abs().max() > 1.05:
        raise ValueError(f"`photos` must lie in [-1, 1], got {images.min():.3g} to {images.max():.3g}")
    return images.float()
