"""Which units mean what: agreement of every unit of a layer with every concept a segmenter can name.

`run` dissects and returns a `Dissection`; `panel` shows one, live, in a notebook; `load` reads a saved one; `compare`
puts two side by side; `DissectionRun` is the same as `run` step by step.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from ganwidgets.dissect.cache import cache_path, cached
from ganwidgets.dissect.compare import compare
from ganwidgets.dissect.engine import DissectionRun
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import RunState, subject
from ganwidgets.interrupts import between_batches
from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import default_layer, did_you_mean
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.files import load
from ganwidgets.segment.protocol import Segmenter

__all__ = ["DissectionRun", "Options", "RunState", "compare", "load", "panel", "run", "stopped"]


def run(
    network: Generator,
    *,
    segmenter: Segmenter,
    layer: str | None = None,
    layers: Sequence[str] | None = None,
    cache: bool | str | Path = False,
    progress: Callable[[float], Any] | None = None,
    **options: Any,
) -> Dissection:
    """Dissect layers of a generator.

    An interrupt waits for the end of a batch and is then raised; `stopped()` gives the result so far, and the same call
    goes on from there.

    Args:
        network: the generator.
        segmenter: names the pixels of its images.
        layer: one layer; left out with `layers`, the middle one of those with maps.
        layers: several, in the same pass.
        cache: True keeps the result in the user's cache folder under its content, a path in that folder.
        progress: called with the share done, after every batch; what it raises stops the run.
        **options: of `Options`: n, seed, rule, top_fraction, truncation, batch, ...

    Raises:
        ValueError: no such layer, or one without maps; an option, an image or a segmentation that cannot be used.
        TypeError: an option of the wrong kind or name.

    Source: Bau et al., "Network Dissection" (2017), "GAN Dissection" (2019).
    """
    if layer is not None and layers is not None:
        raise ValueError("give `layer` or `layers`, not both")
    known = [field.name for field in fields(Options) if field.name != "layers"]
    if unknown := [name for name in options if name not in known]:
        raise TypeError(
            f"`{unknown[0]}` is no option of a dissection, which has {known}.{did_you_mean(unknown[0], known)}"
        )
    chosen = layers if layers is not None else (layer if layer is not None else default_layer(network),)
    settings = Options(layers=chosen, **options)
    work = DissectionRun(network, segmenter, settings)
    path = cache_path(cache, network, segmenter, settings) if cache else None
    if (kept := cached(path)) is not None:
        return kept
    _finish(_continued(work), progress)
    result = _stopped.pop()[0].result()
    if path is not None:
        result.save(path)
    return result


def stopped() -> Dissection:
    """What the last `run` had seen when it was interrupted or failed.

    Raises:
        ValueError: there is none, or it had seen too few images.
    """
    if not _stopped:
        raise ValueError("no dissection was stopped: `run` gives its result, or `load` a saved one")
    return _stopped[0][0].result()


_stopped: list[tuple[DissectionRun, dict[str, Any]]] = []  # at most one: the last `run` that did not end, and of what


def _continued(work: DissectionRun) -> DissectionRun:
    """This run, where the stopped one stands if that is of the same thing; it is the stopped one until it has ended."""
    about = subject(*_parts(work))
    if _stopped:
        old, known = _stopped[0]
        # Without a fingerprint only the very same segmenter is known to answer as it did: another may be the repair.
        same = old.segmenter is work.segmenter or hasattr(work.segmenter, "fingerprint")
        if same and old.whole and about == known:
            state = old.state()
            work = DissectionRun.from_state(RunState(state.tensors, state.about | about), *_parts(work))
    _stopped[:] = [(work, about)]
    return work


def _parts(work: DissectionRun) -> tuple[Generator, Segmenter, Options]:
    return work.network, work.segmenter, work.options


def _finish(work: DissectionRun, progress: Callable[[float], Any] | None) -> None:
    with between_batches() as interrupted:
        for done in work.steps():
            if progress is not None:
                progress(done / work.total)
            if interrupted() and done < work.total:
                raise KeyboardInterrupt(
                    f"stopped after {done:,} of {work.total:,} images; the same call goes on from there, "
                    "gw.dissect.stopped() gives the result so far"
                )


def __getattr__(name: str) -> Any:
    if name == "panel":
        from ganwidgets.dissect.panel import panel

        globals()[name] = panel  # importing has put the file of this name there
        return panel
    raise AttributeError(f"module 'ganwidgets.dissect' has no attribute {name!r}")
