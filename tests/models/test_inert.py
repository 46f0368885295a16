"""The inert reader: data comes out, and whatever would execute is refused by its name, whichever way it comes in."""

import argparse
import collections
import enum
import io
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from ganwidgets.models import inert_tensors
from ganwidgets.models.files import read_file
from ganwidgets.models.inert import Stub
from ganwidgets.models.inert_trees import DEEPEST

CONTAINERS = ("zip", "legacy", "plain", "nested")
STOP = b"."


def packed(data: bytes, kind: str, little: bool = True) -> bytes:
    """A file of this kind whose object is this pickle."""
    if kind == "plain":
        return data
    if kind == "legacy":
        head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": little, "type_sizes": {}})
        return b"".join(pickle.dumps(part, protocol=2) for part in head) + data + pickle.dumps([], protocol=2)
    if kind == "nested":
        inner = packed(data, "legacy")
        return b"\x80\x02ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def read(tmp_path, data: bytes, kind: str = "plain"):
    (tmp_path / "weights").write_bytes(packed(data, kind))
    return read_file(tmp_path / "weights").tree


def refused(tmp_path, data: bytes, kind: str = "plain") -> str:
    with pytest.raises(ValueError) as error:
        read(tmp_path, data, kind)
    told = str(error.value)
    assert told.startswith("weights ") and "\n" not in told
    return told


# What is data


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_out_as_they_went_in(tmp_path, protocol):
    value = {
        "a": [1, -2, 2**70, 1.5, True, False, None, "text\n", "\u00e4\U0001f600", b"\x00\xff"],
        "t": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "s": {1, 2},
        "f": frozenset([3]),
        "o": collections.OrderedDict(x=1),
        "d": collections.defaultdict(list, y=[2]),
        "c": collections.Counter("aab"),
        "q": collections.deque([1, 2]),
        "b": bytearray(b"xy"),
        5: {(1, "k"): "tuple keys", None: 0},
    }
    found = read(tmp_path, pickle.dumps(value, protocol=protocol))
    assert found == {**value, "q": [1, 2], "b": b"xy" if protocol < 5 else bytearray(b"xy")}
    assert type(found["o"]) is type(found["d"]) is type(found["c"]) is dict


@pytest.mark.parametrize("protocol", range(6))
def test_foreign_objects_become_stubs(tmp_path, protocol, monkeypatch):
    class EasyDict(dict):
        pass

    class Point:
        def __init__(self, x):
            self.x = x

    for kind in (EasyDict, Point):
        kind.__module__, kind.__qualname__ = "foreign", kind.__name__
    module = type(sys)("foreign")
    module.EasyDict, module.Point = EasyDict, Point
    monkeypatch.setitem(sys.modules, "foreign", module)
    data = pickle.dumps([EasyDict(a=1), Point(2), argparse.Namespace(lr=0.1)], protocol=protocol)
    monkeypatch.delitem(sys.modules, "foreign")
    easy, point, options = read(tmp_path, data)
    assert (easy.name, easy.items) == ("foreign.EasyDict", {"a": 1})
    assert (point.name, point.state) == ("foreign.Point", {"x": 2})
    assert (options.name, options.state) == ("argparse.Namespace", {"lr": 0.1})
    assert "foreign" not in sys.modules


ALL_DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool, torch.int64, torch.int32]
ALL_DTYPES += [torch.int16, torch.int8, torch.uint8, torch.complex64, torch.complex128, torch.uint16, torch.uint32]
ALL_DTYPES += [torch.float8_e4m3fn]


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_of_every_type_and_layout(tmp_path, zipped):
    base = torch.arange(24.0).reshape(2, 3, 4)
    content = {str(dtype): base.clamp(0, 1 if dtype == torch.bool else 24).to(dtype) for dtype in ALL_DTYPES}
    content |= {"turned": base.permute(2, 0, 1), "part": base[1, 1:, ::2], "one": torch.tensor(3.0)}
    content |= {"empty": torch.empty(0, 3), "shared": base[0], "parameter": nn.Parameter(torch.ones(2))}
    torch.save(content, tmp_path / "a", _use_new_zipfile_serialization=zipped)
    found = read_file(tmp_path / "a").tree
    assert list(found) == list(content)
    for key, part in content.items():
        assert found[key].dtype == part.dtype and found[key].stride() == part.stride(), key
        assert torch.equal(found[key].double() if part.dtype.itemsize == 1 else found[key], _comparable(part)), key
        assert not found[key].requires_grad


