"""What a session of rewriting works on: a sample of pictures, what was marked in them, and networks with edits.

`Trays` is what a person has collected: an object to copy, places to paste it, examples of the context, what to keep.
`Settings` say how to solve. `Workbench` brings both to an edit, on top of the edits in force, and draws the sample with
any edits. What it computed it keeps: networks and pictures of the latest edits, statistics of the keys of each layer.
The network it is given is never changed.

Slow steps are generators: they give None after every batch, so that what a person does meanwhile comes between, and
return their answer (`answer = yield from …`).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from collections.abc import Generator as Steps
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from ganwidgets.models import Generator, State
from ganwidgets.nn.images import to_uint8
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import active_edits, apply, edit_from, stale
from ganwidgets.rewrite.context import context_directions
from ganwidgets.rewrite.editable import EditableLayer, editable_layer
from ganwidgets.rewrite.erase import erased_units, target_without, zero
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.keys import KeyStatistics, collecting
from ganwidgets.rewrite.moment import patch_moment
from ganwidgets.rewrite.request import EditRequest
from ganwidgets.rewrite.solve import SMOOTHNESS, Solution, solve_steps
from ganwidgets.rewrite.target import Target, copy_object, keep_target, paste_target

KINDS = ("object", "paste", "examples", "preserve")
"""What a marked place can be for."""

KEPT = 4  # networks, and sets of pictures
BATCH = 16  # pictures
MOMENT_SAMPLE = 64  # pictures on which changes elsewhere are weighed

Edits = tuple[LowRankEdit, ...]
Progress = Callable[[float], Any]


@dataclass(frozen=True, eq=False)
class Trays:
    """Places that were marked in pictures of the sample.

    Attributes:
        object: what is copied; at most one.
        paste: where it goes; in several pictures at once if there are several.
        examples: from which the context is computed; none means where it is pasted.
        preserve: what must stay as it is.
    """

    object: tuple[Example, ...] = ()
    paste: tuple[Example, ...] = ()
    examples: tuple[Example, ...] = ()
    preserve: tuple[Example, ...] = ()

    def with_one(self, kind: str, example: Example) -> "Trays":
        """One more place of a kind; an object takes the place of the one before."""
        return self.with_all(kind, (example,) if kind == "object" else (*self.all(kind), example))

    def without(self, kind: str, number: int) -> "Trays":
        """Without the place of this number.

        Raises:
            ValueError: there is none.
        """
        places = self.all(kind)
        if isinstance(number, bool) or not 0 <= number < len(places):
            raise ValueError(f"`number` must be one of the {len(places)} places in {kind!r}, counted from 0: {number}")
        return self.with_all(kind, places[:number] + places[number + 1 :])

    def exchanged(self, kind: str, number: int, example: Example) -> "Trays":
        """With another place in the stead of the one of this number. Raises `ValueError` if there is none."""
        places = self.all(kind)
        self.without(kind, number)  # whether there is one
        return self.with_all(kind, (*places[:number], example, *places[number + 1 :]))

    def with_all(self, kind: str, places: Iterable[Example]) -> "Trays":
        """These places of a kind in place of those there."""
        return replace(self, **{_kind(kind): tuple(places)})

    def all(self, kind: str) -> tuple[Example, ...]:
        """The places of a kind. Raises `ValueError` for a kind there is not."""
        return getattr(self, _kind(kind))

    @property
    def context(self) -> tuple[Example, ...]:
        """The places from which the context is computed."""
        return self.examples or self.paste

    def request(self) -> EditRequest:
        """As the original's files hold it, with the first place to paste only."""
        first = lambda places: places[0] if places else None  # noqa: E731
        return EditRequest(first(self.object), first(self.paste), self.examples, None, self.preserve)

    @classmethod
    def of(cls, request: EditRequest) -> "Trays":
        """What a request asks for."""
        one = lambda place: () if place is None else (place,)  # noqa: E731
        return cls(one(request.object), one(request.paste), tuple(request.examples), tuple(request.preserve))


@dataclass(frozen=True)
class Settings:
    """How an edit is solved for; see `context_directions` and `solve`."""

    layer: str
    rank: int = 1
    smoothness: float = SMOOTHNESS
    norm: str = "l1"
    objective: str = "window"
    method: str = "zca"
    damping: float = 0.0


@dataclass(frozen=True, eq=False)
class Solved:
    """An edit on its way: the solution, the edit it makes, and what a refinement needs to go on."""

    solution: Solution
    edit: LowRankEdit
    targets: tuple[Target, ...]
    options: dict[str, Any]


