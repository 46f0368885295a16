"""Which images a classifier's units like most: every unit's activation, averaged over its map, for every image.

`mean_activations` runs the images up to a layer; `UnitPictures` keeps one number for each image and unit and gives the
images in which a unit is highest, of all classes or of all but one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor

from ganwidgets.ablate.class_passes import BATCH
from ganwidgets.models.classifiers import Classifier, LinearHead
from ganwidgets.nn.images import to_uint8


@dataclass(frozen=True, eq=False)
class UnitPictures:
    """How active each unit is in each image.

    Attributes:
        layer: of the units.
        activation: of each unit in each image, averaged over the map.
    """

    layer: str
    activation: Float[np.ndarray, "image unit"] = field(repr=False)

    def top(self, unit: int, count: int, among: np.ndarray | None = None) -> list[int]:
        """Numbers of the images in which a unit is highest, highest first.

        Args:
            unit: its number.
            count: how many.
            among: whether an image may be taken, a truth value an image; None takes all.
        """
        values = self.activation[:, unit]
        order = np.argsort(-values, kind="stable")
        return order[:count].tolist() if among is None else order[among[order]][:count].tolist()

    def is_dead(self, unit: int) -> bool:
        """Whether a unit gives the same for every image."""
        values = self.activation[:, unit]
        return bool(values.max() == values.min())


def mean_activations(
    classifier: Classifier, layer: str, images: Num[Tensor, "image channel height width"], batch: int = BATCH
) -> Iterator[Float[np.ndarray, "image unit"]]:
    """The activations of one batch of images after the other, averaged over the map."""
    for part in images.split(batch):
        state = classifier.below(part, layer, grad=False)
        yield LinearHead.means(state.acts).float().cpu().numpy()


def as_pictures(
    images: Num[Tensor, "image channel height width"],
) -> Num[np.ndarray, "image height width shown"]:
    """Images as 8-bit pictures that can be drawn: uint8, with 1 or 3 channels last."""
    if images.dtype == torch.uint8:
        return images.permute(0, 2, 3, 1).cpu().numpy()
    return to_uint8(images.float().clamp(-1, 1))
