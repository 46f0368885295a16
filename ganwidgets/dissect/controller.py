"""The session behind a dissection view: what was dissected, what runs, which units are chosen.

`DissectController.run()` dissects the layer in the background; the first result appears after 64 images and is refined
about once a second. Cancel keeps what there is and `resume()` goes on from there. Results and selections are kept per
layer, so looking at another layer and coming back costs nothing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from typing import Any, NamedTuple

from traitlets import Bunch, Dict, Enum, Float, Instance, Int, TraitError, Tuple, Unicode, observe, validate

from ganwidgets.dissect import default_layer
from ganwidgets.dissect.engine import DissectionRun
from ganwidgets.dissect.options import RULES, USUAL_FRACTION, Options
from ganwidgets.jobs import Cancelled, finished, lock
from ganwidgets.models import Network
from ganwidgets.results.dissection import Dissection
from ganwidgets.segment import LabelledImages, Segmenter
from ganwidgets.session import LayerSession, check_truncation, whole_in_range
from ganwidgets.worker import PROGRESS_INTERVAL, Job

RESULT_INTERVAL = 1.0  # [s] between two looks at a running dissection, or more where concluding is slow
SHARE = 0.1  # of the time may go into such looks
CHOSEN = ("rule", "n", "seed", "truncation", "top_fraction")  # settings of a run; the rule first, as others follow it


class Stopped(NamedTuple):
    """A run that was cancelled, replaced or failed, and can go on."""

    seen: int
    total: int
    failed: bool


# Settings of a result that running again repeats; `exact` is for scripts, as it forbids many images.
_SETTINGS = {field.name for field in fields(Options)} - {"layers", "exact"}


class DissectController(LayerSession):
    """Dissects layers of a generator and remembers the results.

    Args:
        network: the generator.
        segmenter: names the pixels; running needs one.
        traits: first values; `layer` is by default the middle one of those with maps.
    """

    n = Int(1000, help="Number of images.")
    seed = Int(1, help="Which latents.")
    truncation = Float(None, allow_none=True, help="Latents from the normal cut at ± this; None: the whole normal.")
    rule = Enum(list(RULES), "top_fraction", help="Which published rule labels the units.")
    top_fraction = Float(
        0.01, help="Share above a unit's threshold, of pixels or (rule netdissect) of its map's places."
    )
    result = Instance(Dissection, allow_none=True, read_only=True, help="Of the layer; None: not dissected yet.")
    dissected = Tuple(read_only=True, help="Layers that have a result.")
    run_layer = Unicode(read_only=True, help="Layer of the newest run; it may not be the one looked at.")
    stopped = Dict(read_only=True, help="Layer -> `Stopped`, of the runs that `resume` can go on with.")
    n_done = Int(0, read_only=True, help="Images seen by the run that goes on, or by the last one.")
    n_total = Int(0, read_only=True, help="Images that run is to see; twice `n` under the rule 'iqr'.")

    def __init__(self, network: Network, segmenter: Segmenter | LabelledImages | None = None, **traits: Any) -> None:
        self.segmenter = segmenter
        self._results_of: dict[int | None, dict[str, Dissection]] = {}  # label → layer → result
        self._runs: dict[str, DissectionRun] = {}
        self._selected: dict[str, tuple[int, ...]] = {}
        self._adopted: dict[str, Any] = {}  # settings of an adopted result that are no traits
        super().__init__(network, **{"layer": default_layer(network), **traits})

    def run(self, *, wait: bool = False) -> Dissection | None:
        """Dissect the layer with the settings as they are now.

        Args:
            wait: do it in this thread and return the result; an interrupt cancels, keeps the partial result, and is
                raised again.

        Raises:
            Exception: with `wait`, whatever went wrong.
        """
        return self._start(self._new_run(), wait)

    def resume(self, *, wait: bool = False) -> Dissection | None:
        """Go on with the cancelled or failed run of the layer, or start one if there is none."""
        run = self._runs.get(self.layer)
        if run is not None:
            self._write(n_done=run.seen, n_total=run.total)
        return self._start(self._new_run() if run is None else lambda: run, wait)

    async def arun(self) -> Dissection | None:
        """`run` for async cells: the view stays live while the cell awaits the result."""
        job = self._submit(self._new_run())
        await finished(job)
        return self.result

    def adopt(self, dissection: Dissection) -> None:
        """Show a dissection that was made before, and take over its settings: running again repeats it.

        Raises:
            ValueError: it has layers this network has not, layers of another size, or a class it cannot draw.
        """
        for name, found in dissection.layers.items():
            if name not in self.network.layers or self.network.layers[name].units != len(found.concept):
                raise ValueError(
                    f"`result` must be of this network, but its layer {name!r} with {len(found.concept)} units is not "
                    f"among {list(self.network.layers)}; it was made from {dissection.network!r}"
                )
        self.drawn_class = self._class_of(dissection)
        self._results.update(dict.fromkeys(dissection.layers, dissection))
        settings = {name: value for name, value in dissection.options.items() if name in _SETTINGS}
        for name in CHOSEN:
            with suppress(TraitError):  # more images than a session would start on its own: shown all the same
                setattr(self, name, settings.pop(name, getattr(self, name)))
        self._adopted = settings
        if self.layer not in dissection.layers:
            self.layer = next(iter(dissection.layers))
        self._show_layer()

    def _class_of(self, dissection: Dissection) -> int | None:
        """The class a dissection is of; files of older versions do not say, there it stays."""
        if dissection.label is None:
            told = hasattr(self.network, "with_label")
            every = told and dissection.fingerprint == self.network.with_label(None).fingerprint
            return None if every else self.drawn_class
        if dissection.label >= len(getattr(self.network, "classes", ())) or not hasattr(self.network, "with_label"):
            raise ValueError(f"`result` must be of a class this network draws, but it is of {dissection.class_name!r}")
        return dissection.label

    def relabelled(self) -> None:
        """Results are kept for each class; a run of another class is not gone on with."""
        self.cancel()
        self._runs = {}
        self._write(stopped={})
        self._show_layer()

    def close(self) -> None:
        super().close()
        self._runs.clear()

    @property
    def _results(self) -> dict[str, Dissection]:
        """Of the class that is drawn, by layer."""
        return self._results_of.setdefault(self.drawn_class, {})

    def _new_run(self) -> Callable[[], DissectionRun]:
        """How to make a run with the settings as they are now; made by the job, so that refusals become state."""
        chosen = self._adopted | {name: getattr(self, name) for name in CHOSEN}
        layer = self.layer
        self._write(n_done=0, n_total=self.n * (2 if self.rule == "iqr" else 1))

        def make() -> DissectionRun:
            if self.segmenter is None:
                raise ValueError("`segmenter` must be given to dissect, got None. ganwidgets.segment.load has one.")
            self._runs[layer] = DissectionRun(self.network, self.segmenter, Options(layers=(layer,), **chosen))
            return self._runs[layer]

        return make

    def _start(self, make: Callable[[], DissectionRun], wait: bool) -> Dissection | None:
        job = self._submit(make, background=not wait)
        if not wait:
            return None
        if job.exception is not None:
            raise job.exception
        return self.result

    def _submit(self, make: Callable[[], DissectionRun], *, background: bool = True) -> Job:
        layer = self.layer
        self._write(run_layer=layer)
        return self.submit(
            lambda progress: self._work(make, layer, progress), self._publish, kind="dissect", background=background
        )

    def _work(
        self, make: Callable[[], DissectionRun], layer: str, progress: Callable[[float], None]
    ) -> Iterator[dict[str, Any] | None]:
        run, runs, label = make(), self._runs, self.drawn_class
        self._mark(layer, None)
        yield {"layer": layer, "label": label, "seen": run.seen, "n_total": run.total}
        told = looked = time.monotonic()
        interval = 0.0  # the first result as soon as there is one
        try:
            for seen in run.steps():
                progress(seen / run.total)
                now = time.monotonic()
                if run.ready and now - looked >= interval and seen < run.total:
                    result = run.result()
                    looked = told = time.monotonic()
                    interval = max(RESULT_INTERVAL, (looked - now) / SHARE)
                    yield {"layer": layer, "label": label, "result": result, "seen": seen}
                elif now - told >= PROGRESS_INTERVAL:
                    told = now
                    yield {"layer": layer, "label": label, "seen": seen}
                else:
                    yield None
        except Exception as error:  # cancelled, or failed: what there is is kept
            if runs is self._runs:  # of the class that is drawn
                self._mark(layer, Stopped(run.seen, run.total, not isinstance(error, Cancelled)))
            with suppress(Exception):  # after a failure the counts may be torn; the first error is the one to tell
                yield self._last_words(run, layer, label)
            raise
        except KeyboardInterrupt:  # in the middle of a batch: half of it may be counted
            runs.pop(layer, None)
            raise
        del runs[layer]  # done: its result says everything
        return self._last_words(run, layer, label)

    def _mark(self, layer: str, stopped: Stopped | None) -> None:
        with lock:
            others = {name: one for name, one in self.stopped.items() if name != layer}
            self._write(stopped=others if stopped is None else {**others, layer: stopped})

    def _last_words(self, run: DissectionRun, layer: str, label: int | None) -> dict[str, Any]:
        words = {"layer": layer, "label": label, "seen": run.seen}
        return words | ({"result": run.result()} if run.ready else {})

    def _publish(self, news: dict[str, Any]) -> None:
        if "result" in news:
            self._results_of.setdefault(news["label"], {})[news["layer"]] = news["result"]
        if news["label"] != self.drawn_class:
            return
        self._write(n_done=news["seen"], n_total=news.get("n_total", self.n_total))
        self._show_layer()

    def _show_layer(self) -> None:
        self._write(result=self._results.get(self.layer), dissected=tuple(self._results))

    @observe("layer")
    def _layer_changed(self, change: Bunch) -> None:
        self.units = self._selected.get(self.layer, ())
        self._show_layer()

    @observe("rule")
    def _rule_changed(self, change: Bunch) -> None:
        """The usual share goes with the rule; one that somebody chose stays."""
        if self.top_fraction == USUAL_FRACTION.get(change.old):
            self.top_fraction = USUAL_FRACTION[change.new]

    @observe("units")
    def _units_changed(self, change: Bunch) -> None:
        self._selected[self.layer] = self.units

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        name = super()._check_layer(proposal)
        if not self.network.layers[name].is_map:
            raise TraitError(
                f"`layer` must give maps (batch unit height width), but {name!r} gives "
                f"{('batch', *self.network.layers[name].shape)}; layers with maps are {list(self.network.map_layers)}."
            )
        return name

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 1, 10**7)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 2)

    @validate("truncation")
    def _check_truncation(self, proposal: Bunch) -> float | None:
        return check_truncation(proposal["value"])

    @validate("top_fraction")
    def _check_top_fraction(self, proposal: Bunch) -> float:
        if not 0 < proposal["value"] < 0.5:
            raise TraitError(f"`top_fraction` must lie between 0 and 0.5, got {proposal['value']}.")
        return proposal["value"]
