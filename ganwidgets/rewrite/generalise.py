"""From an edit that fits its examples to a rule: better on many pictures that nobody marked.

`solve` makes the places right that were marked, and weighs changes elsewhere by their squares. What is wanted in the
end is counted otherwise: in how many pictures does the concept change as meant, while how many other pixels can one see
change? `generalise` goes on from a solution, downhill in smooth versions of these two counts on a sample of pictures:

- wanted: at pixels of the source, (1 − p^q) / q of the probability p that the segmenter gives to the target, and to
  their not being the source: like −log p, but pixels that will never change do not pull on all others;
- side: how visibly pixels outside change, in units of the least visible change; large changes count hardly more than
  visible ones, as a pixel that has changed cannot change twice.

The price of the second is not asked for. It rises while more pixels outside change than `limit` allows and falls while
fewer do, so the answer is the most that can be had within it. Only Λ moves; the context stays, and no network is
changed. It is a generator of steps, each a whole edit. The rule must be judged on other pictures, with `report`.

Source: the cost of a pixel is that of Zhang and Sabuncu (2018), Generalized cross entropy loss.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.report import BATCH, LEAST, VISIBLE, concept_numbers, margin_of
from ganwidgets.rewrite.report_counts import around
from ganwidgets.rewrite.target import positive
from ganwidgets.segment import Segmenter, validate_segmentation

STEPS, AT_ONCE, RATE = 200, 12, 0.03
LIMIT = 0.04
"""Share of the pixels outside that may change visibly; what is left to 5 % is for chance."""

PRICE, HASTE = 5.0, 0.04  # of the side, to begin with; share by which it moves in a step, at most
TINY = 1e-9  # share of the pixels that is none
MOST = 3.0  # least visible changes that a pixel can cost, however much it changes
GIVE_UP = 0.3  # q: with 0 hopeless pixels pull as strongly as others, with 1 hardly
LEAST_LIKELY = 1e-12  # below, a slope would not be finite

Progress = Callable[[float], Any]


@dataclass(frozen=True, eq=False)
class RuleSample:
    """Pictures without any edit, and where the source is in them; for a rule on any layer.

    Attributes:
        segmenter: names the pixels, and has `scores`.
        source, target: concepts; a target of None is anything else.
        margin: [pixels] around the source that belong to it.
        z: latents.
        images: half precision is enough, and takes little room.
        masks: pixels of the source.
        has, lacks: numbers of the pictures with the source (enough pixels of it), and with none.
    """

    segmenter: Segmenter
    source: str
    target: str | None
    margin: int
    z: Float[Tensor, "image *latent"]
    images: Float[Tensor, "image rgb height width"]
    masks: Bool[Tensor, "image height width"]
    has: tuple[int, ...]
    lacks: tuple[int, ...]


@torch.no_grad()
def rule_sample(
    network: Generator,
    z: Float[Tensor, "image *latent"],
    segmenter: Segmenter,
    *,
    source: str,
    target: str | None = None,
    least: int = LEAST,
    margin: int | None = None,
    progress: Progress = lambda fraction: None,
) -> RuleSample:
    """Pictures to `generalise` on, drawn and segmented once for all layers.

    Args:
        network: the generator, before the edit.
        z: latents; some hundred pictures should have the source.
        segmenter: names the pixels, and has `scores(images)`, differentiable.
        source: concept that is to change.
        target: what it is to become; None: anything else.
        least: source pixels from which a picture has the source.
        margin: [pixels] around the source that belong to it; None as in `report`.
        progress: called with the share done, after every batch.

    Raises:
        ValueError: an unknown concept, a target that is the source, or no picture with the source.
        TypeError: a segmenter without scores.
    """
    if not callable(getattr(segmenter, "scores", None)):
        raise TypeError(
            "`segmenter` must have scores(images), differentiable (batch concept height width), to go downhill in; "
            f"{type(segmenter).__name__} has none"
        )
    number, _ = concept_numbers(segmenter, source, target)
    images, masks = [], []
    for start in range(0, len(z), BATCH):
        drawn = network.images(z[start : start + BATCH])
        seg = validate_segmentation(segmenter(drawn), drawn, segmenter)
        images.append(drawn.half())
        masks.append((seg == number).any(1))
        progress(min(1.0, (start + BATCH) / len(z)))
    images, masks = (torch.cat(parts) if parts else torch.empty(0) for parts in (images, masks))
    pixels = masks.flatten(1).sum(1) if len(z) else torch.empty(0)
    has, lacks = (tuple(found.nonzero()[:, 0].tolist()) for found in (pixels >= least, pixels == 0))
    if not has:
        raise ValueError(
            f"`z` must have pictures with {least} pixels of {source!r}, but none of {len(z)} has; take more latents"
        )
    return RuleSample(segmenter, source, target, margin_of(network, margin), z, images, masks, has, lacks)


@dataclass(frozen=True, eq=False)
class Generalisation:
    """One step.

    Attributes:
        update, context: the edit after this step, as `as_edit` takes them.
        wanted, side: costs of this step's pictures, before it; side in least visible changes a pixel.
        outside: share of their pixels outside that changed visibly.
        price: of the side in this step.
        step, steps: number of the step, from 1, and of all.
    """

    update: Float[Tensor, "unit rank kh kw"]
    context: Float[Tensor, "rank key_dim"]
    wanted: float
    side: float
    outside: float
    price: float
    step: int
    steps: int


def generalise(
    editable: EditableLayer,
    update: Float[Tensor, "unit rank kh kw"],
    context: Float[Tensor, "rank key_dim"],
    sample: RuleSample,
    *,
    limit: float | int = LIMIT,
    steps: int = STEPS,
    rate: float | int = RATE,
    at_once: int = AT_ONCE,
    seed: int = 0,
) -> Iterator[Generalisation]:
    """Better and better edits for a rule, by Adam on Λ; half of the pictures of each step have the source.

    The length of steps falls to nothing along a cosine, so let it come to the end.

    Args:
        editable: the layer.
        update: where to start, e.g. of a solution; zeros start from no edit.
        context: directions of the keys whose values may change.
        sample: from `rule_sample`, of the same network.
        limit: share of the pixels outside that may change visibly.
        steps: how many.
        rate: length of a step, as share of the spread of the weight.
        at_once: pictures of a step.
        seed: of which pictures each step takes.

    Raises:
        ValueError: shapes that do not fit the layer, options that are not positive, or pictures that are not finite.
    """
    editable.expand(update, context)
    steps, at_once = whole_number("steps", steps, 1), whole_number("at_once", at_once, 2)
    limit, rate = positive("limit", limit), positive("rate", rate)
    return _descent(editable, update, context, sample, limit, steps, rate, at_once, seed)


def _descent(
    editable: EditableLayer,
    update: Tensor,
    context: Tensor,
    sample: RuleSample,
    limit: float,
    steps: int,
    rate: float,
    at_once: int,
    seed: int,
) -> Iterator[Generalisation]:
    weight, random = editable.W0, np.random.RandomState(seed)
    context, price = context.to(weight), PRICE
    update = update.detach().to(weight).clone().requires_grad_()
    adam = torch.optim.Adam([update], lr=rate * float(weight.std()))
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for step in range(1, steps + 1):
        numbers = _drawn(sample.has, at_once - at_once // 2, random) + _drawn(sample.lacks, at_once // 2, random)
        wanted, side, outside = _costs(editable, weight + editable.expand(update, context), sample, numbers)
        cost = wanted + price * side
        adam.zero_grad()
        cost.backward()
        adam.step()
        fall.step()
        now = update.detach().cpu().clone()
        costs = (float(wanted.detach()), float(side.detach()), outside, price)
        yield Generalisation(now, context.cpu(), *costs, step, steps)
        price *= math.exp(HASTE * max(-1.0, min(1.0, math.log(max(outside, TINY) / limit))))


def _drawn(numbers: tuple[int, ...], count: int, random: np.random.RandomState) -> list[int]:
    """So many of these numbers, each at most once."""
    return random.choice(numbers, min(count, len(numbers)), replace=False).tolist() if numbers else []


def _costs(
    editable: EditableLayer, weight: Tensor, sample: RuleSample, numbers: list[int]
) -> tuple[Tensor, Tensor, float]:
    """Of these pictures: what is wanted at source pixels, and what happened outside, smoothly and counted."""
    state = editable.run(sample.z[numbers])
    drawn = editable.network.above(state, editable.values(state, weight), clamp=False, grad=True)
    now = drawn + (drawn.clamp(-1, 1) - drawn).detach()  # what one sees; a slope there is also where it is cut off
    masks = sample.masks[numbers]
    has = masks.flatten(1).any(1)
    names, scores = tuple(sample.segmenter.concepts), sample.segmenter.scores(now[has])
    cost = _cost(1 - scores[:, names.index(sample.source)])
    if sample.target is not None:
        cost = cost + _cost(scores[:, names.index(sample.target)])
    wanted = (cost * masks[has]).sum() / masks.sum()
    outside = ~around(masks, sample.margin)
    n_outside = outside.sum().clamp(min=1)
    moved = (now - sample.images[numbers].float()).abs().amax(1) / VISIBLE
    seen = float(((moved.detach() > 1) & outside).sum() / n_outside)
    return wanted, (moved / (1 + moved / MOST) * outside).sum() / n_outside, seen


def _cost(likely: Tensor) -> Tensor:
    """(1 − p^q) / q of a probability."""
    return (1 - likely.clamp(LEAST_LIKELY, 1).pow(GIVE_UP)) / GIVE_UP
