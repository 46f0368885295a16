"""A generator's images by the batch, with all that a dissection counts: one forward pass and one segmentation each.

`labelled_batches.py` has the same for networks that are fed images whose pixels are named already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from ganwidgets.dissect.gallery import thumbnail_stride
from ganwidgets.dissect.options import Options
from ganwidgets.dissect.run_state import joined, part_of
from ganwidgets.models.devices import counting_device
from ganwidgets.models.generator import Generator
from ganwidgets.models.protocol import Network
from ganwidgets.nn.images import to_uint8
from ganwidgets.nn.stats import State
from ganwidgets.segment.preparation import enlarging
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation


@dataclass(frozen=True, eq=False)
class Batch:
    """What is counted of a batch of images.

    Attributes:
        first: number of the first image.
        acts: activations by layer.
        seg: concepts on the grid, its places in one row; no concept stands twice at a place.
        concepts: pixels of each concept in each image.
    """

    first: int
    acts: dict[str, Float[Tensor, "batch unit height width"]]
    seg: Integer[Tensor, "batch slot place"]
    concepts: Integer[Tensor, "batch concept"]

    def __len__(self) -> int:
        return len(self.seg)

    def state(self) -> State:
        """Everything, as tensors."""
        acts = {f"acts.{number}": acts for number, acts in enumerate(self.acts.values())}
        return {"first": torch.tensor(self.first), "seg": self.seg, "concepts": self.concepts.contiguous()} | acts

    @classmethod
    def from_state(cls, state: State, layers: Sequence[str]) -> "Batch":
        """The batch whose `state` this was."""
        acts = {name: state[f"acts.{number}"] for number, name in enumerate(layers)}
        return cls(int(state["first"]), acts, state["seg"], state["concepts"])


class Pictures(NamedTuple):
    """What is shown of a batch of images: thumbnails, and segmentations of the same size."""

    images: UInt8[np.ndarray, "batch height width rgb"]
    segs: Integer[np.ndarray, "batch slot height width"]


class Batches:
    """Makes batches of a generator's images.

    Args:
        network: the generator.
        segmenter: names the pixels of its images.
        options: of the dissection.

    Attributes:
        grid: (height, width) at which units and concepts are compared.
        category_of: number of each concept's category.
        notes: what had to be done differently.

    Raises:
        ValueError: no such layer, or one without maps.
    """

    def __init__(self, network: Generator, segmenter: Segmenter, options: Options) -> None:
        check_segmenter_attributes(segmenter)
        check_layers(network, options.layers)
        network.sample_z(1, options.seed, options.truncation)  # refuses now what it would refuse later
        self.network, self.segmenter, self.options = network, segmenter, options
        self.notes: list[str] = enlarging(segmenter, *network.image_shape[1:])
        self._device = counting_device(network.device)
        self.category_of = category_numbers(segmenter.categories, self._device)
        self.grid, self._places = comparison_grid(network.image_shape[1:], options.grid, self._device)
        self._all_latents = lru_cache(maxsize=1)(self.latents)

    def at(self, first: int, search: bool = False) -> tuple[Batch, Pictures]:
        """The batch that begins with image `first` of the sample, or of the other one, on which thresholds are sought.

        Raises:
            ValueError: an image or activation that is not finite, or a segmentation that is not usable.
            TypeError: the segmenter's answer is not a tensor of whole numbers.
        """
        z = self._all_latents(self.options.seed + search)
        return self.of(z[first : first + self.options.batch], first)

    def latents(self, seed: int) -> Tensor:
        """All latents of a sample.

        Raises:
            ValueError: the generator's own sampler gives another number of them.
        """
        n = self.options.n
        z = self.network.sample_z(n, seed, self.options.truncation)
        if len(z) != n:
            raise ValueError(f"`n` must be at most {len(z)}, the latents that `sampler` of the generator gave; got {n}")
        return z

    @torch.no_grad()
    def of(self, z: Tensor, first: int) -> tuple[Batch, Pictures]:
        """The batch of these latents, the first of which is that of image `first`.

        Raises:
            ValueError: an image or activation that is not finite, or a segmentation that is not usable.
            TypeError: the segmenter's answer is not a tensor of whole numbers.
        """
        images, acts = self._forward(z)
        for name, maps in acts.items():
            check_finite(name, maps)
        seg = self._segment(images).to(self._device)
        acts = {name: maps.to(self._device) for name, maps in acts.items()}
        batch = batch_of(first, acts, seg, self.grid, self._places, len(self.segmenter.concepts))
        stride = thumbnail_stride(*images.shape[2:])
        segs = seg[..., ::stride, ::stride].to(torch.int16 if len(self.segmenter.concepts) > 255 else torch.uint8)
        return batch, Pictures(to_uint8(images[..., ::stride, ::stride]), segs.cpu().numpy())

    def _forward(self, z: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """One forward pass; in halves, and those in halves, when memory runs out."""
        try:
            return self.network.read(z, list(self.options.layers))
        except (RuntimeError, MemoryError) as error:
            if len(z) == 1 or not memory_ran_out(error):
                raise
        parts = [self._forward(half) for half in self._halves(z, "forward pass")]
        acts = {name: torch.cat([part[1][name] for part in parts]) for name in self.options.layers}
        return torch.cat([part[0] for part in parts]), acts

    def _segment(self, images: Tensor) -> Tensor:
        """One segmentation; in halves, and those in halves, when memory runs out."""
        try:
            return validate_segmentation(self.segmenter(images), images, self.segmenter)
        except (RuntimeError, MemoryError) as error:
            if len(images) == 1 or not memory_ran_out(error):
                raise
        return torch.cat([self._segment(half) for half in self._halves(images, "segmentation")])

    def _halves(self, whole: Tensor, what: str) -> tuple[Tensor, Tensor]:
        return halves(whole, what, self.notes)


def halves(whole: Tensor, what: str, notes: list[str]) -> tuple[Tensor, Tensor]:
    """What was too much for the memory, in two parts; a note says so once."""
    half = (len(whole) + 1) // 2
    note = f"memory ran out at {len(whole)} images in one {what}; they were done {half} at a time"
    if note not in notes:
        notes.append(note)
    return whole[:half], whole[half:]


def category_numbers(categories: Sequence[str], device: torch.device) -> Integer[Tensor, " concept"]:
    """Number of each concept's category, in the order in which they occur."""
    names = list(dict.fromkeys(categories))
    return torch.tensor([names.index(category) for category in categories], device=device)


