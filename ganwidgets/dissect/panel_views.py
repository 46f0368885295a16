"""What a dissection looks like: results turned into the rows, bars, sheets and words that components draw.

Pure functions of results (and pictures); `panel.py` decides when they are called.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganwidgets.results.dissection import Dissection, Exemplars
from ganwidgets.ui import palette, sheets

STRIP = 5  # pictures in a card
DETAIL = 8  # pictures in a unit's detail
TILE = 64  # longest side of a small picture [px]
LARGE_TILE = 128
CHUNK = 24  # units whose strips are drawn in one go: about what is in view
KEPT = 4  # counter-examples of a unit in an exported page

NEEDED = "`segmenter=` is needed to name units"
REFERENCE = "units by chance (segmentations of other images)"
NEAR_CHANCE = (
    "A concept at the same place in every picture (sky) sits near chance, though the unit may follow it; ablate to see."
)


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
    shown = {
        "unit": unit,
        "title": title(dissection, layer, unit),
        "facts": facts(dissection, layer, unit, effects),
    }
    for name, examples in (
        ("top", dissection.exemplars(unit, layer=layer, k=DETAIL)),
        ("counter", dissection.counterexamples(unit, layer=layer)),
    ):
        if len(examples.images):
            shown[name] = _sheet([examples], min(4, len(examples)), LARGE_TILE) | {"count": len(examples)}
    return shown


def title(dissection: Dissection, layer: str, unit: int) -> str:
    """Heading of a unit's detail."""
    found = dissection.layers[layer]
    return f"Unit {unit} · {dissection.concepts[found.concept[unit]] if found.labelled[unit] else 'unlabelled'}"


def facts(dissection: Dissection, layer: str, unit: int, effects: np.ndarray | None = None) -> list[list[str]]:
    """What is known of one unit, as names and words."""
    found = dissection.layers[layer]
    row = {name: column[unit] for name, column in rows(dissection, layer, effects).items()}
    told = [
        ["best concept", f"{row['label']} ({row['category']})" if row["label"] else "none"],
        ["labelled", f"{'yes' if row['labelled'] else 'no'}, by the rule {dissection.rule}"],
        ["IoU", f"{row['iou']:.3f}" + (f" ({row['low']:.3f} to {row['high']:.3f})" if row["low"] >= 0 else "")],
    ]
    if row["chance"] >= 0:
        told.append(["IoU by chance", f"{row['chance']:.3f} ({'below' if row['above'] else 'not below'} the unit's)"])
    if found.iqr is not None and row["label"]:
        told.append(["information quality ratio", f"{found.iqr[unit, found.concept[unit]]:.3f}"])
    if np.isfinite(row["effect"]):
        verb = "loses" if row["effect"] >= 0 else "gains"
        told.append(["without it", f"{row['label']} {verb} {100 * abs(row['effect']):.2g} % of all pixels"])
    told.append(["active above", f"{found.threshold[unit]:.4g}, on {found.area[unit]:.1%} of all pixels"])
    if row["status"] != "ok":
        told.append(["state", str(row["status"])])
    told.append(["images", f"{dissection.n:,}"])
    return told


def kept(dissection: Dissection, layer: str, units: Sequence[int], effects: np.ndarray | None = None) -> dict[str, Any]:
    """What a page without Python tells of these units when they are opened: facts, and counter-examples as sheets."""
    strips = {unit: dissection.counterexamples(unit, layer=layer, k=KEPT) for unit in units}
    some = [unit for unit in units if len(strips[unit])]
    chunks = [some[i : i + CHUNK] for i in range(0, len(some), CHUNK)]
    return {
        "facts": {str(unit): facts(dissection, layer, unit, effects) for unit in units},
        "counter": [
            {"units": chunk, "counts": [len(strips[unit]) for unit in chunk]}
            | _sheet([strips[unit] for unit in chunk], KEPT, TILE)
            for chunk in chunks
        ],
    }


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
    stopped: Mapping[str, Any],
) -> tuple[str, float, int, int, bool]:
    """Status, progress, images done and in all of a run bar, and whether a run can go on.

    Of what runs; else of the layer's own run that was stopped, whatever older result is shown; else of its result.
    """
    if status == "running":
        return status, progress, n_done, n_total, False
    if layer in stopped:
        seen, total, failed = stopped[layer]
        return "failed" if failed else "cancelled", seen / total, seen, total, True
    if status == "failed" and run_layer == layer:  # refused before it began
        return status, 0.0, 0, n, False
    if result is None:
        return "idle", 0.0, 0, n, False
    asked = int(result.options["n"])
    return "done" if result.complete else "cancelled", result.n / asked, result.n, asked, False


def subtitle(result: Dissection | None, layer: str) -> str:
    """By what the result that is shown was made."""
    if result is None:
        return ""
    asked = result.options["n"]
    seen = f"{result.n:,}{'' if result.complete else f' of {asked:,}'} image{'' if asked == 1 else 's'}"
    truncation = result.options.get("truncation")
    squeezed = "" if truncation is None else f", truncation {truncation:g}"
    share = f"top fraction {result.options['top_fraction']:g}"
    rule = {"top_fraction": share, "netdissect": f"rule netdissect, {share}"}.get(result.rule, "rule IQR")
    drawn = "" if result.label is None else f"class {result.class_name!r}, "
    return f"{layer} · {drawn}{seen}, seed {result.seed}{squeezed}, {rule}"


def no_cards(layer: str, can_run: bool) -> str:
    """What to say where the units of a layer would be."""
    if can_run:
        return f"{layer} is not dissected yet.\nPress Run to see what its units stand for."
    return f"{NEEDED}: gw.dissect.panel(G, segmenter=S).\nAblating works without one: panel.units = [0]."


def no_bars(result: Dissection | None) -> str:
    """What to say where the units of each concept would be counted."""
    if result is None:
        return "Nothing is dissected yet."
    return f"No unit is labelled{'' if result.complete else ' yet'}: none passes the rule {result.rule!r}."


def note(
    result: Dissection | None, layer: str, run_layer: str, status: str, measuring: str, measured: float, needed: bool
) -> str:
    """What a run bar remarks: whose run it is if not the layer's, how far measuring is, what had to be done otherwise.

    Args:
        result: that is shown.
        layer: that is looked at.
        run_layer: of the newest run.
        status: of that run.
        measuring: status of the measurement of single units.
        measured: share of that.
        needed: whether the segmenter is missing.
    """
    elsewhere = [f"this run is of {run_layer}"] if status == "running" and run_layer != layer else []
    if measuring == "running":
        return "; ".join([*elsewhere, f"measuring each unit: {measured:.0%}"])
    if needed and result is None:
        return NEEDED
    return "; ".join([*elsewhere, *(result.notes if result is not None else ())])


def measure_fields(status: str) -> list[dict[str, str]]:
    """The button that starts or stops the measurement of single units."""
    label = "Stop measuring" if status == "running" else "Measure each unit alone"
    hint = "Switches off one unit after the other and counts the pixels its own concept loses: the order “effect”."
    return [{"name": "measure", "kind": "button", "label": label, "hint": hint}]
