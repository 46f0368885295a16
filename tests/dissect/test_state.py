"""A run that is written down and taken up elsewhere gives, bit for bit, what it would have given."""

from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

LAYERS = ("layer2", "layer1")


def stop_at(work, seen):
    """Work until so many images were seen."""
    for now in work.steps():
        if now >= seen:
            break
    return work


def taken_up(work, network, segmenter, path, options=None):
    """The run as another process finds it."""
    import ganwidgets as gw
    from ganwidgets.dissect.run_state import RunState

    return gw.dissect.DissectionRun.from_state(RunState.load(work.state().save(path)), network, segmenter, options)


@pytest.fixture
def saved(planted, reader, start, tmp_path):
    """A run at 64 of 128 images, in a file."""
    return stop_at(start(planted, reader), 64).state().save(tmp_path / "run.gwr")


@pytest.fixture(scope="module")
def uninterrupted(planted, reader):
    """Runs that nobody stopped, by rule and mode."""
    import ganwidgets as gw

    @cache
    def run(rule, exact):
        options = gw.dissect.Options(layers=LAYERS, n=100, top_fraction=0.3, rule=rule, exact=exact, resamples=20)
        work = gw.dissect.DissectionRun(planted, reader, options)
        list(work.steps())
        return work, work.result()

    return run


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("rule", "stop"),
    [
        *[("top_fraction", stop) for stop in (32, 64, 100)],
        *[("iqr", stop) for stop in (32, 96, 100, 132, 196)],
    ],
)
def test_a_run_goes_on_where_it_was(planted, reader, uninterrupted, assert_same, tmp_path, rule, stop, exact):
    """Before calibration, after it, during the search, at its end and at the end of all."""
    import ganwidgets as gw

    whole, result = uninterrupted(rule, exact)
    half = stop_at(gw.dissect.DissectionRun(planted, reader, whole.options), stop)
    again = taken_up(half, planted, reader, tmp_path / "run.gwr")
    assert (again.done, again.searched, again.ready) == (half.done, half.searched, half.ready)
    if half.ready:
        assert_same(again.result(), half.result())
    list(again.steps())
    assert_same(again.result(), result)
    for name, search in whole.searches.items():
        assert all(torch.equal(a, b) for a, b in zip(search, again.searches[name], strict=True))


def test_a_run_that_has_not_begun_can_be_written_down(planted, reader, start, assert_same, tmp_path):
    one = start(planted, reader, n=64)
    other = taken_up(one, planted, reader, tmp_path / "run.gwr")
    assert list(one.steps()) == list(other.steps()) == [32, 64]
    assert_same(one.result(), other.result())


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_a_run_may_be_stopped_at_every_batch(planted, reader, start, assert_same, tmp_path, rule):
    whole, work = (start(planted, reader, n=100, batch=16, rule=rule) for _ in range(2))
    list(whole.steps())
    while work.searched + work.done < work.total:
        next(work.steps())
        work = taken_up(work, planted, reader, tmp_path / "run.gwr")
    assert_same(work.result(), whole.result())


def test_a_state_is_a_copy(planted, reader, start):
    work = stop_at(start(planted, reader), 96)
    state = work.state()
    before = {name: part.clone() for name, part in state.tensors.items()}
    list(work.steps())
    assert all(torch.equal(part, before[name]) for name, part in state.tensors.items())


def test_the_same_state_can_be_taken_up_twice(planted, reader, start, assert_same):
    import ganwidgets as gw

    state = stop_at(start(planted, reader), 96).state()
    first, second = (gw.dissect.DissectionRun.from_state(state, planted, reader) for _ in range(2))
    list(first.steps())
    list(second.steps())
    assert_same(first.result(), second.result())


def test_notes_are_kept(planted, reader, start, tmp_path):
    work = stop_at(start(planted, reader, batch=1, n=70), 66)
    assert len(work.notes) == 1
    assert taken_up(work, planted, reader, tmp_path / "run.gwr").notes == work.notes


def test_the_options_come_with_the_state_or_must_be_the_same(planted, reader, start, tmp_path):
    from ganwidgets.dissect import Options

    work = stop_at(start(planted, reader, seed=5), 96)
    assert taken_up(work, planted, reader, tmp_path / "run.gwr").options == work.options
    assert taken_up(work, planted, reader, tmp_path / "run.gwr", work.options).done == 96
    other = Options(layers=("layer1",), n=128, top_fraction=0.3, seed=6)
    with pytest.raises(ValueError, match=r"`options` must be those of the state, which has \{'seed': 5\}"):
        taken_up(work, planted, reader, tmp_path / "run.gwr", other)


