"""Tensors and arrays of a pickle, put together from the bytes of its file.

Before anything is copied, what a file claims is compared with what it holds: sizes, strides and offsets of a tensor
with its storage, all storages together with the length of the file.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganwidgets.models.inert import DamagedError, Expanded, RefusedError, Stub, Unbuilt

SHARED = 16
"""Tensors may share storages; copied apart they may take so many times the length of the file."""

MOST_OPCODES = 2_000_000
"""Instructions of all pickles of a file; a large optimiser's state has some 500,000."""

_STORAGES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
    "Untyped": torch.uint8,
}
_DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "complex32", "complex64", "complex128", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
    *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"),
    *("double", "float", "half", "long", "int", "short"),
)
DTYPES = {f"torch.{name}": getattr(torch, name) for name in _DTYPES if hasattr(torch, name)}
"""torch's types by the names files have for them."""


@dataclass(frozen=True, eq=False)
class Storage(Stub):
    """Bytes of a file, and what they are numbers of."""

    data: Tensor = None
    dtype: torch.dtype = torch.uint8


class Budget:
    """How much of what a file claims it can hold, given its length."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left, self._tensors = size, SHARED * size + 2**16
        self._instructions = 0

    def take(self, n: int) -> None:
        """Make room for `n` bytes of the file.

        Raises:
            RefusedError: more than are left.
        """
        self._left -= n
        if n < 0 or self._left < 0:
            raise RefusedError(
                f"must be a complete weights file, but claims more data than its {self._size:,} bytes can hold: was "
                "the download cut off? It was not read"
            )

    def step(self) -> None:
        """Note one instruction of a pickle.

        Raises:
            RefusedError: there were too many, in all pickles of the file together.
        """
        self._instructions += 1
        if self._instructions > MOST_OPCODES:
            raise RefusedError(f"holds pickles of more than {MOST_OPCODES:,} instructions: not read")

    def share(self, n: int) -> None:
        """Note that `n` bytes which are there already are read or copied once more.

        Raises:
            RefusedError: all tensors together take much more than the file.
        """
        self._tensors -= n
        if self._tensors < 0:
            raise RefusedError(f"shows the same bytes again and again, more than {SHARED} times its length: not read")


def storage_dtype(name: str) -> torch.dtype | None:
    """What a storage class of this name holds, e.g. "torch.FloatStorage"; None if it is none.

    Raises:
        RefusedError: numbers of a kind that is not read.
    """
    found = re.fullmatch(r"torch\.(?:cuda\.|storage\.)?(\w+)Storage", name)
    if not found or found[1] in ("Typed", "_Typed", "_Legacy"):
        return None
    if found[1] not in _STORAGES:
        raise RefusedError(f"holds {name}, numbers of a kind (quantised?) that is not read: save them as float32")
    return _STORAGES[found[1]]


def as_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, dtype: torch.dtype | None, budget: Budget
) -> Tensor | Expanded:
    """A view of a storage, if the storage has every element of it; a stub if it repeats some.

    Raises:
        RefusedError: it has not.
        DamagedError: something is no size.
    """
    if not isinstance(storage, Storage) or not (_is_size(size) and _is_size(stride) and _is_size((offset,))):
        raise DamagedError("its pickle makes a tensor of what is no storage or no size")
    if len(size) != len(stride):
        raise DamagedError("its pickle makes a tensor with more sizes than strides")
    dtype = storage.dtype if dtype is None else dtype
    held, n = storage.data.numel() // dtype.itemsize, math.prod(size)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if n > 1 and last < held and any(length > 1 and not step for length, step in zip(size, stride, strict=True)):
        return Expanded("torch.Tensor", (tuple(size),))
    if n > held or (last >= held if n else offset > held):
        raise RefusedError(f"claims a tensor {tuple(size)} that it does not hold: not read")
    if n > 1 and _overlaps(size, stride):
        raise RefusedError(f"claims a tensor {tuple(size)} whose numbers overlap: not read")
    budget.share(n * dtype.itemsize)
    flat = storage.data[: held * dtype.itemsize].view(dtype)
    return torch.as_strided(flat, tuple(size), tuple(stride), offset)


def _overlaps(size: Any, stride: Any) -> bool:
    """Whether two elements lie at one place, which no tensor that was saved as it was made has."""
    reach = 0
    for step, length in sorted((step, length) for step, length in zip(stride, size, strict=True) if length > 1):
        if step <= reach:
            return True
        reach += (length - 1) * step
    return False


def _is_size(sizes: Any) -> bool:
    fits = isinstance(sizes, list | tuple) and len(sizes) <= 64
    return fits and all(type(n) is int and 0 <= n < 2**62 for n in sizes)


# numpy


def numpy_dtype(stub: Any) -> np.dtype | None:
    """The numeric type that a file describes; None if it is of another kind (text, dates, records, objects).

    Raises:
        RefusedError: numbers of another byte order.
        DamagedError: no type at all.
    """
    if not isinstance(stub, Stub) or stub.name != "numpy.dtype" or not stub.args or type(stub.args[0]) is not str:
        raise DamagedError("its pickle makes an array of what is no type")
    code, state = stub.args[0][:16], stub.state if isinstance(stub.state, tuple) else ()
    if not re.fullmatch(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16|\?)", code) or any(state[2:5]):
        return None
    order = state[1] if len(state) > 1 else "="
    if order not in ("<", "=", "|") or code.startswith(">"):
        raise RefusedError("holds numbers of a big-endian machine, which are not read: save it again on another")
    return np.dtype(code).newbyteorder("<")


def as_number(dtype: Any, raw: Any) -> Any:
    """A numpy scalar as a number; a stub if it is none."""
    kind = numpy_dtype(dtype)
    if kind is None:
        return Stub("numpy.scalar", (dtype, raw))
    if len(data := _raw(raw)) != kind.itemsize:
        raise DamagedError("its pickle makes a number of too few bytes")
    return np.frombuffer(data, kind)[0].item()


def as_array(shape: Any, dtype: Any, fortran: Any, raw: Any, budget: Budget) -> Tensor | Stub:
    """A numpy array as a tensor; a stub if it holds no numbers.

    Raises:
        RefusedError: it holds fewer numbers than it claims.
    """
    kind = numpy_dtype(dtype)
    if not _is_size(shape):
        raise DamagedError("its pickle makes an array of what is no size")
    if kind is None:
        return Stub("numpy.ndarray", (shape, dtype))
    data = _raw(raw)
    if math.prod(shape) * kind.itemsize != len(data):
        raise RefusedError(f"claims an array {tuple(shape)} that it does not hold: not read")
    budget.take(len(data))
    array = np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")
    return torch.from_numpy(array.astype(kind.newbyteorder("="), order="C", copy=True))


def _raw(raw: Any) -> bytes | bytearray:
    if type(raw) is str:  # Python 2 wrote bytes as text
        raw = raw.encode("latin-1")
    if not isinstance(raw, bytes | bytearray):
        raise DamagedError("its pickle makes numbers of what are no bytes")
    return raw


class Array(Unbuilt):
    """An array whose shape and bytes follow."""
