"""Counting what networks made of the same latents, some images at a time: the numbers a report consists of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.models.devices import counting_device, precise
from ganwidgets.models.generator import Generator
from ganwidgets.nn.features import Features, feature_rows
from ganwidgets.segment import Segmenter, validate_segmentation

LEVELS = 127.5  # 8-bit levels in a difference of 1

_BY_METHOD = ("gone", "became", "moved", "drift", "shown", "outside_lost", "outside_gained", "steps")


@dataclass(frozen=True, eq=False)
class Counting:
    """How to count.

    Attributes:
        segmenter: names the pixels.
        numbers: of source and target in a segmentation; a target of None is anything else.
        where: pixels where the source is meant; None is everywhere.
        margin: [pixels] around the source that belong to it.
        visible: change of a channel above which a pixel counts as changed.
        features: of an image, for distances.
    """

    segmenter: Segmenter
    numbers: tuple[int, int | None]
    where: Bool[Tensor, "height width"] | None
    margin: int
    visible: float
    features: Features

    @torch.no_grad()
    def of(
        self,
        before: Generator,
        methods: Sequence[Generator],
        z: Float[Tensor, "image *latent"],
        progress: Callable[[float], Any],
    ) -> dict[str, np.ndarray]:
        """Numbers of these images, by the name they have in a report; arrays by method have it as first axis."""
        images = before.images(z)
        first = self._named(images)
        source = (first == self.numbers[0]).any(1)
        if self.where is not None:
            source = source & self.where.to(source.device)
        outside = ~around(source, self.margin)
        rows = feature_rows(self.features, images)
        progress(1 / (len(methods) + 1))
        found: dict[str, Any] = {name: [] for name in _BY_METHOD}
        for number, network in enumerate(methods, 2):
            after = images if network is before else _clamped(network, z).to(images)
            last = first if network is before else self._named(after)
            counted = self._changes(images, after, first, last, source, outside) | self._concepts(
                first, last, source, outside
            )
            put_back = torch.where(outside[:, None], after, images)
            counted["steps"] = (feature_rows(self.features, put_back) - rows).astype(np.float32)
            for name, array in counted.items():
                found[name].append(array)
            progress(number / (len(methods) + 1))
        return {name: np.stack(arrays) for name, arrays in found.items()} | {
            "source_pixels": _numpy(source.flatten(1).sum(1)),
            "outside_pixels": _numpy(outside.flatten(1).sum(1)),
            "outside_before": self._per_concept(first, outside[:, None]),
            "rows": rows.astype(np.float32),
        }

    def _named(self, images: Tensor) -> Integer[Tensor, "image slot height width"]:
        return validate_segmentation(self.segmenter(images), images, self.segmenter)

    def _changes(
        self, images: Tensor, after: Tensor, first: Tensor, last: Tensor, source: Tensor, outside: Tensor
    ) -> dict[str, np.ndarray]:
        """Of each image: source pixels that went and what was wanted of them, pixels outside that moved, how far."""
        gone = source & ~(last == self.numbers[0]).any(1)
        became = gone if self.numbers[1] is None else gone & (last == self.numbers[1]).any(1)
        moved = (after - images).abs()  # (image channel height width)
        visible = (moved.amax(1) > self.visible) & outside
        drift = LEVELS * (precise(moved.mean(1)) * outside.to(counting_device(outside.device))).flatten(1).sum(1)
        counts = {"gone": gone, "became": became, "moved": visible}
        return {name: _numpy(mask.flatten(1).sum(1)) for name, mask in counts.items()} | {"drift": _numpy(drift)}

    def _concepts(self, first: Tensor, last: Tensor, source: Tensor, outside: Tensor) -> dict[str, np.ndarray]:
        """Of each image and concept: pixels where the source was, and those that went and came outside."""
        lost, gained = _missing(first, last), _missing(last, first)
        return {
            "shown": self._per_concept(last, source[:, None]),
            "outside_lost": self._per_concept(first, lost & outside[:, None]),
            "outside_gained": self._per_concept(last, gained & outside[:, None]),
        }

    def _per_concept(self, seg: Tensor, mask: Tensor) -> Integer[np.ndarray, "image concept"]:
        """Pixels of each concept where the mask is, all slots together."""
        names = len(self.segmenter.concepts) + 1
        numbers = (seg.long() * mask).flatten(1) + names * torch.arange(len(seg), device=seg.device)[:, None]
        counts = torch.bincount(numbers.flatten(), minlength=names * len(seg)).view(len(seg), names)
        return _numpy(counts[:, 1:].int())


def joined(found: Sequence[dict[str, np.ndarray]], least: int) -> dict[str, np.ndarray]:
    """The numbers of all images, as a report holds them.

    Args:
        found: of some images each.
        least: source pixels from which an image counts for what stands where the source was.
    """
    counts = {name: np.concatenate([part[name] for part in found], int(name in _BY_METHOD)) for name in found[0]}
    has = counts["source_pixels"] >= least
    counts["shown"] = counts["shown"][:, has].sum(1, dtype=np.int64)
    counts["distance"] = distances(counts.pop("rows"), counts.pop("steps"))
    return counts


def distances(
    rows: Float[np.ndarray, "image column"], steps: Float[np.ndarray, "method image column"]
) -> Float[np.ndarray, "method image"]:
    """How far each image went, as share of the distance (root mean square) of two images; NaN with a single image.

    Every column counts in its standard deviation over the images, or in a hundredth of its size if it hardly varies.
    """
    rows = rows.astype(float)
    if len(rows) < 2:
        return np.full(steps.shape[:2], np.nan)
    size = np.sqrt(np.square(rows).mean(0))
    scale = np.where(size > 0, np.maximum(rows.std(0, ddof=1), size / 100), 1.0)
    return np.sqrt(np.square(steps / scale).sum(2) / (2 * rows.shape[1]))


def around(source: Bool[Tensor, "image height width"], margin: int) -> Bool[Tensor, "image height width"]:
    """Pixels at most `margin` rows and columns away from a pixel of the source."""
    return F.max_pool2d(source.float()[:, None], 2 * margin + 1, 1, margin)[:, 0] > 0


def _missing(these: Tensor, others: Tensor) -> Bool[Tensor, "image slot height width"]:
    """Which names of `these` no slot of `others` has at that pixel."""
    return torch.stack([~(others == slot[:, None]).any(1) for slot in these.unbind(1)], 1)


def _clamped(network: Generator, z: Tensor) -> Tensor:
    """Images; clamped here, for values beyond [-1, 1] are nothing to warn of in an edited network."""
    return network.images(z, clamp=False).clamp(-1, 1)


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
