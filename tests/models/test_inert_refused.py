"""The inert reader refuses what would execute, by its name, and what would take all memory or time."""

import io
import os
import pickle
import struct
import sys
import zipfile

import numpy as np
import pytest
import torch

from ganwidgets.models import inert_tensors
from ganwidgets.models.files import read_file
from ganwidgets.models.inert_trees import DEEPEST

CONTAINERS = ("zip", "legacy", "plain", "nested")
STOP = b"."


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
def test_what_would_execute_is_refused_by_name(refused, tmp_path, way, kind):
    bait = tmp_path / "bait"
    argument = text(f"touch {bait}".encode())
    args = argument if way in ("INST", "OBJ") else b"(" + argument + b"t"
    for full in NAMES.split():
        module, _, name = full.rpartition(".")
        if full == "collections.OrderedDict.__init__.__globals__":
            module, name = "collections", "OrderedDict.__init__.__globals__"
        if full == "pathlib.Path.touch":
            module, name = "pathlib", "Path.touch"
        told = refused(b"\x80\x04" + STACK[way](module.encode(), name.encode(), args) + STOP, kind)
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
def test_an_exploit_of_any_protocol_is_refused(refused, tmp_path, protocol, wrap):
    bait = tmp_path / "bait"
    data = pickle.dumps(wrap(Exploit(bait)), protocol=protocol)
    for kind in CONTAINERS:
        assert f"{os.mkdir.__module__}.mkdir" in refused(data, kind)
    assert not bait.exists()
    pickle.loads(data)  # it would have
    assert bait.exists()


