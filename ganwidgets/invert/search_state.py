"""What a search changes, what it keeps, and when it ends: one row a picture, and no row looks at another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ganwidgets.invert.drawing import Variables
from ganwidgets.models.memory import memory_needed

if TYPE_CHECKING:
    from ganwidgets.invert.refine import Settings

LEAST_PATIENCE = 20
"""Steps without gain that never end a search."""


@dataclass(frozen=True, eq=False)
class Scales:
    """How much things vary over the network's own pictures, so that one rate fits all.

    Attributes:
        mean, deviation: of each number of a latent.
        residuals: layer → standard deviation of each unit, (unit 1 1).
    """

    mean: Tensor
    deviation: Tensor
    residuals: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Point:
    """Where a search is, in standard deviations: latents, logits of class vectors, residuals by layer."""

    latent: Tensor
    logits: Tensor | None
    residuals: Mapping[str, Tensor]

    def variables(self, scales: Scales) -> Variables:
        """What the network draws with."""
        # Through a softmax, so that it stays a mixture of classes.
        classes = None if self.logits is None else self.logits.softmax(1)
        residuals = {layer: part * scales.residuals[layer] for layer, part in self.residuals.items()}
        return Variables(self.latent * scales.deviation, classes, residuals)

    def moving(self, settings: "Settings") -> list[tuple[Tensor, float]]:
        """What the search changes, each with its rate."""
        found = [(self.latent, settings.rate)] if settings.latent else []
        if self.logits is not None and settings.classes:
            found.append((self.logits, 2 * settings.rate))
        return found + [(part, settings.residual_rate) for part in self.residuals.values()]

    def copied(self) -> "Point":
        """The same numbers, on their own."""
        return Point(
            self.latent.detach().clone(),
            None if self.logits is None else self.logits.detach().clone(),
            {layer: part.detach().clone() for layer, part in self.residuals.items()},
        )

    def where(self, rows: Bool[Tensor, " batch"], other: "Point") -> "Point":
        """These rows of this point, the others of another."""
        return Point(
            chosen(rows, self.latent, other.latent),
            None if self.logits is None else chosen(rows, self.logits, other.logits),
            {layer: chosen(rows, part, other.residuals[layer]) for layer, part in self.residuals.items()},
        )


class Best:
    """The best state of every picture so far."""

    def __init__(self, point: Point) -> None:
        n, device = len(point.latent), point.latent.device
        self.loss: Float[Tensor, " batch"] = torch.full((n,), torch.inf, device=device)
        self.images: Tensor | None = None
        self.point = point

    def take(self, loss: Tensor, images: Tensor, point: Point, may: Bool[Tensor, " batch"]) -> None:
        """Keep what is better than before, of pictures that may still change."""
        better = (loss < self.loss) & may.to(loss.device)
        if self.images is None or bool(better.all()):
            self.loss, self.images, self.point = loss, images, point.copied()
        elif bool(better.any()):
            self.loss = torch.where(better, loss, self.loss)
            self.images = chosen(better, images, self.images)
            self.point = point.where(better, self.point)


class Marks:
    """When each picture last gained, and whether its search is finished.

    Args:
        n: number of pictures.
        patience: steps without gain after which one is.
        gain: share of the loss that counts as gain.
    """

    def __init__(self, n: int, patience: int, gain: float) -> None:
        self.patience, self.gain = max(LEAST_PATIENCE, patience), gain
        self.level: Tensor | None = None
        self.since = torch.zeros(n, dtype=torch.long)
        self.finished = torch.zeros(n, dtype=torch.bool)
        self.failed: dict[int, int] = {}  # picture → step at which it was no longer finite

    def note(self, loss: Tensor, step: int) -> None:
        """Look at the best losses after a step."""
        loss = loss.cpu()
        if self.level is None:
            self.level = loss
        gained = loss < self.level * (1 - self.gain)
        self.level = torch.where(gained, loss, self.level)
        self.since = torch.where(gained, step, self.since)
        self.finished |= step - self.since >= self.patience

    def fail(self, rows: Bool[Tensor, " batch"], step: int) -> None:
        """End the search for pictures that are no longer finite."""
        rows = rows.cpu() & ~self.finished
        self.failed |= {int(row): step for row in rows.nonzero()[:, 0]}
        self.finished |= rows


def chosen(rows: Bool[Tensor, " batch"], new: Tensor, old: Tensor) -> Tensor:
    """These rows of `new`, the others of `old`."""
    return torch.where(rows.to(new.device).reshape(-1, *[1] * (new.ndim - 1)), new.detach(), old.detach())


def gradients(losses: Float[Tensor, " batch"], leaves: Sequence[Tensor]) -> tuple[Tensor, ...] | None:
    """Gradients of the sum of the losses; None where the network gives none.

    Raises:
        RuntimeError: there is not enough memory.
    """
    try:  # not backward(): the network's own weights must not collect gradients
        return torch.autograd.grad(losses, leaves, torch.ones_like(losses))
    except RuntimeError as error:  # quantised weights, or a module that overwrites what its gradient needs
        if memory_needed(error):
            raise
        return None
