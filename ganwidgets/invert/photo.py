"""A person's photo as a network could have drawn it: its size, its channels, and what was done to get there."""

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.nn.photos import FORMATS, read_with_notes

_GREY = (0.299, 0.587, 0.114)  # what red, green and blue count for in a grey picture
_BEHIND = "checkerboard"  # what is transparent: as photos are shown where one chooses a part of them
_OPAQUE = 0.98  # alpha above which nobody sees through, in [-1, 1]


@dataclass(frozen=True, eq=False)
class Wanted:
    """A photo to be searched for.

    Attributes:
        image: in the network's size and channels, [-1, 1].
        sha256: of the file, or of the numbers where there was none.
        notes: what was done to the photo.
    """

    image: Float[Tensor, "channel height width"]
    sha256: str
    notes: tuple[str, ...]


def wanted(network: Generator, photo: Any, *, fit: str = "crop", box: Sequence[float | int] | None = None) -> Wanted:
    """A photo in the size and channels of a network.

    Args:
        network: a generator.
        photo: a path, bytes of a file, a PIL image, an array (height width channel), or a tensor
            (channel height width) in [-1, 1]. A tensor of the network's own size is taken as it is; with `box`, or
            another `fit` than "crop", one of any size is cut and scaled as all photos are.
        fit: what happens to another shape: "crop", "letterbox" or "stretch".
        box: (top, left, bottom, right), the part of the photo to take, in shares of it.

    Raises:
        FileNotFoundError, ValueError, TypeError: as `nn.photos.read_photo`.
    """
    channels, *size = network.image_shape
    if isinstance(photo, Tensor):
        if box is None and fit == "crop":
            image = _of_size(_in_range(photo), network.image_shape)
            return Wanted(image, _hash(image.numpy().tobytes()), _with_remarks(image, ()))
        photo = as_array(photo)
    if isinstance(photo, str | os.PathLike):
        content = Path(photo).read_bytes() if Path(photo).is_file() else None
    else:
        content = bytes(photo) if isinstance(photo, bytes | bytearray | memoryview) else None
    read = read_with_notes(photo, size, fit, box=box, alpha=channels == 4, background=_BEHIND)
    notes = read.notes
    if channels != 4 and _may_be_clear(photo if content is None else content):
        # Bars are clear, too, so none are asked for.
        part = read_with_notes(photo, size, "stretch" if fit == "letterbox" else fit, box=box, alpha=True)
        if float(part.image[3].min()) < _OPAQUE:
            notes = (*notes, f"Parts of the photo are transparent: a {_BEHIND} lies behind them.")
    image, notes = _in_channels(read.image, channels, notes)
    return Wanted(image, _hash(image.numpy().tobytes() if content is None else content), _with_remarks(image, notes))


def as_array(photo: Tensor) -> Float[np.ndarray, "height width channel"]:
    """A photo that is a tensor as an array in [0, 1].

    Raises:
        ValueError: not one image, or not finite, or not in [-1, 1].
    """
    return ((_in_range(photo) + 1) / 2).permute(1, 2, 0).numpy()


def _in_range(photo: Tensor) -> Tensor:
    """One image (channel height width) of floats in [-1, 1], of a batch of one, too."""
    photo = photo[0] if photo.ndim == 4 and len(photo) == 1 else photo
    if photo.ndim != 3 or not photo.numel():
        raise ValueError(f"`photo` as a tensor must be one image (channel height width), got {tuple(photo.shape)}")
    photo = photo.detach().cpu()
    photo = photo.float() / 127.5 - 1 if photo.dtype == torch.uint8 else photo.float()
    if not photo.isfinite().all() or float(photo.abs().max()) > 1.05:
        raise ValueError("`photo` as a tensor must be finite and lie in [-1, 1]")
    return photo.clamp(-1, 1).contiguous()


def _of_size(photo: Tensor, shape: tuple[int, int, int]) -> Tensor:
    if tuple(photo.shape) != shape:
        raise ValueError(
            f"`photo` as a tensor must be one image {shape} of the network's size, got {tuple(photo.shape)}; give "
            "`box`, or a path, a PIL image or an array (height width channel), to have it scaled"
        )
    return photo


def _may_be_clear(photo: Any) -> bool:
    """Whether a photo (an array, a PIL image, or the content of a file) has an alpha channel at all."""
    if isinstance(photo, np.ndarray):
        return photo.ndim == 3 and photo.shape[2] in (2, 4)
    if isinstance(photo, Image.Image):
        return photo.has_transparency_data
    with Image.open(io.BytesIO(photo), formats=FORMATS) as picture:
        return picture.has_transparency_data


def _in_channels(image: Tensor, channels: int, notes: tuple[str, ...]) -> tuple[Tensor, tuple[str, ...]]:
    if channels == 1:
        grey = torch.tensor(_GREY)[:, None, None]
        coloured = float((image - image.mean(0)).abs().max()) > 0.02
        notes = (*notes, "The network draws in grey: the photo's colours were left out.") if coloured else notes
        return (image * grey).sum(0, keepdim=True).clamp(-1, 1), notes
    return image, notes


def _with_remarks(image: Tensor, notes: tuple[str, ...]) -> tuple[str, ...]:
    if float(image.flatten(1).std(1).max()) < 1e-3:
        return (*notes, "The photo is one even colour: there is nothing in it to find.")
    return notes


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
