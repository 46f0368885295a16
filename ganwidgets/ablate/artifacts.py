"""Which units draw things that are not in the data?

Every generator has units that light up on its failures. The originals found them by looking at the pictures that
activate each of 512 units most, or by a Fréchet distance between those pictures and the data, unit by unit. This file
does the second, with features that need no download, and says beside it what chance does.

A unit's top pictures are few, and few pictures always lie far from the data: the Fréchet distance of a small set is too
large. So each unit is compared with random sets of equally many pictures of the same generator. What remains is not
only artifacts: a unit that follows the night selects good pictures that are unlike the average. `strangeness` therefore
asks of each picture by itself how far it is from the *nearest* one in the data, which a night scene is not. And
artifact units are said to be active rarely: `rarity`. The three need not agree; look at `top_pictures` and decide.

`artifact_removal.py` measures whether the pictures get closer to the data without the units.

Source: Bau et al., "GAN Dissection", ICLR 2019, sections 4.3 and S-6.3 (distance); Choi, Chang, Choi, "Can We Find
Neurons that Cause Unrealistic Images in Deep Generative Networks?", IJCAI 2022 (rarity; they count how often a single
location of a map is above 0, we need no threshold and look at whole units).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ganwidgets.ablate.counts import checked_n_random_sets, checked_units
from ganwidgets.models import Generator
from ganwidgets.nn.features import BATCH, Features, RandomFeatures, Reference, data_rows, feature_rows
from ganwidgets.nn.images import to_uint8
from ganwidgets.nn.stats import TopK

MEASURES = ("distance", "strangeness", "rarity")
SETS_PER_UNIT = 50
"""Random sets for each unit: of so many, two or three lie above what the highest of all units may reach."""


@dataclass(frozen=True, eq=False)
class ArtifactUnits:
    """How little the top pictures of each unit of a layer look like the data.

    Attributes:
        layer: of the units.
        network: name of the generator, and `fingerprint` of its weights.
        n, n_real: number of generated pictures and of pictures of the data.
        seed: of the latents: `network.sample_z(n, seed)`.
        distance: Fréchet distance between a unit's top pictures and the data, in the data's standard deviations,
            squared. NaN for a unit that has no top pictures because its highest activation is always the same.
        strangeness: mean over the top pictures of the distance to the nearest of the data, in units of how close the
            data lie there: about 1 is ordinary. NaN as above.
        rarity: 0 if the unit is equally active in every picture, 1 − f if it is on in a share f of them and off in the
            others; NaN if it is never above 0.
        top: numbers of the pictures that activate the unit most, most active first.
        chance_distance, chance_strangeness: the same for random sets of as many pictures.
    """

    layer: str
    network: str
    fingerprint: str
    n: int
    n_real: int
    seed: int
    distance: Float[np.ndarray, " unit"]
    strangeness: Float[np.ndarray, " unit"]
    rarity: Float[np.ndarray, " unit"]
    top: Int[np.ndarray, "unit k"]
    chance_distance: Float[np.ndarray, " set"]
    chance_strangeness: Float[np.ndarray, " set"]

    @property
    def n_random_sets(self) -> int:
        """Number of random sets of pictures."""
        return len(self.chance_distance)

    def ranking(self, by: str = "distance") -> tuple[int, ...]:
        """All units, the most suspicious first; those without a value last.

        Args:
            by: "distance", "strangeness" or "rarity".
        """
        if by not in MEASURES:
            raise ValueError(f"`by` must be one of {MEASURES}, got {by!r}")
        return tuple(np.argsort(-np.nan_to_num(getattr(self, by), nan=-np.inf), kind="stable").tolist())

    def level(self, by: str = "distance") -> float:
        """What the *highest* of as many random sets as there are units stays below in 95 of 100 cases.

        Args:
            by: "distance" or "strangeness"; rarity is a property of the unit, and has no such level.
        """
        if by not in MEASURES[:2]:
            raise ValueError(f"`by` must be one of {MEASURES[:2]}, got {by!r}")
        units = max(1, int(np.isfinite(self.distance).sum()))
        return float(np.quantile(getattr(self, f"chance_{by}"), 0.95 ** (1 / units), method="higher"))

    def suspects(self, by: str = "distance") -> tuple[int, ...]:
        """Units above `level`, the most suspicious first: proposals, to be confirmed by eye and by removal."""
        values, level = getattr(self, by, None), self.level(by)
        return tuple(unit for unit in self.ranking(by) if values[unit] > level)

    def to_frame(self) -> pd.DataFrame:
        """A row per unit, the highest distance first, with the mean of the random sets and the level for all units."""
        order = list(self.ranking())
        columns: dict[str, Any] = {"unit": order}
        for by in MEASURES[:2]:
            values = getattr(self, by)[order]
            columns |= {by: values, f"{by}_chance": getattr(self, f"chance_{by}").mean(), f"{by}_level": self.level(by)}
        counts = {name: getattr(self, name) for name in ("n", "n_real", "n_random_sets")}
        return pd.DataFrame(columns | {"rarity": self.rarity[order]} | counts)


def find_artifact_units(
    network: Generator,
    layer: str,
    *,
    real: Float[Tensor, "image channel height width"] | Iterable[Tensor],
    features: Features | None = None,
    n: int = 2000,
    top_k: int = 50,
    n_random_sets: int | None = None,
    seed: int = 1,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> ArtifactUnits:
    """Judge each unit of a layer by the pictures that activate it most.

    Pictures are made in batches and forgotten; a row of features of each is kept, and `top_k` numbers a unit.

    Args:
        network: the generator.
        layer: of the units.
        real: pictures of the data in [-1, 1]: a tensor, or batches of them, read once.
        features: turns images into rows or maps (see `nn/features.py`); None is `RandomFeatures`.
        n: number of pictures to generate.
        top_k: number of top pictures of a unit. A unit active in fewer is filled up with pictures of equal activation.
        n_random_sets: number of random sets; None is 50 a unit; `level` needs at least 20.
        seed: of the latents and of the random sets.
        progress: called with the share that is done, 0 to 1.

    Raises:
        ValueError: no such layer, pictures of another shape, counts that do not fit, or features that are not finite.
    """
    units = network.layer_info(layer).units
    n_random_sets = SETS_PER_UNIT * units if n_random_sets is None else checked_n_random_sets(n_random_sets, 1)
    if not 2 <= top_k <= n:
        raise ValueError(f"`top_k` must be from 2 to n = {n}, got {top_k}")
    features = RandomFeatures(network.image_shape[0]) if features is None else features
    reference = Reference(
        data_rows(features, real, network.image_shape, network.device, lambda done: progress(0.25 * done))
    )
    seen = _generate(
        network, layer, features, network.sample_z(n, seed), top_k, lambda done: progress(0.25 + 0.65 * done)
    )
    rows, top = np.concatenate(seen.rows), seen.top.index.numpy()
    random = np.random.RandomState(seed)
    sets = np.stack([random.choice(n, top_k, replace=False) for _ in range(n_random_sets)])
    chance = []
    for part in np.array_split(sets, -(-n_random_sets // 500)):
        chance.append(reference.distance(rows, part))
        progress(0.9 + 0.1 * sum(map(len, chance)) / n_random_sets)
    strange = reference.strangeness(rows)
    live = seen.lowest.numpy() < seen.highest.numpy()
    return ArtifactUnits(
        layer=layer,
        network=network.name,
        fingerprint=network.fingerprint,
        n=n,
        n_real=reference.n,
        seed=seed,
        distance=np.where(live, reference.distance(rows, top), np.nan),
        strangeness=np.where(live, strange[top].mean(1), np.nan),
        rarity=seen.rarity(),
        top=top,
        chance_distance=np.concatenate(chance),
        chance_strangeness=strange[sets].mean(1),
    )


def _generate(
    network: Generator, layer: str, features: Features, z: Tensor, top_k: int, progress: Callable[[float], Any]
) -> "_Seen":
    info = network.layer_info(layer)
    seen = _Seen(info.units, top_k)
    for start in range(0, len(z), BATCH):
        images, acts = network.read(z[start : start + BATCH], layer)
        seen.add(feature_rows(features, images), peaks(acts[info.name]).cpu(), start)
        progress(min(start + BATCH, len(z)) / len(z))
    return seen


def peaks(acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit"]:
    """The highest activation of each unit in each picture."""
    return acts.flatten(2).amax(2) if acts.ndim > 2 else acts


class _Seen:
    """What is kept of the generated pictures: rows of features, top pictures, and sums of the units' peaks."""

    def __init__(self, units: int, top_k: int) -> None:
        self.rows: list[np.ndarray] = []
        self.top = TopK(units, top_k)
        self.lowest = torch.full((units,), torch.inf)
        self.highest = -self.lowest
        self.total, self.square, self.n = np.zeros(units), np.zeros(units), 0

    def add(self, rows: np.ndarray, peak: Float[Tensor, "batch unit"], start: int) -> None:
        peak = peak.float()
        self.rows.append(rows)
        number = torch.arange(start, start + len(peak)).expand(peak.shape[1], -1)
        self.top.add(peak.T.contiguous(), number)
        self.lowest = torch.minimum(self.lowest, peak.amin(0))
        self.highest = torch.maximum(self.highest, peak.amax(0))
        above = peak.clamp(min=0).double().numpy()
        self.total += above.sum(0)
        self.square += np.square(above).sum(0)
        self.n += len(peak)

    def rarity(self) -> Float[np.ndarray, " unit"]:
        """1 − (Σ peak)² / (n Σ peak²): exact for a unit that is either off or on, a matter of degree for others."""
        with np.errstate(invalid="ignore"):
            return 1 - np.square(self.total) / (self.n * self.square)


