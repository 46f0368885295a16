"""What a rule of the bundled world is made from: things of its concepts, where they stand, what may take their place.

`World` holds a sample of pictures and finds the things in them through the segmenter. `as_targets` pastes each thing
that the rule wants (or what stands beside it) where its surroundings look most alike; `examples` says where the rule
holds. `benchmarks/rewrite_rules.py` solves for them and judges.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage
from torch.nn import functional as F

import ganwidgets as gw
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.keys import KeyStatistics, collect_keys
from ganwidgets.rewrite.target import Target, copy_object, paste_target

SEED = 201  # of the latents on which edits are made and chosen
BACKGROUND = ("sky", "cloud", "mountain", "grass")
LEAST, MOST_EXAMPLES, MOST_TARGETS = 18, 150, 60  # pixels of an instance; contexts; pasted objects


@dataclass(frozen=True)
class Rule:
    """A source, what it is to become (None: whatever is beside it), and whether objects stand on the same ground."""

    name: str
    source: str
    target: str | None


RULES = {
    "domes": Rule("domes", "dome", "spire"),
    "windows": Rule("windows", "lit window", "window"),
    "trees": Rule("trees", "tree", None),
}


@dataclass(frozen=True, eq=False)
class Instance:
    """One thing in one picture: its pixels, and the colours around it."""

    image: int
    mask: np.ndarray
    look: np.ndarray
    box: tuple[slice, slice]

    @property
    def n(self) -> int:
        return int(self.mask.sum())

    @property
    def foot(self) -> tuple[int, int]:
        """Row below it, column of its middle."""
        return self.box[0].stop, (self.box[1].start + self.box[1].stop) // 2


@dataclass(frozen=True, eq=False)
class World:
    """The network and the sample on which edits are made and chosen."""

    network: gw.models.Generator
    segmenter: gw.segment.Segmenter
    n: int
    statistics: dict[str, KeyStatistics] = field(default_factory=dict)

    @cached_property
    def z(self) -> torch.Tensor:
        return self.network.sample_z(self.n, seed=SEED)

    @cached_property
    def drawn(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images, and their segmentations."""
        images = torch.cat([self.network.images(z) for z in self.z.split(32)])
        return images, torch.cat([self.segmenter(part) for part in images.split(32)])

    def mask(self, concept: str) -> torch.Tensor:
        return (self.drawn[1] == self.segmenter.concepts.index(concept) + 1).any(1)

    def instances(self, concept: str, images: range) -> list[Instance]:
        """All things of a concept that are large enough, the largest first."""
        found, masks = [], self.mask(concept).numpy()
        for image in images:
            labels, count = ndimage.label(masks[image], np.ones((3, 3)))
            for number, box in enumerate(ndimage.find_objects(labels, count), 1):
                if (labels == number).sum() >= LEAST:
                    found.append(Instance(image, labels == number, self.look(image, box), box))
        return sorted(found, key=lambda thing: -thing.n)

    def look(self, image: int, box: tuple[slice, slice]) -> np.ndarray:
        """Colours left, right, above and below, and of the sky."""
        padded = F.pad(self.drawn[0][image][None], (8,) * 4, mode="replicate")[0].numpy()
        top, bottom, left, right = (8 + end for side in box for end in (side.start, side.stop))
        strips = [(top, bottom, left - 4, left - 1), (top, bottom, right + 1, right + 4)]
        strips += [(top - 5, top - 2, left, right), (bottom + 1, bottom + 4, left, right)]
        colours = [padded[:, a:b, c:d].mean((1, 2)) for a, b, c, d in strips]
        return np.stack([*colours, np.median(padded[:, 8:18], (1, 2))])

    def known(self, editable: EditableLayer) -> KeyStatistics:
        if editable.name not in self.statistics:
            self.statistics[editable.name] = collect_keys(editable, self.z[: self.n // 2], cache=False)
        return self.statistics[editable.name]


def shifted(mask: np.ndarray, down: int, right: int) -> np.ndarray:
    """The mask elsewhere in the picture; what leaves it is cut off."""
    moved = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + down, columns + right
    inside = (rows >= 0) & (rows < len(mask)) & (columns >= 0) & (columns < mask.shape[1])
    moved[rows[inside], columns[inside]] = True
    return moved


def pairs(world: World, rule: Rule, cell: int) -> list[tuple[Instance, np.ndarray, int, np.ndarray]]:
    """(source, where to paste, picture to copy from, what to copy) for the things that fit best, best first.

    Args:
        cell: size of a value of the layer [pixels]: things should lie alike on its grid.
    """
    half = range(world.n // 2)
    sources = world.instances(rule.source, half)
    if rule.target is None:
        return beside(world, sources)
    objects, found = world.instances(rule.target, half), []
    for thing in sources:
        costs = []
        for other in objects:
            step = np.array(thing.foot) - other.foot
            off = ((step + cell // 2) % cell - cell // 2) / cell
            costs.append(4 * np.square(thing.look - other.look).mean() + np.square(off).sum())
            costs[-1] += 1e9 * (other.image == thing.image)
        best = objects[int(np.argmin(costs))]
        copied = ndimage.binary_dilation(best.mask)
        pasted = shifted(copied, *(np.array(thing.foot) - best.foot))
        if pasted.sum() == copied.sum():
            found.append((min(costs), thing, pasted, best.image, copied))
    return [one[1:] for one in sorted(found, key=lambda one: one[0])]


def beside(world: World, sources: list[Instance]) -> list[tuple[Instance, np.ndarray, int, np.ndarray]]:
    """For each source the nearest place in the same rows of its picture that shows only background."""
    number = [1 + world.segmenter.concepts.index(name) for name in BACKGROUND]
    seg, found = world.drawn[1].numpy(), []
    for thing in sources:
        free = np.isin(seg[thing.image][0], number) & (seg[thing.image][1] == 0)
        pasted = ndimage.binary_dilation(thing.mask)
        for step in sorted(range(-50, 51), key=abs):
            copied = shifted(pasted, 0, step)
            if copied.sum() == pasted.sum() and free[copied].all():
                found.append((thing, pasted, thing.image, copied))
                break
    return found


def as_targets(world: World, rule: Rule, editable: EditableLayer) -> list[Target]:
    """The pasted objects of a rule, at one layer."""
    targets, z = [], world.z
    for thing, pasted, image, copied in pairs(world, rule, 64 // editable.value_size[0])[:MOST_TARGETS]:
        clip = copy_object(editable, z[image : image + 1], copied)
        targets.append(paste_target(editable, z[thing.image : thing.image + 1], clip, pasted))
    return targets


def examples(world: World, rule: Rule) -> list[Example]:
    """Where the source is, in many pictures."""
    mask = world.mask(rule.source)[: world.n // 2]
    has = (mask.flatten(1).sum(1) >= LEAST).nonzero()[:, 0].tolist()
    return [Example(image, mask[image].float()) for image in has[:MOST_EXAMPLES]]
