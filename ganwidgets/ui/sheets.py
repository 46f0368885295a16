"""Sprite sheets: many small pictures as one JPEG or PNG, so that a grid of hundreds costs one message and one decode.

A sheet is filled row by row, `columns` tiles to a row. Pictures become JPEG, masks and segmentations PNG (JPEG would
smear their edges). In a ``UnitGrid`` row r of a sheet belongs to the r-th unit.
"""

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ganwidgets.ui.palette import NOTHING, concept_color

_HIGHEST = 65_000  # a JPEG cannot be higher than 65,535 pixels

Pictures = Sequence[np.ndarray] | np.ndarray


def sheet(images: Pictures, columns: int, tile: tuple[int, int] | None = None, *, quality: int = 86) -> dict:
    """Packs pictures into one JPEG.

    Args:
        images: uint8 pictures (height width rgb), also grey (height width) or with alpha, one per tile.
        columns: tiles per row.
        tile: (width, height) of a tile [pixels]; by default the size of the first picture. A multiple of 16 is best:
            JPEG mixes neighbours inside blocks, so other sizes keep full colour resolution and are larger.
        quality: of the JPEG, 1-95.

    Returns:
        ``{image, columns, tile, count}``, as ``ImageGrid.sheets`` takes it; ``UnitGrid.sheets`` adds ``units``.
    """
    arrays = [_rgb(image) for image in images]
    canvas, size = _paste(arrays, columns, tile, "RGB", Image.Resampling.LANCZOS, background=0)
    exact = size[0] % 16 or size[1] % 16
    data = _encode(canvas, "JPEG", quality=quality, subsampling=0 if exact else 2)
    return {"image": data, "columns": columns, "tile": list(size), "count": len(arrays)}


def mask_sheet(masks: Pictures, columns: int, tile: tuple[int, int] | None = None) -> bytes:
    """Packs masks (height width; true or > 0 inside) into one PNG of 0 and 255, to lie over the sheet of pictures."""
    arrays = [(np.asarray(mask) > 0).astype(np.uint8) * 255 for mask in masks]
    canvas, _ = _paste(arrays, columns, tile, "L", Image.Resampling.NEAREST, background=0)
    return _encode(canvas.convert("1"), "PNG", optimize=True)


def seg_sheet(segs: Pictures, columns: int, tile: tuple[int, int] | None = None) -> bytes:
    """Packs segmentations into one PNG in the colours of ``palette.concept_color``.

    Args:
        segs: per tile integers (height width) or (slot height width), 0 = nothing, i = concept i - 1; a later slot
            (parts) is drawn over an earlier one (objects).
        columns: tiles per row.
        tile: (width, height) of a tile [pixels].
    """
    numbers = [_flatten_slots(np.asarray(seg)) for seg in segs]
    colours = _colours(numbers)
    if len(colours) <= 256:
        canvas, _ = _paste(
            [seg.astype(np.uint8) for seg in numbers], columns, tile, "P", Image.Resampling.NEAREST, background=0
        )
        canvas.putpalette(colours.tobytes())
    else:
        canvas, _ = _paste(
            [colours[seg] for seg in numbers], columns, tile, "RGB", Image.Resampling.NEAREST, background=NOTHING
        )
    return _encode(canvas, "PNG", optimize=True)


def seg_pictures(segs: Pictures) -> list[np.ndarray]:
    """The same colours as pictures (height width rgb), to stand beside others in one `sheet`."""
    numbers = [_flatten_slots(np.asarray(seg)) for seg in segs]
    colours = _colours(numbers)
    return [colours[seg] for seg in numbers]


def _colours(numbers: list[np.ndarray]) -> np.ndarray:
    """Colours of as many concepts as there are numbers (number rgb); the first is that of nothing."""
    highest = max((int(seg.max()) for seg in numbers if seg.size), default=0)
    return np.array([NOTHING, *(concept_color(i) for i in range(highest))], dtype=np.uint8)


def _flatten_slots(seg: np.ndarray) -> np.ndarray:
    if seg.ndim == 2:
        return seg
    flat = seg[0].copy()
    for slot in seg[1:]:
        flat = np.where(slot > 0, slot, flat)
    return flat  # (height width)


def _rgb(image: np.ndarray) -> np.ndarray:
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim not in (2, 3):
        raise ValueError(
            f"`images` must hold uint8 pictures (height width rgb), got {array.dtype} of shape {array.shape}."
            " Images in [-1, 1] become uint8 as ((image + 1) * 127.5).round()."
        )
    if array.ndim == 2:
        array = array[:, :, None]
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array[:, :, :3]


def _paste(
    arrays: list[np.ndarray],
    columns: int,
    tile: tuple[int, int] | None,
    mode: str,
    resampling: Image.Resampling,
    background: int | tuple[int, int, int],
) -> tuple[Image.Image, tuple[int, int]]:
    if columns < 1:
        raise ValueError(f"`columns` must be 1 or more, got {columns}.")
    height, width = arrays[0].shape[:2] if arrays else (16, 16)
    size = (int(tile[0]), int(tile[1])) if tile is not None else (width, height)
    rows = max(1, math.ceil(len(arrays) / columns))
    if rows * size[1] > _HIGHEST:
        raise ValueError(
            f"A sheet can be at most {_HIGHEST:,} pixels high, but {rows:,} rows of {size[1]} pixels were asked for:"
            " make several sheets (64 units each are a good size)."
        )
    canvas = Image.new(mode, (columns * size[0], rows * size[1]), background)
    for position, array in enumerate(arrays):
        picture = Image.fromarray(np.ascontiguousarray(array))
        if picture.size != size:
            picture = picture.resize(size, resampling)
        row, column = divmod(position, columns)
        canvas.paste(picture, (column * size[0], row * size[1]))
    return canvas, size


def _encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
