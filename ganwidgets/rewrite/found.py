"""An edit on its way to a session: as it was solved for, and better and better while it is refined."""

import math
from dataclasses import dataclass, field, replace

from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import solution_details
from ganwidgets.rewrite.refine import Refinement
from ganwidgets.rewrite.solve import Solution
from ganwidgets.rewrite.workbench import Solved

Course = dict[str, tuple[float, ...]]
"""Of a refinement: `cost` of each step, and errors in the `picture` and of the `values`; no edit has 1."""


@dataclass(frozen=True, eq=False)
class Found:
    """An edit that was found, or a better one.

    Attributes:
        edit: it.
        instead: the one before it, in whose place it comes; None puts it on top of the others.
        solution, course: how it was found and refined, if it was.
        lowered: whether the session's rank becomes that of the edit, if it is higher.
    """

    edit: LowRankEdit
    instead: LowRankEdit | None = None
    solution: Solution | None = None
    course: Course = field(default_factory=dict)
    lowered: bool = False


def longer(course: Course, found: Refinement) -> Course:
    """With one step more."""
    of = found.solution
    now = {"cost": found.cost, "picture": found.error, "values": of.loss_after / (of.loss_before or 1.0)}
    return {name: (*course.get(name, ()), float(value)) for name, value in now.items()}


def refined(solved: Solved, step: Refinement, shown: LowRankEdit, course: Course, note: str = "") -> Found:
    """What there is to publish of a step; the edit remembers how far it came."""
    notes = dict.fromkeys((*step.solution.notes, *solved.notes, note))
    solution = replace(step.solution, notes=tuple(filter(None, notes)))
    how = {"refined": step.step, "measure": "picture", "error": step.error if math.isfinite(step.error) else None}
    details = {**solved.edit.details, **solution_details(solution), **how}
    return Found(replace(solved.edit, update=solution.update, details=details), shown, solution, course)


def same(one: LowRankEdit, other: LowRankEdit) -> bool:
    """Whether two edits are one, at any strength, under any name, and none was made better."""
    return one.uid == other.uid and one.update.dtype == other.update.dtype and one.update.equal(other.update)
