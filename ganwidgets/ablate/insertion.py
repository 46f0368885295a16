"""What a generator's pictures gain when units are set to a value, and the difference it makes to switch them off.

Ablation tells what units are needed for, insertion what they suffice for. `insertion_effect` sets units and counts what
every concept gains; `average_causal_effect` is the published difference between inserted and ablated. What to set
them to: `insertion_value` is a high quantile of every unit, `mean_where_present` what a unit is where a concept is.

Source: GAN Dissection (ICLR 2019), section 3.2. The paper inserts a constant, each unit's high
quantile; its code (netdissect/aceoptimize.py) inserts the mean where the concept is present, weighted by its share
of each cell. Both are here, and no default is taken for the reader: `value` must be given.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.ablate.cells import Target, each_presence
from ganwidgets.ablate.counts import (
    Progress,
    checked_latents,
    checked_region,
    counted_pixels,
    mean_interval,
    nothing,
    off,
    on,
    pixel_counts,
    random_sets,
    resampled,
)
from ganwidgets.ablate.effect import checked_ablation, compare
from ganwidgets.models import Generator
from ganwidgets.models.devices import precise
from ganwidgets.models.edits import as_numbers
from ganwidgets.nn.levels import insertion_value as insertion_value  # paint draws with it, too
from ganwidgets.results.effects import EffectResult, chance_columns
from ganwidgets.segment import Segmenter

if TYPE_CHECKING:
    import pandas as pd

Value = float | int | Tensor | np.ndarray


@dataclass(frozen=True, eq=False)
class CausalEffect:
    """How much more of each concept there is with units inserted than with them switched off.

    Attributes:
        ablated, inserted: the two halves, each against the images as they are.
        effect: inserted minus ablated, as a share of all counted pixels.
        interval: 95 % bootstrap interval of `effect` over images; NaN of a single image.
        chance: `effect` of random unit sets of equal size, a row each.
    """

    ablated: EffectResult
    inserted: EffectResult
    effect: Float[np.ndarray, " concept"]
    interval: Float[np.ndarray, "concept 2"]
    chance: Float[np.ndarray, "set concept"]

    @property
    def concepts(self) -> tuple[str, ...]:
        """Names; every array has one entry each."""
        return self.ablated.concepts

    @property
    def n(self) -> int:
        """Number of images."""
        return self.ablated.n

    @property
    def n_random_sets(self) -> int:
        """Number of random sets in `chance`."""
        return len(self.chance)

    def to_frame(self) -> "pd.DataFrame":
        """A row per concept; `chance_low` and `chance_high` hold the middle 90 % of the random sets."""
        import pandas as pd

        return pd.DataFrame(
            {
                "concept": self.concepts,
                "category": self.ablated.categories,
                "ablated": self.ablated.after,
                "unchanged": self.ablated.before,
                "inserted": self.inserted.after,
                "effect": self.effect,
                "effect_low": self.interval[:, 0],
                "effect_high": self.interval[:, 1],
                **chance_columns("chance", self.chance),
                "n": self.n,
                "n_random_sets": self.n_random_sets,
            }
        )


def insertion_effect(
    network: Generator,
    layer: str,
    units: Iterable[int],
    value: Value,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    strength: float | int = 1.0,
    region: Any = None,
    measure: Any = None,
    n_random_sets: int = 20,
    seed: int = 0,
    progress: Progress = nothing,
) -> EffectResult:
    """What each concept gains when these units are set to a value, beside random unit sets of equal size.

    Args:
        network, layer, units, segmenter, z: as in `ablation_effect`.
        value: what they are set to: a number; one number for every unit of the layer (as `insertion_value` gives),
            from which random sets take their own units'; or one for each of `units`, which random sets then share.
        strength: y = (1 − strength)·x + strength·value.
        region, measure: where units are set and where pixels are counted, as in `ablation_effect`.
        n_random_sets, seed, progress: as there.

    Raises:
        TypeError, ValueError: as `ablation_effect`, and values that do not fit or are not finite.

    Source: GAN Dissection (2019), section 3.2; the random sets and the interval are ours.
    """
    done, region = checked_ablation(network, layer, units, strength, "zero"), checked_region(region, "region")
    total = network.layers[layer].units
    value_of = values_of(done.units, value, total)
    counted = counted_pixels(measure, network.image_shape[1:])
    checked_latents(z)
    sets = [done.units, *random_sets(len(done.units), total, n_random_sets, seed)]
    before, after = pixel_counts(
        network,
        layer,
        segmenter,
        z,
        [on(chosen, value_of(chosen), region, done.strength) for chosen in sets],
        measure=counted,
        progress=progress,
    )
    options = {"seed": seed, "kind": "insertion", "region": region, "measure": counted}
    first, *chance = after
    return compare(
        done,
        before,
        first,
        segmenter,
        network.image_shape,
        chance=chance,
        value=torch.as_tensor(value_of(done.units)),
        **options,
    )


def average_causal_effect(
    network: Generator,
    layer: str,
    units: Iterable[int],
    value: Value,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    region: Any = None,
    measure: Any = None,
    n_random_sets: int = 20,
    seed: int = 0,
    progress: Progress = nothing,
) -> CausalEffect:
    """The average causal effect: pixels with the units inserted minus pixels with them ablated, mean over images.

    Args:
        network, layer, units, value, segmenter, z, measure, seed, progress: as in `insertion_effect`.
        region: the places P at which units are both inserted and ablated; None is everywhere.
        n_random_sets: number of random sets; each costs two measurements.

    Raises:
        TypeError, ValueError: as `insertion_effect`.

    Source: GAN Dissection (2019), section 3.2, for a set of units. The paper's expectation over places is the
        region here; `optimise_alpha` measures single cells, as its code does.
    """
    done, region = checked_ablation(network, layer, units, 1.0, "zero"), checked_region(region, "region")
    total = network.layers[layer].units
    value_of = values_of(done.units, value, total)
    counted = counted_pixels(measure, network.image_shape[1:])
    checked_latents(z)
    sets = [done.units, *random_sets(len(done.units), total, n_random_sets, seed)]
    changes = [off(chosen, region) for chosen in sets] + [on(chosen, value_of(chosen), region) for chosen in sets]
    before, after = pixel_counts(network, layer, segmenter, z, changes, measure=counted, progress=progress)
    ablated, after_insertion = after.split(len(sets))
    common = {"seed": seed, "region": region, "measure": counted}
    shape = network.image_shape
    lost = compare(done, before, ablated[0], segmenter, shape, chance=list(ablated[1:]), **common)
    common |= {"kind": "insertion", "value": torch.as_tensor(value_of(done.units))}
    chance = list(after_insertion[1:])
    gained = compare(done, before, after_insertion[0], segmenter, shape, chance=chance, **common)
    apart = (after_insertion[0] - ablated[0]).double().numpy() / gained.image_pixels  # (image concept)
    interval = mean_interval(apart, resampled(len(z), seed))
    return CausalEffect(lost, gained, lost.effect + gained.effect, interval, lost.chance + gained.chance)


def values_of(units: tuple[int, ...], value: Value, total: int) -> Callable[[tuple[int, ...]], float | Tensor]:
    """What any set as large as `units` is set to, from the value somebody gave for `units` or for the whole layer.

    Raises:
        TypeError: no numbers.
        ValueError: neither one number, nor one for each of `units` or of the layer; numbers that are not finite.
    """
    given = as_numbers("value", value, "a number, one a unit, or one for every unit of the layer").float()
    if not given.isfinite().all():
        raise ValueError("`value` must be finite, got NaN or infinity")
    if given.ndim == 0:
        return lambda chosen: float(given)
    if given.ndim == 1 and len(given) == total == len(units) and units != tuple(range(total)):
        raise ValueError(
            f"`value` has {total} numbers and `units` are all {total} of the layer in another order, so it cannot be "
            "told which number is whose; give `units` in ascending order, and one number for each"
        )
    if given.ndim == 1 and len(given) == total:
        return lambda chosen: given[list(chosen)]
    if given.ndim == 1 and len(given) != len(units):
        raise ValueError(
            f"`value` must be a number, {len(units)} numbers (one for each of `units`) or {total} (one for each unit "
            f"of the layer), got {len(given)}"
        )
    return lambda chosen: given


def mean_where_present(
    network: Generator,
    layer: str,
    concept: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    progress: Progress = nothing,
) -> Float[Tensor, " unit"]:
    """What every unit is on average where the concept is: Σ activation · presence / Σ presence.

    Presence is the share of a cell of the layer that the concept covers.

    Args:
        network: the generator.
        layer: of the units.
        concept: name.
        segmenter: names the pixels.
        z: latents.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer or concept, or no image contains the concept.

    Source: `weighted_mean_present_feature` of CSAILVision/gandissect, netdissect/aceoptimize.py.
    """
    target = Target(network, layer, concept, segmenter)
    total, weight = torch.zeros(target.units, dtype=torch.float64), 0.0
    for seen, acts, presence in each_presence(target, checked_latents(z)):
        total += precise(acts * presence[:, None]).sum((0, 2, 3)).cpu()
        weight += float(precise(presence).sum())
        progress(seen / len(z))
    if not weight:
        raise ValueError(f"`concept` must occur in the images, but none of {len(z)} contains {concept!r}; draw more")
    return (total / weight).float()
