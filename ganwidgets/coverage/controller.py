"""The session behind a coverage view: what was compared, what runs, which concept is looked at.

`CoverageController.run()` compares in the background; the first bars appear after the first batches and are refined
about once a second. Cancel keeps what there is, and `resume()` goes on from there. Results are kept for each class.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from traitlets import Bool, Bunch, Enum, Float, Instance, Int, TraitError, Unicode, validate

from ganwidgets.coverage.run import SETTINGS, CoverageRun, known_settings
from ganwidgets.coverage.sources import OWN, SEGMENTER, Data, Pictures, named_by, sides
from ganwidgets.jobs import finished, lock
from ganwidgets.models import Network
from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.photo_folder import photo_folder
from ganwidgets.results.cache import kept
from ganwidgets.results.coverage import Coverage
from ganwidgets.results.coverage_files import load
from ganwidgets.segment import load as load_segmenter
from ganwidgets.session import ClassSession, check_truncation, whole_in_range
from ganwidgets.worker import PROGRESS_INTERVAL, Job, giving_way

RESULT_INTERVAL = 1.0  # [s] between two looks at a running comparison, or more where concluding is slow
SHARE = 0.1  # of the time may go into such looks
LISTING = 0.1  # of a run's progress, where photos of a folder are looked through first
SIDES = ("n", "seed", "truncation", "labels", "fit")  # settings of a result by which its pictures are found again


class CoverageController(ClassSession):
    """Compares what a generator draws with what data show.

    Args:
        network: the generator.
        data: a folder of photos, images, labelled images, or "scenes".
        segmenter: names the pixels; running needs one.
        settings: further options of `CoverageRun`, such as fit, level or common.
        cache: True keeps results in the user's cache folder under their content, a path in that folder.
        traits: first values.

    Raises:
        TypeError: a setting of another name.
    """

    n = Int(1000, help="Pictures, and at most so many images of the data.")
    seed = Int(1, help="Which latents, and which images of data that have more than n.")
    truncation = Float(None, allow_none=True, help="Latents from the normal cut at ± this; None: the whole normal.")
    labels = Enum([SEGMENTER, OWN], SEGMENTER, help="What names the pixels of the data.")
    concept = Unicode(help="Concept that is looked at; empty: none.")
    result = Instance(Coverage, allow_none=True, read_only=True, help="Partial while running; None: nothing counted.")
    n_done = Int(0, read_only=True, help="Images of both sides that were counted.")
    n_total = Int(0, read_only=True, help="Images of both sides that are to be counted.")
    resumable = Bool(False, read_only=True, help="Whether a run was stopped and can go on.")

    def __init__(
        self,
        network: Network,
        data: Any,
        segmenter: Any,
        settings: dict[str, Any] | None = None,
        *,
        cache: bool | str | Path = False,
        **traits: Any,
    ) -> None:
        self.segmenter = load_segmenter(segmenter) if isinstance(segmenter, str) else segmenter
        self.data, self._settings, self._cache = data, known_settings(settings or {}), cache
        self._results: dict[int | None, Coverage] = {}
        self._stopped: CoverageRun | None = None
        self._newest = object()  # stands for the newest run: an older one keeps nothing
        self._sides: tuple[Coverage, tuple[Data, Pictures]] | None = None
        super().__init__(network, **traits)

    def run(self, *, wait: bool = False) -> Coverage | None:
        """Compare with the settings as they are now.

        Args:
            wait: do it in this thread and return the result; an interrupt cancels, keeps what there is, and is raised
                again.

        Raises:
            Exception: with `wait`, whatever went wrong.
        """
        self._write(n_done=0, n_total=2 * self.n)
        chosen = self._settings | {name: getattr(self, name) for name in ("n", "seed", "truncation", "labels")}
        return self._start(lambda progress: self._new_run(chosen, progress), None, wait)

    def resume(self, *, wait: bool = False) -> Coverage | None:
        """Go on with what was cancelled or failed; begin if there is nothing."""
        stopped = self._stopped
        if stopped is None:
            return self.run(wait=wait)
        self._write(n_done=stopped.done, n_total=stopped.total)
        return self._start(lambda progress: stopped, stopped, wait)

    async def arun(self) -> Coverage | None:
        """`run` for async cells: the view stays live while the cell awaits the result."""
        self.run()
        await finished(self._jobs["coverage"])
        return self.result

    def adopt(self, result: Coverage) -> None:
        """Show a comparison that was made before, and take over its settings: running again repeats it.

        Raises:
            ValueError: it is of another generator, or of another segmenter.
        """
        if result.fingerprint != self.network.fingerprint:
            raise ValueError(f"`result` must be of {self.network.name!r}, but it was made from {result.network!r}")
        if self.segmenter is not None and not named_by(result, self.segmenter):
            raise ValueError(
                f"`result` must be named by the segmenter that is given, {self.segmenter.name!r}, but it was named by "
                f"{result.segmenter!r}, another one or of other concepts; give that one, or run it again"
            )
        self._settings |= {name: result.options[name] for name in SETTINGS if name in result.options}
        for name in ("n", "seed", "truncation", "labels"):
            with suppress(TraitError):
                setattr(self, name, result.options.get(name, getattr(self, name)))
        self._results[self.drawn_class] = result
        self._show_result(result)

    def sides(self, progress: Callable[[float], None] | None = None) -> tuple[Data, Pictures]:
        """Data and pictures of the result, by the numbers it has; for jobs, as reading a folder takes time.

        Raises:
            ValueError: there is no result, or it was made from other data.
        """
        result = self.result
        if result is None:
            raise ValueError("nothing is compared yet: run it first")
        if self._sides is None or self._sides[0] is not result:
            found = sides(self.network, self.listed(progress), self.segmenter, **self.found_by)
            if found[0].fingerprint() != result.data_fingerprint:
                raise ValueError(
                    f"`result` was made from other images than these {found[0].name!r}, so none can be shown: "
                    "give the data it was made from, or run it again"
                )
            self._sides = result, found
        return self._sides[1]

    @property
    def found_by(self) -> dict[str, Any]:
        """By what the images of the result are found again, or those of the next run."""
        now = {"fit": "crop", **self._settings, **{name: getattr(self, name) for name in SIDES if name != "fit"}}
        known = {} if self.result is None else self.result.options
        return {name: known.get(name, now[name]) for name in SIDES}

    def listed(self, progress: Callable[[float], None] | None = None) -> Any:
        """The data; a folder is looked through, photo by photo."""
        if not isinstance(self.data, str | Path) or self.data == "scenes":
            return self.data
        size, tell = self.network.image_shape[1:], None if progress is None else giving_way(progress)
        return photo_folder(self.data, size, self.found_by["fit"], progress=tell)

    def to_bytes(self) -> bytes:
        """The result as a file that `ganwidgets.coverage.load` opens.

        Raises:
            ValueError: there is none.
        """
        if self.result is None:
            raise ValueError("nothing is compared yet: run it first")
        with TemporaryDirectory() as folder:
            return self.result.save(Path(folder, "coverage.gwc")).read_bytes()

    def relabelled(self) -> None:
        """A run of another class is not gone on with; its result is kept."""
        self.cancel()
        self._stopped = None
        self._write(resumable=False, n_done=0, n_total=0)
        self._show_result(self._results.get(self.drawn_class))

    def close(self) -> None:
        super().close()
        self._stopped = self._sides = None

    # The work

    def _new_run(self, chosen: dict[str, Any], progress: Callable[[float], None]) -> CoverageRun:
        if self.segmenter is None:
            raise ValueError("`segmenter` must be given to count concepts, got None. ganwidgets.segment.load has one.")
        return CoverageRun(self.network, self.listed(progress), self.segmenter, **chosen)

    def _start(
        self, make: Callable[[Callable[[float], None]], CoverageRun], stopped: CoverageRun | None, wait: bool
    ) -> Coverage | None:
        label = self.drawn_class
        with lock:
            newest = self._newest = object()
            self._stopped = stopped
            self._write(resumable=False)
        work = lambda progress: self._work(make, label, newest, progress)  # noqa: E731
        job: Job = self.submit(work, self._publish, kind="coverage", background=not wait)
        if not wait:
            return None
        if job.exception is not None:
            raise job.exception
        return self.result

    def _work(
        self,
        make: Callable[[Callable[[float], None]], CoverageRun],
        label: int | None,
        newest: object,
        progress: Callable[[float], None],
    ) -> Iterator[dict[str, Any] | None]:
        first = 0.0

        def listing(share: float) -> None:
            nonlocal first
            first = LISTING * share
            progress(first)

        run = make(listing)
        path = run.cache_path(self._cache) if self._cache else None
        news = {"label": label, "total": run.total}
        if (found := kept(path, load)) is not None:
            return news | {"done": run.total, "run": run, "result": found, "whole": True}
        yield news | {"done": run.done}
        told = looked = time.monotonic()
        interval = 0.0  # the first bars as soon as there are some
        try:
            for done in run.steps():
                progress(first + (1 - first) * done / run.total)
                now = time.monotonic()
                if run.ready and now - looked >= interval and done < run.total:
                    rough = run.result(light=True)
                    looked = told = time.monotonic()
                    interval = max(RESULT_INTERVAL, (looked - now) / SHARE)
                    yield news | {"result": rough, "done": done, "run": run}
                elif now - told >= PROGRESS_INTERVAL:
                    told = now
                    yield news | {"done": done}
                else:
                    yield None
        except Exception:  # cancelled, or failed: what there is is kept
            self._keep(run, label, newest)
            with suppress(Exception):  # after a failure the counts may be torn; the first error is the one to tell
                if run.ready:
                    yield news | {"done": run.done, "run": run, "result": run.result(light=True)}
            raise
        result = run.result()
        if path is not None and not run.changed:
            result.save(path)
        return news | {"done": run.done, "run": run, "result": result, "whole": True}

    def _keep(self, run: CoverageRun, label: int | None, newest: object) -> None:
        with lock:
            # Where photos changed meanwhile, what was counted is of none of their states.
            if label == self.drawn_class and newest is self._newest and not self._closed and not run.changed:
                self._stopped = run
                self._write(resumable=True)

    def _publish(self, news: dict[str, Any]) -> None:
        result = news.get("result")
        if result is not None:
            self._results[news["label"]] = result
        if news["label"] != self.drawn_class:
            return
        self._write(n_done=news["done"], n_total=news["total"])
        if result is not None:
            self._sides = result, (news["run"].data, news["run"].pictures)
            self._show_result(result)
        if "whole" in news:
            self._stopped = None
            self._write(resumable=False)

    def _show_result(self, result: Coverage | None) -> None:
        self._write(result=result)

    @validate("concept")
    def _check_concept(self, proposal: Bunch) -> str:
        concept, known = proposal["value"], self.concepts
        if concept and known and concept not in known:
            raise TraitError(f"`concept` must be one of {list(known)}, got {concept!r}.{did_you_mean(concept, known)}")
        return concept

    @property
    def concepts(self) -> tuple[str, ...]:
        """Names that are compared."""
        known = self.result or self.segmenter
        return () if known is None else tuple(known.concepts)

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 2, 10**6)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 2)

    @validate("truncation")
    def _check_truncation(self, proposal: Bunch) -> float | None:
        return check_truncation(proposal["value"])
