"""Bars that can be chosen: units per concept, or what each concept gains and loses."""

from PIL import Image
from traitlets import Bool, Bunch, TraitError, Unicode, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.palette import category_color
from ganwidgets.ui.traits import PlainList, require_keys


class Histogram(Component):
    """A bar per key, grouped and coloured by category; a click, Enter or Space chooses bars.

    With `signed`, bars go both ways from zero (losses and gains) and intervals are drawn.
    """

    _esm, _css = bundle("histogram")

    bars = PlainList(help="{key, label, group, value, low?, high?, chance?}; None for a value not known yet.").tag(
        sync=True
    )
    selected = PlainList(help="Keys of the chosen bars.").tag(sync=True)
    groups = PlainList(help="Categories in the order in which they take colours; empty: alphabetical.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    subtitle = Unicode("", help="What the bars are of.").tag(sync=True)
    value_label = Unicode("", help="What a bar's length means, with its unit.").tag(sync=True)
    reference_label = Unicode("", help="What the mark on each bar (its `chance`) means.").tag(sync=True)
    note = Unicode("", help="How to read it; stands below.").tag(sync=True)
    signed = Bool(False, help="Values below zero are meant: draw a zero line, losses and gains.").tag(sync=True)
    horizontal = Bool(False, help="One line per bar, labels at the left.").tag(sync=True)
    message = Unicode("", help="What to say where bars would be.").tag(sync=True)

    @validate("bars")
    def _check_bars(self, proposal: Bunch) -> list:
        bars = proposal["value"]
        require_keys("bars", bars, ("key", "value"), ("label", "group", "low", "high", "chance"))
        keys = [bar["key"] for bar in bars]
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise TraitError(f"`bars` needs one bar per key, got {twice!r} twice.")
        return bars

    def describe(self) -> str:
        return f"{plural(len(self.bars), 'bar')}, {len(self.selected)} selected"

    def picture(self) -> Image.Image | None:
        """The bars with their labels, values and the mark of each."""
        if not self.bars:
            return None
        groups = self.groups or sorted({bar.get("group") or "" for bar in self.bars} - {""})
        bars = [
            draw.Bar(
                str(bar.get("label") or bar["key"]),
                bar["value"],
                bar.get("chance"),
                category_color(bar.get("group") or "", groups),
            )
            for bar in self.bars
        ]
        return draw.bars(bars, title=self.title, note=self.value_label, signed=self.signed)
