"""The session behind a rule: an edit that fits what was marked goes on over pictures that nobody marked.

The network draws new pictures, the segmenter says where the source is in them, and `generalise` makes the edit better
there, within a limit on what else changes. It is one change of the edit, which can be undone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from traitlets import Bunch, Dict, Float, Instance, Int, TraitError, Unicode, validate

from ganwidgets.jobs import Controller
from ganwidgets.models import Generator
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import FOUND, active_edits, apply
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.controller_settings import positive_seconds, unused_seed
from ganwidgets.rewrite.editable import editable_layer
from ganwidgets.rewrite.generalise import LIMIT, STEPS, Generalisation, RuleSample, generalise, rule_sample
from ganwidgets.segment import Segmenter
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Cancelled, Job, giving_way

NEEDS_SCORES = "A segmenter with scores is needed, to go downhill in them: panel(network, segmenter=…)"
SHOW_EVERY = 1.5  # [s]; a grid costs as much as some steps
SECONDS = 60.0
FEWEST, TRIALS = 20, 2  # steps; of those that are taken to see how long one lasts
SAMPLING = 0.2  # of the progress: drawing and segmenting

NOT_ITS_OWN = {*FOUND, "notes", "refined", "measure", "error"}  # details of an edit before it is generalised

Course = dict[str, tuple[float, ...]]


class RuleController(Controller):
    """Makes a rule of an edit, on pictures in which a segmenter finds what was to change.

    Args:
        session: whose edit it is.
        segmenter: names the pixels, and has `scores`; without one there is nothing to go by.
        traits: first values.
    """

    source = Unicode(help="Concept that is to change.")
    target = Unicode(help="What it is to become; empty: anything else.")
    limit = Float(LIMIT, help="Share of the pixels outside that may change visibly.")
    n = Int(256, help="Number of pictures to learn from.")
    seed = Int(2001, help="Of their latents; the next one, if it is the sample's.")
    seconds = Float(SECONDS, help="About how long it may take; as many steps are taken as fit.")
    course = Dict(
        read_only=True,
        help="`wanted`: cost of what is wanted, and `outside`: share of the pixels that changed, in each step so far.",
    )
    sample = Instance(RuleSample, allow_none=True, read_only=True, help="Pictures of the latest run.")
    step = Instance(Generalisation, allow_none=True, read_only=True, help="The last one of the latest run.")

    def __init__(self, session: RewriteController, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.session, self.segmenter = session, segmenter
        super().__init__(**traits)
        if segmenter is not None and not self.source:
            self.source = segmenter.concepts[0]

    def generalise(self, which: int | str | None = None, *, steps: int | None = None, wait: bool = False) -> Job:
        """Go on from an edit in force, on top of the others; its strength becomes 1.

        Args:
            which: number or uid of the edit; None is the newest in force.
            steps: how many; None takes as many as fit into `seconds`.
            wait: come back when it has ended.

        Raises:
            ValueError: no segmenter with scores, no such edit, or one that is not in force.
        """
        self.refuse("")
        if missing := self.missing():
            raise ValueError(missing)
        uid, session = self._edit(which).uid, self.session
        others = tuple(one for one in active_edits(session.edits) if one.uid != uid)
        seed = unused_seed(self.seed, {session.seed})
        original = session.network
        z = original.sample_z(self.n, seed, session.truncation)
        asked = {"source": self.source, "target": self.target or None}
        about = asked | {"limit": self.limit, "n": self.n, "seed": seed}
        given = (about, self.seconds, steps, session.newest)

        def work(progress: Callable[[float], None]) -> Iterator[dict[str, Any] | None]:
            tell, began = giving_way(progress), time.monotonic()
            edit = self._edit(uid)  # as it is now: a refinement may have gone on until here
            network = apply(original, others)
            told = lambda share: tell(SAMPLING * share)  # noqa: E731
            sample = rule_sample(network, z, self.segmenter, **asked, progress=told)
            yield {"sample": sample, "course": {}, "step": None}
            yield from self._going_on(edit, network, sample, began, *given, tell)

        return self.submit(work, self._publish, kind="rule", background=not wait)

    def missing(self) -> str:
        """Why nothing can be generalised now; "" if it can."""
        if not callable(getattr(self.segmenter, "scores", None)):
            return NEEDS_SCORES
        return "" if active_edits(self.session.edits) else "There is no edit to go on from: apply one first."

    def close(self) -> None:
        super().close()
        self._write(sample=None)

    def _edit(self, which: int | str | None) -> LowRankEdit:
        if which is None:
            return active_edits(self.session.edits)[-1]
        edit = self.session.edit(which)
        if not edit.active:
            raise ValueError(f"`which` must be an edit in force, but {edit.name!r} is muted or of strength 0")
        return edit

    def _going_on(
        self,
        edit: LowRankEdit,
        network: Generator,
        sample: RuleSample,
        began: float,
        about: dict[str, Any],
        seconds: float,
        steps: int | None,
        newest: str,
        progress: Callable[[float], None],
    ) -> Iterator[dict[str, Any] | None]:
        """Better edits, for so long as they are wanted; the last one when cancelled."""
        limit = about["limit"]
        editable, start = editable_layer(network, edit.layer), edit.update * edit.strength
        go = lambda steps: _with_slopes(generalise(editable, start, edit.context, sample, limit=limit, steps=steps))  # noqa: E731
        steps = steps or _affordable(go, seconds - (time.monotonic() - began))
        course: Course = {"wanted": (), "outside": ()}
        details = _details(edit, about)
        step, told, shown = None, time.monotonic(), edit
        try:
            for step in go(steps):
                course = {name: (*course[name], getattr(step, name)) for name in course}
                progress(SAMPLING + (1 - SAMPLING) * step.step / steps)
                if self.session.newest != newest or not self.session.stands(shown):
                    return  # another rule was asked for, or the edit taken back
                if time.monotonic() - told > SHOW_EVERY and step.step < steps:
                    told = time.monotonic()
                    better = replace(edit, update=step.update, strength=1.0, details=details | {"steps": step.step})
                    yield {"edit": better, "than": shown, "first": shown is edit, "course": course, "step": step}
                    shown = better
                else:
                    yield None
        except Cancelled:
            if step is None:
                raise
        if step is not None and self.session.stands(shown):
            better = replace(edit, update=step.update, strength=1.0, details=details | {"steps": step.step})
            yield {"edit": better, "than": shown, "first": shown is edit, "course": course, "step": step}

    def _publish(self, values: dict[str, Any]) -> None:
        if "edit" in values:
            self.session.better(values.pop("edit"), than=values.pop("than"), step=values.pop("first"))
        self._write(**values)

    @validate("limit")
    def _check_limit(self, proposal: Bunch) -> float:
        if not 0 < proposal["value"] <= 1:
            raise TraitError(f"`limit` must be a share above 0 and at most 1, got {proposal['value']}.")
        return proposal["value"]

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 1, 10_000)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)

    @validate("seconds")
    def _check_seconds(self, proposal: Bunch) -> float:
        return positive_seconds(proposal)


def _details(edit: LowRankEdit, about: dict[str, Any]) -> dict[str, Any]:
    """What the edit that goes on remembers: the numbers of the one it begins with are no longer its own."""
    earlier = {part: value for part, value in edit.details.items() if part in NOT_ITS_OWN}
    kept = {part: value for part, value in edit.details.items() if part not in earlier}
    return kept | ({"solved": earlier} if earlier else {}) | {"generalised": about}


def _with_slopes(steps: Iterator[Generalisation]) -> Iterator[Generalisation]:
    """The same steps, where gradients are switched off: jobs run without."""
    while True:
        with torch.enable_grad():
            step = next(steps, None)
        if step is None:
            return
        yield step


def _affordable(go: Callable[[int], Iterator[Generalisation]], seconds: float) -> int:
    """How many steps fit into a time: their length falls along the way, so the end must be known at the beginning."""
    each = []
    for _ in range(TRIALS):
        began = time.monotonic()
        next(go(1))
        each.append(time.monotonic() - began)
    return min(STEPS, max(FEWEST, int((seconds - sum(each)) / max(min(each), 1e-3))))
