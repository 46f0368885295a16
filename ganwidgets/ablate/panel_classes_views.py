"""What a classifier's units look like: results turned into rows, sheets and words of the unit grid and its controls.

Pure functions of results; `panel_classes.py` decides when they are called.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.unit_pictures import UnitPictures
from ganwidgets.ui import sheets
from ganwidgets.ui.palette import CATEGORY_COLORS

STRIP = 5  # pictures in a card
DETAIL = 8  # pictures in a unit's detail
TILE, LARGE_TILE = 64, 128  # longest side of a picture [px]
CHUNK = 24  # units whose strips are drawn in one go: about what is in view

_WORDS = {
    "value": "Highest class drop",
    "label": "Class",
    "category": "Class",
    "categories": "All classes",
    "best": "most",
    "effect": "Overall drop",
    "affected": "accuracy",
    "counter": "Active on images of other classes",
    "note": "",
}


def words(ablation: ClassAblation | None) -> dict[str, str]:
    """What a unit grid calls things."""
    return _WORDS | {"unlabelled": "not measured yet" if ablation is None else "no class more than others"}


def class_names(ablation: ClassAblation) -> list[str]:
    """Names of the classes that occur, told apart where two share one."""
    names = ablation.classes
    return [
        f"{name} ({number})" if names.count(name) > 1 else name
        for name, number in zip(names, ablation.numbers, strict=True)
    ]


def groups(ablation: ClassAblation | None) -> list[str]:
    """Classes in the order in which they take colours; none where there are more classes than colours."""
    names = [] if ablation is None else class_names(ablation)
    return names if len(names) <= len(CATEGORY_COLORS) else []


# The grid


def rows(n_units: int, ablation: ClassAblation | None, pictures: UnitPictures | None) -> dict[str, list]:
    """Columns of a unit grid: each unit's class, highest class drop with its interval, and overall drop."""
    units = list(range(n_units))
    dead = [pictures is not None and pictures.is_dead(unit) for unit in units]
    columns: dict[str, list] = {"unit": units, "status": ["dead" if one else "ok" for one in dead]}
    if ablation is None:
        return columns
    names, colours = class_names(ablation), groups(ablation)
    worst = [names[place] for place in ablation.worst_class]
    interval = ablation.max_class_interval
    above = ablation.max_class_drop > ablation.max_class_chance
    hurt = above & (interval[:, 0] > 0)
    highest = ablation.max_class_drop_corrected
    known = np.isfinite(highest)
    return columns | {
        "label": [name if any_ else "" for name, any_ in zip(worst, ablation.max_class_drop > 0, strict=True)],
        "category": worst if colours else [""] * len(worst),
        "labelled": hurt.tolist(),
        "iou": [float(value) if there else None for value, there in zip(highest, known, strict=True)],
        "low": [float(value) if there else None for value, there in zip(interval[:, 0], known, strict=True)],
        "high": [float(value) if there else None for value, there in zip(interval[:, 1], known, strict=True)],
        "above": [bool(one) for one in above],
        "effect": ablation.overall_drop.tolist(),
    }


def best_first(columns: dict[str, list]) -> list[int]:
    """Unit numbers, highest drop first, as the grid sorts them."""
    values = [-np.inf if value is None else value for value in columns.get("iou", [])]
    if not values:
        return list(columns["unit"])
    return [columns["unit"][place] for place in np.argsort(-np.array(values), kind="stable")]


def no_cards(layer: str) -> str:
    """What to say where the units of a layer would be."""
    return f"{layer} is not measured yet.\nPress Run to switch off one unit after the other."


Draw = Callable[[list[int]], np.ndarray]


def unit_sheet(pictures: UnitPictures, draw: Draw, units: Sequence[int]) -> dict[str, Any]:
    """Strips of the images that some units like most, as one sheet; `draw` makes pictures of image numbers."""
    count = min(STRIP, len(pictures.activation))
    numbers = [number for unit in units for number in pictures.top(unit, count)]
    return {"units": list(units), **_sheet(draw(numbers), count, TILE)}


