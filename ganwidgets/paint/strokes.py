"""A stroke: where a person painted, which units it moves, and how far; and what several strokes together do.

A person paints a door; what happens is that twenty units of one layer go to a high value inside the brush. A `Stroke`
says so as a value, and nothing is stored in the model: to undo, reorder, mute or repeat a stroke is to make another
list. `edits` turns a list of strokes into one `PaintEdit` a layer. A PaintEdit keeps two planes a unit, alpha and paint
(paint is already multiplied by alpha), and a further stroke comes over them as one picture over another:

    draw, remove   alpha ← a + alpha·(1 − a)     paint ← a·value + paint·(1 − a)     with a = strength · region
    add            alpha ← alpha                 paint ← a·value + paint

and the layer's output becomes y = x·(1 − alpha) + paint. So an opaque stroke hides what was below it, the order counts,
and a soft edge stays soft. "remove" is "draw" with the value 0.

Source: GAN Dissection (2019) and its painting server, which compose strokes alike; Porter and Duff, "Compositing
digital images" (1984), for "over".
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models import Edit, Network, set_units
from ganwidgets.models.edits import UnitEdit, as_numbers
from ganwidgets.nn import regions

SIGNS = ("draw", "remove", "add")
WANTED = "a number, one a unit, or one map a unit"
KEPT_COMPOSITES = 64


@dataclass(frozen=True, eq=False)
class Stroke:
    """One gesture, as a value.

    Attributes:
        layer: whose units move.
        units: their numbers, kept as a tuple.
        region: (height width) in [0, 1], of any size: where, and how much; see `nn.regions.as_region`.
        value: to which the units go ("draw"), or what is added ("add"): a number, one a unit, or one map a unit of
            the layer's size. "remove" needs none.
        sign: "draw", "remove" or "add".
        strength: in [0, 1]; the region is multiplied by it.
        resize: how the region gets to the layer's size, "area" or "max".
        concept: what it is meant to draw or remove; None for a set of units of one's own.
        name: what lists call it.
        muted: whether it is left out for now.
        uid: stays the same when the strength is changed, or the stroke muted.

    Raises:
        ValueError: nothing painted; units negative, repeated or none; a value that does not fit them; a strength or a
            region outside [0, 1]; another sign or resize.
    """

    layer: str
    units: Sequence[int]
    region: Any = field(repr=False)
    value: Any = field(default=0.0, repr=False)
    sign: str = "draw"
    strength: float | int = 1.0
    resize: str = "area"
    concept: str | None = None
    name: str = ""
    muted: bool = False
    uid: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        if self.sign not in SIGNS:
            raise ValueError(f"`sign` must be one of {list(SIGNS)}, got {str(self.sign)[:60]!r}")
        value = 0.0 if self.sign == "remove" else as_numbers("value", self.value, WANTED).detach().float().clone()
        regions.check_resize(self.resize)
        region = regions.as_region(self.region)
        checked = set_units(self.units, value, region, self.strength)
        if not checked.units:
            raise ValueError("`units` must name at least one unit, got none: choose a brush, or units")
        if not region.any():
            raise ValueError("`region` must have something painted, got none")
        given = torch.as_tensor(checked.value)
        value = given.expand(len(checked.units)).clone() if given.ndim == 0 else given
        kept = {"units": checked.units, "region": region, "value": value, "strength": float(self.strength)}
        for part, plain in kept.items():
            object.__setattr__(self, part, plain)
        object.__setattr__(self, "name", self.name or f"{self.sign} {self.concept or f'{len(self.units)} units'}")

    @property
    def visible(self) -> bool:
        """Whether it does anything: not muted, and of some strength."""
        return not self.muted and self.strength > 0

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise `ValueError` when a layer of this shape (unit, height, width) has not these units, or other maps."""
        UnitEdit(self.units, self.value).check(shape)

    def with_strength(self, strength: float | int) -> "Stroke":
        """The same stroke, as strong as told. Raises `ValueError` outside [0, 1]."""
        return replace(self, strength=strength)

    def erased(self, rubber: Float[Tensor, "rubber_height rubber_width"]) -> "Stroke | None":
        """What is left where the rubber was not; the stroke itself if it missed, None if nothing is left."""
        rest = self.region * (1 - regions.resize(rubber, tuple(self.region.shape)).to(self.region))
        if not rest.any():
            return None
        return self if torch.equal(rest, self.region) else replace(self, region=rest)


