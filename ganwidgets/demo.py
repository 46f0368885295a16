"""The page that `ganwidgets demo` writes: the whole panel, with a selection whose ablation is worth a look."""

from pathlib import Path

import numpy as np

from ganwidgets.dissect.panel import panel
from ganwidgets.models import load
from ganwidgets.results.dissection import Dissection

LAYER = "layer5"
SELECTED = 4  # units


def write_page(dissection: Dissection, out: Path) -> Path:
    """Write the panel of a dissection of the bundled generator, its best units selected, as a page of its own.

    Args:
        dissection: of `LAYER` of "scenes".
        out: the page; an existing file is replaced in one step.
    """
    view = panel(load("scenes"), result=dissection)
    try:
        view.units = telling_units(dissection)
        view.wait()
        return view.to_html(out, title="ganwidgets: a generator dissected")
    finally:
        view.close()


def telling_units(dissection: Dissection) -> list[int]:
    """The best units of the concept whose best units lie furthest above chance, taken together."""
    layer = dissection.layer(LAYER)
    excess = np.where(layer.labelled & layer.above_chance, layer.label_iou - layer.iou_chance, 0.0)
    best = {
        concept: sorted(np.flatnonzero((layer.concept == concept) & (excess > 0)), key=lambda u: -excess[u])[:SELECTED]
        for concept in range(len(dissection.concepts))
    }
    return [int(unit) for unit in max(best.values(), key=lambda units: excess[units].sum())]
