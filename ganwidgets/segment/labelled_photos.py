"""A folder of photos, named pixel by pixel by a segmenter when they are asked for."""

import hashlib
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ganwidgets.nn.photo_folder import PhotoFolder, photo_folder
from ganwidgets.segment.labelled import is_labelled
from ganwidgets.segment.masks import size_pair
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation

REMEMBERED = 200 * 2**20
"""Bytes of segmentations kept: what is dissected twice (another layer, another rule) is segmented once."""


class SegmentedPhotos:
    """Photos of a folder, or images in memory, with a segmenter that names their pixels.

    Args:
        photos: a folder (files in it that cannot be read are left out), what `nn.photo_folder` gives for one, or images
            (image channel height width) in [-1, 1].
        segmenter: names the pixels.
        size: of the images, a side or (height, width), for a folder.
        fit: "crop" cuts the middle out, "letterbox" adds grey bars, "stretch" squashes, for a folder.
        name: what results call the data.

    Raises:
        NotADirectoryError: no such folder.
        ValueError, TypeError: no photo in it, not a segmenter, or no images.
    """

    def __init__(
        self,
        photos: Any,
        segmenter: Segmenter,
        *,
        size: int | tuple[int, int] = 224,
        fit: str = "crop",
        name: str | None = None,
    ) -> None:
        check_segmenter_attributes(segmenter)
        self.segmenter = segmenter
        self.concepts, self.categories = tuple(segmenter.concepts), tuple(segmenter.categories)
        self.slots = tuple(segmenter.slots)
        self.photos = _checked(photos, size_pair("size", size), fit)
        folder = isinstance(self.photos, PhotoFolder)
        self.image_shape = (3, *self.photos.size) if folder else tuple(self.photos.shape[1:])
        self.name = name or f"{self.photos.root.name if folder else 'photos'}, named by {segmenter.name}"
        self._known: dict[int, Tensor] = {}
        self._bytes, self._lock = 0, threading.Lock()

    def __len__(self) -> int:
        return len(self.photos)

    @torch.no_grad()
    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and what the segmenter says of them.

        Raises:
            ValueError: a damaged file, or an answer of the segmenter that is not usable.
        """
        numbers = [int(number) for number in numbers]
        images = torch.stack([self.photos[number] for number in numbers])
        with self._lock:
            found = {number: self._known[number] for number in numbers if number in self._known}
        new = [row for row, number in enumerate(numbers) if number not in found]
        if new:
            answer = validate_segmentation(self.segmenter(images[new]), images[new], self.segmenter).cpu()
            answers = {numbers[row]: seg.clone() for row, seg in zip(new, answer, strict=True)}
            self._remember(answers)
            found |= answers
        return images, torch.stack([found[number] for number in numbers])

    def _remember(self, answers: dict[int, Tensor]) -> None:
        """Keep what there is room for; the first ones stay, as every pass takes the photos in the same order."""
        with self._lock:
            for number, seg in answers.items():
                if number not in self._known and self._bytes + seg.nbytes <= REMEMBERED:
                    self._known[number] = seg
                    self._bytes += seg.nbytes

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def fingerprint(self) -> str:
        """SHA-256 of the photos, of how they are brought to size, and of the segmenter's own fingerprint.

        A segmenter without one is only known to be itself, in this process: such results are not cached.
        """
        told = getattr(self.segmenter, "fingerprint", lambda: _name_of(self.segmenter))()
        return hashlib.sha256(repr((self._fingerprint, self.image_shape, told)).encode()).hexdigest()

    @cached_property
    def _fingerprint(self) -> str:
        photos = self.photos
        if isinstance(photos, Tensor):
            return hashlib.sha256(photos.contiguous().numpy().tobytes()).hexdigest()
        digest = hashlib.sha256(repr((photos.fit, photos.background)).encode())
        for name in photos.names:
            digest.update(hashlib.sha256((photos.root / name).read_bytes()).digest())
        return digest.hexdigest()


_names: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def _name_of(segmenter: Segmenter) -> str:
    """A name that no other segmenter has or will have, as `id` may; another one each time if it cannot be kept."""
    with suppress(TypeError):  # it cannot be hashed or referred to
        return _names.setdefault(segmenter, uuid.uuid4().hex)
    return uuid.uuid4().hex


def _checked(photos: Any, size: tuple[int, int], fit: str) -> PhotoFolder | Tensor:
    if isinstance(photos, Tensor):
        shape = tuple(photos.shape)
        if len(shape) != 4 or shape[1] not in (1, 3) or not len(photos) or not photos.is_floating_point():
            raise ValueError(
                f"`photos` must be float images (image, 1 or 3 channels, height, width) in [-1, 1], got {photos.dtype} "
                f"{shape}"
            )
        return photos.detach().cpu()
    if isinstance(photos, str | Path):
        photos = photo_folder(photos, size, fit)
    if is_labelled(photos) or not isinstance(photos, PhotoFolder):
        raise TypeError(
            f"`photos` must be a folder, a photo_folder(...) or a tensor of images, got {type(photos).__name__}; "
            "labelled images need no segmenter"
        )
    if photos.size is None or not len(photos):
        why = "has no `size`" if len(photos) else f"holds no photo that can be read ({len(photos.skipped)} left out)"
        raise ValueError(f"`photos` must be photos of one size, but {photos.root.name!r} {why}")
    return photos