def _comparable(part):
    return part.detach().double() if part.dtype.itemsize == 1 else part.detach()


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_torch_and_numpy_save_besides(tmp_path, protocol):
    content = {
        "size": torch.Size([1, 2]),
        "type": torch.float16,
        "device": torch.device("cuda", 1),
        "number": np.float64(2.5),
        "whole": np.int64(7),
        "truth": np.bool_(True),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "zero-d": np.array(4.0),
        "storage": torch.ones(3).untyped_storage(),
    }
    torch.save(content, tmp_path / "a", pickle_protocol=protocol)
    found = read_file(tmp_path / "a").tree
    for key in ("size", "type", "device", "number", "whole", "truth"):
        assert found[key] == content[key], key
    assert type(found["number"]) is float
    for key in ("array", "fortran", "zero-d"):
        assert np.array_equal(found[key].numpy(), content[key]), key
    assert isinstance(found["storage"], Stub)


def test_a_subclass_of_tensor_is_a_plain_tensor(tmp_path, monkeypatch):
    class Marked(torch.Tensor):
        pass

    Marked.__module__, Marked.__qualname__ = "foreign", "Marked"
    module = type(sys)("foreign")
    module.Marked = Marked
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "foreign", module)
        torch.save(torch.ones(2).as_subclass(Marked), tmp_path / "a")
    found = read_file(tmp_path / "a").tree
    assert type(found) is torch.Tensor and found.tolist() == [1, 1]


