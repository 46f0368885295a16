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
from ganwidgets.invert.resume import resumed
from ganwidgets.invert.sample import edits_in_force, is_kept
from ganwidgets.invert.start import Start
from ganwidgets.invert.statistics import editability
from ganwidgets.invert.strategies import DEFAULT, Strategy, space_of, strategy_named
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.results.inversion import Editability, Inversion, errors_between

SHOW_EVERY = 0.15
"""Seconds between two pictures of a running search."""

MOST_SEED = 2**32 - 1
_WENT_ON = "Was stopped, and went on from step"
_BREAKS = 8  # that a note tells of


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
    resume: Inversion | None

    @property
    def steps_before(self) -> int:
        """Those of the search that goes on."""
        return self.resume.steps if self.resume else 0


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
    resume: Inversion | None = None,
) -> Iterator[Snapshot]:
    """The search for a photo, step by step; the last snapshot holds the `Inversion`.

    After its first snapshot it may be told to stop: `search.send(True)` gives the last one, with the best state so far
    (`stopped` is then "cancelled"). For arguments and errors see `invert`.
    """
    chosen = strategy_named(strategy, network)
    name = chosen_layer(network, layer)
    for argument, value, least in (("steps", steps, 0), ("starts", starts, 1), ("seed", seed, 0)):
        if value is not None:
            whole_number(argument, value, least)
    if seed > MOST_SEED:
        raise ValueError(f"`seed` must be at most {MOST_SEED}, got {seed}")
    if edits_in_force(network):
        raise ValueError(
            "`network` must be without edits in force, as an inversion could not say of which it is: make a network "
            "that carries them (`ganwidgets.models.with_edits`)"
        )
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"`time_limit` must be a number of seconds above 0, got {time_limit!r}")
    job = _Job(network, wanted(network, photo, fit=fit, box=box), chosen, name, seed, starts, losses, resume)
    if resume is None:
        return _snapshots(job, steps, time_limit)
    start = resumed(network, job.wanted.image, resume, chosen, name, losses)
    steps = max(chosen.steps, resume.total_steps) if steps is None else steps
    if starts != 1 or steps <= resume.steps:
        asked = f"`starts` must be 1, got {starts}" if starts != 1 else f"`steps` must be above {resume.steps}"
        raise ValueError(f"{asked}: the search that goes on has one start, and {resume.steps} steps behind it")
    return _snapshots(job, steps, time_limit, start)


def _snapshots(
    job: _Job, steps: int | None, time_limit: float | None, start: Start | None = None
) -> Iterator[Snapshot]:
    began, shown, curve = time.monotonic(), 0.0, [] if job.resume is None else job.resume.curve[:-1].tolist()
    moved = began  # when the first step began: what comes before it says nothing of how long a step takes
    options = {name: getattr(job, name) for name in ("layer", "losses", "starts", "seed")}
    options |= {"steps": steps, "time_limit": time_limit, "resume": start}
    for step in searching(job.network, job.wanted.image[None], job.strategy, **options):
        best = int(step.loss.argmin())
        curve.append((step.step, float(step.loss[best]), float(step.psnr[best])))
        now = time.monotonic()
        moved = now if step.step == job.steps_before else moved
        if step.stopped or step.step == job.steps_before or now - shown >= SHOW_EVERY:
            shown = now
            ended = _inversion(job, step, best, curve, began) if step.stopped else None
            if (yield _snapshot(job, step, best, curve, began, moved, ended)) and not step.stopped:
                cancelled = replace(step, stopped="cancelled")
                ended = _inversion(job, cancelled, best, curve, began)
                yield _snapshot(job, step, best, curve, began, moved, ended)
                return


def _snapshot(
    job: _Job, step: Step, best: int, curve: list, began: float, moved: float, inversion: Inversion | None
) -> Snapshot:
    image, now, done = step.images[best].cpu(), time.monotonic(), step.step - job.steps_before
    remaining = (now - moved) / done * (step.total - step.step) if done else -1.0
    return Snapshot(
        step.step,
        step.total,
        image,
        (image - job.wanted.image).abs().mean(0) / 2,
        curve[-1][1],
        curve[-1][2],
        now - began,
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
        strategy=job.strategy.told,
        layer=job.layer,
        seed=job.seed,
        steps=step.step,
        seconds=time.monotonic() - began + (job.resume.seconds if job.resume else 0.0),
        stopped=step.stopped,
        curve=torch.tensor(curve),
        errors=errors_between(reconstruction, job.wanted.image),
        network_name=network.name,
        network_fingerprint=network.fingerprint,
        photo_sha256=job.resume.photo_sha256 if job.resume else job.wanted.sha256,
        editability=_editability(network, space, job.layer, own),
        notes=(*_notes(job), *step.notes),
        total_steps=step.total,
        starts=job.resume.starts if job.resume else job.starts,
        losses=label(job.losses),
    )


def _notes(job: _Job) -> tuple[str, ...]:
    """What was done to the photo, and that the search went on, and from where."""
    if job.resume is None:
        return job.wanted.notes
    earlier = [note for note in job.resume.notes if not note.startswith(_WENT_ON)]
    told = [note[len(_WENT_ON) :].strip(" .").split(", ") for note in job.resume.notes if note.startswith(_WENT_ON)]
    breaks = [*(step for steps in told for step in steps), str(job.resume.steps)][-_BREAKS:]
    return *dict.fromkeys([*earlier, *job.wanted.notes]), f"{_WENT_ON} {', '.join(breaks)}."


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
    resume: Inversion | None = None,
    progress: Callable[[float], Any] | None = None,
) -> Inversion:
    """The latent and the maps with which a network draws a photo.

    Args:
        network: a generator.
        photo: a path, the bytes of a file, a PIL image, an array (height width channel), or a tensor
            (channel height width) of the network's own size in [-1, 1].
        strategy: name of a strategy; see `STRATEGIES`.
        layer: the edit layer; None takes the usual one.
        steps: at most, those of `resume` included; None takes the strategy's own number.
        losses: how pictures are compared.
        starts: how many to try side by side; the best one is kept.
        time_limit: seconds after which the search ends. What is done once for a network does not count: drawing the
            sample, learning from it, training an encoder.
        seed: of the noise, below 2**32.
        fit: what happens to a photo of another shape: "crop", "letterbox" or "stretch".
        box: (top, left, bottom, right) of the part of the photo to take, in shares of it.
        resume: what an earlier search for this photo found when it was stopped: this one goes on from there, with the
            same strategy, layer and losses.
        progress: called with the share done; what it raises stops the search.

    Raises:
        FileNotFoundError: no such photo.
        ValueError: no picture, no such strategy or layer, a network without gradients or with edits in force, or an
            earlier inversion of something else.
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
        resume=resume,
    )
    for shot in search:
        if progress is not None:
            progress(1.0 if shot.inversion else shot.step / max(1, shot.total))
    return shot.inversion
