"""Edits: values that say how a layer's activations are changed while an intervention lasts.

A person's wish ("switch these units off here, half-way") becomes a small frozen object. Handing it to
`Network.intervene` applies it; nothing is stored in the model, so undo, compare and repeat are ordinary list
operations. `zero_units` ablates, `set_units` inserts, `compose` applies several in order. All are out of place and
differentiable in the activations, in `value` and in `strength`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import index

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Edit:
    """A change to the output of one layer. Subclasses say which, in `apply`."""

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        """The changed activations; `acts` itself is left as it is."""
        raise NotImplementedError

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise `ValueError` when a layer whose output (without batch) has this shape cannot be edited so."""

    @property
    def requires_grad(self) -> bool:
        """Whether a part of this edit (a value, a strength) is being optimised."""
        return any(isinstance(part, Tensor) and part.requires_grad for part in vars(self).values())


@dataclass(frozen=True, eq=False)
class UnitEdit(Edit):
    """y = x·(1 − a) + value·a on `units`, with a = strength · region; made by `zero_units` and `set_units`."""

    units: tuple[int, ...]
    value: float | Tensor = 0.0
    region: Float[Tensor, "height width"] | None = None
    strength: float | Tensor = 1.0

    def check(self, shape: tuple[int, ...]) -> None:
        if self.units and max(self.units) >= shape[0]:
            raise ValueError(
                f"`units` must be below {shape[0]}, the number of units of this layer, got {max(self.units)}"
            )
        if self.region is not None and len(shape) != 3:
            raise ValueError(
                f"`region` needs a layer whose output is a map (unit, height, width), got {shape}; "
                "leave `region` out to edit the whole unit"
            )
        wanted = (len(self.units), *shape[1:])
        if isinstance(self.value, Tensor) and self.value.ndim > 1 and self.value.shape != wanted:
            raise ValueError(f"`value` must have one map a unit, shape {wanted}, got {tuple(self.value.shape)}")

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        self.check(tuple(acts.shape[1:]))
        if not self.units:
            return acts.clone()
        units = torch.tensor(self.units, device=acts.device)
        old = acts[:, units]
        new = self._per_unit(self.value, old).expand_as(old)
        if self.region is not None or isinstance(self.strength, Tensor) or self.strength != 1.0:
            share = self._per_unit(self.strength, old)
            if self.region is not None:
                share = share * resize_region(self.region.to(acts), tuple(acts.shape[2:]))
            new = old * (1 - share) + new * share
        return acts.index_copy(1, units, new)

    @staticmethod
    def _per_unit(number: float | Tensor, like: Tensor) -> Tensor:
        number = torch.as_tensor(number).to(like)
        return number.reshape(-1, *[1] * (like.ndim - 2)) if number.ndim == 1 else number


@dataclass(frozen=True, eq=False)
class Composition(Edit):
    """Several edits of one layer, applied in order; made by `compose`."""

    edits: tuple[Edit, ...]

    def check(self, shape: tuple[int, ...]) -> None:
        for edit in self.edits:
            edit.check(shape)

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        for edit in self.edits:
            acts = edit.apply(acts)
        return acts

    @property
    def requires_grad(self) -> bool:
        return any(edit.requires_grad for edit in self.edits)


def zero_units(units: Iterable, strength: float | int | Tensor = 1.0, region=None) -> UnitEdit:
    """Ablate: switch these units off, y = x·(1 − strength·region).

    Args:
        units: numbers of the units.
        strength: 0 leaves everything, 1 switches off; a number, or a tensor with one a unit.
        region: (height width) in [0, 1], of any size (resized by area to the layer); None is everywhere.

    Raises:
        ValueError: units negative or repeated, strength or region outside [0, 1].
    """
    return set_units(units, 0.0, region, strength)


def set_units(
    units: Iterable, value: float | int | Tensor, region=None, strength: float | int | Tensor = 1.0
) -> UnitEdit:
    """Insert: move these units to a value, y = x·(1 − a) + value·a with a = strength·region.

    Args:
        units: numbers of the units.
        value: one number, a tensor with one a unit, or one map a unit (unit height width) of the layer's size.
        region: (height width) in [0, 1], of any size (resized by area to the layer); None is everywhere.
        strength: 0 leaves everything, 1 replaces; a number, or a tensor with one a unit.

    Raises:
        ValueError: units negative or repeated, a value that does not fit them, strength or region outside [0, 1].
    """
    units = _checked_units(units)
    return UnitEdit(
        units, _checked_value(value, len(units)), checked_region(region), _checked_strength(strength, len(units))
    )