@pytest.mark.parametrize("zipped", [True, False])
def test_storages_saved_on_a_gpu_are_read_on_the_cpu(tmp_path, zipped):
    torch.save({"a": torch.ones(2)}, tmp_path / "a", _use_new_zipfile_serialization=zipped)
    data = (tmp_path / "a").read_bytes()
    if zipped:
        data = repacked(data, lambda text: text.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    else:
        data = data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    (tmp_path / "b").write_bytes(data)
    content = read_file(tmp_path / "b")
    assert content.tree["a"].device.type == "cpu" and content.tree["a"].tolist() == [1, 1]
    assert content.notes == ("storages saved on cuda:0 were read on the CPU",)


def repacked(data: bytes, change) -> bytes:
    """A torch zip file with its pickle changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name.endswith("data.pkl") else old.read(name))
    return target.getvalue()


def test_a_file_of_another_byte_order_is_refused(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a") as old, zipfile.ZipFile(tmp_path / "b", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"big" if name.endswith("byteorder") else old.read(name))
    with pytest.raises(ValueError, match="b was saved on a big-endian machine"):
        read_file(tmp_path / "b")
    (tmp_path / "b").write_bytes(packed(pickle.dumps({}), "legacy", little=False))
    with pytest.raises(ValueError, match="b was saved on a big-endian machine"):
        read_file(tmp_path / "b")


def test_arrays_of_another_byte_order_are_refused(tmp_path):
    assert "big-endian" in refused(tmp_path, pickle.dumps(np.arange(3, dtype=">i4"), protocol=2))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        (lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), "quantised"),
        (lambda: torch.eye(2).to_sparse(), "sparse"),
        (lambda: torch.empty(2, device="meta"), "without data"),
        (lambda: torch.tensor([1j]).conj(), "flags"),
    ],
)
def test_tensors_of_kinds_that_are_not_read_are_told(tmp_path, tensor, sentence):
    torch.save({"a": tensor()}, tmp_path / "a")
    with pytest.raises(ValueError, match=rf"^a holds .*{sentence}"):
        read_file(tmp_path / "a")


# What would execute

NAMES = """
os.system posix.system nt.system subprocess.Popen subprocess.check_output builtins.eval builtins.exec builtins.getattr
builtins.setattr builtins.__import__ builtins.open builtins.compile builtins.print builtins.map builtins.globals
__builtin__.eval __builtin__.apply __builtin__.execfile commands.getoutput importlib.import_module runpy.run_path
shutil.rmtree pathlib.Path.touch socket.socket operator.attrgetter operator.methodcaller functools.reduce types.CodeType
types.FunctionType codecs.decode _codecs.decode pickle.loads _pickle.loads marshal.loads ctypes.CDLL webbrowser.open
sys.exit sys.modules time.sleep threading.Thread logging.getLogger code.interact pdb.run timeit.timeit cProfile.run
copyreg.add_extension copy_reg.constructor dill._dill._create_function cloudpickle.cloudpickle._make_function
pip._internal.main IPython.embed torch.load torch.hub.load torch.save torch.from_file torch.classes
torch._utils._import_dotted_name torch.serialization.load torch.jit._pickle.build_intlist torch.package.PackageImporter
torch.fx.graph_module.reduce_graph_module torch.utils.cpp_extension.load torch.nn.functional.relu torch.Tensor
torch._tensor._rebuild_from_type torch._utils._rebuild_wrapper_subclass torch.cuda.synchronize numpy.load numpy.save
numpy.fromfile numpy.ndarray numpy.memmap numpy.core.multiarray.fromfile numpy.testing._private.utils.runstring
numpy.f2py.compile collections.OrderedDict.__init__.__globals__ collections.namedtuple typing.get_type_hints
builtins.int builtins.str builtins.type
"""

STACK = {
    "GLOBAL and REDUCE": lambda module, name, args: b"c" + module + b"\n" + name + b"\n" + args + b"R",
    "STACK_GLOBAL": lambda module, name, args: text(module) + text(name) + b"\x93" + args + b"R",
    "INST": lambda module, name, args: b"(" + args + b"i" + module + b"\n" + name + b"\n",
    "OBJ": lambda module, name, args: b"(c" + module + b"\n" + name + b"\n" + args + b"o",
    "NEWOBJ": lambda module, name, args: b"c" + module + b"\n" + name + b"\n" + args + b"\x81",
    "NEWOBJ_EX": lambda module, name, args: b"c" + module + b"\n" + name + b"\n" + args + b"}\x92",
}


def text(value: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("way", STACK)
def test_what_would_execute_is_refused_by_name(tmp_path, way, kind):
    bait = tmp_path / "bait"
    argument = text(f"touch {bait}".encode())
    args = argument if way in ("INST", "OBJ") else b"(" + argument + b"t"
    for full in NAMES.split():
        module, _, name = full.rpartition(".")
        if full == "collections.OrderedDict.__init__.__globals__":
            module, name = "collections", "OrderedDict.__init__.__globals__"
        if full == "pathlib.Path.touch":
            module, name = "pathlib", "Path.touch"
        told = refused(tmp_path, b"\x80\x04" + STACK[way](module.encode(), name.encode(), args) + STOP, kind)
        known = full.replace("__builtin__", "builtins").replace("copy_reg", "copyreg")
        assert known in told or "torch.jit" in full, (full, told)
        assert "nothing in it was run" in told or "not read" in told, told
    assert not bait.exists()


class Exploit:
    """Makes a folder when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"a": [e]}, lambda e: {"state_dict": {"w": e}}])
def test_an_exploit_of_any_protocol_is_refused(tmp_path, protocol, wrap):
    bait = tmp_path / "bait"
    data = pickle.dumps(wrap(Exploit(bait)), protocol=protocol)
    for kind in CONTAINERS:
        assert f"{os.mkdir.__module__}.mkdir" in refused(tmp_path, data, kind)
    assert not bait.exists()
    pickle.loads(data)  # it would have
    assert bait.exists()


