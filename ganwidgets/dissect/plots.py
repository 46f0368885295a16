"""Figures of network dissection: categories over depth, a basis that turns, a prediction told by its units."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ganwidgets.dissect.counting import ALL, over_depth
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.plot import COLORS, BarGraph

if TYPE_CHECKING:
    from ganwidgets.dissect.explanation import Explanation
    from ganwidgets.dissect.rotation import BasisRotation


def plot_over_depth(
    dissection: Dissection, random: Dissection | None = None, *, counting: str = "one label", what: str = "unique"
) -> BarGraph:
    """Detectors of each category in each layer, one line a category; and in all, beside a network of random weights.

    Args:
        dissection: of several layers.
        random: of the same layers of the same architecture with random weights.
        counting: as in `detectors`.
        what: "unique" detectors, or "detectors".
    """
    table = over_depth(dissection, counting, what=what)
    figure = _figure(max(4.5, 0.6 * len(table) + 3), 3.4)
    axes, places = figure.add_subplot(), np.arange(len(table))
    for number, category in enumerate(name for name in table if name != ALL):
        style = {"color": COLORS[number % len(COLORS)], "ls": ("-", ":", "-.")[number // len(COLORS) % 3]}
        axes.plot(places, table[category], marker="o", ms=4, label=category, **style)
    axes.plot(places, table[ALL], color="black", lw=2, label=ALL)
    if random is not None:
        other = over_depth(random, counting, what=what).reindex(table.index)
        axes.plot(places, other[ALL], color="black", ls="--", lw=1.5, label="all, random weights")
    axes.set_xticks(places, table.index, rotation=35, ha="right", parse_math=False)
    words = {"unique": "unique detectors", "detectors": "detectors"}[what]
    axes.set_ylabel(f"{words} ({counting})")
    axes.set_title(dissection.network, fontsize=10, parse_math=False)
    _finish(axes)
    return figure


def plot_rotation(rotation: "BasisRotation", counting: str) -> BarGraph:
    """Unique detectors against the share of the rotation."""
    table = rotation.to_frame(counting)
    figure = _figure(4.5, 3.2)
    axes = figure.add_subplot()
    axes.fill_between(table.alpha, table.unique_min, table.unique_max, color=COLORS[0], alpha=0.2, lw=0)
    axes.plot(table.alpha, table["unique"], marker="o", color=COLORS[0], label=f"unique detectors ({counting})")
    axes.set_xlabel("share α of a random rotation of the basis")
    axes.set_ylim(bottom=0)
    axes.set_title(f"{rotation.network}, {rotation.layer}: {rotation.units} units", fontsize=10, parse_math=False)
    _finish(axes)
    return figure


def plot_explanation(explanation: "Explanation") -> BarGraph:
    """The image, each top unit's place in it, and the sum."""
    top = len(explanation.units)
    figure = _figure(1.7 * (top + 1), 4.4)
    pictures, bars = figure.subfigures(2, 1, height_ratios=(2, 3))
    cells = pictures.subplots(1, top + 1)
    shown = [explanation.image, *map(explanation_overlay, [explanation] * top, range(top))]
    titles = [f"{explanation.name}\n{explanation.probability:.0%}"]
    titles += [f"unit {u}\n{c or 'no label'}" for u, c in zip(explanation.units, explanation.concepts, strict=True)]
    for cell, picture, title in zip(cells, shown, titles, strict=True):
        cell.imshow(picture)
        cell.set_title(title, fontsize=8, parse_math=False)
        cell.set_axis_off()
    table, axes = explanation.to_frame()[::-1], bars.subplots()
    colors = np.where(table.contribution >= 0, COLORS[0], COLORS[5])
    axes.barh(np.arange(len(table)), table.contribution, color=colors)
    names = [f"{part} {concept}".strip() for part, concept in zip(table.part, table.concept, strict=True)]
    axes.set_yticks(np.arange(len(table)), names, fontsize=8, parse_math=False)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_xlabel(
        f"contribution to the logit of {explanation.name}, {explanation.logit:.2f} in all", parse_math=False
    )
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def explanation_overlay(explanation: "Explanation", rank: int) -> np.ndarray:
    """The image with what lies outside a top unit's active region dimmed, uint8 (height width rgb)."""
    share = np.where(explanation.masks[rank], 1.0, 0.25)[..., None]
    return (explanation.image * share).astype(np.uint8)


def _figure(width: float, height: float) -> BarGraph:
    figure = BarGraph(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _finish(axes: Any) -> None:
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    for text in axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5)).get_texts():
        text.set_parse_math(False)
