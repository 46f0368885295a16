"""The part of HDF5 that Keras writes, against h5py, and what leads elsewhere or is damaged."""

import io
import json
import struct

import numpy as np
import pytest

from ganwidgets.models.files import read_file
from ganwidgets.models.hdf5_files import read_hdf5
from ganwidgets.models.inert import DamagedError, RefusedError

h5py = pytest.importorskip("h5py")


def written(fill, **options):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        fill(file)
    return buffer.getvalue()


def read(data):
    return read_hdf5(io.BytesIO(data), len(data))


ARRAYS = {
    "dense/kernel:0": np.arange(6, dtype="<f4").reshape(2, 3),
    "dense/bias:0": np.arange(3, dtype="<f8"),
    "half": np.ones(2, np.float16),
    "whole": np.arange(-2, 2, dtype="i2"),
    "unsigned": np.array([2**63], "u8"),
    "one": np.float32(3),
    "none": np.ones((0, 4), "f4"),
}


@pytest.mark.parametrize("config", ["text", b"bytes"])
def test_arrays_and_config_are_those_that_h5py_wrote(config):
    text = json.dumps({"class_name": "Sequential", "config": {"name": "\u00e4" * 3000 if config == "text" else "a"}})

    def fill(file):
        group = file.create_group("model_weights")
        for name, array in ARRAYS.items():
            group[name] = array
        file.attrs["keras_version"] = "2.9"
        file.attrs["model_config"] = text if config == "text" else text.encode()
        file["optimizer_weights/m"] = np.ones(3)

    content, notes = read(written(fill))
    assert content["model_config"] == json.loads(text)
    assert set(content["weights"]) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert np.array_equal(content["weights"][name].numpy(), array), name
        assert content["weights"][name].shape == np.shape(array)
    assert notes == ("optimizer_weights is an optimiser's state and was left out",)


def test_many_groups_make_a_tree_of_more_than_one_node():
    content, _ = read(written(lambda file: [file.create_dataset(f"layer{n}/w", data=[float(n)]) for n in range(500)]))
    assert [content["weights"][f"layer{n}/w"].item() for n in range(500)] == list(range(500))
    assert content["model_config"] is None


def test_weights_alone_and_what_holds_no_numbers():
    def fill(file):
        file["names"] = ["a", "b"]
        file["w"] = np.ones(2)

    content, notes = read(written(fill))
    assert list(content["weights"]) == ["w"] and notes == ("names holds no numbers and was left out",)


def _compact(file):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.COMPACT)
    space, kind = h5py.h5s.create_simple((3,)), h5py.h5t.IEEE_F32LE
    h5py.h5d.create(file.id, b"w", kind, space, plan).write(h5py.h5s.ALL, h5py.h5s.ALL, np.ones(3, np.float32))


def test_small_arrays_in_their_own_description():
    assert read(written(_compact))[0]["weights"]["w"].tolist() == [1, 1, 1]


def _external(file):
    file.create_dataset("w", (3,), "f4", external=[("/etc/hostname", 0, 12)])


def _virtual(file):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "w", (3,))
    file.create_virtual_dataset("w", layout)


def _cycle(file):
    file.create_group("a")["b"] = file


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [
        (lambda f: f.__setitem__("w", h5py.ExternalLink("/etc/passwd", "/w")), "newer layout|link"),
        (lambda f: f.__setitem__("w", h5py.SoftLink("/elsewhere")), "leads elsewhere: it was not followed"),
        (_external, "keeps the data of an array in another file"),
        (_virtual, "newer layout|in pieces|cannot|is none"),
        (lambda f: f.create_dataset("w", data=np.ones(9), compression="gzip"), "in pieces"),
        (_cycle, "without end"),
        (lambda f: f.create_group("empty"), "without weights"),
        (lambda f: f.create_dataset("w", data=np.ones(3, ">f4")), "of a big-endian machine"),
        (lambda f: f.create_dataset("w", (10**10,), "f4"), r"claims an array \(10000000000,\) that it does not hold"),
        (lambda f: f.attrs.__setitem__("model_config", "5"), "describes no model"),
        (lambda f: f.attrs.__setitem__("model_config", "{"), "cannot be read"),
    ],
)
def test_what_leads_elsewhere_or_claims_too_much_is_refused(tmp_path, fill, sentence):
    (tmp_path / "a.h5").write_bytes(written(fill))
    with pytest.raises(ValueError, match=sentence):
        read_file(tmp_path / "a.h5")


def test_a_newer_layout_is_told(tmp_path):
    (tmp_path / "a.h5").write_bytes(written(lambda f: f.__setitem__("w", np.ones(2)), libver="latest"))
    with pytest.raises(ValueError, match="newer layout, which is not read: save it with h5py's defaults"):
        read_file(tmp_path / "a.h5")


def test_half_precision_of_another_kind_is_told(tmp_path):
    kind = h5py.h5t.IEEE_F16LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_ebias(127)

    def fill(file):
        h5py.h5d.create(file.id, b"w", kind, h5py.h5s.create_simple((2,)))

    (tmp_path / "a.h5").write_bytes(written(fill))
    with pytest.raises(ValueError, match=r"of a kind \(bfloat16"):
        read_file(tmp_path / "a.h5")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_told(tmp_path, share):
    data = written(lambda f: f.__setitem__("w", np.ones(2000)))
    (tmp_path / "a.h5").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match="must be a complete weights file"):
        read_file(tmp_path / "a.h5")


def test_a_text_that_leads_in_circles_ends(tmp_path):
    data = bytearray(written(lambda f: (f.__setitem__("w", np.ones(2)), f.attrs.__setitem__("model_config", "{}"))))
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 32] = struct.pack("<HHIQ", 9, 0, 0, 2**64 - 16)
    (tmp_path / "a.h5").write_bytes(data)
    with pytest.raises(ValueError, match="cannot be read"):
        read_file(tmp_path / "a.h5")


def _heap(data):
    """Where the names of the group that holds "array" lie: (heap, place of the name)."""
    place = data.index(b"array\0")
    return next(at for at in range(len(data)) if data[at : at + 4] == b"HEAP" and 0 < place - at < 500), place


def test_a_name_as_long_as_the_file_is_refused():
    data = bytearray(written(lambda file: file.create_dataset("array", data=[1.0])))
    heap, _ = _heap(data)
    start = len(data)
    data += b"a" * 5000
    struct.pack_into("<Q", data, heap + 8, 5000)
    struct.pack_into("<Q", data, heap + 24, start)
    struct.pack_into("<Q", data, 40, len(data))
    with pytest.raises(RefusedError, match="a name of more than 1,024 bytes"):
        read(bytes(data))


def test_a_description_that_goes_on_where_it_began_is_refused():
    block = struct.pack("<HHBxxxQQ", 0x10, 16, 0, 112, 24)
    head = b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08" + bytes(9) + struct.pack("<6Q", 0, 0, 136, 0, 0, 96)
    data = head.ljust(96, b"\0") + struct.pack("<BxHII4x", 1, 60_000, 1, 24) + block
    with pytest.raises(DamagedError, match="goes on where it began"):
        read(data)
