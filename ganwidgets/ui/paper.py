"""White paper for still pictures of charts: smooth lines, areas and texts."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageDraw

from ganwidgets.ui.draw import INK, PAPER
from ganwidgets.ui.fonts import font

Length = int | float
Place = tuple[Length, Length]
Color = str | tuple[int, int, int] | tuple[int, int, int, int]

_FINE = 3  # everything is drawn this much larger and then reduced, so that no edge is ragged


class Paper:
    """A picture while it is drawn; places are in pixels of the finished one."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self._picture = Image.new("RGB", (width * _FINE, height * _FINE), PAPER)
        self._pen = ImageDraw.Draw(self._picture, "RGBA")

    def line(self, places: Sequence[Place], color: Color, width: Length = 1) -> None:
        """A line through all places."""
        self._pen.line(_fine(places), fill=color, width=max(1, round(width * _FINE)), joint="curve")

    def dashes(self, start: Place, end: Place, color: Color) -> None:
        """A broken line between two places."""
        steps = max(1, round(math.dist(start, end) / 3))
        for step in range(0, steps, 2):
            ends = [
                tuple(a + (b - a) * share / steps for a, b in zip(start, end, strict=True))
                for share in (step, step + 1)
            ]
            self.line(ends, color)

    def area(self, places: Sequence[Place], color: Color, edge: Color | None = None) -> None:
        """A filled shape."""
        self._pen.polygon(_fine(places), fill=color, outline=edge, width=_FINE)

    def box(self, corner: Place, size: Place, color: Color) -> None:
        """A filled rectangle."""
        (x, y), (width, height) = corner, size
        self._pen.rectangle(_fine([(x, y), (x + width, y + height)]), fill=color)

    def text(self, at: Place, text: str, color: Color = INK, anchor: str = "la", upright: bool = False) -> None:
        """A text; `upright` ones run upwards from `at`."""
        letters = font(11 * _FINE)
        if not upright:
            self._pen.text(_fine([at])[0], text, fill=color, font=letters, anchor=anchor)
            return
        length = math.ceil(letters.getlength(text))
        strip = Image.new("L", (length, 16 * _FINE), 0)
        ImageDraw.Draw(strip).text((0, 8 * _FINE), text, fill=255, font=letters, anchor="lm")
        turned = strip.rotate(90, expand=True)
        x, y = _fine([at])[0]
        self._picture.paste(color, (round(x - turned.width / 2), round(y - turned.height)), turned)

    @contextmanager
    def inside(self, corner: Place, opposite: Place) -> Iterator[None]:
        """Cuts off what is drawn meanwhile beyond a rectangle."""
        before = self._picture.copy()
        yield
        (left, top), (right, bottom) = _fine([corner, opposite])
        box = (round(left), round(top), round(right), round(bottom))
        drawn = self._picture.crop(box)
        self._picture.paste(before)
        self._picture.paste(drawn, box)

    def finished(self) -> Image.Image:
        """The picture in its own size."""
        return self._picture.resize(self.size, Image.Resampling.LANCZOS)


def _fine(places: Sequence[Place]) -> list[Place]:
    return [(x * _FINE, y * _FINE) for x, y in places]
