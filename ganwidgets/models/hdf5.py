"""The part of HDF5 that Keras writes, read in plain Python: groups, arrays in one piece, text attributes.

The usual library hangs or crashes on damaged files and follows links to other files. Here every address is compared
with the length of the file before it is used, nothing is visited twice, and links are only named, never followed.
Layout version 0 of the format, which h5py writes by default, has no checksums: a changed number in it shows nowhere.

Source: HDF5 File Format Specification, version 3.0 (sections II.A, III.A to III.E, IV.A).
"""

import io
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganwidgets.models.inert import DamagedError, RefusedError

MOST_OBJECTS = 100_000
"""Groups, arrays, nodes and messages of a file; Keras has about ten for each layer."""

_NEWER = (
    "is an HDF5 file of a newer layout, which is not read: save it with h5py's defaults (libver='earliest'), or the "
    "weights as .safetensors"
)
_LONGEST = 1024  # bytes of a name
_NOWHERE = 2**64 - 1
_SPACE, _LINKS, _TYPE, _ELSEWHERE, _LINK, _LAYOUT, _FILTERS, _ATTRIBUTE, _MORE, _GROUP = (
    *(0x1, 0x2, 0x3, 0x7, 0x6, 0x8, 0xB, 0xC, 0x10, 0x11),
)
_IEEE = {2: (16, 10, 5, 0, 10, 15), 4: (32, 23, 8, 0, 23, 127), 8: (64, 52, 11, 0, 52, 1023)}


@dataclass(frozen=True)
class Array:
    """Where an array lies in the file.

    Attributes:
        shape: of the array.
        dtype: of its numbers; None if it holds none.
        address: of its first byte.
        data: its bytes, if they lie in its description.
    """

    shape: tuple[int, ...]
    dtype: np.dtype | None
    address: int = 0
    data: bytes | None = None


