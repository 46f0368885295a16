"""The session behind artifact units: find suspects, look at them, confirm or reject, see what removal does.

`ArtifactsController.find()` ranks the units of the layer by how little their top pictures look like the data.
`confirm` and `reject` hold what a person decided by eye, per layer; `measure()` switches the confirmed units off and
says whether the pictures come closer to the data, beside random units, on other latents, other pictures of the data
and other features than the units were found with.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from torch import Tensor
from traitlets import Bunch, Enum, Instance, Int, TraitError, Tuple, observe, validate

from ganwidgets.ablate.artifact_removal import GROUPS, RemovalEffect, removal_effect
from ganwidgets.ablate.artifacts import MEASURES, ArtifactUnits, TopPictures, find_artifact_units, top_pictures
from ganwidgets.models import Generator
from ganwidgets.nn.features import Features, RandomFeatures
from ganwidgets.session import LayerSession, whole_in_range
from ganwidgets.worker import Job, giving_way

LISTED = 12  # suspects to look at
PICTURES = 4  # of each
JUDGE_SEED = 1  # of the features that judge a removal; those that find units by default have seed 0


class ArtifactsController(LayerSession):
    """Finds units whose pictures are unlike the data, and keeps what a person decides about them.

    Args:
        network: the generator.
        real: pictures of the data in [-1, 1], or a function that gives them when they are needed. The first half is
            for finding, the second for judging.
        features: with which units are found; None is `RandomFeatures`.
        judge: with which a removal is judged; None is `RandomFeatures` with other filters.
        traits: first values.
    """

    by = Enum(list(MEASURES), "strangeness", help="Measure by which suspects are listed.")
    n = Int(500, help="Pictures that are generated to find units.")
    top_k = Int(20, help="Top pictures by which a unit is judged.")
    n_judge = Int(200, help="Pictures on which a removal is measured.")
    n_random_sets = Int(6, help="Random orders of units beside a removal.")
    seed = Int(7, help="Of the latents for finding; a removal is measured on the next seed.")
    confirmed = Tuple(help="Units that a person calls artifact units, in the order of confirmation.")
    rejected = Tuple(help="Units that a person has looked at and found to be fine.")

    found = Instance(ArtifactUnits, allow_none=True, read_only=True, help="None: the layer was not searched.")
    listed = Tuple(read_only=True, help="Suspects to look at, the most suspicious first.")
    pictures = Instance(TopPictures, allow_none=True, read_only=True, help="Of the listed units; None until made.")
    removal = Instance(RemovalEffect, allow_none=True, read_only=True, help="Of the confirmed units; None: unknown.")

    def __init__(
        self,
        network: Generator,
        real: Tensor | Callable[[], Tensor] | None = None,
        *,
        features: Features | None = None,
        judge: Features | None = None,
        **traits: Any,
    ) -> None:
        self.real, self.features = real, features
        self.judge = judge
        self._found: dict[tuple[str, int | None], ArtifactUnits] = {}  # by layer and class
        self._verdicts: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
        super().__init__(network, **traits)

    # What can be asked for

    def find(self, *, wait: bool = False) -> Job:
        """Search the layer; `wait` does it in the calling thread."""
        network, label, layer = self.network, self.drawn_class, self.layer
        options = {"n": self.n, "top_k": self.top_k, "seed": self.seed}

        def work(progress: Callable[[float], None]) -> ArtifactUnits:
            told = giving_way(progress)
            return find_artifact_units(
                network, layer, real=self._half(0), features=self.features, progress=told, **options
            )

        return self.submit(work, lambda found: self._publish(label, found), kind="find", background=not wait)

    def measure(self, *, wait: bool = False) -> Job:
        """Switch the confirmed units off and measure the distance to the data; `wait` does it in the calling thread."""
        network, layer, units = self.network, self.layer, self.confirmed
        n, sets, seed = self.n_judge, self.n_random_sets, self.seed + 1

        def work(progress: Callable[[float], None]) -> RemovalEffect:
            if not units:
                raise ValueError("`confirmed` must hold at least one unit, got none; look at the suspects and confirm.")
            judge = RandomFeatures(network.image_shape[0], seed=JUDGE_SEED) if self.judge is None else self.judge
            options = {"features": judge, "n_random_sets": sets, "progress": giving_way(progress)}
            return removal_effect(network, layer, units, network.sample_z(n, seed), real=self._half(1), **options)

        return self.submit(work, lambda found: self._judged(layer, units, found), kind="judge", background=not wait)

    def confirm(self, units: Iterable[int] | None = None) -> None:
        """Call units artifact units; None takes the selected ones."""
        chosen = self.units if units is None else tuple(units)
        self._decide((*self.confirmed, *chosen), [unit for unit in self.rejected if unit not in chosen])

    def reject(self, units: Iterable[int] | None = None) -> None:
        """Call units fine; None takes the selected ones."""
        chosen = self.units if units is None else tuple(units)
        self._decide([unit for unit in self.confirmed if unit not in chosen], (*self.rejected, *chosen))

    def forget(self, units: Iterable[int] | None = None) -> None:
        """Take back what was decided about units; None takes the selected ones."""
        chosen = self.units if units is None else tuple(units)
        self._decide(*([unit for unit in part if unit not in chosen] for part in (self.confirmed, self.rejected)))

    def relabelled(self) -> None:
        """Searches are kept for each class, verdicts are on a unit; what was measured is of another class."""
        self.cancel()
        self._write(found=self._found.get((self.layer, self.drawn_class)), removal=None)

    def close(self) -> None:
        super().close()
        self._found.clear()

    # What follows

    def _half(self, which: int) -> Tensor:
        if self.real is None:
            raise ValueError("`real` must be given to find artifact units: pictures of the data in [-1, 1], got None.")
        if not isinstance(self.real, Tensor):
            self.real = self.real()
        middle = len(self.real) // 2
        return self.real[middle:] if which else self.real[:middle]

    def _decide(self, confirmed: Iterable[int], rejected: Iterable[int]) -> None:
        with self.hold_trait_notifications():
            self.confirmed, self.rejected = tuple(confirmed), tuple(rejected)

    def _publish(self, label: int | None, found: ArtifactUnits) -> None:
        self._found[found.layer, label] = found
        if (found.layer, label) == (self.layer, self.drawn_class):
            self._write(found=found)

    def _judged(self, layer: str, units: tuple[int, ...], found: RemovalEffect) -> None:
        if (layer, units) == (self.layer, self.confirmed):
            self._write(removal=found)

    @observe("layer")
    def _layer_changed(self, change: Bunch) -> None:
        if not change.old:
            return  # the first values
        self._verdicts[change.old] = (self.confirmed, self.rejected)
        self.units = ()
        self._decide(*self._verdicts.get(change.new, ((), ())))
        self._write(found=self._found.get((change.new, self.drawn_class)))

    @observe("found", "by")
    def _list(self, change: Bunch) -> None:
        found = self.found
        if found is None:
            self._write(listed=(), pictures=None)
            return
        values = getattr(found, self.by)
        listed = tuple(unit for unit in found.ranking(self.by)[:LISTED] if np.isfinite(values[unit]))
        self._write(listed=listed, pictures=None)
        if listed:
            network = self.network
            self.submit(
                lambda progress: (found, listed, top_pictures(found, network, listed, count=PICTURES)),
                self._hang,
                kind="pictures",
                interactive=True,
            )

    def _hang(self, made: tuple[ArtifactUnits, tuple[int, ...], TopPictures]) -> None:
        found, listed, pictures = made
        if found is self.found and listed == self.listed:
            self._write(pictures=pictures)

    @observe("confirmed")
    def _outdated(self, change: Bunch) -> None:
        self._write(removal=None)

    @validate("confirmed", "rejected")
    def _check_verdicts(self, proposal: Bunch) -> tuple[int, ...]:
        units = tuple(dict.fromkeys(int(unit) for unit in proposal["value"]))
        total = self.network.layers[self.layer].units
        outside = [unit for unit in units if not 0 <= unit < total]
        if outside:
            name = proposal["trait"].name
            raise TraitError(f"`{name}` must lie in 0 to {total - 1}, the units of {self.layer!r}, got {outside[0]}.")
        return units

    @validate("n", "top_k")
    def _check_count(self, proposal: Bunch) -> int:
        return whole_in_range(proposal["trait"].name, proposal["value"], 2, 10**6)

    @validate("n_judge")
    def _check_n_judge(self, proposal: Bunch) -> int:
        return whole_in_range("n_judge", proposal["value"], 2 * GROUPS, 10**6)

    @validate("n_random_sets")
    def _check_sets(self, proposal: Bunch) -> int:
        return whole_in_range("n_random_sets", proposal["value"], 1, 1000)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 2)
