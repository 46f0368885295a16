"""Low-pass filters: what they must do, by definition, by scipy, and as NVIDIA's code designs them."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from ganwidgets.models.filters import kaiser_beta, lowpass


def response(kernel, frequency, rate):
    """Amplitude that passes at a frequency."""
    place = (np.arange(len(kernel)) - (len(kernel) - 1) / 2) / rate
    return float(np.sum(kernel.double().numpy() * np.cos(2 * math.pi * frequency * place)))


@pytest.mark.parametrize("taps, cutoff, width, rate", [(12, 2, 12, 32), (24, 4, 8, 64), (7, 1.5, 3, 16)])
def test_a_filter_passes_what_is_low_and_half_of_what_is_at_the_cutoff(taps, cutoff, width, rate):
    kernel = lowpass(taps, cutoff, width, rate)
    assert kernel.shape == (taps,) and kernel.dtype == torch.float32
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(kernel, kernel.flip(0))
    wanted = scipy.signal.firwin(taps, cutoff=cutoff, width=width, fs=rate)
    np.testing.assert_allclose(kernel, wanted, atol=1e-7)


def test_a_long_filter_is_sharp():
    kernel = lowpass(101, 4, 2, 32)
    assert response(kernel, 4, 32) == pytest.approx(0.5, abs=0.01)
    assert response(kernel, 2.5, 32) == pytest.approx(1, abs=0.01)
    assert abs(response(kernel, 5.5, 32)) < 0.01


@pytest.mark.parametrize("taps", [12, 13])
def test_a_radial_filter_is_equal_in_all_directions(taps):
    kernel = lowpass(taps, 4, 8, 64, radial=True)
    assert kernel.shape == (taps, taps) and kernel.isfinite().all()
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
    for same in (kernel.T, kernel.flip(0), kernel.flip(1)):
        torch.testing.assert_close(kernel, same)
    if taps % 2:  # the largest value is in the middle, where the formula divides by 0
        assert kernel.argmax() == taps * taps // 2
        middle = kernel[taps // 2]
        beside = lowpass(taps, 4 * (1 + 1e-6), 8, 64, radial=True)[taps // 2]
        torch.testing.assert_close(middle, beside, rtol=1e-4, atol=1e-6)


def test_one_tap_is_no_filter():
    assert lowpass(1, 2, 12, 32) is None and lowpass(1, 2, 12, 32, radial=True) is None


@pytest.mark.parametrize("taps, width", [(12, 0.05), (12, 0.3), (12, 0.75), (48, 0.9)])
def test_the_window_is_kaisers(taps, width):
    wanted = scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(taps, width))
    assert kaiser_beta(taps, width) == pytest.approx(float(wanted), rel=1e-12)
