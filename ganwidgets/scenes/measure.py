"""Numbers about pictures of the bundled world: how much of each concept they show, how well a segmenter sees it.

Areas are percent of a picture, one row per image and one column per concept, whether the segmentation comes from the
drawings themselves or from a segmenter.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.scenes.draw import CONCEPTS, draw_batch

HELD_OUT_SEED = 2
"""Seed of the drawings nothing was trained on."""


def to_images(pictures: np.ndarray) -> Tensor:
    """uint8 (image height width rgb) as images in [-1, 1] (image rgb height width)."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def drawn_batches(n: int, *, seed: int, start: int = 0, batch: int = 64) -> Iterator[tuple[Tensor, Tensor]]:
    """Drawings `start` … `start + n - 1` as (images in [-1, 1], exact segmentation), a batch at a time."""
    for first in range(start, start + n, batch):
        pictures, segs = draw_batch(min(batch, start + n - first), seed=seed, start=first)
        yield to_images(pictures), torch.from_numpy(segs)


def areas(
    seg: Integer[Tensor, "batch slot height width"], n_concepts: int = len(CONCEPTS)
) -> Float[np.ndarray, "batch concept"]:
    """Percent of each image that each concept covers."""
    n, _, height, width = seg.shape
    row = torch.arange(n)[:, None] * (n_concepts + 1)
    counts = torch.bincount((seg.flatten(1).long() + row).flatten(), minlength=n * (n_concepts + 1))
    return (counts.view(n, -1)[:, 1:].double() * (100 / (height * width))).numpy()


def concept_iou(segment: Callable[[Tensor], Tensor], n: int, *, seed: int = HELD_OUT_SEED) -> dict[str, float]:
    """IoU of every concept over `n` held-out drawings between `segment` and the exact labels."""
    size = len(CONCEPTS) + 1
    confusion = torch.zeros(size, size, dtype=torch.int64)
    for images, truth in drawn_batches(n, seed=seed):
        pairs = truth.long() * size + segment(images).long()
        for slot in range(truth.shape[1]):
            confusion += torch.bincount(pairs[:, slot].flatten(), minlength=size * size).view(size, size)
    both = confusion.diagonal()
    either = confusion.sum(0) + confusion.sum(1) - both
    return {name: int(both[i]) / int(either[i]) for i, name in enumerate(CONCEPTS, 1) if either[i] > 0}


def area_ratios(
    sampled: Float[np.ndarray, "image concept"], drawn: Float[np.ndarray, "image2 concept"], *, resamples: int = 400
) -> tuple[Float[np.ndarray, " concept"], Float[np.ndarray, "concept 2"]]:
    """Area in samples over area in drawings, with a 95 % interval from resampling the images of both."""
    ratio = sampled.mean(0) / np.maximum(drawn.mean(0), 1e-12)
    random = np.random.RandomState(0)
    means = []
    for table in (sampled, drawn):
        counts = np.stack(
            [np.bincount(random.randint(len(table), size=len(table)), minlength=len(table)) for _ in range(resamples)]
        )
        means.append(counts @ table / len(table))  # (resample concept)
    low, high = np.quantile(means[0] / np.maximum(means[1], 1e-12), (0.025, 0.975), axis=0)
    return ratio, np.stack([low, high], 1)
