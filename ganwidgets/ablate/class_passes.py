"""Run a classifier once up to a layer, and the rest once for every edit of that layer: which class each image gets.

The activations below a layer do not depend on what is switched off in it. So a batch of images runs up to the layer
once, and only `above` runs again for each edit. Where the rest is an average over the map and one linear layer, not
even that: zeroing unit u changes the logit of class k by exactly −w_ku · mean(x_u) (`LinearHead`). Images in which an
edit changes nothing, because the unit is silent there, keep their class.

`predictions` gives the predicted classes of a whole data set, `each_prediction` does it step by step.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from ganwidgets.models.classifiers import Classifier, LinearHead
from ganwidgets.models.edits import Edit, UnitEdit
from ganwidgets.models.latents import whole_number
from ganwidgets.models.protocol import State

BATCH = 64  # images


def checked_data(
    classifier: Classifier, images: Num[Tensor, "image channel height width"], labels: Any, batch: int = BATCH
) -> Int[np.ndarray, " image"]:
    """The labels as an array, if they fit images and classifier; the network's own predictions in place of None.

    Raises:
        ValueError: no image, another number of labels than images, a label that is no class, fewer than two classes, or
            a batch of less than one image.
        TypeError: labels or a batch that are not whole numbers.
    """
    whole_number("batch", batch, 1)
    if not len(images):
        raise ValueError("`images` must hold at least one image, got none")
    if labels is None:
        batches = images.split(BATCH)
        labels = torch.cat([classifier.predict(batch) for batch in batches])
    try:
        given = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    except (TypeError, ValueError):
        raise TypeError(f"`labels` must be whole numbers of classes, one an image, got {labels!r}"[:300]) from None
    if given.ndim != 1 or len(given) != len(images):
        raise ValueError(f"`labels` must be one number an image, {len(images)} of them, got shape {given.shape}")
    if given.dtype.kind not in "iu":
        raise TypeError(f"`labels` must be whole numbers of classes, got {given.dtype}")
    lowest, highest, n = int(given.min()), int(given.max()), len(classifier.classes)
    if lowest < 0 or highest >= n:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(f"`labels` must lie in 0 … {n - 1}, the classes of {classifier.name}, got {wrong}")
    if lowest == highest:
        raise ValueError(
            f"`labels` must hold at least two classes, got only {classifier.classes[lowest]!r}: what matters to one "
            "class cannot be told from what matters to all"
        )
    return given.astype(np.int64)


def predictions(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    edits: Sequence[Edit],
    *,
    batch: int = BATCH,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> tuple[Int[np.ndarray, " image"], Int[np.ndarray, "edit image"]]:
    """The class each image gets without any edit, and under each.

    Args:
        classifier: the network.
        layer: that is edited.
        images: in [-1, 1], or uint8.
        edits: each is tried alone.
        batch: images at once.
        progress: called with the share that is done, 0 to 1.
    """
    before = np.full(len(images), -1, np.int64)
    after = np.full((len(edits), len(images)), -1, np.int64)
    steps = -(-len(images) // batch) * (len(edits) + 1)
    found_ones = each_prediction(classifier, layer, images, edits, batch=batch)
    for done, (rows, number, found) in enumerate(found_ones, 1):
        if number is None:
            before[rows] = found
        else:
            after[number, rows] = found
        progress(done / steps)
    return before, after


def each_prediction(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    edits: Sequence[Edit],
    *,
    batch: int = BATCH,
) -> Iterator[tuple[np.ndarray, int | None, Int[np.ndarray, " image"]]]:
    """Step by step: which images, number of the edit (None: no edit), and the classes they get.

    Every batch is drawn from the whole data set, so that what is there after a few batches is a fair sample, also of
    images sorted by class.
    """
    for edit in edits:
        edit.check(classifier.layer_info(layer).shape)
    shuffled = np.random.RandomState(0).permutation(len(images))
    for first in range(0, len(images), batch):
        rows = np.sort(shuffled[first : first + batch])
        state = classifier.below(images[torch.from_numpy(rows)], layer, grad=False)
        scored = _Scored(classifier, state)
        yield rows, None, scored.predict(None)
        for number, edit in enumerate(edits):
            yield rows, number, scored.predict(edit)


class _Scored:
    """One batch, cut at a layer: its predictions under edits."""

    def __init__(self, classifier: Classifier, state: State) -> None:
        self.classifier, self.state = classifier, state
        self.head = classifier.linear_head(state.layer)
        self.scratch = state.acts.clone()
        if self.head is None:
            self.logits = classifier.above(state, grad=False)
        else:
            self.means = self.head.means(state.acts)
            self.logits = self.head.logits(self.means)
        self.found = self.logits.argmax(1)

    def predict(self, edit: Edit | None) -> Int[np.ndarray, " image"]:
        """Number of the class with the highest score."""
        if edit is None:
            found = self.found
        elif self.head is not None and _same_everywhere(edit):
            found = (self.logits + head_change(self.head, self.means, edit)).argmax(1)
        else:
            found = self._run(edit)
        return found.cpu().numpy()

    def _run(self, edit: Edit) -> Int[Tensor, " image"]:
        """Run the rest again for those images in which the edit changes anything: many units are silent in many."""
        if isinstance(edit, UnitEdit):
            with self._unit_edit(edit) as changed:
                return self._above(self.scratch, changed)
        acts = edit.apply(self.state.acts)
        return self._above(acts, (acts != self.state.acts).flatten(1).any(1))

    @contextmanager
    def _unit_edit(self, edit: UnitEdit) -> Iterator[Bool[Tensor, " image"]]:
        """`scratch` edited for a while, and in which images; only the units in question are written and compared."""
        units = torch.tensor(edit.units, dtype=torch.int64, device=self.scratch.device)
        old = self.scratch[:, units]
        new = replace(edit, units=tuple(range(len(units)))).apply(old)
        self.scratch[:, units] = new
        try:
            yield (new != old).flatten(1).any(1)
        finally:
            self.scratch[:, units] = old

    def _above(self, acts: Tensor, changed: Bool[Tensor, " image"]) -> Int[Tensor, " image"]:
        if bool(changed.all()) or not self.classifier.images_are_independent:
            return self.classifier.above(self.state, acts, grad=False).argmax(1)
        found = self.found.clone()
        if bool(changed.any()):
            some = self.classifier.some(self.state, changed)
            found[changed] = self.classifier.above(some, acts[changed], grad=False).argmax(1)
        return found


def head_change(head: LinearHead, means: Float[Tensor, "image unit"], edit: Edit) -> Float[Tensor, "image class"]:
    """What an edit changes in the logits: for unit u set to zero, −w_ku · mean(x_u)."""
    change = edit.apply(means) - means
    if isinstance(edit, UnitEdit):  # most columns stay as they are
        units = list(edit.units)
        return change[:, units] @ head.weight[:, units].T
    return change @ head.weight.T


def _same_everywhere(edit: Edit) -> bool:
    """Whether an edit treats all places of a map alike, so that it may be applied to the mean over the map."""
    if isinstance(edit, UnitEdit):
        return edit.region is None and getattr(edit.value, "ndim", 0) < 2
    return getattr(edit, "same_everywhere", False)
