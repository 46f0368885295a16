"""A sample of pictures on which rules are rewritten: drawn with any edits, and the keys of its layers.

What is computed is kept: networks and pictures of the latest edits, statistics of the keys of each layer. The network
is never changed.

Slow steps are generators: they give None after every batch, so that what a person does meanwhile comes between, and
return their answer (`answer = yield from …`).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from collections.abc import Generator as Steps
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from ganwidgets.models import Generator, State
from ganwidgets.nn.images import to_uint8
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import active_edits, apply, stale
from ganwidgets.rewrite.editable import EditableLayer, editable_layer
from ganwidgets.rewrite.keys import KeyStatistics, collecting
from ganwidgets.rewrite.trays import KINDS, Trays

KEPT = 4  # networks, and sets of pictures
KEPT_STATISTICS = 16  # of layers, each with the edits below it
BATCH = 16  # pictures
MOMENT_SAMPLE = 64  # pictures on which changes elsewhere are weighed

Edits = tuple[LowRankEdit, ...]
Progress = Callable[[float], Any]


class SampleBench:
    """A network and a sample of its pictures; see `Workbench`.

    Args:
        network: the generator, as it is before any edit.
        z: the sample; places are marked in its pictures by number.
        seed, truncation: that drew it.
    """

    def __init__(
        self,
        network: Generator,
        z: Float[Tensor, "image *latent"],
        seed: int | None = None,
        truncation: float | None = None,
    ) -> None:
        self.network, self.z, self.seed, self.truncation = network, z, seed, truncation
        self._networks: OrderedDict[Hashable, Generator] = OrderedDict()
        self._pictures: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._marked: dict[int, np.ndarray] = {}
        self._statistics: OrderedDict[Hashable, KeyStatistics] = OrderedDict()
        self._states: OrderedDict[Hashable, dict[int, State]] = OrderedDict()

    def edited(self, edits: Iterable[LowRankEdit]) -> Generator:
        """The network with these edits; the network itself if none is in force."""
        active = active_edits(edits)
        if not active:
            return self.network
        return _kept(self._networks, (active, self.network.fingerprint), lambda: apply(self.network, active))

    def pictures(
        self, numbers: Sequence[int], edits: Edits
    ) -> Steps[None, None, UInt8[np.ndarray, "image height width rgb"]]:
        """These pictures of the sample with these edits."""
        key = (tuple(numbers), active_edits(edits), self.network.fingerprint)
        if key not in self._pictures:
            network, parts = self.edited(edits), []
            for start in range(0, len(numbers), BATCH):
                z = self.z[list(numbers[start : start + BATCH])]
                images = network.images(z, clamp=False, grad=False).clamp(-1, 1)
                parts.append(to_uint8(images))
                if start + BATCH < len(numbers):
                    yield None
            _kept(self._pictures, key, lambda: np.concatenate(parts))
        return self._pictures[key]

    def marked(
        self, trays: Trays, drawn: Sequence[int], before: UInt8[np.ndarray, "image height width rgb"]
    ) -> Steps[None, None, dict[int, UInt8[np.ndarray, "height width rgb"]]]:
        """Unedited pictures in which something is marked, by number; those that are drawn already are taken over."""
        wanted = dict.fromkeys(place.image for kind in KINDS for place in trays.all(kind) if place.image < len(self.z))
        known = self._marked | {number: before[place] for place, number in enumerate(drawn)}
        missing = [number for number in wanted if number not in known]
        if missing:
            pictures = yield from self.pictures(missing, ())
            known |= dict(zip(missing, pictures, strict=True))
        self._marked = {number: known[number] for number in wanted}
        return dict(self._marked)

    def editable(self, layer: str, edits: Edits = ()) -> EditableLayer:
        """The layer of the network with these edits."""
        return editable_layer(self.edited(edits), layer)

    def statistics(
        self, layer: str, edits: Edits, progress: Progress = lambda fraction: None
    ) -> Steps[None, None, KeyStatistics]:
        """The second moment of a layer's keys, collected once: edits of the layer itself leave it valid."""
        below = stale(edits, self.editable(layer), self.network)
        key = (layer, below, self.network.fingerprint)
        found = self._statistics.get(key)
        if found is None:
            for found in collecting(self.editable(layer, below), self.z, seed=self.seed):
                progress(found.n / len(self.z))
                yield None
        return _kept(self._statistics, key, lambda: found, KEPT_STATISTICS)

    def sampled(self, layer: str, edits: Edits) -> Steps[None, None, list[State]]:
        """Some pictures of the sample, run up to the layer: on them changes elsewhere are weighed.

        Run before they are needed, they let an edit answer at once.
        """
        below = stale(edits, self.editable(layer), self.network)
        states = _kept(self._states, (layer, below, self.network.fingerprint), dict, 1)
        parts = self.z[:MOMENT_SAMPLE].split(BATCH)
        for number, z in enumerate(parts):
            if number not in states:
                states[number] = self.editable(layer, below).run(z)
                yield None
        # Keys are those of any network with the same edits below; only keys of these states are looked at.
        network = self.edited(edits)
        return [replace(states[number], network=network) for number in range(len(parts))]

    def clear(self) -> None:
        """Let go of all tensors."""
        for kept in (self._networks, self._pictures, self._marked, self._statistics, self._states):
            kept.clear()


def _kept(kept: OrderedDict, key: Hashable, make: Callable[[], Any], most: int = KEPT) -> Any:
    """What was made for this key, the latest few being kept."""
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return kept[key]
