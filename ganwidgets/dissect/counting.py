"""How many units are detectors, and of how many different concepts: the two ways in which this has been counted.

"one label": a unit has one label, the concept with which it agrees best, and is a detector if the IoU is above 0.04;
unique detectors are the different labels. So says the paper's text.

"per category": in each category by itself, a unit is a detector if its best concept *of this category* is above 0.04,
so that one unit may count in several; the total of unique detectors is the sum over categories. So were the numbers
made that were released with the paper.

The two give different totals of the same dissection (AlexNet on Places365: 72 and 91 unique detectors), so both are
always told.

Source: Bau, Zhou, Khosla, Oliva, Torralba, "Network Dissection", CVPR 2017, and `plot/extract_csv.m` of its code.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ganwidgets.results.dissection import OK, Dissection, LayerResult

if TYPE_CHECKING:
    import pandas

COUNTINGS = ("one label", "per category")
"""The two ways of counting."""

RULE_IOU = {"iqr": 0.05}
"""Least IoU of rules that do not take 0.04."""

ALL = "all"
"""Stands in the column `category` of a total."""


def detectors(
    dissection: Dissection, layer: str | None = None, *, least_iou: float | int | None = None
) -> "pandas.DataFrame":
    """Detectors and unique detectors of each layer and category, counted in both ways.

    Args:
        dissection: the result.
        layer: one of its layers; None tells of all.
        least_iou: IoU above which a unit is a detector; None takes the rule's own (0.04; 0.05 and an IQR above 0.01
            under the rule "iqr").

    Returns:
        layer, counting, category ("all" for totals), detectors, unique; and by_chance: detectors that derangements of
        the segmentations give, where they were measured, for "one label" and the rule's own threshold.
    """
    import pandas

    if least_iou is not None and not 0 <= least_iou < 1:
        raise ValueError(f"`least_iou` must lie between 0 and 1, got {least_iou}")
    layers = dissection.layers.values() if layer is None else (dissection.layer(layer),)
    rows = [row for one in layers for row in _rows(dissection, one, least_iou)]
    return pandas.DataFrame(rows, columns=["layer", "counting", "category", "detectors", "unique", "by_chance"])


def over_depth(dissection: Dissection, counting: str = "one label", *, what: str = "unique") -> "pandas.DataFrame":
    """What each layer detects: a row per layer, a column per category and one of totals.

    Args:
        dissection: of several layers, in the order of the network.
        counting: one of `COUNTINGS`.
        what: "unique" detectors, or "detectors".
    """
    if counting not in COUNTINGS:
        raise ValueError(f"`counting` must be one of {COUNTINGS}, got {counting!r}")
    if what not in ("unique", "detectors"):
        raise ValueError(f"`what` must be 'unique' or 'detectors', got {what!r}")
    table = detectors(dissection)
    table = table[table.counting == counting].pivot(index="layer", columns="category", values=what)
    return table.loc[list(dissection.layers), [*dict.fromkeys(dissection.categories), ALL]].rename_axis(columns=None)


def _rows(dissection: Dissection, result: LayerResult, least_iou: float | None) -> Iterator[tuple]:
    own = RULE_IOU.get(dissection.rule, 0.04) if least_iou is None else least_iou
    names = list(dict.fromkeys(dissection.categories))
    category = np.array([names.index(name) for name in dissection.categories])
    labelled = _labelled(result, own, by_rule=least_iou is None)
    chance = result.chance_units if least_iou is None else np.full(len(category), np.nan)
    for number, name in enumerate(names):
        found = result.concept[labelled & (category[result.concept] == number)]
        by_chance = float(chance[category == number].sum())
        yield result.name, COUNTINGS[0], name, len(found), len(np.unique(found)), by_chance
    found = result.concept[labelled]
    yield result.name, COUNTINGS[0], ALL, len(found), len(np.unique(found)), float(chance.sum())
    anywhere, unique = np.zeros(len(result.concept), bool), 0
    for number, name in enumerate(names):
        best, passes = _best_of(result, np.flatnonzero(category == number), own)
        anywhere |= passes
        unique += len(np.unique(best[passes]))
        yield result.name, COUNTINGS[1], name, int(passes.sum()), len(np.unique(best[passes])), np.nan
    yield result.name, COUNTINGS[1], ALL, int(anywhere.sum()), unique, np.nan


def _labelled(result: LayerResult, least_iou: float, by_rule: bool) -> np.ndarray:
    if by_rule:
        return result.labelled
    return (result.status == OK) & (result.concept >= 0) & (result.label_iou > least_iou)


def _best_of(result: LayerResult, concepts: np.ndarray, least_iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Each unit's best one of these concepts, and whether it is above the threshold."""
    own = result.iou[:, concepts]
    return concepts[own.argmax(1)], (own.max(1) > least_iou) & (result.status == OK)
