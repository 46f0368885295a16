"""What one forward pass reads and changes, and how it leaves the module as it was.

`Plan` is the passive half of `protocol.py`: it is told when a layer has run and decides what the next one sees.
`isolated` wraps a pass so that mode, buffers and random generators are the same afterwards. No hook is registered here.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from ganwidgets.models.edits import Edit

Inputs = Tensor | tuple[Tensor, ...]
Edits = tuple[tuple[str, Edit], ...]


class Stop(BaseException):
    """Ends a pass early, when everything asked for has been seen; not an error, so no module should catch it."""


@dataclass
class Plan:
    """One pass: `edits` in force, layers to `read`, one to `capture` before its edits, one to `replace`.

    `replace` is (layer, activations, edits in force from that layer on). With `keep_args`, what the captured layer's
    module is called with is kept, too. `found`, `captured`, `args` and `rng` are the yield.
    """

    edits: Edits = ()
    read: tuple[str, ...] = ()
    capture: str | None = None
    replace: tuple[str, Tensor, Edits] | None = None
    keep_args: bool = False
    stop: bool = False
    found: dict[str, Tensor] = field(default_factory=dict)
    captured: Tensor | None = None
    args: tuple[Any, ...] = ()
    rng: tuple[Tensor, ...] = ()

    @property
    def later(self) -> Edits:
        """Edits that take over at the replaced layer."""
        return self.replace[2] if self.replace else ()

    @property
    def layers(self) -> set[str]:
        """Layers at which this pass has something to do."""
        named = {layer for layer, _ in (*self.edits, *self.later)}
        return named | set(self.read) | {self.capture, self.replace and self.replace[0]} - {None}

    @property
    def requires_grad(self) -> bool:
        """Whether something put into this pass is being optimised."""
        replaced = bool(self.replace) and self.replace[1].requires_grad
        return replaced or any(edit.requires_grad for _, edit in (*self.edits, *self.later))

    @property
    def missing(self) -> list[str]:
        """Layers asked for that have not run."""
        late = [name for name in self.read if name not in self.found]
        return late + ([self.capture] if self.capture and self.captured is None else [])

    def hook(self, calls: dict[int, str]) -> Callable[[nn.Module, Any, Any], Any]:
        """A forward hook for the module whose k-th call is the layer `calls[k]`; deaf to other threads."""
        owner, number = threading.get_ident(), count()

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            if threading.get_ident() != owner:
                return None
            layer = calls.get(next(number))
            return None if layer is None else self.visit(layer, output)

        return hook

    def note_args(self, call: int) -> Callable[[nn.Module, Any], None]:
        """A forward pre-hook that keeps copies of what the `call`-th call of a module got; deaf to other threads."""
        owner, number = threading.get_ident(), count()

        def hook(module: nn.Module, args: Any) -> None:
            if threading.get_ident() == owner and next(number) == call:
                self.args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in args)

        return hook

    def visit(self, layer: str, output: Any) -> Any:
        """Note and change what a layer gave; None leaves it. Everything noted is a copy."""
        acts = given = first_tensor(output)
        if self.replace and layer == self.replace[0]:
            acts, self.edits = self.replace[1].clone(), self.later
        if layer == self.capture:
            self.captured, self.rng = acts.clone(), rng_state(acts.device)
        acts = edited(layer, acts, self.edits)
        if layer in self.read:
            self.found[layer] = acts.clone()
        if self.stop and not self.missing:
            raise Stop
        return None if acts is given else with_first_tensor(output, acts)


def edited(layer: str, acts: Tensor, edits: Edits) -> Tensor:
    """Activations of a layer after the edits of it, in order."""
    for name, edit in edits:
        if name == layer:
            shape, acts = acts.shape, edit.apply(acts)
            if acts.shape != shape:
                raise ValueError(f"`edit` must keep the shape {tuple(shape)} of {layer!r}, gave {tuple(acts.shape)}")
    return acts


def first_tensor(output: Any) -> Tensor | None:
    """The tensor that stands for an output: itself, or the first one in a tuple, list or mapping."""
    if isinstance(output, Tensor):
        return output
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else ()
    return next((found for found in map(first_tensor, parts) if found is not None), None)


def with_first_tensor(output: Any, tensor: Tensor) -> Any:
    """A copy of an output with its first tensor exchanged and everything else kept."""
    if isinstance(output, Tensor):
        return tensor
    keyed = list(output.items() if isinstance(output, dict) else enumerate(output))
    key, part = next((key, part) for key, part in keyed if first_tensor(part) is not None)
    new = {**dict(keyed), key: with_first_tensor(part, tensor)}
    if isinstance(output, dict):
        return type(output)(new)
    return output._make(new.values()) if hasattr(output, "_make") else type(output)(new.values())


@contextmanager
def isolated(module: nn.Module, buffers: tuple[str, ...] = ()) -> Iterator[None]:
    """Run in eval mode, then give every part its own mode back, and these buffers their object and content."""
    training = [part for part in module.modules() if part.training]
    kept = [(*_owner(module, name), module.get_buffer(name), module.get_buffer(name).clone()) for name in buffers]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True
        for owner, key, buffer, content in kept:
            owner._buffers[key] = buffer
            with torch.no_grad():
                buffer.copy_(content)


def _owner(module: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, key = name.rpartition(".")
    return module.get_submodule(path), key


@contextmanager
def same_noise(device: torch.device, state: tuple[Tensor, ...] = ()) -> Iterator[None]:
    """Random numbers of torch start from `state` (by default from seed 0); the global generators are put back."""
    before = rng_state(device)
    _set_rng_state(device, state or tuple(_seeded(place) for place in _places(device)))
    try:
        yield
    finally:
        _set_rng_state(device, before)


def rng_state(device: torch.device) -> tuple[Tensor, ...]:
    """State of the global generators a pass on this device may draw from: the CPU's, then the device's own."""
    return tuple(_random(place).get_rng_state(*_where(place)) for place in _places(device))


def _set_rng_state(device: torch.device, states: tuple[Tensor, ...]) -> None:
    for place, state in zip(_places(device), states, strict=True):
        _random(place).set_rng_state(state, *_where(place))


def _seeded(place: torch.device) -> Tensor:
    return torch.Generator(place).manual_seed(0).get_state()


def _places(device: torch.device) -> list[torch.device]:
    cpu = torch.device("cpu")
    return [cpu, device] if device.type in ("cuda", "mps", "xpu") else [cpu]


def _random(place: torch.device) -> Any:
    return torch if place.type == "cpu" else getattr(torch, place.type)


def _where(place: torch.device) -> tuple[torch.device, ...]:
    return (place,) if place.type in ("cuda", "xpu") else ()
