"""Edits of whole layers by maps: one that adds, one that multiplies and lets go where somebody paints.

A photo is never quite what a generator draws. What is missing can be put into a layer as a map: `add_map` adds one
value a unit and place, `scale_map` multiplies by a factor a place. The second can be `released` in a region: there the
layer gives again what the network alone makes, so that an edit of a lower layer shows. Both are differentiable in
their maps.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.edits import Edit, as_numbers, checked_region, resize_region


@dataclass(frozen=True, eq=False)
class AddMap(Edit):
    """y = x + values; made by `add_map`."""

    values: Tensor

    def check(self, shape: tuple[int, ...]) -> None:
        if tuple(self.values.shape[-len(shape) :]) != tuple(shape) or self.values.ndim > len(shape) + 1:
            raise ValueError(f"`values` must be shaped like the layer {tuple(shape)}, got {tuple(self.values.shape)}")

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        self.check(tuple(acts.shape[1:]))
        if self.values.ndim == acts.ndim and len(self.values) not in (1, len(acts)):
            raise ValueError(f"`values` must be one an image, {len(acts)}, got {len(self.values)}")
        return acts + self.values.to(acts)


@dataclass(frozen=True, eq=False)
class ScaleMap(Edit):
    """y = x·(1 + d·(1 − released)); made by `scale_map`."""

    d: Float[Tensor, "*batch unit height width"]
    released: Float[Tensor, "region_height region_width"] | None = None

    def check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 3:
            raise ValueError(f"`d` needs a layer whose output is a map (unit, height, width), got {tuple(shape)}")
        units, *size = self.d.shape[-3:]
        if units not in (1, shape[0]) or tuple(size) != tuple(shape[1:]):
            raise ValueError(
                f"`d` must be (1, height, width) or (unit, height, width) of the layer {tuple(shape)}, got "
                f"{tuple(self.d.shape)}"
            )

    def apply(self, acts: Float[Tensor, "batch unit height width"]) -> Float[Tensor, "batch unit height width"]:
        self.check(tuple(acts.shape[1:]))
        if self.d.ndim == 4 and len(self.d) not in (1, len(acts)):
            raise ValueError(f"`d` must be one an image, {len(acts)}, got {len(self.d)}")
        d = self.d.to(acts)
        if self.released is not None:
            # Sums of shares may round to a little more than 1.
            d = d * (1 - resize_region(self.released.to(acts), tuple(acts.shape[2:])).clamp(0, 1))
        return acts * (1 + d)


def add_map(values: Any) -> AddMap:
    """Add to every unit at every place, y = x + values.

    Args:
        values: of the layer's shape, (unit, *location), or with one such map an image in front.

    Raises:
        TypeError: not numbers.
        ValueError: NaN or infinity.
    """
    return AddMap(_checked("values", values))


def scale_map(d: Any, released: Any = None) -> ScaleMap:
    """Multiply at every place, y = x·(1 + d·(1 − released)).

    Args:
        d: (1, height, width) for all units alike or (unit, height, width), of the layer's size, or with one such map
            an image in front; 0 leaves everything.
        released: (height, width) in [0, 1], of any size (resized by area to the layer): where the layer is left as the
            network makes it. None is nowhere.

    Raises:
        TypeError: not numbers.
        ValueError: NaN or infinity, another number of axes, or a region outside [0, 1].
    """
    d = _checked("d", d)
    if d.ndim not in (3, 4):
        raise ValueError(f"`d` must be (1 or unit, height, width), got shape {tuple(d.shape)}")
    return ScaleMap(d, checked_region(released, "released"))


def _checked(name: str, given: Any) -> Tensor:
    numbers = as_numbers(name, given, "numbers, one a unit and place")
    if not torch.isfinite(numbers.detach()).all():
        raise ValueError(f"`{name}` must be finite, got NaN or infinity")
    return numbers
