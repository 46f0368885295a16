"""A folder of photos, listed so that nothing in it can surprise later: `photo_folder`.

Every file is decoded once while listing. Those that cannot be read are left out and named with the reason, so that the
photos that remain keep their numbers; links that lead out of the folder are left out as well.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.photos import checked_options, declared_size, read_with_notes

SUFFIXES = frozenset((".jpg", ".jpeg", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"))
"""Endings of the files that are tried; what is in a file decides how it is read."""


@dataclass(frozen=True, eq=False)
class PhotoFolder:
    """Photos of one folder, read when they are asked for: `len`, `folder[i]`, iteration, or `images(numbers)`.

    Attributes:
        root: the folder.
        names: paths below it, sorted, with "/" also on Windows.
        skipped: (name, reason) of each file that could not be read.
        notes: what was said of files that could, such as several frames.
        size, fit, background: as for `read_photo`.
    """

    root: Path
    names: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    size: tuple[int, int] | None
    fit: str
    background: str

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: SupportsIndex) -> Float[Tensor, "rgb height width"]:
        path = self.root / self.names[index(number)]
        return read_with_notes(path, self.size, self.fit, background=self.background).image

    def __iter__(self) -> Iterator[Tensor]:
        return (self[number] for number in range(len(self)))

    def images(self, numbers: Sequence[int] | None = None) -> Float[Tensor, "photo rgb height width"]:
        """Photos as one batch: all of them, or those with these numbers.

        Raises:
            ValueError: there is none, a number that is no photo's, or no common `size` was given.
        """
        numbers = range(len(self)) if numbers is None else numbers
        if self.size is None:
            raise ValueError("`size` must be given to photo_folder to make one batch of photos of different sizes")
        if not len(numbers):
            raise ValueError(f"`numbers` must name a photo, got none of the {len(self)} in {self.root.name}")
        if wrong := [int(number) for number in numbers if not -len(self) <= number < len(self)]:
            raise ValueError(
                f"`numbers` must lie in 0 to {len(self) - 1}, as {self.root.name!r} has {len(self)} photos, got "
                f"{wrong[0]}; images() gives all"
            )
        return torch.stack([self[number] for number in numbers])

    def __repr__(self) -> str:
        left_out = f", {len(self.skipped)} skipped" if self.skipped else ""
        return f"PhotoFolder({self.root.name!r}, {len(self)} photos{left_out})"


def photo_folder(
    path: str | Path,
    size: int | Sequence[int] | None = None,
    fit: str = "crop",
    *,
    background: str = "white",
    limit: int | None = None,
    check: bool = True,
    progress: Callable[[float], None] | None = None,
) -> PhotoFolder:
    """The photos in a folder and the folders below it, without hidden ones.

    Args:
        path: the folder.
        size, fit, background: as for `read_photo`.
        limit: at most so many photos, the first by name.
        check: decode every file once to find damaged ones now (some milliseconds each). Without, only the beginning of
            each is looked at, and a file that is cut off raises when it is read.
        progress: `progress(fraction)` is called before every file; what it raises ends the listing.

    Raises:
        NotADirectoryError: no such folder.
        ValueError: an option that does not exist.
    """
    root = Path(path)
    if not root.is_dir():
        raise NotADirectoryError(f"`path` must be a folder of photos, but there is no folder {str(path)!r}")
    target = checked_options(size, fit, background)
    root, names, skipped, notes = root.resolve(), [], [], []
    files = _candidates(root)
    for i, file in enumerate(files):
        if progress is not None:
            progress(i / len(files))
        name = file.relative_to(root).as_posix()
        if limit is not None and len(names) >= limit:
            break
        try:
            if not file.resolve().is_relative_to(root):
                raise ValueError("is a link that leads out of the folder")
            declared_size(file)
            if check:
                notes += read_with_notes(file, target, fit, background=background).notes
        except (ValueError, TypeError, OSError, MemoryError) as error:
            skipped.append((name, str(error) or "needs more memory than there is"))
        else:
            names.append(name)
    return PhotoFolder(root, tuple(names), tuple(skipped), tuple(notes), target, fit, background)


def _candidates(root: Path) -> list[Path]:
    """Files that may be photos, by name; no hidden ones, and nothing below a link to a folder."""
    found = []
    for folder, below, names in os.walk(root, followlinks=False):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(file for file in found if file.suffix.lower() in SUFFIXES)
