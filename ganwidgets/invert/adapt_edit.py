"""One edit of a photo made as good as can be: around the brush the picture is drawn anew until it meets the photo.

The maps of `adapt` are let go under the brush, so the border between what is held and what is free can show. Here a
small network perturbs the late layers for this very edit (`perturb`), so that the picture is the photo outside the
brush; the border itself, and what is inside, is left to the generator. It takes longer than a stroke may, so one asks
for it.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019): L1 outside the brush made larger by 16 of 256 pixels and softened by 4, and 0.1 of the mean square of each s.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.late_descent import Found, descending
from ganwidgets.invert.late_layers import perturbed_layers
from ganwidgets.invert.perturb import Perturbation
from ganwidgets.invert.photo_problem import PhotoProblem
from ganwidgets.models.edits import Edit
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.models.map_edits import scale_map
from ganwidgets.nn.brush_masks import AROUND, SOFT, outside_error, surround
from ganwidgets.nn.regions import as_region
from ganwidgets.results.inversion import Inversion
from ganwidgets.results.inverted import check_network, inverted

RATE, PRICE, PATIENCE = 0.002, 0.1, 0.6
"""Length of a step, price of the mean square of each s, and share of the steps without gain after which it ends. The
price is published, and so is a step of 0.1 for a network that starts anywhere: this one starts at zero, so that a long
first step would only lead away."""

STEPS, STEPS_ELSEWHERE = 100, 1000


@dataclass(frozen=True, eq=False)
class RefinedEdit:
    """An edited photo, refined so far.

    Attributes:
        step: steps done.
        total: at most.
        image: the picture as the network draws it, not yet put into the photo.
        outside: its mean difference from the photo where nothing was painted, as share of the range.
        outside_before: the same before any refinement.
        loss: of the best state so far.
        seconds: since the start.
        stopped: why it has ended; "" while it goes on.
    """

    step: int
    total: int
    image: Float[Tensor, "rgb height width"]
    outside: float
    outside_before: float
    loss: float
    seconds: float
    stopped: str

    @property
    def remaining(self) -> float:
        """Seconds to the end, if it goes on as so far; −1 when unknown."""
        if self.stopped:
            return 0.0
        return self.seconds / self.step * (self.total - self.step) if self.step else -1.0


def refine_edit(
    network: Generator,
    inversion: Inversion,
    edits: Sequence[tuple[str, Edit]],
    brush: Any,
    *,
    progress: Callable[[float], Any] | None = None,
    **options: Any,
) -> RefinedEdit:
    """Refine one edit of an inverted photo.

    Args:
        network: in which the photo was inverted. It stays as it is.
        inversion: of the photo, with or without an adaptation.
        edits: (layer, edit): what was painted.
        brush: (height width) in [0, 1], of any size: where.
        progress: called with the share that is done, after every step; what it raises stops the run.
        options: of `refining_edit`.

    Raises:
        ValueError: as `refining_edit`.
    """
    for now in refining_edit(network, inversion, edits, brush, **options):
        if progress is not None:
            progress(1.0 if now.stopped else now.step / max(1, now.total))
    return now


def refining_edit(
    network: Generator,
    inversion: Inversion,
    edits: Sequence[tuple[str, Edit]],
    brush: Any,
    *,
    released: Any = None,
    steps: int | None = None,
    rate: float | int = RATE,
    price: float | int = PRICE,
    around: float | int = AROUND,
    soft: float | int = SOFT,
    time_limit: float | int | None = None,
    seed: int = 1,
) -> Iterator[RefinedEdit]:
    """`refine_edit` step by step; the last one has `stopped`, and one may stop at any.

    Args:
        network: in which the photo was inverted. It stays as it is.
        inversion: of the photo, with or without an adaptation.
        edits: (layer, edit): what was painted.
        brush: (height width) in [0, 1], of any size: where; outside it the picture is to be the photo.
        released: (height width) in [0, 1], of any size: how far the maps of the adaptation are let go. None is as far
            as the brush says; strokes of less strength let go less.
        steps: at most; None means 100 on a CPU, 1,000 elsewhere.
        rate: length of a step.
        price: of the mean square of each s.
        around, soft: how far the brush is made larger and softened, as shares of the longer side.
        time_limit: seconds; None for none.
        seed: of the noise.

    Raises:
        ValueError: nothing painted, options out of range, an inversion of another network, a network that lets no
            gradients through, or one without later layers.
    """
    if steps is None:
        steps = STEPS if network.device.type == "cpu" else STEPS_ELSEWHERE
    steps, region = whole_number("steps", steps, 1), as_region(brush).to(network.device)
    if not 0 < rate < float("inf") or not (time_limit is None or time_limit > 0) or not price >= 0:
        raise ValueError(f"`rate` and `time_limit` must be positive, got {rate} and {time_limit}")
    if not region.any():
        raise ValueError("`brush` must have something painted, got none")
    check_network(network, inversion)
    layers = perturbed_layers(network, inversion.layer)
    if not layers:
        raise ValueError(f"`network` must have layers of finer maps after {inversion.layer!r} to refine an edit")
    deadline = time.monotonic() + (time_limit or float("inf"))
    let_go = region if released is None else released
    problem = PhotoProblem.around(network, inversion, inverted(network, inversion, released=let_go))
    keep = 1 - surround(region, tuple(problem.wanted.shape[1:]), around, soft)
    net = Perturbation([network.layers[name].shape for name in layers], tuple(problem.wanted.shape[1:]), seed)
    return _refining(problem, edits, layers, net.to(network.device), keep, region, steps, rate, price, deadline)


def _refining(
    problem: PhotoProblem,
    edits: Sequence[tuple[str, Edit]],
    layers: Sequence[str],
    net: Perturbation,
    keep: Tensor,
    region: Tensor,
    steps: int,
    rate: float | int,
    price: float | int,
    deadline: float,
) -> Iterator[RefinedEdit]:
    began, before = time.monotonic(), None
    first = min((*layers, *(layer for layer, _ in edits)), key=list(problem.network.layers).index)
    state, now = problem.cut(first), []
    weight = keep / keep.sum().clamp(min=1)

    def draw() -> Tensor:
        now[:] = net()
        return problem.draw(state, [*edits, *((name, scale_map(s)) for name, s in zip(layers, now, strict=True))])

    def cost(images: Tensor) -> Tensor:
        outside = ((images[0] - problem.wanted).abs().mean(0) * weight).sum()
        return outside + price * sum(s.square().mean() for s in now)

    moving = list(net.parameters())
    for found in descending(moving, [rate] * len(moving), draw, cost, problem.wanted, steps, deadline, PATIENCE):
        outside = outside_error(found.image, problem.wanted, region)
        before = outside if before is None else before
        yield _told(found, steps, outside, before, time.monotonic() - began)


def _told(found: Found, steps: int, outside: float, before: float, seconds: float) -> RefinedEdit:
    total = found.step if found.stopped else steps
    return RefinedEdit(found.step, total, found.image, outside, before, found.loss, seconds, found.stopped)
