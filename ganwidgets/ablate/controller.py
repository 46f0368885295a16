"""The session behind an ablation view: which units, how far, and what the pictures lose.

`AblateController` answers every change of its traits with a preview: twelve pictures without the units first, then the
pixels each concept loses, then the same for random units. The activations below the layer are kept, so only the
network above it runs while a person drags. `UnitEffectsController` measures every unit of a layer alone, which is a
long job.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from traitlets import Bool, Bunch, Float, Instance, Int, TraitError, observe, validate

from ganwidgets.ablate.effect import (
    Ablation,
    EffectResult,
    ablate,
    compare,
    concept_pixels,
    each_unit_effect,
    random_sets,
)
from ganwidgets.models import Generator, State
from ganwidgets.nn.images import to_uint8
from ganwidgets.segment import Segmenter
from ganwidgets.session import LayerSession, check_truncation, whole_in_range
from ganwidgets.worker import Job

N_RANDOM_SETS = 10  # random unit sets behind the preview's chance level
AT_ONCE = 0.3  # [s]
KEPT_SCENES = 4  # sets of pictures whose activations below the layer are kept
PUBLISH_INTERVAL = 1.0  # [s] between two looks at a running measurement


@dataclass(frozen=True)
class Shown:
    """What the pictures on show are of: everything that is needed to make them again."""

    ablation: Ablation
    seed: int
    truncation: float | None
    n_images: int


@dataclass
class Scene:
    """Pictures before any edit, cut at a layer; `pixels` is counted when first needed."""

    state: State
    images: Tensor
    pictures: np.ndarray
    pixels: Tensor | None = None


class AblateController(LayerSession):
    """What a few pictures lose while units are off; assign a trait and look at the outputs.

    Args:
        network: the generator.
        segmenter: names the pixels; None leaves the bars out.
        traits: first values.
    """

    strength = Float(1.0, help="0 leaves the units, 1 switches them off.")
    seed = Int(1, help="Which latents.")
    truncation = Float(None, allow_none=True, help="Latents from the normal cut at ± this; None: the whole normal.")
    n_images = Int(12, help="Number of pictures.")
    before = Instance(np.ndarray, allow_none=True, read_only=True, help="uint8 (image height width rgb).")
    after = Instance(np.ndarray, allow_none=True, read_only=True, help="uint8 (image height width rgb).")
    shown = Instance(Shown, allow_none=True, read_only=True, help="What `before` and `after` are of.")
    slow = Bool(False, read_only=True, help="Whether the last pictures took longer than a person takes for at once.")
    effect = Instance(EffectResult, allow_none=True, read_only=True, help="What each concept loses; None: unknown.")

    def __init__(self, network: Generator, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.segmenter = segmenter
        self._scenes: OrderedDict[tuple, Scene] = OrderedDict()
        super().__init__(network, **traits)

    def look_at(self, layer: str, units: tuple[int, ...]) -> None:
        """Choose layer and units in one step: units of one layer mean nothing in another."""
        with self.hold_trait_notifications():
            self.layer, self.units = layer, units

    @observe("layer", "units", "strength", "seed", "truncation", "n_images")
    def _changed(self, change: Bunch) -> None:
        self.update()

    def update(self, *, background: bool = True) -> Job:
        """Compute what is shown again; happens by itself when a trait changes."""
        wish = Shown(Ablation(self.layer, self.units, self.strength), self.seed, self.truncation, self.n_images)
        return self.submit(
            lambda progress: self._preview(wish),
            lambda values: self._write(**values),
            kind="preview",
            interactive=True,
            background=background,
        )

    def relabelled(self) -> None:
        self.update()

    def close(self) -> None:
        super().close()
        self._scenes.clear()

    def _preview(self, wish: Shown) -> Iterator[dict[str, Any]]:
        started = time.monotonic()
        scene, ablation = self._scene(wish), wish.ablation
        if not ablation.units:
            yield {"before": scene.pictures, "after": scene.pictures, "shown": wish, "effect": None}
            return
        images = ablate(self.network, scene.state, ablation.units, ablation.strength)
        pictures = {"before": scene.pictures, "after": to_uint8(images), "shown": wish}
        yield pictures | {"slow": time.monotonic() - started > AT_ONCE}
        if self.segmenter is None:
            return
        try:
            if scene.pixels is None:
                scene.pixels = concept_pixels(scene.images, self.segmenter)
            yield from self._effects(ablation, scene, images)
        except Exception:
            yield {"effect": None}
            raise

    def _effects(self, ablation: Ablation, scene: Scene, images: Tensor) -> Iterator[dict[str, Any]]:
        counted = (scene.pixels, concept_pixels(images, self.segmenter), self.segmenter, self.network.image_shape)
        yield {"effect": compare(ablation, *counted)}
        chance = []
        for units in random_sets(len(ablation.units), scene.state.acts.shape[1], N_RANDOM_SETS, seed=0):
            other = ablate(self.network, scene.state, units, ablation.strength)
            chance.append(concept_pixels(other, self.segmenter))
            yield None  # let a newer request, or another preview, go first
        yield {"effect": compare(ablation, *counted, chance=chance)}

    def _scene(self, wish: Shown) -> Scene:
        key = (wish.ablation.layer, wish.seed, wish.truncation, wish.n_images, self.network.fingerprint)
        if key not in self._scenes:
            z = self.network.sample_z(wish.n_images, seed=wish.seed, truncation=wish.truncation)
            state = self.network.below(z, wish.ablation.layer)
            images = self.network.above(state)
            self._scenes[key] = Scene(state, images, to_uint8(images))
        self._scenes.move_to_end(key)
        while len(self._scenes) > KEPT_SCENES:
            self._scenes.popitem(last=False)
        return self._scenes[key]

    @validate("strength")
    def _check_strength(self, proposal: Bunch) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise TraitError(f"`strength` must lie in [0, 1], got {proposal['value']}.")
        return proposal["value"]

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 1)

    @validate("n_images")
    def _check_n_images(self, proposal: Bunch) -> int:
        return whole_in_range("n_images", proposal["value"], 1, 64)

    @validate("truncation")
    def _check_truncation(self, proposal: Bunch) -> float | None:
        return check_truncation(proposal["value"])


class UnitEffectsController(LayerSession):
    """What every unit of a layer does alone; a long job, kept per layer.

    Args:
        network: the generator.
        segmenter: names the pixels.
        traits: first values.
    """

    n = Int(32, help="Number of images.")
    seed = Int(1, help="Which latents.")
    effects = Instance(
        np.ndarray,
        allow_none=True,
        read_only=True,
        help="Share of all pixels each concept loses without the unit (unit concept); NaN: not measured yet.",
    )

    def __init__(self, network: Generator, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.segmenter = segmenter
        self._kept: dict[str, np.ndarray] = {}
        super().__init__(network, **traits)

    def run(self, *, wait: bool = False) -> Job:
        """Measure the chosen units, or all of the layer if none is chosen; `wait` does it in the calling thread."""
        layer, units = self.layer, self.units or tuple(range(self.network.layers[self.layer].units))
        return self.submit(lambda progress: self._measure(layer, units, progress), self._publish, background=not wait)

    def _measure(
        self, layer: str, units: tuple[int, ...], progress: Callable[[float], None]
    ) -> Iterator[tuple[str, np.ndarray] | None]:
        if self.segmenter is None:
            raise ValueError("`segmenter` must be given to measure effects, got None.")
        network = self.network
        effects = np.full((network.layers[layer].units, len(self.segmenter.concepts)), np.nan, np.float32)
        z = network.sample_z(self.n, seed=self.seed)
        told = time.monotonic()
        for done, row in enumerate(each_unit_effect(network, layer, self.segmenter, z, units), 1):
            effects[units[done - 1]] = row
            progress(done / len(units))
            if done == len(units) or time.monotonic() - told > PUBLISH_INTERVAL:
                told = time.monotonic()
                yield layer, effects.copy()
            else:
                yield None

    def _publish(self, measured: tuple[str, np.ndarray]) -> None:
        layer, effects = measured
        self._kept[layer] = effects
        if layer == self.layer:
            self._write(effects=effects)

    def relabelled(self) -> None:
        self.cancel()
        self._kept = {}
        self._write(effects=None)

    @observe("layer")
    def _show_kept(self, change: Bunch) -> None:
        self._write(effects=self._kept.get(self.layer))
