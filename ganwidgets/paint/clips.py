"""Take what the network drew at one place and put it at another: reference transfer.

`copy_region` keeps a layer's activations and what was marked; `paste` makes a stroke of them, which sets the units of
another picture to those activations, at the same place or moved. A layer knows places only as precisely as its cells,
so a clip moves by whole cells; the region over it moves by exactly as much, however fine or coarse it is.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019), which takes the look of a painted object from a reference picture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, lcm
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models import Network, zero_units
from ganwidgets.models.latents import one_latent
from ganwidgets.nn.regions import MOST_SIDE, as_region, at_most, resize
from ganwidgets.paint.strokes import Stroke, edits, map_layer, painted


@dataclass(frozen=True, eq=False)
class Clip:
    """A marked part of one picture, as a layer sees it.

    Attributes:
        layer: whose activations.
        acts: of the whole layer.
        region: what was marked, at most at the picture's size.
    """

    layer: str
    acts: Float[Tensor, "unit layer_height layer_width"]
    region: Float[Tensor, "height width"]


def copy_region(
    network: Network, z: Float[Tensor, "batch *latent"], layer: str, region: Any, *, strokes: Iterable[Stroke] = ()
) -> Clip:
    """Keep what a layer computes for one picture, and which part of it was marked.

    Args:
        network: the generator.
        z: one latent, as a batch of one.
        layer: with maps.
        region: (height width) in [0, 1] of any size, or a PNG; see `nn.regions.as_region`.
        strokes: that are on the picture.

    Raises:
        ValueError: no such layer or one without maps, nothing marked, a region that is none, not one latent.
    """
    one_latent(z)
    marked = at_most(as_region(region), tuple(network.output_shape[1:]))
    if not marked.any():
        raise ValueError("`region` must have something marked, got none")
    with painted(network, edits(strokes, network)):
        return Clip(layer, network.acts(z, map_layer(network, layer), grad=False)[0].clone(), marked)


def paste(
    clip: Clip,
    *,
    move: tuple[float | int, float | int] = (0, 0),
    units: Iterable[int] | None = None,
    strength: float | int = 1.0,
) -> Stroke:
    """A stroke that puts the clip into another picture.

    Args:
        clip: from `copy_region`.
        move: how far down and to the right, as shares of the picture's height and width, rounded to whole cells of
            the layer.
        units: which ones; None is all of the layer.
        strength: in [0, 1].

    Raises:
        TypeError: units or a strength that are no numbers.
        ValueError: a move that is not two finite numbers, or leaves nothing in the picture; units the layer does not
            have, or none.
    """
    n_units, *cells = clip.acts.shape
    steps = [round(share * size) for share, size in zip(_checked_move(move), cells, strict=True)]
    region = _moved(clip.region, steps, cells)
    if not region.any():
        raise ValueError(f"`move` must leave a part of the clip in the picture, got {tuple(move)}")
    chosen = tuple(range(n_units)) if units is None else zero_units(units).units
    if any(not 0 <= unit < n_units for unit in chosen):
        raise ValueError(f"`units` must lie in 0 to {n_units - 1}, the units of {clip.layer!r}, got {list(chosen)}")
    value = _shifted(clip.acts, steps)[list(chosen)]
    return Stroke(clip.layer, chosen, region, value, strength=strength, name="paste")


def _checked_move(move: Any) -> tuple[float, float]:
    try:
        down, right = map(float, move)
    except (TypeError, ValueError):
        down = right = float("nan")
    if not (isfinite(down) and isfinite(right)):
        raise ValueError(f"`move` must be two finite numbers, shares of the picture's height and width, got {move!r}")
    return down, right


def _moved(
    region: Float[Tensor, "height width"], steps: Sequence[int], cells: Sequence[int]
) -> Float[Tensor, "moved_height moved_width"]:
    """The region moved by so many of the layer's cells.

    Where that is no whole number of its own rows or columns, it is first divided into finer ones, so that nothing of
    it changes; or, beyond what a mask may have, into the cells themselves, as the layer sees it.
    """
    for axis, (step, cell) in enumerate(zip(steps, cells, strict=True)):
        size = region.shape[axis]
        if step * size % cell and lcm(size, cell) <= MOST_SIDE:
            region = region.repeat_interleave(lcm(size, cell) // size, axis)
        elif step * size % cell:
            region = resize(region, (cell, region.shape[1]) if axis == 0 else (region.shape[0], cell))
    return _shifted(region, [s * size // cell for s, size, cell in zip(steps, region.shape, cells, strict=True)])


def _shifted(maps: Float[Tensor, "*batch height width"], steps: Iterable[int]) -> Float[Tensor, "*batch height width"]:
    """Maps moved down and to the right; what comes in is 0, what goes out is gone."""
    for axis, step in zip((-2, -1), steps, strict=True):
        size = maps.shape[axis]
        step = max(-size, min(size, step))
        kept = maps.narrow(axis, max(0, -step), size - abs(step))
        fresh = torch.zeros_like(maps.narrow(axis, 0, abs(step)))
        maps = torch.cat([fresh, kept] if step > 0 else [kept, fresh], axis)
    return maps
