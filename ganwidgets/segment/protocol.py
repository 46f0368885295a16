"""What a segmenter is: anything that names the pixels of images.

The rest of the package asks a segmenter for one thing, `seg = segmenter(images)`: whole numbers (batch slot height
width), where number i means `concepts[i - 1]` and 0 means that nothing was recognised. Slots let one pixel carry
several names at once, an object and one of its parts. `check_segmenter_attributes` judges the object before it is
used, `validate_segmentation` judges every answer it gives.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch import Tensor

DTYPES = (torch.uint8, torch.int16, torch.int32, torch.int64)
"""Types a segmentation may have; uint8 is the smallest and therefore the fastest to count."""


@runtime_checkable
class Segmenter(Protocol):
    """Names pixels; any object with these members is one, no base class is needed.

    A segmenter may also have `scores(images)`, a differentiable `Float[Tensor, "batch concept height width"]` with
    the probability of every concept, and `fingerprint()`, text that changes when its answers may change (results
    are cached under it).
    """

    name: str
    concepts: tuple[str, ...]
    categories: tuple[str, ...]
    slots: tuple[str, ...]

    def __call__(self, images: Float[Tensor, "batch rgb height width"]) -> Integer[Tensor, "batch slot height width"]:
        """Segmentation of images in [-1, 1], at the images' own size."""
        ...


def check_segmenter_attributes(segmenter: object) -> None:
    """Refuse an object that cannot be a segmenter, before anything is computed with it.

    Raises:
        TypeError: it cannot be called, or lacks `name`, `concepts`, `categories` or `slots`.
        ValueError: there is no concept, one is named twice, or not every concept has a category.
    """
    missing = [name for name in ("name", "concepts", "categories", "slots") if not hasattr(segmenter, name)]
    if missing or not callable(segmenter):
        lacks = [*missing] + ([] if callable(segmenter) else ["__call__(images)"])
        raise TypeError(
            f"`segmenter` must have name, concepts, categories, slots and __call__(images) -> seg; "
            f"{type(segmenter).__name__} lacks {', '.join(lacks)}. ganwidgets.segment.load('scenes') is an example"
        )
    check_concepts(segmenter, "segmenter")


def check_concepts(source: object, called: str) -> None:
    """Refuse names that cannot be told apart, or a concept without a category.

    Args:
        source: what has `concepts`, `categories` and `slots`.
        called: how errors call it.

    Raises:
        ValueError: there is no concept, one is named twice, or not every concept has a category.
    """
    concepts, categories = list(source.concepts), list(source.categories)
    if not concepts or len(set(concepts)) < len(concepts):
        twice = sorted({c for c in concepts if concepts.count(c) > 1})
        received = f"twice: {twice}" if twice else "none"
        raise ValueError(f"`{called}.concepts` must name at least one concept, each once; got {received}")
    if len(categories) != len(concepts):
        raise ValueError(
            f"`{called}.categories` must give one category for each of the {len(concepts)} concepts, "
            f"got {len(categories)}"
        )
    if not list(source.slots):
        raise ValueError(
            f'`{called}.slots` must name at least one slot, got none; use slots=("object",) for plain masks'
        )


def validate_segmentation(seg: object, images: Tensor, segmenter: Segmenter) -> Tensor:
    """The segmentation itself, once it is known to be a usable answer for these images.

    Raises:
        TypeError: it is not a tensor, or its numbers are not whole (uint8, int16, int32, int64).
        ValueError: it has the wrong shape, or a number that names no concept.
    """
    who = f"the segmenter {segmenter.name!r}"
    if not isinstance(seg, Tensor):
        raise TypeError(
            f"`seg` must be a torch tensor (batch slot height width), {who} returned {type(seg).__name__}; "
            f"wrap its answer in torch.as_tensor"
        )
    if seg.dtype not in DTYPES:
        raise TypeError(
            f"`seg` must hold whole numbers (uint8, int16, int32 or int64), {who} returned {seg.dtype}; "
            f"take argmax of scores, or convert with .to(torch.uint8)"
        )
    expected = (len(images), len(segmenter.slots), *images.shape[2:])
    if tuple(seg.shape) != expected:
        raise ValueError(
            f"`seg` must have shape {expected} (batch slot height width) for images of shape {tuple(images.shape)}, "
            f"{who} returned {tuple(seg.shape)}; it must answer at the images' own size, one map for each of the "
            f"slots {tuple(segmenter.slots)}"
        )
    if seg.numel():
        low, high = (int(v) for v in seg.aminmax())
        if low < 0 or high > len(segmenter.concepts):
            wrong = low if low < 0 else high
            raise ValueError(
                f"`seg` must hold numbers from 0 (nothing) to {len(segmenter.concepts)} (the number of "
                f"`segmenter.concepts`), {who} returned {wrong}; add the missing concept names or map such pixels to 0"
            )
    return seg
