"""What is saved comes back bit for bit; what is damaged, foreign or hostile is one sentence; nothing old is lost."""

import errno
import json
import os
import resource
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from ganwidgets.dissect import load


def identical(a, b):
    """The same values, types, dtypes and order, all the way down."""
    if is_dataclass(a):
        return type(a) is type(b) and all(identical(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(identical(a[k], b[k]) for k in a)
    return type(a) is type(b) and a == b


def sorted_pictures(dissection):
    """The order of arrays in a mapping is not part of a result."""
    layers = {k: replace(v, pictures=dict(sorted(v.pictures.items()))) for k, v in dissection.layers.items()}
    return replace(dissection, layers=layers)


@pytest.mark.parametrize("which", ["real", "real_iqr", "paper"])
def test_round_trip(which, request, tmp_path):
    dissection = request.getfixturevalue(which)
    path = dissection.save(tmp_path / "d.gwd")
    again = load(str(path))
    assert identical(sorted_pictures(again), sorted_pictures(dissection))
    assert repr(again) == repr(dissection)
    assert again.to_frame().equals(dissection.to_frame())
    assert [p.name for p in tmp_path.iterdir()] == ["d.gwd"]
    assert again.save(tmp_path / "e.gwd").read_bytes() == path.read_bytes()


def test_names_and_settings_of_any_kind(paper, tmp_path):
    """Odd characters in names, numpy's numbers among the settings."""
    names = ('a/b "c"', "дверь \U0001f6aa", "")
    layer = replace(paper.layer(), name="0/x y")
    odd = replace(paper, concepts=names, layers={"0/x y": layer}, options=paper.options | {"t": np.float32(0.5)})
    again = load(odd.save(tmp_path / "d"))
    assert again.concepts == names
    assert list(again.layers) == ["0/x y"]
    assert again.options["t"] == 0.5


def test_the_permissions_are_those_of_any_new_file(paper, tmp_path):
    (tmp_path / "plain").touch()
    assert paper.save(tmp_path / "d").stat().st_mode == (tmp_path / "plain").stat().st_mode


# Nothing is lost


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_full_disk_keeps_the_old_file(paper, tmp_path, monkeypatch):
    path = paper.save(tmp_path / "d.gwd")
    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"d\.gwd was not written \(No space left on device\); an older file") as info:
            replace(paper, n=41).save(path)
    assert info.value.errno == errno.ENOSPC
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_half_way(paper, tmp_path):
    path = paper.save(tmp_path / "d.gwd")
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match=r"was not written \(File too large\)"):
            replace(paper, n=41).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupt_while_saving(paper, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        paper.save(tmp_path / "d.gwd")
    assert not list(tmp_path.iterdir())


def test_missing_folder(paper, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`path` must be in an existing folder, but '.*nowhere' is none"):
        paper.save(tmp_path / "nowhere" / "d.gwd")
    with pytest.raises(OSError, match="was not written"):
        paper.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_missing_file(tmp_path):
    for path in (tmp_path / "none.gwd", tmp_path):
        with pytest.raises(FileNotFoundError, match="`path` must be a saved dissection, but there is no file '"):
            load(path)


# Other files


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_truncated(paper, tmp_path, share):
    whole = paper.save(tmp_path / "whole").read_bytes()
    (tmp_path / "cut.gwd").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"saved dissection, but cut\.gwd is truncated or another format$"):
        load(tmp_path / "cut.gwd")


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html>" * 99, b"\x80\x04K\x01.", b"\xff" * 64, b"PK\x03\x04" + b"0" * 99]
)
def test_another_format(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=r"`path` must be a saved dissection, but x is truncated or another format$"):
        load(tmp_path / "x")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, r"but x holds something else \(weights, perhaps\)$"),
        ({"format": "pt"}, "but x holds something else"),
        ({"ganwidgets": "null"}, "but x holds something else"),
        ({"ganwidgets": "[1, 2]"}, "but x holds something else"),
        ({"ganwidgets": '{"format": "ganwidgets edit", "version": 1}'}, "but x holds something else"),
        ({"ganwidgets": "{not json"}, "but x is truncated or another format$"),
        ({"ganwidgets": "[" * 100_000}, "but x is truncated or another format$"),
        ({"ganwidgets": '{"n": ' + "9" * 9999 + "}"}, "but x is truncated or another format$"),
        ({"ganwidgets": '{"format": "ganwidgets dissection"}'}, "of format version 1, but x has None: dissect again"),
        (
            {"ganwidgets": '{"format": "ganwidgets dissection", "version": 2}'},
            "of format version 1, but x has 2: dissect again, or use the version of ganwidgets that wrote it$",
        ),
        ({"ganwidgets": '{"format": "ganwidgets dissection", "version": 1}'}, "but x lacks 'network'$"),
    ],
)
def test_foreign_and_older_files(tmp_path, metadata, message):
    save_file({"layer1.weight": np.zeros((3, 3), np.float32)}, tmp_path / "x", metadata)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "x")


