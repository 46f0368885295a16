"""Lines over one axis: how something grows or falls, with intervals and with what chance would give."""

import re

from PIL import Image
from traitlets import Bool, Bunch, TraitError, Unicode, validate

from ganwidgets.ui import charts
from ganwidgets.ui.axes import Axis
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.traits import Number, PlainDict, PlainList, require_keys, require_numbers


class Curve(Component):
    """Lines with their intervals, and a band behind them to compare with.

    Hovering or the arrow keys read out what stands at one x; a click or Enter chooses it (and a second one takes that
    back). The legend switches lines, or whole groups of lines, off and on. With `log_x`, zero stands apart at the left.
    """

    _esm, _css = bundle("curve")

    lines = PlainList(help="{name, x, y, low?, high?, color?, group?}: numbers or None; a group is one colour.").tag(
        sync=True
    )
    band = PlainDict(help="{x, low, high, middle?, label?}: what to compare with, drawn behind the lines.").tag(
        sync=True
    )
    x_label = Unicode("", help="What x is, with its unit.").tag(sync=True)
    y_label = Unicode("", help="What y is, with its unit.").tag(sync=True)
    log_x = Bool(False, help="A logarithmic x axis; x must not be negative.").tag(sync=True)
    y_percent = Bool(False, help="The y are shares: write them in %.").tag(sync=True)
    y_range = PlainList(help="[low, high] of the y axis; None, or none given, for what the lines need.").tag(sync=True)
    hidden = PlainList(help="Names of the lines or groups that the legend has switched off.").tag(sync=True)
    chosen = Number(None, allow_none=True, help="The x that was chosen, or None.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    note = Unicode("", help="How to read it; stands below.").tag(sync=True)
    message = Unicode("", help="What to say where lines would be.").tag(sync=True)

    @validate("lines")
    def _check_lines(self, proposal: Bunch) -> list:
        lines = proposal["value"]
        require_keys("lines", lines, ("name", "x", "y"), ("low", "high", "color", "group"))
        names = [line["name"] for line in lines]
        for position, line in enumerate(lines):
            where = f"lines[{position}]"
            if names.count(line["name"]) > 1:
                raise TraitError(f"`lines` needs one line per name, got {line['name']!r} twice.")
            _check_columns(where, line, ("x", "y"), ("low", "high"))
            color = line.get("color")
            if color is not None and not re.fullmatch(r"#[0-9a-fA-F]{6}", str(color)):
                raise TraitError(f"`{where}['color']` must be a colour like '#0072b2', got {color!r}.")
            _check_logarithm(where, line["x"], self.log_x)
        return lines

    @validate("band")
    def _check_band(self, proposal: Bunch) -> dict:
        band = proposal["value"]
        if band:
            require_keys("band", [band], ("x", "low", "high"), ("middle", "label"))
            _check_columns("band", band, ("x", "low", "high"), ("middle",))
            _check_logarithm("band", band["x"], self.log_x)
        return band

    @validate("log_x")
    def _check_log(self, proposal: Bunch) -> bool:
        for where, series in [*((f"lines[{i}]", line) for i, line in enumerate(self.lines)), ("band", self.band)]:
            _check_logarithm(where, series.get("x", []), proposal["value"])
        return proposal["value"]

    @validate("y_range")
    def _check_range(self, proposal: Bunch) -> list:
        ends = proposal["value"]
        require_numbers("y_range", ends)
        if len(ends) not in (0, 2) or (None not in ends and len(ends) == 2 and ends[0] >= ends[1]):
            raise TraitError(f"`y_range` must be [low, high] with low < high, or empty, got {ends}.")
        return ends

    def describe(self) -> str:
        return plural(len(self.lines), "line")

    def picture(self) -> Image.Image | None:
        """The lines that are shown, with their axes, the band and a legend; None without a known number."""
        return charts.curve(
            [line for line in self.lines if (line.get("group") or line["name"]) not in self.hidden],
            self.band,
            order=list(dict.fromkeys(line.get("group") or line["name"] for line in self.lines)),
            title=self.title,
            x=Axis(self.x_label, log=self.log_x),
            y=Axis(self.y_label, percent=self.y_percent, ends=tuple(self.y_range) or (None, None)),
        )


def _check_columns(where: str, series: dict, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    length = len(series["x"]) if isinstance(series["x"], list) else 0
    for name in required + optional:
        column = series.get(name)
        if column is None and name in optional:
            continue
        if not isinstance(column, list):
            raise TraitError(f"`{where}[{name!r}]` must be a list of numbers, got {column!r}.")
        require_numbers(f"{where}[{name!r}]", column)
        if len(column) != length:
            raise TraitError(f"`{where}[{name!r}]` needs one number per x ({length}), got {len(column)}.")


def _check_logarithm(where: str, x: list, log: bool) -> None:
    negative = next((value for value in x if log and value is not None and value < 0), None)
    if negative is not None:
        raise TraitError(f"`log_x` needs x of 0 or more, but `{where}['x']` holds {negative}: set `log_x=False`.")
