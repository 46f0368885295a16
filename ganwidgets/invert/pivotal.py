"""Pivotal tuning of late layers: what stands where is found, now a few weights give way for this one photo.

The last convolution of the two coarsest levels after the edit layer is tuned in a second network, with a price on how
far each weight drifts. What is kept of it are changes of low rank.

Source: Bau et al., "Semantic photo manipulation with a generative image prior" (2019), whose server tunes two layers
at 16 and 32 pixels; Roich et al., "Pivotal tuning for latent-based editing of real images" (2021).
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ganwidgets.invert.late_descent import Found, descending
from ganwidgets.invert.late_layers import tuned_weights
from ganwidgets.invert.photo_problem import PhotoProblem
from ganwidgets.models.weights import put_weight, with_weights
from ganwidgets.results.adaptation import LowRank

DRIFT_PRICE = 1 / (512 * 512 * 9)
"""Of the sum of the absolute changes of each weight, by its standard deviation. Published for the mean, with 512 units
and kernels of 9 cells: the price of one number, so that a small network is not held back more than a large one."""


class Tuning:
    """Some weights of a network, about to be tuned for a photo.

    Args:
        problem: the photo.
        names: of the weights; None chooses them by their level.

    Raises:
        ValueError: no such weight, or none to choose.
    """

    def __init__(self, problem: PhotoProblem, names: Sequence[str] | None = None) -> None:
        own = dict(problem.network.module.named_parameters())
        self.names = tuple(tuned_weights(problem.network, problem.layer) if names is None else names)
        if not self.names:
            raise ValueError(
                f"`network` must have convolutions on finer maps after {problem.layer!r} to be tuned; form='maps' does "
                "without"
            )
        self.problem = problem
        self.before = [own[name].detach().clone() for name in self.names]
        self.sizes = [max(float(weight.std()), 1e-8) for weight in self.before]

    def steps(self, steps: int, rate: float | int, rank: int, seed: int, deadline: float | int) -> Iterator[Found]:
        """Tune them along `rank` directions each; the states are u and v of every weight, in turn."""
        network = with_weights(self.problem.network, dict(zip(self.names, self.before, strict=True)))
        state = network.below(self.problem.inputs, self.problem.layer, grad=False)
        pairs = [_factors(weight, rank, seed + number) for number, weight in enumerate(self.before)]
        drift: list[Tensor] = []

        def draw() -> Tensor:
            drift.clear()
            for name, before, size, (u, v) in zip(self.names, self.before, self.sizes, pairs, strict=True):
                change = (u @ v).reshape(before.shape) * size
                put_weight(network, name, before + change.to(before))
                drift.append(change.abs().sum() / size)
            grad = torch.is_grad_enabled()  # weights count as constants unless one says so
            if state.exact_skip:
                return network.above(state, clamp=False, grad=grad)
            return network.images(self.problem.inputs, clamp=False, grad=grad)

        def cost(images: Tensor) -> Tensor:
            return self.problem.target.distance(images)[0] + DRIFT_PRICE * sum(drift)

        moving = [part for pair in pairs for part in pair]
        return descending(moving, [rate] * len(moving), draw, cost, self.problem.wanted, steps, deadline)

    def changes(self, state: Sequence[Tensor]) -> dict[str, LowRank]:
        """A state as changes of the weights; those that did not move are left out."""
        changes = {}
        for number, (name, before, size) in enumerate(zip(self.names, self.before, self.sizes, strict=True)):
            u, v = (part.detach().float().cpu() for part in state[2 * number : 2 * number + 2])
            if u.any():
                changes[name] = LowRank(u * size, v, tuple(before.shape))
        return changes

    def drift(self, changes: Mapping[str, LowRank]) -> dict[str, float]:
        """Of each changed weight, the size of its change by its own size."""
        before = dict(zip(self.names, self.before, strict=True))
        norm = lambda name: max(float(torch.linalg.vector_norm(before[name].double())), 1e-12)  # noqa: E731
        return {name: change.norm / norm(name) for name, change in changes.items()}


def _factors(weight: Tensor, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """u, zeros, and v, random: their product is no change yet, and any direction can be turned to."""
    rows = next((size for size in weight.shape if size > 1), 1)
    columns = weight.numel() // rows
    rank = min(rank, rows, columns)
    v = torch.randn(rank, columns, generator=torch.Generator().manual_seed(seed)) / rank**0.5
    return torch.zeros(rows, rank, device=weight.device).requires_grad_(), v.to(weight.device).requires_grad_()
