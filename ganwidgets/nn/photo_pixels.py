"""Numbers of a picture, whatever they count: grey, palette, 16 bits, inks and alpha become shares of white.

A picture stays as it is stored until a part of it is asked for: a large one would be gigabytes of floats.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

BACKGROUNDS = ("white", "checkerboard")
"""What lies behind a picture with an alpha channel."""

_WHITE = {"bool": 1, "uint8": 255, "uint16": 65535}  # by kind of number; others must lie in [0, 1]
_CHECK, _LIGHT, _DARK = 8, 1.0, 0.8  # pixels of a square of the checkerboard, and its two greys


class Pixels(NamedTuple):
    """A picture that is not in floats yet: `rows(top, bottom, left, right)` gives a part (height width channel)."""

    height: int
    width: int
    rows: Callable[[int, int, int, int], np.ndarray]

    def cut(self, top: int, bottom: int, left: int, right: int) -> "Pixels":
        """A part of it, as a picture of its own."""

        def rows(first: int, end: int, start: int, stop: int) -> np.ndarray:
            return self.rows(first + top, end + top, start + left, stop + left)

        return Pixels(bottom - top, right - left, rows)


def of_picture(picture: Image.Image, name: str) -> Pixels:
    """Those of a decoded picture."""

    def rows(top: int, bottom: int, left: int, right: int) -> np.ndarray:
        return in_unit_range(picture.crop((left, top, right, bottom)), name)

    return Pixels(picture.height, picture.width, rows)


def of_array(array: np.ndarray, name: str = "`source`") -> Pixels:
    """Those of an array (height width) or (height width channel).

    Raises:
        ValueError: another shape, or numbers whose white is unknown.
    """
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ValueError(
            f"{name} must be an array (height width) or (height width channel) with 1 to 4 channels, got "
            f"{array.shape}; a tensor (rgb height width) needs permute(1, 2, 0)"
        )
    _check_values(array, name)

    def rows(top: int, bottom: int, left: int, right: int) -> np.ndarray:
        return _array_in_unit_range(array[top:bottom, left:right])

    return Pixels(*array.shape[:2], rows)


def in_unit_range(picture: Image.Image, name: str) -> np.ndarray:
    """A picture as float32 (height width channel) in [0, 1], with alpha where it has any.

    Raises:
        ValueError: numbers whose white is unknown, or colours that cannot be told.
    """
    mode = picture.mode
    if mode.startswith("I"):  # Pillow's own conversion to 8 bits clips at 255
        values = np.asarray(picture).astype(np.float32)
        if values.size and (values.max() > 65535 or values.min() < 0):
            raise ValueError(f"{name} holds whole numbers beyond 16 bits, whose white is unknown: save it with 16 or 8")
        return values[..., None] / 65535
    if mode == "F":
        _check_values(np.asarray(picture), name)
        return _array_in_unit_range(np.asarray(picture)[..., None])
    alpha = "A" in mode.upper() and mode != "LAB"
    try:
        picture = picture.convert("RGBA" if alpha or "transparency" in picture.info else "RGB")
    except MemoryError:
        raise
    except Exception as error:  # such as a transparent colour that is none of this mode
        raise ValueError(
            f"{name} must have colours that Pillow can turn into red, green and blue, but it says: {first_line(error)}"
        ) from error
    return np.asarray(picture).astype(np.float32) / 255


def with_alpha(pixels: np.ndarray) -> np.ndarray:
    """(height width rgba) of grey, grey and alpha, RGB or RGBA, each colour times its alpha: so it can be averaged."""
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else np.ones_like(pixels[..., :1])
    colour = np.broadcast_to(pixels[..., : 1 if pixels.shape[2] < 3 else 3], (*pixels.shape[:2], 3))
    return np.concatenate([colour * alpha, alpha], axis=2)


def over(pixels: np.ndarray, background: str, corner: tuple[int, int]) -> np.ndarray:
    """(height width rgb) of grey, grey and alpha, RGB or RGBA; the corner says where in the picture this part lies."""
    pixels = pixels.astype(np.float32)
    colour = pixels[..., : 1 if pixels.shape[2] < 3 else 3]
    if pixels.shape[2] in (2, 4):
        alpha, behind = pixels[..., -1:], np.float32(1)
        if background == "checkerboard":
            rows, columns = ((np.arange(n) + at) // _CHECK for n, at in zip(pixels.shape[:2], corner, strict=True))
            light = (rows[:, None] + columns) % 2 == 0
            behind = np.where(light, _LIGHT, _DARK)[..., None].astype(np.float32)
        colour = colour * alpha + behind * (1 - alpha)
    return np.broadcast_to(colour, (*colour.shape[:2], 3))


def _check_values(array: np.ndarray, name: str) -> None:
    known = array.dtype.name in _WHITE
    if not known and not (array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1):  # a NaN is neither
        raise ValueError(f"{name} must hold uint8, uint16 or numbers in [0, 1], got {array.dtype}: scale it first")


def _array_in_unit_range(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) / np.float32(_WHITE.get(array.dtype.name, 1))


def first_line(error: Exception) -> str:
    """What an error says, short."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
