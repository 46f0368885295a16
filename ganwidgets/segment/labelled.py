"""What a labelled data set is: images with the concepts of their pixels, given by numbers.

A segmenter names the pixels of any image; `LabelledImages` are images whose pixels somebody, or some rule, has named
already. A dissection asks them for one thing, `images, seg = data.batch(numbers)`. Whole numbers in `seg` mean what
they mean for a segmenter: i is `concepts[i - 1]`, 0 is nothing; slots let a pixel carry several concepts. A label of
the whole image (a scene, a texture) fills its slot. Masks may be smaller than the images (`seg_shape`): units and
concepts are compared at the size of the masks.

`LabelledArrays` serves what is in memory; other files of this folder serve folders, the Broden layout, torch data
sets, photos with a segmenter, and scenes that are drawn or composed.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.segment.protocol import DTYPES, check_concepts

Masks = np.ndarray | Tensor | Mapping[str, np.ndarray | Tensor]


@runtime_checkable
class LabelledImages(Protocol):
    """Images with the concepts of their pixels; any object with these members is one, no base class is needed.

    It may also have `seg_shape`, (height, width) of the masks, if that is not the images' own.
    """

    name: str
    concepts: tuple[str, ...]
    categories: tuple[str, ...]
    slots: tuple[str, ...]
    image_shape: tuple[int, int, int]

    def __len__(self) -> int:
        """Number of images."""
        ...

    def batch(
        self, numbers: Sequence[int]
    ) -> tuple[Float[Tensor, "batch channel height width"], Integer[Tensor, "batch slot seg_height seg_width"]]:
        """Images in [-1, 1], and the segmentation of each."""
        ...

    def fingerprint(self) -> str:
        """Text that changes when an image or a label may change: results are cached under it."""
        ...


_MEMBERS = ("name", "concepts", "categories", "slots", "image_shape", "__len__", "batch", "fingerprint")


def is_labelled(thing: object) -> bool:
    """Whether this is meant as labelled images (and not as a segmenter): it has images of its own."""
    return hasattr(thing, "batch") and hasattr(thing, "__len__")


def seg_shape(data: LabelledImages) -> tuple[int, int]:
    """(height, width) of the masks."""
    return tuple(getattr(data, "seg_shape", data.image_shape[1:]))


def check_labelled(data: object) -> None:
    """Refuse an object that cannot be labelled images, before anything is computed with it.

    Raises:
        TypeError: it lacks a member.
        ValueError: no image, no concept, one named twice, or not every concept has a category.
    """
    missing = [name for name in _MEMBERS if not hasattr(data, name)]
    if missing:
        raise TypeError(
            f"`data` must have {', '.join(_MEMBERS)}; {type(data).__name__} lacks {', '.join(missing)}. "
            "ganwidgets.segment.DrawnScenes() is an example"
        )
    check_concepts(data, "data")
    shape = tuple(data.image_shape)
    if len(shape) != 3 or min(shape) < 1 or shape[0] not in (1, 3):
        raise ValueError(f"`data.image_shape` must be (1 or 3 channels, height, width), got {shape}")
    if not len(data):
        raise ValueError(f"`data` must hold at least one image, but {data.name!r} has none")


def checked_batch(data: LabelledImages, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Images and segmentations of these numbers, once they are known to be usable.

    Raises:
        TypeError: not tensors, or a segmentation that is not of whole numbers.
        ValueError: other shapes, images out of range, or a number that names no concept.
    """
    images, seg = data.batch(numbers)
    who = f"`data` {data.name!r}"
    if not isinstance(images, Tensor) or not isinstance(seg, Tensor):
        raise TypeError(f"{who} must give two tensors, got {type(images).__name__} and {type(seg).__name__}")
    wanted = (len(numbers), *data.image_shape), (len(numbers), len(data.slots), *seg_shape(data))
    for name, found, shape in (("images", images, wanted[0]), ("seg", seg, wanted[1])):
        if tuple(found.shape) != shape:
            raise ValueError(f"{who} must give `{name}` of shape {shape}, got {tuple(found.shape)}")
    if not images.is_floating_point() or seg.dtype not in DTYPES:
        raise TypeError(f"{who} must give float images and whole numbers as seg, got {images.dtype} and {seg.dtype}")
    low, high = map(float, images.aminmax())
    if not (low >= -1.05 and high <= 1.05):
        raise ValueError(f"{who} must give images in [-1, 1], got values from {low:.3g} to {high:.3g}")
    low, high = map(int, seg.aminmax())
    if low < 0 or high > len(data.concepts):
        wrong = low if low < 0 else high
        raise ValueError(
            f"{who} must give numbers from 0 (nothing) to {len(data.concepts)} (the number of `concepts`), got {wrong}"
        )
    return images, seg


