"""Small steps that make a picture more like a photo, with the best state kept: what all adaptations share.

`descending` moves some tensors by Adam. It says where it is after every step, stops when nothing is gained any more,
when the time is up or when the loss is not finite, and never leaves a state that is worse than the best.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.picture_errors import psnr

PATIENCE, GAIN = 0.25, 1e-3
"""Share of the steps without gain after which it ends; share of the loss that counts as gain."""

SLOWING = 0.5
"""Power of the share of steps left that steps shrink with, so that the last ones settle."""


@dataclass(frozen=True, eq=False)
class Found:
    """Where a descent is.

    Attributes:
        step: steps done.
        loss: of the best state so far.
        psnr: of its picture [dB].
        image: its picture, clamped.
        state: the best state, one tensor for each that moves. Do not change it in place.
        stopped: why it has ended; "" while it goes on.
    """

    step: int
    loss: float
    psnr: float
    image: Float[Tensor, "rgb height width"]
    state: tuple[Tensor, ...]
    stopped: str = ""


def descending(
    moving: Sequence[Tensor],
    rates: Sequence[float | int],
    draw: Callable[[], Tensor],
    cost: Callable[[Tensor], Tensor],
    wanted: Float[Tensor, "rgb height width"],
    steps: int,
    deadline: float | int = float("inf"),
    patience: float | int = PATIENCE,
) -> Iterator[Found]:
    """Move tensors so that the cost of what is drawn falls; the last `Found` says why it ended.

    Args:
        moving: leaves that require gradients; they are changed in place.
        rates: length of a step, one for each.
        draw: gives the picture, a batch of one, with gradients.
        cost: of that picture.
        wanted: the photo, for the PSNR.
        steps: at most; 0 only looks.
        deadline: when to end [s, `time.monotonic`].
        patience: share of the steps without gain after which it ends.

    Raises:
        ValueError: no gradient gets to what moves.
    """
    adam = torch.optim.Adam([{"params": [part], "lr": rate} for part, rate in zip(moving, rates, strict=True)])
    best: Found | None = None
    marked, since = float("inf"), 0
    for step in range(steps + 1):
        try:
            loss, images = _looked(draw, cost, moving if step < steps else ())
        except ValueError as error:  # a picture that is not finite is refused where it is drawn
            if best is None or "finite" not in str(error):
                raise
            break
        now = float(loss)
        if not now < float("inf"):
            break
        if best is None or now < best.loss:
            image = images.detach().clamp(-1, 1)[0]
            near = float(psnr(image[None], wanted[None].to(image)))
            best = Found(step, now, near, image, tuple(part.detach().clone() for part in moving))
        marked, since = (now, step) if now < marked * (1 - GAIN) else (marked, since)
        tired = step - since > max(10, patience * steps)
        ended = _ended(step, steps, tired, deadline)
        yield Found(step, best.loss, best.psnr, best.image, best.state, ended)
        if ended:
            return
        for group, rate in zip(adam.param_groups, rates, strict=True):
            group["lr"] = rate * (1 - step / steps) ** SLOWING
        adam.step()
    if best is None:
        raise ValueError("`inversion` must give a finite picture to be adapted, but the loss is NaN or infinity")
    yield Found(step, best.loss, best.psnr, best.image, best.state, "not finite")


def _ended(step: int, steps: int, tired: bool, deadline: float) -> str:
    if step >= steps:
        return "steps"
    if time.monotonic() > deadline:
        return "time"
    return "plateau" if tired else ""


def _looked(draw: Callable[[], Tensor], cost: Callable[[Tensor], Tensor], moving: Sequence[Tensor]) -> tuple:
    """The loss and the picture; gradients are left in what moves."""
    with torch.set_grad_enabled(bool(moving)):
        images = draw()
        loss = cost(images)
    if moving:
        for part in moving:
            part.grad = None
        if not images.requires_grad:
            raise ValueError(
                "`network` must let gradients through to be adapted, but it does not: are its weights whole numbers "
                "(int8), or does it run without gradients?"
            )
        loss.backward(inputs=list(moving))
    return loss.detach(), images
