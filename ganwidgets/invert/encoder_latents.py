"""What an encoder estimates: z, or w for StyleGANs, whose z cannot be read off a picture; and samples to learn it from.

The label of a class-conditional network is part of a sample, never of the estimate: a picture is drawn again with the
class it was drawn with.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.generator import Generator
from ganwidgets.models.style_generator import StyleGenerator

MEASURED = 512  # latents from which mean and spread are taken
_MEASURING_SEED = 90_001
_SAME = 1e-3  # mean difference of pictures that counts as none


@dataclass(frozen=True, eq=False)
class LatentSpace:
    """Latents as an encoder sees them: rows of numbers with mean 0 and spread 1.

    Attributes:
        space: "z" or "w".
        shape: of one latent.
        mean, spread: of each of its numbers.
        scale_free: whether a latent twice as long gives the same picture, so that only its direction can be found.
    """

    space: str
    shape: tuple[int, ...]
    mean: Tensor
    spread: Tensor
    scale_free: bool

    def to_rows(self, latents: Tensor) -> Float[Tensor, "batch number"]:
        """Standardised; of unit mean square if only the direction counts."""
        rows = (latents.flatten(1) - self.mean) / self.spread
        return _unit(rows) if self.scale_free else rows

    def from_rows(self, rows: Float[Tensor, "batch number"]) -> Tensor:
        """The latents that such rows stand for."""
        rows = _unit(rows) if self.scale_free else rows
        return (rows * self.spread + self.mean).unflatten(1, self.shape)

    def error(self, rows: Float[Tensor, "batch number"], latents: Tensor) -> Tensor:
        """1 − cosine similarity, and unless only directions count the mean square besides."""
        wanted = self.to_rows(latents)
        error = (1 - F.cosine_similarity(rows, wanted, 1)).mean()
        return error if self.scale_free else error + (rows - wanted).square().mean()


@dataclass(frozen=True, eq=False)
class Sample:
    """Latents with what must go into the network beside them to draw the pictures they were drawn from."""

    latents: Tensor
    labels: Tensor | None = None

    def inputs(self, network: Generator, latents: Tensor | None = None) -> Any:
        """What to call the network with, for these latents or others in their place."""
        latents = self.latents if latents is None else latents
        if isinstance(network, StyleGenerator):
            return network.ws_of(latents)
        return latents if self.labels is None else (latents, self.labels)

    def __getitem__(self, index: Tensor) -> "Sample":
        return Sample(self.latents[index], None if self.labels is None else self.labels[index])


def drawn(network: Generator, n: int, seed: int) -> Sample:
    """`n` samples; the same ones for the same seed."""
    z = network.sample_z(n, seed)
    with torch.no_grad():
        if isinstance(network, StyleGenerator):
            return Sample(torch.cat([network.ws(part)[:, 0] for part in z.split(64)]))
        return Sample(z, network.labels_of(z) if isinstance(network, ConditionalGenerator) else None)


def latent_space(network: Generator) -> LatentSpace:
    """Measured on samples of the network."""
    sample = drawn(network, MEASURED, _MEASURING_SEED)
    rows = sample.latents.flatten(1).float()
    spread = rows.std(0).clamp(min=1e-6)
    if isinstance(network, StyleGenerator):
        return LatentSpace("w", tuple(sample.latents.shape[1:]), rows.mean(0), spread, False)
    few = sample[torch.arange(4)]
    with torch.no_grad():
        once, twice = (network.images(few.inputs(network, few.latents * scale), clamp=False) for scale in (1, 2))
    if network.sampler is None:  # a standard normal by declaration
        mean, spread = torch.zeros_like(spread), torch.ones_like(spread)
    else:
        mean = rows.mean(0)
    return LatentSpace("z", network.z_shape, mean, spread, bool((once - twice).abs().mean() < _SAME))


def _unit(rows: Tensor) -> Tensor:
    return rows * torch.rsqrt(rows.square().mean(1, keepdim=True) + 1e-8)
