"""The parts of a StyleGAN2 generator (Karras et al. 2020) in plain torch: no operator is compiled.

A styled layer is a convolution whose input is multiplied by a style, one number per unit, made from w. Its output is
divided by the size that the style gives it (*demodulation*). Both are factors outside the convolution, so one shared
weight serves the whole batch; the published form, which gives each image a weight of its own, is equal to it.

Names of the parts are those of the usual torch checkpoints (rosinality), so a state dict loads as it is.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.mapping import EqualLinear

KERNEL = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 16
"""The low-pass filter of upsampling, times 4 because three of four pixels are empty."""

GROUP = 16
"""Units filtered at a time where maps are large, or a multiple: what torch's convolutions on a CPU are made for."""

_LARGE = 2**23  # numbers in a map whose memory the system hands out anew each time, page by page
_GAIN = math.sqrt(2)
_SLOPE = 0.2


class Blur(nn.Module):
    """Every unit filtered alone, one pixel smaller than given: what smooths a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", KERNEL.clone())

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel.flip(0, 1)  # a convolution, not a correlation

        def filtered(x: Tensor) -> Tensor:
            return F.conv2d(x, kernel.expand(x.shape[1], 1, -1, -1), padding=1, groups=x.shape[1])

        return _few_at_a_time(filtered, x, x.numel())


class Upsample(nn.Module):
    """Twice the resolution, every channel filtered alone."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", KERNEL.clone())

    def forward(self, x: Tensor) -> Tensor:
        def filtered(x: Tensor) -> Tensor:
            kernel = self.kernel.expand(x.shape[1], 1, -1, -1)
            return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])

        return _few_at_a_time(filtered, x, 4 * x.numel())


def _few_at_a_time(work: Callable[[Tensor], Tensor], x: Tensor, size: int) -> Tensor:
    """What `work`, which treats every unit alone, makes of a map; in parts that fit into the cache if it is large."""
    if size < _LARGE or x.device.type != "cpu":
        return work(x)
    return torch.cat([work(part) for part in x.split(GROUP, 1)], 1)


class ModulatedConv2d(nn.Module):
    """A convolution of the input times a style; with demodulation, every unit is then brought to unit expected size.

    The weight is stored unscaled, (1, units, inputs, kernel, kernel); it acts divided by √(inputs · kernel²).

    Args:
        inputs: units of the input.
        units: of the output.
        kernel: side of the kernel.
        style_dim: size of w.
        demodulate: whether the output is divided by the size its style gives it.
        upsample: whether the resolution doubles: a transposed convolution, then a blur.
    """

    def __init__(
        self, inputs: int, units: int, kernel: int, style_dim: int, demodulate: bool = True, upsample: bool = False
    ) -> None:
        super().__init__()
        self.demodulate, self.upsample = demodulate, upsample
        self.scale, self.padding = 1 / math.sqrt(inputs * kernel**2), kernel // 2
        self.weight = nn.Parameter(torch.randn(1, units, inputs, kernel, kernel))
        self.modulation = EqualLinear(style_dim, inputs, bias=1.0)
        if upsample:
            self.blur = Blur()

    def keys(
        self, x: Float[Tensor, "batch unit height width"], w: Float[Tensor, "batch style"]
    ) -> Float[Tensor, "batch unit height width"]:
        """What the convolution itself is given at every location: the input times the style."""
        return x * self.modulation(w)[:, :, None, None]

    def size(self, style: Float[Tensor, "batch unit"]) -> Tensor:
        """By what the convolution's output is multiplied: the fixed scale, and demodulation; (batch unit) or (1 1)."""
        if not self.demodulate:
            return style.new_full((1, 1), self.scale)
        power = self.weight[0].square().sum((2, 3)) * self.scale**2  # (unit input)
        return self.scale * torch.rsqrt(style.square() @ power.T + 1e-8)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.modulation(w)
        x = x * style[:, :, None, None]
        if self.upsample:
            x = F.conv_transpose2d(x, self.weight[0].transpose(0, 1), stride=2)  # (2h + 1) pixels a side
        else:
            x = F.conv2d(x, self.weight[0], padding=self.padding)
        x.mul_(self.size(style)[:, :, None, None])  # in place: for large maps, new memory takes longer than the product
        return self.blur(x) if self.upsample else x

    def extra_repr(self) -> str:
        return f"demodulate={self.demodulate}, upsample={self.upsample}"


