"""Every weight of the network changed for one picture: the baseline that an edit of a rule is compared with.

Adam on all parameters makes the picture of a target come true better than any edit of one layer, and knows no rule:
what it does to other pictures is chance. `fine_tune` is a generator of networks; the one given is never changed.

Source: the comparison in Bau et al. (2020), Rewriting a Deep Generative Model, section 5, without its perceptual loss.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.weights import with_weights
from ganwidgets.rewrite.target import Target, positive

STEPS, RATE = 500, 1e-3
_TOO_FAST = "`rate` must be lower than {:g}: the loss is no longer finite at step {}"


@dataclass(frozen=True, eq=False)
class FineTuned:
    """One step.

    Attributes:
        network: all its weights are its own, and go on changing: `with_weights` keeps them as they are now.
        loss: mean absolute error of the pictures (or values), before this step's change.
        step, steps: number of the step, and of all.
    """

    network: Generator
    loss: float
    step: int
    steps: int


def fine_tune(
    targets: Target | Sequence[Target], *, measure: str = "picture", steps: int = STEPS, rate: float | int = RATE
) -> Iterator[FineTuned]:
    """Adam on all weights, for the pictures that the goals make, or for the values.

    Args:
        targets: what pictures should become; `keep_target` for pictures that should stay.
        measure: "picture" or "value".
        steps: how many; the original did 20,001.
        rate: of Adam; 0.01 there.

    Raises:
        ValueError: another measure, options that are not positive, or a loss that is no longer finite.
    """
    if measure not in ("picture", "value"):
        raise ValueError(f"`measure` must be 'picture' or 'value', got {measure!r}")
    if steps < 1:
        raise ValueError(f"`steps` must be at least 1, got {steps}")
    rate = positive("rate", rate)
    targets = [targets] if isinstance(targets, Target) else list(targets)
    network = targets[0].editable.network
    copies = {name: part.detach().clone() for name, part in network.module.named_parameters()}
    second = with_weights(network, copies, f"{network.name}, fine-tuned")
    goals = [t.goal[None] if measure == "value" else network.above(t.state, t.goal[None], clamp=False) for t in targets]
    return _descent(targets, goals, measure, second, steps, rate)


def _descent(
    targets: Sequence[Target], goals: Sequence[Tensor], measure: str, second: Generator, steps: int, rate: float
) -> Iterator[FineTuned]:
    weights = [part.requires_grad_() for part in second.module.parameters()]
    adam = torch.optim.Adam(weights, lr=rate)
    for step in range(steps):
        adam.zero_grad()
        try:
            with torch.enable_grad():
                loss = _loss(targets, goals, measure, second)
        except ValueError as error:  # the network refuses pictures that are not finite
            if not step:
                raise
            raise ValueError(_TOO_FAST.format(rate, step)) from error
        if not float(loss.detach()) < float("inf"):
            raise ValueError(_TOO_FAST.format(rate, step))
        loss.backward()
        adam.step()
        yield FineTuned(second, float(loss.detach()), step, steps)


def _loss(targets: Sequence[Target], goals: Sequence[Tensor], measure: str, network: Generator) -> Tensor:
    total = torch.zeros((), device=network.device)
    for target, goal in zip(targets, goals, strict=True):
        inputs, layer = target.state.inputs, target.editable.layer
        if measure == "value":
            now = network.acts(inputs, layer, grad=True)
        else:
            now = network.images(inputs, clamp=False, grad=True)
        total = total + target.weight * (now - goal).abs().mean()
    return total
