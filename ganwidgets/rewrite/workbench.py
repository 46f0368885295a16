"""What a session of rewriting works on: a sample of pictures, what was marked in them, and networks with edits.

`Settings` say how to solve. `Workbench` brings them and the `Trays` of a person to an edit, on top of the edits in
force; `SampleBench` draws the sample with any edits. The network is never changed.

Slow steps are generators: they give None after every batch, so that what a person does meanwhile comes between, and
return their answer (`answer = yield from …`).
"""

from collections.abc import Generator as Steps
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import edit_from, solution_details, stale
from ganwidgets.rewrite.context import RankTooHigh, context_directions, singular_note
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.erase import erased_units, target_without, zero
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.keys import KeyStatistics
from ganwidgets.rewrite.moment import patch_moment
from ganwidgets.rewrite.solve import SMOOTHNESS, Solution, solve_steps
from ganwidgets.rewrite.target import Target, copy_object, keep_target, paste_target
from ganwidgets.rewrite.trays import Trays
from ganwidgets.rewrite.workbench_sample import Edits, Progress, SampleBench

KNOWN, MARKED, WEIGHED = 0.4, 0.5, 0.9  # of the progress: statistics, what was marked, changes elsewhere; then solving


@dataclass(frozen=True)
class Settings:
    """How an edit is solved for; see `context_directions` and `solve`."""

    layer: str
    rank: int = 1
    smoothness: float = SMOOTHNESS
    norm: str = "l1"
    objective: str = "window"
    method: str = "zca"
    damping: float = 0.0


@dataclass(frozen=True, eq=False)
class Solved:
    """An edit on its way: the solution, the edit it makes, and what a refinement needs to go on.

    Attributes:
        solution: with all notes.
        edit: that it makes.
        targets, options: of the solution.
        notes: those that a solution of the same targets does not say itself.
    """

    solution: Solution
    edit: LowRankEdit
    targets: tuple[Target, ...]
    options: dict[str, Any]
    notes: tuple[str, ...] = ()


