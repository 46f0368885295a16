"""Where a search starts: latents, class vectors and activations that already draw something like the wanted pictures.

`started` gives one of four kinds:

- "best": the nearest of the network's own pictures.
- "ridge": a regression from thumbnails. Latents can hardly be read off a picture by a linear map, but activations of
  the edit layer can. So they come first, and the latents that give such activations are searched for below the edit
  layer, which is the cheap part of a network.
- "direct" and "layered": an encoder.

All work on a batch, and no picture influences another.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ganwidgets.invert.drawing import Drawing, Variables, class_is_free, class_logits
from ganwidgets.invert.regression import acts_regression, latent_regression, rows_of
from ganwidgets.invert.sample import OwnSample, own_sample
from ganwidgets.invert.search_state import Scales, chosen, gradients
from ganwidgets.invert.statistics import sample_acts, scales
from ganwidgets.models.generator import Generator

if TYPE_CHECKING:
    from ganwidgets.invert.encoder import Encoder

CANDIDATES, STEPS, RATE = 3, 60, 0.1
"""Of the search below the edit layer: starts for each picture, steps, and their length [standard deviations]."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a search starts.

    Attributes:
        latent: (batch …) z, w or ws.
        logits: of the class vectors; None where the network draws without classes.
        residuals: layer → maps that were found before; layers without begin at 0.
        steps: taken before.
    """

    latent: Tensor
    logits: Float[Tensor, "batch label"] | None
    residuals: Mapping[str, Tensor] = field(default_factory=dict)
    steps: int = 0


def started(
    network: Generator,
    images: Float[Tensor, "batch channel height width"],
    kind: str,
    space: str,
    layer: str,
    *,
    rank: int = 0,
    sample: OwnSample | None = None,
) -> Start:
    """Starts for these images.

    Args:
        network: a generator.
        images: the wanted pictures.
        kind: one of `strategies.STARTS`.
        space: of the latents: "z", "w" or "ws".
        layer: the edit layer.
        rank: 0 for the start as said; above, the nearest picture of the sample, the second nearest, …, for a search
            with several starts.
        sample: of the network's own pictures; None takes the one that is kept.
    """
    if kind in ("direct", "layered") and not rank:
        return _encoded(network, images, kind, space, layer)
    sample = own_sample(network) if sample is None else sample
    near = torch.cdist(rows_of(images), sample.thumbnails.flatten(1)).argsort(1)
    if kind == "ridge" and not rank:
        return _regressed(network, images, space, layer, sample)
    place = rank if kind == "best" else rank - 1
    return _of_sample(network, sample, near[:, min(place, near.shape[1] - 1)], space)


def prepare(network: Generator, kind: str, space: str, layer: str) -> None:
    """What starts need once for a network, and then find again: an encoder, or regressions from the sample."""
    if kind in ("direct", "layered"):
        _encoder(network, kind, layer)
    elif kind == "ridge":
        sample = own_sample(network)
        acts_regression(network, sample, layer)
        latent_regression(sample, space)


def joined(starts: Sequence[Start]) -> Start:
    """Several starts as one, row after row."""
    first = starts[0]
    logits = None if first.logits is None else torch.cat([start.logits for start in starts])
    return Start(torch.cat([start.latent for start in starts]), logits)


def _of_sample(network: Generator, sample: OwnSample, numbers: Int[Tensor, " row"], space: str) -> Start:
    """Latents and classes of pictures of the sample; no logits where the network's class is fixed."""
    latent = sample.latents(space)[numbers].clone()
    logits = class_logits(network, sample.labels[numbers]) if space == "z" and class_is_free(network) else None
    return Start(_spread(network, latent, space), logits)


def _spread(network: Generator, latent: Tensor, space: str) -> Tensor:
    return network.ws_of(latent).clone() if space == "ws" else latent


