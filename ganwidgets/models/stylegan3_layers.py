"""The parts of a StyleGAN3 generator (Karras et al. 2021) in plain torch: no operator is compiled.

A layer is a modulated convolution, and a nonlinearity between two filters: the map is resampled up, rectified, and
resampled down, so that no aliases arise. Maps at the finer rate are large, so a few units are taken at a time: what
they need fits into the cache.

Every map has a margin beyond the edges of the picture. `Inside` is the part under the picture: it is the layer to
dissect and to paint on, as it can be laid over the image.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.mapping import EqualLinear
from ganwidgets.models.stylegan2_layers import GROUP, clamped
from ganwidgets.models.stylegan3_plan import LayerPlan, Plan

_ROOM = 6_000_000  # numbers at the finer rate that are worked on at a time
_GAIN, _SLOPE = math.sqrt(2), 0.2


class Inside(nn.Module):
    """The part of a map under the picture, as it is: its place is taken by what an edit makes of it."""

    def __init__(self, margin: int) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, x: Float[Tensor, "batch unit height width"]) -> Float[Tensor, "batch unit inner_h inner_w"]:
        m = self.margin
        return x[:, :, m : x.shape[2] - m, m : x.shape[3] - m]

    def extra_repr(self) -> str:
        return f"margin={self.margin}"


class Input(nn.Module):
    """Waves of fixed frequencies, moved and turned as w says, and mixed: the map all pictures start from.

    Args:
        units: how many waves, and units.
        style_dim: size of w.
        plan: size, sampling rate and bandwidth of the map.
    """

    def __init__(self, units: int, style_dim: int, plan: Plan) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = plan.size, plan.rate, plan.bandwidth
        freqs = torch.randn(units, 2)
        radius = freqs.norm(dim=1, keepdim=True)
        freqs = freqs / (radius * radius.square().exp().pow(0.25)) * self.bandwidth  # nearly even over a disc
        self.weight = nn.Parameter(torch.randn(units, units))
        self.affine = EqualLinear(style_dim, 4)
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(units) - 0.5)
        self.inside = Inside((plan.size - plan.rate) // 2)

    def forward(self, w: Float[Tensor, "batch style"]) -> Float[Tensor, "batch unit height width"]:
        move = self._transforms(w)
        phases = self.phases + (self.freqs @ move[:, :2, 2:]).squeeze(2)  # (batch unit)
        freqs = self.freqs @ move[:, :2, :2]  # (batch unit 2)
        top = self.rate / 2 - self.bandwidth
        loudness = (1 - (freqs.norm(dim=2) - self.bandwidth) / top).clamp(0, 1)  # none beyond what the rate can hold
        place = (torch.arange(self.size, device=w.device, dtype=w.dtype) + 0.5 - self.size / 2) / self.rate
        rows, columns = freqs[:, :, 1, None] * place, freqs[:, :, 0, None] * place  # (batch unit size)
        angle = rows[:, :, :, None] + columns[:, :, None] + phases[:, :, None, None]
        waves = torch.sin(angle * (2 * math.pi)) * loudness[:, :, None, None]
        weight = self.weight / math.sqrt(len(self.weight))
        return seen(F.conv2d(waves, weight[:, :, None, None]), self.inside)

    def _transforms(self, w: Tensor) -> Float[Tensor, "batch 3 3"]:
        """How w moves and turns the picture, after the fixed transform."""
        turn = self.affine(w)
        cos, sin, x, y = (turn / turn[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        none, one = torch.zeros_like(x), torch.ones_like(x)
        rotate = torch.stack([cos, -sin, none, sin, cos, none, none, none, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, none, -x, none, one, -y, none, none, one], 1).view(-1, 3, 3)
        return rotate @ shift @ self.transform

    def extra_repr(self) -> str:
        return f"size={self.size}, rate={self.rate}, bandwidth={self.bandwidth}"


class FilteredLayer(nn.Module):
    """A modulated convolution and a nonlinearity between two filters; the last layer makes colours and has neither.

    Args:
        plan: all about it.
        style_dim: size of w.
    """

    def __init__(self, plan: LayerPlan, style_dim: int) -> None:
        super().__init__()
        self.plan, self.limit = plan, plan.settings.conv_clamp
        self.weight = nn.Parameter(torch.randn(plan.units, plan.inputs, plan.kernel, plan.kernel))
        self.bias = nn.Parameter(torch.zeros(plan.units))
        self.affine = EqualLinear(style_dim, plan.inputs, bias=1.0)
        self.register_buffer("magnitude_ema", torch.ones(()))
        for name, kernel in zip(("up_filter", "down_filter"), plan.filters, strict=True):
            self.register_buffer(name, kernel)
        self.inside = Inside(plan.margin)

    def forward(self, x: Tensor, w: Tensor) -> Float[Tensor, "batch unit height width"]:
        style = self.affine(w)
        x = F.conv2d(x * style[:, :, None, None], self.weight, padding=self.plan.kernel - 1)
        x.mul_(self.size(style)[:, :, None, None]).add_(self.bias[:, None, None])
        return seen(self._activated(x), self.inside)

    def size(self, style: Float[Tensor, "batch input"]) -> Float[Tensor, "batch unit"]:
        """By what the convolution's output is multiplied: demodulation, and the running size of what goes in."""
        gain = self.magnitude_ema.rsqrt()
        if self.plan.colours:
            return (gain / math.sqrt(self.weight[0].numel())).expand(len(style), len(self.weight))
        power = self.weight.square().sum((2, 3))  # (unit input)
        own = power.sum(1) / self.weight[0].numel()  # weights of a unit act as if their mean square were 1
        return gain * torch.rsqrt(style.square() @ power.T + own * 1e-8)

    def _activated(self, x: Tensor) -> Tensor:
        """The nonlinearity, a few units and pictures at a time."""
        if self.plan.up == self.plan.down == 1 and self.up_filter is None and self.down_filter is None:
            return self._rectified(resampled(x, None, 1, self.plan.padding))
        finer = x.shape[2] * self.plan.up
        fit = _ROOM // finer**2 // len(x) // GROUP * GROUP if x.device.type == "cpu" else x.shape[1]
        if fit >= GROUP or len(x) == 1:
            parts = [self._filtered(part) for part in x.split(max(fit, GROUP), 1)]
            return parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        return torch.cat([self._activated(one) for one in x.split(1)])

    def _filtered(self, x: Tensor) -> Tensor:
        x = resampled(x, self.up_filter, self.plan.up, self.plan.padding, 1.0 if self.plan.colours else _GAIN)
        return filtered_down(self._rectified(x), self.down_filter, self.plan.down)

    def _rectified(self, x: Tensor) -> Tensor:
        """Leaky ReLU, whose √2 the filter before it has put in already, and the limit."""
        return clamped(x if self.plan.colours else F.leaky_relu_(x, _SLOPE), self.limit)

    def extra_repr(self) -> str:
        up, down = self.plan.up, self.plan.down
        return f"{self.plan.inputs}, {self.plan.units}, up={up}, down={down}, limit={self.limit}"


