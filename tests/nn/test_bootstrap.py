"""Intervals over images: known where nothing varies, and those of a binomial where it does."""

import numpy as np
import pytest


def test_draws_are_of_images_with_replacement():
    from ganwidgets.nn.bootstrap import resampled

    weights = resampled(50, seed=1, resamples=400)
    assert weights.shape == (400, 50) and np.allclose(weights.sum(1), 1)
    assert set(np.unique(np.rint(weights * 50))) >= {0, 1, 2, 3}
    assert np.array_equal(weights, resampled(50, seed=1, resamples=400))
    assert not np.array_equal(weights, resampled(50, seed=2, resamples=400))


def test_the_interval_of_a_share_is_that_of_a_binomial():
    from ganwidgets.nn.bootstrap import mean_interval, resampled

    hits = (np.arange(1000) < 300).astype(int)
    low, high = mean_interval(hits, resampled(1000, seed=0))
    assert [low, high] == pytest.approx(
        [0.3 - 1.96 * np.sqrt(0.21 / 1000), 0.3 + 1.96 * np.sqrt(0.21 / 1000)], abs=4e-3
    )


def test_a_ratio_weighs_images_by_their_bottom():
    from ganwidgets.nn.bootstrap import ratio_interval, resampled

    top, bottom = np.array([[2.0, 0, 0], [4, 0, 5], [6, 0, 0]]), np.array([[4.0, 0, 0], [8, 0, 10], [12, 0, 0]])
    interval = ratio_interval(top, bottom, resampled(3, seed=0))
    assert interval[0].tolist() == [0.5, 0.5]
    assert np.isnan(interval[1:]).all()  # never measured, and in one image only: nothing to vary


def test_draws_without_a_bottom_are_left_out():
    from ganwidgets.nn.bootstrap import ratio_interval

    weights = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    low, high = ratio_interval(np.array([1.0, 0, 7]), np.array([1.0, 1, 0]), weights)
    assert 0 <= low < high <= 1
