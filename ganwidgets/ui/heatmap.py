"""A still picture of a matrix on white, as a saved notebook shows it."""

import math
from collections.abc import Callable, Sequence

from PIL import Image

from ganwidgets.ui.axes import Ends, numbers, opened, with_zero
from ganwidgets.ui.draw import FAINT, INK
from ganwidgets.ui.fonts import cut, text_width
from ganwidgets.ui.palette import diverging, viridis
from ganwidgets.ui.paper import Length, Paper, Place

Row = Sequence[Length | None]


def matrix(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Row],
    *,
    limits: Ends,
    diverging: bool,
    percent: bool,
    title: str,
    note: str,
    most: int = 40,
) -> Image.Image:
    """Coloured cells with their numbers; of more than `most` rows or columns the first are drawn, and it says so."""
    left_out = [
        f"{len(names) - most} more {kind}"
        for names, kind in ((rows, "rows"), (columns, "columns"))
        if len(names) > most
    ]
    low, high = cell_range(values, limits, diverging)
    write = cell_writer(values, percent, diverging)
    rows, columns = rows[:most], columns[:most]
    texts = [[write(value) for value in row[:most]] for row in values[:most]]
    widest = max((text_width(text) for row in texts for text in row), default=0)
    cell, line = max(28, math.ceil(widest) + 8), 24
    head = min(160, max(map(text_width, rows)) + 12)
    flat = max(map(text_width, columns)) + 6 <= cell
    above = 20 if flat else min(130, max(map(text_width, columns)) + 8)
    top = 8 + (24 if title else 0) + above
    paper = Paper(
        math.ceil(16 + head + max(cell * len(columns), 240)),
        math.ceil(top + line * len(rows) + 32 + (18 if left_out else 0)),
    )
    if title:
        paper.text((8, 8), cut(title, paper.size[0] - 16))
    for j, name in enumerate(columns):
        at = (8 + head + cell * (j + 0.5), top - 4)
        paper.text(at, name if flat else cut(name, 122), anchor="ms" if flat else "la", upright=not flat)
    for i, name in enumerate(rows):
        paper.text((head, top + line * (i + 0.5)), cut(name, head - 8), anchor="rm")
        for j, (value, text) in enumerate(zip(values[i], texts[i], strict=False)):
            corner = (8 + head + cell * j, top + line * i)
            color = "#eceef0" if value is None else _color_of(value, low, high, diverging)
            paper.box(corner, (cell - 2, line - 2), color)
            ink = INK if isinstance(color, str) or _luminance(color) > 0.19 else "white"
            paper.text((corner[0] + cell / 2 - 1, corner[1] + line / 2 - 1), text, ink, "mm")
    _scale(paper, (8 + head, top + line * len(rows) + 8), (low, high), diverging, percent, note)
    if left_out:
        paper.text((8, paper.size[1] - 20), f"and {' and '.join(left_out)}", FAINT)
    return paper.finished()


def cell_range(values: Sequence[Row], limits: Ends, diverging: bool) -> tuple[Length, Length]:
    """What the ends of the colours mean: the limits, else the values; diverging ones are symmetric around zero."""
    known = [value for row in values for value in row if value is not None] or [0]
    ends = with_zero(min(known), max(known))
    low, high = (end if given is None else given for given, end in zip(limits, ends, strict=True))
    if not diverging:
        return opened(low, high)
    furthest = max(abs(low), abs(high)) or 1
    return -furthest, furthest


def _scale(paper: Paper, at: Place, ends: tuple[Length, Length], signed: bool, percent: bool, note: str) -> None:
    (x, y), (low, high) = at, ends
    texts = numbers(ends, percent)
    x += _faint_text(paper, (x, y), texts[0])
    for step in range(60):
        paper.box((x + step, y + 2), (1, 9), _color_of(low + (high - low) * step / 59, low, high, signed))
    x += 60 + 8
    x += _faint_text(paper, (x, y), texts[1])
    paper.text((x + 8, y), cut(note, paper.size[0] - x - 16), FAINT)


def _faint_text(paper: Paper, at: Place, text: str) -> float:
    """Writes a faint text and says how far it reaches, with a space behind."""
    paper.text(at, text, FAINT)
    return text_width(text) + 8


def _color_of(value: Length, low: Length, high: Length, signed: bool) -> tuple[int, int, int]:
    share = (value - low) / (high - low)
    return diverging(2 * share - 1) if signed else viridis(share)


def cell_writer(values: Sequence[Row], percent: bool, signed: bool) -> Callable[[Length | None], str]:
    """How all cells are written: one number of decimals, percent without its sign, nothing for what is not known."""
    factor = 100 if percent else 1
    known = [value * factor for row in values for value in row if value is not None] or [0]
    furthest = max(map(abs, known))
    whole = furthest >= 100 or all(value == round(value) for value in known)
    digits = 0 if whole else 1 if furthest >= 1 else 1 - math.floor(math.log10(furthest))
    style = f",.{digits}f" if digits <= 4 and furthest < 1e6 else ".3g"

    def write(value: Length | None) -> str:
        if value is None:
            return ""
        text = format(abs(value * factor), style)
        sign = "" if not text.strip("0.,") else "−" if value < 0 else "+" if signed else ""
        return sign + text

    return write


def _luminance(color: tuple[int, ...]) -> float:
    parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
