"""Where a picture of one shape goes in a frame of another: cut, between bars, or squashed; averaged when made smaller.

A box names a part of a picture by shares of its height and width, so that it means the same at every size.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

FITS = ("crop", "letterbox", "stretch")
"""What happens to a picture of another shape: its middle is cut out, it gets grey bars, or it is squashed."""

Box = tuple[float, float, float, float]


def resized(
    image: Float[Tensor, "channel old_height old_width"], size: tuple[int, int] | None, fit: str = "crop"
) -> Float[Tensor, "channel height width"]:
    """A picture at another size; averaged where it becomes smaller. See `read_photo` for `fit`."""
    if size is None or tuple(image.shape[1:]) == size:
        return image
    top, bottom, left, right = kept(tuple(image.shape[1:]), size, fit)
    return framed(scaled(image[:, top:bottom, left:right], inner_size(tuple(image.shape[1:]), size, fit)), size)


def checked_box(box: Sequence[int | float] | None) -> Box:
    """`box` as four numbers; the whole picture for None.

    Raises:
        ValueError: one without area, or that leaves the picture.
    """
    if box is None:
        return 0.0, 0.0, 1.0, 1.0
    numbers = tuple(float(side) for side in box if isinstance(side, int | float | np.number))
    if len(numbers) == len(box) == 4 and all(map(math.isfinite, numbers)):
        top, left, bottom, right = numbers
        if 0 <= top < bottom <= 1 and 0 <= left < right <= 1:
            return top, left, bottom, right
    raise ValueError(
        "`box` must be (top, left, bottom, right) in shares of the upright picture, 0 to 1, such as "
        f"(0.1, 0, 0.9, 0.5), got {box!r}"
    )


def box_pixels(shape: tuple[int, int], box: Box) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a box in a picture (height, width); at least one pixel each way."""
    (height, width), (top, left, bottom, right) = shape, box
    first, start = min(round(top * height), height - 1), min(round(left * width), width - 1)
    return first, max(first + 1, round(bottom * height)), start, max(start + 1, round(right * width))


def kept(shape: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is kept of a picture.

    It is cut before it is scaled: a strip of 12,000 × 8 pixels scaled first would need 98 million.
    """
    (h, w), (height, width) = shape, _inside(size, shape) if fit == "crop" and shape != size else shape
    top, left = (h - height) // 2, (w - width) // 2
    return top, top + height, left, left + width


def inner_size(shape: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[int, int]:
    """Size of what lies between the bars."""
    return _inside(shape, size) if fit == "letterbox" else size


def framed(
    image: Float[Tensor, "channel inner_height inner_width"], size: tuple[int, int]
) -> Float[Tensor, "channel height width"]:
    """A picture with bars of middle grey, where it does not fill the size; with an alpha channel they are clear."""
    (height, width), (h, w) = size, image.shape[1:]
    if (h, w) == size:
        return image
    top, left = (height - h) // 2, (width - w) // 2
    image = F.pad(image, (left, width - w - left, top, height - h - top), value=0.0)
    if image.shape[0] == 4:
        image[3, :top] = image[3, top + h :] = image[3, :, :left] = image[3, :, left + w :] = -1
    return image


def scaled(
    image: Float[Tensor, "channel old_height old_width"], size: tuple[int, int]
) -> Float[Tensor, "channel height width"]:
    """A picture squashed to a size."""
    if tuple(image.shape[1:]) == size:
        return image
    if image.shape[2] == size[1] == 1:  # torch mixes up channels and rows of a single column
        return scaled(image.repeat(1, 1, 2), (size[0], 2))[..., :1]
    found = F.interpolate(image[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
    return found.clamp(-1, 1)  # rounding may leave the range by 1e-7


def _inside(shape: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest size of this shape that fits into the room, at least one pixel each way."""
    scale = min(room[0] / shape[0], room[1] / shape[1])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))