def _encoded(network: Generator, images: Tensor, kind: str, space: str, layer: str) -> Start:
    latent = _encoder(network, kind, layer).z(images).to(network.device)
    latent = latent if latent.ndim == 2 and space != "z" else latent.reshape(-1, *network.z_shape)
    logits = None
    if space == "z" and class_is_free(network):
        sample = own_sample(network)
        nearest = torch.cdist(rows_of(images), sample.thumbnails.flatten(1)).argmin(1)
        logits = class_logits(network, sample.labels[nearest])
    return Start(_spread(network, latent, space), logits)


def _encoder(network: Generator, kind: str, layer: str) -> "Encoder":
    from ganwidgets.invert.encoder import encoder_for  # it may train

    return encoder_for(network, kind, layer=layer if kind == "layered" else None)


def _regressed(network: Generator, images: Tensor, space: str, layer: str, sample: OwnSample) -> Start:
    """Activations by regression; then the latents that give such activations, from the nearest of the sample on."""
    rows, own = rows_of(images), "w" if space == "ws" else space
    wanted = acts_regression(network, sample, layer)(rows)  # (batch unit …)
    own_scales = scales(network, own, (layer,))
    size = own_scales.residuals[layer]
    acts = sample_acts(network, sample, layer, len(sample.z))
    near = torch.cdist((wanted / size).flatten(1), (acts / size).flatten(1)).argsort(1)[:, :CANDIDATES]
    found = _of_sample(network, sample, near.flatten(), own)
    # Where the network is nearly linear, the latents' own regression is better: it competes, too.
    regressed = latent_regression(sample, own)(rows)
    latent = torch.cat([regressed[:, None], found.latent.unflatten(0, near.shape)], 1)  # (batch candidate …)
    logits = found.logits
    if logits is not None:
        logits = logits.unflatten(0, near.shape)
        logits = torch.cat([logits[:, :1], logits], 1)
    best = _below(Drawing(network, own), wanted, latent, logits, own_scales, layer)
    return Start(_spread(network, best.latent, space), best.logits)


def _below(
    drawing: Drawing,
    wanted: Float[Tensor, "batch unit *location"],
    latents: Float[Tensor, "batch candidate *latent"],
    logits: Float[Tensor, "batch candidate label"] | None,
    scales: Scales,
    layer: str,
) -> Start:
    """Of several candidates for each picture, after a search below the layer, the one with the nearest activations."""
    n, each = latents.shape[:2]
    latent = latents.flatten(0, 1) / scales.deviation
    logits = None if logits is None else logits.flatten(0, 1).clone()
    leaves = [latent] if logits is None else [latent, logits]
    size, goal = scales.residuals[layer], (wanted / scales.residuals[layer]).repeat_interleave(each, 0)
    adam = torch.optim.Adam([{"params": [leaf.requires_grad_()]} for leaf in leaves])
    best, least = [leaf.detach().clone() for leaf in leaves], torch.full((n * each,), torch.inf, device=latent.device)
    for step in range(STEPS + 1):
        with torch.enable_grad():
            classes = None if logits is None else logits.softmax(1)
            acts = drawing.acts(Variables(latent * scales.deviation, classes, {}), layer, grad=True)
            errors = (acts / size - goal).square().flatten(1).mean(1)
        better = errors.detach() < least
        least = torch.where(better, errors.detach(), least)
        best = [chosen(better, leaf, old) for leaf, old in zip(leaves, best, strict=True)]
        if (found := gradients(errors, leaves)) is None:  # then the nearest will do
            break
        for leaf, gradient in zip(leaves, found, strict=True):
            leaf.grad = torch.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)
        for group in adam.param_groups:
            group["lr"] = RATE * (0.05 + 0.95 * (1 + math.cos(math.pi * step / STEPS)) / 2)
        adam.step()
    rows = torch.arange(n, device=latent.device) * each + least.nan_to_num(nan=torch.inf).reshape(n, each).argmin(1)
    return Start(best[0][rows] * scales.deviation, None if logits is None else best[1][rows])
