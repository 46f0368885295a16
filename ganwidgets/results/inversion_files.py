"""An inversion in one file: safetensors with latent, maps and pictures as tensors, all else as JSON in the metadata.

Nothing in a file is run, and nothing is believed: it is as large as it says or it is not read, every tensor has the
shape that the photo and the others ask for, every text and number is of its kind.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from ganwidgets.results.adaptation import Adaptation
from ganwidgets.results.files import write_bytes
from ganwidgets.results.foreign import as_json, at_most, part, read_limited, short, tensors_and_json, usual_number
from ganwidgets.results.inversion import SPACES, STOPPED, Editability, Errors, Inversion, Verdict

FORMAT, VERSION = "ganwidgets inversion", 1
MOST_BYTES = 512 * 2**20  # of a file
MOST_RESIDUALS, MOST_TEXT, MOST_NOTES, MOST_STARTS = 64, 400, 50, 1024
ENDINGS = (".safetensors", ".inversion")
"""What such files are usually called. Only a damaged one is known by that."""

_MOST_HEADER = 10**8  # bytes, as safetensors itself allows
_WHAT = "a saved inversion"
_TENSORS = ("image", "latent", "reconstruction", "curve")
_TEXTS = ("space", "strategy", "layer", "stopped", "network_name", "network_fingerprint", "photo_sha256", "losses")
_NUMBERS = ("seed", "steps", "total_steps", "starts", "seconds")


def save(inversion: Inversion, path: str | Path) -> Path:
    """Write an inversion to one file; an older file stays until the new one is whole.

    Raises:
        OSError: the file cannot be written.
    """
    return write_bytes(Path(path), to_bytes(inversion))


def load(path: str | Path) -> Inversion:
    """Read an inversion that was saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, too large, or another kind of file.
    """
    return read_limited(path, MOST_BYTES, _WHAT, from_bytes)


def is_saved(path: str | Path, content: bytes | None = None) -> bool:
    """Whether a file is none of a photo, but one that holds tensors: its first bytes say so, whatever it is called.

    Args:
        path: of the file, or its name where the content is given.
        content: of the file; None reads its beginning, if there is one.
    """
    path = Path(path)
    if content is None and path.is_file():
        with path.open("rb") as file:
            content = file.read(9)
    head = content or b""
    return (head[8:9] == b"{" and _header_size(head) <= _MOST_HEADER) or path.suffix.lower() in ENDINGS


def format_of(content: bytes) -> str:
    """Which kind of file this says it is, such as `FORMAT`; "" if it says nothing. Only its header is looked at."""
    try:
        header = as_json(content[8 : 8 + min(_header_size(content), _MOST_HEADER)], _WHAT)
        return _format(as_json(header["__metadata__"]["ganwidgets"], _WHAT))
    except (ValueError, KeyError, TypeError):
        return ""


def _header_size(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _format(about: Any) -> str:
    found = about.get("format") if isinstance(about, dict) else None
    return found if isinstance(found, str) else ""


def to_bytes(inversion: Inversion) -> bytes:
    """What `save` writes."""
    tensors = {name: getattr(inversion, name) for name in _TENSORS}
    tensors |= {f"residual/{number}": maps for number, maps in enumerate(inversion.residuals.values())}
    if inversion.class_vector is not None:
        tensors["class_vector"] = inversion.class_vector
    about: dict[str, Any] = {"format": FORMAT, "version": VERSION, "residuals": list(inversion.residuals)}
    about |= {name: getattr(inversion, name) for name in (*_TEXTS, *_NUMBERS)} | {"notes": list(inversion.notes)}
    for name in ("errors", "verdict", "editability"):
        value = getattr(inversion, name)
        about[name] = None if value is None else vars(value)
    if inversion.adaptation is not None:
        about["adaptation"], own = inversion.adaptation.to_parts()
        tensors |= {f"adaptation/{name}": tensor for name, tensor in own.items()}
    plain = {name: tensor.detach().float().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return to_safetensors(plain, {"ganwidgets": json.dumps(about, allow_nan=False)})


def from_bytes(content: bytes) -> Inversion:
    """The inversion that `to_bytes` wrote.

    Raises:
        ValueError: damaged, too large, or another kind of file.
    """
    tensors, about = _parts(at_most(content, MOST_BYTES, _WHAT))
    try:
        return _inversion(tensors, about)
    except (TypeError, OverflowError, KeyError, RuntimeError) as error:
        raise ValueError(
            f"{_WHAT} must be as it was saved, but this one is damaged: {short(str(error), 200)}"
        ) from error


def _parts(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, about = tensors_and_json(content, _WHAT)
    if (found := _format(about)) != FORMAT:
        what = short(found) if found else "weights, perhaps"
        raise ValueError(f"{_WHAT} must be as `save` wrote it, but this holds something else ({what})")
    if about.get("version") != VERSION or isinstance(about["version"], bool):
        raise ValueError(f"{_WHAT} must be of format version {VERSION}, got {short(about.get('version'))}")
    return tensors, about


def _inversion(tensors: Mapping[str, Tensor], about: dict[str, Any]) -> Inversion:
    about = {"starts": 1, "losses": "usual"} | about  # which earlier files lack
    texts = {name: _text(about, name) for name in _TEXTS}
    for name, known in (("space", SPACES), ("stopped", STOPPED)):
        if texts[name] not in known:
            raise ValueError(f"`{name}` must be one of {known}, got {short(texts[name])}")
    image, adaptation = _picture(tensors, "image", None), None
    if about.get("adaptation") is not None:
        own = {name.split("/", 1)[1]: tensor for name, tensor in tensors.items() if name.startswith("adaptation/")}
        adaptation = Adaptation.from_parts(about["adaptation"], own)
        if adaptation.image.shape != image.shape:
            raise ValueError(
                f"the adaptation's image must be {tuple(image.shape)}, got {tuple(adaptation.image.shape)}"
            )
    latent = _tensor(tensors, "latent", 3 if texts["space"] == "ws" else None)
    if texts["space"] == "w" and latent.ndim != 2:
        raise ValueError(f"`latent` must be (1, style) in space 'w', got {tuple(latent.shape)}")
    if latent.ndim < 2 or len(latent) != 1:
        raise ValueError(f"`latent` must be a batch of one, got {tuple(latent.shape)}")
    curve = _tensor(tensors, "curve", 2)
    if curve.shape[1] != 3:
        raise ValueError(f"`curve` must have 3 columns, got {curve.shape[1]}")
    return Inversion(
        image=image,
        latent=latent,
        class_vector=_tensor(tensors, "class_vector", 1) if "class_vector" in tensors else None,
        residuals=_residuals(tensors, about),
        reconstruction=_picture(tensors, "reconstruction", image.shape),
        seed=_number(about, "seed", int),
        steps=_number(about, "steps", int),
        total_steps=_number(about, "total_steps", int),
        starts=_starts(about),
        seconds=float(_number(about, "seconds", int | float)),
        curve=curve,
        errors=Errors(**_fields(about["errors"], Errors)),
        adaptation=adaptation,
        verdict=None if about["verdict"] is None else Verdict(**_fields(about["verdict"], Verdict)),
        editability=Editability(**_fields(about["editability"], Editability)),
        notes=_notes(about),
        **texts,
    )


def _residuals(tensors: Mapping[str, Tensor], about: dict[str, Any]) -> dict[str, Tensor]:
    layers = part(about, "residuals", list)
    if len(layers) > MOST_RESIDUALS or len(set(map(str, layers))) != len(layers):
        raise ValueError(f"`residuals` must name up to {MOST_RESIDUALS} layers, each once, got {short(layers)}")
    if not all(isinstance(layer, str) and 0 < len(layer) <= MOST_TEXT for layer in layers):
        raise ValueError(f"`residuals` must name layers, got {short(layers)}")
    return {layer: _tensor(tensors, f"residual/{number}", None) for number, layer in enumerate(layers)}


def _fields(entry: Any, kind: type) -> dict[str, Any]:
    """The fields of a small dataclass of numbers; one that may be missing is None."""
    if not isinstance(entry, dict):
        raise ValueError(f"`{kind.__name__.lower()}` is missing, or of another kind: {short(entry)}")
    found = {}
    for own in fields(kind):
        value = entry.get(own.name)
        optional = kind is Editability and own.name.startswith("acts") and value is None
        found[own.name] = None if optional else _number(entry, own.name, int if own.type is int else int | float)
    return found


def _number(entry: Any, name: str, kind: Any) -> Any:
    return usual_number(part(entry, name, kind), name)


def _starts(about: dict[str, Any]) -> int:
    starts = _number(about, "starts", int)
    if not 1 <= starts <= MOST_STARTS:
        raise ValueError(f"`starts` must be from 1 to {MOST_STARTS}, got {starts}")
    return starts


def _text(about: dict[str, Any], name: str) -> str:
    text = part(about, name, str)
    if len(text) > MOST_TEXT:
        raise ValueError(f"`{name}` must have at most {MOST_TEXT} letters, got {len(text)}")
    return text


def _notes(about: dict[str, Any]) -> tuple[str, ...]:
    notes = part(about, "notes", list)
    if len(notes) > MOST_NOTES or not all(isinstance(note, str) for note in notes):
        raise ValueError(f"`notes` must be at most {MOST_NOTES} texts, got {short(notes)}")
    return tuple(note[:MOST_TEXT] for note in notes)


def _picture(tensors: Mapping[str, Tensor], name: str, shape: Any) -> Tensor:
    image = _tensor(tensors, name, 3)
    fits = image.shape[0] in (1, 3, 4) if shape is None else image.shape == shape
    if not fits or not image.numel() or float(image.abs().max()) > 1.05:
        raise ValueError(
            f"`{name}` must be a picture (1, 3 or 4 channels, height, width) in [-1, 1], of the photo's size"
        )
    return image


def _tensor(tensors: Mapping[str, Tensor], name: str, axes: int | None) -> Tensor:
    found = tensors.get(name)
    if found is None or not found.is_floating_point() or (axes is not None and found.ndim != axes):
        raise ValueError(f"its tensor {name!r} is missing, or of another kind")
    if not torch.isfinite(found).all():
        raise ValueError(f"its tensor {name!r} must be finite, got NaN or infinity")
    return found.float()
