"""Photos as tensors: one reader for everything that people call a picture.

A picture may lie on its side (EXIF), have no colour, 16 bits, a palette, an alpha channel or printing inks; it may also
be cut off, a web page, or a few kilobytes that claim 400 million pixels. `read_photo` gives red, green and blue in
[-1, 1] or one sentence why not. How files are opened is in `photo_files.py`, what their numbers mean in
`photo_pixels.py`, and how a picture gets another shape in `photo_frames.py`.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ganwidgets.nn.photo_files import FORMATS as FORMATS
from ganwidgets.nn.photo_files import MAX_PIXELS, decoded, from_file, too_large
from ganwidgets.nn.photo_files import declared_size as declared_size
from ganwidgets.nn.photo_frames import FITS, box_pixels, checked_box, framed, inner_size, kept, scaled
from ganwidgets.nn.photo_frames import resized as resized
from ganwidgets.nn.photo_pixels import BACKGROUNDS, Pixels, first_line, of_array, over, with_alpha

_BAND = 2**20
"""Pixels that become floats at a time: all of a large picture at once would be gigabytes."""


class Photo(NamedTuple):
    """A picture that was read, and what there is to say about it."""

    image: Float[Tensor, "channel height width"]
    notes: tuple[str, ...]


def read_photo(
    source: Any,
    size: int | Sequence[int] | None = None,
    fit: str = "crop",
    *,
    box: Sequence[int | float] | None = None,
    alpha: bool = False,
    background: str = "white",
    max_pixels: int = MAX_PIXELS,
) -> Float[Tensor, "channel height width"]:
    """One picture, upright, in [-1, 1]: red, green and blue.

    Args:
        source: a path, the bytes of a file, a PIL image (at its current frame), or an array (height width) or
            (height width channel) of uint8, uint16 or numbers in [0, 1]; 1, 2 (with alpha), 3 or 4 channels.
        size: of the result; one number for a square, or (height, width). None keeps the picture's own size.
        fit: "crop" cuts the middle out, "letterbox" adds bars of middle grey, "stretch" squashes.
        box: (top, left, bottom, right) of the part that is read, in shares of the upright picture; None is all of it.
            It is cut out first, and what `fit` says happens to the part.
        alpha: give a fourth channel, from -1 (clear) to 1, for generators that draw one, instead of laying the picture
            over a background. Clear pixels then have the colour of what lies beside them, and bars are clear.
        background: "white" or "checkerboard", what lies behind transparent pixels.
        max_pixels: the largest number of pixels a picture may declare; Pillow's own limit stays in force.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no picture, a damaged one, or one that is too large, also for the memory there is; an option that
            does not exist.
        TypeError: a source of another kind.

    Warns:
        UserWarning: an animation, of which the first frame is read.
    """
    options = {"box": box, "alpha": alpha, "background": background, "max_pixels": max_pixels}
    photo = read_with_notes(source, size, fit, **options)
    for note in photo.notes:
        warnings.warn(note, stacklevel=2)
    return photo.image


def read_with_notes(
    source: Any,
    size: int | Sequence[int] | None = None,
    fit: str = "crop",
    *,
    box: Sequence[int | float] | None = None,
    alpha: bool = False,
    background: str = "white",
    max_pixels: int = MAX_PIXELS,
) -> Photo:
    """As `read_photo`, with what there is to say as text instead of a warning."""
    target, part = checked_options(size, fit, background), checked_box(box)
    try:
        pixels, notes = _pixels_of(source, max_pixels)
        pixels = pixels.cut(*box_pixels((pixels.height, pixels.width), part))
        return Photo(_in_floats(pixels, target, fit, None if alpha else background), notes)
    except MemoryError as error:
        raise ValueError("the picture needs more memory than there is: make it smaller, or give `size`") from error


class Preview(NamedTuple):
    """A picture made small, how large it is (height, width), and what there is to say about it."""

    image: Float[Tensor, "rgb height width"]
    size: tuple[int, int]
    notes: tuple[str, ...]


def preview(source: Any, longest: int, *, background: str = "checkerboard", max_pixels: int = MAX_PIXELS) -> Preview:
    """A picture to look at, no side longer than `longest` pixels, and never larger than it is.

    `source` is as in `read_photo`, and refused alike.
    """
    checked_options(longest, "stretch", background)
    try:
        pixels, notes = _pixels_of(source, max_pixels)
        size = (pixels.height, pixels.width)
        scale = min(1.0, longest / max(size))
        small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        return Preview(_in_floats(pixels, small, "stretch", background), size, notes)
    except MemoryError as error:
        raise ValueError("the picture needs more memory than there is: make it smaller") from error


def checked_options(size: int | Sequence[int] | None, fit: str, background: str) -> tuple[int, int] | None:
    """`size` as (height, width) or None.

    Raises:
        ValueError: an option that does not exist.
    """
    for option, value, known in (("fit", fit, FITS), ("background", background, BACKGROUNDS)):
        if value not in known:
            raise ValueError(f"`{option}` must be one of {known}, got {value!r}")
    if size is None:
        return None
    pair = (size, size) if isinstance(size, int | np.integer) else tuple(size)
    if len(pair) != 2 or not all(isinstance(n, int | np.integer) and 0 < n <= 16_384 for n in pair):
        raise ValueError(f"`size` must be a number of pixels up to 16,384, or (height, width), got {size!r}")
    return int(pair[0]), int(pair[1])


def _pixels_of(source: Any, max_pixels: int) -> tuple[Pixels, tuple[str, ...]]:
    if isinstance(source, np.ndarray | Tensor):
        pixels = of_array(np.asarray(source))
        if pixels.height * pixels.width > max_pixels:
            raise too_large("`source`", (pixels.width, pixels.height), max_pixels)
        return pixels, ()
    if isinstance(source, Image.Image):
        return decoded(source, "the picture", max_pixels), ()
    return from_file(source, max_pixels)


def _in_floats(pixels: Pixels, size: tuple[int, int] | None, fit: str, background: str | None) -> Tensor:
    """A picture in [-1, 1] at a size: cut first, then made narrower band by band, then lower. None keeps its alpha."""
    shape = (pixels.height, pixels.width)
    size = size or shape
    top, bottom, left, right = kept(shape, size, fit)
    inner = inner_size(shape, size, fit)
    width = min(inner[1], right - left)
    try:
        image = torch.empty(3 if background else 4, bottom - top, width)
        step = max(1, _BAND // (right - left))
        for start in range(top, bottom, step):
            end = min(start + step, bottom)
            rows = pixels.rows(start, end, left, right)
            band = over(rows, background, (start, left)) if background else with_alpha(rows)
            band = torch.from_numpy(np.array(band.transpose(2, 0, 1), order="C")) * 2 - 1
            image[:, start - top : end - top] = scaled(band, (end - start, width))
        image = scaled(scaled(image, (inner[0], width)), inner)
        return framed(image if background else _undiluted(image), size)
    except RuntimeError as error:
        if "alloc" in str(error):  # how torch says that memory is short
            raise MemoryError(first_line(error)) from error
        raise


def _undiluted(image: Tensor) -> Tensor:
    """Colours that were averaged times their alpha, without it again."""
    shares = (image + 1) / 2
    colour = torch.where(shares[3:] > 0, shares[:3] / shares[3:].clamp(min=1e-6), 1.0)
    return torch.cat([colour.clamp(0, 1), shares[3:]]) * 2 - 1
