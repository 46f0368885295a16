"""The Broden layout, as labelled images: what Network Dissection measures networks with.

A folder holds `index.csv` with a line per image: its path below `images/`, a split, its size and that of its masks, and
a cell for each category. A cell lists PNG files (label = R + 256 · G; several of them when a pixel carries several
labels, as an object has parts and these have parts), or whole numbers, which label the whole image, or is empty.
`label.csv` says what the numbers mean, `c_CATEGORY.csv` which of them belong to a category and how much they cover:
a label's own category is the one in which it covers most.

Source: Bau, Zhou, Khosla, Oliva, Torralba, "Network Dissection", CVPR 2017, and the format of its published data set.
"""

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganwidgets.models.layers import did_you_mean
from ganwidgets.segment.labelled import check_labelled
from ganwidgets.segment.masks import inside, on_size, read_image, read_mask

USUAL = ("object", "part", "scene", "material", "texture", "color")
"""Categories of the published data set, in the order in which they are told."""

MAX_COLUMNS, MAX_LABELS, MAX_NUMBERS = 64, 64, 2**28
"""Columns of a table, labels of one cell, and numbers of one segmentation (slots × height × width) that are read."""

_NOT_CATEGORIES = ("image", "split", "ih", "iw", "sh", "sw")
_SUFFIXES = {"scene": "-s", "color": "-c"}  # of names, so that no two labels share one


@dataclass(frozen=True)
class Row:
    """A line of `index.csv`: the photo, and by category its mask files and its labels of the whole image."""

    image: str
    split: str
    masks: dict[str, tuple[str, ...]]
    whole: dict[str, tuple[int, ...]]


