"""torch modules that were saved whole (`torch.save(module)`): their weights by name, without their classes."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from ganwidgets.models.inert import Expanded, Stub
from ganwidgets.models.inert_names import shown

_DEEPEST = 40  # modules inside one another


def is_module(part: Any) -> bool:
    """Whether a part of a file is a module that was saved whole."""
    state = part.state if isinstance(part, Stub) else None
    return isinstance(state, Mapping) and "_parameters" in state and "_modules" in state


def module_weights(stub: Stub) -> dict[str, Tensor]:
    """Parameters and buffers by name, as `state_dict()` of the module has them."""
    saved = {
        f"{path}{name}": part
        for path, module in _modules(stub)
        for kept in ("_parameters", "_buffers")
        for name, part in _dict(module.state.get(kept)).items()
        if name not in (module.state.get("_non_persistent_buffers_set") or ())
    }
    return whole_tensors(saved)


def whole_tensors(parts: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors among the parts of a network.

    Raises:
        ValueError: one was not read, since it repeats its numbers.
    """
    for name, part in parts.items():
        if isinstance(part, Expanded):
            raise ValueError(
                f"the tensor {shown(name)!r} shows the same numbers again and again (torch's expand): save the weights "
                "with .contiguous()"
            )
    return {name: part for name, part in parts.items() if isinstance(part, Tensor)}


def class_names(stub: Stub) -> dict[str, str]:
    """Path of each module inside → name of its class."""
    return {path.removesuffix("."): module.name for path, module in _modules(stub)}


def _modules(stub: Stub, path: str = "", depth: int = 0) -> Iterator[tuple[str, Stub]]:
    if depth > _DEEPEST:
        raise ValueError(f"the file must hold a network, but nests more than {_DEEPEST} modules: not read")
    yield path, stub
    for name, part in _dict(stub.state.get("_modules")).items():
        if is_module(part):
            yield from _modules(part, f"{path}{name}.", depth + 1)


def _dict(part: Any) -> Mapping[str, Any]:
    return part if isinstance(part, Mapping) else {}
