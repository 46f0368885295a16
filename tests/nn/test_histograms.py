"""Values lie in the bins that enclose them, and what is read from the counts is what numpy says."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganwidgets.nn.histograms import MOST_BYTES, Edges, JointHistogram

UNITS, LABELS, BINS = 3, 4, 8


def edges(n_bins=BINS, two_sided=False, shift=0.0):
    return Edges(torch.tensor([0.0, -1.0, 2.0]) + shift, torch.tensor([1.0, 0.5, 4.0]), n_bins, two_sided)


# Bins


@pytest.mark.parametrize("two_sided", [False, True])
def test_a_value_lies_in_the_bin_whose_edges_enclose_it(two_sided):
    e = edges(64, two_sided)
    x = torch.linspace(-9 if two_sided else 0.01, 9, 500).repeat(3, 1)
    bins = e.bin_of(x.clone())
    value = e.origin[:, None] + x * e.span[:, None]
    for at in range(0, 500, 7):
        low, high = e.value_at(bins[:, at].double()), e.value_at(bins[:, at].double() + 1)
        assert (low <= value[:, at] + 1e-5).all() and (value[:, at] <= high + 1e-5).all()
    assert bins.min() >= 0 and bins.max() < 64
    assert (bins.diff(dim=1) >= 0).all()


def test_edges_on_paper():
    """Half of the bins lie within one span: with 8 bins over origin 0 and span 1, bin 4 begins at 1, bin 6 at 3."""
    e = Edges(torch.zeros(1), torch.ones(1), 8)
    assert [float(e.value_at(torch.tensor([p]))) for p in (0.0, 4.0, 6.0)] == [0, 1, 3]
    assert e.bin_of(torch.tensor([0.0, 0.99, 1.0, 2.99, 3.0, 1e9])).tolist() == [0, 3, 4, 5, 6, 7]
    both = Edges(torch.zeros(1), torch.ones(1), 8, two_sided=True)
    assert [float(both.value_at(torch.tensor([p]))) for p in (2.0, 4.0, 6.0)] == [-1, 0, 1]
    assert both.bin_of(torch.tensor([-1e9, -1.01, -0.99, 0.0, 1.0, 1e9])).tolist() == [0, 1, 2, 4, 6, 7]


@given(units=st.integers(1, 2048), labels=st.integers(1, 1200), wanted=st.integers(2, 4096))
def test_bins_stay_below_64_mebibytes(units, labels, wanted):
    bins = JointHistogram.bins_that_fit(units, labels, wanted)
    assert 2 <= bins <= wanted
    assert 8 * units * bins * (labels + 2) <= MOST_BYTES
    assert bins == wanted or 8 * units * (bins + 1) * (labels + 2) > MOST_BYTES


def test_the_histogram_has_the_size_that_was_reckoned_with():
    seen = JointHistogram(edges(), LABELS)
    held = sum(t.numel() * t.element_size() for t in (seen.joint, seen.alone))
    assert held == 8 * UNITS * BINS * (LABELS + 2)


# Thresholds


def histogram(values, labels=None, n_labels=2, n_bins=512, origin=0.0, span=1.0):
    """Of one unit's values, those above `origin`; labels (pixel) or none."""
    values = torch.as_tensor(values, dtype=torch.float32)
    labels = torch.zeros(len(values), dtype=torch.int64) if labels is None else torch.as_tensor(labels)
    seen = JointHistogram(Edges(torch.tensor([origin]), torch.tensor([span]), n_bins), n_labels)
    held = values > origin
    bins = seen.edges.bin_of((values[held] - origin) / span).long()
    seen.add(torch.zeros(int(held.sum()), dtype=torch.int64), bins, [labels[held]])
    return seen


def place(seen, n_above):
    return seen.place_of(torch.tensor([float(n_above)], dtype=torch.float64))


@pytest.mark.parametrize("wanted", [0.001, 0.01, 0.1, 0.3])
def test_threshold_is_numpys_quantile_to_within_a_bin(wanted):
    values = np.random.RandomState(0).standard_normal(100_000).astype(np.float32)
    seen = histogram(values)
    at = place(seen, wanted * len(values))
    exact = float(np.quantile(values, 1 - wanted))
    width = float(seen.edges.value_at(at.floor() + 1) - seen.edges.value_at(at.floor()))
    assert abs(float(seen.edges.value_at(at)) - exact) < 0.1 * width + 1e-3
    area, _ = seen.above(at)
    assert float(area) == pytest.approx(wanted * len(values), rel=1e-9)


def test_counts_above_on_paper():
    """8 bins; 4 pixels in bin 0, 2 in bin 4 (label 1 twice), 1 in bin 6 (label 2)."""
    seen = histogram([0.1, 0.1, 0.1, 0.1, 1.5, 1.5, 4.0], [0, 1, 2, 2, 1, 1, 2], n_bins=8)
    assert seen.alone.tolist() == [[4, 0, 0, 0, 2, 0, 1, 0]]
    area, joint = seen.above(torch.tensor([0.0], dtype=torch.float64))
    assert (area.tolist(), joint.tolist()) == ([7], [[3, 3]])
    area, joint = seen.above(torch.tensor([4.5], dtype=torch.float64))
    assert (area.tolist(), joint.tolist()) == ([2], [[1, 1]])
    area, joint = seen.above(torch.tensor([8.0], dtype=torch.float64))
    assert (area.tolist(), joint.tolist()) == ([0], [[0, 0]])
    assert [float(place(seen, n)) for n in (7, 5, 3, 2)] == [0, 0.5, 4, 4.5]


def test_the_highest_values_are_never_split():
    """10 pixels share the highest value: asking for 4 gives the bin's lower edge, below which none of them lies."""
    seen = histogram([0.2] * 30 + [3.0] * 10)
    at = place(seen, 4)
    assert float(at) == float(seen.edges.bin_of(torch.tensor([3.0])))
    assert seen.above(at)[0].tolist() == [10]
    assert seen.above(place(seen, 10))[0].tolist() == [10]


def test_constant_unit():
    seen = histogram([0.7] * 100)
    for n_above in (1, 50, 100):
        assert seen.above(place(seen, n_above))[0].tolist() == [100]
    assert float(seen.edges.value_at(place(seen, 5))) <= 0.7


@pytest.mark.parametrize("values", [[], [0.5, 0.6]])
def test_fewer_pixels_than_wanted_give_all_there_are(values):
    seen = histogram(values)
    at = place(seen, 50)
    assert float(at) == 0
    assert seen.above(at)[0].tolist() == [len(values)]


@settings(deadline=None)
@given(seed=st.integers(0, 999), n_above=st.floats(0.01, 60))
def test_as_many_lie_above_as_were_wanted(seed, n_above):
    """Unless the highest bin decides: then all of it."""
    random = np.random.RandomState(seed)
    values, labels = random.exponential(1, 50), random.randint(0, 3, 50)
    seen = histogram(values, labels, n_bins=16)
    area, joint = seen.above(place(seen, n_above))
    highest = int(seen.alone[0][seen.alone[0] > 0][-1])
    assert float(area) == pytest.approx(min(50, max(n_above, highest)))
    assert (joint >= 0).all() and float(joint.sum()) <= float(area) + 1e-9
