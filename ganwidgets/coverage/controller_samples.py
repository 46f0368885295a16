"""The session behind a sample browser: the images of both sides in which a concept is largest."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from traitlets import Instance, Unicode

from ganwidgets.coverage.controller import CoverageController
from ganwidgets.coverage.sources import Data, Pictures
from ganwidgets.jobs import Controller
from ganwidgets.nn.images import to_uint8
from ganwidgets.results.coverage import DATA, GENERATED

MOST = 12  # images of a side


class Samples(NamedTuple):
    """Images of one side, largest first.

    Attributes:
        numbers: of the images.
        images: as bytes.
        seg: names of their pixels.
        mask: where the concept is.
        area: of the concept [percent].
    """

    numbers: tuple[int, ...]
    images: UInt8[np.ndarray, "image height width rgb"]
    seg: Int[np.ndarray, "image slot height width"]
    mask: Bool[np.ndarray, "image height width"]
    area: Float[np.ndarray, " image"]


class Largest(NamedTuple):
    """What is shown: both sides of one concept, and of how many images they are the largest."""

    concept: str
    sides: dict[str, Samples | None]
    seen: dict[str, int]


class SamplesController(Controller):
    """Shows where the concept of a comparison is largest."""

    concept = Unicode(read_only=True, help="Concept that is looked at; empty: none.")
    shown = Instance(Largest, allow_none=True, read_only=True, help="Its images; None: no concept.")

    def __init__(self, comparing: CoverageController) -> None:
        self.comparing = comparing
        super().__init__()

    def look(self) -> None:
        """Show the concept of the comparison as it is now; the old images stay until there are new ones."""
        result, concept = self.comparing.result, self.comparing.concept
        self._write(concept=concept)
        if result is None or not concept or concept not in result.concepts:
            self.cancel()
            self.forget()
            self._write(shown=None)
            return

        def work(progress: Callable[[float], None]) -> Largest:
            pairs = zip((DATA, GENERATED), self.comparing.sides(progress), strict=True)
            found = {side: samples(source, result.largest(concept, side, MOST), concept) for side, source in pairs}
            return Largest(concept, found, {DATA: result.n_data, GENERATED: result.n_generated})

        self.submit(work, self._publish, kind="samples", interactive=True)

    def _publish(self, shown: Largest) -> None:
        if shown.concept == self.concept:
            self._write(shown=shown)


def samples(source: Data | Pictures, numbers: tuple[int, ...], concept: str) -> Samples | None:
    """These images with where the concept is in them; None of none."""
    if not numbers:
        return None
    images, seg = source.batch(numbers)
    names = source.concepts if isinstance(source, Data) else source.segmenter.concepts
    mask = (seg == list(names).index(concept) + 1).any(1)
    area = mask.flatten(1).double().mean(1) * 100
    return Samples(numbers, to_uint8(images), *(part.cpu().numpy() for part in (seg, mask, area)))
