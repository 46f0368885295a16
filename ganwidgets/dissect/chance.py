"""Derangements: every image meets the segmentation of another one of its batch, never its own.

What a unit agrees with then is chance, or the layout that all images share. Pixels are taken on a lattice, as an active
region is seen well enough on every second or fourth row and column; it moves on with every batch, so that no place is
left out and maps that were upsampled are not always seen at the same distance from their samples.
"""

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

from ganwidgets.nn.images import flat_nonzero


class Deranged:
    """The segmentations of a batch, ready to be met by other images.

    Args:
        seg: concepts on the grid.
        n_concepts: number of concepts.
        derangements: how many.
        turn: number of the batch.
        lattice: from `lattice`.
    """

    def __init__(
        self,
        seg: Integer[Tensor, "batch slot place"],
        n_concepts: int,
        derangements: int,
        turn: int,
        lattice: tuple[Int[Tensor, " kept"], Int[Tensor, " place"]],
    ) -> None:
        self.width = n_concepts + 1
        self._kept, self._number_of = lattice
        self._shifts, self._batch = shifts(derangements, len(seg), turn), len(seg)
        # Every slot twice, one after the other, so that "so many images further on" is a shift of the whole.
        self._slots = [slot[:, self._kept].long().repeat(2, 1).flatten() for slot in seg.unbind(1)]

    def count(
        self, image: Int[Tensor, " pixel"], unit: Int[Tensor, " pixel"], place: Int[Tensor, " pixel"], units: int
    ) -> tuple[Int[Tensor, "derangement unit label"], Int[Tensor, "batch unit"]]:
        """How often active pixels meet each concept (label 0: nothing) in each derangement, and how many there are."""
        number = self._number_of.index_select(0, place)
        on_lattice = flat_nonzero(number >= 0)
        unit, image = unit.index_select(0, on_lattice), image.index_select(0, on_lattice)
        row = image * len(self._kept) + number.index_select(0, on_lattice)
        start, size = unit * self.width, units * self.width
        met = torch.empty(len(self._shifts), size, dtype=torch.int64, device=row.device)
        for derangement, shift in enumerate(self._shifts):
            labels = [slot[shift * len(self._kept) :].index_select(0, row) for slot in self._slots]
            met[derangement] = sum(torch.bincount(label.add_(start), minlength=size) for label in labels)
        area = torch.bincount(image * units + unit, minlength=self._batch * units).view(self._batch, units)
        return met.view(-1, units, self.width), area

    def in_category(
        self, area: Int[Tensor, "batch unit"], present: Int[Tensor, "batch category"]
    ) -> Int[Tensor, "derangement unit category"]:
        """Active pixels that meet an image which holds the category, in each derangement.

        Args:
            area: active pixels of each image, from `count`.
            present: whether an image holds any concept of the category, 0 or 1.
        """
        area = area.double().T  # whole numbers far below 2**53: the products are exact
        return torch.stack([(area @ present.roll(-shift, 0).double()).long() for shift in self._shifts])


def lattice(
    grid: tuple[int, int], spacing: int, turn: int, device: torch.device
) -> tuple[Int[Tensor, " kept"], Int[Tensor, " place"]]:
    """Places on every so many rows and columns, and of every place its number among them, -1 when it is not one.

    Of batches in a row (`turn` counts them) any spacing² see every place once, any `spacing` every row and column.
    """
    on = torch.zeros(grid, dtype=torch.bool, device=device)
    on[turn % spacing :: spacing, (turn + turn // spacing) % spacing :: spacing] = True
    places = on.flatten().nonzero().squeeze(1)
    number = torch.full((grid[0] * grid[1],), -1, dtype=torch.int64, device=device)
    number[places] = torch.arange(len(places), device=device)
    return places, number


def shifts(derangements: int, batch: int, turn: int) -> list[int]:
    """By how many images segmentations move on in each derangement of a batch.

    In small batches there are fewer ways than derangements, and several take the same one; which do is drawn anew for
    every batch (`turn` counts them), so that over many batches no two derangements are the same.
    """
    ways = batch - 1
    if derangements <= ways:
        return list(range(1, derangements + 1))
    random = np.random.RandomState(turn % 2**32)
    drawn = np.concatenate([random.permutation(ways) for _ in range(-(-derangements // ways))])
    return (1 + drawn[:derangements]).tolist()


def different(derangements: int, batch: int, n: int) -> int:
    """How many of the derangements of `n` images differ from each other in some batch."""
    sizes = [batch] * (n // batch) + [n % batch] * (n % batch > 1)
    told_apart = [shifts(derangements, size, turn) for turn, size in enumerate(sizes[:32]) if size > 1]
    return len(set(zip(*told_apart, strict=True)))