@pytest.mark.parametrize("change", ["weights", "latents", "units"])
def test_another_network_is_refused(planted, reader, saved, change):
    import ganwidgets as gw
    from ganwidgets.dissect.run_state import RunState
    from ganwidgets.testing import planted_generator

    other = planted_generator(units=9 if change == "units" else 8)
    if change == "weights":
        other.module.layer1.areas[7, 3, 3] += 1
    if change == "latents":
        other.sampler = lambda n, seed: np.random.RandomState(seed).uniform(-1, 1, (n, 4))
    with pytest.raises(ValueError, match="`network` must be the one the run began with, 'planted'"):
        gw.dissect.DissectionRun.from_state(RunState.load(saved), other, reader)


@pytest.mark.parametrize("change", ["name", "concepts", "categories", "fingerprint"])
def test_another_segmenter_is_refused(planted, saved, change):
    import ganwidgets as gw
    from ganwidgets.dissect.run_state import RunState
    from ganwidgets.testing import planted_segmenter

    other = planted_segmenter()
    value = {"name": "other", "concepts": ("a", "b", "c", "d"), "categories": ("object",) * 4}
    setattr(other, change, value.get(change, lambda: "other weights"))
    with pytest.raises(ValueError, match="`segmenter` must be the one the run began with, 'planted'"):
        gw.dissect.DissectionRun.from_state(RunState.load(saved), planted, other)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(saved, share):
    from ganwidgets.dissect.run_state import RunState

    saved.write_bytes(saved.read_bytes()[: int(share * saved.stat().st_size)])
    with pytest.raises(ValueError, match=r"`path` must be a saved run, but run\.gwr is truncated or another format"):
        RunState.load(saved)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    from ganwidgets.dissect.run_state import RunState

    with pytest.raises(FileNotFoundError, match="`path` must be a saved run, but there is no file"):
        RunState.load(tmp_path / "run.gwr")


@pytest.mark.parametrize(
    "about",
    [None, "{}", "[]", "null", '"x"', '{"version": 1}', '{"format": "ganwidgets dissection run", "version": 0}', "{"],
)
def test_a_file_of_something_else_is_refused(planted, reader, tmp_path, about):
    import ganwidgets as gw
    from ganwidgets.dissect.run_state import RunState

    save_file({"weight": torch.zeros(3)}, tmp_path / "run.gwr", about and {"ganwidgets": about})
    with pytest.raises(ValueError, match=r"must be (of 'ganwidgets dissection run', version 1|a saved run)"):
        gw.dissect.DissectionRun.from_state(RunState.load(tmp_path / "run.gwr"), planted, reader)


def test_a_finished_dissection_is_no_state(planted, reader, start, tmp_path):
    import ganwidgets as gw
    from ganwidgets.dissect.run_state import RunState

    result = stop_at(start(planted, reader), 128).result()
    with pytest.raises(ValueError, match="`state` must be of 'ganwidgets dissection run', version 1"):
        gw.dissect.DissectionRun.from_state(RunState.load(result.save(tmp_path / "d.gwd")), planted, reader)


@pytest.mark.parametrize("lost", ["counts.0.lowest", "counts.0.histogram.joint", "thumbnails.segs", "search.done"])
def test_a_state_that_lacks_a_part_is_refused(planted, reader, start, lost):
    import ganwidgets as gw

    state = stop_at(start(planted, reader), 96).state()
    state.tensors.pop(lost)
    with pytest.raises(ValueError, match="`state` must be whole"):
        gw.dissect.DissectionRun.from_state(state, planted, reader)


@pytest.mark.parametrize("lost", ["done", "options", "network", "notes"])
def test_a_description_that_lacks_a_part_is_refused(planted, reader, start, lost):
    import ganwidgets as gw

    state = start(planted, reader).state()
    del state.about[lost]
    with pytest.raises(ValueError, match=f"`state` must be whole, but it lacks '{lost}'"):
        gw.dissect.DissectionRun.from_state(state, planted, reader)


def test_a_failed_write_keeps_the_older_file(planted, reader, start, saved, monkeypatch):
    from pathlib import Path

    before = saved.read_bytes()
    work = stop_at(start(planted, reader), 96)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="an older file is as it was"):
        work.state().save(saved)
    assert saved.read_bytes() == before and list(saved.parent.iterdir()) == [saved]


def test_parts_are_put_under_one_roof_and_taken_apart():
    from ganwidgets.dissect.run_state import joined, part_of

    parts = {"a": {"x": torch.ones(1), "y": torch.ones(2)}, "ab": {"x": torch.ones(3)}, "a.b": {"x": torch.ones(4)}}
    whole = joined(parts)
    assert sorted(whole) == ["a.b.x", "a.x", "a.y", "ab.x"]
    assert part_of(whole, "ab").keys() == {"x"} and part_of(whole, "b") == {}
    assert part_of(whole, "a.b")["x"].shape == (4,)
