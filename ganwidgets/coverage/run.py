"""A comparison under way: batches of data and of pictures in turn, a result at any moment, stop, merge and go on."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganwidgets.coverage.sources import OWN, SEGMENTER, Data, Pictures, fingerprint_of, sides
from ganwidgets.coverage.statistics import checked_settings, compare, real_number
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.models.layers import did_you_mean
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.results.cache import content_path
from ganwidgets.results.coverage import DATA, GENERATED, Coverage
from ganwidgets.segment.protocol import Segmenter

VERSION = 3
SETTINGS = ("fit", "batch", "level", "resamples", "permutations", "halves", "common")
"""Options that say how two sides are compared, and not which images they hold."""
LIGHT = {"resamples": 100, "permutations": 200, "halves": None}
"""What a result costs while the run goes on: rough intervals, no distance."""

CHANGED = "images of the data were changed while they were counted: this is of none of their states; count them again"


class CoverageRun:
    """Counts areas of both sides, a batch at a time.

    Args:
        network: the generator.
        data: a folder, a `photo_folder`, images, labelled images, or "scenes", the bundled world's held-out drawings.
        segmenter: names pixels; an object, or a name of `segment.load`.
        batch: images at a time.
        level: family-wise, of naming a concept.
        resamples, permutations, halves: see `statistics.compare`.
        common: whether concepts that only the segmenter or only the data's own labels have are left out, rather than
            refused.
        **options: of `sides`: n, seed, truncation, labels, fit.

    Attributes:
        data, pictures: the two sides, by number.
        done: images counted so far; `total` is how many there are to count.

    Raises:
        TypeError, ValueError: something that cannot be used; label sets that differ, by name.
    """

    def __init__(
        self,
        network: Generator,
        data: Any,
        segmenter: Segmenter | str,
        *,
        batch: int = 32,
        level: float = 0.05,
        resamples: int = 1000,
        permutations: int = 1000,
        halves: int | None = 200,
        common: bool = False,
        **options: Any,
    ) -> None:
        self._batch = whole_number("batch", batch, 1)
        self._settings = checked_settings(level, resamples, permutations, halves)
        options = _plain(options)
        self.data, self.pictures = sides(network, data, segmenter, **options)
        segmenter = self.pictures.segmenter
        self.concepts, self._columns = _matched(self.data, segmenter, common)
        usual = {"seed": 1, "truncation": None, "labels": SEGMENTER}
        self._options = usual | options | {"n": len(self.pictures), "batch": self._batch, "common": bool(common)}
        self._options |= {"fit": self.data.fit, **self._settings}
        pixels = self.data.shape[1] * self.data.shape[2]
        categories = dict(zip(segmenter.concepts, segmenter.categories, strict=True))
        self._categories = tuple(categories[name] for name in self.concepts)
        own = self.data.source if self.data.labels == OWN else segmenter
        slots = {DATA: own.slots, GENERATED: segmenter.slots}
        self.counts = {side: AreaCounts(len(self.concepts), len(names), pixels) for side, names in slots.items()}
        self._subject = ""

    def subject(self) -> str:
        """What a run is of, as a hash: two of the same count the same. It is of the data as they were at first."""
        if not self._subject:
            segmenter = self.pictures.segmenter
            told = [self.pictures.fingerprint(), self.data.fingerprint(), self._options, self.concepts]
            told += [segmenter.name, fingerprint_of(segmenter)]
            self._subject = hashlib.sha256(repr(told).encode()).hexdigest()
        return self._subject

    @property
    def changed(self) -> bool:
        """Whether images of the data were others when they were counted than when the run began."""
        return self.data.changed

    @property
    def total(self) -> int:
        """Images to count, of both sides."""
        return len(self.data) + len(self.pictures)

    @property
    def done(self) -> int:
        """Images counted so far."""
        return sum(len(counted) for counted in self.counts.values())

    @property
    def ready(self) -> bool:
        """Whether `result` has something to say: two images of each side."""
        return min(len(counted) for counted in self.counts.values()) > 1

    def steps(self, numbers: range | None = None) -> Iterator[int]:
        """Work on from where it stands; yields images counted after every batch.

        Args:
            numbers: only these images of either side, for a run that is split over machines; None takes all.

        Raises:
            ValueError: an image is not finite, or a segmentation cannot be used.
        """
        self.subject()  # before the first image is read, as somebody may change the folder meanwhile
        todo = {name: self._todo(name, len(side), numbers) for name, side in self._sides()}
        while any(todo.values()):
            # The side that is further behind goes next, so that what is known so far compares like with like.
            name, side = max(self._sides(), key=lambda each: len(todo[each[0]]) / len(each[1]))
            taken, todo[name] = todo[name][: self._batch], todo[name][self._batch :]
            _, seg = side.batch(taken)
            self.counts[name].add(self._columns[name][seg.long().cpu()], taken)
            yield self.done

    def result(self, *, light: bool = False) -> Coverage:
        """What has been seen so far.

        Args:
            light: rough intervals and no distance, for a picture while the run goes on.

        Raises:
            ValueError: fewer than two images of a side.
        """
        segmenter, network = self.pictures.segmenter, self.pictures.network
        if not light:
            self.data.check_unchanged()
        about = {
            "network": network.name,
            "fingerprint": network.fingerprint,
            "data": self.data.name,
            "data_fingerprint": self.data.fingerprint(),
            "segmenter": segmenter.name,
            "segmenter_fingerprint": fingerprint_of(segmenter),
            "labels": self.data.labels,
            "concepts": self.concepts,
            "categories": self._categories,
            "slots": tuple(segmenter.slots),
            "options": self._options,
            "complete": self.done == self.total,
            "notes": (*self.data.notes, *self._about_labels(), *([CHANGED] if self.changed else [])),
        }
        copies = {side: AreaCounts.from_state(counted.state()) for side, counted in self.counts.items()}
        settings = self._settings | (LIGHT if light else {})
        return compare(copies[DATA], copies[GENERATED], about, **settings)

    def state(self) -> dict[str, Tensor]:
        """All that was counted, and of what, as tensors for a file."""
        counted = {f"{side}.{key}": part for side, each in self.counts.items() for key, part in each.state().items()}
        return counted | {"subject": torch.tensor(list(bytes.fromhex(self.subject())), dtype=torch.uint8)}

    def merge(self, other: "Mapping[str, Tensor] | CoverageRun") -> "CoverageRun":
        """Take in what another run of the same thing, or its `state`, has counted of other images.

        Raises:
            ValueError: it is of something else, counted an image that this one has counted, or is damaged. Nothing is
                taken in then.
        """
        state = other.state() if isinstance(other, CoverageRun) else other
        subject = torch.tensor(list(bytes.fromhex(self.subject())), dtype=torch.uint8)
        theirs = state.get("subject")
        if not isinstance(theirs, Tensor) or not torch.equal(theirs.cpu(), subject):
            raise ValueError(
                "`other` must be a run of the same generator, data, segmenter and settings; start again, or repeat them"
            )
        merged = {}
        for side, source in self._sides():
            part = {key.removeprefix(f"{side}."): value for key, value in state.items() if key.startswith(f"{side}.")}
            counted, merged[side] = AreaCounts.from_state(part), AreaCounts.from_state(self.counts[side].state())
            if len(counted) and counted.numbers[-1] >= len(source):
                raise ValueError(
                    f"`other` must have counted images 0 to {len(source) - 1} of {side!r}, got {counted.numbers[-1]}; "
                    "it is damaged"
                )
            merged[side].merge(counted)
        self.counts.update(merged)
        return self

    def _todo(self, name: str, many: int, numbers: range | None) -> list[int]:
        wanted = range(many) if numbers is None else [i for i in numbers if 0 <= i < many]
        known = set(self.counts[name].numbers.tolist())
        return [i for i in wanted if i not in known]

    def cache_path(self, folder: bool | str | Path) -> Path | None:
        """Where this comparison is kept, or None when its content cannot be named."""
        segmenter = self.pictures.segmenter
        if not hasattr(segmenter, "fingerprint"):
            return None
        about = [VERSION, self.pictures.fingerprint(), self.data.fingerprint(), segmenter.fingerprint()]
        return content_path(folder, "coverage", [*about, list(self.concepts), self._options], ".gwc")

    def _sides(self) -> list[tuple[str, Data | Pictures]]:
        return [(DATA, self.data), (GENERATED, self.pictures)]

    def _about_labels(self) -> list[str]:
        if self.data.labels == OWN:
            return [
                f"the data's own labels are compared with what {self.pictures.segmenter.name!r} sees in the pictures: "
                "its mistakes count as differences"
            ]
        return []


def known_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, once each is known to be one: a run that starts later would fail where nobody looks.

    Raises:
        TypeError: another name.
    """
    for name in settings:
        if name not in SETTINGS:
            raise TypeError(f"`{name}` must be one of the settings {list(SETTINGS)}.{did_you_mean(name, SETTINGS)}")
    return dict(settings)


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options of `sides` as a file keeps them: numpy's numbers and texts as Python's own.

    Raises:
        TypeError, ValueError: a number that is none.
    """
    plain = {name: str(value) if isinstance(value, str) else value for name, value in options.items()}
    if "seed" in plain:
        plain["seed"] = whole_number("seed", plain["seed"], 0)
    if plain.get("truncation") is not None:
        plain["truncation"] = real_number("truncation", plain["truncation"])
    return plain


def _matched(data: Data, segmenter: Segmenter, common: bool) -> tuple[tuple[str, ...], dict[str, Tensor]]:
    """Concepts that are compared, and for each side the new number of every number in a segmentation."""
    ours, theirs = tuple(segmenter.concepts), data.concepts
    only = [name for name in theirs if name not in ours], [name for name in ours if name not in theirs]
    if (only[0] or only[1]) and not common:
        raise ValueError(
            f"`data` and `segmenter` must name the same concepts, but only the data have {_some(only[0])} and only the "
            f"segmenter has {_some(only[1])}; common=True compares those that both have"
        )
    shared = tuple(name for name in ours if name in theirs)
    if not shared:
        raise ValueError("`data` and `segmenter` must have a concept in common, got none")
    number = {name: i for i, name in enumerate(shared, 1)}

    def table(names: Sequence[str]) -> Tensor:
        return torch.tensor([0, *(number.get(name, 0) for name in names)])

    return shared, {DATA: table(theirs), GENERATED: table(ours)}


def _some(names: list[str], most: int = 8) -> str:
    if not names:
        return "none"
    return ", ".join(map(repr, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
