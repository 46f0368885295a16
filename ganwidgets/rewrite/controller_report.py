"""The session behind a report: what the edits in force did to a concept, and to everything else."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from traitlets import Bunch, Float, Instance, Int, Unicode, validate

from ganwidgets.jobs import Controller
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import active_edits, apply
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.controller_settings import unused_seed
from ganwidgets.rewrite.report import ENOUGH, random_edits, report
from ganwidgets.rewrite.report_result import RewriteReport
from ganwidgets.segment import Segmenter
from ganwidgets.session import whole_in_range
from ganwidgets.worker import Job, giving_way

EDITS, CHANCE = "the edits", "random keys"  # methods of the report
NEEDS_SEGMENTER = "A segmenter is needed to say what pixels show: panel(network, segmenter=…)"
BATCH = 8  # images; others want the worker, too


class ReportController(Controller):
    """Counts, on latents nobody has seen, what the edits of a session do.

    Args:
        session: whose edits are judged.
        segmenter: names the pixels; without one there is no report.
    """

    source = Unicode(help="Concept that was to change.")
    target = Unicode(help="What it was to become; empty: anything else.")
    n = Int(64, help="Number of images.")
    seed = Int(1001, help="Of their latents; the next one, if these edits were found on its pictures.")
    enough = Float(ENOUGH, help="Share of a picture's source pixels that must have changed as meant.")
    report = Instance(RewriteReport, allow_none=True, read_only=True, help="Of the latest run.")
    judged = Instance(tuple, allow_none=True, read_only=True, help="Edits that it is about.")
    drawn = Int(0, read_only=True, help="Seed of the latents of the latest run.")

    def __init__(self, session: RewriteController, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.session, self.segmenter = session, segmenter
        super().__init__(**traits)
        if segmenter is not None and not self.source:
            self.source = segmenter.concepts[0]
        session.observe(self._relabelled, "drawn_class")

    def run(self, *, wait: bool = False) -> Job:
        """Judge the edits that are in force now, beside the same changes of the weights along random keys.

        Raises:
            ValueError: no segmenter, or no edit in force.
        """
        self.refuse("")
        if missing := self.missing():
            raise ValueError(missing)
        edits = self.active
        seed = unused_seed(self.seed, {self.session.seed, *_seeds(edits)})
        network = self.session.network
        z = network.sample_z(self.n, seed, self.session.truncation)
        asked = {"source": self.source, "target": self.target or None, "enough": self.enough}

        def work(progress: Callable[[float], None]) -> Iterator[dict[str, Any]]:
            made = {EDITS: apply(network, edits), CHANCE: apply(network, random_edits(edits))}
            told = giving_way(progress)
            found = report(network, made, self.segmenter, z, **asked, batch=BATCH, progress=told)
            yield {"report": found, "judged": edits, "drawn": seed}

        return self.submit(work, lambda values: self._write(**values), kind="report", background=not wait)

    def missing(self) -> str:
        """Why there can be no report now; "" if there can."""
        if self.segmenter is None:
            return NEEDS_SEGMENTER
        return "" if self.active else "There is no edit to judge: apply one first."

    @property
    def active(self) -> tuple[LowRankEdit, ...]:
        """The edits in force now."""
        return active_edits(self.session.edits)

    def close(self) -> None:
        self.session.unobserve(self._relabelled, "drawn_class")
        super().close()

    def _relabelled(self, change: Bunch) -> None:
        """A report is of pictures of one class."""
        self.cancel()
        self._write(report=None, judged=None)

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 1, 10_000)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)


def _seeds(edits: tuple[LowRankEdit, ...]) -> set[Any]:
    """Seeds of the pictures on which edits were found or generalised, as far as they remember."""
    about = [edit.details for edit in edits]
    about += [generalised for details in about if isinstance(generalised := details.get("generalised"), Mapping)]
    return {details["seed"] for details in about if isinstance(details.get("seed"), int)}
