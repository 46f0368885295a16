"""From the edit that was solved for, downhill in what is wanted in the end: the picture.

`solve` makes the *values* of a layer right. What follows the layer sees some of their errors and not others. `refine`
goes on from there by small steps in Λ, for the error of the picture, of the values of a later layer (`later`) or of the
layer's own, with the same price on changes elsewhere. It is a generator: each step gives the best edit so far, and one
may stop at any. It ends by itself when nothing is gained any more, or the loss is not finite. No network is changed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.rewrite.refine_errors import (
    Along,
    Error,
    Errors,
    Looking,
    later_error,
    picture_error,
    value_error,
)
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
        error: of that edit, without the price, relative to no edit.
        looking: measures edits; None if nothing is to be measured.
    """

    step: int
    steps: int
    cost: float
    best: float
    solution: Solution
    error: float
    looking: Looking | None = field(default=None, repr=False)

    @cached_property
    def errors(self) -> Errors | None:
        """Of that edit in the pictures of its targets: values and picture in the box, and elsewhere.

        Measured when asked for the first time; takes a forward pass of each target.
        """
        return None if self.looking is None else self.looking(self.solution.update)

    @property
    def errors_before(self) -> Errors | None:
        """The same without an edit."""
        return None if self.looking is None else self.looking.before


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
        measure: "picture": how far the picture is from one with the goal's values, in the box and outside; "value": how
            far the values that count are from the goal; or the name of a later layer: how far its values are from those
            copied there (`copy_object` with `until`), of other targets from those that the goal's values make there.
        moment: as for `solve`.
        preserve: as for `solve`.
        weight: from which the edit starts, as for `solve`.
        steps: at most.
        rate: length of a step, as share of the size of Λ.
        patience: steps without gain after which it ends.

    Raises:
        ValueError: another measure, options that are not positive, or what `solve` refuses.
    """
    targets = [targets] if isinstance(targets, Target) else list(targets)
    if measure not in MEASURES and not (targets and measure in targets[0].editable.network.layers):
        raise ValueError(f"`measure` must be one of {list(MEASURES)} or the name of a later layer, got {measure!r}")
    if steps < 1 or patience < 1:
        raise ValueError(f"`steps` and `patience` must be at least 1, got {steps} and {patience}")
    rate = positive("rate", rate)
    options = (start.objective, "l1", start.smoothness, moment, preserve, weight, 1)
    problem, finish = prepared(targets, start.context, *options)
    along = Along(start.context, weight)
    if measure == "value":
        error = value_error(as_seen(targets, start.objective), preserve, problem.level, along)
    elif measure == "picture":
        error = picture_error(targets, preserve, along)
    else:
        error = later_error(targets, preserve, measure, along)
    return _descent(start, problem, finish, error, Looking(tuple(targets), along), steps, rate, patience)


def _descent(
    start: Solution,
    problem: Problem,
    finish: Callable[[Step], Solution],
    error: Error,
    looking: Looking,
    steps: int,
    rate: float,
    patience: int,
) -> Iterator[Refinement]:
    update, whole = start.update.clone().requires_grad_(), 2 * problem.n * float((problem.level**2).sum())
    with torch.no_grad():
        nothing = float(error(torch.zeros_like(update)))
    if not nothing or not whole:  # the goal is what the network gives
        yield Refinement(0, steps, 0.0, 0.0, start, 0.0, looking)
        return

    def cost(update: Tensor) -> tuple[Tensor, Tensor]:
        share, price = error(update) / nothing, problem.paid(update.flatten(1).double()).sum() / whole
        return share + price.to(update), share

    def solution(*more: str) -> Solution:
        found = finish((step, start.norm, kept.flatten(1).double()))
        return replace(found, steps=steps, notes=(*found.notes, *more))

    size = _size(start.update) or _size(next(problem.steps("l2", 1))[2])
    adam = torch.optim.Adam([update], lr=rate * size)
    best, kept, left, since, marked = float("inf"), start.update, float("nan"), 0, float("inf")
    for step in range(steps):
        now, share = _slope(update, cost, first=not step)
        if not now < float("inf"):
            note = f"Refining ended at step {step}: the loss is no longer finite. Lower the rate."
            yield Refinement(step, steps, now, best, solution(note), left, looking)
            return
        if now < best:
            best, kept, left = now, update.detach().clone(), share
        if now < marked * (1 - GAIN):
            marked, since = now, step
        yield Refinement(step, steps, now, best, solution(), left, looking)
        if step - since >= patience:
            return
        adam.step()


def _slope(update: Tensor, cost: Callable[[Tensor], tuple[Tensor, Tensor]], first: bool) -> tuple[float, float]:
    """The cost and the error in it, infinite where there are no pictures; the gradient is left in the update."""
    update.grad = None
    try:
        with torch.enable_grad():
            now, share = cost(update)
            now.backward()
    except ValueError:  # the network refuses pictures that are not finite
        if first:
            raise
        return float("inf"), float("inf")
    return float(now.detach()), float(share.detach())


def _size(update: Tensor) -> float:
    """Root mean square."""
    return float(update.detach().square().mean().sqrt())
