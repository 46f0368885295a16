"""One cell of a layer at a time: where a concept is on the layer's grid, edits of single cells, and scores read there.

A cell is one place of a layer's map, an 8 × 8 layer has 64, numbered row by row. The published optimisation, its
evaluation and the question where a concept can be inserted all edit one cell and look at what happens there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.ablate import counts
from ganwidgets.ablate.counts import Progress, concept_number, concept_pixels, finish, nothing
from ganwidgets.models import Generator
from ganwidgets.segment import Segmenter, validate_segmentation


@dataclass(frozen=True, eq=False)
class Target:
    """A concept, as a segmenter sees it, on the grid of one layer of a network.

    Attributes:
        network: the generator.
        layer: one whose units are maps.
        concept: name.
        segmenter: names the pixels.
        number: place of the concept among the segmenter's.
        size: (height, width) of the layer's maps.
        units: number of the layer's units.

    Raises:
        ValueError: no such layer or concept, or a layer without maps.
    """

    network: Generator
    layer: str
    concept: str
    segmenter: Segmenter
    number: int = field(init=False)
    size: tuple[int, int] = field(init=False)
    units: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", map_size(self.network, self.layer))
        object.__setattr__(self, "number", concept_number(self.segmenter.concepts, self.concept))
        object.__setattr__(self, "units", self.network.layers[self.layer].units)


def map_size(network: Generator, layer: str) -> tuple[int, int]:
    """(height, width) of a layer's maps.

    Raises:
        ValueError: no such layer, or one whose output is no map.
    """
    info = network.layer_info(layer)
    if not info.is_map:
        raise ValueError(
            f"`layer` must be one whose units are maps (unit, height, width), {layer!r} gives {info.shape}; "
            f"choose one of {list(network.map_layers)}"
        )
    return info.resolution


def edit_cells(
    acts: Float[Tensor, "batch unit height width"],
    cell: Int[Tensor, " batch"],
    strength: Float[Tensor, " unit"],
    value: Float[Tensor, " unit"] | None = None,
) -> Float[Tensor, "batch unit height width"]:
    """y = x·(1 − a) + value·a in one cell of each image, a = strength; x elsewhere. Without a value, to zero."""
    here = F.one_hot(cell, acts[0, 0].numel()).to(acts)[:, None]  # (batch 1 cell)
    share = strength.to(acts)[:, None] * here
    changed = acts.flatten(2) * (1 - share)
    if value is not None:
        changed = changed + value.to(acts)[:, None] * share
    return changed.view_as(acts)


def read_cells(
    scores: Float[Tensor, "batch height width"], cell: Int[Tensor, " batch"], size: tuple[int, int]
) -> Float[Tensor, " batch"]:
    """Mean score inside one cell of each image, on a grid of that size."""
    pooled = F.adaptive_avg_pool2d(scores[:, None], size).flatten(1)
    return pooled.gather(1, cell[:, None])[:, 0]


def presence(
    images: Float[Tensor, "batch rgb height width"], target: Target
) -> Float[Tensor, "batch cell_row cell_column"]:
    """Share of each cell that the concept covers."""
    seg = validate_segmentation(target.segmenter(images), images, target.segmenter)
    there = (seg == target.number + 1).any(1).to(images.dtype)
    return F.adaptive_avg_pool2d(there[:, None], target.size)[:, 0]


@torch.no_grad()
def each_presence(target: Target, z: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """For each batch: images seen so far, activations, and presence of the concept in every cell."""
    for start in range(0, len(z), counts.BATCH):
        state = target.network.below(z[start : start + counts.BATCH], target.layer)
        images = target.network.above(state)
        yield start + len(state.acts), state.acts, presence(images, target)


def cell_of_pixel(image_size: tuple[int, int], size: tuple[int, int]) -> Int[Tensor, "height width"]:
    """Number of the cell in which the middle of each pixel lies."""
    rows, columns = ((torch.arange(n) * 2 + 1) * m // (2 * n) for n, m in zip(image_size, size, strict=True))
    return rows[:, None] * size[1] + columns


def pixels_of_cells(
    cell: Int[Tensor, " batch"], image_size: tuple[int, int], size: tuple[int, int]
) -> Bool[Tensor, "batch height width"]:
    """Which pixels lie in one cell of each image."""
    return cell_of_pixel(image_size, size).to(cell.device) == cell[:, None, None]


def centre_pixels(image_size: tuple[int, int], size: tuple[int, int]) -> Int[Tensor, " cell"]:
    """Number of the pixel at the centre of each cell (the lower right of four, when it lies between them)."""
    rows, columns = (((torch.arange(m) * 2 + 1) * n) // (2 * m) for n, m in zip(image_size, size, strict=True))
    return (rows[:, None] * image_size[1] + columns).flatten()


def cell_counts(
    target: Target, z: Tensor, sets: Sequence[tuple[int, ...]], progress: Progress = nothing
) -> tuple[Integer[Tensor, "image concept"], Integer[Tensor, "set image concept"]]:
    """Pixels of every concept inside the cells that show the target, before and after ablation in that cell alone.

    Each such cell of each image is edited on its own, with each set of units; the counts of an image's cells add up.
    """
    network, segmenter = target.network, target.segmenter
    before = torch.zeros(len(z), len(segmenter.concepts), dtype=torch.int64)
    after = torch.zeros(len(sets), *before.shape, dtype=torch.int64)
    strengths = torch.zeros(len(sets), target.units)
    for row, chosen in zip(strengths, sets, strict=True):
        row[list(chosen)] = 1
    for start in range(0, len(z), counts.BATCH):
        pairs = _shown_cells(target, z[start : start + counts.BATCH])
        for chunk in pairs.split(counts.BATCH):
            image, cell = chunk.unbind(1)
            state = network.below(z[start:][image.to(z.device)], target.layer)
            inside = pixels_of_cells(cell, network.image_shape[1:], target.size)
            here = (image + start).cpu()
            before.index_add_(0, here, concept_pixels(network.above(state), segmenter, inside).cpu())
            for number, strength in enumerate(strengths):
                images = finish(network, state, edit_cells(state.acts, cell.to(state.acts.device), strength))
                after[number].index_add_(0, here, concept_pixels(images, segmenter, inside).cpu())
                progress(start / len(z))
        progress(min(start + counts.BATCH, len(z)) / len(z))
    return before, after


def _shown_cells(target: Target, z: Tensor) -> Integer[Tensor, "pair 2"]:
    """(image, cell) of every cell with a pixel of the target's concept."""
    images = target.network.images(z)
    seg = validate_segmentation(target.segmenter(images), images, target.segmenter)
    there = (seg == target.number + 1).any(1).flatten(1)
    cell = cell_of_pixel(tuple(images.shape[2:]), target.size).flatten().to(there.device)
    shown = torch.zeros(len(z), target.size[0] * target.size[1], dtype=torch.int64, device=there.device)
    return shown.index_add_(1, cell, there.long()).nonzero()