# Hostile files: right format and version, wrong parts


def rewritten(paper, path, about=(), tensors=()):
    """The file of `paper`, with entries of its metadata and tensors replaced (None: removed)."""
    paper.save(path)
    with safe_open(path, framework="numpy") as file:
        all_about = json.loads(file.metadata()["ganwidgets"])
        all_tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    for whole, changes in ((all_about, about), (all_tensors, tensors)):
        for key, value in dict(changes).items():
            if value is None:
                del whole[key]
            else:
                whole[key] = value
    save_file(all_tensors, path, {"ganwidgets": json.dumps(all_about)})
    return path


LAYER = {"name": "conv", "shape": [4, 2, 2]}
OPTIONS = {"n": 50, "seed": 3, "rule": "iqr"}


@pytest.mark.parametrize(
    ("about", "message"),
    [
        *(({name: None}, f"d lacks '{name}'$") for name in ("network", "concepts", "notes", "n", "options", "layers")),
        ({"network": 5}, "`network` must be text, got 5"),
        ({"fingerprint": ["a"]}, "`fingerprint` must be text"),
        ({"concepts": "abc"}, "`concepts` must be a list of texts, got 'abc'"),
        ({"concepts": ["a", 1, "b"]}, "`concepts` must be a list of texts"),
        ({"concepts": [], "categories": []}, "`concepts` must be at least one"),
        ({"concepts": ["a", "b"], "categories": ["c", "c"]}, r"`iou` must be unit concept \(4, 2\)"),
        ({"categories": ["a"]}, "`categories` must be 3, one a concept"),
        ({"slots": {"object": 1}}, "`slots` must be a list of texts"),
        ({"slots": ["object"]}, "`segs` must be image slot height width"),
        ({"notes": "note"}, "`notes` must be a list of texts"),
        ({"n": "forty"}, "`n` must be a number of images, got 'forty'"),
        ({"n": True}, "`n` must be a number of images"),
        ({"n": -1}, "`n` must be a number of images"),
        ({"n": 1e300}, "`n` must be a number of images"),
        ({"options": []}, "`options` must be settings by name"),
        ({"options": {}}, "d lacks 'n'$"),
        ({"options": OPTIONS | {"rule": 7}}, "`options.rule` must be text, got 7"),
        ({"options": OPTIONS | {"seed": None}}, "`options.seed` must be a whole number, got None"),
        ({"options": OPTIONS | {"padding": ["clamp"]}}, "`options.padding` must be 'clamp' or 'zeros'"),
        ({"layers": 5}, "`layers` must be a list of layers, got 5"),
        ({"layers": "conv"}, "`layers` must be a list of layers"),
        ({"layers": {"conv": LAYER}}, "`layers` must be a list of layers"),
        ({"layers": []}, "`layers` must be a list of layers"),
        ({"layers": [[]]}, "`layers` must be named layers"),
        ({"layers": [{}]}, "d lacks 'name'$"),
        ({"layers": [{"name": ["x"], "shape": [4, 2, 2]}]}, "`layers` must be named layers"),
        ({"layers": [{"name": "conv"}]}, "d lacks 'shape'$"),
        ({"layers": [LAYER | {"shape": 4}]}, "`shape` must be a unit, height and width, got 4"),
        ({"layers": [LAYER | {"shape": [4, 2]}]}, "`shape` must be a unit, height and width"),
        ({"layers": [LAYER | {"shape": [4.0, 2, 2]}]}, "`shape` must be a unit, height and width"),
        ({"layers": [LAYER | {"shape": [10**15, 2, 2]}]}, r"`iou` must be unit concept \(1000000000000000, 3\)"),
        ({"layers": [LAYER, LAYER]}, "`layers` must be layers of different names"),
        ({"layers": [LAYER, LAYER | {"name": "more"}]}, "d lacks 'iou'$"),
    ],
)
def test_hostile_metadata(paper, tmp_path, about, message):
    path = rewritten(paper, tmp_path / "d", about)
    with pytest.raises(ValueError, match=f"^`path` must be a saved dissection, but .*{message}"):
        load(path)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"0/iou": None}, "d lacks 'iou'$"),
        ({"0/status": None}, "d lacks 'status'$"),
        ({"0/pictures/top_maps": None}, "d lacks 'pictures/top_maps'$"),
        ({"thumbnails/segs": None}, "d lacks 'thumbnails/segs'$"),
        ({"0/extra": np.zeros(3)}, r"no other parts than .*, got \['extra'\]"),
        ({"0/name": np.zeros(3)}, "no other parts"),
        ({"0/iou": np.zeros((4, 3), np.int64)}, r"`iou` must be unit concept \(4, 3\) of kind 'f', got .*int64"),
        ({"0/threshold": np.zeros(5, np.float32)}, r"`threshold` must be unit \(4,\) .*, got '\(5,\) float32"),
        ({"0/labelled": np.zeros(4, np.uint8)}, "`labelled` must be unit"),
        ({"0/interval": np.zeros((4, 3), np.float32)}, "`interval` must be unit two"),
        ({"0/concept": np.array([0, 3, -1, 1])}, "`concept` must be numbers of concepts, or -1"),
        ({"0/concept": np.array([0, -2, -1, 1])}, "`concept` must be numbers of concepts, or -1"),
        ({"0/status": np.array([0, 1, 2, 3], np.uint8)}, "`status` must be 0, 1 or 2"),
        ({"0/status": np.array([0, 1, 2, -1])}, "`status` must be unit"),
        ({"0/pictures/top_index": np.full((4, 3), 11)}, "`pictures/top_index` must be images that have a thumbnail"),
        ({"0/pictures/counter_index": np.full((4, 3), 31)}, "`pictures/counter_index` must be images that have"),
        ({"0/pictures/top_value": np.zeros((4, 2), np.float32)}, "`pictures/top_value` must be unit top"),
        ({"0/pictures/top_maps": np.zeros((4, 3, 0, 2), np.float16)}, "`pictures/top_maps` must be unit top"),
        ({"0/labelled_units": np.zeros(4, np.int64)}, "`labelled_units` must be concept"),
        ({"thumbnails/index": np.array([10, 30, 20])}, "`index` must be numbers of images in ascending order"),
        ({"thumbnails/index": np.arange(2)}, "`images` must be image height width rgb"),
        ({"thumbnails/images": np.zeros((3, 4, 4, 4), np.uint8)}, "`images` must be image height width rgb"),
        ({"thumbnails/segs": np.full((3, 2, 4, 4), 4, np.uint8)}, "`segs` must be numbers from 0 to 3"),
        ({"thumbnails/segs": np.full((3, 2, 4, 4), -1, np.int16)}, "`segs` must be numbers from 0 to 3"),
        ({"thumbnails/segs": np.zeros((3, 2, 4, 5), np.uint8)}, "`segs` must be image slot height width"),
    ],
)
def test_hostile_arrays(paper, tmp_path, tensors, message):
    path = rewritten(paper, tmp_path / "d", tensors=tensors)
    with pytest.raises(ValueError, match=f"^`path` must be a saved dissection, but .*{message}"):
        load(path)


def test_dtype_that_numpy_lacks(paper, tmp_path):
    import torch
    from safetensors.torch import save_file as save_torch

    about = {"ganwidgets": json.dumps({"format": "ganwidgets dissection", "version": 1})}
    save_torch({"0/iou": torch.zeros(4, 3, dtype=torch.bfloat16)}, tmp_path / "d", about)
    with pytest.raises(ValueError, match=r"^`path` must be a saved dissection, but d "):
        load(tmp_path / "d")


def test_a_part_that_may_be_missing(paper, tmp_path):
    assert load(rewritten(paper, tmp_path / "d", tensors={"0/iqr": None})).layer().iqr is None
