"""The pictures that explain a unit: its top images, and counter-examples, collected in the same single pass.

A counter-example is an image on which a unit is high although the concept it seems to stand for is absent. Which
concept that will be is only known at the end, so each unit follows its three most likely ones, chosen from the first
images. Thumbnails are kept only while some list refers to their image.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.dissect.run_state import joined, part_of
from ganwidgets.nn.stats import State, TopK

CANDIDATES = 3
COUNTERS = 6
THUMBNAIL = 128
_MOST_MAPS = 2**26


class Thumbnails:
    """Small pictures and segmentations of the images that are still referred to."""

    def __init__(self) -> None:
        self.images: dict[int, UInt8[np.ndarray, "height width rgb"]] = {}
        self.segs: dict[int, UInt8[np.ndarray, "slot height width"]] = {}

    def keep(self, wanted: set[int], first: int, images: np.ndarray, segs: np.ndarray) -> None:
        """Take wanted ones of a batch that starts at image `first`, and forget what is no longer wanted."""
        for number in [n for n in self.images if n not in wanted]:
            del self.images[number], self.segs[number]
        for number in wanted:
            if first <= number < first + len(images):
                row = number - first  # copied: a view would keep the whole batch in memory
                self.images[number], self.segs[number] = images[row].copy(), segs[row].copy()

    def state(self) -> State:
        """Everything, as tensors."""
        if not self.images:
            return {}
        kept = {"index": torch.tensor(list(self.images))}
        for name, pictures in (("images", self.images), ("segs", self.segs)):
            kept[name] = torch.from_numpy(np.stack(list(pictures.values())))
        return kept

    @classmethod
    def from_state(cls, state: State) -> "Thumbnails":
        """The thumbnails whose `state` this was."""
        self = cls()
        for row, number in enumerate(state["index"].tolist() if state else []):
            self.images[number], self.segs[number] = (state[name][row].cpu().numpy() for name in ("images", "segs"))
        return self


def thumbnail_stride(height: int, width: int) -> int:
    """Every how many pixels a thumbnail keeps one."""
    return max(1, -(-max(height, width) // THUMBNAIL))


class Gallery:
    """Top images and counter-examples of one layer.

    Args:
        shape: of the layer, (unit, height, width).
        likely: concepts followed for counter-examples, most likely first.
        top_k: top images of each unit.
        device: where activations are.
    """

    def __init__(
        self, shape: tuple[int, ...], likely: Integer[Tensor, "unit candidate"], top_k: int, device: torch.device
    ) -> None:
        units, height, width = shape
        side = max(8, int((_MOST_MAPS / (4 * units * (top_k + CANDIDATES * COUNTERS))) ** 0.5))
        self.map_shape = (min(height, side), min(width, side))
        self.likely = likely
        self.top = TopK(units, top_k, self.map_shape, device)
        self.counter = TopK(units * likely.shape[1], COUNTERS, self.map_shape, device)

    def add(
        self, acts: Float[Tensor, "batch unit height width"], concepts: Integer[Tensor, "batch concept"], first: int
    ) -> None:
        """Offer a batch that starts at image `first`."""
        maps = acts if acts.shape[2:] == self.map_shape else F.adaptive_avg_pool2d(acts, self.map_shape)
        maps = maps.transpose(0, 1)  # (unit batch height width)
        value = acts.amax((2, 3)).T
        index = torch.arange(first, first + len(acts), device=acts.device).expand(value.shape)
        self.top.add(value, index, maps)
        absent = (concepts == 0).T[self.likely]  # (unit candidate batch)
        value = torch.where(absent, value[:, None], -torch.inf).flatten(0, 1)
        if (value > self.counter.value[:, -1:]).any():
            times = self.likely.shape[1]
            index = torch.arange(first, first + len(acts), device=acts.device).expand(value.shape)
            self.counter.add(value, index, maps.repeat_interleave(times, 0))

    def wanted(self) -> set[int]:
        """Images some list refers to."""
        return set(torch.cat([self.top.index.flatten(), self.counter.index.flatten()]).unique().tolist()) - {-1}

    def counterexamples(self, concept: Integer[np.ndarray, " unit"]) -> Mapping[str, np.ndarray]:
        """Index, value and map of each unit's counter-examples for its final concept; index −1 where there are none."""
        units, times = self.likely.shape
        same = self.likely.cpu().numpy() == concept[:, None]
        row = np.arange(units) * times + same.argmax(1)
        found = {name: getattr(self.counter, name).cpu().numpy()[row].copy() for name in ("index", "value", "maps")}
        found["index"][~same.any(1)] = -1
        return found

    def state(self) -> State:
        """Everything, as tensors."""
        return {"likely": self.likely} | joined({"top": self.top.state(), "counter": self.counter.state()})

    @classmethod
    def from_state(cls, state: State, shape: tuple[int, ...]) -> "Gallery":
        """The gallery whose `state` this was, of a layer of this shape."""
        top, counter = (TopK.from_state(part_of(state, name)) for name in ("top", "counter"))
        self = cls(shape, state["likely"], top.value.shape[1], top.value.device)
        self.top, self.counter = top, counter
        return self
