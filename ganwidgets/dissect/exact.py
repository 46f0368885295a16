"""The slow, exact way: keep every upsampled activation, sort, count. The fast way is tested against it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.dissect.batches import Batch
from ganwidgets.dissect.conclude import Areas
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.search import FRACTIONS, Level
from ganwidgets.nn.images import upsample


@dataclass(frozen=True, eq=False)
class ExactSample:
    """All of a layer's upsampled activations, with the segmentations.

    Attributes:
        acts: the maps as they are (unit image place).
        maps: upsampled (unit image pixel).
        seg: (image slot place).
        n_concepts: number of concepts.
    """

    acts: Float[Tensor, "unit image place"]
    maps: Float[Tensor, "unit image pixel"]
    seg: Integer[Tensor, "image slot pixel"]
    n_concepts: int

    @property
    def pixels(self) -> int:
        """Pixels of one unit."""
        return self.maps[0].numel()

    def quantiles(self, fractions: np.ndarray, *, of_places: bool = False) -> Float[np.ndarray, "unit fraction"]:
        """Levels above which these shares of a unit's pixels, or of its map's places, lie (Hazen's definition)."""
        units = (self.acts if of_places else self.maps).flatten(1).double().numpy()
        return np.stack([np.quantile(values, 1 - fractions, method="hazen") for values in units])

    def present(self) -> Tensor:
        """Whether each pixel holds each concept (concept image place)."""
        return torch.stack([(self.seg == number).any(1) for number in range(1, self.n_concepts + 1)])

    def areas(self, options: Options, category_of: Integer[Tensor, " concept"]) -> Areas:
        """Counts at the exact threshold of a rule with a `top_fraction`."""
        share, of_places = np.array([options.top_fraction]), options.rule == "netdissect"
        level = torch.from_numpy(self.quantiles(share, of_places=of_places)[:, 0])
        active = (self.maps.double() > level[:, None, None]).double()  # (unit image pixel)
        present = self.present()
        joint = active.flatten(1) @ present.flatten(1).double().T
        area = active.sum((1, 2))
        compared = area[:, None].expand_as(joint)
        if options.per_category:
            held = torch.stack([present[category_of == category_of[c]].any(2).any(0) for c in range(self.n_concepts)])
            compared = active.sum(2) @ held.double().T  # held: (concept image)
        return Areas(level, area, compared, joint)

    def levels(self, category_of: Integer[Tensor, " concept"]) -> Iterator[Level]:
        """Levels at `FRACTIONS`, with probabilities read from conditional distributions, as the published code does."""
        quantiles = self.quantiles(FRACTIONS)  # (unit fraction)
        present = self.present().numpy()
        areas, joints = [], []
        for c in range(self.n_concepts):
            same = (category_of == category_of[c]).numpy()
            images = present[same].any((0, 2))
            mask = np.broadcast_to(images[:, None], present.shape[1:])
            areas.append(self._above(quantiles, mask) / max(1, mask.sum()))
            joints.append(self._above(quantiles, present[c]))
        for number in range(len(FRACTIONS)):
            active, joint = (torch.from_numpy(np.stack([p[:, number] for p in part], 1)) for part in (areas, joints))
            yield Level(torch.from_numpy(quantiles[:, number])[:, None], active, joint)

    def _above(self, quantiles: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Pixels of `mask` above each level, interpolated between sorted values (unit fraction)."""
        n = int(mask.sum())
        if n == 0:
            return np.zeros(quantiles.shape)
        at = np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]])
        found = []
        for unit, levels in zip(self.maps.numpy(), quantiles, strict=True):
            values = np.sort(unit[mask].astype(np.float64))
            found.append(n * (1 - np.interp(levels, np.concatenate([values[:1], values, values[-1:]]), at)))
        return np.stack(found)


def exact_sample(batches: Sequence[Batch], layer: str, grid: tuple[int, int], options: Options) -> ExactSample:
    """The sample that these batches make up, for one layer."""
    acts = torch.cat([batch.acts[layer] for batch in batches])
    maps = upsample(acts, grid, options.padding).transpose(0, 1).flatten(2)
    return ExactSample(
        acts.transpose(0, 1).flatten(2), maps, torch.cat([batch.seg for batch in batches]), batches[0].concepts.shape[1]
    )
