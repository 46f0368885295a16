"""Take what the network drew at one place and put it at another: reference transfer.

`copy_region` keeps a layer's activations and what was marked; `paste` makes a stroke of them, which sets the units of
another picture to those activations, at the same place or moved. A layer knows places only as precisely as its cells,
so a clip moves by whole cells.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019), which takes the look of a painted object from a reference picture.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models import Network
from ganwidgets.models.latents import one_latent
from ganwidgets.nn.regions import as_region, at_most
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
        ValueError: nothing of it is left in the picture; units the layer does not have.
    """
    n_units, *cells = clip.acts.shape
    steps = [round(float(share) * size) for share, size in zip(move, cells, strict=True)]
    moved = [round(step * size / cell) for step, size, cell in zip(steps, clip.region.shape, cells, strict=True)]
    region = _shifted(clip.region, moved)
    if not region.any():
        raise ValueError(f"`move` must leave a part of the clip in the picture, got {tuple(move)}")
    chosen = tuple(range(n_units)) if units is None else tuple(units)
    if any(not 0 <= unit < n_units for unit in chosen):
        raise ValueError(f"`units` must lie in 0 to {n_units - 1}, the units of {clip.layer!r}, got {list(chosen)}")
    value = _shifted(clip.acts, steps)[list(chosen)]
    return Stroke(clip.layer, chosen, region, value, strength=strength, name="paste")


def _shifted(maps: Float[Tensor, "*batch height width"], steps: Iterable[int]) -> Float[Tensor, "*batch height width"]:
    """Maps moved down and to the right; what comes in is 0, what goes out is gone."""
    for axis, step in zip((-2, -1), steps, strict=True):
        size = maps.shape[axis]
        step = max(-size, min(size, step))
        kept = maps.narrow(axis, max(0, -step), size - abs(step))
        fresh = torch.zeros_like(maps.narrow(axis, 0, abs(step)))
        maps = torch.cat([fresh, kept] if step > 0 else [kept, fresh], axis)
    return maps
