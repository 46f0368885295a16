"""What the names in a pickle stand for: a few for data, foreign ones for stubs, and the rest is refused.

`Names` is all that the machine of `inert_machine.py` knows of the world. Nothing is imported: a name is looked up in
the tables below, and what they have no place for in Python's own library, torch or numpy would execute and is refused.
"""

import re
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.inert import DamagedError, Expanded, Name, RefusedError, Stub
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

_OLD = {"__builtin__": "builtins", "copy_reg": "copyreg", "numpy._core": "numpy.core"}
"""Modules by names they had, or have, elsewhere."""

_PLAIN = {
    *("argparse.Namespace", "types.SimpleNamespace", "functools.partial", "uuid.UUID", "decimal.Decimal"),
    *("fractions.Fraction", "torch.Generator", "torch.nn.backends.thnn._get_thnn_function_backend"),
    *(f"datetime.{kind}" for kind in ("date", "datetime", "time", "timedelta", "timezone")),
    *(f"{place}.{kind}" for place in ("pathlib", "pathlib._local") for kind in
      ("Path", "PurePath", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    *(f"builtins.{kind}" for kind in ("object", "slice", "range", "complex")),
    *(f"numpy.random.{maker}" for maker in
      ("_pickle.__randomstate_ctor", "_pickle.__generator_ctor", "_pickle.__bit_generator_ctor",
       "bit_generator.__pyx_unpickle_SeedSequence", "bit_generator.SeedSequence", "_mt19937.MT19937", "_pcg64.PCG64",
       "_pcg64.PCG64DXSM", "_philox.Philox", "_sfc64.SFC64")),
}  # fmt: skip
"""Names of Python, torch and numpy for plain data: calling them makes a stub."""

_MENTIONED = {f"builtins.{kind}" for kind in ("int", "float", "str", "bool", "bytes", "type", "NoneType")}
"""Names that may be mentioned but not called."""

_FOREIGN_TOOLS = {
    *("dill", "cloudpickle", "joblib", "pip", "setuptools", "pkg_resources", "IPython", "ipykernel", "pytest"),
    *("_pytest", "nose", "nt", "posix", "ce", "commands", "popen2", "urllib2", "cPickle", "cStringIO", "StringIO"),
    *("imp", "distutils", "asyncore", "asynchat", "smtpd", "pipes", "telnetlib", "lib2to3", "__builtins__"),
}
"""Roots of names that run what they are given, besides those of Python's library of today."""

_UNREAD = {
    "torch._utils._rebuild_qtensor": "holds quantised tensors, which are not read: save them as float32",
    "torch._utils._rebuild_sparse_tensor": "holds sparse tensors, which are not read: save them with .to_dense()",
    "torch._utils._rebuild_sparse_csr_tensor": "holds sparse tensors, which are not read: save them with .to_dense()",
    "torch._utils._rebuild_nested_tensor": "holds nested tensors, which are not read: save plain ones",
    "torch._utils._rebuild_meta_tensor_no_storage": "holds tensors without data (device 'meta'): save loaded ones",
}
"""What is told by its name, though it would not run code."""

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
        for old, new in _OLD.items():
            if module == old or module.startswith(f"{old}."):
                module = new + module.removeprefix(old)
        full = f"{module}.{name}"
        if full in DTYPES:
            return DTYPES[full]
        if full in _UNREAD:
            raise RefusedError(_UNREAD[full])
        root, known = module.partition(".")[0], full in _MADE or full in _PLAIN or full in _MENTIONED
        if not known and (not _is_name(module, name) or not _may_be_named(root, full)):
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
        if full in _PLAIN or _is_foreign(full):
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
        """getattr, by which torch writes functions of its own: a stub, which cannot be called.

        Raises:
            RefusedError: anything else of which an attribute is asked for.
        """
        plain = type(name) is str and name.isidentifier() and not name.startswith("_") and len(name) <= _LONGEST
        if more or type(what) is not Name or not what.name.startswith("torch.") or not plain:
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


def _is_name(module: str, name: str) -> bool:
    """Whether these are names of a class or function, and not of what lies behind one (`f.__globals__`)."""
    plain = all(part.isidentifier() for part in module.split("."))
    if module.startswith("pandas."):
        name = name.removeprefix("__pyx_")  # what Cython calls the functions that make its objects
    return plain and all(part.isidentifier() and not part.startswith("__") for part in name.split("."))


def _may_be_named(root: str, full: str) -> bool:
    """Whether a name may stand in a file, called or not."""
    if root == "torch":
        if re.fullmatch(r"torch\._C\.(_nn\.\w+|_special\.\w+|_VariableFunctions(Class)?|_?TensorBase)", full):
            return True  # what functions are kept under; none can be called
        return bool(re.match(r"torch\.(nn\.|optim\.|cuda\.\w+Storage|storage\.\w*Storage|[A-Za-z]\w*$)", full))
    if root == "numpy":
        kinds = "float|u?int|complex|bool|str|bytes|void|object"
        return bool(re.fullmatch(rf"numpy\.(ndarray|dtypes\.\w+|({kinds})\d*_?)", full))
    if root == "typing":
        return True
    return root not in sys.stdlib_module_names and root not in _FOREIGN_TOOLS and root != "builtins"


def _is_foreign(full: str) -> bool:
    """Whether a call of this name makes a stub: a class or function of no library that is known here."""
    if re.fullmatch(r"torch\.(nn|optim)\.(\w+\.)*_?[A-Z]\w*", full):
        return True
    return full.partition(".")[0] not in ("torch", "numpy", "typing", "builtins") and full not in _MENTIONED
