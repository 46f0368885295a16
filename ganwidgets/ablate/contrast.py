"""What tells the places that show one concept from places where it could be.

The units that agree with doors agree with walls, too, for a door stands on one. To paint a door on a wall one needs
what a door has and a bare wall has not: `concept_contrast` compares every unit's mean where the one is with its mean
where only the other is, in standard deviations of the unit. Its `value` is what to set the units to.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.ablate.cells import Target, each_presence
from ganwidgets.ablate.counts import Progress, checked_latents, concept_number, nothing
from ganwidgets.models import Generator
from ganwidgets.models.devices import precise
from ganwidgets.segment import Segmenter

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ConceptContrast:
    """What every unit of a layer is where a concept is, and where another is without it.

    Attributes:
        layer: of the units.
        concept: the one to be made.
        against: the one it is to be made on.
        value: mean of each unit where `concept` is, weighted by the share of the cell it covers.
        other: mean where `against` is, in cells that show nothing of `concept`.
        spread: standard deviation of each unit over all pictures and places.
        n: number of pictures.
    """

    layer: str
    concept: str
    against: str
    value: Float[np.ndarray, " unit"]
    other: Float[np.ndarray, " unit"]
    spread: Float[np.ndarray, " unit"]
    n: int

    @property
    def contrast(self) -> Float[np.ndarray, " unit"]:
        """(value − other) / spread; 0 for a unit that never changes."""
        return np.where(self.spread > 0, (self.value - self.other) / np.where(self.spread > 0, self.spread, 1), 0.0)

    def units(self, k: int) -> tuple[int, ...]:
        """The k units with the largest contrast in either direction, of equal ones the first."""
        return tuple(np.argsort(-np.abs(self.contrast), kind="stable")[:k].tolist())

    def to_frame(self) -> "pd.DataFrame":
        """A row per unit, largest contrast first."""
        import pandas as pd

        columns = {name: getattr(self, name) for name in ("contrast", "value", "other", "spread")}
        frame = pd.DataFrame({"unit": np.arange(len(self.value)), **columns, "n": self.n})
        return frame.sort_values("contrast", key=abs, ascending=False, kind="stable", ignore_index=True)


def concept_contrast(
    network: Generator,
    layer: str,
    concept: str,
    against: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    progress: Progress = nothing,
) -> ConceptContrast:
    """Compare what every unit is where `concept` is with what it is where `against` is alone.

    Args:
        network: the generator.
        layer: of the units.
        concept: name of what is to be made.
        against: name of what it is to be made on.
        segmenter: names the pixels.
        z: latents.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer or concepts, or one of them never occurs (`against` without the other).
    """
    here, there = Target(network, layer, concept, segmenter), Target(network, layer, against, segmenter)
    if concept_number(segmenter.concepts, concept) == concept_number(segmenter.concepts, against):
        raise ValueError(f"`against` must be another concept than {concept!r}")
    sums = torch.zeros(4, here.units, dtype=torch.float64)  # concept, against, all, all squared
    weights = torch.zeros(3, dtype=torch.float64)
    parts = zip(each_presence(here, checked_latents(z)), each_presence(there, z), strict=True)
    for (seen, acts, shown), (_, _, bare) in parts:
        acts, shown, bare = (precise(part) for part in (acts, shown, bare * (shown == 0)))
        everywhere = torch.ones_like(shown)
        for row, share in enumerate((shown, bare, everywhere)):
            sums[row] += (acts * share[:, None]).sum((0, 2, 3)).cpu()
            weights[row] += float(share.sum())
        sums[3] += acts.square().sum((0, 2, 3)).cpu()
        progress(seen / len(z))
    for name, weight in ((f"{concept!r}", weights[0]), (f"{against!r} without {concept!r}", weights[1])):
        if not weight:
            raise ValueError(f"{name} must occur in the images, but is in none of {len(z)}; draw more")
    value, other, mean = sums[:3] / weights[:, None]
    spread = (sums[3] / weights[2] - mean.square()).clamp(min=0).sqrt()
    numbers = {"value": value, "other": other, "spread": spread}
    return ConceptContrast(layer, concept, against, **{k: v.float().numpy() for k, v in numbers.items()}, n=len(z))
