"""Regions a person painted: from masks of any kind, at any size, as PNG.

A region is (height width) in [0, 1]: how much of each place is painted. It lies over the whole picture whatever its own
size, so a mask of 512 × 512 fits a layer of 8 × 8; `resize` takes it there by area (each cell gets its painted share)
or by maximum (a cell touched at all is painted as strongly as its strongest spot). The antialiased alpha of the mask is
kept. `as_region` reads arrays and PNG bytes, `to_png` writes them.
"""

import io
import struct
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.models.edits import resize_region

RESIZES = ("area", "max")
"""How a region gets to a layer's size: the share of each cell that is painted, or its most painted spot."""

MOST_SIDE = 4096  # [pixels] of a mask
MOST_BYTES = 8 * 2**20  # of a mask as PNG
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def resize(
    region: Float[Tensor, "height width"], size: tuple[int, int], how: str = "area"
) -> Float[Tensor, "new_height new_width"]:
    """A region at another size.

    Args:
        region: what was painted.
        size: (height, width) wanted.
        how: "area" or "max".

    Raises:
        ValueError: another `how`.

    Source: GAN Dissection's painting server offered both, with max as its default; area keeps a soft edge soft.
    """
    if check_resize(how) == "area":
        rows, columns = (_shares(old, new).to(region) for old, new in zip(region.shape, size, strict=True))
        return (rows @ region @ columns.T).clamp(0, 1)  # sums of shares may round to a little more than 1
    return F.adaptive_max_pool2d(region[None], size)[0]  # its windows are the old cells that overlap the new one


def check_resize(how: str) -> str:
    """`how`, if regions can be resized so.

    Raises:
        ValueError: otherwise, saying what there is.
    """
    if not isinstance(how, str) or how not in RESIZES:
        raise ValueError(f"`resize` must be one of {list(RESIZES)}, got {str(how)[:60]!r}")
    return how


def at_most(region: Float[Tensor, "height width"], size: tuple[int, int]) -> Float[Tensor, "new_height new_width"]:
    """The region, reduced by area where it is finer than `size`."""
    size = tuple(min(pair) for pair in zip(region.shape, size, strict=True))
    return region if size == tuple(region.shape) else resize(region, size)


def as_region(mask: Any) -> Float[Tensor, "height width"]:
    """What was painted, as float32 in [0, 1].

    Args:
        mask: (height width) of floats in [0, 1], of 8-bit numbers or of booleans, as tensor, array or lists; or the
            bytes of a PNG: its alpha channel if it has one, else its grey.

    Raises:
        ValueError: another shape, values outside the range, larger than 4096 × 4096 or 8 MiB, not a PNG.
    """
    if isinstance(mask, bytes | bytearray | memoryview):
        return _from_png(bytes(mask))
    try:
        region = torch.as_tensor(mask)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"`region` must be (height, width) in [0, 1] or the bytes of a PNG, got {type(mask).__name__}"
        ) from None
    if region.ndim != 2 or not region.numel():
        raise ValueError(f"`region` must be (height, width), got shape {tuple(region.shape)}")
    _check_size(region.shape[1], region.shape[0])
    region = region.detach().float() / (255 if region.dtype == torch.uint8 else 1)
    if not ((region >= 0) & (region <= 1)).all():
        raise ValueError("`region` must lie in [0, 1] (or be 8-bit), got values outside, or NaN")
    return region


def to_png(region: Float[Tensor, "height width"]) -> bytes:
    """The region as a grey PNG: 8 bits where they hold it exactly, else 16."""
    from PIL import Image

    values = region.double().cpu().numpy()
    eight = np.rint(values * 255)
    exact = np.array_equal((eight / 255).astype(np.float32), values.astype(np.float32))
    levels = eight.astype(np.uint8) if exact else np.rint(values * 65535).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    return file.getvalue()


def png_size(data: bytes) -> tuple[int, int]:
    """(height, width) that a PNG declares, read without decoding it.

    Raises:
        ValueError: not a PNG, over 8 MiB, or declared larger than 4096 × 4096.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(
            f"`region` must be a PNG of at most {MOST_BYTES // 2**20} MiB, got {len(data) / 2**20:.1f} MiB: "
            "paint at a smaller size"
        )
    if not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or len(data) < 24:
        raise ValueError(f"`region` must be a PNG image, got {len(data)} bytes of something else")
    width, height = struct.unpack(">II", data[16:24])
    _check_size(width, height)
    return height, width


@lru_cache(maxsize=16)
def _shares(old: int, new: int) -> Tensor:
    """(new, old): what part of each new cell each old one covers; kept, as one paints at one size for long."""
    return resize_region(torch.eye(old), (new, old))


def _from_png(data: bytes) -> Tensor:
    from PIL import Image

    declared = png_size(data)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != declared[::-1]:  # nothing is decoded yet: a later header must not claim more
                raise ValueError("it declares two sizes")
            image = image if image.mode in ("L", "I;16") else image.convert("RGBA" if _has_alpha(image) else "L")
            levels = np.asarray(image)
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, *_bombs()) as error:
        raise ValueError(f"`region` must be a whole PNG image, but this one is damaged: {error}") from error
    levels = levels[..., 3] if levels.ndim == 3 else levels
    return torch.from_numpy((levels / (65535 if levels.dtype.itemsize > 1 else 255)).astype(np.float32))


def _bombs() -> tuple[type[Exception], ...]:
    """What Pillow raises for a picture that claims to be huge."""
    from PIL import Image

    return Image.DecompressionBombError, Image.DecompressionBombWarning


def _has_alpha(image: Any) -> bool:
    return image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info


def _check_size(width: int, height: int) -> None:
    if not 1 <= width <= MOST_SIDE or not 1 <= height <= MOST_SIDE:
        raise ValueError(f"`region` must be at most {MOST_SIDE} × {MOST_SIDE}, got {width} × {height} (width × height)")
