"""Broken, foreign and hostile files: one sentence, no code run, no memory taken."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from ganwidgets.models.files import read_weights


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
        (b"\x89HDF\r\n\x1a\n", "is an HDF5"),
        (b"\x1f\x8b\x08\x00", "is a compressed archive"),
        (b"GIF89a", "is no weights file"),
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
        from safetensors.torch import save_file

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
    with pytest.raises(ValueError, match=r"Python (objects|pickle)"):
        read_weights(path)
    assert not bait.exists()


def test_a_whole_module_is_refused_with_advice(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(ValueError, match=r"save `module.state_dict\(\)` instead of the module"):
        read_weights(tmp_path / "module.pt")


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


def test_a_tensor_expanded_from_little_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**10)}, tmp_path / "a")
    assert (tmp_path / "a").stat().st_size < 2000
    with pytest.raises(ValueError, match=r"claims a tensor \(10000000000,\) that it does not hold"):
        read_weights(tmp_path / "a")


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
