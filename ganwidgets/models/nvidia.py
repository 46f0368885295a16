"""NVIDIA's containers: what is in a "persistent object", as the pickles of StyleGAN2-ADA and StyleGAN3 hold them.

Such a pickle keeps a module as the source code of its class and a copy of its attributes. The code is never run, nor
looked at: the attributes hold all weights, and the arguments that the module was made with. `unpack` takes these out.

Source: torch_utils/persistence.py as documented in the golden data (structure of network.pkl).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from ganwidgets.models.inert import Expanded, Stub
from ganwidgets.models.saved_modules import whole_tensors

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
"""Name under which these pickles rebuild an object."""

GENERATOR_ARGS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
"""What a generator is given first, in this order, where it is given without names."""

NOTE = "nvidia_kwargs"
"""Key under which files of ours say what a container would."""

USUAL_RATE = 0.01
"""How much smaller a mapping's weights act than they are stored, where nothing says otherwise."""

_FIRST_LAYER = ("synthesis", "b4", "conv1")
_SETTINGS = ("conv_clamp", "activation")
_DEEPEST = 32  # modules inside one another


def is_persistent(part: Any) -> bool:
    """Whether a part of a file is a persistent object."""
    return isinstance(part, Stub) and part.name == PERSISTENT


def unpack(stub: Stub) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Class name, the arguments it was made with, and all weights and buffers by name.

    Args:
        stub: a persistent object that is a module.

    Raises:
        ValueError: it is no persistent object, or not a module, or its parts are not what such a file has.
    """
    meta = _meta(stub)
    state = _attributes(stub, meta)
    args, kwargs = plain(state.get("_init_args", ())), plain(state.get("_init_kwargs", {}))
    if not isinstance(kwargs, dict) or not isinstance(args, tuple | list):
        raise ValueError("the container must hold the arguments of its network as a tuple and a dict, but does not")
    named = dict(zip(GENERATOR_ARGS, args, strict=False)) | kwargs
    return str(meta.get("class_name", "")), _settings(stub) | named, whole_tensors(dict(_weights(stub, "", 0)))


def arguments(found_config: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says about how its generator was made, all arguments side by side; {} if it says nothing.

    Args:
        found_config: of what was found in the file: a container's arguments, or the note that `export_weights` leaves.
    """
    kwargs = found_config.get("kwargs")
    if kwargs is None:
        kwargs = _noted((found_config.get("options") or {}).get(NOTE))
    return kwargs | _inner(kwargs, "synthesis_kwargs")


def mapping_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What `arguments` say about the mapping; its `lr_multiplier` is always there.

    Raises:
        ValueError: they are no arguments, or the multiplier is no positive number.
    """
    mapping = {"lr_multiplier": USUAL_RATE} | _inner(facts, "mapping_kwargs")
    if not _is_positive(rate := mapping["lr_multiplier"]):
        raise ValueError(f"the file must give lr_multiplier as a positive number, got {str(rate)[:60]}")
    return mapping


def limit_of(facts: Mapping[str, Any], usual: float | int | None = None) -> float | int | None:
    """What values of every layer are clamped to by `arguments`; None is no limit.

    Raises:
        ValueError: it is no positive number.
    """
    limit = facts.get("conv_clamp", usual)
    if limit is not None and not _is_positive(limit):
        raise ValueError(f"the file must give conv_clamp as a positive number, or none, got {str(limit)[:60]}")
    return limit


def _is_positive(number: Any) -> bool:
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 < number < 1e30


def _inner(kwargs: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = kwargs.get(name)
    try:
        given = plain(given)
    except RecursionError:
        given = "nested without end"
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"the file must give {name} as arguments by name, got {str(given)[:60]}")
    return dict(given or {})


def _noted(text: Any) -> dict[str, Any]:
    try:
        kwargs = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        kwargs = None
    if not isinstance(kwargs, dict):
        raise ValueError(f"the file's {NOTE} must be arguments as JSON, got {text[:60]!r}")
    return kwargs


def note(kwargs: Mapping[str, Any]) -> str:
    """Arguments as `arguments` reads them, for files that have room for a word beside the weights."""
    return json.dumps(dict(kwargs), allow_nan=False)


def plain(part: Any) -> Any:
    """Arguments as plain dicts, lists and values: dicts of NVIDIA's own class lose it."""
    if isinstance(part, Stub) and part.items:
        return {key: plain(value) for key, value in part.items.items()}
    if isinstance(part, Stub):
        return {}  # an empty dict of that class
    if isinstance(part, Mapping):
        return {key: plain(value) for key, value in part.items()}
    if isinstance(part, tuple | list):
        return type(part)(plain(value) for value in part)
    return part


def _meta(stub: Any) -> Mapping[str, Any]:
    if not is_persistent(stub) or len(stub.args) != 1 or not isinstance(stub.args[0], Mapping):
        raise ValueError("the container must hold a persistent object of NVIDIA's, but this is none")
    return stub.args[0]


def _attributes(stub: Any, meta: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes of a module; those of plain `torch.nn` modules lie in the state that was set."""
    state = _dict(meta.get("state"))
    if not {"_parameters", "_buffers", "_modules"} <= set(state):
        raise ValueError(f"the container must hold a network, but its {meta.get('class_name', stub)!r} has no weights")
    return state


def _weights(stub: Any, prefix: str, depth: int) -> Iterator[tuple[str, Tensor | Expanded]]:
    """Weights and buffers of a module and of those inside it, by name, as its `state_dict()` has them."""
    if depth > _DEEPEST:
        raise ValueError(f"the container nests more than {_DEEPEST} modules: not read")
    if is_persistent(stub):
        state = _attributes(stub, _meta(stub))
    elif isinstance(stub, Stub) and "_modules" in _dict(stub.state):  # torch's own, such as a ModuleList
        state = _dict(stub.state)
    else:
        raise ValueError(f"the container must hold a module as {prefix.rstrip('.')}, got {type(stub).__name__}")
    fleeting = state.get("_non_persistent_buffers_set") or ()
    for kept in ("_parameters", "_buffers"):
        for name, part in _dict(state.get(kept)).items():
            if isinstance(part, Tensor | Expanded) and not (kept == "_buffers" and name in fleeting):
                yield f"{prefix}{name}", part
    for name, part in _dict(state.get("_modules")).items():
        if part is not None:
            yield from _weights(part, f"{prefix}{name}.", depth + 1)


def _settings(stub: Stub) -> dict[str, Any]:
    """What classes of one name have different defaults for, from the attributes of a layer."""
    part: Any = stub
    for name in _FIRST_LAYER:
        part = _dict(_dict(_meta(part).get("state")).get("_modules")).get(name) if is_persistent(part) else None
    found = _dict(_meta(part).get("state")) if is_persistent(part) else {}
    return {name: found[name] for name in _SETTINGS if name in found}


def _dict(part: Any) -> Mapping[str, Any]:
    if isinstance(part, Stub):
        return part.items
    return part if isinstance(part, Mapping) else {}
