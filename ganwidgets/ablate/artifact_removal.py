"""Do the pictures get closer to the data when artifact units are switched off?

`removal_effect` makes the same latents with and without the first 1, 2, 4, … units of an order and compares the Fréchet
distance to the data, beside random units in equal numbers. The distance itself depends on the number of pictures (fewer
look farther away), its change hardly does: only distances of equally many pictures are compared, and an interval is
given for the change. `most_active_latents` picks latents in which the units matter, as the originals did.

Source: Bau et al., "GAN Dissection", ICLR 2019, section 4.3: 20 units set to zero everywhere. The interval is a
delete-a-group jackknife (Kott 2001) over groups of pictures, generated and real: a bootstrap would repeat pictures,
and a set with repeated pictures looks farther from the data than it is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from scipy.special import stdtrit
from torch import Tensor

from ganwidgets.ablate.artifacts import peaks
from ganwidgets.ablate.counts import checked_units, random_orders
from ganwidgets.ablate.effect import ablate
from ganwidgets.models import Generator
from ganwidgets.nn.features import BATCH, Features, RandomFeatures, Reference, data_rows, feature_rows
from ganwidgets.nn.frechet import FrechetDistance, gaussian_distance
from ganwidgets.results.effects import chance_columns

GROUPS = 20  # of pictures, for the interval


@dataclass(frozen=True, eq=False)
class RemovalEffect:
    """How the Fréchet distance to the data changes when the first units of an order are switched off.

    Distances are in the data's standard deviations, squared, and fall with the number of pictures: compare them only
    within one result.

    Attributes:
        layer: of the units.
        units: in the order of removal.
        sizes: how many of them are removed.
        n, n_real: number of generated pictures and of pictures of the data.
        before: distance of the unedited pictures.
        after: distance for each size.
        closer: before − after: positive where removal brings the pictures closer to the data.
        interval: 95 % interval of `closer`, over pictures of both kinds.
        random: `closer` for random units in the same numbers, a row for each random order.
    """

    layer: str
    units: tuple[int, ...]
    sizes: tuple[int, ...]
    n: int
    n_real: int
    before: float
    after: Float[np.ndarray, " size"]
    closer: Float[np.ndarray, " size"]
    interval: Float[np.ndarray, "size 2"]
    random: Float[np.ndarray, "order size"]

    @property
    def n_random_sets(self) -> int:
        """Number of random orders."""
        return len(self.random)

    def to_frame(self) -> pd.DataFrame:
        """A row per size; `chance_low` and `chance_high` hold the middle 90 % of the random orders."""
        return pd.DataFrame(
            {
                "size": self.sizes,
                "before": self.before,
                "after": self.after,
                "closer": self.closer,
                "closer_low": self.interval[:, 0],
                "closer_high": self.interval[:, 1],
                **chance_columns("chance", self.random),
                "n": self.n,
                "n_real": self.n_real,
                "n_random_sets": self.n_random_sets,
            }
        )


def removal_effect(
    network: Generator,
    layer: str,
    units: Sequence[int],
    z: Float[Tensor, "batch *latent"],
    *,
    real: Float[Tensor, "image channel height width"] | Iterable[Tensor],
    features: Features | None = None,
    sizes: Sequence[int] | None = None,
    n_random_sets: int = 20,
    seed: int = 0,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> RemovalEffect:
    """The Fréchet distance to the data before and after units are switched off, beside random units.

    Pictures are made in batches and forgotten; memory grows with columns² of the features, not with `z`.

    Args:
        network: the generator.
        layer: of the units.
        units: in the order of removal, e.g. `found.ranking()[:20]`.
        z: latents, one picture each; others than those the units were found with, or the result flatters them.
        real: pictures of the data in [-1, 1]: a tensor, or batches of them, read once.
        features: turns images into rows or maps (see `nn/features.py`); None is `RandomFeatures`.
        sizes: how many units to remove; None is 1, 2, 4, … and all.
        n_random_sets: number of random orders of the layer's units; each costs as much as the measurement itself.
        seed: of the random orders.
        progress: called with the share that is done, 0 to 1.

    Raises:
        TypeError: units that are no whole numbers.
        ValueError: no such layer or unit, a unit twice or none, sizes beyond their number, too few pictures, a negative
            number of random sets.
    """
    units = checked_units(network, layer, units)
    sizes, info = _sizes(units, sizes), network.layer_info(layer)
    if len(z) < 2 * GROUPS:
        raise ValueError(f"`z` must hold at least {2 * GROUPS} latents, got {len(z)}")
    orders = [units, *random_orders(info.units, info.units, n_random_sets, seed)]
    features = RandomFeatures(network.image_shape[0]) if features is None else features
    real_rows = data_rows(features, real, network.image_shape, network.device, lambda done: progress(0.05 * done))
    if len(real_rows) < 2 * GROUPS:
        raise ValueError(f"`real` must hold at least {2 * GROUPS} images, got {len(real_rows)}")
    reference = Reference(real_rows)
    cases = [(), *(order[:size] for order in orders for size in sizes)]
    moments = [_Moments(real_rows.shape[1], GROUPS if case <= len(sizes) else 1) for case in range(len(cases))]
    for start in range(0, len(z), BATCH):
        state = network.below(z[start : start + BATCH], layer)
        for number, (case, seen) in enumerate(zip(cases, moments, strict=True), 1):
            seen.add(reference.scaled(feature_rows(features, ablate(network, state, case))), start)
            progress(0.05 + 0.95 * (start + len(state.acts) * number / len(cases)) / len(z))
    data = _Moments(real_rows.shape[1], GROUPS)
    data.add(reference.scaled(real_rows), 0)
    return _compare(layer, units, sizes, data, moments)


def _sizes(units: Sequence[int], sizes: Sequence[int] | None) -> tuple[int, ...]:
    if sizes is None:
        sizes = sorted({*(2**power for power in range(len(units).bit_length())), len(units)} - {0})
    if not len(sizes) or not all(1 <= size <= len(units) for size in sizes):
        raise ValueError(f"`sizes` must be numbers of units from 1 to {len(units)}, got {list(sizes)}")
    return tuple(int(size) for size in sizes)


class _Moments:
    """Sums from which mean and covariance follow, for groups of pictures: picture i belongs to group i mod groups."""

    def __init__(self, columns: int, groups: int) -> None:
        self.groups = groups
        self.n = np.zeros(groups)
        self.total = np.zeros((groups, columns))
        self.product = np.zeros((groups, columns, columns))

    def add(self, rows: Float[np.ndarray, "image column"], start: int) -> None:
        """Take in pictures `start`, `start` + 1, …"""
        group = np.arange(start, start + len(rows)) % self.groups
        for one in np.unique(group):
            part = rows[group == one]
            self.n[one] += len(part)
            self.total[one] += part.sum(0)
            self.product[one] += part.T @ part

    def without(self, group: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of all groups but one."""
        left = np.arange(self.groups) != (-1 if group is None else group)
        n = self.n[left].sum()
        mean = self.total[left].sum(0) / n
        return mean, (self.product[left].sum(0) - n * np.outer(mean, mean)) / (n - 1)


