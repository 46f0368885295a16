"""The search itself: latent, class vector and residuals follow the gradient of the loss, and the best state is kept.

A batch of pictures is searched for at once, and none influences another: every picture has its own loss, its own best
state and its own end. `refining` is a generator; each step gives a `Step`, and one may stop at any.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.drawing import Drawing, Variables
from ganwidgets.invert.losses import Target
from ganwidgets.invert.search_state import Best, Marks, Point, Scales, chosen, gradients
from ganwidgets.invert.start import Start
from ganwidgets.nn.picture_errors import psnr

_WARM = 5  # steps in which the rate rises
_LAST_RATE = 0.05  # share of the rate that is left at the end


@dataclass(frozen=True)
class Settings:
    """How the search goes.

    Attributes:
        steps: at most, beside those that the start has behind it.
        latent: whether the latent changes.
        classes: whether the class vector changes, where there is one.
        rate: length of a step of the latent and of the class vector [standard deviations].
        residual_rate: length of a step of the residuals [standard deviations of the unit].
        noise: added to the latent at the start [standard deviations]; it falls to 0.
        quiet: share of the steps after which there is no noise.
        patience: share of the steps without gain after which a picture is finished.
        gain: share of the loss that counts as gain.
        seed: of the noise.
        time_limit: seconds, from `counting` on; None for none.
    """

    steps: int
    latent: bool = True
    classes: bool = True
    rate: float = 0.1
    residual_rate: float = 0.1
    noise: float = 0.0
    quiet: float = 0.5
    patience: float = 0.2
    gain: float = 0.002
    seed: int = 1
    time_limit: float | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """Where a search is: the best state of every picture so far.

    Attributes:
        step: steps done, those before this search included.
        total: at most.
        loss: of the best state.
        psnr: of the best state [dB].
        images: what the network draws for it, clamped.
        variables: the state.
        seconds: since the start.
        stopped: why the search has ended; "" while it goes on.
        notes: what went wrong.
    """

    step: int
    total: int
    loss: Float[Tensor, " batch"]
    psnr: Float[Tensor, " batch"]
    images: Float[Tensor, "batch channel height width"]
    variables: Variables
    seconds: float
    stopped: str = ""
    notes: tuple[str, ...] = ()


def refining(
    drawing: Drawing,
    target: Target,
    start: Start,
    scales: Scales,
    settings: Settings,
    began: float | None = None,
    counting: float | None = None,
) -> Iterator[Step]:
    """Ever better states, the first of which is the start.

    Args:
        drawing: how the network draws.
        target: the wanted pictures.
        start: where to begin.
        scales: of latents and residuals; maps are added to the layers named there.
        settings: how the search goes.
        began: when, by `time.monotonic`; None is now.
        counting: since when the time limit counts; None is `began`.

    Raises:
        ValueError: the network gives no gradients, or the loss is not finite at the start.
    """
    search = _Search(drawing, target, start, scales, settings)
    search.began = search.began if began is None else began
    search.counting = search.began if counting is None else counting
    for step in range(search.steps + 1):
        search.evaluate(step)
        stopped = search.why(step)
        yield search.step(step, stopped)
        if stopped:
            return
        search.move(step)


class _Search:
    """One search, a step at a time: `evaluate` the point, keep what is better, `move` it."""

    def __init__(self, drawing: Drawing, target: Target, start: Start, scales: Scales, settings: Settings) -> None:
        self.drawing, self.target, self.scales, self.settings = drawing, target, scales, settings
        self.began = self.counting = time.monotonic()
        self.point = _first_point(drawing, start, scales)
        moving = self.point.moving(settings)
        self.leaves = [leaf.requires_grad_() for leaf, _ in moving]
        self.rates = [rate for _, rate in moving]
        self.steps = settings.steps if moving else 0
        self.before = start.steps
        if moving:
            self.adam = torch.optim.Adam([{"params": [leaf]} for leaf in self.leaves])
        fixed = not any(leaf is self.point.latent or leaf is self.point.logits for leaf in self.leaves)
        self.state = drawing.pinned(self.point.variables(scales).detached()) if fixed else None
        self.best = Best(self.point)
        self.marks = Marks(len(start.latent), round(settings.patience * settings.steps), settings.gain)
        self.noise = torch.Generator().manual_seed(settings.seed)
        self.loss: Tensor | None = None

    def evaluate(self, step: int) -> None:
        """Draw, compare, and keep what is better than before."""
        last = step == self.steps
        with torch.set_grad_enabled(not last):
            found_before = self.before and not step  # as it was found: noise would lose it
            shift = 0.0 if last or found_before else self._shift(step)
            point, images = self._drawn(shift, step, grad=not last)
            if images is None:
                self.loss = None
                return
            if not last and not images.requires_grad:
                raise ValueError(no_gradients(self.drawing.network.name))
            self.loss = self.target.distance(images) + self._penalties(point)
        finite = self.loss.detach().isfinite()
        if not step and not bool(finite.all()):
            raise ValueError("`losses` must be finite, but the loss of the start is NaN or infinite")
        self.marks.fail(~finite, step)
        self.best.take(self.loss.detach(), images.detach(), point, ~self.marks.finished)
        self.marks.note(self.best.loss, step)

    def move(self, step: int) -> None:
        """One step of Adam; pictures that are finished, or whose gradient is not finite, stay where they are."""
        if self.loss is None:
            return
        found = gradients(self.loss, self.leaves)
        if found is None:
            raise ValueError(no_gradients(self.drawing.network.name))
        for leaf, gradient in zip(self.leaves, found, strict=True):
            leaf.grad = gradient
            bad = ~gradient.sum(tuple(range(1, gradient.ndim))).isfinite()
            if bool(bad.any()):
                self.marks.fail(bad, step)
                leaf.grad = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
        share = (self.before + step) / (self.before + self.steps)
        factor = min(1.0, (step + 1) / _WARM) * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * share)) / 2)
        for group, rate in zip(self.adam.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
        finished = self.marks.finished
        before = [leaf.detach().clone() for leaf in self.leaves] if bool(finished.any()) else []
        self.adam.step()
        with torch.no_grad():
            for leaf, old in zip(self.leaves, before, strict=False):
                leaf.copy_(chosen(finished, old, leaf))

    def why(self, step: int) -> str:
        """Why the search ends after this step, or ""."""
        finished = bool(self.marks.finished.all())
        if finished and len(self.marks.failed) == len(self.marks.finished):
            return "not finite"
        if step == self.steps:
            return "steps"
        if finished:
            return "plateau"
        limit = self.settings.time_limit
        return "time" if limit is not None and time.monotonic() - self.counting >= limit else ""

    def step(self, step: int, stopped: str) -> Step:
        """What to tell of it."""
        best = self.best
        with torch.no_grad():
            images = best.images.clamp(-1, 1)
            found, variables = psnr(images, self.target.images), best.point.variables(self.scales)
        seconds, notes = time.monotonic() - self.began, self._notes() if stopped else ()
        done, total = self.before + step, self.before + self.steps
        return Step(done, total, best.loss, found, images, variables, seconds, stopped, notes)

    def _notes(self) -> tuple[str, ...]:
        alone = len(self.marks.finished) == 1
        return tuple(
            f"The search {'' if alone else f'for picture {row} '}ended at step {self.before + step}: loss or gradient "
            "were no longer finite. The best state before is kept."
            for row, step in sorted(self.marks.failed.items())
        )

    def _drawn(self, shift: Tensor | float, step: int, grad: bool) -> tuple[Point, Tensor | None]:
        """The point and its images; pictures that are not finite end, back at their best."""
        point = self._shifted(shift)
        try:
            return point, self.drawing.images(point.variables(self.scales), self.state, grad=grad)
        except ValueError as error:
            if not step or "finite" not in str(error):
                raise
        bad = self.drawing.not_finite(point.variables(self.scales))
        self.marks.fail(bad if bool(bad.any()) else torch.ones_like(bad), step)
        with torch.no_grad():
            for leaf, (kept, _) in zip(self.leaves, self.best.point.moving(self.settings), strict=True):
                leaf.copy_(chosen(bad, kept, leaf))
        if bool(self.marks.finished.all()):
            return point, None
        point = self._shifted(shift)
        return point, self.drawing.images(point.variables(self.scales), self.state, grad=grad)

    def _shift(self, step: int) -> Tensor | float:
        """Noise for the latents, less and less of it; 0 for none."""
        settings, latent = self.settings, self.point.latent
        share = (self.before + step) / max(1, self.before + self.steps)
        size = settings.noise * max(0.0, 1 - share / settings.quiet) ** 2 if settings.quiet else 0.0
        if not size or not settings.latent:
            return 0.0
        # The same noise for every picture, so that none depends on how many there are.
        return torch.randn(latent.shape[1:], generator=self.noise).to(latent) * size

    def _shifted(self, shift: Tensor | float) -> Point:
        point = self.point
        return point if isinstance(shift, float) else Point(point.latent + shift, point.logits, point.residuals)

    def _penalties(self, point: Point) -> Tensor | float:
        losses, total = self.target.losses, 0.0
        if losses.residual:
            for part in point.residuals.values():
                total = total + losses.residual * part.square().flatten(1).mean(1)
        if losses.mahalanobis:
            away = point.latent - self.scales.mean / self.scales.deviation
            total = total + losses.mahalanobis * away.square().flatten(1).mean(1)
        return total


def _first_point(drawing: Drawing, start: Start, scales: Scales) -> Point:
    """The start; residuals are 0 where none were found before."""
    network, latent = drawing.network, start.latent.detach().float()
    residuals = {
        layer: torch.zeros(len(latent), *network.layers[layer].shape, device=latent.device)
        if layer not in start.residuals
        else start.residuals[layer].detach().to(latent) / scale
        for layer, scale in scales.residuals.items()
    }
    return Point(latent / scales.deviation, None if start.logits is None else start.logits.clone(), residuals)


def no_gradients(name: str) -> str:
    """What to say of a network that cannot be searched."""
    return (
        f"`network` must give gradients with respect to its latents, but {name} gives none (quantised weights, a "
        "forward under no_grad, or a module that works in place): use strategy 'ridge' or 'encoder', which need none, "
        "or the network in float32"
    )
