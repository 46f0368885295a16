"""A hash that is equal for equal networks, so that caches never answer for other weights."""

import hashlib
import re
import weakref
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn


class Fingerprint:
    """Hash of a module's weights, buffers, class names and settings; computed again only when a weight was touched.

    "Touched" is what torch counts: replaced, moved, or changed in place other than through `.data`.
    """

    def __init__(self) -> None:
        self._state: list[tuple] = []
        self._parts: list[weakref.ref] = []
        self._digest = ""

    def of(self, module: nn.Module) -> str:
        """Hex digest, the same on every device."""
        parts = dict(_named_parts(module))
        state = [(name, part.data_ptr(), _version(part)) for name, part in parts.items()]
        same = state == self._state and all(
            ref() is part for ref, part in zip(self._parts, parts.values(), strict=True)
        )
        if not (self._digest and same) or any(version is None for *_, version in state):
            self._state, self._parts = state, [weakref.ref(part) for part in parts.values()]
            self._digest = _digest(module, parts)
        return self._digest

    def __reduce__(self) -> tuple:
        return Fingerprint, ()  # a copy is of other weights


def with_standing(weights: str, edits: Iterable[tuple[str, object]]) -> str:
    """The hash of a network whose every pass carries these edits, given that of its weights."""
    digest = hashlib.sha256(weights.encode())
    for layer, edit in edits:
        digest.update(f";{layer}:".encode())
        _describe(edit, digest)
    return digest.hexdigest()


def _describe(value: object, digest: "hashlib._Hash") -> None:
    """Put a value into a hash: tensors by their content, objects by their kind and what they hold."""
    if isinstance(value, Tensor):
        content = value.detach().cpu().contiguous()
        digest.update(f"{content.dtype}{tuple(content.shape)}".encode())
        digest.update(content.reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, tuple | list):
        digest.update(f"({len(value)}".encode())
        for part in value:
            _describe(part, digest)
    elif _is_plain(value) or not hasattr(value, "__dict__"):
        digest.update(f"{value!r},".encode())
    else:  # a function shows its address: two of them are never taken for the same
        digest.update(f"{type(value).__name__}{'' if vars(value) else repr(value)}".encode())
        for name, part in sorted(vars(value).items()):
            digest.update(f"{name}=".encode())
            _describe(part, digest)


def plain_settings(module: nn.Module) -> str:
    """Plain values (numbers, text, tuples of them) that somebody's modules keep as attributes, with their names.

    torch's own modules tell theirs in `extra_repr`.
    """
    told = []
    for name, part in module.named_modules():
        if type(part).__module__.partition(".")[0] not in ("torch", "torchvision", "ganwidgets"):
            values = {key: value for key, value in vars(part).items() if key[:1] != "_" and key != "training"}
            told += [f"{name}.{key}={value!r}" for key, value in sorted(values.items()) if _is_plain(value)]
    return ";".join(told)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _named_parts(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """All parameters and buffers by name; torch's own walk takes five times as long, and caches ask all the time."""
    for kept in (module._parameters, module._buffers):
        for name, part in kept.items():
            if part is not None:
                yield prefix + name, part
    for name, child in module._modules.items():
        if child is not None:
            yield from _named_parts(child, f"{prefix}{name}.")


def _version(part: Tensor) -> int | None:
    return None if part.is_inference() else part._version


def _digest(module: nn.Module, parts: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, part in module.named_modules():
        settings = re.sub(r" at 0x[0-9a-f]+", "", part.extra_repr())
        digest.update(f"{name}:{type(part).__name__}({settings});".encode())
    for name, part in sorted(parts.items()):
        digest.update(f"{name}:{part.dtype}{tuple(part.shape)};".encode())
        digest.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
