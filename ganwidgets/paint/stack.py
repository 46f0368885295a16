"""The strokes of a session, in order, with everything that can be undone: a value.

`StrokeStack` holds the strokes and the lists before and after. Every change returns another stack, so undo is taking
the list before, and two sessions may share a past.
"""

import secrets
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from ganwidgets.nn.regions import as_region
from ganwidgets.paint.strokes import Stroke

MOST_STEPS = 500  # that can be undone

Strokes = tuple[Stroke, ...]


@dataclass(frozen=True, eq=False)
class StrokeStack:
    """Strokes, the lowest first, and the steps that led here.

    Attributes:
        strokes: now.
        past: lists of strokes before, the last one being what `undo` gives.
        future: lists that were undone, the last one being what `redo` gives.
    """

    strokes: Strokes = ()
    past: tuple[Strokes, ...] = ()
    future: tuple[Strokes, ...] = ()

    def __len__(self) -> int:
        return len(self.strokes)

    def __iter__(self) -> Iterator[Stroke]:
        return iter(self.strokes)

    def __getitem__(self, which: int | str) -> Stroke:
        return self.strokes[self.index(which)]

    @property
    def can_undo(self) -> bool:
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        return bool(self.future)

    def push(self, stroke: Stroke) -> "StrokeStack":
        """One more stroke, over the others; one that is there already gets a `uid` of its own."""
        if any(stroke.uid == other.uid for other in self.strokes):
            stroke = replace(stroke, uid=secrets.token_hex(4))
        return self.set((*self.strokes, stroke))

    def set(self, strokes: Strokes) -> "StrokeStack":
        """These strokes in place of the present ones, as one step."""
        if strokes == self.strokes:
            return self
        return StrokeStack(strokes, (*self.past, self.strokes)[-MOST_STEPS:])

    def clear(self) -> "StrokeStack":
        """No strokes; can be undone."""
        return self.set(())

    def undo(self) -> "StrokeStack":
        """One step back; the same stack if there is none."""
        if not self.past:
            return self
        return StrokeStack(self.past[-1], self.past[:-1], (*self.future, self.strokes))

    def redo(self) -> "StrokeStack":
        """The step that was undone last; the same stack if there is none."""
        if not self.future:
            return self
        return StrokeStack(self.future[-1], (*self.past, self.strokes), self.future[:-1])

    def mute(self, which: int | str, on: bool = True) -> "StrokeStack":
        """Leave a stroke out, or (on=False) take it in again."""
        return self._change(which, lambda stroke: stroke if stroke.muted == on else replace(stroke, muted=on))

    def with_strength(self, which: int | str, strength: float | int) -> "StrokeStack":
        """A stroke at another strength. Raises `ValueError` outside [0, 1]."""
        return self._change(which, lambda old: old if old.strength == strength else old.with_strength(strength))

    def delete(self, which: int | str) -> "StrokeStack":
        """Without this stroke."""
        index = self.index(which)
        return self.set(self.strokes[:index] + self.strokes[index + 1 :])

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

    def move(self, which: int | str, to: int) -> "StrokeStack":
        """The stroke at another place in the order; 0 is below all others.

        Raises:
            ValueError: no such stroke or place.
        """
        index, to = self.index(which), self.index(to)
        others = self.strokes[:index] + self.strokes[index + 1 :]
        return self.set((*others[:to], self.strokes[index], *others[to:]))

    def index(self, which: int | str) -> int:
        """Place of a stroke, given its place or its `uid`.

        Raises:
            ValueError: there is none.
        """
        known = {stroke.uid: place for place, stroke in enumerate(self.strokes)}
        known |= {place: place for place in known.values()}
        if isinstance(which, bool) or not isinstance(which, Hashable) or which not in known:
            there = f"0 to {len(self.strokes) - 1}" if self.strokes else "none, as nothing is painted"
            raise ValueError(
                f"`which` must be the number of a stroke ({there}) or its uid, got {which!r}; for several, or counted "
                "from the end, take them from the tuple `strokes`"
            )
        return known[which]

    def without(self, stroke: Stroke) -> "StrokeStack":
        """As if this stroke had never been, past and future included; what it was before it was changed comes back."""
        older = (old for step in reversed(self.past) for old in step)
        earlier = next((old for old in older if old.uid == stroke.uid and old is not stroke), None)
        instead = () if earlier is None else (earlier,)

        def cleaned(strokes: Strokes) -> Strokes:
            return tuple(kept for one in strokes for kept in (instead if one is stroke else (one,)))

        steps = [cleaned(strokes) for strokes in (*self.past, self.strokes, *reversed(self.future))]
        now = len(self.past)
        past = [step for step, following in pairwise(steps[: now + 1]) if step != following]
        future = [step for before, step in pairwise(steps[now:]) if step != before]
        return StrokeStack(steps[now], tuple(past), tuple(reversed(future)))

    def _change(self, which: int | str, how: Callable[[Stroke], Stroke]) -> "StrokeStack":
        index = self.index(which)
        return self.set((*self.strokes[:index], how(self.strokes[index]), *self.strokes[index + 1 :]))
