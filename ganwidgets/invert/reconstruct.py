"""Many pictures searched for at once, none of which influences another."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.invert.drawing import Drawing, Variables, chosen_layer, class_is_free, residual_layers
from ganwidgets.invert.losses import Losses, Target
from ganwidgets.invert.refine import Settings, Step, refining
from ganwidgets.invert.sample import batch_size, latents, sampling, thumbnail
from ganwidgets.invert.search_state import chosen
from ganwidgets.invert.start import Start, joined, prepare, started
from ganwidgets.invert.statistics import scales
from ganwidgets.invert.strategies import DEFAULT, Strategy, space_of, strategy_named
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.picture_errors import l1, psnr, ssim


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Pictures as a network draws them.

    Attributes:
        targets: the wanted pictures.
        images: what the network draws instead, clamped.
        latents: z, w or ws, one each.
        space: which of these.
        class_vectors: one each, or None.
        residuals: layer → maps added to its output, one each.
        psnr, ssim, l1: of each picture, as in `results.inversion.Errors`.
        strategy: name of the strategy.
        layer: the edit layer.
        steps: taken, at most.
        seconds: taken for all.
    """

    targets: Float[Tensor, "batch channel height width"]
    images: Float[Tensor, "batch channel height width"]
    latents: Tensor
    space: str
    class_vectors: Float[Tensor, "batch label"] | None
    residuals: Mapping[str, Tensor]
    psnr: Float[Tensor, " batch"]
    ssim: Float[Tensor, " batch"]
    l1: Float[Tensor, " batch"]
    strategy: str
    layer: str
    steps: int
    seconds: float

    def __len__(self) -> int:
        return len(self.images)

    def part(self, index: slice) -> "Reconstructions":
        """Those of some pictures."""
        per_picture = ("targets", "images", "latents", "psnr", "ssim", "l1")
        changes: dict[str, Any] = {name: getattr(self, name)[index] for name in per_picture}
        changes["class_vectors"] = None if self.class_vectors is None else self.class_vectors[index]
        changes["residuals"] = {layer: maps[index] for layer, maps in self.residuals.items()}
        return replace(self, **changes)

    def acts(self, network: Generator, layer: str | None = None) -> Tensor:
        """Activations that make these pictures, by default of the edit layer."""
        variables = Variables(self.latents, self.class_vectors, self.residuals)
        return Drawing(network, self.space).acts(variables, self.layer if layer is None else layer)

    def __repr__(self) -> str:
        median = float(self.psnr.median()) if len(self) else float("nan")
        return f"<{len(self)} Reconstructions by {self.strategy!r}: median {median:.1f} dB, {self.seconds:.1f} s>"


def searching(
    network: Generator,
    images: Float[Tensor, "batch channel height width"],
    strategy: Strategy,
    *,
    layer: str | None = None,
    steps: int | None = None,
    losses: Losses | None = None,
    starts: int = 1,
    seed: int = 1,
    time_limit: float | int | None = None,
    resume: Start | None = None,
) -> Iterator[Step]:
    """The search for one batch that fits into memory, step by step.

    The first time, the network draws a sample of its own pictures: meanwhile the steps, all of number 0, show the
    nearest of those. What is done once for a network (the sample, what is learned from it) does not count for the time
    limit. With several starts, pictures follow each other start by start. With `resume`, where an earlier search ended,
    no other start is looked for, and its steps count among `steps`.
    """
    layer, space = chosen_layer(network, layer), space_of(strategy, network)
    steps = strategy.steps if steps is None or not strategy.steps else steps
    steps -= 0 if resume is None else min(steps, resume.steps)
    rates = {"rate": strategy.rate, "residual_rate": strategy.residual_rate, "noise": strategy.noise}
    settings = Settings(steps, strategy.latent, seed=seed, time_limit=time_limit, **rates)
    images, losses, began = images.to(network.device), Losses() if losses is None else losses, time.monotonic()
    if resume is None:
        yield from _nearest_while_drawing(network, images.repeat(starts, 1, 1, 1), space, steps)
        prepare(network, strategy.start, space, layer)
    counting = time.monotonic()
    looked_for = partial(started, network, images, strategy.start, space, layer)
    start = joined([looked_for(rank=rank) for rank in range(starts)]) if resume is None else resume
    names = residual_layers(network, layer, strategy.residuals)
    target = Target(images.repeat(starts, 1, 1, 1), losses)
    own = scales(network, space, names)
    yield from refining(Drawing(network, space), target, start, own, settings, began, counting)


