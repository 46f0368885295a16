"""The bundled world as labelled images: scenes drawn when they are asked for, every pixel named exactly."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganwidgets.models.latents import whole_number
from ganwidgets.scenes import draw
from ganwidgets.segment.masks import as_images, on_size, resized, size_pair

Pair = tuple[np.ndarray, np.ndarray]


class DrawnScenes:
    """Scenes of the bundled world with their labels.

    Args:
        n: number of scenes.
        seed: of the world.
        size: of images and masks, a side or (height, width); scenes are drawn at 64 × 64.
    """

    concepts, categories, slots = draw.CONCEPTS, draw.CATEGORIES, ("object", "part")

    def __init__(self, n: int = 1000, seed: int = 0, *, size: int | tuple[int, int] = draw.SIZE) -> None:
        self.n, self.seed = whole_number("n", n, 1), whole_number("seed", seed, 0)
        self.name = "drawn scenes"
        self.image_shape = (3, *size_pair("size", size))

    def __len__(self) -> int:
        return self.n

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations."""
        return as_tensors([scene(self.seed, int(number)) for number in numbers], self.image_shape, len(self.concepts))

    def fingerprint(self) -> str:
        """SHA-256 of the program that draws, and of the choices made here."""
        return hashlib.sha256(repr((drawing(), self.n, self.seed, self.image_shape)).encode()).hexdigest()


def scene(seed: int, number: int) -> Pair:
    """Picture (height width rgb) and labels (slot height width) of a scene of the bundled world."""
    drawn = draw.draw(seed, number)
    return drawn.image, drawn.seg


def drawing() -> str:
    """SHA-256 of the program that draws the scenes."""
    return hashlib.sha256(Path(draw.__file__).read_bytes()).hexdigest()


def as_tensors(pairs: Sequence[Pair], image_shape: tuple[int, int, int], n_concepts: int) -> tuple[Tensor, Tensor]:
    """Pictures and labels as labelled images give them, at this size."""
    size = image_shape[1:]
    images = as_images(np.stack([picture for picture, _ in pairs]))
    return resized(images, size), torch.stack([on_size(seg, size, n_concepts) for _, seg in pairs])
