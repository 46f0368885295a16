"""Latents: known first numbers, prefixes, truncation."""

import numpy as np
import pytest
from scipy.special import ndtr

from ganwidgets.models.latents import standard_normal, truncate, whole_number


def test_seed_1_gives_the_numbers_of_the_papers():
    z = standard_normal(2, (512,), 1)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z[0, :4], [1.62434536, -0.61175641, -0.52817175, -1.07296862], rtol=1e-6)


def test_fewer_latents_are_the_first_of_more():
    assert np.array_equal(standard_normal(3, (5, 1, 1), 7), standard_normal(40, (5, 1, 1), 7)[:3])


def test_truncation_maps_quantiles_to_quantiles():
    z = np.array([-8.0, -1.0, 0.0, 0.5, 8.0], np.float32)
    t = truncate(z, 0.7)
    np.testing.assert_allclose(t[[0, 2, 4]], [-0.7, 0, 0.7], atol=1e-6)
    share = (ndtr(t[3].astype(float)) - ndtr(-0.7)) / (ndtr(0.7) - ndtr(-0.7))
    np.testing.assert_allclose(share, ndtr(0.5), rtol=1e-5)
    np.testing.assert_allclose(truncate(z[1:4], 30.0), z[1:4], atol=1e-6)


@pytest.mark.parametrize(("value", "error"), [(2.5, TypeError), (3.0, TypeError), (True, TypeError), (0, ValueError)])
def test_whole_numbers_are_required(value, error):
    with pytest.raises(error, match="`n` must be"):
        whole_number("n", value, 1)


def test_whole_numbers_of_numpy_are_taken():
    assert whole_number("n", np.int64(3), 1) == 3
