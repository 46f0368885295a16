"""Strokes in one file: JSON with the masks in it as PNG, readable elsewhere, and checked part by part on reading.

The file names the network the strokes were painted for, by name and by the hash of its weights; another network is
refused, as units mean nothing there, unless told otherwise. A mask of 8 bits, as browsers send, comes back bit for
bit, a finer one with 16 bits. Nothing in a file is run; sizes are checked before anything is decoded.
"""

import base64
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganwidgets.models import Network
from ganwidgets.nn.regions import as_region, at_most, png_size, to_png
from ganwidgets.paint.stack import StrokeStack
from ganwidgets.paint.strokes import Stroke, map_layer
from ganwidgets.results.files import write_bytes

FORMAT, VERSION = "ganwidgets edit", 1
MOST_BYTES = 64 * 2**20  # of a file
MOST_STROKES = 10_000
MOST_TEXT = 200  # letters of a name
MOST_PIXELS = 2**28  # of all masks of a file together


def save(path: str | Path, strokes: Iterable[Stroke], network: Network) -> Path:
    """Write strokes to one JSON file; an older file stays until the new one is whole.

    Raises:
        OSError: the file cannot be written.
    """
    return write_bytes(Path(path), to_json(strokes, network).encode())


def load(path: str | Path, network: Network, *, force: bool = False) -> StrokeStack:
    """Read strokes that were saved, for the network they were painted on.

    Args:
        path: of the file.
        network: on which they will be used.
        force: use them on another network than the one they were made for; layers and units must exist there.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another network's, another kind of file, damaged, or too large.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be a saved edit, but there is no file {str(path)!r}")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    try:
        return from_json(content, network, force=force)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def to_json(strokes: Iterable[Stroke], network: Network) -> str:
    """What `save` writes."""
    about = {"format": FORMAT, "version": VERSION, "network": network.name, "fingerprint": network.fingerprint}
    return json.dumps(about | {"strokes": [_as_dict(stroke) for stroke in strokes]}, allow_nan=False)


def from_json(content: str | bytes, network: Network, *, force: bool = False) -> StrokeStack:
    """Strokes of what `to_json` gave; see `load`.

    Raises:
        ValueError: another network's, another kind of text, damaged, or too large.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"an edit must be at most {MOST_BYTES // 2**20} MiB, got more: it is not read")
    try:
        about = json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"an edit must be JSON as written by `save`, but this is damaged or something else: {error}"
        ) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError("an edit must be JSON as written by `save`, but this is something else")
    if about.get("version") != VERSION or isinstance(about["version"], bool):
        raise ValueError(f"an edit must be of format version {VERSION}, got {_short(about.get('version'))}")
    made_for, fingerprint, listed = (about.get(key) for key in ("network", "fingerprint", "strokes"))
    if not isinstance(made_for, str) or not isinstance(fingerprint, str) or not isinstance(listed, list):
        raise ValueError("an edit must have `network`, `fingerprint` and a list of `strokes`, but this one lacks some")
    if fingerprint != network.fingerprint and not force:
        raise ValueError(
            f"this edit was painted on {_short(made_for)} (weights {_short(fingerprint[:8])}), not on {network.name!r} "
            f"(weights {network.fingerprint[:8]!r}), where its units may mean something else; force=True uses it "
            "all the same"
        )
    if len(listed) > MOST_STROKES:
        raise ValueError(f"an edit must have at most {MOST_STROKES} strokes, got {len(listed)}")
    return StrokeStack(tuple(_strokes(listed, network)))


def _strokes(listed: list, network: Network) -> Iterable[Stroke]:
    pixels = 0
    for number, entry in enumerate(listed):
        try:
            png = _decoded(_part(entry, "region", str))
            pixels += math.prod(png_size(png))
            if pixels > MOST_PIXELS:
                raise ValueError(f"the masks up to here hold more than {MOST_PIXELS} pixels")
            yield _from_dict(entry, png, network)
        except (ValueError, TypeError, OverflowError, RuntimeError) as error:
            raise ValueError(f"stroke {number} of this edit cannot be used: {error}") from error


def _as_dict(stroke: Stroke) -> dict[str, Any]:
    return {
        "layer": stroke.layer,
        "units": list(stroke.units),
        "sign": stroke.sign,
        "strength": float(stroke.strength),
        "resize": stroke.resize,
        "value": _value_as_json(stroke.value),
        "concept": stroke.concept,
        "name": stroke.name,
        "muted": stroke.muted,
        "region": base64.b64encode(to_png(stroke.region)).decode(),
    }


def _from_dict(entry: dict, png: bytes, network: Network) -> Stroke:
    units = _part(entry, "units", list)
    if not all(isinstance(unit, int) and not isinstance(unit, bool) for unit in units):
        raise ValueError(f"`units` must be unit numbers, got {_short(units)}")
    concept = entry.get("concept")
    if len(_part(entry, "layer", str)) > MOST_TEXT:
        raise ValueError(f"`layer` must be a name of at most {MOST_TEXT} letters, got {_short(entry['layer'])}")
    if concept is not None and not (isinstance(concept, str) and len(concept) <= MOST_TEXT):
        raise ValueError(f"`concept` must be text of at most {MOST_TEXT} letters or null, got {_short(concept)}")
    layer, sign = map_layer(network, _part(entry, "layer", str)), _part(entry, "sign", str)
    shape = network.layers[layer].shape
    if units and max(units) >= shape[0]:
        raise ValueError(
            f"`units` must be below {shape[0]}, the units of {layer!r} of {network.name!r}, got {_short(max(units))}"
        )
    return Stroke(
        layer,
        units,
        at_most(as_region(png), tuple(network.output_shape[1:])),
        _value_from_json(entry.get("value"), (len(units), *shape[1:])),
        sign,
        float(_part(entry, "strength", int | float)),
        _part(entry, "resize", str),
        concept,
        _part(entry, "name", str)[:MOST_TEXT],
        _part(entry, "muted", bool),
    )


def _value_as_json(value: Tensor) -> Any:
    if value.ndim == 1:
        return value.tolist()
    data = value.cpu().numpy().astype("<f4").tobytes()
    return {"shape": list(value.shape), "float32": base64.b64encode(data).decode()}


def _value_from_json(value: Any, maps: tuple[int, ...]) -> Tensor:
    """One number a unit, or one map a unit of the shape `maps`."""
    if isinstance(value, list):
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in value):
            raise ValueError(f"`value` must hold numbers, got {_short(value)}")
        return torch.tensor(value, dtype=torch.float32)
    data = _decoded(_part(value, "float32", str))
    if value.get("shape") != list(maps) or len(data) != 4 * math.prod(maps):
        raise ValueError(
            f"`value` must be a number a unit, or maps of shape {list(maps)}, got {_short(value.get('shape'))}"
        )
    return torch.from_numpy(np.frombuffer(data, "<f4").astype(np.float32).reshape(maps))


def _part(entry: Any, name: str, kind: Any) -> Any:
    found = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise ValueError(f"`{name}` is missing, or of another kind: {_short(found)}")
    return found


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _no_constant(text: str) -> None:
    raise ValueError(f"it holds {text}")


def _short(value: object) -> str:
    try:
        shown = repr(value)
    except (RecursionError, ValueError):
        shown = type(value).__name__
    return shown if len(shown) <= 60 else shown[:60] + "…"
