"""What the benchmark keeps of an earlier call is of the same drawings and the same segmenter, and whole."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ganwidgets.segment.scenes import SceneSegmenter

FILE = Path(__file__).parents[2] / "benchmarks" / "coverage.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("coverage_benchmark", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_counts_are_kept_and_a_file_that_is_cut_off_is_counted_again(benchmark, tmp_path, monkeypatch):
    first = benchmark.drawn(4, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    files[1].write_bytes(files[1].read_bytes()[:-50])
    again = benchmark.drawn(4, tmp_path)
    monkeypatch.setattr(benchmark, "drawn_batches", lambda *args, **keys: pytest.fail("counted again"))
    kept = benchmark.drawn(4, tmp_path)
    for counts in (again, kept):
        assert all(np.array_equal(one.counts, other.counts) for one, other in zip(first, counts, strict=True))


def test_counts_of_another_segmenter_are_not_taken(benchmark, tmp_path, monkeypatch):
    benchmark.drawn(4, tmp_path)
    monkeypatch.setattr(SceneSegmenter, "fingerprint", lambda self: "another")
    benchmark.drawn(4, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
