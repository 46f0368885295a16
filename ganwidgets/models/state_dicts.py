"""Between a checkpoint and a network: find the generator's weights in what was saved, and give them to a network."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ganwidgets.models.found import find_generator

MOST_PIXELS = 4096
"""Side of the largest images a file may ask for: a few bytes of weights can claim a billion pixels."""


MOST_NUMBERS = 2**28
"""Numbers that one layer may give for one picture, 1 GiB: a few weights can claim many units on large maps."""


def check_room(network: str, layer: str, units: int, side: int) -> None:
    """Refuse a layer whose maps take more memory than anybody trains with.

    Raises:
        ValueError: it does; says how large the maps would be.
    """
    if units * side**2 > MOST_NUMBERS:
        raise ValueError(
            f"a {network} must have layers of at most {MOST_NUMBERS:,} numbers a picture, but {layer} would give "
            f"{units:,} maps of {side:,} × {side:,}"
        )


def generator_weights(content: Any) -> dict[str, Tensor]:
    """Tensors by name, float32 where they were half precision, without wrappers' prefixes.

    Raises:
        ValueError: no weights in it, only a discriminator's, or several networks to choose from; see `find_generator`.
    """
    return find_generator(content).state


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
