"""The parts of a StyleGAN2 generator (Karras et al. 2020) in plain torch: no operator is compiled.

A styled layer is a convolution whose input is multiplied by a style, one number per unit, made from w. Its output is
divided by the size that the style gives it (*demodulation*). Both are factors outside the convolution, so one shared
weight serves the whole batch; the published form, which gives each image a weight of its own, is equal to it.

Names of the parts are those of the usual torch checkpoints (rosinality), so a state dict loads as it is.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = torch.outer(torch.tensor([1.0, 3.0, 3.0, 1.0]), torch.tensor([1.0, 3.0, 3.0, 1.0])) / 16
"""The low-pass filter of upsampling, times 4 because three of four pixels are empty."""

_GAIN = math.sqrt(2)
_SLOPE = 0.2


class EqualLinear(nn.Module):
    """A linear layer whose weight is stored larger than it acts, by a factor that depends on its shape.

    Args:
        inputs: size of the input.
        outputs: size of the output.
        bias: what the bias starts as.
        rate: how much smaller yet weight and bias act (the mapping learns slowly: 0.01).
        rectify: whether leaky ReLU times √2 follows.
    """

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0, rectify: bool = False) -> None:
        super().__init__()
        self.scale, self.rate, self.rectify = rate / math.sqrt(inputs), rate, rectify
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight * self.scale, self.bias * self.rate)
        return F.leaky_relu(y, _SLOPE) * _GAIN if self.rectify else y

    def extra_repr(self) -> str:
        return f"rate={self.rate}, rectify={self.rectify}"


class Blur(nn.Module):
    """Every unit filtered alone, one pixel smaller than given: what smooths a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", KERNEL.clone())

    def forward(self, x: Tensor) -> Tensor:
        units = x.shape[1]
        kernel = self.kernel.flip(0, 1).expand(units, 1, -1, -1)  # a convolution, not a correlation
        return F.conv2d(x, kernel, padding=1, groups=units)


class Upsample(nn.Module):
    """Twice the resolution, every channel filtered alone."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", KERNEL.clone())

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.kernel.expand(channels, 1, -1, -1)
        return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=channels)


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
    """One map of noise added to every unit, as strong as learned; None adds nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + self.weight * noise


class Activate(nn.Module):
    """A bias per unit, leaky ReLU, times √2; in place, as `nn.ReLU(inplace=True)`."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor) -> Tensor:
        x.add_(self.bias[:, None, None]).mul_(_GAIN)  # √2 may as well come first, and then gradients work in place
        return F.leaky_relu_(x, _SLOPE)


class StyledConv(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU: the layer whose output one reads and edits."""

    def __init__(self, inputs: int, units: int, style_dim: int, upsample: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inputs, units, 3, style_dim, upsample=upsample)
        self.noise = Noise()
        self.activate = Activate(units)

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        return self.activate(self.noise(self.conv(x, w), noise))


class ToRGB(nn.Module):
    """A layer as colours, added to the picture so far at twice its size."""

    def __init__(self, inputs: int, style_dim: int, channels: int = 3, upsample: bool = True) -> None:
        super().__init__()
        if upsample:
            self.upsample = Upsample()
        self.conv = ModulatedConv2d(inputs, channels, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, w: Tensor, picture: Tensor | None = None) -> Tensor:
        colours = self.conv(x, w) + self.bias
        return colours if picture is None else colours + self.upsample(picture)


class Constant(nn.Module):
    """The learned 4 × 4 map all pictures start from, once for each image of a batch."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, units, 4, 4))

    def forward(self, ws: Tensor) -> Tensor:
        return self.input.expand(len(ws), -1, -1, -1)
