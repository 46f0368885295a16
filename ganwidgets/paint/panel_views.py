"""What a painting session looks like: pictures, strokes and reports turned into sheets, rows and words.

Pure functions of results (and pictures); `panel.py` decides when they are called.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ganwidgets.paint.brushes import Brush
from ganwidgets.paint.report import PaintReport
from ganwidgets.paint.strokes import Stroke
from ganwidgets.results.dissection import Dissection
from ganwidgets.ui import palette, sheets

COLORS = {"draw": "#56b4e9", "remove": "#d55e00", "add": "#009e73"}  # Okabe-Ito
MODES = [{"value": mode, "label": mode} for mode in COLORS]
RESIZES = [{"value": "area", "label": "as far as painted"}, {"value": "max", "label": "every touched cell"}]
UNITS = {"name": "units", "kind": "text", "label": "Units", "hint": "their numbers, for a brush of your own"}
MODE = {"name": "mode", "kind": "choice", "label": "A stroke will", "options": MODES}
STRENGTH = {"name": "strength", "kind": "slider", "label": "Strength", "min": 0, "max": 1, "step": 0.01}
RESIZE = {"name": "resize", "kind": "choice", "label": "Region on the layer", "options": RESIZES}
SEED = {"name": "seed", "kind": "int", "label": "Seed of the scenes", "min": 0, "max": 2**32 - 1}
APPLY = (
    {"name": "n", "kind": "int", "label": "Scenes", "min": 1, "max": 64},
    {"name": "apply", "kind": "button", "label": "Apply the strokes to them"},
)
FILES = (
    {"name": "picture", "label": "Save picture", "hint": "The picture with the strokes, as PNG."},
    {"name": "strokes", "label": "Save strokes", "hint": "A JSON file that painting.load(path) reads."},
)
ICONS, SCENES, OTHERS = 4, 6, 10  # pictures in a row: of the palette, of the filmstrip, of other scenes
MOST_CELLS = 8  # along a side of the layer that one paints on first
TILE, THUMBNAIL = 96, 48  # longest side [px]
WITH_THUMBNAIL = 256  # newest strokes

Pictures = Sequence[np.ndarray] | np.ndarray | None


# Pictures


def png(picture: np.ndarray | None) -> bytes:
    """The picture without any loss: small changes are what one looks for. b"" if there is none."""
    if picture is None:
        return b""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def once(draw: Callable[[np.ndarray | None], bytes]) -> Callable[[np.ndarray | None], bytes]:
    """`draw`, with the answer for the last picture kept: the scene is the same while strokes are added."""
    last: list[Any] = [None, draw(None)]

    def drawn(picture: np.ndarray | None) -> bytes:
        if picture is not last[0]:
            last[:] = picture, draw(picture)
        return last[1]

    return drawn


def size(picture: np.ndarray | None) -> list[int]:
    """[width, height] of a picture; empty if there is none."""
    return [] if picture is None else [picture.shape[1], picture.shape[0]]


def strip(pictures: Pictures, name: str, columns: int = SCENES) -> dict[str, dict]:
    """One named sheet of pictures; none while there are none."""
    if pictures is None or not len(pictures):
        return {}
    return {name: sheets.sheet(pictures, columns, _tile(pictures[0], TILE))}


def others(before: Pictures, after: Pictures) -> tuple[dict[str, dict], str]:
    """Sheets of other scenes without and with the strokes, and their title."""
    found = {**strip(before, "before", OTHERS), **strip(after, "after", OTHERS)}
    return found, f"The strokes, as they were, on {len(after)} scenes" if found else ""


def brush_sheet(brushes: Sequence[Brush], icons: Pictures) -> tuple[dict[str, dict], list[str]]:
    """A picture a brush, and their names; plain tiles in the colours of the concepts until the pictures are there."""
    if not brushes:
        return {}, []
    drawn = list(icons) if icons is not None and len(icons) == len(brushes) else _plain(len(brushes))
    return strip(drawn, "brushes", ICONS), [brush.concept for brush in brushes]


def _plain(count: int) -> list[np.ndarray]:
    colours = [np.array(palette.concept_color(i)) for i in range(count)]
    return [np.full((64, 64, 3), 160 + colour // 3, np.uint8) for colour in colours]


def place_of(brush: str, brushes: Sequence[Brush]) -> list[int]:
    """Position of the brush in use; none for units of one's own."""
    return [i for i, one in enumerate(brushes) if one.concept == brush]


def brush_at(places: Sequence[int], brushes: Sequence[Brush]) -> str:
    """Concept of the brush at the last one of these places; "" if there is none."""
    return brushes[places[-1]].concept if places else ""


def _tile(picture: np.ndarray, longest: int) -> tuple[int, int]:
    """(width, height) of a picture no larger than `longest`; small pictures keep their size."""
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


# Strokes


class StackRows:
    """The rows of an edit stack; a thumbnail follows with the picture, and is drawn once for a stroke on a scene."""

    def __init__(self) -> None:
        self._scene: np.ndarray | None = None
        self._drawn: dict[Stroke, np.ndarray] = {}
        self._strokes: tuple[Stroke, ...] = ()

    def entries(self, strokes: tuple[Stroke, ...]) -> list[dict]:
        """A row a stroke, the oldest first."""
        self._strokes = strokes
        place = {stroke: i for i, stroke in enumerate(self._drawn)}
        return [_entry(stroke) | {"thumbnail": place.get(stroke)} for stroke in strokes]

    def pictured(self, shown: Any | None, before: np.ndarray | None) -> tuple[dict | None, list[dict]]:
        """The sheet of thumbnails of what is shown, and the rows that use it."""
        strokes = () if shown is None or before is None else shown.strokes[-WITH_THUMBNAIL:]
        known = self._drawn if before is self._scene else {}
        self._scene = before
        self._drawn = {stroke: known[stroke] if stroke in known else thumbnail(stroke, before) for stroke in strokes}
        return _packed(list(self._drawn.values())) if strokes else None, self.entries(self._strokes)


