"""Values in order, with everything that can be undone: what the edits of a session are kept in.

A `History` holds its entries and the lists before and after. Every change returns another history, so undo is taking
the list before, and two sessions may share a past. What is special to one kind of entry belongs in a subclass.
"""

import secrets
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

MOST_STEPS = 500  # that can be undone


@runtime_checkable
class HasStrength(Protocol):
    """What an entry has: a name for good, whether it counts, and how much. A frozen dataclass."""

    uid: str
    muted: bool
    strength: float | int

    def with_strength(self, strength: float | int) -> Any:
        """The same at another strength."""


Entry = TypeVar("Entry", bound=HasStrength)
Kind = TypeVar("Kind", bound="History")  # not Self, which run-time type checks of single methods do not know


def new_uid() -> str:
    """A name no other entry has."""
    return secrets.token_hex(4)


@dataclass(frozen=True, eq=False)
class History(Generic[Entry]):
    """Entries, the lowest first, and the steps that led here.

    Attributes:
        entries: now.
        past: lists of entries before, the last one being what `undo` gives.
        future: lists that were undone, the last one being what `redo` gives.
    """

    entries: tuple[Entry, ...] = ()
    past: tuple[tuple[Entry, ...], ...] = ()
    future: tuple[tuple[Entry, ...], ...] = ()

    # How errors call an entry and all of them, and why there may be none.
    entry_name: ClassVar[str] = "an entry"
    entries_name: ClassVar[str] = "entries"
    when_empty: ClassVar[str] = "there is nothing yet"

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __getitem__(self, which: int | str) -> Entry:
        return self.entries[self.index(which)]

    @property
    def can_undo(self) -> bool:
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        return bool(self.future)

    def push(self: Kind, entry: Entry) -> Kind:
        """One more entry, over the others; one that is there already gets a `uid` of its own."""
        if any(entry.uid == other.uid for other in self.entries):
            entry = replace(entry, uid=new_uid())
        return self.set((*self.entries, entry))

    def set(self: Kind, entries: tuple[Entry, ...]) -> Kind:
        """These entries in place of the present ones, as one step."""
        if entries == self.entries:
            return self
        return type(self)(entries, (*self.past, self.entries)[-MOST_STEPS:])

    def clear(self: Kind) -> Kind:
        """No entries; can be undone."""
        return self.set(())

    def undo(self: Kind) -> Kind:
        """One step back; the same history if there is none."""
        if not self.past:
            return self
        return type(self)(self.past[-1], self.past[:-1], (*self.future, self.entries))

    def redo(self: Kind) -> Kind:
        """The step that was undone last; the same history if there is none."""
        if not self.future:
            return self
        return type(self)(self.future[-1], (*self.past, self.entries), self.future[:-1])

    def mute(self: Kind, which: int | str, on: bool = True) -> Kind:
        """Leave an entry out, or (on=False) take it in again."""
        return self.change(which, lambda entry: entry if entry.muted == on else replace(entry, muted=on))

    def with_strength(self: Kind, which: int | str, strength: float | int) -> Kind:
        """An entry at another strength. Raises `ValueError` for one that it cannot have."""
        return self.change(which, lambda old: old if old.strength == strength else old.with_strength(strength))

    def delete(self: Kind, which: int | str) -> Kind:
        """Without this entry."""
        index = self.index(which)
        return self.set(self.entries[:index] + self.entries[index + 1 :])

    def move(self: Kind, which: int | str, to: int) -> Kind:
        """The entry at another place in the order; 0 is below all others.

        Raises:
            ValueError: no such entry or place.
        """
        index, to = self.index(which), self.index(to)
        others = self.entries[:index] + self.entries[index + 1 :]
        return self.set((*others[:to], self.entries[index], *others[to:]))

    def index(self, which: int | str) -> int:
        """Place of an entry, given its place or its `uid`.

        Raises:
            ValueError: there is none.
        """
        known: dict[Hashable, int] = {entry.uid: place for place, entry in enumerate(self.entries)}
        known |= {place: place for place in known.values()}
        if isinstance(which, bool) or not isinstance(which, Hashable) or which not in known:
            there = f"0 to {len(self.entries) - 1}" if self.entries else f"none, as {self.when_empty}"
            raise ValueError(
                f"`which` must be the number of {self.entry_name} ({there}) or its uid, got {which!r}; for several, or "
                f"counted from the end, take them from the tuple `{self.entries_name}`"
            )
        return known[which]

    def without(self: Kind, entry: Entry) -> Kind:
        """As if this entry had never been, past and future included; what it was before it was changed comes back."""
        older = (old for step in reversed(self.past) for old in step)
        earlier = next((old for old in older if old.uid == entry.uid and old is not entry), None)
        instead = () if earlier is None else (earlier,)

        def cleaned(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
            return tuple(kept for one in entries for kept in (instead if one is entry else (one,)))

        steps = [cleaned(entries) for entries in (*self.past, self.entries, *reversed(self.future))]
        now = len(self.past)
        past = [step for step, following in pairwise(steps[: now + 1]) if step != following]
        future = [step for before, step in pairwise(steps[now:]) if step != before]
        return type(self)(steps[now], tuple(past), tuple(reversed(future)))

    def exchanged(self: Kind, how: Callable[[Entry], Entry]) -> Kind:
        """Every entry, past and future included, exchanged for what `how` makes of it: no step to undo."""
        everywhere = lambda steps: tuple(tuple(map(how, entries)) for entries in steps)  # noqa: E731
        return type(self)(tuple(map(how, self.entries)), everywhere(self.past), everywhere(self.future))

    def change(self: Kind, which: int | str, how: Callable[[Entry], Entry]) -> Kind:
        """One entry exchanged for what `how` makes of it, as one step."""
        index = self.index(which)
        return self.set((*self.entries[:index], how(self.entries[index]), *self.entries[index + 1 :]))
