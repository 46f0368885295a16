"""The inert reader: data comes out, and what is beside the weights of real files comes out as stubs."""

import argparse
import collections
import enum
import io
import pickle
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from ganwidgets.models.files import read_file
from ganwidgets.models.inert import Stub

# What is data


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_out_as_they_went_in(read, protocol):
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
    found = read(pickle.dumps(value, protocol=protocol))
    assert found == {**value, "q": [1, 2], "b": b"xy" if protocol < 5 else bytearray(b"xy")}
    assert type(found["o"]) is type(found["d"]) is type(found["c"]) is dict


@pytest.mark.parametrize("protocol", range(6))
def test_foreign_objects_become_stubs(read, protocol, monkeypatch):
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
    easy, point, options = read(data)
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


def test_a_file_of_another_byte_order_is_refused(packed, tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "a") as old, zipfile.ZipFile(tmp_path / "b", "w") as new:
        for name in old.namelist():
            new.writestr(name, b"big" if name.endswith("byteorder") else old.read(name))
    with pytest.raises(ValueError, match="b was saved on a big-endian machine"):
        read_file(tmp_path / "b")
    (tmp_path / "b").write_bytes(packed(pickle.dumps({}), "legacy", little=False))
    with pytest.raises(ValueError, match="b was saved on a big-endian machine"):
        read_file(tmp_path / "b")


def test_arrays_of_another_byte_order_are_refused(refused):
    assert "big-endian" in refused(pickle.dumps(np.arange(3, dtype=">i4"), protocol=2))


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


# What real files hold beside their weights


def test_functions_and_random_states_become_stubs(read):
    beside = [torch.tanh, nn.functional.gelu, np.random.default_rng(0), np.random.RandomState(0)]
    for protocol in (2, 4):
        found = read(pickle.dumps(beside, protocol))
        assert found[0].name.endswith(".tanh") and found[1].name == "torch._C._nn.gelu"
        assert [part.name.rpartition("_pickle.")[2] for part in found[2:]] == ["__generator_ctor", "__randomstate_ctor"]
    assert read(b"cpandas._libs.arrays\n__pyx_unpickle_NDArrayBacked\n)R.").name.endswith("NDArrayBacked")
    normed = pickle.dumps(nn.utils.spectral_norm(nn.Linear(2, 2)))
    assert "weight_orig" in read(normed).state["_parameters"]


@pytest.mark.parametrize("protocol", [2, 4])
def test_members_of_enums_are_data_however_python_writes_them(read, tmp_path, monkeypatch, protocol):
    foreign = type(sys)("foreign")
    foreign.Mode = enum.Enum("Mode", {"fast": 1, "fine": "b"}, module="foreign")
    foreign.Level = enum.IntFlag("Level", {"a": 1, "b": 2}, module="foreign")
    monkeypatch.setitem(sys.modules, "foreign", foreign)
    by_value = pickle.dumps([foreign.Mode.fine, foreign.Level.a | foreign.Level.b, enum.Enum], protocol)
    foreign.Mode.__reduce_ex__ = enum.pickle_by_enum_name  # as Python 3.11.0 to 3.11.3 wrote all of them
    by_name = pickle.dumps(foreign.Mode.fast, protocol)
    monkeypatch.delitem(sys.modules, "foreign")
    mode, level, kind = read(by_value)
    assert [(part.name, part.args) for part in (mode, level)] == [("foreign.Mode", ("b",)), ("foreign.Level", (3,))]
    assert kind.name == "enum.Enum"
    assert read(by_name).name == "foreign.Mode.fast"
    weights = {"state_dict": {"w": torch.ones(2)}}
    torch.save(weights | {"mode": argparse.Namespace(mode=read(by_name).name)}, tmp_path / "file")
    assert torch.equal(read_file(tmp_path / "file").tree["state_dict"]["w"], torch.ones(2))


def test_what_is_an_attribute_cannot_be_called(read, refused):
    member = b"cbuiltins\ngetattr\n(cfoo\nBar\nX\x06\0\0\0systemtR"
    assert read(member + b".").name == "foo.Bar.system"
    assert "no class" in refused(member + b"X\x02\0\0\0ls\x85R.")
    again = b"cbuiltins\ngetattr\n(" + member + b"X\x01\0\0\0xtR."  # of the member itself
    assert "names builtins.getattr, which could" in refused(again)


@pytest.mark.parametrize(
    "what", [b"ctyping\nAny\n", b"cnumpy\nndarray\n", b"N", b"ctorch.nn\nLinear\nX\x07\0\0\0__new__"]
)
def test_getattr_of_anything_else_is_refused_by_name(refused, what):
    name = b"" if what.endswith(b"__new__") else b"X\x06\0\0\0system"
    assert "names builtins.getattr, which could" in refused(b"cbuiltins\ngetattr\n(" + what + name + b"tR.")
    function = b"cbuiltins\ngetattr\n(ctorch\nload\nX\x04\0\0\0loadtR"
    assert "no class" in refused(function + b")R.")
