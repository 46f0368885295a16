"""Read pickles as inert data: what stands for the things in a file, none of which is ever run.

A pickle is a program for a small stack machine, some of whose instructions import a name or call it. The machine of
`inert_machine.py` has no such thing: a name becomes a `Name`, calling it makes a `Stub`, and only the few names of
`inert_names.py` stand for data, which is put together by functions of this package. Whatever else would execute is
refused by its name. Instructions, depth and memory are limited by what the file can hold.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


class RefusedError(ValueError):
    """What a file wants and does not get; the sentence goes on after the name of the file."""


class DamagedError(Exception):
    """What is broken about a file, in a few words."""


@dataclass(frozen=True, eq=False)
class Stub:
    """What a file says about an object of a class that is not known here; nothing of that class ever ran.

    Attributes:
        name: of the class or function, e.g. "argparse.Namespace".
        args: what it was called with.
        state: what its attributes were set to; None if they were not.
        items: what was put into it, if it is a kind of dict; of a kind of list by number.
    """

    name: str
    args: tuple = ()
    state: Any = None
    items: dict = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Expanded(Stub):
    """A tensor that shows the same numbers again and again, which is not read (torch's `expand`)."""


@dataclass(frozen=True, eq=False)
class Name(Stub):
    """A class or function that a file names; only these can be called, which makes a `Stub` of the same name."""


@dataclass(frozen=True, eq=False)
class Unbuilt(Stub):
    """An object whose content follows; `numbers` are its places in the machine's memory."""

    numbers: list[int] = field(default_factory=list)


@runtime_checkable
class World(Protocol):
    """What names, calls and references to something outside mean to the machine."""

    def step(self) -> None:
        """Note one instruction, in whichever of the file's pickles."""

    def refer(self, module: str, name: str) -> Any:
        """What stands for a name."""

    def call(self, name: Name, args: tuple) -> Any:
        """What stands for the result of a call."""

    def build(self, what: Any, state: Any) -> Any:
        """What an object is after its state was set; the object itself unless it was `Unbuilt`."""

    def outside(self, claim: Any) -> Any:
        """What a persistent id stands for."""
