"""Single pictures and masks as bytes: traits that hold one, and reading what a browser painted."""

import io

import numpy as np
import traitlets
from PIL import Image

from ganwidgets.ui.traits import plain

MOST_PIXELS = 4096 * 4096
"""A mask may have this many pixels; js/lib/limits.ts says the same in the browser."""

MOST_BYTES = 8 * 1024 * 1024
"""A message above 10 MiB never reaches the kernel, so the browser sends none above this."""

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class PictureBytes(traitlets.Bytes):
    """The bytes of a JPEG or PNG; empty when there is no picture."""

    def __init__(self, about: str) -> None:
        super().__init__(b"", help=about)
        self.tag(sync=True, from_json=lambda value, _: bytes(value))

    def validate(self, obj: traitlets.HasTraits, value: object) -> bytes:
        data = super().validate(obj, plain(value))
        if data and not data.startswith((_PNG, _JPEG)):
            raise traitlets.TraitError(f"`{self.name}` must be the bytes of a JPEG or PNG, got {data[:12]!r}.")
        return data


def opened(data: bytes) -> Image.Image | None:
    """The picture in RGB, or None when there are no bytes."""
    if not data:
        return None
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def read_mask(data: bytes | bytearray | memoryview, width: int, height: int) -> np.ndarray:
    """Reads a painted mask: a grey PNG, or one raw byte per pixel, row by row.

    Sizes are checked before anything is unpacked, because the bytes come from outside.

    Args:
        data: what the browser sent.
        width: of the mask [pixels].
        height: of the mask [pixels].

    Returns:
        float32 (height width) in [0, 1]; the softness of the brush is kept.

    Raises:
        ValueError: when the sizes are too large or do not fit the bytes.
    """
    for name, value in (("width", width), ("height", height)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` of a mask must be a whole number from 1 on, got {value!r}.")
    if width * height > MOST_PIXELS:
        raise ValueError(f"A mask can have at most 4,096 × 4,096 pixels, got {width:,} × {height:,}.")
    data = bytes(data)
    if len(data) > MOST_BYTES and len(data) != width * height:
        raise ValueError(f"A mask can take at most 8 MiB, got {len(data) / 2**20:.1f} MiB.")
    if not data.startswith(_PNG):
        if len(data) != width * height:
            raise ValueError(
                f"A raw mask of {width} × {height} pixels must have {width * height:,} bytes, got {len(data):,}."
            )
        return np.frombuffer(data, np.uint8).reshape(height, width).astype(np.float32) / 255
    return _read_png(data, width, height)


def _read_png(data: bytes, width: int, height: int) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != (width, height):
                raise ValueError(f"The mask's PNG has {picture.size} pixels, but {(width, height)} were announced.")
            if picture.mode not in ("1", "L"):
                raise ValueError(f"The mask's PNG must be grey, got mode {picture.mode!r}.")
            alpha = np.asarray(picture.convert("L"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"The mask's PNG cannot be read: {error}.") from error
    return alpha.astype(np.float32) / 255  # (height width)
