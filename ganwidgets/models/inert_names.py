"""What the names in a pickle stand for: a few for data, foreign ones for stubs, and the rest is refused.

`Names` is all that the machine of `inert_machine.py` knows of the world. Nothing is imported: a name is looked up in
the tables of `inert_known.py` and below, and what they have no place for in Python's own library, torch or numpy would
execute and is refused.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.inert import DamagedError, Expanded, Name, RefusedError, Stub
from ganwidgets.models.inert_known import (
    MENTIONED,
    OLD,
    PLAIN,
    UNREAD,
    has_attributes,
    is_foreign,
    is_name,
    may_be_named,
)
from ganwidgets.models.inert_tensors import (
    DTYPES,
    Array,
    Budget,
    Storage,
    as_array,
    as_number,
    as_tensor,
)
from ganwidgets.models.inert_trees import fill, pairs, plain_keys, text_of

_LONGEST = 1_000  # letters of a name with its module

_ADVICE = "get the weights as .safetensors, or as a state dict from someone you trust"


class Names:
    """What names, calls and persistent ids of one file mean.

    Args:
        budget: how much the file can hold.
        storages: what a persistent id stands for; None if the file has none.
        nested: reads a torch file inside the pickle, given its bytes.
    """

    def __init__(
        self,
        budget: Budget,
        storages: Callable[[tuple], Storage] | None = None,
        nested: Callable[[bytes], Any] | None = None,
    ) -> None:
        self._budget, self._storages, self._nested = budget, storages, nested

    def step(self) -> None:
        """Note one instruction."""
        self._budget.step()

    def refer(self, module: str, name: str) -> Any:
        """What stands for a name; no more happens than that it is looked up here.

        Raises:
            RefusedError: a name in Python's library, or in torch, of what would execute.
        """
        if len(module) + len(name) > _LONGEST:
            raise RefusedError(f"names {shown(module)}, which is too long for a name: nothing in it was run")
        for old, new in OLD.items():
            if module == old or module.startswith(f"{old}."):
                module = new + module.removeprefix(old)
        full = f"{module}.{name}"
        if full in DTYPES:
            return DTYPES[full]
        if full in UNREAD:
            raise RefusedError(UNREAD[full])
        root, known = module.partition(".")[0], full in _MADE or full in PLAIN or full in MENTIONED
        if not known and (not is_name(module, name) or not may_be_named(root, full)):
            raise RefusedError(f"names {shown(full)}, which could run code: nothing in it was run; {_ADVICE}")
        return Name(full)

    def call(self, name: Name, args: tuple) -> Any:
        """Data, or a stub for what the call would give.

        Raises:
            RefusedError: it would execute something.
        """
        full = name.name
        if full in _MADE:
            return _MADE[full](self, *args)
        if full in PLAIN or is_foreign(full):
            return Stub(full, args)
        raise RefusedError(f"wants to call {shown(full)}, which could run code: nothing in it was run; {_ADVICE}")

    def build(self, what: Any, state: Any) -> Any:
        """What an object is after its state was set.

        Raises:
            RefusedError: an object that has no state to set.
        """
        if isinstance(what, Array):
            if not isinstance(state, tuple) or len(state) != 5:
                raise DamagedError("its pickle makes an array of what is none")
            return as_array(*state[1:], self._budget)
        if isinstance(what, Stub) and not isinstance(what, Name | Storage):
            object.__setattr__(what, "state", state)
        elif type(what) is not dict:  # an OrderedDict may have attributes, such as torch's _metadata
            raise RefusedError(f"wants to set the state of a {type(what).__name__}: not done")
        return what

    def outside(self, claim: Any) -> Any:
        """What a persistent id stands for: a storage, or a class of which torch kept the source text.

        Raises:
            RefusedError: anything else.
        """
        if self._storages and isinstance(claim, tuple) and len(claim) >= 2:
            if claim[0] == "module" and isinstance(claim[1], Name):
                return claim[1]
            if claim[0] == "storage" and len(claim) >= 5 and isinstance(claim[1], Name):
                return self._storages(claim)
        raise RefusedError("refers to something outside the file (a persistent id): not read")

    # What the names in the table make

    def tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor | Expanded:
        """torch's `_rebuild_tensor` and `_rebuild_tensor_v2`: …, requires_grad, hooks, metadata."""
        _no_metadata(rest[2:])
        return as_tensor(storage, offset, size, stride, None, self._budget)

    def typed_tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor | Expanded:
        """torch's `_rebuild_tensor_v3`: …, requires_grad, hooks, dtype, metadata."""
        _no_metadata(rest[3:])
        if len(rest) < 3 or not isinstance(rest[2], torch.dtype):
            raise DamagedError("its pickle makes a tensor of what is no type")
        return as_tensor(storage, offset, size, stride, rest[2], self._budget)

    def subclass_tensor(self, how: Any, kind: Any, args: Any, *state: Any) -> Tensor | Expanded:
        """torch's `_rebuild_from_type_v2`: the plain tensor in a subclass."""
        if not isinstance(how, Name) or how.name not in _TENSORS or not isinstance(args, tuple):
            raise RefusedError(f"makes a tensor by {shown(_name(how))}, which could run code: not read")
        return _MADE[how.name](self, *args)

    def parameter(self, data: Any, *_: Any) -> Any:
        """torch's `_rebuild_parameter`: the tensor."""
        if not isinstance(data, Tensor | Expanded):
            raise DamagedError("its pickle makes a parameter of what is no tensor")
        return data

    def attribute(self, what: Any = None, name: Any = None, *more: Any) -> Stub:
        """getattr, by which torch writes functions of its own, and some Pythons an Enum's members: a stub that cannot
        be called.

        Raises:
            RefusedError: anything else of which an attribute is asked for.
        """
        plain = type(name) is str and name.isidentifier() and not name.startswith("_") and len(name) <= _LONGEST
        if more or type(what) is not Name or not has_attributes(what.name) or not plain:
            raise RefusedError(f"names builtins.getattr, which could run code: nothing in it was run; {_ADVICE}")
        return Stub(f"{what.name}.{name}")

    def nested(self, data: Any) -> Any:
        """torch's `_load_from_bytes`: a torch file in the pickle."""
        if self._nested is None or not isinstance(data, bytes):
            raise RefusedError("holds a torch file inside one that is itself inside another: not read")
        self._budget.share(8 * len(data))  # reading takes longer than copying
        return self._nested(data)

    def ordered(self, *parts: Any) -> dict:
        """A dict, an OrderedDict, a Counter: of nothing, another dict, or pairs."""
        made: dict = {}
        for part in parts[:1]:
            copied = self.parts(part)
            if isinstance(part, dict):
                self.fill_again(made, part)
            else:
                fill(made, pairs([piece for pair in copied for piece in _two(pair)]))
        return made

    def fill_again(self, made: Any, part: dict) -> None:
        """Copy a dict, which takes more room than a list of its keys."""
        self._budget.share(64 * len(part))
        fill(made, part.items())

    def parts(self, parts: Any = (), *_: Any) -> list[Any]:
        """A list of what is in another container; copies made again and again count against the file's length."""
        if not isinstance(parts, list | tuple | dict | set | frozenset):
            raise DamagedError("its pickle makes a container of what is none")
        self._budget.share(8 * len(parts))
        return list(parts)

    def default(self, *parts: Any) -> dict:
        """A defaultdict, without what it would call."""
        return self.ordered(*parts[1:])

    def array(self, kind: Any, *_: Any) -> Stub:
        """numpy's `_reconstruct`: an array whose content follows."""
        if not isinstance(kind, Name) or kind.name != "numpy.ndarray":
            raise RefusedError(f"makes an array of the kind {shown(_name(kind))}: not read")
        return Array("numpy.ndarray")

    def buffer(self, data: Any, dtype: Any, shape: Any, order: Any) -> Any:
        """numpy's `_frombuffer`: an array."""
        return as_array(shape, dtype, order == "F", data, self._budget)

    def instance(self, kind: Any, base: Any = None, state: Any = None) -> Any:
        """copyreg's `_reconstructor`, by which old protocols make an object of any class."""
        if not isinstance(kind, Name):
            raise DamagedError("its pickle makes an object of what is no class")
        if isinstance(state, dict):
            made = self.call(kind, ())
            self.fill_again(made, state)
            return made
        return self.call(kind, () if state is None else (state,))

    def encoded(self, text: Any, encoding: Any = "latin1") -> bytes:
        """`_codecs.encode`, by which old protocols write bytes."""
        if type(text) is not str or encoding not in ("latin1", "latin-1"):
            raise RefusedError("wants to call _codecs.encode in a way that is not known: nothing in it was run")
        self._budget.share(len(text))
        return text.encode("latin-1")

    def data(self, *parts: Any) -> bytes:
        """bytes and bytearrays: of nothing, text, numbers or bytes."""
        if not parts:
            return b""
        if type(parts[0]) is str:
            return self.encoded(*parts)
        if isinstance(parts[0], bytes):
            return parts[0]
        return bytes(self.parts(parts[0]))  # never of a number: bytes(10**10) would be so many zeros


