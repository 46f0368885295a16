"""A generator adapted to one photo, once, so that everything painted afterwards is live.

First a little in the weights of two late layers, with a price on their drift (`pivotal`): kept as low-rank changes.
Then in maps that multiply two later layers, one factor a unit and place, with a price on their size (`adapt_maps`).
Where somebody paints, the maps are let go, so that what the units draw is not drawn over. The network itself stays as
it is: an `Adaptation` is a value, and `results.inverted` makes a second network of it.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019), image-specific adaptation, and the two phases of its server.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.adapt_maps import Maps
from ganwidgets.invert.late_descent import Found
from ganwidgets.invert.locality import locality
from ganwidgets.invert.losses import Losses
from ganwidgets.invert.photo_problem import PhotoProblem
from ganwidgets.invert.pivotal import Tuning
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.results.adaptation import FORMS, Adaptation
from ganwidgets.results.inversion import Inversion, errors_between
from ganwidgets.results.inverted import inputs_of, inverted, with_changes

RATE = 0.01  # published
RANK = 8
STEPS, STEPS_ELSEWHERE = 100, 1000
"""Of each part: on a CPU, and on anything faster. The second is published."""


@dataclass(frozen=True, eq=False)
class Adapting:
    """Where an adaptation is; everything is of the best state so far.

    Attributes:
        step: steps done.
        total: at most.
        part: "weights" or "maps".
        loss: of this part.
        psnr: of the picture [dB].
        image: the picture.
        error: where it is off, as share of the range.
        seconds: since the start.
        stopped: why it has ended; "" while it goes on.
    """

    step: int
    total: int
    part: str
    loss: float
    psnr: float
    image: Float[Tensor, "rgb height width"]
    error: Float[Tensor, "height width"]
    seconds: float
    stopped: str
    make: Callable[[], Adaptation] = field(repr=False)

    @cached_property
    def adaptation(self) -> Adaptation:
        """What is found so far, made when asked for; before the end it counts as cancelled."""
        return self.make()

    @property
    def remaining(self) -> float:
        """Seconds to the end, if it goes on as so far; −1 when unknown."""
        if self.stopped:
            return 0.0
        return self.seconds / self.step * (self.total - self.step) if self.step else -1.0


def adapt(
    network: Generator, inversion: Inversion, *, progress: Callable[[float], Any] | None = None, **options: Any
) -> Adaptation:
    """Adapt a generator to an inverted photo; `inversion.with_adaptation(…)` takes it along.

    Args:
        network: in which the photo was inverted. It stays as it is.
        inversion: of the photo.
        progress: called with the share that is done, after every step; what it raises stops the run.
        options: of `adapting`.

    Raises:
        ValueError: as `adapting`.
    """
    for now in adapting(network, inversion, **options):
        if progress is not None:
            progress(1.0 if now.stopped else now.step / max(1, now.total))
    return now.adaptation


def adapting(
    network: Generator,
    inversion: Inversion,
    *,
    form: str = "weights+maps",
    steps: int | None = None,
    rate: float | int = RATE,
    rank: int = RANK,
    shared: bool = False,
    losses: Losses | None = None,
    time_limit: float | int | None = None,
) -> Iterator[Adapting]:
    """`adapt` step by step; the last one has `stopped`, and each has the `adaptation` found so far.

    Args:
        network: in which the photo was inverted. It stays as it is.
        inversion: of the photo.
        form: "weights+maps", "maps" or "weights".
        steps: of each part, at most; None means 100 on a CPU, 1,000 elsewhere.
        rate: length of a step: of a weight by its standard deviation, of a map as it is.
        rank: directions along which each weight may change. The change is sought in this form, so what is kept is
            what was found, and the reported errors are with it.
        shared: one map for all units of a layer, in place of one for each.
        losses: how the picture is compared; None is the L1 distance of the pixels.
        time_limit: seconds, both parts together; None for none.

    Raises:
        ValueError: another form, options out of range, an inversion of another network, a network that lets no
            gradients through, or one without later layers.
    """
    if form not in FORMS:
        raise ValueError(f"`form` must be one of {list(FORMS)}, got {form!r}")
    if steps is None:
        steps = STEPS if network.device.type == "cpu" else STEPS_ELSEWHERE
    steps, rank = whole_number("steps", steps, 1), whole_number("rank", rank, 1)
    if not 0 < rate < float("inf") or not (time_limit is None or time_limit > 0):
        raise ValueError(f"`rate` and `time_limit` must be positive, got {rate} and {time_limit}")
    problem = PhotoProblem.of(network, inversion.with_adaptation(None), losses)
    run = _Run(network, inversion.with_adaptation(None), problem, form, steps, rate, rank, time_limit)
    return run.both(shared)


class _Run:
    """One adaptation on its way: what is found is kept here, and made into a value when asked for."""

    def __init__(
        self,
        network: Generator,
        inversion: Inversion,
        problem: PhotoProblem,
        form: str,
        steps: int,
        rate: float | int,
        rank: int,
        time_limit: float | int | None,
    ) -> None:
        self.network, self.inversion, self.problem, self.form = network, inversion, problem, form
        self.steps, self.rate, self.rank, self.limit = steps, rate, rank, time_limit or float("inf")
        self.began, self.curve = time.monotonic(), []
        self.total = steps * len(form.split("+"))

    def both(self, shared: bool) -> Iterator[Adapting]:
        """The weights, then the maps on top of what is kept of them."""
        problem, tuning, tuned, done = self.problem, None, None, 0
        if "weights" in self.form:
            only, tuning = self.form == "weights", Tuning(problem)
            share = self.limit if only else self.limit / 2
            for tuned in tuning.steps(self.steps, self.rate, self.rank, self.inversion.seed, self.began + share):
                yield self._now("weights", tuned, done, tuned.stopped if only else "", tuning, tuned, None, None)
            done, problem = tuned.step, problem.changed(tuning.changes(tuned.state))
            self.total = done + self.steps
        if "maps" in self.form:
            maps = Maps(problem, shared)
            for found in maps.steps(self.steps, self.rate, self.began + self.limit):
                yield self._now("maps", found, done, found.stopped, tuning, tuned, maps, found)

    def _now(self, part: str, found: Found, done: int, stopped: str, *kept: Any) -> Adapting:
        step, seconds = done + found.step, time.monotonic() - self.began
        self.curve.append((step, found.loss, found.psnr))
        error = (found.image - self.problem.wanted).abs().mean(0) / 2
        make = partial(self._made, len(self.curve), step, seconds, stopped or "cancelled", *kept)
        total = step if stopped else self.total
        return Adapting(step, total, part, found.loss, found.psnr, found.image, error, seconds, stopped, make)

    def _made(
        self,
        looked: int,
        step: int,
        seconds: float,
        stopped: str,
        tuning: Tuning | None,
        tuned: Found | None,
        maps: Maps | None,
        found: Found | None,
    ) -> Adaptation:
        weights = {} if tuning is None or tuned is None else tuning.changes(tuned.state)
        scales = {} if maps is None or found is None else dict(zip(maps.names, found.state, strict=True))
        made = Adaptation(
            scales={name: d.cpu() for name, d in scales.items()},
            weights=weights,
            image=self.inversion.image,
            errors=self.inversion.errors,
            before=self.inversion.errors,
            form=self.form,
            steps=step,
            seconds=seconds,
            stopped=stopped,
            curve=torch.tensor(self.curve[:looked]),
            drift={} if tuning is None else tuning.drift(weights),
            locality=locality(self.network, with_changes(self.network, weights)),
        )
        return self._measured(made)

    def _measured(self, made: Adaptation) -> Adaptation:
        """With the picture that comes of exactly these values, and its errors."""
        inversion = self.inversion.with_adaptation(made)
        second = inverted(self.network, inversion)
        image = second.images(inputs_of(self.network, inversion), clamp=False, grad=False).clamp(-1, 1)[0].cpu()
        wanted, before = self.inversion.image.cpu(), self.inversion.reconstruction.cpu()
        return replace(made, image=image, errors=errors_between(image, wanted), before=errors_between(before, wanted))
