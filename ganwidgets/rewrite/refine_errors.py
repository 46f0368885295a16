"""What `refine` goes downhill in, and what it tells: errors of values, of a later layer's values, and of the picture.

Each maker gives a function of Λ, differentiable. `Looking` measures an edit in the pictures of its targets, in numbers
that can be shown side by side: a picture may come nearer to what is wanted while its values go away from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.regions import resize
from ganwidgets.rewrite.later import LaterGoal, later_goal
from ganwidgets.rewrite.target import Target

Error = Callable[[Tensor], Tensor]
"""Of Λ."""


@dataclass(frozen=True)
class Errors:
    """How an edit does in the pictures of its targets: mean absolute differences.

    Attributes:
        values: in the box, from the values wanted.
        picture: in the box, from the picture these values make; pixels in [-1, 1].
        elsewhere: outside the box, from the picture without the edit; 0 if the box is the whole picture.
    """

    values: float
    picture: float
    elsewhere: float


@dataclass(frozen=True, eq=False)
class Along:
    """Edits along a context.

    Attributes:
        context: the directions.
        weight: from which the edit starts; None is the network's.
    """

    context: Float[Tensor, "rank key_dim"]
    weight: Float[Tensor, "..."] | None = None

    def values(self, target: Target, update: Tensor) -> Float[Tensor, "batch unit height width"]:
        """A target's values with an edit, differentiable in it."""
        first = target.editable.W0 if self.weight is None else self.weight
        return target.editable.values(target.state, first + target.editable.expand(update.to(first), self.context))

    def picture(self, target: Target, update: Tensor) -> Float[Tensor, "batch rgb height width"]:
        """A target's picture with an edit, not clamped."""
        return target.editable.network.above(target.state, self.values(target, update), clamp=False)


def value_error(targets: Sequence[Target], kept: Sequence[Target], level: Tensor, along: Along) -> Error:
    """What `solve` minimises for absolute errors; `level` is the mean error of each unit without an edit."""

    def error(update: Tensor) -> Tensor:
        total = 0.0
        for target in (*targets, *kept):
            left = (target.goal - along.values(target, update)[0]).abs() * target.where
            total = total + 2 * target.weight * (level.to(left) @ left.flatten(1)).sum()
        return total

    return error


def later_error(targets: Sequence[Target], kept: Sequence[Target], layer: str, along: Along) -> Error:
    """The same for the values of a later layer: those copied there, or else those that the target's own values make."""
    goals = [(target, _goal_at(target, layer)) for target in (*targets, *kept)]

    def left(target: Target, wanted: LaterGoal, values: Tensor) -> Tensor:
        now = target.state.network.between(target.state, layer, values)[0]
        return ((wanted.goal - now).abs() * wanted.where * target.weight).flatten(1).sum(1)

    with torch.no_grad():
        counted = sum(float(wanted.where.sum()) * target.weight for target, wanted in goals[: len(targets)])
        present = [left(target, wanted, target.present(along.weight)[None]) for target, wanted in goals[: len(targets)]]
        level = sum(present) / counted

    def error(update: Tensor) -> Tensor:
        return sum(2 * level @ left(target, wanted, along.values(target, update)) for target, wanted in goals)

    return error


def picture_error(targets: Sequence[Target], kept: Sequence[Target], along: Along) -> Error:
    """Mean absolute difference from the pictures that the goals make, in the box and again outside of it.

    The two means count alike. One mean over the picture would let the many pixels outside outvote the box, and lead
    back to no edit. Of what is kept, only where it is kept counts.
    """
    wanted = []
    with torch.no_grad():
        for target in (*targets, *kept):
            picture = target.editable.network.above(target.state, target.goal[None], clamp=False)
            box = resize(target.where.cpu(), tuple(picture.shape[-2:]))
            counts = box / box.mean().clamp_min(1e-12)
            if target not in kept:
                counts = counts + (1 - box) / (1 - box).mean().clamp_min(1e-12)
            wanted.append((target, picture, (counts * target.weight).to(picture)))

    def error(update: Tensor) -> Tensor:
        return sum(((along.picture(t, update) - picture).abs() * counts).mean() for t, picture, counts in wanted)

    return error


@dataclass(frozen=True, eq=False)
class Looking:
    """Measures edits in the pictures of their targets.

    Attributes:
        targets: what is to change.
        along: edits along which context.
    """

    targets: tuple[Target, ...]
    along: Along

    @cached_property
    def before(self) -> Errors:
        """Without an edit."""
        editable = self.targets[0].editable
        return self(torch.zeros(editable.n_units, len(self.along.context), *editable.kernel))

    @torch.no_grad()
    def __call__(self, update: Float[Tensor, "unit rank kh kw"]) -> Errors:
        """With one; infinite in the picture where there is none."""
        sums, counts = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        for target, (goal, start, box) in zip(self.targets, self._pictures, strict=True):
            where = target.where * target.weight
            left = (target.goal - self.along.values(target, update)[0]).abs().mean(0)
            try:
                now = self.along.picture(target, update)[0]
            except ValueError:  # the network refuses pictures that are not finite
                now = torch.full_like(goal, float("inf"))
            outside = (box == 0).to(box)
            for number, (off, counted) in enumerate(
                ((left, where), ((now - goal).abs().mean(0), box), ((now - start).abs().mean(0), outside))
            ):
                sums[number] += float((off * counted)[counted > 0].sum())
                counts[number] += float(counted.sum())
        return Errors(*(sums / counts.clamp_min(1e-12)).tolist())

    @cached_property
    def _pictures(self) -> tuple[tuple[Tensor, Tensor, Tensor], ...]:
        """As wanted, as it is without an edit, and the box in it, of each target."""
        found = []
        for target in self.targets:
            wanted, now = target.goal[None], target.present(self.along.weight)[None]
            goal, start = (target.editable.network.above(target.state, v, clamp=False)[0] for v in (wanted, now))
            where = resize(target.where.cpu(), tuple(goal.shape[-2:]))
            found.append((goal, start, (where * target.weight).to(goal)))
        return tuple(found)


def _goal_at(target: Target, layer: str) -> LaterGoal:
    """What is wanted after a later layer."""
    if target.later is not None and target.later.layer == layer:
        return target.later
    return later_goal(target.state, layer, target.goal, target.where)
