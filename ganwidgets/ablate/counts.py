"""Counting pixels of concepts before and after changes to a layer: what every measure of this folder rests on.

An image is generated once up to the layer; each change to the layer's activations is finished and segmented, and the
pixels of every concept are counted per image. Only counts are kept, whole numbers (change image concept), so memory
does not grow with the images themselves. Intervals come from resampling images, chance levels from `random_sets`.
The `checked_…` functions say in one sentence what does not fit.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer, Num
from torch import Tensor

from ganwidgets.models import Generator, Network, set_units, zero_units
from ganwidgets.models.edits import as_numbers, resize_region
from ganwidgets.models.latents import whole_number
from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.finite import Instead, first_bad_layer
from ganwidgets.segment import Segmenter, validate_segmentation

BATCH = 32  # images
RESAMPLES = 1000  # of the bootstrap

Progress = Callable[[float], Any]
Change = Callable[[Tensor, Tensor | None], Tensor]
"""New activations from a layer's own (batch unit height width) and, where asked for, those of other images."""


def nothing(fraction: float) -> None:
    """A progress callback that tells nobody."""


def concept_pixels(
    images: Float[Tensor, "batch rgb height width"],
    segmenter: Segmenter,
    counted: Bool[Tensor, "*batch height width"] | None = None,
) -> Integer[Tensor, "batch concept"]:
    """How many pixels each concept covers in each image, all slots together; only where `counted`, if given."""
    seg = validate_segmentation(segmenter(images), images, segmenter)
    if counted is not None:
        counted = counted.to(seg.device)
        seg = seg * (counted[:, None] if counted.ndim == 3 else counted)
    names = len(segmenter.concepts) + 1
    numbers = seg.flatten(1) + names * torch.arange(len(seg), device=seg.device)[:, None]  # (image pixel)
    return torch.bincount(numbers.flatten(), minlength=names * len(seg)).view(len(seg), names)[:, 1:]


def pixel_counts(
    network: Generator,
    layer: str,
    segmenter: Segmenter,
    z: Tensor,
    changes: Sequence[Change],
    *,
    measure: Bool[Tensor, "height width"] | None = None,
    partner: Tensor | None = None,
    progress: Progress = nothing,
) -> tuple[Integer[Tensor, "image concept"], Integer[Tensor, "change image concept"]]:
    """Pixels of every concept in the images of `z`, as they are and after each change.

    Args:
        network: the generator.
        layer: whose activations change.
        segmenter: names the pixels.
        z: latents, one image each.
        changes: what is done to the activations, one at a time.
        measure: where pixels are counted; None is everywhere.
        partner: number of the image whose activations a change gets beside the image's own.
        progress: called with the share that is done.
    """
    before = torch.zeros(len(z), len(segmenter.concepts), dtype=torch.int32)
    after = torch.zeros(len(changes), *before.shape, dtype=torch.int32)
    for start in range(0, len(z), BATCH):
        here = slice(start, min(start + BATCH, len(z)))
        state = network.below(z[here], layer)
        others = None if partner is None else network.below(z[partner[here]], layer).acts
        before[here] = concept_pixels(network.above(state), segmenter, measure)
        for number, change in enumerate(changes):
            images = finish(network, state, change(state.acts, others))
            after[number, here] = concept_pixels(images, segmenter, measure)
            progress((start + (here.stop - start) * (number + 1) / len(changes)) / len(z))
    return before, after


def finish(network: Generator, state: Any, acts: Tensor) -> Float[Tensor, "batch rgb height width"]:
    """Images for these activations; clamped here, for beyond [-1, 1] is nothing to warn of in an edited network.

    Raises:
        ValueError: NaN or infinity in the images.
    """
    return unclamped(network, state, acts).clamp(-1, 1)


def unclamped(network: Generator, state: Any, acts: Tensor) -> Float[Tensor, "batch rgb height width"]:
    """Images for these activations as the network gives them.

    Raises:
        ValueError: NaN or infinity in the images; it names the layer in which they begin.
    """
    try:
        return network.above(state, acts, clamp=False)
    except ValueError as error:
        with network.intervene(state.layer, Instead(acts.detach())):
            where = first_bad_layer(network, state.inputs)
        if where is None:
            raise
        raise ValueError(
            f"`units` of {state.layer!r} must be changed so that the images stay finite, but the activations of "
            f"{where!r} hold NaN or infinity; give a lower value or strength"
        ) from error


def off(units: Sequence[int], region: Tensor | None = None) -> Change:
    """The change that sets these units to zero."""
    edit = zero_units(units, 1.0, region)
    return lambda acts, others: edit.apply(acts)


def on(units: Sequence[int], value: float | Tensor, region: Tensor | None = None, strength: Any = 1.0) -> Change:
    """The change that sets these units to a value."""
    edit = set_units(units, value, region, strength)
    return lambda acts, others: edit.apply(acts)


