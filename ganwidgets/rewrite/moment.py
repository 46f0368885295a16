"""How much an edit changes pictures nobody asked about: the second moment of its responses over a sample.

With x the unknowns of a unit and S this moment, xᵀ S x is the mean square of what the edit changes in the unit's value
at a place of an average picture. `solve` takes it as the price of side effects. It belongs to a layer and a context.
For a plain or transposed convolution it is the same for all units; for a modulated one each has its own, because the
value is demodulated and rectified: there it is right for small edits.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.protocol import State
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.responses import projected, responses
from ganwidgets.rewrite.styled import mean_slopes, styled_places

BATCH = 16  # latents

Progress = Callable[[float], Any]


def nothing(fraction: float) -> None:
    """A progress callback that tells nobody."""


def patch_moment(
    editable: EditableLayer,
    sample: Tensor | Iterable[State],
    context: Float[Tensor, "rank key_dim"],
    *,
    batch: int = BATCH,
    progress: Progress = nothing,
) -> Float[Tensor, "*unit unknown unknown"]:
    """Second moment of the responses over a sample: what `solve` needs to keep other pictures as they are.

    Args:
        editable: the layer.
        sample: latents, or states from `editable.run`, kept to answer at once when the context changes.
        context: the directions.
        batch: latents run at once.
        progress: called with the share that is done, after every batch, and in a modulated layer after every picture,
            as each takes long there; what it raises stops it.

    Raises:
        ValueError: an empty sample, or keys that are not finite.
    """
    states = sample.split(batch) if isinstance(sample, Tensor) else list(sample)
    total, n, of = torch.zeros((), dtype=torch.float64), 0, sum(map(_size, states))
    for part in states:
        state = editable.run(part) if isinstance(part, Tensor) else part
        for squares, pictures in _summed(editable, state, context):
            total, n = total + squares, n + pictures
            progress(n / of)
    if not n:
        raise ValueError("`sample` must hold at least one latent or state, got none")
    if not total.isfinite().all():
        raise ValueError(f"`sample` must give finite keys at {editable.name}, got NaN or infinity")
    return total / n


def _summed(editable: EditableLayer, state: State, context: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Mean over places, summed over pictures of a state, and how many these are."""
    if editable.kind == "modulated":
        for number in range(len(state.acts)):
            yield mean_slopes(styled_places(editable, state, number, context)), 1
        return
    maps = responses(editable.conv, projected(editable.keys(state), context))
    places = maps.movedim(1, -1).flatten(0, -2)  # (place unknown)
    yield places.T @ places * len(maps) / len(places), len(maps)


def _size(part: Tensor | State) -> int:
    return len(part) if isinstance(part, Tensor) else len(part.acts)