class LabelledArrays:
    """Labelled images that are in memory.

    Args:
        images: uint8 (image height width channel) as files are read, or float in [-1, 1] (image channel height width).
        masks: whole numbers (image height width), or (image slot height width); or by name of the slot, where
            (image,) is a label of whole images.
        concepts: name of each number, starting with number 1.
        categories: group of each concept; all "object" by default.
        slots: names of the slots, if `masks` does not name them.
        name: what results call the data.

    Raises:
        ValueError, TypeError: what does not fit together.
    """

    def __init__(
        self,
        images: np.ndarray | Tensor,
        masks: Masks,
        concepts: Sequence[str],
        *,
        categories: Sequence[str] | None = None,
        slots: Sequence[str] | None = None,
        name: str = "labelled images",
    ) -> None:
        self._images = _checked_images(torch.as_tensor(images))
        self._masks = _by_slot(masks, slots)
        self.name, self.concepts = name, tuple(concepts)
        self.categories = ("object",) * len(self.concepts) if categories is None else tuple(categories)
        self.slots = tuple(self._masks)
        shape = tuple(self._images.shape[1:])
        self.image_shape = (shape[2], *shape[:2]) if self._images.dtype == torch.uint8 else shape
        sizes = {tuple(mask.shape[1:]) for mask in self._masks.values() if mask.ndim == 3}
        if len(sizes) > 1:
            raise ValueError(f"`masks` must be of one size, got {sorted(sizes)}")
        self.seg_shape = next(iter(sizes), self.image_shape[1:])
        self._check()

    def __len__(self) -> int:
        return len(self._images)

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations."""
        rows = torch.as_tensor(list(numbers), dtype=torch.int64)
        images = self._images[rows]
        if images.dtype == torch.uint8:
            images = images.permute(0, 3, 1, 2).float() / 127.5 - 1
        masks = [m[rows] if m.ndim == 3 else m[rows][:, None, None] for m in self._masks.values()]
        return images.float(), torch.stack([mask.expand(-1, *self.seg_shape) for mask in masks], 1)

    def fingerprint(self) -> str:
        """SHA-256 of images, masks and names."""
        digest = hashlib.sha256(repr((self.concepts, self.categories, self.slots, self._images.dtype)).encode())
        for tensor in (self._images, *self._masks.values()):
            digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode() + tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _check(self) -> None:
        check_labelled(self)
        for slot, mask in self._masks.items():
            if mask.ndim not in (1, 3) or len(mask) != len(self._images):
                raise ValueError(
                    f"`masks` must hold one mask (height width) or one number for each of the {len(self)} images, "
                    f"got shape {tuple(mask.shape)} for {slot!r}"
                )
            low, high = map(int, mask.aminmax())
            if low < 0 or high > len(self.concepts):
                raise ValueError(
                    f"`masks` must hold numbers from 0 to {len(self.concepts)}, one for each of `concepts`, got {low} "
                    f"to {high} in {slot!r}"
                )


def _checked_images(images: Tensor) -> Tensor:
    images = images.detach().cpu()
    if images.ndim != 4 or not (images.dtype == torch.uint8 or images.is_floating_point()):
        raise ValueError(
            "`images` must be uint8 (image height width channel) or float in [-1, 1] (image channel height width), "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    if images.is_floating_point() and images.numel():
        low, high = map(float, images.aminmax())
        if not (low >= -1.05 and high <= 1.05):
            raise ValueError(f"`images` must lie in [-1, 1], got values from {low:.3g} to {high:.3g}")
    return images


def _by_slot(masks: Masks, slots: Sequence[str] | None) -> dict[str, Tensor]:
    """One mask of all images by the name of its slot."""
    if isinstance(masks, Mapping):
        if slots is not None:
            raise ValueError("give `slots`, or `masks` by the name of the slot, not both")
        named = {str(name): torch.as_tensor(mask).cpu() for name, mask in masks.items()}
    else:
        given = torch.as_tensor(masks).cpu()
        parts = list(given.unbind(1)) if given.ndim == 4 else [given]
        names = [f"slot {i + 1}" for i in range(len(parts))] if slots is None else list(slots)
        if len(set(names)) != len(parts) or len(names) != len(parts):
            raise ValueError(f"`slots` must name the {len(parts)} slots of `masks`, each once, got {names}")
        named = dict(zip(names, parts, strict=True))
    for name, mask in named.items():
        if mask.dtype not in DTYPES:
            raise TypeError(f"`masks` must hold whole numbers, uint8 to int64, got {mask.dtype} for {name!r}")
    if len({mask.dtype for mask in named.values()}) > 1:
        named = {name: mask.long() for name, mask in named.items()}
    return named
