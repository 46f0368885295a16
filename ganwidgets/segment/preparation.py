"""What is done to images before a network sees them: `Preparation`, in torch and differentiable.

Processors of models work on whole numbers from 0 to 255 with PIL. Here the same steps run on tensors in [-1, 1]: resize
(antialiased, as theirs), normalise, swap the order of colours. Results differ from theirs by their rounding to whole
numbers after resizing, and by nothing when nothing is resized.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

MUCH = 4
"""Images that are enlarged by more than this are worth a note: the time grows with the square."""

RESAMPLES = ("nearest", "bilinear", "bicubic")


@dataclass(frozen=True)
class Preparation:
    """From images in [-1, 1] to what a network was trained on.

    Attributes:
        mean, std: of images in [0, 1], per channel.
        size: (height, width) squashes images to it; one number makes the shorter side that long; None leaves them.
        longest: the longer side is at most this [pixels], if given.
        divisor: sides are rounded up to a multiple of it.
        resample: "nearest", "bilinear" or "bicubic".
        bgr: the network wants blue first.
    """

    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    size: tuple[int, ...] | int | None = None
    longest: int | None = None
    divisor: int = 1
    resample: str = "bilinear"
    bgr: bool = False

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(f"`mean` and `std` must be 3 numbers, `std` above 0, got {self.mean} and {self.std}")
        if self.resample not in RESAMPLES:
            raise ValueError(f"`resample` must be one of {RESAMPLES}, got {self.resample!r}")
        sides = self.size if isinstance(self.size, tuple) else (self.size or 1,)
        if len(sides) > 2 or not all(isinstance(n, int) and n > 0 for n in (*sides, self.divisor, self.longest or 1)):
            raise ValueError(f"`size` must be pixels: one number, (height, width) or None, got {self.size!r}")

    def __call__(self, images: Shaped[Tensor, "batch channel height width"]) -> Float[Tensor, "batch rgb high wide"]:
        """Images as the network wants them."""
        images = as_rgb(images)
        size = self.input_size(*images.shape[2:])
        if size != tuple(images.shape[2:]):
            images = self._resized(images, size)
        mean, std = (torch.tensor(values, device=images.device)[:, None, None] for values in (self.mean, self.std))
        images = ((images + 1) / 2 - mean) / std
        return images.flip(1) if self.bgr else images

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) at which the network sees images of this size."""
        if isinstance(self.size, tuple):
            height, width = self.size
        elif self.size is not None:
            short, long = min(height, width), max(height, width)
            side, longer = self.size, int(self.size * long / short)
            if self.longest is not None and long / short * self.size > self.longest:
                side, longer = round(self.longest * short / long), self.longest
            height, width = (side, longer) if height <= width else (longer, side)
        return tuple(max(1, -(-side // self.divisor)) * self.divisor for side in (height, width))

    def _resized(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        if self.resample == "nearest":
            return F.interpolate(images, size, mode="nearest-exact")
        images = F.interpolate(images, size, mode=self.resample, align_corners=False, antialias=True)
        return images.clamp(-1, 1)  # bicubic overshoots


def as_rgb(images: Tensor) -> Float[Tensor, "batch rgb height width"]:
    """Grey images as RGB, without a fourth channel (alpha).

    Raises:
        ValueError: another shape, or whole numbers.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3, 4) or not images.is_floating_point():
        raise ValueError(
            f"`images` must be float in [-1, 1] of shape (batch, 1, 3 or 4 channels, height, width), "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    return images[:, :3].expand(-1, 3, -1, -1).float()


def enlarging(segmenter: object, height: int, width: int) -> list[str]:
    """A sentence if a segmenter enlarges images of this size very much, which is most of the time it takes."""
    preparation = getattr(segmenter, "preparation", None)
    if not isinstance(preparation, Preparation) or getattr(segmenter, "tile", None) is not None:
        return []
    rows, columns = preparation.input_size(height, width)
    if rows * columns <= (MUCH**2) * height * width:
        return []
    return [
        f"the segmenter {segmenter.name!r} enlarges images of {height} × {width} pixels to {rows} × {columns}, which "
        "is slow: a smaller `input_size` is faster, and less accurate"
    ]
