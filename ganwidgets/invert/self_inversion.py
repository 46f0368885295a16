"""A network's own pictures found again: what a search can do where a perfect answer is known to exist.

`self_inversion` draws pictures from known latents, searches for them and compares what is found with what they were
made of. A layer with more numbers than the picture can match any picture, so the ratio of the two stands beside; and
activations of any two pictures are alike, so the correlation with another picture's activations does as well.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.drawing import chosen_layer
from ganwidgets.invert.losses import Losses
from ganwidgets.invert.reconstruct import reconstruct
from ganwidgets.invert.sample import SEED, batch_size
from ganwidgets.invert.strategies import DEFAULT, Strategy
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.picture_errors import correlation


@dataclass(frozen=True, eq=False)
class SelfInversion:
    """How well a network's own pictures are found again, one number a picture.

    Attributes:
        psnr: [dB].
        ssim: structural similarity.
        latent: correlation of the latent found with the true one.
        acts: correlation of the edit layer's activations found with the true ones.
        acts_chance: correlation of the activations found with those of another picture: what is no merit.
        image: correlation of the pictures.
        seconds: taken for all.
        ratio: numbers in the edit layer's activations over numbers in a picture; above 1, a small error proves nothing.
        strategy: name of the strategy.
        layer: the edit layer.
        steps: taken, at most.
        seed: of the pictures.
    """

    psnr: Float[Tensor, " picture"]
    ssim: Float[Tensor, " picture"]
    latent: Float[Tensor, " picture"]
    acts: Float[Tensor, " picture"]
    acts_chance: Float[Tensor, " picture"]
    image: Float[Tensor, " picture"]
    seconds: float
    ratio: float
    strategy: str
    layer: str
    steps: int
    seed: int

    @property
    def n(self) -> int:
        """Number of pictures."""
        return len(self.psnr)

    def __repr__(self) -> str:
        psnr, latent, acts, chance = (
            float(part.median()) for part in (self.psnr, self.latent, self.acts, self.acts_chance)
        )
        return (
            f"<SelfInversion by {self.strategy!r}, n = {self.n}: median {psnr:.1f} dB, correlation of latents "
            f"{latent:.2f}, of {self.layer} {acts:.2f} (another picture {chance:.2f}; {self.ratio:.2f} of a picture's "
            "numbers)>"
        )


def self_inversion(
    network: Generator,
    strategy: str | Strategy = DEFAULT,
    n: int = 24,
    steps: int | None = None,
    seed: int = 1,
    *,
    layer: str | None = None,
    losses: Losses | None = None,
    progress: Callable[[float], Any] | None = None,
) -> SelfInversion:
    """Find a network's own pictures again.

    Args:
        network: a generator.
        strategy: name of a strategy.
        n: number of pictures.
        steps: at most; None takes the strategy's own number.
        seed: of the pictures' latents; starts learn from another one.
        layer: the edit layer; None takes the usual one.
        losses: how pictures are compared.
        progress: called with the share done.

    Raises:
        ValueError: as `reconstruct`, fewer than 2 pictures, or the seed that starts learn from.
    """
    whole_number("n", n, 2)
    if seed == SEED:
        raise ValueError(f"`seed` must be another than {SEED}: starts learn from those pictures, and would know them")
    began, layer = time.monotonic(), chosen_layer(network, layer)
    z = network.sample_z(n, seed)
    images, acts = own_pictures(network, z, layer)
    found = reconstruct(network, images, strategy, layer=layer, steps=steps, losses=losses, progress=progress)
    parts = [found.part(slice(at, at + batch_size(network))) for at in range(0, n, batch_size(network))]
    acts_found = torch.cat([part.acts(network) for part in parts])
    latents = {"z": lambda: z, "w": lambda: network.ws(z)[:, 0], "ws": lambda: network.ws(z)}[found.space]()
    return SelfInversion(
        found.psnr.cpu(),
        found.ssim.cpu(),
        correlation(found.latents, latents.detach()).cpu(),
        correlation(acts_found, acts).cpu(),
        correlation(acts_found, acts.roll(1, 0)).cpu(),
        correlation(found.images, images).cpu(),
        time.monotonic() - began,
        prod(network.layer_info(layer).shape) / prod(network.image_shape),
        found.strategy,
        layer,
        found.steps,
        seed,
    )


@torch.no_grad()
def own_pictures(network: Generator, z: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Pictures of these latents, and the layer's activations."""
    found = [network.read(part, layer, grad=False) for part in z.split(batch_size(network))]
    return torch.cat([images for images, _ in found]), torch.cat([acts[layer] for _, acts in found])