def _nearest_while_drawing(network: Generator, images: Tensor, space: str, steps: int) -> Iterator[Step]:
    best, took, z, began = None, torch.zeros(len(images), dtype=torch.long), latents(network), time.monotonic()
    wanted = thumbnail(images).flatten(1)
    distance = torch.full((len(images),), torch.inf, device=images.device)
    for rows, drawn in sampling(network):
        near, which = torch.cdist(wanted, thumbnail(drawn).flatten(1)).min(1)
        better = near < distance
        distance = torch.where(better, near, distance)
        best = drawn[which] if best is None else chosen(better, drawn[which], best)
        took = chosen(better, which.cpu() + rows.start, took)
        yield Step(
            0, steps, distance, psnr(best, images), best, _own(network, z[took], space), time.monotonic() - began
        )


def _own(network: Generator, z: Tensor, space: str) -> Variables:
    """What the network's own pictures are made of."""
    with torch.no_grad():
        latent = z if space == "z" else network.ws(z) if space == "ws" else network.ws(z)[:, 0]
    labels = network.labels_of(z) if space == "z" and class_is_free(network) else None
    return Variables(latent, None if labels is None else F.one_hot(labels, network.n_classes).float(), {})


def reconstruct(
    network: Generator,
    images: Float[Tensor, "batch channel height width"],
    strategy: str | Strategy = DEFAULT,
    *,
    layer: str | None = None,
    steps: int | None = None,
    losses: Losses | None = None,
    seed: int = 1,
    progress: Callable[[float], Any] | None = None,
) -> Reconstructions:
    """Pictures as the network would draw them, many at once; none influences another.

    Args:
        network: a generator.
        images: the wanted pictures, of its size and channels, in [-1, 1].
        strategy: name of a strategy.
        layer: the edit layer; None takes the usual one.
        steps: at most; None takes the strategy's own number.
        losses: how pictures are compared.
        seed: of the noise.
        progress: called with the share done; what it raises stops the search.

    Raises:
        ValueError: images of another size or range, no such strategy or layer, or a network without gradients.
    """
    named, images = strategy_named(strategy, network), checked_targets(network, images)
    if steps is not None:
        whole_number("steps", steps, 0)
    ends, size = [], batch_size(network)
    for first in range(0, len(images), size):
        batch = images[first : first + size]
        for step in searching(network, batch, named, layer=layer, steps=steps, losses=losses, seed=seed):
            share = 1.0 if step.stopped else step.step / max(1, step.total)
            if progress is not None:
                progress((first + share * len(batch)) / len(images))
        ends.append(step)
    return _together(network, images, named, chosen_layer(network, layer), ends)


def _together(network: Generator, images: Tensor, strategy: Strategy, layer: str, ends: list[Step]) -> Reconstructions:
    drawn = torch.cat([end.images for end in ends])
    parts = [end.variables for end in ends]
    classes = None if parts[0].classes is None else torch.cat([part.classes for part in parts])
    residuals = {name: torch.cat([part.residuals[name] for part in parts]) for name in parts[0].residuals}
    images = images.to(drawn)
    return Reconstructions(
        images,
        drawn,
        torch.cat([part.latent for part in parts]),
        space_of(strategy, network),
        classes,
        residuals,
        psnr(drawn, images),
        ssim(drawn, images),
        l1(drawn, images),
        strategy.name,
        layer,
        max(end.step for end in ends),
        sum(end.seconds for end in ends),
    )


def checked_targets(network: Generator, images: Tensor) -> Tensor:
    """Images that the network could have drawn, as floats.

    Raises:
        ValueError: another size, number of channels or range, or not finite.
        TypeError: no tensor.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"`images` must be a tensor (image channel height width), got {type(images).__name__}")
    if images.ndim != 4 or tuple(images.shape[1:]) != network.image_shape or not len(images):
        wanted = ", ".join(map(str, network.image_shape))
        raise ValueError(f"`images` must be (n, {wanted}), as {network.name} draws them, got {tuple(images.shape)}")
    images = images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images.float()
    if not images.isfinite().all() or float(images.abs().max()) > 1.05:
        raise ValueError("`images` must be finite and lie in [-1, 1]; divide 8-bit images by 127.5 and subtract 1")
    return images.clamp(-1, 1)
