"""What StyleGAN3's weights are called in NVIDIA's files; here, "synthesis." is left out, and the mapping is "style"."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from torch import Tensor

MARK = "synthesis.input.freqs"
"""A name that only StyleGAN3's weights have."""


def naming(keys: Iterable[str]) -> str | None:
    """ "nvidia" if these names are those of a StyleGAN3, else None."""
    return "nvidia" if MARK in set(keys) else None


def ours(key: str) -> str:
    """The name here of a weight in NVIDIA's names."""
    if found := re.fullmatch(r"mapping\.fc(\d{1,3})\.(\w+)", key):
        return f"style.{int(found[1]) + 1}.{found[2]}"
    if key == "mapping.w_avg":
        return "latent_avg"
    return key.removeprefix("mapping.").removeprefix("synthesis.")


def theirs(key: str) -> str:
    """The name of a weight in NVIDIA's names."""
    if found := re.fullmatch(r"style\.(\d{1,3})\.(\w+)", key):
        return f"mapping.fc{int(found[1]) - 1}.{found[2]}"
    if key == "latent_avg":
        return "mapping.w_avg"
    return f"mapping.{key}" if key.startswith("embed.") else f"synthesis.{key}"


def _in_nvidia_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> dict[str, tuple[str, Tensor]]:
    return {theirs(key): (key, part) for key, part in state.items()}


WRITERS: dict[str, Callable[..., dict[str, tuple[str, Tensor]]]] = {"nvidia": _in_nvidia_names}
"""Naming → function of all weights, and of the names a file must have, to {name: (current name, tensor)}."""
