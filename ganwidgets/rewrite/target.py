"""What an edit should make of a place: copy an object from one picture, paste it in another, leave the rest.

Copying takes the values inside the bounding box of a painted region; pasting centres them on another region and blends
them in by the painted share of each place. The result is a `Target`: the values a layer should give for one picture.
`keep_target` makes one of the values it gives now, for places that must not change, and `erase_target` one of what it
would give without some units. With `until`, what a later layer gives is copied and pasted as well (`later`).

`Target.cropped` is the reading of the original code: keys and goal cut out to the box, as if the picture ended there.
It differs from the picture in two ways (zeros are seen behind the border, and places outside do not count), which is
why solutions of it mislead; it exists for comparison.

Source: Bau et al. (2020), Rewriting a Deep Generative Model, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.latents import one_latent
from ganwidgets.models.protocol import State
from ganwidgets.nn.regions import as_region
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.examples import region_at
from ganwidgets.rewrite.later import LaterGoal, later_values

Box = tuple[int, int, int, int]
"""(top, left, bottom, right), the last two outside."""


@dataclass(frozen=True, eq=False)
class CopiedObject:
    """A piece of a layer's values.

    Attributes:
        values: inside the box.
        area: painted share of each place of it.
        box: where it was.
        until: name of a later layer, or "".
        later: the same object in that layer's values; None without one.
    """

    values: Float[Tensor, "unit height width"]
    area: Float[Tensor, "height width"]
    box: Box
    until: str = ""
    later: "CopiedObject | None" = None


@dataclass(frozen=True, eq=False)
class Target:
    """The values that a layer should give for one picture.

    Attributes:
        editable: the layer.
        state: the picture, run up to the layer.
        goal: the values wanted.
        area: how much of each place is to be something else.
        where: what each place counts when the picture is solved for with the rest left out.
        box: the smallest box around what counts.
        weight: what the whole target counts beside others.
        later: what a later layer should give for it; None if only the layer's own values are wanted.
    """

    editable: EditableLayer
    state: State
    goal: Float[Tensor, "unit height width"]
    area: Float[Tensor, "height width"]
    where: Float[Tensor, "height width"]
    box: Box
    weight: float = 1.0
    later: LaterGoal | None = None

    def present(self, weight: Float[Tensor, "..."] | None = None) -> Float[Tensor, "unit height width"]:
        """The values it gives now, or with another weight."""
        return self.editable.values(self.state, weight)[0]

    def whole(self) -> "Target":
        """The same with every place of the picture counted."""
        return replace(self, where=torch.ones_like(self.where), box=(0, 0, *self.where.shape))

    def cropped(self) -> "Target":
        """Keys and goal cut out to the box, rounded outward to the grid of keys.

        Raises:
            ValueError: a layer whose values do not lie over its keys as whole blocks.
        """
        (tall, wide), (high, broad) = self.editable.value_size, self.editable.key_size
        keys = (self.box[0] * high // tall, self.box[1] * broad // wide)
        keys = (*keys, -(-self.box[2] * high // tall), -(-self.box[3] * broad // wide))
        box = (keys[0] * tall // high, keys[1] * wide // broad, keys[2] * tall // high, keys[3] * wide // broad)
        state = replace(self.state, args=_cut_args(self.state.args, keys, box, (tall, wide)))
        values = self.editable.values(state, self.editable.W0)
        goal, area = _cut(self.goal, box), _cut(self.area, box)
        if values.shape[1:] != goal.shape:
            raise ValueError(
                f"`objective` 'crop' needs a layer whose values lie over its keys as whole blocks, got "
                f"{self.editable.name} with {tuple(values.shape[-2:])} values for a crop of {tuple(goal.shape[-2:])}. "
                "Use 'window'"
            )
        state = replace(state, acts=values)
        return replace(self, state=state, goal=goal, area=area, where=torch.ones_like(area), box=(0, 0, *area.shape))


def copy_object(
    editable: EditableLayer, z: Tensor, region: Any, *, until: str | None = None, legacy: bool = False
) -> CopiedObject:
    """The values under a painted region.

    Args:
        editable: the layer.
        z: latent of the picture, a batch of one.
        region: what was painted, at any size.
        until: a later layer, whose values there are copied as well, for `refine` with that layer as its measure.
        legacy: resize the region as the original does.

    Raises:
        ValueError: nothing painted, not one latent, or a layer that is not later or has no maps.
    """
    one_latent(z)
    state, region = editable.run(z), as_region(region)
    copied = _copied(state.acts[0], region, legacy)
    if until is None:
        return copied
    return replace(copied, until=until, later=_copied(later_values(state, until), region, legacy))


def paste_target(
    editable: EditableLayer,
    z: Tensor,
    copied: CopiedObject,
    region: Any,
    *,
    alpha: bool = True,
    weight: float | int = 1.0,
    legacy: bool = False,
) -> Target:
    """A picture with the object in the middle of a painted region.

    Only the middle of the region's bounding box matters, not its shape. At the border of the picture the object is
    moved inside.

    Args:
        editable: the layer the object was copied from.
        z: latent of the picture, a batch of one.
        copied: the object.
        region: what was painted, at any size.
        alpha: blend by the painted share of each place; False pastes the whole box.
        weight: what this target counts beside others.
        legacy: resize the region as the original does.

    Raises:
        ValueError: nothing painted, not one latent, or an object from a layer of other units.
    """
    one_latent(z)
    state = editable.run(z)
    if copied.values.shape[0] != state.acts.shape[1]:
        raise ValueError(
            f"`copied` must come from {editable.name} with its {state.acts.shape[1]} units, got "
            f"{copied.values.shape[0]} units: copy the object again at this layer"
        )
    region, weight = as_region(region), positive("weight", weight)
    goal, area, box = _pasted(state.acts[0], copied, region, alpha, legacy)
    target = Target(editable, state, goal, area, _box_map(box, area), box, weight)
    if copied.later is None:
        return target
    goal, area, box = _pasted(later_values(state, copied.until), copied.later, region, alpha, legacy)
    return replace(target, later=LaterGoal(copied.until, goal, _box_map(box, area)))


def keep_target(editable: EditableLayer, z: Tensor, region: Any = None, *, weight: float | int = 1.0) -> Target:
    """A picture, or a painted part of it, as it is now: an example that must not change.

    Args:
        editable: the layer.
        z: latent of the picture, a batch of one.
        region: what was painted, at any size; None is the whole picture.
        weight: what an error at a place of it counts, beside one at a place of the pasted object.

    Raises:
        ValueError: nothing painted, or not one latent.
    """
    one_latent(z)
    state = editable.run(z)
    where = state.acts.new_ones(editable.value_size)
    where = where if region is None else region_at(as_region(region), editable.value_size).to(where)
    box = bounding_box(where)
    return Target(editable, state, state.acts[0], torch.zeros_like(where), where, box, positive("weight", weight))


def erase_target(
    editable: EditableLayer,
    z: Tensor,
    region: Any,
    units: Sequence[int],
    *,
    weight: float | int = 1.0,
    legacy: bool = False,
) -> Target:
    """A picture with what some key units do taken out, inside the bounding box of a painted region.

    Args:
        editable: the layer.
        z: latent of the picture, a batch of one.
        region: what was painted, at any size.
        units: of the keys, set to zero.
        weight: what this target counts beside others.
        legacy: resize the region as the original does.

    Raises:
        ValueError: nothing painted, not one latent, or no such units.
    """
    one_latent(z)
    wrong = [unit for unit in units if not 0 <= unit < editable.key_dim]
    if wrong or not len(units):
        raise ValueError(f"`units` must be among the {editable.key_dim} of the keys of {editable.name}, got {units}")
    state = editable.run(z)
    without = state.args[0].clone()
    without[:, list(units)] = 0
    erased = editable.values(replace(state, args=(without, *state.args[1:])), editable.W0)[0]
    box = bounding_box(region_at(as_region(region), editable.value_size, legacy=legacy))
    area = _box_map(box, state.acts[0, 0])
    goal = torch.where(area > 0, erased, state.acts[0])
    return Target(editable, state, goal, area, area, box, positive("weight", weight))


def bounding_box(area: Float[Tensor, "height width"]) -> Box:
    """The smallest box around all that is painted.

    Raises:
        ValueError: nothing is.
    """
    rows, columns = (area > 0).any(1).nonzero()[:, 0], (area > 0).any(0).nonzero()[:, 0]
    if not len(rows):
        raise ValueError("`region` must be painted somewhere, got an empty one: paint what is meant")
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def positive(name: str, number: float | int) -> float:
    """`number` as float.

    Raises:
        ValueError: not above 0, or not finite.
    """
    if not 0 < number < float("inf"):
        raise ValueError(f"`{name}` must be a number above 0, got {number}")
    return float(number)


def _copied(values: Tensor, region: Tensor, legacy: bool) -> CopiedObject:
    """What lies in these values under a region."""
    area = region_at(region, tuple(values.shape[-2:]), legacy=legacy)
    box = bounding_box(area)
    return CopiedObject(_cut(values, box), _cut(area, box), box)


def _pasted(
    values: Tensor, copied: CopiedObject, region: Tensor, alpha: bool, legacy: bool
) -> tuple[Tensor, Tensor, Box]:
    """Values with the object in the middle of a region; how much of each place it is, and its box."""
    tall, wide = values.shape[-2:]
    painted = bounding_box(region_at(region, (tall, wide), legacy=legacy))
    height, width = min(copied.area.shape[0], tall), min(copied.area.shape[1], wide)
    top = _placed((painted[0] + painted[2]) // 2, height, tall)
    left = _placed((painted[1] + painted[3]) // 2, width, wide)
    box = (top, left, top + height, left + width)
    area = values.new_zeros(tall, wide)
    _cut(area, box)[:] = copied.area[:height, :width] if alpha else 1.0
    goal = values.clone()
    inside = _cut(goal, box)
    inside += (copied.values[:, :height, :width].to(goal) - inside) * _cut(area, box)
    return goal, area, box


def _placed(middle: int, size: int, room: int) -> int:
    """Where something of this size begins so that its middle is there and all of it inside."""
    return max(0, min(room - size, middle - size // 2))


def _box_map(box: Box, like: Tensor) -> Tensor:
    where = torch.zeros_like(like)
    _cut(where, box)[:] = 1.0
    return where


def _cut(maps: Tensor, box: Box) -> Tensor:
    return maps[..., box[0] : box[2], box[1] : box[3]]


def _cut_args(args: tuple[Any, ...], keys: Box, box: Box, value_size: tuple[int, int]) -> tuple[Any, ...]:
    """What the layer is called with for the crop: its maps at key size, the noise at value size."""
    others = [
        _cut(part, box) if isinstance(part, Tensor) and part.ndim == 4 and part.shape[-2:] == value_size else part
        for part in args[1:]
    ]
    return (_cut(args[0], keys), *others)
