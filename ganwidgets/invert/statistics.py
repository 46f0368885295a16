"""How latents and activations vary over a network's own pictures: what rates, penalties and editability go by."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.sample import OwnSample, batch_size, own_sample
from ganwidgets.invert.search_state import Scales
from ganwidgets.models.generator import Generator
from ganwidgets.nn.shrinkage import shrinkage
from ganwidgets.results.inversion import Editability

N_ACTS = 256
"""Pictures whose activations are looked at, unless more are asked for."""

MOST_NUMBERS = 2**25
"""Of activations that are kept of one layer."""

KEPT = 2
"""Layers whose activations, and what was learned from them, are kept: each may take hundreds of megabytes."""

_memory: "weakref.WeakKeyDictionary[OwnSample, dict]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class _Shape:
    """Of a cloud: columns are scaled; variances along directions, one for all others, and how many directions count."""

    mean: Tensor
    scale: Tensor
    directions: Tensor
    values: Tensor
    rest: float
    count: int


@dataclass(frozen=True, eq=False)
class Cloud:
    """Where rows of numbers lie: their mean, the directions in which they vary, and how far out each of them is.

    A row that was measured with is nearer than a new one. So one half of the rows says where the cloud lies, and new
    ones are compared with the other half. Columns are measured in standard deviations, and their covariance is shrunk:
    few rows know its smallest directions badly.

    Args:
        rows: (n column), at least 4.
    """

    rows: Float[Tensor, "row column"]

    @cached_property
    def _parts(self) -> "_Shape":
        x = self.rows[: len(self.rows) // 2].double()
        spread, mean = torch.std_mean(x, 0)
        varies = spread > 1e-9 * x.abs().max()
        scale = torch.where(varies, 1 / spread, torch.zeros_like(spread))
        if not varies.any():
            return _Shape(mean, scale, x.new_zeros(len(mean), 0), x.new_zeros(0), 0.0, 0)
        x, n_columns = (x - mean) * scale, int(varies.sum())
        amount, level = shrinkage(x[:, varies].numpy())
        # Beyond the directions that the rows span, all variances are alike: no matrix of all columns is needed.
        _, lengths, directions = torch.linalg.svd(x, full_matrices=False)
        values, rest = (1 - amount) * lengths.square() / len(x) + amount * level, amount * level
        kept = values > 1e-9
        count = n_columns if rest > 1e-9 else int(kept.sum())
        return _Shape(mean, scale, directions[kept].T, values[kept], rest if rest > 1e-9 else 0.0, count)

    def distance(self, rows: Float[Tensor, "row column"]) -> Float[Tensor, " row"]:
        """Mahalanobis distance over the root of the number of directions: about 1 for rows like the cloud's."""
        shape = self._parts
        x = (rows.double() - shape.mean) * shape.scale
        along = x @ shape.directions
        squares = (along.square() / shape.values).sum(1)
        if shape.rest:
            squares = squares + (x.square().sum(1) - along.square().sum(1)).clamp(min=0) / shape.rest
        return (squares / max(1, shape.count)).sqrt()

    @cached_property
    def own(self) -> Float[Tensor, " row"]:
        """Distances of the rows to compare with."""
        return self.distance(self.rows[len(self.rows) // 2 :])

    def farther(self, distance: float) -> float:
        """Share of these that lie farther out."""
        return float((self.own > distance).double().mean())


def scales(network: Generator, space: str, layers: Sequence[str]) -> Scales:
    """Means and standard deviations of latents and of units."""
    sample = own_sample(network)
    latents = sample.latents(space)
    deviation, mean = torch.std_mean(latents, 0)
    deviation = deviation.clamp(min=float(deviation.mean()) * 1e-3 or 1.0)
    return Scales(mean, deviation, {layer: _spread(network, sample, layer) for layer in layers})


def _spread(network: Generator, sample: OwnSample, layer: str) -> Tensor:
    """Standard deviation of each unit, (unit 1 1); few numbers, so they are kept of every layer."""
    kept = remembered(sample)
    if ("spread", layer) not in kept:
        acts = sample_acts(network, sample, layer)
        spread = acts.transpose(0, 1).flatten(1).std(1)
        spread = spread.clamp(min=float(spread.mean()) * 1e-2 or 1e-6)
        kept["spread", layer] = spread.reshape(-1, *[1] * (acts.ndim - 2)).to(network.device)
    return kept["spread", layer]


def clouds(network: Generator, space: str, layer: str) -> tuple[Cloud, Cloud | None]:
    """Sampled latents, and sampled activations of a layer (means over the map)."""
    sample = own_sample(network)
    kept = lately(sample, "layer", layer)
    if ("cloud", space) not in kept:
        latents = Cloud(sample.latents("z" if space == "z" else "w").flatten(1).cpu())
        acts = sample_acts(network, sample, layer, len(sample.z)).cpu()
        kept["cloud", space] = latents, Cloud(acts.flatten(2).mean(2)) if acts.ndim > 2 else None
    return kept["cloud", space]


def editability(network: Generator, space: str, layer: str, latent: Tensor, acts: Tensor | None) -> Editability:
    """Whether a latent (batch of one) and activations lie where the network's own do; of ws, the farthest w counts."""
    latents, maps = clouds(network, space, layer)
    rows = latent[0] if space == "ws" else latent.flatten(1)
    away = float(latents.distance(rows.cpu()).max())
    if maps is None or acts is None:
        return Editability(away, latents.farther(away), None, None, len(latents.own))
    out = float(maps.distance(acts.flatten(2).mean(2).cpu()).max())
    return Editability(away, latents.farther(away), out, maps.farther(out), min(len(latents.own), len(maps.own)))


@torch.no_grad()
def sample_acts(network: Generator, sample: OwnSample, layer: str, n: int = N_ACTS) -> Tensor:
    """Activations of a layer for the first `n` pictures of the sample, or as many as fit; kept as `lately` says."""
    n = max(8, min(n, len(sample.z), MOST_NUMBERS // prod(network.layer_info(layer).shape)))
    kept = lately(sample, "layer", layer)
    if "acts" not in kept or len(kept["acts"]) < n:
        latents = sample.z[:n].split(batch_size(network))
        kept["acts"] = torch.cat([network.acts(part, layer, grad=False).float() for part in latents])
    return kept["acts"][:n]


def remembered(sample: OwnSample) -> dict:
    """What was computed of a sample; it lives as long as the sample."""
    return _memory.setdefault(sample, {})


def lately(sample: OwnSample, kind: str, which: str | int) -> dict:
    """What was computed of a sample for one of a kind, such as a layer; of each kind only the last ones are kept."""
    kept = remembered(sample).setdefault(kind, {})
    found = kept[which] = kept.pop(which, {})  # now it is the last
    for old in list(kept)[:-KEPT]:
        kept.pop(old, None)
    return found
