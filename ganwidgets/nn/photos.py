"""Photos as tensors: one reader for everything that people call a picture.

A picture may lie on its side (EXIF), have no colour, 16 bits, a palette, an alpha channel or printing inks; it may also
be cut off, a web page, or a few kilobytes that claim 400 million pixels. `read_photo` gives red, green and blue in
[-1, 1] or one sentence why not. The size a file declares is looked at before anything is decoded, and only formats of
photos are tried (Pillow would hand PostScript to another program).
"""

import io
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
"""Formats that are read, by what is in the file: its name does not matter."""

MAX_PIXELS = 64_000_000
"""Pictures that declare more pixels than this are refused before they are decoded."""

FITS = ("crop", "letterbox", "stretch")
"""What happens to a picture of another shape: its middle is cut out, it gets grey bars, or it is squashed."""

BACKGROUNDS = ("white", "checkerboard")
"""What lies behind a picture with an alpha channel."""

_BAND = 2**20
"""Pixels that become floats at a time: all of a large picture at once would be gigabytes."""

_WHITE = {"bool": 1, "uint8": 255, "uint16": 65535}  # by kind of number; others must lie in [0, 1]
_ORIENTATION = 0x0112  # the entry of EXIF that tells how a picture was held
_CHECK, _LIGHT, _DARK = 8, 1.0, 0.8  # pixels of a square of the checkerboard, and its two greys


class _Pixels(NamedTuple):
    """A picture that is not in floats yet: `rows(top, bottom, left, right)` gives a part (height width channel)."""

    height: int
    width: int
    rows: Callable[[int, int, int, int], np.ndarray]


class Photo(NamedTuple):
    """A picture that was read, and what there is to say about it."""

    image: Float[Tensor, "rgb height width"]
    notes: tuple[str, ...]


def read_photo(
    source: Any,
    size: int | Sequence[int] | None = None,
    fit: str = "crop",
    *,
    background: str = "white",
    max_pixels: int = MAX_PIXELS,
) -> Float[Tensor, "rgb height width"]:
    """One picture, upright, in [-1, 1].

    Args:
        source: a path, the bytes of a file, a PIL image (at its current frame), or an array (height width) or
            (height width channel) of uint8, uint16 or numbers in [0, 1]; 1, 2 (with alpha), 3 or 4 channels.
        size: of the result; one number for a square, or (height, width). None keeps the picture's own size.
        fit: "crop" cuts the middle out, "letterbox" adds bars of middle grey, "stretch" squashes.
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
    photo = read_with_notes(source, size, fit, background=background, max_pixels=max_pixels)
    for note in photo.notes:
        warnings.warn(note, stacklevel=2)
    return photo.image


def read_with_notes(
    source: Any,
    size: int | Sequence[int] | None = None,
    fit: str = "crop",
    *,
    background: str = "white",
    max_pixels: int = MAX_PIXELS,
) -> Photo:
    """As `read_photo`, with what there is to say as text instead of a warning."""
    target = checked_options(size, fit, background)
    notes: tuple[str, ...] = ()
    try:
        if isinstance(source, np.ndarray | Tensor):
            pixels = _of_array(np.asarray(source), max_pixels)
        elif isinstance(source, Image.Image):
            pixels = _decoded(source, "the picture", max_pixels)
        else:
            pixels, notes = _from_file(source, max_pixels)
        return Photo(_in_floats(pixels, target, fit, background), notes)
    except MemoryError as error:
        raise ValueError("the picture needs more memory than there is: make it smaller, or give `size`") from error


def resized(
    image: Float[Tensor, "channel old_height old_width"], size: tuple[int, int] | None, fit: str = "crop"
) -> Float[Tensor, "channel height width"]:
    """A picture at another size; averaged where it becomes smaller. See `read_photo` for `fit`."""
    if size is None or tuple(image.shape[1:]) == size:
        return image
    top, bottom, left, right = _box(tuple(image.shape[1:]), size, fit)
    return _framed(_scaled(image[:, top:bottom, left:right], _inner(tuple(image.shape[1:]), size, fit)), size)


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


def declared_size(source: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(height, width) that a file declares, stored as it is; nothing is decoded.

    Raises:
        ValueError: no picture, or one that is too large.
    """
    with _opened(source, source.name, max_pixels) as picture:
        return picture.height, picture.width


