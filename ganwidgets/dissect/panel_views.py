"""What a dissection looks like: results turned into the rows, bars, sheets and words that components draw.

Pure functions of results (and pictures); `panel.py` decides when they are called.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.results.dissection import Dissection, Exemplars
from ganwidgets.ui import palette, sheets

STRIP = 5  # pictures in a card
DETAIL = 8  # pictures in a unit's detail
TILE = 64  # longest side of a small picture [px]
LARGE_TILE = 128
CHUNK = 24  # units whose strips are drawn in one go: about what is in view


def groups_of(categories: Sequence[str]) -> list[str]:
    """Categories in the order in which they take colours."""
    return list(dict.fromkeys(categories))


def rows(dissection: Dissection, layer: str, effects: np.ndarray | None = None) -> dict[str, Any]:
    """Columns of a unit grid.

    Args:
        dissection: the result.
        layer: which of its layers.
        effects: single-unit effects (unit concept); a row shows the one on the unit's own concept.
    """
    found = dissection.layers[layer]
    units = np.arange(len(found.concept))
    known = found.concept >= 0
    names = [dissection.concepts[c] if c >= 0 else "" for c in found.concept]
    groups = [dissection.categories[c] if c >= 0 else "" for c in found.concept]
    own = np.full(len(units), np.nan)
    if effects is not None:
        own[known] = effects[units[known], found.concept[known]]
    return {
        "unit": units,
        "label": names,
        "category": groups,
        "iou": found.label_iou,
        "chance": found.iou_chance,
        "above": found.above_chance,
        "labelled": found.labelled,
        "low": found.interval[:, 0],
        "high": found.interval[:, 1],
        "effect": own,
        "status": list(found.status),
    }


def by_iou(columns: dict[str, Any]) -> list[int]:
    """Unit numbers, highest IoU first."""
    iou = [-1.0 if value is None or not np.isfinite(value) else value for value in columns["iou"]]
    return [int(columns["unit"][i]) for i in np.argsort(-np.array(iou), kind="stable")]


def bars(dissection: Dissection | None, layer: str) -> list[dict[str, Any]]:
    """Units per concept, most first, beside the number by chance; concepts without units are left out."""
    if dissection is None:
        return []
    found = dissection.layers[layer]
    order = np.argsort(-np.asarray(found.labelled_units), kind="stable")
    return [
        {
            "key": dissection.concepts[c],
            "label": dissection.concepts[c],
            "group": dissection.categories[c],
            "value": int(found.labelled_units[c]),
            "chance": float(found.chance_units[c]),
        }
        for c in order
        if found.labelled_units[c] > 0
    ]


def legend(dissection: Dissection, layer: str) -> list[dict[str, str]]:
    """Colours of the concepts that occur."""
    area = dissection.layers[layer].concept_area
    return [entry for entry, share in zip(palette.legend(dissection.concepts), area, strict=True) if share > 0]


def unit_sheet(dissection: Dissection, layer: str, units: Sequence[int]) -> dict[str, Any]:
    """Strips of top images of some units, as one sheet."""
    strips = [dissection.exemplars(unit, layer=layer, k=STRIP) for unit in units]
    return {"units": list(units), **_sheet(strips, STRIP, TILE)}


def detail(dissection: Dissection, layer: str, unit: int, effects: np.ndarray | None = None) -> dict[str, Any]:
    """Everything about one unit: facts, its top images, and images where it is high without its concept."""
    found = dissection.layers[layer]
    columns = rows(dissection, layer, effects)
    row = {name: column[unit] for name, column in columns.items()}
    facts = [
        ["best concept", f"{row['label']} ({row['category']})" if row["label"] else "none"],
        ["labelled", f"{'yes' if row['labelled'] else 'no'}, by the rule {dissection.rule}"],
        ["IoU", f"{row['iou']:.3f}" + (f" ({row['low']:.3f} to {row['high']:.3f})" if row["low"] >= 0 else "")],
    ]
    if row["chance"] >= 0:
        facts.append(["IoU by chance", f"{row['chance']:.3f} ({'below' if row['above'] else 'not below'} the unit's)"])
    if found.iqr is not None and row["label"]:
        facts.append(["information quality ratio", f"{found.iqr[unit, found.concept[unit]]:.3f}"])
    if np.isfinite(row["effect"]):
        facts.append([f"pixels of {row['label']} lost without it", f"{row['effect']:.2%} of all"])
    facts.append(["active above", f"{found.threshold[unit]:.4g}, on {found.area[unit]:.1%} of all pixels"])
    if row["status"] != "ok":
        facts.append(["state", str(row["status"])])
    facts.append(["images", f"{dissection.n:,}"])
    shown = {
        "unit": unit,
        "title": f"Unit {unit} · {row['label'] if row['labelled'] else 'unlabelled'}",
        "facts": facts,
    }
    for name, examples in (
        ("top", dissection.exemplars(unit, layer=layer, k=DETAIL)),
        ("counter", dissection.counterexamples(unit, layer=layer)),
    ):
        if len(examples.images):
            shown[name] = _sheet([examples], min(4, len(examples.images)), LARGE_TILE)
    return shown


def _sheet(strips: Sequence[Exemplars], columns: int, longest: int) -> dict[str, Any]:
    """One sheet with the pictures of each strip side by side; short strips are filled up with white."""
    height, width = next((s.images.shape[1:3] for s in strips if len(s.images)), (16, 16))
    tile = tile_size(height, width, longest)
    images, masks, segs = [], [], []
    for strip in strips:
        k = len(strip.images)
        blank = -k % columns if k else columns
        images += [*strip.images, *[np.full((height, width, 3), 255, np.uint8)] * blank]
        masks += [*strip.mask, *[np.zeros((height, width), bool)] * blank]
        segs += [*strip.seg, *[np.zeros((1, height, width), np.uint8)] * blank]
    return {
        **sheets.sheet(images, columns, tile),
        "mask": sheets.mask_sheet(masks, columns, tile),
        "seg": sheets.seg_sheet(segs, columns, tile),
    }


def tile_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """(width, height) of a picture no larger than `longest`; small pictures keep their size."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


