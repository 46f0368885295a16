"""Archives of arrays: .npz, .safetensors and Keras' .keras; and which kind of zip archive a file is."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from ganwidgets.models import hdf5_files, torch_files
from ganwidgets.models.inert import DamagedError, RefusedError
from ganwidgets.models.inert_names import shown
from ganwidgets.models.inert_tensors import Budget
from ganwidgets.models.nvidia import NOTE

INFLATION = 100
"""How many times its length an archive may unfold to; no real array deflates so far."""

_Read = tuple[str, Any, tuple[str, ...]]


def read_safetensors(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """(tensors by name, notes); the library compares all lengths with the file's.

    A note that `export_weights` left in the metadata lies beside the weights, as it does in its torch files.
    """
    with safe_open(path, "pt") as file:
        kept = (file.metadata() or {}).get(NOTE)
    weights = load_file(path)
    return (weights if kept is None else {"state_dict": weights, NOTE: kept}), ()


def read_archive(path: Path, size: int) -> _Read:
    """Format, content and notes of a zip archive.

    Raises:
        RefusedError: it is none of weights, would execute something, or claims more than it holds.
        DamagedError: it ends early.
        zipfile.BadZipFile: the same, or a checksum does not hold.
    """
    with zipfile.ZipFile(path) as archive:
        torch_files.check_names(archive)
        names = set(archive.namelist())
        if "model.weights.h5" in names and "config.json" in names:
            _check_length(archive, size)
            return "keras", *_read_keras(archive)
        if any(name.endswith(".npy") for name in names):
            _check_length(archive, size)
            return "npz", *_read_npz(archive)
        return "torch", *torch_files.read_zip(archive, size)


def _check_length(archive: zipfile.ZipFile, size: int) -> None:
    Budget(size).take(max(sum(entry.file_size for entry in archive.infolist()) // INFLATION, 0))


def _read_npz(archive: zipfile.ZipFile) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    arrays, notes = {}, []
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        if (found := _array(archive, entry)) is None:
            notes.append(f"{shown(name)} holds no numbers and was left out")
        else:
            arrays[name] = found
    return arrays, tuple(notes)


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Tensor | None:
    """One array of a .npz file; None if it holds no numbers."""
    with archive.open(entry) as file:
        header = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if header == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
        if dtype.hasobject:
            raise RefusedError(f"holds Python objects ({shown(entry.filename)}), which are not read: save plain arrays")
        n = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if not 0 <= n <= entry.file_size or any(side < 0 for side in shape):
            raise RefusedError(f"claims more data for {shown(entry.filename)} than it holds: not read")
        if dtype.kind not in "fiub" or dtype.itemsize > 8:
            return None
        room = torch.empty(n, dtype=torch.uint8)
        torch_files.read_into(room, file)
    array = room.numpy().view(dtype) if n else np.empty(0, dtype)
    array = array.reshape(shape, order="F" if fortran else "C")
    return torch.from_numpy(np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape))


def _read_keras(archive: zipfile.ZipFile) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Keras 3: the layers as JSON beside an HDF5 file of their weights."""
    config = json.loads(archive.read("config.json"))
    data = archive.read("model.weights.h5")
    content, notes = hdf5_files.read_hdf5(io.BytesIO(data), len(data))
    if not isinstance(config, dict):
        raise DamagedError("its config.json describes no model")
    return content | {"model_config": config}, notes
