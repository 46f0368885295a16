"""One file for one result: safetensors with JSON in its metadata, written whole or not at all, never a pickle."""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from ganwidgets.results.checks import about_fits, layer_fits, thumbnails_fit
from ganwidgets.results.dissection import DEAD, OK, SATURATED, Dissection, LayerResult

FORMAT, VERSION = "ganwidgets dissection", 1
_STATUS = (OK, DEAD, SATURATED)
_TEXT = ("name", "shape", "pictures", "status")
_PLAIN = ("network", "fingerprint", "segmenter", "concepts", "categories", "slots")


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all; an older one stays until the new one is complete.

    Raises:
        OSError: no such folder, no permission, or the disk is full.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"`path` must be in an existing folder, but {str(path.parent)!r} is none")
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            reason = f"{path} was not written ({error.strerror or error}); an older file is as it was"
            raise OSError(error.errno, reason) from error
        raise
    return path


def write_parts(
    path: Path, kind: str, version: int, about: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> Path:
    """Write one result, whole or not at all.

    Args:
        path: of the file.
        kind: of the result, e.g. "ganwidgets dissection".
        version: of the format.
        about: everything that is JSON.
        tensors: everything that is not.

    Raises:
        OSError: no such folder, no permission, or the disk is full.
    """
    text = json.dumps({"format": kind, "version": version, **about}, default=float)  # numpy's numbers, too
    content = to_bytes({k: np.ascontiguousarray(v) for k, v in tensors.items()}, {"ganwidgets": text})
    return write_bytes(path, content)


def read_parts(
    path: Path, kind: str, version: int, noun: str, remedy: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `write_parts` wrote: (about, tensors), not yet checked any further.

    Args:
        path: of the file.
        kind: of result it must hold.
        version: of the format it must have.
        noun: what it must be, for the error, e.g. "a saved dissection".
        remedy: what to do about another version, e.g. "dissect again".

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, damaged, something else, or of another version.
    """
    if not path.is_file():
        raise FileNotFoundError(f"`path` must be {noun}, but there is no file {str(path)!r}")
    path.open("rb").close()  # a missing permission is said as such, not as a damaged file
    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("ganwidgets", "null"))
            ours = isinstance(about, dict) and about.get("format") == kind and about.get("version") == version
            tensors = {k: file.get_tensor(k) for k in file.keys()} if ours else {}  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise ValueError(f"`path` must be {noun}, but {path.name} is truncated or another format") from error
    if not isinstance(about, dict) or about.get("format") != kind:
        raise ValueError(f"`path` must be {noun}, but {path.name} holds something else (weights, perhaps)")
    if not ours:
        raise ValueError(
            f"`path` must be of format version {version}, but {path.name} has {about.get('version')!r}: "
            f"{remedy}, or use the version of ganwidgets that wrote it"
        )
    return about, tensors


def save(dissection: Dissection, path: Path) -> Path:
    """Write a dissection; see `Dissection.save`."""
    tensors = {f"thumbnails/{k}": v for k, v in dissection.thumbnails.items()}
    layers = []
    for number, (name, result) in enumerate(dissection.layers.items()):
        layers.append({"name": name, "shape": list(result.shape)})
        for part in fields(result):
            value = getattr(result, part.name)
            if part.name not in _TEXT and value is not None:
                tensors[f"{number}/{part.name}"] = value
        tensors |= {f"{number}/pictures/{k}": v for k, v in result.pictures.items()}
        tensors[f"{number}/status"] = np.array([_STATUS.index(s) for s in result.status], np.uint8)
    about = {
        "layers": layers,
        "options": dict(dissection.options),
        "n": dissection.n,
        "notes": list(dissection.notes),
        "label": dissection.label,
        "class_name": dissection.class_name,
    }
    about |= {name: getattr(dissection, name) for name in _PLAIN}
    return write_parts(path, FORMAT, VERSION, about, tensors)


def load(path: str | Path) -> Dissection:
    """Read a dissection that was saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, damaged, not a dissection, or of another version.
    """
    path = Path(path)
    about, tensors = read_parts(path, FORMAT, VERSION, "a saved dissection", "dissect again")
    try:
        return _dissection(about, tensors)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
        raise ValueError(f"`path` must be a saved dissection, but {path.name} {reason}") from error


def _dissection(about: dict[str, Any], tensors: dict[str, np.ndarray]) -> Dissection:
    about_fits(about)
    thumbnails = {k: tensors[f"thumbnails/{k}"] for k in ("index", "images", "segs")}
    thumbnails_fit(thumbnails, about)
    layers = {}
    for number, layer in enumerate(about["layers"]):
        own = {k.split("/", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{number}/")}
        layer_fits(own, layer, about, thumbnails["index"])
        pictures = {k.split("/", 1)[1]: own.pop(k) for k in list(own) if k.startswith("pictures/")}
        own["status"] = np.array([_STATUS[s] for s in own["status"]])
        own.setdefault("iqr", None)
        layers[layer["name"]] = LayerResult(name=layer["name"], shape=tuple(layer["shape"]), pictures=pictures, **own)
    texts = {name: about[name] if isinstance(about[name], str) else tuple(about[name]) for name in _PLAIN}
    return Dissection(
        n=about["n"],
        options=about["options"],
        layers=layers,
        thumbnails=thumbnails,
        notes=tuple(about["notes"]),
        label=about.get("label"),  # files of older versions do not have it
        class_name=about.get("class_name", ""),
        **texts,
    )
