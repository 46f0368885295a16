"""Maps that multiply late layers until they draw a photo: the part of an adaptation that is let go under a brush."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ganwidgets.invert.late_descent import Found, descending
from ganwidgets.invert.late_layers import map_layers
from ganwidgets.invert.photo_problem import PhotoProblem
from ganwidgets.models.map_edits import scale_map

MAP_PRICE = 0.1
"""Of the mean square of each map; published for the perturbation of one edit, and 1 for these maps, which holds them
back without making edits better, as they are let go under a brush."""


class Maps:
    """Maps of some layers, about to be found for a photo.

    Args:
        problem: the photo.
        shared: one map for all units of a layer, in place of one for each.
        names: of the layers; None chooses them by their level.

    Raises:
        ValueError: no layer to choose.
    """

    def __init__(self, problem: PhotoProblem, shared: bool = False, names: Sequence[str] | None = None) -> None:
        self.problem = problem
        self.names = tuple(map_layers(problem.network, problem.layer) if names is None else names)
        if not self.names:
            raise ValueError(f"`network` must have layers of finer maps after {problem.layer!r} to be adapted")
        shapes = [problem.network.layer_info(name).shape for name in self.names]
        self.shapes = [(1 if shared else shape[0], *shape[1:]) for shape in shapes]

    def steps(self, steps: int, rate: float | int, deadline: float | int) -> Iterator[Found]:
        """Find them; the states are the maps."""
        problem = self.problem
        moving = [torch.zeros(shape, device=problem.wanted.device, requires_grad=True) for shape in self.shapes]
        state = problem.cut(self.names[0])

        def draw() -> Tensor:
            return problem.draw(state, [(name, scale_map(d)) for name, d in zip(self.names, moving, strict=True)])

        def cost(images: Tensor) -> Tensor:
            return problem.target.distance(images)[0] + MAP_PRICE * sum(d.square().mean() for d in moving)

        return descending(moving, [rate] * len(moving), draw, cost, problem.wanted, steps, deadline)
