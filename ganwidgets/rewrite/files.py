"""Edits in one file: safetensors with Λ and D as tensors and everything else as JSON in the metadata.

The file is complete in itself: it names the network by name and by the hash of its weights, and each edit brings its
layer, strength, place in the stack and its details. Those of a session hold the solver, rank, seed, size and truncation
of the sample, and the request with its masks as PNG. Another network is refused, as an edit means nothing there, unless
told otherwise: then it becomes one of that network, and its details say for which it was made. Nothing in a file is
run; it is as large as it says or it is not read.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save as to_safetensors
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.results.files import write_bytes
from ganwidgets.results.foreign import at_most, part, read_limited, short, tensors_and_json
from ganwidgets.results.rewrites import MOST_TEXT, LowRankEdit
from ganwidgets.rewrite.apply import check_fits
from ganwidgets.rewrite.stack import EditStack

FORMAT, VERSION = "ganwidgets rewrite", 1
MOST_BYTES = 256 * 2**20  # of a file
MOST_EDITS = 1000
_WHAT = "a saved rewrite"
_KEPT = ("layer", "weight", "kind", "strength", "name", "muted")
_TENSORS = ("update", "context")


def save(path: str | Path, edits: LowRankEdit | Iterable[LowRankEdit]) -> Path:
    """Write edits to one file, in order; an older file stays until the new one is whole.

    Args:
        path: of the file.
        edits: one, several or a stack, all made for one network.

    Raises:
        OSError: the file cannot be written.
        ValueError: no edit, or edits of several networks.
    """
    return write_bytes(Path(path), to_bytes(edits))


def load(path: str | Path, network: Generator, *, force: bool = False) -> EditStack:
    """Read edits that were saved, for the network they were made for.

    Args:
        path: of the file.
        network: to which they will be applied, without any edit.
        force: make them edits of this network, if layers and shapes fit; `details["made for"]` names theirs.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another network's, another kind of file, damaged, or too large.
    """
    return read_limited(path, MOST_BYTES, _WHAT, lambda content: from_bytes(content, network, force=force))


def to_bytes(edits: LowRankEdit | Iterable[LowRankEdit]) -> bytes:
    """What `save` writes.

    Raises:
        ValueError: no edit, edits of several networks, or details that are no plain values.
    """
    edits = (edits,) if isinstance(edits, LowRankEdit) else tuple(edits)
    networks = {(edit.network, edit.fingerprint) for edit in edits}
    if len(networks) != 1:
        raise ValueError(f"`edits` must be at least one, all for one network, got {len(edits)} for {len(networks)}")
    ((network, fingerprint),) = networks
    entries = [{name: getattr(edit, name) for name in _KEPT} | {"details": dict(edit.details)} for edit in edits]
    about = {"format": FORMAT, "version": VERSION, "network": network, "fingerprint": fingerprint, "edits": entries}
    try:
        text = json.dumps(about, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`details` of an edit must be plain values (text, numbers, lists, dicts): {error}") from error
    tensors = {f"{n}/{which}": getattr(edit, which) for n, edit in enumerate(edits) for which in _TENSORS}
    return to_safetensors({name: tensor.contiguous() for name, tensor in tensors.items()}, {"ganwidgets": text})


def from_bytes(content: bytes, network: Generator, *, force: bool = False) -> EditStack:
    """Edits of what `to_bytes` gave; see `load`.

    Raises:
        ValueError: another network's, another kind of file, damaged, or too large.
    """
    tensors, about = _parts(at_most(content, MOST_BYTES, _WHAT))
    made_for, fingerprint, entries = (about.get(key) for key in ("network", "fingerprint", "edits"))
    if not isinstance(made_for, str) or not isinstance(fingerprint, str) or not isinstance(entries, list):
        raise ValueError(f"{_WHAT} must have `network`, `fingerprint` and a list of `edits`, but this one lacks some")
    if not 1 <= len(entries) <= MOST_EDITS or len(tensors) != 2 * len(entries):
        raise ValueError(
            f"{_WHAT} must hold 1 to {MOST_EDITS} edits of two tensors each, got {len(entries)} and {len(tensors)}"
        )
    return EditStack(
        tuple(
            _edit(number, entry, tensors, (made_for[:MOST_TEXT], fingerprint), network, force)
            for number, entry in enumerate(entries)
        )
    )


def _parts(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors by name, and the JSON."""
    tensors, about = tensors_and_json(content, _WHAT)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"{_WHAT} must be as `save` wrote it, but this holds something else (weights, perhaps)")
    if about.get("version") != VERSION or isinstance(about["version"], bool):
        raise ValueError(f"{_WHAT} must be of format version {VERSION}, got {short(about.get('version'))}")
    return tensors, about


def _edit(
    number: int, entry: Any, tensors: dict[str, Tensor], made_for: tuple[str, str], network: Generator, force: bool
) -> LowRankEdit:
    try:
        edit = LowRankEdit(
            _text(entry, "layer"),
            _text(entry, "weight"),
            _text(entry, "kind"),
            *(_tensor(tensors, f"{number}/{which}") for which in _TENSORS),
            *made_for,
            part(entry, "strength", int | float),
            _text(entry, "name"),
            part(entry, "muted", bool),
            part(entry, "details", dict),
        )
        check_fits(edit, network, force=force)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"edit {number} of this file cannot be used: {error}") from error
    return edit if edit.fingerprint == network.weights_fingerprint else _taken_over(edit, network)


def _taken_over(edit: LowRankEdit, network: Generator) -> LowRankEdit:
    """An edit of another network as one of this, which remembers where it comes from."""
    origin = {"network": edit.network, "fingerprint": edit.fingerprint}
    details = {"made for": origin} | dict(edit.details)  # that of the first network stays
    return replace(edit, network=network.name, fingerprint=network.weights_fingerprint, details=details)


def _tensor(tensors: dict[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise ValueError(f"its tensor {name!r} is missing")
    return tensors[name]


def _text(entry: Any, name: str) -> str:
    text = part(entry, name, str)
    if len(text) > MOST_TEXT:
        raise ValueError(f"`{name}` must have at most {MOST_TEXT} letters, got {len(text)}")
    return text
