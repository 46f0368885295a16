"""Pictures with strokes on them.

`apply_to_many` paints the same strokes on any latents. `paint_on` is its interactive half: a run that was stopped below
the lowest painted layer (`lowest_layer`, `network.below`) is finished with the strokes on it, so a person's next stroke
costs only the network above. Strokes on several layers are edits of one pass, each applied where the network gets to
it. `first_bad` finds the stroke that makes a picture NaN, and `bad_layer` where that shows first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ganwidgets.models import Generator, State
from ganwidgets.nn.finite import first_bad_layer
from ganwidgets.nn.images import to_uint8
from ganwidgets.paint.strokes import PaintEdit, Stroke, edits, painted

BATCH = 32  # images


def apply_to_many(
    network: Generator,
    strokes: Iterable[Stroke],
    z: Float[Tensor, "batch *latent"],
    *,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> Float[Tensor, "batch rgb height width"]:
    """The same strokes on other scenes: images in [-1, 1].

    Args:
        network: the generator.
        strokes: the lowest first; a `StrokeStack` is such a list.
        z: latents, one scene each.
        progress: called with the share that is done.

    Raises:
        ValueError: no latents, strokes that do not fit the network, or pictures that are not finite (naming the layer).
    """
    images = []
    for after in each_painted(network, strokes, z):
        images.append(after)
        progress(min(1.0, len(images) * BATCH / len(z)))
    return torch.cat(images)


def each_painted(
    network: Generator, strokes: Iterable[Stroke], z: Float[Tensor, "batch *latent"]
) -> Iterator[Float[Tensor, "batch rgb height width"]]:
    """`apply_to_many` batch by batch."""
    if not len(z):
        raise ValueError("`z` must hold at least 1 latent(s), got 0; network.sample_z(n) draws n")
    planned = edits(strokes, network)
    for start in range(0, len(z), BATCH):
        here = z[start : start + BATCH]
        try:
            images = _images(network, planned, here)
        except ValueError as error:
            with painted(network, planned):
                where = first_bad_layer(network, here)
            if where is None or first_bad_layer(network, here) is not None:
                raise  # it is not the strokes
            raise ValueError(
                f"`strokes` must leave the pictures finite, but the activations of {where!r} hold NaN or infinity with "
                "them; paint with lower values or less strength"
            ) from error
        yield images


def _images(network: Generator, planned: Mapping[str, PaintEdit], z: Tensor) -> Tensor:
    with painted(network, planned):
        images = network.images(z, clamp=False, grad=False)
    return images.clamp(-1, 1)  # here, because beyond [-1, 1] is nothing to warn of in an edited network


def pictures_so_far(
    network: Generator, strokes: Iterable[Stroke], z: Float[Tensor, "batch *latent"]
) -> Iterator[UInt8[np.ndarray, "image height width 3"]]:
    """`apply_to_many` as pictures to look at: after every batch, all of them up to there."""
    pictures = []
    for images in each_painted(network, strokes, z):
        pictures.append(to_uint8(images))
        yield np.concatenate(pictures)


def lowest_layer(planned: Mapping[str, PaintEdit], otherwise: str) -> str:
    """The first of the painted layers that the network runs; another if nothing is painted."""
    return next(iter(planned), otherwise)


def paint_on(
    network: Generator, state: State, planned: Mapping[str, PaintEdit]
) -> Float[Tensor, "batch rgb height width"]:
    """Finish a run stopped at or below the lowest painted layer, with these edits in force; images in [-1, 1]."""
    with painted(network, planned):
        images = network.above(state, clamp=False, grad=False)
    return images.clamp(-1, 1)


def first_bad(network: Generator, z: Float[Tensor, "batch *latent"], strokes: Sequence[Stroke]) -> Stroke | None:
    """A stroke with which the picture stops being finite, the strokes below it being harmless; None if it is finite.

    Raises:
        ValueError: the picture is not finite without any stroke either.
    """

    def fails(count: int) -> bool:
        try:
            _images(network, edits(strokes[:count], network), z)
        except ValueError:
            if count == 0:
                raise
            return True
        return False

    if not fails(len(strokes)):
        return None
    fails(0)
    fine, bad = 0, len(strokes)
    while bad - fine > 1:
        middle = (fine + bad) // 2
        fine, bad = (fine, middle) if fails(middle) else (middle, bad)
    return strokes[bad - 1]


def bad_layer(network: Generator, z: Float[Tensor, "batch *latent"], strokes: Iterable[Stroke]) -> str | None:
    """The first layer whose activations hold NaN or infinity under these strokes; None if all are finite."""
    with painted(network, edits(strokes, network)):
        return first_bad_layer(network, z)
