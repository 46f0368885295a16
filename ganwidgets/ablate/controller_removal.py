"""The session behind removal curves: which units, in which order, take a concept away.

`RemovalController.run()` removes the first units of one order after the other, beside random units, and publishes the
curve whenever an order is done, so that a cancelled run leaves those it finished. Units are ordered on other latents
than they are judged on. `order` and `size` say which units somebody looks at; `chosen` holds their numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from traitlets import Bunch, Dict, Enum, Instance, Int, TraitError, Tuple, Unicode, observe, validate

from ganwidgets.ablate.alpha import optimise_alpha
from ganwidgets.ablate.counts import concept_number, random_sets
from ganwidgets.ablate.effect import each_unit_effect
from ganwidgets.ablate.removal import RemovalCurve
from ganwidgets.ablate.unit_sets import rank_by_alpha, rank_by_effect, rank_by_iou, removal_curve
from ganwidgets.models import Generator
from ganwidgets.results import Dissection
from ganwidgets.segment import Segmenter
from ganwidgets.session import LayerSession, whole_in_range
from ganwidgets.worker import Job, giving_way

ORDERS = ("IoU", "effect", "alpha", "random")
"""By agreement, by what each unit does alone, by optimised strength, and no order at all."""

WORDS = {"IoU": "IoU", "effect": "their effect alone", "alpha": "optimised α", "random": "chance"}

ALPHA = {"n_train": 100, "n_eval": 40, "n_random_sets": 0}  # smaller than a script's: a person waits

Progress = Callable[[float], None]
News = Iterator[dict[str, Any] | None]


@dataclass(frozen=True)
class Wish:
    """What a run is of; runs of equal wishes have equal answers."""

    layer: str
    concept: str
    n: int
    seed: int
    n_random_sets: int
    fingerprint: str

    @property
    def about(self) -> tuple[str, str, str]:
        """What an order of units depends on."""
        return self.layer, self.concept, self.fingerprint


class RemovalController(LayerSession):
    """Measures removal curves and remembers them.

    Args:
        network: the generator.
        segmenter: names the pixels; running needs one.
        traits: first values.
    """

    concept = Unicode(help="Which is to be removed; empty: none is chosen.")
    dissection = Instance(Dissection, allow_none=True, help="For the order by IoU.")
    wanted = Tuple(("IoU", "effect"), help="Orders that a run measures: IoU, effect, alpha. Random ones always.")
    n = Int(48, help="Number of images the curves are measured on.")
    n_random_sets = Int(10, help="Number of random orders.")
    n_rank = Int(24, help="Images on which each unit is switched off alone, for the order by effect.")
    n_search = Int(400, help="Images searched for places to optimise α on, for that order.")
    seed = Int(3, help="Of the latents the curves are measured on; units are ordered on later seeds.")
    order = Enum(ORDERS, "IoU", help="Order of the units somebody looks at.")
    size = Int(8, help="How many of them, the first ones.")

    curve = Instance(RemovalCurve, allow_none=True, read_only=True, help="With the orders that are done so far.")
    rankings = Dict(read_only=True, help="Units by name of the order, the first to be removed first.")
    missing = Dict(read_only=True, help="Why an order that was wanted could not be had, by its name.")
    stage = Unicode(read_only=True, help="What the running job does now.")
    chosen = Tuple(read_only=True, help="The first `size` units of `order`; none while the order is not known.")

    def __init__(self, network: Generator, segmenter: Segmenter | None = None, **traits: Any) -> None:
        self.segmenter = segmenter
        self._curves: dict[Wish, RemovalCurve] = {}
        self._effects: dict[tuple, np.ndarray] = {}
        self._alphas: dict[tuple, tuple[int, ...]] = {}
        super().__init__(network, **traits)
        self._look()

    def run(self, *, wait: bool = False) -> Job:
        """Measure everything that is wanted again; `wait` does it in the calling thread."""
        self._curves.pop(self._wish, None)
        return self.resume(wait=wait)

    def resume(self, *, wait: bool = False) -> Job:
        """Measure the orders that are wanted and not there yet."""
        wish, wanted = self._wish, tuple(self.wanted)
        return self.submit(lambda progress: self._measure(wish, wanted, progress), self._publish, background=not wait)

    def relabelled(self) -> None:
        """Curves are kept for each class; a run of another class is not gone on with."""
        self.cancel()
        self._look()

    def close(self) -> None:
        super().close()
        self._curves.clear()
        self._effects.clear()

    @property
    def _wish(self) -> Wish:
        return Wish(self.layer, self.concept, self.n, self.seed, self.n_random_sets, self.network.fingerprint)

    # The run

    def _measure(self, wish: Wish, wanted: tuple[str, ...], progress: Progress) -> News:
        if self.segmenter is None:
            raise ValueError("`segmenter` must be given to count what is removed, got None.")
        concept_number(self.segmenter.concepts, wish.concept)
        done, missing = self._curves.get(wish), {}
        todo = [name for name in wanted if done is None or name not in done.orders]
        yield {"missing": {}}
        for place, name in enumerate(todo):
            span = _part(progress, place, len(todo) + 1)
            yield {"stage": f"ordering units by {WORDS[name]}"}
            try:
                order = yield from self._rank(wish, name, span)
            except TypeError as why:  # no scores: the other orders need none
                order, missing = None, {**missing, name: str(why)}
            if order is None:
                missing = {name: f"{wish.layer} is not dissected", **missing}
                yield {"missing": missing}
                continue
            yield {"stage": f"removing units by {WORDS[name]}"}
            found = self._curve(wish, {name: order}, 0, lambda share, span=span: span(0.5 + share / 2))
            done = found if done is None else merged(done, found)
            yield {"wish": wish, "curve": done}
            if len(done.random) < wish.n_random_sets:
                done = yield from self._beside_random(wish, done, _part(progress, place + 1, len(todo) + 1))
        if done is None:
            raise ValueError("`wanted` must hold an order that can be had; “effect” always can.")
        if len(done.random) < wish.n_random_sets:
            done = yield from self._beside_random(wish, done, progress)
        yield {"wish": wish, "curve": done, "stage": ""}

    def _beside_random(self, wish: Wish, done: RemovalCurve, progress: Progress) -> News:
        yield {"stage": "removing random units"}
        name, order = next(iter(done.orders.items()))
        done = merged(self._curve(wish, {name: order}, wish.n_random_sets, progress), done)
        yield {"wish": wish, "curve": done}
        return done

    def _curve(
        self, wish: Wish, orders: Mapping[str, tuple[int, ...]], chance: int, progress: Progress
    ) -> RemovalCurve:
        z = self.network.sample_z(wish.n, seed=wish.seed)
        sizes = sizes_of(self.network.layers[wish.layer].units)
        options = {"sizes": sizes, "n_random_sets": chance, "progress": giving_way(progress)}
        return removal_curve(self.network, wish.layer, orders, wish.concept, self.segmenter, z, **options)

    @property
    def complete(self) -> bool:
        """Whether everything that is wanted and can be had is measured."""
        done = self.curve
        return done is not None and len(done.random) > 0 and not {*self.wanted} - {*done.orders} - {*self.missing}

    def _rank(self, wish: Wish, name: str, progress: Progress) -> Iterator[None]:
        """Gives way to other jobs, and returns the units in the order of this name; None if it cannot be had."""
        if name == "IoU":
            found = self.dissection
            return rank_by_iou(found, wish.concept, wish.layer) if found and wish.layer in found.layers else None
        if name == "alpha":
            return self._rank_by_alpha(wish, progress)
        key = (wish.layer, wish.fingerprint, self.n_rank, wish.seed)
        if key not in self._effects:
            rows, total = [], self.network.layers[wish.layer].units
            z = self.network.sample_z(self.n_rank, seed=wish.seed + 1)
            for row in each_unit_effect(self.network, wish.layer, self.segmenter, z):
                rows.append(row)
                progress(len(rows) / total / 2)
                yield None
            self._effects[key] = np.stack(rows)
        return rank_by_effect(self._effects[key], concept_number(self.segmenter.concepts, wish.concept))

    def _rank_by_alpha(self, wish: Wish, progress: Progress) -> tuple[int, ...]:
        if wish.about not in self._alphas:
            found, start = self.dissection, None
            if found and wish.layer in found.layers:
                iou = found.layer(wish.layer).iou[:, found.concepts.index(wish.concept)]
                start = iou / max(float(iou.max()), 1e-9)
            told = giving_way(lambda share: progress(share / 2))
            options = {"n_search": self.n_search, "start": start, "seed": wish.seed + 2, "progress": told} | ALPHA
            self._alphas[wish.about] = rank_by_alpha(
                optimise_alpha(self.network, wish.layer, wish.concept, self.segmenter, **options)
            )
        return self._alphas[wish.about]

    def _publish(self, news: dict[str, Any]) -> None:
        if "curve" in news:
            self._curves[news["wish"]] = news["curve"]
            self._look()
        self._write(**{name: news[name] for name in ("missing", "stage") if name in news})

    # What is looked at

    @observe("layer", "concept", "n", "seed", "n_random_sets", "dissection")
    def _look(self, change: Bunch | None = None) -> None:
        if not hasattr(self, "_curves"):
            return  # before the first values are all there
        curve = self._curves.get(self._wish)
        rankings = dict(curve.orders) if curve else {}
        found = self.dissection
        if found and self.layer in found.layers and self.concept in found.concepts:
            rankings.setdefault("IoU", rank_by_iou(found, self.concept, self.layer))
        units = self.network.layers[self.layer].units
        rankings["random"] = random_sets(units, units, 1, seed=0)[0]
        self._write(curve=curve, rankings=rankings)
        self._choose()

    @observe("order", "size")
    def _choose(self, change: Bunch | None = None) -> None:
        self._write(chosen=tuple(self.rankings.get(self.order, ())[: self.size]))

    @observe("layer", "concept", "dissection")
    def _forget_failure(self, change: Bunch) -> None:
        self._write(missing={})

    @validate("concept")
    def _check_concept(self, proposal: Bunch) -> str:
        known = self.segmenter or self.dissection
        if proposal["value"] and known is not None:
            try:
                concept_number(known.concepts, proposal["value"])
            except ValueError as why:
                raise TraitError(str(why)) from why
        return proposal["value"]

    @validate("wanted")
    def _check_wanted(self, proposal: Bunch) -> tuple[str, ...]:
        unknown = [name for name in proposal["value"] if name not in ORDERS[:3]]
        if unknown:
            raise TraitError(f"`wanted` must hold names among {list(ORDERS[:3])}, got {unknown[0]!r}.")
        return tuple(name for name in ORDERS[:3] if name in proposal["value"])

    @validate("size")
    def _check_size(self, proposal: Bunch) -> int:
        return whole_in_range("size", proposal["value"], 0, 10**6)

    @validate("n", "n_rank", "n_search")
    def _check_count(self, proposal: Bunch) -> int:
        return whole_in_range(proposal["trait"].name, proposal["value"], 1, 10**6)

    @validate("n_random_sets")
    def _check_sets(self, proposal: Bunch) -> int:
        return whole_in_range("n_random_sets", proposal["value"], 1, 1000)

    @validate("seed")
    def _check_seed(self, proposal: Bunch) -> int:
        return whole_in_range("seed", proposal["value"], 0, 2**32 - 4)


def sizes_of(units: int) -> tuple[int, ...]:
    """0, 1, 2, 4, … up to half of the layer's units: with more of them gone no picture is left to speak of."""
    return (0, *(2**power for power in range(max(1, units // 2).bit_length())))


def merged(first: RemovalCurve, second: RemovalCurve) -> RemovalCurve:
    """Two measurements on the same images as one: the orders of both, and the random ones of the first that has any."""
    return replace(
        first,
        orders={**first.orders, **second.orders},
        share={**first.share, **second.share},
        share_interval={**first.share_interval, **second.share_interval},
        random_share=first.random_share if len(first.random_share) else second.random_share,
    )


def _part(progress: Progress, place: int, parts: int) -> Progress:
    return lambda share: progress((place + share) / parts)
