"""Pairs of places on which α is judged: one with a concept, to ablate units in; one that could have it, to insert them.

`find_pairs` finds them, `pair_scores` is the score of the concept left in the one and made in the other, whose
difference is the average causal effect at single cells, and `loss_gradient` its derivative in α.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ganwidgets.ablate.cells import Target, edit_cells, presence, read_cells
from ganwidgets.ablate.counts import Progress, finish, nothing, unclamped
from ganwidgets.ablate.places import Places, find_candidates, find_present
from ganwidgets.models.edits import as_numbers
from ganwidgets.segment import Segmenter

AT_ONCE = 10  # pairs in one forward and backward pass


@dataclass(frozen=True, eq=False)
class Pairs:
    """What α is judged on: places that show a concept, as many that could, and what units are set to in those."""

    target: Target
    present: Places
    candidates: Places
    value: Float[Tensor, " unit"]

    def __len__(self) -> int:
        return len(self.present)

    def chunks(self, present: Tensor, candidates: Tensor) -> Iterator["Pairs"]:
        """A few at a time, of these present and these candidate places."""
        for one, other in zip(present.split(AT_ONCE), candidates.split(AT_ONCE), strict=True):
            yield Pairs(self.target, self.present[one], self.candidates[other], self.value)


def find_pairs(
    target: Target,
    value: Any,
    n_search: int,
    n_train: int,
    n_eval: int,
    *,
    seed: int = 10,
    progress: Progress = nothing,
) -> tuple[Pairs, Pairs]:
    """Pairs to learn from and pairs held out: the first and the last of both; fewer, in proportion, if some lack.

    Raises:
        ValueError: too few images show the concept or gain it, or `value` is not one finite number a unit.
    """
    z, others = (target.network.sample_z(n_search, seed=s) for s in (seed, seed + 1))
    asked = n_train + n_eval
    present, mean = find_present(target, z, asked, lambda done: progress(done / 6))
    value = mean if value is None else checked_value(value, len(mean))
    popularity = torch.bincount(present.cell[:n_train], minlength=target.size[0] * target.size[1])
    candidates = find_candidates(
        target, others, value, popularity, asked, progress=lambda done: progress((1 + 5 * done) / 6)
    )
    count = min(len(present), len(candidates))
    if count < 2:
        raise ValueError(
            f"`n_search` must be larger: {len(present)} images show {target.concept!r}, in {len(candidates)} others "
            "setting all units to `value` made some of it appear, and at least 2 of each are needed"
        )
    if count < asked:
        n_eval = max(1, count * n_eval // asked)
        n_train = count - n_eval
    first, last = slice(0, n_train), slice(n_train, count)
    return (
        Pairs(target, present[first], candidates[first], value),
        Pairs(target, present[last], candidates[last], value),
    )


def checked_value(value: Any, units: int) -> Float[Tensor, " unit"]:
    """What every unit is set to.

    Raises:
        TypeError: no numbers.
        ValueError: not one finite number a unit.
    """
    given = as_numbers("value", value, "one number for each unit").detach().float().cpu()
    if given.shape != (units,):
        raise ValueError(f"`value` must hold {units} numbers, one for each unit, got shape {tuple(given.shape)}")
    if not given.isfinite().all():
        raise ValueError("`value` must be finite, got NaN or infinity")
    return given


def pair_scores(
    pairs: Pairs, alpha: Float[Tensor, " unit"], *, read_at: Int[Tensor, " pair"] | None = None, hard: bool = False
) -> tuple[Float[Tensor, " pair"], Float[Tensor, " pair"]]:
    """Score of the concept left in each present cell after ablation, and made in each candidate cell by insertion.

    Both are means of the segmenter's score over the cell, of images that are not clamped (beyond [−1, 1] a clamped
    image has no gradient). The average causal effect is the mean of the second minus the mean of the first.

    Args:
        pairs: a present and a candidate place each.
        alpha: strength of each unit.
        read_at: the cell at which an insertion is read; None is where it happened.
        hard: read the segmentation (0 or 1 a pixel) in place of the score.
    """
    read = pairs.candidates.cell if read_at is None else read_at
    left = _score(pairs, pairs.present, alpha, None, pairs.present.cell, hard)
    made = _score(pairs, pairs.candidates, alpha, pairs.value, read, hard)
    return left, made


def _score(pairs: Pairs, places: Places, alpha: Tensor, value: Tensor | None, read: Tensor, hard: bool) -> Tensor:
    target, network = pairs.target, pairs.target.network
    state = network.below(places.z, target.layer)
    acts = edit_cells(state.acts, places.cell.to(state.acts.device), alpha, value)
    if hard:
        there = presence(finish(network, state, acts), target)
    else:
        there = scores(target.segmenter, unclamped(network, state, acts))[:, target.number]
    return read_cells(there, read.to(there.device), target.size)


def scores(segmenter: Segmenter, images: Tensor) -> Float[Tensor, "batch concept height width"]:
    """The segmenter's scores of all concepts, once they have the right shape."""
    given = segmenter.scores(images)
    expected = (len(images), len(segmenter.concepts))
    if tuple(given.shape[:2]) != expected or given.ndim != 4:
        raise ValueError(
            f"`segmenter.scores` must give (batch concept height width), here {expected} and a map, "
            f"got {tuple(given.shape)}"
        )
    return given


def loss_gradient(
    pairs: Pairs, alpha: Float[Tensor, " unit"], *, read_at: Int[Tensor, " pair"] | None = None
) -> Float[Tensor, " unit"]:
    """Gradient of Σ (score left − score made) with respect to α, without the penalty."""
    with torch.enable_grad():
        alpha = alpha.detach().requires_grad_()
        left, made = pair_scores(pairs, alpha, read_at=read_at)
        loss = (left - made).sum()
        if not loss.requires_grad:
            raise ValueError(
                "`segmenter.scores` must be differentiable in the images, but those of "
                f"{pairs.target.segmenter.name!r} carry no gradient; remove torch.no_grad from it"
            )
        return torch.autograd.grad(loss, alpha)[0]


@torch.no_grad()
def held_out_effects(pairs: Pairs, alpha: Float[Tensor, " unit"]) -> Float[np.ndarray, " pair"]:
    """Score made minus score left, of each pair."""
    everyone = torch.arange(len(pairs))
    found = [pair_scores(chunk, alpha.detach()) for chunk in pairs.chunks(everyone, everyone)]
    return np.concatenate([(made - left).double().cpu().numpy() for left, made in found])
