"""Advice as a plot: effect over side effect, a line for each layer along its ranks, the recommended trial circled."""

from itertools import cycle
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg

from ganwidgets.results.plot import COLORS, BarGraph

if TYPE_CHECKING:
    from ganwidgets.rewrite.advise_result import Advice

_MARKERS = "osD^vP"


def plot_advice(advice: "Advice") -> BarGraph:
    """The figure, on a canvas of its own (no pyplot state)."""
    figure = BarGraph(figsize=(6.4, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    layers = list(dict.fromkeys(trial.layer for trial in advice.trials))
    for layer, color, marker in zip(layers, cycle(COLORS), cycle(_MARKERS), strict=False):
        own = sorted((trial for trial in advice.trials if trial.layer == layer), key=lambda trial: trial.rank)
        across, up = [100 * trial.elsewhere for trial in own], [trial.effect for trial in own]
        axes.plot(across, up, color=color, marker=marker, ms=4, lw=1, label=layer)
        for trial, x, y in zip(own, across, up, strict=True):
            axes.annotate(str(trial.rank), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=7)
    axes.axvspan(0, 100 * advice.limit, color="0.92", lw=0, zorder=0)
    axes.axhline(0, color="black", lw=0.6)
    if (best := advice.best) is not None:
        axes.plot(100 * best.elsewhere, best.effect, "o", ms=13, mfc="none", mec="black")
        axes.set_title(f"circled: {best.layer}, rank {best.rank}; numbers are ranks", fontsize=9, parse_math=False)
        for text in axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)).get_texts():
            text.set_parse_math(False)
    else:
        axes.text(0.5, 0.5, "nothing was tried", ha="center", va="center", transform=axes.transAxes)
    axes.set_xlabel(f"pixels of other pictures changed [%]; grey: up to {advice.limit:.0%}", parse_math=False)
    axes.set_ylabel("effect where the object was pasted")
    axes.set_xlim(left=0)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
