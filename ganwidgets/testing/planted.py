"""A generator and a segmenter whose every answer is known on paper.

`planted_generator` paints by rule: unit 0 *is* the concept "red" (the left half of the image, in those images whose
z[0] is positive), unit 1 *is* the concept "blue" (a dot in the right half, where z[1] is positive), unit 2 is dead,
unit 3 is saturated, all others carry noise that nothing looks at. `planted_segmenter` reads the colours back exactly.
So, for every layer:

- the IoU of unit 0 with "red" and of unit 1 with "blue" is 1 at any threshold in [0, maximum). "Blue" covers 1/64 of
  half the images, so a top fraction of 0.01 finds it; "red" covers 1/2 of half of them: take 0.3;
- the IoU of unit 0 with the part "red top" (upper half of the red) is 1/2; "green" never occurs;
- ablating unit 0 removes all red (1/2 of the image where z[0] > 0), and nothing else; unit 1 likewise for blue;
  no other unit changes a single pixel;
- at strength s the paint keeps 1 − s of its colour, and counts while that is more than 1/2;
- `layer2` is `layer1` times 2.

Fewer than four units leave out the later plants: one unit is just "red".
"""

import hashlib

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from ganwidgets.models.generator import TorchGenerator

RED, BLUE, DEAD, SATURATED = range(4)
"""The planted units."""


def red_area(height: int, width: int) -> Float[np.ndarray, "height width"]:
    """Where "red" is painted: the left half."""
    area = np.zeros((height, width), np.float32)
    area[:, : width // 2] = 1
    return area


def blue_area(height: int, width: int) -> Float[np.ndarray, "height width"]:
    """Where "blue" is painted: a dot of an eighth of the height and width, in the middle of the right half."""
    area = np.zeros((height, width), np.float32)
    top, left = height // 2, width * 3 // 4
    area[top : top + max(1, height // 8), left : left + max(1, width // 8)] = 1
    return area


class Paint(nn.Module):
    """z (batch depth) to activations (batch unit height width): gates of z times fixed maps."""

    def __init__(self, units: int, depth: int, height: int, width: int) -> None:
        super().__init__()
        areas = np.random.RandomState(0).uniform(0, 1, (units, height, width)).astype(np.float32)
        for unit, area in enumerate((red_area(height, width), blue_area(height, width), 0, 1)[:units]):
            areas[unit] = area
        self.register_buffer("areas", torch.from_numpy(areas))
        self.depth = depth

    def forward(self, z: Tensor) -> Tensor:
        units = len(self.areas)
        gates = z[:, torch.arange(units) % self.depth].clamp(min=0)  # (batch unit)
        gates[:, :DEAD] = (z[:, : min(units, DEAD)] > 0).to(z)
        gates[:, SATURATED : SATURATED + 1] = 1
        return gates[:, :, None, None] * self.areas


class Double(nn.Module):
    """Times two."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Colour(nn.Module):
    """`layer2` to an image: mid-grey, plus red and blue paint; opaque if there is an alpha channel."""

    def __init__(self, units: int, channels: int) -> None:
        super().__init__()
        weight, bias = torch.zeros(channels, units), torch.zeros(channels)
        red, blue = ([1.0], [-1.0]) if channels == 1 else ([1.0, -1.0, -1.0], [-1.0, -1.0, 1.0])
        for unit, colour in enumerate((red, blue)[:units]):
            weight[: len(colour), unit] = torch.tensor(colour) / 2
        bias[3:] = 1.0
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, acts: Tensor) -> Tensor:
        return torch.einsum("cu,buhw->bchw", self.weight, acts) + self.bias[:, None, None]


def planted_generator(
    units: int = 8, resolution: int | tuple[int, int] = 16, *, channels: int = 3, depth: int = 4
) -> TorchGenerator:
    """A generator with known units; see the module's description.

    Args:
        units: in each of `layer1` and `layer2`.
        resolution: of layers and images alike; one number, or (height, width), at least 8.
        channels: of the image: 1, 3 or 4.
        depth: of the latent, at least 2.
    """
    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    module = nn.Sequential()
    module.add_module("layer1", Paint(units, depth, height, width))
    module.add_module("layer2", Double())
    module.add_module("colour", Colour(units, channels))
    return TorchGenerator(module.eval(), z_shape=(depth,), name="planted")


class PlantedSegmenter:
    """Reads the planted paint back: slot "object" holds red, blue and green, slot "part" the upper half of the red."""

    name = "planted"
    concepts = ("red", "blue", "green", "red top")
    categories = ("object", "object", "object", "part")
    slots = ("object", "part")

    def scores(self, images: Float[Tensor, "batch rgb height width"]) -> Float[Tensor, "batch concept height width"]:
        """How much of each paint is there: 1 for all of it, 0 or less for none; differentiable."""
        if images.shape[1] == 1:
            grey = images[:, 0]
            red, blue, green = grey, -grey, torch.zeros_like(grey)
        else:
            red, green, blue = ((images[:, here] - images[:, other]) / 2 for here, other in ((0, 1), (1, 0), (2, 1)))
        top = red * (torch.arange(red.shape[1], device=red.device) < red.shape[1] // 2)[:, None]
        return torch.stack([red, blue, green, top], 1)

    def __call__(self, images: Float[Tensor, "batch rgb height width"]) -> UInt8[Tensor, "batch slot height width"]:
        """Number of the concept in each slot, 0 for nothing."""
        present = self.scores(images) > 0.5
        numbers = torch.arange(1, 5, device=images.device)[:, None, None] * present
        return torch.stack([numbers[:, :3].amax(1), numbers[:, 3]], 1).to(torch.uint8)

    def fingerprint(self) -> str:
        """Identifies this segmenter in caches."""
        return hashlib.sha256(b"planted segmenter 1").hexdigest()


def planted_segmenter() -> PlantedSegmenter:
    """The segmenter that reads `planted_generator`'s images without error."""
    return PlantedSegmenter()
