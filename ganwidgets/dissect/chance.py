"""Derangements: every image meets the segmentation of another one of its batch, never its own.

What a unit agrees with then is chance, or the layout that all images share. Pixels are taken on a lattice, as an active
region is seen well enough on every second or fourth row and column; it moves on with every batch, so that no place is
left out and maps that were upsampled are not always seen at the same distance from their samples.
"""

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
        self._shifts = shifts(derangements, len(seg), turn)
        # Every slot twice, one after the other, so that "so many images further on" is a shift of the whole.
        self._slots = [slot[:, self._kept].long().repeat(2, 1).flatten() for slot in seg.unbind(1)]

    def count(
        self, image: Int[Tensor, " pixel"], unit: Int[Tensor, " pixel"], place: Int[Tensor, " pixel"], units: int
    ) -> tuple[Int[Tensor, "derangement unit label"], Int[Tensor, " unit"]]:
        """How often active pixels meet each concept (label 0: nothing) in each derangement, and how many there are."""
        number = self._number_of.index_select(0, place)
        on_lattice = flat_nonzero(number >= 0)
        unit, row = unit.index_select(0, on_lattice), image.index_select(0, on_lattice) * len(self._kept)
        row += number.index_select(0, on_lattice)
        start, size = unit * self.width, units * self.width
        met = torch.empty(len(self._shifts), size, dtype=torch.int64, device=row.device)
        for derangement, shift in enumerate(self._shifts):
            labels = [slot[shift * len(self._kept) :].index_select(0, row) for slot in self._slots]
            met[derangement] = sum(torch.bincount(label.add_(start), minlength=size) for label in labels)
        return met.view(-1, units, self.width), torch.bincount(unit, minlength=units)


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

    In small batches there are fewer ways than derangements; those that share one in this batch (`turn` counts batches)
    part in the next.
    """
    ways = batch - 1
    return [1 + (number + turn * (number // ways)) % ways for number in range(derangements)]
