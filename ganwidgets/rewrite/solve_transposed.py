"""A transposed convolution with stride 2 is four convolutions that do not know of each other.

Each key writes a kernel of values, and the next key two places on. So a place in an odd row is reached only by the odd
rows of the kernel, and likewise for columns: places and unknowns fall into stride × stride phases, and an edit is
solved in each phase on its own, with a quarter of the unknowns. An ordinary convolution has a single phase.
"""

import torch
from jaxtyping import Int
from torch import Tensor, nn


def phase_of_places(conv: nn.Module, places: Int[Tensor, "place 2"]) -> Int[Tensor, " place"]:
    """The phase of (row, column) places of the value map."""
    if not isinstance(conv, nn.ConvTranspose2d):
        return places.new_zeros(len(places))
    stride, padding = places.new_tensor(conv.stride), places.new_tensor(conv.padding)
    rows, columns = ((places + padding) % stride).unbind(1)
    return rows * conv.stride[1] + columns


def phase_of_unknowns(conv: nn.Module, rank: int) -> Int[Tensor, " unknown"]:
    """The phase that each unknown (direction, kernel row, kernel column) reaches."""
    height, width = conv.weight.shape[-2:]
    if not isinstance(conv, nn.ConvTranspose2d):
        return torch.zeros(rank * height * width, dtype=torch.long)
    rows = torch.arange(height)[:, None] % conv.stride[0] * conv.stride[1]
    return (rows + torch.arange(width) % conv.stride[1]).flatten().repeat(rank)
