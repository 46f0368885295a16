"""A painted photo in one file: photo, latent, residuals, adaptation and strokes, complete in itself.

It is a safetensors file with everything else as JSON in its metadata: the inversion's own parts, the strokes as
`paint.save` writes them, and, if the picture shown was a refined one, that picture. Another network is refused, as
neither latent nor units mean anything there, unless told otherwise. Nothing in a file is run or believed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from ganwidgets.models import Generator
from ganwidgets.paint import files
from ganwidgets.paint.photo_canvas import PhotoCanvas
from ganwidgets.paint.strokes import Stroke
from ganwidgets.results import inversion_files
from ganwidgets.results.files import write_bytes
from ganwidgets.results.foreign import at_most, part, read_limited, short, tensors_and_json
from ganwidgets.results.inversion import Inversion

FORMAT, VERSION = "ganwidgets painted photo", 1
MOST_BYTES = inversion_files.MOST_BYTES + files.MOST_BYTES
_WHAT = "a saved painted photo"
_OWN = "inversion/"  # what the inversion's parts begin with


@dataclass(frozen=True, eq=False)
class PaintedPhoto:
    """A photo with what was painted on it.

    Attributes:
        inversion: of the photo.
        strokes: the lowest first.
        refined: what the generator draws for exactly these strokes after a refinement, if there was one.
    """

    inversion: Inversion
    strokes: Sequence[Stroke] = ()
    refined: Tensor | None = None

    def picture(self, network: Generator) -> Tensor:
        """What it looks like, (rgb height width) in [-1, 1]."""
        from ganwidgets.paint.canvas import Scene

        canvas = PhotoCanvas(network, self.inversion)
        canvas.refine(self.strokes, self.refined)
        return canvas.draw(Scene(0, 0), self.strokes)[0]


def save_photo(
    path: str | Path, photo: PaintedPhoto | Inversion, network: Generator, strokes: Sequence[Stroke] = ()
) -> Path:
    """Write a painted photo to one file; an older file stays until the new one is whole.

    Args:
        path: of the file.
        photo: with its strokes, or an inversion.
        network: in which it was inverted.
        strokes: of an inversion.

    Raises:
        OSError: the file cannot be written.
        ValueError: it was inverted in another network.
    """
    photo = PaintedPhoto(photo, tuple(strokes)) if isinstance(photo, Inversion) else photo
    return write_bytes(Path(path), to_bytes(photo, network))


def load_photo(path: str | Path, network: Generator, *, force: bool = False) -> PaintedPhoto:
    """Read a painted photo that was saved, or an inversion, for the network it was painted with.

    Args:
        path: of the file.
        network: in which it will be painted on.
        force: take it as one of this network, if layers, units and shapes fit; it will look different.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another network's, another kind of file, damaged, or too large.
    """
    return read_limited(path, MOST_BYTES, _WHAT, lambda content: from_bytes(content, network, force=force))


def to_bytes(photo: PaintedPhoto, network: Generator) -> bytes:
    """What `save_photo` writes."""
    tensors, about = tensors_and_json(inversion_files.to_bytes(photo.inversion), _WHAT, "save_photo")
    parts = {f"{_OWN}{name}": _smaller(name, tensor) for name, tensor in tensors.items()}
    if photo.refined is not None:
        parts["refined"] = photo.refined.detach().float().cpu().contiguous()
    text = {
        "format": FORMAT,
        "version": VERSION,
        "photo_sha256": photo.inversion.photo_sha256,
        "inversion": about,
        "strokes": json.loads(files.to_json(photo.strokes, network)),
    }
    return to_safetensors(parts, {"ganwidgets": json.dumps(text, allow_nan=False)})


def inversion_of(content: bytes) -> Inversion:
    """The inversion in what `to_bytes` gave: it says in which network the photo is to be opened.

    Raises:
        ValueError: another kind of file, damaged, or too large.
    """
    tensors, about = tensors_and_json(at_most(content, MOST_BYTES, _WHAT), _WHAT, "save_photo")
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"{_WHAT} must be as `save_photo` wrote it, but this holds something else")
    return _inversion(tensors, part(about, "inversion", dict))


def from_bytes(content: bytes, network: Generator, *, force: bool = False) -> PaintedPhoto:
    """A painted photo of what `to_bytes` gave, or one without strokes of a saved inversion; see `load_photo`.

    Raises:
        ValueError: another network's, another kind of file, damaged, or too large.
    """
    tensors, about = tensors_and_json(at_most(content, MOST_BYTES, _WHAT), _WHAT, "save_photo")
    if isinstance(about, dict) and about.get("format") == inversion_files.FORMAT:
        photo = PaintedPhoto(_of_network(inversion_files.from_bytes(content), network, force))
        _check_fits(photo, network)
        return photo
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError(f"{_WHAT} must be as `save_photo` wrote it, but this holds something else")
    if about.get("version") != VERSION or isinstance(about["version"], bool):
        raise ValueError(f"{_WHAT} must be of format version {VERSION}, got {short(about.get('version'))}")
    inversion = _inversion(tensors, part(about, "inversion", dict))
    if about.get("photo_sha256") != inversion.photo_sha256:
        raise ValueError(f"{_WHAT} must be of one photo, but its two hashes differ: it was changed or damaged")
    inversion = _of_network(inversion, network, force)
    strokes = files.from_json(json.dumps(part(about, "strokes", dict)), network, force=force)
    photo = PaintedPhoto(inversion, tuple(strokes), _refined(tensors, inversion))
    _check_fits(photo, network)
    return photo


def _smaller(name: str, tensor: Tensor) -> Tensor:
    """Maps as halves, which are near enough for pictures: they are most of a file."""
    return tensor.half() if name.startswith("adaptation/scale/") else tensor


def _inversion(tensors: dict[str, Tensor], about: dict[str, Any]) -> Inversion:
    """The inversion in the file, checked as one that was saved alone."""
    own = {name.removeprefix(_OWN): tensor for name, tensor in tensors.items() if name.startswith(_OWN)}
    return inversion_files.from_bytes(to_safetensors(own, {"ganwidgets": json.dumps(about)}))


def _of_network(inversion: Inversion, network: Generator, force: bool) -> Inversion:
    if inversion.network_fingerprint == network.fingerprint:
        return inversion
    if not force:
        raise ValueError(
            f"this photo was inverted in {short(inversion.network_name)} (weights "
            f"{short(inversion.network_fingerprint[:8])}), not in {network.name!r} (weights "
            f"{network.fingerprint[:8]!r}), where its latent and its units mean something else; force=True "
            "uses it all the same"
        )
    return inversion.replaced(network_name=network.name, network_fingerprint=network.fingerprint)


def _refined(tensors: dict[str, Tensor], inversion: Inversion) -> Tensor | None:
    found = tensors.get("refined")
    if found is None:
        return None
    fits = found.shape == inversion.image.shape and found.is_floating_point() and bool(torch.isfinite(found).all())
    if not fits or float(found.abs().max()) > 1.05:
        raise ValueError("its tensor 'refined' must be a picture of the photo's size in [-1, 1]")
    return found.float()


def _check_fits(photo: PaintedPhoto, network: Generator) -> None:
    """Raise `ValueError` if the network cannot draw the photo: layers, weights or sizes it does not have."""
    if tuple(photo.inversion.image.shape) != tuple(network.image_shape):
        raise ValueError(
            f"its photo must be of the network's size {tuple(network.image_shape)}, got "
            f"{tuple(photo.inversion.image.shape)}"
        )
    try:
        canvas = PhotoCanvas(network, photo.inversion)
        for strokes in ((), photo.strokes):  # really drawn, whatever refined picture came along
            canvas.drawn(strokes)
    except (ValueError, TypeError, RuntimeError, KeyError) as error:
        raise ValueError(f"{network.name!r} cannot draw this photo: {short(str(error), 200)}") from error
