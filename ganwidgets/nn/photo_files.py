"""Files of photos: which they are, how large they say to be, and their pixels the right way up.

The size a file declares is looked at before anything is decoded, and only formats of photos are tried (Pillow would
hand PostScript to another program).
"""

import io
import os
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from ganwidgets.nn.photo_pixels import Pixels, first_line, of_picture

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
"""Formats that are read, by what is in the file: its name does not matter."""

MAX_PIXELS = 64_000_000
"""Pictures that declare more pixels than this are refused before they are decoded."""

_ORIENTATION = 0x0112  # the entry of EXIF that tells how a picture was held


def declared_size(source: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(height, width) that a file declares, stored as it is; nothing is decoded.

    Raises:
        ValueError: no picture, or one that is too large; nothing that could keep a reader waiting, as a pipe does.
    """
    if source.exists() and not source.is_file():
        raise ValueError(f"{source.name} is no regular file")
    with _opened(source, source.name, max_pixels) as picture:
        return picture.height, picture.width


def from_file(source: Any, max_pixels: int) -> tuple[Pixels, tuple[str, ...]]:
    """Pixels of a file (a path, or its bytes), and what there is to say about it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no picture, a damaged one, or one that is too large.
        TypeError: a source of another kind.
    """
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
        return decoded(picture, name, max_pixels), notes


def _opened(file: Path | io.BytesIO, name: str, max_pixels: int) -> Image.Image:
    try:
        picture = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} {_what_else(file)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_large(name, None, max_pixels) from error
    except Exception as error:  # a damaged header can fail in any way
        raise ValueError(f"{name} has a damaged header and cannot be read ({first_line(error)})") from error
    if picture.width * picture.height > max_pixels:
        size = picture.size
        picture.close()
        raise too_large(name, size, max_pixels)
    return picture


def too_large(name: str, size: tuple[int, int] | None, max_pixels: int) -> ValueError:
    """Says that a picture (width, height; None: not known) has too many pixels."""
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


def decoded(picture: Image.Image, name: str, max_pixels: int) -> Pixels:
    """Pixels of a picture, upright.

    Raises:
        ValueError: a damaged picture, or one that is too large.
    """
    if picture.width * picture.height > max_pixels:
        raise too_large(name, picture.size, max_pixels)
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder says of a damaged file
        raise ValueError(f"{name} is damaged or cut off and cannot be read ({first_line(error)})") from error
    return of_picture(_upright(picture), name)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        if picture.getexif().get(_ORIENTATION, 1) == 1:  # Pillow would copy it
            return picture
        return ImageOps.exif_transpose(picture)
    except MemoryError:
        raise
    except Exception:  # damaged EXIF beside a sound picture: taken as stored
        return picture
