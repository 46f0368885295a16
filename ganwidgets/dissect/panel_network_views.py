"""What network dissection looks like: layers compared, a basis that turns and a prediction's units, as components draw.

Pure functions of results; `panel_network.py` decides when they are called.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.dissect.counting import ALL, detectors
from ganwidgets.dissect.depth import DepthProfile
from ganwidgets.dissect.explanation import Explanation
from ganwidgets.dissect.panel_views import tile_size
from ganwidgets.dissect.rotation import BasisRotation
from ganwidgets.results.dissection import Dissection
from ganwidgets.ui import sheets

TILE = 64  # longest side of a picture that is offered [px]
LARGE = 112  # … of one that is explained
COLUMNS = 6


def layers(network: Any, worth: Sequence[str], dissected: Sequence[str], layer: str) -> list[dict[str, Any]]:
    """Choices of a layer picker: those worth comparing, and those that somebody chose."""
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
        if name in worth or name in dissected or name == layer
    ]


def depth_table(profile: DepthProfile | None, counting: str) -> dict[str, Any]:
    """Arguments of `Matrix.fill`: unique detectors, a row per category, a column per layer."""
    if profile is None:
        return {"rows": [], "columns": [], "values": []}
    table = profile.to_frame(counting).T
    values = [[None if np.isnan(v) else int(v) for v in row] for row in table.to_numpy(float)]
    return {"rows": [str(name) for name in table.index], "columns": list(table.columns), "values": values}


def depth_message(profile: DepthProfile | None) -> str:
    """What to say where the layers would be compared."""
    return "" if profile else "Press Run to dissect all of these layers, and the same ones with random weights."


def rotation_lines(rotation: BasisRotation | None, counting: str) -> tuple[list[dict[str, Any]], str]:
    """Lines over α, and a title."""
    if rotation is None:
        return [], ""
    table = rotation.to_frame(counting)
    lines = [
        {
            "name": name,
            "x": table.alpha.tolist(),
            "y": table[column].tolist(),
            "low": table[f"{column}_min"].tolist(),
            "high": table[f"{column}_max"].tolist(),
        }
        for name, column in (("unique detectors", "unique"), ("detectors", "detectors"))
    ]
    return lines, f"{rotation.layer}: {rotation.units} units, {rotation.n:,} images"


def rotation_message(rotation: BasisRotation | None) -> str:
    """What to say where the lines would be."""
    return "" if rotation else "Press Run to turn the basis of this layer's units, and to count what is still detected."


def asking_state(status: str, progress: float, n: int) -> tuple[str, float, int, int]:
    """Status, progress, and images done and in all of a run bar."""
    return status, progress, round(progress * n) if status == "running" else n if status == "done" else 0, n


def offered_sheet(pictures: np.ndarray) -> dict[str, dict]:
    """The images that can be explained."""
    return {"images": sheets.sheet(list(pictures), COLUMNS, tile_size(*pictures.shape[1:3], TILE))}


def explanation_sheet(explanation: Explanation | None) -> tuple[dict[str, dict], list[str], str]:
    """The image, and where each top unit is active in it; their captions, and a title."""
    if explanation is None:
        return {}, [], ""
    share = np.where(explanation.masks, 1.0, 0.25)[..., None]  # (top height width 1)
    pictures = [explanation.image, *(explanation.image * share).astype(np.uint8)]
    tile = tile_size(*explanation.image.shape[:2], LARGE)
    captions = [explanation.name]
    captions += [
        _named(int(unit), concept) for unit, concept in zip(explanation.units, explanation.concepts, strict=True)
    ]
    title = f"{explanation.name}: {explanation.probability:.0%}, logit {explanation.logit:.2f}"
    return {"units": sheets.sheet(pictures, 4, tile)}, captions, title


def explanation_table(explanation: Explanation | None) -> dict[str, Any]:
    """Arguments of `Matrix.fill`: the sum, its parts one below the other."""
    if explanation is None:
        return {"rows": [], "columns": [], "values": []}
    named = zip(explanation.units, explanation.concepts, strict=True)
    rows = [*(_named(int(unit), concept) for unit, concept in named), "all other units", "bias", "sum: the logit"]
    values = [*explanation.contributions, explanation.rest, explanation.bias, explanation.logit]
    return {"rows": rows, "columns": [explanation.name], "values": [[float(value)] for value in values]}


def explanation_message(image: int | None, dissection: Dissection | None, layers: Sequence[str]) -> str:
    """What to say where the sum would be."""
    if not layers:
        return (
            "No prediction of this network is a sum over units: no layer is followed by an average and a linear layer."
        )
    if dissection is None or not any(name in layers for name in dissection.layers):
        return f"Choose the layer {layers[-1]} and press Run: a logit is a sum over its units."
    return "Choose an image." if image is None else ""


def code(classifier: str, result: Dissection | None, layer: str) -> str:
    """Python that repeats the dissection."""
    if result is None:
        return ""
    options = {name: result.options[name] for name in ("n", "seed", "rule", "top_fraction")}
    if result.rule == "iqr":
        options.pop("top_fraction")
    named = ", ".join(f"{name}={value!r}" for name, value in options.items())
    lines = ["import ganwidgets as gw", "", f"# C is your network {classifier!r}, data your labelled images"]
    lines += [f"# shown are the first {result.n:,} of these images"] * (not result.complete)
    return "\n".join([*lines, f"d = gw.dissect.run(C, data, layer={layer!r}, {named})", "gw.dissect.detectors(d)"])


def counting_note(result: Dissection | None, layer: str) -> str:
    """Detectors and unique detectors of the layer, counted in both ways."""
    if result is None or layer not in result.layers:
        return ""
    table = detectors(result, layer)
    table = table[table.category == ALL]
    told = [f"{row.detectors} detectors, {row.unique} unique ({row.counting})" for row in table.itertuples()]
    chance = table.by_chance.iloc[0]
    by_chance = f"; by chance {chance:.1f} detectors" if np.isfinite(chance) else ""
    return "; ".join(told) + by_chance + "."


def _named(unit: int, concept: str) -> str:
    return f"unit {unit}: {concept}" if concept else f"unit {unit}"
