"""In which order to remove units, and how much of a concept is left after each number of them.

Three orders: by agreement (`rank_by_iou`), by what each unit does alone (`rank_by_effect`), by optimised strength
(`rank_by_alpha`). `removal_curve` removes the first 1, 2, 4, … units of any number of orders, beside random orders.

Source: netdissect/fullablate.py (`at="image"`: units off everywhere, the concept counted in the whole image) and
netdissect/evalablate.py (`at="cell"`: units off in one cell that shows the concept, which is counted inside it) of
CSAILVision/gandissect, which remove the first 1 to 30 units of the order by IoU; random orders and intervals are ours.
"""

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ganwidgets.ablate.cells import Target, cell_counts
from ganwidgets.ablate.counts import (
    Progress,
    checked_latents,
    checked_region,
    checked_units,
    concept_number,
    counted_pixels,
    nothing,
    off,
    pixel_counts,
    random_orders,
    ratio_interval,
    resampled,
)
from ganwidgets.ablate.removal import RemovalCurve
from ganwidgets.models import Generator
from ganwidgets.results import Dissection
from ganwidgets.segment import Segmenter

AT = ("image", "cell")


def rank_by_iou(dissection: Dissection, concept: str, layer: str | None = None) -> tuple[int, ...]:
    """All units of a dissected layer, those that agree most with the concept first; of equal ones the first.

    Raises:
        ValueError: no such layer, or a concept the dissection did not look for.
    """
    number = concept_number(dissection.concepts, concept)
    return _descending(dissection.layer(layer).iou[:, number])


def rank_by_effect(
    effects: Float[np.ndarray, "unit concept"], concept: str | int, concepts: Sequence[str] = ()
) -> tuple[int, ...]:
    """All units, those whose ablation alone removes most of the concept first; units not measured (NaN) last.

    Args:
        effects: as `unit_effects` gives them.
        concept: name, or its place among the columns.
        concepts: names of the columns (`segmenter.concepts`), needed for a name.

    Raises:
        ValueError: no such column.
    """
    if isinstance(concept, str):
        concept = concept_number(concepts, concept)
    if not 0 <= concept < effects.shape[1]:
        raise ValueError(f"`concept` must lie in 0 to {effects.shape[1] - 1}, got {concept}")
    return _descending(np.nan_to_num(effects[:, concept], nan=-np.inf))


def rank_by_alpha(alpha: Any) -> tuple[int, ...]:
    """All units, the largest α first; of equal ones the first. Takes an `AlphaResult` or one number a unit."""
    return _descending(np.asarray(getattr(alpha, "alpha", alpha), dtype=float))


def _descending(score: np.ndarray) -> tuple[int, ...]:
    return tuple(np.argsort(-score, kind="stable").tolist())


def removal_curve(
    network: Generator,
    layer: str,
    orders: Mapping[str, Sequence[int]],
    concept: str,
    segmenter: Segmenter,
    z: Float[Tensor, "batch *latent"],
    *,
    sizes: Sequence[int] | None = None,
    n_random_sets: int = 20,
    at: str = "image",
    region: Any = None,
    measure: Any = None,
    seed: int = 0,
    progress: Progress = nothing,
) -> RemovalCurve:
    """Remove the first units of each order, and count what is left of every concept.

    Args:
        network: the generator.
        layer: of the units.
        orders: units, first to be removed first, by name of the order.
        concept: which is to be removed.
        segmenter: names the pixels.
        z: latents, one image each.
        sizes: numbers of units; None is 0, 1, 2, 4, … as far as the orders reach.
        n_random_sets: number of random orders.
        at: "image" or "cell", see the module's text; a cell costs as much as an image.
        region: where units are switched off; None is everywhere. Not with `at="cell"`, where the cell is the place.
        measure: where pixels are counted, likewise.
        seed: of the random orders and the bootstrap.
        progress: called with the share that is done, 0 to 1; what it raises stops the work.

    Raises:
        TypeError: sizes or numbers of units that are no whole numbers.
        ValueError: no such layer, unit or concept, an order without units, a size beyond an order, a region with
            `at="cell"`, a negative number of random sets, or no image contains the concept.
    """
    if at not in AT:
        raise ValueError(f"`at` must be one of {list(AT)}, got {at!r}")
    for name, place in (("region", region), ("measure", measure)):
        if at == "cell" and place is not None:
            raise ValueError(f'`{name}` must be left out with at="cell", where the cell itself is the place')
    number, units = concept_number(segmenter.concepts, concept), network.layer_info(layer).units
    orders = _checked_orders(network, layer, orders)
    sizes = _checked_sizes(sizes, min(map(len, orders.values())))
    checked, chance = checked_latents(z), random_orders(max(sizes), units, n_random_sets, seed)
    sets = [order[:size] for order in [*orders.values(), *chance] for size in sizes]
    if at == "cell":
        before, after = cell_counts(Target(network, layer, concept, segmenter), checked, sets, progress)
    else:
        where = checked_region(region, "region")
        counted = counted_pixels(measure, network.image_shape[1:])
        changes = [off(chosen, where) for chosen in sets]
        before, after = pixel_counts(network, layer, segmenter, checked, changes, measure=counted, progress=progress)
    first = before.numpy().astype(np.int64)
    if not first[:, number].any():
        raise ValueError(f"`concept` must occur in the images, but none of {len(z)} contains {concept!r}; draw more")
    left = after.view(-1, len(sizes), *before.shape)  # (order size image concept)
    share, weights = _shares(first, left), resampled(len(first), seed)
    intervals = {
        name: np.stack([ratio_interval(first - one.numpy(), first, weights) for one in part])
        for name, part in zip(orders, left, strict=False)
    }
    named = dict(zip(orders, share, strict=False))
    return RemovalCurve(
        layer,
        concept,
        tuple(segmenter.concepts),
        len(z),
        at,
        sizes,
        orders,
        first.sum(0),
        named,
        intervals,
        share[len(orders) :],
    )


def _shares(first: np.ndarray, left: Tensor) -> np.ndarray:
    """1 − after / before of totals over images, (order size concept); NaN where there was nothing."""
    totals = first.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(totals > 0, 1 - left.sum(2).numpy() / totals, np.nan)


def _checked_orders(network: Generator, layer: str, orders: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    if not orders:
        raise ValueError('`orders` must hold at least one order, such as {"IoU": rank_by_iou(dissection, "tree")}')
    return {name: checked_units(network, layer, units, f"orders[{name!r}]") for name, units in orders.items()}


def _checked_sizes(sizes: Sequence[int] | None, most: int) -> tuple[int, ...]:
    if sizes is None:
        return (0, *(2**k for k in range(most.bit_length())))
    try:
        sizes = tuple(sorted({index(size) for size in sizes}))
    except TypeError:
        raise TypeError(f"`sizes` must be a list of whole numbers, got {sizes!r}") from None
    if not sizes or min(sizes) < 0 or max(sizes) > most:
        raise ValueError(f"`sizes` must lie in 0 to {most}, the length of the shortest order, got {list(sizes)}")
    return sizes
