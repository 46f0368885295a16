"""What a generator's pictures lose when units are switched off, counted in pixels per concept.

A unit that lights up on trees need not be what draws them. To find out, generate the same latents with and without the
units, segment both, and compare how many pixels each concept covers. Only the part of the network above the layer runs
again: `below` is computed once for each batch.

`ablation_effect` measures one set of units, beside random sets of equal size, which is the chance level;
`unit_effects` measures every unit alone. `ablate`, `concept_pixels` and `compare` are their parts, for a preview.

Source: Bau, Zhu, Strobelt, Zhou, Tenenbaum, Freeman, Torralba, "GAN Dissection", ICLR 2019, section 3.2: ablation sets
a unit to zero at every location; y = (1 − strength)·x here, so strength 1 is theirs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.models import Generator, State, zero_units
from ganwidgets.segment import Segmenter, validate_segmentation

BATCH = 32  # images
RESAMPLES = 200  # of the bootstrap


@dataclass(frozen=True)
class Ablation:
    """Which units are switched off, where, and how far: 0 leaves them, 1 is off."""

    layer: str
    units: tuple[int, ...]
    strength: float = 1.0


@dataclass(frozen=True, eq=False)
class EffectResult:
    """How many pixels each concept has before and after an ablation, and what chance would do.

    Attributes:
        ablation: what was done.
        n: number of images.
        image_pixels: height · width of an image.
        concepts: names; every array below has one entry each.
        categories: of the concepts.
        before, after: pixels of the concept in all images together.
        effect: share of all pixels that the concept loses, (before − after) / (n · image_pixels); negative: it gains.
        interval: 95 % bootstrap interval of `effect` over images.
        fraction_removed: share of the concept's own pixels that go, 1 − after / before; NaN if it never occurs.
        chance: `effect` of random unit sets of equal size in the same images, a row each; no rows if not measured.
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
    chance: Float[np.ndarray, "set concept"]

    def to_frame(self) -> pd.DataFrame:
        """A row per concept; `chance_low` and `chance_high` hold the middle 90 % of the random sets."""
        low, high = np.quantile(self.chance, [0.05, 0.95], axis=0) if len(self.chance) else 2 * [np.nan * self.effect]
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
                "chance": self.chance.mean(0) if len(self.chance) else np.nan,
                "chance_low": low,
                "chance_high": high,
            }
        )


