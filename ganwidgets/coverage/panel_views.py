"""What a comparison looks like: results turned into the bars, curves, sheets and words that components draw.

Pure functions of results (and pictures); `panel.py` decides when they are called.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.coverage.controller_samples import Largest, Samples
from ganwidgets.dissect.panel_views import tile_size
from ganwidgets.results.coverage import DATA, Coverage
from ganwidgets.results.fsd import FSD
from ganwidgets.ui import palette, sheets
from ganwidgets.ui.component import plural

TOP = 30  # concepts in the figure
TOLD = 4  # concepts in its title
TILE = 112  # longest side of a picture [px]
ADDS = 8  # concepts that add most to the distance
BY_AREA, BY_CHANGE = "area", "change"
NEEDED = "`segmenter=` is needed to count concepts"

ORDERS = [{"value": BY_AREA, "label": "area in the data"}, {"value": BY_CHANGE, "label": "most lost first"}]
AREA_LABEL = "mean area [% of the image], logarithmic"
CHANGE_LABEL = "relative change; whisker: 95 % interval over images"
BARS_NOTE = (
    "▾ and ▴ mark what is generated less or more than chance explains, all concepts taken together. "
    "∅: the data show none of it. Choose a column to see its images."
)
ONLY_GENERATED = "∅ "  # before the name, where a long one is not cut off
NAMES = ("in the data", "in generated pictures")


# The figure


def bars(result: Coverage | None, order: str = BY_AREA) -> list[dict[str, Any]]:
    """The concepts with most area in the data and all that the title names, with both areas and the relative change."""
    if result is None:
        return []
    # While images come in one looks again and again, which would name some by chance.
    under, over = (result.under, result.over) if result.complete else ((), ())
    shown = {c for c in result.shown(TOP) if result.area[c] > 0 or result.concepts[c] in over}
    shown |= {result.number(name) for name in (*under[:TOLD], *over[:TOLD])}
    top = sorted(sorted(shown), key=lambda c: -result.area[c])
    if order == BY_CHANGE:
        top.sort(key=lambda c: result.ratio[c] if result.area[c] > 0 else np.inf)
    return [_bar(result, c, under, over) for c in top]


def _bar(result: Coverage, c: int, under: Sequence[str], over: Sequence[str]) -> dict[str, Any]:
    name = result.concepts[c]
    low, high = result.ratio_interval[c] - 1
    return {
        "key": name,
        "label": name if result.area[c] > 0 else f"{ONLY_GENERATED}{name}",
        "group": result.categories[c],
        "area": float(result.area[c]),
        "other": float(result.generated_area[c]),
        "change": float(result.ratio[c] - 1),
        "low": float(low),
        "high": float(high),
        "verdict": "less" if name in under else "more" if name in over else "",
    }


def bars_words(result: Coverage | None, status: str) -> tuple[str, str, str]:
    """Title, subtitle and message of the figure."""
    if result is None:
        waiting = "Counting the first images…" if status == "running" else "Nothing is compared yet. Press Run."
        return "", "", waiting
    seen = f"{plural(result.n_generated, 'picture')} of {result.network}, {plural(result.n_data, 'image')} of "
    seen += f"{result.data}, named by the segmenter {result.segmenter!r}"
    if not result.complete:
        return "So far", f"{seen}; nothing is named before all are counted", ""
    named = [("too little", result.under), ("too much", result.over)]
    told = "; ".join(f"{word}: {_list(names)}" for word, names in named if names)
    title = told[:1].upper() + told[1:] or "No concept differs by more than chance"
    return title, f"{seen}; chance of naming any falsely: {result.level:.0%}", ""


def _list(names: Sequence[str]) -> str:
    rest = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(names[:TOLD]) + rest


def run_state(
    status: str, result: Coverage | None, progress: float, done: int, total: int, n: int, resumable: bool
) -> tuple[str, float, int, int, bool]:
    """Status, progress, images done and in all of a run bar, and whether a run can go on."""
    if status == "running":
        return status, progress, done, total, False
    if resumable:
        return "failed" if status == "failed" else "cancelled", done / max(1, total), done, total, True
    if result is not None and status != "failed":
        counted = result.n_data + result.n_generated
        return ("done" if result.complete else "cancelled"), 1.0, counted, counted, False
    return ("failed" if status == "failed" else "idle"), 0.0, 0, 2 * n, False


def note(result: Coverage | None, status: str, **settings: Any) -> str:
    """What a run bar remarks: what had to be done otherwise, or that the next run would be another.

    Args:
        result: what is shown.
        status: of the session.
        **settings: those of the next run.
    """
    if result is None:
        return ""
    another = any(result.options.get(name, value) != value for name, value in settings.items())
    changed = ["A setting has changed: press Run"] if another and status != "running" else []
    return "; ".join([*changed, *result.notes])


def concept_field(concepts: Sequence[str], result: Coverage | None) -> dict[str, Any]:
    """A choice of all concepts, those that are named first."""
    marks: dict[str, str] = {}
    if result is not None and result.complete:
        marks = dict.fromkeys(result.under, "▾ ") | dict.fromkeys(result.over, "▴ ")
    order = [*marks, *sorted(name for name in concepts if name not in marks)]
    options = [{"value": name, "label": f"{marks.get(name, '')}{name}"} for name in order]
    return {
        "name": "concept",
        "kind": "choice",
        "label": "Concept",
        "options": [{"value": "", "label": "none"}, *options],
    }


# The distance


def distance(found: FSD | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The line of distances over the number of images, and the band of two sets of the data."""
    if found is None:
        return [], {}
    n = min(found.n)
    points = sorted({**{int(k): float(v) for k, v in found.bias.items()}, n: float(found.distance)}.items())
    x, y = ([point[i] for point in points] for i in (0, 1))
    line = {"name": "generated against data", "x": x, "y": y}
    if not np.isfinite(found.floor):
        return [line], {}
    ends = [x[0], x[-1]]
    low, high = found.floor_interval
    label = f"data against data, {n:,} images each: middle 95 %"
    return [line], {"x": ends, "low": [low] * 2, "high": [high] * 2, "middle": [found.floor] * 2, "label": label}


