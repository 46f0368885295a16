"""Bootstrap weights of images: how often each image is drawn in each resampling of the sample.

Weights come in blocks of 1,024 images, each from a random stream of its own, so those of image i depend neither on the
sample size nor on where a run was stopped, and no more than two blocks are kept.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Int16

BLOCK = 1024
"""Images whose weights are drawn together."""


def image_weights(first: int, count: int, resamples: int, seed: int) -> Int16[np.ndarray, "draw image"]:
    """Poisson(1) weights of `count` images from number `first` on; the first draw is all ones, the sample itself."""
    blocks = [_block(number, resamples, seed) for number in range(first // BLOCK, (first + count - 1) // BLOCK + 1)]
    start = first % BLOCK
    drawn = np.concatenate(blocks, 1)[:, start : start + count]
    return np.concatenate([np.ones((1, count), np.int16), drawn])


@lru_cache(maxsize=2)
def _block(number: int, resamples: int, seed: int) -> Int16[np.ndarray, "draw image"]:
    return np.random.RandomState([seed, number]).poisson(1.0, (BLOCK, resamples)).astype(np.int16).T
