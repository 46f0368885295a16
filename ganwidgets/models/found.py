"""Which of the things in a checkpoint is the generator, and what else there is.

Trainers save what they like: a state dict, one inside another, G and D and optimisers beside each other, whole modules,
names with the prefix of a wrapper. `find_generator` goes from the outside inward, at each level into the part that is
most likely the generator (averaged weights before others, never a discriminator), and notes what it left and why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models import nvidia, roles
from ganwidgets.models.files import Content
from ganwidgets.models.inert import Stub
from ganwidgets.models.inert_names import shown
from ganwidgets.models.inert_trees import text_of
from ganwidgets.models.renaming import renamed
from ganwidgets.models.saved_modules import class_names, is_module, module_weights, whole_tensors
from ganwidgets.models.strangers import stranger

BESIDE = ("latent_avg",)
"""Weights that are saved beside the generator's, not among them."""

_DEEPEST, _LONGEST = 12, 1_000
_COUNTERS = {
    *("step", "steps", "epoch", "epochs", "iter", "iteration", "initted", "num_updates", "global_step", "decay"),
}
_TENSORFLOW = ("dnnlib.tflib.", "tfutil.", "dnnlib.tflib.network.")


@dataclass(frozen=True, eq=False)
class Found:
    """The network chosen in a file.

    Attributes:
        state: its weights by name, without wrappers' prefixes, float32 where they had another precision.
        config: what its file says about how it was made: {"class_name": "Generator", "kwargs": {…}} of NVIDIA's files,
            {"class_name": …, "classes": {path: name}} of whole modules, {"keras": model_config} of Keras'. Plain
            values that were saved beside the weights are its "options". {} if there is nothing.
        where: the keys that lead to it, e.g. "G_ema" or "checkpoint/state_dict"; "" if it is all there is.
        ignored: (what, why) of everything else.
        notes: what was done to the weights on the way.
    """

    state: dict[str, Tensor]
    config: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    ignored: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def find_generator(content: Any) -> Found:
    """The generator in a file, or in what was read from one.

    Raises:
        ValueError: no weights in it, only a discriminator's or an optimiser's, or several networks to choose from.
    """
    tree, notes = (content.tree, content.notes) if isinstance(content, Content) else (content, ())
    if isinstance(tree, Mapping) and set(tree) == {"model_config", "weights"}:
        config = {} if tree["model_config"] is None else {"keras": tree["model_config"]}
        _check_names(tree["weights"])
        state, made = _in_single(tree["weights"])
        return Found(state, config, notes=(*notes, *made))
    search = _Search()
    state, config = search.inward(tree)
    _check_names(state)
    state = search.without_prefixes(state) | search.beside
    if search.options:
        config = {**config, "options": search.options}
    state, made = _in_single(state)
    return Found(state, config, "/".join(search.path), tuple(search.ignored), (*notes, *made, *search.notes))


