"""The session behind the question where a concept can be inserted: set units in every cell, and look what stood there.

`ContextController.run()` takes a first look at a few images without a chance level, publishes it, and then measures all
of them. Answers are kept, so going back to units that were measured costs nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from traitlets import Bunch, Float, Instance, Int, TraitError, Unicode, observe, validate

from ganwidgets.ablate.context import InsertionContext, insertion_context
from ganwidgets.ablate.counts import concept_number
from ganwidgets.ablate.insertion import insertion_value
from ganwidgets.models import Generator
from ganwidgets.segment import Segmenter
from ganwidgets.session import LayerSession, whole_in_range
from ganwidgets.worker import Job, giving_way

VALUE_IMAGES = 128  # for the quantile units are set to
FIRST_LOOK = 4  # a quarter of the images come first


@dataclass(frozen=True)
class Wish:
    """What a run is of."""

    layer: str
    units: tuple[int, ...]
    concept: str
    n: int
    n_random_sets: int
    quantile: float
    seed: int
    fingerprint: str


class ContextController(LayerSession):
    """Measures what units bring when they are set, by what stood there before.

    Args:
        network: the generator.
        segmenter: names the pixels; running needs one.
        traits: first values.
    """

    concept = Unicode(help="Which is to appear; empty: none is chosen.")
    n = Int(12, help="Number of images; every cell of each is tried.")
    n_random_sets = Int(2, help="Number of random unit sets.")
    quantile = Float(0.995, help="Every unit is set to this quantile of its activations.")
    seed = Int(5, help="Which latents; the quantiles are of the next seed.")

    context = Instance(InsertionContext, allow_none=True, read_only=True, help="None: not measured for these units.")

    def __init__(self, network: Generator, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.segmenter = segmenter
        self._known: dict[Wish, InsertionContext] = {}
        super().__init__(network, **traits)

    def look_at(self, layer: str, units: tuple[int, ...], concept: str) -> None:
        """Choose all three in one step: units of one layer mean nothing in another."""
        with self.hold_trait_notifications():
            self.layer, self.units, self.concept = layer, units, concept

    def run(self, *, wait: bool = False) -> Job:
        """Measure the units; `wait` does it in the calling thread."""
        wish = self._wish
        return self.submit(lambda progress: self._measure(wish, progress), self._publish, background=not wait)

    def relabelled(self) -> None:
        """Answers are kept for each class; a run of another class is not gone on with."""
        self.cancel()
        self._look()

    def close(self) -> None:
        super().close()
        self._known.clear()

    @property
    def _wish(self) -> Wish:
        return Wish(
            self.layer,
            tuple(self.units),
            self.concept,
            self.n,
            self.n_random_sets,
            self.quantile,
            self.seed,
            self.network.fingerprint,
        )

    def _measure(self, wish: Wish, progress: Callable[[float], None]) -> Iterator[tuple[Wish, InsertionContext] | None]:
        if self.segmenter is None:
            raise ValueError("`segmenter` must be given to count what appears, got None.")
        if not wish.units:
            raise ValueError("`units` must name at least one unit to be set, got none; choose some first.")
        network, tell = self.network, giving_way(progress)
        z = network.sample_z(wish.n, seed=wish.seed)
        latents = network.sample_z(VALUE_IMAGES, seed=wish.seed + 1)
        value = insertion_value(
            network, wish.layer, latents, quantile=wish.quantile, progress=lambda share: tell(share / 20)
        )
        yield None
        about = (network, wish.layer, wish.units, value, wish.concept, self.segmenter)
        few = max(2, wish.n // FIRST_LOOK)
        if few < wish.n:
            yield (
                wish,
                insertion_context(*about, z[:few], n_random_sets=0, progress=lambda share: tell(0.05 + 0.1 * share)),
            )
        yield (
            wish,
            insertion_context(
                *about, z, n_random_sets=wish.n_random_sets, progress=lambda share: tell(0.15 + 0.85 * share)
            ),
        )

    def _publish(self, found: tuple[Wish, InsertionContext]) -> None:
        wish, context = found
        self._known[wish] = context
        self._look()

    @observe("layer", "units", "concept", "n", "n_random_sets", "quantile", "seed")
    def _look(self, change: Bunch | None = None) -> None:
        self._write(context=self._known.get(self._wish))

    @validate("layer")
    def _check_layer(self, proposal: Bunch) -> str:
        name = super()._check_layer(proposal)
        if not self.network.layers[name].is_map:
            raise TraitError(
                f"`layer` must give maps, so that units can be set in one place, but {name!r} gives "
                f"{self.network.layers[name].shape}; layers with maps are {list(self.network.map_layers)}."
            )
        return name

    @validate("concept")
    def _check_concept(self, proposal: Bunch) -> str:
        if proposal["value"] and self.segmenter is not None:
            try:
                concept_number(self.segmenter.concepts, proposal["value"])
            except ValueError as why:
                raise TraitError(str(why)) from why
        return proposal["value"]

    @validate("n")
    def _check_n(self, proposal: Bunch) -> int:
        return whole_in_range("n", proposal["value"], 2, 10_000)

    @validate("n_random_sets")
    def _check_sets(self, proposal: Bunch) -> int:
        return whole_in_range("n_random_sets", proposal["value"], 0, 1000)

    @validate("quantile")
    def _check_quantile(self, proposal: Bunch) -> float:
        if not 0 < proposal["value"] < 1:
            raise TraitError(f"`quantile` must lie between 0 and 1, got {proposal['value']}.")
        return proposal["value"]

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 2)
