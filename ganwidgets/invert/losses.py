"""How far a picture is from the wanted one, for a search: one number a picture, nothing to download.

The pixels are compared at several scales (L1 over a Laplacian pyramid), so that a search sees where large shapes are
before it sees edges. Features may be added: those of a discriminator, of any function of images, or of the network's
own encoder. LPIPS and VGG are used only where they are installed and their weights are on the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

MOST_LABEL = 200
"""Letters of a label."""

Features = Callable[[Tensor], Any]
"""From images to a tensor (batch …), or to several, with gradients."""


@dataclass(frozen=True, eq=False)
class Losses:
    """What a search minimises; weights of 0 leave a part out.

    Attributes:
        pixels: weight of the L1 distance of the pixels.
        pyramid: weight of the L1 distances of the coarser levels of a Laplacian pyramid, together.
        features: what else is compared, by name.
        feature_weight: of their distances, each over the mean size of the wanted picture's features.
        residual: weight of the mean square of residuals, in standard deviations of their units.
        mahalanobis: weight of the squared distance of the latent from the sampled ones, over its directions.
    """

    pixels: float | int = 1.0
    pyramid: float | int = 0.0
    features: dict[str, Features] = field(default_factory=dict)
    feature_weight: float | int = 0.1
    residual: float | int = 0.1
    mahalanobis: float | int = 0.0

    def __post_init__(self) -> None:
        for name in ("pixels", "pyramid", "feature_weight", "residual", "mahalanobis"):
            value = getattr(self, name)
            if not 0 <= value < float("inf"):
                raise ValueError(f"`{name}` must be 0 or a positive number, got {value!r}")
        if not (self.pixels or self.pyramid or (self.features and self.feature_weight)):
            raise ValueError("`pixels`, `pyramid` or `features` must count: nothing says how the picture should look")


def label(losses: Losses | None) -> str:
    """Losses in words: "usual", or what differs from that; features are functions, of which only names are told."""
    usual, given = Losses(), Losses() if losses is None else losses
    names = ("pixels", "pyramid", "residual", "mahalanobis", *(("feature_weight",) if given.features else ()))
    told = [f"{name} {getattr(given, name):g}" for name in names if getattr(given, name) != getattr(usual, name)]
    told += [f"features {', '.join(sorted(given.features))}"] if given.features else []
    return "; ".join(told)[:MOST_LABEL] or "usual"


class Target:
    """The wanted pictures, ready to be compared with; what depends on them alone is computed once.

    Args:
        images: the wanted pictures.
        losses: how they are compared.
    """

    def __init__(self, images: Float[Tensor, "batch channel height width"], losses: Losses) -> None:
        self.images, self.losses = images, losses
        self.levels = _coarser(images) if losses.pyramid else []
        self.found = {}
        if losses.feature_weight:
            with torch.no_grad():
                self.found = {name: _parts(name, fn(images), len(images)) for name, fn in losses.features.items()}

    def part(self, index: Tensor) -> "Target":
        """Some of the pictures."""
        second = object.__new__(Target)
        second.images, second.losses = self.images[index], self.losses
        second.levels = [level[index] for level in self.levels]
        second.found = {name: [part[index] for part in parts] for name, parts in self.found.items()}
        return second

    def distance(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, " batch"]:
        """How far these are, one number a picture."""
        own, difference = self.losses, images - self.images
        total = own.pixels * _size(difference)
        if own.pyramid:
            # The pyramid is linear: that of the difference is the difference of the pyramids.
            total = total + own.pyramid * sum(_size(level) for level in _coarser(difference))
        for name, wanted in self.found.items():
            given = _parts(name, own.features[name](images), len(images))
            apart = sum(_size(a - b) / _size(b).clamp(min=1e-6) for a, b in zip(given, wanted, strict=True))
            total = total + own.feature_weight / len(wanted) * apart
        return total


def _size(values: Tensor) -> Float[Tensor, " batch"]:
    return values.abs().flatten(1).mean(1)


def _coarser(images: Tensor) -> list[Tensor]:
    """Images at half the size, a quarter, … down to 4 pixels: what L1 of pixels sees last."""
    levels = []
    while min(images.shape[2:]) >= 8:
        images = F.avg_pool2d(images, 2)
        levels.append(images)
    return levels


def _parts(name: str, found: Any, n: int) -> list[Tensor]:
    parts = [found] if isinstance(found, Tensor) else list(found)
    if not parts or not all(isinstance(part, Tensor) and len(part) == n for part in parts):
        raise ValueError(f"`features` {name!r} must give a tensor, or several, with one row an image ({n})")
    return parts
