"""Edits of a styled layer: its value is a rectified, demodulated convolution, so a few steps are needed.

The value and its derivatives are known exactly (`styled`), and no unit needs to know of another: Levenberg and
Marquardt's method is run for all units at once, each with a damping of its own. Absolute errors are found by
reweighting, as in `least_squares`, one step for each weight.

Source: Marquardt (1963), An Algorithm for Least-Squares Estimation of Nonlinear Parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.rewrite.least_squares import FALL, FIRST, RELAXED, reweighted, solved
from ganwidgets.rewrite.responses import exact
from ganwidgets.rewrite.solve_plain import Step, missing, scale_of
from ganwidgets.rewrite.styled import StyledPlaces, mean_slopes, styled_places
from ganwidgets.rewrite.target import Target

SQUARE_STEPS = 25  # of the descent for least squares, at most
ENOUGH, IDLE = 1e-4, 3  # it ends when in so many steps no unit gains this share of its cost; damping grows meanwhile
DAMPING, CALMER, WILDER = 1e-3, 1 / 3, 8.0  # to begin with, after a step that helped, after one that did not


@dataclass(frozen=True, eq=False)
class ModulatedProblem:
    """An edit of a styled layer.

    Attributes:
        pictures: those that are to change come first.
        n_changed: how many those are.
        level: mean error of each unit at the places that are to change, without the edit.
        n: what these places count together.
        smoothness: price of changes elsewhere.
        moment: second moment of the derivative of a value over a sample; None if changes elsewhere have no price.
    """

    pictures: tuple[StyledPlaces, ...]
    n_changed: int
    level: Float[Tensor, " unit"]
    n: float
    smoothness: float
    moment: Float[Tensor, "unit unknown unknown"] | None

    @property
    def n_places(self) -> int:
        """Places that are to change."""
        return sum(len(picture.weight) for picture in self.pictures[: self.n_changed])

    @property
    def n_unknowns(self) -> int:
        """Of each unit."""
        return self.pictures[0].answers.shape[1]

    @property
    def shortage(self) -> tuple[int, int] | None:
        """(places, unknowns) if there are fewer places than unknowns, else None."""
        places = sum(len(picture.weight) for picture in self.pictures)
        return (places, self.n_unknowns) if places < self.n_unknowns else None

    def loss(self, x: Float[Tensor, "unit unknown"]) -> Float[Tensor, " unit"]:
        """Mean absolute error at the places that are to change."""
        changed = self.pictures[: self.n_changed]
        return sum(((p.goal - p.values(x)).abs() * p.weight).sum(1) for p in changed) / self.n

    def change(self, x: Float[Tensor, "unit unknown"]) -> float | None:
        """Root mean square change of a value at a place of the sample, to first order; None without a price."""
        return None if self.moment is None else float(self._spread(x).mean().clamp_min(0).sqrt())

    def last(self, norm: str, solves: int) -> int:
        """Number of the last step, at most."""
        return SQUARE_STEPS - 1 + (solves if norm == "l1" else 0)

    def steps(self, norm: str, solves: int) -> Iterator[Step]:
        """Better and better answers for squares, then as many for absolute errors if these are asked for."""
        descent = _Descent(self)
        equal = torch.cat([p.weight for p in self.pictures]).expand_as(descent.left)
        idle = 0
        for step in range(SQUARE_STEPS):
            idle = 0 if descent.step(equal) else idle + 1
            yield step, "l2", descent.x
            if idle == IDLE:
                break
        if norm == "l2":
            return
        best, least = descent.x, self._absolute_cost(descent)
        for number in range(solves):
            descent.step(reweighted(descent.left, equal[0], self.level, FIRST * FALL**number), RELAXED)
            cost = self._absolute_cost(descent)
            better = cost < least
            best, least = torch.where(better[:, None], descent.x, best), torch.where(better, cost, least)
            yield SQUARE_STEPS + number, "l1", best

    def left(self, x: Float[Tensor, "unit unknown"]) -> Float[Tensor, "unit place"]:
        """Error that stays, at the places of all pictures."""
        return torch.cat([p.goal - p.values(x) for p in self.pictures], 1)

    def _absolute_cost(self, descent: "_Descent") -> Tensor:
        """2 s Σ w |error left| + price, as in `least_squares`."""
        weight = torch.cat([p.weight for p in self.pictures])
        return 2 * self.level * (descent.left.abs() * weight).sum(1) + self.paid(descent.x)

    def paid(self, x: Float[Tensor, "unit unknown"]) -> Float[Tensor, " unit"]:
        """Price of changes elsewhere."""
        return x.new_zeros(len(x)) if self.moment is None else self.smoothness * self.n * self._spread(x)

    def _spread(self, x: Tensor) -> Tensor:
        return torch.einsum("op,opq,oq->o", x, self.moment, x)


class _Descent:
    """Levenberg and Marquardt's steps, with a damping for each unit; a step that does not help is not taken."""

    def __init__(self, problem: ModulatedProblem) -> None:
        self.problem, first = problem, problem.pictures[0]
        self.sizes = [len(picture.weight) for picture in problem.pictures]
        self.x = first.goal.new_zeros(len(first.goal), problem.n_unknowns)
        self.left = problem.left(self.x)
        self.damping = first.goal.new_full((len(first.goal),), DAMPING)

    def step(self, weight: Float[Tensor, "unit place"], length: float = 1.0) -> bool:
        """One, for squares with these weights; whether any unit still gains by it.

        Args:
            weight: of the places of all pictures.
            length: how far to go towards where the squares are least.
        """
        problem, x = self.problem, self.x
        parts = zip(problem.pictures, weight.split(self.sizes, 1), strict=True)
        normals = [picture.normal(x, counts) for picture, counts in parts]
        matrix, right = sum(n[0] for n in normals), sum(n[1] for n in normals)
        if problem.moment is not None:
            price = problem.smoothness * problem.n * problem.moment
            matrix, right = matrix + price, right - torch.einsum("opq,oq->op", price, x)
        lifted = matrix + torch.diag_embed(self.damping[:, None] * torch.diagonal(matrix, dim1=1, dim2=2))
        tried = x + length * solved(lifted, right)
        left = problem.left(tried)
        before, after = self._cost(x, self.left, weight), self._cost(tried, left, weight)
        better = after < before
        self.x, self.left = torch.where(better[:, None], tried, x), torch.where(better[:, None], left, self.left)
        self.damping = (self.damping * torch.where(better, CALMER, WILDER)).clamp(1e-9, 1e9)
        return bool((before - after > ENOUGH * before).any())

    def _cost(self, x: Tensor, left: Tensor, weight: Tensor) -> Tensor:
        return (weight * left**2).sum(1) + self.problem.paid(x)


