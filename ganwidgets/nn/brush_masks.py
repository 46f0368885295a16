"""Where a photo gives way to what was painted: the brush, made larger and softened, so that its border is drawn anew.

A brush ends at a line, and what units draw does not. `surround` gives the share of the generated picture at each place:
1 inside the brush and a little around it, 0 farther out, where the photo is shown as it is. `composite` puts the two
together, and `outside_error` says how far a picture is from the photo where nobody painted.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019): at 256 pixels, 16 pixels around the brush, and a Gaussian of 4.
"""

from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.nn.regions import resize

AROUND, SOFT = 16 / 256, 4 / 256
"""How far the brush is made larger for a refinement, and the sigma of its softening, as shares of the longer side."""

SEAM = 4 / 256
"""How far it is made larger where a picture is put into a photo: just as far as it is soft, as more would give away the
photo around the brush."""


def surround(
    region: Float[Tensor, "region_height region_width"],
    size: tuple[int, int],
    around: float | int = SEAM,
    soft: float | int = SOFT,
) -> Float[Tensor, "height width"]:
    """The brush at a picture's size, larger and with a soft edge; inside the brush there is all of it.

    Args:
        region: what was painted, in [0, 1], of any size.
        size: (height, width) of the picture.
        around: how far it is made larger, as share of the longer side.
        soft: sigma of the Gaussian that softens it, as share of the longer side.
    """
    side, touched = max(size), resize(region.float(), tuple(size), "max")
    if not touched.any():
        return touched
    reach = round(around * side)
    larger = F.max_pool2d(touched[None], 2 * reach + 1, 1, reach)[0]
    if not soft * side > 0:
        return larger
    # A Gaussian as wide as the brush is made larger would fade inside it: it is scaled so that a straight border gets
    # all, and corners are put back.
    soft_edge = (_softened(larger, soft * side) / _at_border(reach, soft * side)).clamp(max=float(touched.max()))
    return torch.maximum(soft_edge, touched)


def composite(
    photo: Float[Tensor, "rgb height width"],
    drawn: Float[Tensor, "rgb height width"],
    share: Float[Tensor, "height width"],
) -> Float[Tensor, "rgb height width"]:
    """The photo with what was drawn in it, `share` of it at each place."""
    share = share.to(photo)
    return photo + (drawn.to(photo) - photo) * share  # exactly the photo where the share is 0


def outside_error(
    picture: Float[Tensor, "rgb height width"],
    photo: Float[Tensor, "rgb height width"],
    region: Float[Tensor, "region_height region_width"],
) -> float:
    """Mean absolute difference where nothing was painted, as share of the range; 0 if all was painted."""
    outside = resize(region.float(), tuple(photo.shape[1:]), "max") == 0
    if not outside.any():
        return 0.0
    return float((picture.to(photo) - photo)[:, outside.to(photo.device)].abs().mean() / 2)


def _gaussian(sigma: float) -> tuple[Tensor, int]:
    """Its weights, and how far they reach."""
    reach = ceil(3 * sigma)
    weights = (-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2)).exp()
    return weights / weights.sum(), reach


def _at_border(larger: int, sigma: float) -> float:
    """What softening leaves in the last row inside a straight border, beyond which `larger` rows are full."""
    weights, reach = _gaussian(sigma)
    return float(weights[: reach + larger + 1].sum().clamp(max=1))


def _softened(region: Tensor, sigma: float) -> Tensor:
    weights, reach = _gaussian(sigma)
    weights = weights.to(region.device)
    padded = F.pad(region[None, None], (reach, reach, reach, reach), mode="replicate")
    smooth = F.conv2d(F.conv2d(padded, weights[None, None, :, None]), weights[None, None, None])
    return torch.where(smooth > 1 - 1e-5, 1.0, smooth)[0, 0].clamp(0, 1)  # sums of weights round
