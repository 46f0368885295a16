"""What StyleGAN2's weights are called in files, and how they are stored there.

The current names are those of rosinality's torch port, which most converted checkpoints have. The rewriting repository
has the same weights in a chain (`layer5.sconv.mconv…`). NVIDIA's torch files (`synthesis.b8.conv0…`) have fewer axes,
and filters that sum to 1. Kernels and style biases are the same in all three: the mirrored kernels and smaller biases
of TensorFlow's files are not read here.

`canonical_keys` reads all three, `WRITERS` go back.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import NamedTuple

from torch import Tensor

from ganwidgets.models.renaming import renamed

MARKS = {
    "rosinality": "conv1.conv.modulation.weight",
    "rewriting": "layer2.conv.mconv.modulation.weight",
    "nvidia": "synthesis.b4.const",
}
"""A name that only this convention has."""

Written = dict[str, tuple[str, Tensor]]
"""Name in a file → (current name, tensor as it is stored there)."""


class Stored(NamedTuple):
    """A weight as a file has it: its current name, and how its tensor gets from there and back."""

    key: str
    read: Callable[[Tensor], Tensor]
    write: Callable[[Tensor], Tensor]


def canonical_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the current names, from any of the three conventions.

    Raises:
        ValueError: NVIDIA's weights of a kind that is not read here, or incomplete; says which.
    """
    kind = naming(state)
    if kind == "nvidia":
        return _from_nvidia(state)
    if kind == "rewriting":
        state = renamed(_with_average(state), rewriting_name)
    return _with_average(state)