def random_sets(size: int, units: int, n_random_sets: int, seed: int) -> list[tuple[int, ...]]:
    """Random sets of `size` of a layer's units, each unit at most once in a set; the same for the same seed.

    In random order, for the first of a set gets the first of several strengths.

    Raises:
        ValueError: a negative number of sets.
    """
    random, sets = np.random.RandomState(seed), checked_n_random_sets(n_random_sets)
    return [tuple(random.choice(units, size, replace=False).tolist()) for _ in range(sets)]


def random_orders(size: int, units: int, n_random_sets: int, seed: int) -> list[tuple[int, ...]]:
    """The first `size` of a layer's units in each of some random orders; the same for the same seed.

    Raises:
        ValueError: a negative number of orders.
    """
    random, orders = np.random.RandomState(seed), checked_n_random_sets(n_random_sets)
    return [tuple(random.permutation(units)[:size].tolist()) for _ in range(orders)]


def resampled(n: int, seed: int) -> Float[np.ndarray, "resample image"]:
    """Weights of a bootstrap over n images: how often each is drawn, over n."""
    return np.random.RandomState(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n


def mean_interval(
    values: Num[np.ndarray, "image *more"], weights: Float[np.ndarray, "resample image"]
) -> Float[np.ndarray, "*more 2"]:
    """95 % bootstrap interval of the mean over images; NaN of a single image, for there is nothing to vary."""
    draws = np.tensordot(weights, values, 1)
    interval = np.moveaxis(np.quantile(draws, [0.025, 0.975], axis=0), 0, -1)
    return interval if len(values) > 1 else np.full_like(interval, np.nan)


def ratio_interval(
    top: Num[np.ndarray, "image *more"],
    bottom: Num[np.ndarray, "image *more"],
    weights: Float[np.ndarray, "resample image"],
) -> Float[np.ndarray, "*more 2"]:
    """95 % bootstrap interval of sum(top) / sum(bottom) over images; NaN where the bottom is 0 in all, or in one only.

    Resamples in which the bottom is 0 are left out; with one image to draw from there is nothing to vary.
    """
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    whole = np.tensordot(weights, bottom, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = np.where(whole > 0, np.tensordot(weights, top, 1) / whole, np.nan)
    known = (bottom > 0).sum(0) > 1
    draws = np.where(known, draws, 0.0)
    low_high = np.moveaxis(np.nanquantile(draws, [0.025, 0.975], axis=0), 0, -1)
    return np.where(known[..., None], low_high, np.nan)


def concept_number(concepts: Sequence[str], concept: str) -> int:
    """Place of a concept among those of a segmenter or a dissection.

    Raises:
        ValueError: it is none of them.
    """
    names = tuple(concepts)
    if concept not in names:
        raise ValueError(f"`concept` must be one of {list(names)}, got {concept!r}.{did_you_mean(concept, names)}")
    return names.index(concept)


def checked_units(network: Network, layer: str, units: Iterable[int], name: str = "units") -> tuple[int, ...]:
    """Numbers of units of a layer, at least one.

    Raises:
        TypeError: not a list of whole numbers.
        ValueError: no such layer or unit, one named twice, or none at all.
    """
    info = network.layer_info(layer)
    edit = zero_units(units)
    edit.check(info.shape)
    if not edit.units:
        raise ValueError(f"`{name}` must hold at least one of the {info.units} units of {layer!r}, got none")
    return edit.units


def checked_n_random_sets(n: Any, least: int = 0) -> int:
    """How many random sets, as a whole number.

    Raises:
        TypeError: not a whole number.
        ValueError: fewer than `least`.
    """
    return whole_number("n_random_sets", n, least)


def checked_latents(z: Tensor, least: int = 1) -> Tensor:
    """The latents, once there are enough of them."""
    if len(z) < least:
        raise ValueError(f"`z` must hold at least {least} latent(s), got {len(z)}; network.sample_z(n) draws n")
    return z


def checked_region(region: Any, name: str) -> Float[Tensor, "height width"] | None:
    """A region (height width) in [0, 1] that covers something, or None.

    Raises:
        ValueError: of another shape, beyond [0, 1], or empty.
    """
    if region is None:
        return None
    region = as_numbers(name, region, "(height, width) in [0, 1]")
    if region.ndim != 2 or not region.numel():
        raise ValueError(f"`{name}` must be (height, width), got shape {tuple(region.shape)}")
    if not ((region >= 0) & (region <= 1)).all():
        raise ValueError(f"`{name}` must lie in [0, 1]; divide an 8-bit mask by 255")
    if not region.any():
        raise ValueError(f"`{name}` must cover something, but it is 0 everywhere; leave it out for the whole image")
    return region


def counted_pixels(measure: Any, size: tuple[int, int]) -> Bool[Tensor, "height width"] | None:
    """Pixels of an image that lie in a region, by at least half."""
    measure = checked_region(measure, "measure")
    if measure is None:
        return None
    counted = resize_region(measure, size) >= 0.5
    if not counted.any():
        raise ValueError("`measure` must cover at least half of one pixel of the image, but it covers none")
    return counted
