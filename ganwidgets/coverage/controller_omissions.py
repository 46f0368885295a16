"""The session behind the photos that a generator leaves something out of: photos, inversions, and a control.

`OmissionsController.run()` searches in the background for the photos that show the concept of a comparison; each batch
is shown as soon as it is found. What was found is kept for each concept, class and comparison.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from traitlets import Bool, Bunch, Enum, Instance, Int, Tuple, Unicode, observe, validate

from ganwidgets.coverage.controller import CoverageController
from ganwidgets.coverage.omissions import images_of, omitting
from ganwidgets.coverage.sources import SEGMENTER
from ganwidgets.jobs import Controller
from ganwidgets.nn.images import to_uint8
from ganwidgets.results.omissions import Omissions
from ganwidgets.session import whole_in_range
from ganwidgets.worker import giving_way

STRATEGIES = ("ridge+z", "z", "layered+z", "ridge+r", "layered+r")
"""Searches to choose from; the first stays with what the generator draws, those with r may leave it."""

Key = tuple[Any, ...]
"""Class, concept, by what the comparison finds its images, how many of them are known where that is not all, and which
state of the data was compared."""

Reconstruct = Callable[..., Any]
"""`reconstruct(network, images, strategy, steps=…, progress=…)` → pictures, or something with them as `images`."""


class Found:
    """Photos and what the generator makes of them, as they come in."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.reconstructions: list[np.ndarray] = []

    def take(self, images: Tensor, answer: Any) -> None:
        """Take in a batch."""
        self.images += [*to_uint8(images)]
        self.reconstructions += [*to_uint8(images_of(answer).detach())]

    def __len__(self) -> int:
        return len(self.images)


class OmissionsController(Controller):
    """Searches for photos that show a concept, and for pictures of the generator as a control.

    Args:
        comparing: gives network, data, segmenter and the concept.
        reconstruct: the search.
        traits: first values.
    """

    concept = Unicode(read_only=True, help="Concept that is looked at; empty: none.")
    n = Int(12, help="Photos, and pictures of the control.")
    steps = Int(200, help="Steps of each search.")
    strategy = Enum(STRATEGIES, STRATEGIES[0], help="What a search may change.")
    result = Instance(Omissions, allow_none=True, read_only=True, help="Of the concept; None: not measured.")
    stale = Bool(False, read_only=True, help="Whether a setting is another than that of the result.")
    pairs = Tuple(read_only=True, help="(photo, reconstruction) as bytes, of the search that runs, as they come in.")

    def __init__(self, comparing: CoverageController, reconstruct: Reconstruct, **traits: Any) -> None:
        self.comparing, self._reconstruct = comparing, reconstruct
        self._results: dict[Key, Omissions] = {}
        self._key: Key = (None, "")  # what is looked at
        self._states: dict[tuple, list[str]] = {}  # by settings, the hashes of the data at each comparison
        super().__init__(**traits)

    def look(self) -> None:
        """Show what is known of the comparison's concept; a search for something else is stopped."""
        c = self.comparing
        key = c.drawn_class, c.concept, *c.found_by.values(), self._part, self._state
        if key != self._key:
            self.cancel()
            self.forget()
            self._key = key
            self._write(concept=key[1], pairs=())
        self._write(result=self._results.get(key))

    def run(self, *, wait: bool = False) -> Omissions | None:
        """Search for the photos of the comparison's concept.

        Args:
            wait: do it in this thread and return the result; an interrupt cancels and is raised again.

        Raises:
            ValueError: no concept is chosen.
            Exception: with `wait`, whatever went wrong.
        """
        self.look()
        if not self.concept:
            raise ValueError("`concept` must be chosen first: a column of the figure, or panel.concept = ...")
        self._write(pairs=())
        key, options = self._key, self._options()
        job = self.submit(
            lambda progress: self._work(key, options, progress), self._publish, kind="omissions", background=not wait
        )
        if wait and job.exception is not None:
            raise job.exception
        return self.result if wait else None

    def close(self) -> None:
        super().close()
        self._results.clear()

    @property
    def _state(self) -> int:
        """Which state of the data was compared last: a folder may hold other photos by now."""
        c = self.comparing
        known = self._states.setdefault(tuple(c.found_by.values()), [])
        if c.result is None:
            return max(0, len(known) - 1)
        if c.result.data_fingerprint not in known:
            known.append(c.result.data_fingerprint)
        return known.index(c.result.data_fingerprint)

    @property
    def _part(self) -> tuple[int, int] | None:
        """Images of each side that a stopped comparison has counted; None for all, also of one that still runs."""
        c = self.comparing
        if c.result is None or c.result.complete or c.status == "running":
            return None
        return c.result.n_data, c.result.n_generated

    def _options(self) -> dict[str, Any]:
        known, by = self.comparing.result, self.comparing.found_by
        chosen = {"n": self.n, "pool": by["n"]} | {name: by[name] for name in ("seed", "truncation", "fit")}
        # What the comparison has counted says which images show the concept, if the segmenter said it there as well.
        usable = known is not None and known.labels == SEGMENTER and (known.complete or self._part is not None)
        usable = usable and known.concepts == tuple(self.comparing.segmenter.concepts)
        return chosen | {"known": known if usable else None}

    def _work(self, key: Key, options: dict[str, Any], progress: Callable[[float], None]) -> Iterator[dict[str, Any]]:
        c, found, stage = self.comparing, Found(), [0.0, 0.0]
        network, strategy, steps, n = c.network, self.strategy, self.steps, options["n"]
        tell = giving_way(progress)

        def reconstruct(images: Tensor) -> Any:
            def told(share: float) -> None:
                tell(min(1.0, stage[0] + share * stage[1]))

            stage[1] = 0.8 * len(images) / (2 * n)
            answer = self._reconstruct(network, images, strategy, steps=steps, progress=told)
            if len(found) < n:  # photos come first
                found.take(images, answer)
            return answer

        if c.segmenter is None:
            raise ValueError("`segmenter` must be given to find a concept, got None. ganwidgets.segment.load has one.")
        # Photos of a folder that was compared are known already; looking through it again would take minutes.
        folder = isinstance(c.data, str | Path) and c.data != "scenes"
        listing = lambda share: progress(0.0)  # noqa: E731 - what is shown is how far the searches are
        data = c.sides(listing)[0].source if folder and c.result is not None else c.listed(listing)
        for step in omitting(network, data, c.segmenter, key[1], reconstruct=reconstruct, **options):
            if isinstance(step, Omissions):
                settings = {**step.settings, "strategy": strategy, "steps": steps}
                yield {"key": key, "result": replace(step, settings=settings)}
                return
            stage[0] = step
            progress(step)
            yield {"key": key, "pairs": tuple(zip(found.images, found.reconstructions, strict=True))}

    def _publish(self, news: dict[str, Any]) -> None:
        if "result" in news:
            self._results[news["key"]] = news["result"]
        if news["key"] != self._key:
            return
        if "result" in news:
            self._write(result=news["result"], pairs=())
        elif len(news["pairs"]) != len(self.pairs):
            self._write(pairs=news["pairs"])

    @observe("n", "steps", "strategy", "result")
    def _compare(self, change: Bunch) -> None:
        asked = {"n": self.n, "steps": self.steps, "strategy": self.strategy}
        self._write(stale=self.result is not None and not asked.items() <= self.result.settings.items())

    @validate("n")
    def _check_n(self, proposal: Any) -> int:
        return whole_in_range("n", proposal["value"], 2, 1000)

    @validate("steps")
    def _check_steps(self, proposal: Any) -> int:
        return whole_in_range("steps", proposal["value"], 1, 10_000)
