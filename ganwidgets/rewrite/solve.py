"""The edit that makes a target come true, found at once.

An edit is Λ D: the context D says for which keys the weight changes, Λ what each unit of each kernel tap then adds.
`solve` finds Λ. Keys come from the whole picture and places inside the pasted box count, so that the picture itself
changes as asked ("window"); changes elsewhere have a price, `smoothness`, in units of the mean square over a sample of
pictures. "map" counts every place, "crop" is the original's reading: the box cut out, as if the picture ended there.
Both mislead when taken alone: the first answers with almost no edit, the second with one that fits only the crop.

`solve_steps` gives least squares first, at once, and for least absolute errors one better solution after the other.
For plain and transposed convolutions these are closed forms (`solve_plain`), for modulated ones a few steps of a
descent with exact derivatives (`solve_modulated`).

Source: the problem is that of Bau et al. (2020), Rewriting a Deep Generative Model, which solves it by 2,001 steps of
projected descent (`descent`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.following import value_factors
from ganwidgets.rewrite.least_squares import SOLVES
from ganwidgets.rewrite.solve_modulated import ModulatedProblem, modulated_problem
from ganwidgets.rewrite.solve_plain import LinearProblem, Step, linear_problem
from ganwidgets.rewrite.target import Target

Problem = LinearProblem | ModulatedProblem

OBJECTIVES = ("window", "crop", "map")
NORMS = ("l2", "l1")

SMOOTHNESS = 0.3
"""λ to begin with: on the golden edits nearer the goal than the original's, with smaller side effects."""

FAINT = 0.5  # painted share of its fullest place below which an object is called so


@dataclass(frozen=True, eq=False)
class Solution:
    """An edit, and how well it does on its targets.

    Attributes:
        update: Λ.
        context: D, orthonormal rows.
        objective, norm, smoothness: what it is for; `norm` is "l2" also for the first steps towards "l1".
        loss_before, loss_after: mean absolute error of the values that count, without and with the edit.
        scaled_before, scaled_after: the same after the fixed scale or batch norm that follows; None if none does.
        change: root mean square change of a value at a place of the sample; None if smoothness is 0.
        n_places, n_unknowns: places that are to change, and unknowns of each unit.
        step, steps: number of this solution, and of the last one; some may be skipped.
        notes: what one should know about it, as sentences.
    """

    update: Float[Tensor, "unit rank kh kw"]
    context: Float[Tensor, "rank key_dim"]
    objective: str
    norm: str
    smoothness: float
    loss_before: float
    loss_after: float
    scaled_before: float | None
    scaled_after: float | None
    change: float | None
    n_places: int
    n_unknowns: int
    step: int
    steps: int
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        scaled = "" if self.scaled_after is None else f" ({self.scaled_before:.4g} → {self.scaled_after:.4g} scaled)"
        loss = f"loss {self.loss_before:.4g} → {self.loss_after:.4g}{scaled}"
        asked = f"{self.objective}, {self.norm}, λ {self.smoothness:g}"
        return " ".join([f"{loss}; rank {len(self.context)}, {self.n_places} places; {asked}.", *self.notes])


def solve(
    targets: Target | Sequence[Target],
    context: Float[Tensor, "rank key_dim"],
    *,
    objective: str = "window",
    norm: str = "l2",
    smoothness: float | int = SMOOTHNESS,
    moment: Float[Tensor, "*unit unknown unknown"] | None = None,
    preserve: Sequence[Target] = (),
    weight: Float[Tensor, "..."] | None = None,
    solves: int = SOLVES,
) -> Solution:
    """The best edit along a context.

    Args:
        targets: what places should become; of several pictures, all at once.
        context: directions of the keys whose values may change, orthonormal rows.
        objective: "window", "crop" or "map".
        norm: "l2" for squares, "l1" for absolute errors, as in the paper.
        smoothness: λ, the price of changes elsewhere; 0 is none, and then there must be as many places as unknowns.
        moment: from `patch_moment` over a sample; None takes the targets' own pictures.
        preserve: pictures, or parts of them, that must stay: from `keep_target`.
        weight: from which the edit starts, in the stored layout; None is the network's.
        solves: for "l1".

    Raises:
        ValueError: targets of different layers, a context of another size, too few places, options there are not,
            values or keys that are not finite.
    """
    options = (objective, norm, smoothness, moment, preserve, weight, solves)
    problem, finish = prepared(targets, context, *options)
    *_, last = problem.steps(norm, solves)
    return finish(last)


def solve_steps(
    targets: Target | Sequence[Target],
    context: Float[Tensor, "rank key_dim"],
    *,
    objective: str = "window",
    norm: str = "l2",
    smoothness: float | int = SMOOTHNESS,
    moment: Float[Tensor, "*unit unknown unknown"] | None = None,
    preserve: Sequence[Target] = (),
    weight: Float[Tensor, "..."] | None = None,
    solves: int = SOLVES,
) -> Iterator[Solution]:
    """Least squares at once, then better and better solutions; arguments as for `solve`.

    Stop when you like: each is whole, and no network is changed. With 512 units absolute errors take seconds from about
    50 unknowns of a unit on, and so do squares in a styled layer.
    """
    problem, finish = prepared(targets, context, objective, norm, smoothness, moment, preserve, weight, solves)
    return (finish(step) for step in problem.steps(norm, solves))


