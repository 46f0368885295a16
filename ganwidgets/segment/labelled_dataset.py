"""A torch data set of (image, mask) items, as labelled images."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganwidgets.segment.labelled import check_labelled
from ganwidgets.segment.masks import as_images, on_size, resized, size_pair

LOOKED_AT = 4096
"""Items that a fingerprint is made of, at most; a larger data set may be too much to read twice."""


class LabelledDataset:
    """Items (image, mask) of anything with `__len__` and `__getitem__`, such as torchvision's segmentation data sets.

    An image is a tensor (channel height width), an array (height width channel), or a PIL picture; a mask the same
    without channels, or one number for the whole image. Everything is squashed to one size.

    Args:
        dataset: the items.
        concepts: names of the numbers 1, 2, … of the masks.
        size: of images and masks, a side or (height, width); None takes the first image's.
        value_range: lowest and highest value of float images; those of 8 bits are known.
        ignored: number of a mask that means "nobody labelled this"; 255 does only where it has no name.
        categories: group of each concept; all "object" by default.
        name: what results call the data.
        version: text that changes when the items do, for data sets of more than 4,096: results are kept under it.

    Raises:
        ValueError, TypeError: items of another kind, or names that do not fit.
    """

    slots = ("object",)

    def __init__(
        self,
        dataset: Any,
        concepts: Sequence[str],
        *,
        size: int | tuple[int, int] | None = None,
        value_range: tuple[float | int, float | int] = (0.0, 1.0),
        ignored: int | None = 255,
        categories: Sequence[str] | None = None,
        name: str | None = None,
        version: str = "",
    ) -> None:
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise TypeError(f"`dataset` must have a length and items by number, got {type(dataset).__name__}")
        self.dataset, self.concepts, self.value_range = dataset, tuple(concepts), value_range
        self.ignored = None if ignored == 255 and len(self.concepts) >= 255 else ignored
        self.categories = ("object",) * len(self.concepts) if categories is None else tuple(categories)
        self.name, self.version, self._fingerprint = name or type(dataset).__name__, version, None
        self.image_shape = (3, 1, 1)
        check_labelled(self)
        image = self._image(self._item(0)[0], 0)
        self.image_shape = (image.shape[1], *(image.shape[2:] if size is None else size_pair("size", size)))
        check_labelled(self)

    def __len__(self) -> int:
        return len(self.dataset)

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations.

        Raises:
            ValueError, TypeError: an item of another kind, or with a number that names no concept.
        """
        images, segs = [], []
        for number in numbers:
            image, mask = self._item(int(number))
            images.append(resized(self._image(image, number), self.image_shape[1:]))
            segs.append(self._seg(mask, number))
        return torch.cat(images), torch.stack(segs)

    def fingerprint(self) -> str:
        """SHA-256 of names, length and all items; of more than 4,096, of so many, spread evenly: give `version` then.

        It is asked for only where results are kept, and read once.
        """
        if self._fingerprint is None:
            self._fingerprint = self._hashed()
        return self._fingerprint

    def _hashed(self) -> str:
        digest = hashlib.sha256(
            repr((self.concepts, self.categories, self.image_shape, len(self), self.version)).encode()
        )
        for number in np.unique(np.linspace(0, len(self) - 1, LOOKED_AT).astype(int)):
            for tensor in self.batch([int(number)]):
                digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _item(self, number: int) -> tuple[Any, Any]:
        item = self.dataset[number]
        if not isinstance(item, tuple | list) or len(item) < 2:
            raise TypeError(f"`dataset` must give (image, mask) items, item {number} is a {type(item).__name__}")
        return item[0], item[1]

    def _image(self, image: Any, number: int) -> Tensor:
        """(1 channel height width) in [-1, 1]."""
        if isinstance(image, Image.Image):
            image = np.array(image.convert("RGB"))
        if isinstance(image, np.ndarray) and image.ndim == 3:
            image = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        if not isinstance(image, Tensor) or image.ndim != 3 or image.shape[0] not in (1, 3):
            shape = tuple(getattr(image, "shape", ()))
            raise TypeError(
                f"`dataset` must give images (1 or 3 channels, height, width), item {number} has "
                f"{type(image).__name__} {shape}"
            )
        if image.dtype == torch.uint8:
            return as_images(image.permute(1, 2, 0)[None].numpy())
        low, high = self.value_range
        image = (image.detach().float()[None] - low) * (2 / (high - low)) - 1
        if not bool((image.abs() <= 1.05).all()):
            raise ValueError(
                f"`value_range` must hold the values of all images, but item {number} goes beyond ({low}, {high}): "
                "give images before any normalisation"
            )
        return image.clamp(-1, 1)

    def _seg(self, mask: Any, number: int) -> Tensor:
        size, values = self.image_shape[1:], np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask)
        if values.dtype.kind not in "iu" or (values.ndim not in (0, 2) and values.shape[:1] != (1,)):
            raise TypeError(
                f"`dataset` must give masks of whole numbers (height width), or one number, item {number} has "
                f"{values.dtype} {values.shape}"
            )
        values = values.astype(np.int64)
        values = np.full(size, values) if values.ndim == 0 else values.reshape(values.shape[-2:])
        if self.ignored is not None:
            values = np.where(values == self.ignored, 0, values)
        if values.min() < 0 or values.max() > len(self.concepts):
            raise ValueError(
                f"`concepts` must name every number of the masks, but item {number} has {values.min()} to "
                f"{values.max()} and there are {len(self.concepts)} names"
            )
        return on_size(values[None], size, len(self.concepts))
