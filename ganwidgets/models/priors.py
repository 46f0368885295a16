"""What latents are drawn from, said in a word: the prior a generator was trained with."""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ganwidgets.models.generator import Generator

AnyGenerator = TypeVar("AnyGenerator", bound=Generator)

Sampler = Callable[[int, int], Any]
"""`sampler(n, seed)` gives n latents; the first k of n are the k of a smaller n."""


@dataclass(frozen=True)
class Uniform:
    """Latents whose numbers lie anywhere from `low` to `high`."""

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0

    def __call__(self, n: int, seed: int) -> np.ndarray:
        return np.random.RandomState(seed).uniform(self.low, self.high, (n, *self.shape)).astype(np.float32)


@dataclass(frozen=True)
class Normal:
    """Latents from a normal distribution that is not the standard one."""

    shape: tuple[int, ...]
    mean: float = 0.0
    deviation: float = 1.0

    def __call__(self, n: int, seed: int) -> np.ndarray:
        draws = np.random.RandomState(seed).normal(self.mean, self.deviation, (n, *self.shape))
        return draws.astype(np.float32)


@dataclass(frozen=True)
class Sphere:
    """Latents of length 1 (or of another radius), in every direction alike."""

    shape: tuple[int, ...]
    radius: float = 1.0

    def __call__(self, n: int, seed: int) -> np.ndarray:
        draws = np.random.RandomState(seed).standard_normal((n, *self.shape)).reshape(n, -1)
        draws *= self.radius / np.linalg.norm(draws, axis=1, keepdims=True)
        return draws.reshape(n, *self.shape).astype(np.float32)


_KINDS = {"uniform": (Uniform, 2), "normal": (Normal, 2), "sphere": (Sphere, 1)}
_STANDARD = ("normal", (0.0, 1.0))


def sampler_of(prior: str | Sampler | None, shape: tuple[int, ...]) -> Sampler | None:
    """The sampler a prior means; None for the standard normal, which generators draw from by themselves.

    Args:
        prior: "normal", "uniform" (from −1 to 1) or "sphere" (length 1), with other numbers as "uniform(0, 1)",
            "normal(0, 0.5)" or "sphere(8)"; a function `sampler(n, seed)`; or None.
        shape: of one latent.

    Raises:
        ValueError: another word, or numbers that make no sense.
        TypeError: neither a word nor a function.
    """
    if prior is None or callable(prior):
        return prior
    if not isinstance(prior, str):
        raise TypeError(f"`prior` must be a word such as 'uniform', or a function sampler(n, seed), got {prior!r}")
    kind, numbers = _parsed(prior)
    made, _ = _KINDS[kind]
    if (kind, numbers or (0.0, 1.0)) == _STANDARD:
        return None
    sampler = made(tuple(shape), *numbers)
    if isinstance(sampler, Uniform) and not sampler.low < sampler.high:
        raise ValueError(f"`prior` must be from a lower to a higher number, got {prior!r}")
    if not (getattr(sampler, "deviation", 1) > 0 and getattr(sampler, "radius", 1) > 0):
        raise ValueError(f"`prior` must have a positive width, got {prior!r}")
    return sampler


def with_prior(generator: AnyGenerator, prior: str | Sampler) -> AnyGenerator:
    """The same generator, sharing all weights, whose latents are drawn from another prior; see `sampler_of`."""
    second = copy.copy(generator)
    second.sampler = sampler_of(prior, generator.z_shape)
    return second


def _parsed(prior: str) -> tuple[str, tuple[float, ...]]:
    found = re.fullmatch(r"\s*(\w+)\s*(?:\(([^()]*)\))?\s*", prior)
    try:
        kind = found[1].lower()
        numbers = tuple(float(part) for part in found[2].split(",")) if found[2] else ()
        if len(numbers) not in (0, _KINDS[kind][1]) or not np.isfinite(numbers).all():
            raise ValueError
    except (TypeError, KeyError, ValueError):
        known = "'normal', 'uniform', 'sphere', 'uniform(0, 1)', 'normal(0, 0.5)' or 'sphere(8)'"
        raise ValueError(f"`prior` must be {known}, or a function sampler(n, seed), got {prior!r}") from None
    return kind, numbers
