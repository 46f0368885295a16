"""Draws strokes on one scene as fast as the network above them allows.

While a person paints, the scene stays the same and strokes are added one by one. So a `Canvas` keeps what the network
computed below the lowest painted layer, the composite of the strokes so far, and the last few pictures.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ganwidgets.models import Generator, State
from ganwidgets.nn.images import to_uint8
from ganwidgets.paint.render import bad_layer, first_bad, lowest_layer, paint_on
from ganwidgets.paint.strokes import Composites, Stroke, edits

KEPT = 4  # of each kind; the oldest go


@dataclass(frozen=True)
class Scene:
    """Which picture: number `index` of those that `seed` gives."""

    seed: int
    index: int


class Canvas:
    """Pictures of scenes with strokes on them.

    Args:
        network: the generator.
        layer: where a run is cut while nothing is painted.
    """

    def __init__(self, network: Generator, layer: str) -> None:
        self.network, self.layer = network, layer
        self._states: OrderedDict[Hashable, State] = OrderedDict()
        self._pictures: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._plain: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._composites: Composites = {}

    @property
    def drawing(self) -> Generator:
        """The network that draws the scene."""
        return self.network

    def latent(self, scene: Scene) -> Tensor:
        """Of the scene, as a batch of one."""
        return self.network.sample_z(scene.index + 1, scene.seed)[scene.index :]

    def draw(self, scene: Scene, strokes: Iterable[Stroke]) -> Tensor:
        """The scene with these strokes, a batch of one in [-1, 1].

        Raises:
            ValueError: the picture is not finite.
        """
        return self._drawn(scene, tuple(strokes), self.network.fingerprint)

    def pictures(self, scene: Scene, strokes: Iterable[Stroke]) -> dict[str, Any]:
        """The scene before and after the strokes, uint8 (height width rgb), and their difference (height width)."""
        weights = self.network.fingerprint
        before = self._kept(self._plain, (scene, weights), lambda: to_uint8(self._drawn(scene, (), weights))[0])
        after = to_uint8(self._drawn(scene, tuple(strokes), weights))[0]
        moved = np.where(after > before, after - before, before - after).max(-1)
        return {"before": before, "after": after, "difference": moved}

    def refused(self, scene: Scene, strokes: tuple[Stroke, ...]) -> tuple[Stroke, str] | None:
        """A stroke that leaves NaN or infinity in this picture, and a sentence about it; None if there is none.

        Raises:
            ValueError: the scene is not finite without strokes either.
        """
        network, z = self.drawing, self.latent(scene)
        bad = first_bad(network, z, strokes)
        if bad is None:
            return None
        where = bad_layer(network, z, strokes[: strokes.index(bad) + 1])
        place = "the picture" if where is None else f"the activations of {where!r}"
        return bad, (
            f"`stroke` must leave the picture finite, but {bad.name!r} on {bad.layer!r} puts NaN or infinity into "
            f"{place}: it was not applied. Paint with lower values or less strength."
        )

    def clear(self) -> None:
        """Let go of all tensors."""
        for kept in (self._states, self._pictures, self._plain, self._composites):
            kept.clear()

    def _drawn(self, scene: Scene, strokes: tuple[Stroke, ...], weights: str) -> Tensor:
        def make() -> Tensor:
            planned = edits(strokes, self.network, kept=self._composites)
            layer = lowest_layer(planned, self.layer)
            below = lambda: self.network.below(self.latent(scene), layer, grad=False)  # noqa: E731
            return paint_on(self.network, self._kept(self._states, (scene, layer, weights), below), planned)

        return self._kept(self._pictures, (scene, strokes, weights), make)

    @staticmethod
    def _kept(kept: OrderedDict, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was made for this key, the latest few being kept."""
        if key not in kept:
            kept[key] = make()
        kept.move_to_end(key)
        while len(kept) > KEPT:
            kept.popitem(last=False)
        return kept[key]
