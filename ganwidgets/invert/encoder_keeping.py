"""Where a trained encoder stays: in a file, or in memory where no file can be written."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganwidgets.invert import encoder_files as files
from ganwidgets.invert.encoder_recipe import Recipe
from ganwidgets.invert.sample import edits_in_force, identity
from ganwidgets.models.generator import Generator

MOST = 4
"""Encoders that stay in memory."""

_log = logging.getLogger(__name__)
_memory: dict[tuple, Any] = {}


def path_of(network: Generator, kind: str, layer: str, recipe: Recipe, cache: bool | str | Path) -> Path | None:
    """Its file; None where there is to be none, no folder can be made, or edits of this thread are in force."""
    if not cache or edits_in_force(network):
        return None
    found: list[Path] = []
    written(lambda: found.append(files.path_for(network, kind, layer, recipe, cache)))
    return found[0] if found else None


def written(write: Callable[[], Any]) -> bool:
    """Whether something could be written; if not, that costs only the keeping."""
    try:
        write()
    except OSError as error:
        _log.warning("nothing is kept: %s", error)
        return False
    return True


def remember(encoder: Any, network: Generator, kind: str, layer: str, recipe: Recipe) -> None:
    """Keep it in memory, as one of the last few."""
    _memory[_key(network, kind, layer, recipe)] = encoder
    for old in [*_memory][:-MOST]:
        del _memory[old]


def remembered(network: Generator, kind: str, layer: str, recipe: Recipe) -> Any:
    """The encoder that is in memory, or None."""
    return _memory.get(_key(network, kind, layer, recipe))


def _key(network: Generator, kind: str, layer: str, recipe: Recipe) -> tuple:
    return (*identity(network), edits_in_force(network), kind, layer, recipe, str(network.device))
