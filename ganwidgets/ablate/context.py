"""Where can a concept be inserted? Doors go on walls, not in the sky: the generator overrules what does not fit.

`insertion_context` sets units in one cell of the layer at a time, in every cell of every image, counts what a concept
gains in the whole image, and groups the gain by what stood at the cell's centre before. `InsertionContext.answer` is
the sentence to show when somebody painted and nothing happened.

Source: GAN Dissection (ICLR 2019), section 4.3, and Bau et al., "Understanding the role of individual units in a deep
neural network", PNAS 2020: 20 door units set to their 0.995 quantile at each place of an 8 × 8 layer, mean change of
door pixels by the label at the centre of the place. Intervals, random units and the other concepts' gains are ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.ablate import counts
from ganwidgets.ablate.cells import Target, centre_pixels, edit_cells
from ganwidgets.ablate.counts import (
    Progress,
    checked_latents,
    concept_pixels,
    finish,
    nothing,
    random_sets,
    ratio_interval,
    resampled,
)
from ganwidgets.ablate.effect import checked_ablation
from ganwidgets.ablate.insertion import Value, values_of
from ganwidgets.models import Generator, State
from ganwidgets.models.layers import did_you_mean
from ganwidgets.results.effects import chance_columns
from ganwidgets.segment import Segmenter, validate_segmentation

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "nothing named"
SUREST = "by the lower end of the intervals"


@dataclass(frozen=True, eq=False)
class InsertionContext:
    """What an insertion in one cell brings, by what stood there before.

    Attributes:
        layer, units: what was set.
        concept: which was to appear.
        n: number of images; every cell of each was tried.
        concepts: names of the columns of `gains`.
        stood: what stood at the centre of a cell, one row each: the names in `concepts`, and "nothing named". A cell
            with an object and a part at its centre counts under both.
        cells: number of cells, by row; 0 where nothing of the kind was met.
        images: number of images they are in.
        gains: mean pixels every concept gains in the whole image per inserted cell (stood concept); NaN without cells.
        interval: 95 % bootstrap interval over images of what `concept` gains; NaN with fewer than two images.
        chance: what `concept` gains when random units are set instead, (set stood).
        by_cell: mean gain of `concept` for each cell of the layer.
    """

    layer: str
    units: tuple[int, ...]
    concept: str
    n: int
    concepts: tuple[str, ...]
    stood: tuple[str, ...]
    cells: Integer[np.ndarray, " stood"]
    images: Integer[np.ndarray, " stood"]
    gains: Float[np.ndarray, "stood concept"]
    interval: Float[np.ndarray, "stood 2"]
    chance: Float[np.ndarray, "set stood"]
    by_cell: Float[np.ndarray, "height width"]

    @property
    def n_random_sets(self) -> int:
        """Number of random sets in `chance`."""
        return len(self.chance)

    @property
    def gain(self) -> Float[np.ndarray, " stood"]:
        """Mean pixels of `concept` gained per inserted cell, by what stood there."""
        return self.gains[:, self.concepts.index(self.concept)]

    @property
    def best(self) -> str | None:
        """Where the units bring the concept most surely: what stood where the lower end of the interval is highest.

        A few cells of two images may have the highest mean by chance; their interval reaches far down. None where
        nothing was met in two images.
        """
        sure = np.where(np.isfinite(self.interval[:, 0]), self.interval[:, 0], -np.inf)
        return self.stood[int(sure.argmax())] if np.isfinite(sure).any() else None

    def to_frame(self) -> "pd.DataFrame":
        """A row for everything that was met, where most is gained first; `chance_…` are of random units.

        `cells` and `images` are those with the thing at a centre, `n` all images.
        """
        import pandas as pd

        met = self.cells > 0
        frame = pd.DataFrame(
            {
                "stood": self.stood,
                "cells": self.cells,
                "images": self.images,
                "gain": self.gain,
                "gain_low": self.interval[:, 0],
                "gain_high": self.interval[:, 1],
                **chance_columns("chance", self.chance),
                "n": self.n,
                "n_random_sets": self.n_random_sets,
            }
        )
        return frame[met].sort_values("gain", ascending=False, kind="stable", ignore_index=True)

    def answer(self, stood: str) -> str:
        """What inserting at such a place does, and where it does most for sure (`best`), in one sentence.

        Raises:
            ValueError: not one of the names in `stood`.
        """
        if stood not in self.stood:
            near = did_you_mean(str(stood), self.stood)
            raise ValueError(f"`stood` must be one of {list(self.stood)}, got {stood!r}.{near}")
        row = self.stood.index(stood)
        if not self.cells[row]:
            return f"No cell of {self.n} images had {stood} at its centre, so nothing is known about inserting there."
        told = f"Set on {stood}, these units bring {self._amount(row)}"
        if self.best is None:
            return f"{told}; one image says nothing of others, so where they bring most is not known."
        best = self.stood.index(self.best)
        if self.interval[best, 0] <= 0:
            return f"{told}; no interval lies above 0, so there is no place where they bring any for sure."
        if best == row:
            return f"{told}: {SUREST}, this is where they bring most."
        return f"{told}; {SUREST}, they bring most on {self.best}: {self._amount(best)}."

    def _amount(self, row: int) -> str:
        low, high, gain = (round(float(x), 1) + 0.0 for x in (*self.interval[row], self.gain[row]))  # no -0.0
        sure = f"95 % interval {low:.1f} to {high:.1f}, " if np.isfinite(low) else ""
        cells = f"{self.cells[row]:,} cell{'s' if self.cells[row] > 1 else ''}"
        images = f"{self.images[row]:,} image{'s' if self.images[row] > 1 else ''}"
        return f"{gain:.1f} {self.concept} pixels per cell on average ({sure}{cells} in {images})"


def insertion_context(
    network: Generator,
    layer: str,
    units: Iterable[int],
    value: Value,
    concept: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    n_random_sets: int = 3,
    seed: int = 0,
    progress: Progress = nothing,
) -> InsertionContext:
    """Set units in every cell of every image, one cell at a time, and group what is gained by what stood there.

    Costs one pass above the layer per cell, image and unit set: 64 cells of 50 images and 3 random sets are 12,800.

    Args:
        network, units, value, segmenter, z: as in `insertion_effect`; `value` may not be maps.
        layer: one whose units are maps.
        concept: which is to appear.
        n_random_sets, seed, progress: as there.

    Raises:
        TypeError, ValueError: as `insertion_effect`; no such concept, or a layer without maps.
    """
    target, chosen = Target(network, layer, concept, segmenter), checked_ablation(network, layer, units, 1.0, "zero")
    value_of, total, cells = values_of(chosen.units, value, target.units), len(checked_latents(z)), _n_cells(target)
    sets = [chosen.units, *random_sets(len(chosen.units), target.units, n_random_sets, seed)]
    settings = [_setting(target.units, one, value_of(one)) for one in sets]
    rows, names = len(segmenter.concepts) + 1, len(segmenter.concepts)
    met = np.zeros((total, rows))  # how many cells of each image had this at their centre
    gained = np.zeros((len(sets), total, rows))  # pixels of the concept gained in these
    all_gains, by_cell = np.zeros((rows, names)), np.zeros(cells)
    for start in range(0, total, counts.BATCH):
        state = network.below(z[start : start + counts.BATCH], layer)
        here, images = slice(start, start + len(state.acts)), network.above(state)
        before, stood = concept_pixels(images, segmenter), _stood(target, images)
        for cell in range(cells):
            met[here] += stood[:, cell]
            for number, setting in enumerate(settings):
                gain = _gain(target, state, cell, setting, before)
                gained[number, here] += stood[:, cell] * gain[:, target.number, None]
                if number == 0:
                    all_gains += stood[:, cell].T @ gain
                    by_cell[cell] += gain[:, target.number].sum()
                progress((start + len(gain) * (cell + (number + 1) / len(sets)) / cells) / total)
    mean, weights = _per_cell(all_gains, met.sum(0)[:, None]), resampled(total, seed)
    return InsertionContext(
        layer=layer,
        units=chosen.units,
        concept=concept,
        n=total,
        concepts=tuple(segmenter.concepts),
        stood=(*segmenter.concepts, NOTHING),
        cells=met.sum(0).astype(np.int64),
        images=(met > 0).sum(0),
        gains=mean,
        interval=ratio_interval(gained[0], met, weights),
        chance=_per_cell(gained[1:].sum(1), met.sum(0)),
        by_cell=by_cell.reshape(target.size) / total,
    )


def _n_cells(target: Target) -> int:
    return target.size[0] * target.size[1]


def _setting(total: int, units: tuple[int, ...], value: float | Tensor) -> tuple[Tensor, Tensor]:
    """Strength and value of every unit of the layer, for `edit_cells`."""
    if isinstance(value, Tensor) and value.ndim > 1:
        raise ValueError(f"`value` must be a number or one number a unit, got maps of shape {tuple(value.shape)}")
    strength, values = torch.zeros(total), torch.zeros(total)
    strength[list(units)], values[list(units)] = 1.0, torch.as_tensor(value).float()
    return strength, values


def _stood(target: Target, images: Tensor) -> Float[np.ndarray, "image cell stood"]:
    """1 for what is at the centre of each cell, in any slot; the last column is for centres without a name."""
    seg = validate_segmentation(target.segmenter(images), images, target.segmenter)
    centres = centre_pixels(tuple(images.shape[2:]), target.size).to(seg.device)
    numbers = seg.flatten(2)[:, :, centres].long()  # (image slot cell)
    names = len(target.segmenter.concepts)
    there = torch.nn.functional.one_hot(numbers, names + 1).amax(1)[..., 1:]  # (image cell concept)
    return torch.cat([there, (there.amax(2, keepdim=True) == 0).long()], 2).double().cpu().numpy()


def _gain(
    target: Target, state: State, cell: int, setting: tuple[Tensor, Tensor], before: Tensor
) -> Float[np.ndarray, "image concept"]:
    """Pixels every concept gains in each image when units are set in one cell."""
    place = torch.full((len(before),), cell, device=state.acts.device)
    images = finish(target.network, state, edit_cells(state.acts, place, *setting))
    return (concept_pixels(images, target.segmenter) - before).double().cpu().numpy()


def _per_cell(gained: np.ndarray, cells: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(cells > 0, gained / cells, np.nan)
