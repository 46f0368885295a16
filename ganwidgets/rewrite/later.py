"""What a place should become after a *later* layer than the one that is edited.

The edited weight belongs to one layer. Whether its own values are as wanted matters less than what layers above make
of them. A `LaterGoal` is what an object that was copied after such a layer (`copy_object(until=…)`) makes of a picture
there; `refine` with the name of that layer as its measure goes downhill to it. `refine` begins with the closed form,
which is of the edited layer itself: layers between may be anything, so there is none for them. Where they only
multiply all units by one number and shift them, it is the answer already.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.protocol import State
from ganwidgets.nn.regions import resize


@dataclass(frozen=True, eq=False)
class LaterGoal:
    """The values that a later layer should give for one picture.

    Attributes:
        layer: which one.
        goal: the values wanted.
        where: what each place of it counts.
    """

    layer: str
    goal: Float[Tensor, "unit height width"]
    where: Float[Tensor, "height width"]


def later_values(
    state: State, layer: str, values: Float[Tensor, "unit height width"] | None = None
) -> Float[Tensor, "later_unit later_height later_width"]:
    """What a later layer gives for one picture.

    Args:
        state: the picture, run up to the edited layer.
        layer: the later one.
        values: of the edited layer; None are those it gives.

    Raises:
        ValueError: a layer that is not later, or whose activations are no maps.
    """
    if not state.network.layer_info(layer).is_map:
        raise ValueError(f"`layer` must be one whose activations are maps, as a region needs, got {layer!r}")
    with torch.no_grad():
        return state.network.between(state, layer, None if values is None else values[None])[0]


def later_goal(
    state: State, layer: str, goal: Float[Tensor, "unit height width"], where: Float[Tensor, "height width"]
) -> LaterGoal:
    """What the values wanted of the edited layer make of a later one; arguments and errors as for `later_values`."""
    values = later_values(state, layer, goal)
    return LaterGoal(layer, values, resize(where.cpu(), tuple(values.shape[-2:])).to(values))