def ablation_effect(
    network: Generator,
    layer: str,
    units: Iterable[int],
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    strength: float | int = 1.0,
    chance_sets: int = 20,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> EffectResult:
    """What each concept loses when these units are switched off, beside random unit sets of equal size.

    Args:
        network: the generator.
        layer: of the units.
        units: their numbers.
        segmenter: names the pixels.
        z: latents, one image each; `network.sample_z(n, seed)` draws them.
        strength: 0 leaves the units, 1 switches them off.
        chance_sets: number of random sets; each costs as much as the measurement itself.
        seed: of the random sets and of the bootstrap.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer or unit, or a strength outside [0, 1].

    Source: GAN Dissection (2019), section 3.2; the random sets and the interval are ours.
    """
    done = Ablation(layer, tuple(units), float(strength))
    before, after = [], []
    for start in range(0, len(z), BATCH):
        state = network.below(z[start : start + BATCH], layer)
        sets = [done.units, *random_sets(len(done.units), state.acts.shape[1], chance_sets, seed)]
        before.append(concept_pixels(network.above(state), segmenter))
        counts = []
        for chosen in sets:
            counts.append(concept_pixels(ablate(network, state, chosen, done.strength), segmenter))
            progress((start + len(before[-1]) * len(counts) / len(sets)) / len(z))
        after.append(torch.stack(counts))
    first, *chance = torch.cat(after, 1)  # (set) of (image concept)
    return compare(done, torch.cat(before), first, segmenter, network.image_shape, chance=chance, seed=seed)


def unit_effects(
    network: Generator,
    layer: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    units: Iterable[int] | None = None,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> Float[np.ndarray, "unit concept"]:
    """The effect of each unit alone on each concept: the share of all pixels that the concept loses without it.

    Args:
        network: the generator.
        layer: of the units.
        segmenter: names the pixels.
        z: latents, one image each.
        units: which ones, a row each; None is all of the layer.
        progress: called with the share that is done, 0 to 1.

    Source: single-unit ablation of GAN Dissection (2019), section 4.2, over whole images.
    """
    units = None if units is None else tuple(units)
    rows = []
    for row in each_unit_effect(network, layer, segmenter, z, units):
        rows.append(row)
        progress(len(rows) / (network.layers[layer].units if units is None else len(units)))
    return np.stack(rows) if rows else np.zeros((0, len(segmenter.concepts)), np.float32)


def each_unit_effect(
    network: Generator,
    layer: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    units: Iterable[int] | None = None,
) -> Iterator[np.ndarray]:
    """`unit_effects` one unit at a time, so that it can be stopped or shown on the way."""
    states = [network.below(z[start : start + BATCH], layer) for start in range(0, len(z), BATCH)]
    before = sum(concept_pixels(network.above(state), segmenter).sum(0) for state in states)
    area = len(z) * network.image_shape[1] * network.image_shape[2]
    for unit in range(states[0].acts.shape[1]) if units is None else units:
        after = sum(concept_pixels(ablate(network, state, (unit,)), segmenter).sum(0) for state in states)
        yield ((before - after) / area).float().cpu().numpy()


def ablate(
    network: Generator, state: State, units: Iterable[int], strength: float | int = 1.0
) -> Float[Tensor, "batch rgb height width"]:
    """The images of `state` with these units of its layer switched off; only the work above the layer is done."""
    images = network.above(state, zero_units(units, strength).apply(state.acts), clamp=False)
    return images.clamp(-1, 1)  # here, because beyond [-1, 1] is nothing to warn of in an edited network


def concept_pixels(
    images: Float[Tensor, "batch rgb height width"], segmenter: Segmenter
) -> Integer[Tensor, "batch concept"]:
    """How many pixels each concept covers in each image, all slots together."""
    seg = validate_segmentation(segmenter(images), images, segmenter)
    names = len(segmenter.concepts) + 1
    numbers = seg.flatten(1) + names * torch.arange(len(seg), device=seg.device)[:, None]  # (image pixel)
    return torch.bincount(numbers.flatten(), minlength=names * len(seg)).view(len(seg), names)[:, 1:]


def compare(
    ablation: Ablation,
    before: Integer[Tensor, "batch concept"],
    after: Integer[Tensor, "batch concept"],
    segmenter: Segmenter,
    image_shape: tuple[int, int, int],
    *,
    chance: Sequence[Integer[Tensor, "batch concept"]] = (),
    seed: int = 0,
) -> EffectResult:
    """The effect from pixel counts of the same images before and after; `chance` holds those after random ablations."""
    n, area = len(before), image_shape[1] * image_shape[2]
    totals, left = before.sum(0).cpu().numpy(), after.sum(0).cpu().numpy()
    lost = (before - after).double().cpu().numpy() / area  # (image concept)
    weights = np.random.RandomState(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n  # (resample image)
    with np.errstate(invalid="ignore", divide="ignore"):
        removed = np.where(totals > 0, 1 - left / totals, np.nan)
    return EffectResult(
        ablation=ablation,
        n=n,
        image_pixels=area,
        concepts=tuple(segmenter.concepts),
        categories=tuple(segmenter.categories),
        before=totals,
        after=left,
        effect=lost.mean(0),
        interval=np.quantile(weights @ lost, [0.025, 0.975], axis=0).T,
        fraction_removed=removed,
        chance=np.array([(before - one).double().mean(0).cpu().numpy() / area for one in chance]).reshape(
            len(chance), len(totals)
        ),
    )


def random_sets(size: int, units: int, sets: int, seed: int) -> list[tuple[int, ...]]:
    """Random sets of `size` of a layer's units, each unit at most once in a set; the same for the same seed."""
    random = np.random.RandomState(seed)
    return [tuple(sorted(random.choice(units, size, replace=False).tolist())) for _ in range(sets)]
