"""The segmenter of the bundled world: seventeen concepts of small outdoor scenes, no download.

`SceneSegmenter` wraps the U-Net trained in `ganwidgets.scenes` behind the segmenter protocol. It answers on the
device its images live on and at their size; pictures that are not 64 × 64 are resized to it and back.
"""

import copy
import hashlib
from pathlib import Path

import torch
from jaxtyping import Float, Shaped, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.scenes.draw import CATEGORIES, CONCEPTS, OBJECTS, SIZE
from ganwidgets.scenes.unet import UNet, label, split

WEIGHTS = Path(__file__).parents[1] / "scenes" / "weights" / "segmenter.safetensors"


class SceneSegmenter:
    """Names the pixels of bundled-world pictures, drawn or generated, in two slots: object and part.

    Args:
        weights: file written by `python -m ganwidgets.scenes.train segmenter`; the bundled one by default.
    """

    name = "scenes"
    concepts = CONCEPTS
    categories = CATEGORIES
    slots = ("object", "part")

    def __init__(self, weights: str | Path = WEIGHTS) -> None:
        path = Path(weights)
        if not path.is_file():
            raise FileNotFoundError(
                f"`weights` must be a segmenter file, {path.name} does not exist in {path.parent}; "
                f"reinstall ganwidgets, or train one with `python -m ganwidgets.scenes.train segmenter`"
            )
        net = UNet()
        net.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
        net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self._nets: dict[torch.device, nn.Module] = {torch.device("cpu"): net}
        self._fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()

    @torch.no_grad()
    def __call__(
        self,
        images: Shaped[Tensor, "batch channel height width"],
    ) -> UInt8[Tensor, "batch slot height width"]:
        """The likeliest object and part of every pixel; grey images are read as RGB, a fourth channel is ignored."""
        seg = label(self._logits(images))
        if seg.shape[2:] != images.shape[2:]:
            seg = F.interpolate(seg, images.shape[2:], mode="nearest-exact")
        return seg

    def scores(
        self, images: Shaped[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch concept height width"]:
        """Probability of every concept at every pixel, differentiable with respect to the images."""
        objects, parts = split(self._logits(images))
        scores = torch.cat([objects.softmax(1), parts.softmax(1)[:, 1:]], 1)
        if scores.shape[2:] != images.shape[2:]:
            scores = F.interpolate(scores, images.shape[2:], mode="bilinear", align_corners=False)
        return scores

    def fingerprint(self) -> str:
        """SHA-256 of the weights file: results cached for other weights are not reused."""
        return self._fingerprint

    def __repr__(self) -> str:
        return f"SceneSegmenter({len(OBJECTS)} objects, {len(CONCEPTS) - len(OBJECTS)} parts)"

    def _logits(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or images.shape[1] not in (1, 3, 4) or not images.is_floating_point():
            raise ValueError(
                f"`images` must be float in [-1, 1] of shape (batch, 1, 3 or 4 channels, height, width), "
                f"got {images.dtype} {tuple(images.shape)}"
            )
        images = images[:, :3].expand(-1, 3, -1, -1).float()
        if tuple(images.shape[2:]) != (SIZE, SIZE):
            images = F.interpolate(images, (SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True)
        if images.device not in self._nets:
            self._nets[images.device] = copy.deepcopy(self._nets[torch.device("cpu")]).to(images.device)
        return self._nets[images.device](images.contiguous(memory_format=torch.channels_last))
