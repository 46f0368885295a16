"""Low-pass filters of StyleGAN3, designed rather than learned (Karras et al. 2021, section 3 and appendix C).

Every layer computes on a signal without aliases: it is resampled up before a nonlinearity and filtered down after.
A filter is a sinc, or for rotation equivariance its radial relative (a jinc), under a Kaiser window whose shape follows
from how wide the transition between pass and stop band may be.

Source: Karras et al. (2021), Alias-Free Generative Adversarial Networks; Kaiser's formulas for window and attenuation.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import j1
from torch import Tensor


def lowpass(
    taps: int, cutoff: float | int, width: float | int, rate: float | int, radial: bool = False
) -> Float[Tensor, "..."] | None:
    """A low-pass filter that keeps constants as they are: (taps), or (taps taps) if radial. None if it has one tap.

    Args:
        taps: length [samples].
        cutoff: where half the amplitude passes [cycles a picture].
        width: of the transition [cycles a picture].
        rate: samples a picture.
        radial: equal in all directions, instead of one for rows and columns.
    """
    if taps == 1:
        return None
    window = np.kaiser(taps, kaiser_beta(taps, width / (rate / 2)))
    place = (np.arange(taps) - (taps - 1) / 2) / rate
    if radial:
        distance = np.hypot(*np.meshgrid(place, place)) * math.pi
        # The centre of an odd number of taps has distance 0, where the limit is meant.
        with np.errstate(invalid="ignore"):
            shape = np.where(distance == 0, cutoff, j1(2 * cutoff * distance) / distance)
        kernel = shape * np.outer(window, window)
    else:
        kernel = 2 * cutoff / rate * np.sinc(2 * cutoff * place) * window
    return torch.from_numpy((kernel / kernel.sum()).astype(np.float32))


def kaiser_beta(taps: int, width: float | int) -> float:
    """Shape of the Kaiser window for a transition of this width [half the sampling rate]; 0 is a rectangle."""
    attenuation = 2.285 * (taps - 1) * math.pi * width + 7.95  # decibels
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    if attenuation > 21:
        return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return 0.0