@dataclass(frozen=True, eq=False)
class PaintEdit(Edit):
    """y = x·(1 − alpha) + paint on some units of a layer: all that was painted there, one stroke over the other.

    Attributes:
        shape: of the layer, (unit, height, width).
        units: that are painted on.
        alpha: how much of each unit is replaced at each place.
        paint: by what, multiplied by alpha.
    """

    shape: tuple[int, ...]
    units: tuple[int, ...]
    alpha: Float[Tensor, "painted height width"]
    paint: Float[Tensor, "painted height width"]

    @classmethod
    def blank(cls, shape: tuple[int, ...], device: torch.device | str = "cpu") -> "PaintEdit":
        """Nothing painted yet, on a layer of this shape."""
        nothing = torch.zeros(0, *shape[1:], device=device)
        return cls(tuple(shape), (), nothing, nothing)

    def check(self, shape: tuple[int, ...]) -> None:
        if tuple(shape) != self.shape:
            raise ValueError(f"`edit` was painted for a layer of shape {self.shape}, got one of {tuple(shape)}")

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        self.check(tuple(acts.shape[1:]))
        units = torch.tensor(self.units, dtype=torch.long, device=acts.device)
        painted = acts[:, units] * (1 - self.alpha.to(acts)) + self.paint.to(acts)
        return acts.index_copy(1, units, painted)

    def under(self, stroke: Stroke) -> "PaintEdit":
        """This with one more stroke over it.

        Raises:
            ValueError: units or maps that the layer does not have.
        """
        stroke.check(self.shape)
        share = stroke.strength * regions.resize(stroke.region, self.shape[1:], stroke.resize).to(self.alpha)
        value = stroke.value.to(self.alpha)
        value = value[:, None, None] if value.ndim == 1 else value
        if stroke.units == self.units:  # as when one goes on with the same brush
            return PaintEdit(self.shape, self.units, *_over(self.alpha, self.paint, share, value, stroke.sign))
        units = (*self.units, *(unit for unit in stroke.units if unit not in self.units))
        fresh = self.alpha.new_zeros(len(units) - len(self.units), *self.shape[1:])
        rows = torch.tensor([units.index(unit) for unit in stroke.units], device=fresh.device)
        old = [torch.cat([plane, fresh]) for plane in (self.alpha, self.paint)]
        new = _over(*(plane[rows] for plane in old), share, value, stroke.sign)
        return PaintEdit(
            self.shape, units, *(plane.index_copy(0, rows, part) for plane, part in zip(old, new, strict=True))
        )


def _over(alpha: Tensor, paint: Tensor, share: Tensor, value: Tensor, sign: str) -> tuple[Tensor, Tensor]:
    """The planes of the units of a stroke with the stroke over them."""
    if sign == "add":
        return alpha, paint + share * value
    return alpha.lerp(alpha.new_ones(()), share), paint.lerp(value, share)


Composites = MutableMapping[tuple, PaintEdit]


def edits(strokes: Iterable[Stroke], network: Network, *, kept: Composites | None = None) -> dict[str, PaintEdit]:
    """One edit for each layer that is painted on, in the order in which the network runs them.

    Args:
        strokes: the lowest first. Muted ones are left out.
        network: that is edited.
        kept: composites made before, in a dict that is yours; then one more stroke costs one stroke.

    Raises:
        ValueError: a layer the network does not have, or one without maps; units it does not have.
    """
    by_layer: dict[str, list[Stroke]] = {}
    for stroke in strokes:
        if stroke.visible:
            by_layer.setdefault(stroke.layer, []).append(stroke)
    kept = {} if kept is None else kept
    for layer in by_layer:
        map_layer(network, layer)
    shapes = {layer: network.layers[layer].shape for layer in network.layers if layer in by_layer}
    return {layer: _composite(tuple(by_layer[layer]), shape, network.device, kept) for layer, shape in shapes.items()}


@contextmanager
def painted(network: Network, planned: Mapping[str, Edit]) -> Iterator[None]:
    """While this lasts, what the network draws in this thread has these edits on it."""
    with ExitStack() as stack:
        for layer, edit in planned.items():
            stack.enter_context(network.intervene(layer, edit))
        yield


def map_layer(network: Network, layer: str) -> str:
    """`layer`, if a region can be laid over it.

    Raises:
        ValueError: no such layer, or its units are no maps.
    """
    info = network.layer_info(layer)
    if not info.is_map:
        raise ValueError(
            f"`layer` must give maps (unit, height, width) to paint on, but {layer!r} gives {info.shape}: choose one "
            f"of network.map_layers"
        )
    return layer


def _composite(
    strokes: tuple[Stroke, ...], shape: tuple[int, ...], device: torch.device, kept: Composites
) -> PaintEdit:
    """All strokes of a layer, starting from the longest part of them that is kept."""
    done = next((n for n in (len(strokes), len(strokes) - 1) if (strokes[:n], device) in kept), 0)
    edit = kept[strokes[:done], device] if done else PaintEdit.blank(shape, device)
    for stroke in strokes[done:]:
        edit = edit.under(stroke)
    kept[strokes, device] = edit
    while len(kept) > KEPT_COMPOSITES:
        del kept[next(iter(kept))]
    return edit
