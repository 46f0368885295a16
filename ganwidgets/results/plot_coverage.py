"""The published figure of what a generator draws too little: areas above, relative change below."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import FuncFormatter, PercentFormatter

from ganwidgets.results.coverage import Coverage
from ganwidgets.results.plot import COLORS, BarGraph

SPAN, LOWEST, HIGHEST, WRITTEN = 5000, -1.0, 1.1, 1.15
"""The areas shown span a factor of 5,000; changes from −1 to 1.1 are drawn, those above 1.15 are written."""


def plot(coverage: Coverage, top: int, maxscale: float) -> BarGraph:
    """The figure, on a canvas of its own (no pyplot state)."""
    shown = np.array(coverage.shown(top), int)
    figure = BarGraph(figsize=(1.4 + 5.0 * max(len(shown), 10) / 30, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    places = np.arange(len(shown))
    _areas(above, coverage, shown, places, maxscale)
    _changes(below, coverage, shown, places)
    names = [coverage.concepts[c] for c in shown]
    below.set_xticks(places, names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8, parse_math=False)
    for label, c in zip(below.get_xticklabels(), shown, strict=True):
        label.set_fontweight("bold" if coverage.concepts[c] in (*coverage.under, *coverage.over) else "normal")
    title = f"{coverage.network} against {coverage.data}"
    if coverage.fsd is not None:
        floor = coverage.fsd.floor
        title += f"\nFSD {coverage.fsd.distance:.3g}"
        title += f" (real against real {floor:.2g})" if np.isfinite(floor) else ""
    figure.suptitle(title, fontsize=9, parse_math=False)
    return figure


def _areas(axes, coverage: Coverage, shown: np.ndarray, places: np.ndarray, maxscale: float) -> None:
    low = maxscale / SPAN
    area = np.where(coverage.area[shown] > 0, np.maximum(coverage.area[shown], low), 0)
    axes.bar(places, area, 0.7, color=COLORS[4], label="data")
    generated = np.maximum(coverage.generated_area[shown], low)
    axes.plot(places, generated, color=COLORS[5], lw=1.2, marker="o", ms=2.5, label="generated")
    axes.set_yscale("log")
    axes.set_ylim(low, maxscale)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
    axes.set_ylabel("area", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=7, loc="upper right", ncols=2, borderaxespad=0)


def _changes(axes, coverage: Coverage, shown: np.ndarray, places: np.ndarray) -> None:
    change, interval = coverage.ratio[shown] - 1, coverage.ratio_interval[shown] - 1
    named = [coverage.concepts[c] for c in shown]
    for label, names, color in (
        (f"too little (level {coverage.level:.0%}, all together)", coverage.under, COLORS[5]),
        ("too much", coverage.over, COLORS[0]),
        ("not told apart", set(coverage.concepts) - {*coverage.under, *coverage.over}, "#bbbbbb"),
    ):
        own = [place for place, name in enumerate(named) if name in names]
        if own:
            axes.bar(places[own], np.clip(change[own], LOWEST, HIGHEST), 0.7, color=color, label=label)
    whole = np.isfinite(interval).all(1) & (change <= WRITTEN)
    low, high = (np.clip(end, LOWEST, HIGHEST) for end in interval[whole].T)
    axes.vlines(places[whole], low, high, color="black", lw=0.9)
    for place, value, name in zip(places, change, named, strict=True):
        if np.isnan(value):  # the data show none: there is nothing to relate it to
            axes.text(place, 0, " only generated", ha="center", va="bottom", rotation=90, fontsize=7, color=COLORS[0])
        elif value > WRITTEN:
            color = "white" if name in coverage.over else "black"
            axes.text(place, HIGHEST, f"+{value:.0%} ", ha="center", va="top", rotation=90, fontsize=7, color=color)
    axes.axhline(0, color="black", lw=0.8)
    axes.set_ylim(LOWEST, HIGHEST)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_ylabel("(generated − data) / data", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    if len(shown):
        axes.legend(frameon=False, fontsize=7, loc="lower right", bbox_to_anchor=(1, 1), ncols=3, borderaxespad=0)
