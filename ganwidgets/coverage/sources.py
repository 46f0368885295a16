"""The two sides of a comparison: images of the data, and pictures of a generator, each by number and with names.

Both come at the generator's size. Photos of another size are brought to it before they are named: what is blurred or
sharpened on one side only would change what the segmenter sees there.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.photo_folder import PhotoFolder, photo_folder
from ganwidgets.scenes.measure import HELD_OUT_SEED
from ganwidgets.segment import load
from ganwidgets.segment.labelled import LabelledImages, check_labelled, checked_batch, is_labelled
from ganwidgets.segment.labelled_scenes import DrawnScenes
from ganwidgets.segment.masks import resized, resized_mask
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
        seed: of the order in which they are taken.
        labels: "segmenter" names the pixels as it does those of pictures; "own" takes the labels of labelled images.
        fit: how photos become the generator's shape, as for `nn.read_photo`; a `photo_folder` has its own, which is
            kept.

    Attributes:
        order: the images that are taken, by their number in the source.
        fit: the one that was used.
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
        self.source = _opened(source, self.shape, n, fit, notes)
        self.fit = self.source.fit if isinstance(self.source, PhotoFolder) else fit
        many = len(self.source)
        if labels == OWN and not is_labelled(self.source):
            raise ValueError("`labels` 'own' needs labelled images; photos and tensors are named by the segmenter")
        self.order = np.arange(many)
        if many > n:
            self.order = np.sort(np.random.RandomState(seed).permutation(many)[:n])
        if many < n:
            notes.append(f"the data hold {many:,} images, fewer than the {n:,} asked for")
        self.name, self.notes = _name(self.source), tuple(notes + self._about_size())

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
            return images, torch.from_numpy(resized_mask(seg.numpy(), images.shape[2:]))
        return images, validate_segmentation(self.segmenter(images), images, self.segmenter)

    def fingerprint(self) -> str:
        """SHA-256 of the images that are taken, and of how."""
        return hashlib.sha256(
            repr((_fingerprint(self.source), self.order.tolist(), self.shape, self.labels)).encode()
        ).hexdigest()

    def _read(self, numbers: list[int]) -> tuple[Tensor, Tensor | None]:
        if is_labelled(self.source):
            images, seg = checked_batch(self.source, numbers)
        elif isinstance(self.source, PhotoFolder):
            images, seg = torch.stack([self.source[i] for i in numbers]), None
        else:
            images, seg = self.source[numbers], None
        low, high = map(float, images.aminmax())
        if not (low >= -1.05 and high <= 1.05):
            raise ValueError(
                f"`data` must hold finite images in [-1, 1], got values from {low:.3g} to {high:.3g} among "
                f"images {numbers[0]} to {numbers[-1]}"
            )
        return _with_channels(resized(images.float(), self.shape[1:]), self.shape[0]), seg

    def _about_size(self) -> list[str]:
        if isinstance(self.source, PhotoFolder):
            return [f"photos are brought to the generator's {_size(self.shape)} pixels and then named"]
        own = tuple(self.source.image_shape[1:] if is_labelled(self.source) else self.source.shape[2:])
        if own == self.shape[1:]:
            return []
        return [f"images of {_size(own)} pixels are brought to the generator's {_size(self.shape)} and then named"]


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
        seed: of the latents, and of which images of the data are taken.
        truncation: of the latents.
        labels: what names the pixels of the data: "segmenter", or their "own" labels.
        fit: how photos become the generator's shape: "crop", "letterbox" or "stretch"; a `photo_folder` keeps its own.

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


def _opened(source: Any, shape: tuple[int, int, int], n: int, fit: str, notes: list[str]) -> Any:
    if isinstance(source, str) and source == "scenes":
        return DrawnScenes(n, HELD_OUT_SEED)
    if isinstance(source, str | Path):
        source = photo_folder(source, shape[1:], fit)
    if isinstance(source, PhotoFolder):
        if source.size != tuple(shape[1:]):
            source = PhotoFolder(
                source.root,
                source.names,
                source.skipped,
                source.notes,
                tuple(shape[1:]),
                source.fit,
                source.background,
            )
        if not len(source):
            raise ValueError(
                f"`data` must hold photos, but {source.root.name!r} has none that can be read "
                f"({len(source.skipped)} left out)"
            )
        if source.skipped:
            notes.append(f"{len(source.skipped)} files of {source.root.name!r} could not be read and are left out")
        return source
    if isinstance(source, Tensor):
        if source.ndim != 4 or source.shape[1] not in (1, 3) or not len(source) or not source.is_floating_point():
            raise ValueError(
                "`data` must be float images (image, 1 or 3 channels, height, width) in [-1, 1], got "
                f"{source.dtype} {tuple(source.shape)}"
            )
        return source.detach().cpu()
    if is_labelled(source):
        check_labelled(source)
        return source
    raise TypeError(
        "`data` must be a folder, a photo_folder, images, labelled images or 'scenes', got " + type(source).__name__
    )


def fingerprint_of(segmenter: Segmenter) -> str:
    """Of a segmenter; empty where it has none."""
    return segmenter.fingerprint() if hasattr(segmenter, "fingerprint") else ""


def _name(source: Any) -> str:
    if isinstance(source, PhotoFolder):
        return source.root.name
    return "images" if isinstance(source, Tensor) else source.name


def _fingerprint(source: PhotoFolder | Tensor | LabelledImages) -> str:
    if isinstance(source, PhotoFolder):
        digest = hashlib.sha256(repr((source.fit, source.background, source.names)).encode())
        for name in source.names:
            digest.update(hashlib.sha256((source.root / name).read_bytes()).digest())
        return digest.hexdigest()
    if isinstance(source, Tensor):
        return hashlib.sha256(repr(tuple(source.shape)).encode() + source.contiguous().numpy().tobytes()).hexdigest()
    return source.fingerprint()


def _with_channels(images: Tensor, channels: int) -> Tensor:
    """Images as the generator's have them: grey, in colour, or with an alpha channel that is opaque."""
    if channels == 1:
        return images.mean(1, keepdim=True)
    coloured = images.expand(-1, 3, -1, -1)
    return coloured if channels == 3 else torch.cat([coloured, torch.ones_like(coloured[:, :1])], 1)


def _size(shape: Sequence[int]) -> str:
    return f"{shape[-2]} × {shape[-1]}"
