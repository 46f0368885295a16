"""What can be said of a classifier's unit without switching it off: how selective it is, how large its filter.

`unit_attributes` makes a table of them; `attribute_correlations` says how far each goes with the damage that is done
when the unit is off. All are of the unit's activation averaged over the map, one number an image.

- class selectivity: (μ_max − μ_rest) / (μ_max + μ_rest); μ_max is the highest mean over the images of a class, μ_rest
  the mean of the other classes' means; of rectified activations, so that it lies in [0, 1]; 0 for a dead unit.
- class correlation: the highest Pearson correlation with the probability that the network gives to a class.
- mutual information with the class [bit]: activations in 2 to 8 bins of equal counts (as many as leave 5 images a bin
  and class; equal values are never split), plug-in estimate minus Miller and Madow's bias, (occupied cells − occupied
  rows − occupied columns + 1) / (2n ln 2). A unit that knows nothing has about 0, so it may be slightly negative.
- L1 norm: sum of |w| over the filter that makes the unit (all inputs and kernel positions).

Correlation and information choose or fit; each comes with `…_chance`, its 95 % quantile when images and classes are
matched at random.

Sources: Morcos, Barrett, Rabinowitz, Botvinick, "On the importance of single directions for generalization", ICLR 2018
(selectivity); Zhou, Sun, Bau, Torralba 2018 (the set of attributes); Miller 1955 (bias of the information).
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from ganwidgets.ablate.class_passes import BATCH, checked_data
from ganwidgets.models.classifiers import Classifier, LinearHead

ATTRIBUTES = ("class_selectivity", "l1_norm", "class_correlation", "mutual_information")
"""Columns of `unit_attributes` that describe a unit by one number."""

MOST_BINS, IMAGES_A_CELL = 8, 5
SHUFFLES = 40
_UNITWISE = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid, nn.Tanh)
_UNITWISE += (nn.BatchNorm1d, nn.BatchNorm2d, nn.Dropout, nn.Dropout2d, nn.Identity)
_UNITWISE += (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def unit_attributes(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: Any = None,
    *,
    batch: int = BATCH,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> pd.DataFrame:
    """A row per unit of a layer; see the module for what the columns mean.

    Args:
        classifier: the network.
        layer: of the units.
        images: in [-1, 1], or uint8.
        labels: number of the true class of each image; None takes the network's own predictions.
        batch: images at once.
        seed: of the random matches behind the chance levels and of the bootstrap.
        progress: called with the share that is done, 0 to 1.

    Returns:
        `l1_norm` is left out where no single filter makes the unit (the sum at the end of a residual block).

    Raises:
        TypeError, ValueError: no such layer, or images, labels or a batch that do not fit.
    """
    labels = checked_data(classifier, images, labels, batch)
    means, rectified, probabilities = _activity(classifier, layer, images, batch, progress)
    numbers, place = np.unique(labels, return_inverse=True)
    names = [classifier.classes[number] for number in numbers]
    random = np.random.RandomState(seed)
    low, high = _bootstrap_selectivity(rectified, place, len(numbers), random)
    selective, preferred = class_selectivity(rectified, place, len(numbers))
    correlation = _correlations(means, probabilities[:, numbers])
    bins = quantile_bins(means, bins_for(len(labels), len(numbers)))
    shuffled = [random.permutation(len(labels)) for _ in range(SHUFFLES)]
    chance_r = np.quantile([_correlations(means, probabilities[s][:, numbers]).max(1) for s in shuffled], 0.95, axis=0)
    chance_i = np.quantile([mutual_information(bins, place[s]) for s in shuffled], 0.95, axis=0)
    norms = filter_norms(classifier, layer, images[:2])
    return pd.DataFrame(
        {
            "unit": np.arange(means.shape[1]),
            "class_selectivity": selective,
            "class_selectivity_low": low,
            "class_selectivity_high": high,
            "preferred_class": [names[k] for k in preferred],
            **({} if norms is None else {"l1_norm": norms}),
            "class_correlation": correlation.max(1),
            "class_correlation_class": [names[k] for k in correlation.argmax(1)],
            "class_correlation_chance": chance_r,
            "mutual_information": mutual_information(bins, place),
            "mutual_information_chance": chance_i,
            "n": len(labels),
        }
    )


def class_selectivity(
    activity: Float[np.ndarray, "image unit"], place: Int[np.ndarray, " image"], n_classes: int
) -> tuple[Float[np.ndarray, " unit"], Int[np.ndarray, " unit"]]:
    """Selectivity of each unit in [0, 1] and the class it prefers; of activity that is not negative."""
    return _selectivity_of(_class_means(activity, place, n_classes))


def mutual_information(
    bins: Int[np.ndarray, "image unit"], place: Int[np.ndarray, " image"]
) -> Float[np.ndarray, " unit"]:
    """Information [bit] between each unit's bin and the class, without Miller and Madow's bias."""
    n, units = bins.shape
    n_bins, n_classes = int(bins.max()) + 1, int(place.max()) + 1
    cells = (np.arange(units) * n_bins + bins) * n_classes + place[:, None]
    joint = np.bincount(cells.ravel(), minlength=units * n_bins * n_classes).reshape(units, n_bins, n_classes)
    rows, columns = joint.sum(2, keepdims=True), joint.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint / n * np.log2(joint * n / (rows * columns)), 0.0)
    occupied = [(part > 0).sum((1, 2)) for part in (joint, rows, columns)]
    return terms.sum((1, 2)) - (occupied[0] - occupied[1] - occupied[2] + 1) / (2 * n * np.log(2))


def bins_for(n: int, n_classes: int) -> int:
    """How many bins leave five images for each bin and class, from 2 to 8."""
    return min(MOST_BINS, max(2, n // (IMAGES_A_CELL * n_classes)))


def quantile_bins(activity: Float[np.ndarray, "image unit"], bins: int = MOST_BINS) -> Int[np.ndarray, "image unit"]:
    """Which of at most `bins` bins of equal counts each value lies in; equal values lie in one bin."""
    edges = np.quantile(activity, np.arange(1, bins) / bins, axis=0, method="inverted_cdf")
    pairs = zip(edges.T, activity.T, strict=True)
    return np.stack([np.searchsorted(np.unique(edge), values) for edge, values in pairs], 1)


def filter_norms(
    classifier: Classifier, layer: str, images: Num[Tensor, "image channel height width"]
) -> Float[np.ndarray, " unit"] | None:
    """L1 norm of the filter that makes each unit; None where it is not one convolution or linear layer.

    Steps back over ReLU, batch norm (whose scale is not counted), dropout and pooling, and makes sure on the images
    that these do turn the one layer into the other.
    """
    order, name = list(classifier.layers), classifier.layer_info(layer).name
    while True:
        module = classifier.module.get_submodule(name.partition("@")[0])
        if isinstance(module, nn.Conv2d | nn.Linear):
            return module.weight.detach().abs().flatten(1).sum(1).double().cpu().numpy()
        before = order.index(name) - 1
        if not isinstance(module, _UNITWISE) or before < 0:
            return None
        acts = classifier.acts(images, [order[before], name], grad=False)
        again = deepcopy(module).eval()
        with torch.no_grad():
            if not torch.equal(again(acts[order[before]].clone()), acts[name]):
                return None
        name = order[before]


def _activity(
    classifier: Classifier, layer: str, images: Tensor, batch: int, progress: Callable[[float], Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean activations, the same rectified first, and class probabilities, a row an image."""
    parts = []
    for start in range(0, len(images), batch):
        logits, found = classifier.read(images[start : start + batch], layer, grad=False)
        acts = found[classifier.layer_info(layer).name]
        parts.append([LinearHead.means(acts), LinearHead.means(acts.clamp(min=0)), logits.softmax(1)])
        progress(min(1.0, (start + batch) / len(images)))
    return tuple(torch.cat(part).double().cpu().numpy() for part in zip(*parts, strict=True))


