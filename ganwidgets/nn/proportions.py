"""How sure a share of a few cases is: the interval of a proportion, which has a width even where all cases agree."""

import numpy as np
from jaxtyping import Num

Z = 1.959963984540054  # normal quantile of a 95 % interval


def proportion_interval(hits: Num[np.ndarray, "*shape"], n: Num[np.ndarray, "*#shape"] | int) -> np.ndarray:
    """95 % interval of hits / n (Wilson 1927), in a new last axis; NaN where n is 0."""
    n = np.asarray(n, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = hits / n
        middle, half = share + Z**2 / (2 * n), Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
        return np.clip(np.stack([middle - half, middle + half], -1) / (1 + Z**2 / n)[..., None], 0, 1)
