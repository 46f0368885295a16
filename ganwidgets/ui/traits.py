"""Traits that hold plain JSON (and bytes), whatever they were given: numpy arrays, tuples, NaN.

A browser's JSON parser refuses NaN, a numpy integer is refused by Python's encoder, and a list changed in place is not
noticed by traitlets. Copying into plain lists and dicts on the way in settles all three.
"""

import math
from collections.abc import Mapping

import numpy as np
import traitlets


def plain(value: object) -> object:
    """A copy made of dict, list, str, bytes, bool, int, float and None; numbers that are not finite become None."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [plain(item) for item in value]
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    return value


class PlainDict(traitlets.Dict):
    """A synced dictionary of JSON values or bytes."""

    def validate(self, obj: traitlets.HasTraits, value: object) -> object:
        return super().validate(obj, plain(value))


class PlainList(traitlets.List):
    """A synced list of JSON values or bytes."""

    def validate(self, obj: traitlets.HasTraits, value: object) -> object:
        return super().validate(obj, plain(value))


class Number(traitlets.Float):
    """A synced float that also takes numpy numbers."""

    def validate(self, obj: traitlets.HasTraits, value: object) -> object:
        return super().validate(obj, plain(value))


def require_keys(trait: str, items: list, keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    """Refuses entries that lack a key or carry an unknown one.

    Raises:
        traitlets.TraitError: naming the entry and the key.
    """
    for position, item in enumerate(items):
        if not isinstance(item, dict):
            raise traitlets.TraitError(
                f"`{trait}[{position}]` must be a dict with the keys {list(keys)}, got {item!r}."
            )
        for key in keys:
            if key not in item:
                raise traitlets.TraitError(f"`{trait}[{position}]` lacks the key {key!r}; it has {sorted(item)}.")
        for key in item:
            if key not in keys + optional:
                allowed = list(keys + optional)
                raise traitlets.TraitError(f"`{trait}[{position}]` has the unknown key {key!r}; known are {allowed}.")


def require_numbers(trait: str, items: list) -> None:
    """Refuses a list that holds anything but numbers and None.

    Raises:
        traitlets.TraitError: naming the first other value.
    """
    for position, item in enumerate(items):
        if item is not None and (isinstance(item, bool) or not isinstance(item, int | float)):
            raise traitlets.TraitError(f"`{trait}` must hold numbers or None, got {item!r} at position {position}.")
