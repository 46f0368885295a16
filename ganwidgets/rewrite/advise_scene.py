"""The pictures by which trials of an edit are judged: those that were marked, and others nobody marked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.models.protocol import State
from ganwidgets.nn.regions import resize
from ganwidgets.rewrite.context import METHODS
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.examples import Example
from ganwidgets.rewrite.report import VISIBLE
from ganwidgets.rewrite.solve import NORMS, OBJECTIVES, SMOOTHNESS
from ganwidgets.rewrite.target import bounding_box
from ganwidgets.segment import Segmenter, validate_segmentation

OTHERS_SEED = 987_654_321  # of the pictures that show the side effect; a seed nobody types
BATCH = 16  # pictures


@dataclass(frozen=True, eq=False)
class Wish:
    """What is asked for: an object, where it goes, what the context is computed from, what must stay."""

    object: Example
    paste: tuple[Example, ...]
    examples: tuple[Example, ...] = ()
    preserve: tuple[Example, ...] = ()

    @property
    def context(self) -> tuple[Example, ...]:
        """The places from which the context is computed."""
        return self.examples or self.paste


@dataclass(frozen=True)
class Asked:
    """How each edit is solved for; see `solve` and `context_directions`."""

    smoothness: float | int = SMOOTHNESS
    norm: str = "l2"
    objective: str = "window"
    method: str = "zca"
    damping: float | int = 0.0

    def __post_init__(self) -> None:
        for name, known in (("norm", NORMS), ("objective", OBJECTIVES), ("method", METHODS)):
            if getattr(self, name) not in known:
                raise ValueError(f"`{name}` must be one of {list(known)}, got {getattr(self, name)!r}")


@dataclass(frozen=True, eq=False)
class Scene:
    """The pictures that are looked at, without an edit, and what the pasted places should look like.

    Attributes:
        network: the generator.
        segmenter: names the pixels; None leaves names out.
        pasted: pictures into which the object is pasted.
        wanted: the same with the object's pixels in place.
        area: share of each pixel that is the object.
        names: of the pixels of `wanted`, if there is a segmenter.
        others: latents of pictures nobody marked.
        images, segs: those pictures and the names of their pixels.
        named_before: share of the pasted pixels that have the object's names.
    """

    network: Generator
    segmenter: Segmenter | None
    pasted: Float[Tensor, "place rgb height width"]
    wanted: Float[Tensor, "place rgb height width"]
    area: Float[Tensor, "place height width"]
    names: Tensor | None
    others: Float[Tensor, "image *latent"]
    images: Float[Tensor, "image rgb height width"]
    segs: Tensor | None
    named_before: float = np.nan

    @classmethod
    @torch.no_grad()
    def of(
        cls,
        network: Generator,
        z: Tensor,
        wish: Wish,
        segmenter: Segmenter | None,
        n_others: int,
        truncation: float | None = None,
    ) -> "Scene":
        """What is there before anything is tried."""
        size = tuple(network.image_shape[1:])
        picture = network.images(latent_of(wish.object, z))
        region = resize(wish.object.region, size).to(picture)
        top, left, bottom, right = box = bounding_box(region)
        there = (slice(top, bottom), slice(left, right))
        pasted = torch.cat([network.images(latent_of(place, z)) for place in wish.paste])
        wanted, area = pasted.clone(), pasted.new_zeros(len(pasted), *size)
        seg = names = None
        if segmenter is not None:
            seg, source = _named(segmenter, pasted), _named(segmenter, picture)[0]
            names = seg.clone()
        for number, place in enumerate(wish.paste):
            here = _placed(box, bounding_box(resize(place.region, size)), size)
            area[number][here] = region[there]
            wanted[number][:, *here] += region[there] * (picture[0][:, *there] - pasted[number][:, *here])
            if names is not None:
                old = names[number][:, *here].clone()
                names[number][:, *here] = torch.where(region[there] >= 0.5, source[:, *there], old)
        others = network.sample_z(n_others, OTHERS_SEED, truncation)
        images = torch.cat([network.images(part) for part in others.split(BATCH)])
        segs = None if segmenter is None else _named(segmenter, images)
        found = cls(network, segmenter, pasted, wanted, area, names, others, images, segs)
        return found if seg is None else replace(found, named_before=found._named_as_wanted(seg))

    @torch.no_grad()
    def measure(
        self, editable: EditableLayer, pasted: Sequence[State], others: Sequence[State], weight: Tensor
    ) -> dict[str, float]:
        """Effect where the object was pasted, and side effects, with another weight of a layer."""
        after = torch.cat([_drawn(editable, state, weight) for state in pasted])
        left, all_of_it = (((images - self.wanted).abs().mean(1) * self.area).sum() for images in (after, self.pasted))
        quiet = torch.cat([_drawn(editable, state, weight) for state in others])
        moved, outside = (quiet - self.images).abs(), self.area == 0
        found = {
            "effect": 1 - float(left / all_of_it) if all_of_it else 0.0,
            "around": _share((after - self.pasted).abs().amax(1) > VISIBLE, outside),
            "elsewhere": float((moved.amax(1) > VISIBLE).float().mean()),
            "drift": 127.5 * float(moved.mean()),
        }
        if self.segmenter is not None:
            seg = _named(self.segmenter, quiet)
            found["named"] = self._named_as_wanted(_named(self.segmenter, after))
            found["renamed"] = float((seg != self.segs).any(1).float().mean())
        return found

    def _named_as_wanted(self, seg: Tensor) -> float:
        return _share((seg == self.names).all(1), self.area >= 0.5)


def latent_of(place: Example, z: Tensor) -> Tensor:
    """The latent of a marked picture, as a batch of one. Raises `ValueError` if the sample does not hold it."""
    if place.image >= len(z):
        raise ValueError(
            f"a marked place is of picture {place.image}, but the sample `z` holds {len(z)}: draw a larger one, e.g. "
            f"sample_z({place.image + 1})"
        )
    return z[place.image : place.image + 1]


def _placed(box: tuple[int, ...], painted: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """Where the object's box goes so that its middle is that of the painted box, and all of it in the picture."""
    place = []
    for axis in (0, 1):
        length, middle = box[axis + 2] - box[axis], (painted[axis] + painted[axis + 2]) // 2
        first = max(0, min(size[axis] - length, middle - length // 2))
        place.append(slice(first, first + length))
    return tuple(place)


def _drawn(editable: EditableLayer, state: State, weight: Tensor) -> Float[Tensor, "image rgb height width"]:
    """Pictures with another weight of the layer; clamped here, as an edit may well go beyond."""
    network = editable.network
    return network.above(state, editable.values(state, weight), clamp=False).clamp(-1, 1)


def _share(what: Bool[Tensor, "..."], of: Bool[Tensor, "..."]) -> float:
    return float((what & of).sum() / of.sum()) if of.any() else 0.0


def _named(segmenter: Segmenter, images: Tensor) -> Tensor:
    return validate_segmentation(segmenter(images), images, segmenter)
