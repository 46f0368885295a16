"""Maps and images at other sizes: bilinear upsampling as matrix products, and only where a map is high.

A unit's map is small (8 × 8), the segmentation it is compared with is large (64 × 64). Bilinear interpolation is a
matrix product per axis (`resize_matrix`, `upsample`). Where a map is high is a few percent of the picture, and a
bilinear value never exceeds the four values around it, so `pixels_above` interpolates only inside those cells whose
highest corner is above the level: the same pixels, several times faster.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

PADDINGS = ("clamp", "zeros")
"""What lies beyond the border of a map: its edge value again, or zero (as in davidbau/dissect)."""


@lru_cache(maxsize=64)
def _axis_weights(old: int, new: int) -> Float[np.ndarray, "new padded_old"]:
    """Weights of the old samples, with one more beyond either end, in each of the new ones; pixel centres aligned."""
    position = (np.arange(new) + 0.5) * (old / new) - 0.5
    below = np.floor(position).astype(int)
    weights = np.zeros((new, old + 2), np.float64)
    rows = np.arange(new)
    weights[rows, below + 1] += 1 - (position - below)
    weights[rows, below + 2] += position - below
    return weights


def resize_matrix(old: int, new: int, padding: str = "clamp") -> Float[Tensor, "new old"]:
    """The matrix that resizes one axis bilinearly, pixel centres aligned (`align_corners=False`).

    Args:
        old: samples now.
        new: samples wanted; fewer than `old` picks values without averaging, as `F.interpolate` does.
        padding: "clamp" repeats the edge, "zeros" lets the outer half cell fade.
    """
    if padding not in PADDINGS:
        raise ValueError(f"`padding` must be one of {PADDINGS}, got {padding!r}")
    weights = _axis_weights(old, new)
    inner = weights[:, 1:-1].copy()
    if padding == "clamp":
        inner[:, 0] += weights[:, 0]
        inner[:, -1] += weights[:, -1]
    return torch.from_numpy(inner.astype(np.float32))


def upsample(
    maps: Float[Tensor, "*batch height width"], size: tuple[int, int], padding: str = "clamp"
) -> Float[Tensor, "*batch new_height new_width"]:
    """Maps at another size, bilinear, as two matrix products; see `resize_matrix`."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    rows = resize_matrix(maps.shape[-2], size[0], padding).to(maps)
    columns = resize_matrix(maps.shape[-1], size[1], padding).to(maps)
    return rows @ (maps @ columns.T)


class Pixels(NamedTuple):
    """Pixels of upsampled maps, one entry each: of which image of the batch, unit, place in the image, and value."""

    image: Int[Tensor, " pixel"]
    unit: Int[Tensor, " pixel"]
    place: Int[Tensor, " pixel"]
    value: Float[Tensor, " pixel"]


