"""Broken, foreign and hostile files: one sentence, no code run, no memory taken."""

import io
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganwidgets.models.files import read_file, read_weights
from ganwidgets.models.found import find_generator


def save(path, **options):
    torch.save({"a": torch.arange(4.0), "b": {"c": torch.ones(2, 3, dtype=torch.int64)}}, path, **options)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_are_read_as_they_were_saved(tmp_path, zipped):
    content = read_weights(save(tmp_path / "weights.tar", _use_new_zipfile_serialization=zipped))
    assert content["a"].tolist() == [0, 1, 2, 3]
    assert content["b"]["c"].shape == (2, 3)


def test_arrays_are_read_as_tensors(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.ones((2, 3), np.float32), step=np.array(5))
    content = read_weights(tmp_path / "a.npz")
    assert content["x"].shape == (2, 3)
    assert content["step"] == 5


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (b"", r"weights is empty \(0 bytes\)"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", "is a Git LFS pointer.*git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"\x89HDF\r\n\x1a\n", "must be a complete weights file"),
        (b"\x1f\x8b\x08\x00", "is a compressed archive"),
        (b"BZh9", "is a compressed archive"),
        (b"Rar!\x1a", "is a compressed archive"),
        (bytes(257) + b"ustar", "is a compressed archive"),
        (b"GIF89a", "is a picture"),
        (b"\x89PNG\r\n", "is a picture"),
        (b"\xff\xd8\xff\xe0", "is a picture"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "is a picture"),
        (b"%PDF-1.4", "is a PDF"),
        (b"GGUF\x03", "holds a language model"),
        (b"\x93NUMPY\x01", r"is a single array \(.npy\)"),
        (b"\x08\x09\x12\x07pytorch", "is an ONNX graph"),
        (b"\x1c\x00\x00\x00TFL3", "is a TensorFlow Lite program"),
        (b'model_checkpoint_path: "model.ckpt-1"', "is the index of TensorFlow checkpoints"),
        (b"import torch\n", "is text: .safetensors, torch files"),
        (b"\x00\x01\x02\x03", "is no weights file: .safetensors, torch files"),
        (b"(this is text.)", "must be a complete weights file"),
        (b"PK\x03\x04 cut off", "must be a complete weights file"),
        (struct.pack("<Q", 100) + b'{"a":', "must be a complete weights file"),
    ],
)
def test_foreign_and_truncated_files_say_what_they_are(tmp_path, head, sentence):
    (tmp_path / "weights").write_bytes(head)
    with pytest.raises(ValueError, match=sentence):
        read_weights(tmp_path / "weights")