class Workbench:
    """A network and a sample of its pictures, on which rules are rewritten.

    Args:
        network: the generator, as it is before any edit.
        z: the sample; places are marked in its pictures by number.
        seed: that drew it.
    """

    def __init__(self, network: Generator, z: Float[Tensor, "image *latent"], seed: int | None = None) -> None:
        self.network, self.z, self.seed = network, z, seed
        self._networks: OrderedDict[Hashable, Generator] = OrderedDict()
        self._pictures: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._marked: dict[int, np.ndarray] = {}
        self._statistics: dict[Hashable, KeyStatistics] = {}
        self._states: OrderedDict[Hashable, list[State]] = OrderedDict()

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
        if key not in self._statistics:
            for found in collecting(self.editable(layer, below), self.z, seed=self.seed):
                progress(found.n / len(self.z))
                yield None
            self._statistics[key] = found
        return self._statistics[key]

    def context(self, trays: Trays, settings: Settings, edits: Edits, statistics: KeyStatistics) -> Tensor:
        """Directions of the keys at the examples.

        Raises:
            ValueError: nothing marked, or a rank above what the examples span.
        """
        if not trays.context:
            raise ValueError("`examples` must show what the rule is about: mark a place and add it to the context")
        below = stale(edits, self.editable(settings.layer), self.network)
        editable = self.editable(settings.layer, below)
        how = {"method": settings.method, "damping": settings.damping}
        return context_directions(editable, trays.context, self.z, statistics, settings.rank, **how)

    def solving(
        self, trays: Trays, settings: Settings, edits: Edits, *, what: str = "paste", progress: Progress, name: str = ""
    ) -> Iterator[Solved | None]:
        """The edit that was asked for, on top of those there, and for absolute errors better and better ones.

        Args:
            trays: what was marked.
            settings: how to solve.
            edits: that are there.
            what: "paste" the object, or "erase" what units do in the examples.
            progress: called with the share that is done.
            name: of the edit.

        Raises:
            ValueError: something needed was not marked, or as `solve` says.
        """
        statistics = yield from self.statistics(settings.layer, edits, progress)
        context = self.context(trays, settings, edits, statistics)
        editable = self.editable(settings.layer, edits)
        make = self._pasted if what == "paste" else self._erased
        targets = make(trays, editable, statistics)
        kept = [keep_target(editable, self._latent(place), place.region) for place in trays.preserve]
        moment = patch_moment(editable, self._sampled(settings.layer, edits), context)
        options = {"moment": moment, "preserve": kept}
        asked = {part: getattr(settings, part) for part in ("objective", "norm", "smoothness")}
        about = self._about(trays, settings, what)
        edit = None
        for solution in solve_steps(targets, context, **asked, **options):
            made = edit_from(solution, editable, name=name, details=about, original=self.network)
            edit = made if edit is None else replace(made, uid=edit.uid)
            yield Solved(solution, edit, tuple(targets), options)

    def zeroed(
        self, trays: Trays, settings: Settings, edits: Edits, *, progress: Progress, name: str = ""
    ) -> Steps[None, None, LowRankEdit]:
        """The edit after which the context has no effect."""
        statistics = yield from self.statistics(settings.layer, edits, progress)
        context = self.context(trays, settings, edits, statistics)
        return zero(self.editable(settings.layer, edits), context, name=name, original=self.network)

    def clear(self) -> None:
        """Let go of all tensors."""
        for kept in (self._networks, self._pictures, self._marked, self._statistics, self._states):
            kept.clear()

    def _pasted(self, trays: Trays, editable: EditableLayer, statistics: KeyStatistics) -> list[Target]:
        if not trays.object:
            raise ValueError("`object` must be there to be pasted: mark something and copy it")
        if not trays.paste:
            raise ValueError("`paste` must say where the object goes: mark a place and paste there")
        source = trays.object[0]
        copied = copy_object(editable, self._latent(source), source.region)
        return [paste_target(editable, self._latent(place), copied, place.region) for place in trays.paste]

    def _erased(self, trays: Trays, editable: EditableLayer, statistics: KeyStatistics) -> list[Target]:
        units = erased_units(editable, trays.context, self.z, statistics)
        return [target_without(editable, place, self.z, units) for place in trays.paste or trays.context]

    def _sampled(self, layer: str, edits: Edits) -> list[State]:
        """Some pictures of the sample, run up to the layer."""
        editable = self.editable(layer, edits)
        key = (layer, active_edits(edits), self.network.fingerprint)
        parts = self.z[:MOMENT_SAMPLE].split(BATCH)
        return _kept(self._states, key, lambda: [editable.run(z) for z in parts], 1)

    def _latent(self, place: Example) -> Tensor:
        if place.image >= len(self.z):
            raise ValueError(
                f"a marked place is of picture {place.image}, but the sample holds {len(self.z)}: sample at least "
                f"{place.image + 1}"
            )
        return self.z[place.image : place.image + 1]

    def _about(self, trays: Trays, settings: Settings, what: str) -> dict[str, Any]:
        """How the edit came about, as plain values."""
        places = {kind: [place.image for place in trays.all(kind)] for kind in KINDS}
        numbers = {"seed": self.seed, "n": len(self.z)}
        return {"what": what, "method": settings.method, "damping": settings.damping, **numbers, "images": places}


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {list(KINDS)}, got {kind!r}")
    return kind


def _kept(kept: OrderedDict, key: Hashable, make: Callable[[], Any], most: int = KEPT) -> Any:
    """What was made for this key, the latest few being kept."""
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return kept[key]
