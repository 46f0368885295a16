"""Charts of a classifier's units: results turned into the bars, points, lines and words that components draw.

Pure functions of results; `panel_classes.py` decides when they are called.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ganwidgets.ablate.class_attributes import ATTRIBUTES
from ganwidgets.ablate.class_curves import ClassCurve
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.joint_drop import JointDrop
from ganwidgets.ablate.panel_classes_views import class_names, groups, percent

MOST_BARS = 14

DROP_WORDS = {"max_class_drop_corrected": "highest class drop", "overall_drop": "overall drop"}
"""Drops that attributes are compared with."""

ATTRIBUTE_WORDS = {
    "class_selectivity": ("Selectivity", "Class selectivity"),
    "l1_norm": ("L1 norm", "L1 norm"),
    "class_correlation": ("Correlation", "Class correlation"),
    "mutual_information": ("Information", "Mutual information [bit]"),
}
"""Title of a plot, short enough for one line so that plots stay level, and name of its x axis."""

AGAINST = {
    "name": "against",
    "kind": "choice",
    "label": "Compare with",
    "options": [{"value": name, "label": word} for name, word in DROP_WORDS.items()],
    "hint": "Highest class drop: class chosen on one half of the images, drop read off the other.",
}


# Classes


def class_bars(drop: JointDrop | None) -> list[dict[str, Any]]:
    """What each class gains (positive) or loses, largest change first."""
    if drop is None:
        return []
    names = class_names(drop.ablation)
    order = np.argsort(-np.abs(drop.class_drop), kind="stable")[:MOST_BARS]
    return [
        {
            "key": names[c],
            "label": names[c],
            "value": 0.0 - float(drop.class_drop[c]),
            "low": -float(drop.class_interval[c, 1]),
            "high": -float(drop.class_interval[c, 0]),
            "chance": 0.0 - float(drop.class_chance[c]),
        }
        for c in order
    ]


def bars_subtitle(drop: JointDrop | None, n_images: int, predicted: bool) -> str:
    """What the bars are of, and what accuracy does as a whole."""
    if drop is None:
        return ""
    named = ", ".join(map(str, drop.units[:6])) + (", …" if len(drop.units) > 6 else "")
    before = drop.ablation.accuracy
    low, high = drop.overall_interval
    what = "decisions kept" if predicted else "accuracy"
    seen = f"{drop.n:,}{'' if drop.n == n_images else f' of {n_images:,}'} images"
    left = len(drop.class_drop) - MOST_BARS
    more = f"; the {left} classes that change least are not shown" if left > 0 else ""
    return (
        f"Without unit{'s' if len(drop.units) > 1 else ''} {named}: {what} {percent(before)} → "
        f"{percent(before - drop.overall_drop)} (change {_signed(-high)} to {_signed(-low)}; "
        f"{drop.against}: {_signed(-drop.overall_chance)}), {seen}{more}"
    )


def bars_message(units: Sequence[int]) -> str:
    """What to say where the bars of the classes would be."""
    return "Counting…" if units else "Select units in the grid or a plot to see what each class loses without them."


def _signed(share: float) -> str:
    words = percent(share)
    return words if words[0] == "−" or not float(words[:-2]) else f"+{words}"


# Attributes


def points(
    name: str, attributes: pd.DataFrame | None, ablation: ClassAblation | None, against: str
) -> list[dict[str, Any]]:
    """A point a unit: an attribute, and what is lost without the unit."""
    if attributes is None or ablation is None or name not in attributes:
        return []
    names, colours = class_names(ablation), groups(ablation)
    drops, table = getattr(ablation, against), attributes.set_index("unit")[name]
    return [
        {
            "key": unit,
            "label": f"unit {unit}" + (f" · {names[worst]}" if drop > 0 else ""),
            "x": _number(table[unit]),
            "y": _number(value),
            **({"group": names[worst]} if colours and drop > 0 else {}),
        }
        for unit, worst, value, drop in zip(
            ablation.units, ablation.worst_class, drops, ablation.max_class_drop, strict=True
        )
    ]


def correlation_note(name: str, correlations: pd.DataFrame | None, ablation: ClassAblation | None, against: str) -> str:
    """How an attribute goes with the drop: both correlations with their intervals."""
    if ablation is None:
        return ""
    if correlations is None:
        return f"{ablation.n:,} images so far"
    found = (
        correlations[(correlations["attribute"] == name) & (correlations["drop"] == against)]
        if len(correlations)
        else correlations
    )
    if not len(found):
        return "No correlation: one of the two is the same for all units."
    row = found.iloc[0]
    said = [
        f"{kind.title()} {row[kind]:.2f} ({row[f'{kind}_low']:.2f} to {row[f'{kind}_high']:.2f})"
        for kind in ("spearman", "pearson")
    ]
    return f"{', '.join(said)}, {row['n_units']} units".replace("-", "−")


def no_points(name: str, attributes: pd.DataFrame | None) -> str:
    """What to say where points would be."""
    if attributes is not None and name not in attributes:
        return "No single filter makes these units."
    return "Run first."


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


# Curves


def lines(curve: ClassCurve | None) -> list[dict[str, Any]]:
    """A line an order, with its interval."""
    if curve is None:
        return []
    return [
        {
            "name": order,
            "x": list(curve.sizes),
            "y": accuracy.tolist(),
            "low": curve.interval[order][:, 0].tolist(),
            "high": curve.interval[order][:, 1].tolist(),
        }
        for order, accuracy in curve.accuracy.items()
    ]


def band(curve: ClassCurve | None) -> dict[str, Any]:
    """The middle 90 % of the random sets."""
    if curve is None or not len(curve.random):
        return {}
    low, high = np.quantile(curve.random, [0.05, 0.95], axis=0)
    sets = len(curve.random)
    return {
        "x": list(curve.sizes),
        "low": low.tolist(),
        "high": high.tolist(),
        "middle": curve.random.mean(0).tolist(),
        "label": f"{sets} random sets: mean, 5–95 %",
    }


HIDDEN = [name.replace("_", " ") for name in ATTRIBUTES if name != "class_selectivity"]
"""Orders that start switched off: seven lines are too many at first sight."""


def curves(curve: ClassCurve | None) -> tuple[list, dict, str, str]:
    """Lines, band and title of the curves, and what to say while there are none."""
    if curve is None:
        return [], {}, "", "Run to switch off more and more units together, most important first."
    title = f"Accuracy without the first units of each order · {curve.layer}"
    return lines(curve), band(curve), title, ""


def curve_state(
    status: str, progress: float, remaining: float, stage: str, curve: ClassCurve | None, error: str, n_images: int
) -> tuple[str, float, float, int, int, str, str]:
    """Status, progress, time left, images done and in all, remark and error of the curves' run bar."""
    if status == "running":
        return status, progress, remaining, 0, n_images, stage, error
    if curve is None:
        return (status if status == "failed" else "idle"), 0.0, -1.0, 0, 0, "", error
    note = f"{curve.n:,} images judge, the other {n_images - curve.n:,} ordered the units"
    return "done", 1.0, -1.0, 0, 0, note, error


def order_field(orders: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The choice of the order by which a click on the curves selects units, once there are curves; and its value."""
    options = [{"value": name, "label": name} for name in orders]
    hint = "A click on the curves selects the first units of this order."
    field = {"name": "order", "kind": "choice", "label": "A click selects by", "options": options, "hint": hint}
    return ([field], {"order": next(iter(orders))}) if orders else ([], {})
