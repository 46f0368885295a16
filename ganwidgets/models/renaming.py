"""Weights under other names, none of which may be taken already: two weights of one name would silently become one."""

from collections.abc import Callable, Mapping

from torch import Tensor

from ganwidgets.models.inert_names import shown


def renamed(state: Mapping[str, Tensor], rename: Callable[[str], str]) -> dict[str, Tensor]:
    """All weights under the names that `rename` gives them.

    Raises:
        ValueError: two get the same name; says which.
    """
    found: dict[str, Tensor] = {}
    origin: dict[str, str] = {}
    for old, part in state.items():
        new = rename(old)
        if new in found:
            raise ValueError(
                f"the weights must have names of their own, but {shown(origin[new])} and {shown(old)} are both "
                f"{shown(new)}: take one of them out of the file"
            )
        found[new], origin[new] = part, old
    return found