def test_foreign_modules_are_not_imported(tmp_path, monkeypatch):
    bait = tmp_path / "imported"
    (tmp_path / "hostile_module.py").write_text(f"open({str(bait)!r}, 'w')\ndef run(*args): open({str(bait)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    found = read(tmp_path, b"\x80\x02chostile_module\nrun\n(K\x01tR}(K\x02K\x03ub.")
    assert (found.name, found.args, found.state) == ("hostile_module.run", (1,), {2: 3})
    assert not bait.exists() and "hostile_module" not in sys.modules


def test_only_names_can_be_called(tmp_path):
    call = b"\x80\x02cforeign\nmaker\n)R"  # an object, not a name
    assert "wants to call an object of foreign.maker" in refused(tmp_path, call + b")R.")
    assert "wants to call a str" in refused(tmp_path, b"\x80\x02X\x02\x00\x00\x00os)R.")
    # An object that claims to be of a class that makes tensors.
    disguised = b"\x80\x02ctorch.nn\nModule\n)R}X\x04\x00\x00\x00nameX\x09\x00\x00\x00os.systemsb)R."
    assert "wants to call an object of torch.nn.Module" in refused(tmp_path, disguised)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x82\x01.", "extension code"),
        (b"\x83\x01\x01.", "extension code"),
        (b"\x84\x01\x01\x01\x01.", "extension code"),
        (b"Pstorage\n.", "persistent id"),
        (b"X\x07\x00\x00\x00storageQ.", "persistent id"),
        (b"\x97.", "out-of-band"),
        (b"\x98.", "out-of-band"),
        (b"K\x01}b.", "set the state of a int"),
        (b"](K\x01}b.", "state"),
        (b"ctorch.nn\nModule\n}b.", "set the state"),
        (b"ctorch\nSize\n((ttR}b.", "set the state of a Size"),
        (b"K\x01K\x02a.", "append to a int"),
        (b"]K\x01K\x02s.", "set items of a list"),
        (b"}]K\x01s.", "uses a list as a key"),
        (b"}}K\x01s.", "uses a dict as a key"),
        (b"\x8f(]\x90.", "uses a list as a key"),
        (b"cos\nsystem\n.", "names os.system"),
        (b"c__main__\n__builtins__\n.", "__builtins__"),
        (b"cfoo.bar\nBaz.__class__\n.", "__class__"),
        (b"cfoo bar\nBaz\n.", "could run code"),
        (b"ctorch.storage\n_load_from_bytes\n(K\x05tR.", "inside one that is itself inside"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00hextR.", "_codecs.encode"),
        (b"cnumpy\nndarray\n)R.", "wants to call numpy.ndarray"),
    ],
)  # fmt: skip
def test_tricks_are_refused(tmp_path, data, sentence):
    assert sentence in refused(tmp_path, b"\x80\x04" + data)


@pytest.mark.parametrize("args", [b"K\x05\x85", b"X\x04\x00\x00\x00cudaX\x01\x00\x00\x00a\x86", b")", b"]\x85"])
def test_a_device_is_a_name_and_a_number(tmp_path, args):
    assert "cannot be read" in refused(tmp_path, b"\x80\x02ctorch\ndevice\n" + args + b"R.")


def test_state_of_a_dict_is_left_alone(tmp_path):
    data = b"\x80\x02ccollections\nOrderedDict\n)RX\x01\x00\x00\x00aK\x01s}X\x09\x00\x00\x00__class__K\x02sb."
    assert read(tmp_path, data) == {"a": 1}


def test_names_cannot_move_the_cursor(tmp_path):
    assert "\x1b" not in refused(tmp_path, b"\x80\x02cos\n\x1b[31msystem\n.")


# What would take all memory or time


def encoded(value) -> bytes:
    """A number, text, class or tuple as a part of a pickle, without memory."""
    if isinstance(value, tuple):
        return b"(" + b"".join(map(encoded, value)) + b"t"
    if isinstance(value, str):
        return text(value.encode())
    return value if isinstance(value, bytes) else pickle.dumps(value, protocol=2)[2:-1]


def tensor_of(n: int, sizes, strides, offset=0) -> bytes:
    """The pickle of a tensor with claims of one's own, on the first storage of a torch file."""
    claim = encoded(("storage", b"ctorch\nFloatStorage\n", "0", "cpu", n)) + b"Q"
    args = encoded((claim, offset, sizes, strides, False, b"}"))
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + args + b"R."


@pytest.mark.parametrize(
    ("sizes", "strides", "offset"),
    [
        ((10**10,), (0,), 4),
        ((5,), (1,), 0),
        ((2,), (4,), 0),
        ((1,), (1,), 4),
        ((2, 2), (2, 1), 1),
        ((2**40, 2**40), (1, 1), 0),
        ((4,), (2**61,), 0),
    ],
)
def test_a_tensor_its_storage_does_not_hold_is_refused_before_it_is_made(tmp_path, monkeypatch, sizes, strides, offset):
    monkeypatch.setattr(torch, "as_strided", None)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", tensor_of(4, sizes, strides, offset))
        archive.writestr("archive/data/0", bytes(16))
    (tmp_path / "weights").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"claims a tensor \(.*\) that it does not hold"):
        read_file(tmp_path / "weights")


