"""The published bar graph: labelled units per concept, grouped by category."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ganwidgets.results.dissection import Dissection, LayerResult

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")  # Okabe and Ito


class BarGraph(Figure):
    """A figure that shows itself in a notebook, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def plot(dissection: Dissection, result: LayerResult) -> BarGraph:
    """The figure, on a canvas of its own (no pyplot state)."""
    groups = list(dict.fromkeys(dissection.categories))
    shown = [c for c in range(len(dissection.concepts)) if result.labelled_units[c] > 0]
    shown.sort(key=lambda c: (groups.index(dissection.categories[c]), -result.labelled_units[c]))
    figure = BarGraph(figsize=(max(4.0, 0.42 * len(shown) + 1.5), 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = np.arange(len(shown))
    for number, group in enumerate(groups):
        own = [i for i, c in enumerate(shown) if dissection.categories[c] == group]
        if own:
            color = COLORS[number % len(COLORS)]
            axes.axvspan(own[0] - 0.5, own[-1] + 0.5, color=color, alpha=0.12, lw=0)
            axes.bar(own, result.labelled_units[[shown[i] for i in own]], 0.7, color=color, label=group)
    chance = result.chance_units[shown] if shown else np.zeros(0)
    if shown and np.isfinite(chance).all():
        axes.hlines(chance, places - 0.4, places + 0.4, color="black", lw=1.5, label="expected by chance")
    axes.set_xticks(places, [dissection.concepts[c] for c in shown], rotation=45, ha="right", parse_math=False)
    axes.set_ylabel("units")
    axes.yaxis.get_major_locator().set_params(integer=True)
    labelled, found = int(result.labelled.sum()), len(shown)
    axes.set_title(
        f"{result.name}: {labelled} of {len(result.concept)} units, {found} concepts", fontsize=10, parse_math=False
    )
    axes.spines[["top", "right"]].set_visible(False)
    if shown:
        for text in axes.legend(frameon=False, fontsize=8).get_texts():
            text.set_parse_math(False)
    else:
        axes.text(0.5, 0.5, "no unit is labelled", ha="center", va="center", transform=axes.transAxes)
    return figure