class Hdf5:
    """An open file of known length.

    Raises:
        DamagedError: not such a file, or one that was cut off.
        RefusedError: a newer layout.
    """

    def __init__(self, file: io.IOBase, size: int) -> None:
        self._file, self._size, self._n = file, size, 0
        head = self._at(0, 96)
        if head[8] not in (0, 1):
            raise RefusedError(_NEWER)
        shift = 4 * (head[8] == 1)
        base, _, end, _, _, self.root = struct.unpack_from("<6Q", head, 24 + shift)
        if head[13:15] != b"\x08\x08" or base:
            raise RefusedError(_NEWER)
        if end != size:
            raise DamagedError(f"it says that it has {end:,} bytes, not {size:,}")

    def _at(self, address: int, n: int) -> bytes:
        if not 0 <= n <= self._size - address or address < 0:
            raise DamagedError("it refers to a place behind its end")
        self._file.seek(address)
        return self._file.read(n)

    def _count(self) -> None:
        self._n += 1
        if self._n > MOST_OBJECTS:
            raise RefusedError(f"holds more than {MOST_OBJECTS:,} objects, or some without end: not read")

    def messages(self, address: int) -> list[tuple[int, bytes]]:
        """(kind, content) of all that is said about the object at an address."""
        version, _, n, _, length = struct.unpack("<BBHII", self._at(address, 12))
        if version != 1:
            raise (
                RefusedError(_NEWER) if self._at(address, 4) == b"OHDR" else DamagedError("a description in it is none")
            )
        blocks, found, seen = [(address + 16, length)], [], set()
        for start, length in blocks:  # grows while it runs
            if start in seen:
                raise DamagedError("a description in it goes on where it began")
            seen.add(start)
            block, place = self._at(start, length), 0
            while place + 8 <= length and len(found) < n:
                self._count()
                kind, size, flags = struct.unpack_from("<HHB", block, place)
                content = block[place + 8 : place + 8 + size]
                if len(content) != size or flags & 2:
                    raise DamagedError("a description in it is cut off, or shared")
                found.append((kind, content))
                if kind == _MORE:
                    blocks.append(struct.unpack_from("<QQ", content))
                place += 8 + size
        return found

    def parts(self, messages: list[tuple[int, bytes]]) -> dict[str, int] | None:
        """Name → address of what is in a group; None if it is no group.

        Raises:
            RefusedError: a link that is no plain member.
        """
        kinds = dict(messages)
        if _LINK in kinds or _LINKS in kinds:
            raise RefusedError(_NEWER)
        if _GROUP not in kinds:
            return None
        tree, heap = struct.unpack_from("<QQ", kinds[_GROUP])
        if self._at(heap, 4) != b"HEAP":
            raise DamagedError("the names in it are none")
        length, _, names = struct.unpack("<QQQ", self._at(heap + 8, 24))
        self._at(names, 0)
        return dict(self._members(tree, (names, min(length, self._size - names)), 0))

    def _name(self, names: tuple[int, int], place: int) -> str:
        """A name in the heap that lies at an address and has a length."""
        start, length = names
        if place >= length:
            raise DamagedError("a name in it is none")
        text, end, _ = self._at(start + place, min(_LONGEST + 1, length - place)).partition(b"\0")
        if not end and len(text) > _LONGEST:
            raise RefusedError(f"holds a name of more than {_LONGEST:,} bytes: not read")
        return text.decode()

    def _members(self, address: int, names: tuple[int, int], depth: int) -> Iterator[tuple[str, int]]:
        self._count()
        if self._at(address, 4) == b"TREE":
            kind, level, used = struct.unpack("<BBH", self._at(address + 4, 4))
            if kind or depth > 16 or level > 16:
                raise DamagedError("an index in it is none")
            pairs = struct.unpack(f"<{2 * used}Q", self._at(address + 24, 16 * used))
            for child in pairs[1::2]:
                yield from self._members(child, names, depth + 1)
        elif self._at(address, 4) == b"SNOD":
            (used,) = struct.unpack("<H", self._at(address + 6, 2))
            for number in range(used):
                self._count()
                name, header, cached = struct.unpack("<QQI", self._at(address + 8 + 40 * number, 20))
                text = self._name(names, name)
                if cached == 2 or header == _NOWHERE:
                    raise RefusedError(f"holds a link ({text!r}) that leads elsewhere: it was not followed")
                yield text, header
        else:
            raise DamagedError("an index in it is none")

    def array(self, messages: list[tuple[int, bytes]]) -> Array:
        """Where the array lies that these messages describe.

        Raises:
            RefusedError: in another file, in pieces, or more than the file holds.
        """
        kinds = dict(messages)
        if not {_SPACE, _TYPE, _LAYOUT} <= set(kinds):
            raise DamagedError("an object in it is neither group nor array")
        if _ELSEWHERE in kinds:
            raise RefusedError("keeps the data of an array in another file: not read")
        shape, dtype, layout = _shape(kinds[_SPACE]), _dtype(kinds[_TYPE]), kinds[_LAYOUT]
        if dtype is None:
            return Array(shape, None)
        if layout[0] != 3 or layout[1] not in (0, 1) or _FILTERS in kinds:
            raise RefusedError("keeps an array in pieces (compressed?): save it as Keras does, or as .safetensors")
        n = math.prod(shape) * dtype.itemsize
        if layout[1] == 0:
            return Array(shape, dtype, data=_exactly(layout[4:], n, shape))
        address, held = struct.unpack_from("<QQ", layout, 2)
        if n and (n != held or address > self._size or n > self._size - address):
            raise RefusedError(f"claims an array {shape} that it does not hold: not read")
        return Array(shape, dtype, address)

    def values(self, array: Array) -> np.ndarray:
        """The numbers of an array, in memory of their own."""
        n = math.prod(array.shape) * array.dtype.itemsize
        data = array.data if array.data is not None else self._at(array.address, n) if n else b""
        return np.frombuffer(data, array.dtype).reshape(array.shape).astype(array.dtype.newbyteorder("="), copy=True)

    def text(self, messages: list[tuple[int, bytes]], name: str) -> str | None:
        """A text attribute; None if there is none of this name."""
        for kind, content in messages:
            if kind == _ATTRIBUTE and (found := _attribute(content, name)):
                dtype, data = found
                if dtype[0] & 15 == 3:
                    return data[: struct.unpack_from("<I", dtype, 4)[0]].rstrip(b"\0").decode()
                if dtype[0] & 15 == 9 and dtype[1] & 15 == 1:
                    return self._long_text(data)
        return None

    def _long_text(self, data: bytes) -> str:
        length, heap, wanted = struct.unpack_from("<IQI", data)
        if self._at(heap, 4) != b"GCOL":
            raise DamagedError("a text in it is none")
        (end,), place = struct.unpack("<Q", self._at(heap + 8, 8)), 16
        while place + 16 <= end:
            self._count()
            number, _, _, size = struct.unpack("<HHIQ", self._at(heap + place, 16))
            if number == wanted and length <= size:
                return self._at(heap + place + 16, length).decode()
            if not number:
                break
            place += 16 + -(-size // 8) * 8
        raise DamagedError("a text in it is missing")


def _exactly(data: bytes, n: int, shape: tuple[int, ...]) -> bytes:
    if len(data) < n:
        raise RefusedError(f"claims an array {shape} that it does not hold: not read")
    return data[:n]


def _attribute(content: bytes, name: str) -> tuple[bytes, bytes] | None:
    """(type, data) of an attribute, if it has this name."""
    version, _, *sizes = struct.unpack_from("<BBHHH", content)
    if version not in (1, 2, 3):
        raise DamagedError("an attribute in it is none")
    place, parts = 8 + (version == 3), []
    for size in sizes:
        parts.append(content[place : place + size])
        place += -(-size // 8) * 8 if version == 1 else size
    return (parts[1], content[place:]) if parts[0].rstrip(b"\0") == name.encode() else None


def _shape(content: bytes) -> tuple[int, ...]:
    version, rank = content[0], content[1]
    if version not in (1, 2) or rank > 32:
        raise DamagedError("the shape of an array in it is none")
    return struct.unpack_from(f"<{rank}Q", content, 8 if version == 1 else 4)


def _dtype(content: bytes) -> np.dtype | None:
    """What numbers an array holds; None if they are none (texts, records)."""
    kind, size = content[0] & 15, struct.unpack_from("<I", content, 4)[0]
    if kind < 2 and content[1] & 1 and size > 1:
        raise RefusedError("holds numbers of a big-endian machine, which are not read: save it again on another")
    if kind == 0 and size in (1, 2, 4, 8) and struct.unpack_from("<HH", content, 8) == (0, 8 * size):
        return np.dtype(f"<{'i' if content[1] & 8 else 'u'}{size}")
    if kind == 1:
        offset, *form = struct.unpack_from("<HHBBBBI", content, 8)
        if offset or content[1] & 64 or tuple(form) != _IEEE.get(size):
            raise RefusedError("holds numbers of a kind (bfloat16?) that is not read: save them as float32")
        return np.dtype(f"<f{size}")
    return None