def comparison_grid(
    sides: Sequence[int], most: int, device: torch.device
) -> tuple[tuple[int, int], tuple[Integer[Tensor, " row"], Integer[Tensor, " column"]]]:
    """The size at which units and concepts are compared, of at most so many pixels a side, and the pixels taken.

    These lie at the centres of the grid's cells, which is where maps are upsampled to.
    """
    stride = max(1, -(-max(sides) // most))
    grid = tuple(-(-side // stride) for side in sides)
    places = [
        ((torch.arange(new, device=device) + 0.5) * (side / new)).long() for side, new in zip(sides, grid, strict=True)
    ]
    return grid, tuple(places)


def batch_of(
    first: int,
    acts: dict[str, Tensor],
    seg: Integer[Tensor, "batch slot height width"],
    grid: tuple[int, int],
    places: tuple[Integer[Tensor, " row"], Integer[Tensor, " column"]],
    n_concepts: int,
) -> Batch:
    """A batch from activations and segmentations; see `comparison_grid`."""
    on_grid = seg if tuple(seg.shape[2:]) == grid else seg[:, :, places[0][:, None], places[1]]
    on_grid = without_repeats(on_grid.flatten(2)).contiguous()
    return Batch(first, acts, on_grid, concept_pixels(on_grid, n_concepts))


def memory_ran_out(error: Exception) -> bool:
    """Whether this is what torch or Python raises when memory runs out; torch has no class of its own for a CPU's."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


def check_finite(layer: str, acts: Float[Tensor, "batch unit height width"]) -> None:
    """Refuse activations that are NaN or infinite: no share of pixels lies above a threshold among them."""
    if not bool(acts.sum().isfinite()):  # quick, but large values may overflow
        bad = ~acts.isfinite().flatten(2).all(2)  # (image unit)
        if bad.any():
            raise ValueError(
                f"`layer` {layer!r} must give finite activations, but {int(bad.any(0).sum())} of its {bad.shape[1]} "
                f"units gave NaN or infinity in {int(bad.any(1).sum())} of {len(bad)} images"
            )


def check_layers(network: Network, layers: Sequence[str]) -> None:
    """Refuse layers that have no maps; unknown names raise in the network, with what was probably meant."""
    for name in layers:
        info = network.layer_info(name)
        if not info.is_map:
            usable = [n for n, other in network.layers.items() if other.is_map]
            raise ValueError(
                f"`layer` must give maps (batch unit height width), but {name!r} gives {('batch', *info.shape)}; "
                f"layers with maps are {usable}"
            )


def without_repeats(seg: Integer[Tensor, "batch slot place"]) -> Integer[Tensor, "batch slot place"]:
    """A place that carries the same concept in two slots keeps it in the first one only."""
    slots = list(seg.unbind(1))
    for later in range(1, len(slots)):
        for earlier in slots[:later]:
            slots[later] = torch.where(slots[later] == earlier, torch.zeros_like(earlier), slots[later])
    return torch.stack(slots, 1)


def concept_pixels(seg: Integer[Tensor, "batch slot place"], n_concepts: int) -> Integer[Tensor, "batch concept"]:
    """Pixels of each concept in each image."""
    batch, width = len(seg), n_concepts + 1
    code = seg.long() + (torch.arange(batch, device=seg.device) * width)[:, None, None]
    return torch.bincount(code.flatten(), minlength=batch * width).view(batch, width)[:, 1:]


def batches_state(batches: Sequence[Batch]) -> State:
    """Several batches as tensors."""
    return joined({str(number): batch.state() for number, batch in enumerate(batches)})


def batches_from_state(state: State, layers: Sequence[str]) -> list[Batch]:
    """The batches whose state this was."""
    numbers = sorted({int(name.split(".")[0]) for name in state})
    return [Batch.from_state(part_of(state, str(number)), layers) for number in numbers]