class Noise(nn.Module):
    """One map of noise added to every unit, as strong as learned, in place; None adds nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x.add_(self.weight * noise)


class Activate(nn.Module):
    """A bias per unit, leaky ReLU, times a gain, cut off at a limit; in place, as `nn.ReLU(inplace=True)`.

    Args:
        units: how many.
        gain: what the output is multiplied with besides √2.
        limit: values are clamped to ± this after all; None leaves them.
    """

    def __init__(self, units: int, gain: float | int = 1.0, limit: float | int | None = None) -> None:
        super().__init__()
        self.gain, self.limit = _GAIN * gain, limit
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor) -> Tensor:
        x.add_(self.bias[:, None, None]).mul_(self.gain)  # a gain may as well come first, for gradients in place
        return clamped(F.leaky_relu_(x, _SLOPE), self.limit)

    def extra_repr(self) -> str:
        return "" if self.limit is None and self.gain == _GAIN else f"gain={self.gain:.6g}, limit={self.limit}"


def clamped(x: Tensor, limit: float | int | None) -> Tensor:
    """Values cut off at ± a limit; in place where no gradient needs the values before."""
    if limit is None:
        return x
    return x.clamp(-limit, limit) if x.requires_grad else x.clamp_(-limit, limit)


class StyledConv(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU: the layer whose output one reads and edits.

    Args:
        inputs: units of the input.
        units: of the output.
        style_dim: size of w.
        upsample: whether the resolution doubles.
        gain: what the output is multiplied with besides √2.
        limit: values are clamped to ± this; None leaves them.
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        style_dim: int,
        upsample: bool = False,
        gain: float | int = 1.0,
        limit: float | int | None = None,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, units, 3, style_dim, upsample=upsample)
        self.noise = Noise()
        self.activate = Activate(units, gain, limit)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        return self.activate(self.noise(self.conv(x, w), noise))


class ToRGB(nn.Module):
    """A layer as colours, added to the picture so far at twice its size."""

    def __init__(
        self, inputs: int, style_dim: int, channels: int = 3, upsample: bool = True, limit: float | int | None = None
    ) -> None:
        super().__init__()
        if upsample:
            self.upsample = Upsample()
        self.limit = limit
        self.conv = ModulatedConv2d(inputs, channels, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, w: Tensor, picture: Tensor | None = None) -> Tensor:
        colours = clamped(self.conv(x, w) + self.bias, self.limit)
        return colours if picture is None else colours + self.upsample(picture)

    def extra_repr(self) -> str:
        return "" if self.limit is None else f"limit={self.limit}"


class Shortcut(nn.Module):
    """What a block of the "resnet" architecture gives: its second layer plus, at twice its size, what went into it.

    The layer is already divided by √2 (`StyledConv.gain`), and so is what is added here: the sum keeps its variance.
    """

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.scale = 1 / math.sqrt(2 * inputs)
        self.weight = nn.Parameter(torch.randn(units, inputs, 1, 1))
        self.upsample = Upsample()

    def forward(self, x: Tensor, below: Tensor) -> Tensor:
        return x + self.upsample(F.conv2d(below, self.weight * self.scale))


class Constant(nn.Module):
    """The learned 4 × 4 map all pictures start from, once for each image of a batch."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, units, 4, 4))

    def forward(self, ws: Tensor) -> Tensor:
        return self.input.expand(len(ws), -1, -1, -1)