def _distance(seen: _Moments, data: _Moments, group: int | None = None) -> float:
    found: FrechetDistance = gaussian_distance(*seen.without(group), *data.without(group))
    return found.distance


def _compare(
    layer: str, units: tuple[int, ...], sizes: tuple[int, ...], data: _Moments, moments: list[_Moments]
) -> RemovalEffect:
    first, cases, random = moments[0], moments[1 : 1 + len(sizes)], moments[1 + len(sizes) :]
    before, after = _distance(first, data), np.array([_distance(case, data) for case in cases])
    left_out = np.array(
        [[_distance(first, data, g) - _distance(case, data, g) for case in cases] for g in range(GROUPS)]
    )
    error = np.sqrt((GROUPS - 1) / GROUPS * np.square(left_out - left_out.mean(0)).sum(0))
    half = stdtrit(GROUPS - 1, 0.975) * error
    return RemovalEffect(
        layer=layer,
        units=units,
        sizes=sizes,
        n=int(first.n.sum()),
        n_real=int(data.n.sum()),
        before=before,
        after=after,
        closer=before - after,
        interval=np.stack([before - after - half, before - after + half], 1),
        random=np.array([before - _distance(case, data) for case in random]).reshape(-1, len(sizes)),
    )


def most_active_latents(
    network: Generator,
    layer: str,
    units: Sequence[int],
    *,
    n: int = 500,
    among: int = 5000,
    seed: int = 2,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> Float[Tensor, "batch *latent"]:
    """Latents whose pictures activate some units most, each unit measured by its spread over all of them.

    Args:
        network: the generator.
        layer: of the units.
        units: which ones.
        n: how many to give.
        among: how many to choose from.
        seed: of the latents.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer or unit, or more wanted than there are.
    """
    units = checked_units(network, layer, units)
    if not 1 <= n <= among:
        raise ValueError(f"`n` must be from 1 to among = {among}, got {n}")
    z, found = network.sample_z(among, seed), []
    for start in range(0, among, BATCH):
        found.append(peaks(network.acts(z[start : start + BATCH], layer))[:, list(units)])
        progress(min(start + BATCH, among) / among)
    peak = torch.cat(found)
    score = (peak / peak.std(0, correction=0).clamp(min=1e-9)).mean(1)
    return z[score.argsort(descending=True, stable=True)[:n]]