def flat_nonzero(mask: Tensor) -> Int[Tensor, " hit"]:
    """Flat indices of what is true; numpy's search is six times faster than torch's on a CPU."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.flatten().nonzero().squeeze(1)


def pixels_above(
    acts: Float[Tensor, "batch unit height width"],
    level: Float[Tensor, " unit"],
    size: tuple[int, int],
    padding: str = "clamp",
) -> Pixels:
    """All pixels at which the upsampled map of a unit is strictly above the unit's level.

    Args:
        acts: maps of one layer.
        level: activation above which a pixel counts, one a unit.
        size: (height, width) to which maps are upsampled.
        padding: see `resize_matrix`.
    """
    ratios = [new // old if new % old == 0 else 0 for old, new in zip(acts.shape[2:], size, strict=True)]
    if min(ratios) >= 3 and bool(level.isfinite().all()):
        return _pixels_in_cells(acts, level, size, padding)
    return _pixels_everywhere(acts, level, size, padding)


def _pixels_everywhere(acts: Tensor, level: Tensor, size: tuple[int, int], padding: str) -> Pixels:
    area, units = size[0] * size[1], acts.shape[1]
    at_once = max(1, (2**22 if acts.device.type == "cpu" else 2**28) // (area * units * 4))
    found = []
    for first in range(0, len(acts), at_once):
        maps = upsample(acts[first : first + at_once], size, padding)
        hit = flat_nonzero(maps > level[:, None, None])
        row = hit // area
        image = row // units
        found.append(Pixels(image + first, row - image * units, hit - row * area, maps.reshape(-1)[hit]))
    return found[0] if len(found) == 1 else Pixels(*(torch.cat(parts) for parts in zip(*found, strict=True)))


class _Cells(NamedTuple):
    """The pixels between four neighbouring samples: their weights, and where they lie in the image."""

    weights: Float[Tensor, "4 inner"]
    origin: Int[Tensor, " cell"]  # place of the cell's first pixel; it may lie outside the image
    offset: Int[Tensor, " inner"]  # of each pixel of a cell from the first
    inside: Tensor  # (cell inner) whether the pixel lies in the image


@lru_cache(maxsize=16)
def _cells(old: tuple[int, int], new: tuple[int, int], device: torch.device) -> _Cells:
    starts, shares, steps = [], [], []
    for o, n in zip(old, new, strict=True):
        ratio = n // o
        starts.append(torch.arange(o + 1) * ratio - (ratio + 1) // 2)  # first pixel of the cells of this axis
        steps.append(torch.arange(ratio))
        share = (steps[-1] + (0.5 if ratio % 2 == 0 else 0.0)) / ratio
        shares.append(torch.stack([1 - share, share]))
    y, x = ((start[:, None] + step).long() for start, step in zip(starts, steps, strict=True))  # (cell inner) per axis
    valid_y, valid_x = ((p >= 0) & (p < n) for p, n in zip((y, x), new, strict=True))
    inside = valid_y[:, None, :, None] & valid_x[None, :, None, :]
    return _Cells(
        torch.einsum("ai,bj->abij", *shares).reshape(4, -1).to(device),
        (starts[0][:, None] * new[1] + starts[1]).flatten().to(device),
        (steps[0][:, None] * new[1] + steps[1]).flatten().to(device),
        inside.flatten(2).flatten(0, 1).to(device),
    )


def _pixels_in_cells(acts: Tensor, level: Tensor, size: tuple[int, int], padding: str) -> Pixels:
    units, (height, width) = acts.shape[1], acts.shape[2:]
    cells = _cells((height, width), tuple(size), acts.device)
    acts = F.pad(acts, (1, 1, 1, 1), mode="replicate" if padding == "clamp" else "constant")
    flat, stride = acts.reshape(-1), width + 2
    highest = torch.maximum(acts[..., :-1], acts[..., 1:])
    highest = torch.maximum(highest[..., :-1, :], highest[..., 1:, :])  # (batch unit height+1 width+1), of four corners
    hit = flat_nonzero(highest > level[:, None, None])
    row = hit // ((height + 1) * (width + 1))  # which map of the batch
    cell = hit - row * ((height + 1) * (width + 1))
    y = cell // (width + 1)
    corner = row * ((height + 2) * stride) + y * stride + (cell - y * (width + 1))
    image = row // units
    unit = row - image * units
    # The weights of a pixel sum to 1: corners minus level, interpolated, are above 0 where the map is above the level.
    level = level.index_select(0, unit)
    corners = torch.stack([flat.index_select(0, corner + step) - level for step in (0, 1, stride, stride + 1)], 1)
    values = corners @ cells.weights  # (hit inner), relative to the level
    pixel = flat_nonzero((values > 0) & cells.inside.index_select(0, cell))
    in_hit, inner = _divmod(pixel, len(cells.offset))
    return Pixels(
        image.index_select(0, in_hit),
        unit.index_select(0, in_hit),
        cells.origin.index_select(0, cell).index_select(0, in_hit) + cells.offset.index_select(0, inner),
        values.view(-1).index_select(0, pixel) + level.index_select(0, in_hit),
    )


def _divmod(numbers: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Quotient and remainder; bit shifts when `by` is a power of two, which is several times faster."""
    if by & (by - 1) == 0:
        return numbers >> (by.bit_length() - 1), numbers & (by - 1)
    quotient = numbers // by
    return quotient, numbers - quotient * by


def to_uint8(images: Float[Tensor, "batch channel height width"]) -> UInt8[np.ndarray, "batch height width 3"]:
    """Images in [-1, 1] as pictures to look at: grey becomes RGB, and behind what is transparent is a checkerboard."""
    shown = (images.float().clamp(-1, 1) + 1) / 2
    if shown.shape[1] == 4:
        alpha = shown[:, 3:]
        shown = shown[:, :3] * alpha + _checkerboard(*shown.shape[2:]).to(shown) * (1 - alpha)
    pictures = (shown * 255).round().to(torch.uint8).expand(-1, 3, -1, -1)
    return pictures.permute(0, 2, 3, 1).contiguous().cpu().numpy()


def _checkerboard(height: int, width: int) -> Float[Tensor, "height width"]:
    """Squares of two light greys, about eight along the shorter side."""
    side = max(1, min(height, width) // 8)
    rows, columns = torch.arange(height) // side, torch.arange(width) // side
    return torch.where((rows[:, None] + columns) % 2 == 0, 1.0, 0.8)
