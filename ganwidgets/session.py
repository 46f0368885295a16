"""What the sessions of all methods share: a network, one of its layers, and units of that layer."""

from typing import Any

import numpy as np
from traitlets import Bunch, TraitError, Tuple, Unicode, validate

from ganwidgets.jobs import Controller
from ganwidgets.models import Network
from ganwidgets.models.layers import unknown_layer


class LayerSession(Controller):
    """A controller that looks at one layer of a network.

    Args:
        network: that is looked at.
        traits: first values; `layer` is the network's first one by default.
    """

    layer = Unicode(help="Dotted name of a layer, as in `network.layers`.")
    units = Tuple(help="Numbers of units of the layer, ascending.")

    def __init__(self, network: Network, **traits: Any) -> None:
        self.network = network
        super().__init__(**{"layer": next(iter(network.layers)), **traits})

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


def _unit(unit: Any) -> int:
    if isinstance(unit, bool) or not isinstance(unit, int | np.integer):
        raise TraitError(f"`units` must be unit numbers such as (3, 8), got {unit!r}.")
    return int(unit)