class TopPictures(NamedTuple):
    """Pictures to confirm or reject units by, and the unit's map in each."""

    images: UInt8[np.ndarray, "unit picture height width 3"]
    maps: Float[np.ndarray, "unit picture layer_height layer_width"]


def top_pictures(found: ArtifactUnits, network: Generator, units: Sequence[int], *, count: int = 8) -> TopPictures:
    """The pictures that activate some units most, made again from their latents.

    Args:
        found: what `find_artifact_units` gave.
        network: the same generator.
        units: which ones.
        count: how many pictures of each, at most the `top_k` that were kept.

    Raises:
        ValueError: another generator, or a unit that does not exist.
    """
    if network.fingerprint != found.fingerprint:
        raise ValueError(
            f"`network` must be the generator {found.network!r} that was measured, with the same weights, "
            f"got {network.name!r}"
        )
    units = checked_units(network, found.layer, units)
    wanted = found.top[list(units), :count]  # (unit picture)
    z = network.sample_z(found.n, found.seed)[torch.from_numpy(wanted.flatten()).to(network.device)]
    images, maps = [], []
    for start in range(0, len(z), BATCH):
        made, acts = network.read(z[start : start + BATCH], found.layer)
        owners = np.arange(start, start + len(made)) // wanted.shape[1]
        of = torch.tensor([units[owner] for owner in owners], device=network.device)
        shown = acts[network.layer_info(found.layer).name][torch.arange(len(made)), of]
        images.append(to_uint8(made))
        maps.append(shown.reshape(len(made), *(shown.shape[1:] if shown.ndim == 3 else (1, 1))).float().cpu().numpy())
    images, maps = np.concatenate(images), np.concatenate(maps)
    return TopPictures(images.reshape(*wanted.shape, *images.shape[1:]), maps.reshape(*wanted.shape, *maps.shape[1:]))
