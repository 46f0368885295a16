"""How high a unit is when it is really on: the level to which an insertion sets it.

A unit's typical value is near zero almost everywhere; what draws a tree is the value it has where there is one. A high
quantile over pictures and places is such a value and needs no segmenter. `insertion_levels` computes it exactly and
keeps only the highest values on the way.
"""

from collections.abc import Iterator
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.protocol import Network

QUANTILE = 0.995
BATCH = 32  # images


def insertion_levels(
    network: Network, layer: str, z: Float[Tensor, "batch *latent"], *, quantile: float = QUANTILE
) -> Float[Tensor, " unit"]:
    """Activation below which each unit stays in `quantile` of all places of all pictures.

    Args:
        network: whose units.
        layer: with maps.
        z: latents, one picture each.
        quantile: between 0 and 1.

    Raises:
        ValueError: no such layer, or a quantile outside (0, 1).

    Source: GAN Dissection (2019) sets units to "a constant c, a high quantile"; the 0.995 is that of Bau et al.,
    "Understanding the role of individual units in a deep neural network" (2020).
    """
    *_, levels = each_level(network, layer, z, quantile=quantile)
    return levels


def each_level(
    network: Network, layer: str, z: Float[Tensor, "batch *latent"], *, quantile: float = QUANTILE
) -> Iterator[Float[Tensor, " unit"] | None]:
    """`insertion_levels` batch by batch: None after every batch, and the levels at last."""
    if not 0 < quantile < 1:
        raise ValueError(f"`quantile` must lie between 0 and 1, e.g. {QUANTILE}, got {quantile}")
    if len(z) == 0:
        raise ValueError("`z` must hold at least one latent, got none")
    places = network.layer_info(layer).resolution
    total = len(z) * int(torch.Size(places).numel())
    place = quantile * (total - 1)  # among the sorted values, as numpy and torch count
    keep = total - ceil(place) + 1
    highest = torch.empty(network.layers[layer].units, 0)
    for start in range(0, len(z), BATCH):
        acts = network.acts(z[start : start + BATCH], layer, grad=False).float()
        values = torch.cat([highest.to(acts), acts.transpose(0, 1).flatten(1)], 1)
        highest = values.topk(min(keep, values.shape[1]), dim=1).values  # descending
        yield None
    upper = total - 1 - ceil(place)  # from the top
    lower = min(upper + 1, total - 1)
    share = ceil(place) - place
    yield highest[:, upper] * (1 - share) + highest[:, min(lower, highest.shape[1] - 1)] * share
