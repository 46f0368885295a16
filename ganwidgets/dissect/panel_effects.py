"""What an ablation looks like: pictures before and after, and what each concept gains or loses."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganwidgets.ablate.controller import Shown
from ganwidgets.ablate.effect import EffectResult
from ganwidgets.dissect.panel_views import LARGE_TILE, tile_size
from ganwidgets.ui import sheets

COLUMNS = 4  # of the pictures
MOST_BARS = 14

# Anchors of viridis, dark to bright; enough for a smooth scale without matplotlib.
_VIRIDIS = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]], float)


def losses_message(segmenter: Any | None, units: Sequence[int]) -> str:
    """What to say where the bars of gains and losses would be."""
    if not units:
        return "Select units in the grid (click, shift-click, drag) to see what the pictures lose without them."
    return "Counting…" if segmenter is not None else "A segmenter is needed to count: panel(network, segmenter=...)."


def pictures(before: np.ndarray | None, after: np.ndarray | None, shown: Shown | None) -> tuple[dict[str, dict], str]:
    """Sheets of the same pictures before, after, and of what changed; and their title. Empty while there are none.

    Without units there is nothing to compare: one sheet.
    """
    if before is None or after is None or shown is None:
        return {}, ""
    units = shown.ablation.units
    named = ", ".join(map(str, units[:4])) + (", …" if len(units) > 4 else "")
    title = f"Without unit{'s' if len(units) > 1 else ''} {named}" if units else f"{len(before)} generated pictures"
    tile = tile_size(*before.shape[1:3], LARGE_TILE)
    images = {"before": before} | ({"after": after, "difference": difference(before, after)} if units else {})
    made = {name: sheets.sheet(those, COLUMNS, tile) for name, those in images.items()}
    if units:
        made["difference"]["scale"] = ["no change", "255, full range"]
    return made, title


def difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How much each pixel changed (its most changed channel), dark to bright: uint8 (image height width rgb)."""
    change = np.abs(before.astype(np.int16) - after).max(3)  # (image height width)
    scale = np.linspace(0, 255, len(_VIRIDIS))
    table = np.stack([np.interp(np.arange(256), scale, channel) for channel in _VIRIDIS.T], 1)
    return table.round().astype(np.uint8)[change]


def effect_bars(effect: EffectResult | None) -> list[dict[str, Any]]:
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
