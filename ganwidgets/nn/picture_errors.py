"""How far pictures are from others: PSNR, SSIM and mean absolute error, one number a picture.

All take pictures in [-1, 1] and speak of the range 0 to 1, as the field does: a PSNR of 20 dB is a root mean square
error of a tenth of the range.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

MOST_PSNR = 100.0
"""What equal pictures are given [dB]: a file cannot hold infinity."""

_C1, _C2, _WINDOW, _SIGMA = 0.01**2, 0.03**2, 11, 1.5


def psnr(
    images: Float[Tensor, "batch channel height width"], others: Float[Tensor, "batch channel height width"]
) -> Float[Tensor, " batch"]:
    """Peak signal-to-noise ratio [dB]; equal pictures have 100."""
    square = (images - others).square().flatten(1).mean(1) / 4
    return (-10 * square.clamp(min=10 ** (-MOST_PSNR / 10)).log10()).clamp(max=MOST_PSNR)


def l1(
    images: Float[Tensor, "batch channel height width"], others: Float[Tensor, "batch channel height width"]
) -> Float[Tensor, " batch"]:
    """Mean absolute error as share of the range from 0 to 1."""
    return (images - others).abs().flatten(1).mean(1) / 2


def ssim(
    images: Float[Tensor, "batch channel height width"], others: Float[Tensor, "batch channel height width"]
) -> Float[Tensor, " batch"]:
    """Structural similarity, at most 1: means, contrasts and correlation in Gaussian windows of 11 pixels.

    Windows lie inside the picture; one smaller than a window is one window.

    Source: Wang et al., "Image Quality Assessment", IEEE TIP 2004.
    """
    x, y = ((part.double() + 1) / 2 for part in (images, others))  # variances are small differences
    rows, columns = (_gauss(min(_WINDOW, size)).to(x) for size in x.shape[2:])

    def smooth(maps: Tensor) -> Tensor:
        maps = maps.flatten(0, 1)[:, None]
        return F.conv2d(F.conv2d(maps, rows[None, None, :, None]), columns[None, None, None])

    mx, my = smooth(x), smooth(y)
    vx, vy = (smooth(x * x) - mx * mx).clamp(min=0), (smooth(y * y) - my * my).clamp(min=0)
    both = smooth(x * y) - mx * my
    alike = (2 * mx * my + _C1) * (2 * both + _C2) / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    return alike.flatten(1).mean(1).unflatten(0, x.shape[:2]).mean(1).float()


def correlation(
    values: Float[Tensor, "batch *shape"], others: Float[Tensor, "batch *shape"]
) -> Float[Tensor, " batch"]:
    """Pearson correlation of all numbers of an item with those of another; 0 where one of them is constant."""
    a, b = (part.double().flatten(1) for part in (values, others))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    size = (a.square().sum(1) * b.square().sum(1)).sqrt()
    return torch.where(size > 0, (a * b).sum(1) / size.clamp(min=1e-300), 0.0).float()


def _gauss(size: int) -> Float[Tensor, " size"]:
    at = torch.arange(size) - (size - 1) / 2
    weights = (-(at**2) / (2 * _SIGMA**2)).exp()
    return weights / math.fsum(weights.tolist())