def distance_words(result: Coverage | None, status: str) -> tuple[str, str, str]:
    """Title, note and message of the curve of distances."""
    if result is None or result.fsd is None:
        waits = result is not None or status == "running"
        return (
            "Fréchet segmentation distance",
            "",
            "Measured when all images are counted." if waits else "Not measured yet.",
        )
    found = result.fsd
    floor = f", two sets of the data {number(found.floor)}" if np.isfinite(found.floor) else ""
    title = f"Fréchet segmentation distance {number(found.distance)}{floor}"
    low, high = found.interval
    told = []
    if np.isfinite(found.floor):
        ends, sizes = " to ".join(map(number, found.floor_interval)), plural(min(found.n), "image")
        apart = "these sets are farther apart" if found.beyond_floor else "these sets are no farther apart"
        told.append(f"Two sets of the data, {sizes} each: {ends} (95 %); {apart}.")
    if np.isfinite([found.debiased, low, high]).all():
        told.append(f"With infinitely many images {number(found.debiased)} (95 % {number(low)} to {number(high)}).")
    else:
        told.append("So few images do not say what infinitely many would give.")
    if found.beyond_floor and low <= 0:
        told.append("How much of it more images would leave is not known from so few: the interval holds 0.")
    told.append(f"Means add {number(found.mean)}, covariances {number(found.covariance)}.")
    return title, " ".join([*told, *found.notes, "Unit: squared percent of area. It falls as images are added."]), ""


def number(value: float) -> str:
    """A distance to read, to three digits: 428.4 is 428, 13 is 13.0."""
    return f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:#.3g}"


def contributions(found: FSD | None) -> list[dict[str, Any]]:
    """The concepts that add most to the distance."""
    if found is None:
        return []
    total = found.contributions.sum(1)
    order = np.argsort(-total, kind="stable")[:ADDS]
    return [{"key": found.concepts[c], "value": round(float(total[c]), 3)} for c in order if total[c] > 0]


# Images


def largest(shown: Largest | None, side: str, concepts: Sequence[str]) -> tuple[dict[str, Any], list[str], str]:
    """Sheets, captions and title of the images of one side in which a concept is largest."""
    found = None if shown is None else shown.sides[side]
    if found is None:
        return {}, [], ""
    title = f"Most {shown.concept} among {shown.seen[side]:,} {_images(side)}"
    return picture_sheets(found, shown.concept, concepts), [f"{area:.3g} %" for area in found.area], title


def largest_message(shown: Largest | None, side: str, concept: str, result: Coverage | None) -> str:
    """What to say where they would be."""
    if shown is not None and concept:
        return f"None of {shown.seen[side]:,} {_images(side)} shows {shown.concept}."
    return "Looking…" if concept else choose(result)


def choose(result: Coverage | None) -> str:
    """What to do where nothing is chosen, with the concept that is most surely missing as an example."""
    named = (*result.under, *result.over) if result is not None and result.complete else ()
    return f"Choose a concept: a column of the figure{f', such as {named[0]}' if named else ''}."


def _images(side: str) -> str:
    return "images of the data" if side == DATA else "generated pictures"


def picture_sheets(found: Samples, concept: str, concepts: Sequence[str], columns: int = 4) -> dict[str, Any]:
    """The pictures, the concept in them, and everything in them."""
    tile = tile_size(*found.images.shape[1:3], TILE)
    seen = {
        "pictures": sheets.sheet(found.images, columns, tile),
        concept: sheets.sheet(spotlit(found.images, found.mask), columns, tile),
    }
    segmentation = {"image": sheets.seg_sheet(found.seg, columns, tile), "columns": columns, "tile": list(tile)}
    return seen | {"segmentation": segmentation | {"count": len(found.images), "legend": legend(found.seg, concepts)}}


def spotlit(images: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Pictures that are dark but for where the mask is."""
    return np.where(mask[..., None], images, (images * 0.22).astype(np.uint8))


def legend(seg: np.ndarray, concepts: Sequence[str]) -> list[dict[str, str]]:
    """Colours of the concepts that are seen."""
    every = palette.legend(concepts)
    return [every[c - 1] for c in np.unique(seg) if 0 < c <= len(concepts)]
