"""Saved coverages come back whole, and whatever else is in a file is one sentence."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ganwidgets.coverage.statistics import compare
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.results.coverage_files import load


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    counts = [AreaCounts(3, 1, 16) for _ in range(2)]
    for seed, each in enumerate(counts):
        seg = np.random.RandomState(seed).randint(0, 4, (12, 1, 4, 4))
        each.add(torch.from_numpy(seg), range(12))
    about = {name: name for name in ("network", "fingerprint", "data", "data_fingerprint", "segmenter", "labels")}
    about |= {"concepts": ("a", "b", "c"), "categories": ("x", "x", "y"), "slots": ("s",), "options": {"n": 12}}
    found = compare(*counts, about, resamples=20, permutations=20, halves=20)
    path = tmp_path_factory.mktemp("coverage") / "whole.gwc"
    found.save(path)
    return found, path


def test_everything_comes_back(saved):
    found, path = saved
    again = load(path)
    assert again.concepts == found.concepts and again.notes == found.notes and again.fsd.n == (12, 12)
    assert again.fsd.bias == found.fsd.bias and again.fsd.interval == found.fsd.interval
    assert replace(again, fsd=None).fsd is None


def test_a_coverage_without_a_distance(saved, tmp_path):
    found, _ = saved
    assert load(replace(found, fsd=None).save(tmp_path / "x.gwc")).fsd is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("ratio"), "lacks 'ratio'"),
        (lambda tensors: tensors.update(area=torch.zeros(4)), r"`area` must be numbers of shape \(3,\)"),
        (lambda tensors: tensors.update({"counts/data/counts": torch.zeros(12, 3).int()}), "`counts` of 'data'"),
        (lambda tensors: tensors.update({"counts/data/numbers": torch.zeros(12).long()}), "0 twice"),
        (lambda tensors: tensors.update({"fsd/contributions": torch.zeros(2, 2)}), "`contributions` must be of shape"),
    ],
)
def test_damaged_files_are_refused(saved, tmp_path, change, message):
    with safe_open(saved[1], framework="pt") as file:
        tensors, about = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    change(tensors)
    save_file(tensors, tmp_path / "broken.gwc", about)
    with pytest.raises(ValueError, match=f"`path` must be a saved coverage, but broken.gwc .*{message}"):
        load(tmp_path / "broken.gwc")


def test_other_files_are_refused(saved, tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="holds something else"):
        load(tmp_path / "weights.safetensors")
    (tmp_path / "cut.gwc").write_bytes(saved[1].read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated"):
        load(tmp_path / "cut.gwc")
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / "none.gwc")
