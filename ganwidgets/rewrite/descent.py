"""The edit as it was first computed: many steps of Adam, brought back to the context every now and then.

The original does 2,001 steps on the whole weight and projects the change onto the context after every tenth and the
last. Between projections the weight leaves the subspace, so the loss seen there is about half of that of the weights
which are kept. Variants: project the gradient as well (`low_rank_gradient`), descend in Λ itself (`linear`), or change
the weight freely (`full`). All are here to compare with: `solve` needs none of this.

`descent_steps` is a generator: stop when you like. No network is changed.

Source: Bau et al. (2020), Rewriting a Deep Generative Model, section 3.3, and the code published with it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.linalg import expand_update
from ganwidgets.rewrite.target import Target, positive

ITERATIONS, RATE, EVERY = 2001, 0.05, 10
VARIANTS = ("projected", "low_rank_gradient", "linear", "full")

Loss = Callable[[Tensor], Tensor]
"""From a weight in its stored layout to the loss, differentiable."""


@dataclass(frozen=True, eq=False)
class DescentStep:
    """One step.

    Attributes:
        iteration: its number.
        loss: before it.
        stepped: the weight after the step, before it is projected. Changed by the next step: clone it to keep it.
        weight: the weight after projection, where there was one. Changed by the next step, too.
    """

    iteration: int
    loss: float
    stepped: Float[Tensor, "..."]
    weight: Float[Tensor, "..."]


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended.

    Attributes:
        weight: in the stored layout.
        update: Λ of its change; None for the variant "full".
        losses: before each step.
        loss_before, loss_after: of the first weight, and of the one that is kept.
        notes: whether it ended early, and why.
    """

    weight: Float[Tensor, "..."]
    update: Float[Tensor, "unit rank kh kw"] | None
    losses: tuple[float, ...]
    loss_before: float
    loss_after: float
    notes: tuple[str, ...] = ()


def mean_error(targets: Sequence[Target]) -> Loss:
    """Mean absolute error of the values that count, as a function of the weight."""
    count = sum(float((target.where * target.weight).sum()) * target.goal.shape[0] for target in targets)

    def loss(weight: Tensor) -> Tensor:
        errors = [((t.goal - t.present(weight)).abs() * t.where).sum() * t.weight for t in targets]
        return sum(errors) / count

    return loss


def descend(
    targets: Target | Sequence[Target],
    context: Float[Tensor, "rank key_dim"],
    *,
    variant: str = "projected",
    weight: Float[Tensor, "..."] | None = None,
    iterations: int = ITERATIONS,
    every: int = EVERY,
    rate: float | int = RATE,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> Descent:
    """All steps for the mean absolute error of targets; crop them first for the original's reading.

    Args:
        targets: what places should become.
        context: the directions.
        variant: "projected", "low_rank_gradient", "linear" or "full".
        weight: where it starts, in the stored layout; None is the network's.
        iterations: steps.
        every: steps between projections.
        rate: of Adam.
        progress: called with the share that is done; what it raises stops the work.

    Raises:
        ValueError: another variant, or options that are not positive.
    """
    targets = [targets] if isinstance(targets, Target) else list(targets)
    editable, loss = targets[0].editable, mean_error(targets)
    start = editable.W0 if weight is None else weight.detach()
    losses, notes, kept, latest = [], (), start.clone(), start.clone()
    for step in descent_steps(
        loss, start, context, editable.kind, variant=variant, iterations=iterations, every=every, rate=rate
    ):
        losses.append(step.loss)
        if not math.isfinite(step.loss):  # of the latest weight: the one before it is the last good one
            notes = (f"Stopped at step {step.iteration}: the loss is no longer finite. Lower the rate.",)
            break
        kept.copy_(latest)
        latest.copy_(step.weight)
        progress((step.iteration + 1) / iterations)
    with torch.no_grad():
        final = float(loss(latest)) if not notes else math.inf
    if math.isfinite(final):
        kept = latest
    else:
        notes = notes or (f"Stopped at step {iterations}: the loss is no longer finite. Lower the rate.",)
    update = None if variant == "full" else along(kept - start, context, editable.kind)
    with torch.no_grad():
        return Descent(kept, update, tuple(losses), float(loss(start)), float(loss(kept)), notes)


def descent_steps(
    loss: Loss,
    weight: Float[Tensor, "..."],
    context: Float[Tensor, "rank key_dim"],
    kind: str,
    *,
    variant: str = "projected",
    iterations: int = ITERATIONS,
    every: int = EVERY,
    rate: float | int = RATE,
) -> Iterator[DescentStep]:
    """The steps one by one; see `descend`.

    Args:
        loss: of a weight.
        weight: where it starts, in the stored layout.
        context: the directions.
        kind: of the convolution: "plain", "transposed" or "modulated".
    """
    if variant not in VARIANTS:
        raise ValueError(f"`variant` must be one of {list(VARIANTS)}, got {variant!r}")
    if iterations < 1 or every < 1:
        raise ValueError(f"`iterations` and `every` must be at least 1, got {iterations} and {every}")
    steps = _linear if variant == "linear" else _free
    return steps(loss, weight.detach(), context.to(weight), kind, variant, iterations, every, positive("rate", rate))


def along(
    change: Float[Tensor, "..."], context: Float[Tensor, "rank key_dim"], kind: str
) -> Float[Tensor, "unit rank kh kw"]:
    """Λ: what a change of a weight in its stored layout does along each direction."""
    change = change[0] if kind == "modulated" else change
    layout = "iohw,ri->orhw" if kind == "transposed" else "oihw,ri->orhw"
    return torch.einsum(layout, change, context.to(change))


def _free(
    loss: Loss, start: Tensor, context: Tensor, kind: str, variant: str, iterations: int, every: int, rate: float
) -> Iterator[DescentStep]:
    """Adam on the weight, with or without projections."""

    def inside(change: Tensor) -> Tensor:
        return expand_update(along(change, context, kind), context, kind)

    weight, fixed = start.clone().requires_grad_(), start - inside(start)
    adam = torch.optim.Adam([weight], lr=rate)
    for iteration in range(iterations):
        adam.zero_grad()
        with torch.enable_grad():
            error = loss(weight)
            error.backward()
        with torch.no_grad():
            if variant == "low_rank_gradient":
                weight.grad = inside(weight.grad)
            adam.step()
            stepped = weight.detach()
            if variant != "full" and (iteration % every == 0 or iteration == iterations - 1):
                stepped = stepped.clone()
                weight.copy_(fixed + inside(weight))
        yield DescentStep(iteration, float(error.detach()), stepped, weight.detach())


def _linear(
    loss: Loss, start: Tensor, context: Tensor, kind: str, variant: str, iterations: int, every: int, rate: float
) -> Iterator[DescentStep]:
    """Adam on Λ."""
    update = torch.zeros_like(along(start, context, kind)).requires_grad_()
    adam = torch.optim.Adam([update], lr=rate)
    for iteration in range(iterations):
        adam.zero_grad()
        with torch.enable_grad():
            error = loss(start + expand_update(update, context, kind))
            error.backward()
        adam.step()
        weight = start + expand_update(update.detach(), context, kind)
        yield DescentStep(iteration, float(error.detach()), weight, weight)