def _packed(tiles: Sequence[np.ndarray], columns: int = 16) -> dict[str, Any]:
    """A sheet of tiles of one size, put together at once: with every stroke there is a new one."""
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    page = np.zeros((rows * columns, height, width, 3), np.uint8)
    page[: len(tiles)] = tiles
    page = page.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    whole = sheets.sheet([page], 1, quality=80)
    return whole | {"columns": columns, "tile": [width, height], "count": len(tiles)}


def _entry(stroke: Stroke) -> dict[str, Any]:
    return {
        "id": stroke.uid,
        "title": stroke.name,
        "detail": f"{len(stroke.units)} unit{'' if len(stroke.units) == 1 else 's'} of {stroke.layer}",
        "muted": stroke.muted,
        "strength": float(stroke.strength),
        "color": COLORS[stroke.sign],
    }


def thumbnail(stroke: Stroke, scene: np.ndarray) -> np.ndarray:
    """The scene, small, with what the stroke covers tinted."""
    width, height = _tile(scene, THUMBNAIL)
    small = np.asarray(Image.fromarray(scene).resize((width, height), Image.Resampling.BOX), np.float32)
    alpha = 0.75 * _mask(stroke, (width, height))[..., None].astype(np.float32) / 255
    tint = np.array([int(COLORS[stroke.sign][i : i + 2], 16) for i in (1, 3, 5)], np.float32)
    return (small * (1 - alpha) + tint * alpha).round().astype(np.uint8)


def overlay(uid: str, strokes: Sequence[Stroke], size: Sequence[int]) -> bytes:
    """Where a stroke is, as a grey PNG; b"" if there is no such stroke."""
    stroke = next((one for one in strokes if one.uid == uid), None)
    return b"" if stroke is None or not size else png(_mask(stroke, (size[0], size[1])))


def _mask(stroke: Stroke, size: tuple[int, int]) -> np.ndarray:
    region = Image.fromarray((stroke.region.cpu().numpy() * 255).round().astype(np.uint8))
    return np.asarray(region.resize(size, Image.Resampling.BILINEAR))


# Words


def units_text(units: Sequence[int]) -> str:
    """Numbers as a person types them."""
    return ", ".join(map(str, units))


def units_of(text: str) -> tuple[int, ...]:
    """What a person typed: numbers and ranges.

    Raises:
        ValueError: something else.
    """
    found: list[int] = []
    for part in filter(None, re.split(r"[\s,;]+", text.strip().replace("–", "-"))):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if match is None:
            raise ValueError(f"`units` must be numbers such as 3, 8, 10-14, got {part[:40]!r}.")
        first, last = int(match[1]), int(match[2] or match[1])
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))


def palette_message(segmenter: Any | None, layer: str, status: str) -> str:
    """What to say where brushes would be."""
    if segmenter is None:
        why = "Brushes need a segmenter: panel(network, segmenter=…)."
    elif status == "running":
        why = f"Finding out what the units of {layer} draw."
    else:
        why = f"No brushes for {layer}: press Run to find out what its units draw."
    return f"{why} Until then, paint with units whose numbers you type below."


def canvas_message(report: PaintReport | None, shown: Any | None, units: Sequence[int], better: str = "") -> str:
    """The line below the canvas: what its uppermost stroke did, and, if that was nothing, why; `better` says more."""
    strokes = () if shown is None else shown.strokes
    top = next((stroke for stroke in reversed(strokes) if stroke.visible), None)
    if top is None:
        return "" if units else "Choose a brush, or type the numbers of units, then paint."
    if report is None or report.stroke is not top:
        return "Looking at what the stroke did…"
    return " ".join(filter(None, (report.sentence, better or report.why_nothing)))


# The controls around it


def layers(network: Any, dissected: Sequence[str], layer: str) -> list[dict[str, Any]]:
    """Choices of a layer picker: the outermost layers with maps, and those inside them that somebody chose."""
    maps = network.map_layers
    outer = [name for name in maps if not any(name.startswith(f"{other}.") for other in maps)]
    return [
        {
            "name": name,
            "units": network.layers[name].units,
            "resolution": list(network.layers[name].resolution),
            "dissected": name in dissected,
            "usable": True,
        }
        for name in maps
        if name in outer or name in dissected or name == layer
    ]


def coarse_layer(network: Any) -> str | None:
    """The last of the outermost layers of at most 8 × 8 cells; None if there is none.

    Where things stand is decided in the coarse layers, which textures they have in finer ones. GANPaint's authors
    painted on an 8 × 8 layer, too.
    """
    coarse = [row["name"] for row in layers(network, (), "") if max(row["resolution"]) <= MOST_CELLS]
    return coarse[-1] if coarse else None


def run_state(
    status: str, result: Dissection | None, progress: float, n_done: int, n_total: int, n: int
) -> tuple[str, float, int, int]:
    """Status, progress, images done and images in all of a run bar: of what runs, else of what is known."""
    if status in ("running", "failed") or (result is None and status == "cancelled"):
        return status, progress, n_done, n_total
    if result is None:
        return "idle", 0.0, 0, n
    return ("done" if result.complete else "cancelled"), 1.0, result.n, max(result.n, int(result.options["n"]))
