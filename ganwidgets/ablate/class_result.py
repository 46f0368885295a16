"""What is known once a classifier's units were switched off one by one: `ClassAblation`.

It holds the class predicted for every image with all units and without each; the drop in accuracy over all images and
for each class, balanced accuracy, the class that suffers most and how sure all that is are counted from there. The
highest of many class drops is too high by chance; the corrected one chooses the class on one half of the images and
reads the drop off the other.

Sources: Zhou, Sun, Bau, Torralba, "Revisiting the Importance of Individual Units in CNNs via Ablation", 2018 (overall
and class drop); Bau et al., "Understanding the role of individual units in a deep neural network", PNAS 2020 (balanced
accuracy of a class, importance to several classes). Intervals, correction and chance level are ours.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from ganwidgets.ablate.class_statistics import (
    class_sums,
    paired_error,
    paired_interval,
    shuffled_max,
    split_half_max,
)
from ganwidgets.nn.proportions import Z

SPLITS = 20  # of the images in halves
SHUFFLES = 100  # behind the chance level of the highest class drop


@dataclass(frozen=True, eq=False)
class ClassAblation:
    """Which class each image gets as the network is, and without each unit; everything else is counted from that.

    Only classes that occur in `labels` are listed, in the order of their numbers; "class" below means these.

    Attributes:
        layer: of the units.
        units: their numbers, in the order of the rows (or of the directions, if units were rotated).
        to: what a unit was set to, "zero" or "mean".
        names: of all classes of the network.
        labels: true class of each image.
        before: predicted class of each image, nothing switched off.
        after: the same without each unit, a row a unit.
        seed: of the random halves and shuffles.
    """

    layer: str
    units: tuple[int, ...]
    to: str
    names: tuple[str, ...] = field(repr=False)
    labels: Int[np.ndarray, " image"] = field(repr=False)
    before: Int[np.ndarray, " image"] = field(repr=False)
    after: Int[np.ndarray, "unit image"] = field(repr=False)
    seed: int = 0

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.labels)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the classes that occur."""
        return tuple(np.unique(self.labels).tolist())

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.names[number] for number in self.numbers)

    @cached_property
    def n_per_class(self) -> Int[np.ndarray, " class"]:
        """Number of images of each class."""
        return np.bincount(self._place, minlength=len(self.numbers))

    @property
    def accuracy(self) -> float:
        """Share of images that the network gets right with all units."""
        return float((self.before == self.labels).mean())

    @property
    def recall(self) -> Float[np.ndarray, " class"]:
        """Share of each class's images that it gets right with all units."""
        return np.bincount(self._place, self.before == self.labels) / self.n_per_class

    @cached_property
    def overall_drop(self) -> Float[np.ndarray, " unit"]:
        """Loss of accuracy without each unit; negative: it gets better."""
        return self._change.mean(1)

    @property
    def overall_interval(self) -> Float[np.ndarray, "unit 2"]:
        """95 % interval of `overall_drop` (paired, Agresti and Min)."""
        return paired_interval((self._change > 0).sum(1), (self._change < 0).sum(1), self.n)

    @cached_property
    def class_drop(self) -> Float[np.ndarray, "unit class"]:
        """Loss of recall of each class without each unit."""
        lost, won = self._lost_and_won
        return (lost - won) / self.n_per_class

    @property
    def class_interval(self) -> Float[np.ndarray, "unit class 2"]:
        """95 % interval of `class_drop` (paired, Agresti and Min)."""
        return paired_interval(*self._lost_and_won, self.n_per_class)

    @property
    def balanced_drop(self) -> Float[np.ndarray, " unit"]:
        """Loss of balanced accuracy (the mean recall over classes)."""
        return self.class_drop.mean(1)

    @cached_property
    def class_balanced_drop(self) -> Float[np.ndarray, "unit class"]:
        """Loss of each class's own balanced accuracy, (recall + true negative rate) / 2, against all other classes."""
        return (self.class_drop + self._other_drop) / 2

    @property
    def max_class_drop(self) -> Float[np.ndarray, " unit"]:
        """The highest class drop of each unit: too high, because chance has a say in which class it is."""
        return self.class_drop.max(1)

    @property
    def worst_class(self) -> Int[np.ndarray, " unit"]:
        """Which class that is, as an index into `classes`."""
        return self.class_drop.argmax(1)

    @property
    def max_class_drop_corrected(self) -> Float[np.ndarray, " unit"]:
        """The same without that bias: class chosen on one half of the images, drop read off the other.

        On average not above the true highest drop; NaN only if no class has two images.
        """
        return self._split[0]

    @property
    def max_class_interval(self) -> Float[np.ndarray, "unit 2"]:
        """95 % interval of `max_class_drop_corrected`, from the standard errors of the classes it chose."""
        value, chosen = self._split
        error = (chosen * paired_error(*self._lost_and_won, self.n_per_class)).sum(1)
        return np.stack([value - Z * error, value + Z * error], 1).clip(-1, 1)

    @cached_property
    def max_class_chance(self) -> Float[np.ndarray, " unit"]:
        """What the highest class drop exceeds in 1 of 20 cases when a unit's losses fall on the classes by chance.

        Above it, a unit matters to that class more than to others. At least 0.
        """
        chance = shuffled_max(self._change, self._place, len(self.numbers), shuffles=SHUFFLES, seed=self.seed)
        return chance.clip(min=0)

    def importance_counts(self, top: int = 4) -> Int[np.ndarray, " unit"]:
        """Number of classes for which each unit is among the `top` most important (by the class's balanced accuracy).

        A unit without which a class is recognised no worse is not important to it, whatever its rank.

        Source: Bau et al. 2020, "units important to more classes".
        """
        drop = self.class_balanced_drop
        ranks = (-drop).argsort(0, kind="stable")[:top]
        return np.bincount(ranks.ravel(), np.take_along_axis(drop, ranks, 0).ravel() > 0, len(self.units)).astype(int)

    def to_frame(self) -> pd.DataFrame:
        """A row per unit; drops are shares of images, `classes_hurt` counts class intervals wholly above 0."""
        overall, highest = self.overall_interval, self.max_class_interval
        return pd.DataFrame(
            {
                "unit": self.units,
                "overall_drop": self.overall_drop,
                "overall_low": overall[:, 0],
                "overall_high": overall[:, 1],
                "balanced_drop": self.balanced_drop,
                "worst_class": [self.classes[place] for place in self.worst_class],
                "max_class_drop": self.max_class_drop,
                "max_class_drop_corrected": self.max_class_drop_corrected,
                "max_class_low": highest[:, 0],
                "max_class_high": highest[:, 1],
                "max_class_chance": self.max_class_chance,
                "classes_hurt": (self.class_interval[:, :, 0] > 0).sum(1),
                "n": self.n,
            }
        )

    def class_frame(self, unit: int) -> pd.DataFrame:
        """A row per class: what it loses without one unit.

        Raises:
            ValueError: a unit that was not switched off.
        """
        if unit not in self.units:
            raise ValueError(f"`unit` must be one of those switched off, {self.units[:8]} …, got {unit}")
        row = self.units.index(unit)
        low, high = self.class_interval[row].T
        recall = self.recall
        return pd.DataFrame(
            {
                "class": self.classes,
                "n": self.n_per_class,
                "recall": recall,
                "recall_without": recall - self.class_drop[row],
                "drop": self.class_drop[row],
                "drop_low": low,
                "drop_high": high,
                "balanced_drop": self.class_balanced_drop[row],
            }
        )

    @cached_property
    def _place(self) -> Int[np.ndarray, " image"]:
        return np.searchsorted(np.array(self.numbers), self.labels)

    @cached_property
    def _change(self) -> Int[np.ndarray, "unit image"]:
        """1 where an image is lost without the unit, −1 where it is won."""
        right = (self.before == self.labels).astype(np.int8)
        return right - (self.after == self.labels).astype(np.int8)

    @cached_property
    def _lost_and_won(self) -> tuple[Int[np.ndarray, "unit class"], Int[np.ndarray, "unit class"]]:
        lost, won = ((sign * self._change > 0).astype(np.int8) for sign in (1, -1))
        return tuple(class_sums(part, self._place, len(self.numbers)) for part in (lost, won))

    @cached_property
    def _other_drop(self) -> Float[np.ndarray, "unit class"]:
        """Loss of each class's true negative rate: images of other classes that are newly taken for it."""
        n_all, rows = len(self.names), np.arange(len(self.after))[:, None] * len(self.names)
        taken = []
        for predicted in (self.before[None], self.after):
            wrong = predicted != self.labels
            codes = (predicted + rows[: len(predicted)])[wrong]
            counts = np.bincount(codes, minlength=n_all * len(predicted)).reshape(len(predicted), n_all)
            taken.append(counts[:, list(self.numbers)])
        return (taken[1] - taken[0]) / (self.n - self.n_per_class)

    @cached_property
    def _split(self) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, "unit class"]]:
        return split_half_max(self._change, self._place, len(self.numbers), splits=SPLITS, seed=self.seed)
