"""What a generator cannot draw: the areas of concepts in its pictures beside those in the data.

`coverage` compares, and names what is generated too little or too much at a stated level; `fsd` is the distance of the
two sets beside its floor; `omissions` shows, photo by photo, what is left out; `panel` does all of it in a notebook.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ganwidgets.coverage import stopped
from ganwidgets.coverage.fsd import fsd
from ganwidgets.coverage.omissions import omitting as _omitting
from ganwidgets.coverage.run import CoverageRun
from ganwidgets.coverage.sources import sides
from ganwidgets.interrupts import between_batches
from ganwidgets.later import files_of, loader
from ganwidgets.models.generator import Generator
from ganwidgets.results.cache import kept
from ganwidgets.results.coverage import Coverage
from ganwidgets.results.coverage_files import load
from ganwidgets.results.fsd import FSD
from ganwidgets.results.omissions import Omissions
from ganwidgets.segment.protocol import Segmenter

# Loaded when asked for: a script that only compares needs no traitlets.
_LATER: dict[str, tuple[str, ...]] = {"controller": ("CoverageController",), "panel": ("panel",)}

__all__ = [
    "FSD",
    "Coverage",
    "CoverageRun",
    "Omissions",
    "coverage",
    "covering",
    "fsd",
    "load",
    "omissions",
    "omitting",
    "sides",
    *files_of(_LATER),
]

STRATEGY = "ridge+z"
"""How photos are searched for unless something else is asked for: by the latent alone, within what is drawn."""

_GROWTH = 1.25
"""A rough result is made when so many times as many images were seen as at the last one."""


def coverage(
    network: Generator,
    data: Any,
    segmenter: Segmenter | str,
    *,
    n: int = 1000,
    cache: bool | str | Path = False,
    progress: Callable[[float], Any] | None = None,
    **options: Any,
) -> Coverage:
    """Compare what a generator draws with what the data show.

    Args:
        network: the generator.
        data: a folder of photos, a `photo_folder`, images (image channel height width), labelled images, or "scenes",
            the bundled world.
        segmenter: names pixels; an object, or a name of `segment.load`.
        n: pictures, and at most so many images of the data.
        cache: True keeps the result in the user's cache folder under its content, a path in that folder.
        progress: called with the share done, after every batch; what it raises stops the run.
        **options: of `CoverageRun`: seed (of the latents, and of which images are taken of data that have more than n;
            of "scenes" the first n are), truncation, labels, fit, batch, level, resamples, permutations, halves,
            common.

    Raises:
        TypeError, ValueError: something that cannot be used.

    Source: Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019, arXiv:1910.11626.
    """
    last = None
    parts = covering(network, data, segmenter, n=n, cache=cache, progress=progress, **options)
    with between_batches() as interrupted, closing(parts):
        for last in parts:
            if interrupted() and not last.complete:
                raise KeyboardInterrupt("stopped between two batches; the same call goes on from there")
    return last


def covering(
    network: Generator,
    data: Any,
    segmenter: Segmenter | str,
    *,
    n: int = 1000,
    cache: bool | str | Path = False,
    progress: Callable[[float], Any] | None = None,
    **options: Any,
) -> Iterator[Coverage]:
    """As `coverage`, after every batch what is known so far: rough until the last one, which is `complete`.

    The rough results have no distance, and are made anew when a quarter more images have been seen. What was counted
    before a stop is not counted again by the same call, as long as it is one of the last few that were stopped. A
    result whose data were changed meanwhile says so, and is not kept.
    """
    run = CoverageRun(network, data, segmenter, n=n, **options)
    path = run.cache_path(cache) if cache else None
    if (found := kept(path, load)) is not None:
        yield found
        return
    stopped.go_on(run)
    try:
        yield from _rough(run, progress)
        result = run.result()
    except BaseException:  # an interrupt, an error, or nobody asks for more
        stopped.remember(run)
        raise
    if path is not None and not run.changed:
        result.save(path)
    yield result


def _rough(run: CoverageRun, progress: Callable[[float], Any] | None) -> Iterator[Coverage]:
    rough, made = None, 0
    for done in run.steps():
        if progress is not None:
            progress(done / run.total)
        if done < run.total and run.ready:
            if done >= _GROWTH * made:
                rough, made = run.result(light=True), done
            yield rough


def omitting(
    network: Generator,
    data: Any,
    segmenter: Segmenter | str,
    concept: str,
    *,
    reconstruct: Callable[[Any], Any] | None = None,
    strategy: str = STRATEGY,
    steps: int | None = None,
    **options: Any,
) -> Iterator[float | Omissions]:
    """As `omissions`, step by step: the share done after every batch, and last the result."""
    how: dict[str, Any] = {"strategy": strategy, "steps": steps}
    if reconstruct is None:
        from ganwidgets.invert.reconstruct import reconstruct as search

        reconstruct = partial(search, network, **how)
    else:
        how = {}  # nothing is known of somebody's own search
    for step in _omitting(network, data, segmenter, concept, reconstruct=reconstruct, **options):
        yield replace(step, settings={**step.settings, **how}) if isinstance(step, Omissions) else step


def omissions(
    network: Generator,
    data: Any,
    segmenter: Segmenter | str,
    concept: str,
    *,
    reconstruct: Callable[[Any], Any] | None = None,
    strategy: str = STRATEGY,
    steps: int | None = None,
    progress: Callable[[float], Any] | None = None,
    **options: Any,
) -> Omissions:
    """Which photos lose a concept when the generator draws them, and whether that is the generator or the search.

    Photos that show the concept are searched for in the generator, and so are pictures of its own, for which a perfect
    answer exists. An omission is called one only where photos lose more of the concept than the generator's own
    pictures do, and more than other concepts of similar area in the same photos do, by `margin` and beyond chance.

    Args:
        network: the generator.
        data: as for `coverage`.
        segmenter: as for `coverage`.
        concept: its name.
        reconstruct: images → their reconstructions; None searches with `gw.invert.reconstruct`, by `strategy` and
            `steps`, which are not looked at otherwise.
        strategy: of that search: by the latent alone unless another is named. "ridge+r" can draw what the generator
            never draws, and says little about it.
        steps: of that search; None takes the strategy's own.
        progress: called with the share done, after every batch; what it raises stops.
        **options: n photos and pictures, least area [percent], pool, batch, margin, known, seed, truncation, fit.

    Raises:
        TypeError, ValueError: something that cannot be used; a concept nobody names, or that too few photos show.

    Source: Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019, arXiv:1910.11626.
    """
    for step in omitting(
        network, data, segmenter, concept, reconstruct=reconstruct, strategy=strategy, steps=steps, **options
    ):
        if not isinstance(step, Omissions) and progress is not None:
            progress(step)
    return step


__getattr__ = loader(__name__, globals(), _LATER)
