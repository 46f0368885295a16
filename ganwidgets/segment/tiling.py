"""Maps of large images, from overlapping tiles.

A network that sees 512 × 512 pixels at once sees little of a large photo that was shrunk to that. `tiled` cuts the
image at its own size, asks for the map of each tile and blends the maps where tiles overlap, with weights that fade
towards the borders of a tile. Blending is a running mean: where two tiles agree their common value is kept exactly, so
a map that depends on nothing but its own pixel comes out as if there were no tiles.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along one axis: evenly spread, covering everything, overlapping by at least `overlap`."""
    if length <= tile:
        return [0]
    n = -(-(length - overlap) // (tile - overlap))
    return [round(i * (length - tile) / (n - 1)) for i in range(n)]


def fading(length: int, overlap: int) -> Float[Tensor, " length"]:
    """Weight of each pixel of a tile along one axis: 1 in the middle, falling over `overlap` pixels at both ends."""
    position = torch.arange(length, dtype=torch.float32)
    edge = torch.minimum(position, length - 1 - position) + 1
    return (edge / (overlap + 1)).clamp(max=1)


def tiled(
    maps: Callable[[Tensor], Tensor],
    images: Float[Tensor, "batch channel height width"],
    tile: int,
    overlap: int,
) -> Float[Tensor, "batch concept height width"]:
    """Maps of images, at their size, from tiles; one call when the images are no larger than a tile.

    Args:
        maps: from images to maps (batch concept height width) of the same height and width.
        images: at their own size.
        tile: height and width of a tile [pixels]; an image that is smaller one way has tiles as small.
        overlap: pixels that neighbouring tiles share at least.

    Raises:
        ValueError: tiles that could not cover the image.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"`overlap` must be at least 0 and less than the tile of {tile} pixels, got {overlap}")
    height, width = images.shape[2:]
    rows, columns = starts(height, tile, overlap), starts(width, tile, overlap)
    if len(rows) == len(columns) == 1:
        return maps(images)
    mean = total = None
    for top in rows:
        for left in columns:
            here = (..., slice(top, top + tile), slice(left, left + tile))
            part = maps(images[here])
            if mean is None:
                mean = part.new_zeros(*part.shape[:2], height, width)
                total = part.new_zeros(height, width)
            weight = (fading(part.shape[2], overlap)[:, None] * fading(part.shape[3], overlap)).to(part)
            total[here] += weight
            mean[here] += weight / total[here] * (part - mean[here])  # the first of all adds to zeros: its own values
    return mean
