"""One font for all still pictures, with minus signs, dashes and Greek letters."""

import functools
import importlib.util
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@functools.cache
def font(size: int) -> Font:
    """DejaVu Sans, which comes with matplotlib (not imported for it); else Pillow's own, which has fewer letters."""
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(str(path), size)
    return ImageFont.load_default(size=size)


def text_width(text: str, size: int = 11) -> float:
    """Width of a text [px]."""
    return font(size).getlength(text)


def cut(text: str, room: float | int) -> str:
    """A text that fits in `room` pixels, cut with an ellipsis."""
    if text_width(text) <= room:
        return text
    while text and text_width(text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"