def test_foreign_modules_are_not_imported(read, tmp_path, monkeypatch):
    bait = tmp_path / "imported"
    (tmp_path / "hostile_module.py").write_text(f"open({str(bait)!r}, 'w')\ndef run(*args): open({str(bait)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    found = read(b"\x80\x02chostile_module\nrun\n(K\x01tR}(K\x02K\x03ub.")
    assert (found.name, found.args, found.state) == ("hostile_module.run", (1,), {2: 3})
    assert not bait.exists() and "hostile_module" not in sys.modules


def test_only_names_can_be_called(refused):
    call = b"\x80\x02cforeign\nmaker\n)R"  # an object, not a name
    assert "wants to call an object of foreign.maker" in refused(call + b")R.")
    assert "wants to call a str" in refused(b"\x80\x02X\x02\x00\x00\x00os)R.")
    # An object that claims to be of a class that makes tensors.
    disguised = b"\x80\x02ctorch.nn\nModule\n)R}X\x04\x00\x00\x00nameX\x09\x00\x00\x00os.systemsb)R."
    assert "wants to call an object of torch.nn.Module" in refused(disguised)


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
def test_tricks_are_refused(refused, data, sentence):
    assert sentence in refused(b"\x80\x04" + data)


@pytest.mark.parametrize("args", [b"K\x05\x85", b"X\x04\x00\x00\x00cudaX\x01\x00\x00\x00a\x86", b")", b"]\x85"])
def test_a_device_is_a_name_and_a_number(refused, args):
    assert "cannot be read" in refused(b"\x80\x02ctorch\ndevice\n" + args + b"R.")


def test_state_of_a_dict_is_left_alone(read):
    data = b"\x80\x02ccollections\nOrderedDict\n)RX\x01\x00\x00\x00aK\x01s}X\x09\x00\x00\x00__class__K\x02sb."
    assert read(data) == {"a": 1}


def test_names_cannot_move_the_cursor(refused):
    assert "\x1b" not in refused(b"\x80\x02cos\n\x1b[31msystem\n.")


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


def test_storages_copied_again_and_again_are_refused(refused):
    inner = io.BytesIO()
    torch.save(torch.ones(2000).untyped_storage(), inner, _use_new_zipfile_serialization=False)
    data = inner.getvalue()
    once = b"ctorch.storage\n_load_from_bytes\nq\x01B" + struct.pack("<I", len(data)) + data + b"q\x02\x85R0"
    assert "claims more data than its" in refused(b"\x80\x02" + once + b"h\x01h\x02\x85R0" * 4 + b"N.")
    many = b"ccollections\nCounter\nq\x01(" + b"NN" * 500 + b"dq\x02\x85R0" + b"h\x01h\x02\x85R0" * 500
    many = b"\x80\x02" + many.replace(b"NN" * 500, numbers()) + b"N."
    assert "more than 16 times its length" in refused(many)


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
def test_claims_of_length_take_no_memory(refused, data, sentence):
    assert sentence in refused(b"\x80\x04" + data)


def test_protocols_to_come_are_told(refused):
    assert "of protocol 9" in refused(b"\x80\x09N.")


def test_deep_wide_and_endless_trees_are_refused(read, refused):
    deep = b"\x80\x02" + b"]" * (DEEPEST + 2) + b"a" * (DEEPEST + 1)
    assert f"more than {DEEPEST} levels" in refused(deep + b".")
    assert "levels" in refused(b"\x80\x02)" + b"\x85" * 20_000 + b".")
    assert read(b"\x80\x02" + b"]" * DEEPEST + b"a" * (DEEPEST - 1) + b".")
    laughs = b"\x80\x02]" + b"".join(b"q%c]h%ch%c\x86a" % (n, n, n) for n in range(50)) + b"."
    assert "unfolds to more" in refused(laughs)
    assert "contains itself" in refused(b"\x80\x02]q\x00h\x00a.")
    assert "as a key" in refused(b"\x80\x02})" + b"\x85" * 20 + b"Ns.")


def test_pickles_without_end_are_refused(read, refused, monkeypatch):
    monkeypatch.setattr(inert_tensors, "MOST_OPCODES", 1000)
    assert "more than 1,000 instructions" in refused(b"\x80\x02" + b"N0" * 500 + b"N.")
    assert read(b"\x80\x02" + b"N0" * 400 + b"N.") is None


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


def test_keys_that_share_their_parts_are_refused(read, refused):
    shares = b"K\x01q\x00" + b"".join(b"(" + b"h%c" % n * 64 + b"tq%c" % (n + 1) for n in range(4))
    assert "as a key" in refused(b"\x80\x02" + shares + b"0000}h\x04Ns.")
    assert read(pickle.dumps({tuple(range(60)): 1})) == {tuple(range(60)): 1}


@pytest.mark.parametrize("key", [2**61 - 1, float(2**61), (1, -(2**61)), ((2**62,), 1)])
def test_numbers_made_to_have_one_hash_are_no_keys(refused, key):
    assert "as a key" in refused(pickle.dumps({key: None}))
    assert "as a key" in refused(pickle.dumps({key}, 4))


def test_tuples_are_few_among_keys(read, refused):
    many = {(n,): n for n in range(501)}
    assert "among them tuples" in refused(pickle.dumps(many))
    assert "among them tuples" in refused(pickle.dumps(frozenset(many), 4))
    del many[(500,)]
    assert read(pickle.dumps(many | {n: n for n in range(1000)}))[(7,)] == 7


LAUGHS = b"]q\x00" + b"".join(b"](" + b"h%c" % n * 10 + b"eq%c" % (n + 1) for n in range(12))


def test_what_is_named_again_and_again_is_never_printed(refused):
    kind = b"ctorch._tensor\n_rebuild_from_type_v2\n(h\x0cNNtR."
    assert "makes a tensor by a list" in refused(b"\x80\x02" + LAUGHS + kind)
    array = b"cnumpy.core.multiarray\n_reconstruct\n(h\x0cNNtR."
    assert "of the kind a list" in refused(b"\x80\x02" + LAUGHS + array)
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nh\x0cX\x03\0\0\0cpuK\x00tQ."
    assert "by what is no name" in refused(b"\x80\x02" + LAUGHS + storage, "zip")


def test_names_are_not_endless(refused):
    assert "too long for a name" in refused(b"c" + b"a" * 1000 + b"\nb\n.")


def test_instructions_are_counted_in_all_pickles_of_a_file(packed, read, refused, monkeypatch):
    monkeypatch.setattr(inert_tensors, "MOST_OPCODES", 1000)
    inner = packed(b"\x80\x02" + b"N0" * 250 + b"N.", "legacy")
    one = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner + b"\x85R"
    assert read(b"\x80\x02" + one + b".") is None
    assert "more than 1,000 instructions" in refused(b"\x80\x02" + one + b"0" + one + b".")


def test_a_file_inside_is_not_read_again_and_again(packed, refused):
    inner = packed(b"\x80\x02B" + struct.pack("<I", 100_000) + bytes(100_000) + b".", "legacy")
    first = b"ctorch.storage\n_load_from_bytes\nq\x00B" + struct.pack("<I", len(inner)) + inner + b"\x85q\x01R"
    assert "again and again" in refused(b"\x80\x02" + first + b"0h\x00h\x01R" * 4 + b".")


def test_objects_made_from_one_dict_count(refused):
    state = b"}(" + numbers() + b"uq\x02"
    made = b"ccopyreg\n_reconstructor\nq\x00cfoo\nBar\nq\x01" + state + b"(h\x01Nh\x02tq\x03"
    assert "again and again" in refused(b"\x80\x02" + made + b"h\x00h\x03R0" * 50 + b".")
