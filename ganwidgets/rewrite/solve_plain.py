"""Edits of a convolution, solved at once: its values are linear in the edit, with one matrix for all units.

`linear_problem` puts the places of all targets into one system: what should change at each, in every unit, and how the
unknowns reach it. Places that must not change are further rows, with nothing to make up for. `LinearProblem.steps`
gives least squares first and, for absolute errors, a better answer after each reweighted solve.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ganwidgets.rewrite.least_squares import System, least_absolute, least_squares
from ganwidgets.rewrite.responses import exact, projected, responses
from ganwidgets.rewrite.solve_transposed import phase_of_places, phase_of_unknowns
from ganwidgets.rewrite.target import Target

Step = tuple[int, str, Tensor]
"""Its number, the norm it is for, and unknowns of each unit (unit unknown)."""

Part = tuple[Int[Tensor, " _"], Int[Tensor, " _"]]


@dataclass(frozen=True, eq=False)
class LinearProblem:
    """An edit whose effect on values is linear.

    Attributes:
        system: all places and units.
        n_places: places that are to change; they come first.
        parts: places and unknowns that have nothing to do with each other, to be solved one by one.
        moment: of the responses over a sample; None if changes elsewhere have no price.
        n: what the places that are to change count together.
    """

    system: System
    n_places: int
    n: float
    parts: tuple[Part, ...]
    moment: Float[Tensor, "unknown unknown"] | None

    @property
    def level(self) -> Float[Tensor, " unit"]:
        """Mean error of each unit at the places that are to change, without the edit."""
        return self.system.level

    @property
    def n_unknowns(self) -> int:
        """Of each unit."""
        return self.system.responses.shape[1]

    @property
    def shortage(self) -> tuple[int, int] | None:
        """(places, unknowns) of a part that has fewer places than unknowns; None if all have enough."""
        return next(((len(rows), len(columns)) for rows, columns in self.parts if len(rows) < len(columns)), None)

    def loss(self, x: Float[Tensor, "unit unknown"]) -> Float[Tensor, " unit"]:
        """Mean absolute error at the places that are to change."""
        here = slice(self.n_places)
        return (self.system.left(x)[:, here].abs() * self.system.weight[here]).sum(1) / self.n

    def paid(self, x: Float[Tensor, "unit unknown"]) -> Float[Tensor, " unit"]:
        """Price of changes elsewhere."""
        return self.system.paid(x)

    def change(self, x: Float[Tensor, "unit unknown"]) -> float | None:
        """Root mean square change of a value at a place of the sample; None if changes elsewhere have no price."""
        return None if self.moment is None else float(((x @ self.moment) * x).sum(1).mean().clamp_min(0).sqrt())

    def last(self, norm: str, solves: int) -> int:
        """Number of the last step."""
        return solves if norm == "l1" else 0

    def steps(self, norm: str, solves: int) -> Iterator[Step]:
        """Least squares, then as many better answers for absolute errors if these are asked for."""
        systems = [self.system.part(rows, columns) for rows, columns in self.parts]
        yield 0, "l2", self._together([least_squares(system) for system in systems])
        if norm == "l1":
            rounds = zip(*(least_absolute(system, solves) for system in systems), strict=True)
            for step, found in enumerate(rounds, 1):
                yield step, "l1", self._together(found)

    def _together(self, found: Sequence[Tensor]) -> Tensor:
        x = self.system.error.new_zeros(len(self.system.error), self.n_unknowns)
        for (_, unknowns), part in zip(self.parts, found, strict=True):
            x[:, unknowns] = part
        return x


def linear_problem(
    targets: Sequence[Target],
    kept: Sequence[Target],
    context: Float[Tensor, "rank key_dim"],
    weight: Float[Tensor, "..."] | None,
    smoothness: float,
    moment: Float[Tensor, "..."] | None,
) -> LinearProblem:
    """The system of all places that count.

    Args:
        targets: what should become of places.
        kept: what should stay.
        context: the directions.
        weight: from which the edit starts; None is the network's.
        smoothness: price of changes elsewhere.
        moment: of the responses over a sample; None takes the targets' own pictures.
    """
    conv, pictures = targets[0].editable.conv, (*targets, *kept)
    maps = [responses(conv, projected(t.editable.keys(t.state), context))[0] for t in pictures]
    here = [t.where.cpu() > 0 for t in pictures]
    answers = torch.cat([m.movedim(0, -1)[h] for m, h in zip(maps, here, strict=True)])  # (place unknown)
    error = torch.cat([missing(t, weight)[:, h] for t, h in zip(pictures, here, strict=True)], 1)  # (unit place)
    counts = torch.cat([exact(t.where)[h] * t.weight for t, h in zip(pictures, here, strict=True)])  # (place)
    phases = torch.cat([phase_of_places(conv, h.nonzero()) for h in here])
    n_places = sum(int(h.sum()) for h in here[: len(targets)])
    n, level = scale_of(error[:, :n_places], counts[:n_places])
    moment = _moment(maps[: len(targets)], moment) if smoothness else None
    system = System(answers, error, counts, None if moment is None else smoothness * n * moment, level)
    owners = phase_of_unknowns(conv, len(context))
    parts = [((phases == p).nonzero()[:, 0], (owners == p).nonzero()[:, 0]) for p in owners.unique()]
    return LinearProblem(system, n_places, n, tuple(parts), moment)


def _moment(pictures: Sequence[Tensor], moment: Tensor | None) -> Tensor:
    """The second moment that was given, or that of the responses in these pictures."""
    if moment is None:
        places = torch.cat([maps.flatten(1) for maps in pictures], 1)
        return places @ places.T / places.shape[1]
    unknowns = len(pictures[0])
    if moment.shape != (unknowns, unknowns) or not moment.isfinite().all():
        raise ValueError(
            f"`moment` must be {(unknowns, unknowns)} and finite for this context, got {tuple(moment.shape)}: make it "
            "with patch_moment for the same layer and context"
        )
    return exact(moment)


def missing(target: Target, weight: Float[Tensor, "..."] | None) -> Float[Tensor, "unit height width"]:
    """What must be added to the values to reach the goal, in float64; exactly 0 where they are the goal.

    Raises:
        ValueError: goal or values that are not finite.
    """
    with torch.no_grad():
        error = target.goal - target.present(weight)
    if not error.isfinite().all():
        raise ValueError("`targets` must have finite goals and values, got NaN or infinity: undo the last edit?")
    return exact(error)


def scale_of(
    error: Float[Tensor, "unit place"], counts: Float[Tensor, " place"]
) -> tuple[float, Float[Tensor, " unit"]]:
    """How many places count, and the mean error of each unit over them."""
    n = counts.sum()
    return float(n), (error.abs() * counts).sum(1) / n
