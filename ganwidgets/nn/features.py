"""Pictures as rows of numbers, without a download, and how far a few pictures lie from a data set.

A Fréchet distance needs a description of every picture. The usual one is a network trained on ImageNet; three others
need nothing from elsewhere, and `feature_rows` takes any of them:

- `RandomFeatures`: mean and spread over the picture of the answers of fixed random filters at several scales. They
  know colours, contrast and texture, no objects;
- the features of the discriminator that the generator was trained against, e.g. `discriminator.features`;
- anything callable that turns images into rows, or into maps, of which the mean over the picture is taken.

`Reference` is the data as seen through such features, and judges sets of pictures: how far is this set, as a whole,
from the data (`distance`), and how strange is each picture by itself (`strangeness`)?
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

BATCH = 32  # images
MOST_COLUMNS = 1024
"""Features may have so many columns: moments take columns² numbers each."""
NEIGHBOUR = 3
"""Which neighbour measures how densely the data lie around a picture, as in the published precision and recall."""

Features = Callable[[Tensor], Tensor]


class RandomFeatures:
    """Answers of fixed random filters: three by three, several scales, mean and standard deviation over the picture.

    The filters are drawn from numpy's RandomState, so they are the same on every machine. Each scale halves the
    picture; its filters look at the rectified answers of the scale before.

    Args:
        channels: of the images.
        filters: at each scale.
        scales: number of scales; a picture too small for one is not halved again.
        seed: of the filters.
    """

    def __init__(self, channels: int = 3, *, filters: int = 16, scales: int = 4, seed: int = 0) -> None:
        random = np.random.RandomState(seed)
        inputs = [channels] + [filters] * (scales - 1)
        self.weights = [
            torch.from_numpy((random.standard_normal((filters, n, 3, 3)) / math.sqrt(9 * n)).astype(np.float32))
            for n in inputs
        ]
        self.columns = 2 * filters * scales

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch column"]:
        """The rows of these images."""
        x, rows = images, []
        for weight in self.weights:
            x = F.leaky_relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight.to(x)), 0.2)
            std, mean = torch.std_mean(x, (2, 3), correction=0)
            rows += [mean, std]
            if min(x.shape[2:]) >= 2:
                x = F.avg_pool2d(x, 2)
        return torch.cat(rows, 1)


def feature_rows(
    features: Features, images: Float[Tensor, "batch channel height width"]
) -> Float[np.ndarray, "batch column"]:
    """A row of features for each image; maps are averaged over the picture.

    Raises:
        ValueError: not one row, or one set of maps, an image; too many columns; NaN.
    """
    with torch.no_grad():
        found = features(images)
    if not isinstance(found, Tensor) or found.ndim not in (2, 4) or len(found) != len(images):
        got = f"shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"{type(found).__name__}"
        raise ValueError(
            f"`features` must give a row (image column) or maps (image unit height width) for each of {len(images)} "
            f"images, got {got}"
        )
    rows = (found.mean((2, 3)) if found.ndim == 4 else found).double().cpu().numpy()
    if not 1 <= rows.shape[1] <= MOST_COLUMNS:
        raise ValueError(
            f"`features` must have 1 to {MOST_COLUMNS:,} columns, got {rows.shape[1]:,}; average or project them first"
        )
    if not np.isfinite(rows).all():
        raise ValueError("`features` must be finite, got NaN or infinity")
    return rows


def image_batches(
    argument: str, images: Tensor | Iterable[Tensor], image_shape: tuple[int, int, int], device: torch.device
) -> Iterator[Float[Tensor, "batch channel height width"]]:
    """Images in small batches on a device, checked: a tensor, or batches of any size that are read once.

    Raises:
        ValueError: images of another shape, not floating-point, or beyond [-1, 1].
    """
    for given in (images,) if isinstance(images, Tensor) else images:
        if not isinstance(given, Tensor) or tuple(given.shape[1:]) != tuple(image_shape):
            got = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
            raise ValueError(
                f"`{argument}` must hold images (n, {', '.join(map(str, image_shape))}), as the network makes them, "
                f"got {got}"
            )
        for batch in given.split(BATCH) if len(given) else ():
            if not batch.is_floating_point() or not bool((batch.abs() <= 1.05).all()):
                raise ValueError(f"`{argument}` must lie in [-1, 1]; divide 8-bit images by 127.5 and subtract 1")
            yield batch.to(device, torch.float32)


class Reference:
    """The data, as seen through features; rows of features are kept, pictures are not.

    Every column is measured in its standard deviation over the data, so that the scale of a feature does not decide; a
    column that hardly varies in a hundredth of its size (root mean square), and one that is always 0 as it is.

    Args:
        rows: features of the data.

    Attributes:
        n: number of pictures.

    Raises:
        ValueError: too few pictures.
    """

    def __init__(self, rows: Float[np.ndarray, "image column"]) -> None:
        self.n = len(rows)
        if self.n < NEIGHBOUR + 1:
            raise ValueError(f"`real` must hold at least {NEIGHBOUR + 1} images, got {self.n}")
        self.centre, size = rows.mean(0), np.sqrt(np.square(rows).mean(0))
        self.scale = np.where(size > 0, np.maximum(rows.std(0), size / 100), 1.0)
        self.rows = torch.from_numpy(self.scaled(rows).astype(np.float32))
        covariance = np.cov(self.scaled(rows), rowvar=False).reshape(rows.shape[1], -1)
        values, vectors = np.linalg.eigh(covariance)
        self.trace = float(np.trace(covariance))
        self.root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
        self.radius = np.concatenate(
            [near.topk(NEIGHBOUR + 1, dim=1, largest=False).values[:, -1] for near in self._distances(self.rows)]
        )

    def scaled(self, rows: Float[np.ndarray, "image column"]) -> Float[np.ndarray, "image column"]:
        """Rows in standard deviations from the data's mean."""
        return (rows - self.centre) / self.scale

    def _distances(self, scaled: Tensor) -> Iterator[Tensor]:
        for part in scaled.split(256):
            yield torch.cdist(part, self.rows, compute_mode="donot_use_mm_for_euclid_dist")

    def distance(self, rows: Float[np.ndarray, "image column"], sets: Int[np.ndarray, "set k"]) -> np.ndarray:
        """Fréchet distance of sets of pictures to the data, in units of its standard deviations, squared.

        It grows as sets get smaller, so it compares only sets of equal size.

        Args:
            rows: features of all pictures.
            sets: numbers of the pictures in each set.
        """
        scaled, found = self.scaled(rows), []
        at_once = max(1, 2**22 // (sets.shape[1] * rows.shape[1]))
        for first in range(0, len(sets), at_once):
            x = scaled[sets[first : first + at_once]]  # (set k column)
            mean = x.mean(1)
            x = (x - mean[:, None]) / math.sqrt(sets.shape[1] - 1)
            # With covariances XᵀX and R²: tr (R XᵀX R)^½ is the sum of the singular values of XR, accurate at any rank.
            shared = np.linalg.svd(x @ self.root, compute_uv=False).sum(1)
            found.append(np.square(mean).sum(1) + np.square(x).sum((1, 2)) + self.trace - 2 * shared)
        return np.maximum(np.concatenate(found), 0) if found else np.zeros(0)

    def strangeness(self, rows: Float[np.ndarray, "image column"]) -> Float[np.ndarray, " image"]:
        """How far each picture is from the nearest one of the data, measured by how far that one's neighbours are.

        About 1: as near as the data lie to each other, there. A night scene among many day scenes is not strange.

        Source: after the realism score of Kynkäänniemi et al., "Improved Precision and Recall Metric", NeurIPS 2019:
        its inverse, for the nearest picture only, and with no part of the data left out.
        """
        found = []
        for near in self._distances(torch.from_numpy(self.scaled(rows).astype(np.float32))):
            nearest, who = near.min(1)
            found.append(nearest.double().numpy() / np.maximum(self.radius[who.numpy()].astype(np.float64), 1e-9))
        return np.concatenate(found) if found else np.zeros(0)


def data_rows(
    features: Features,
    real: Tensor | Iterable[Tensor],
    image_shape: tuple[int, int, int],
    device: torch.device,
    progress: Callable[[float], Any] = lambda fraction: None,
) -> Float[np.ndarray, "image column"]:
    """Rows of features of the data; `progress` stays at 0 for batches, which do not say how many there will be.

    Raises:
        ValueError: images of another shape, not floating-point, or beyond [-1, 1]; features that do not fit.
    """
    total = len(real) if isinstance(real, Tensor) else None
    rows, done = [], 0
    for batch in image_batches("real", real, image_shape, device):
        rows.append(feature_rows(features, batch))
        done += len(batch)
        progress(done / total if total else 0.0)
    return np.concatenate(rows) if rows else np.zeros((0, 1))
