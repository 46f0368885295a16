"""How an edit was found, and how it became a rule: lines of a curve, and sentences with their numbers.

Pure functions of what the sessions say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

DOING = {"apply": "finding the edit", "search": "searching the sample"}
PLACES = {"window": "in the pasted box", "map": "of the whole picture", "crop": "in the box, cut out"}
NORMS = {"l1": "absolute errors", "l2": "squares"}
LINES = {"picture": "error in the picture", "values": "error of the layer's values", "cost": "cost: picture and λ"}
APART = "The values went away from the goal while the picture came nearer: what follows the layer hides some errors."
MOST_WORDS = 1000  # letters
WINDOW = 10  # steps over whose mean a rule's course is drawn, as each sees other pictures

Course = Mapping[str, Sequence[float]]


def run_note(working: str, failure: str, solution: Any, course: Course, n_edits: int, missing: str) -> str:
    """A few words beside the progress."""
    if working:
        refining = working == "apply" and bool(course)
        return "refining the edit" if refining else DOING.get(working, working)
    if missing:
        return missing.partition(": ")[2]
    if failure or solution is None or not n_edits:
        return ""
    return _errors(solution, course)


def course_lines(course: Course) -> list[dict[str, Any]]:
    """The course of a refinement, step by step; no edit has 1."""
    return [
        {"name": label, "x": list(range(1, len(course[name]) + 1)), "y": list(course[name])}
        for name, label in LINES.items()
        if course.get(name)
    ]


def solution_words(solution: Any, course: Course, edit: Any = None) -> tuple[str, str, str]:
    """What is known about the edit on top: a title and a note, or a message where there is no curve."""
    if solution is None:
        return "", "", "How the newest edit was found shows here: press Apply." if edit is None else _elsewhere(edit)
    sentences = [_found(solution), *_refined(course), *solution.notes]
    if not course:
        return "", "", " ".join(sentences)
    return _errors(solution, course).capitalize(), " ".join(sentences), ""


def rule_lines(course: Course, limit: float) -> list[dict[str, Any]]:
    """The course of generalising: what is wanted relative to the start, what else changes relative to the limit."""
    wanted, outside = _means(course.get("wanted", ())), _means(course.get("outside", ()))
    if not wanted or not wanted[0]:
        return []
    steps = list(range(1, len(wanted) + 1))
    return [
        {"name": "what is wanted: cost, start = 1", "x": steps, "y": [cost / wanted[0] for cost in wanted]},
        {"name": "elsewhere: pixels, limit = 1", "x": steps, "y": [share / limit for share in outside]},
    ]


def rule_words(course: Course, sample: Any, step: Any, missing: str) -> tuple[str, str]:
    """A note below the curve, or a message in its place."""
    if sample is None or step is None or not course.get("wanted"):
        what = missing or (
            "Generalise goes on from the newest edit over pictures nobody marked, until the rule holds in as many as "
            "the limit on what else changes allows. It is one step to undo."
        )
        return "", what
    goal = f"{sample.source} → {sample.target or 'anything else'}"
    outside = _means(course["outside"])[-1]
    return (
        f"{goal}: step {step.step} of {step.steps}, on {len(sample.z):,} pictures, {len(sample.has):,} with it. "
        f"Lately {outside:.1%} of the pixels elsewhere changed visibly. Whether it is a rule the report says.",
        "",
    )


def rule_note(status: str, sample: Any, step: Any) -> str:
    """A few words beside the progress."""
    if status == "running":
        return "making pictures to learn from" if step is None else f"step {step.step} of {step.steps}"
    return "" if step is None else f"{step.step} steps, {len(sample.z) if sample else 0:,} pictures"


def _elsewhere(edit: Any) -> str:
    """About an edit that was not solved for here; its details may be of somebody else's file."""
    what, notes = edit.details.get("what"), edit.details.get("notes")
    if "generalised" in edit.details:
        said = "goes on from what was marked, over pictures nobody marked: a report says how far it holds."
    elif what == "zero":
        said = "lets the context have no effect: there is nothing to solve for."
    else:
        said = "was not found in this session."
    more = [note for note in notes if isinstance(note, str)] if isinstance(notes, list) else []
    return " ".join([f"“{edit.name}” {said}", *more])[:MOST_WORDS]


def _found(solution: Any) -> str:
    places, rank = solution.n_places, len(solution.context)
    gone = _share(solution)
    change = "" if solution.change is None else f" In other pictures a value changes by {solution.change:.3g}."
    return (
        f"At {places} places {PLACES.get(solution.objective, '')} the values were {solution.loss_before:.3g} from the "
        f"goal, now {solution.loss_after:.3g} ({gone:.0%} of it gone).{change} "
        f"Solved for {NORMS.get(solution.norm, solution.norm)}, rank {rank}, λ {solution.smoothness:g}."
    )


def _refined(course: Course) -> list[str]:
    if not course:
        return []
    picture, values = course["picture"], course["values"]
    steps = len(picture)
    words = [
        f"Refined for {steps} step{'' if steps == 1 else 's'}, of what there is without an edit: error in the picture "
        f"{picture[0]:.0%} → {picture[-1]:.0%}, of the values {values[0]:.0%} → {values[-1]:.0%}."
    ]
    return [*words, APART] if values[-1] > values[0] and picture[-1] < picture[0] else words


def _errors(solution: Any, course: Course) -> str:
    """How the errors differ from those without an edit."""
    values = -_share(solution)
    if not course.get("picture"):
        return f"error of the values {_signed(values)}"
    return f"error of the picture {_signed(course['picture'][-1] - 1)}, of the values {_signed(values)}"


def _signed(share: float) -> str:
    return f"{share:+.0%}".replace("-", "−")


def _share(solution: Any) -> float:
    return 1 - solution.loss_after / solution.loss_before if solution.loss_before else 0.0


def _means(values: Sequence[float]) -> list[float]:
    parts = (values[max(0, at - WINDOW) : at] for at in range(1, len(values) + 1))
    return [sum(part) / len(part) for part in parts]
