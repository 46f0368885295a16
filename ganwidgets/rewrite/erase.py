"""Take something out of all pictures: let a context have no effect, or the effect it would have without some units.

`zero` is the blunt way: the weight along the context directions becomes nothing. `erase` is the fine one: it finds the
units of the key that stand out in the examples (`unit_scores`), computes what the layer would give without them, and
solves for the rule that gives it, along a few directions only. Both give a `LowRankEdit`.

Source: Bau et al. (2020), Rewriting a Deep Generative Model, section 5.2, which removes watermarks so.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.generator import Generator
from ganwidgets.nn.linalg import orthonormal_rows
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.apply import as_edit, edit_from
from ganwidgets.rewrite.context import context_directions
from ganwidgets.rewrite.descent import along
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.examples import Example, example_keys, region_at
from ganwidgets.rewrite.keys import KeyStatistics
from ganwidgets.rewrite.moment import patch_moment
from ganwidgets.rewrite.solve import solve
from ganwidgets.rewrite.target import Target, erase_target

N_UNITS = 30
"""Units taken out, as in the original; in a narrow layer no more than a quarter of all."""


def zero(
    editable: EditableLayer,
    context: Float[Tensor, "rank key_dim"],
    *,
    amount: float | int = 0.0,
    name: str = "",
    original: Generator | None = None,
) -> LowRankEdit:
    """The edit after which keys along the context have no effect; at strength 0.5, half of it.

    Args:
        editable: the layer.
        context: directions; made orthonormal if they are not.
        amount: what the weight along each direction becomes, the same number for every unit and tap; 0 is no effect.
        name: what lists call it.
        original: the network before any edit, where `editable` is of one with edits.

    Raises:
        ValueError: directions of another size, or that depend on each other.
    """
    context = _orthonormal(context, editable)
    now = along(editable.W0.double().cpu(), context, editable.kind)
    details = {"solver": "zero", "rank": len(context), "amount": float(amount)}
    name = name or f"zero {editable.name}, rank {len(context)}"
    parts = [part.to(editable.W0.dtype) for part in (amount - now, context)]
    return as_edit(editable, *parts, name=name, details=details, original=original)


def erase(
    editable: EditableLayer,
    paste: Example,
    examples: Sequence[Example],
    z: Float[Tensor, "image *latent"],
    statistics: KeyStatistics,
    *,
    rank: int = 1,
    n_units: int | None = None,
    everywhere: bool = False,
    legacy: bool = False,
    name: str = "",
    original: Generator | None = None,
    **options: Any,
) -> LowRankEdit:
    """The edit that takes out of all pictures what some units of the key do in the examples.

    Args:
        editable: the layer.
        paste: one picture, and the region in which the edit shall have the effect.
        examples: from which units and context are read; none means `paste`.
        z: the sample; numbers of pictures are those of its latents.
        statistics: of the layer's keys.
        rank: directions of the context.
        n_units: how many are taken out; None is 30, in a narrow layer a quarter.
        everywhere: take them out of the whole picture instead of the bounding box of the region; with `objective="map"`
            that is what the original does.
        legacy: resize regions as the original does.
        name: what lists call it.
        original: the network before any edit, where `editable` is of one with edits.
        **options: of `solve`. Without a `moment` that of the sample is computed.

    Raises:
        ValueError: a picture the sample does not have, nothing painted, no such number of units, a rank above what the
            examples span, or as `solve` says.
    """
    examples = tuple(examples) or (paste,)
    units = erased_units(editable, examples, z, statistics, n_units, legacy=legacy)
    target = target_without(editable, paste, z, units, everywhere=everywhere, legacy=legacy)
    context = context_directions(editable, examples, z, statistics, rank, legacy=legacy)
    if "moment" not in options and options.get("smoothness") != 0:
        options["moment"] = patch_moment(editable, z, context)
    details = {"solver": "erase", "units": list(units), "everywhere": everywhere, "n": len(z), "seed": statistics.seed}
    name = name or f"erase {len(units)} units, {editable.name}, rank {rank}"
    return edit_from(solve(target, context, **options), editable, name=name, details=details, original=original)


def target_without(
    editable: EditableLayer,
    paste: Example,
    z: Float[Tensor, "image *latent"],
    units: Sequence[int],
    *,
    everywhere: bool = False,
    legacy: bool = False,
) -> Target:
    """The values a layer would give for a picture without some units of its key; arguments as for `erase`.

    Raises:
        ValueError: a picture the sample does not have, nothing painted, or units the key does not have.
    """
    if paste.image >= len(z):
        raise ValueError(
            f"`paste` is of picture {paste.image}, but the sample `z` holds {len(z)}: draw a larger one, e.g. "
            f"sample_z({paste.image + 1})"
        )
    region = region_at(paste.region, editable.value_size, legacy=legacy)
    region = torch.ones_like(region) if everywhere else region
    return erase_target(editable, z[paste.image : paste.image + 1], region, units)


def erased_units(
    editable: EditableLayer,
    examples: Sequence[Example],
    z: Float[Tensor, "image *latent"],
    statistics: KeyStatistics,
    n_units: int | None = None,
    *,
    legacy: bool = False,
) -> tuple[int, ...]:
    """The units of the key that stand out most in the examples, the first the most.

    Raises:
        ValueError: no such number of units, no examples, or one that paints nothing.
    """
    n_units = min(N_UNITS, max(1, editable.key_dim // 4)) if n_units is None else n_units
    if not 1 <= n_units <= editable.key_dim:
        raise ValueError(f"`n_units` must be from 1 to {editable.key_dim}, the units of the key, got {n_units}")
    scores = unit_scores(editable, examples, z, statistics, legacy=legacy)
    return tuple(scores.argsort(descending=True, stable=True)[:n_units].tolist())


def unit_scores(
    editable: EditableLayer,
    examples: Sequence[Example],
    z: Float[Tensor, "image *latent"],
    statistics: KeyStatistics,
    *,
    legacy: bool = False,
) -> Float[Tensor, " key_dim"]:
    """How much each unit stands out in the examples: its mean square there, over that in the sample.

    1 is usual; a unit that is never on has 0.

    Args:
        editable: the layer.
        examples: painted regions; each place counts by how much it is painted.
        z: the sample.
        statistics: of the layer's keys.
        legacy: resize regions as the original does.

    Raises:
        ValueError: no examples, one that paints nothing, or statistics of another layer.
    """
    statistics.check_fits(editable)
    keys, painted = example_keys(editable, examples, z, legacy=legacy)
    usual = statistics.second_moment.diagonal()
    return (painted @ keys.square() / painted.sum() / usual).where(usual > 0, 0.0)


def _orthonormal(context: Tensor, editable: EditableLayer) -> Tensor:
    """The rows, float64; made orthonormal if they are not, so that the weight along all of them becomes nothing."""
    if context.ndim != 2 or context.shape[1] != editable.key_dim or not 1 <= len(context) <= editable.key_dim:
        raise ValueError(
            f"`context` must be (rank, {editable.key_dim}) for {editable.name}, got {tuple(context.shape)}"
        )
    context = context.detach().cpu().double()
    values = torch.linalg.svdvals(context)
    if not values[-1] > 1e-6 * values[0]:
        raise ValueError(f"`context` must be {len(context)} independent directions, got some that depend on others")
    return context if float((values - 1).abs().max()) < 1e-5 else orthonormal_rows(context)
