"""Any torch network that scores the classes of pixels, as a segmenter: `TorchSegmenter`.

The network sees images prepared as it was trained (`Preparation`), a few at a time, and gives a map per class, often
coarse. Maps are brought to the images' own size (bilinear, pixel centres aligned) and only then compared. Classes that
mean "background" become number 0, nothing; all others become concepts. Large images can be cut into tiles.
"""

import copy
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.fingerprint import Fingerprint, plain_settings
from ganwidgets.segment.labels import NOTHING, categories_of, unique
from ganwidgets.segment.preparation import Preparation, as_rgb
from ganwidgets.segment.tiling import tiled

OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "logits": lambda maps: maps.softmax(1),
    "binary logits": torch.sigmoid,
    "probabilities": lambda maps: maps.clamp(0, 1),
}
"""What a network's maps are, and how they become probabilities."""


class TorchSegmenter:
    """A segmenter made of a torch module that gives a map per class.

    Args:
        module: turns prepared images (batch 3 height width) into maps (batch class height width) of any height and
            width; a tensor, or an object or mapping with `logits` or `out`. It is copied, to the device of the images,
            and always run in eval mode: what is done to it afterwards is not seen.
        classes: names, in the order of the maps.
        preparation: what the module wants done to images in [-1, 1].
        outputs: "logits" (softmax over classes), "binary logits" (sigmoid of each) or "probabilities".
        nothing: names of classes that mean nothing recognised: number 0.
        threshold: pixels whose likeliest class has a lower probability are nothing.
        categories: of the concepts, "nothing" classes left out; by default what the label sets know, see `label_set`.
        name: what results call it.
        batch_size: images, or tiles, in one pass.
        tile: cut images larger than this [pixels] into tiles of this size; None never does.
        overlap: pixels that tiles share, in which they fade into each other; an eighth of a tile by default.

    Raises:
        ValueError, TypeError: options that do not fit together.
    """

    slots = ("object",)
    source = ""  # what `segment.load` calls this very segmenter, if it made it

    def __init__(
        self,
        module: nn.Module,
        classes: Sequence[str],
        preparation: Preparation | None = None,
        *,
        outputs: str = "logits",
        nothing: Sequence[str] = NOTHING,
        threshold: float = 0.0,
        categories: Sequence[str] | None = None,
        name: str = "torch segmenter",
        batch_size: int = 8,
        tile: int | None = None,
        overlap: int | None = None,
    ) -> None:
        if outputs not in OUTPUTS:
            raise ValueError(f"`outputs` must be one of {list(OUTPUTS)}, got {outputs!r}")
        if batch_size < 1 or not 0 <= threshold < 1:
            raise ValueError(
                f"`batch_size` must be at least 1 and `threshold` in [0, 1), got {batch_size} and {threshold}"
            )
        if tile is not None and (tile < 8 or not 0 <= (overlap or 0) < tile):
            raise ValueError(f"`tile` must be at least 8 pixels and more than `overlap`, got {tile} and {overlap}")
        self.name, self.preparation, self.outputs = name, preparation or Preparation(), outputs
        self.threshold, self.batch_size, self.tile = float(threshold), int(batch_size), tile
        self.overlap = tile // 8 if tile and overlap is None else overlap or 0
        self._name_classes(classes, nothing, categories)
        self._modules = {torch.device("cpu"): copy.deepcopy(module).eval().requires_grad_(False).cpu()}
        self._weights, self._settings = Fingerprint(), plain_settings(module)

    def _name_classes(self, classes: Sequence[str], nothing: Sequence[str], categories: Sequence[str] | None) -> None:
        if isinstance(classes, str) or not classes or not all(isinstance(name, str) and name for name in classes):
            raise TypeError(f"`classes` must be a list of names in the order of the maps, got {classes!r}")
        ignored = {name.lower() for name in nothing}
        self.classes = unique(classes)
        kept = [i for i, name in enumerate(classes) if name.lower() not in ignored]
        if not kept:
            raise ValueError(f"`classes` must name something besides {sorted(ignored)}, got {list(classes)}")
        self._kept = torch.tensor(kept)
        self.concepts = tuple(self.classes[i] for i in kept)
        self.categories = tuple(categories) if categories else categories_of([classes[i] for i in kept])
        if len(self.categories) != len(kept):
            raise ValueError(
                f"`categories` must be one for each of the {len(kept)} concepts, got {len(self.categories)}"
            )
        dtype = torch.uint8 if len(kept) <= 255 else torch.int16
        self._numbers = torch.zeros(len(classes), dtype=dtype)
        self._numbers[self._kept] = torch.arange(1, len(kept) + 1, dtype=dtype)

    @torch.no_grad()
    def __call__(self, images: Shaped[Tensor, "batch channel height width"]) -> Integer[Tensor, "batch 1 height width"]:
        """The likeliest class of every pixel; grey images are read as RGB, a fourth channel is ignored."""
        images = as_rgb(images)
        numbers = self._numbers.to(images.device)
        seg = numbers.new_zeros(len(images), 1, *images.shape[2:])
        for first in range(0, len(images), self.batch_size):
            maps = self._maps(images[first : first + self.batch_size])
            best = maps.argmax(1, keepdim=True)
            found = numbers[best]
            if self.threshold:
                found[OUTPUTS[self.outputs](maps).gather(1, best) < self.threshold] = 0
            seg[first : first + self.batch_size] = found
        return seg

    def scores(
        self, images: Shaped[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch concept height width"]:
        """Probability of every concept at every pixel, differentiable with respect to the images."""
        images = as_rgb(images)
        if not len(images):
            return images.new_zeros(0, len(self.concepts), *images.shape[2:])
        kept = self._kept.to(images.device)
        chunks = (self._maps(chunk) for chunk in images.split(self.batch_size))
        return torch.cat([OUTPUTS[self.outputs](maps).index_select(1, kept) for maps in chunks])

    def fingerprint(self) -> str:
        """Hash of the weights and of all that turns images into names: results cached for others are not reused."""
        about = (self.preparation, self.outputs, self.threshold, self.tile, self.overlap, self.classes, self.concepts)
        weights = self._weights.of(self._modules[torch.device("cpu")])
        return hashlib.sha256(f"{weights} {self._settings} {about!r}".encode()).hexdigest()

    def __repr__(self) -> str:
        size = self.preparation.size
        seen = {True: f"{size} pixels on the shorter side", False: "the images' own size"}[isinstance(size, int)]
        seen = f"{size[0]} × {size[1]}" if isinstance(size, tuple) else seen
        tiles = f", tiles of {self.tile}" if self.tile else ""
        return f"{type(self).__name__}({self.name!r}, {len(self.concepts)} concepts, sees {seen}{tiles})"

    def _maps(self, images: Tensor) -> Tensor:
        """Maps at the images' size; the images are no more than a batch."""
        if self.tile is None:
            return self._maps_of_whole(images)
        return tiled(self._maps_of_whole, images, self.tile, self.overlap)

    def _maps_of_whole(self, images: Tensor) -> Tensor:
        module, prepared = self._on(images.device), self.preparation(images)
        try:
            maps = self._forward(module, prepared)
        except (RuntimeError, ValueError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
                raise  # whoever asked may try fewer images
            raise ValueError(
                f"{self.name} failed on images of {images.shape[2]} × {images.shape[3]} pixels, prepared to "
                f"{tuple(prepared.shape)}: {(str(error).splitlines() or ['?'])[0]}. A network that takes one size only "
                "needs a Preparation with size=(height, width)"
            ) from error
        if maps.ndim != 4 or maps.shape[:2] != (len(images), len(self.classes)):
            raise ValueError(
                f"`module` must give maps (batch class height width) of the {len(self.classes)} classes, got "
                f"{tuple(maps.shape)}"
            )
        if maps.shape[2:] != images.shape[2:]:
            maps = F.interpolate(maps, images.shape[2:], mode="bilinear", align_corners=False)
        return maps

    def _forward(self, module: nn.Module, prepared: Tensor) -> Tensor:
        return _tensor(module(prepared)).float()

    def _on(self, device: torch.device) -> nn.Module:
        if device not in self._modules:
            self._modules[device] = copy.deepcopy(self._modules[torch.device("cpu")]).to(device)
        return self._modules[device]


def _tensor(output: Any) -> Tensor:
    for key in ("logits", "out"):
        if isinstance(output, dict) and key in output:
            output = output[key]
        elif hasattr(output, key) and not isinstance(output, Tensor):
            output = getattr(output, key)
    if not isinstance(output, Tensor):
        raise TypeError(
            f"`module` must give a tensor, or an object with `logits` or `out`, got {type(output).__name__}"
        )
    return output
