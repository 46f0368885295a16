"""The session behind the brush: what is painted on one picture grows into a region, until it is put into a tray.

Strokes add to the region or take from it, each can be undone. `put` makes a marked place of the region; `open` looks at
a marked place again, and `put` then exchanges it. A region belongs to its picture: looking at another one drops it.
"""

from typing import Any

import numpy as np
from traitlets import Bool, Bunch, Instance, Tuple

from ganwidgets.jobs import Controller, lock
from ganwidgets.nn.regions import as_region, resize
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.examples import Example
from ganwidgets.worker import Job

MOST_STEPS = 100  # that can be undone
SAMPLE = ["image", "seed", "truncation", "drawn_class"]  # what decides which picture is looked at
NOTHING_PAINTED = "Nothing is painted yet: paint on the picture what you mean, then press this."

Region = np.ndarray | None


class MarkingController(Controller):
    """Paints a region on the picture that a rewriting session looks at.

    Args:
        session: that gets the marked places.
    """

    region = Instance(np.ndarray, allow_none=True, read_only=True, help="uint8 (height width), 255 is painted.")
    opened = Tuple(read_only=True, help="(kind, place) that is looked at again; empty: none is.")
    can_undo = Bool(False, read_only=True, help="Whether there is a stroke to take back.")
    can_redo = Bool(False, read_only=True, help="Whether there is one to paint again.")

    def __init__(self, session: RewriteController) -> None:
        self.session = session
        self._past: list[Region] = []
        self._future: list[Region] = []
        super().__init__()
        session.observe(self._looked_elsewhere, SAMPLE)

    def paint(self, mask: Any, *, erase: bool = False) -> None:
        """Add a stroke to the region, or take it away.

        Args:
            mask: (height width) in [0, 1] or 8-bit, of any size, or the bytes of a PNG.
            erase: take it away.

        Raises:
            ValueError: a mask that is none.
        """
        size = tuple(self.session.network.image_shape[1:])
        stroke = (resize(as_region(mask), size) * 255).round().byte().cpu().numpy()
        with lock:
            now = np.zeros(size, np.uint8) if self.region is None else self.region
            changed = np.minimum(now, 255 - stroke) if erase else np.maximum(now, stroke)
            self._past = [*self._past, self.region][-MOST_STEPS:]
            self._future = []
            self._show(changed if changed.any() else None)

    def undo(self) -> None:
        """Take back the last stroke; nothing happens if there is none."""
        self._step(self._past, self._future)

    def redo(self) -> None:
        """Paint again what was taken back; nothing happens if there is nothing."""
        self._step(self._future, self._past)

    def clear(self) -> None:
        """Paint nothing, and look at no marked place."""
        with lock:
            self._past, self._future = [], []
            self._show(None)
            self._write(opened=())

    def open(self, kind: str, number: int) -> None:
        """Look at a marked place again, in its picture, to change it.

        Raises:
            ValueError: there is none of this kind and number.
        """
        with lock:
            self.session.trays.without(kind, number)  # whether there is one
            place = self.session.trays.all(kind)[number]
            self.session.image = place.image
            self.clear()
            self.paint(place.region)
            self._past = []
            self._show(self.region)
            self._write(opened=(kind, place))

    def put(self, kind: str) -> Example:
        """Make a marked place of the region; in place of the one that is looked at again, if it is of this kind.

        Raises:
            ValueError: nothing is painted.
        """
        with lock:
            place = self.session.mark(kind, self.session.image, self._painted(), instead=self._instead(kind))
            self.clear()
            return place

    def search(self, *, wait: bool = False) -> Job:
        """Show pictures with places like the region; without one, like the context.

        Raises:
            ValueError: nothing is painted, and there is no context.
        """
        with lock:
            if self.region is None:
                return self.session.search(wait=wait)
            return self.session.search(self.session.image, self.region, wait=wait)

    def close(self) -> None:
        self.session.unobserve(self._looked_elsewhere, SAMPLE)
        super().close()

    def _painted(self) -> np.ndarray:
        if self.region is None:
            raise ValueError(NOTHING_PAINTED)
        return self.region

    def _instead(self, kind: str) -> int | None:
        """Number of the place that is looked at again, if it is of this kind and still there."""
        places = self.session.trays.all(kind)
        return places.index(self.opened[1]) if self.opened and self.opened[1] in places else None

    def _step(self, taken: list[Region], kept: list[Region]) -> None:
        with lock:
            if taken:
                kept.append(self.region)
                self._show(taken.pop())

    def _show(self, region: Region) -> None:
        self._write(region=region, can_undo=bool(self._past), can_redo=bool(self._future))

    def _looked_elsewhere(self, change: Bunch) -> None:
        self.clear()
