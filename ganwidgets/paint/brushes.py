"""Brushes: a concept's units with the values that draw it, made from a dissection.

A brush for trees is the units that light up on trees, best first, each with the level it has where it is really on.
Which units are taken: those whose IoU with the concept is above the chance level of the dissection (the best IoU a unit
gets with segmentations of other pictures), at most 20 of them, the paper's number. Where a dissection measured no
chance, the best 20. A concept without such a unit has no brush: painting with it would be painting with noise.

The values are the 0.995 quantile of each unit over places and pictures (`nn.levels.insertion_value`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ganwidgets.models import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.nn.images import to_uint8
from ganwidgets.nn.levels import QUANTILE, each_insertion_value, insertion_value
from ganwidgets.paint.render import apply_to_many
from ganwidgets.paint.strokes import Stroke
from ganwidgets.results.dissection import OK, Dissection
from ganwidgets.segment import Segmenter, validate_segmentation

N_UNITS = 20
LEVEL_IMAGES, LEVEL_SEED = 128, 2  # pictures from which levels are read; the dissection's own have seed 1
ICON_SCENES = 8  # to choose from


@dataclass(frozen=True)
class Brush:
    """Units that draw a concept, and to which values.

    Attributes:
        concept: what it draws.
        category: of the concept.
        layer: of the units.
        units: best first.
        iou: of each unit with the concept; empty for units that were chosen otherwise.
        n: pictures behind these.
        value: of each unit; None while the levels are not known.
    """

    concept: str
    category: str
    layer: str
    units: tuple[int, ...]
    iou: tuple[float, ...]
    n: int
    value: tuple[float, ...] | None = None


def brushes(
    dissection: Dissection,
    network: Generator,
    layer: str | None = None,
    *,
    n_units: int = N_UNITS,
    quantile: float = QUANTILE,
    n: int = LEVEL_IMAGES,
    seed: int = LEVEL_SEED,
) -> tuple[Brush, ...]:
    """A brush for every concept that units of a layer stand for, in the order of the dissection's concepts.

    Args:
        dissection: which says which units mean what.
        network: the generator it was made of.
        layer: one of its layers; may be left out if there is only one.
        n_units: most units of a brush.
        quantile: of each unit's activations, to which it is set.
        n: pictures from which that is read.
        seed: of their latents.

    Raises:
        ValueError: a layer that was not dissected, a dissection of another network, or a number out of range.
    """
    found = unit_sets(dissection, layer, n_units=n_units)
    name = check_layer(dissection, network, layer)
    return with_values(found, insertion_value(network, name, network.sample_z(n, seed), quantile=quantile))


def check_layer(dissection: Dissection, network: Generator, layer: str | None = None) -> str:
    """The layer's name, if it was dissected and the network has it.

    Raises:
        ValueError: otherwise.
    """
    name = dissection.layer(layer).name
    if name not in network.layers or network.layers[name].shape != tuple(dissection.layer(name).shape):
        raise ValueError(
            f"`dissection` must be of this network, {network.name!r}, but its layer {name!r} of shape "
            f"{tuple(dissection.layer(name).shape)} is of {dissection.network!r}"
        )
    return name


def unit_sets(dissection: Dissection, layer: str | None = None, *, n_units: int = N_UNITS) -> tuple[Brush, ...]:
    """The brushes of a layer before their values are known; see `brushes`."""
    result, n_units = dissection.layer(layer), whole_number("n_units", n_units, 1)
    usable = (result.status == OK)[:, None] & (result.iou > 0) & ~(result.iou <= result.iou_chance[:, None])
    made = []
    for column, (concept, category) in enumerate(zip(dissection.concepts, dissection.categories, strict=True)):
        order = np.argsort(-result.iou[:, column], kind="stable")
        units = [int(unit) for unit in order if usable[unit, column]][:n_units]
        if units:
            iou = tuple(float(result.iou[unit, column]) for unit in units)
            made.append(Brush(concept, category, result.name, tuple(units), iou, dissection.n))
    return tuple(made)


def with_values(found: Sequence[Brush], levels: Float[Tensor, " unit"]) -> tuple[Brush, ...]:
    """The same brushes; those without values get the levels of their units."""
    return tuple(b if b.value else replace(b, value=tuple(levels[list(b.units)].tolist())) for b in found)


class Levels:
    """To which value each unit of a layer is drawn; computed once a layer.

    Args:
        network: whose units.
        n: pictures from which a level is read.
        seed: of their latents.
    """

    def __init__(self, network: Generator, n: int = LEVEL_IMAGES, seed: int = LEVEL_SEED) -> None:
        self.network, self.n, self.seed = network, n, seed
        self._known: dict[tuple[str, str], Tensor] = {}

    def __call__(self, layer: str) -> Float[Tensor, " unit"]:
        """The levels of a layer."""
        *_, levels = self.each(layer)
        return levels

    def each(self, layer: str) -> Iterator[Float[Tensor, " unit"] | None]:
        """None after every batch of pictures, and the levels at last."""
        key = (layer, self.network.fingerprint)
        if key not in self._known:
            levels = None
            for levels in each_insertion_value(self.network, layer, self.network.sample_z(self.n, self.seed)):
                if levels is None:
                    yield None
            self._known[key] = levels
        yield self._known[key]


def disc(height: int, width: int) -> Float[Tensor, "height width"]:
    """A round brush in the middle of a picture, of half its height and width."""
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, size) for size in (height, width)), indexing="ij")
    return (y**2 + x**2 <= 0.25).float()


def icons(
    network: Generator, found: Sequence[Brush], segmenter: Segmenter | None, z: Float[Tensor, "batch *latent"]
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    """What each brush does, one picture a brush: a disc painted with it where that works best.

    Args:
        network: the generator.
        found: brushes with values.
        segmenter: tells where the concept gains most; None takes the picture that changes most.
        z: latents of scenes to choose from.
    """
    region = disc(*network.image_shape[1:])
    before = network.images(z, clamp=False).clamp(-1, 1)
    for brush in found:
        after = apply_to_many(network, [Stroke(brush.layer, brush.units, region, brush.value)], z)
        if segmenter is not None and brush.concept in segmenter.concepts:
            number = tuple(segmenter.concepts).index(brush.concept) + 1
            shown = (
                validate_segmentation(segmenter(images), images, segmenter) == number for images in (after, before)
            )
            gains = torch.sub(*(named.flatten(1).sum(1) for named in shown))
        else:
            gains = (after - before).abs().flatten(1).sum(1)
        yield to_uint8(after[int(gains.argmax())][None])[0]


def prepared(
    found: tuple[Brush, ...], layer: str, levels: Levels, segmenter: Segmenter | None
) -> Iterator[dict[str, tuple] | None]:
    """Brushes made ready for use: {"brushes": with values}, then {"icons": one a brush}; None in between, often."""
    for known in levels.each(layer):
        if known is None:
            yield None
    ready, pictures = with_values(found, known), []
    yield {"brushes": ready}
    for icon in icons(levels.network, ready, segmenter, levels.network.sample_z(ICON_SCENES, levels.seed)):
        pictures.append(icon)
        yield None
    yield {"icons": tuple(pictures)}
