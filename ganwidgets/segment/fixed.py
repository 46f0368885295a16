"""Masks somebody already made, served as a segmenter.

A data set or an expensive model may have labelled a known set of generated images once. `FixedSegmentation` keeps
those images beside their masks and recognises each image it is asked about by looking, so batches may come in any
order and any size.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ganwidgets.segment.protocol import DTYPES, check_segmenter_attributes


class FixedSegmentation:
    """A segmenter that knows the answer for a fixed set of images and for no others.

    Args:
        images: the labelled images, uint8 (image height width channel) as read from a file.
        seg: their segmentation, whole numbers (image slot height width), 0 = nothing.
        concepts: name of each number, starting with number 1.
        categories: group of each concept; all "concept" by default.
        slots: name of each slot; numbered by default.
        name: how results call this segmenter.
        tolerance: largest mean difference, in [0, 255], at which an image still counts as the labelled one.

    Raises: ValueError or TypeError when these do not fit together.
    """

    def __init__(
        self,
        images: np.ndarray | Tensor,
        seg: np.ndarray | Tensor,
        concepts: Sequence[str],
        *,
        categories: Sequence[str] | None = None,
        slots: Sequence[str] | None = None,
        name: str = "fixed masks",
        tolerance: float = 3.0,
    ) -> None:
        known, answers = torch.as_tensor(images), torch.as_tensor(seg)
        if answers.dtype not in DTYPES:
            raise TypeError(f"`seg` must hold whole numbers, uint8 to int64, got {answers.dtype}")
        if known.dtype != torch.uint8 or known.ndim != 4 or answers.ndim != 4:
            raise ValueError(
                f"`images` must be uint8 (image height width channel) and `seg` (image slot height width), "
                f"got {known.dtype} {tuple(known.shape)} and {tuple(answers.shape)}"
            )
        if (len(known), *known.shape[1:3]) != (len(answers), *answers.shape[2:]):
            raise ValueError(
                f"`seg` must label every image at its own size: got images {tuple(known.shape)} "
                f"(image height width channel) and seg {tuple(answers.shape)} (image slot height width)"
            )
        self.name, self.concepts = name, tuple(concepts)
        self.categories = tuple(categories) if categories is not None else ("concept",) * len(self.concepts)
        self.slots = tuple(slots) if slots is not None else tuple(f"slot {i + 1}" for i in range(answers.shape[1]))
        check_segmenter_attributes(self)
        if answers.numel() and not 0 <= int(answers.min()) <= int(answers.max()) <= len(self.concepts):
            raise ValueError(
                f"`seg` must hold numbers from 0 to {len(self.concepts)}, one for each of `concepts`, "
                f"got {int(answers.min())} to {int(answers.max())}"
            )
        if len(self.slots) != answers.shape[1]:
            raise ValueError(f"`slots` must name the {answers.shape[1]} slots of `seg`, got {self.slots}")
        self.tolerance = tolerance
        self._seg, self._known = answers, known.permute(0, 3, 1, 2).flatten(1).float()  # (image channel*height*width)

    @classmethod
    def from_masks(
        cls,
        images: np.ndarray | Tensor,
        masks: np.ndarray,
        concepts: Sequence[str],
        **options: object,
    ) -> "FixedSegmentation":
        """One yes-or-no mask per concept (image concept height width); they may overlap, each gets its own slot."""
        numbers = np.arange(1, len(concepts) + 1, dtype=np.int16)[:, None, None]
        return cls(images, (masks > 0) * numbers, concepts, **{"slots": tuple(concepts)} | options)

    def __call__(
        self,
        images: Float[Tensor, "batch channel height width"],
    ) -> Integer[Tensor, "batch slot height width"]:
        """The stored segmentation of each image.

        Raises: ValueError when an image is not one of the labelled ones.
        """
        asked = ((images.detach().cpu().float() + 1) * 127.5).flatten(1)
        if asked.shape[1] != self._known.shape[1]:
            raise ValueError(
                f"`images` must have the size of the labelled images, {self._known.shape[1]} values each, "
                f"got {tuple(images.shape)}"
            )
        nearest = torch.cdist(asked, self._known).argmin(1)
        apart = (asked - self._known[nearest]).abs().mean(1)
        if (apart > self.tolerance).any():
            stranger = int(apart.argmax())
            raise ValueError(
                f"`images` must be among the {len(self._known)} labelled ones; image {stranger} of the batch differs "
                f"from the nearest by {float(apart[stranger]):.1f} of 255. Use the same generator, latents and size"
            )
        return self._seg[nearest].to(images.device)

    def fingerprint(self) -> str:
        """SHA-256 of the labelled images and their segmentation."""
        digest = hashlib.sha256(repr((self.concepts, self.slots, self._seg.dtype)).encode())
        for tensor in (self._known, self._seg):
            digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()