def _no_metadata(rest: tuple) -> None:
    if any(rest):
        raise RefusedError("holds tensors with flags (conjugate, negative) that are not read: save plain tensors")


def _name(what: Any) -> str:
    return what.name if isinstance(what, Stub) else text_of(what)


def _two(pair: Any) -> tuple:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise DamagedError("its pickle makes a dict of what are no pairs")
    return tuple(pair)


def _device(kind: Any, index: Any = None) -> torch.device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise DamagedError("its pickle makes a device of what is none")
    return torch.device(kind) if index is None else torch.device(kind, index)


def _whole(sizes: Any) -> torch.Size:
    if not isinstance(sizes, list | tuple) or len(sizes) > 64 or not all(type(n) is int for n in sizes):
        raise DamagedError("its pickle makes a size of what are no whole numbers")
    return torch.Size(sizes)


_TENSORS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": Names.tensor,
    "torch._utils._rebuild_tensor_v2": Names.tensor,
    "torch._utils._rebuild_tensor_v3": Names.typed_tensor,
    "torch._utils._rebuild_parameter": Names.parameter,
    "torch._utils._rebuild_parameter_with_state": Names.parameter,
}

_MADE: dict[str, Callable[..., Any]] = _TENSORS | {
    "torch._tensor._rebuild_from_type_v2": Names.subclass_tensor,
    "torch.storage._load_from_bytes": Names.nested,
    "torch.Size": lambda _, sizes=(): _whole(sizes),
    "torch.device": lambda _, *args: _device(*args),
    "torch.torch_version.TorchVersion": lambda _, version: version,
    "torch.serialization._get_layout": lambda _, layout: layout,
    "collections.OrderedDict": Names.ordered,
    "collections.Counter": Names.ordered,
    "collections.defaultdict": Names.default,
    "collections.deque": Names.parts,
    "builtins.getattr": Names.attribute,
    "builtins.dict": Names.ordered,
    "builtins.list": Names.parts,
    "builtins.tuple": lambda self, *parts: tuple(self.parts(*parts)),
    "builtins.set": lambda self, *parts: set(plain_keys(self.parts(*parts))),
    "builtins.frozenset": lambda self, *parts: frozenset(plain_keys(self.parts(*parts))),
    "builtins.bytes": Names.data,
    "builtins.bytearray": Names.data,
    "_codecs.encode": Names.encoded,
    "copyreg._reconstructor": Names.instance,
    "numpy.dtype": lambda _, *args: Stub("numpy.dtype", args),
    "numpy.core.multiarray.scalar": lambda _, dtype, raw: as_number(dtype, raw),
    "numpy.core.multiarray._reconstruct": Names.array,
    "numpy.core.numeric._frombuffer": Names.buffer,
}
"""Names that stand for data, and how it is put together."""


def shown(name: object) -> str:
    """A name from a file, fit to be printed: nothing that moves a cursor, and not too long."""
    text = text_of(name)
    return printable(text) if len(text) <= 120 else f"{printable(text[:120])}…"


def printable(text: str) -> str:
    """Text from a file without what moves a cursor or colours a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