def seen(x: Tensor, inside: Inside) -> Tensor:
    """A map after edits of the part under the picture."""
    given, m = inside(x), inside.margin
    if given.data_ptr() == x[:, :, m:, m:].data_ptr():  # still the very numbers of the map
        return x
    x = x.clone()
    x[:, :, m : x.shape[2] - m, m : x.shape[3] - m] = given
    return x


def resampled(
    x: Float[Tensor, "batch unit height width"],
    kernel: Float[Tensor, " tap"] | None,
    up: int,
    padding: tuple[int, int],
    gain: float | int = 1.0,
) -> Float[Tensor, "batch unit wide_h wide_w"]:
    """Zeros between samples, zeros around (or edges cut off), and a filter along rows and columns.

    Args:
        x: maps.
        kernel: None leaves the filter out.
        up: how much finer.
        padding: (before, after) on each axis, at the finer rate.
        gain: what the result is multiplied with, besides what makes up for the zeros.
    """
    if kernel is None and up == 1:
        return F.pad(x, padding * 2) if any(padding) else x
    kernel = kernel if kernel is not None else x.new_ones(1)
    taps, units = len(kernel), x.shape[1]
    each = (kernel.to(x.dtype) * (up * math.sqrt(gain))).expand(units, 1, -1).contiguous()
    start = taps - 1 - padding[0]
    for axis in (2, 3):
        length = x.shape[axis] * up + sum(padding) - taps + 1
        step = (up, 1) if axis == 2 else (1, up)
        shaped = each[..., None] if axis == 2 else each[..., None, :]
        x = _window(F.conv_transpose2d(x, shaped, stride=step, groups=units), axis, start, length)
    return x


def filtered_down(
    x: Float[Tensor, "batch unit height width"], kernel: Float[Tensor, "..."] | None, down: int
) -> Float[Tensor, "batch unit less_h less_w"]:
    """A filter, and of the result every so manyth sample.

    Args:
        x: maps.
        kernel: (tap) for rows and columns, (tap tap) for both at once, None for no filter.
        down: how much coarser.
    """
    units = x.shape[1]
    if kernel is None:
        return x[:, :, ::down, ::down]
    kernel = kernel.to(x.dtype)
    if kernel.ndim == 2:
        return F.conv2d(x, kernel.flip(0, 1).expand(units, 1, -1, -1).contiguous(), stride=down, groups=units)
    each = kernel.flip(0).expand(units, 1, -1).contiguous()
    x = F.conv2d(x, each[..., None], stride=(down, 1), groups=units)
    return F.conv2d(x, each[..., None, :], stride=(1, down), groups=units)


def _window(x: Tensor, axis: int, start: int, length: int) -> Tensor:
    """A part of an axis, with zeros where it reaches beyond."""
    before, after = max(-start, 0), max(start + length - x.shape[axis], 0)
    if before or after:
        x = F.pad(x, (0, 0, before, after) if axis == 2 else (before, after))
    return x.narrow(axis, start + before, length)