def _class_means(
    activity: np.ndarray, place: np.ndarray, n_classes: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Mean of each class (class unit); `weights` says how often each image counts."""
    counts = np.eye(n_classes)[place] * (1 if weights is None else weights[:, None])  # (image class)
    return counts.T @ activity / np.maximum(counts.sum(0), 1e-12)[:, None]


def _selectivity_of(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    highest = means.max(0)
    rest = (means.sum(0) - highest) / (len(means) - 1)
    total = highest + rest
    return np.divide(highest - rest, total, out=np.zeros_like(total), where=total > 0), means.argmax(0)


def _bootstrap_selectivity(activity: np.ndarray, place: np.ndarray, n_classes: int, random: Any) -> np.ndarray:
    """95 % bootstrap interval over images, each class resampled by itself; NaN where every class has one image only."""
    own = [np.flatnonzero(place == k) for k in range(n_classes)]
    if max(map(len, own)) < 2:
        return np.full((2, activity.shape[1]), np.nan)
    found = []
    for _ in range(200):
        drawn = np.concatenate([random.choice(images, len(images)) for images in own])
        weights = np.bincount(drawn, minlength=len(place)).astype(float)
        found.append(_selectivity_of(_class_means(activity, place, n_classes, weights))[0])
    return np.quantile(found, [0.025, 0.975], axis=0)


def _correlations(activity: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Pearson correlations (unit class); 0 where one of the two is constant."""
    a, p = (part - part.mean(0) for part in (activity, probabilities))
    size = np.sqrt((a**2).sum(0))[:, None] * np.sqrt((p**2).sum(0))
    return np.divide(a.T @ p, size, out=np.zeros_like(size), where=size > 1e-12)
