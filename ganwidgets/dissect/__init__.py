"""Which units mean what: agreement of every unit of a layer with every concept a segmenter can name.

`run` dissects and returns a `Dissection`; `panel` shows one, live, in a notebook; `load` reads a saved one; `compare`
puts two side by side; `DissectionRun` is the same as `run` step by step.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ganwidgets.dissect.cache import cache_path, cached
from ganwidgets.dissect.compare import compare
from ganwidgets.dissect.engine import DissectionRun
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import RunState
from ganwidgets.models.generator import Generator
from ganwidgets.results.dissection import Dissection
from ganwidgets.results.files import load
from ganwidgets.segment.protocol import Segmenter

__all__ = ["DissectionRun", "Options", "RunState", "compare", "load", "panel", "run"]


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
    chosen = tuple(layers) if layers is not None else (layer if layer is not None else default_layer(network),)
    settings = Options(layers=chosen, **options)
    work = DissectionRun(network, segmenter, settings)
    path = cache_path(cache, network, segmenter, settings) if cache else None
    if (kept := cached(path)) is not None:
        return kept
    for done in work.steps():
        if progress is not None:
            progress(done / work.total)
    result = work.result()
    if path is not None:
        result.save(path)
    return result


def default_layer(network: Generator) -> str:
    """The middle one of the outermost layers with maps, where objects tend to be found.

    Raises:
        ValueError: no layer has maps.
    """
    shallow = [n for n in network.map_layers if not any(n.startswith(f"{o}.") for o in network.map_layers)]
    if not shallow:
        raise ValueError(f"`layer` must give maps (batch unit height width); none of {list(network.layers)} does")
    return shallow[(len(shallow) - 1) // 2]


def __getattr__(name: str) -> Any:
    if name == "panel":
        from ganwidgets.dissect.panel import panel

        return panel
    raise AttributeError(f"module 'ganwidgets.dissect' has no attribute {name!r}")
