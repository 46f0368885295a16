"""Any split, any order, any interruption: the same counts bit for bit. And the counts are those of numpy."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from ganwidgets.nn.histograms import Edges, JointHistogram
from ganwidgets.nn.stats import Counts, Moments, TopK

UNITS, LABELS, BINS, IMAGES = 3, 4, 8, 12


def edges(n_bins=BINS, two_sided=False, shift=0.0):
    return Edges(torch.tensor([0.0, -1.0, 2.0]) + shift, torch.tensor([1.0, 0.5, 4.0]), n_bins, two_sided)


def numbers(n, high, *shape, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, high, (n, *shape)))


# Each kind of accumulator: an empty one, and how it takes in images `which`. Values repeat, so that ties are common.


class Histogram:
    values = numbers(IMAGES, 9, UNITS, 5).float() - 1
    labels = numbers(IMAGES, LABELS + 1, 2, UNITS, 5, seed=1)

    @staticmethod
    def empty():
        return JointHistogram(edges(), LABELS)

    @classmethod
    def add(cls, seen, which):
        x = (cls.values[which] - seen.edges.origin[:, None]) / seen.edges.span[:, None]
        above = x > 0
        unit = torch.arange(UNITS)[:, None].expand_as(x)[above]
        seen.add(unit, seen.edges.bin_of(x[above]).long(), [cls.labels[which, slot][above] for slot in (0, 1)])


class Top:
    values = numbers(IMAGES, 5, UNITS).float()
    values[3] = -torch.inf

    @staticmethod
    def empty():
        return TopK(UNITS, 4, (2, 2))

    @classmethod
    def add(cls, seen, which):
        index = torch.as_tensor(which).expand(UNITS, -1)
        maps = (index * 10.0)[..., None, None] + torch.arange(4.0).view(2, 2)
        seen.add(cls.values[which].T, index, maps)


class Rows:
    rows = numbers(IMAGES, 5000, 3)

    @staticmethod
    def empty():
        return Moments(3)

    @classmethod
    def add(cls, seen, which):
        seen.add(cls.rows[which])


class Named:
    @staticmethod
    def empty():
        return Counts(hits=(UNITS, 2), pixels=(1,))

    @staticmethod
    def add(seen, which):
        seen.add(hits=numbers(IMAGES, 99, UNITS, 2)[which].sum(0), pixels=torch.tensor([len(which)]))


KINDS = [Histogram, Top, Rows, Named]


def same(a, b):
    one, other = a.state(), b.state()
    return one.keys() == other.keys() and all(
        one[k].dtype == other[k].dtype and torch.equal(one[k], other[k]) for k in one
    )


def through_a_file(seen):
    """As another process would get it."""
    return type(seen).from_state(load(save({k: v.contiguous() for k, v in seen.state().items()})))


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_merging_in_any_order_is_one_pass(kind, data):
    order = data.draw(st.permutations(range(IMAGES)))
    cuts = sorted(data.draw(st.sets(st.integers(1, IMAGES - 1), max_size=4)))
    whole, parts = kind.empty(), []
    kind.add(whole, list(range(IMAGES)))
    for first, last in zip([0, *cuts], [*cuts, IMAGES], strict=True):
        parts.append(kind.empty())
        kind.add(parts[-1], order[first:last])
    parts = data.draw(st.permutations(parts))
    while len(parts) > 1:  # as a tree: neighbours first
        into = data.draw(st.integers(0, len(parts) - 2))
        parts[into].merge(parts.pop(into + 1))
    assert same(parts[0], whole)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=30)
@given(stop=st.integers(0, IMAGES))
def test_saving_half_way_changes_nothing(kind, stop):
    whole, half = kind.empty(), kind.empty()
    kind.add(whole, list(range(IMAGES)))
    if stop:
        kind.add(half, list(range(stop)))
    again = through_a_file(half)
    assert same(again, half)
    if stop < IMAGES:
        kind.add(again, list(range(stop, IMAGES)))
    assert same(again, whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_is_a_copy(kind):
    """Counting on changes neither a state that was taken nor one that was read."""
    seen = kind.empty()
    kind.add(seen, [0, 1, 2])
    state = seen.state()
    before = {k: v.clone() for k, v in state.items()}
    kind.add(seen, [4, 5])
    kind.add(type(seen).from_state(state), [6, 7])
    assert all(torch.equal(state[k], before[k]) for k in before)


@pytest.mark.parametrize(
    ("into", "other", "message"),
    [
        (JointHistogram(edges(), 4), JointHistogram(edges(), 5), "the same edges and labels: calibrate once"),
        (JointHistogram(edges(), 4), JointHistogram(edges(16), 4), "the same edges and labels"),
        (JointHistogram(edges(), 4), JointHistogram(edges(shift=1e-3), 4), "the same edges and labels"),
        (JointHistogram(edges(), 4), JointHistogram(edges(two_sided=True), 4), "the same edges and labels"),
        (TopK(3, 4), TopK(3, 5), r"`other` must keep \[\(3, 4\)\] .* got \[\(3, 5\)\]"),
        (TopK(3, 4, (2, 2)), TopK(3, 4), r"must keep \[\(3, 4\), \(3, 4, 2, 2\)\] .* got \[\(3, 4\)\]"),
        (TopK(3, 4, (2, 2)), TopK(3, 4, (2, 3)), r"got \[\(3, 4\), \(3, 4, 2, 3\)\]"),
        (Moments(3), Moments(4), "`other` must have 3 columns, got 4"),
        (Counts(a=(3,)), Counts(a=(4,)), r"must have the counters \{'a': \(3,\)\}, got \{'a': \(4,\)\}"),
        (Counts(a=(3,)), Counts(b=(3,)), r"must have the counters \{'a': \(3,\)\}, got \{'b': \(3,\)\}"),
    ],
)
def test_merge_refuses_what_counts_something_else(into, other, message):
    before = {k: v.clone() for k, v in into.state().items()}
    with pytest.raises(ValueError, match=message):
        into.merge(other)
    assert all(torch.equal(v, before[k]) for k, v in into.state().items())


# Top images


def test_top_values_on_paper():
    top = TopK(2, 3)
    top.add(torch.tensor([[5.0, 1.0, 5.0], [-torch.inf, 2.0, -3.0]]), torch.tensor([[7, 1, 2]]).expand(2, -1))
    assert top.index.tolist() == [[2, 7, 1], [1, 2, -1]]
    assert top.value.tolist() == [[5, 5, 1], [2, -3, -torch.inf]]
    top.add(torch.tensor([[5.0, 1.0], [-3.0, 2.0]]), torch.tensor([[9, 0]]).expand(2, -1))
    assert top.index.tolist() == [[2, 7, 9], [0, 1, 2]]


@settings(deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 6), batch=st.integers(1, 7))
def test_top_values_are_exact(seed, k, batch):
    """Against a sort by (value descending, image ascending); each keeps its own map."""
    random = np.random.RandomState(seed)
    values, order = random.randint(-3, 3, 20), random.permutation(20)
    top = TopK(1, k, (1, 1))
    for first in range(0, 20, batch):
        some = torch.from_numpy(order[first : first + batch])[None]
        top.add(torch.from_numpy(values)[some].float(), some, some[..., None, None].float() + 0.5)
    wanted = sorted(range(20), key=lambda i: (-values[i], i))[:k]
    assert top.index.tolist() == [wanted]
    assert top.value.tolist() == [[values[i] for i in wanted]]
    assert top.maps.flatten().tolist() == [i + 0.5 for i in wanted]


def test_more_places_than_images():
    top = TopK(1, 4, (1, 1))
    top.add(torch.tensor([[3.0, -torch.inf]]), torch.tensor([[8, 9]]), torch.ones(1, 2, 1, 1))
    assert top.index.tolist() == [[8, -1, -1, -1]]
    assert top.maps.flatten().tolist() == [1, 0, 0, 0]


# Moments


def exactly(rows):
    """Mean and covariance in fractions."""
    rows = [[Fraction(int(v)) for v in row] for row in rows]
    n, columns = len(rows), range(len(rows[0]))
    mean = [sum(row[c] for row in rows) / n for c in columns]
    cov = [[sum((row[a] - mean[a]) * (row[b] - mean[b]) for row in rows) / (n - 1) for b in columns] for a in columns]
    return [float(m) for m in mean], [[float(c) for c in line] for line in cov]


@settings(deadline=None)
@given(seed=st.integers(0, 999), n=st.integers(2, 30), high=st.sampled_from([2, 100, 65_536, 2**22]))
def test_mean_and_covariance_are_exact(seed, n, high):
    rows = numbers(n, high, 3, seed=seed)
    moments = Moments(3)
    moments.add(rows)
    mean, covariance = exactly(rows.tolist())
    assert moments.mean().tolist() == mean
    np.testing.assert_allclose(moments.covariance(), covariance, rtol=3e-16)
    np.testing.assert_allclose(
        moments.covariance(), np.cov(rows.numpy().T.astype(np.longdouble)), rtol=1e-12, atol=1e-15
    )


def test_large_images_stay_exact():
    """Sums of squares beyond 2**53 are split: 1,024 images of 4,096 × 4,096 pixels, one of them a pixel off."""
    rows = torch.full((1024, 1), 4096**2 - 1)
    rows[5] += 1
    moments = Moments(1)
    moments.add(rows)
    assert int(moments.product) == 1023 * (4096**2 - 1) ** 2 + 4096**4
    assert moments.covariance().item() == 1 / 1024


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: m.add(torch.zeros(4, 2)), TypeError, "rows"),  # here jaxtyping says so first
        (lambda m: m.add(torch.tensor([[1, 2**27]])), ValueError, "numbers up to 94,906,265, got 134,217,728"),
        (lambda m: m.mean(), ValueError, "`mean` needs at least 1 row, got 0"),
        (lambda m: m.covariance(), ValueError, "`covariance` needs at least 2 rows, got 0"),
    ],
)
def test_what_moments_refuse(call, error, message):
    moments = Moments(2)
    with pytest.raises(error, match=message):
        call(moments)
    assert moments.n == 0
