"""The weights of a network, edited or not, back in a file of the kind they came from.

A file of the same network serves as model: its names, its nesting, how its tensors are stored, and all it holds besides
(a discriminator, counters) are kept, and only the generator's weights are exchanged. Without one the usual names of the
family are written. What is written and read again renders the same images, bit for bit.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from ganwidgets.models import nvidia, progan_names, stylegan2_names, stylegan3_names
from ganwidgets.models.files import read_weights
from ganwidgets.models.generator import Generator
from ganwidgets.models.mapping import MappingSize
from ganwidgets.models.progan import ProGAN
from ganwidgets.models.state_dicts import generator_weights
from ganwidgets.models.stylegan2 import StyleGAN2, filled_in
from ganwidgets.models.stylegan2_ada import USUAL_LIMIT
from ganwidgets.models.stylegan3 import StyleGAN3

NESTED = (".pt", ".pth")
"""Kinds of file that can hold more than the generator."""

SUFFIXES = (".safetensors", *NESTED, ".npz")
"""Kinds of file that are written."""

_NAMES: dict[type[nn.Module], ModuleType] = {
    ProGAN: progan_names,
    StyleGAN2: stylegan2_names,
    StyleGAN3: stylegan3_names,
}

_Path = tuple[Any, ...]


def export_weights(
    network: Generator,
    path: str | os.PathLike,
    like: str | os.PathLike | Mapping[str, Any] | None = None,
    *,
    naming: str | None = None,
) -> Path:
    """Write the weights of a network to a checkpoint, whole or not at all.

    Args:
        network: any generator, also one made by `with_weights`.
        path: of the file; .safetensors, .pt, .pth or .npz. Only .pt and .pth keep what a file holds besides the
            generator.
        like: a file of the same network, or its content, whose names and nesting are taken over; by default the file
            that the network was loaded from, if it was.
        naming: write these names instead: "current", "features" or "tensorflow" for a Progressive GAN; "rosinality" or
            "nvidia" for a StyleGAN2, "nvidia" for a StyleGAN3. A network from one of NVIDIA's containers keeps its
            names; the containers themselves hold programs and are not written.

    Returns:
        The path.

    Raises:
        ValueError: no such kind of file or naming, `like` is of another network (says which weight differs), or edits
            stand in the network.
        FileNotFoundError: `like`, or the folder, is not there.
    """
    from ganwidgets.results.files import write_bytes  # results may import models

    path = Path(path).expanduser()
    return write_bytes(path, encode_weights(network, path.suffix, like, naming=naming))


def encode_weights(
    network: Generator,
    suffix: str = ".safetensors",
    like: str | os.PathLike | Mapping[str, Any] | None = None,
    *,
    naming: str | None = None,
) -> bytes:
    """What `export_weights` writes, e.g. for a download.

    Raises:
        ValueError: as `export_weights`.
    """
    if network.standing:
        raise ValueError(
            f"`network` must be its weights alone to be exported, but edits of {network.standing[0][0]!r} stand in it; "
            "export the network they were given to"
        )
    kind = suffix.lower()
    if kind not in SUFFIXES:
        hint = " (NVIDIA's pickles hold programs and are not written: use naming='nvidia', and load_state_dict() there)"
        raise ValueError(
            f"`path` must end in {', '.join(SUFFIXES)}, got {suffix!r}{hint if kind in ('.pkl', '.pickle') else ''}"
        )
    if like is not None and naming is not None:
        raise ValueError("`like` and `naming` both say how weights are called: give one of them")
    state = {key: part.detach().cpu() for key, part in network.module.state_dict().items()}
    like = getattr(network, "source", None) if like is None and naming is None else like
    nested = kind in NESTED
    if like is not None:
        content = _by_model(network.module, state, _content(like), nested)
    else:
        content = _by_naming(network.module, state, naming or getattr(network, "naming", None), nested)
    if not _is_told(network.module, content):
        return _encoded(content, kind, nvidia.note(network.module.made_with))
    return _encoded(content, kind)


def _is_told(module: nn.Module, content: Mapping[str, Any]) -> bool:
    """Whether a reader of these weights makes the same network of them; else the file needs a note."""
    if isinstance(module, StyleGAN2):
        nvidias = any(stylegan2_names.naming(part) == "nvidia" for part in (content, *_inner(content)))
        return module.rate == MappingSize.rate and module.limit == (USUAL_LIMIT if nvidias else None)
    return not isinstance(module, StyleGAN3) or (module.rate == MappingSize.rate and module.follows_from_weights)


def _inner(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for part in content.values() if isinstance(part, Mapping)]


def _content(like: str | os.PathLike | Mapping[str, Any]) -> Any:
    if isinstance(like, Mapping):
        return like
    path = Path(like).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"`like` must be a file of this network, but there is no {str(path)!r}; give another one, or `naming`"
        )
    return read_weights(path)


def _by_naming(module: nn.Module, state: dict[str, Tensor], naming: str | None, nested: bool) -> dict[str, Any]:
    """A new file, with the names of a convention."""
    names = _NAMES.get(type(module))
    writers = names.WRITERS if names else {"current": progan_names.WRITERS["current"]}
    naming = naming or next(iter(writers))
    if naming not in writers:
        raise ValueError(f"`naming` must be one of {list(writers)} for {type(module).__name__}, got {naming!r}")
    content = {key: part for key, (_, part) in writers[naming](state, None).items()}
    if naming == "rosinality" and nested:  # as the usual converter writes it
        beside = {"latent_avg": content.pop("latent_avg")} if "latent_avg" in content else {}
        return {"g_ema": content, **beside}
    return content


def _by_model(module: nn.Module, state: dict[str, Tensor], original: Any, nested: bool) -> dict[str, Any]:
    """The content of a file with the generator's weights exchanged; all of it, or the generator alone."""
    places = _places(original)
    names = _NAMES.get(type(module))
    writer = names.WRITERS.get(names.naming(places)) if names else progan_names.WRITERS["current"]
    written = writer(state, places) if writer else {}
    written = {key: pair for key, pair in written.items() if key in places}
    there = {key for key, _ in written.values()}
    if lost := [key for key, part in state.items() if key not in there and not _is_usual(module, key, part)]:
        raise ValueError(
            f"`like` must be a file of this network, but has no place for {lost[0]} {tuple(state[lost[0]].shape)} "
            f"({len(lost)} of {len(state)} weights)"
        )
    new = {key: _stored_like(key, part, _at(original, places[key])) for key, (_, part) in written.items()}
    if nested:
        return _plain(original, {places[key]: part for key, part in new.items()})
    return {key: _at(original, place) for key, place in places.items()} | new


