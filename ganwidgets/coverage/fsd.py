"""Fréchet segmentation distance, beside what the same number of real images gives, with an interval.

A distance between finite sets is never 0, and it falls as images are added: it has a bias of about c / n. So `fsd`
never gives the number alone.

- **floor**: real images are split into two halves, many times. What the halves are apart is what two sets of the same
  world are apart at n/2 images; near 0 the distance goes as 1/n, so it is scaled to the sizes of the two sets.
- **interval**: half of the images of each set, without replacement, many times. The distance of halves differs from
  that of the whole as the whole differs from the truth, in spread and in bias, so the difference is taken off. (The
  plain percentile bootstrap would be off by twice the bias, as duplicates add distance.)
- **bias**: the distance at an eighth, a quarter and half of the images.

Source: Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019, arXiv:1910.11626; half-samples: Politis, Romano and
Wolf, "Subsampling" (1999).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Num

from ganwidgets.models.latents import whole_number
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.nn.frechet import FrechetDistance, column_contributions, gaussian_distance
from ganwidgets.nn.shrinkage import ledoit_wolf
from ganwidgets.results.fsd import FSD

Areas = Num[np.ndarray, "..."]
"""(image concept), in percent; of another shape it is refused in words."""
SHRINKAGES = (None, "ledoit-wolf")
HALVES = 200
"""Half-samples for the interval, and splits for the floor."""


def fsd(
    data: Areas | AreaCounts,
    generated: Areas | AreaCounts,
    *,
    concepts: Sequence[str] | None = None,
    floor: Areas | AreaCounts | bool = True,
    unlabelled: bool = False,
    shrinkage: str | None = None,
    halves: int = HALVES,
    seed: int = 0,
) -> FSD:
    """How far apart two sets of images are, judged by the areas of what they show.

    Args:
        data: area of each concept in each real image [percent], or counted areas.
        generated: of the generated images.
        concepts: names of the columns.
        floor: True measures the distance of real images from real images on halves of `data`; further real images are
            compared with `data` instead; False leaves it out.
        unlabelled: whether pixels without a name are a column for each slot, as in the published code; needs counted
            areas.
        shrinkage: None takes the unbiased covariance, as published; "ledoit-wolf" shrinks it towards equal variances,
            for fewer images than concepts. Such distances compare only with each other.
        halves: half-samples for the interval, and splits for the floor.
        seed: of the half-samples.

    Raises:
        ValueError: fewer than two images, different concepts, or areas that are not finite.
    """
    if unlabelled and not (isinstance(data, AreaCounts) and isinstance(generated, AreaCounts)):
        raise ValueError("`unlabelled` needs counted areas, AreaCounts; give pixels without a name as a column instead")
    rows, others = _rows("data", data, unlabelled), _rows("generated", generated, unlabelled)
    if rows.shape[1] != others.shape[1]:
        raise ValueError(
            f"`data` and `generated` must have the same concepts, got {rows.shape[1]} and {others.shape[1]} columns"
        )
    if shrinkage not in SHRINKAGES:
        raise ValueError(f"`shrinkage` must be one of {list(SHRINKAGES)}, got {shrinkage!r}")
    halves = whole_number("halves", halves, 20)
    names = tuple(f"concept {i + 1}" for i in range(rows.shape[1])) if concepts is None else tuple(concepts)
    if unlabelled and concepts is not None:
        names = (*_slot_names(data.n_slots), *names)
    if len(names) != rows.shape[1]:
        raise ValueError(f"`concepts` must name the {rows.shape[1]} columns, got {len(names)} names")
    further = None if isinstance(floor, bool) else _rows("floor", floor, unlabelled)
    if further is not None and further.shape[1] != rows.shape[1]:
        raise ValueError(f"`floor` must have the {rows.shape[1]} concepts of `data`, got {further.shape[1]} columns")
    # A column that never varies adds nothing, but would be shrunk with the others; the floor is of the same columns.
    parts = [part for part in (rows, others, further) if part is not None]
    occurs = np.any([(part != rows[0]).any(0) for part in parts], 0)
    found = _measure(rows[:, occurs], others[:, occurs], shrinkage, halves, seed)
    contributions = np.zeros((len(names), 2))
    contributions[occurs] = found.pop("contributions")
    at = (np.nan, (np.nan, np.nan))
    if floor is not False:
        further = None if further is None else further[:, occurs]
        at = _floor(rows[:, occurs], len(others), further, shrinkage, halves, seed)
    enough = int(occurs.sum()) + 1
    return FSD(
        **found,
        floor=at[0],
        floor_interval=at[1],
        concepts=names,
        contributions=contributions,
        n=(len(rows), len(others)),
        enough=enough,
        notes=tuple(_notes(len(rows), len(others), enough, shrinkage)),
    )


def _slot_names(slots: int) -> tuple[str, ...]:
    return ("unlabelled",) if slots == 1 else tuple(f"unlabelled, slot {i + 1}" for i in range(slots))


def _rows(argument: str, areas: Areas | AreaCounts, unlabelled: bool) -> Float[np.ndarray, "image concept"]:
    rows = areas.percent if isinstance(areas, AreaCounts) else np.asarray(areas, np.float64)
    if unlabelled and isinstance(areas, AreaCounts):
        rows = np.concatenate([areas.nothing * (100.0 / areas.pixels), rows], 1)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        why = f"shape {rows.shape}" if rows.ndim != 2 else "NaN or infinity"
        raise ValueError(f"`{argument}` must be finite areas (image concept) in percent, got {why}")
    if len(rows) < 2 or not rows.shape[1]:
        raise ValueError(
            f"`{argument}` must hold at least 2 images for a covariance, and a concept, got {rows.shape}; "
            "one image more than concepts makes the covariance whole"
        )
    return rows


def _notes(n: int, other_n: int, enough: int, shrinkage: str | None) -> list[str]:
    few = min(n, other_n)
    if few >= enough or shrinkage is not None:
        return []
    return [
        f"{few} images are too few for a covariance of {enough - 1} concepts, which needs {enough}: the distance is "
        'mostly the bias of small samples; take more images, or shrinkage="ledoit-wolf"'
    ]


def _moments(rows: np.ndarray, shrinkage: str | None) -> tuple[np.ndarray, np.ndarray]:
    mean = rows.mean(0)
    if shrinkage is not None:
        return mean, ledoit_wolf(rows)[0]
    centred = rows - mean
    return mean, centred.T @ centred / (len(rows) - 1)


def _distance(rows: np.ndarray, others: np.ndarray, shrinkage: str | None) -> FrechetDistance:
    return gaussian_distance(*_moments(rows, shrinkage), *_moments(others, shrinkage))


def _measure(rows: np.ndarray, others: np.ndarray, shrinkage: str | None, halves: int, seed: int) -> dict:
    moments = (*_moments(rows, shrinkage), *_moments(others, shrinkage))
    whole = gaussian_distance(*moments)
    random = np.random.RandomState(seed)
    bias = {min(len(rows), len(others)): whole.distance}
    halved = np.full(halves, np.nan)
    if min(len(rows), len(others)) >= 4:
        halved = _of_parts(rows, others, 2, halves, shrinkage, random)
        bias |= _bias(rows, others, shrinkage, halved, random)
    shift = halved - whole.distance
    low, high = np.quantile(shift, (0.025, 0.975))
    return {
        "distance": whole.distance,
        "mean": whole.mean,
        "covariance": whole.covariance,
        "debiased": float(max(whole.distance - shift.mean(), 0)) if np.isfinite(shift).all() else np.nan,
        "interval": tuple(np.maximum(whole.distance - np.array([high, low]), 0.0).tolist()),  # NaN stays NaN
        "bias": dict(sorted(bias.items())),
        "extrapolated": _extrapolated(bias),
        "contributions": column_contributions(*moments),
        "shrinkage": None if shrinkage is None else (ledoit_wolf(rows)[1], ledoit_wolf(others)[1]),
    }


def _of_parts(
    rows: np.ndarray, others: np.ndarray, parts: int, many: int, shrinkage: str | None, random: np.random.RandomState
) -> Float[np.ndarray, " many"]:
    """Distances of random parts of both sets, drawn without replacement."""
    found = np.empty(many)
    for i in range(many):
        one = random.permutation(len(rows))[: len(rows) // parts]
        other = random.permutation(len(others))[: len(others) // parts]
        found[i] = _distance(rows[one], others[other], shrinkage).distance
    return found


def _bias(
    rows: np.ndarray, others: np.ndarray, shrinkage: str | None, halved: np.ndarray, random: np.random.RandomState
) -> dict[int, float]:
    few = min(len(rows), len(others))
    found = {few // 2: float(halved.mean())}
    for parts in (4, 8):
        if few // parts >= 2:
            found[few // parts] = float(_of_parts(rows, others, parts, 8 * parts, shrinkage, random).mean())
    return found


def _extrapolated(bias: dict[int, float]) -> float:
    """Where the line of least squares through (1/n, distance), weighed by n, meets 1/n = 0."""
    if len(bias) < 2:
        return float("nan")
    sizes, distances = np.array(sorted(bias.items()), float).T
    slope = np.polyfit(1 / sizes, distances, 1, w=np.sqrt(sizes))
    return float(max(slope[1], 0.0))


def _floor(
    rows: np.ndarray, n_generated: int, further: np.ndarray | None, shrinkage: str | None, halves: int, seed: int
) -> tuple[float, tuple[float, float]]:
    """Distance of real images from real images at the sizes of the two sets: its mean and its middle 95 %."""
    if further is not None:
        pool = np.concatenate([rows, further])
        direct = _distance(rows, further, shrinkage).distance * _scale(len(rows), n_generated, len(rows), len(further))
    else:
        pool, direct = rows, None
    half = len(pool) // 2
    if half < 2:
        return np.nan, (np.nan, np.nan)
    random = np.random.RandomState(seed + 1)
    found = np.empty(halves)
    for i in range(halves):
        order = random.permutation(len(pool))
        found[i] = _distance(pool[order[:half]], pool[order[half : 2 * half]], shrinkage).distance
    found *= _scale(len(rows), n_generated, half, half)
    low, high = np.quantile(found, (0.025, 0.975))
    return float(found.mean() if direct is None else direct), (float(low), float(high))


def _scale(n: int, n_generated: int, half: int, other_half: int) -> float:
    """Near 0 the distance goes as the sum of 1/n of both sets."""
    return (1 / n + 1 / n_generated) / (1 / half + 1 / other_half)
