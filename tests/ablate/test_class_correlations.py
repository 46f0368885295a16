"""Intervals of correlations hold their own estimate, however few the units, and mostly a planted truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata


def drawn(kind, rho, n, random):
    """An attribute and a drop of n units: normal with this correlation, or bent so that order is all they keep."""
    x, other = random.standard_normal((2, n))
    y = rho * x + np.sqrt(1 - rho**2) * other
    return {
        "normal": (x, y),
        "skewed": (np.exp(x), np.exp(y)),
        "mostly no drop": (x, np.maximum(y, 0).round(1)),
        "heavy tails": np.array([x, y]) * np.sqrt(3 / random.chisquare(3, n)),
    }[kind]


def ablation_of(drops):
    """Units whose overall drops these are, in 1,000 images of two classes."""
    from ganwidgets.ablate.class_result import ClassAblation

    labels = np.arange(1000) % 2
    after = np.tile(labels, (len(drops), 1))
    for row, drop in enumerate(drops):
        after[row, : round(1000 * drop)] = 2
    return ClassAblation("layer", tuple(range(len(drops))), "zero", ("a", "b", "c"), labels, labels, after)


@pytest.mark.parametrize("n", [4, 5, 7, 10, 30])
@pytest.mark.parametrize("shape", ["noise", "one unit matters", "same order", "straight", "opposite", "tied"])
def test_an_interval_holds_its_own_estimate_and_says_how_many(n, shape):
    """A percentile bootstrap over ten units misses it: repeated units pull every resample the same way."""
    from ganwidgets.ablate.class_correlations import attribute_correlations

    random = np.random.RandomState(n)
    for _ in range(20):
        drops = random.uniform(0, 0.9, n).round(3)
        attribute = {
            "noise": random.standard_normal(n),
            "one unit matters": np.eye(n)[0] + 0.01 * random.standard_normal(n),
            "same order": np.exp(9 * drops),
            "straight": 3 * drops + 1,
            "opposite": -drops,
            "tied": (drops > 0.5) + 1e-3 * (np.arange(n) == 0),
        }[shape]
        if shape == "one unit matters":
            drops = np.where(np.arange(n) == 0, 0.8, 0.0)
        table = pd.DataFrame({"unit": range(n), "mine": attribute})
        row = attribute_correlations(ablation_of(drops), table, columns=["mine"]).iloc[0]
        for kind in ("pearson", "spearman"):
            assert -1 <= row[f"{kind}_low"] <= row[kind] <= row[f"{kind}_high"] <= 1, (kind, row)
        assert (row["n"], row["n_units"]) == (1000, n)
        if shape == "same order" and len(set(drops)) == n:  # four units in one order are no proof of anything
            assert row.spearman == pytest.approx(1) and (row.spearman_low < 0) == (n == 4)


@pytest.mark.parametrize("kind", ["normal", "skewed", "mostly no drop", "heavy tails"])
@pytest.mark.parametrize(("rho", "n"), [(0.0, 6), (0.0, 10), (0.6, 10), (0.6, 40)])
def test_intervals_hold_a_planted_truth_about_as_often_as_they_say(kind, rho, n):
    from ganwidgets.ablate.class_correlations import pearson_interval, spearman_interval

    population = drawn(kind, rho, 400_000, np.random.RandomState(1))
    truth = {"pearson": np.corrcoef(*population)[0, 1], "spearman": np.corrcoef(*map(rankdata, population))[0, 1]}
    random, held = np.random.RandomState(2), {"pearson": [], "spearman": []}
    for _ in range(400):
        x, y = drawn(kind, rho, n, random)
        if np.ptp(y) > 0:
            for name, interval in (("pearson", pearson_interval), ("spearman", spearman_interval)):
                _, low, high = interval(x, y)
                held[name].append(low <= truth[name] <= high)
    # 400 draws: 0.95 ± 0.022; jackknife and approximation are allowed a little more.
    assert {name: round(float(np.mean(found)), 3) for name, found in held.items() if np.mean(found) < 0.9} == {}


def test_the_scale_of_an_attribute_does_not_matter():
    from ganwidgets.ablate.class_correlations import attribute_correlations

    random = np.random.RandomState(0)
    drops, attribute = random.uniform(0, 0.9, 12).round(3), random.standard_normal(12)
    table = pd.DataFrame({"unit": range(12), "plain": attribute, "tiny": 1e-14 * attribute, "far": 1e3 + attribute})
    found = attribute_correlations(ablation_of(drops), table, columns=["plain", "tiny", "far"])
    columns = [f"{kind}{end}" for kind in ("pearson", "spearman") for end in ("", "_low", "_high")]
    rows = found[found["drop"] == "overall_drop"][columns].to_numpy()
    np.testing.assert_allclose(rows[1:], rows[:1].repeat(2, 0), rtol=1e-6)
