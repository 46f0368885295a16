"""The strokes of a session, in order, with everything that can be undone: a value."""

from dataclasses import dataclass
from typing import Any, ClassVar

from ganwidgets.nn.regions import as_region
from ganwidgets.paint.strokes import Stroke
from ganwidgets.results.history import History


@dataclass(frozen=True, eq=False)
class StrokeStack(History[Stroke]):
    """Strokes, the lowest first, and the steps that led here; see `History`."""

    entry_name: ClassVar[str] = "a stroke"
    entries_name: ClassVar[str] = "strokes"
    when_empty: ClassVar[str] = "nothing is painted"

    @property
    def strokes(self) -> tuple[Stroke, ...]:
        """All, those left out included."""
        return self.entries

    def erase(self, region: Any) -> "StrokeStack":
        """Without what is painted inside a region, muted strokes apart; a stroke of which nothing is left goes.

        Raises:
            ValueError: nothing marked, or a region that is none.
        """
        rubber = as_region(region)
        if not rubber.any():
            raise ValueError("`region` must have something marked, got none")
        left = (stroke if stroke.muted else stroke.erased(rubber) for stroke in self.strokes)
        return self.set(tuple(stroke for stroke in left if stroke is not None))
