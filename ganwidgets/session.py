"""What sessions of several methods share: the class that is drawn, a layer and its units, and what can be undone."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from traitlets import Bool, Bunch, Int, TraitError, Tuple, Unicode, observe, validate

from ganwidgets.jobs import Controller, lock
from ganwidgets.models import Network
from ganwidgets.models.layers import unknown_layer
from ganwidgets.results.history import History


class ClassSession(Controller):
    """A controller of a network that may be told which class to draw.

    Args:
        network: that is looked at.
        traits: first values.
    """

    drawn_class = Int(None, allow_none=True, help="Number of the class that is drawn; None: all.")

    def __init__(self, network: Network, **traits: Any) -> None:
        self.network = network
        self._labelled: dict[int | None, Network] = {_label_of(network): network}
        super().__init__(**{"drawn_class": _label_of(network), **traits})

    def relabelled(self) -> None:
        """Called when another class is to be drawn, with `network` being the one that draws it: show it."""

    @observe("drawn_class")
    def _drawn_class_changed(self, change: Bunch) -> None:
        if change.new == _label_of(self.network):
            return
        self.network = self.drawing(change.new)
        self.relabelled()

    def drawing(self, number: int | None) -> Network:
        """The network that draws a class; None: all of them."""
        if number not in self._labelled:
            self._labelled[number] = self.network.with_label(number)
        return self._labelled[number]

    @validate("drawn_class")
    def _check_drawn_class(self, proposal: Bunch) -> int | None:
        number, names = proposal["value"], self.network.classes if hasattr(self.network, "with_label") else ()
        if number is not None and not 0 <= number < len(names):
            which = (
                f"lie in 0 to {len(names) - 1}, or be None for all" if names else "be None: this network has no classes"
            )
            raise TraitError(f"`drawn_class` must {which}, got {number}.")
        return number


class LayerSession(ClassSession):
    """A controller that looks at one layer of a network.

    Args:
        network: that is looked at.
        traits: first values; `layer` is the network's first one by default.
    """

    layer = Unicode(help="Dotted name of a layer, as in `network.layers`.")
    units = Tuple(help="Numbers of units of the layer, ascending.")

    def __init__(self, network: Network, **traits: Any) -> None:
        super().__init__(network, **{"layer": next(iter(network.layers)), **traits})

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        if proposal["value"] not in self.network.layers:
            raise TraitError(str(unknown_layer(proposal["value"], self.network.layers, ())))
        return proposal["value"]

    @validate("units")
    def _check_units(self, proposal: Bunch) -> tuple[int, ...]:
        numbers = tuple(sorted({_unit(unit) for unit in proposal["value"]}))
        n_units = self.network.layers[self.layer].units
        outside = [unit for unit in numbers if not 0 <= unit < n_units]
        if outside:
            raise TraitError(f"`units` must lie in 0 to {n_units - 1}, the units of {self.layer!r}, got {outside[0]}.")
        return numbers


class HistorySession(Controller):
    """A controller of entries in order: strokes, edits. Each call is in force when it returns, and can be undone.

    A subclass starts with `_stack`, an empty `History`, shows its entries in the read-only trait that the history's
    `entries_name` names, and draws in `update`, by a job of kind "picture".
    """

    follows: ClassVar[frozenset[str]] = frozenset({"picture"})

    can_undo = Bool(False, read_only=True, help="Whether there is a change to take back.")
    can_redo = Bool(False, read_only=True, help="Whether there is one to do again.")

    _stack: History

    def update(self) -> Any:
        """Draw what is shown again; happens by itself when something changes."""
        raise NotImplementedError

    def undo(self) -> None:
        """Take back the last change; nothing happens if there is none."""
        self._change(lambda stack: stack.undo())

    def redo(self) -> None:
        """Do again what was taken back; nothing happens if there is nothing."""
        self._change(lambda stack: stack.redo())

    def mute(self, which: int | str, on: bool = True) -> None:
        """Leave an entry (number or uid) out, or take it in again. Raises `ValueError` if there is no such entry."""
        self._change(lambda stack: stack.mute(which, on))

    def delete(self, which: int | str) -> None:
        """Remove an entry (number or uid). Raises `ValueError` if there is no such entry."""
        self._change(lambda stack: stack.delete(which))

    def move(self, which: int | str, to: int) -> None:
        """Put an entry at another place in the order, 0 being the lowest. Raises `ValueError` if there is none."""
        self._change(lambda stack: stack.move(which, to))

    def set_strength(self, which: int | str, strength: float | int) -> None:
        """Change how strong an entry is. Raises `ValueError` outside its range, or if there is no such entry."""
        self._change(lambda stack: stack.with_strength(which, strength))

    def _change(self, how: Callable[[Any], Any]) -> None:
        with lock:
            changed = how(self._stack)
            self.refuse("")
            if changed is not self._stack:
                self._set_stack(changed)
                self.update()

    def _set_stack(self, stack: Any) -> None:
        self._stack = stack
        self._write(**{stack.entries_name: stack.entries}, can_undo=stack.can_undo, can_redo=stack.can_redo)


def whole_in_range(name: str, value: int, low: int, high: int) -> int:
    """`value`, if it lies in `low` to `high`.

    Raises:
        TraitError: otherwise, saying so.
    """
    if not low <= value <= high:
        raise TraitError(f"`{name}` must lie in {low} to {high}, got {value}.")
    return value


def check_truncation(value: float | None) -> float | None:
    """`value`, if latents can be squeezed by it.

    Raises:
        TraitError: zero or negative.
    """
    if value is not None and not value > 0:
        raise TraitError(f"`truncation` must be positive, or None for none, got {value}.")
    return value


def _label_of(network: Network) -> int | None:
    """The class a network is told to draw, if it is one that can be told."""
    return network.label if hasattr(network, "with_label") else None


def _unit(unit: Any) -> int:
    if isinstance(unit, bool) or not isinstance(unit, int | np.integer):
        raise TraitError(f"`units` must be unit numbers such as (3, 8), got {unit!r}.")
    return int(unit)
