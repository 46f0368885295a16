"""What a classifier's units are for: switch each off and count which classes are recognised less often.

`class_ablation` switches off one unit after the other; the activations below the layer are computed once. The result,
`ClassAblation`, says what is lost over all images and by each class, and how sure that is. `class_ablation_steps` does
the same step by step, for a view that shows it on the way. `class_scores` is the plain table of one set of predictions,
`compare_networks` puts several networks (with and without batch norm, say) beside each other.

Source: Zhou, Sun, Bau, Torralba, "Revisiting the Importance of Individual Units in CNNs via Ablation", 2018: a unit's
whole map is set to zero at test time, nothing is retrained.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int, Num
from torch import Tensor

from ganwidgets.ablate.class_passes import BATCH, checked_data, each_prediction
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.counts import checked_units
from ganwidgets.models.classifiers import Classifier, LinearHead
from ganwidgets.models.devices import precise
from ganwidgets.models.edits import Edit, set_units, zero_units

TO = ("zero", "mean")
"""What a unit that is switched off is set to: 0, or its mean over all images and places."""

RESAMPLES = 1000  # of the units, behind the intervals of `compare_networks`


def class_ablation(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: Any = None,
    *,
    units: Iterable[int] | None = None,
    to: str = "zero",
    batch: int = BATCH,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> ClassAblation:
    """What each unit of a layer is worth to each class.

    Args:
        classifier: the network.
        layer: whose units are switched off.
        images: in [-1, 1], or uint8.
        labels: number of the true class of each image; None takes the network's own predictions, so that a drop is the
            share of decisions that change.
        units: which ones; None is all of the layer.
        to: "zero", as in the paper, or "mean", the unit's mean over all images and places.
        batch: images at once.
        seed: of the random halves behind the corrected highest class drop.
        progress: called with the share that is done, 0 to 1; an error raised there stops the work.

    Raises:
        TypeError: units, labels or a batch that are no whole numbers.
        ValueError: no such layer or unit, no unit or image at all, a label that is no class, images of a single class,
            or a batch of less than one.
    """
    units = checked_units(classifier, layer, range(classifier.layer_info(layer).units) if units is None else units)
    labels = checked_data(classifier, images, labels, batch)
    edits = unit_edits(classifier, layer, images, units, to, batch)
    steps = -(-len(images) // batch) * (len(edits) + 1)
    found = class_ablation_steps(classifier, layer, images, labels, edits, units, to=to, batch=batch, seed=seed)
    for done, step in enumerate(found, 1):
        result = step
        progress(done / steps)
    return result


def class_ablation_steps(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: Any,
    edits: Sequence[Edit],
    units: tuple[int, ...],
    *,
    to: str = "zero",
    batch: int = BATCH,
    seed: int = 0,
) -> Iterator[ClassAblation | None]:
    """Yields None after each unit, and after each batch of images the result over the images so far.

    Args:
        classifier: the network.
        layer: that is edited.
        images: in [-1, 1], or uint8.
        labels: as in `class_ablation`.
        edits: how each unit is switched off; see `unit_edits`.
        units: their numbers.
        to: what the edits set a unit to, for the record.
        batch: images at once.
        seed: of the random halves.
    """
    labels = checked_data(classifier, images, labels, batch)
    before = np.full(len(images), -1, np.int64)
    after = np.full((len(edits), len(images)), -1, np.int64)
    last = len(edits) - 1
    for rows, number, found in each_prediction(classifier, layer, images, edits, batch=batch):
        if number is None:
            before[rows] = found
        else:
            after[number, rows] = found
        if (-1 if number is None else number) < last:
            yield None
            continue
        seen = before >= 0
        yield ClassAblation(
            layer=layer,
            units=units,
            to=to,
            names=classifier.classes,
            labels=labels[seen],
            before=before[seen],
            after=after[:, seen],
            seed=seed,
        )


def unit_edits(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    units: Iterable[int],
    to: str = "zero",
    batch: int = BATCH,
) -> list[Edit]:
    """One edit a unit that switches it off.

    Raises:
        ValueError: `to` is neither "zero" nor "mean", or there is no image to take the mean over.
    """
    if to not in TO:
        raise ValueError(f"`to` must be one of {TO}, got {to!r}")
    if to == "zero":
        return [zero_units([unit]) for unit in units]
    if not len(images):
        raise ValueError("`images` must hold at least one image, got none")
    parts = [precise(LinearHead.means(classifier.acts(part, layer, grad=False))).sum(0) for part in images.split(batch)]
    means = (sum(parts) / len(images)).tolist()
    return [set_units([unit], means[unit]) for unit in units]


def class_scores(
    labels: Int[np.ndarray, " image"], predicted: Int[np.ndarray, " image"], names: Sequence[str]
) -> pd.DataFrame:
    """One row per class that occurs: how well it is recognised against all others.

    A class that is never predicted has precision 0 (nothing of it is found), where the original code has NaN.

    Source: Bau et al., PNAS 2020, `intervention_experiment.py`: balanced accuracy is (recall + true negative rate) / 2.
    """
    numbers = np.unique(labels)
    truth, found = labels == numbers[:, None], predicted == numbers[:, None]  # (class image)
    n, own, taken, right = len(labels), truth.sum(1), found.sum(1), (truth & found).sum(1)
    recall, negative = right / own, 1 - (taken - right) / np.maximum(n - own, 1)
    return pd.DataFrame(
        {
            "class": [names[number] for number in numbers],
            "n": own,
            "predicted": taken,
            "precision": right / np.maximum(taken, 1),
            "recall": recall,
            "true_negative_rate": negative,
            "accuracy": (right + (n - own) - (taken - right)) / n,
            "balanced_accuracy": (recall + negative) / 2,
        }
    )


def compare_networks(ablations: Mapping[str, ClassAblation], *, seed: int = 0) -> pd.DataFrame:
    """A row per network: how much single units matter in it; for instance with and without batch norm or dropout.

    Intervals are 95 % bootstrap intervals over units, NaN of a single one; `share_that_matters` is the share of units
    whose highest class drop lies above their chance level.
    """
    rows = []
    for name, ablation in ablations.items():
        random = np.random.RandomState(seed)
        draws = random.randint(len(ablation.units), size=(RESAMPLES, len(ablation.units)))
        row = {"network": name, "n": ablation.n, "n_units": len(ablation.units), "accuracy": ablation.accuracy}
        for column in ("overall_drop", "max_class_drop", "max_class_drop_corrected"):
            values = getattr(ablation, column)
            low, high = np.quantile(values[draws].mean(1), [0.025, 0.975]) if len(values) > 1 else (np.nan, np.nan)
            row |= {column: values.mean(), f"{column}_low": low, f"{column}_high": high}
        row["share_that_matters"] = (ablation.max_class_drop > ablation.max_class_chance).mean()
        rows.append(row)
    return pd.DataFrame(rows)
