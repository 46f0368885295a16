"""Labelled images by the batch, fed to a network: activations beside what the data say of the pixels.

Images are squashed to the size the network takes, masks stay at their own: units and concepts are compared there, as
Network Dissection does. Images are taken in an order drawn from the seed, since data sets tend to be sorted, and the
first ones set the bins of all counts.
"""

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from ganwidgets.dissect.batches import (
    Batch,
    Pictures,
    batch_of,
    category_numbers,
    check_finite,
    check_layers,
    comparison_grid,
    halves,
    memory_ran_out,
)
from ganwidgets.dissect.gallery import thumbnail_stride
from ganwidgets.dissect.options import Options
from ganwidgets.models.devices import counting_device
from ganwidgets.models.protocol import Network
from ganwidgets.nn.images import to_uint8
from ganwidgets.segment.labelled import LabelledImages, check_labelled, checked_batch, seg_shape
from ganwidgets.segment.masks import resized
from ganwidgets.segment.preparation import enlarging

_LUMA = (0.299, 0.587, 0.114)


class LabelledBatches:
    """Makes batches of labelled images.

    Args:
        network: is fed the images; it has an `image_shape`.
        data: images, and the concepts of their pixels.
        options: of the dissection.

    Attributes:
        grid: (height, width) at which units and concepts are compared.
        category_of: number of each concept's category.
        notes: what had to be done differently.

    Raises:
        ValueError: no such layer, or one without maps; more images asked for than there are, a truncation, or channels
            that cannot be made the network's.
        TypeError: a network that is not fed images.
    """

    def __init__(self, network: Network, data: LabelledImages, options: Options) -> None:
        check_labelled(data)
        check_fed_images(network)
        check_layers(network, options.layers)
        self.network, self.data, self.options = network, data, options
        self.notes: list[str] = enlarging(getattr(data, "segmenter", None), *data.image_shape[1:])
        if options.truncation is not None:
            raise ValueError("`truncation` must be left out: labelled images have no latents")
        self._check_number()
        if {network.image_shape[0], data.image_shape[0]} - {1, 3} and network.image_shape[0] != data.image_shape[0]:
            raise ValueError(
                f"`data` must have images of {network.image_shape[0]} channels, as {network.name} takes, got "
                f"{data.image_shape[0]}"
            )
        self._device = counting_device(network.device)
        self.category_of = category_numbers(data.categories, self._device)
        self.grid, self._places = comparison_grid(seg_shape(data), options.grid, self._device)

    @torch.no_grad()
    def at(self, first: int, search: bool = False) -> tuple[Batch, Pictures]:
        """The batch that begins with image `first` of the sample, or of the other one, on which thresholds are sought.

        Raises:
            ValueError: an image or activation that is not finite, or a segmentation that is not usable.
            TypeError: data of another kind.
        """
        numbers = self._numbers(search)[first : first + self.options.batch]
        images, seg = checked_batch(self.data, numbers.tolist())
        acts = self._acts(fitted(images, self.network.image_shape))
        for name, maps in acts.items():
            check_finite(name, maps)
        acts = {name: maps.to(self._device) for name, maps in acts.items()}
        batch = batch_of(first, acts, seg.to(self._device), self.grid, self._places, len(self.data.concepts))
        return batch, self._pictures(images, seg)

    def _check_number(self) -> None:
        options, n = self.options, len(self.data)
        if options.rule == "iqr" and 2 * options.n > n:
            raise ValueError(
                f"`n` must be at most {n // 2} under the rule 'iqr', which chooses thresholds on as many other images "
                f"of the {n} in {self.data.name!r}; got {options.n}"
            )
        if options.n > n:
            raise ValueError(f"`n` must be at most {n}, the images of {self.data.name!r}, got {options.n}")

    def _numbers(self, search: bool) -> Int[np.ndarray, " image"]:
        n = self.options.n
        return self._order[n : 2 * n] if search else self._order[:n]

    @cached_property
    def _order(self) -> Int[np.ndarray, " image"]:
        return np.random.RandomState(self.options.seed).permutation(len(self.data))

    def _acts(self, images: Tensor) -> dict[str, Tensor]:
        """One forward pass; in halves, and those in halves, when memory runs out."""
        try:
            return self.network.acts(images, list(self.options.layers))
        except (RuntimeError, MemoryError) as error:
            if len(images) == 1 or not memory_ran_out(error):
                raise
        parts = [self._acts(half) for half in halves(images, "forward pass", self.notes)]
        return {name: torch.cat([part[name] for part in parts]) for name in self.options.layers}

    def _pictures(self, images: Tensor, seg: Integer[Tensor, "batch slot height width"]) -> Pictures:
        stride = thumbnail_stride(*images.shape[2:])
        small = images[..., ::stride, ::stride]
        rows, columns = (
            ((torch.arange(new) + 0.5) * (old / new)).long()
            for old, new in zip(seg.shape[2:], small.shape[2:], strict=True)
        )
        seg = seg[..., rows[:, None], columns].to(torch.int16 if len(self.data.concepts) > 255 else torch.uint8)
        return Pictures(to_uint8(small), seg.cpu().numpy())


def check_fed_images(network: Network) -> None:
    """Refuse a network that does not take images.

    Raises:
        TypeError: it draws its own images, or does not say which it takes.
    """
    if hasattr(network, "sample_z"):
        raise TypeError(
            f"`network` must take images to be dissected with labelled ones, but {network.name} is a generator and "
            "draws its own: give it a segmenter"
        )
    if not hasattr(network, "image_shape"):
        raise TypeError(f"`network` must have an `image_shape`, (channels, height, width), but {network.name} has none")


def fitted(
    images: Float[Tensor, "batch channel height width"], shape: tuple[int, int, int]
) -> Float[Tensor, "batch new_channel new_height new_width"]:
    """Images as a network takes them: squashed to its size, grey made RGB or RGB grey."""
    if images.shape[1] == 1 and shape[0] == 3:
        images = images.expand(-1, 3, -1, -1)
    elif images.shape[1] == 3 and shape[0] == 1:
        images = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    return resized(images, shape[1:])
