"""The session behind a rewriting workbench: places marked in pictures, and edits that make a rule of them.

Mark places (`mark`), look for more of them (`search`), and `apply`: the edit is found at once, put on the stack, and
the pictures on show follow; then it is refined in the background, until nothing is gained, its time is over or one
cancels. Everything a person does is a call that is in force when it returns, or a job that does not get lost; pictures
show the newest state. The network is never changed: `edited` is the one with the edits.

The parts: settings, the sample with its marks, files (`controller_settings`, `_sample`, `_files`), and here the edits.
"""

import time
from collections.abc import Callable, Iterator
from collections.abc import Generator as Steps
from dataclasses import replace
from itertools import count
from typing import Any

from traitlets import Dict, Instance, Int, Unicode

from ganwidgets.jobs import lock
from ganwidgets.models import Generator
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.context import RankTooHigh
from ganwidgets.rewrite.controller_files import FilesSession
from ganwidgets.rewrite.found import Course, Found, longer, refined, same
from ganwidgets.rewrite.refine import refine
from ganwidgets.rewrite.solve import Solution
from ganwidgets.rewrite.stack import EditStack
from ganwidgets.rewrite.trays import Trays
from ganwidgets.rewrite.workbench import Settings, Solved, Workbench
from ganwidgets.rewrite.workbench_sample import Edits
from ganwidgets.worker import Cancelled, Job, giving_way

SHOW_EVERY = 0.3  # [s] while an edit is refined
NEEDED = {
    "object": "`object` must be there to be pasted: mark something and copy it",
    "paste": "`paste` must say where the object goes: mark a place and paste there",
    "context": "`examples` must show what the rule is about: mark a place and add it to the context",
}

Progress = Callable[[float], None]


