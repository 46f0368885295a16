"""The two networks of the bundled world while they grow: 8 → 16 → 32 → 64 pixels with fade-in.

`GrowingGenerator` is a `ProGAN` cut into levels with an RGB output at each; `export` gives the state dict of the
published shape at the current level. `Discriminator` mirrors it (Karras et al. 2018, without the norm) and keeps its
names when it is cut back to one resolution, so that later work can continue training or read its features.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.progan import ProGAN, ScaledBias, ToRGB

SIZES = (64, 128, 128, 64, 32, 16)
"""Latent size, then units at 4, 8, 16, 32 and 64 pixels: 0.72 M weights, 0.2 GFLOP an image."""


class GrowingGenerator(nn.Module):
    """A `ProGAN` with an RGB output at every level; `level` 1 is 8 pixels."""

    def __init__(self, sizes: tuple[int, ...] = SIZES) -> None:
        super().__init__()
        self.sizes = sizes
        whole = ProGAN(sizes)
        self.layers = nn.ModuleDict({name: m for name, m in whole.named_children() if name.startswith("layer")})
        self.rgb = nn.ModuleList(ToRGB(units) for units in sizes[1:])

    def forward(self, z: Tensor, level: int, fade: Tensor) -> Tensor:
        """Images (batch rgb R R); `fade` in [0, 1] is the share of the newest level."""
        x = z[:, :, None, None]
        for number in range(level):
            x = self.layers[f"layer{2 * number + 2}"](self.layers[f"layer{2 * number + 1}"](x))
        old = F.interpolate(self.rgb[level - 1](x), scale_factor=2, mode="nearest")
        x = self.layers[f"layer{2 * level + 2}"](self.layers[f"layer{2 * level + 1}"](x))
        return torch.lerp(old.float(), self.rgb[level](x).float(), fade)

    def export(self, level: int) -> dict[str, Tensor]:
        """State dict of the published generator at `level`, for `ProGAN.from_state_dict`."""
        resolution = 4 * 2**level
        kept = {f"layer{n}" for n in range(1, 2 * level + 3)}
        state = {k: v for k, v in self.layers.state_dict().items() if k.split(".")[0] in kept}
        rgb = {f"output_{resolution}x{resolution}.{k}": v for k, v in self.rgb[level].state_dict().items()}
        return {k: v.detach().clone().contiguous() for k, v in (state | rgb).items()}


def level_of(state: Mapping[str, Tensor]) -> int:
    """Level of an exported generator: two layers to each resolution, the first of which is 4 pixels."""
    return sum(name.startswith("layer") and name.endswith(".conv.weight") for name in state) // 2 - 1


class EqualConv(nn.Module):
    """Convolution with equalised learning rate and bias, LeakyReLU(0.2) unless it is the last."""

    def __init__(self, inputs: int, units: int, kernel: int, *, padding: int = 0, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, units, kernel, padding=padding, bias=False)
        self.wscale = ScaledBias(units, gain / (kernel * math.sqrt(inputs)))
        nn.init.normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.wscale(self.conv(x)), 0.2)


class DiscriminatorBlock(nn.Module):
    """Two convolutions, then half the resolution."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.conv0 = EqualConv(inputs, inputs, 3, padding=1)
        self.conv1 = EqualConv(inputs, units, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv1(self.conv0(x)), 2)


class Discriminator(nn.Module):
    """Progressive discriminator with minibatch standard deviation; `forward` gives one logit an image.

    Without `level` it looks at its full resolution, which is all that a published one can do.
    """

    def __init__(self, sizes: tuple[int, ...] = SIZES) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.top = len(sizes) - 2
        self.from_rgb = nn.ModuleDict({str(k): EqualConv(3, sizes[k + 1], 1) for k in range(self.top + 1)})
        self.blocks = nn.ModuleDict(
            {str(k): DiscriminatorBlock(sizes[k + 1], sizes[k]) for k in range(1, self.top + 1)}
        )
        units = sizes[1]
        self.last = EqualConv(units + 1, units, 3, padding=1)
        self.dense = EqualConv(units, units, 4)
        self.logit = nn.Linear(units, 1)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "Discriminator":
        """The discriminator in a published file; its sizes are read off the weights."""
        state = {name: tensor.float() for name, tensor in state.items()}
        top = max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
        units = [state[f"blocks.{k}.conv1.conv.weight"].shape[0] for k in range(1, top + 1)]
        net = cls((64, *units, state[f"blocks.{top}.conv0.conv.weight"].shape[0]))
        net.from_rgb = nn.ModuleDict({str(top): net.from_rgb[str(top)]})
        net.load_state_dict(state)
        return net

    def features(self, image: Tensor, level: int | None = None, fade: Tensor | None = None) -> Tensor:
        """Activations (batch unit 4 4) before the minibatch statistic; `fade` mixes in the next lower resolution."""
        level = level or self.top
        x = self.blocks[str(level)](self.from_rgb[str(level)](image))
        if fade is not None:
            old = self.from_rgb[str(level - 1)](F.avg_pool2d(image, 2))
            x = torch.lerp(old.float(), x.float(), fade).to(x.dtype)
        for k in range(level - 1, 0, -1):
            x = self.blocks[str(k)](x)
        return x

    def forward(self, image: Tensor, level: int | None = None, fade: Tensor | None = None) -> Tensor:
        x = self.features(image, level, fade)
        x = self.last(torch.cat([x, minibatch_deviation(x)], 1))
        return self.logit(self.dense(x).flatten(1)).float().squeeze(1)


def cut_discriminator(state: Mapping[str, Tensor], level: int) -> dict[str, Tensor]:
    """The part of a discriminator's state dict that looks at full `level` images, for `from_state_dict`."""
    kept = ("last.", "dense.", "logit.", f"from_rgb.{level}.", *(f"blocks.{k}." for k in range(1, level + 1)))
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items() if name.startswith(kept)}


def minibatch_deviation(x: Tensor, group: int = 4) -> Tensor:
    """Mean standard deviation over groups of `group` images, one map an image (batch 1 h w)."""
    n, _, h, w = x.shape
    group = math.gcd(n, group)
    y = x.float().reshape(group, n // group, *x.shape[1:])
    deviation = (y.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(n, 1, h, w).to(x.dtype)