def _in_single(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The weights with float32 in place of other precisions, which latents do not have, and a note that says so.

    Raises:
        ValueError: numbers of a kind that torch cannot make float32.
    """
    other = {key for key, part in state.items() if part.is_floating_point() and part.dtype != torch.float32}
    kinds = sorted({str(state[key].dtype).removeprefix("torch.") for key in other})
    try:
        single = {key: part.float() if key in other else part for key, part in state.items()}
    except (RuntimeError, NotImplementedError) as error:
        raise ValueError(
            f"the weights must be numbers that torch can make float32, got {' and '.join(kinds)}: save them as float32"
        ) from error
    return single, (f"{' and '.join(kinds)} weights were made float32",) if kinds else ()


class _Search:
    """One way inward: where it has come to, and what it left."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.ignored: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.beside: dict[str, Tensor] = {}
        self.options: dict[str, Any] = {}
        self._holds: dict[int, bool] = {}

    def inward(self, node: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """(weights, config) of the generator somewhere in a part of a file."""
        _refuse_tensorflow(node)
        if _is_optimiser(node):
            raise ValueError(_nothing(node))
        for _ in range(_DEEPEST):
            parts = _parts(node)
            inner = {key: part for key, part in parts.items() if self._has_network(part)}
            if (found := _network(node, bool(inner))) is not None:
                for key in inner:
                    self._leave(key, "a network inside another's weights")
                return found
            self.beside |= {key: part for key in BESIDE if isinstance(part := parts.get(key), Tensor)}
            self._note_options(parts)
            if not inner:
                raise ValueError(_nothing(node))
            chosen = choose({key: _label(key, part) for key, part in inner.items()})
            self._leave_others(parts, inner, chosen)
            self.path.append(shown(chosen))
            node = parts[chosen]
        raise ValueError("the file must hold a state dict, but nests more than a dozen levels without coming to one")

    def without_prefixes(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights without what a wrapper put before each name, and without other networks' among them."""
        if state.pop("n_averaged", None) is not None:  # of torch.optim.swa_utils.AveragedModel
            self._leave("n_averaged", "a counter of averaged steps")
        state = self._without_counters(state)
        if any("._orig_mod." in key for key in state):
            state = renamed(state, lambda key: key.replace("._orig_mod.", "."))
        for _ in range(_DEEPEST):
            groups = list(dict.fromkeys(key.partition(".")[0] for key in state))
            if len(groups) == 1 and _is_wrapper(groups[0], state):
                self.notes.append(f"the prefix {groups[0]!r} was taken off every name")
                state = {key.partition(".")[2]: part for key, part in state.items()}
            elif left := _other_groups(groups, state):
                for group in left:
                    self._leave(f"{group}.…", _why(group, None))
                state = {key: part for key, part in state.items() if key.partition(".")[0] not in left}
            else:
                break
        return state

    def _without_counters(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights without single numbers beside them that count something, e.g. epochs."""
        counters = {
            key
            for key, part in state.items()
            if "." not in key and part.numel() == 1 and (key in _COUNTERS or not part.is_floating_point())
        }
        if not any("." in key for key in state):
            return state
        for key in counters:
            self._leave(key, "a number beside the weights")
        return {key: part for key, part in state.items() if key not in counters}

    def _has_network(self, node: Any, depth: int = 0) -> bool:
        if id(node) not in self._holds and depth < _DEEPEST:
            parts = {} if _is_optimiser(node) else _parts(node)
            direct = isinstance(node, Mapping) and any(isinstance(part, Tensor) for part in parts.values())
            inside = any(self._has_network(part, depth + 1) for part in parts.values())
            self._holds[id(node)] = direct or inside or _is_whole(node)
        return self._holds.get(id(node), False)

    def _note_options(self, parts: Mapping[Any, Any]) -> None:
        for key, part in parts.items():
            if isinstance(part, str | int | float | bool):
                self.options[text_of(key)] = part
            elif isinstance(part, Stub) and part.name == "argparse.Namespace" and isinstance(part.state, Mapping):
                plain = {text_of(k): v for k, v in part.state.items() if isinstance(v, str | int | float | bool)}
                self.options |= plain

    def _leave_others(self, parts: Mapping[Any, Any], inner: Mapping[Any, Any], chosen: Any) -> None:
        for key, part in parts.items():
            if key == chosen or key in BESIDE:
                continue
            if key in inner:
                self._leave(key, _why(_label(key, part), chosen))
            elif _is_optimiser(part):
                self._leave(key, roles.OPTIMISER)
            elif isinstance(part, Tensor):
                self._leave(key, "a tensor beside the networks")
            elif isinstance(part, Mapping) and not part and roles.role(key):
                self._leave(key, "empty")
            elif isinstance(part, list | tuple) and any(isinstance(piece, Tensor) for piece in part):
                self._leave(key, "tensors without names")

    def _leave(self, key: Any, why: str) -> None:
        self.ignored.append(("/".join([*self.path, shown(key)]), why))


def choose(parts: Mapping[Any, str]) -> Any:
    """Key of the part that is the generator, given what each part is called.

    Raises:
        ValueError: none is, or several may be.
    """
    kinds = {key: roles.role(label) for key, label in parts.items()}
    likely = [key for key, kind in kinds.items() if kind not in (roles.DISCRIMINATOR, roles.OPTIMISER, roles.OTHER)]
    if not likely and list(kinds.values()) == [roles.OTHER]:
        likely = list(kinds)
    for wanted in (roles.AVERAGED, roles.GENERATOR, roles.DECODER, roles.UNKNOWN):
        found = [key for key in likely if kinds[key] == wanted]
        if wanted == roles.UNKNOWN and len(found) > 1:
            found = [key for key in found if str(key).lower().startswith(("state_dict", "model", "params"))]
        if len(found) == 1:
            return found[0]
    if not likely:
        raise ValueError(
            f"the file must hold a generator, but holds {_listed(parts)}: this is the discriminator's file"
            if roles.DISCRIMINATOR in kinds.values()
            else f"the file must hold a generator, but holds {_listed(parts)}, none of which is one"
        )
    raise ValueError(
        f"the file holds several networks, {_listed(likely)}: load it with torch.load(..., weights_only=True) and pass "
        "the generator's state dict to `load`"
    )


def _listed(keys: Any) -> str:
    keys = [repr(shown(key)) for key in keys]
    return ", ".join(keys[:8]) + (", …" if len(keys) > 8 else "")


def _why(label: str, chosen: Any) -> str:
    kind = roles.role(label)
    if kind in (roles.DISCRIMINATOR, roles.OPTIMISER, roles.OTHER):
        return kind
    if chosen is not None and roles.role(chosen) == roles.AVERAGED:
        return f"not averaged, as {shown(chosen)!r} is"
    return "a network, but less likely the generator"


def _is_wrapper(group: str, state: Mapping[str, Tensor]) -> bool:
    """Whether the first part of all names says nothing about the network."""
    inside = [key.partition(".")[2] for key in state]
    if group.lower() in roles.HOLDERS:
        return all(inside) and not stranger(state) and not any(key.partition(".")[0].isdigit() for key in inside)
    return group.lower() in roles.WRAPPERS and all(inside)


def _other_groups(groups: list[str], state: Mapping[str, Tensor]) -> list[str]:
    """Of the first parts of all names, those of networks that are not the generator; [] if all are of one."""
    kinds = {group: roles.role(group) for group in groups}
    exact = {group: kind for group, kind in kinds.items() if group.lower() in _EXACT}
    others = [group for group, kind in exact.items() if kind in (roles.DISCRIMINATOR, roles.OTHER)]
    kept = [group for group in exact if group not in others]
    if not others and len(kept) < 2:
        rest = [group for group in groups if group not in kept and kinds[group] != roles.OTHER]
        wide = {key.partition(".")[0] for key, part in state.items() if part.ndim > 1}
        alone = set(kept) <= wide and not wide & set(rest) and any("." in key for key in state)
        return [group for group in groups if group not in kept] if kept and alone else []
    best = next((group for kind in _BEST for group in kept if kinds[group] == kind), None)
    return [group for group in groups if group != best] if best else others if len(others) < len(groups) else []


_BEST = (roles.AVERAGED, roles.GENERATOR, roles.DECODER)
_EXACT = {
    *("discriminator", "netd", "net_d", "d", "critic", "disc", "loss", "criterion", "lpips", "perceptual_loss"),
    *(roles.WRAPPERS - {"module", "_orig_mod"}),
}


# What lies in a part of a file


def _parts(node: Any) -> dict[Any, Any]:
    """Key → part of a container; {} if it is none, or a network that was saved whole."""
    if isinstance(node, Mapping):
        return {text_of(key): part for key, part in node.items()}
    if isinstance(node, Stub) and not _is_whole(node):
        inside = node.state if isinstance(node.state, Mapping) else {}
        return _parts(inside) | _parts(node.items)
    if isinstance(node, list | tuple):
        return {str(number): part for number, part in enumerate(node)}
    return {}


def _is_whole(node: Any) -> bool:
    return nvidia.is_persistent(node) or is_module(node)


def _is_optimiser(node: Any) -> bool:
    if isinstance(node, Stub):
        return node.name.startswith("torch.optim.")
    return isinstance(node, Mapping) and "param_groups" in node


def _label(key: Any, part: Any) -> str:
    """What a part is called: its key, or its class where the key is a number."""
    if not str(key).isdigit() or not _is_whole(part):
        return str(key)
    if nvidia.is_persistent(part) and part.args and isinstance(part.args[0], Mapping):
        return str(part.args[0].get("class_name", key))
    return part.name.rpartition(".")[2]


def _network(node: Any, has_inner: bool) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """(weights, config) if this part is a network itself."""
    if nvidia.is_persistent(node):
        name, kwargs, state = nvidia.unpack(node)
        return state, {"class_name": name, "kwargs": kwargs}
    if is_module(node):
        return module_weights(node), {"class_name": node.name, "classes": class_names(node)}
    if not isinstance(node, Mapping):
        return None
    tensors = {text_of(key): part for key, part in node.items() if isinstance(part, Tensor)}
    weighty = any(part.ndim > 1 for part in tensors.values()) or (not has_inner and set(tensors) - set(BESIDE))
    return (whole_tensors({text_of(key): part for key, part in node.items()}), {}) if weighty else None


def _check_names(state: Mapping[str, Any]) -> None:
    if any(len(key) > _LONGEST for key in state):
        raise ValueError(f"the file must hold tensors by name, but has names of more than {_LONGEST:,} letters")


def _refuse_tensorflow(node: Any) -> None:
    parts = node if isinstance(node, list | tuple) else [node]
    if any(isinstance(part, Stub) and part.name.startswith(_TENSORFLOW) for part in parts):
        raise ValueError(
            "the file must hold torch weights, but holds networks of NVIDIA's TensorFlow programs: convert it with "
            "legacy.py of stylegan2-ada-pytorch or stylegan3, and load the result"
        )


def _nothing(node: Any) -> str:
    """Why there is no network in a file."""
    parts = _parts(node)
    if _is_optimiser(node) or any(_is_optimiser(part) for part in parts.values()):
        return "the file must hold a generator, but holds the state of an optimiser only: load the file of the weights"
    if isinstance(node, Stub):
        return (
            f"the file must hold tensors by name (a state dict), but holds an object of {shown(node.name)} without any"
        )
    return "the file must hold a state dict, tensors by name, but none was found in it"
