"""Read weights from a file that may be broken, foreign or hostile: tensors come out, code never runs.

The kind is told by the first bytes, not by the name (a torch file is sometimes called .tar). torch files are first
walked through by an unpickler in which every name is a dummy, to compare what the file claims with how long it is;
only then torch reads them, with `weights_only=True`. `read_weights` gives what is inside or one sentence why not.
"""

import argparse
import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

_ITEMSIZE = {"Double": 8, "Long": 8, "ComplexFloat": 8, "ComplexDouble": 16, "Float": 4, "Int": 4}
_ITEMSIZE |= {"Half": 2, "BFloat16": 2, "Short": 2}
_INFLATION = 100  # more than any real array deflates


def read_weights(path: Path) -> Any:
    """The content of a weights file: tensors by name, perhaps nested as it was saved, on the CPU.

    Raises:
        ValueError: no weights file, a truncated one, or one that holds or claims more than it should.
    """
    with path.open("rb") as file:
        head = file.read(512)
    size = path.stat().st_size
    if foreign := _foreign(head):
        raise ValueError(f"{path.name} {foreign}")
    try:
        if head.startswith(b"PK"):
            return _read_zip(path, size)
        if head.startswith(b"\x80"):
            return _read_legacy(path, size)
        return load_file(path)
    except (EOFError, SafetensorError, zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise ValueError(
            f"{path.name} must be a complete weights file (.safetensors, torch or .npz), but cannot be read: "
            f"{str(error).splitlines()[0] if str(error) else 'it ends early'}. Was the download cut off?"
        ) from error


def _claims_too_much(path: Path, size: int) -> ValueError:
    return ValueError(
        f"{path.name} must be a complete weights file, but claims more data than its {size:,} bytes can hold: was the "
        "download cut off? It was not read"
    )


def _foreign(head: bytes) -> str:
    """Why a file that begins like this is no weights file, or nothing."""
    if not head:
        return "is empty (0 bytes): download it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the weights: run `git lfs pull` where it was cloned"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights: the download link led to a page; download the file itself"
    if head.startswith(b"\x89HDF"):
        return "is an HDF5 (Keras) file, which is not read here: save the weights as .safetensors or .npz"
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")) or head[257:262] == b"ustar":
        return "is a compressed archive: unpack it and load the weights file inside"
    if not head.startswith((b"PK", b"\x80")) and head[8:9] != b"{":
        return "is no weights file: .safetensors, torch files and .npz are read here"
    return ""


def _read_zip(path: Path, size: int) -> Any:
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(name.endswith(".npy") for name in entries):
            if sum(entry.file_size for entry in entries.values()) > _INFLATION * size:
                raise _claims_too_much(path, size)
            return _read_npz(path, archive, entries)
        pickles = [name for name in entries if name.rpartition("/")[2] == "data.pkl"]
        if any(name.rpartition("/")[2] == "constants.pkl" for name in entries):
            raise ValueError(f"{path.name} is a TorchScript program: save the state_dict() of the module instead")
        if len(pickles) != 1:
            raise ValueError(f"{path.name} is a zip archive but neither a torch file nor .npz: unpack it first")
        if sum(entry.file_size for entry in entries.values()) > size:
            raise _claims_too_much(path, size)
        folder = pickles[0].removesuffix("data.pkl")
        for key, claimed in _Inert(io.BytesIO(archive.read(pickles[0]))).claims():
            entry = entries.get(f"{folder}data/{key}")
            if entry is None or claimed > entry.file_size:
                raise ValueError(f"{path.name} claims {claimed:,} bytes for a tensor it does not hold: not read")
    return _read_torch(path)


def _read_npz(path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> dict[str, Tensor]:
    arrays = {}
    for name, entry in entries.items():
        with archive.open(name) as file:
            header = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if header == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{path.name} holds Python objects ({name}), which are not read: save plain arrays")
        if np.prod(shape, dtype=object) * dtype.itemsize > entry.file_size:
            raise ValueError(f"{path.name} claims more data for {name} than it holds: not read")
        with archive.open(name) as file:
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(file, allow_pickle=False)
    return {name: torch.from_numpy(array) for name, array in arrays.items() if array.dtype.kind in "fiub"}


def _read_legacy(path: Path, size: int) -> Any:
    with path.open("rb") as file:
        # A magic number, the protocol, the system, then the object, then the storages.
        if _Inert(file).content() != 0x1950A86A20F9469CFC6C:
            raise ValueError(
                f"{path.name} is a Python pickle, not a torch file: nothing in it is run; save a state_dict"
            )
        for _ in range(2):
            _Inert(file).content()
        if sum(claimed for _, claimed in _Inert(file).claims()) > size:
            raise _claims_too_much(path, size)
    return _read_torch(path)


def _read_torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # plain data: the options of a training script
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path.name} holds Python objects besides tensors, which could run code and are not read; where it was "
            "made, save `module.state_dict()` instead of the module"
        ) from error
    for tensor in _tensors(content):
        stored = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not stored or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError(f"{path.name} claims a tensor {tuple(tensor.shape)} that it does not hold: not read")
    return content


def _tensors(content: Any) -> Iterator[Tensor]:
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _tensors(part)


class _Dummy:
    """Stands for every class and function a file names; calling or filling it does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> "_Dummy":
        return _Dummy()

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __hash__(self) -> int:
        return 0

    append = extend = add = __call__


class _Inert(pickle.Unpickler):
    """Walks through one pickle without importing or running anything, noting the storages it claims."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file)
        self._claims: dict[str, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        return type(name, (_Dummy,), {})

    def persistent_load(self, claim: Any) -> _Dummy:
        if isinstance(claim, tuple) and len(claim) >= 5 and claim[0] == "storage":
            kind = getattr(claim[1], "__name__", "").removesuffix("Storage")
            self._claims[str(claim[2])] = int(claim[4]) * _ITEMSIZE.get(kind, 1)
        return _Dummy()

    def content(self) -> Any:
        """The object, with dummies for everything that is not plain data."""
        try:
            return self.load()
        except EOFError:
            raise
        except Exception as error:  # a damaged pickle can fail in any way
            raise EOFError(f"its pickle is damaged ({error})") from error

    def claims(self) -> list[tuple[str, int]]:
        """(key, bytes) of each storage the pickle refers to."""
        self.content()
        return list(self._claims.items())
