"""One photo, from what a person brings to an `Inversion`: read, searched for, measured."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.invert.drawing import Drawing, Variables, chosen_layer
from ganwidgets.invert.losses import Losses, label
from ganwidgets.invert.photo import Wanted, wanted
from ganwidgets.invert.reconstruct import searching
from ganwidgets.invert.refine import Step
from ganwidgets.invert.sample import is_kept
from ganwidgets.invert.statistics import editability
from ganwidgets.invert.strategies import DEFAULT, Strategy, space_of, strategy_named
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.results.inversion import Editability, Inversion, errors_between

SHOW_EVERY = 0.15
"""Seconds between two pictures of a running search."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Where the search for one photo is.

    Attributes:
        step: steps done.
        total: at most.
        image: the best picture so far, in [-1, 1].
        error: where it is off: absolute error as share of the range, mean over channels.
        loss: of it.
        psnr: of it [dB].
        seconds: since the start.
        remaining: estimated seconds to the last step; -1 when unknown.
        curve: step, loss and PSNR of the best state after each step so far.
        inversion: the result; only in the last one.
    """

    step: int
    total: int
    image: Float[Tensor, "rgb height width"] = field(repr=False)
    error: Float[Tensor, "height width"] = field(repr=False)
    loss: float
    psnr: float
    seconds: float
    remaining: float
    curve: Float[Tensor, "step 3"] = field(repr=False)
    inversion: Inversion | None = None


@dataclass(frozen=True, eq=False)
class _Job:
    """What is searched for, and how."""

    network: Generator
    wanted: Wanted
    strategy: Strategy
    layer: str
    seed: int
    starts: int
    losses: Losses | None


def inverting(
    network: Generator,
    photo: Any,
    strategy: str | Strategy = DEFAULT,
    *,
    layer: str | None = None,
    steps: int | None = None,
    losses: Losses | None = None,
    starts: int = 1,
    time_limit: float | int | None = None,
    seed: int = 1,
    fit: str = "crop",
    box: Sequence[float | int] | None = None,
) -> Iterator[Snapshot]:
    """The search for a photo, step by step; the last snapshot holds the `Inversion`.

    It may be told to stop: `search.send(True)` ends it with the best state so far (`stopped` is then "cancelled"). For
    arguments and errors see `invert`.
    """
    chosen = strategy_named(strategy, network)
    name = chosen_layer(network, layer)
    for argument, value, least in (("steps", steps, 0), ("starts", starts, 1), ("seed", seed, 0)):
        if value is not None:
            whole_number(argument, value, least)
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"`time_limit` must be a number of seconds above 0, got {time_limit!r}")
    job = _Job(network, wanted(network, photo, fit=fit, box=box), chosen, name, seed, starts, losses)
    return _snapshots(job, steps, time_limit)


def _snapshots(job: _Job, steps: int | None, time_limit: float | None) -> Iterator[Snapshot]:
    began, shown, curve = time.monotonic(), 0.0, []
    options = {name: getattr(job, name) for name in ("layer", "losses", "starts", "seed")}
    options |= {"steps": steps, "time_limit": time_limit}
    for step in searching(job.network, job.wanted.image[None], job.strategy, **options):
        best = int(step.loss.argmin())
        curve.append((step.step, float(step.loss[best]), float(step.psnr[best])))
        now = time.monotonic()
        if step.stopped or not step.step or now - shown >= SHOW_EVERY:
            shown = now
            ended = _inversion(job, step, best, curve, began) if step.stopped else None
            if (yield _snapshot(job, step, best, curve, began, ended)) and not step.stopped:
                cancelled = replace(step, stopped="cancelled")
                yield _snapshot(job, step, best, curve, began, _inversion(job, cancelled, best, curve, began))
                return


def _snapshot(job: _Job, step: Step, best: int, curve: list, began: float, inversion: Inversion | None) -> Snapshot:
    image, seconds = step.images[best].cpu(), time.monotonic() - began
    remaining = seconds / step.step * (step.total - step.step) if step.step else -1.0
    return Snapshot(
        step.step,
        step.total,
        image,
        (image - job.wanted.image).abs().mean(0) / 2,
        curve[-1][1],
        curve[-1][2],
        seconds,
        0.0 if inversion else remaining,
        torch.tensor(curve),
        inversion,
    )


def _inversion(job: _Job, step: Step, best: int, curve: list, began: float) -> Inversion:
    """The result, from where the search stands."""
    network, space = job.network, space_of(job.strategy, job.network)
    own = step.variables.part(slice(best, best + 1))
    reconstruction = step.images[best].cpu()
    return Inversion(
        image=job.wanted.image,
        latent=own.latent.cpu(),
        space=space,
        class_vector=_class_vector(network, space, own),
        residuals={layer: maps[0].cpu() for layer, maps in own.residuals.items()},
        reconstruction=reconstruction,
        strategy=job.strategy.name,
        layer=job.layer,
        seed=job.seed,
        steps=step.step,
        seconds=time.monotonic() - began,
        stopped=step.stopped,
        curve=torch.tensor(curve),
        errors=errors_between(reconstruction, job.wanted.image),
        network_name=network.name,
        network_fingerprint=network.fingerprint,
        photo_sha256=job.wanted.sha256,
        editability=_editability(network, space, job.layer, own),
        notes=(*job.wanted.notes, *step.notes),
        total_steps=step.total,
        starts=job.starts,
        losses=label(job.losses),
    )


def _editability(network: Generator, space: str, layer: str, own: Variables) -> Editability:
    """Measured, unless the search was cancelled before there was a sample to compare with."""
    if not is_kept(network):
        return Editability(0.0, 0.0, None, None, 0)
    return editability(network, space, layer, own.latent, Drawing(network, space).acts(own, layer))


def _class_vector(network: Generator, space: str, own: Variables) -> Tensor | None:
    """What goes in beside z: what was found, or the class that the network draws."""
    if own.classes is not None:
        return own.classes[0].cpu()
    if space != "z" or not isinstance(network, ConditionalGenerator):
        return None
    labels = network.labels_of(own.latent)
    return (labels if labels.is_floating_point() else F.one_hot(labels, network.n_classes).float())[0].cpu()


def invert(
    network: Generator,
    photo: Any,
    strategy: str | Strategy = DEFAULT,
    *,
    layer: str | None = None,
    steps: int | None = None,
    losses: Losses | None = None,
    starts: int = 1,
    time_limit: float | int | None = None,
    seed: int = 1,
    fit: str = "crop",
    box: Sequence[float | int] | None = None,
    progress: Callable[[float], Any] | None = None,
) -> Inversion:
    """The latent and the maps with which a network draws a photo.

    Args:
        network: a generator.
        photo: a path, the bytes of a file, a PIL image, an array (height width channel), or a tensor
            (channel height width) of the network's own size in [-1, 1].
        strategy: name of a strategy; see `STRATEGIES`.
        layer: the edit layer; None takes the usual one.
        steps: at most; None takes the strategy's own number.
        losses: how pictures are compared.
        starts: how many to try side by side; the best one is kept.
        time_limit: seconds after which the search ends. What is done once for a network does not count: drawing the
            sample, learning from it, training an encoder.
        seed: of the noise.
        fit: what happens to a photo of another shape: "crop", "letterbox" or "stretch".
        box: (top, left, bottom, right) of the part of the photo to take, in shares of it.
        progress: called with the share done; what it raises stops the search.

    Raises:
        FileNotFoundError: no such photo.
        ValueError: no picture, no such strategy or layer, or a network without gradients.
        TypeError: an argument of another kind.
    """
    search = inverting(
        network,
        photo,
        strategy,
        layer=layer,
        steps=steps,
        losses=losses,
        starts=starts,
        time_limit=time_limit,
        seed=seed,
        fit=fit,
        box=box,
    )
    for shot in search:
        if progress is not None:
            progress(1.0 if shot.inversion else shot.step / max(1, shot.total))
    return shot.inversion
