"""What photos beside their inversions look like: results turned into sheets, captions, points and sentences."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.coverage.judgement import FEWEST
from ganwidgets.coverage.panel_views import choose, legend, spotlit
from ganwidgets.dissect.panel_views import tile_size
from ganwidgets.results.coverage import Coverage
from ganwidgets.results.omissions import OTHERS, Inverted, Omissions, share
from ganwidgets.ui import sheets
from ganwidgets.ui.component import plural

ROWS = 6  # photos shown at a time
TILE = 160  # longest side of a picture [px]
COLUMNS = 4  # photo, the concept in it, inversion, the concept in that
PHOTOS, CONTROL = "photos", "own pictures"
STRATEGY_WORDS = {
    "ridge+z": "the latent, by regression",
    "z": "the latent, from the nearest sample",
    "layered+z": "the latent, by an encoder",
    "ridge+r": "latent and edit layer: may draw what it never draws",
    "layered+r": "the edit layer, by an encoder: may draw what it never draws",
}
CONTROLS = f"the control is {CONTROL} of the generator, for which a perfect answer exists"

Pairs = Sequence[tuple[np.ndarray, np.ndarray]]


def pages(result: Omissions | None, pairs: Pairs) -> list[dict[str, str]]:
    """Choices of which photos are shown: (kind, first)."""
    sizes = {PHOTOS: len(pairs)} if result is None else {PHOTOS: len(result.photos), CONTROL: len(result.control)}
    return [
        {"value": f"{kind} {first}", "label": f"{kind} {first + 1} to {min(first + ROWS, size)}"}
        for kind, size in sizes.items()
        for first in range(0, size, ROWS)
    ]


def page_of(page: str, result: Omissions | None, pairs: Pairs) -> tuple[str, int]:
    """The kind and the first photo of a page; the first page where it is not known."""
    known = [option["value"] for option in pages(result, pairs)]
    kind, _, first = (page if page in known else f"{PHOTOS} 0").rpartition(" ")
    return kind, int(first)


def photos(page: str, result: Omissions | None, pairs: Pairs) -> tuple[dict[str, Any], list[str]]:
    """Sheets and captions of one page: each photo beside its inversion, and the concept in both."""
    kind, first = page_of(page, result, pairs)
    if result is None:
        return _plain(pairs[first : first + ROWS], first)
    part = result.photos if kind == PHOTOS else result.control
    rows = range(first, min(first + ROWS, len(part)))
    column = result.concepts.index(result.concept)
    return _sheets(part, rows, column, result.concepts), _captions(part, rows, column, result.concept, kind)


def _plain(pairs: Pairs, first: int) -> tuple[dict[str, Any], list[str]]:
    if not pairs:
        return {}, []
    tile = tile_size(*pairs[0][0].shape[:2], TILE)
    shown = [picture for pair in pairs for picture in pair]
    captions = [words for i in range(len(pairs)) for words in (f"photo {first + i + 1}", "inversion")]
    return {"inversions": sheets.sheet(shown, COLUMNS, tile)}, captions


def _sheets(part: Inverted, rows: range, column: int, concepts: Sequence[str]) -> dict[str, Any]:
    chosen = list(rows)
    pictures, drawn = part.images[chosen], part.reconstructions[chosen]
    segs, drawn_segs = part.segs[chosen], part.reconstructed_segs[chosen]
    tile = tile_size(*pictures.shape[1:3], TILE)
    lit, drawn_lit = (
        spotlit(images, (seg == column + 1).any(1)) for images, seg in ((pictures, segs), (drawn, drawn_segs))
    )
    spots = [tile_ for row in zip(pictures, lit, drawn, drawn_lit, strict=True) for tile_ in row]
    named = [_picture(seg) for seg in (segs, drawn_segs)]
    colours = [tile_ for row in zip(pictures, named[0], drawn, named[1], strict=True) for tile_ in row]
    both = np.concatenate([segs, drawn_segs])
    return {
        concepts[column]: sheets.sheet(spots, COLUMNS, tile),
        "segmentation": sheets.sheet(colours, COLUMNS, tile) | {"legend": legend(both, concepts)},
    }


def _picture(segs: np.ndarray) -> list[np.ndarray]:
    """Segmentations in the colours of their concepts."""
    return sheets.seg_pictures(segs)


def _captions(part: Inverted, rows: range, column: int, concept: str, kind: str) -> list[str]:
    pixels = part.segs.shape[2] * part.segs.shape[3]
    told = []
    for i in rows:
        before, lost = 100 * part.before[i, column] / pixels, part.lost[i, column]
        name = f"{'photo' if kind == PHOTOS else 'own'} {part.numbers[i]}"
        share = f"{100 * lost:.0f} % lost" if np.isfinite(lost) else "–"
        told += [name, f"{concept} {before:.2g} %", "inversion", share]
    return told


def title(concept: str, result: Omissions | None, pairs: Pairs, status: str, n: int) -> str:
    """What the photos say about the concept, in one sentence."""
    if result is not None:
        return verdict(result)
    if not concept:
        return ""
    if status == "running":
        return f"Searching for photos with {concept}: {len(pairs)} of {n}" if pairs else f"Searching for {concept}…"
    return (
        f"Stopped; {plural(len(pairs), 'photo')} with {concept} so far, nothing is said without the control"
        if pairs
        else ""
    )


def stale(stale: bool, status: str) -> str:
    """What to say where the photos that are shown were searched for otherwise than the settings say."""
    return "A setting has changed: press Run." if stale and status != "running" else ""


def verdict(result: Omissions) -> str:
    """Whether the concept is an omission, and what speaks for or against it."""
    name, lost = result.concept.capitalize(), f"photos lose {result.lost:.0%} of it"
    own = f"its own pictures {share(result.control_lost)}"
    if result.control_kind == OTHERS:
        own = f"its own pictures, which hardly show it, {share(result.control_lost)} of other concepts"
    if result.named:
        return f"{name} is left out: {lost} and {share(result.others)} of other concepts, {own}"
    if (few := min(len(result.photos), len(result.control))) < FEWEST:
        return f"{name} is not shown to be left out: {lost}, {own}, but {few} pictures are too few, {FEWEST} are needed"
    telling = int(result.compared[1].any(1).sum()) if result.control_kind == OTHERS else len(result.control)
    if telling < FEWEST:
        return f"{name} is not shown to be left out: {lost}, and what the search loses anyway is not known"
    if not result.excess_interval[0] > 0:
        return f"{name} is not shown to be left out: {lost}, and {own}, so it may be the search"
    if not result.excess_interval[0] > result.margin:
        return f"{name} is not shown to be left out: {lost}, {own}: not surely {100 * result.margin:.0f} points more"
    if not np.isfinite(result.others):
        return (
            f"{name} is not shown to be left out: {lost}, {own}, but no other concept of its size tells what is usual"
        )
    if (few := int(result.compared[0].any(1).sum())) < FEWEST:
        return (
            f"{name} is not shown to be left out: {lost}, {own}, but only {plural(few, 'photo')} with another concept "
            f"of its size cannot tell what is usual, {FEWEST} are needed"
        )
    return f"{name} is not shown to be left out: {lost}, but also {result.others:.0%} of other concepts of its size"


def details(result: Omissions | None) -> str:
    """Effect sizes with their intervals, below the picture of losses."""
    if result is None:
        return ""
    others = _points(result.beyond_others, result.beyond_interval)
    told = [
        f"Beyond the control {_points(result.excess, result.excess_interval)}.",
        f"Beyond other concepts of similar area in the same photos {others}.",
        f"Called left out only when both intervals lie above {100 * result.margin:.0f} points; {CONTROLS}.",
    ]
    return " ".join([*told, *(f"{note[0].upper()}{note[1:]}." for note in result.notes)])


def _points(value: float, interval: tuple[float, float]) -> str:
    if not np.isfinite(value):
        return "nothing is known"
    if not np.isfinite(interval).all():
        return f"{100 * value:+.0f} points (not known how surely)".replace("-", "−")
    ends = [f"{100 * end:+.0f}".replace("-", "−") for end in interval]
    return f"{100 * value:+.0f} points (95 % {ends[0]} to {ends[1]})".replace("+-", "−").replace("-", "−")


def losses(result: Omissions | None) -> list[dict[str, Any]]:
    """Share lost: of the concept and of others, in photos and in the control."""
    if result is None:
        return []
    same, name = result.control_kind != OTHERS, result.concept
    rows = [("photos", f"photos: {name}", result.lost), ("others", "photos: others", result.others)]
    rows.append(("own", f"own: {name}" if same else "own: others", result.control_lost))
    if same:
        rows.append(("own others", "own: others", result.control_others))
    return [
        {"key": key, "label": label, "value": round(100 * value, 1)} for key, label, value in rows if np.isfinite(value)
    ]


def points(result: Omissions | None) -> list[dict[str, Any]]:
    """A point per picture: how much of the concept there was, and how much stays in its place [percent]."""
    if result is None:
        return []
    column = result.concepts.index(result.concept)
    found = []
    parts = [(PHOTOS, result.photos), (CONTROL, result.control)]
    for kind, part in parts if result.control_kind != OTHERS else parts[:1]:  # a control of others hardly shows it
        percent = 100 / (part.segs.shape[2] * part.segs.shape[3])
        for i, before in enumerate(part.before[:, column]):
            if before > 0:
                x, y = float(before * percent), float(part.kept[i, column] * percent)
                label = f"{kind[:-1]} {part.numbers[i]}"
                found.append({"key": f"{kind} {i}", "x": x, "y": y, "group": kind, "label": label})
    return found


def message(concept: str, status: str, comparing: str, known: Coverage | None, has_segmenter: bool) -> str:
    """What to say where photos would be."""
    if not has_segmenter:
        return "`segmenter=` is needed to find a concept"
    if not concept:
        return choose(known)
    if status == "running":
        return f"Looking for photos with {concept}, and for them in the generator…"
    if comparing == "running":
        return f"Photos with {concept} are searched for when all images are counted."
    return f"Press Run to see photos with {concept} beside what the generator makes of them."