def detail(
    unit: int, ablation: ClassAblation | None, attributes: pd.DataFrame | None, pictures: UnitPictures, draw: Draw
) -> dict[str, Any]:
    """Everything about one unit: facts, its top images, and images of other classes that it likes most."""
    shown: dict[str, Any] = {"unit": unit, "title": f"Unit {unit}", "facts": facts(unit, ablation, attributes)}
    top = pictures.top(unit, DETAIL)
    shown["top"] = _sheet(draw(top), min(4, len(top)), LARGE_TILE)
    if ablation is not None and ablation.n == len(pictures.activation):
        worst = ablation.worst_class[unit]
        if ablation.max_class_drop[unit] > 0:
            shown["title"] = f"Unit {unit} · {class_names(ablation)[worst]}"
        others = pictures.top(unit, DETAIL // 2, ablation.labels != ablation.numbers[worst])
        shown["counter"] = _sheet(draw(others), len(others), LARGE_TILE)
    return shown


def facts(unit: int, ablation: ClassAblation | None, attributes: pd.DataFrame | None) -> list[list[str]]:
    """What is known of one unit, as names and words."""
    told = []
    if ablation is not None:
        ends = ablation.max_class_interval[unit]
        told = [
            ["suffers most", _sufferer(ablation, unit)],
            ["highest class drop", f"{percent(ablation.max_class_drop_corrected[unit])} ({_range(ends, 1)})"],
            [
                "without correction",
                f"{percent(ablation.max_class_drop[unit])}; chance {percent(ablation.max_class_chance[unit])}",
            ],
            [
                "overall drop",
                f"{percent(ablation.overall_drop[unit], 2)} ({_range(ablation.overall_interval[unit], 2)})",
            ],
            ["balanced accuracy", f"loses {percent(ablation.balanced_drop[unit], 2)}"],
        ]
    if attributes is not None:
        told += _attribute_facts(attributes.set_index("unit").loc[unit])
    if ablation is not None:
        told.append(["images", f"{ablation.n:,}"])
    return told


def _sufferer(ablation: ClassAblation, unit: int) -> str:
    place = ablation.worst_class[unit]
    if ablation.max_class_drop[unit] <= 0:
        return "no class"
    return f"{class_names(ablation)[place]} (recall {percent(ablation.recall[place])} with the unit)"


def _attribute_facts(row: pd.Series) -> list[list[str]]:
    ends = _range((row["class_selectivity_low"], row["class_selectivity_high"]), 2, share=False)
    told = [["class selectivity", f"{row['class_selectivity']:.2f} ({ends}), for {row['preferred_class']}"]]
    for name in ("class_correlation", "mutual_information"):
        unit = " bit" if name == "mutual_information" else f", with {row['class_correlation_class']}"
        told.append([name.replace("_", " "), f"{row[name]:.2f}{unit}; chance {row[f'{name}_chance']:.2f}"])
    return told + ([["L1 norm of the filter", f"{row['l1_norm']:.3g}"]] if "l1_norm" in row else [])


def _range(ends: Iterable[float], digits: int, *, share: bool = True) -> str:
    low, high = (percent(end, digits) if share else f"{end:.{digits}f}" for end in ends)
    return f"{low} to {high}"


def percent(share: float, digits: int = 1) -> str:
    """A share in %: 0.0321 → "3.2 %", −0.004 → "−0.4 %"."""
    if not np.isfinite(share):
        return "unknown"
    return f"{round(100 * share, digits) + 0.0:.{digits}f} %".replace("-", "−")


def _sheet(images: np.ndarray, columns: int, longest: int) -> dict[str, Any]:
    height, width = images.shape[1:3] if len(images) else (16, 16)
    scale = longest / max(height, width)
    # Small pictures are enlarged by a whole number, so that their pixels stay squares.
    scale = max(1, int(scale)) if scale >= 1 else scale
    if scale > 1:
        images = images.repeat(scale, 1).repeat(scale, 2)
        height, width = height * scale, width * scale
        scale = 1
    return sheets.sheet(list(images), max(1, columns), (max(1, round(width * scale)), max(1, round(height * scale))))


# The controls around it


def layers(network: Any, measured: Sequence[str], layer: str) -> list[dict[str, Any]]:
    """Choices of a layer picker: the outermost layers, and those inside them that somebody chose."""
    outer = [name for name in network.layers if not any(name.startswith(f"{other}.") for other in network.layers)]
    return [
        {
            "name": name,
            "units": info.units,
            "resolution": list(info.resolution) if info.is_map else None,
            "dissected": name in measured,
            "usable": usable(info),
            "why": "" if usable(info) else "it has no units that could be switched off",
        }
        for name, info in network.layers.items()
        if name in outer or name in measured or name == layer
    ]


def usable(info: Any) -> bool:
    """Whether a layer has units: channels of maps, or entries of a vector."""
    return (info.is_map or len(info.shape) == 1) and info.units > 1 and info.dtype.is_floating_point


def default_layer(network: Any) -> str:
    """The last layer with maps, where units are nearest to the classes; the last usable one if none has maps.

    Raises:
        ValueError: no layer has units.
    """
    known = {name: info for name, info in network.layers.items() if usable(info)}
    maps = [name for name, info in known.items() if info.is_map and max(info.resolution) > 1]
    if not known:
        raise ValueError(f"`classifier` must have a layer with units, but none of {list(network.layers)} has any")
    return (maps or list(known))[-1]


def run_state(
    layer: str, run_layer: str, status: str, ablation: ClassAblation | None, progress: float, n_images: int
) -> tuple[str, float, int, int]:
    """Status, progress, images done and in all of a run bar: of what runs, else of the layer's result."""
    done = 0 if ablation is None else ablation.n
    if status == "running":
        shown = done if run_layer == layer and done < n_images else 0
        return status, progress, shown, n_images
    if status == "failed" and run_layer == layer:
        return status, 0.0, done, n_images
    if ablation is None:
        return "idle", 0.0, 0, n_images
    return ("done" if done == n_images else "cancelled"), done / n_images, done, n_images


def run_note(status: str, stage: str, layer: str, run_layer: str, ablation: ClassAblation | None) -> str:
    """What a run bar remarks."""
    if status == "running":
        return stage if run_layer == layer else f"{stage}; this run is of {run_layer}"
    if ablation is None:
        return ""
    return f"{percent(ablation.accuracy)} right with all units"
