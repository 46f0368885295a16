"""The axes of still charts: ranges, round ticks, the numbers at them, and where values are.

js/lib/scale.ts does the same for the browser.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ganwidgets.ui.draw import FAINT, LINE
from ganwidgets.ui.fonts import cut, text_width
from ganwidgets.ui.paper import Length, Paper, Place

Box = tuple[Length, Length, Length, Length]  # left, top, right, bottom
Ends = tuple[Length | None, Length | None]


@dataclass(frozen=True)
class Axis:
    """What an axis says and how: its title, shares in %, a logarithm, fixed ends."""

    title: str = ""
    percent: bool = False
    log: bool = False
    ends: Ends = (None, None)


@dataclass(frozen=True)
class Frame:
    """Edges of the drawing area, and where values are inside it."""

    left: Length
    top: Length
    right: Length
    bottom: Length
    x: Callable[[Length], Length]
    y: Callable[[Length], Length]

    def at(self, x: Length, y: Length) -> Place:
        """The place of a point."""
        return self.x(x), self.y(y)


def opened(low: Length, high: Length) -> tuple[Length, Length]:
    """A range that has a length: a single number gets room on both sides."""
    if high > low:
        return low, high
    room = abs(low) * 0.1 or 1
    return low - room, high + room


def with_zero(low: Length, high: Length) -> tuple[Length, Length]:
    """Reaches to zero when zero is near, so that heights can be compared."""
    if 0 < low < 0.6 * high:
        return 0, high
    if 0 > high > 0.6 * low:
        return low, 0
    return low, high


def ticks(low: Length, high: Length, n: int) -> list[float]:
    """Round numbers from below `low` to above `high`, about `n` of them."""
    rough = (high - low) / n
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def numbers(values: Sequence[Length], percent: bool = False) -> list[str]:
    """What to write at the ticks of one axis: as many decimals as they need, one style for all."""
    shown = [value * 100 if percent else value for value in values]
    furthest = max(map(abs, shown), default=0)
    unit = " %" if percent else ""
    if furthest >= 1e6 or 0 < furthest < 1e-3:
        return [f"{value:.2g}{unit}".replace("-", "−") for value in shown]
    digits = next((d for d in range(5) if all(abs(v - round(v, d)) <= 1e-3 * 10**-d for v in shown)), 5)
    return [f"{round(value, digits) + 0.0:,.{digits}f}{unit}".replace("-", "−") for value in shown]


def linear(low: Length, high: Length, start: Length, end: Length) -> Callable[[Length], float]:
    """Places of values between `low` (at `start`) and `high` (at `end`)."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def logarithmic(values: Sequence[Length], start: Length, end: Length) -> Callable[[Length], float]:
    """The same on a logarithmic axis; zero, when there is one, stands apart at `start`."""
    logarithms = [math.log(value) for value in values if value > 0] or [0.0]
    first = start + (34 if min(values) <= 0 else 0)
    place = linear(*opened(min(logarithms), max(logarithms)), first, end)
    return lambda value: place(math.log(value)) if value > 0 else start


def snug(low: Length, high: Length, marks: Sequence[Length]) -> tuple[Length, Length]:
    """Ends of an axis for data between two numbers: the outermost tick when it is near, else a little room."""
    near, room = 0.35 * (marks[1] - marks[0]), 0.06 * (high - low)
    return (
        marks[0] if low - marks[0] <= near else low - room,
        marks[-1] if marks[-1] - high <= near else high + room,
    )


def frame(
    paper: Paper, box: tuple[int, int, int, int], xs: Sequence[Length], ys: Sequence[Length], x: Axis, y: Axis
) -> Frame:
    """Draws two axes into `box` (left, top, right, bottom; with titles) and says where values are."""
    left, top, right, bottom = box
    top += 22 if y.title else 6
    bottom -= 40 if x.title else 22
    low, high, marks = _y_marks(ys, y)
    texts = numbers(marks, y.percent)
    left += math.ceil(max(map(text_width, texts), default=0)) + 10
    place = linear(low, high, bottom, top)
    for mark, text in zip(marks, texts, strict=True):
        paper.line([(left, place(mark)), (right, place(mark))], FAINT if mark == 0 else LINE)
        paper.text((left - 8, place(mark)), text, FAINT, "rm")
    across = (left + 6, right - 12)
    place_x = logarithmic(xs, *across) if x.log else linear(*opened(min(xs), max(xs)), *across)
    paper.line([(left, bottom), (right, bottom)], FAINT)
    _write_below(paper, bottom, [(place_x(mark), text) for mark, text in _x_marks(xs, x)])
    if y.title:
        paper.text((box[0], box[1]), cut(y.title, right - box[0]), FAINT)
    if x.title:
        paper.text((right, box[3] - 16), cut(x.title, right - left), FAINT, "ra")
    return Frame(left, top, right, bottom, place_x, place)


def _y_marks(ys: Sequence[Length], y: Axis) -> tuple[Length, Length, list[float]]:
    given = y.ends
    low, high = opened(*(end if fixed is None else fixed for fixed, end in zip(given, (min(ys), max(ys)), strict=True)))
    marks = ticks(low, high, 5)
    low, high = (end if fixed is None else fixed for fixed, end in zip(given, snug(low, high, marks), strict=True))
    return low, high, [mark for mark in marks if low <= mark <= high]


def _write_below(paper: Paper, bottom: Length, marks: Sequence[tuple[Length, str]]) -> None:
    """Ticks and their numbers; what would run into its neighbour is left out."""
    end = -math.inf
    for at, text in marks:
        half = text_width(text) / 2
        if at - half < end + 8:
            continue
        end = at + half
        paper.line([(at, bottom), (at, bottom + 4)], FAINT)
        paper.text((at, bottom + 6), text, FAINT, "ma")


def _x_marks(xs: Sequence[Length], x: Axis) -> list[tuple[Length, str]]:
    own: list[Length] = sorted(set(xs))
    if not x.log and len(own) > 1:
        marks = [mark for mark in ticks(own[0], own[-1], 6) if own[0] <= mark <= own[-1]]
        return list(zip(marks, numbers(marks, x.percent), strict=True))
    if len(own) > 14:
        positive = [value for value in own if value > 0]
        powers = [
            10.0**power for power in range(*(math.floor(math.log10(end)) for end in (positive[0], positive[-1] * 10)))
        ]
        own = [value for value in own if value == 0] + [power for power in powers if power >= positive[0]]
    return [(value, numbers([value], x.percent)[0]) for value in own]
