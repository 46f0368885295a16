"""What an inverting session looks like: photos, errors and results turned into bytes, sheets, lines and words.

Pure functions; `panel.py` decides when they are called.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ganwidgets.invert.controller_photo import EXAMPLE_NAMES, as_rgb
from ganwidgets.invert.strategies import STRATEGIES, Strategy
from ganwidgets.results import inversion_files
from ganwidgets.results.inversion import Editability, Inversion, as_uint8
from ganwidgets.ui import palette, sheets

PHOTOS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
ENDINGS = [*PHOTOS, *inversion_files.ENDINGS]
MAX_SIDE = 2048  # of a photo that comes from the browser [px]
LIVE_PNG = 256 * 256  # pixels: a larger picture travels as JPEG while it still changes
ERROR_TOP = 0.2  # share of the range at which the scale of errors ends
SHOWN = 256  # longest side of the error map [px]
SEARCH, ADAPTATION = "#0072b2", "#d55e00"  # Okabe-Ito
EXAMPLE_TITLES = {"drawn": "Drawn scenes", "own": "Its own pictures"}
COLUMNS = 3
_VIRIDIS = np.array([palette.viridis(i / 255) for i in range(256)], np.uint8)

# Fields

FORMS = [
    {"value": "weights+maps", "label": "Weights, then maps", "hint": "As published: nearest to the photo."},
    {"value": "maps", "label": "Maps only", "hint": "No weight changes; let go of where you paint."},
    {"value": "weights", "label": "Weights only", "hint": "A little in two late layers; moves other pictures, too."},
]
ADAPT = ({"name": "form", "kind": "choice", "label": "What adapts", "options": FORMS},)
BUTTONS = (
    {
        "name": "paint",
        "kind": "button",
        "label": "Paint on this photo ↓",
        "hint": "Shows the painting panel below, with this photo as the scene.",
    },
    {"name": "off", "kind": "button", "label": "Without adaptation", "hint": "Takes the adaptation off again."},
)
FILES = (
    {"name": "inversion", "label": "Save inversion", "hint": "One file that this panel and invert.load(path) read."},
    {"name": "picture", "label": "Save picture", "hint": "What the generator draws for the photo, as PNG."},
)
SETTINGS = (
    {"name": "steps", "kind": "int", "label": "Steps", "min": 0, "max": 100_000, "hint": "0: as many as usual"},
    {"name": "starts", "kind": "int", "label": "Starts side by side", "min": 1, "max": 64},
    {"name": "seed", "kind": "int", "label": "Seed", "min": 0, "max": 2**32 - 1},
)

_LEARNS = "Where no encoder comes with the generator, one is trained first: minutes."


def strategy_field(known: Sequence[Strategy]) -> dict[str, Any]:
    """A choice of strategies, each with what it does."""
    options = [{"value": one.name, "label": one.name, "hint": _meaning(one)} for one in known]
    return {"name": "strategy", "kind": "choice", "label": "How to search", "options": options}


def strategies(style: bool) -> list[Strategy]:
    """Strategies for a generator; those in w are for StyleGANs."""
    return [one for one in STRATEGIES.values() if style or one.space not in ("w", "ws")]


def _meaning(strategy: Strategy) -> str:
    learns = f" {_LEARNS}" if strategy.start in ("direct", "layered") else ""
    return f"{strategy.meaning[:1].upper()}{strategy.meaning[1:]}.{learns}"


def layer_field(layers: Sequence[str]) -> dict[str, Any]:
    """A choice of edit layers."""
    hint = "Up to here the search may change what the network computes; units of it paint."
    return {"name": "layer", "kind": "choice", "label": "Edit layer", "options": list(layers), "hint": hint}


# Pictures


def png(picture: np.ndarray | None) -> bytes:
    """The picture without loss; b"" if there is none."""
    return _encoded(picture, "PNG", compress_level=1)


def live(picture: np.ndarray | None, running: bool) -> bytes:
    """The picture; with a little loss while a large one still changes."""
    if running and picture is not None and picture.shape[0] * picture.shape[1] > LIVE_PNG:
        return _encoded(picture, "JPEG", quality=88)
    return png(picture)


def wanted(target: np.ndarray | None, inversion: Inversion | None) -> bytes:
    """The photo beside the picture: the one that was searched for, though another part may be chosen by now."""
    return png(target if inversion is None else as_rgb(as_uint8(inversion.image)))


def photo(picture: np.ndarray | None) -> bytes:
    """The photo as one looks at it to choose a part."""
    small = picture is None or picture.shape[0] * picture.shape[1] <= LIVE_PNG
    return png(picture) if small else _encoded(picture, "JPEG", quality=88)


def _encoded(picture: np.ndarray | None, kind: str, **options: Any) -> bytes:
    if picture is None:
        return b""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def error_sheet(error: np.ndarray | None) -> dict[str, dict]:
    """Where the picture is off, in the colours of viridis; none while there is no picture."""
    if error is None:
        return {}
    shares = np.nan_to_num(error / ERROR_TOP, nan=1.0, posinf=1.0).clip(0, 1)
    coloured = _VIRIDIS[(shares * 255).round().astype(np.uint8)]
    scale = max(1, SHOWN // max(coloured.shape[:2]))
    coloured = coloured.repeat(scale, 0).repeat(scale, 1)
    height, width = coloured.shape[:2]
    shrink = min(1.0, SHOWN / max(height, width))
    tile = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    return {"error": sheets.sheet([coloured], 1, tile) | {"scale": ["exact", f"{ERROR_TOP:.0%} of the range or more"]}}


def example_sheets(examples: Mapping[str, np.ndarray]) -> dict[str, dict]:
    """Pictures to try, a sheet for each kind."""
    return {
        EXAMPLE_TITLES[kind]: sheets.sheet(list(found), COLUMNS, _tile(found[0])) for kind, found in examples.items()
    }


def example_kind(shown: str, examples: Mapping[str, np.ndarray]) -> str:
    """The kind whose sheet is on show."""
    return next((kind for kind in examples if EXAMPLE_TITLES[kind] == shown), next(iter(examples), ""))


def example_number(name: str, kind: str) -> list[int]:
    """Position of the example of this kind that is called so; none if it is none."""
    start, _, number = name.rpartition(" ")
    return [int(number)] if kind and start == EXAMPLE_NAMES[kind] and number.isdigit() else []


def _tile(picture: np.ndarray, longest: int = 96) -> tuple[int, int]:
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


# Lines


def lines(curve: np.ndarray | None, adapting: np.ndarray | None, column: int) -> list[dict[str, Any]]:
    """One column of the curves: of the search, and of the adaptation."""
    both = (("search", curve, SEARCH), ("adaptation", adapting, ADAPTATION))
    return [
        {"name": name, "x": found[:, 0].tolist(), "y": [round(float(y), 5) for y in found[:, column]], "color": color}
        for name, found, color in both
        if found is not None and len(found)
    ]


# Words


def run_words(
    state: str, step: int, total: int, psnr: float, stale: bool, notes: Sequence[str], inversion: Inversion | None
) -> tuple[str, int, int, str]:
    """Status, steps done and at most, and note of the bar that searches."""
    psnr = psnr if inversion is None else inversion.errors.psnr  # that of an adaptation stands elsewhere
    if stale and state != "running":
        return state, 0, 0, " · ".join(["The photo or a setting has changed: press Invert.", *notes])
    known = bool(total and psnr)
    found = f"{psnr:.1f} dB" if known else "looking for a start" if state == "running" else ""
    told = " · ".join(filter(None, (found, *(() if state == "running" else notes))))
    return state, step if known else 0, total if known else 0, told


def facts(
    inversion: Inversion | None, judging: str, progress: float, n: int
) -> tuple[str, str, list[dict[str, str]], str]:
    """Sentence, its tone, the numbers behind it, and what to say while nothing is known."""
    if inversion is None:
        return "", "", [], "How near the picture comes, and whether that is near for this generator."
    verdict = inversion.verdict
    if verdict is not None:
        sentence, tone = verdict.sentence, "warning" if verdict.share < 0.25 else "good"
    elif judging == "running":
        sentence, tone = f"Finding {n} of the generator's own pictures, to compare: {progress:.0%}.", ""
    else:
        sentence, tone = "Not compared with the generator's own pictures yet.", ""
    errors, editable = inversion.errors, inversion.editability
    found = [
        {
            "label": "Nearness",
            "value": f"{errors.psnr:.1f} dB",
            "note": f"PSNR; SSIM {errors.ssim:.2f}, mean error {errors.l1:.1%} of the range",
        },
        {"label": "Editable", "value": _editable(editable), "note": editable.sentence},
        {
            "label": "Search",
            "value": f"{inversion.strategy}, {inversion.steps} steps",
            "note": f"{inversion.seconds:.1f} s; ended by {ENDED.get(inversion.stopped, inversion.stopped)}",
        },
    ]
    if (made := inversion.adaptation) is not None:
        change = f"{made.before.psnr:.1f} → {made.errors.psnr:.1f} dB"
        note = f"{made.steps} steps, {made.seconds:.0f} s. {made.locality.sentence or 'No weight was changed.'}"
        found.insert(1, {"label": "Adapted", "value": change, "note": note})
    return sentence, tone, found, ""


ENDED = {
    "plateau": "a plateau",
    "steps": "the number of steps",
    "time": "the time limit",
    "cancelled": "you: the best so far is kept",
    "not finite": "numbers that were not finite: the best before them is kept",
}


def _editable(editable: Editability) -> str:
    if not editable.n:
        return "not measured"
    return "as its own pictures" if editable.usual else "with care"


def lowered(reason: str) -> str:
    """A reason as it stands at a control that is off."""
    return reason[:1].lower() + reason[1:].rstrip(".")


def adapt_words(inversion: Inversion | None) -> tuple[str, str]:
    """Note of the bar that adapts, and why it cannot be used."""
    if inversion is None:
        return "", "find a photo first"
    return ("" if inversion.adaptation is not None else "fits late layers to this one photo"), ""


def buttons_disabled(inversion: Inversion | None) -> dict[str, str]:
    """Why one cannot paint, or take an adaptation off."""
    if inversion is None:
        return {"paint": "find a photo first", "off": "nothing is adapted"}
    return {} if inversion.adaptation is not None else {"off": "nothing is adapted"}


def labels(inversion: Inversion | None, adapting: bool) -> list[str]:
    """What the two pictures to compare are called."""
    adapted = adapting or (inversion is not None and inversion.adaptation is not None)
    return ["Photo", "Adapted" if adapted else "As the generator draws it"]


def files_disabled(inversion: Inversion | None) -> dict[str, str]:
    """Why there is nothing to save yet."""
    return {} if inversion is not None else dict.fromkeys(("inversion", "picture"), "there is no inversion yet")