@pytest.mark.parametrize("numbers", [((-1,), (1,)), ((1,), (-1,)), ((1, 1), (1,)), ((True,), (1,)), ((1.0,), (1,))])
def test_sizes_that_are_none_are_refused(tmp_path, numbers):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", tensor_of(4, *numbers))
        archive.writestr("archive/data/0", bytes(16))
    (tmp_path / "weights").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"cannot be read: its pickle (makes a tensor|is damaged)"):
        read_file(tmp_path / "weights")


def test_a_tensor_of_such_a_pickle_is_read(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", tensor_of(4, (2, 2), (1, 2)))
        archive.writestr("archive/data/0", np.arange(4, dtype=np.float32).tobytes())
    (tmp_path / "weights").write_bytes(buffer.getvalue())
    assert read_file(tmp_path / "weights").tree.tolist() == [[0, 2], [1, 3]]


def test_storages_copied_again_and_again_are_refused(tmp_path):
    inner = io.BytesIO()
    torch.save(torch.ones(2000).untyped_storage(), inner, _use_new_zipfile_serialization=False)
    data = inner.getvalue()
    once = b"ctorch.storage\n_load_from_bytes\nq\x01B" + struct.pack("<I", len(data)) + data + b"q\x02\x85R0"
    assert "claims more data than its" in refused(tmp_path, b"\x80\x02" + once + b"h\x01h\x02\x85R0" * 4 + b"N.")
    many = b"ccollections\nCounter\nq\x01(" + b"NN" * 500 + b"dq\x02\x85R0" + b"h\x01h\x02\x85R0" * 500
    many = b"\x80\x02" + many.replace(b"NN" * 500, numbers()) + b"N."
    assert "more than 16 times its length" in refused(tmp_path, many)


def numbers() -> bytes:
    return b"".join(b"M" + struct.pack("<H", n) + b"N" for n in range(500))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"(" * 10, "pickle is damaged"),
        (b"B\xff\xff\xff\x7fabc", "damaged"),
        (b"\x8e" + b"\xff" * 7 + b"\x7fabc", "damaged"),
        (b"\x96" + b"\xff" * 7 + b"\x7fabc", "damaged"),
        (b"\x8b\xff\xff\xff\x7fabc", "damaged"),
        (b"I" + b"9" * 10_000 + b"\n.", "damaged"),
        (b"Nr\xff\xff\xff\xff.more", "more follows"),
        (b"j\xff\xff\xff\xff.", "damaged"),
        (b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR.", "container of what is none"),
        (b"\xff.", "damaged"),
        (b"0.", "damaged"),
        (b"\x80\x63.", "of protocol 99"),
    ],
)  # fmt: skip
def test_claims_of_length_take_no_memory(tmp_path, data, sentence):
    assert sentence in refused(tmp_path, b"\x80\x04" + data)


def test_protocols_to_come_are_told(tmp_path):
    assert "of protocol 9" in refused(tmp_path, b"\x80\x09N.")


def test_deep_wide_and_endless_trees_are_refused(tmp_path):
    deep = b"\x80\x02" + b"]" * (DEEPEST + 2) + b"a" * (DEEPEST + 1)
    assert f"more than {DEEPEST} levels" in refused(tmp_path, deep + b".")
    assert "levels" in refused(tmp_path, b"\x80\x02)" + b"\x85" * 20_000 + b".")
    assert read(tmp_path, b"\x80\x02" + b"]" * DEEPEST + b"a" * (DEEPEST - 1) + b".")
    laughs = b"\x80\x02]" + b"".join(b"q%c]h%ch%c\x86a" % (n, n, n) for n in range(50)) + b"."
    assert "unfolds to more" in refused(tmp_path, laughs)
    assert "contains itself" in refused(tmp_path, b"\x80\x02]q\x00h\x00a.")
    assert "as a key" in refused(tmp_path, b"\x80\x02})" + b"\x85" * 20 + b"Ns.")


def test_pickles_without_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inert_tensors, "MOST_OPCODES", 1000)
    assert "more than 1,000 instructions" in refused(tmp_path, b"\x80\x02" + b"N0" * 500 + b"N.")
    assert read(tmp_path, b"\x80\x02" + b"N0" * 400 + b"N.") is None


