"""Where a concept is, and where it could be: the two sets of images from which α is learnt.

`find_present` looks for the images and cells that show most of a concept, `find_candidates` for those without it where
setting every unit to the insertion value makes most of it appear; where it makes none appear, it could not be.

Source: `compute_present_locations` and `compute_candidate_locations` of CSAILVision/gandissect,
netdissect/aceoptimize.py: the same search, with three differences. Of equally good images the earlier is taken (their
sort is not stable). No image is taken for want of better: none without the concept among the present ones, and among
the candidates no cell that shows the concept, was not tried, or gained nothing. And a gain is against the image as it
is: their search leaves the last edit of a batch standing, so that from the second batch on it compares with an edited
image.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ganwidgets.ablate.cells import Target, each_presence, edit_cells, presence
from ganwidgets.ablate.counts import Progress, concept_pixels, finish, nothing
from ganwidgets.models.devices import precise

TRIED_AT_ONCE = 10  # images that share the cells tried in them
TRIED_CELLS = 5


@dataclass(frozen=True, eq=False)
class Places:
    """One cell in each of some images.

    Attributes:
        z: latents.
        cell: number of the cell, row by row.
        index: number of the image in the sample that was searched.
        score: share of the cell that shows the concept; of candidates, pixels gained when every unit is set there,
            more than 0.
    """

    z: Float[Tensor, "image *latent"]
    cell: Int[Tensor, " image"]
    index: Int[Tensor, " image"]
    score: Float[Tensor, " image"]

    def __len__(self) -> int:
        return len(self.cell)

    def __getitem__(self, which: slice | Tensor) -> "Places":
        return Places(self.z[which], self.cell[which], self.index[which], self.score[which])


def find_present(
    target: Target, z: Tensor, n: int, progress: Progress = nothing
) -> tuple[Places, Float[Tensor, " unit"]]:
    """The up to n images and cells that show most of the concept, in the images' order; and `mean_where_present`.

    Raises:
        ValueError: no image contains the concept.
    """
    total, weight = torch.zeros(target.units, dtype=torch.float64), 0.0
    cells, scores = [], []
    for seen, acts, there in each_presence(target, z):
        score, cell = there.flatten(1).max(1)
        cells.append(cell.cpu())
        scores.append(score.float().cpu())
        total += precise(acts * there[:, None]).sum((0, 2, 3)).cpu()
        weight += float(precise(there).sum())
        progress(seen / len(z))
    found = _best(z, torch.cat(cells), torch.cat(scores), n, above=0.0)
    if not len(found):
        raise ValueError(
            f"`concept` must occur in the images, but none of {len(z)} contains {target.concept!r}; search more"
        )
    return found, (total / weight).float()


@torch.no_grad()
def find_candidates(
    target: Target,
    z: Tensor,
    value: Float[Tensor, " unit"],
    popularity: Int[Tensor, " cell"],
    n: int,
    *,
    seed: int = 1,
    progress: Progress = nothing,
) -> Places:
    """The up to n images and cells without the concept that gain most of it when all units are set to `value` there.

    A cell in which nothing is gained, or something lost, is none: the concept could not be there. In every ten images
    the same five cells are tried, drawn by how often the concept was found in each.

    Args:
        target: which concept, in which layer.
        z: latents to search; others than those of the present images.
        value: what every unit of the layer is set to.
        popularity: how often each cell showed the concept.
        n: how many to keep.
        seed: of the cells that are tried.
        progress: called with the share that is done.
    """
    network, segmenter, number = target.network, target.segmenter, target.number
    chances = popularity.double().numpy() + float(popularity.double().mean()) / 10
    random, all_units = np.random.RandomState(seed), torch.ones(len(value))
    cells, scores = [], []
    for start in range(0, len(z), TRIED_AT_ONCE):
        state = network.below(z[start : start + TRIED_AT_ONCE], target.layer)
        images = network.above(state)
        before = concept_pixels(images, segmenter)[:, number]
        gain = torch.full((len(before), len(popularity)), -torch.inf, device=before.device)
        tried = min(TRIED_CELLS, int((chances > 0).sum()))
        for cell in random.choice(len(popularity), tried, replace=False, p=chances / chances.sum()).tolist():
            everywhere = torch.full((len(before),), cell, device=state.acts.device)
            changed = finish(network, state, edit_cells(state.acts, everywhere, all_units, value))
            gain[:, cell] = (concept_pixels(changed, segmenter)[:, number] - before).float()
        gain[presence(images, target).flatten(1) > 0] = -torch.inf
        score, cell = gain.max(1)
        cells.append(cell.cpu())
        scores.append(score.cpu())
        progress(min(start + TRIED_AT_ONCE, len(z)) / len(z))
    return _best(z, torch.cat(cells), torch.cat(scores), n, above=0.0)


def _best(z: Tensor, cell: Tensor, score: Tensor, n: int, above: float) -> Places:
    """The n images with the highest scores above a limit, in their own order."""
    best = score.argsort(descending=True, stable=True)[: min(n, int((score > above).sum()))].sort().values
    return Places(z[best.to(z.device)], cell[best], best, score[best])
