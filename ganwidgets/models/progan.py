"""The Progressive GAN generator of Karras et al. (2018), as published for GAN Dissection.

A latent is normalised and spread to 4 × 4; every further pair of layers doubles the resolution; a last 1 × 1
convolution makes RGB. A layer is norm → (upsample) → convolution → scale and bias → LeakyReLU, so what one reads at
`layerN` is the rectified output *before* the next norm. Everything about the shape is in the state dict:
`ProGAN.from_state_dict` infers it, `canonical_keys` translates the two older naming conventions.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PixelNorm(nn.Module):
    """Scale every location to unit mean square over its units."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class ScaledBias(nn.Module):
    """Multiply by a fixed scale (equalised learning rate) and add a learned bias per unit."""

    def __init__(self, units: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.b = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.b.to(x.dtype)[:, None, None]


class Layer(nn.Module):
    """Norm, optional nearest upsampling, convolution, scale and bias, LeakyReLU(0.2)."""

    def __init__(self, inputs: int, units: int, *, kernel: int = 3, padding: int = 1, up: bool = False) -> None:
        super().__init__()
        self.norm = PixelNorm()
        self.up = nn.Upsample(scale_factor=2, mode="nearest") if up else nn.Identity()
        self.conv = nn.Conv2d(inputs, units, kernel, padding=padding, bias=False)
        self.wscale = ScaledBias(units, math.sqrt(2) / (kernel * math.sqrt(inputs)))
        self.relu = nn.LeakyReLU(0.2)
        nn.init.normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.wscale(self.conv(self.up(self.norm(x)))))


class ToRGB(nn.Module):
    """Norm and a 1 × 1 convolution to image channels; no activation (images are clamped by the caller)."""

    def __init__(self, inputs: int, channels: int = 3) -> None:
        super().__init__()
        self.norm = PixelNorm()
        self.conv = nn.Conv2d(inputs, channels, 1, bias=False)
        self.wscale = ScaledBias(channels, 1 / math.sqrt(inputs))
        nn.init.normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.wscale(self.conv(self.norm(x)))


class ProGAN(nn.Sequential):
    """The published generator: `layer1` … `layerN`, then `output_{R}x{R}`.

    Args:
        sizes: latent size, then the number of units at 4, 8, 16, … pixels; resolution is 4 · 2^(len(sizes) − 2).
        channels: image channels.
    """

    def __init__(self, sizes: tuple[int, ...], channels: int = 3) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.resolution = 4 * 2 ** (len(sizes) - 2)
        for level, (inputs, units) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            number = 2 * level + 1
            first = Layer(inputs, units, up=True) if level else Layer(inputs, units, kernel=4, padding=3)
            self.add_module(f"layer{number}", first)
            self.add_module(f"layer{number + 1}", Layer(units, units))
        self.add_module(f"output_{self.resolution}x{self.resolution}", ToRGB(sizes[-1], channels))

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z[:, :, None, None] if z.ndim == 2 else z)