@pytest.mark.parametrize("kind", ["zip", "legacy", "npz", "safetensors"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_file_cut_off_anywhere_is_said_to_be_incomplete(tmp_path, kind, share):
    path = tmp_path / f"a.{kind}"
    if kind == "npz":
        np.savez(path, x=np.ones(2000))
        path = path.with_name("a.npz")
    elif kind == "safetensors":
        save_file({"x": torch.ones(2000)}, path)
    else:
        torch.save({"x": torch.ones(2000)}, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match="must be a complete weights file"):
        read_weights(path)


class Exploit:
    """Touches a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_code_in_a_file_is_never_run(tmp_path, kind):
    bait, path = tmp_path / "bait", tmp_path / "weights"
    content = {"a": torch.ones(2), "evil": Exploit(bait)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content["evil"]))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(ValueError, match=r"^weights names .*, which could run code: nothing in it was run"):
        read_weights(path)
    assert not bait.exists()


@pytest.mark.parametrize("name", ["model.ckpt-9.index", "model.ckpt-9.data-00000-of-00001", "saved_model.pb", "a.meta"])
def test_parts_of_tensorflow_checkpoints_are_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\x10weights")
    with pytest.raises(ValueError, match="is part of a TensorFlow checkpoint"):
        read_file(tmp_path / name)


def test_a_folder_is_told(tmp_path):
    with pytest.raises(ValueError, match="is a folder: name the weights file in it"):
        read_file(tmp_path)


@pytest.mark.parametrize("kind", ["torch", "torch (legacy)", "pickle", "safetensors", "npz", "hdf5"])
def test_the_kind_is_told_by_what_is_inside(tmp_path, kind):
    path, weights = tmp_path / "weights", {"x": torch.ones(2)}
    if kind == "npz":
        with path.open("wb") as file:
            np.savez(file, x=np.ones(2))
    elif kind == "safetensors":
        save_file(weights, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps({"x": np.ones(2)}, protocol=2))
    elif kind == "hdf5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file["x"] = np.ones(2)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=kind == "torch")
    content = read_file(path)
    assert (content.name, content.format, content.notes) == ("weights", kind, ())
    tree = content.tree["weights"] if kind == "hdf5" else content.tree
    assert tree["x"].tolist() == [1, 1]


def test_object_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="holds Python objects"):
        read_weights(tmp_path / "a.npz")


def claiming(old, new):
    """A torch file whose pickle is changed: `old` bytes for `new`."""
    source, target = io.BytesIO(), io.BytesIO()
    torch.save({"a": torch.arange(4.0)}, source)
    with zipfile.ZipFile(source) as original, zipfile.ZipFile(target, "w") as changed:
        for entry in original.namelist():
            data = original.read(entry)
            if entry.endswith("data.pkl"):
                assert old in data
                data = data.replace(old, new)
            changed.writestr(entry, data)
    return target.getvalue()


def test_a_storage_larger_than_its_record_is_refused_before_it_is_read(tmp_path, monkeypatch):
    number = b"J" + struct.pack("<i", 2**31 - 1)
    (tmp_path / "a").write_bytes(claiming(b"K\x04t", number + b"t"))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(ValueError, match="claims 8,589,934,588 bytes for a tensor it does not hold"):
        read_weights(tmp_path / "a")


def test_a_legacy_file_that_claims_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch):
    torch.save({"a": torch.arange(4.0)}, tmp_path / "a", _use_new_zipfile_serialization=False)
    data = (tmp_path / "a").read_bytes()
    number = b"J" + struct.pack("<i", 2**31 - 1)
    assert b"K\x04Nt" in data
    (tmp_path / "a").write_bytes(data.replace(b"K\x04Nt", number + b"Nt"))
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(ValueError, match="claims more data than its"):
        read_weights(tmp_path / "a")


def test_a_tensor_expanded_from_little_is_refused_only_among_the_weights(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**10)}, tmp_path / "a")
    assert (tmp_path / "a").stat().st_size < 2000
    assert read_weights(tmp_path / "a")["a"].args == ((10**10,),)
    with pytest.raises(ValueError, match="none was found"):
        find_generator(read_file(tmp_path / "a"))
    torch.save({"w": torch.ones(2, 2), "a": torch.zeros(1).expand(3)}, tmp_path / "a")
    with pytest.raises(ValueError, match="'a' shows the same numbers again and again"):
        find_generator(read_file(tmp_path / "a"))
    torch.save({"G": {"w": torch.ones(2, 2)}, "a": torch.zeros(1).expand(3)}, tmp_path / "a")
    assert list(find_generator(read_file(tmp_path / "a")).state) == ["w"]


def test_a_deflated_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", pickle.dumps({}))
        bomb.writestr("archive/data/0", bytes(10**6))
    with pytest.raises(ValueError, match="claims more data than its"):
        read_weights(tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "b", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x.npy", bytes(10**7))
    with pytest.raises(ValueError, match="claims more data than its"):
        read_weights(tmp_path / "b")


def test_an_array_larger_than_its_record_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**10,)})
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        file.writestr("x.npy", header.getvalue() + bytes(64))
    with pytest.raises(ValueError, match=r"claims more data for x.npy than it holds"):
        read_weights(tmp_path / "a")


def test_a_zip_of_something_else_and_a_program_are_told_apart(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        file.writestr("photo.jpg", b"")
    with pytest.raises(ValueError, match="neither a torch file nor"):
        read_weights(tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "b", "w") as file:
        file.writestr("m/data.pkl", b"")
        file.writestr("m/constants.pkl", b"")
    with pytest.raises(ValueError, match="is a TorchScript program"):
        read_weights(tmp_path / "b")


def rewritten(data, change):
    """The same archive written anew, with `change(name, bytes)` for each entry: a list of (entry, bytes)."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            for entry, content in change(name, old.read(name)):
                with warnings.catch_warnings(action="ignore"):  # zipfile warns of a second entry of one name
                    new.writestr(entry, content)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["torch", "npz"])
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda name, data: [(name, data), (name, data)], "holds two entries called"),
        (lambda name, data: [(name, data), ("../../evil", data)], "points outside the archive"),
        (lambda name, data: [(name, data), ("/etc/evil", data)], "points outside the archive"),
        (lambda name, data: [(name, data), ("C:\\evil", data)], "points outside the archive"),
    ],
)
def test_archives_with_odd_entries_are_refused(tmp_path, kind, change, sentence):
    buffer = io.BytesIO()
    torch.save({"a": torch.ones(2)}, buffer) if kind == "torch" else np.savez(buffer, a=np.ones(2))
    (tmp_path / "a").write_bytes(rewritten(buffer.getvalue(), change))
    with pytest.raises(ValueError, match=sentence):
        read_file(tmp_path / "a")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_an_encrypted_archive_is_told(tmp_path):
    torch.save({"a": torch.ones(2)}, tmp_path / "a")
    data = bytearray((tmp_path / "a").read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="is encrypted"):
        read_file(tmp_path / "a")