def prepared(
    targets: Target | Sequence[Target],
    context: Tensor,
    objective: str,
    norm: str,
    smoothness: float | int,
    moment: Tensor | None,
    preserve: Sequence[Target],
    weight: Tensor | None,
    solves: int,
) -> tuple[Problem, Callable[[Step], Solution]]:
    """The problem, and what makes a solution of its unknowns; arguments as for `solve`."""
    targets = [targets] if isinstance(targets, Target) else list(targets)
    _check_options(objective, norm, smoothness, solves)
    editable = checked_layer([*targets, *preserve], context)
    seen = as_seen(targets, objective)
    make = modulated_problem if editable.kind == "modulated" else linear_problem
    problem = make(seen, preserve, context, weight, float(smoothness), moment)
    _check_enough(problem, smoothness, len(context), editable)
    factors, shape = value_factors(editable), (editable.n_units, len(context), *editable.kernel)
    before = _losses(problem, torch.zeros(editable.n_units, problem.n_unknowns, dtype=torch.float64), factors)
    notes = _notes(editable, seen, smoothness, moment)

    def finish(found: Step) -> Solution:
        step, of, x = found
        after = _losses(problem, x, factors)
        return Solution(
            update=x.float().view(shape),
            context=context.detach().cpu(),
            objective=objective,
            norm=of,
            smoothness=float(smoothness),
            loss_before=before[0],
            loss_after=after[0],
            scaled_before=before[1],
            scaled_after=after[1],
            change=problem.change(x),
            n_places=problem.n_places,
            n_unknowns=problem.n_unknowns,
            step=step,
            steps=problem.last(norm, solves),
            notes=notes,
        )

    return problem, finish


def as_seen(targets: Sequence[Target], objective: str) -> list[Target]:
    """The targets as an objective looks at them: the box, the crop, or the whole map."""
    if objective == "window":
        return list(targets)
    return [target.cropped() if objective == "crop" else target.whole() for target in targets]


def checked_layer(targets: Sequence[Target], context: Tensor) -> EditableLayer:
    """The one layer that all targets are of.

    Raises:
        ValueError: none, several layers, or a context that is not one of this layer.
    """
    if not targets:
        raise ValueError("`targets` must hold at least one target: copy an object and paste it")
    editable = targets[0].editable
    others = [
        t.editable for t in targets if t.editable.network is not editable.network or t.editable.layer != editable.layer
    ]
    if others:
        raise ValueError(f"`targets` must be of one layer of one network, got {editable.name} and {others[0].name}")
    if context.ndim != 2 or not len(context) or context.shape[1] != editable.key_dim:
        raise ValueError(
            f"`context` must be (rank, {editable.key_dim}) for {editable.name}, got {tuple(context.shape)}: directions "
            "belong to one layer"
        )
    if not context.isfinite().all():
        raise ValueError("`context` must be finite, got NaN or infinity: compute it again, with damping")
    return editable


def _check_options(objective: str, norm: str, smoothness: float | int, solves: int) -> None:
    if objective not in OBJECTIVES:
        raise ValueError(f"`objective` must be one of {list(OBJECTIVES)}, got {objective!r}")
    if norm not in NORMS:
        raise ValueError(f"`norm` must be one of {list(NORMS)}, got {norm!r}")
    if not 0 <= smoothness < float("inf"):
        raise ValueError(f"`smoothness` must be 0 or more, got {smoothness}")
    if solves < 1:
        raise ValueError(f"`solves` must be at least 1, got {solves}")


def _check_enough(problem: Problem, smoothness: float | int, rank: int, editable: EditableLayer) -> None:
    """Refuse what any goal could be met with."""
    if problem.shortage is None or smoothness:
        return
    places, unknowns = problem.shortage
    phase = " that reach the same unknowns" if len(getattr(problem, "parts", ())) > 1 else ""
    raise ValueError(
        f"`smoothness` must be above 0 here: {places} places{phase} for {unknowns} unknowns of each unit (rank {rank}, "
        f"kernel {'×'.join(map(str, editable.kernel))}) would be met exactly by an edit that means nothing elsewhere. "
        "Lower the rank, add targets or preserved pictures, or give smoothness"
    )


def _losses(problem: Problem, x: Tensor, factors: Tensor | None) -> tuple[float, float | None]:
    """Mean absolute error at the places that are to change, and the same after the factor of each unit."""
    of_unit = problem.loss(x)
    return float(of_unit.mean()), None if factors is None else float((of_unit * factors).mean())


def _notes(
    editable: EditableLayer, seen: Sequence[Target], smoothness: float | int, moment: Tensor | None
) -> tuple[str, ...]:
    notes = []
    if editable.key_size == (1, 1):
        notes.append(
            f"{editable.name} has a single key, made of the latent: the edit acts on whole pictures, along a direction "
            "of latents."
        )
    faint = max((float(target.area.max()) for target in seen), default=0.0)
    if 0 < faint < FAINT:
        notes.append(f"The object is faint: at most {max(faint, 0.01):.0%} of a place of this layer is painted.")
    if smoothness and moment is None:
        notes.append("Changes elsewhere were weighed on the targets' own pictures only; give `moment` for a sample.")
    return tuple(notes)
