"""Which units a class needs: switch off its most important ones, and then all *others*.

If few units carry a class, removing them ruins it while the rest of the network works on; and they alone keep it.
`important_sets` measures both for every class, beside random sets of the same sizes.

Source: Bau et al., PNAS 2020, `intervention_experiment.py` (the N most important units of a class by a single ranking
of its balanced accuracy, and all but these; VGG16 on Places365). Random sets are ours. Their ranking is of training
images and their measurement of validation images: keep them apart here, too.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int, Num
from torch import Tensor

from ganwidgets.ablate.class_curves import checked_sizes
from ganwidgets.ablate.class_passes import BATCH, checked_data, predictions
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.counts import random_sets
from ganwidgets.models.classifiers import Classifier
from ganwidgets.models.edits import zero_units
from ganwidgets.nn.proportions import proportion_interval

MOST, OTHERS = "most important", "all others"
"""What is off: the N most important units of a class, or all but these."""


class _Set(NamedTuple):
    """Units that go off together: of a class (None: random ones), N, and which of the two kinds."""

    number: int | None
    size: int
    off: str
    units: tuple[int, ...]


def important_sets(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: Any,
    ranking: ClassAblation,
    *,
    sizes: Iterable[int] = (1, 2, 4, 20),
    n_random_sets: int = 10,
    batch: int = BATCH,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> pd.DataFrame:
    """For each class: its N most important units off, all others off, and as many random units off.

    Args:
        classifier: the network.
        layer: of the units.
        images: others than those of the ranking.
        labels: as in `class_ablation`.
        ranking: `class_ablation` of all units of the layer.
        sizes: numbers N; those beyond the layer are left out.
        n_random_sets: number of random sets of each size and kind.
        batch: images at once.
        seed: of the random sets.
        progress: called with the share that is done, 0 to 1.

    Returns:
        A row per class, N and what is off, with the class's recall (and its interval) and balanced accuracy, before and
        without these units; `random` is its mean balanced accuracy with as many random units off, `accuracy` that over
        all classes.

    Raises:
        ValueError: a ranking of another layer or of some units only, or sizes that the layer does not have.
    """
    labels, units = checked_data(classifier, images, labels, batch), classifier.layer_info(layer).units
    if sorted(ranking.units) != list(range(units)) or ranking.layer != layer:
        raise ValueError(
            f"`ranking` must be class_ablation of all {units} units of {layer!r}, got {len(ranking.units)} of "
            f"{ranking.layer!r}"
        )
    sizes = checked_sizes([size for size in sizes if size <= units], units)
    wanted = _sets_of_classes(ranking, sizes, set(labels.tolist()))
    chance = [
        _Set(None, size, off, one)
        for size in sizes
        for off, many in ((MOST, size), (OTHERS, units - size))
        for one in random_sets(many, units, n_random_sets, seed)
    ]
    edits = [zero_units(one.units) for one in (*wanted, *chance)]
    before, after = predictions(classifier, layer, images, edits, batch=batch, progress=progress)
    drawn = list(zip(chance, after[len(wanted) :], strict=True))
    rows = []
    for one, predicted in zip(wanted, after, strict=False):
        row = _row(one, labels, before, predicted)
        peers = [other for peer, other in drawn if (peer.size, peer.off) == (one.size, one.off)]
        if peers:
            row["random"] = float(np.mean([_recall_and_balanced(labels, other, one.number)[1] for other in peers]))
        rows.append({"class": classifier.classes[one.number], **row, "n_random_sets": len(peers)})
    return pd.DataFrame(rows)


def _sets_of_classes(ranking: ClassAblation, sizes: tuple[int, ...], present: set[int]) -> list[_Set]:
    order = np.array(ranking.units)[(-ranking.class_balanced_drop).argsort(0, kind="stable")]  # (rank class)
    found = []
    for column, number in enumerate(ranking.numbers):
        if number in present:
            ranks = tuple(order[:, column].tolist())
            for size in sizes:
                found += [_Set(number, size, MOST, ranks[:size]), _Set(number, size, OTHERS, ranks[size:])]
    return found


def _row(
    one: _Set,
    labels: Int[np.ndarray, " image"],
    before: Int[np.ndarray, " image"],
    predicted: Int[np.ndarray, " image"],
) -> dict[str, Any]:
    recall, balanced = _recall_and_balanced(labels, predicted, one.number)
    n = int((labels == one.number).sum())
    low, high = proportion_interval(np.array(recall * n), n)
    return {
        "size": one.size,
        "off": one.off,
        "n_units": len(one.units),
        "n": n,
        "balanced_accuracy": balanced,
        "balanced_accuracy_before": _recall_and_balanced(labels, before, one.number)[1],
        "recall": recall,
        "recall_low": low,
        "recall_high": high,
        "accuracy": float((predicted == labels).mean()),
        "accuracy_before": float((before == labels).mean()),
    }


def _recall_and_balanced(
    labels: Int[np.ndarray, " image"], predicted: Int[np.ndarray, " image"], number: int
) -> tuple[float, float]:
    own = labels == number
    recall = float((predicted[own] == number).mean())
    return recall, (recall + float((predicted[~own] != number).mean())) / 2
