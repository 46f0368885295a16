"""What interventions did to the pictures: pixels of every concept before and after, with an interval and chance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Integer

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Ablation:
    """Which units are switched off, and how far: 0 leaves them, 1 is off; or one strength a unit."""

    layer: str
    units: tuple[int, ...]
    strength: float | tuple[float, ...] = 1.0
    to: str = "zero"


@dataclass(frozen=True, eq=False)
class EffectResult:
    """How many pixels each concept has before and after an intervention, and what chance would do.

    Attributes:
        ablation: layer, units and strength of what was done.
        n: number of images.
        image_pixels: pixels counted in an image, height · width unless `measure` says where.
        concepts: names; every array below has one entry each.
        categories: of the concepts.
        before, after: pixels of the concept in all images together.
        effect: share of all counted pixels that the concept loses, (before − after) / (n · image_pixels), negative
            when it gains; of an insertion, what it gains.
        interval: 95 % bootstrap interval of `effect` over images; NaN of a single image.
        fraction_removed: share of the concept's own pixels that go, 1 − after / before; negative when there are more
            afterwards, NaN if the concept never occurs.
        removed_interval: 95 % bootstrap interval of it over images; NaN if fewer than two images have the concept.
        chance: `effect` of random unit sets of equal size in the same images, a row each; no rows if not measured.
        kind: "ablation" or "insertion".
        value: what an insertion set the units to, one each (or one for all); None of an ablation.
        region: where the activations were changed, (height width) in [0, 1]; None is everywhere.
        measure: where pixels were counted, (height width) of the image; None is everywhere.
    """

    ablation: Ablation
    n: int
    image_pixels: int
    concepts: tuple[str, ...]
    categories: tuple[str, ...]
    before: Integer[np.ndarray, " concept"]
    after: Integer[np.ndarray, " concept"]
    effect: Float[np.ndarray, " concept"]
    interval: Float[np.ndarray, "concept 2"]
    fraction_removed: Float[np.ndarray, " concept"]
    removed_interval: Float[np.ndarray, "concept 2"]
    chance: Float[np.ndarray, "set concept"]
    kind: str = "ablation"
    value: Float[np.ndarray, "*shape"] | None = None
    region: Float[np.ndarray, "height width"] | None = None
    measure: Float[np.ndarray, "image_height image_width"] | None = None

    @property
    def n_random_sets(self) -> int:
        """Number of random sets in `chance`."""
        return len(self.chance)

    @property
    def chance_removed(self) -> Float[np.ndarray, "set concept"]:
        """`fraction_removed` of the random sets, a row each."""
        gone = self.chance if self.kind == "ablation" else -self.chance
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.before > 0, gone * self.n * self.image_pixels / self.before, np.nan)

    def to_frame(self) -> "pd.DataFrame":
        """A row per concept; `…_low` and `…_high` of chance hold the middle 90 % of the random sets."""
        import pandas as pd

        return pd.DataFrame(
            {
                "concept": self.concepts,
                "category": self.categories,
                "before": self.before,
                "after": self.after,
                "effect": self.effect,
                "effect_low": self.interval[:, 0],
                "effect_high": self.interval[:, 1],
                "fraction_removed": self.fraction_removed,
                **chance_columns("chance", self.chance),
                "removed_low": self.removed_interval[:, 0],
                "removed_high": self.removed_interval[:, 1],
                **chance_columns("chance_removed", self.chance_removed),
                "n": self.n,
                "n_random_sets": self.n_random_sets,
            }
        )


def chance_columns(name: str, chance: Float[np.ndarray, "set concept"]) -> dict[str, Any]:
    """Mean and middle 90 % of random sets as columns of a table; NaN where there are none."""
    if not len(chance):
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    low, high = np.quantile(chance, [0.05, 0.95], axis=0)
    return {name: chance.mean(0), f"{name}_low": low, f"{name}_high": high}