def compose(*edits: Edit) -> Composition:
    """One edit that applies these in order, each to what the previous one left.

    Raises:
        TypeError: something else than an edit among them.
    """
    for edit in edits:
        if not isinstance(edit, Edit):
            raise TypeError(f"`edits` must be edits such as zero_units([3]), got {edit!r}")
    return Composition(edits)


def resize_region(region: Float[Tensor, "height width"], size: tuple[int, int]) -> Float[Tensor, "layer_h layer_w"]:
    """A painted region at a layer's resolution: each cell gets the share of its area that is painted."""
    rows, columns = (
        _overlap(old, new).to(region) if old != new else None for old, new in zip(region.shape, size, strict=True)
    )
    region = region if rows is None else rows @ region
    return region if columns is None else region @ columns.T


def _overlap(old: int, new: int) -> Tensor:
    """Matrix (new, old) of the share of each new cell that each old cell covers; rows sum to 1."""
    edges = torch.arange(new + 1, dtype=torch.float64) * (old / new)
    cells = torch.arange(old, dtype=torch.float64)
    upper = torch.minimum(edges[1:, None], cells + 1)
    lower = torch.maximum(edges[:-1, None], cells)
    return (upper - lower).clamp(min=0) * (new / old)


def as_numbers(name: str, given: object, wanted: str) -> Tensor:
    """What somebody gave as numbers, as a tensor of floats; one that is a tensor of floats stays as it is.

    Raises:
        TypeError: it holds something else than numbers.
    """
    try:
        numbers = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"`{name}` must be {wanted}, got {given!r}"[:300]) from None
    return numbers if numbers.is_floating_point() else numbers.float()


def _checked_units(units: Iterable) -> tuple[int, ...]:
    try:
        if isinstance(units, str):
            raise TypeError
        items = list(units)
        if any(isinstance(unit, bool) or getattr(unit, "dtype", None) in (bool, torch.bool) for unit in items):
            raise TypeError
        numbers = tuple(index(unit) for unit in items)
    except TypeError:
        raise TypeError(f"`units` must be a list of unit numbers such as [3, 8], got {units!r}") from None
    if any(unit < 0 for unit in numbers):
        raise ValueError(f"`units` must not be negative, got {min(numbers)}")
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"`units` must name each unit once, got {list(numbers)}")
    return numbers


def _checked_value(value: float | int | Tensor, n_units: int) -> float | Tensor:
    value = as_numbers("value", value, "a number, or numbers or maps, one a unit")
    if value.ndim not in (0, 1, 3) or (value.ndim and len(value) != n_units):
        raise ValueError(
            f"`value` must be a number, {n_units} numbers or {n_units} maps (one a unit), got shape "
            f"{tuple(value.shape)}"
        )
    if not torch.isfinite(value.detach()).all():
        raise ValueError("`value` must be finite, got NaN or infinity")
    return value if value.ndim or value.requires_grad else float(value)


def checked_region(region: object, name: str = "region") -> Tensor | None:
    """A region as a tensor, if it is one; None stays None.

    Raises:
        TypeError: not numbers.
        ValueError: another number of axes, or values outside [0, 1].
    """
    if region is None:
        return None
    region = as_numbers(name, region, "(height, width) in [0, 1]")
    if region.ndim != 2 or not region.numel():
        raise ValueError(f"`{name}` must be (height, width), got shape {tuple(region.shape)}")
    if not ((region.detach() >= 0) & (region.detach() <= 1)).all():
        raise ValueError(f"`{name}` must lie in [0, 1]; divide an 8-bit mask by 255")
    return region


def _checked_strength(strength: float | int | Tensor, n_units: int) -> float | Tensor:
    given = as_numbers("strength", strength, "a number in [0, 1], or one a unit")
    numbers = given.detach()
    if numbers.ndim > 1 or (numbers.ndim and len(numbers) != n_units):
        raise ValueError(f"`strength` must be a number or {n_units} numbers (one a unit), got {tuple(numbers.shape)}")
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError(f"`strength` must lie in [0, 1], got {strength}")
    return given if numbers.ndim or isinstance(strength, Tensor) else float(strength)
