"""From the edit that was solved for, downhill in what is wanted in the end: the picture.

`solve` makes the *values* of a layer right. What follows the layer sees some of their errors and not others. `refine`
goes on from there by small steps in Λ, for the error of the picture or of the values, with the same price on changes
elsewhere. It is a generator: each step gives the best edit so far, and one may stop at any. It ends by itself when
nothing is gained any more, or the loss is not finite. No network is changed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.regions import resize
from ganwidgets.rewrite.solve import Problem, Solution, as_seen, prepared
from ganwidgets.rewrite.solve_plain import Step
from ganwidgets.rewrite.target import Target, positive

MEASURES = ("picture", "value")
STEPS, RATE, PATIENCE = 300, 0.03, 30
GAIN = 1e-3  # share of the cost that must be gained within the patience


@dataclass(frozen=True, eq=False)
class Refinement:
    """Where a refinement is.

    Attributes:
        step, steps: done, and at most.
        cost: of this step: error relative to no edit, plus the price of changes elsewhere. No edit costs 1.
        best: the lowest cost so far.
        solution: the edit that has it.
    """

    step: int
    steps: int
    cost: float
    best: float
    solution: Solution


def refine(
    targets: Target | Sequence[Target],
    start: Solution,
    *,
    measure: str = "picture",
    moment: Float[Tensor, "*unit unknown unknown"] | None = None,
    preserve: Sequence[Target] = (),
    weight: Float[Tensor, "..."] | None = None,
    steps: int = STEPS,
    rate: float | int = RATE,
    patience: int = PATIENCE,
) -> Iterator[Refinement]:
    """Better edits, starting from one that was solved for, by Adam on Λ.

    Args:
        targets: those it was solved for.
        start: the edit, with its context, objective and smoothness.
        measure: "picture": how far the whole picture is from one with the goal's values; "value": how far the values
            that count are from the goal.
        moment: as for `solve`.
        preserve: as for `solve`.
        weight: from which the edit starts, as for `solve`.
        steps: at most.
        rate: length of a step, as share of the size of Λ.
        patience: steps without gain after which it ends.

    Raises:
        ValueError: another measure, options that are not positive, or what `solve` refuses.
    """
    if measure not in MEASURES:
        raise ValueError(f"`measure` must be one of {list(MEASURES)}, got {measure!r}")
    if steps < 1 or patience < 1:
        raise ValueError(f"`steps` and `patience` must be at least 1, got {steps} and {patience}")
    rate = positive("rate", rate)
    targets = [targets] if isinstance(targets, Target) else list(targets)
    options = (start.objective, "l1", start.smoothness, moment, preserve, weight, 1)
    problem, finish = prepared(targets, start.context, *options)
    seen = as_seen(targets, start.objective) if measure == "value" else targets
    error = (_value_error if measure == "value" else _picture_error)(seen, preserve, problem, start.context, weight)
    return _descent(start, problem, finish, error, steps, rate, patience)


def with_edit(
    target: Target, update: Tensor, context: Tensor, weight: Tensor | None
) -> Float[Tensor, "batch unit height width"]:
    """A target's values with an edit, differentiable in it."""
    first = target.editable.W0 if weight is None else weight
    return target.editable.values(target.state, first + target.editable.expand(update.to(first), context))


def _value_error(
    targets: Sequence[Target], kept: Sequence[Target], problem: Problem, context: Tensor, weight: Tensor | None
) -> Callable[[Tensor], Tensor]:
    """What `solve` minimises for absolute errors."""

    def error(update: Tensor) -> Tensor:
        total = 0.0
        for target in (*targets, *kept):
            left = (target.goal - with_edit(target, update, context, weight)[0]).abs() * target.where
            total = total + 2 * target.weight * (problem.level.to(left) @ left.flatten(1)).sum()
        return total

    return error


def _picture_error(
    targets: Sequence[Target], kept: Sequence[Target], problem: Problem, context: Tensor, weight: Tensor | None
) -> Callable[[Tensor], Tensor]:
    """Mean absolute difference from the pictures that the goals make; of what is kept, where it is kept."""
    network, wanted = targets[0].editable.network, []
    with torch.no_grad():
        for target in (*targets, *kept):
            picture = network.above(target.state, target.goal[None], clamp=False)
            where = resize(target.where.cpu(), tuple(picture.shape[-2:])) if target in kept else torch.ones(())
            wanted.append((target, picture, (where * target.weight / where.mean()).to(picture)))

    def error(update: Tensor) -> Tensor:
        total = 0.0
        for target, picture, counts in wanted:
            now = network.above(target.state, with_edit(target, update, context, weight), clamp=False)
            total = total + ((now - picture).abs() * counts).mean()
        return total

    return error


def _descent(
    start: Solution,
    problem: Problem,
    finish: Callable[[Step], Solution],
    error: Callable[[Tensor], Tensor],
    steps: int,
    rate: float,
    patience: int,
) -> Iterator[Refinement]:
    update, whole = start.update.clone().requires_grad_(), 2 * problem.n * float((problem.level**2).sum())
    with torch.no_grad():
        nothing = float(error(torch.zeros_like(update)))
    if not nothing or not whole:  # the goal is what the network gives
        yield Refinement(0, steps, 0.0, 0.0, start)
        return

    def cost(update: Tensor) -> Tensor:
        price = problem.paid(update.flatten(1).double()).sum() / whole
        return error(update) / nothing + price.to(update)

    def solution(*more: str) -> Solution:
        found = finish((step, start.norm, kept.flatten(1).double()))
        return replace(found, steps=steps, notes=(*found.notes, *more))

    size = _size(start.update) or _size(next(problem.steps("l2", 1))[2])
    adam = torch.optim.Adam([update], lr=rate * size)
    best, kept, since, marked = float("inf"), start.update, 0, float("inf")
    for step in range(steps):
        now = _slope(update, cost, first=not step)
        if not now < float("inf"):
            note = f"Refining ended at step {step}: the loss is no longer finite. Lower the rate."
            yield Refinement(step, steps, now, best, solution(note))
            return
        if now < best:
            best, kept = now, update.detach().clone()
        if now < marked * (1 - GAIN):
            marked, since = now, step
        yield Refinement(step, steps, now, best, solution())
        if step - since >= patience:
            return
        adam.step()


def _slope(update: Tensor, cost: Callable[[Tensor], Tensor], first: bool) -> float:
    """The cost, whose gradient is left in the update; infinite if steps have led to where there are no pictures."""
    update.grad = None
    try:
        with torch.enable_grad():
            now = cost(update)
            now.backward()
    except ValueError:  # the network refuses pictures that are not finite
        if first:
            raise
        return float("inf")
    return float(now.detach())


def _size(update: Tensor) -> float:
    """Root mean square."""
    return float(update.detach().square().mean().sqrt())