class RewriteController(FilesSession):
    """Rewrite rules of a generator; call `mark` and `apply`, and look at the outputs.

    Args:
        network: the generator.
        traits: first values; `layer` is by default the middle one of those that can be edited.
    """

    working = Unicode(read_only=True, help="What takes a while now; empty: nothing does.")
    failure = Unicode(read_only=True, help="Why what takes a while failed; empty: it did not. Part of `error`.")
    solution = Instance(
        Solution, allow_none=True, read_only=True, help="How the top edit was found; None: it comes from elsewhere."
    )
    course = Dict(
        read_only=True,
        help="Of its refinement: `cost` of each step, and errors in the `picture` and of the `values`; no edit has 1.",
    )
    spanned = Int(0, read_only=True, help="Highest rank there is, where a rule failed as its rank is above; else 0.")

    def __init__(self, network: Generator, **traits: Any) -> None:
        self._stack, self._requests, self._applied, self._newest = EditStack(), count(), count(1), ""
        self._known: dict[str, tuple[Solution, Course]] = {}  # of edits that were solved for here, by uid
        self._failed = ("paste", "")  # what was asked for, and its name, when the rank was too high
        super().__init__(network, **traits)

    def apply(self, name: str = "", *, lower_rank: bool = False, wait: bool = False) -> Job:
        """Make a rule of what was marked: copy the object to where it is pasted, wherever the context holds.

        Args:
            name: of the edit.
            lower_rank: take the highest rank that the examples span, where more is asked for.
            wait: come back when it has ended.

        Raises:
            ValueError: something needed is not marked.
        """
        return self._solve("paste", name, lower_rank, wait)

    def erase(self, name: str = "", *, lower_rank: bool = False, wait: bool = False) -> Job:
        """Take out what the examples' outstanding units do there; arguments as for `apply`."""
        return self._solve("erase", name, lower_rank, wait)

    def zero(self, name: str = "", *, lower_rank: bool = False, wait: bool = False) -> Job:
        """Make the context have no effect; arguments as for `apply`."""
        return self._solve("zero", name, lower_rank, wait)

    def lower_rank(self, *, wait: bool = False) -> Job:
        """Ask again for the rule that failed, with a rank that the examples span.

        Raises:
            ValueError: no rule failed for its rank, or something needed is not marked any more.
        """
        if not self.spanned:
            raise ValueError("No rule failed as its rank is too high.")
        what, name = self._failed
        return self._solve(what, name, True, wait)

    def missing(self, what: str = "paste") -> str:
        """What must be marked before this ("paste", "erase" or "zero") can be done; "" if nothing is missing."""
        trays = self.trays
        needed = {"object": trays.object, "paste": trays.paste} if what == "paste" else {"context": trays.context}
        return next((NEEDED[part] for part, there in needed.items() if not there), "")

    def rename(self, which: int | str, name: str) -> None:
        """Give an edit another name. Raises `ValueError` for no name, or if there is no such edit."""
        self._change(lambda stack: stack.rename(which, name))

    def clear_edits(self) -> None:
        """Remove all edits; can be undone."""
        self._change(EditStack.clear)

    def edit(self, which: int | str) -> LowRankEdit:
        """An edit by its number or uid. Raises `ValueError` if there is no such edit."""
        return self._stack[which]

    @property
    def newest(self) -> str:
        """Which request for a rule is the newest: another value says that another rule was asked for."""
        return self._newest

    def stands(self, edit: LowRankEdit) -> bool:
        """Whether there is still this edit: one of its uid with its Λ, at whatever strength, under whatever name."""
        return any(same(there, edit) for there in self._stack.edits)

    def better(self, edit: LowRankEdit, *, than: LowRankEdit, step: bool) -> bool:
        """Put a better edit in the place of another, whose name and place in the order stay; false if it went.

        Args:
            edit: the better one.
            than: the other, as it was put there; of the same uid.
            step: as a step that can be undone, with the strength that `edit` has; or as if it had been so from the
                start, at every strength it ever had.
        """
        with lock:
            if not self.stands(than):
                return False
            if step:
                change = {"update": edit.update, "details": edit.details, "strength": edit.strength}
                self._set_stack(self._stack.change(edit.uid, lambda old: replace(old, **change)))
            else:
                change = {"update": edit.update, "details": edit.details}
                swap = lambda old: replace(old, **change) if same(old, than) else old  # noqa: E731
                self._set_stack(self._stack.exchanged(swap))
            self.update()
            return True

    def submit(self, *args: Any, **options: Any) -> Job:
        job = super().submit(*args, **options)
        self._tell_working()
        return job

    def _ended(self, job: Job) -> None:
        with lock:  # who waits for the end comes back when all of this is said
            if isinstance(job.exception, RankTooHigh) and job.kind == self._newest:
                self._write(spanned=job.exception.spanned)
            super()._ended(job)
            self._tell_working()

    def _tell_working(self) -> None:
        with lock:
            kinds = {job.kind.partition(" ")[0] for job in self._jobs.values()} - {"picture"}
            failed = [text for kind, text in self._errors.items() if kind not in ("input", "picture")]
            self._write(working=next(iter(sorted(kinds)), ""), failure=" ".join(failed))

    # How a rule is found

    def _solve(self, what: str, name: str, lower_rank: bool, wait: bool) -> Job:
        with lock:
            self._write(spanned=0)
            self._errors = {kind: text for kind, text in self._errors.items() if not kind.startswith("apply ")}
            self.refuse("")
            if missing := self.missing(what):
                raise ValueError(missing)
            # All as it is when it is asked for: the job may begin much later.
            bench, trays, settings = self._bench, self.trays, self._settings
            goes_on, seconds = self.refining and what != "zero", self.refine_seconds
            self._failed = (what, name)
            name = name or f"{what} {next(self._applied)}, {settings.layer}"
            # A request of its own kind: clicking twice makes two edits, the second on top of the first.
            self._newest = kind = f"apply {next(self._requests)}"

        def work(progress: Progress) -> Iterator[dict[str, Any] | None]:
            tell = giving_way(progress)
            asked = {"lower_rank": lower_rank, "progress": tell, "name": name}
            solved = yield from self._solving(bench, what, (trays, settings, self.edits), asked)
            if goes_on and solved is not None:
                yield from self._refining(solved, kind, seconds, tell)

        return self.submit(work, self._publish, kind=kind, background=not wait)

    def _solving(
        self, bench: Workbench, what: str, given: tuple[Trays, Settings, Edits], asked: dict[str, Any]
    ) -> Steps[Found | None, None, Solved | None]:
        """The edit as soon as there is one, then better ones; returns the last, if it can be refined."""
        solved, shown, told = None, None, 0.0
        if what == "zero":
            edit = yield from bench.zeroed(*given, **asked)
            yield Found(edit, lowered=asked["lower_rank"])
            return None
        for found in bench.solving(*given, what=what, **asked):
            solved = found or solved
            if shown is not None and not self.stands(shown.edit):
                return None  # taken back already
            if found is None or (shown and time.monotonic() - told < SHOW_EVERY):  # a picture takes longer than a solve
                yield None
            else:
                yield Found(found.edit, shown and shown.edit, found.solution, lowered=asked["lower_rank"])
                shown, told = found, time.monotonic()
        if solved is not shown:
            yield Found(solved.edit, shown.edit, solved.solution)
        return solved

    def _refining(self, solved: Solved, kind: str, seconds: float, progress: Progress) -> Iterator[Found | None]:
        """Better edits, for so long as they are wanted; the best so far when cancelled."""
        course: Course = {}
        began = time.monotonic()
        told, found, shown, over = began, None, solved.edit, False
        try:
            for found in refine(list(solved.targets), solved.solution, **solved.options):
                now = time.monotonic()
                over = now - began > seconds
                if over or self._newest != kind or not self.stands(shown):
                    break
                course = longer(course, found)
                progress(max(found.step / max(1, found.steps), (now - began) / seconds))
                if now - told > SHOW_EVERY:
                    told = now
                    better = refined(solved, found, shown, course)
                    yield better
                    shown = better.edit
                else:
                    yield None
        except Cancelled:
            if found is None:
                raise
        if found is not None:
            yield refined(solved, found, shown, course, f"Refining ended after {seconds:g} s." if over else "")

    def _publish(self, found: Found) -> None:
        """Put an edit on top, or a better one in the place of the one before, if that is still there."""
        edit = found.edit
        if found.instead is not None and not self.stands(found.instead):
            return
        if found.solution is not None:
            self._known[edit.uid] = found.solution, found.course
        if found.instead is not None:
            self.better(edit, than=found.instead, step=False)
            return
        if found.lowered and edit.layer == self.layer and edit.rank < self.rank:
            self.rank = edit.rank
        self._set_stack(self._stack.push(edit))
        self.update()

    def _set_stack(self, stack: EditStack) -> None:
        """The stack, and what is known of the edit on top of it."""
        super()._set_stack(stack)
        there = {edit.uid for step in (*stack.past, stack.entries, *stack.future) for edit in step}
        self._known = {uid: known for uid, known in self._known.items() if uid in there}
        top = stack.edits[-1] if stack.edits else None
        solution, course = self._known.get(top.uid, (None, {})) if top else (None, {})
        if solution is not None and not top.update.equal(solution.update):
            solution, course = None, {}  # it became another one, as by generalising
        self._write(solution=solution, course=course)
