"""The edits of a session, in order, with everything that can be undone: a value.

Order does not change what a network with all of them draws, as changes of weights add up. It is the order in which
they were made: a later one was solved on top of those before it.
"""

from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

from ganwidgets.results.history import History, new_uid
from ganwidgets.results.rewrites import MOST_TEXT, LowRankEdit


@dataclass(frozen=True, eq=False)
class EditStack(History[LowRankEdit]):
    """Edits of rules, the first one first, and the steps that led here; see `History`."""

    entry_name: ClassVar[str] = "an edit"
    entries_name: ClassVar[str] = "edits"
    when_empty: ClassVar[str] = "nothing is edited"

    @property
    def edits(self) -> tuple[LowRankEdit, ...]:
        """All, those left out included."""
        return self.entries

    @property
    def active(self) -> tuple[LowRankEdit, ...]:
        """Those that do anything."""
        return tuple(edit for edit in self.entries if edit.active)

    def rename(self, which: int | str, name: str) -> "EditStack":
        """An edit under another name.

        Raises:
            ValueError: no such edit, or no name.
        """
        name = name.strip()[:MOST_TEXT] if isinstance(name, str) else ""
        if not name:
            raise ValueError("`name` must have at least one letter")
        return self.change(which, lambda edit: edit if edit.name == name else replace(edit, name=name))

    def duplicate(self, which: int | str) -> "EditStack":
        """An edit once more, next to itself, to be changed alone. Raises `ValueError` if there is none."""
        index = self.index(which)
        again = replace(self.entries[index], uid=new_uid(), name=_free(self.entries[index].name, self.entries))
        return self.set((*self.entries[: index + 1], again, *self.entries[index + 1 :]))


def _free(name: str, edits: tuple[LowRankEdit, ...]) -> str:
    """The name with the first number that makes it another than all there are."""
    taken = {edit.name for edit in edits}
    numbered = (f"{name[: MOST_TEXT - 8]} ({number})" for number in count(2))
    return next(free for free in numbered if free not in taken)
