"""The small U-Net that names every pixel of the bundled world.

Four resolutions (64, 32, 16, 8), sums instead of concatenations on the way up, one map of logits for the objects
and one for the parts: 0.34 M weights and 0.2 GFLOP an image, about what the generator itself costs. It is trained
with batch normalisation; `UNet.folded` gives the network that ships, plain convolutions with a bias.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganwidgets.scenes.draw import OBJECTS, PARTS

OUTPUTS = len(OBJECTS) + 1 + len(PARTS)
"""Logits: ten objects (every pixel is one of them), then "no part", then seven parts."""


class Step(nn.Sequential):
    """Convolution, batch norm while training, ReLU; `stride` 2 halves the resolution."""

    def __init__(self, inputs: int, units: int, *, stride: int = 1, dilation: int = 1, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, units, 3, stride, padding=dilation, dilation=dilation, bias=not norm)
        if norm:
            self.norm = nn.BatchNorm2d(units)
        self.relu = nn.ReLU()


class UNet(nn.Module):
    """Images (batch rgb height width) in [-1, 1] to logits (batch 18 height width); sides are multiples of 8.

    Args:
        units: channels at full, half, quarter and eighth resolution.
        norm: batch normalisation after every 3 × 3 convolution, for training.
    """

    def __init__(self, units: tuple[int, int, int, int] = (16, 32, 64, 96), *, norm: bool = False) -> None:
        super().__init__()
        a, b, c, d = self.units = units
        self.down0 = nn.Sequential(Step(3, a, norm=norm), Step(a, a, norm=norm))
        self.down1 = nn.Sequential(Step(a, b, stride=2, norm=norm), Step(b, b, norm=norm))
        self.down2 = nn.Sequential(Step(b, c, stride=2, norm=norm), Step(c, c, norm=norm))
        wide = Step(d, d, dilation=2, norm=norm)
        self.down3 = nn.Sequential(Step(c, d, stride=2, norm=norm), wide, Step(d, d, norm=norm))
        self.lift2, self.lift1, self.lift0 = nn.Conv2d(d, c, 1), nn.Conv2d(c, b, 1), nn.Conv2d(b, a, 1)
        self.up2, self.up1 = Step(c, c, norm=norm), Step(b, b, norm=norm)
        self.up0 = nn.Sequential(Step(a, a, norm=norm), Step(a, a, norm=norm))
        self.head = nn.Conv2d(a, OUTPUTS, 1)

    def forward(self, images: Tensor) -> Tensor:
        x0 = self.down0(images)
        x1 = self.down1(x0)
        x2 = self.down2(x1)
        x = self.up2(_double(self.lift2(self.down3(x2))) + x2)
        x = self.up1(_double(self.lift1(x)) + x1)
        return self.head(self.up0(_double(self.lift0(x)) + x0))

    def folded(self) -> "UNet":
        """The same function without batch normalisation, in evaluation mode."""
        plain = UNet(self.units)
        ours = dict(self.named_modules())
        for name, step in plain.named_modules():
            if isinstance(step, Step):
                step.conv = fuse_conv_bn_eval(ours[name].conv.eval(), ours[name].norm.eval())
            elif isinstance(step, nn.Conv2d) and not name.endswith(".conv"):
                step.load_state_dict(ours[name].state_dict())
        return plain.eval()


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def split(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Object logits (batch 10 height width) and part logits (batch 8 height width), the first of which is "none"."""
    return logits[:, : len(OBJECTS)], logits[:, len(OBJECTS) :]


def label(logits: Tensor) -> Tensor:
    """The likeliest object and part of every pixel, numbered as the drawings number them (uint8, 0 = no part)."""
    objects, parts = (group.argmax(1).to(torch.uint8) for group in split(logits))
    return torch.stack([objects + 1, torch.where(parts > 0, parts + len(OBJECTS), 0).to(torch.uint8)], 1)
