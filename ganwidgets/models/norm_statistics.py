"""Does batch norm see what it saw in training?

Batch norm has stored mean and variance of what came in during training. A network that was put together rightly (the
activations, strides and latents of its training) meets the same again; one that was not is off by much, long before
pictures look wrong.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ganwidgets.models.generator import Generator
from ganwidgets.models.pipeline import Pipeline

AGREES = 0.02
"""Divergence [nats] up to which statistics agree. What training leaves is below 0.003, a wrong prior is above 0.1."""

_N, _FEWEST = 128, 8
_MOST = 2**25  # numbers in a layer


def gap(x: Tensor, mean: Tensor, variance: Tensor) -> float:
    """Divergence between what comes in and what was stored, of the unit in the middle [nats]."""
    if x.shape[1] != mean.numel():
        return float("inf")
    axes = [axis for axis in range(x.ndim) if axis != 1]
    here, spread = x.mean(axes), x.var(axes) + 1e-8
    mean, variance = mean.to(x), variance.to(x) + 1e-8
    off = (here - mean).square() * (1 / variance + 1 / spread)
    found = float((0.25 * (spread / variance + variance / spread - 2 + off)).median())
    return found if found == found else float("inf")


def is_trained(mean: Tensor, variance: Tensor) -> bool:
    """Whether statistics were ever gathered; they begin as 0 and 1."""
    return bool((mean != 0).any()) and bool((variance != 1).any())


def worst_gap(generator: Generator) -> tuple[str, float] | None:
    """The batch norm of a generator that is furthest from what it stored, and how far [nats].

    None where it cannot be told: no batch norm that was trained, or a module that is no plain row of layers.
    """
    module, norms = generator.module, (nn.BatchNorm1d, nn.BatchNorm2d)
    if not any(isinstance(part, norms) for part in module.modules()):
        return None
    largest = max((math.prod(info.shape) for info in generator.layers.values()), default=1)
    z = generator.sample_z(max(_FEWEST, min(_N, _MOST // largest)), seed=0)
    found: list[tuple[str, float]] = []
    with torch.no_grad():
        for name, part, x in _walked(module, z, generator):
            statistics = getattr(part, "running_mean", None), getattr(part, "running_var", None)
            if isinstance(part, norms) and statistics[0] is not None and is_trained(*statistics):
                found.append((name, gap(x, *statistics)))
    return max(found, key=lambda each: each[1], default=None)


def _walked(module: nn.Module, z: Tensor, generator: Generator) -> Iterator[tuple[str, nn.Module, Tensor]]:
    """(name, part, what comes in) of the parts of a row of layers, in order; nothing for other modules."""
    if isinstance(module, Pipeline):
        classes = generator._class_input(generator.labels_of(z)) if module.takes_class else None
        yield from module.walked(z, classes)
    elif type(module).forward is nn.Sequential.forward and not module.training:
        x = z
        for name, part in _leaves(module):
            yield name, part, x
            x = part(x)


def _leaves(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    for name, part in module.named_children():
        if type(part).forward is nn.Sequential.forward:
            yield from _leaves(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", part
