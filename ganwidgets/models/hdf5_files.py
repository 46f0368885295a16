"""Keras' HDF5 files: weights by path, and the layers as JSON."""

import io
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.hdf5 import Hdf5
from ganwidgets.models.inert import DamagedError, RefusedError
from ganwidgets.models.inert_names import shown
from ganwidgets.models.inert_tensors import Budget

_DEEPEST = 24
_OPTIMISERS = ("optimizer_weights", "optimizer")


def read_hdf5(source: Path | io.IOBase, size: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """({"model_config": dict or None, "weights": {path: tensor}}, notes).

    Raises:
        RefusedError: links, arrays in other files or in pieces, or more than the file can hold.
        DamagedError: no HDF5 file, or a damaged one.
    """
    if isinstance(source, Path):
        with source.open("rb") as file:
            return read_hdf5(file, size)
    file = Hdf5(source, size)
    top = file.messages(file.root)
    text, parts = file.text(top, "model_config"), file.parts(top) or {}
    config = None if text is None else json.loads(text)
    if not isinstance(config, dict | None):
        raise DamagedError("its model_config describes no model")
    start = parts.get("model_weights", file.root)
    reader = _Reader(file, Budget(size))
    reader.walk(start, "", 0)
    if not reader.weights:
        raise RefusedError("is an HDF5 file without weights")
    left = {name for name in _OPTIMISERS if name in parts}
    notes = [f"{name} is an optimiser's state and was left out" for name in sorted(left)]
    return {"model_config": config, "weights": reader.weights}, (*notes, *reader.notes)


class _Reader:
    """Walks through a file and takes the numbers out of it."""

    def __init__(self, file: Hdf5, budget: Budget) -> None:
        self._file, self._budget, self._seen = file, budget, set()
        self.weights: dict[str, Tensor] = {}
        self.notes: list[str] = []

    def walk(self, address: int, path: str, depth: int) -> None:
        """Take all that lies at an address or in the group there."""
        if address in self._seen or depth > _DEEPEST:
            raise RefusedError(f"names {shown(path)} twice, or groups within groups without end: not read")
        self._seen.add(address)
        messages = self._file.messages(address)
        parts = self._file.parts(messages)
        for name, place in (parts or {}).items():
            if path or name not in _OPTIMISERS:
                self.walk(place, f"{path}/{name}" if path else name, depth + 1)
        if parts is None:
            array = self._file.array(messages)
            if array.dtype is None:
                self.notes.append(f"{shown(path)} holds no numbers and was left out")
                return
            values = self._file.values(array)
            self._budget.take(values.nbytes)
            self.weights[path] = torch.from_numpy(values)
