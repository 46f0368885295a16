"""Which strengths take one concept out of the pictures and leave the others alone.

`optimise_alpha` looks at single cells that show the concept. What switching the same units off does elsewhere it does
not see, and a unit that helps to draw trees may draw half of a door, too. `optimise_removal` looks at whole pictures:
it lowers the share of pixels of one concept, and pays for every other concept that changes by more than an allowed
share. What is left free is how far each unit is switched off.

Measure the result on other latents: `ablation_effect(…, found.units(k), strength=found.strengths(k))`.

Source: ours. The strengths in [0, 1] and the penalty on Σα² are those of GAN Dissection (ICLR 2019), section 3.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.ablate.alpha import checked_target
from ganwidgets.ablate.cells import Target
from ganwidgets.ablate.counts import Progress, concept_number, nothing
from ganwidgets.models import Generator, zero_units
from ganwidgets.models.latents import whole_number
from ganwidgets.segment import Segmenter

if TYPE_CHECKING:
    import pandas as pd

START = 0.1  # α of every unit to begin with: a gradient at 0 cannot be told from one that the clamp eats
RATE = 0.03  # of Adam, falling to 0 in a straight line
PRICE = 1.5  # of a change beyond what is allowed, in units of the wanted change
HALF = 0.5  # of the last step's change counts for the next: a rare concept is in few pictures of a batch
SLOW = 0.95  # the pixels before the change are averaged over so many steps


@dataclass(frozen=True, eq=False)
class RemovalAlpha:
    """How far each unit is switched off to take out a concept and spare the others.

    Attributes:
        layer: of the units.
        concept: what they are to take out.
        alpha: strength of each unit, in [0, 1].
        allowed: share of a spared concept's pixels that may change without a price.
        history: {"step", "removed", "other", "concept"} of each step, by scores in that step's pictures: share of the
            concept that went, largest change of a spared one, and which.
        n_search: pictures looked at.
        weight: of the penalty on Σα².
    """

    layer: str
    concept: str
    alpha: Float[np.ndarray, " unit"]
    allowed: float
    history: tuple[dict[str, float | int | str], ...]
    n_search: int
    weight: float

    def units(self, k: int | None = None) -> tuple[int, ...]:
        """The k units with the largest α, of equal ones the first; None is all that are above 0."""
        order = np.argsort(-self.alpha, kind="stable").tolist()
        return tuple(order[: int((self.alpha > 0).sum()) if k is None else k])

    def strengths(self, k: int | None = None) -> tuple[float, ...]:
        """α of `units(k)`, in that order."""
        return tuple(self.alpha[list(self.units(k))].tolist())

    def to_frame(self) -> "pd.DataFrame":
        """A row per unit, largest α first; `n` pictures were looked at."""
        import pandas as pd

        frame = pd.DataFrame({"unit": np.arange(len(self.alpha)), "alpha": self.alpha, "n": self.n_search})
        return frame.sort_values("alpha", ascending=False, kind="stable", ignore_index=True)


@torch.enable_grad()  # also where somebody has switched gradients off
def optimise_removal(
    network: Generator,
    layer: str,
    concept: str,
    segmenter: Segmenter,
    *,
    spare: Sequence[str] | None = None,
    allowed: float = 0.05,
    weight: float = 0.0,
    n_search: int = 1536,
    steps: int = 200,
    batch: int = 64,
    seed: int = 10,
    progress: Progress = nothing,
) -> RemovalAlpha:
    """Find strengths that remove a concept from whole pictures and change others by no more than an allowed share.

    The loss of a step is (pixels after − before) / before of the concept, plus 1.5 · Σ max(0, |the same of another| −
    allowed) over those to be spared, plus weight · Σα². Pixels are soft: sums of `segmenter.scores`. "Before" is a
    running mean over the steps, and half of the change is that of the step before.

    Args:
        network: the generator.
        layer: of the units.
        concept: name.
        segmenter: names the pixels, and has `scores(images)`, differentiable.
        spare: concepts that are to stay as they are; None is all others. Leave out what cannot stay: the parts of
            the concept, and what has it as a part.
        allowed: share of a spared concept's pixels that may come or go without a price.
        weight: of the penalty on Σα²; higher gives fewer units.
        n_search: pictures to learn from, taken again and again.
        steps: of Adam.
        batch: pictures a step.
        seed: of the latents.
        progress: called with the share that is done, 0 to 1; what it raises stops the work.

    Raises:
        TypeError: the segmenter has no scores.
        ValueError: no such layer or concept, numbers out of range, no picture contains the concept, or a picture that
            is not finite.
    """
    target = checked_target(network, layer, concept, segmenter)
    for name, number in (("n_search", n_search), ("steps", steps), ("batch", batch)):
        whole_number(name, number, 1)
    if not 0 <= allowed < float("inf") or not 0 <= weight < float("inf"):
        raise ValueError(f"`allowed` and `weight` must be finite and not negative, got {allowed} and {weight}")
    alpha = torch.full((target.units,), START, requires_grad=True)
    adam, soft = torch.optim.Adam([alpha], lr=RATE, betas=(0.9, 0.99)), _SoftChange(target)
    spared = _spared(target, spare)
    z, history = network.sample_z(n_search, seed), []
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        chosen = torch.arange(step * batch, step * batch + min(batch, n_search)) % n_search
        changes = soft.of(z[chosen.to(z.device)], alpha)
        loss = _loss(changes, target.number, spared, allowed) + weight * alpha.square().sum()
        (alpha.grad,) = torch.autograd.grad(loss, alpha)  # of α alone: the network's own gradients stay as they are
        if not torch.isfinite(alpha.grad).all():
            raise ValueError(f"`layer` {layer!r}: the gradient of the scores is not finite at step {step}")
        adam.step()
        with torch.no_grad():
            alpha.clamp_(0, 1)
        history.append(_look(step, changes.detach(), target, spared))
        progress((step + 1) / steps)
    if not soft.seen[target.number]:
        raise ValueError(f"`concept` must occur in the images, but none of {n_search} shows {concept!r}; draw more")
    return RemovalAlpha(layer, concept, alpha.detach().numpy(), float(allowed), tuple(history), n_search, float(weight))


class _SoftChange:
    """Relative change of every concept's soft pixels, steadied over the steps."""

    def __init__(self, target: Target) -> None:
        self.target, self.steps = target, 0
        self.seen = torch.zeros(len(target.segmenter.concepts))
        self._last = torch.zeros(len(target.segmenter.concepts))

    def of(self, z: Tensor, alpha: Float[Tensor, " unit"]) -> Float[Tensor, " concept"]:
        network, scores = self.target.network, self.target.segmenter.scores
        state = network.below(z, self.target.layer, grad=False)
        with torch.no_grad():
            before = scores(network.above(state, clamp=False)).sum((0, 2, 3)).cpu()
        acts = zero_units(range(len(alpha)), alpha).apply(state.acts)
        change = scores(network.above(state, acts, clamp=False, grad=True)).sum((0, 2, 3)).cpu() - before
        slow, half = (min(limit, self.steps / (self.steps + 1)) for limit in (SLOW, HALF))
        self.seen = slow * self.seen + (1 - slow) * before
        # The step's own part counts in full for the gradient, however much of the past is in the number.
        steady = (half * self._last + (1 - half) * change.detach()) + (change - change.detach())
        self._last, self.steps = steady.detach(), self.steps + 1
        return steady / self.seen.clamp(min=1e-6)


def _spared(target: Target, spare: Sequence[str] | None) -> list[int]:
    """Places of the concepts to be spared among the segmenter's."""
    concepts = target.segmenter.concepts
    numbers = range(len(concepts)) if spare is None else [concept_number(concepts, name) for name in spare]
    if spare is not None and target.number in numbers:
        raise ValueError(f"`spare` must not name {target.concept!r}, which is to be removed")
    return [number for number in numbers if number != target.number]


def _loss(changes: Float[Tensor, " concept"], number: int, spared: list[int], allowed: float) -> Float[Tensor, ""]:
    return changes[number] + PRICE * (changes[spared].abs() - allowed).clamp(min=0).sum()


def _look(
    step: int, changes: Float[Tensor, " concept"], target: Target, spared: list[int]
) -> dict[str, float | int | str]:
    worst = max(spared, key=lambda number: float(changes[number].abs()), default=None)
    return {
        "step": step,
        "removed": -float(changes[target.number]),
        "other": 0.0 if worst is None else float(changes[worst].abs()),
        "concept": "" if worst is None else target.segmenter.concepts[worst],
    }
