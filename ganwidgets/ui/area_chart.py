"""A still picture of area bars on white: amounts on a logarithmic axis above, relative changes below.

js/lib/areas.ts does the same for the browser.
"""

import math
from collections.abc import Callable, Sequence

from PIL import Image

from ganwidgets.ui.axes import linear
from ganwidgets.ui.draw import FAINT, INK, LINE
from ganwidgets.ui.fonts import cut, text_width
from ganwidgets.ui.paper import Length, Paper

LEFT, UPPER, GAP, LOWER, LABELS = 54, 90, 44, 170, 84
PITCH = 28  # width of a column [px]
BAR, LOSS, GAIN, PALE = "#b9bec6", "#d55e00", "#0072b2", "60"

Ends = tuple[Length, Length]


def columns(
    bars: Sequence[dict], *, title: str, names: tuple[str, str], labels: tuple[str, str], areas: Ends, changes: Ends
) -> Image.Image:
    """All columns, as wide as they need.

    Args:
        bars: as in `AreaBars.bars`.
        title: above everything.
        names: of the bar and of the line on it.
        labels: of the two axes.
        areas: ends of the upper axis [%].
        changes: ends of the lower one; 1 is +100 %.
    """
    top = 8 + (22 if title else 0) + 20
    width = LEFT + max(len(bars) * PITCH, 380) + 12
    paper = Paper(width, top + UPPER + GAP + LOWER + LABELS + 24)
    if title:
        paper.text((8, 8), cut(title, width - 16))
    place = _logarithmic(areas, top + UPPER, top)
    middle = top + UPPER + GAP
    at = linear(*changes, middle + LOWER, middle)
    _axis(paper, width, [(place(mark), f"{mark:g} %") for mark in powers(areas)], top - 16, labels[0])
    _axis(paper, width, [(at(mark), change_text(mark)) for mark in halves(changes)], middle - 34, labels[1])
    paper.line([(LEFT, at(0)), (width - 8, at(0))], FAINT)
    for position, bar in enumerate(bars):
        x = LEFT + position * PITCH + 4
        _areas(paper, bar, x, place, top + UPPER, areas)
        _change(paper, bar, x, at, changes)
        name = cut(str(bar.get("label") or bar["key"]), LABELS - 8)
        paper.text((x + 8, middle + LOWER + 8 + text_width(name)), name, _ink(bar), upright=True)
    bottom = paper.size[1] - 18
    paper.box((LEFT, bottom + 1), (12, 10), BAR)
    paper.text((LEFT + 18, bottom - 1), names[0], FAINT)
    start = LEFT + 40 + text_width(names[0])
    paper.line([(start, bottom + 6), (start + 14, bottom + 6)], INK, 2.5)
    paper.text((start + 20, bottom - 1), names[1], FAINT)
    return paper.finished()


def powers(ends: Ends) -> list[float]:
    """Powers of ten between two numbers."""
    first, last = math.ceil(math.log10(ends[0]) - 1e-9), math.floor(math.log10(ends[1]) + 1e-9)
    return [10.0**power for power in range(first, last + 1)]


def halves(ends: Ends) -> list[float]:
    """Multiples of a half between two numbers; of 1, 2, ... where these would be many."""
    step = max(0.5, 2.0 ** math.ceil(math.log2((ends[1] - ends[0]) / 4)) / 2) if ends[1] - ends[0] > 4 else 0.5
    return [i * step for i in range(math.ceil(ends[0] / step - 1e-9), math.floor(ends[1] / step + 1e-9) + 1)]


def change_text(change: float) -> str:
    """A relative change at an axis: 0.5 is +50 %."""
    return "0" if change == 0 else f"{100 * change:+.0f} %".replace("-", "−")


def times(change: float) -> str:
    """What is written where a change is beyond its axis: 3.2 is ×4.2."""
    factor = change + 1
    return f"×{factor:.1f}" if factor < 10 else f"×{factor:.0f}" if factor < 1000 else "×1000+"


def _logarithmic(ends: Ends, start: Length, end: Length) -> Callable[[Length], float]:
    place = linear(math.log(ends[0]), math.log(ends[1]), start, end)
    return lambda value: place(math.log(min(max(value, ends[0]), ends[1])))


def _axis(paper: Paper, width: int, marks: Sequence[tuple[float, str]], above: Length, label: str) -> None:
    for y, text in marks:
        paper.line([(LEFT, y), (width - 8, y)], LINE)
        paper.text((LEFT - 6, y), text, FAINT, "rm")
    paper.text((LEFT, above), cut(label, width - LEFT - 8), FAINT)


def _areas(paper: Paper, bar: dict, x: Length, place: Callable, bottom: Length, ends: Ends) -> None:
    area, other = bar["area"], bar.get("other")
    if area is not None and area > 0:
        paper.box((x, place(area)), (PITCH - 8, max(1, bottom - place(area))), BAR)
    if other is not None:
        paper.line([(x - 3, place(other)), (x + PITCH - 5, place(other))], INK, 2.5)
        if other < ends[0]:
            paper.text((x + PITCH / 2 - 4, place(other) - 4), "0" if other == 0 else "<", INK, "ms")


def _change(paper: Paper, bar: dict, x: Length, at: Callable, ends: Ends) -> None:
    change, low, high = bar.get("change"), bar.get("low"), bar.get("high")
    if change is None:
        return
    inside = [min(max(value, ends[0]), ends[1]) for value in (change, low or 0, high or 0)]
    y = sorted((at(0), at(inside[0])))
    color = (LOSS if change < 0 else GAIN) + ("" if bar.get("verdict") else PALE)
    paper.box((x, y[0]), (PITCH - 8, max(1, y[1] - y[0])), color)
    center = x + (PITCH - 8) / 2
    if low is not None and high is not None:
        paper.line([(center, at(inside[1])), (center, at(inside[2]))], INK, 1.2)
        for end, kept in ((low, inside[1]), (high, inside[2])):
            if end == kept:
                paper.line([(center - 3, at(end)), (center + 3, at(end))], INK, 1.2)
    if change > ends[1]:
        paper.text((center, at(ends[1]) - 3), times(change), INK, "ms")


def _ink(bar: dict) -> str:
    return {"less": LOSS, "more": GAIN}.get(bar.get("verdict") or "", INK)
