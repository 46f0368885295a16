"""The mean of x xᵀ: known on paper, whatever the order in which rows come, and resumed as if never stopped."""

import numpy as np
import pytest
import torch


def moment(groups, columns=3):
    from ganwidgets.nn.second_moment import SecondMoment

    found = SecondMoment(columns)
    for rows in groups:
        found.add(rows)
    return found


@pytest.fixture(scope="module")
def groups():
    """Groups of rows whose sizes differ by many orders of magnitude, so that every addition rounds."""
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(5, 3, generator=draw) * 10.0 ** (number % 7) for number in range(60)]


def test_it_is_the_mean_of_the_outer_products():
    found = moment([torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([[0.0, -2.0], [0.0, 0.0]])], 2)
    assert found.mean().tolist() == [[10 / 4, 2 / 4], [2 / 4, 8 / 4]] and found.n == 4
    assert found.mean().dtype == torch.float64


def test_small_parts_survive_between_large_ones():
    """Products 1e20, 1 and −1e20: in plain float64 the 1 would be lost."""
    rows = [torch.tensor([[1e10, 1e10]]), torch.tensor([[1.0, 1.0]]), torch.tensor([[1e10, -1e10]])]
    assert float(moment([row.double() for row in rows], 2).mean()[0, 1]) == 1 / 3


def test_order_does_not_matter_bit_for_bit(groups):
    wanted = moment(groups).mean()
    plain = sum(rows.double().T @ rows.double() for rows in groups)
    others = 0
    for seed in range(20):
        order = np.random.RandomState(seed).permutation(len(groups))
        assert torch.equal(moment(groups[i] for i in order).mean(), wanted)
        others += not torch.equal(sum(groups[i].double().T @ groups[i].double() for i in order), plain)
    assert others  # plain sums do differ


@pytest.mark.parametrize("cuts", [(1,), (30,), (7, 8, 50)])
def test_merging_is_as_if_one_had_seen_all(groups, cuts):
    parts = [moment(groups[a:b]) for a, b in zip((0, *cuts), (*cuts, len(groups)), strict=True)]
    first = parts[-1]
    for part in parts[:-1]:
        first.merge(part)
    assert first.n == 300 and torch.equal(first.mean(), moment(groups).mean())


def test_it_goes_on_from_its_state(groups):
    from ganwidgets.nn.second_moment import SecondMoment

    half = moment(groups[:30])
    state = half.state()
    resumed = SecondMoment.from_state({key: part.clone() for key, part in state.items()})
    half.add(torch.full((1, 3), 99.0))  # a state is a copy
    for rows in groups[30:]:
        resumed.add(rows)
    assert torch.equal(resumed.mean(), moment(groups).mean()) and resumed.n == 300


def test_an_exact_reference(groups):
    from fractions import Fraction

    rows = torch.cat(groups).double()
    exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(rows[:, 0], rows[:, 1], strict=True))
    assert float(moment(groups).mean()[0, 1]) == pytest.approx(float(exact / len(rows)), rel=1e-12)


def test_what_cannot_be_added_is_refused_and_changes_nothing(groups):
    found = moment(groups[:2])
    before = found.mean()
    with pytest.raises(ValueError, match=r"`rows` must be \(row, 3\), got \(5, 2\)"):
        found.add(torch.zeros(5, 2))
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="must be finite"):
            found.add(torch.full((1, 3), bad))
    with pytest.raises(ValueError, match="3 columns, got 2"):
        found.merge(moment([], 2))
    assert found.n == 10 and torch.equal(found.mean(), before)
    with pytest.raises(ValueError, match="at least 1 row"):
        moment([]).mean()
