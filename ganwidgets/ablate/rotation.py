"""Are units special, or would any direction do? Rotate a layer's basis, switch off the rotated axes, compare.

If importance is spread over directions at random, a rotated axis matters as much as a unit. `rotation_comparison`
switches off the axes of Q^α, from the units themselves (α = 0) to a random basis (α = 1). The rotation is undone before
the next layer, so with nothing switched off the network is the same.

Sources: the rotation and its powers as in Bau, Zhou, Khosla, Oliva, Torralba, "Network Dissection", CVPR 2017; used on
ablation by Zhou, Sun, Bau, Torralba 2018. Their reordering of rows ("unpermute") only names axes and is left out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from jaxtyping import Float, Num
from torch import Tensor, as_tensor, float32

from ganwidgets.ablate.class_passes import BATCH, checked_data
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.classes import class_ablation_steps, compare_networks
from ganwidgets.models.classifiers import Classifier
from ganwidgets.models.edits import Edit
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.rotations import random_rotation as random_rotation
from ganwidgets.nn.rotations import rotation_power as rotation_power


@dataclass(frozen=True, eq=False)
class RemoveDirection(Edit):
    """y = x − d (d·x) at every location: nothing of the activations is left along the unit vector d."""

    direction: Float[Tensor, " unit"]
    same_everywhere: ClassVar[bool] = True

    def check(self, shape: tuple[int, ...]) -> None:
        if shape[0] != len(self.direction):
            raise ValueError(f"`direction` must have {shape[0]} entries, one a unit, got {len(self.direction)}")

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        direction = self.direction.to(acts)
        along = (acts.movedim(1, -1) @ direction).unsqueeze(1)  # (batch 1 *location)
        return acts - along * direction.view(1, -1, *[1] * (acts.ndim - 2))


def rotation_comparison(
    classifier: Classifier,
    layer: str,
    images: Num[Tensor, "image channel height width"],
    labels: Any = None,
    *,
    alphas: Iterable[float | int] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    axes: int | None = None,
    batch: int = BATCH,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> pd.DataFrame:
    """How much single axes matter as the basis turns from the units to a random one.

    Args:
        classifier: the network.
        layer: whose units are rotated, at each location of a map alike.
        images: in [-1, 1], or uint8.
        labels: as in `class_ablation`.
        alphas: shares of the rotation.
        axes: how many axes are switched off, drawn at random and the same for each α; None is all of them.
        batch: images at once.
        seed: of the rotation and of the axes.
        progress: called with the share that is done, 0 to 1.

    Returns:
        `compare_networks` with a row per `alpha`; intervals are over axes.

    Raises:
        TypeError, ValueError: no such layer, no α, no axis, or data that do not fit.
    """
    units, alphas = classifier.layer_info(layer).units, tuple(alphas)
    labels = checked_data(classifier, images, labels, batch)
    if not alphas:
        raise ValueError("`alphas` must hold at least one share of the rotation, got none")
    axes = units if axes is None else whole_number("axes", axes, 1)
    rotation = random_rotation(units, seed)
    chosen = np.random.RandomState(seed).permutation(units)[:axes]
    found: dict[str, ClassAblation] = {}
    steps = len(alphas) * -(-len(images) // batch) * (len(chosen) + 1)
    done = count(1)
    for alpha in alphas:
        basis = as_tensor(rotation_power(rotation, alpha), dtype=float32)
        edits = [RemoveDirection(basis[axis]) for axis in chosen]
        run = class_ablation_steps(
            classifier, layer, images, labels, edits, tuple(chosen.tolist()), batch=batch, seed=seed
        )
        for step in run:
            found[str(alpha)] = step  # the last one is of all images
            progress(next(done) / steps)
    return (
        compare_networks(found, seed=seed)
        .rename(columns={"network": "alpha", "n_units": "n_axes"})
        .assign(alpha=alphas)
    )
