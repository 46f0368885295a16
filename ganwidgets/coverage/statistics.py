"""Two sets of areas become a `Coverage`: means, ratios, what differs at a stated level, and the distance.

Every concept has a 95 % bootstrap interval of its own. Whether a concept is *named* is another question, as many are
looked at: the largest studentised difference of all is compared with what exchanging images between the sets gives
(`nn/two_samples.py`), so the chance of naming anything when nothing differs is `level`, for all concepts together.
"""

from numbers import Real
from typing import Any

import numpy as np

from ganwidgets.coverage.fsd import fsd
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.nn.two_samples import bootstrap_means, largest_difference, ratio_bounds
from ganwidgets.results.coverage import DATA, GENERATED, Coverage

FEWEST_DRAWS = 20
"""Resamples and half-samples: of fewer there is no 2.5 % end."""


def real_number(name: str, value: Any) -> float:
    """`value` as a finite float, or one sentence why not.

    Raises:
        TypeError, ValueError: not a number, or not a finite one.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"`{name}` must be finite, got {value}")
    return float(value)


def checked_settings(level: float, resamples: int, permutations: int, halves: int | None) -> dict[str, Any]:
    """Settings of `compare`, known to be usable before anything is counted.

    Raises:
        TypeError, ValueError: they are not.
    """
    if not 0 < (level := real_number("level", level)) < 0.5:
        raise ValueError(f"`level` must lie between 0 and 0.5, e.g. 0.05, got {level}")
    permutations, least = whole_number("permutations", permutations, 1), int(np.ceil(1 / level - 1e-9)) - 1
    if permutations < least:
        raise ValueError(
            f"`permutations` must be at least {least}, got {permutations}: fewer name nothing at level {level:g}"
        )
    return {
        "level": level,
        "resamples": whole_number("resamples", resamples, FEWEST_DRAWS),
        "permutations": permutations,
        "halves": None if halves is None else whole_number("halves", halves, FEWEST_DRAWS),
    }


def compare(
    data: AreaCounts,
    generated: AreaCounts,
    about: dict[str, Any],
    *,
    level: float = 0.05,
    resamples: int = 1000,
    permutations: int = 1000,
    halves: int | None = 200,
    seed: int = 0,
) -> Coverage:
    """Everything that two sets of counted areas say.

    Args:
        data: areas of the data.
        generated: of the generated pictures, of the same concepts.
        about: the other parts of the result: names, fingerprints, options, notes.
        level: family-wise, of naming a concept.
        resamples: of the bootstrap.
        permutations: exchanges of images between the sets.
        halves: half-samples of the distance; None leaves the distance out.
        seed: of all of these.

    Raises:
        ValueError: fewer than two images of a set, or different concepts.
    """
    for name, counted in ((DATA, data), (GENERATED, generated)):
        if len(counted) < 2:
            raise ValueError(f"`{name}` must hold at least 2 images to say how sure a mean is, got {len(counted)}")
    rows, others = data.percent, generated.percent
    if rows.shape[1] != others.shape[1]:
        raise ValueError(f"`data` and `generated` must have equal concepts, got {rows.shape[1]} and {others.shape[1]}")
    mean, other_mean = rows.mean(0), others.mean(0)
    means, other_means = (bootstrap_means(part, resamples, seed + i) for i, part in enumerate((rows, others)))
    found = largest_difference(rows, others, level=level, permutations=permutations, seed=seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mean > 0, other_mean / mean, np.nan)
    distance = None
    if halves is not None:
        distance = fsd(data, generated, concepts=about["concepts"], halves=halves, seed=seed)
    return Coverage(
        counts={DATA: data, GENERATED: generated},
        area=mean,
        generated_area=other_mean,
        area_interval=_interval(means),
        generated_interval=_never_seen(_interval(other_means), rows, others),
        presence=(rows > 0).mean(0),
        generated_presence=(others > 0).mean(0),
        ratio=ratio,
        ratio_interval=_ratio_interval(rows, others, means, other_means),
        family_interval=ratio_bounds(rows, others, found.critical, level),
        difference=other_mean - mean,
        effect=_effect(rows, others),
        p=found.p,
        level=level,
        fsd=distance,
        **about,
    )


def _interval(means: np.ndarray) -> np.ndarray:
    return np.quantile(means, (0.025, 0.975), axis=0).T


def _never_seen(interval: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The same, but what no picture of n shows may still be in 1 − 0.025^(1/n) of them, as large as in the data.

    Drawing again from pictures that never show a concept gives 0 for sure, which is surer than n pictures can make one.
    """
    share = 1 - 0.025 ** (1 / len(others))
    present = (rows > 0).sum(0)
    size = rows.sum(0) / np.maximum(present, 1)
    high = np.where((others > 0).any(0) | (present == 0), interval[:, 1], share * size)
    return np.stack([interval[:, 0], high], 1)


def _ratio_interval(rows: np.ndarray, others: np.ndarray, means: np.ndarray, other_means: np.ndarray) -> np.ndarray:
    """95 % of the ratios of two bootstraps; NaN where fewer than two images of the data show the concept."""
    told = (rows > 0).sum(0) > 1
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = np.where(means > 0, other_means / means, np.nan)
    interval = np.nanquantile(np.where(told, draws, 0.0), (0.025, 0.975), axis=0).T
    mean = np.where(told, rows.mean(0), 1.0)
    bounded = _never_seen(np.zeros_like(interval), rows, others)[:, 1] / mean
    interval[:, 1] = np.where((others > 0).any(0), interval[:, 1], bounded)
    return np.where(told[:, None], interval, np.nan)


def _effect(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    spread = np.sqrt((rows.var(0, ddof=1) + others.var(0, ddof=1)) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (others.mean(0) - rows.mean(0)) / spread, 0.0)