class Workbench(SampleBench):
    """A network and a sample of its pictures, on which rules are rewritten; made like a `SampleBench`."""

    def context(
        self,
        trays: Trays,
        settings: Settings,
        edits: Edits,
        statistics: KeyStatistics,
        *,
        lower_rank: bool = False,
        progress: Progress = lambda fraction: None,
    ) -> Tensor:
        """Directions of the keys at the examples.

        Args:
            trays: what was marked.
            settings: which directions.
            edits: that are there.
            statistics: of the keys.
            lower_rank: take the highest rank that the examples span, where more is asked for.
            progress: called with the share that is done.

        Raises:
            ValueError: nothing marked, or a rank above what the examples span.
        """
        if not trays.context:
            raise ValueError("`examples` must show what the rule is about: mark a place and add it to the context")
        below = stale(edits, self.editable(settings.layer), self.network)
        editable = self.editable(settings.layer, below)
        how = {"method": settings.method, "damping": settings.damping, "warn": False, "progress": progress}
        given = (editable, trays.context, self.z, statistics)
        progress(0.0)
        try:
            return context_directions(*given, settings.rank, **how)
        except RankTooHigh as error:
            if not lower_rank:
                raise
            return context_directions(*given, error.spanned, **how)

    def solving(
        self,
        trays: Trays,
        settings: Settings,
        edits: Edits,
        *,
        what: str = "paste",
        lower_rank: bool = False,
        progress: Progress,
        name: str = "",
    ) -> Iterator[Solved | None]:
        """The edit that was asked for, on top of those there, and for absolute errors better and better ones.

        Args:
            trays: what was marked.
            settings: how to solve.
            edits: that are there.
            what: "paste" the object, or "erase" what units do in the examples.
            lower_rank: take the highest rank that the examples span, where more is asked for.
            progress: called with the share that is done, before anything is given; what it raises stops it.
            name: of the edit.

        Raises:
            ValueError: something needed was not marked, or as `solve` says.
        """
        statistics = yield from self.statistics(settings.layer, edits, _part(progress, 0.0, KNOWN))
        looked = _part(progress, KNOWN, MARKED)
        context = self.context(trays, settings, edits, statistics, lower_rank=lower_rank, progress=looked)
        editable = self.editable(settings.layer, edits)
        make = self._pasted if what == "paste" else self._erased
        targets = make(trays, editable, statistics, looked)
        kept = [keep_target(editable, self._latent(place), place.region) for place in _told(trays.preserve, looked)]
        looked(1.0)
        states = yield from self.sampled(settings.layer, edits)
        moment = patch_moment(editable, states, context, progress=_part(progress, MARKED, WEIGHED))
        options = {"moment": moment, "preserve": kept}
        asked = {part: getattr(settings, part) for part in ("objective", "norm", "smoothness")}
        about, notes = self._about(trays, settings, what), self._notes(settings, statistics)
        edit, solved = None, _part(progress, WEIGHED, 1.0)
        for solution in solve_steps(targets, context, **asked, **options):
            solved(solution.step / max(1, solution.steps))
            solution = replace(solution, notes=(*solution.notes, *notes))
            if edit is None:
                edit = edit_from(solution, editable, name=name, details=about, original=self.network)
            else:
                edit = replace(edit, update=solution.update, details={**edit.details, **solution_details(solution)})
            yield Solved(solution, edit, tuple(targets), options, notes)

    def zeroed(
        self,
        trays: Trays,
        settings: Settings,
        edits: Edits,
        *,
        lower_rank: bool = False,
        progress: Progress,
        name: str = "",
    ) -> Steps[None, None, LowRankEdit]:
        """The edit after which the context has no effect; arguments as for `solving`."""
        statistics = yield from self.statistics(settings.layer, edits, _part(progress, 0.0, WEIGHED))
        looked = _part(progress, WEIGHED, 1.0)
        context = self.context(trays, settings, edits, statistics, lower_rank=lower_rank, progress=looked)
        edit = zero(self.editable(settings.layer, edits), context, name=name, original=self.network)
        progress(1.0)
        about = self._about(trays, settings, "zero") | {"notes": list(self._notes(settings, statistics))}
        return replace(edit, details={**edit.details, **about})

    def _pasted(
        self, trays: Trays, editable: EditableLayer, statistics: KeyStatistics, progress: Progress
    ) -> list[Target]:
        if not trays.object:
            raise ValueError("`object` must be there to be pasted: mark something and copy it")
        if not trays.paste:
            raise ValueError("`paste` must say where the object goes: mark a place and paste there")
        source = trays.object[0]
        copied = copy_object(editable, self._latent(source), source.region)
        places = _told(trays.paste, progress)
        return [paste_target(editable, self._latent(place), copied, place.region) for place in places]

    def _erased(
        self, trays: Trays, editable: EditableLayer, statistics: KeyStatistics, progress: Progress
    ) -> list[Target]:
        units = erased_units(editable, trays.context, self.z, statistics)
        places = _told(trays.paste or trays.context, progress)
        return [target_without(editable, place, self.z, units) for place in places]

    def _latent(self, place: Example) -> Tensor:
        if place.image >= len(self.z):
            raise ValueError(
                f"a marked place is of picture {place.image}, but the sample holds {len(self.z)}: sample at least "
                f"{place.image + 1}"
            )
        return self.z[place.image : place.image + 1]

    def _about(self, trays: Trays, settings: Settings, what: str) -> dict[str, Any]:
        """How the edit came about, as plain values: the sample, and what was marked in it."""
        sample = {"seed": self.seed, "n_sample": len(self.z), "truncation": self.truncation}
        if getattr(self.network, "label", None) is not None:
            sample["class"] = self.network.classes[self.network.label]
        asked = {"method": settings.method, "damping": settings.damping}
        return {"what": what, **asked, **sample, "request": trays.request().as_dict()}

    def _notes(self, settings: Settings, statistics: KeyStatistics) -> tuple[str, ...]:
        """What one should know of how the context was found."""
        return tuple(filter(None, [singular_note(statistics, settings.method, settings.damping)]))


def _part(progress: Progress, start: float, end: float) -> Progress:
    """A progress callback for a part of the work."""
    return lambda share: progress(start + (end - start) * share)


def _told(places: Sequence[Example], progress: Progress) -> Iterator[Example]:
    """The places one by one, with the progress told before each: a picture may take long."""
    for number, place in enumerate(places):
        progress(number / len(places))
        yield place
