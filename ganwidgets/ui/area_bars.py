"""Two amounts per name on a logarithmic axis, and below them by how much the second differs from the first."""

from PIL import Image
from traitlets import Bunch, TraitError, Unicode, validate

from ganwidgets.ui import area_chart
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.traits import PlainList, require_keys, require_numbers

VERDICTS = (None, "", "less", "more")
NUMBERS = ("area", "other", "change", "low", "high")


class AreaBars(Component):
    """A column per name: above, one amount as a bar and another as a line on it; below, the relative change.

    What lies beyond an axis is written. A click, Enter or Space chooses a column, and a second one takes that back.
    """

    _esm, _css = bundle("area_bars")

    bars = PlainList(
        help="{key, area, other?, change?, low?, high?, label?, group?, verdict?}: amounts [%]; change = other / area "
        "- 1, with an interval; verdict 'less' or 'more' where the change is more than chance."
    ).tag(sync=True)
    selected = Unicode("", help="Key of the chosen column; empty: none.").tag(sync=True)
    names = PlainList(("first", "second"), help="What the two amounts are called.").tag(sync=True)
    area_range = PlainList((0.01, 50), help="[low, high] of the upper axis [%]; logarithmic.").tag(sync=True)
    change_range = PlainList((-1, 1.1), help="[low, high] of the lower axis; 1 is +100 %.").tag(sync=True)
    area_label = Unicode("", help="What the upper axis says.").tag(sync=True)
    change_label = Unicode("", help="What the lower axis says.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    subtitle = Unicode("", help="Of what the two amounts are.").tag(sync=True)
    note = Unicode("", help="How to read it; stands below.").tag(sync=True)
    message = Unicode("", help="What to say where columns would be.").tag(sync=True)

    @validate("bars")
    def _check_bars(self, proposal: Bunch) -> list:
        bars = proposal["value"]
        require_keys("bars", bars, ("key", "area"), ("other", "change", "low", "high", "label", "group", "verdict"))
        keys = [bar["key"] for bar in bars]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise TraitError(f"`bars` needs one column per key, got {twice!r} twice.")
        for position, bar in enumerate(bars):
            require_numbers(f"bars[{position}]", [bar.get(name) for name in NUMBERS])
            if bar.get("verdict") not in VERDICTS:
                raise TraitError(f"`bars[{position}]['verdict']` must be 'less' or 'more', got {bar['verdict']!r}.")
        return bars

    @validate("names")
    def _check_names(self, proposal: Bunch) -> list:
        names = proposal["value"]
        if len(names) != 2 or not all(isinstance(name, str) for name in names):
            raise TraitError(f"`names` must be two texts, got {names!r}.")
        return names

    @validate("area_range", "change_range")
    def _check_range(self, proposal: Bunch) -> list:
        name, ends = proposal["trait"].name, proposal["value"]
        require_numbers(name, ends)
        if len(ends) != 2 or None in ends or not ends[0] < ends[1]:
            raise TraitError(f"`{name}` must be [low, high] with low < high, got {ends}.")
        if name == "area_range" and ends[0] <= 0:
            raise TraitError(f"`area_range` must be above 0, as its axis is logarithmic, got {ends}.")
        if name == "change_range" and not ends[0] <= 0 <= ends[1]:
            raise TraitError(f"`change_range` must hold 0, no change, got {ends}.")
        return ends

    def describe(self) -> str:
        chosen = f", {self.selected!r} selected" if self.selected else ""
        return f"{plural(len(self.bars), 'column')}{chosen}"

    def picture(self) -> Image.Image | None:
        """The columns with their labels, both axes and what the bar and the line mean; None without a column."""
        if not self.bars:
            return None
        return area_chart.columns(
            self.bars,
            title=self.title,
            names=(self.names[0], self.names[1]),
            labels=(self.area_label, self.change_label),
            areas=(self.area_range[0], self.area_range[1]),
            changes=(self.change_range[0], self.change_range[1]),
        )
