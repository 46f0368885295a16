"""The two sides of a comparison: images of the data, and pictures of a generator, each by number and with names.

Both come at the generator's size. Photos of another size are brought to it before they are named: what is blurred or
sharpened on one side only would change what the segmenter sees there.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganwidgets.coverage.fitting import fitted, fitted_labels, reshapes
from ganwidgets.coverage.opening import content_of, name_of, of_file, opened
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.photo_folder import PhotoFolder
from ganwidgets.nn.photos import checked_options
from ganwidgets.results.coverage import Coverage
from ganwidgets.segment import load
from ganwidgets.segment.labelled import checked_batch, is_labelled
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation

SEGMENTER, OWN = "segmenter", "own"
"""What names the pixels of the data."""


class Pictures:
    """Pictures of a generator, by number: picture i is that of latent i.

    Args:
        network: the generator.
        segmenter: names the pixels.
        n: number of pictures.
        seed: of the latents.
        truncation: of the latents; None for the whole prior.
    """

    def __init__(
        self, network: Generator, segmenter: Segmenter, n: int, seed: int = 1, truncation: float | None = None
    ) -> None:
        self.network, self.segmenter = network, segmenter
        self.latents = network.sample_z(n, seed, truncation)
        if len(self.latents) != n:
            raise ValueError(f"`n` must be at most {len(self.latents)}, the latents the sampler gave, got {n}")
        self.name, self.notes = network.name, ()

    def __len__(self) -> int:
        return len(self.latents)

    @torch.no_grad()
    def images(self, numbers: Sequence[int]) -> Tensor:
        """Pictures in [-1, 1]."""
        return self.network.images(self.latents[list(numbers)])

    @torch.no_grad()
    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures and their segmentations.

        Raises:
            ValueError: pictures that are not finite, or a segmentation that cannot be used.
        """
        images = self.images(numbers)
        return images, validate_segmentation(self.segmenter(images), images, self.segmenter)

    def fingerprint(self) -> str:
        """Of the weights and the latents, and so of sampler, seed and number."""
        latents = self.latents.cpu().numpy().tobytes()
        return hashlib.sha256(self.network.fingerprint.encode() + latents).hexdigest()


