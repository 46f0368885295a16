"""A report as bars: one panel for each measure, one bar for each method, 95 % intervals as whiskers."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ganwidgets.results.plot import COLORS, BarGraph

if TYPE_CHECKING:
    from ganwidgets.rewrite.report_result import RewriteReport

_LABELS = {
    "success": "images changed as meant [%]",
    "became": "source pixels that became the target [%]",
    "gone": "source pixels gone [%]",
    "outside": "pixels outside changed [%]",
    "elsewhere": "pixels changed without source [%]",
    "drift": "mean change outside [levels]",
    "distance": "distance outside [of two images]",
}
_PERCENT = 100


def plot_report(report: "RewriteReport", measures: tuple[str, ...]) -> BarGraph:
    """The figure, on a canvas of its own (no pyplot state).

    Raises:
        ValueError: no measures, or one there is not.
    """
    if not measures:
        raise ValueError("`measures` must name at least one measure, got none")
    values = [(report.share(measure), report.interval(measure)) for measure in measures]
    height = 1.1 + 0.34 * len(report.methods)
    figure = BarGraph(figsize=(1.6 + 2.5 * len(measures), height), layout="constrained")
    FigureCanvasAgg(figure)
    rows = np.arange(len(report.methods))
    for place, (measure, (share, interval)) in enumerate(zip(measures, values, strict=True)):
        axes = figure.add_subplot(1, len(measures), place + 1)
        scale = _PERCENT if _LABELS[measure].endswith("[%]") else 1
        known = np.isfinite(share)
        colors = [COLORS[int(row > 0)] for row in rows[known]]
        axes.barh(rows[known], scale * share[known], 0.65, color=colors)
        sure = known & np.isfinite(interval).all(1)
        axes.hlines(rows[sure], *scale * interval[sure].T, color="black", lw=1.2)
        for row in rows[~known]:
            axes.text(0.02, row, "not measured", va="center", fontsize=8, transform=axes.get_yaxis_transform())
        axes.set_yticks(rows, report.methods if place == 0 else [""] * len(rows), parse_math=False)
        axes.set_xlabel(_LABELS[measure], fontsize=8, parse_math=False)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
    goal = f"{report.source} → {report.target or 'anything else'}"
    found = f"{report.n_source:,} of {report.n:,} images have the source"
    figure.suptitle(f"{goal}: {found}; lines: 95 % intervals", fontsize=9, parse_math=False)
    return figure