def _places(content: Any) -> dict[str, _Path]:
    """Name of each of the generator's weights → the keys that lead to it in a file's content.

    Found by sending tensors without content, which can be told apart, through the same search that `load` makes.
    """
    place_of: dict[int, _Path] = {}

    def marked(part: Any, path: _Path) -> Any:
        if isinstance(part, Mapping):
            return {key: marked(inner, (*path, key)) for key, inner in part.items()}
        if not isinstance(part, Tensor):
            return part
        mark = torch.empty(part.shape, device="meta")
        place_of[id(mark)] = path
        return mark

    marks = marked(content, ())
    try:
        found = generator_weights(marks)
    except ValueError as error:
        raise ValueError(f"`like`: {error}") from error
    if not all(id(mark) in place_of for mark in found.values()):
        raise ValueError(
            "`like` must hold tensors by name, but holds a whole module, which is not written: give `naming`"
        )
    return {key: place_of[id(mark)] for key, mark in found.items()}


def _at(content: Any, place: _Path) -> Any:
    for key in place:
        content = content[key]
    return content


def _is_usual(module: nn.Module, key: str, part: Tensor) -> bool:
    """Whether loading fills this in where a file has none."""
    usual = filled_in(key) if isinstance(module, StyleGAN2) else None
    if key.endswith("num_batches_tracked"):
        usual = torch.zeros_like(part)
    return usual is not None and torch.equal(usual, part)


def _stored_like(key: str, part: Tensor, old: Tensor) -> Tensor:
    """A weight with the precision the file has, if that holds it exactly; else with its own."""
    if part.shape != old.shape:
        raise ValueError(
            f"`like` must be a file of this network, but its {key} is {tuple(old.shape)}, not {tuple(part.shape)}"
        )
    rounded = part.to(old.dtype)
    return rounded if torch.equal(rounded.to(part.dtype), part) else part


def _plain(content: Any, new: Mapping[_Path, Tensor], path: _Path = ()) -> Any:
    """A copy with some tensors exchanged, and nothing in it that needs a program to be read."""
    if isinstance(content, Tensor):
        return new.get(path, content)
    parts = content.items() if isinstance(content, Mapping) else enumerate(content) if _is_list(content) else None
    if parts is None:
        return content
    kept = {key: _plain(part, new, (*path, key)) for key, part in parts if _is_plain(part)}
    return kept if isinstance(content, Mapping) else type(content)(kept.values())


def _is_list(part: Any) -> bool:
    return type(part) in (list, tuple)


def _is_plain(part: Any) -> bool:
    return part is None or isinstance(part, Mapping | Tensor) or _is_list(part) or type(part) in (str, int, float, bool)


def _encoded(content: dict[str, Any], kind: str, note: str = "") -> bytes:
    content, buffer = _copied(content), io.BytesIO()
    if kind == ".safetensors":
        return safetensors.torch.save(content, {"format": "pt"} | ({nvidia.NOTE: note} if note else {}))
    if kind == ".npz":
        if note:
            raise ValueError(
                "`path` must end in .safetensors, .pt or .pth for this network: .npz has no place for what its weights "
                "do not tell (a limit of its values, for one)"
            )
        wide = {key: part.float() if part.dtype == torch.bfloat16 else part for key, part in content.items()}
        np.savez(buffer, **{key: part.numpy() for key, part in wide.items()})
    else:
        torch.save(_beside(content, note) if note else content, buffer)
    return buffer.getvalue()


def _beside(content: dict[str, Any], note: str) -> dict[str, Any]:
    """The content of a torch file with a note beside the networks."""
    flat = any(isinstance(part, Tensor) and key != "latent_avg" for key, part in content.items())
    return ({"G_ema": content} if flat else content) | {nvidia.NOTE: note}


def _copied(content: Any) -> Any:
    """Tensors with memory of their own, so that nothing else of it is written."""
    if isinstance(content, Tensor):
        return content.detach().cpu().clone(memory_format=torch.contiguous_format)
    if isinstance(content, Mapping):
        return {key: _copied(part) for key, part in content.items()}
    return type(content)(map(_copied, content)) if _is_list(content) else content
