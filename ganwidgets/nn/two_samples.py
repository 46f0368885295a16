"""Two sets of images compared, many concepts at once: intervals for each, and a level for all of them together.

- `bootstrap_means`: what the means would be had other images been drawn.
- `largest_difference`: how large the largest of all studentised differences is by chance, from exchanging images
  between the sets. A concept beyond it is named with a family-wise error of the stated level, however the concepts
  depend on each other (the max-t of Westfall and Young). When both sets come from one world the images are
  exchangeable, and the level is exact at any number of images; when only the means agree, it holds for large sets,
  because the differences are studentised.
- `ratio_bounds`: the ratios that agree with the data at such a critical value (Fieller). Where only a few images of a
  set show a column their scatter says too little (none at all: nothing), and the binomial bound of how many may show
  it is taken where it is wider.

Source: Westfall and Young, "Resampling-Based Multiple Testing" (1993); Chung and Romano, "Exact and asymptotically
robust permutation tests", Annals of Statistics 41 (2013); Fieller, JRSS B 16 (1954); Clopper and Pearson, Biometrika 26
(1934).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Num
from scipy.special import betaincinv

FEW = 5
"""Images that show a column, below which their scatter is not trusted alone."""

_AT_ONCE = 2**22  # numbers in one block of weights


class LargestDifference(NamedTuple):
    """Result of `largest_difference`.

    Attributes:
        t: studentised difference of each column, `others` minus `rows`; 0 where neither varies.
        critical: |t| that the largest of all columns exceeds by chance with probability `level`.
        p: family-wise p-value of each column.
    """

    t: Float[np.ndarray, " column"]
    critical: float
    p: Float[np.ndarray, " column"]


def bootstrap_means(
    rows: Num[np.ndarray, "image column"], resamples: int, seed: int
) -> Float[np.ndarray, "resample column"]:
    """Means of as many images drawn with replacement, many times."""
    n, random = len(rows), np.random.RandomState(seed)
    means = np.empty((resamples, rows.shape[1]))
    step = max(1, _AT_ONCE // n)
    for first in range(0, resamples, step):
        many = min(step, resamples - first)
        drawn = random.randint(n, size=(many, n)) + np.arange(many)[:, None] * n
        weights = np.bincount(drawn.ravel(), minlength=many * n).reshape(many, n)
        means[first : first + many] = weights.astype(float) @ rows / n
    return means


def largest_difference(
    rows: Num[np.ndarray, "image column"],
    others: Num[np.ndarray, "image2 column"],
    *,
    level: float = 0.05,
    permutations: int = 1000,
    seed: int = 0,
) -> LargestDifference:
    """How far apart the means of two sets are, column by column, beside what exchanging their images gives.

    Args:
        rows: one set.
        others: the other set.
        level: family-wise, for all columns together.
        permutations: how often images are exchanged.
        seed: of the exchanges.
    """
    both, n = np.concatenate([rows, others]).astype(float), len(rows)
    both -= both.mean(0)  # the same differences, without the rounding of large sums
    sums = np.concatenate([both, both**2], 1)
    members = np.zeros((1, len(both)))
    members[0, :n] = 1
    t = _studentised(members, sums, n)[0]
    largest = np.empty(permutations)
    random, step = np.random.RandomState(seed), max(1, _AT_ONCE // len(both))
    for first in range(0, permutations, step):
        members = np.zeros((min(step, permutations - first), len(both)))
        for row in members:
            row[random.permutation(len(both))[:n]] = 1
        largest[first : first + len(members)] = np.abs(_studentised(members, sums, n)).max(1)
    # The observed exchange counts as one of them, which makes the level exact and not only nearly so.
    order = np.sort(largest)
    rank = int(np.ceil((1 - level) * (permutations + 1) - 1e-9))  # 1 − level is not exact
    critical = float(order[rank - 1]) if rank <= permutations else float("inf")
    beyond = permutations - np.searchsorted(order, np.abs(t) * (1 - 1e-12), side="left")
    return LargestDifference(t, critical, (1 + beyond) / (1 + permutations))


def ratio_bounds(
    rows: Num[np.ndarray, "image column"],
    others: Num[np.ndarray, "image2 column"],
    critical: float,
    level: float = 0.05,
) -> Float[np.ndarray, "column 2"]:
    """Ratios ρ of the means, `others` over `rows`, for which mean(others) − ρ · mean(rows) is within `critical` errors.

    1 lies outside exactly where the studentised difference exceeds `critical`, unless fewer than `FEW` images of a set
    show the column: then the bound is at least what the binomial bound of their share allows. The upper bound is
    infinite where the mean of `rows` cannot be told from 0.

    Args:
        rows: one set, of numbers that are not negative.
        others: the other set.
        critical: of `largest_difference`; infinite where too few exchanges were made to say anything.
        level: family-wise; each binomial bound fails with at most this, divided by the number of columns.
    """
    if not np.isfinite(critical):
        return np.tile([0.0, np.inf], (rows.shape[1], 1))
    low, high = _fieller(rows, others, critical)
    most, other_most = _most_of_few(rows, others, level), _most_of_few(others, rows, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(most > 0, np.minimum(low, others.mean(0) / most), low)
        high = np.where(other_most > 0, np.maximum(high, other_most / rows.mean(0)), high)
    return np.stack([low, high], 1)


def _most_of_few(part: np.ndarray, other: np.ndarray, level: float) -> Float[np.ndarray, " column"]:
    """How large the mean of a column may be of which fewer than `FEW` images show anything; 0 where more do.

    So many may show it as the binomial bound allows, as large as where it is seen in either set.
    """
    showing, n = (part > 0).sum(0), len(part)
    few = np.minimum(showing, min(FEW, n) - 1)
    share = betaincinv(few + 1.0, n - few, 1 - level / part.shape[1])  # 1 − (level / columns)^(1/n) of none
    size = np.maximum(*(each.sum(0) / np.maximum((each > 0).sum(0), 1) for each in (part, other)))
    return np.where((showing < FEW) & (showing < n), share * size, 0.0)


def _fieller(rows: np.ndarray, others: np.ndarray, critical: float) -> tuple[np.ndarray, np.ndarray]:
    mean, other = rows.mean(0), others.mean(0)
    error, other_error = (part.var(0, ddof=1) / len(part) for part in (rows, others))
    a = mean**2 - critical**2 * error
    b, c = mean * other, other**2 - critical**2 * other_error
    root = np.sqrt(np.maximum(b**2 - a * c, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        # Without a lower end of the mean of `rows` (a ≤ 0) there is no upper bound, but there may still be a lower one.
        low = np.where(a == 0, c / (2 * b), (b - root) / a)
        high = np.where(a > 0, (b + root) / a, np.inf)
    return np.where((a > 0) | (c > 0), np.maximum(np.where(np.isnan(low), np.inf, low), 0), 0.0), high


def _studentised(members: np.ndarray, sums: np.ndarray, n: int) -> np.ndarray:
    """(other − one) / standard error for each choice of the images that are `one`."""
    columns, many = sums.shape[1] // 2, len(sums)
    one = members @ sums
    other = sums.sum(0) - one
    parts = []
    for total, size in ((one, n), (other, many - n)):
        mean = total[:, :columns] / size
        variance = np.maximum(total[:, columns:] / size - mean**2, 0) * (size / (size - 1))
        parts.append((mean, variance / size))
    (mean, error), (other_mean, other_error) = parts
    difference, spread = other_mean - mean, np.sqrt(error + other_error)
    scale = np.sqrt(sums[:, columns:].max(0, initial=0))
    varies, differs = spread > 1e-7 * scale, np.abs(difference) > 1e-9 * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(varies, difference / spread, np.where(differs, np.copysign(np.inf, difference), 0.0))