@pytest.mark.parametrize("kind", ["torch", "npz", "keras"])
def test_a_flipped_bit_in_an_archive_is_noticed(tmp_path, kind):
    buffer = io.BytesIO()
    if kind == "torch":
        torch.save({"a": torch.full((100,), 1.5)}, buffer)
    elif kind == "npz":
        np.savez(buffer, a=np.full(100, 1.5, np.float32))
    else:
        buffer.write(keras_archive(np.full(100, 1.5, np.float32)))
    data = bytearray(buffer.getvalue())
    data[data.index(np.full(100, 1.5, np.float32).tobytes()) + 200] ^= 1
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        read_file(tmp_path / "a")


def keras_archive(weights):
    h5py, inner, target = pytest.importorskip("h5py"), io.BytesIO(), io.BytesIO()
    with h5py.File(inner, "w") as file:
        file["layers/dense/vars/0"] = weights
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("config.json", '{"class_name": "Sequential", "config": {}}')
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", inner.getvalue())
    return target.getvalue()


def test_keras_own_archive_is_read(tmp_path):
    (tmp_path / "a").write_bytes(keras_archive(np.ones(3, np.float32)))
    content = read_file(tmp_path / "a")
    assert content.format == "keras"
    assert content.tree["model_config"] == {"class_name": "Sequential", "config": {}}
    assert content.tree["weights"]["layers/dense/vars/0"].tolist() == [1, 1, 1]


def test_arrays_of_every_kind(tmp_path):
    arrays = {
        "big": np.arange(3, dtype=">f4"),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "half": np.ones(2, np.float16),
        "truth": np.array([True, False]),
        "none": np.ones((0, 3)),
        "one": np.array(2, np.uint16),
        "dense/kernel:0": np.ones(1),
    }
    np.savez(tmp_path / "a.npz", **arrays, name=np.array("text"))
    content = read_file(tmp_path / "a.npz")
    for key, array in arrays.items():
        assert content.tree[key].shape == array.shape and np.array_equal(content.tree[key].numpy(), array), key
    assert content.notes == ("name holds no numbers and was left out",)
