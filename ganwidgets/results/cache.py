"""Results kept by content: a question asked again, with the same weights and latents, is answered from a file."""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from platformdirs import user_cache_path

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


def content_path(folder: bool | str | Path, kind: str, about: Sequence[Any], suffix: str) -> Path:
    """Where a result is kept; the folder is made if it is missing.

    Args:
        folder: True for the user's cache folder, or a folder.
        kind: of result, the folder's name inside the user's cache folder.
        about: everything the result depends on, as plain values; it becomes the file's name.
        suffix: of the file, with the dot.
    """
    folder = user_cache_path("ganwidgets") / kind if folder is True else Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()}{suffix}"


def latents_name(latents: np.ndarray) -> str:
    """A name for latents by their content, so that sampler, seed and number are part of it."""
    return hashlib.sha256(latents.tobytes()).hexdigest()


def kept(path: Path | None, load: Callable[[Path], Result]) -> Result | None:
    """What is kept there; a damaged file counts as absent."""
    if path is None or not path.exists():
        return None
    try:
        return load(path)
    except ValueError as error:
        _log.warning("computed again: %s", error)
        return None
