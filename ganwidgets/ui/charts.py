"""Still pictures of curves and scatters on white, as a saved notebook shows them."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ganwidgets.ui.axes import Axis, Frame, frame, with_zero
from ganwidgets.ui.draw import FAINT, INK
from ganwidgets.ui.fonts import cut
from ganwidgets.ui.palette import CATEGORY_COLORS, pen_color
from ganwidgets.ui.paper import Length, Paper, Place

WIDTH, HEIGHT = 560, 300


@dataclass(frozen=True)
class Spot:
    """One point of a scatter."""

    x: Length
    y: Length
    group: str
    chosen: bool


def curve(
    lines: Sequence[dict], band: dict, *, order: Sequence[str], title: str, x: Axis, y: Axis
) -> Image.Image | None:
    """Lines with intervals over a band; `order` names lines or groups in the order of their colours."""
    series = [*lines, *([band | {"y": band.get("middle")}] if band else [])]
    points = [point for line in series for point in _points(line)]
    xs = [point[0] for point in points if any(value is not None for value in point[1:])]
    ys = [value for point in points for value in point[1:] if value is not None]
    if not xs:
        return None
    names = [_name(line) for line in lines]
    legend = list(dict.fromkeys(names)) if len(set(names)) > 1 or band else []
    paper = Paper(WIDTH, HEIGHT + _rows(legend, band) * 18)
    top = 8 + (24 if title else 0)
    if title:
        paper.text((8, 8), cut(title, WIDTH - 16))
    low, high = with_zero(min(ys), max(ys))
    box = frame(paper, (8, top, WIDTH - 8, HEIGHT - 8), xs, [low, high], x, y)
    with paper.inside((box.left - 5, box.top - 5), (box.right + 5, box.bottom + 5)):
        _draw(paper, box, lines, band, order)
    _legend(paper, legend, band, lines, order)
    return paper.finished()


def _draw(paper: Paper, box: Frame, lines: Sequence[dict], band: dict, order: Sequence[str]) -> None:
    for run in _runs(_points(band | {"y": None}) if band else [], (2, 3)):
        paper.area([box.at(p[0], p[3]) for p in run] + [box.at(p[0], p[2]) for p in reversed(run)], (31, 35, 40, 30))
    if band.get("middle"):
        for run in _runs(_points(band | {"y": band["middle"]}), (1,)):
            for start, end in itertools.pairwise(run):
                paper.dashes(box.at(*start[:2]), box.at(*end[:2]), FAINT)
    sizes = Counter(map(_name, lines))
    for line in lines:
        _line(paper, box, line, list(order).index(_name(line)), thin=sizes[_name(line)] > 8)


def _line(paper: Paper, box: Frame, line: dict, position: int, *, thin: bool) -> None:
    color, points = pen_color(_color(line, position)), _points(line)
    for run in _runs(points, (2, 3)):
        ends = [box.at(p[0], p[3]) for p in run], [box.at(p[0], p[2]) for p in reversed(run)]
        if len(run) > 1:
            paper.area([*ends[0], *ends[1]], color + "2a")
        else:
            paper.line([ends[0][0], ends[1][0]], color)
    marks = len(points) <= 40 and not thin
    for run in _runs(points, (1,)):
        if len(run) > 1:
            paper.line([box.at(p[0], p[1]) for p in run], color + ("90" if thin else ""), 1 if thin else 2)
        for point in run if marks or len(run) == 1 else []:
            paper.area(shape(position, box.at(*point[:2]), 3.6), color, "white")


def _legend(paper: Paper, names: Sequence[str], band: dict, lines: Sequence[dict], order: Sequence[str]) -> None:
    for position, name in enumerate([*names, *([band.get("label") or "band"] if band else [])]):
        x, y = 8 + position % 2 * WIDTH / 2, HEIGHT + position // 2 * 18
        if position == len(names):
            paper.box((x, y + 2), (20, 10), (31, 35, 40, 30))
        else:
            first = next(line for line in lines if _name(line) == name)
            at = list(order).index(name)
            color = pen_color(_color(first, at))
            paper.line([(x, y + 7), (x + 20, y + 7)], color, 2)
            paper.area(shape(at, (x + 10, y + 7), 3.6), color)
        paper.text((x + 28, y), cut(name, WIDTH / 2 - 44))


def _rows(names: Sequence[str], band: dict) -> int:
    return -(-(len(names) + bool(band)) // 2)


def _name(line: dict) -> str:
    return line.get("group") or line["name"]


def _color(line: dict, position: int) -> str:
    return line.get("color") or CATEGORY_COLORS[position % len(CATEGORY_COLORS)]


def _points(line: dict) -> list[tuple]:
    """(x, y, low, high) from left to right, without those whose x is not known."""
    nothing = [None] * len(line["x"])
    columns = [line.get(name) or nothing for name in ("y", "low", "high")]
    found = [point for point in zip(line["x"], *columns, strict=True) if point[0] is not None]
    return sorted(found, key=lambda point: point[0])


def _runs(points: Sequence[tuple], needed: Sequence[int]) -> list[list[tuple]]:
    """Stretches of points whose columns `needed` are all known."""
    runs: list[list[tuple]] = [[]]
    for point in points:
        if all(point[i] is not None for i in needed):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def scatter(
    spots: Sequence[Spot], groups: Sequence[str], *, title: str, note: str, x: Axis, y: Axis
) -> Image.Image | None:
    """Points coloured and shaped by group, the chosen ones outlined and on top."""
    if not spots:
        return None
    shown = [group for group in groups if any(spot.group == group for spot in spots)]
    legend = shown if len(shown) > 1 else []
    height = HEIGHT + 60
    paper = Paper(WIDTH, height + -(-len(legend) // 3) * 18 + (20 if note else 0))
    if title:
        paper.text((8, 8), cut(title, WIDTH - 16))
    xs, ys = ([getattr(spot, axis) for spot in spots] for axis in "xy")
    box = frame(paper, (8, 8 + (24 if title else 0), WIDTH - 8, height - 8), xs, ys, x, y)
    some = any(spot.chosen for spot in spots)
    alpha = "55" if some else "cc" if len(spots) <= 400 else "80"
    radius = 4.5 if len(spots) <= 60 else 3.5 if len(spots) <= 400 else 2.6
    for spot in sorted(spots, key=lambda spot: spot.chosen):
        position = _position(spot.group, groups)
        outline = shape(position, box.at(spot.x, spot.y), radius)
        color = pen_color(CATEGORY_COLORS[position % len(CATEGORY_COLORS)])
        paper.area(outline, color + ("ff" if spot.chosen else alpha), INK if spot.chosen else None)
    for place, group in enumerate(legend):
        position, at = _position(group, groups), (8 + place % 3 * WIDTH / 3, height + place // 3 * 18)
        paper.area(
            shape(position, (at[0] + 6, at[1] + 7), 4), pen_color(CATEGORY_COLORS[position % len(CATEGORY_COLORS)])
        )
        paper.text((at[0] + 18, at[1]), cut(group, WIDTH / 3 - 30))
    if note:
        paper.text((8, paper.size[1] - 20), cut(note, WIDTH - 16), FAINT)
    return paper.finished()


def _position(group: str, groups: Sequence[str]) -> int:
    return list(groups).index(group) if group in groups else len(groups)


_CROSS = ((-0.4, -1.1), (0.4, -1.1), (0.4, -0.4), (1.1, -0.4), (1.1, 0.4), (0.4, 0.4))
_SHAPES: tuple[tuple[Place, ...], ...] = (
    tuple((math.cos(i * math.pi / 12), math.sin(i * math.pi / 12)) for i in range(24)),
    ((-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)),
    ((0, -1.2), (1.1, 0.8), (-1.1, 0.8)),
    ((0, -1.3), (1.2, 0), (0, 1.3), (-1.2, 0)),
    (*_CROSS, *((-x, -y) for x, y in _CROSS)),
    ((0, 1.2), (1.1, -0.8), (-1.1, -0.8)),
)
"""Circle, square, triangle, diamond, cross, wedge: js/lib/marks.ts has the same list."""


def shape(position: int, at: Place, radius: Length) -> list[Place]:
    """The outline of the mark of the group at this position."""
    return [(at[0] + x * radius, at[1] + y * radius) for x, y in _SHAPES[position % len(_SHAPES)]]
