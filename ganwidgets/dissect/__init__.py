"""Which units mean what: agreement of every unit of a layer with every concept a segmenter, or a data set, names.

`run` dissects and returns a `Dissection`; `panel` shows one, live, in a notebook; `load` reads a saved one; `compare`
puts two side by side; `DissectionRun` is the same as `run` step by step. `detectors` and `over_depth` count what was
found, `depth_profile` compares layers with those of random weights, `basis_rotation` asks whether units are special,
and `explain` tells one prediction of a classifier by its units.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from torch import nn

from ganwidgets.dissect.cache import cache_path, cached
from ganwidgets.dissect.compare import compare
from ganwidgets.dissect.engine import DissectionRun
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import RunState, subject
from ganwidgets.dissect.sources import subjects, usual_options
from ganwidgets.interrupts import between_batches
from ganwidgets.later import files_of, loader
from ganwidgets.models.layers import default_layer, did_you_mean
from ganwidgets.models.protocol import Network
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.files import load
from ganwidgets.segment.labelled import LabelledImages, is_labelled
from ganwidgets.segment.protocol import Segmenter

# Loaded when asked for: a script that only dissects needs neither the panel nor these.
_LATER = {
    "counting": ("detectors", "over_depth"),
    "depth": ("DepthProfile", "depth_layers", "depth_profile"),
    "explanation": ("Explanation", "explain"),
    "panel": ("panel",),
    "rotation": ("BasisRotation", "basis_rotation"),
}

__all__ = ["DissectionRun", "Options", "RunState", "compare", "load", "run", "stopped", *files_of(_LATER)]


def run(
    network: Network | nn.Module,
    data: Any = None,
    *,
    segmenter: Segmenter | str | None = None,
    layer: str | None = None,
    layers: Sequence[str] | None = None,
    cache: bool | str | Path = False,
    progress: Callable[[float], Any] | None = None,
    **options: Any,
) -> Dissection:
    """Dissect layers of a network.

    A generator draws its own images and needs a `segmenter`; a classifier, or any network that is fed images, needs
    `data`: labelled images, or photos and a `segmenter`. An interrupt waits for the end of a batch and is then raised;
    `stopped()` gives the result so far, and the same call goes on from there.

    Args:
        network: a generator, a classifier, or a torch module that takes the data's images.
        data: labelled images; or with a segmenter a folder of photos, or images (image channel height width). For a
            generator the segmenter may stand here.
        segmenter: names the pixels of a generator's images, or of photos; an object, or a name of `segment.load`.
        layer: one layer; left out with `layers`, a middle one: see `models.layers.default_layer`.
        layers: several, in the same pass.
        cache: True keeps the result in the user's cache folder under its content, a path in that folder.
        progress: called with the share done, after every batch; what it raises stops the run.
        **options: of `Options`: n, seed, rule, top_fraction, truncation, batch, ... With data, the rule is "netdissect"
            and n all images unless said otherwise.

    Raises:
        ValueError: no such layer, or one without maps; an option, an image or a segmentation that cannot be used.
        TypeError: an option of the wrong kind or name, or a network without what it needs.

    Source: Bau et al., "Network Dissection" (2017), "GAN Dissection" (2019).
    """
    if layer is not None and layers is not None:
        raise ValueError("give `layer` or `layers`, not both")
    known = [field.name for field in fields(Options) if field.name != "layers"]
    if unknown := [name for name in options if name not in known]:
        raise TypeError(
            f"`{unknown[0]}` is no option of a dissection, which has {known}.{did_you_mean(unknown[0], known)}"
        )
    network, source = subjects(network, data, segmenter)
    if is_labelled(source):
        options = usual_options(source, options)
    chosen = layers if layers is not None else (layer if layer is not None else default_layer(network),)
    settings = Options(layers=chosen, **options)
    work = DissectionRun(network, source, settings)
    path = cache_path(cache, network, source, settings) if cache else None
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


def _parts(work: DissectionRun) -> tuple[Network, Segmenter | LabelledImages, Options]:
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


__getattr__ = loader(__name__, globals(), _LATER)
