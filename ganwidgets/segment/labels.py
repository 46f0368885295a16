"""Names of what networks were trained to see, as data: `label_set("ade20k-150")`.

Each file in `label_sets/` says where its names come from. `categories_of` finds the category of names that a model
brings along without one (a transformers config has names and nothing else).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ganwidgets.models.layers import did_you_mean

FOLDER = Path(__file__).parent / "label_sets"

NOTHING = (
    "background",
    "__background__",
    "unlabeled",
    "unlabelled",
    "unlabelled pixel",
    "void",
    "nothing",
    "no-object",
)
"""Class names that stand for nothing recognised: number 0 of a segmentation."""

UNKNOWN = "concept"
"""Category of a name that no label set knows."""


@dataclass(frozen=True)
class LabelSet:
    """The classes of one data set, in the order of a network's outputs.

    Attributes:
        name: what `label_set` calls it.
        names: of the classes; the first synonym where there are several.
        categories: "object", "part", "stuff", or "nothing" for a background class; one each.
        synonyms: all names of each class.
        source: where this list was taken from.
        licence: of that source.
    """

    name: str
    names: tuple[str, ...]
    categories: tuple[str, ...]
    synonyms: tuple[tuple[str, ...], ...]
    source: str
    licence: str

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{self.categories.count(kind)} {kind}" for kind in dict.fromkeys(self.categories))
        return f"LabelSet({self.name!r}, {len(self)} classes: {kinds})"


def label_sets() -> tuple[str, ...]:
    """Names that `label_set` understands."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@cache
def label_set(name: str) -> LabelSet:
    """The classes of a data set by its name.

    Raises:
        ValueError: no label set has this name.
    """
    if name not in label_sets():
        near = did_you_mean(name, label_sets())
        raise ValueError(f"`name` must be one of {list(label_sets())}, got {name!r}.{near}")
    content = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    synonyms = tuple(tuple(entry[0].split("; ")) for entry in content["classes"])
    return LabelSet(
        name,
        tuple(names[0] for names in synonyms),
        tuple(entry[1] for entry in content["classes"]),
        synonyms,
        content["source"],
        content["licence"],
    )


def categories_of(names: Sequence[str]) -> tuple[str, ...]:
    """A category for each name: that of the label set which knows most of them, "concept" for the others.

    A set must know at least half of the names; otherwise all are "concept", because a few common names ("person",
    "car") say little about where the others come from.
    """
    wanted = [_plain(name) for name in names]
    best = max((_known(one) for one in label_sets()), key=lambda known: sum(name in known for name in wanted))
    if 2 * sum(name in best for name in wanted) < len(wanted):
        return (UNKNOWN,) * len(names)
    return tuple(best.get(name, UNKNOWN) for name in wanted)


@cache
def _known(name: str) -> dict[str, str]:
    """Category of each name and synonym of a set; the first class that claims a name has it."""
    found, labels = {}, label_set(name)
    for main, category in zip(labels.names, labels.categories, strict=True):
        found.setdefault(_plain(main), category)
    for synonyms, category in zip(labels.synonyms, labels.categories, strict=True):
        for other in synonyms:
            found.setdefault(_plain(other), category)
    return found


def _plain(name: str) -> str:
    """A name without what lists of the same classes differ in: case, dashes, further synonyms."""
    return " ".join(name.split(";")[0].split(",")[0].replace("-", " ").replace("_", " ").lower().split())


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names, no two alike: of those given more than once, each carries its number, as in "screen (131)"."""
    names = list(names)
    while len(set(names)) < len(names):
        times = Counter(names)
        names = [f"{name} ({number})" if times[name] > 1 else name for number, name in enumerate(names)]
    return tuple(names)
