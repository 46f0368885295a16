"""What a classifier loses when several units are off at once, beside random sets of as many units.

Units that stand in for each other cost nothing alone and everything together; the sum of single drops says neither.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from torch import Tensor

from ganwidgets.ablate.class_passes import BATCH
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.classes import class_ablation_steps
from ganwidgets.ablate.counts import checked_n_random_sets, checked_units, random_sets
from ganwidgets.models.classifiers import Classifier
from ganwidgets.models.edits import zero_units

N_RANDOM_SETS = 5


@dataclass(frozen=True, eq=False)
class JointDrop:
    """What a set of units is worth; "class" means those that occur, as in `ablation.classes`.

    Attributes:
        units: of the set.
        ablation: its first row is the set, the others what it is compared with.
        against: what those are, in words.
    """

    units: tuple[int, ...]
    ablation: ClassAblation
    against: str

    @property
    def n(self) -> int:
        """Number of images."""
        return self.ablation.n

    @property
    def overall_drop(self) -> float:
        """Loss of accuracy without the set."""
        return float(self.ablation.overall_drop[0])

    @property
    def overall_interval(self) -> tuple[float, float]:
        """Its 95 % interval."""
        low, high = self.ablation.overall_interval[0].tolist()
        return low, high

    @property
    def overall_chance(self) -> float:
        """Mean loss of accuracy without the others."""
        return float(self.ablation.overall_drop[1:].mean())

    @property
    def class_drop(self) -> Float[np.ndarray, " class"]:
        """Loss of each class's recall without the set."""
        return self.ablation.class_drop[0]

    @property
    def class_interval(self) -> Float[np.ndarray, "class 2"]:
        """Its 95 % intervals."""
        return self.ablation.class_interval[0]

    @property
    def class_chance(self) -> Float[np.ndarray, " class"]:
        """Mean loss of each class's recall without the others."""
        return self.ablation.class_drop[1:].mean(0)


def single_drop(ablation: ClassAblation, unit: int) -> JointDrop | None:
    """What is known of one unit already, beside all others of its layer; None if it or they were not switched off."""
    if unit not in ablation.units or len(ablation.units) < 2:
        return None
    row = ablation.units.index(unit)
    order = [row, *(other for other in range(len(ablation.units)) if other != row)]
    moved = {"units": tuple(ablation.units[place] for place in order), "after": ablation.after[order]}
    about = {name: getattr(ablation, name) for name in ("layer", "to", "names", "labels", "before", "seed")}
    return JointDrop((unit,), ClassAblation(**about, **moved), "mean of the other units")


def joint_drop_steps(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: object,
    units: Sequence[int],
    *,
    n_random_sets: int = N_RANDOM_SETS,
    batch: int = BATCH,
    seed: int = 0,
) -> Iterator[JointDrop | None]:
    """Yields None after each set of units, and after each batch of images the result over the images so far.

    Args:
        classifier: the network.
        layer: of the units.
        images: in [-1, 1], or uint8.
        labels: as in `class_ablation`.
        units: that are off together.
        n_random_sets: number of random sets of as many units, at least 1.
        batch: images at once.
        seed: of the random sets.

    Raises:
        TypeError, ValueError: no such layer or unit, no unit at all, no random set, or data that do not fit.
    """
    units, n_random_sets = checked_units(classifier, layer, units), checked_n_random_sets(n_random_sets, 1)
    chance = random_sets(len(units), classifier.layer_info(layer).units, n_random_sets, seed)
    edits = [zero_units(units), *map(zero_units, chance)]
    against = f"mean of {n_random_sets} random set{'s' if n_random_sets > 1 else ''} of {len(units)}"
    rows = tuple(range(len(edits)))
    for step in class_ablation_steps(classifier, layer, images, labels, edits, rows, batch=batch):
        yield None if step is None else JointDrop(tuple(units), step, against)
