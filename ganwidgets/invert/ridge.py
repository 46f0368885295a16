"""Ridge regression in closed form, its strength chosen by generalised cross-validation.

The inputs are taken apart once; any number of outputs can then be regressed on them.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

STRENGTHS = torch.logspace(-6, 2, 25, dtype=torch.float64)
"""Penalties that are tried, in units of the largest squared singular value of the inputs."""

MOST_NUMBERS = 2**25
"""Of a regression's coefficients: where outputs are very many, the weakest directions of the inputs are left out."""


@dataclass(frozen=True, eq=False)
class Ridge:
    """A linear map with an offset from rows of inputs to outputs.

    Attributes:
        centre: of the inputs.
        directions: of the inputs, one a column, each made as weak as the penalty says.
        coefficients: what one unit along each direction adds to the outputs.
        offset: of the outputs.
        strength: of the penalty, in units of the largest squared singular value.
        explained: share of the outputs' variance that is expected to be explained in rows never seen, at most 1.
    """

    centre: Float[Tensor, " input"]
    directions: Float[Tensor, "input direction"]
    coefficients: Float[Tensor, "direction *output"]
    offset: Float[Tensor, "*output"]
    strength: float
    explained: float

    def __call__(self, inputs: Float[Tensor, "row input"]) -> Float[Tensor, "row *output"]:
        """Outputs for these inputs."""
        along = (inputs.to(self.centre) - self.centre) @ self.directions
        return self.offset + (along @ self.coefficients.flatten(1)).unflatten(1, self.offset.shape)


class RidgeInputs:
    """Inputs taken apart, x = mean + U S Vᵀ, ready for outputs.

    Args:
        inputs: one row a sample.

    Raises:
        ValueError: fewer than three rows, or numbers that are not finite.
    """

    def __init__(self, inputs: Float[Tensor, "row input"]) -> None:
        if len(inputs) < 3 or not inputs.isfinite().all():
            raise ValueError(f"`inputs` must be at least 3 finite rows, got {len(inputs)}")
        x = inputs.double()
        self.centre = x.mean(0)
        u, s, vh = torch.linalg.svd(x - self.centre, full_matrices=False)
        occurring = s > 1e-9 * s[0] if float(s[0]) > 0 else torch.zeros_like(s, dtype=torch.bool)
        self.u, self.s, self.v = u[:, occurring], s[occurring], vh[occurring].T

    def regress(self, outputs: Float[Tensor, "row *output"]) -> Ridge:
        """The regression of these outputs on the inputs.

        A penalty λ keeps s²/(s² + λ) of every direction. The λ with the least squared residual over (1 − kept/n)² wins.

        Raises:
            ValueError: another number of rows, or numbers that are not finite.

        Source: Golub, Heath, Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter",
        Technometrics 1979.
        """
        n, shape = len(self.u), outputs.shape[1:]
        if len(outputs) != n or not outputs.isfinite().all():
            raise ValueError(f"`outputs` must be {n} finite rows, got {len(outputs)}")
        most = max(1, MOST_NUMBERS // max(1, outputs[0].numel()))
        u, s, v = self.u[:, :most], self.s[:most], self.v[:, :most]
        flat = outputs.flatten(1).to(torch.float32 if outputs[0].numel() > 4096 else torch.float64)
        mean = flat.mean(0)
        flat = flat - mean
        along = u.T.to(flat) @ flat  # (direction output)
        energy, total = along.double().square().sum(1), float(flat.double().square().sum())
        if not len(s):
            return self._as_ridge(v, along, mean, shape, outputs, (0.0, 0.0))
        kept = s.square() / (s.square() + STRENGTHS.to(s)[:, None] * s[0].square())  # (strength direction)
        left = ((1 - kept).square() * energy).sum(1) + max(total - float(energy.sum()), 0.0)
        free = (1 - (kept.sum(1) + 1) / n).clamp(min=1e-3)
        score = left / free.square()
        best = int(score.argmin())
        explained = 1 - float(score[best]) / total if total else 0.0
        return self._as_ridge(v * (kept[best] / s), along, mean, shape, outputs, (float(STRENGTHS[best]), explained))

    def _as_ridge(
        self,
        directions: Tensor,
        along: Tensor,
        mean: Tensor,
        shape: torch.Size,
        like: Tensor,
        about: tuple[float, float],
    ) -> Ridge:
        parts = self.centre, directions, along.unflatten(1, shape), mean.reshape(shape)
        return Ridge(*(part.to(like.device, torch.float32) for part in parts), *about)


def ridge(inputs: Float[Tensor, "row input"], outputs: Float[Tensor, "row *output"]) -> Ridge:
    """The ridge regression of outputs on inputs; see `RidgeInputs.regress`."""
    return RidgeInputs(inputs).regress(outputs)
