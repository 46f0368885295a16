"""Latents: the same image i for every n, seed and device.

numpy's legacy generator is what the published results were drawn with, so seed 1 gives the pictures of the papers;
drawing on the CPU in one stream gives every prefix property one could want.
"""

from collections.abc import Sized
from operator import index
from typing import SupportsIndex

import numpy as np
from scipy.special import ndtr, ndtri


def standard_normal(n: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """`n` latents from a standard normal, float32 (n, *shape); the first k of n are the k of a smaller n."""
    return np.random.RandomState(seed).standard_normal((n, *shape)).astype(np.float32)


def truncate(z: np.ndarray, truncation: float) -> np.ndarray:
    """Squeeze standard normals into [−t, t] keeping their order: quantiles of the normal → of the truncated normal.

    Args:
        z: any shape.
        truncation: t > 0 [standard deviations]; large values leave z as it is.
    """
    low, high = ndtr(-truncation), ndtr(truncation)
    return ndtri(low + ndtr(z.astype(np.float64)) * (high - low)).clip(-truncation, truncation).astype(np.float32)


def whole_number(name: str, value: SupportsIndex | float, least: int) -> int:
    """`value` as int, or one sentence why not."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be a whole number, got {value!r}") from None
    if number < least:
        raise ValueError(f"`{name}` must be at least {least}, got {number}")
    return number


def one_latent(z: Sized) -> None:
    """Refuse latents that are not one in a batch of one.

    Raises:
        ValueError: they are none, or several.
    """
    if len(z) != 1:
        raise ValueError(f"`z` must be one latent in a batch of one, got {len(z)}; z[i : i + 1] is such a batch")
