"""A sample of the network's own pictures, as thumbnails: what best-of-N and the ridge regression learn from.

It is drawn once for each network and kept, in memory and in the cache folder. Latents follow from their seed, so only
thumbnails are written.
"""

import logging
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor
from torch.nn import functional as F

from ganwidgets.invert.drawing import class_is_free
from ganwidgets.models.edits import Edit
from ganwidgets.models.generator import Generator
from ganwidgets.models.style_generator import StyleGenerator
from ganwidgets.results.cache import content_path, kept, latents_name
from ganwidgets.results.files import write_bytes

N, FEWEST = 1024, 128
"""Pictures in a sample, at most and at least."""

SEED, SIDE = 1_000_003, 16
"""Of their latents (a seed that nobody else uses), and of a thumbnail [pixels]."""

_FORMAT, _NAMED = 2, 8
_log = logging.getLogger(__name__)
_memory: "weakref.WeakValueDictionary[tuple, OwnSample]" = weakref.WeakValueDictionary()
_recent: "list[OwnSample]" = []  # what keeps the last few alive


@dataclass(frozen=True, eq=False)
class OwnSample:
    """Pictures a network drew.

    Attributes:
        z: their latents.
        w: what a StyleGAN's mapping made of them, truncated as it draws; None for other networks.
        labels: their classes; None for networks without, or with a fixed one.
        thumbnails: the pictures, made small by averaging.
    """

    z: Float[Tensor, "picture *latent"]
    w: Float[Tensor, "picture style"] | None
    labels: Int[Tensor, " picture"] | None
    thumbnails: Float[Tensor, "picture channel height width"]

    def latents(self, space: str) -> Tensor:
        """z or w; w also where one w for each layer is searched for, which starts from one for all."""
        return self.z if space == "z" else self.w


def thumbnail(
    images: Float[Tensor, "batch channel height width"], side: int = SIDE
) -> Float[Tensor, "batch channel small_height small_width"]:
    """Images made small by averaging: the shorter side gets `side` pixels, or what it has."""
    height, width = images.shape[2:]
    scale = min(1.0, side / min(height, width))
    return F.adaptive_avg_pool2d(images, (max(1, round(height * scale)), max(1, round(width * scale))))


def sample_size(network: Generator) -> int:
    """How many pictures a sample has: fewer of large ones, which take long to draw."""
    height, width = network.image_shape[1:]
    return max(FEWEST, min(N, 2**23 // (height * width)))


def own_sample(network: Generator, n: int | None = None, *, cache: bool | str | Path = True) -> OwnSample:
    """Pictures of this network; drawn once, then remembered.

    Args:
        network: a generator.
        n: how many; None takes `sample_size`.
        cache: True keeps them in the user's cache folder, a path in that folder, False in memory only.
    """
    drawing = sampling(network, n, cache=cache)
    while True:
        try:
            next(drawing)
        except StopIteration as end:
            return end.value


def sampling(
    network: Generator, n: int | None = None, *, cache: bool | str | Path = True
) -> Iterator[tuple[slice, Tensor]]:
    """As `own_sample`, batch by batch: yields which pictures were drawn, and they; returns the sample.

    Nothing is yielded where the sample is remembered.
    """
    n = sample_size(network) if n is None else n
    key = _key(network, n)
    if (found := _memory.get(key)) is None:
        about = [_FORMAT, *identity(network), n, SEED, SIDE]
        path = None if edits_in_force(network) else cache_path(cache, about, ".sample.safetensors")
        small, z = kept(path, lambda path: _loaded(path, n, network)), latents(network, n)
        if small is None:
            parts = []
            for first in range(0, n, batch_size(network)):
                rows = slice(first, first + batch_size(network))
                images = network.images(z[rows], grad=False)
                parts.append(thumbnail(images))
                yield rows, images
            small = torch.cat(parts)
            put(path, {"thumbnails": small.half().cpu().contiguous()})
        found = _memory[key] = _sample(network, z, small)
    _recent[:] = [*(other for other in _recent[-3:] if other is not found), found]
    return found


def cache_path(cache: bool | str | Path, about: list[Any], suffix: str) -> Path | None:
    """Where something is kept; None where nothing is to be, or no folder can be made (then it is computed again)."""
    try:
        return content_path(cache, "inversions", about, suffix) if cache else None
    except OSError as error:
        _log.warning("nothing is kept: %s", error)
        return None


def put(path: Path | None, tensors: dict[str, Tensor]) -> None:
    """Keep tensors there, if it can be written."""
    if path is None:
        return
    try:
        write_bytes(path, to_bytes(tensors))
    except OSError as error:
        _log.warning("nothing is kept: %s", error)


def is_kept(network: Generator) -> bool:
    """Whether the network's sample is in memory."""
    return _key(network, sample_size(network)) in _memory


def identity(network: Generator) -> tuple[str, str]:
    """What the network's own pictures depend on: its fingerprint, and a name for the latents it samples."""
    return network.fingerprint, latents_name(network.sample_z(_NAMED, SEED).cpu().numpy())


def edits_in_force(network: Generator) -> tuple[tuple[str, Edit], ...]:
    """What this thread added by `intervene`: the fingerprint does not tell it, so nothing made with it is filed."""
    return network._edits()[len(network.standing) :]


def _key(network: Generator, n: int) -> tuple:
    # The sampler itself, not what it gives: one that ignores its seed still has one sample as long as that is kept.
    return network.fingerprint, _Same(network.sampler), edits_in_force(network), n, str(network.device)


class _Same:
    """Equal to itself alone, whatever the object thinks of equality."""

    def __init__(self, what: Any) -> None:
        self.what = what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.what is other.what

    def __hash__(self) -> int:
        return id(self.what)


def latents(network: Generator, n: int | None = None) -> Tensor:
    """Latents of the sample."""
    return network.sample_z(sample_size(network) if n is None else n, SEED)


@torch.no_grad()
def _sample(network: Generator, z: Tensor, small: Tensor) -> OwnSample:
    labels = network.labels_of(z) if class_is_free(network) else None
    w = torch.cat([network.ws(part)[:, 0] for part in z.split(512)]) if isinstance(network, StyleGenerator) else None
    return OwnSample(z, w, labels, small.half().float().to(network.device))


def _loaded(path: Path, n: int, network: Generator) -> Tensor:
    try:
        small = load_file(path)["thumbnails"]
    except Exception as error:  # whatever a damaged file makes of it
        raise ValueError(f"{path.name} is damaged") from error
    wanted = (n, *thumbnail(torch.zeros(1, *network.image_shape)).shape[1:])
    if tuple(small.shape) != wanted or not small.isfinite().all():
        raise ValueError(f"{path.name} must hold thumbnails {wanted}, got {tuple(small.shape)}")
    return small.float().to(network.device)


def batch_size(network: Generator, most: int = 32) -> int:
    """How many pictures a pass takes, so that large ones fit into memory."""
    height, width = network.image_shape[1:]
    return max(1, min(most, 2**17 // (height * width)))
