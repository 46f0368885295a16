"""How the values of a layer answer to an edit: one map for each unknown, the same for every unit.

An unknown of an edit is one kernel tap of one context direction. Its response is what the convolution gives when only
that tap is 1: for a plain convolution the projected key at the neighbour, for a transposed one the projected keys
spread over every second place. A modulated one answers before demodulation, with its scale and blur.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.devices import precise
from ganwidgets.models.stylegan2_layers import ModulatedConv2d


def projected(
    keys: Float[Tensor, "batch key_dim key_h key_w"], context: Float[Tensor, "rank key_dim"]
) -> Float[Tensor, "batch rank key_h key_w"]:
    """How much of each direction is in each key, in float64 on the CPU; multiplied where the keys are, if it can be."""
    keys = precise(keys.detach())
    return torch.einsum("ri,bihw->brhw", precise(context.detach()).to(keys.device), keys).cpu()


def exact(tensor: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """In float64, on the CPU."""
    return tensor.detach().cpu().double()


def convolve(
    conv: nn.Module, maps: Float[Tensor, "batch input key_h key_w"], weight: Float[Tensor, "unit input kh kw"]
) -> Float[Tensor, "batch unit value_h value_w"]:
    """The linear part of a layer with another weight, without bias: a modulated one's with scale and blur."""
    if isinstance(conv, nn.ConvTranspose2d):
        spread = (conv.stride, conv.padding, conv.output_padding, 1, conv.dilation)
        return F.conv_transpose2d(maps, weight.transpose(0, 1), None, *spread)
    if not isinstance(conv, ModulatedConv2d):
        return conv._conv_forward(maps, weight, None)  # with the padding this convolution has
    if not conv.upsample:
        return F.conv2d(maps, weight * conv.scale, padding=conv.padding)
    spread = F.conv_transpose2d(maps, weight.transpose(0, 1) * conv.scale, stride=2)
    kernel = conv.blur.kernel.to(maps).flip(0, 1).expand(len(weight), 1, -1, -1)
    return F.conv2d(spread, kernel, padding=1, groups=len(weight))


def responses(
    conv: nn.Module, along: Float[Tensor, "batch rank key_h key_w"]
) -> Float[Tensor, "batch unknown value_h value_w"]:
    """What each tap of each direction adds at every place, unknowns ordered as in `update[unit].flatten()`."""
    batch, rank = along.shape[:2]
    kernel = conv.weight.shape[-2:]
    taps = torch.eye(kernel[0] * kernel[1], dtype=along.dtype, device=along.device).view(-1, 1, *kernel)
    maps = convolve(conv, along.flatten(0, 1)[:, None], taps)  # each direction is a picture of one unit
    return maps.view(batch, rank * len(taps), *maps.shape[-2:])