# The controls around it


def layers(network: Any, dissected: Sequence[str], layer: str) -> list[dict[str, Any]]:
    """Choices of a layer picker: the outermost layers, and those inside them that somebody chose."""
    outer = [name for name in network.layers if not any(name.startswith(f"{other}.") for other in network.layers)]
    return [
        {
            "name": name,
            "units": info.units,
            "resolution": list(info.resolution) if info.is_map else None,
            "dissected": name in dissected,
            "usable": info.is_map,
            "why": "" if info.is_map else "its units are no maps that can be laid over an image",
        }
        for name, info in network.layers.items()
        if name in outer or name in dissected or name == layer
    ]


def run_state(
    layer: str,
    run_layer: str,
    status: str,
    result: Dissection | None,
    n: int,
    progress: float,
    n_done: int,
    n_total: int,
) -> tuple[str, float, int, int]:
    """Status, progress, images done and images in all of a run bar: of what runs, else of the layer's last run."""
    if status == "running" or (result is None and run_layer == layer):
        return status, progress, n_done, n_total
    if result is None:
        return "idle", 0.0, 0, n
    asked = int(result.options["n"])
    stopped = "failed" if status == "failed" and run_layer == layer else "cancelled"
    return "done" if result.complete else stopped, result.n / asked, result.n, asked


def note(result: Dissection | None, status: str, progress: float) -> str:
    """What a run bar remarks: how far the measurement of single units is, or what a run had to do differently."""
    if status == "running":
        return f"measuring each unit: {progress:.0%}"
    return "; ".join(result.notes) if result is not None else ""


def measure_fields(status: str) -> list[dict[str, str]]:
    """The button that starts or stops the measurement of single units."""
    label = "Stop measuring" if status == "running" else "Measure each unit alone"
    hint = "Switches off one unit after the other and counts the pixels its own concept loses: the order “effect”."
    return [{"name": "measure", "kind": "button", "label": label, "hint": hint}]
