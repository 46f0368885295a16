"""Images of another shape than the generator's, and the labels of their pixels, brought to it in one way.

A photo of a folder, an image in memory and one of a labelled set are cut, framed or squashed alike, so that `fit` means
the same for each.
"""

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.nn.photo_frames import box_pixels, inner_size, kept, resized
from ganwidgets.segment.masks import resized_mask

Size = tuple[int, int]


def fitted(images: Float[Tensor, "batch channel _ _"], size: Size, fit: str) -> Float[Tensor, "batch channel _ _"]:
    """Images at another size; averaged where they become smaller."""
    if tuple(images.shape[2:]) == size:
        return images
    return torch.stack([resized(image, size, fit) for image in images])


def fitted_labels(
    seg: Integer[Tensor, "batch slot _ _"], shape: Size, size: Size, fit: str
) -> Integer[Tensor, "batch slot _ _"]:
    """Labels of images that `fitted` brings from one shape to a size; nothing is named in the bars around a picture.

    Args:
        seg: the labels, which may have another size than their images.
        shape: of the images.
        size: of the images afterwards.
        fit: how they get there.
    """
    top, bottom, left, right = kept(shape, size, fit)
    box = (top / shape[0], left / shape[1], bottom / shape[0], right / shape[1])
    first, last, start, end = box_pixels(tuple(seg.shape[2:]), box)
    height, width = inner_size(shape, size, fit)
    inner = resized_mask(seg[..., first:last, start:end].cpu().numpy(), (height, width))
    above, before = (size[0] - height) // 2, (size[1] - width) // 2
    room = [(0, 0), (0, 0), (above, size[0] - height - above), (before, size[1] - width - before)]
    return torch.from_numpy(np.pad(inner, room))


def reshapes(shape: Size, size: Size) -> bool:
    """Whether `fit` matters: the shapes are not similar."""
    return kept(shape, size, "crop") != (0, shape[0], 0, shape[1]) or inner_size(shape, size, "letterbox") != size
