"""What a generator's pictures lose when units are switched off, counted in pixels per concept.

A unit that lights up on trees need not be what draws them. To find out, generate the same latents with and without the
units, segment both, and compare how many pixels each concept covers. Only the part of the network above the layer runs
again: `below` is computed once for each batch.

`ablation_effect` measures one set of units, beside random sets of equal size, which is the chance level;
`unit_effects` measures every unit alone. `ablate`, `concept_pixels` and `compare` are their parts, for a preview.

Source: Bau, Zhu, Strobelt, Zhou, Tenenbaum, Freeman, Torralba, "GAN Dissection", ICLR 2019, section 3.2: ablation sets
a unit to zero at every location; y = (1 − strength)·x here, so strength 1 is theirs.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.ablate import counts
from ganwidgets.ablate.counts import (
    Change,
    Progress,
    checked_latents,
    checked_region,
    checked_units,
    concept_pixels,
    counted_pixels,
    finish,
    mean_interval,
    nothing,
    pixel_counts,
    random_sets,
    ratio_interval,
    resampled,
)
from ganwidgets.models import Generator, State, set_units, zero_units
from ganwidgets.models.devices import precise
from ganwidgets.models.edits import as_numbers
from ganwidgets.results.effects import Ablation, EffectResult
from ganwidgets.segment import Segmenter

TO = ("zero", "mean", "resample")
"""What an ablated unit becomes: 0, its mean over images and places, or what it is in another image."""

KEPT_BYTES = 2**28  # of activations, while units are ablated one by one

Strength = float | int | Sequence[float] | Tensor


def ablation_effect(
    network: Generator,
    layer: str,
    units: Iterable[int],
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    strength: Strength = 1.0,
    to: str = "zero",
    region: Any = None,
    measure: Any = None,
    n_random_sets: int = 20,
    seed: int = 0,
    progress: Progress = nothing,
) -> EffectResult:
    """What each concept loses when these units are switched off, beside random unit sets of equal size.

    Args:
        network: the generator.
        layer: of the units.
        units: their numbers.
        segmenter: names the pixels.
        z: latents, one image each; `network.sample_z(n, seed)` draws them.
        strength: 0 leaves the units, 1 switches them off; or one number a unit, such as an optimised α. Random sets
            get the same strengths.
        to: "zero" as published; "mean" sets a unit to its mean over the images of `z` and all places, "resample" to
            its map in another of these images, so that the activations stay ones that occur.
        region: where units are switched off, (height width) in [0, 1] of any size; None is everywhere.
        measure: where pixels are counted, likewise; a pixel counts if at least half of it lies inside.
        n_random_sets: number of random sets; each costs as much as the measurement itself.
        seed: of the random sets, of the bootstrap, and of who gets whose activations.
        progress: called with the share that is done, 0 to 1; what it raises stops the measurement.

    Raises:
        TypeError: no numbers where numbers are needed.
        ValueError: no such layer or unit, or no unit at all; a strength outside [0, 1], an empty region, no latents, a
            negative number of random sets, or images that are not finite (it names the layer).

    Source: GAN Dissection (2019), section 3.2; mean, resampling, random sets and interval are not in it.
    """
    region, done = checked_region(region, "region"), checked_ablation(network, layer, units, strength, to)
    checked_latents(z, 2 if to == "resample" else 1)
    means = unit_means(network, layer, z, progress) if to == "mean" else None
    sets = [done.units, *random_sets(len(done.units), network.layers[layer].units, n_random_sets, seed)]
    before, after = pixel_counts(
        network,
        layer,
        segmenter,
        z,
        [switched_off(chosen, done, region, means) for chosen in sets],
        measure=counted_pixels(measure, network.image_shape[1:]),
        partner=other_images(len(z), seed) if to == "resample" else None,
        progress=progress,
    )
    first, *chance = after
    return compare(
        done,
        before,
        first,
        segmenter,
        network.image_shape,
        chance=chance,
        seed=seed,
        region=region,
        measure=counted_pixels(measure, network.image_shape[1:]),
    )


def checked_ablation(network: Generator, layer: str, units: Iterable[int], strength: Strength, to: str) -> Ablation:
    """What is to be done, once it is known to fit the layer.

    Raises:
        TypeError: units or a strength that are no numbers.
        ValueError: no such layer or unit, no unit at all, a strength outside [0, 1], or an unknown way to ablate.
    """
    if to not in TO:
        raise ValueError(f"`to` must be one of {list(TO)}, got {to!r}")
    units = checked_units(network, layer, units)
    if not isinstance(strength, int | float):
        strength = as_numbers("strength", strength, "a number in [0, 1], or one a unit").float()
    zero_units(units, strength)  # checks it
    plain = float(strength) if isinstance(strength, int | float) else tuple(strength.expand(len(units)).tolist())
    return Ablation(layer, units, plain, to)


def switched_off(units: tuple[int, ...], done: Ablation, region: Tensor | None, means: Tensor | None) -> Change:
    """The change that ablates these units as `done` says, though perhaps others than its own."""
    strength = done.strength if isinstance(done.strength, float) else torch.tensor(done.strength)
    edit = zero_units(units, strength, region)
    if done.to == "mean":
        edit = set_units(units, means[list(units)], region, strength)
    if done.to != "resample":
        return lambda acts, others: edit.apply(acts)
    return lambda acts, others: edit.apply(acts) + (others - edit.apply(others))  # x·(1 − a) + other·a, where a > 0


def other_images(n: int, seed: int) -> Integer[Tensor, " image"]:
    """For each of n images another one, at random, each chosen once."""
    ring = torch.from_numpy(np.random.RandomState(seed).permutation(n))
    partner = torch.empty_like(ring)
    partner[ring] = ring.roll(1)
    return partner


@torch.no_grad()
def unit_means(
    network: Generator, layer: str, z: Float[Tensor, "batch *latent"], progress: Progress = nothing
) -> Float[Tensor, " unit"]:
    """Mean activation of every unit of a layer over all places in these images."""
    total = torch.zeros(network.layer_info(layer).units, dtype=torch.float64)
    for part in z.split(counts.BATCH):
        acts = network.acts(part, layer)
        total += precise(acts.flatten(2)).mean(2).sum(0).cpu() if acts.ndim > 2 else precise(acts).sum(0).cpu()
        progress(0.0)
    return (total / len(z)).float()


def unit_effects(
    network: Generator,
    layer: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    units: Iterable[int] | None = None,
    progress: Progress = nothing,
) -> Float[np.ndarray, "unit concept"]:
    """The effect of each unit alone on each concept: the share of all pixels that the concept loses without it.

    Args:
        network: the generator.
        layer: of the units.
        segmenter: names the pixels.
        z: latents, one image each.
        units: which ones, a row each; None is all of the layer.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer or unit, or no unit or latent at all.

    Source: single-unit ablation of GAN Dissection (2019), section 4.2, over whole images.
    """
    rows, units = [], checked_units(network, layer, range(network.layer_info(layer).units) if units is None else units)
    for row in each_unit_effect(network, layer, segmenter, z, units):
        rows.append(row)
        progress(len(rows) / len(units))
    return np.stack(rows)


def each_unit_effect(
    network: Generator,
    layer: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    units: Iterable[int] | None = None,
) -> Iterator[np.ndarray]:
    """`unit_effects` one unit at a time, so that it can be stopped or shown on the way.

    What lies below the layer is computed once, or for every unit again if it would take more than `KEPT_BYTES`.
    """
    info = network.layer_info(layer)

    def states() -> Iterator[State]:
        return (network.below(part, layer) for part in checked_latents(z).split(counts.BATCH))

    kept = list(states()) if 4 * len(z) * math.prod(info.shape) <= KEPT_BYTES else None
    before = sum(concept_pixels(network.above(state), segmenter).sum(0) for state in kept or states())
    area = len(z) * network.image_shape[1] * network.image_shape[2]
    for unit in range(info.units) if units is None else units:
        after = sum(concept_pixels(ablate(network, state, (unit,)), segmenter).sum(0) for state in kept or states())
        yield ((before - after) / area).float().cpu().numpy()


def ablate(
    network: Generator, state: State, units: Iterable[int], strength: float | int = 1.0
) -> Float[Tensor, "batch rgb height width"]:
    """The images of `state` with these units of its layer switched off; only the work above the layer is done."""
    return finish(network, state, zero_units(units, strength).apply(state.acts))


def compare(
    ablation: Ablation,
    before: Integer[Tensor, "batch concept"],
    after: Integer[Tensor, "batch concept"],
    segmenter: Segmenter,
    image_shape: tuple[int, int, int],
    *,
    chance: Sequence[Integer[Tensor, "batch concept"]] = (),
    seed: int = 0,
    kind: str = "ablation",
    value: Tensor | None = None,
    region: Tensor | None = None,
    measure: Tensor | None = None,
) -> EffectResult:
    """The effect from pixel counts of the same images before and after; `chance` holds those after random sets."""
    area = image_shape[1] * image_shape[2] if measure is None else int(measure.sum())
    sign = 1 if kind == "ablation" else -1
    first, last = before.cpu().numpy().astype(np.int64), after.cpu().numpy().astype(np.int64)
    totals, left, weights = first.sum(0), last.sum(0), resampled(len(first), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        removed = np.where(totals > 0, 1 - left / totals, np.nan)
    others = np.array([(before - one).double().mean(0).cpu().numpy() for one in chance])
    return EffectResult(
        ablation=ablation,
        n=len(first),
        image_pixels=area,
        concepts=tuple(segmenter.concepts),
        categories=tuple(segmenter.categories),
        before=totals,
        after=left,
        effect=sign * (first - last).mean(0) / area,
        interval=mean_interval(sign * (first - last) / area, weights),
        fraction_removed=removed,
        removed_interval=ratio_interval(first - last, first, weights),
        chance=sign * others.reshape(len(chance), len(totals)) / area,
        kind=kind,
        value=_array(value),
        region=_array(region),
        measure=_array(measure),
    )


def _array(given: Tensor | None) -> np.ndarray | None:
    return None if given is None else given.detach().float().cpu().numpy()
