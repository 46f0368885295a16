"""torch's two containers, and plain pickles, read without torch's own unpickler.

A torch file is a pickle of names and sizes beside the bytes of its storages: in a zip archive (since torch 1.6), or one
after the other in a *legacy* file. NVIDIA's checkpoints are plain pickles in which each storage is a legacy file of its
own.
"""

import io
import re
import zipfile
from pathlib import PurePosixPath
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.inert import DamagedError, RefusedError
from ganwidgets.models.inert_machine import Window, read_pickle
from ganwidgets.models.inert_names import Names, shown
from ganwidgets.models.inert_tensors import Budget, Storage, storage_dtype

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_CHUNK = 2**20
_BIG = "was saved on a big-endian machine, whose numbers are not read: save it again on another"


class _Storages:
    """The storages of one file: room for each as soon as a pickle names it, to be filled later.

    Args:
        budget: how much the file can hold.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.rooms: dict[str, Tensor] = {}
        self.items: dict[str, int] = {}
        self.devices: set[str] = set()

    def __call__(self, claim: tuple) -> Storage:
        """What stands for ("storage", class, key, device, number of elements[, view])."""
        kind, key, device, n = claim[1:5]
        dtype, key = storage_dtype(kind.name), _key(key)
        if dtype is None or type(n) is not int or n < 0 or not isinstance(device, str):
            raise DamagedError("its pickle refers to a storage that is none")
        if device == "meta":
            raise RefusedError("holds tensors without data (device 'meta'): save them after loading")
        if key not in self.rooms:
            self.rooms[key] = self._room(key, n * dtype.itemsize)
            self.items[key] = dtype.itemsize
            self.devices.add(device)
        if n * dtype.itemsize > self.rooms[key].numel():
            raise RefusedError("refers to one storage by two lengths: not read")
        return Storage(kind.name, data=_viewed(self.rooms[key], dtype, claim), dtype=dtype)

    def _room(self, key: str, n: int) -> Tensor:
        self._budget.take(n)
        return torch.empty(n, dtype=torch.uint8)

    def notes(self) -> tuple[str, ...]:
        """Where storages were, if not on the CPU."""
        elsewhere = sorted(shown(device) for device in self.devices if device != "cpu")
        return (f"storages saved on {', '.join(elsewhere)} were read on the CPU",) if elsewhere else ()


class _Zipped(_Storages):
    """Storages that are entries of an archive, filled at once."""

    def __init__(self, budget: Budget, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(budget)
        self._archive, self._folder = archive, folder
        self._held = {entry.filename: entry.file_size for entry in archive.infolist()}

    def _room(self, key: str, n: int) -> Tensor:
        name = f"{self._folder}data/{key}"
        if n > self._held.get(name, -1):
            raise RefusedError(f"claims {n:,} bytes for a tensor it does not hold: not read")
        room = super()._room(key, n)
        with self._archive.open(name) as file:
            read_into(room, file)
        return room


def _key(key: Any) -> str:
    """What a file calls one of its storages."""
    if type(key) not in (str, int):
        raise DamagedError("its pickle refers to a storage by what is no name")
    return str(key)


def _viewed(room: Tensor, dtype: torch.dtype, claim: tuple) -> Tensor:
    """The part of a storage that a claim of old torch means; all of it if it says nothing about that."""
    view = claim[5] if len(claim) > 5 else None
    if view is None:
        return room
    if not isinstance(view, tuple) or len(view) != 3 or not all(type(n) is int and n >= 0 for n in view[1:]):
        raise DamagedError("its pickle refers to a part of a storage that is none")
    start, end = view[1] * dtype.itemsize, (view[1] + view[2]) * dtype.itemsize
    if end > room.numel():
        raise RefusedError("claims a part of a storage that it does not hold: not read")
    return room[start:end]


# Zip


def read_zip(archive: zipfile.ZipFile, size: int) -> tuple[Any, tuple[str, ...]]:
    """(what is in a torch zip file, notes).

    Raises:
        RefusedError: it would execute something, or claims more than it holds.
        DamagedError: a record is missing or cut off.
        zipfile.BadZipFile: a checksum does not hold.
    """
    entries = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in entries if name.rpartition("/")[2] == "data.pkl"]
    if any(name.rpartition("/")[2] == "constants.pkl" for name in entries):
        raise RefusedError("is a TorchScript program: save the state_dict() of the module instead")
    if len(pickles) != 1:
        raise RefusedError("is a zip archive but neither a torch file nor .npz: unpack it first")
    budget = Budget(size)
    if sum(entry.file_size for entry in entries.values()) > size:
        budget.take(size + 1)
    folder = pickles[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in entries and archive.read(f"{folder}byteorder").strip() == b"big":
        raise RefusedError(_BIG)

    storages = _Zipped(budget, archive, folder)
    data = archive.read(pickles[0])
    content = read_pickle(Window(io.BytesIO(data), len(data)), Names(budget, storages, _Nested(budget)))
    return content, storages.notes()


def check_names(archive: zipfile.ZipFile) -> None:
    """Refuse archives whose entries have no places of their own, or are encrypted.

    Raises:
        RefusedError: says which.
    """
    seen = set()
    for entry in archive.infolist():
        name, path = shown(entry.filename), PurePosixPath(entry.filename)
        if entry.flag_bits & 1:
            raise RefusedError(f"is encrypted ({name}): unpack it with its password and load what is inside")
        if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:[\\/]|.*\\", entry.filename):
            raise RefusedError(f"holds an entry that points outside the archive ({name}): not read")
        if entry.filename in seen:
            raise RefusedError(f"holds two entries called {name}, of which only one can be meant: not read")
        seen.add(entry.filename)


def read_into(room: Tensor, file: Any) -> None:
    """Fill a tensor of bytes from a file, checking its checksum if it ends there.

    Raises:
        DamagedError: the file ends before.
    """
    view, done = memoryview(room.numpy()) if room.numel() else memoryview(b""), 0
    while done < len(view):
        n = file.readinto(view[done : done + _CHUNK])
        if not n:
            raise DamagedError("it ends early")
        done += n
    while isinstance(file, zipfile.ZipExtFile) and file.read(_CHUNK):
        pass  # the checksum is that of the whole entry


# Legacy


def is_legacy(head: bytes) -> bool:
    """Whether a file that begins like this is a legacy torch file: all begin with the same number."""
    return _MAGIC.to_bytes(10, "little") in head[:32] or head.startswith(b"L%d" % _MAGIC)


def read_legacy(file: io.IOBase, size: int, budget: Budget | None = None) -> tuple[Any, tuple[str, ...]]:
    """(what is in a legacy torch file, notes).

    Raises:
        RefusedError: it would execute something, or claims more than it holds.
        DamagedError: it ends early.
    """
    inner, budget = budget is not None, Budget(size) if budget is None else budget  # a file inside holds no other
    window, plain = Window(file, size), Names(budget)
    if read_pickle(window, plain) != _MAGIC or read_pickle(window, plain) != _VERSION:
        raise DamagedError("it is no torch file")
    system = read_pickle(window, plain)
    if isinstance(system, dict) and system.get("little_endian") is False:
        raise RefusedError(_BIG)
    storages = _Storages(budget)
    content = read_pickle(window, Names(budget, storages, None if inner else _Nested(budget)))
    keys = read_pickle(window, plain)
    keys = [_key(key) for key in keys] if isinstance(keys, list) else []
    if set(keys) != set(storages.rooms) or len(keys) != len(set(keys)):
        raise DamagedError("its storages are not those its tensors refer to")
    for key in keys:
        room, count = storages.rooms[key], int.from_bytes(_exactly(window, 8), "little")
        if count * storages.items[key] != room.numel():
            raise DamagedError(f"it claims {room.numel():,} bytes for a storage of another length")
        if room.numel() > size - file.tell():
            raise DamagedError("it ends early")
        read_into(room, file)
    return content, storages.notes()


def _exactly(window: Window, n: int) -> bytes:
    if len(data := window.read(n)) != n:
        raise DamagedError("it ends early")
    return data


class _Nested:
    """Reads torch files inside a pickle, as NVIDIA's checkpoints and some others have one for each storage."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.notes: set[str] = set()

    def __call__(self, data: bytes) -> Any:
        content, more = read_legacy(io.BytesIO(data), len(data), self._budget)
        self.notes.update(more)
        return content


def read_plain(file: io.IOBase, size: int) -> tuple[Any, tuple[str, ...]]:
    """(what is in a plain pickle, notes).

    Raises:
        RefusedError: it would execute something, or claims more than it holds.
        DamagedError: it ends early.
    """
    nested = _Nested(budget := Budget(size))
    content = read_pickle(Window(file, size), Names(budget, None, nested))
    if file.tell() != size:
        raise DamagedError("more follows after the end of its pickle")
    return content, tuple(sorted(nested.notes))
