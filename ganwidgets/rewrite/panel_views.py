"""What a session of rewriting looks like: pictures, marked places and edits turned into sheets, rows and words.

Pure functions of results (and pictures); `panel.py` decides when they are called.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ganwidgets.paint.panel_views import png as png
from ganwidgets.paint.panel_views import size as size
from ganwidgets.results.rewrites import STRONGEST, WEAKEST, LowRankEdit
from ganwidgets.rewrite.controller_sample import MOST_SHOWN
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.panel_fields import TRAYS
from ganwidgets.ui import sheets
from ganwidgets.ui.palette import viridis

ENDINGS = (".json", ".safetensors")
STRENGTHS = WEAKEST, STRONGEST
BRUSH = "#f0e442"  # while a region is for nothing yet
COLUMNS, TILE, THUMBNAIL = 6, 128, 64  # pictures in a row of the grid; longest sides [px]
MOST_EXPORTED = 8 * 2**20  # bytes that travel to the browser in one message

Pictures = np.ndarray | None


# The picture that is painted on


def painted(picture: Pictures, region: Pictures, color: str = BRUSH) -> bytes:
    """The picture with what is painted on it so far, tinted, as PNG."""
    if picture is None or region is None or region.shape != picture.shape[:2]:
        return png(picture)
    share = 0.6 * region[..., None].astype(np.float32) / 255
    tint = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)], np.float32)
    return png((picture * (1 - share) + tint * share).round().astype(np.uint8))


def painter_message(image: int, region: Pictures, opened: tuple) -> str:
    """The line below the painter: which picture it is, and what to do next."""
    if opened:
        title = TRAYS[opened[0]][0]
        return f"Picture {image}, as marked under “{title}”: paint to change it, then press its button again."
    if region is None:
        return f"Picture {image}. Paint on it, then say below what the region is for."
    return f"Picture {image}: say below what the region is for, or paint on."


# Trays


class TrayRows:
    """The entries of a tray and their sheet; a place keeps its id however the tray changes."""

    def __init__(self) -> None:
        self._ids: dict[Example, str] = {}
        self._made = 0

    def entries(self, places: Sequence[Example]) -> list[dict[str, Any]]:
        """An entry for each place, in order."""
        for place in places:
            if place not in self._ids:
                self._made += 1
                self._ids[place] = f"p{self._made}"
        self._ids = {place: uid for place, uid in self._ids.items() if place in places}
        return [{"id": self._ids[place], "label": str(place.image), "thumbnail": at} for at, place in enumerate(places)]

    def number(self, entry: str, places: Sequence[Example]) -> int:
        """Which of the places has this id. Raises `ValueError` if it is not there any more."""
        for at, place in enumerate(places):
            if self._ids.get(place) == entry:
                return at
        raise ValueError("This place is not in the tray any more.")

    def id_of(self, opened: tuple) -> str:
        """Of the place that is looked at again; "" if it is none of these."""
        return self._ids.get(opened[1], "") if opened else ""

    def drawn(self, places: Sequence[Example], pictures: dict[int, np.ndarray]) -> tuple[list[dict], dict | None]:
        """Entries and their sheet; no sheet while a picture is missing."""
        entries = self.entries(places)
        if not places or any(place.image not in pictures for place in places):
            return [entry | {"thumbnail": None} for entry in entries], None
        tiles = [pictures[place.image] for place in places]
        tile = _tile(tiles[0], THUMBNAIL)
        packed = sheets.sheet(tiles, len(tiles), tile, quality=82)
        return entries, packed | {"mask": sheets.mask_sheet([_mask(place, tile) for place in places], len(tiles), tile)}


def _mask(place: Example, tile: tuple[int, int]) -> np.ndarray:
    """Where a place is marked by half of its strongest spot, at the size of a thumbnail."""
    region = place.region.cpu().numpy()
    small = Image.fromarray((255 * region).round().astype(np.uint8)).resize(tile, Image.Resampling.BOX)
    levels = np.asarray(small)
    return levels >= max(1, int(levels.max()) / 2)


# The grid


def grid(
    before: Pictures, after: Pictures, matches: Pictures, shown: Sequence[int], level: float | int = 0.0
) -> tuple[dict[str, dict], list[str]]:
    """Sheets of what is on show, without and with the edits and with matches as heat, and the numbers below."""
    if before is None or after is None or not len(after):
        return {}, []
    tile = _tile(after[0], TILE)
    found = {"before": sheets.sheet(before, COLUMNS, tile), "after": sheets.sheet(after, COLUMNS, tile)}
    if matches is not None and len(matches) == len(after):
        heat, ends = _heated(after, matches, tile)
        found["matches"] = sheets.sheet(heat, COLUMNS, tile) | {"scale": ends}
    return found, [str(number) for number in shown]


def _heated(after: np.ndarray, matches: np.ndarray, tile: tuple[int, int]) -> tuple[list[np.ndarray], list[str]]:
    """The pictures in grey under the colours of viridis, and words for the ends of the scale."""
    low, high = float(matches.min()), float(matches.max())
    span = (high - low) or 1.0
    colours = np.array([viridis(share / 255) for share in range(256)], np.float32)
    heated = []
    for picture, scores in zip(after, matches, strict=True):
        share = Image.fromarray(((scores - low) / span).astype(np.float32)).resize(tile, Image.Resampling.BICUBIC)
        levels = np.clip(np.asarray(share), 0, 1)
        grey = np.asarray(Image.fromarray(picture).resize(tile, Image.Resampling.LANCZOS).convert("L"), np.float32)
        mixed = 0.45 * grey[..., None] + 0.55 * colours[(255 * levels).round().astype(int)]
        heated.append(mixed.round().astype(np.uint8))
    return heated, [f"{low:.2g}, no match", f"{high:.2g}, best match on show"]


def place_of(image: int, numbers: Sequence[int]) -> list[int]:
    """Where a picture stands in the grid."""
    return [at for at, number in enumerate(numbers) if number == image]


def numbers_text(numbers: Sequence[int]) -> str:
    """Numbers as a person types them, runs of three and more with a dash."""
    parts, at = [], 0
    while at < len(numbers):
        end = at
        while end + 1 < len(numbers) and numbers[end + 1] == numbers[end] + 1:
            end += 1
        if end - at >= 2:
            parts.append(f"{numbers[at]}-{numbers[end]}")
        else:
            parts += [str(number) for number in numbers[at : end + 1]]
        at = end + 1
    return ", ".join(parts)


def numbers_of(text: str) -> tuple[int, ...]:
    """What a person typed: numbers and ranges.

    Raises:
        ValueError: something else, or too many.
    """
    found: list[int] = []
    for part in filter(None, re.split(r"[\s,;]+", re.sub(r"\s*[-–]\s*", "-", text.strip()))):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if match is None:
            raise ValueError(f"Pictures must be numbers such as 0-8, 12, got {part[:40]!r}.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first >= MOST_SHOWN:
            raise ValueError(f"At most {MOST_SHOWN} pictures can be shown, {part} are {last - first + 1:,}.")
        found += range(first, last + 1)
    if not found:
        raise ValueError("Pictures must be at least one number, such as 0-8, 12.")
    return tuple(dict.fromkeys(found))


# Edits


def edit_rows(edits: Sequence[LowRankEdit]) -> list[dict[str, Any]]:
    """A row for each edit, the oldest first."""
    return [
        {
            "id": edit.uid,
            "title": edit.name,
            "detail": f"rank {edit.rank} of {edit.layer}",
            "muted": edit.muted,
            "strength": float(edit.strength),
        }
        for edit in edits
    ]


def files_disabled(edits: Sequence[LowRankEdit], trays: Any) -> dict[str, str]:
    """Why a file cannot be had now."""
    off = {} if edits else dict.fromkeys(("edits", "weights"), "no rule is changed yet")
    marked = any(trays.all(kind) for kind in TRAYS)
    return off if marked else off | {"request": "nothing is marked yet"}


def alike(*values: Any) -> tuple:
    """The same values, for a component that has what a session has."""
    return values


def run_state(working: str, failure: str, progress: float, remaining: float) -> tuple[str, float, float]:
    """Status, progress and time left of the run bar: it runs while something takes long."""
    if working:
        return "running", progress, remaining
    return ("failed" if failure else "idle"), 0.0, -1.0


def _tile(picture: np.ndarray, longest: int) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))
