"""Which layer, which rank? Try them all, and look at effect and side effect.

Early layers know what things are and change whole pictures; late ones draw small parts and do not know of what. Which
one holds a rule differs from network to network. The closed form takes milliseconds, so `advise` solves the edit at
every editable layer and several ranks, draws the edited pictures and others nobody asked about, and puts the trials in
a table. All are measured in pixels, so that layers can be compared: how far the pasted place has come to look like the
object, and how much of other pictures changed.

`advising` gives the same layer by layer, so that it can be stopped or shown on the way.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.rewrite.advise_result import Advice, Trial
from ganwidgets.rewrite.advise_scene import BATCH, Asked, Scene, Wish, latent_of
from ganwidgets.rewrite.context import context_directions, largest_rank
from ganwidgets.rewrite.editable import EditableLayer, editable_layer, editable_layers
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.keys import KeyStatistics, collect_keys
from ganwidgets.rewrite.moment import patch_moment
from ganwidgets.rewrite.solve import SMOOTHNESS, Solution, solve_steps
from ganwidgets.rewrite.target import Target, copy_object, keep_target, paste_target
from ganwidgets.segment import Segmenter

RANKS = (1, 2, 3, 5, 10)
OTHERS = 16  # pictures that show the side effect
WEIGHED = 32  # pictures of the sample on which changes elsewhere are priced

Progress = Callable[[float], Any]
Statistics = Callable[[EditableLayer], KeyStatistics]


def advise(
    network: Generator,
    z: Float[Tensor, "image *latent"],
    *,
    object: Example,  # noqa: A002 (as in a request)
    paste: Example | Sequence[Example],
    examples: Sequence[Example] = (),
    preserve: Sequence[Example] = (),
    layers: Sequence[str] | None = None,
    ranks: Sequence[int] = RANKS,
    smoothness: float | int = SMOOTHNESS,
    norm: str = "l2",
    objective: str = "window",
    method: str = "zca",
    damping: float | int = 0.0,
    segmenter: Segmenter | None = None,
    n_others: int = OTHERS,
    truncation: float | None = None,
    statistics: Statistics | None = None,
    progress: Progress = lambda fraction: None,
) -> Advice:
    """Effect and side effect of an edit at every layer and rank, and which to begin with.

    Args:
        network: the generator.
        z: the sample whose pictures are marked; statistics of the keys are collected over it.
        object: what is copied.
        paste: where it goes; several are solved for at once.
        examples: what the context is computed from; none means where it is pasted.
        preserve: what must not change.
        layers: to try; None is every editable one.
        ranks: to try; those above what the examples span are skipped, and said so.
        smoothness: λ, the price of changes elsewhere.
        norm, objective: of the edits, as for `solve`.
        method, damping: of the context, as for `context_directions`.
        segmenter: names the pixels, to see whether the place is recognised as the object.
        n_others: pictures nobody marked, drawn anew, on which side effects are measured.
        truncation: of their latents; that of the sample.
        statistics: gives those of a layer where they are known already; None collects them.
        progress: called with the share done, several times for each layer; what it raises stops it.

    Raises:
        ValueError: an empty region, a picture the sample does not hold, a layer one cannot edit, or no ranks.
    """
    wish, asked = (
        Wish(object, _several(paste), tuple(examples), tuple(preserve)),
        Asked(smoothness, norm, objective, method, damping),
    )
    *_, last = advising(network, z, wish, layers, ranks, asked, segmenter, n_others, truncation, statistics, progress)
    return last


def advising(
    network: Generator,
    z: Float[Tensor, "image *latent"],
    wish: Wish,
    layers: Sequence[str] | None = None,
    ranks: Sequence[int] = RANKS,
    asked: Asked = Asked(),  # noqa: B008 (a value)
    segmenter: Segmenter | None = None,
    n_others: int = OTHERS,
    truncation: float | None = None,
    statistics: Statistics | None = None,
    progress: Progress = lambda fraction: None,
) -> Iterator[Advice]:
    """`advise` layer by layer: what is known so far after each; arguments as there."""
    ranks = sorted({whole_number("ranks", rank, 1) for rank in ranks})
    if not ranks:
        raise ValueError(f"`ranks` must hold at least one rank, e.g. {list(RANKS)}, got none")
    names = editable_layers(network) if layers is None else layers
    chosen = [editable_layer(network, name) for name in names]
    if not chosen:
        raise ValueError(f"`layers` must hold at least one layer; those that can be edited: {editable_layers(network)}")
    scene = Scene.of(network, z, wish, segmenter, whole_number("n_others", n_others, 1), truncation)
    statistics = statistics or (lambda editable: collect_keys(editable, z))
    found = Advice((), {}, len(wish.paste), n_others, scene.named_before)
    for number, editable in enumerate(chosen):

        def told(share: float, number: int = number) -> None:
            progress((number + share) / len(chosen))

        trials, skipped = _tried(editable, z, wish, ranks, asked, scene, statistics, told)
        found = replace(found, trials=(*found.trials, *trials), skipped={**found.skipped, **skipped})
        told(1.0)
        yield found


def _tried(
    editable: EditableLayer,
    z: Tensor,
    wish: Wish,
    ranks: Sequence[int],
    asked: Asked,
    scene: Scene,
    statistics: Statistics,
    progress: Progress,
) -> tuple[list[Trial], dict[str, str]]:
    """All ranks of one layer."""
    how = {"method": asked.method, "damping": asked.damping, "warn": False}
    try:
        known = statistics(editable)
        copied = copy_object(editable, latent_of(wish.object, z), wish.object.region)
        targets = [paste_target(editable, latent_of(place, z), copied, place.region) for place in wish.paste]
        kept = [keep_target(editable, latent_of(place, z), place.region) for place in wish.preserve]
        highest = largest_rank(editable, wish.context, z, known, **how, progress=lambda share: progress(0.0))
    except ValueError as error:
        return [], {editable.name: str(error)}
    states = [editable.run(part) for part in scene.others.split(BATCH)]
    sample = [editable.run(part) for part in z[:WEIGHED].split(BATCH)]
    trials, skipped = [], {}
    for number, rank in enumerate(ranks):
        told = lambda share, number=number: progress(number / len(ranks))  # noqa: E731
        told(0.0)
        if rank > highest:
            skipped[f"{editable.name}, rank {rank}"] = f"the examples span {highest} directions"
            continue
        try:
            context = context_directions(editable, wish.context, z, known, rank, **how, progress=told)
            options = {"moment": patch_moment(editable, sample, context, progress=told), "preserve": kept}
            solution = _solved(targets, context, asked, options, told)
        except ValueError as error:  # an objective or a price with which this layer cannot be solved for
            skipped[f"{editable.name}, rank {rank}"] = str(error)
            continue
        weight = editable.W0 + editable.expand(solution.update.to(editable.W0), context)
        fit = 1 - solution.loss_after / solution.loss_before if solution.loss_before else 0.0
        measured = scene.measure(editable, [target.state for target in targets], states, weight)
        trials.append(Trial(editable.name, rank, fit=fit, **measured))
    return trials, skipped


def _solved(
    targets: Sequence[Target], context: Tensor, asked: Asked, options: dict[str, Any], progress: Progress
) -> Solution:
    """As `solve`, with the progress told in between."""
    how = {"smoothness": asked.smoothness, "norm": asked.norm, "objective": asked.objective}
    last = None
    for step in solve_steps(targets, context, **how, **options):
        last = step
        progress(0.0)
    return last


def _several(paste: Example | Sequence[Example]) -> tuple[Example, ...]:
    places = (paste,) if isinstance(paste, Example) else tuple(paste)
    if not places:
        raise ValueError("`paste` must hold at least one place, got none")
    return places
