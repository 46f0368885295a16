"""Networks that are fed images: how they take them, and `ImageNetwork`, which makes one of any such module.

Images are those of the rest of the package, in [-1, 1]; how a network wants them normalised is said once, with
`normalise`. A classifier is such a network whose scores are known (`classifiers.py`); an `ImageNetwork` may give
anything: features, a segmentation, a code. Its layers can be read, edited and dissected all the same.
"""

import hashlib
from collections.abc import Sequence
from operator import index
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.chains import as_chain
from ganwidgets.models.devices import OnDevice
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import Network
from ganwidgets.models.wrappers import unwrap

NORMALISATIONS = {
    "unit": ((0.0,), (1.0,)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Named (mean, standard deviation) of images in [0, 1], per channel; "unit" leaves them in [0, 1]."""

Normalisation = tuple[tuple[float, ...], ...]


class ImageNetwork(OnDevice, Network):
    """Any torch module that takes images, whatever it makes of them.

    Args:
        module: the module, in train or eval mode; it is always run in eval mode.
        image_shape: (channels, height, width), or one number for square RGB images.
        name: what reports call it.
        normalise: what the module wants: None, images in [-1, 1]; "unit", in [0, 1]; "imagenet"; or (mean, standard
            deviation) of images in [0, 1], a number or one a channel.

    Raises:
        ValueError: the module does not take such images.
    """

    def __init__(
        self,
        module: nn.Module,
        image_shape: Sequence[SupportsIndex] | SupportsIndex,
        name: str | None = None,
        normalise: str | tuple | None = None,
    ) -> None:
        self.image_shape = checked_shape(square(image_shape))
        self.normalise = checked_normalisation(normalise, self.image_shape[0])
        images = noise_images(self.image_shape)
        module = unwrap(module)
        try:
            super().__init__(as_chain(module, images), images, name or type(module).__name__)
        except Exception as error:  # whatever a stranger's module may raise
            raise ValueError(
                f"`module` must take images of shape {tuple(images.shape)}, but failed: {error}. "
                "Give `image_shape`, (channels, height, width) of one image, if another is meant."
            ) from error

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of how images are normalised: the same on every device."""
        return hashlib.sha256(f"{super().fingerprint} {self.image_shape} {self.normalise}".encode()).hexdigest()

    def _prepared(self, inputs: Inputs) -> Inputs:
        return super()._prepared(checked_images(inputs, self.image_shape) if isinstance(inputs, Tensor) else inputs)

    def _call(self, inputs: Inputs) -> Any:
        return super()._call(inputs if self.normalise is None else normalised(inputs, self.normalise))


def checked_images(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images (batch, *shape) as floats in [-1, 1]; 8-bit ones are made so.

    Raises:
        ValueError: images of another shape or range.
        TypeError: whole numbers that are not 8-bit.
    """
    if tuple(images.shape[1:]) != shape:
        raise ValueError(_other_shape(images, shape))
    if images.dtype == torch.uint8:
        images = images.float() / 127.5 - 1
    check_range(images)
    return images


def normalised(images: Float[Tensor, "batch channel height width"], by: Normalisation) -> Tensor:
    """Images in [-1, 1] as a module wants them: brought to [0, 1], less the mean, over the standard deviation."""
    mean, deviation = (torch.tensor(part).to(images)[:, None, None] for part in by)
    return ((images + 1) / 2 - mean) / deviation


def _other_shape(images: Tensor, wanted: tuple[int, int, int]) -> str:
    channels, height, width = wanted
    shape = tuple(images.shape)
    hint = "images[None] makes a batch of one" if shape == wanted else "resize or crop them first"
    if shape[1:] == (height, width, channels):
        hint = "permute(0, 3, 1, 2) brings the channels to the front"
    return f"`images` must be (n, {channels}, {height}, {width}), got {shape}; {hint}"


def noise_images(shape: tuple[int, int, int]) -> Tensor:
    """Two images of noise in [-1, 1]."""
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


def checked_shape(given: Sequence[SupportsIndex]) -> tuple[int, int, int]:
    """(channels, height, width), once it is known to be one.

    Raises:
        ValueError: it is not.
    """
    try:
        shape = tuple(map(index, given))
    except TypeError:
        shape = ()
    if len(shape) != 3 or min(shape) < 1 or shape[0] not in (1, 3, 4):
        raise ValueError(f"`image_shape` must be (1, 3 or 4 channels, height, width), got {given!r}")
    return shape


def square(given: Sequence[SupportsIndex] | SupportsIndex) -> Sequence[SupportsIndex]:
    """The shape of a square RGB image, if one number was given for its side."""
    try:
        side = index(given)
    except TypeError:
        return given
    return 3, side, side


def checked_normalisation(given: str | tuple | None, channels: int) -> Normalisation | None:
    """Mean and standard deviation, one a channel; None stays.

    Raises:
        ValueError: it is neither.
    """
    if given is None:
        return None
    if isinstance(given, str) and given in NORMALISATIONS:
        given = NORMALISATIONS[given]
    try:
        mean, deviation = (torch.as_tensor(part, dtype=torch.float32).reshape(-1) for part in given)
        mean, deviation = mean.expand(channels), deviation.expand(channels)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f"`normalise` must be None, one of {list(NORMALISATIONS)}, or (mean, standard deviation) with one number "
            f"or {channels}, got {given!r}"
        ) from None
    if not bool((deviation > 0).all() and mean.isfinite().all() and deviation.isfinite().all()):
        raise ValueError(f"`normalise` must have finite means and positive standard deviations, got {given!r}")
    return tuple(mean.tolist()), tuple(deviation.tolist())


def check_range(images: Tensor) -> None:
    """Refuse images that are not in [-1, 1], or not of floats."""
    if not images.is_floating_point():
        raise TypeError(f"`images` must be floats in [-1, 1] or uint8, got {images.dtype}")
    if not images.numel():
        return
    low, high = map(float, images.detach().aminmax())
    if not (low >= -1.05 and high <= 1.05):
        raise ValueError(
            f"`images` must lie in [-1, 1], got values from {low:.3g} to {high:.3g}: give them before any "
            "normalisation (which is said with `normalise`), 8-bit ones as uint8"
        )
