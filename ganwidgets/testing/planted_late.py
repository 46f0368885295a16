"""A generator with late layers, and a photo that it draws exactly once it is adapted by a known map.

`planted_late_generator` paints as `planted_generator` does, at a quarter of the size; two blocks double it and let
everything through, so whatever multiplies a unit in them multiplies its paint in the picture. `planted_late_photo` is
what it draws when the first block's red is multiplied by `1 + gain` in the upper half: its inversion is known but for
that map.
"""

import torch
from torch import nn

from ganwidgets.models.generator import TorchGenerator
from ganwidgets.models.map_edits import scale_map
from ganwidgets.results.inversion import Editability, Inversion, errors_between
from ganwidgets.testing.planted import RED, Colour, Paint

UNITS, SIDE = 6, 8


def planted_late_generator() -> TorchGenerator:
    """`layer1` (6, 8, 8) → `layer2` (6, 16, 16) → `layer3` (6, 32, 32) → `colour` (3, 32, 32)."""
    module = nn.Sequential()
    module.add_module("layer1", Paint(UNITS, 4, SIDE, SIDE))
    for name in ("layer2", "layer3"):
        module.add_module(name, nn.Sequential(nn.Upsample(scale_factor=2), _through()))
    module.add_module("colour", Colour(UNITS, 3))
    return TorchGenerator(module.eval().requires_grad_(False), z_shape=(4,), name="planted late")


def planted_late_photo(generator: TorchGenerator, gain: float = 0.5, rows: int = SIDE) -> Inversion:
    """The photo, inverted but for the map: its red is `1 + gain` times as strong in the first `rows` of `layer2`."""
    z = torch.tensor([[1.0, 1.0, 0.5, 0.5]])
    d = torch.zeros(UNITS, 2 * SIDE, 2 * SIDE)
    d[RED, :rows] = gain
    with generator.intervene("layer2", scale_map(d)):
        photo = generator.images(z)[0]
    rough = generator.images(z)[0]
    return Inversion(
        image=photo,
        latent=z,
        space="z",
        class_vector=None,
        residuals={"layer1": torch.zeros(UNITS, SIDE, SIDE)},
        reconstruction=rough,
        strategy="planted",
        layer="layer1",
        seed=1,
        steps=0,
        total_steps=0,
        seconds=0.0,
        stopped="steps",
        curve=torch.zeros(1, 3),
        errors=errors_between(rough, photo),
        network_name=generator.name,
        network_fingerprint=generator.fingerprint,
        photo_sha256="0" * 64,
        editability=Editability(0.0, 0.0, None, None, 0),
    )


def _through() -> nn.Conv2d:
    """A convolution that gives what it gets."""
    layer = nn.Conv2d(UNITS, UNITS, 1, bias=False)
    layer.weight.data = torch.eye(UNITS)[:, :, None, None].clone()
    return layer
