"""What the first images say about a layer: where the tail of every unit begins, and what it may stand for.

`calibrate` sets bins and a provisional threshold for the rule "top_fraction", `at_levels` takes the thresholds that the
search of the rule "iqr" found, and `first_look` says what is active at them: which concepts are likely, and how coarse
a lattice will do for the derangements.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.dissect.iou import intersection_over_union
from ganwidgets.dissect.options import Options
from ganwidgets.nn.histograms import Edges, JointHistogram
from ganwidgets.nn.images import pixels_above, resize_matrix

CALIBRATION = 64
"""Images that set bins and provisional thresholds."""

TAIL = 3.0
"""The tail begins where this many times the wanted share of pixels lies above."""

ENOUGH = 10
"""Active pixels of a unit in an image that are enough for a derangement; where there are more, some are left out."""

FINE = 256
"""Bins that are enough to read counts from. With fewer, a bin may hold a large part of what is above a threshold."""

MOST_PIXELS = 2**24
"""Pixels, of units and images, that are looked at together, so that memory is bounded."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the first images say about a layer's units.

    Attributes:
        edges: of the bins of the tail.
        provisional: threshold, one a unit.
        concept: of each unit, where it was chosen beforehand.
        spacing: derangements are counted on every so many rows and columns.
    """

    edges: Edges
    provisional: Float[Tensor, " unit"]
    concept: Integer[Tensor, " unit"] | None = None
    spacing: int = 1

    def same_as(self, other: "Calibration") -> bool:
        """Whether counts under this and the other may be added."""
        mine, others = ([c.provisional.cpu()] + ([] if c.concept is None else [c.concept.cpu()]) for c in (self, other))
        return (
            (self.spacing, len(mine)) == (other.spacing, len(others))
            and self.edges.same_as(other.edges)
            and all(torch.equal(a, b) for a, b in zip(mine, others, strict=True))
        )


def tail_levels(
    acts: Float[Tensor, "batch unit height width"], fractions: tuple[float, ...], grid: tuple[int, int], padding: str
) -> list[Float[Tensor, " unit"]]:
    """Levels above which these shares of the upsampled pixels lie, on every second row and column."""
    units, levels = acts.shape[1], []
    rows, columns = (
        resize_matrix(old, new, padding)[::2].to(acts) for old, new in zip(acts.shape[2:], grid, strict=True)
    )
    at_once = max(1, 2**23 // (len(acts) * len(rows) * len(columns)))
    for first in range(0, units, at_once):
        values = (rows @ acts[:, first : first + at_once] @ columns.T).transpose(0, 1).flatten(1).cpu().numpy()
        places = [min(values.shape[1] - 1, int(values.shape[1] * (1 - f))) for f in fractions]
        levels.append(torch.from_numpy(np.partition(values, places, axis=1)[:, places]))
    return list(torch.cat(levels).to(acts.device).unbind(1))


def place_levels(
    acts: Float[Tensor, "batch unit height width"], fractions: tuple[float, ...]
) -> list[Float[Tensor, " unit"]]:
    """Levels above which these shares of the maps' own places lie."""
    values = acts.transpose(0, 1).flatten(1).cpu().numpy()
    places = [min(values.shape[1] - 1, int(values.shape[1] * (1 - f))) for f in fractions]
    return list(torch.from_numpy(np.partition(values, places, axis=1)[:, places]).to(acts.device).unbind(1))


def calibrate(
    acts: Float[Tensor, "batch unit height width"], grid: tuple[int, int], options: Options, n_labels: int
) -> Calibration:
    """Edges and provisional thresholds for a rule with a `top_fraction`, from the activations of the first images.

    Where a unit's highest value fills more than its share of the pixels, all of them will be above its threshold
    (`JointHistogram.place_of`): the provisional one is then the lower edge of the bin that holds this value.
    """
    share = options.top_fraction
    shares = (min(0.9, TAIL * share), share, share / 20)
    low, middle, high = tail_levels(acts, shares, grid, options.padding)
    if options.rule == "netdissect":  # its thresholds are those of the maps as they are, but pixels are counted, too
        lowest, middle, highest = place_levels(acts, shares)
        low, high = torch.minimum(low, lowest), torch.maximum(high, highest)
    smallest = torch.maximum(low.abs() * 1e-6, torch.full_like(low, 1e-12))
    span = torch.maximum((high - low) * (1 + 1e-5), smallest)  # so that `high` lies within a bin, not on its lower edge
    edges = Edges(low, span, JointHistogram.bins_that_fit(acts.shape[1], n_labels))
    fine = place_edges(edges) if options.rule == "netdissect" else edges
    below = fine.value_at(fine.bin_of((high - low) / span).to(middle)).to(middle)
    return Calibration(edges, torch.minimum(middle, torch.maximum(below, low)))


def place_edges(edges: Edges) -> Edges:
    """Edges for the values of the maps as they are: those of the pixels, or finer ones where these are few.

    They carry no labels, so that memory allows thousands of bins.
    """
    if edges.n_bins >= FINE:
        return edges
    return replace(edges, n_bins=JointHistogram.bins_that_fit(len(edges.origin), 0, 8192))


def at_levels(level: Float[Tensor, " unit"], concept: Integer[Tensor, " unit"] | None = None) -> Calibration:
    """No calibration: thresholds that are already known, as the rule "iqr" has them after its search.

    Args:
        level: threshold of each unit.
        concept: of each unit, where it was chosen beforehand.
    """
    edges = Edges(level.float(), torch.ones_like(level, dtype=torch.float32), 1)
    return Calibration(edges, level.float(), concept)


def first_look(
    acts: Float[Tensor, "batch unit height width"],
    calibration: Calibration,
    seg: Integer[Tensor, "batch slot place"],
    concepts: Integer[Tensor, " concept"],
    grid: tuple[int, int],
    padding: str,
) -> tuple[Calibration, Float[Tensor, "unit concept"]]:
    """The calibration with a lattice for the derangements, and the IoU of every pair, on the first images.

    Args:
        acts: of the layer.
        calibration: with provisional thresholds.
        seg: concepts on the grid.
        concepts: pixels of each concept.
        grid: (height, width) of the comparison.
        padding: of the upsampling.
    """
    units, width = acts.shape[1], len(concepts) + 1
    area = torch.zeros(units, dtype=torch.int64, device=acts.device)
    joint = torch.zeros(units * width, dtype=torch.int64, device=acts.device)
    at_once = max(1, MOST_PIXELS // (units * seg.shape[2]))
    for first in range(0, len(acts), at_once):
        part = slice(first, first + at_once)
        found = pixels_above(acts[part], calibration.provisional, grid, padding)
        area += torch.bincount(found.unit, minlength=units)
        for slot in seg[part].unbind(1):
            label = slot[found.image, found.place].long()
            joint += torch.bincount(found.unit * width + label, minlength=units * width)
    iou = intersection_over_union(joint.view(units, width)[:, 1:].double(), area.double()[:, None], concepts.double())
    active = int(area.sum()) / (len(acts) * units)
    return replace(calibration, spacing=spacing_for(active, grid)), iou


def spacing_for(active: float, grid: tuple[int, int]) -> int:
    """How coarse the derangements' lattice may be: 1, 2 or 4, as long as enough active pixels remain.

    Args:
        active: mean number of active pixels of a unit in an image.
        grid: (height, width) of the comparison; the lattice keeps at least 8 rows and columns.
    """
    return max([1] + [s for s in (2, 4) if active >= ENOUGH * s**2 and min(grid) >= 8 * s])