def modulated_problem(
    targets: Sequence[Target],
    kept: Sequence[Target],
    context: Float[Tensor, "rank key_dim"],
    weight: Float[Tensor, "..."] | None,
    smoothness: float,
    moment: Float[Tensor, "..."] | None,
) -> ModulatedProblem:
    """All places that count; arguments as for `linear_problem`, the moment being one of each unit."""
    editable, pictures, whole = targets[0].editable, [], []
    for target in (*targets, *kept):
        every = styled_places(editable, target.state, 0, context, weight)
        goal = every.goal + missing(target, weight).flatten(1)
        counts = exact(target.where).flatten() * target.weight
        here = counts > 0
        few = (every.answers[here], every.before[:, here], every.shift[:, here], goal[:, here], counts[here])
        pictures.append(StyledPlaces(every.demodulation, *few, every.gain, every.limit))
        whole.append(every)
    errors = [p.goal - p.values(goal.new_zeros(len(goal), p.answers.shape[1])) for p in pictures[: len(targets)]]
    n, level = scale_of(torch.cat(errors, 1), torch.cat([p.weight for p in pictures[: len(targets)]]))
    moment = _moment(whole[: len(targets)], moment) if smoothness else None
    return ModulatedProblem(tuple(pictures), len(targets), level, n, smoothness, moment)


def _moment(pictures: Sequence[StyledPlaces], moment: Tensor | None) -> Tensor:
    """The second moment that was given, or that of the slopes in these pictures."""
    if moment is None:
        return sum(mean_slopes(places) for places in pictures) / len(pictures)
    wanted = (len(pictures[0].goal), *2 * (pictures[0].answers.shape[1],))
    if moment.shape != wanted or not moment.isfinite().all():
        raise ValueError(
            f"`moment` must be {wanted} and finite for this context, got {tuple(moment.shape)}: make it with "
            "patch_moment for the same layer and context"
        )
    return exact(moment)
