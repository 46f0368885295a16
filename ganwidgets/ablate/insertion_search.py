"""What to set units to so that a concept appears where it is painted, and nowhere it does not belong.

A high quantile of each unit, or its mean where the concept is, are guesses: they draw the concept where the network
was about to draw it anyway. `optimise_insertion` learns the values from places: pixels of the concept shall appear
inside the brush on the one kind (a wall), and not on the other (the sky).

Source: ours. GAN Dissection (ICLR 2019), section 3.2, sets units to values that are not optimised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.ablate.alpha import checked_target
from ganwidgets.ablate.brush_places import BrushPlaces
from ganwidgets.ablate.cells import Target
from ganwidgets.ablate.contrast import ConceptContrast
from ganwidgets.ablate.counts import Progress, checked_units, nothing
from ganwidgets.models import Generator
from ganwidgets.models.edits import resize_region
from ganwidgets.models.latents import whole_number
from ganwidgets.segment import Segmenter

RATE = 0.05  # of Adam, in standard deviations of a unit
FARTHEST = 3.0  # standard deviations from where it began


@dataclass(frozen=True, eq=False)
class InsertionValue:
    """Values that draw a concept where units are set to them.

    Attributes:
        layer: of the units.
        concept: what they draw.
        units: which are set.
        value: what to, one each.
        start: what it began with.
        history: {"step", "gained", "elsewhere"} of each step: soft pixels of the concept inside the brush, where it is
            wanted and where it is not; NaN without such places.
        n: places it learned from.
    """

    layer: str
    concept: str
    units: tuple[int, ...]
    value: Float[np.ndarray, " set"]
    start: Float[np.ndarray, " set"]
    history: tuple[dict[str, float | int], ...]
    n: int


@torch.enable_grad()  # also where somebody has switched gradients off
def optimise_insertion(
    network: Generator,
    layer: str,
    concept: str,
    segmenter: Segmenter,
    places: BrushPlaces,
    contrast: ConceptContrast,
    *,
    avoid: BrushPlaces | None = None,
    units: Sequence[int] | None = None,
    enough: float | int = 40.0,
    steps: int = 60,
    batch: int = 16,
    seed: int = 0,
    progress: Progress = nothing,
) -> InsertionValue:
    """Learn what to set units to from places where the concept is wanted, and places where it is not.

    The loss is the mean of: − soft pixels of the concept inside the brush, up to `enough`, at the wanted places; + all
    of them at the others. Pixels are sums of `segmenter.scores`. Adam, rate 0.05 in standard deviations of each unit,
    which also bound how far a value may go: 3 from where it began.

    Args:
        network: the generator.
        layer: of the units.
        concept: name.
        segmenter: names the pixels, and has `scores(images)`, differentiable.
        places: where the concept is to appear.
        contrast: of this layer: values to begin with, and how much each unit varies.
        avoid: where it is not to appear; None is nowhere.
        units: which are set; None is all of the layer.
        enough: pixels that count at most in one place.
        steps: of Adam.
        batch: places a step, of each kind.
        seed: of their order.
        progress: called with the share that is done, 0 to 1; what it raises stops the work.

    Raises:
        TypeError: the segmenter has no scores.
        ValueError: no such layer, concept or units, a contrast of another layer, numbers out of range, or a gradient
            that is not finite.
    """
    target = checked_target(network, layer, concept, segmenter)
    chosen = tuple(range(target.units)) if units is None else checked_units(network, layer, units)
    if contrast.layer != layer or len(contrast.value) != target.units:
        raise ValueError(f"`contrast` must be of {layer!r}, got one of {contrast.layer!r}")
    if not 0 < enough < float("inf"):
        raise ValueError(f"`enough` must be a number of pixels above 0, got {enough}")
    for name, number in (("steps", steps), ("batch", batch)):
        whole_number(name, number, 1)
    start = torch.from_numpy(contrast.value)[list(chosen)]
    spread = torch.from_numpy(contrast.spread)[list(chosen)]
    moved = torch.zeros(len(chosen), requires_grad=True)
    adam, random, history = torch.optim.Adam([moved], lr=RATE), np.random.RandomState(seed), []
    for step in range(steps):
        value = start + moved * spread
        here, there = (
            None if kind is None else _soft_pixels(target, kind, _some(kind, batch, random), chosen, value)
            for kind in (places, avoid)
        )
        loss = -here.clamp(max=enough).mean() + (0 if there is None else there.mean())
        (moved.grad,) = torch.autograd.grad(loss, moved)
        if not torch.isfinite(moved.grad).all():
            raise ValueError(f"`layer` {layer!r}: the gradient of the scores is not finite at step {step}")
        adam.step()
        with torch.no_grad():
            moved.clamp_(-FARTHEST, FARTHEST)
        elsewhere = float("nan") if there is None else float(there.detach().mean())
        history.append({"step": step, "gained": float(here.detach().mean()), "elsewhere": elsewhere})
        progress((step + 1) / steps)
    value = (start + moved.detach() * spread).numpy()
    return InsertionValue(layer, concept, chosen, value, start.numpy(), tuple(history), len(places))


def _some(places: BrushPlaces, batch: int, random: np.random.RandomState) -> list[int]:
    return random.choice(len(places), min(batch, len(places)), replace=False).tolist()


def _soft_pixels(
    target: Target, places: BrushPlaces, some: list[int], units: tuple[int, ...], value: Float[Tensor, " set"]
) -> Float[Tensor, " scene"]:
    """Soft pixels of the concept inside the brush, with the units set there."""
    network, regions = target.network, places.regions[some]
    state = network.below(places.z[some], target.layer, grad=False)
    share = torch.stack([resize_region(region, target.size) for region in regions])[:, None].to(state.acts)
    old = state.acts[:, list(units)]
    new = old * (1 - share) + value.to(old)[:, None, None] * share
    acts = state.acts.index_copy(1, torch.tensor(units, device=old.device), new)
    scores = target.segmenter.scores(network.above(state, acts, clamp=False, grad=True))[:, target.number]
    return (scores * regions.to(scores)).sum((1, 2)).cpu()
