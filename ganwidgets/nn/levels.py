"""How high a unit is when it is really on: the value to which an insertion, or a stroke, sets it.

A unit's typical value is near zero almost everywhere; what draws a tree is the value it has where there is one. A high
quantile over pictures and places is such a value and needs no segmenter. `insertion_value` computes it exactly, and
`each_insertion_value` does it batch by batch; both ablation and painting use them, so there is one definition.
"""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models import Network

QUANTILE = 0.995
BATCH = 32  # images


def insertion_value(
    network: Network,
    layer: str,
    z: Float[Tensor, "batch *latent"],
    *,
    quantile: float = QUANTILE,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> Float[Tensor, " unit"]:
    """A high quantile of every unit of a layer, over all places in these images: a value at which it is clearly on.

    It is exact: position quantile·N − 1/2 among the N sorted values, counted from 0 and interpolated (Hazen's
    definition, as in dissection). Only the values beyond it are kept on the way, (1 − quantile)·N of them.

    Args:
        network: the generator.
        layer: of the units.
        z: latents; a few hundred suffice.
        quantile: 0.995 is what the door insertion of Bau et al. (PNAS 2020) uses; GANPaint draws with 0.99.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer, no latents, or a quantile outside (0, 1).

    Source: GAN Dissection (2019) sets units to "a constant c, a high quantile".
    """
    for batches, value in enumerate(each_insertion_value(network, layer, z, quantile=quantile), 1):
        if value is None:
            progress(min(1.0, batches * BATCH / len(z)))
    return value


def each_insertion_value(
    network: Network, layer: str, z: Float[Tensor, "batch *latent"], *, quantile: float = QUANTILE
) -> Iterator[Float[Tensor, " unit"] | None]:
    """`insertion_value` batch by batch: None after every batch, and the values at last."""
    if not 0 < quantile < 1:
        raise ValueError(f"`quantile` must lie between 0 and 1, e.g. {QUANTILE}, got {quantile}")
    info = network.layer_info(layer)
    if len(z) == 0:
        raise ValueError("`z` must hold at least 1 latent(s), got 0; network.sample_z(n) draws n")
    total = len(z) * torch.Size(info.resolution).numel()
    place = min(max(quantile * total - 0.5, 0.0), total - 1.0)
    sign = 1 if quantile >= 0.5 else -1  # of a low quantile, the lowest values are kept
    highest = HighQuantile(total, place if sign > 0 else total - 1 - place)
    for start in range(0, len(z), BATCH):
        acts = network.acts(z[start : start + BATCH], layer, grad=False).float()
        highest.add(sign * acts.transpose(0, 1).flatten(1))
        yield None
    yield sign * highest.value().cpu()


class HighQuantile:
    """The value at a high place among very many sorted ones, exactly, of which only the highest are kept.

    Args:
        total: how many values will be added for each unit.
        place: from 0 for the lowest to total − 1 for the highest; the higher, the less is kept. Between two whole
            numbers the value is interpolated.
    """

    def __init__(self, total: int, place: float | int) -> None:
        self.total, self.place = total, min(max(place, 0.0), total - 1.0)
        self.keep = total - ceil(self.place) + 1
        self.highest: Tensor | None = None

    def add(self, values: Float[Tensor, "unit value"]) -> None:
        """Take in further values."""
        if self.highest is not None:
            values = torch.cat([self.highest.to(values), values], 1)
        self.highest = values.topk(min(self.keep, values.shape[1]), dim=1).values  # descending

    def value(self) -> Float[Tensor, " unit"]:
        """The value at the place; all values must have been added."""
        upper = self.total - 1 - ceil(self.place)  # from the top
        lower = min(upper + 1, self.highest.shape[1] - 1)
        share = ceil(self.place) - self.place
        return self.highest[:, upper] * (1 - share) + self.highest[:, lower] * share
