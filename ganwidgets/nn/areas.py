"""How much of each concept is in each image: `AreaCounts`, kept image by image, so that sets merge exactly.

Pixels are whole numbers and every image has a number, so the rows are the same bit for bit in whatever order, and on
however many machines, they were counted.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from ganwidgets.nn.stats import State


class AreaCounts:
    """Pixels of every concept in every image of a set.

    Args:
        n_concepts: number of concepts.
        n_slots: number of slots; pixels without a name are counted for each.
        pixels: pixels of one image.
    """

    def __init__(self, n_concepts: int, n_slots: int, pixels: int) -> None:
        self.n_concepts, self.n_slots, self.pixels = n_concepts, n_slots, pixels
        self._numbers = np.zeros(0, np.int64)
        self._counts = np.zeros((0, n_slots + n_concepts), np.int32)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def numbers(self) -> Int[np.ndarray, " image"]:
        """Number of each image, in ascending order."""
        return self._numbers

    @property
    def counts(self) -> Int[np.ndarray, "image concept"]:
        """Pixels of each concept."""
        return self._counts[:, self.n_slots :]

    @property
    def nothing(self) -> Int[np.ndarray, "image slot"]:
        """Pixels of each slot that have no name."""
        return self._counts[:, : self.n_slots]

    @property
    def percent(self) -> Float[np.ndarray, "image concept"]:
        """Area of each concept [percent of the image]."""
        return self.counts * (100.0 / self.pixels)

    def add(self, seg: Integer[Tensor, "batch slot height width"], numbers: Sequence[int]) -> None:
        """Take in the segmentations of further images.

        Args:
            seg: of the images.
            numbers: of the images.

        Raises:
            ValueError: images of another size, a number that is no concept's, or an image that was counted already.
        """
        batch, slots, width = len(seg), self.n_slots, self.n_concepts + 1
        if seg.ndim != 4 or seg.shape[1] != slots or seg.shape[2] * seg.shape[3] != self.pixels:
            raise ValueError(
                f"`seg` must have {slots} slots and {self.pixels} pixels an image, got shape {tuple(seg.shape)}"
            )
        if batch and not (int(seg.min()) >= 0 and int(seg.max()) < width):
            raise ValueError(f"`seg` must hold 0 to {width - 1}, got {int(seg.min())} to {int(seg.max())}")
        row = torch.arange(batch * slots, device=seg.device) * width
        codes = (seg.flatten(2).long() + row.view(batch, slots, 1)).flatten()
        found = torch.bincount(codes, minlength=batch * slots * width).view(batch, slots, width).cpu()
        self._take(np.asarray(numbers, np.int64), torch.cat([found[:, :, 0], found[:, :, 1:].sum(1)], 1).numpy())

    def merge(self, other: "AreaCounts") -> None:
        """Take in the images of another accumulator.

        Raises:
            ValueError: it counts something else, or an image that this one has counted.
        """
        kinds = [(a.n_concepts, a.n_slots, a.pixels) for a in (self, other)]
        if kinds[0] != kinds[1]:
            raise ValueError(f"`other` must count (concepts, slots, pixels) {kinds[0]}, got {kinds[1]}")
        self._take(other._numbers, other._counts)

    def select(self, concepts: Sequence[int], slots: Sequence[int]) -> "AreaCounts":
        """The same images, with only these concepts and slots, by their index."""
        found = AreaCounts(len(concepts), len(slots), self.pixels)
        found._take(self._numbers, np.concatenate([self.nothing[:, list(slots)], self.counts[:, list(concepts)]], 1))
        return found

    def state(self) -> State:
        """Everything, as tensors."""
        numbers, counts = torch.from_numpy(self._numbers.copy()), torch.from_numpy(self._counts.copy())
        return {
            "numbers": numbers,
            "counts": counts,
            "slots": torch.tensor(self.n_slots),
            "pixels": torch.tensor(self.pixels),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "AreaCounts":
        """The accumulator whose `state` this was.

        Raises:
            ValueError: it is damaged.
        """
        if lacks := [key for key in ("numbers", "counts", "slots", "pixels") if not isinstance(state.get(key), Tensor)]:
            raise ValueError(f"`state` must be of counted areas, but it lacks {lacks[0]!r}")
        numbers, counts, slots, pixels = (state[key].cpu().numpy() for key in ("numbers", "counts", "slots", "pixels"))
        whole = all(part.dtype.kind in "iu" for part in (numbers, counts, slots, pixels))
        whole = whole and numbers.ndim == 1 and counts.ndim == 2 and slots.size == pixels.size == 1
        if not whole or not 0 < slots.item() <= counts.shape[1] or pixels.item() < 1:
            raise ValueError(f"`state` must hold pixels (image, slots and concepts), got {counts.dtype} {counts.shape}")
        # Every pixel is counted once for each slot.
        if len(counts) and (counts.min() < 0 or counts.sum(1).max() > slots.item() * pixels.item()):
            raise ValueError(
                f"`state` must hold counts of {pixels.item()} pixels, got {counts.min()} to {counts.max()}"
            )
        if len(numbers) and numbers.min() < 0:
            raise ValueError(f"`state` must have numbers of images, got {numbers.min()}")
        self = cls(counts.shape[1] - slots.item(), slots.item(), pixels.item())
        self._take(numbers.astype(np.int64), counts)
        return self

    def _take(self, numbers: np.ndarray, counts: np.ndarray) -> None:
        if len(numbers) != len(counts):
            raise ValueError(f"`numbers` must name each of the {len(counts)} images, got {len(numbers)}")
        both = np.concatenate([self._numbers, numbers])
        order = both.argsort(kind="stable")
        if (np.diff(both[order]) == 0).any():
            twice = both[order][1:][np.diff(both[order]) == 0]
            raise ValueError(f"`numbers` must be of images that were not counted yet, got {int(twice[0])} twice")
        self._numbers = both[order]
        self._counts = np.concatenate([self._counts, counts.astype(np.int32)])[order]
