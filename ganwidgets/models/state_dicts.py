"""Between a checkpoint and a network: find the generator's weights in what was saved, and give them to a network."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

MOST_PIXELS = 4096
"""Side of the largest images a file may ask for: a few bytes of weights can claim a billion pixels."""

_PREFIXES = ("module.", "_orig_mod.")
_AVERAGED = ("g_ema", "ema", "averag", "gs")  # averaged weights draw the better images
_GENERATOR = ("generator", "netg", "g_model", "g_state", "gen", "g")
_DISCRIMINATOR = ("discriminator", "netd", "d", "critic")
_BESIDE = ("latent_avg",)  # a weight that is saved beside the generator's, not among them
_OTHER = (*_DISCRIMINATOR[:2], "critic", "disc", "d_", "optim", "sched")


def generator_weights(content: Any) -> dict[str, Tensor]:
    """Tensors by name, float32 where they were half precision, without wrappers' prefixes.

    Looks one `state_dict` after the other inward, prefers averaged weights to others, and never takes a
    discriminator's.

    Raises:
        ValueError: no weights in it, only a discriminator's, or several networks to choose from.
    """
    beside: dict[str, Tensor] = {}
    for _ in range(4):
        if not isinstance(content, Mapping):
            break
        parts = {str(key): part for key, part in content.items() if _has_tensors(part)}
        if any(isinstance(part, Tensor) and key not in _BESIDE for key, part in content.items()) or not parts:
            break
        beside |= {key: content[key] for key in _BESIDE if isinstance(content.get(key), Tensor)}
        content = parts[_choose(parts)]
    tensors = content if isinstance(content, Mapping) else {}
    tensors = {str(key): part for key, part in tensors.items() if isinstance(part, Tensor)}
    if not tensors:
        raise ValueError("the file must hold a state dict, tensors by name, but none was found in it")
    tensors.pop("n_averaged", None)  # of torch.optim.swa_utils.AveragedModel
    trained_together = {key.partition(".")[0] for key in tensors}
    if any(top.lower() in _DISCRIMINATOR for top in trained_together):
        chosen = _choose(dict.fromkeys(trained_together))
        tensors = {key.partition(".")[2]: part for key, part in tensors.items() if key.partition(".")[0] == chosen}
    while any(all(key.startswith(prefix) for key in tensors) for prefix in _PREFIXES):
        tensors = {key.partition(".")[2]: part for key, part in tensors.items()}
    tensors |= beside
    half = (torch.float16, torch.bfloat16)
    return {key: part.float() if part.dtype in half else part for key, part in tensors.items()}


def _has_tensors(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    return (
        any(isinstance(inner, Tensor) or _has_tensors(inner) for inner in part.values()) and "param_groups" not in part
    )


def _choose(parts: dict[str, Any]) -> str:
    """Name of the part that is the generator."""
    likely = {key: key.lower() for key in parts if not key.lower().startswith(_OTHER) and key.lower() != "d"}
    if not likely:
        raise ValueError(
            f"the file must hold a generator, but holds {', '.join(map(repr, parts))}: this is the discriminator's file"
        )
    if len(likely) == 1:
        return next(iter(likely))
    for wanted in (_AVERAGED, _GENERATOR, ("state_dict", "model", "params")):
        found = [key for key, low in likely.items() if low.startswith(wanted)]
        if len(found) == 1:
            return found[0]
    raise ValueError(
        f"the file holds several networks, {', '.join(map(repr, likely))}: load it with torch.load(..., "
        "weights_only=True) and pass the generator's state dict to `load`"
    )


def with_weights(network: nn.Module, state: Mapping[str, Tensor]) -> Any:
    """The network with its weights taken from `state`, in eval mode and frozen.

    Raises:
        ValueError: weights missing, surplus or of the wrong shape; says which.
    """
    wanted = network.state_dict()
    missing, surplus = [key for key in wanted if key not in state], [key for key in state if key not in wanted]
    common = [(key, wanted[key], state[key]) for key in wanted if key in state]
    wrong = [key for key, a, b in common if a.shape != b.shape or a.is_floating_point() != b.is_floating_point()]
    if missing or surplus or wrong:
        key = (missing + wrong + surplus)[0]
        got = f"{tuple(state[key].shape)} {state[key].dtype}" if key in state else "nothing"
        need = f"{tuple(wanted[key].shape)} {wanted[key].dtype}" if key in wanted else "nothing"
        raise ValueError(
            f"a {type(network).__name__} of this size must have {need} as {key}, got {got} "
            f"({len(missing)} weights missing, {len(wrong)} of another shape, {len(surplus)} surplus)"
        )
    network.load_state_dict(dict(state), assign=True)
    return network.requires_grad_(False).eval()
