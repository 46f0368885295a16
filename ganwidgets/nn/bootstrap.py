"""How sure a number over images is: 95 % intervals from drawing the images again, with replacement."""

import numpy as np
from jaxtyping import Float, Num

RESAMPLES = 1000


def resampled(n: int, seed: int, resamples: int = RESAMPLES) -> Float[np.ndarray, "resample image"]:
    """Weights of a bootstrap over n images: how often each is drawn, over n."""
    return np.random.RandomState(seed).multinomial(n, np.full(n, 1 / n), resamples) / n


def mean_interval(
    values: Num[np.ndarray, "image *more"], weights: Float[np.ndarray, "resample image"]
) -> Float[np.ndarray, "*more 2"]:
    """95 % interval of the mean over images."""
    return ratio_interval(values, np.ones_like(values, dtype=float), weights)


def ratio_interval(
    top: Num[np.ndarray, "image *more"],
    bottom: Num[np.ndarray, "image *more"],
    weights: Float[np.ndarray, "resample image"],
) -> Float[np.ndarray, "*more 2"]:
    """95 % interval of sum(top) / sum(bottom) over images; NaN where fewer than two images have a bottom above 0.

    Draws in which the bottom is 0 are left out.
    """
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    known = (bottom > 0).sum(0) > 1
    whole = np.tensordot(weights, bottom, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = np.where(whole > 0, np.tensordot(weights, top, 1) / whole, np.nan)
    low_high = np.nanquantile(np.where(known, draws, 0.0), [0.025, 0.975], axis=0)
    return np.where(known[..., None], np.moveaxis(low_high, 0, -1), np.nan)
