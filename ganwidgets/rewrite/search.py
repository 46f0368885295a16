"""Find the pictures of a sample whose locations match a key or a context.

A location matches a key d as far as its own key k points along d: d·k. A picture scores as high as its best location.
What counts as a match at all is a level that few locations of the sample reach, by default one in a thousand. With a
context of several directions the match is the length of the part of k that lies in it, which is what an edit along
these directions can act on.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ganwidgets.nn.levels import HighQuantile
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.keys import Progress, key_batches

QUANTILE = 0.999

Box = tuple[int, int, int, int]
"""(top, left, bottom, right), the last two outside."""


@dataclass(frozen=True, eq=False)
class Matches:
    """The pictures of a sample that match best, best first.

    Attributes:
        images: their numbers in the sample.
        scores: match of the best location of each.
        peaks: row and column of that location among the keys.
        maps: match of every location of each.
        level: match that only a share 1 − `quantile` of all locations of the sample exceed.
        quantile: between 0 and 1.
    """

    images: tuple[int, ...]
    scores: Float[Tensor, " match"]
    peaks: Int[Tensor, "match 2"]
    maps: Float[Tensor, "match key_h key_w"]
    level: float
    quantile: float

    def regions(self) -> Bool[Tensor, "match key_h key_w"]:
        """Where each picture reaches the level."""
        return self.maps >= self.level

    def patches(self, size: tuple[int, int], around: int = 1) -> tuple[Box, ...]:
        """The best place of each picture as a box in its pixels.

        Args:
            size: (height, width) of the picture.
            around: how many keys the box reaches beyond the best one to each side; cut at the border.
        """
        boxes = []
        for peak in self.peaks.tolist():
            ends = []
            for place, keys, pixels in zip(peak, self.maps.shape[1:], size, strict=True):
                first, last = max(0, place - around), min(keys, place + around + 1)
                ends.append((first * pixels // keys, -(-last * pixels // keys)))
            (top, bottom), (left, right) = ends
            boxes.append((top, left, bottom, right))
        return tuple(boxes)


def search(
    editable: EditableLayer,
    z: Float[Tensor, "image *latent"],
    directions: Float[Tensor, "*rank key_dim"],
    *,
    k: int = 12,
    quantile: float = QUANTILE,
    batch: int | None = None,
    progress: Progress = lambda fraction: None,
) -> Matches:
    """Rank the pictures of a sample by how well their best location matches.

    Args:
        editable: the layer.
        z: the sample.
        directions: one key (key_dim), or a context (rank key_dim) with orthonormal rows.
        k: how many pictures are kept, at most; of equal ones the earlier.
        quantile: of the matches of all locations, for the level.
        batch: pictures run at once.
        progress: called with the share done, after every batch; what it raises stops the run.

    Raises:
        ValueError: directions of another size, k below 1, or a quantile outside (0, 1).
    """
    _check(editable, directions)
    if k < 1:
        raise ValueError(f"`k` must be at least 1, got {k}")
    if not 0 < quantile < 1:
        raise ValueError(f"`quantile` must lie between 0 and 1, e.g. {QUANTILE}, got {quantile}")
    total = len(z) * editable.key_size[0] * editable.key_size[1]
    highest = HighQuantile(total, quantile * total - 0.5)  # Hazen's quantile, as for thresholds of units
    images, maps = torch.empty(0, dtype=torch.int64), torch.empty(0, *editable.key_size)
    done = 0
    for keys in key_batches(editable, z, batch):
        found = match_maps(editable, keys, directions).cpu()
        highest.add(found.reshape(1, -1))
        images, maps = torch.cat([images, torch.arange(done, done + len(keys))]), torch.cat([maps, found])
        best = maps.flatten(1).amax(1).argsort(descending=True, stable=True)[:k]
        images, maps, done = images[best], maps[best], done + len(keys)
        progress(done / len(z))
    scores, places = maps.flatten(1).max(1)
    peaks = torch.stack([places // maps.shape[2], places % maps.shape[2]], 1)
    return Matches(tuple(images.tolist()), scores, peaks, maps, float(highest.value()), quantile)


def match_maps(
    editable: EditableLayer,
    keys: Float[Tensor, "batch key_dim key_h key_w"],
    directions: Float[Tensor, "*rank key_dim"],
) -> Float[Tensor, "batch key_h key_w"]:
    """How well every location matches, for keys from `editable.keys(editable.run(z))`.

    Raises:
        ValueError: directions of another size.
    """
    _check(editable, directions)
    along = torch.einsum("ri,bihw->rbhw", directions.reshape(-1, editable.key_dim).to(keys), keys)
    return along[0] if len(along) == 1 else along.norm(dim=0)


def _check(editable: EditableLayer, directions: Tensor) -> None:
    if directions.ndim not in (1, 2) or directions.shape[-1] != editable.key_dim or not len(directions):
        raise ValueError(
            f"`directions` must be ({editable.key_dim},) or (rank, {editable.key_dim}) for {editable.name}, "
            f"got {tuple(directions.shape)}"
        )