def _with_average(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A chain that old torch saved has one number as its average, which is no average."""
    return {key: part for key, part in state.items() if not key.endswith("latent_avg") or part.ndim}


def naming(keys: Iterable[str]) -> str | None:
    """Which convention these names follow: "rosinality", "rewriting", "nvidia", or None of them."""
    keys = set(keys)
    return next((kind for kind, mark in MARKS.items() if mark in keys), None)


def rewriting_name(key: str) -> str:
    """The current name of a weight in the rewriting repository's chain; other names stay as they are."""
    if found := re.match(r"layer(\d{1,3})\.s?conv\.(.+)", key):
        number, rest = int(found[1]), found[2]
        rest = "conv.blur.kernel" if f".{rest}".endswith(".blur.kernel") else rest
        rest = rest.replace("mconv.", "conv.").replace("dconv.", "")
        return f"conv1.{rest}" if number == 2 else f"convs.{number - 3}.{rest}"
    if found := re.match(r"to_rgb(\d{1,3})\.rgb\.(.+)", key):
        number, rest = int(found[1]), found[2].replace("mconv.", "conv.").replace("dconv.", "")
        return f"to_rgb1.{rest}" if number == 1 else f"to_rgbs.{number - 2}.{rest}"
    if found := re.match(r"up_rgb(\d{1,3})\.(kernel)", key):
        return f"to_rgbs.{int(found[1]) - 1}.upsample.kernel"
    return key.removeprefix("latents.") if key == "latents.latent_avg" else key


def _in_rosinality_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> Written:
    return {key: (key, part) for key, part in state.items()}


def _in_rewriting_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> Written:
    if keys is None:
        raise ValueError("`naming` 'rewriting' needs `like`, a file with these names: they differ between its networks")
    current = {key: rewriting_name(key) for key in keys}
    return {key: (name, state[name]) for key, name in current.items() if name in state}


def _in_nvidia_names(state: Mapping[str, Tensor], keys: Collection[str] | None) -> Written:
    kind = architecture_of(state)
    n_mlp = next(n for n in count() if f"style.{n + 1}.weight" not in state)
    levels = next(n for n in count() if f"convs.{2 * n}.conv.weight" not in state)
    table = nvidia_table(n_mlp, levels, kind, "embed.weight" in state)
    filters = [key for key in state if key.endswith(".kernel")]
    if filters:  # for modules of NVIDIA's that have a filter and filter nothing
        table |= {name: _filter(filters[0]) for name in _idle_filters(table, kind)}
    stored = {key: found for key, found in table.items() if found.key in state}
    return {key: (found.key, found.write(state[found.key])) for key, found in stored.items()}


def _idle_filters(table: Mapping[str, Stored], kind: str) -> list[str]:
    blocks = [key.removesuffix(".conv1.weight") for key in table if key.endswith(".conv1.weight")]
    unused = [f"{block}.conv1" for block in blocks] + (blocks[:1] if kind == "skip" else blocks)
    return [f"{part}.resample_filter" for part in unused]


WRITERS: dict[str, Callable[[Mapping[str, Tensor], Collection[str] | None], Written]] = {
    "rosinality": _in_rosinality_names,
    "rewriting": _in_rewriting_names,
    "nvidia": _in_nvidia_names,
}
"""Naming → function of all weights, and of the names a file must have (None: any), to what the file holds."""


def nvidia_table(n_mlp: int, levels: int, kind: str = "skip", classes: bool = False) -> dict[str, Stored]:
    """NVIDIA's name → the current one, for a generator with this many mapping layers and doublings."""
    table = {"mapping.w_avg": _same("latent_avg")}
    if classes:
        table |= {f"mapping.embed.{part}": _same(f"embed.{part}") for part in ("weight", "bias")}
    for number in range(n_mlp):
        table |= {f"mapping.fc{number}.{part}": _same(f"style.{number + 1}.{part}") for part in ("weight", "bias")}
    table["synthesis.b4.const"] = _batched("input.input")
    table |= _styled("synthesis.b4.conv1", "conv1", 0)
    if kind == "skip":
        table |= _to_rgb("synthesis.b4.torgb", "to_rgb1")
    for level in range(levels):
        block, up = f"synthesis.b{8 * 2**level}", 2 * level
        table |= _styled(f"{block}.conv0", f"convs.{up}", up + 1)
        table[f"{block}.conv0.resample_filter"] = _filter(f"convs.{up}.conv.blur.kernel")
        table |= _styled(f"{block}.conv1", f"convs.{up + 1}", up + 2)
        if kind == "skip":
            table |= _to_rgb(f"{block}.torgb", f"to_rgbs.{level}")
            table[f"{block}.resample_filter"] = _filter(f"to_rgbs.{level}.upsample.kernel")
        if kind == "resnet":
            table[f"{block}.skip.weight"] = _same(f"shortcuts.{level}.weight")
            table[f"{block}.skip.resample_filter"] = _filter(f"shortcuts.{level}.upsample.kernel")
    if kind != "skip":
        table |= _to_rgb(f"synthesis.b{4 * 2**levels}.torgb", "to_rgb")
    return table


def _same(key: str) -> Stored:
    return Stored(key, lambda part: part, lambda part: part)


def _batched(key: str, axes: int = 1) -> Stored:
    """Stored without the first axes, which have one entry."""
    return Stored(key, lambda part: part[(None,) * axes], lambda part: part[(0,) * axes])


def _filter(key: str) -> Stored:
    return Stored(key, lambda part: part * 4, lambda part: part / 4)


def _styled(theirs: str, ours: str, noise: int) -> dict[str, Stored]:
    return {
        f"{theirs}.weight": _batched(f"{ours}.conv.weight"),
        f"{theirs}.affine.weight": _same(f"{ours}.conv.modulation.weight"),
        f"{theirs}.affine.bias": _same(f"{ours}.conv.modulation.bias"),
        f"{theirs}.bias": _same(f"{ours}.activate.bias"),
        f"{theirs}.noise_strength": _batched(f"{ours}.noise.weight"),
        f"{theirs}.noise_const": _batched(f"noises.noise_{noise}", axes=2),
    }


def _to_rgb(theirs: str, ours: str) -> dict[str, Stored]:
    return {
        f"{theirs}.weight": _batched(f"{ours}.conv.weight"),
        f"{theirs}.affine.weight": _same(f"{ours}.conv.modulation.weight"),
        f"{theirs}.affine.bias": _same(f"{ours}.conv.modulation.bias"),
        f"{theirs}.bias": Stored(f"{ours}.bias", lambda part: part.reshape(1, -1, 1, 1), lambda part: part.flatten()),
    }


def architecture_of(state: Iterable[str]) -> str:
    """How blocks are joined, from current names: only "skip" makes colours at every resolution."""
    keys = set(state)
    return "resnet" if "shortcuts.0.weight" in keys else "orig" if "to_rgb.conv.weight" in keys else "skip"


def _nvidia_architecture(state: Iterable[str]) -> str:
    keys = set(state)
    if any(key.endswith(".skip.weight") for key in keys):
        return "resnet"
    return "skip" if "synthesis.b4.torgb.weight" in keys else "orig"


def _from_nvidia(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    kind = _nvidia_architecture(state)
    n_mlp = next(n for n in count() if f"mapping.fc{n}.weight" not in state)
    levels = next(n for n in count() if f"synthesis.b{8 * 2**n}.conv0.weight" not in state)
    table = nvidia_table(n_mlp, levels, kind, "mapping.embed.weight" in state)
    unused = {key for key in state if key.endswith("resample_filter")}  # equal copies of a constant
    if surplus := [key for key in state if key not in table and key not in unused]:
        raise ValueError(
            f"a StyleGAN2 generator with {levels} doublings has no {surplus[0]}, but the file does; is a part missing?"
        )
    silent = {key for key in table if key.endswith("noise_strength")} if not _has_noise(state) else set()
    free = [key for key in table if key.endswith(("resample_filter", "noise_const", "w_avg"))]
    if missing := [key for key in table if key not in {*state, *free, *silent}]:
        raise ValueError(f"a StyleGAN2 generator in NVIDIA's names must hold {missing[0]}, but it is missing")
    quiet = {table[key].key: state["synthesis.b4.const"].new_zeros(1) for key in silent}
    return {stored.key: stored.read(state[key]) for key, stored in table.items() if key in state} | quiet


def _has_noise(state: Iterable[str]) -> bool:
    """Whether layers get noise: networks trained with use_noise=False have no place for it."""
    return any(key.endswith(("noise_strength", "noise_const")) for key in state)
