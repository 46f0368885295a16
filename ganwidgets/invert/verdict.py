"""Is a photo far from what the generator draws? Judged by how well its own pictures are found again.

A large error alone says little: the search may be weak, or the network coarse. So the same search, with as many steps,
is done for pictures the network drew itself, and the photo's error takes its place among theirs. That takes about as
long as the search for a batch of photos; it is done once for a network, a strategy and a number of steps, and kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from ganwidgets.invert.losses import Losses, label
from ganwidgets.invert.reconstruct import searching
from ganwidgets.invert.sample import batch_size, cache_path, edits_in_force, identity, put
from ganwidgets.invert.strategies import STRATEGIES, Strategy
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.results.cache import kept
from ganwidgets.results.inversion import Inversion, Verdict

N, SEED = 24, 424_243
"""Own pictures, and the seed of their latents."""

_FORMAT = 2
_memory: dict[tuple, Tensor] = {}


@dataclass(frozen=True, eq=False)
class Judging:
    """Where a judgement is.

    Attributes:
        done: share.
        inversion: with its verdict; only in the last one.
    """

    done: float
    inversion: Inversion | None = None


def judge(
    network: Generator,
    inversion: Inversion,
    *,
    n: int = N,
    losses: Losses | None = None,
    strategy: Strategy | None = None,
    cache: bool | str | Path = True,
    progress: Callable[[float], Any] | None = None,
) -> Inversion:
    """The inversion with its verdict: how many of the generator's own pictures the same search brings less near.

    Args:
        network: the generator it was found in.
        inversion: what was found.
        n: number of own pictures.
        losses: how pictures were compared, if not as usual: those of the search.
        strategy: of the search, if it was none of `STRATEGIES`.
        cache: True keeps the errors of own pictures in the user's cache folder, a path in that folder.
        progress: called with the share done.

    Raises:
        ValueError: another network than the one it was found in, other losses, a search that was stopped before it
            began, or fewer than 2 pictures.
    """
    for state in judging(network, inversion, n=n, losses=losses, strategy=strategy, cache=cache):
        if progress is not None:
            progress(state.done)
    return state.inversion


def judging(
    network: Generator,
    inversion: Inversion,
    *,
    n: int = N,
    losses: Losses | None = None,
    strategy: Strategy | None = None,
    cache: bool | str | Path = True,
) -> Iterator[Judging]:
    """As `judge`, step by step: the last one holds the inversion."""
    whole_number("n", n, 2)
    if inversion.network_fingerprint != network.fingerprint:
        raise ValueError(
            f"`network` must be the one the photo was inverted in ({inversion.network_name!r}), got {network.name!r} "
            "with other weights or settings"
        )
    if inversion.losses != label(losses):
        raise ValueError(
            f"`losses` must be those of the search ({inversion.losses}), got {label(losses)}: other losses find other "
            "pictures"
        )
    strategy = STRATEGIES.get(inversion.strategy) if strategy is None else strategy
    if strategy is None:
        raise ValueError(f"`strategy` must be given: {inversion.strategy!r} is none of {list(STRATEGIES)}")
    if not_begun(inversion):
        raise ValueError(
            "`inversion` must be of a search that began, but it was stopped before: own pictures are found from a "
            "start that this photo never got. Search again, or go on with it (`resume`)"
        )
    return _judging(network, inversion, strategy, n, losses, cache)


def _judging(
    network: Generator,
    inversion: Inversion,
    strategy: Strategy,
    n: int,
    losses: Losses | None,
    cache: bool | str | Path,
) -> Iterator[Judging]:
    steps = inversion.steps if inversion.stopped in ("time", "cancelled") else _planned(inversion, strategy)
    search = {"layer": inversion.layer, "steps": steps, "losses": losses, "starts": inversion.starts}
    key = (_FORMAT, *identity(network), repr(strategy), *(search | {"losses": inversion.losses}).values(), n, SEED)
    # Functions and edits of this thread have no name to keep results by.
    named = not (losses and losses.features) and not edits_in_force(network)
    path = cache_path(cache, list(key), ".errors.safetensors") if named else None
    own = (_memory.get(key) if named else None) if path is None or key in _memory else kept(path, _loaded(n))
    if own is None:
        parts, size = [], max(1, batch_size(network) // inversion.starts)
        with torch.no_grad():
            images = torch.cat([network.images(part) for part in network.sample_z(n, SEED).split(batch_size(network))])
        for first in range(0, n, size):
            batch = images[first : first + size]
            for step in searching(network, batch, strategy, **search):
                yield Judging(min(0.99, (first + step.step / max(1, step.total) * len(batch)) / n))
            best = step.loss.unflatten(0, (-1, len(batch))).argmin(0, keepdim=True)  # of the starts, as for a photo
            parts.append(step.psnr.unflatten(0, (-1, len(batch))).gather(0, best.to(step.psnr.device))[0].cpu())
        own = torch.cat(parts)
        put(path, {"psnr": own})
    if named:
        _memory[key] = own
    yield Judging(1.0, inversion.with_verdict(verdict_of(inversion.errors.psnr, own)))


def not_begun(inversion: Inversion) -> bool:
    """Whether the search was stopped before its first step, perhaps while the sample was drawn."""
    return inversion.stopped == "cancelled" and inversion.steps == 0 < inversion.total_steps


def verdict_of(psnr: float, own: Float[Tensor, " picture"]) -> Verdict:
    """The place of a photo's PSNR among those of own pictures."""
    worse = float((own < psnr).double().mean())
    return Verdict(worse, len(own), round(float(own.median()), 3), psnr)


def _planned(inversion: Inversion, strategy: Strategy) -> int:
    """Steps the search was given: it may have ended before, on a plateau."""
    return inversion.total_steps if strategy.steps else 0


def _loaded(n: int) -> Callable[[Path], Tensor]:
    def load(path: Path) -> Tensor:
        try:
            own = load_file(path)["psnr"]
        except Exception as error:  # whatever a damaged file makes of it
            raise ValueError(f"{path.name} is damaged") from error
        if tuple(own.shape) != (n,) or not own.isfinite().all():
            raise ValueError(f"{path.name} must hold {n} numbers, got {tuple(own.shape)}")
        return own

    return load
