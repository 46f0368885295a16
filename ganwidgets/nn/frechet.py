"""Fréchet distance between two sets of pictures, judged by how much of each concept they show.

Every image is a row of areas, in percent of its pixels. Each set is summarised by the mean and covariance of its rows,
and the distance is that of two Gaussians with those moments. It says how far the statistics of a generator's scenes
are from real ones, concept by concept, where FID speaks about features nobody can name. `AreaMoments` collects the
rows of any number of images, on any number of machines, without keeping them.

Source: Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019, arXiv:1910.11626.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer, Num
from torch import Tensor

from ganwidgets.nn.stats import Moments


class FrechetDistance(NamedTuple):
    """Distance [percent of area, squared] and its two summands; `float(...)` gives the distance."""

    distance: float
    mean: float
    covariance: float

    def __float__(self) -> float:
        return self.distance


class AreaMoments:
    """Mean and covariance of the areas of concepts over images, from whole pixel counts: exact in any order of merge.

    Args:
        n_concepts: number of concepts.
        pixels: pixels of one image.
    """

    def __init__(self, n_concepts: int, pixels: int) -> None:
        self.moments, self.pixels = Moments(n_concepts), pixels

    @property
    def n(self) -> int:
        """Number of images."""
        return self.moments.n

    def add(self, seg: Integer[Tensor, "batch slot height width"]) -> None:
        """Take in the segmentations of further images.

        Raises:
            ValueError: images of another size, or a number that is no concept's.
        """
        if seg.shape[2] * seg.shape[3] != self.pixels:
            raise ValueError(f"`seg` must have {self.pixels} pixels an image, got {tuple(seg.shape[2:])}")
        n, columns = len(seg), len(self.moments.total) + 1
        if n and not (int(seg.min()) >= 0 and int(seg.max()) < columns):
            raise ValueError(f"`seg` must hold 0 to {columns - 1}, got {int(seg.min())} to {int(seg.max())}")
        codes = seg.flatten(1).long() + torch.arange(n, device=seg.device)[:, None] * columns
        counts = torch.bincount(codes.flatten(), minlength=n * columns).view(n, columns)
        self.moments.add(counts[:, 1:].cpu())

    def merge(self, other: "AreaMoments") -> None:
        """Take in the images of another accumulator."""
        if self.pixels != other.pixels:
            raise ValueError(f"`other` must count images of {self.pixels} pixels, got {other.pixels}")
        self.moments.merge(other.moments)

    def mean(self) -> Float[np.ndarray, " concept"]:
        """Mean area [percent]."""
        return self.moments.mean() * (100 / self.pixels)

    def covariance(self) -> Float[np.ndarray, "concept concept"]:
        """Covariance of areas [percent squared], with n − 1."""
        return self.moments.covariance() * (100 / self.pixels) ** 2

    def state(self) -> dict[str, Tensor]:
        """Everything, as tensors."""
        return self.moments.state() | {"pixels": torch.tensor(self.pixels)}

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> "AreaMoments":
        """The accumulator whose `state` this was."""
        self = cls(len(state["total"]), int(state["pixels"]))
        self.moments = Moments.from_state(state)
        return self


def frechet_distance(
    areas: Num[np.ndarray, "image concept"] | AreaMoments, others: Num[np.ndarray, "image2 concept"] | AreaMoments
) -> FrechetDistance:
    """Fréchet segmentation distance between two sets of images.

    Args:
        areas: area of each concept in each image [percent], or their accumulated moments.
        others: of the set to compare with.

    Raises:
        ValueError: fewer than two images, different concepts, or areas that are not finite.
    """
    (mean_a, cov_a), (mean_b, cov_b) = _moments("areas", areas), _moments("others", others)
    if mean_a.shape != mean_b.shape:
        raise ValueError(
            f"`areas` and `others` must have the same concepts, got {len(mean_a)} and {len(mean_b)} columns"
        )
    return gaussian_distance(mean_a, cov_a, mean_b, cov_b)


def gaussian_distance(
    mean_a: Float[np.ndarray, " concept"],
    cov_a: Float[np.ndarray, "concept concept"],
    mean_b: Float[np.ndarray, " concept"],
    cov_b: Float[np.ndarray, "concept concept"],
) -> FrechetDistance:
    """|μa − μb|² + tr(Σa + Σb − 2 (Σa^½ Σb Σa^½)^½), real and accurate at any rank.

    The last trace is the sum of the singular values of Σa^½ Σb^½: without a root of the rounding errors of eigenvalues
    that should be 0.
    """
    shared = np.linalg.svd(_root(cov_a) @ _root(cov_b), compute_uv=False).sum()
    mean = float(np.square(mean_a - mean_b).sum())
    covariance = float(max(np.trace(cov_a) + np.trace(cov_b) - 2 * shared, 0.0))
    return FrechetDistance(mean + covariance, mean, covariance)


def column_contributions(
    mean_a: Float[np.ndarray, " concept"],
    cov_a: Float[np.ndarray, "concept concept"],
    mean_b: Float[np.ndarray, " concept"],
    cov_b: Float[np.ndarray, "concept concept"],
) -> Float[np.ndarray, "concept two"]:
    """What each column adds to the distance: to its mean part, and to its covariance part; none is below 0.

    The distance is the least E|x − y|² over all ways to pair draws x and y of the two Gaussians. A column's share is
    its own E(x − y)² in that best pairing: (μa − μb)² of its means, and var(x) + var(y) − 2 cov(x, y) of what varies.
    With Σa^½ Σb^½ = U S Vᵀ the best pairing has cov(x, y) = Σa^½ U Vᵀ Σb^½, at any rank.
    """
    root_a, root_b = _root(cov_a), _root(cov_b)
    left, values, right = np.linalg.svd(root_a @ root_b)
    told = values > values.max(initial=0) * 1e-12  # directions that share nothing have no pairing of their own
    pairing = np.einsum("ck,kc->c", root_a @ left[:, told], right[told] @ root_b)
    varying = np.maximum(np.diag(cov_a) + np.diag(cov_b) - 2 * pairing, 0)
    return np.stack([np.square(mean_a - mean_b), varying], 1)


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def _moments(argument: str, areas: np.ndarray | AreaMoments) -> tuple[np.ndarray, np.ndarray]:
    n = areas.n if isinstance(areas, AreaMoments) else len(areas)
    if n < 2:
        raise ValueError(f"`{argument}` must hold at least 2 images, got {n}")
    if isinstance(areas, AreaMoments):
        return areas.mean(), areas.covariance()
    rows = np.asarray(areas, np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(
            f"`{argument}` must be finite areas (image concept) in percent, got shape {rows.shape}"
            + ("" if rows.ndim != 2 else " with NaN or infinity")
        )
    return rows.mean(0), np.cov(rows, rowvar=False).reshape(rows.shape[1], -1)
