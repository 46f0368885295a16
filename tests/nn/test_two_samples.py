"""Two sets compared: numbers on paper, and the level that is promised."""

import numpy as np
import pytest

from ganwidgets.nn.two_samples import bootstrap_means, largest_difference, ratio_bounds

ONE, OTHER = np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[4.0, 1.0], [6.0, 1.0]])


def test_studentised_differences_on_paper():
    """Means 1 and 5, variances 2 and 2 of two images each: 4 / √(1 + 1). The second column never varies."""
    found = largest_difference(ONE, OTHER, permutations=20)
    np.testing.assert_allclose(found.t, [4 / np.sqrt(2), 0])
    assert found.p[1] == 1


def test_columns_that_differ_without_varying_are_beyond_all_chance():
    rows, others = np.full((30, 1), 50.0), np.zeros((30, 1))
    found = largest_difference(rows, others, permutations=200)
    assert found.t[0] == -np.inf and found.p[0] == 1 / 201 and np.isfinite(found.critical)


def test_too_few_exchanges_name_nothing():
    assert largest_difference(ONE, OTHER, permutations=10).critical == np.inf


def test_the_bounds_hold_1_exactly_where_the_difference_is_not_beyond_the_critical_value():
    random = np.random.RandomState(0)
    rows = random.gamma(0.3, 5, (80, 40)) * (random.uniform(size=(80, 40)) < 0.3)
    others = random.gamma(0.3, 5, (60, 40)) * random.uniform(0, 3, 40)
    found = largest_difference(rows, others, permutations=100, level=0.2)
    low, high = ratio_bounds(rows, others, found.critical).T
    assert np.array_equal((low > 1) | (high < 1), np.abs(found.t) > found.critical)
    assert 0 < (np.abs(found.t) > found.critical).sum() < 40
    assert (found.p <= 0.2).tolist() == (np.abs(found.t) >= found.critical).tolist()


def test_bounds_on_paper():
    """Without spread in `others` and a mean of 2 ± 1 error in `rows`: 4 / (2 ± 1) at a critical value of 1."""
    rows, others = np.array([[1.0], [3.0]]), np.array([[4.0], [4.0]])
    np.testing.assert_allclose(ratio_bounds(rows, others, 1.0), [[4 / 3, 4]])
    assert ratio_bounds(rows, others, 2.5)[0].tolist() == pytest.approx([4 / 4.5, np.inf])
    # What 3 images do not show may be in 1 − 0.05^(1/3) of them; half of that level for each of two columns.
    low, high = ratio_bounds(np.zeros((3, 1)), np.ones((3, 1)), 2.0)[0]
    assert low == pytest.approx(1 / (1 - 0.05 ** (1 / 3))) and high == np.inf
    shown = np.column_stack([np.ones(60), np.repeat([0.0, 4.0], 30)])
    bounds = ratio_bounds(shown, np.zeros((60, 2)), 2.0, level=0.1)
    np.testing.assert_allclose(bounds, [[0, 1 - 0.05 ** (1 / 60)], [0, 2 * (1 - 0.05 ** (1 / 60))]])
    assert ratio_bounds(np.zeros((3, 1)), np.zeros((3, 1)), 2.0)[0].tolist() == [0, np.inf]


def test_without_a_critical_value_every_ratio_is_possible():
    assert ratio_bounds(ONE, OTHER, np.inf).tolist() == [[0, np.inf]] * 2


@pytest.mark.parametrize(("often", "seldom"), [(0.5, 0.03), (0.5, 0.06), (0.2, 0.02)])
def test_the_bounds_hold_ratios_of_what_is_seldom_seen(often, seldom):
    """Of 60 images one or none may show it; from its scatter alone 12 to 30 % of the intervals would miss the ratio."""
    missed, turned = 0, 0
    for seed in range(200):
        random = np.random.RandomState(seed)
        rows, others = ((random.rand(60, 1) < p) * (5 + 5 * random.rand(60, 1)) for p in (often, seldom))
        critical = largest_difference(rows, others, permutations=99, seed=seed).critical
        low, high = ratio_bounds(rows, others, critical)[0]
        missed += not low <= seldom / often <= high
        low, high = ratio_bounds(others, rows, critical)[0]
        turned += not low <= often / seldom <= high
    assert max(missed, turned) / 200 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 200)


def test_nothing_is_named_more_often_than_the_level_where_nothing_differs():
    """300 pairs of sets of 40 images with 12 skewed, dependent concepts, some rare: at most 5 % name any."""
    random, named = np.random.RandomState(1), 0
    for i in range(300):
        base = random.gamma(0.5, 4, (80, 3))
        rows = (base @ random.uniform(size=(3, 12))) * (random.uniform(size=(80, 12)) < np.linspace(0.03, 1, 12))
        found = largest_difference(rows[:40], rows[40:], permutations=99, seed=i)
        named += bool((found.p <= 0.05).any())
    assert named / 300 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 300)
    assert named > 2


def test_bootstrap_means_scatter_as_the_mean_does():
    rows = np.random.RandomState(0).normal(3, 2, (400, 2))
    means = bootstrap_means(rows, 2000, seed=1)
    np.testing.assert_allclose(means.mean(0), rows.mean(0), atol=0.01)
    np.testing.assert_allclose(means.std(0), rows.std(0) / 20, rtol=0.06)
    assert np.array_equal(means, bootstrap_means(rows, 2000, seed=1))