class Broden:
    """A data set in the Broden layout.

    Args:
        root: the folder with index.csv; nothing outside it is read, links included.
        split: "train", "val", or None for all images, which is what published numbers are of.
        categories: the ones to read; None reads all.
        name: what results call the data; the folder's name by default.

    Attributes:
        splits: how many images each split has.

    Raises:
        FileNotFoundError: no such folder, or a file it must have is missing.
        ValueError: a file that does not say what it must, in one sentence.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        split: str | None = None,
        categories: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        self.root = Path(root)
        if not (self.root / "index.csv").is_file():
            raise FileNotFoundError(f"`root` must be a folder in the Broden layout, but {root!s} has no index.csv")
        self.name = name or self.root.resolve().name
        columns, lines = _table(self.root / "index.csv", ("image", "split", "ih", "iw", "sh", "sw"))
        found = [column for column in columns if column not in _NOT_CATEGORIES]
        read = self._read_categories(found, categories)
        rows = [_row(line, number, read) for number, line in enumerate(lines, 2)]
        self.splits = {part: sum(row.split == part for row in rows) for part in dict.fromkeys(r.split for r in rows)}
        self._rows = [row for row in rows if split in (None, row.split)]
        if not self._rows:
            raise ValueError(f"`split` must be one of {list(self.splits)}, or None for all, got {split!r}")
        self.image_shape = (3, *_one_size(lines, "ih", "iw"))
        self.seg_shape = _one_size(lines, "sh", "sw")
        self._read_labels(read, found)
        depth = {c: max(len(row.masks[c]) + len(row.whole[c]) for row in rows) for c in read}
        self._slots = [(category, level) for category in read for level in range(depth[category])]
        self.slots = tuple(
            f"{category} {level + 1}" if depth[category] > 1 else category for category, level in self._slots
        )
        if len(self.slots) * self.seg_shape[0] * self.seg_shape[1] > MAX_NUMBERS:
            raise ValueError(
                f"index.csv must ask for at most {MAX_NUMBERS:,} numbers an image, got {len(self.slots)} slots of "
                f"{self.seg_shape[1]} × {self.seg_shape[0]}; read fewer `categories`"
            )
        check_labelled(self)

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, numbers: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images in [-1, 1], and their segmentations.

        Raises:
            FileNotFoundError: a file that index.csv names is missing.
            ValueError: a damaged file, one of another size, or a label that label.csv does not have.
        """
        rows = [self._rows[int(number)] for number in numbers]
        return torch.cat([self._image(row) for row in rows]), torch.stack([self._seg(row) for row in rows])

    def fingerprint(self) -> str:
        """SHA-256 of the tables, and of name, size and time of the last change of every picture they name."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(repr((self.concepts, self.categories, self.slots, self._rows)).encode())
        digest.update(self._concept_by_label.astype("<i8").tobytes())
        for row in self._rows:
            for relative in (row.image, *(path for paths in row.masks.values() for path in paths)):
                about = self._path(relative).stat()
                digest.update(repr((relative, about.st_size, about.st_mtime_ns)).encode())
        return digest.hexdigest()

    # What is read of one image

    def _path(self, relative: str) -> Path:
        return inside(self.root / "images", relative)

    def _image(self, row: Row) -> Tensor:
        image = read_image(self._path(row.image))
        if tuple(image.shape) != self.image_shape:
            raise ValueError(_size_sentence(row.image, self.image_shape[1:], image.shape[1:]))
        return image[None]

    def _seg(self, row: Row) -> Tensor:
        kind = np.uint8 if len(self.concepts) < 256 else np.int32  # a label's number is below 65,536
        seg = np.zeros((len(self.slots), *self.seg_shape), kind)
        for slot, (category, level) in enumerate(self._slots):
            masks, whole = row.masks[category], row.whole[category]
            if level < len(masks):
                seg[slot] = self._mask(masks[level])
            elif level - len(masks) < len(whole):
                seg[slot] = self._concept_of(np.array(whole[level - len(masks)]), row.image)
        return on_size(seg, self.seg_shape, len(self.concepts))

    def _mask(self, relative: str) -> np.ndarray:
        numbers = read_mask(self._path(relative))
        if numbers.shape != self.seg_shape:
            raise ValueError(_size_sentence(relative, self.seg_shape, numbers.shape))
        return self._concept_of(numbers % 65536, relative)  # blue means nothing

    def _concept_of(self, numbers: np.ndarray, where: str) -> np.ndarray:
        known = numbers < len(self._concept_by_label)
        concepts = np.asarray(self._concept_by_label[np.where(known, numbers, 0)])
        if not known.all() or (concepts < 0).any():
            strange = int(numbers[~known | (concepts < 0)].flat[0])
            raise ValueError(f"{where!r} must hold labels of label.csv, got {strange}")
        return concepts

    # What the tables say

    def _read_categories(self, found: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
        usual = [category for category in USUAL if category in found]
        listed = usual + [category for category in found if category not in usual]
        if not listed:
            raise ValueError("index.csv must have a column for every category, but has none")
        if isinstance(wanted, str):
            raise TypeError(f"`categories` must be a list of names, got {wanted!r}")
        for category in wanted or ():
            if category not in listed:
                raise ValueError(
                    f"`categories` must be among {listed}, got {category!r}.{did_you_mean(category, listed)}"
                )
        return listed if wanted is None else list(wanted)

    def _read_labels(self, read: Sequence[str], every: Sequence[str]) -> None:
        """Concepts in the order of their labels' numbers, and which concept each label is."""
        _, lines = _table(self.root / "label.csv", ("number", "name", "category"))
        labels = {_number(line["number"], "label.csv", row): line for row, line in enumerate(lines, 2)}
        labels.pop(0, None)  # "-", nothing
        if not labels or min(labels) < 0 or max(labels) >= 65536:
            raise ValueError("label.csv must number its labels from 1 to 65535")
        coverage = self._coverage(every)  # also of categories not read: what a label is depends on all
        own = {number: self._category_of(number, line["category"], coverage) for number, line in labels.items()}
        kept = sorted(number for number in labels if own[number] in read)
        # −1: a label that does not exist; 0: nothing, or a label of a category that was not asked for.
        self._concept_by_label = np.full(max(labels) + 1, -1)
        self._concept_by_label[[0, *labels]] = 0
        self._concept_by_label[kept] = np.arange(1, len(kept) + 1)
        self.concepts = _names([(labels[number]["name"], own[number]) for number in kept])
        self.categories = tuple(own[number] for number in kept)

    def _coverage(self, categories: Sequence[str]) -> dict[int, dict[str, float]]:
        """How much each label covers in each category, as far as there are tables of it."""
        coverage: dict[int, dict[str, float]] = {}
        for category in categories:
            path = self.root / f"c_{category}.csv"
            if not re.fullmatch(r"[\w -]+", category) or not path.is_file():
                continue
            for row, line in enumerate(_table(path, ("number", "coverage"))[1], 2):
                try:
                    share = float(line["coverage"])
                except ValueError:
                    raise ValueError(f"{path.name} must give numbers as coverage, line {row} does not") from None
                coverage.setdefault(_number(line["number"], path.name, row), {})[category] = share
        return coverage

    @staticmethod
    def _category_of(number: int, told: str, coverage: dict[int, dict[str, float]]) -> str:
        """The category in which a label covers most; without tables the first that label.csv tells."""
        known = coverage.get(number)
        return max(known, key=known.__getitem__) if known else re.split(r"[(;]", told)[0].strip()


