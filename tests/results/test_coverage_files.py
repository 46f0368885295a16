"""Saved coverages come back whole, and whatever else is in a file is one sentence."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ganwidgets.coverage import coverage
from ganwidgets.coverage.statistics import FEWEST_DRAWS, compare
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.results.cache import kept
from ganwidgets.results.coverage_checks import WHOLE
from ganwidgets.results.coverage_files import load
from ganwidgets.segment import LabelledArrays


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    counts = [AreaCounts(3, 1, 16) for _ in range(2)]
    for seed, each in enumerate(counts):
        seg = np.random.RandomState(seed).randint(0, 4, (12, 1, 4, 4))
        each.add(torch.from_numpy(seg), range(12))
    about = {name: name for name in ("network", "fingerprint", "data", "data_fingerprint", "segmenter", "labels")}
    about |= {"concepts": ("a", "b", "c"), "categories": ("x", "x", "y"), "slots": ("s",)}
    about["options"] = {"n": 12, "seed": 1, "truncation": None, "labels": "segmenter", "fit": "crop", "halves": None}
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
        (lambda tensors: tensors.update(area=torch.full((3,), torch.nan)), "`area` must be finite numbers from 0 to"),
        (lambda tensors: tensors.update(p=torch.full((3,), 2.0)), "`p` must be finite numbers from 0 to 1"),
        (lambda tensors: tensors["fsd/contributions"].fill_(torch.nan), "`contributions` must be of shape"),
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


PLAIN = [
    *(({"level": level}, "`level`") for level in ("x", None, float("nan"), 7.0, 0, True)),
    *(({"options": options}, "`options`") for options in ([1], None, {}, "n", {"n": 12})),
    *(({"complete": value}, "`complete`") for value in ("no", None, 1)),
    *(({"notes": notes}, "`notes`") for notes in ([1, 2], "abc", None)),
    *(
        ({name: 3}, f"`{name}`")
        for name in ("network", "data", "labels", "segmenter", "segmenter_fingerprint", "slots")
    ),
    *(({"concepts": names}, "`concepts`") for names in (["a"] * 3, [1, 2, 3], [], "abc")),
    *(({"categories": names}, "`categories`") for names in ([1, 1, 1], ["x"])),
    ({"fsd": [1]}, "`fsd`"),
]
OPTIONS = [{"n": "x"}, {"n": 1}, {"seed": -1}, {"seed": 1.5}, {"truncation": "x"}, {"labels": 1}, {"halves": "many"}]
OPTIONS += [{"level": 0}, {"level": None}, {"fit": None}, {"common": "no"}, {"batch": 0}]
OPTIONS += [{"level": 0.9}, {"level": 0.5}, {"fit": "foo"}, {"labels": "bar"}, {"n": 10**30}, {"batch": 10**12}]
OPTIONS += [{"resamples": 10**14}, {"halves": 10**9}, {"permutations": 10**9, "level": 0.05}, {"seed": 2**32}]
OPTIONS += [{"permutations": few, "level": level} for few, level in ((18, 0.05), (1, 0.05), (998, 0.001))]
OPTIONS += [{"level": level, "permutations": 1000} for level in (1e-9, 5e-324, 0.5, True)]
OPTIONS += [{"resamples": 19}, {"halves": 1}, {"permutations": None, "level": 0.05}, {"labels": ["own"]}, {"fit": {}}]
DISTANCE = [
    *({"interval": value} for value in ("ab", [1], None, ["a", "b"])),
    *({name: value} for name in ("distance", "mean", "covariance") for value in ("x", None, float("nan"))),
    *({name: value} for name in ("floor", "debiased", "extrapolated") for value in ("x", None)),
    *({"n": value} for value in ([1], ["a", "b"], 3, [12, True])),
    *({"bias": value} for value in ([["1", "x"]], [[1, "x"]], [1], 3)),
    *({"concepts": value} for value in (["a"], ["c", "b", "a"])),
    *({"notes": value} for value in (3, [3])),
    {"shrinkage": "yes"},
    {"enough": None},
    {"floor_interval": [None, None]},
    {"another": 1},
]


def with_plain(saved, path, change):
    """The saved file with other plain values."""
    with safe_open(saved[1], framework="pt") as file:
        tensors, about = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    told = json.loads(about["ganwidgets"])
    change(told)
    save_file(tensors, path, about | {"ganwidgets": json.dumps(told)})
    return path


@pytest.mark.parametrize(("values", "name"), PLAIN)
def test_plain_values_of_another_kind_are_refused(saved, tmp_path, values, name):
    path = with_plain(saved, tmp_path / "x.gwc", lambda told: told.update(values))
    with pytest.raises(ValueError, match=f"`path` must be a saved coverage, but x.gwc is damaged: {name} must be"):
        load(path)
    assert kept(path, load) is None  # and so it is counted again


@pytest.mark.parametrize("values", OPTIONS)
def test_options_of_another_kind_are_refused(saved, tmp_path, values):
    path = with_plain(saved, tmp_path / "x.gwc", lambda told: told["options"].update(values))
    with pytest.raises(ValueError, match=f"damaged: `options.{next(iter(values))}` must be"):
        load(path)


@pytest.mark.parametrize("values", [{"level": 0.05}, {"level": 1e-6}, {"permutations": 1}])
def test_a_level_without_permutations_and_permutations_without_a_level_are_refused(saved, tmp_path, values):
    path = with_plain(saved, tmp_path / "x.gwc", lambda told: told["options"].update(values))
    with pytest.raises(ValueError, match="damaged: `options` must be settings with 'level' and 'permutations', or"):
        load(path)


LEAST = {"n": 12, "resamples": 20, "permutations": 20, "halves": 20}
RUNS = [{"n": 2}, {"n": 3}, {"halves": None}, {"truncation": 1}, {"truncation": 0.5}, {"labels": "own"}, {"batch": 1}]
RUNS += [{"level": level, "permutations": least} for level, least in ((0.05, 19), (0.4999, 2), (0.3, 3), (0.001, 999))]
RUNS += [{"seed": 0}, {"seed": 2**32 - 1}, {"seed": np.int64(5), "level": np.float64(0.1)}]
RUNS += [{"fit": fit} for fit in ("crop", "letterbox", "stretch")]
RUNS += [{"labels": "own", "common": True}]


@pytest.mark.parametrize("options", RUNS, ids=str)
def test_whatever_a_run_writes_loads(planted, reader, tmp_path, options):
    names = tuple(reader.concepts)
    seg = np.zeros((14, 1, 16, 16), np.int64)
    seg[:, :, :, :8] = 1
    more = {"another": "colour"} if options.get("common") else {}
    data = LabelledArrays(
        torch.zeros(14, 3, 16, 16),
        seg,
        (*names, *more),
        categories=(*reader.categories, *more.values()),
        slots=("object",),
    )
    found = coverage(planted, data, reader, **LEAST | options)
    again = load(found.save(tmp_path / "x.gwc"))
    assert again.options == found.options and {**again.options}.items() >= options.items()


def test_the_fewest_draws_of_a_file_are_those_of_a_run():
    assert {WHOLE[name] for name in ("resamples", "halves")} == {FEWEST_DRAWS}


@pytest.mark.parametrize("values", DISTANCE)
def test_a_distance_of_another_kind_is_refused(saved, tmp_path, values):
    path = with_plain(saved, tmp_path / "x.gwc", lambda told: told["fsd"].update(values))
    with pytest.raises(ValueError, match=r"`path` must be a saved coverage, but x\.gwc is damaged"):
        load(path)


def test_a_file_with_every_value_as_it_was_loads(saved, tmp_path):
    found, _ = saved
    assert str(load(with_plain(saved, tmp_path / "x.gwc", lambda told: None))) == str(found)


def test_other_files_are_refused(saved, tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="holds something else"):
        load(tmp_path / "weights.safetensors")
    (tmp_path / "cut.gwc").write_bytes(saved[1].read_bytes()[:-100])
    with pytest.raises(ValueError, match="truncated"):
        load(tmp_path / "cut.gwc")
    with pytest.raises(FileNotFoundError, match="no file"):
        load(tmp_path / "none.gwc")
