"""What happens to a photo once it is found: it is judged in the background, and the generator is adapted to it."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from traitlets import Bool, Bunch, Enum, Int, validate

from ganwidgets.invert.adapt import Adapting, adapting
from ganwidgets.invert.controller import InvertController
from ganwidgets.invert.engine import SHOW_EVERY
from ganwidgets.invert.losses import label
from ganwidgets.invert.strategies import STRATEGIES
from ganwidgets.invert.verdict import Judging, N, judging, not_begun
from ganwidgets.jobs import Cancelled, Controller, lock
from ganwidgets.results.adaptation import FORMS, Adaptation
from ganwidgets.results.inversion import Inversion
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Job

MOST_STEPS = 100_000


class _Frame(NamedTuple):
    """Where an adaptation is, its curve so far, and, at the end, what was found."""

    now: Adapting
    curve: np.ndarray
    made: Adaptation | None


class AdaptController(Controller):
    """Adapts the generator to the photo of a session, once; what it has found stays when it is stopped.

    Args:
        session: whose photo it is.
        traits: first values.
    """

    form = Enum(FORMS, "weights+maps", help="What is adapted: late weights, maps that multiply late layers, or both.")
    steps = Int(0, help="Of each part; 0: as many as usual.")

    def __init__(self, session: InvertController, **traits: Any) -> None:
        self.session, self._about = session, None  # the inversion that is adapted
        super().__init__(**traits)
        session.observe(self._follow, "inversion")

    def run(self, *, wait: bool = False) -> Job:
        """Adapt it.

        Raises:
            ValueError: there is no inversion.
        """
        self.refuse("")
        if missing := self.missing():
            raise ValueError(missing)
        self._about = inversion = self.session.inversion
        options = {"form": self.form, "steps": self.steps or None}
        publish = partial(self._found, inversion)
        return self.submit(partial(self._adapt, inversion, options), publish, kind="adapt", background=not wait)

    def take_off(self) -> None:
        """Leave the adaptation out again."""
        if self.session.inversion is not None:
            with lock:
                self._about = None  # one that runs is not wanted any more, not even what it has found
                self.cancel()
                self.session.adapted(None, self.session.inversion)

    def missing(self) -> str:
        """Why nothing can be adapted now; "" if it can."""
        return "" if self.session.inversion is not None else "Find a photo first."

    def _adapt(
        self, inversion: Inversion, options: dict[str, Any], progress: Callable[[float], None]
    ) -> Iterator[_Frame | None]:
        now, curve, shown = None, [], 0.0
        try:
            for now in adapting(self.session.found_in, inversion, **options):
                curve.append((now.step, now.loss, now.psnr))
                if now.stopped:
                    break
                fresh = time.monotonic() - shown >= SHOW_EVERY
                shown = time.monotonic() if fresh else shown
                yield _Frame(now, np.array(curve), None) if fresh else None
                progress(now.step / max(1, now.total))
        except Cancelled:
            if now is None:
                raise
        return _Frame(now, np.array(curve), now.adaptation)

    def _found(self, about: Inversion, frame: _Frame) -> None:
        if about is not self._about:
            return
        if frame.made is not None:
            self.session.adapted(frame.made, about)
        else:
            self.session.show_adapting(frame.now, frame.curve)

    def _follow(self, change: Bunch) -> None:
        """Another photo, or another search: an adaptation of the last one is of no use."""
        if self._about is not None and (change.new is None or change.new.latent is not self._about.latent):
            self._about = None
            self.cancel()

    @validate("steps")
    def _check_steps(self, proposal: Bunch) -> int:
        return whole_in_range("steps", proposal["value"], 0, MOST_STEPS)


class VerdictController(Controller):
    """Says how far the photo of a session is from what the generator draws, when nobody waits for anything else.

    Args:
        session: whose photo it is.
        adapting: goes first.
        traits: first values.
    """

    judges_itself = Bool(True, help="Whether it judges what was found without being asked.")
    n = Int(N, help="Own pictures to compare with.")

    def __init__(self, session: InvertController, adapting: AdaptController, **traits: Any) -> None:
        self.session, self.adapting = session, adapting
        super().__init__(**traits)
        self._stopped: Inversion | None = None  # somebody did not want to know
        self._judged: Inversion | None = None  # the one that was judged last
        session.observe(self._follow, ["inversion", "status"])
        adapting.observe(self._follow, "status")
        self.observe(self._follow, "status")

    def run(self, *, wait: bool = False) -> Job:
        """Judge what was found.

        Raises:
            ValueError: there is no inversion.
        """
        self.refuse("")
        inversion = self.session.inversion
        if missing := self.missing():
            raise ValueError(missing)
        self._stopped, self._judged, work = None, inversion, partial(self._judge, inversion, self.n)
        publish = partial(self._found, inversion)
        return self.submit(work, publish, kind="judge", background=not wait)

    def missing(self) -> str:
        """Why nothing can be judged now; "" if it can."""
        inversion = self.session.inversion
        if inversion is None:
            return "Find a photo first."
        if not_begun(inversion):
            return "The search was stopped before it began."
        if inversion.losses != label(None) or inversion.strategy not in STRATEGIES:
            return "It was found in a way of your own: ganwidgets.invert.judge compares it with the same."
        return ""

    def cancel(self) -> None:
        """Stop; it does not begin again for this photo by itself."""
        self._stopped = self.session.inversion
        super().cancel()

    def _judge(self, inversion: Inversion, n: int, progress: Callable[[float], None]) -> Iterator[Judging | None]:
        for state in judging(self.session.found_in, inversion, n=n):
            if state.inversion is not None:
                return state
            progress(state.done)
            yield None

    def _found(self, about: Inversion, state: Judging) -> None:
        self.session.judged(state.inversion.verdict, about)

    def _follow(self, change: Bunch) -> None:
        with lock:
            inversion = self.session.inversion
            if self.status == "failed" and _alike(inversion, self._judged):
                self._stopped = inversion
            elif self.status == "failed":
                self.forget()
            others = "running" in (self.session.status, self.adapting.status)
            if self.status == "running" and (others or inversion is None):
                super().cancel()
            elif self._wanted(inversion) and not others and self.status != "running":
                self.run()

    def _wanted(self, inversion: Inversion | None) -> bool:
        known = inversion is None or inversion.verdict is not None
        return self.judges_itself and not known and not self.missing() and not _alike(inversion, self._stopped)

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 2, 10_000)


def _alike(one: Inversion | None, other: Inversion | None) -> bool:
    """Whether both are of the same search; what came to one of them later does not matter."""
    return one is not None and other is not None and one.latent is other.latent