def _in_floats(pixels: _Pixels, size: tuple[int, int] | None, fit: str, background: str) -> Tensor:
    """A picture in [-1, 1] at a size: cut first, then made narrower band by band, then lower."""
    shape = (pixels.height, pixels.width)
    size = size or shape
    top, bottom, left, right = _box(shape, size, fit)
    inner = _inner(shape, size, fit)
    width = min(inner[1], right - left)
    try:
        image = torch.empty(3, bottom - top, width)
        step = max(1, _BAND // (right - left))
        for start in range(top, bottom, step):
            end = min(start + step, bottom)
            band = _over(pixels.rows(start, end, left, right), background, (start, left))
            band = torch.from_numpy(np.array(band.transpose(2, 0, 1), order="C")) * 2 - 1
            image[:, start - top : end - top] = _scaled(band, (end - start, width))
        return _framed(_scaled(_scaled(image, (inner[0], width)), inner), size)
    except RuntimeError as error:
        if "alloc" in str(error):  # how torch says that memory is short
            raise MemoryError(_first_line(error)) from error
        raise


def _box(shape: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is kept of a picture.

    It is cut before it is scaled: a strip of 12,000 × 8 pixels scaled first would need 98 million.
    """
    (h, w), (height, width) = shape, _inside(size, shape) if fit == "crop" and shape != size else shape
    top, left = (h - height) // 2, (w - width) // 2
    return top, top + height, left, left + width


def _inner(shape: tuple[int, int], size: tuple[int, int], fit: str) -> tuple[int, int]:
    """Size of what lies between the bars."""
    return _inside(shape, size) if fit == "letterbox" else size


def _framed(image: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture with bars of middle grey, where it does not fill the size."""
    (height, width), (h, w) = size, image.shape[1:]
    if (h, w) == size:
        return image
    top, left = (height - h) // 2, (width - w) // 2
    return F.pad(image, (left, width - w - left, top, height - h - top), value=0.0)


def _inside(shape: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """The largest size of this shape that fits into the room, at least one pixel each way."""
    scale = min(room[0] / shape[0], room[1] / shape[1])
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _scaled(image: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(image.shape[1:]) == size:
        return image
    if image.shape[2] == size[1] == 1:  # torch mixes up channels and rows of a single column
        return _scaled(image.repeat(1, 1, 2), (size[0], 2))[..., :1]
    scaled = F.interpolate(image[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
    return scaled.clamp(-1, 1)  # rounding may leave the range by 1e-7


def _from_file(source: Any, max_pixels: int) -> tuple[_Pixels, tuple[str, ...]]:
    if isinstance(source, bytes | bytearray | memoryview):
        file, name = io.BytesIO(bytes(source)), "the picture"
    elif isinstance(source, str | os.PathLike):
        file = Path(source)
        name = file.name
        if not file.is_file():
            raise FileNotFoundError(f"`source` must be a picture, but there is no file {str(source)!r}")
    else:
        raise TypeError(
            f"`source` must be a path, bytes, a PIL image or an array, got {type(source).__name__}; read a stream "
            "with .read() first"
        )
    with _opened(file, name, max_pixels) as picture:
        # Phones put a second, hidden picture into their JPEGs (MPO): not worth a word.
        several = getattr(picture, "is_animated", False) and picture.format != "MPO"
        notes = (f"{name} has several frames: the first is read",) if several else ()
        return _decoded(picture, name, max_pixels), notes


def _opened(file: Path | io.BytesIO, name: str, max_pixels: int) -> Image.Image:
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} {_what_else(file)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, None, max_pixels) from error
    except Exception as error:  # a damaged header can fail in any way
        raise ValueError(f"{name} has a damaged header and cannot be read ({_first_line(error)})") from error
    if picture.width * picture.height > max_pixels:
        size = picture.size
        picture.close()
        raise _too_large(name, size, max_pixels)
    return picture


def _too_large(name: str, size: tuple[int, int] | None, max_pixels: int) -> ValueError:
    claim = "more pixels than any photo has" if size is None else f"{size[0]:,} × {size[1]:,} pixels"
    return ValueError(
        f"{name} declares {claim}, and at most {max_pixels:,} are read (`max_pixels`): it was not decoded"
    )


def _what_else(file: Path | io.BytesIO) -> str:
    """What a file that is no picture seems to be."""
    if isinstance(file, Path):
        with file.open("rb") as stream:
            head = stream.read(256)
    else:
        head = file.getvalue()[:256]
    if not head:
        return "is empty (0 bytes): download or copy it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the picture: run `git lfs pull` where it was cloned"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<svg")):
        return "is a web page or an SVG drawing, not a photo: save the picture itself"
    return f"is no picture that is read here ({', '.join(FORMATS)})"


def _decoded(picture: Image.Image, name: str, max_pixels: int) -> _Pixels:
    """Pixels of a picture, upright."""
    if picture.width * picture.height > max_pixels:
        raise _too_large(name, picture.size, max_pixels)
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder says of a damaged file
        raise ValueError(f"{name} is damaged or cut off and cannot be read ({_first_line(error)})") from error
    upright = _upright(picture)

    def rows(top: int, bottom: int, left: int, right: int) -> np.ndarray:
        return _in_unit_range(upright.crop((left, top, right, bottom)), name)

    return _Pixels(upright.height, upright.width, rows)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        if picture.getexif().get(_ORIENTATION, 1) == 1:  # Pillow would copy it
            return picture
        return ImageOps.exif_transpose(picture)
    except MemoryError:
        raise
    except Exception:  # damaged EXIF beside a sound picture: taken as stored
        return picture


def _in_unit_range(picture: Image.Image, name: str) -> np.ndarray:
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
            f"{name} must have colours that Pillow can turn into red, green and blue, but it says: {_first_line(error)}"
        ) from error
    return np.asarray(picture).astype(np.float32) / 255


def _of_array(array: np.ndarray, max_pixels: int, name: str = "`source`") -> _Pixels:
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ValueError(
            f"{name} must be an array (height width) or (height width channel) with 1 to 4 channels, got "
            f"{array.shape}; a tensor (rgb height width) needs permute(1, 2, 0)"
        )
    if array.shape[0] * array.shape[1] > max_pixels:
        raise _too_large(name, (array.shape[1], array.shape[0]), max_pixels)

    _check_values(array, name)

    def rows(top: int, bottom: int, left: int, right: int) -> np.ndarray:
        return _array_in_unit_range(array[top:bottom, left:right])

    return _Pixels(*array.shape[:2], rows)


def _check_values(array: np.ndarray, name: str) -> None:
    known = array.dtype.name in _WHITE
    if not known and not (array.dtype.kind == "f" and array.min() >= 0 and array.max() <= 1):  # a NaN is neither
        raise ValueError(f"{name} must hold uint8, uint16 or numbers in [0, 1], got {array.dtype}: scale it first")


def _array_in_unit_range(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) / np.float32(_WHITE.get(array.dtype.name, 1))


def _over(pixels: np.ndarray, background: str, corner: tuple[int, int]) -> np.ndarray:
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


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
