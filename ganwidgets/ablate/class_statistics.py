"""How sure a drop in accuracy is: intervals of paired proportions, and the highest of many drops without its bias.

The same images are classified before and after, so a drop is (lost − won) / n, where *lost* counts the images that were
right and are not any more, *won* the others that changed. `paired_interval` is for such numbers and stays honest when
nothing changed in few images. The highest of many class drops is too high, because chance chooses it: `split_half_max`
chooses the class on one half of the images and reads its drop on the other; `shuffled_max` says how high the highest
is when a unit's losses fall on the classes by chance.

Sources: Agresti and Min, "Simple improved confidence intervals for comparing matched proportions", Statistics in
Medicine 24, 2005 (half an image more in each of the four cells).
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from ganwidgets.nn.proportions import Z


def paired_interval(
    lost: Num[np.ndarray, "*shape"], won: Num[np.ndarray, "*shape"], n: Num[np.ndarray, "*#shape"] | int
) -> Float[np.ndarray, "*shape 2"]:
    """95 % interval of the drop (lost − won) / n."""
    total = np.asarray(n) + 2.0
    drop, error = (lost - won) / total, paired_error(lost, won, n)
    return np.stack([np.maximum(drop - Z * error, -1), np.minimum(drop + Z * error, 1)], -1)


def paired_error(
    lost: Num[np.ndarray, "*shape"], won: Num[np.ndarray, "*shape"], n: Num[np.ndarray, "*#shape"] | int
) -> Float[np.ndarray, "*shape"]:
    """Standard error behind `paired_interval`."""
    total = np.asarray(n) + 2.0
    return np.sqrt((lost + won + 1.0) - (lost - won) ** 2 / total) / total


def class_sums(
    values: Int[np.ndarray, "row image"], place: Int[np.ndarray, " image"], n_classes: int
) -> Int[np.ndarray, "row class"]:
    """Sums over the images of each class; every class must have one."""
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(n_classes))
    return np.add.reduceat(values[:, order], starts, axis=1, dtype=np.int64)


def halves(place: Int[np.ndarray, " image"], n_classes: int, seed: int) -> Bool[np.ndarray, " image"]:
    """A random half of the images of each class; with an odd number the extra one goes to either side by chance."""
    random = np.random.RandomState(seed)
    chosen = np.zeros(len(place), bool)
    for number in range(n_classes):
        own = random.permutation(np.flatnonzero(place == number))
        chosen[own[: (len(own) + random.randint(2)) // 2]] = True
    return chosen


def split_half_max(
    change: Int[np.ndarray, "row image"], place: Int[np.ndarray, " image"], n_classes: int, *, splits: int, seed: int
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, "row class"]]:
    """The highest class mean without the bias of choosing it, and how often each class was the one chosen.

    The class is chosen on one half of the images and its mean taken from the other, both ways round, over several
    random splits. So it is the mean of what was chosen, which is at most the true highest: never too high on average,
    too low when halves cannot tell the highest class from others. Classes of a single image take no part; without any
    larger class it is NaN.

    Args:
        change: what is averaged, e.g. 1 for an image lost and −1 for one won.
        place: class of each image.
        n_classes: number of classes.
        splits: number of random splits.
        seed: of the splits.
    """
    large = np.bincount(place, minlength=n_classes) >= 2
    total, chosen = np.zeros(len(change)), np.zeros((len(change), n_classes))
    if not large.any():
        return total * np.nan, chosen
    rows = np.arange(len(change))
    for split in range(splits):
        half = halves(place, n_classes, seed + split)
        sums, counts = [], []
        for side in (half, ~half):
            sums.append(class_sums(change * side, place, n_classes))
            counts.append(np.bincount(place[side], minlength=n_classes))
        means = [np.where(large, one / np.maximum(count, 1), -np.inf) for one, count in zip(sums, counts, strict=True)]
        for here, there in (means, means[::-1]):
            best = here.argmax(1)
            total += there[rows, best]
            chosen[rows, best] += 1 / (2 * splits)
    return total / (2 * splits), chosen


def shuffled_max(
    change: Int[np.ndarray, "row image"], place: Int[np.ndarray, " image"], n_classes: int, *, shuffles: int, seed: int
) -> Float[np.ndarray, " row"]:
    """95 % quantile of the highest class mean when the images are dealt to the classes by chance."""
    random, counts = np.random.RandomState(seed), np.bincount(place, minlength=n_classes)
    highest = [(class_sums(change, random.permutation(place), n_classes) / counts).max(1) for _ in range(shuffles)]
    return np.quantile(np.stack(highest), 0.95, axis=0)
