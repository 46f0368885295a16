"""Masks from files, read with care: pixels as whole numbers, and paths that stay inside their folder.

Files come from strangers. What a file declares is checked before its pixels are read, so that a few kilobytes cannot
ask for gigabytes; whatever Pillow cannot read becomes one sentence with the file's name. Photos have a reader of their
own (`nn/photos.py`), which would turn numbers into shades.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.nn.photos import declared_size, read_with_notes

FORMATS = ("PNG", "GIF", "BMP", "TIFF", "PPM")
"""Formats that keep numbers as they are."""


def inside(root: Path, relative: str) -> Path:
    """A file inside a folder, links followed.

    Raises:
        ValueError: the path leads out of the folder.
        FileNotFoundError: no such file.
    """
    base = root.resolve()
    try:
        path = (base / relative).resolve()
        within = path.is_relative_to(base) and "\0" not in relative
        exists = within and path.is_file()
    except (OSError, ValueError, RuntimeError):  # a name too long, a loop of links, a zero byte
        within = exists = False
    if not within:
        raise ValueError(f"paths must stay inside {base.name!r}, but {relative[:100]!r} leads out of it")
    if not exists:
        raise FileNotFoundError(f"{base.name!r} must hold every file it names, but there is no {relative[:100]!r}")
    return path


def read_image(path: Path, size: tuple[int, int] | None = None) -> Float[Tensor, "rgb height width"]:
    """A photo in [-1, 1], squashed to a size, so that it fits masks that are.

    Raises:
        ValueError: no picture, a damaged one, or one that declares too many pixels.
    """
    return read_with_notes(path, size, "stretch").image


def read_mask(path: Path) -> Int[np.ndarray, "height width"]:
    """The numbers that a mask's pixels hold: grey values, palette indices, or R + 256 · G + 65,536 · B of a colour.

    Raises:
        ValueError: no picture, a damaged one, a photo's format, or one that declares too many pixels.
    """
    declared_size(path)  # refuses what is no picture, or too large
    try:
        with Image.open(path, formats=FORMATS) as picture:
            values = np.array(picture)
    except Exception as error:  # a photo's format, truncated, or damaged in some other way
        why = str(error).splitlines()[0] if "cannot identify" not in str(error) else "it is a photo's format"
        raise ValueError(f"{path.name!r} must be a whole mask without loss, a PNG best, but {why[:200]}") from error
    if values.dtype.kind not in "iub":
        raise ValueError(f"{path.name!r} must hold whole numbers, but holds {values.dtype}")
    if values.ndim == 2:
        return values.astype(np.int64)
    if values.shape[2] < 3:  # grey with alpha
        return values[..., 0].astype(np.int64)
    return values[..., :3].astype(np.int64) @ np.array([1, 256, 65536])


def as_images(pictures: UInt8[np.ndarray, "batch height width rgb"]) -> Float[Tensor, "batch rgb height width"]:
    """Pictures as images in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def resized(images: Float[Tensor, "batch channel height width"], size: tuple[int, int]) -> Tensor:
    """Images at another size, squashed rather than cropped; bilinear, averaged where they shrink."""
    if tuple(images.shape[2:]) == tuple(size):
        return images
    return F.interpolate(images, size, mode="bilinear", antialias=True).clamp(-1, 1)


def resized_mask(
    mask: Integer[np.ndarray, "*slot height width"], size: tuple[int, int]
) -> Integer[np.ndarray, "*slot new_height new_width"]:
    """A mask at another size: each new pixel takes the number at its centre."""
    if tuple(mask.shape[-2:]) == tuple(size):
        return mask
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(int) for old, new in zip(mask.shape[-2:], size, strict=True)
    )
    return mask[..., rows[:, None], columns]


def on_size(seg: Integer[np.ndarray, "slot height width"], size: tuple[int, int], n_concepts: int) -> Tensor:
    """Masks at another size, as the smallest tensor that holds their numbers."""
    kind = np.uint8 if n_concepts < 256 else np.int16 if n_concepts < 2**15 else np.int32
    return torch.from_numpy(np.ascontiguousarray(resized_mask(seg, size).astype(kind)))


def size_pair(name: str, size: Any) -> tuple[int, int]:
    """(height, width) from a pair, or from one number for a square.

    Raises:
        ValueError: not a size.
    """
    pair = (size, size) if isinstance(size, int | np.integer) else size
    try:
        height, width = (int(side) for side in pair)
    except (TypeError, ValueError):
        height = width = 0
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise ValueError(f"`{name}` must be a side, or (height, width), of 1 to 4096 pixels, got {size!r}")
    return height, width