def _table(path: Path, needed: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent.name!r} must hold {path.name}, but does not")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            if len(columns) > MAX_COLUMNS:
                raise ValueError(f"{path.name} must have at most {MAX_COLUMNS} columns, got {len(columns):,}")
            lines = []
            for row, line in enumerate(reader, 2):
                if None in line or None in line.values():
                    raise ValueError(f"{path.name} must have {len(columns)} cells in every line, line {row} has not")
                lines.append(line)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} must be a table of text: {error}") from error
    missing = [name for name in needed if name not in columns]
    if missing or not lines:
        raise ValueError(f"{path.name} must have lines with {', '.join(needed)}, but has no {(missing or ['line'])[0]}")
    return columns, lines


def _row(line: dict[str, str], number: int, categories: Sequence[str]) -> Row:
    masks, whole = {}, {}
    for category in categories:
        entries = [entry.strip() for entry in line[category].split(";") if entry.strip()]
        if len(entries) > MAX_LABELS:
            raise ValueError(f"index.csv must have at most {MAX_LABELS} labels in a cell, line {number} has more")
        masks[category] = tuple(entry for entry in entries if not entry.lstrip("-").isdecimal())
        whole[category] = tuple(
            _number(entry, "index.csv", number) for entry in entries if entry.lstrip("-").isdecimal()
        )
    return Row(line["image"], line["split"], masks, whole)


def _number(text: str, where: str, row: int) -> int:
    if not re.fullmatch(r"\d{1,6}", text.strip()):
        raise ValueError(f"{where} must hold whole numbers from 0 on, line {row} has {text[:40]!r}")
    return int(text)


def _one_size(lines: Sequence[dict[str, str]], *sides: str) -> tuple[int, int]:
    sizes = {tuple(_number(line[side], "index.csv", row) for side in sides) for row, line in enumerate(lines, 2)}
    if len(sizes) > 1 or not all(1 <= side <= 4096 for side in next(iter(sizes))):
        raise ValueError(
            f"index.csv must give one size, of 1 to 4096 pixels a side, in {' and '.join(sides)}, got "
            f"{sorted(sizes)[:3]}"
        )
    return next(iter(sizes))


def _names(labels: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Names without the suffix of their category where that leaves every name once."""
    given = [name for name, _ in labels]
    short = [name.removesuffix(_SUFFIXES.get(category, "")) or name for name, category in labels]
    return tuple(
        s if short.count(s) == 1 and (s == g or s not in given) else g for s, g in zip(short, given, strict=True)
    )


def _size_sentence(name: str, wanted: Sequence[int], found: Sequence[int]) -> str:
    return f"{name!r} must be {wanted[1]} × {wanted[0]} pixels, as index.csv says, got {found[1]} × {found[0]}"
