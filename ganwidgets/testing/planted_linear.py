"""A generator that is linear, so that the best latent of any picture can be computed on paper.

z becomes maps of 4 × 4, one pattern a number; these are enlarged, and every map has a colour. The pictures it can draw
are a space of as many dimensions as z has numbers: `best_latent` projects onto it.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.generator import Generator, TorchGenerator

_MAPS, _SIDE, _SCALE = 6, 4, 4


def planted_linear_generator(channels: int = 3, z: int = 6) -> TorchGenerator:
    """The generator; its layers are "1" (6 maps of 4 × 4), "2" (of 16 × 16) and "3", the picture.

    Args:
        channels: of its pictures: 1, 3 or 4.
        z: numbers in a latent.
    """
    random = torch.Generator().manual_seed(0)
    spread = nn.Linear(z, _MAPS * _SIDE**2, bias=False)
    spread.weight.data = torch.randn(spread.weight.shape, generator=random) * 0.14
    colours = nn.Conv2d(_MAPS, channels, 1, bias=False)
    colours.weight.data = torch.randn(colours.weight.shape, generator=random) * 0.14
    parts = nn.Sequential(spread, nn.Unflatten(1, (_MAPS, _SIDE, _SIDE)), nn.Upsample(scale_factor=_SCALE), colours)
    return TorchGenerator(parts, (z,), name="linear")


def best_latent(generator: Generator, image: Float[Tensor, "channel height width"]) -> Float[Tensor, " z"]:
    """The latent whose picture has the least square error, by the normal equations."""
    each = torch.eye(generator.z_shape[0], device=generator.device)
    columns = generator.images(each, clamp=False, grad=False).flatten(1).T
    return torch.linalg.lstsq(columns, image.flatten()[:, None].to(columns)).solution[:, 0]