class Data:
    """Images of the data at the generator's size, by number, with the names of their pixels.

    Args:
        source: a folder, a `photo_folder`, images (image channel height width) in [-1, 1], labelled images, or
            "scenes".
        segmenter: names the pixels.
        shape: (channels, height, width) of the generator's images.
        n: at most so many images.
        seed: of which images are taken, where there are more than n; of "scenes" the first n are.
        labels: "segmenter" names the pixels as it does those of pictures; "own" takes the labels of labelled images.
        fit: how images of any kind become the generator's shape, as for `nn.read_photo`; a `photo_folder` has its own,
            which is kept.

    Attributes:
        order: the images that are taken, by their number in the source.
        fit: the one that was used.
        changed: whether an image that was read is not the one that `fingerprint` saw.
        notes: what had to be done differently.

    Raises:
        TypeError, ValueError: not images, none of them, or not the labels that were asked for.
    """

    def __init__(
        self,
        source: Any,
        segmenter: Segmenter,
        shape: tuple[int, int, int],
        n: int,
        seed: int = 1,
        labels: str = SEGMENTER,
        fit: str = "crop",
    ) -> None:
        self.segmenter, self.shape, self.labels, self._n = segmenter, tuple(shape), labels, n
        notes: list[str] = []
        checked_options(None, fit, "white")
        self.source = opened(source, self.shape, n, fit, notes)
        self.fit = self.source.fit if isinstance(self.source, PhotoFolder) else fit
        many = len(self.source)
        if labels == OWN and not is_labelled(self.source):
            raise ValueError("`labels` 'own' needs labelled images; photos and tensors are named by the segmenter")
        self.order = np.arange(many)
        if many > n:
            self.order = np.sort(np.random.RandomState(seed).permutation(many)[:n])
        if many < n:
            notes.append(f"the data hold {many:,} images, fewer than the {n:,} asked for")
        self.name, self.notes = name_of(self.source), tuple(notes + self._about_size())
        self.changed, self._fingerprint, self._photos = False, "", {}

    def __len__(self) -> int:
        return len(self.order)

    @property
    def concepts(self) -> tuple[str, ...]:
        """What its labels name."""
        return tuple((self.source if self.labels == OWN else self.segmenter).concepts)

    @torch.no_grad()
    def images(self, numbers: Sequence[int]) -> Tensor:
        """Images in [-1, 1], at the generator's size."""
        return self._read([int(self.order[i]) for i in numbers])[0]

    @torch.no_grad()
    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images and their segmentations.

        Raises:
            ValueError: images out of range or not finite, or a segmentation that cannot be used.
        """
        images, seg = self._read([int(self.order[i]) for i in numbers])
        if self.labels == OWN:
            return images, fitted_labels(seg, self._own_size, self.shape[1:], self.fit)
        return images, validate_segmentation(self.segmenter(images), images, self.segmenter)

    def fingerprint(self) -> str:
        """SHA-256 of the images that are taken, and of how, as they were when this was first asked for."""
        if not self._fingerprint:
            self._fingerprint = self._hashed()
        return self._fingerprint

    def check_unchanged(self) -> None:
        """See whether images in memory are still those that `fingerprint` saw; photos are checked as they are read."""
        if self._fingerprint and not isinstance(self.source, PhotoFolder):
            self.changed = self.changed or self._hashed() != self._fingerprint

    def _hashed(self) -> str:
        if isinstance(self.source, PhotoFolder):
            self._photos = {name: of_file(self.source.root / name) for name in self.source.names}
            digest = hashlib.sha256(repr((self.source.fit, self.source.background, self.source.names)).encode())
            for photo in self._photos.values():
                digest.update(photo)
            content, how = digest.hexdigest(), ()
        else:
            content, how = content_of(self.source), (self.fit,) if reshapes(self._own_size, self.shape[1:]) else ()
        return hashlib.sha256(repr((content, self.order.tolist(), self.shape, self.labels, *how)).encode()).hexdigest()

    def _read(self, numbers: list[int]) -> tuple[Tensor, Tensor | None]:
        if is_labelled(self.source):
            images, seg = checked_batch(self.source, numbers)
        elif isinstance(self.source, PhotoFolder):
            images, seg = torch.stack([self._photo(i) for i in numbers]), None
        else:
            images, seg = self.source[numbers], None
        low, high = map(float, images.aminmax())
        if not (low >= -1.05 and high <= 1.05):
            raise ValueError(
                f"`data` must hold finite images in [-1, 1], got values from {low:.3g} to {high:.3g} among "
                f"images {numbers[0]} to {numbers[-1]}"
            )
        return _with_channels(fitted(images.float(), self.shape[1:], self.fit), self.shape[0]), seg

    def _photo(self, number: int) -> Tensor:
        """A photo; one that is not what the fingerprint saw is remembered, as what is counted is not what it names."""
        image, name = self.source[number], self.source.names[number]
        self.changed = self.changed or (name in self._photos and self._photos[name] != of_file(self.source.root / name))
        return image

    @property
    def _own_size(self) -> tuple[int, int]:
        return tuple(self.source.image_shape[1:] if is_labelled(self.source) else self.source.shape[2:])

    def _about_size(self) -> list[str]:
        if isinstance(self.source, PhotoFolder):
            return [f"photos are brought to the generator's {_size(self.shape)} pixels and then named"]
        own = self._own_size
        if own == self.shape[1:]:
            return []
        how = f" ({self.fit})" if reshapes(own, self.shape[1:]) else ""
        return [f"images of {_size(own)} pixels are brought to the generator's {_size(self.shape)}{how} and then named"]


def sides(
    network: Any,
    data: Any,
    segmenter: Segmenter | str,
    *,
    n: int = 1000,
    seed: int = 1,
    truncation: float | None = None,
    labels: str = SEGMENTER,
    fit: str = "crop",
) -> tuple[Data, Pictures]:
    """Both sides of a comparison: the data, and as many pictures of the generator, by number.

    Args:
        network: the generator.
        data: a folder, a `photo_folder`, images, labelled images, or "scenes".
        segmenter: names pixels; an object, or a name of `segment.load`.
        n: pictures, and images of the data at most.
        seed: of the latents, and of which images are taken of data that have more than n; of "scenes" the first n are.
        truncation: of the latents.
        labels: what names the pixels of the data: "segmenter", or their "own" labels.
        fit: how images become the generator's shape: "crop", "letterbox" or "stretch"; a `photo_folder` keeps its own.

    Raises:
        TypeError, ValueError: something that cannot be used.
    """
    if not hasattr(network, "sample_z"):
        raise TypeError(f"`network` must be a generator, got {type(network).__name__}; gw.load gives one")
    segmenter = load(segmenter) if isinstance(segmenter, str) else segmenter
    check_segmenter_attributes(segmenter)
    n = whole_number("n", n, 2)
    if labels not in (SEGMENTER, OWN):
        raise ValueError(f"`labels` must be 'segmenter' or 'own', got {labels!r}")
    pictures = Pictures(network, segmenter, n, whole_number("seed", seed, 0), truncation)
    return Data(data, segmenter, network.image_shape, n, seed, labels, fit), pictures


def fingerprint_of(segmenter: Segmenter) -> str:
    """Of a segmenter; empty where it has none."""
    return segmenter.fingerprint() if hasattr(segmenter, "fingerprint") else ""


def named_by(result: Coverage, segmenter: Segmenter) -> bool:
    """Whether a comparison was named by this segmenter, as far as names, concepts and fingerprint tell."""
    own = tuple(segmenter.concepts)
    if result.options.get("common"):  # those that only one side has were left out
        own = tuple(name for name in own if name in result.concepts)
    same = result.segmenter == segmenter.name and result.concepts == own
    return same and result.segmenter_fingerprint in ("", fingerprint_of(segmenter))


def _with_channels(images: Tensor, channels: int) -> Tensor:
    """Images as the generator's have them: grey, in colour, or with an alpha channel that is opaque."""
    if channels == 1:
        return images.mean(1, keepdim=True)
    coloured = images.expand(-1, 3, -1, -1)
    return coloured if channels == 3 else torch.cat([coloured, torch.ones_like(coloured[:, :1])], 1)


def _size(shape: Sequence[int]) -> str:
    return f"{shape[-2]} × {shape[-1]}"
