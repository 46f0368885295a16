"""Kept by content: the same question is answered from the file, any other is asked anew."""

import json
import logging
import runpy
from pathlib import Path

import numpy as np
import pytest

SETTINGS = {"layer": "layer1", "n": 70, "top_fraction": 0.3, "resamples": 20}


class Counting:
    """The planted segmenter, which counts how often it is asked and can be given another fingerprint."""

    def __init__(self, reader, fingerprint="one"):
        self.reader, self.text, self.batches = reader, fingerprint, 0
        self.name, self.concepts, self.categories, self.slots = (
            "counting",
            reader.concepts,
            reader.categories,
            reader.slots,
        )

    def __call__(self, images):
        self.batches += 1
        return self.reader(images)

    def fingerprint(self):
        return self.text


@pytest.fixture
def run(planted, reader, tmp_path):
    """Dissect with a cache in `tmp_path`; gives the result and how many batches were segmented."""
    import ganwidgets as gw

    def run(network=planted, segmenter=None, cache=tmp_path / "kept", **options):
        segmenter = segmenter or Counting(reader)
        before = segmenter.batches
        result = gw.dissect.run(network, segmenter=segmenter, cache=cache, **(SETTINGS | options))
        return result, segmenter.batches - before

    return run


def test_the_second_time_nothing_is_computed(run, assert_same, tmp_path):
    first, batches = run()
    again, none = run()
    assert (batches, none) == (3, 0)
    assert_same(first, again)
    assert first.options == dict(again.options) and len(list((tmp_path / "kept").iterdir())) == 1


def test_it_is_as_if_it_had_been_computed(run, planted, reader, assert_same):
    import ganwidgets as gw

    run()
    assert_same(run()[0], gw.dissect.run(planted, segmenter=reader, **SETTINGS))


def test_without_cache_nothing_is_written(run, tmp_path):
    assert run(cache=False)[1] == 3 == run(cache=False)[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        *[{"seed": 2}, {"n": 71}, {"layer": "layer2"}, {"top_fraction": 0.2}, {"rule": "iqr"}, {"truncation": 1.0}],
        *[{"batch": 16}, {"padding": "zeros"}, {"grid": 8}, {"chance": False}, {"top_k": 4}, {"exact": True}],
    ],
)
def test_other_options_are_another_question(run, options, tmp_path):
    run()
    result, batches = run(**options)
    assert batches > 0 and len(list((tmp_path / "kept").iterdir())) == 2
    assert all(result.options[name] == value for name, value in options.items() if name != "layer")


@pytest.mark.parametrize("change", ["weights", "range", "latents", "size"])
def test_another_network_is_another_question(run, change):
    from ganwidgets.testing import planted_generator

    run()
    other = planted_generator(resolution=24 if change == "size" else 16)
    if change == "weights":
        other.module.layer1.areas[7, 0, 0] += 1e-3
    if change == "range":
        other.output_range = (-1.5, 1.5)
    if change == "latents":
        other.sampler = lambda n, seed: np.random.RandomState(seed).uniform(-1, 1, (n, 4))
    assert run(other)[1] == 3
    assert run(planted_generator())[1] == 0


@pytest.mark.parametrize("change", ["fingerprint", "concepts", "categories"])
def test_another_segmenter_is_another_question(run, reader, change):
    run()
    other = Counting(reader, "two" if change == "fingerprint" else "one")
    if change == "concepts":
        other.concepts = ("red", "blue", "green", "top")
    if change == "categories":
        other.categories = ("color",) * 4
    assert run(segmenter=other)[1] == 3


def test_a_segmenter_without_fingerprint_is_asked_every_time(run, reader, caplog, tmp_path):
    class Anonymous(Counting):
        fingerprint = property()

    with caplog.at_level(logging.WARNING):
        assert run(segmenter=Anonymous(reader))[1] == 3
    assert "not cached: the segmenter 'counting' has no fingerprint()" in caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_truncated_file_is_computed_again_and_replaced(run, assert_same, caplog, tmp_path, share):
    whole = run()[0]
    [path] = (tmp_path / "kept").iterdir()
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with caplog.at_level(logging.WARNING):
        again, batches = run()
    assert batches == 3 and "computed again: `path` must be a saved dissection" in caplog.text
    assert_same(whole, again)
    assert run()[1] == 0 and list((tmp_path / "kept").iterdir()) == [path]


def test_a_run_that_stopped_leaves_no_file_until_it_has_ended(run, assert_same, tmp_path):
    def enough(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run(progress=enough)
    assert list((tmp_path / "kept").iterdir()) == []
    result, batches = run()
    assert batches == 2  # it goes on after the first of three
    assert_same(result, run(cache=False)[0])
    assert run()[1] == 0


def test_names_do_not_come_from_the_outside(run, reader, tmp_path):
    """No file name is built from the name of a network or segmenter."""
    segmenter = Counting(reader)
    segmenter.name = "../../evil"
    run(segmenter=segmenter)
    [path] = (tmp_path / "kept").iterdir()
    assert len(path.stem) == 64 and set(path.stem) <= set("0123456789abcdef") and path.suffix == ".gwd"


def test_true_means_the_users_cache_folder(run, tmp_path, monkeypatch):
    monkeypatch.setattr("ganwidgets.results.cache.user_cache_path", lambda name: tmp_path / name)
    assert run(cache=True)[1] == 3 and run(cache=True)[1] == 0
    assert len(list((tmp_path / "ganwidgets" / "dissections").iterdir())) == 1


def test_the_folder_may_be_text(run, tmp_path):
    assert run(cache=str(tmp_path / "a" / "b"))[1] == 3
    assert run(cache=Path(tmp_path / "a" / "b"))[1] == 0


def test_the_same_settings_have_one_name_however_they_are_written():
    """Made without the type checks of the test suite, as a user makes them."""
    from ganwidgets.dissect import options

    made = runpy.run_path(options.__file__)["Options"]
    settings = [
        {"layers": ["layer1"], "n": np.int64(70), "truncation": 1, "top_fraction": np.float32(0.25)},
        {"layers": ("layer1",), "n": 70, "truncation": np.float32(1), "top_fraction": 0.25},
    ]
    assert len({json.dumps(made(**given).as_dict()) for given in settings}) == 1
