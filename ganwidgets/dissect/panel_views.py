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
MOST_BARS = 14

# Anchors of viridis, dark to bright; enough for a smooth scale without matplotlib.
_VIRIDIS = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float)


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
    facts = [["best concept", f"{row['label']} ({row['category']})" if row["label"] else "none"]]
    facts.append(["labelled", f"{'yes' if row['labelled'] else 'no'}, by the rule {dissection.rule}"])
    facts.append(["IoU", f"{row['iou']:.3f} ({row['low']:.3f} to {row['high']:.3f})"])
    facts.append(["IoU by chance", f"{row['chance']:.3f} ({'above' if row['above'] else 'not above'} it)"])
    if found.iqr is not None and row["label"]:
        facts.append(["information quality ratio", f"{found.iqr[unit, found.concept[unit]]:.3f}"])
    if np.isfinite(row["effect"]):
        facts.append([f"pixels of {row['label']} lost without it", f"{row['effect']:.2%} of all"])
    facts.append(["active above", f"{found.threshold[unit]:.4g}"])
    if row["status"] != "ok":
        facts.append(["state", row["status"]])
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


# The ablation beside it


def pictures(before: np.ndarray | None, after: np.ndarray | None, columns: int = 4) -> dict[str, dict]:
    """Sheets of the same pictures before, after, and of what changed; none while there are no pictures."""
    if before is None or after is None:
        return {}
    tile = tile_size(*before.shape[1:3], LARGE_TILE)
    shown = {"before": before, "after": after, "difference": difference(before, after)}
    return {name: sheets.sheet(images, columns, tile) for name, images in shown.items()}


def difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How much each pixel changed (its most changed channel), dark to bright: uint8 (image height width rgb)."""
    change = np.abs(before.astype(np.int16) - after).max(3)  # (image height width)
    scale = np.linspace(0, 255, len(_VIRIDIS))
    table = np.stack([np.interp(np.arange(256), scale, channel) for channel in _VIRIDIS.T], 1)
    return table.round().astype(np.uint8)[change]


def effect_bars(effect: Any | None) -> list[dict[str, Any]]:
    """What each concept gains (positive) or loses, largest change first, as a share of all pixels.

    Args:
        effect: an `ablate.EffectResult`, or None.
    """
    if effect is None:
        return []
    chance = effect.chance.mean(0) if len(effect.chance) else np.full(len(effect.effect), np.nan)
    order = np.argsort(-np.abs(effect.effect), kind="stable")
    present = [c for c in order if effect.before[c] or effect.after[c]]
    return [
        {
            "key": effect.concepts[c],
            "label": effect.concepts[c],
            "group": effect.categories[c],
            "value": -effect.effect[c],
            "low": -effect.interval[c, 1],
            "high": -effect.interval[c, 0],
            "chance": -chance[c],
        }
        for c in present[:MOST_BARS]
    ]


def code(source: str, segmenter: str | None, *, layer: str, units: Sequence[int], **options: Any) -> str:
    """Python that repeats the pictures and the bars that are shown.

    Args:
        source: what makes the generator, e.g. `gw.load("scenes")`; "" if nobody knows.
        segmenter: what makes the segmenter; "" if nobody knows, None if there is none.
        layer: of the units.
        units: that are off.
        options: strength, seed, truncation and n_images, as in `ablate.AblateController`.
    """
    strength, truncation = options["strength"], options["truncation"]
    squeezed = "" if truncation is None else f", truncation={truncation!r}"
    lines = [
        "import ganwidgets as gw",
        "",
        f"G = {source}" if source else "# G is your generator",
        f"z = G.sample_z({options['n_images']}, seed={options['seed']}{squeezed})",
        "before = G.images(z)",
    ]
    if units:
        chosen = repr(list(units))
        how = "" if strength == 1 else f", strength={strength:g}"
        lines += [f"with G.intervene({layer!r}, gw.zero_units({chosen}{how})):", "    after = G.images(z)"]
        if segmenter is not None:
            lines += [
                f"S = {segmenter}" if segmenter else "# S is your segmenter",
                f"effect = gw.ablate.ablation_effect(G, {layer!r}, {chosen}, S, z{how}, chance_sets=10)",
                "effect.to_frame()",
            ]
    return "\n".join(lines)
