"""What units cause, as it looks: curves, tables, pictures and words that components show.

Pure functions of results (and pictures); `panel.py` decides when they are called.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganwidgets.ablate.artifact_removal import RemovalEffect
from ganwidgets.ablate.artifacts import ArtifactUnits, TopPictures
from ganwidgets.ablate.context import InsertionContext
from ganwidgets.ablate.controller_removal import ORDERS, WORDS
from ganwidgets.ablate.effect import EffectResult
from ganwidgets.ablate.removal import RemovalCurve
from ganwidgets.results.dissection import Dissection
from ganwidgets.ui import sheets
from ganwidgets.ui.component import plural

NAMES = {"IoU": "units by IoU", "effect": "units by their effect alone", "alpha": "units by optimised α"}
NEEDED = "A segmenter is needed to count pixels: panel(network, segmenter=...)"
REAL_NEEDED = "Pictures of the data are needed: panel(network, real=images), in [-1, 1]"
UNITS = {"name": "units", "kind": "text", "label": "Units", "hint": "the first of the order, or numbers of your own"}
SIZE = {"name": "size", "kind": "int", "label": "How many", "min": 0, "step": 1}
STRENGTH = {"name": "strength", "kind": "slider", "label": "Strength", "min": 0, "max": 1, "step": 0.01}
SEED = {"name": "seed", "kind": "int", "label": "Seed of the pictures", "min": 0, "max": 2**32 - 1}
CURVE_SETTINGS = (
    {"name": "n", "kind": "int", "label": "Images", "min": 1, "max": 10**6, "step": 50},
    {"name": "n_random_sets", "kind": "int", "label": "Random orders", "min": 1, "max": 1000, "step": 5},
    {"name": "alpha", "kind": "toggle", "label": "Optimise α, too (slow)"},
)
CONTEXT_SETTINGS = (
    {"name": "n", "kind": "int", "label": "Images", "min": 2, "max": 10_000, "step": 4},
    {"name": "n_random_sets", "kind": "int", "label": "Random sets", "min": 0, "max": 1000},
)
FIND_SETTINGS = (
    {
        "name": "by",
        "kind": "choice",
        "label": "Suspicious for",
        "options": [
            {"value": "strangeness", "label": "strange pictures"},
            {"value": "distance", "label": "distance to the data"},
            {"value": "rarity", "label": "being active rarely"},
        ],
    },
    {"name": "n", "kind": "int", "label": "Pictures", "min": 2, "max": 10**6, "step": 500},
)
VERDICTS = (
    {"name": "confirm", "kind": "button", "label": "✓ Artifact"},
    {"name": "reject", "kind": "button", "label": "✗ Fine"},
    {"name": "forget", "kind": "button", "label": "Undecided"},
)
TITLE_CONTEXT = "Why did nothing happen here? Choose what stood there before"
COLLAGE = 64  # side of a picture in a collage [px]


def concept_field(concepts: Sequence[str], dissection: Dissection | None, layer: str) -> dict[str, Any]:
    """The choice of a concept: those with most units of the layer first, and how many they have."""
    units = dict.fromkeys(concepts, 0)
    if dissection is not None and layer in dissection.layers:
        units |= {
            name: int(count)
            for name, count in zip(dissection.concepts, dissection.layers[layer].labelled_units, strict=True)
            if name in units
        }
    order = sorted(concepts, key=lambda name: -units[name])
    options = [{"value": name, "label": f"{name} ({units[name]} units)" if units[name] else name} for name in order]
    return {"name": "concept", "kind": "choice", "label": "Concept", "options": options}


def first_concept(dissection: Dissection, layer: str) -> str:
    """The concept with most labelled units in the layer, or, where no unit is labelled, with most pixels."""
    found = dissection.layers[layer]
    most = found.labelled_units if found.labelled_units.any() else found.concept_area
    return dissection.concepts[int(np.argmax(most))]


def order_field(rankings: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The choice of an order, those that are known."""
    known = [name for name in ORDERS if name in rankings]
    options = [{"value": name, "label": NAMES.get(name, "random units")} for name in known]
    return {"name": "order", "kind": "choice", "label": "Switch off", "options": options}


# Removal curves


