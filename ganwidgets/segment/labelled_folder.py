"""A folder of photos beside a folder of masks, as labelled images."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganwidgets.nn.photo_folder import SUFFIXES
from ganwidgets.segment.labelled import check_labelled
from ganwidgets.segment.masks import inside, on_size, read_image, read_mask, resized, size_pair

IGNORED = 255
"""The number that masks of many data sets give to borders and to what nobody labelled."""


class LabelledFolder:
    """Photos and a mask for each, found by equal file names (`a.jpg` and `a.png`).

    Pixels of a mask hold numbers: grey values, palette indices, or R + 256 · G of a colour image. Everything is
    squashed to one size.

    Args:
        root: the folder; nothing outside it is read, links included.
        concepts: names of the numbers 1, 2, …; or {number: name}, where numbers without a name count as nothing.
        images: folder of the photos, inside `root`.
        masks: folder of the masks, inside `root`; may be the same one where there is a `suffix`.
        suffix: what a mask's name has more than its photo's, e.g. "_mask" for `bird.png` and `bird_mask.png`.
        size: of images and masks, a side or (height, width); None takes the first photo's.
        categories: group of each concept; all "object" by default.
        name: what results call the data; the folder's name by default.

    Raises:
        FileNotFoundError: no such folder, or a photo without a mask.
        ValueError: a path that leads out of the folder, names that do not fit, or two files of one name.
    """

    slots = ("object",)

    def __init__(
        self,
        root: str | Path,
        concepts: Sequence[str] | Mapping[int, str],
        *,
        images: str = "images",
        masks: str = "masks",
        suffix: str = "",
        size: int | tuple[int, int] | None = None,
        categories: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        self.root = Path(root)
        if isinstance(concepts, str):
            raise TypeError(f"`concepts` must be a list of names or {{number: name}}, got {concepts!r}")
        listed = {} if isinstance(concepts, Mapping) else dict(enumerate(concepts, 1))
        self._number_of = dict(concepts) if isinstance(concepts, Mapping) else listed
        self._strict = bool(listed)
        self.concepts = tuple(self._number_of.values())
        self.categories = ("object",) * len(self.concepts) if categories is None else tuple(categories)
        self.name = name or self.root.resolve().name
        self._pairs = self._found(images, masks, suffix)
        shape = read_image(self._pairs[0][0]).shape[1:] if size is None else size
        self.image_shape = (3, *size_pair("size", shape))
        check_labelled(self)

    def __len__(self) -> int:
        return len(self._pairs)

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations.

        Raises:
            ValueError: a damaged file, a mask of another shape than its photo, or a number without a name.
        """
        pairs = [self._pair(*self._pairs[number]) for number in numbers]
        return torch.cat([image for image, _ in pairs]), torch.stack([seg for _, seg in pairs])

    def fingerprint(self) -> str:
        """SHA-256 of all files and names."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr((self._number_of, self.categories, self.image_shape)).encode())
        for pair in self._pairs:
            for path in pair:
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def _found(self, images: str, masks: str, suffix: str) -> list[tuple[Path, Path]]:
        photos, labels = (_pictures_in(self._folder(part)) for part in (images, masks))
        if suffix:
            photos = [path for path in photos if not path.stem.endswith(suffix)]
            labels = [path for path in labels if path.stem.endswith(suffix)]
        elif self._folder(images) == self._folder(masks):
            raise ValueError(
                "`suffix` must tell masks from photos that lie in the same folder, e.g. '_mask' for bird_mask.png"
            )
        _check_once("images", photos)
        _check_once("masks", labels)
        by_stem = {path.stem: path for path in labels}
        lonely = [path.name for path in photos if path.stem + suffix not in by_stem]
        if lonely:
            raise FileNotFoundError(
                f"`masks` must hold a mask for every photo, but {len(lonely)} have none, {lonely[0]!r} first: "
                f"it should be called {Path(lonely[0]).stem + suffix}.png"
            )
        if not photos:
            raise FileNotFoundError(f"`images` must hold photos, but {images!r} holds masks only")
        root = self.root.resolve()
        pairs = [(path, by_stem[path.stem + suffix]) for path in photos]
        return [tuple(inside(self.root, str(path.relative_to(root))) for path in pair) for pair in pairs]

    def _folder(self, part: str) -> Path:
        folder, root = (self.root / part).resolve(), self.root.resolve()
        if not folder.is_relative_to(root):
            raise ValueError(f"paths must stay inside {self.root.name!r}, but {part!r} leads out of it")
        return folder

    def _pair(self, photo: Path, mask: Path) -> tuple[Tensor, Tensor]:
        size = self.image_shape[1:]
        image, numbers = read_image(photo), read_mask(mask)
        if tuple(image.shape[1:]) != numbers.shape:
            raise ValueError(
                f"{mask.name!r} must be as large as its photo, {image.shape[2]} × {image.shape[1]}, got "
                f"{numbers.shape[1]} × {numbers.shape[0]}"
            )
        seg = on_size(self._as_concepts(numbers, mask)[None], size, len(self.concepts))
        return resized(image[None], size), seg

    def _as_concepts(self, numbers: np.ndarray, mask: Path) -> np.ndarray:
        seg = np.zeros_like(numbers)
        for concept, number in enumerate(self._number_of, 1):
            seg[numbers == number] = concept
        if self._strict:
            strange = np.setdiff1d(numbers, [0, IGNORED, *self._number_of])
            if len(strange):
                raise ValueError(
                    f"{mask.name!r} must hold numbers from 0 to {len(self.concepts)} ({IGNORED} is left out), got "
                    f"{int(strange[0])}; name it, or give `concepts` as {{number: name}} to leave others out"
                )
        return seg


def _check_once(part: str, files: Sequence[Path]) -> None:
    """Refuse a.jpg beside a.png: which of them belongs to the other folder's a.png is not known."""
    by_stem: dict[str, list[str]] = {}
    for path in files:
        by_stem.setdefault(path.stem, []).append(path.name)
    if twice := [names for names in by_stem.values() if len(names) > 1]:
        more = f" (and {len(twice) - 1} more names)" if len(twice) > 1 else ""
        raise ValueError(
            f"`{part}` must hold one file of each name, got {' and '.join(map(repr, twice[0]))}{more}; keep one of them"
        )


def _pictures_in(folder: Path) -> list[Path]:
    """Picture files of a folder, in the order of their names; hidden ones are left out."""
    if not folder.is_dir():
        raise FileNotFoundError(f"`root` must hold the folders of photos and masks, but there is no {folder.name!r}")
    found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file()]
    if not found:
        raise FileNotFoundError(f"`root` must hold photos and masks, but there is no picture in {folder.name!r}")
    return sorted(found)
