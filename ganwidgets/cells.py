"""Panels of one notebook cell replace each other when the cell is run again.

The old panel would go on computing, unseen, and hold its tensors for as long as the kernel lives: notebooks keep
outputs in `Out` and `_`.
"""

import sys
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Closable(Protocol):
    """A panel, or what else can be put away."""

    def close(self) -> None: ...


_standing: dict[Any, tuple[Any, list[Closable]]] = {}  # place -> (run of the cell, panels made in that run)


def replace(made: Closable, key: str | None = None) -> None:
    """Close the panels that `made` replaces.

    Args:
        made: the new panel.
        key: those of one key replace each other; None: those that an earlier run of the running cell made. Outside a
            notebook nothing is replaced without a key.
    """
    place, run = (key, None) if key is not None else _cell()
    if place is None:
        return
    last_run, panels = _standing.get(place, (run, []))
    if key is not None or last_run != run:
        for old in panels:
            old.close()
        panels = []
    _standing[place] = (run, [*panels, made])


def _cell() -> tuple[Any, Any]:
    """(the notebook cell that is running, which run of it); (None, None) outside a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    parent = getattr(shell, "parent_header", None) or {}
    return (parent.get("metadata") or {}).get("cellId"), getattr(shell, "execution_count", None)