def test_a_legacy_storage_of_another_length_than_its_tensors_say_is_refused(tmp_path):
    torch.save({"a": torch.ones(4)}, tmp_path / "a", _use_new_zipfile_serialization=False)
    data = (tmp_path / "a").read_bytes()
    count = struct.pack("<q", 4) + np.ones(4, np.float32).tobytes()
    assert data.endswith(count)
    (tmp_path / "a").write_bytes(data.removesuffix(count) + struct.pack("<q", 5) + count[8:] + bytes(4))
    with pytest.raises(ValueError, match="for a storage of another length"):
        read_file(tmp_path / "a")


def test_the_checksum_is_that_of_the_whole_record(tmp_path):
    """A record may be longer than the storage that is taken from it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", tensor_of(4, (4,), (1,)))
        archive.writestr("archive/data/0", bytes(range(64)))
    data = bytearray(buffer.getvalue())
    (tmp_path / "weights").write_bytes(data)
    assert read_file(tmp_path / "weights").tree.shape == (4,)
    data[data.index(bytes(range(64))) + 60] ^= 1
    (tmp_path / "weights").write_bytes(data)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        read_file(tmp_path / "weights")


# Small files that would take minutes, or all memory


def test_keys_that_share_their_parts_are_refused(tmp_path):
    shares = b"K\x01q\x00" + b"".join(b"(" + b"h%c" % n * 64 + b"tq%c" % (n + 1) for n in range(4))
    assert "as a key" in refused(tmp_path, b"\x80\x02" + shares + b"0000}h\x04Ns.")
    assert read(tmp_path, pickle.dumps({tuple(range(60)): 1})) == {tuple(range(60)): 1}


@pytest.mark.parametrize("key", [2**61 - 1, float(2**61), (1, -(2**61)), ((2**62,), 1)])
def test_numbers_made_to_have_one_hash_are_no_keys(tmp_path, key):
    assert "as a key" in refused(tmp_path, pickle.dumps({key: None}))
    assert "as a key" in refused(tmp_path, pickle.dumps({key}, 4))


def test_tuples_are_few_among_keys(tmp_path):
    many = {(n,): n for n in range(501)}
    assert "among them tuples" in refused(tmp_path, pickle.dumps(many))
    assert "among them tuples" in refused(tmp_path, pickle.dumps(frozenset(many), 4))
    del many[(500,)]
    assert read(tmp_path, pickle.dumps(many | {n: n for n in range(1000)}))[(7,)] == 7


LAUGHS = b"]q\x00" + b"".join(b"](" + b"h%c" % n * 10 + b"eq%c" % (n + 1) for n in range(12))


def test_what_is_named_again_and_again_is_never_printed(tmp_path):
    kind = b"ctorch._tensor\n_rebuild_from_type_v2\n(h\x0cNNtR."
    assert "makes a tensor by a list" in refused(tmp_path, b"\x80\x02" + LAUGHS + kind)
    array = b"cnumpy.core.multiarray\n_reconstruct\n(h\x0cNNtR."
    assert "of the kind a list" in refused(tmp_path, b"\x80\x02" + LAUGHS + array)
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nh\x0cX\x03\0\0\0cpuK\x00tQ."
    assert "by what is no name" in refused(tmp_path, b"\x80\x02" + LAUGHS + storage, "zip")


def test_names_are_not_endless(tmp_path):
    assert "too long for a name" in refused(tmp_path, b"c" + b"a" * 1000 + b"\nb\n.")


def test_instructions_are_counted_in_all_pickles_of_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(inert_tensors, "MOST_OPCODES", 1000)
    inner = packed(b"\x80\x02" + b"N0" * 250 + b"N.", "legacy")
    one = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R"
    assert read(tmp_path, b"\x80\x02" + one + b".") is None
    assert "more than 1,000 instructions" in refused(tmp_path, b"\x80\x02" + one + b"0" + one + b".")


def test_a_file_inside_is_not_read_again_and_again(tmp_path):
    inner = packed(b"\x80\x02B" + struct.pack("<I", 100_000) + bytes(100_000) + b".", "legacy")
    first = b"ctorch.storage\n_load_from_bytes\nq\x00B" + struct.pack("<I", len(inner)) + inner + b"\x85q\x01R"
    assert "again and again" in refused(tmp_path, b"\x80\x02" + first + b"0h\x00h\x01R" * 4 + b".")


def test_objects_made_from_one_dict_count(tmp_path):
    state = b"}(" + numbers() + b"uq\x02"
    made = b"ccopyreg\n_reconstructor\nq\x00cfoo\nBar\nq\x01" + state + b"(h\x01Nh\x02tq\x03"
    assert "again and again" in refused(tmp_path, b"\x80\x02" + made + b"h\x00h\x03R0" * 50 + b".")


# What real files hold beside their weights


def test_functions_and_random_states_become_stubs(tmp_path):
    beside = [torch.tanh, nn.functional.gelu, np.random.default_rng(0), np.random.RandomState(0)]
    for protocol in (2, 4):
        found = read(tmp_path, pickle.dumps(beside, protocol))
        assert found[0].name.endswith(".tanh") and found[1].name == "torch._C._nn.gelu"
        assert [part.name.rpartition("_pickle.")[2] for part in found[2:]] == ["__generator_ctor", "__randomstate_ctor"]
    assert read(tmp_path, b"cpandas._libs.arrays\n__pyx_unpickle_NDArrayBacked\n)R.").name.endswith("NDArrayBacked")
    normed = pickle.dumps(nn.utils.spectral_norm(nn.Linear(2, 2)))
    assert "weight_orig" in read(tmp_path, normed).state["_parameters"]


@pytest.mark.parametrize("protocol", [2, 4])
def test_members_of_enums_are_data_however_python_writes_them(tmp_path, monkeypatch, protocol):
    foreign = type(sys)("foreign")
    foreign.Mode = enum.Enum("Mode", {"fast": 1, "fine": "b"}, module="foreign")
    foreign.Level = enum.IntFlag("Level", {"a": 1, "b": 2}, module="foreign")
    monkeypatch.setitem(sys.modules, "foreign", foreign)
    by_value = pickle.dumps([foreign.Mode.fine, foreign.Level.a | foreign.Level.b, enum.Enum], protocol)
    foreign.Mode.__reduce_ex__ = enum.pickle_by_enum_name  # as Python 3.11.0 to 3.11.3 wrote all of them
    by_name = pickle.dumps(foreign.Mode.fast, protocol)
    monkeypatch.delitem(sys.modules, "foreign")
    mode, level, kind = read(tmp_path, by_value)
    assert [(part.name, part.args) for part in (mode, level)] == [("foreign.Mode", ("b",)), ("foreign.Level", (3,))]
    assert kind.name == "enum.Enum"
    assert read(tmp_path, by_name).name == "foreign.Mode.fast"
    weights = {"state_dict": {"w": torch.ones(2)}}
    torch.save(weights | {"mode": argparse.Namespace(mode=read(tmp_path, by_name).name)}, tmp_path / "file")
    assert torch.equal(read_file(tmp_path / "file").tree["state_dict"]["w"], torch.ones(2))


def test_what_is_an_attribute_cannot_be_called(tmp_path):
    member = b"cbuiltins\ngetattr\n(cfoo\nBar\nX\x06\0\0\0systemtR"
    assert read(tmp_path, member + b".").name == "foo.Bar.system"
    assert "no class" in refused(tmp_path, member + b"X\x02\0\0\0ls\x85R.")
    again = b"cbuiltins\ngetattr\n(" + member + b"X\x01\0\0\0xtR."  # of the member itself
    assert "names builtins.getattr, which could" in refused(tmp_path, again)


@pytest.mark.parametrize(
    "what", [b"ctyping\nAny\n", b"cnumpy\nndarray\n", b"N", b"ctorch.nn\nLinear\nX\x07\0\0\0__new__"]
)
def test_getattr_of_anything_else_is_refused_by_name(tmp_path, what):
    name = b"" if what.endswith(b"__new__") else b"X\x06\0\0\0system"
    assert "names builtins.getattr, which could" in refused(tmp_path, b"cbuiltins\ngetattr\n(" + what + name + b"tR.")
    function = b"cbuiltins\ngetattr\n(ctorch\nload\nX\x04\0\0\0loadtR"
    assert "no class" in refused(tmp_path, function + b")R.")
