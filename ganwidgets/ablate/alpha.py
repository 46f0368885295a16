"""Which units make a concept, found by optimisation: a strength α in [0, 1] for every unit of a layer.

Agreement (IoU) says which units light up on a concept; α says which ones decide whether it is drawn. It maximises the
average causal effect at single cells: where the concept is, ablating with α should take it away; where it is not but
could be, inserting with α should bring it. A penalty on Σα² keeps out units that contribute nothing.

`optimise_alpha` does everything from latents to an `AlphaResult`; `pairs.pair_scores` is what it maximises.

Source: GAN Dissection (ICLR 2019), section 3.2, and netdissect/aceoptimize.py of
CSAILVision/gandissect. Where the two differ this file follows the code, for it made the published rankings, with one
exception: the code reads the score of an insertion at the cell of the *other* image of the pair (line 541, `ploc` for
`cloc`); here, as in the paper, it is read where the insertion happened. docs/ablate.md lists every difference.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.ablate.cells import Target
from ganwidgets.ablate.counts import Progress, checked_n_random_sets, mean_interval, nothing, resampled
from ganwidgets.ablate.pairs import Pairs, find_pairs, held_out_effects, loss_gradient
from ganwidgets.models import Generator
from ganwidgets.models.edits import as_numbers
from ganwidgets.models.latents import whole_number
from ganwidgets.segment import Segmenter

if TYPE_CHECKING:
    import pandas as pd

PAIRS_A_STEP = 20
RATE = 0.01  # of Adam
SEARCH, TRAINING = 0.4, 0.95  # share of the progress that is done after each


@dataclass(frozen=True, eq=False)
class AlphaResult:
    """How much each unit of a layer has to do with drawing a concept.

    Attributes:
        layer: of the units.
        concept: what they draw.
        alpha: strength of each unit, in [0, 1].
        value: what each unit is set to when inserted.
        start: α before the optimisation.
        ace: average causal effect of α at single cells of held-out images: mean score of the concept in a cell where
            it was inserted, minus mean score in a cell where it was ablated, in [−1, 1].
        interval: 95 % bootstrap interval of `ace` over held-out pairs; NaN of a single one.
        chance: `ace` of the same strengths given to random units, one number a draw.
        history: {"epoch", "ace", "penalty"} before the first epoch (0) and after each.
        n_search: images searched for cells that show the concept, and as many for cells that could.
        n_train, n_eval: pairs the optimisation saw, and held-out pairs.
        weight: of the penalty.
    """

    layer: str
    concept: str
    alpha: Float[np.ndarray, " unit"]
    value: Float[np.ndarray, " unit"]
    start: Float[np.ndarray, " unit"]
    ace: float
    interval: tuple[float, float]
    chance: Float[np.ndarray, " set"]
    history: tuple[dict[str, float | int], ...]
    n_search: int
    n_train: int
    n_eval: int
    weight: float

    @property
    def n_random_sets(self) -> int:
        """Number of random rearrangements in `chance`."""
        return len(self.chance)

    def units(self, k: int) -> tuple[int, ...]:
        """The k units with the largest α; of equal ones the first."""
        return tuple(np.argsort(-self.alpha, kind="stable")[:k].tolist())

    def to_frame(self) -> "pd.DataFrame":
        """A row per unit, largest α first; `n` images were searched for the `n_train` and `n_eval` pairs."""
        import pandas as pd

        columns = {"unit": np.arange(len(self.alpha)), "alpha": self.alpha, "start": self.start, "value": self.value}
        counts = {"n": self.n_search} | {name: getattr(self, name) for name in ("n_train", "n_eval", "n_random_sets")}
        frame = pd.DataFrame(columns | counts)
        return frame.sort_values("alpha", ascending=False, kind="stable", ignore_index=True)


def optimise_alpha(
    network: Generator,
    layer: str,
    concept: str,
    segmenter: Segmenter,
    *,
    n_search: int = 2000,
    n_train: int = 400,
    n_eval: int = 100,
    epochs: int = 10,
    weight: float | int = 0.005,
    start: Any = None,
    value: Any = None,
    n_random_sets: int = 20,
    seed: int = 10,
    progress: Progress = nothing,
) -> AlphaResult:
    """Find the strengths of a layer's units that best remove a concept where it is and add it where it is not.

    Adam, rate 0.01, one step for every 20 pairs, α clamped to [0, 1] after each; a last incomplete step is left out.
    The loss of a step is the sum over its pairs of (score left − score made) + 20 · weight · Σα².

    Args:
        network: the generator.
        layer: of the units.
        concept: name.
        segmenter: names the pixels, and has `scores(images)`, differentiable.
        n_search: images searched for present cells, and as many others for candidates (10,000 in the original).
        n_train: pairs for the optimisation (1,000 there). Rare concepts may give fewer.
        n_eval: held-out pairs (200 there).
        epochs: passes over the pairs.
        weight: of the penalty (λ), at least 0.
        start: α to begin with, one number a unit; the original uses IoU / largest IoU. None is 1/2 for every unit.
        value: what units are set to, one number a unit; None takes the mean where the concept is present.
        n_random_sets: random rearrangements of α whose effect is the chance level.
        seed: of the latents (seed and seed + 1, 10 and 11 there), the pairing and the rearrangements.
        progress: called with the share that is done, 0 to 1; what it raises stops the work.

    Raises:
        TypeError: the segmenter has no scores.
        ValueError: no such layer or concept, no image contains the concept or gains it, sizes out of range, a weight
            or value that is not finite.
    """
    target = checked_target(network, layer, concept, segmenter)
    for name, count in (("n_search", n_search), ("n_train", n_train), ("n_eval", n_eval), ("epochs", epochs)):
        whole_number(name, count, 1)
    if not 0 <= float(as_numbers("weight", weight, "a number of at least 0")) < float("inf"):
        raise ValueError(f"`weight` must be finite and at least 0, got {weight}")
    n_random_sets = checked_n_random_sets(n_random_sets)
    begin = checked_alpha("start", start, target.units)
    train, held_out = find_pairs(
        target, value, n_search, n_train, n_eval, seed=seed, progress=lambda done: progress(SEARCH * done)
    )
    alpha, history = train_alpha(
        train, held_out, begin, epochs, weight, seed, lambda done: progress(SEARCH + (TRAINING - SEARCH) * done)
    )
    effects, chance = held_out_effects(held_out, alpha), []
    random = np.random.RandomState(seed)
    for done in range(n_random_sets):
        progress(TRAINING + (1 - TRAINING) * done / n_random_sets)
        chance.append(float(held_out_effects(held_out, alpha[random.permutation(target.units)]).mean()))
    progress(1.0)
    low, high = mean_interval(effects, resampled(len(effects), seed)).tolist()
    return AlphaResult(
        layer=layer,
        concept=concept,
        alpha=alpha.numpy(),
        value=held_out.value.numpy(),
        start=begin.numpy(),
        ace=float(effects.mean()),
        interval=(low, high),
        chance=np.array(chance),
        history=tuple(history),
        n_search=n_search,
        n_train=len(train),
        n_eval=len(held_out),
        weight=float(weight),
    )


def checked_target(network: Generator, layer: str, concept: str, segmenter: Segmenter) -> Target:
    """What is to be optimised.

    Raises:
        TypeError: the segmenter has no scores.
        ValueError: no such layer or concept, or a layer without maps.
    """
    if not callable(getattr(segmenter, "scores", None)):
        raise TypeError(
            "`segmenter` must have scores(images), differentiable (batch concept height width), to optimise α; "
            f"{getattr(segmenter, 'name', segmenter)!r} has none. Rank units by IoU or by effect with it"
        )
    return Target(network, layer, concept, segmenter)


def checked_alpha(name: str, alpha: Any, units: int) -> Float[Tensor, " unit"]:
    """A strength for every unit; 1/2 each if none is given.

    Raises:
        ValueError: not one number in [0, 1] a unit.
    """
    if alpha is None:
        return torch.full((units,), 0.5)
    given = as_numbers(name, alpha, f"{units} numbers in [0, 1]").detach().float().cpu().clone()
    if given.shape != (units,) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"`{name}` must hold {units} numbers in [0, 1], one for each unit, got {given}")
    return given


def train_alpha(
    train: Pairs,
    held_out: Pairs,
    start: Float[Tensor, " unit"],
    epochs: int,
    weight: float | int,
    seed: int,
    progress: Progress = nothing,
) -> tuple[Float[Tensor, " unit"], list[dict[str, float | int]]]:
    """α after so many passes over the pairs, and its effect on held-out pairs before and after each."""
    random = torch.Generator().manual_seed(seed)
    alpha = start.clone().requires_grad_()
    adam = torch.optim.Adam([alpha], lr=RATE)
    a_step = min(PAIRS_A_STEP, len(train))
    steps = len(train) // a_step
    history = [_look(held_out, alpha, weight, 0)]
    for epoch in range(epochs):
        present, candidates = (torch.randperm(len(train), generator=random) for _ in range(2))
        for step in range(steps):
            here = slice(step * a_step, (step + 1) * a_step)
            gradient = 2 * weight * a_step * alpha.detach()
            for chunk in train.chunks(present[here], candidates[here]):
                gradient += loss_gradient(chunk, alpha)
                progress((epoch * steps + step + 0.5) / (epochs * steps))
            alpha.grad = gradient
            adam.step()
            with torch.no_grad():
                alpha.clamp_(0, 1)
        history.append(_look(held_out, alpha, weight, epoch + 1))
        progress((epoch + 1) / epochs)
    return alpha.detach(), history


def _look(held_out: Pairs, alpha: Tensor, weight: float | int, epoch: int) -> dict[str, float | int]:
    penalty = float(weight * alpha.detach().pow(2).sum())
    return {"epoch": epoch, "ace": float(held_out_effects(held_out, alpha).mean()), "penalty": penalty}
