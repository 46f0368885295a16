"""Colour as a concept: one of eleven basic names for every pixel, in a slot beside what a data set says.

Early layers of a network see colours before they see things, so labels that name things only call them nameless.
Broden has such a category, made with a table learnt from photos; here the name is that of the nearest of a few
prototypes in CIE Lab, which a reader can check by eye. The eleven names are those of Berlin and Kay (1969).
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Num, UInt8
from torch import Tensor

from ganwidgets.segment.labelled import LabelledImages, check_labelled, seg_shape
from ganwidgets.segment.masks import resized

PROTOTYPES = {
    "black": ((0, 0, 0), (35, 35, 40)),
    "blue": ((30, 70, 200), (70, 140, 225), (20, 30, 110), (120, 170, 230), (60, 84, 116)),
    "brown": ((110, 70, 35), (75, 45, 25), (150, 105, 65)),
    "grey": ((85, 85, 85), (128, 128, 128), (170, 170, 170), (205, 205, 205)),
    "green": ((40, 140, 50), (90, 165, 65), (20, 85, 40), (150, 200, 110)),
    "orange": ((240, 130, 30), (220, 100, 40)),
    "pink": ((240, 150, 180), (250, 195, 205), (225, 80, 140)),
    "purple": ((120, 50, 150), (90, 60, 130), (170, 120, 200)),
    "red": ((200, 30, 30), (140, 20, 30), (225, 70, 60)),
    "white": ((255, 255, 255), (232, 232, 236)),
    "yellow": ((240, 215, 50), (250, 235, 140), (205, 175, 40)),
}
"""Shades that stand for each name, sRGB."""

_WHITE = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_STEP = 8  # colours are named in bins of 8 levels a channel, as in Broden


def lab(rgb: Num[np.ndarray, "*any rgb"]) -> Float[np.ndarray, "*any lab"]:
    """CIE Lab of sRGB colours from 0 to 255."""
    share = np.asarray(rgb, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


@lru_cache(maxsize=1)
def _table() -> UInt8[Tensor, "red green blue"]:
    """Number of the name, from 1 on, of each bin."""
    middles = np.arange(0, 256, _STEP) + _STEP // 2
    cube = lab(np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), -1))
    shades = [(number, shade) for number, own in enumerate(PROTOTYPES.values(), 1) for shade in own]
    points = lab(np.array([shade for _, shade in shades], float))
    nearest = ((cube[..., None, :] - points) ** 2).sum(-1).argmin(-1)
    return torch.from_numpy(np.array([number for number, _ in shades], np.uint8)[nearest])


def colour_names(images: Float[Tensor, "batch channel height width"]) -> UInt8[Tensor, "batch height width"]:
    """Number of each pixel's colour, 1 for the first of `PROTOTYPES`; images in [-1, 1], grey or RGB."""
    levels = ((images.expand(-1, 3, -1, -1).clamp(-1, 1) + 1) * 127.5).round().long() // _STEP
    return _table().to(images.device)[tuple(levels.unbind(1))]


class WithColours:
    """Labelled images with one more slot, "color": the name of every pixel's colour.

    Args:
        data: labelled images; a concept of theirs that is called like a colour keeps its name, the colour becomes
            "red color".
    """

    def __init__(self, data: LabelledImages) -> None:
        check_labelled(data)
        self.data, self.name, self.image_shape = data, data.name, tuple(data.image_shape)
        names = [f"{name} color" if name in data.concepts else name for name in PROTOTYPES]
        self.concepts = (*data.concepts, *names)
        self.categories = (*data.categories, *("color",) * len(names))
        self.slots = (*data.slots, "color")
        self.seg_shape = seg_shape(data)

    def __len__(self) -> int:
        return len(self.data)

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations."""
        images, seg = self.data.batch(numbers)
        kind = seg.dtype if len(self.concepts) < 256 or seg.dtype != torch.uint8 else torch.int16
        colours = colour_names(resized(images, self.seg_shape)).to(kind) + len(self.data.concepts)
        return images, torch.cat([seg.to(kind), colours[:, None]], 1)

    def fingerprint(self) -> str:
        """SHA-256 of the data's own and of the prototypes."""
        return hashlib.sha256(repr((self.data.fingerprint(), PROTOTYPES)).encode()).hexdigest()