def lines_and_band(curve: RemovalCurve | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A line per order that is done, and the random ones behind them."""
    return lines(curve), band(curve)


def lines(curve: RemovalCurve | None) -> list[dict[str, Any]]:
    """A line per order that is done, with its interval."""
    if curve is None:
        return []
    return [
        {
            "name": NAMES[name],
            "x": list(curve.sizes),
            "y": curve.removed[name],
            "low": curve.interval[name][:, 0],
            "high": curve.interval[name][:, 1],
        }
        for name in ORDERS
        if name in curve.orders
    ]


def band(curve: RemovalCurve | None) -> dict[str, Any]:
    """The middle 90 % of the random orders; empty while there are none."""
    if curve is None or not len(curve.random):
        return {}
    low, high = np.quantile(curve.random, [0.05, 0.95], axis=0)
    label = f"random units: middle 90 % of {len(curve.random)} orders"
    return {"x": list(curve.sizes), "low": low, "high": high, "middle": curve.random.mean(0), "label": label}


def curve_words(curve: RemovalCurve | None, layer: str, concept: str, can_count: bool, status: str) -> tuple[str, ...]:
    """Title, labels of both axes, and what to say where lines would be."""
    what = f"{concept} pixels" if concept else "pixels"
    title = "Removal curves" + (f": {concept}, {curve.n} images, 95 % intervals" if curve is not None else "")
    if not can_count:
        message = f"{NEEDED}. Without one there are pictures: type numbers of units."
    elif not concept:
        message = "Choose a concept. One is chosen by itself once it is known what the units draw."
    else:
        message = "Counting…" if status == "running" else "Press Run to see how many units it takes."
    return title, f"units of {layer} switched off", f"share of {what} removed", message


def curve_note(curve: RemovalCurve | None, stage: str, status: str, missing: Mapping[str, str]) -> str:
    """What the run bar of the curves remarks."""
    if status == "running":
        return stage
    lacking = [f"no order by {WORDS[name]}: {why}" for name, why in missing.items()]
    made = [] if curve is None else [f"{curve.n} images, {len(curve.random)} random orders"]
    return "; ".join([*made, *lacking])


# What one set does


def effect_words(effect: EffectResult | None, layer: str, units: Sequence[int], can_count: bool) -> tuple[str, str]:
    """Subtitle of the bars, and what to say where bars would be."""
    if effect is not None:
        done = effect.ablation
        return (
            f"{plural(len(done.units), 'unit')} of {done.layer} at strength {done.strength:g}, {effect.n} pictures",
            "",
        )
    if not units:
        return "", "Choose how many units to switch off, or type their numbers."
    return "", "Counting…" if can_count else NEEDED


# Where it can be inserted


def context_table(context: InsertionContext | None) -> dict[str, Any]:
    """Arguments of `Matrix.fill`: what stood before by what is gained, the concept itself first."""
    if context is None:
        return {"rows": [], "columns": [], "values": []}
    met = [row for row in np.argsort(-np.nan_to_num(context.gain, nan=-np.inf), kind="stable") if context.cells[row]]
    own = context.concepts.index(context.concept)
    gained = np.nan_to_num(context.gains[met])
    others = [c for c in np.argsort(-np.abs(gained).max(0), kind="stable") if c != own and gained[:, c].any()]
    columns = [own, *others]
    blank = np.full((len(met), len(others)), np.nan)
    low, high = (np.column_stack([context.interval[met, end], blank]) for end in (0, 1))
    return {
        "rows": [context.stood[row] for row in met],
        "columns": [context.concepts[column] for column in columns],
        "values": _known(context.gains[met][:, columns]),
        "low": _known(low),
        "high": _known(high),
        "notes": [[_context_note(context, int(row), own=place == 0) for place in range(len(columns))] for row in met],
    }


def _context_note(context: InsertionContext, row: int, *, own: bool) -> str:
    text = f"{context.cells[row]:,} cells in {context.images[row]:,} images"
    if not own or not len(context.chance):
        return text
    return f"{text}; random units: {context.chance[:, row].mean():.1f}"


def _known(values: np.ndarray) -> list[list[float | None]]:
    return [[float(value) if np.isfinite(value) else None for value in row] for row in values]


def common_place(context: InsertionContext | None) -> list[str]:
    """What stood in most cells: the place people try first."""
    return [] if context is None else [context.stood[int(np.argmax(context.cells))]]


def answer(context: InsertionContext | None, chosen: Sequence[str]) -> str:
    """The title of the table: why nothing happened at such a place."""
    if context is None or not chosen or chosen[-1] not in context.stood:
        return TITLE_CONTEXT
    return context.answer(chosen[-1])


def context_message(units: Sequence[int], concept: str, can_count: bool, status: str) -> str:
    """What to say where the table would be."""
    if not can_count:
        return NEEDED
    if not units or not concept:
        return "Choose a concept and units first."
    if status == "running":
        return "Setting the units in one cell after the other…"
    those = "this unit" if len(units) == 1 else f"these {len(units)} units"
    return f"Press Run to set {those} in every place and see where {concept} appears."


def context_note(context: InsertionContext | None) -> str:
    """What the run bar of the table remarks."""
    if context is None:
        return ""
    return f"{plural(len(context.units), 'unit')} of {context.layer} set in each cell of {context.n} images"


# Artifacts


def suspects(
    found: ArtifactUnits | None, pictures: TopPictures | None, listed: Sequence[int], by: str
) -> tuple[dict[str, dict], str]:
    """A collage of top pictures for each listed unit, plain and with what the unit sees; and the title of them all."""
    if found is None or pictures is None:
        return {}, ""
    size = pictures.images.shape[2:4]
    seen = [[_lit(image, where) for image, where in zip(*one, strict=True)] for one in zip(*pictures, strict=True)]
    made = {
        "where_active": [_collage(np.stack(images)) for images in seen],
        "pictures": [_collage(images) for images in pictures.images],
    }
    scale = min(1.0, COLLAGE / max(size))
    tile = (2 * max(1, round(size[1] * scale)), 2 * max(1, round(size[0] * scale)))
    level = "" if by == "rarity" else f" (chance level {found.level(by):.2f})"
    title = f"Units of {found.layer} by {by}{level}, {found.n} pictures"
    return {name: sheets.sheet(images, 4, tile) for name, images in made.items()}, title


def _collage(images: np.ndarray) -> np.ndarray:
    """Four pictures, two by two; black where there are fewer."""
    blank = np.zeros((4 - len(images), *images.shape[1:]), np.uint8)
    four = [*images, *blank]
    return np.concatenate([np.concatenate(four[:2], 1), np.concatenate(four[2:], 1)])


def _lit(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The picture, dark where the unit is below half of its highest activation there."""
    height, width = image.shape[:2]
    rows, columns = (np.arange(n) * m // n for n, m in zip((height, width), where.shape, strict=True))
    on = where[rows][:, columns] > where.max() / 2
    return np.where(on[..., None], image, image // 2)


def captions(
    found: ArtifactUnits | None, listed: Sequence[int], by: str, confirmed: Sequence[int], rejected: Sequence[int]
) -> list[str]:
    """Number, value and verdict of each listed unit."""
    if found is None:
        return []
    marks = dict.fromkeys(confirmed, "✓ ") | dict.fromkeys(rejected, "✗ ")
    return [f"{marks.get(unit, '')}{unit} · {getattr(found, by)[unit]:.2f}" for unit in listed]


def find_note(found: ArtifactUnits | None) -> str:
    """What the run bar of the search remarks."""
    return "" if found is None else f"{plural(len(found.strangeness), 'unit')} ranked by {found.n} pictures"


def suspects_message(has_data: bool, status: str) -> str:
    """What to say where suspects would be."""
    if not has_data:
        return REAL_NEEDED
    return (
        "Looking at pictures…" if status == "running" else "Press Run to find units whose pictures are unlike the data."
    )


def closer(removal: RemovalEffect | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The line and the band of random units of a removal."""
    if removal is None:
        return [], {}
    x = list(removal.sizes)
    low, high = removal.interval.T
    line = {"name": "confirmed units", "x": x, "y": removal.closer, "low": low, "high": high}
    if not len(removal.random):
        return [line], {}
    ends = np.quantile(removal.random, [0.05, 0.95], axis=0)
    label = f"random units: middle 90 % of {len(removal.random)} orders"
    return [line], {"x": x, "low": ends[0], "high": ends[1], "middle": removal.random.mean(0), "label": label}


def closer_words(removal: RemovalEffect | None, confirmed: Sequence[int], status: str) -> tuple[str, str]:
    """Title of the line of a removal, and what to say where it would be."""
    if removal is not None:
        return (
            f"Without {len(removal.units)} confirmed: {removal.n} other pictures, distance {removal.before:.2f} before",
            "",
        )
    if not confirmed:
        return "Does removal help?", "Confirm units by eye: select pictures at the left, then “Artifact”."
    told = "Measuring…" if status == "running" else "Press “Measure without them”."
    return "Does removal help?", told


def judge_fields(status: str) -> list[dict[str, str]]:
    """The button that measures a removal, or stops what runs."""
    label = "Stop" if status == "running" else "Measure without them"
    hint = "The confirmed units off: other latents, pictures of the data and features than they were found with."
    return [{"name": "measure", "kind": "button", "label": label, "hint": hint}]
