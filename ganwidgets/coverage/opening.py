"""What can be the data of a comparison, opened: a folder, images in memory, labelled images, or the bundled world."""

import hashlib
from pathlib import Path
from typing import Any

from torch import Tensor

from ganwidgets.nn.photo_folder import PhotoFolder, photo_folder
from ganwidgets.scenes.measure import HELD_OUT_SEED
from ganwidgets.segment.labelled import LabelledImages, check_labelled, is_labelled
from ganwidgets.segment.labelled_scenes import DrawnScenes

Source = PhotoFolder | Tensor | LabelledImages


def opened(source: Any, shape: tuple[int, int, int], n: int, fit: str, notes: list[str]) -> Source:
    """The data as something that has images by number.

    Args:
        source: what was given.
        shape: (channels, height, width) of the generator's images.
        n: how many are wanted.
        fit: how photos of a folder become that shape.
        notes: takes in what had to be left out.

    Raises:
        TypeError, ValueError: not images, or none of them.
    """
    if isinstance(source, str) and source == "scenes":
        return DrawnScenes(n, HELD_OUT_SEED)
    if isinstance(source, str | Path):
        source = photo_folder(source, shape[1:], fit)
    if isinstance(source, PhotoFolder):
        if source.size != tuple(shape[1:]):
            source = PhotoFolder(
                source.root,
                source.names,
                source.skipped,
                source.notes,
                tuple(shape[1:]),
                source.fit,
                source.background,
            )
        if not len(source):
            raise ValueError(
                f"`data` must hold photos, but {source.root.name!r} has none that can be read "
                f"({len(source.skipped)} left out)"
            )
        if source.skipped:
            notes.append(f"{len(source.skipped)} files of {source.root.name!r} could not be read and are left out")
        return source
    if isinstance(source, Tensor):
        if source.ndim != 4 or source.shape[1] not in (1, 3) or not len(source) or not source.is_floating_point():
            raise ValueError(
                "`data` must be float images (image, 1 or 3 channels, height, width) in [-1, 1], got "
                f"{source.dtype} {tuple(source.shape)}"
            )
        return source.detach().cpu()
    if is_labelled(source):
        check_labelled(source)
        return source
    raise TypeError(
        "`data` must be a folder, a photo_folder, images, labelled images or 'scenes', got " + type(source).__name__
    )


def name_of(source: Source) -> str:
    """What results call the data."""
    if isinstance(source, PhotoFolder):
        return source.root.name
    return "images" if isinstance(source, Tensor) else source.name


def of_file(path: Path) -> bytes:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).digest()


def content_of(source: Tensor | LabelledImages) -> str:
    """SHA-256 of images, as they are now."""
    if isinstance(source, Tensor):
        return hashlib.sha256(repr(tuple(source.shape)).encode() + source.contiguous().numpy().tobytes()).hexdigest()
    return source.fingerprint()
