"""From edits to the network they lead to: W0 + Σ strength · ΔW, in a second network that shares all other weights.

`apply` never changes the network it is given, so undo is to apply fewer edits, and with none in force the answer is
that very network. All edits of a session are made for the network as it was before the first of them, and are applied
to it, also those that were solved on top of others: `edit_from` (of a solution) and `as_edit` (of a product Λ D) note
it.

A second moment is of a layer's *input*. Edits of the layer itself leave it valid; `stale` gives the edits below, which
do not.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganwidgets.models.devices import has_float64
from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.weights import with_weights
from ganwidgets.results.rewrites import LowRankEdit
from ganwidgets.rewrite.editable import EditableLayer, convolution_kind
from ganwidgets.rewrite.solve import Solution

FOUND = ("loss_before", "loss_after", "change", "step")
"""Numbers of a solution that its edit remembers."""


def apply(network: Generator, edits: LowRankEdit | Iterable[LowRankEdit], *, force: bool = False) -> Generator:
    """The network with these edits; the one given stays as it is, and is given back if no edit is in force.

    Args:
        network: for which the edits were made, before any edit.
        edits: one, several or a stack; those muted or of strength 0 are left out.
        force: apply them to another network than that, if layers and shapes fit.

    Raises:
        ValueError: edits of another network, of layers or shapes it does not have, or so large that the weights are
            not finite.
    """
    by_weight: dict[str, list[LowRankEdit]] = defaultdict(list)
    for edit in active_edits(edits):
        check_fits(edit, network, force=force)
        by_weight[edit.weight].append(edit)
    changes = {weight: _edited(network, weight, group) for weight, group in by_weight.items()}
    return with_weights(network, changes) if changes else network


def stale(
    edits: LowRankEdit | Iterable[LowRankEdit], layer: str | EditableLayer, network: Generator
) -> tuple[LowRankEdit, ...]:
    """The edits in force below a layer, which change its keys: with any of them, statistics of the keys are stale.

    Collect them again on `apply(network, stale(edits, layer, network))`. Where the order of two layers says that one
    may lie below the other, it is taken to.

    Args:
        edits: one, several or a stack.
        layer: whose keys are meant.
        network: of the layers.

    Raises:
        ValueError: a layer the network does not have.
    """
    name = layer.layer if isinstance(layer, EditableLayer) else network.layer_info(layer).name
    places = {known: place for place, known in enumerate(network.layers)}

    def below(edit: LowRankEdit) -> bool:
        inside = edit.layer == name or edit.layer.startswith(f"{name}.") or name.startswith(f"{edit.layer}.")
        return not inside and places[network.layer_info(edit.layer).name] < places[name]

    return tuple(edit for edit in active_edits(edits) if below(edit))


def as_edit(
    editable: EditableLayer,
    update: Tensor,
    context: Tensor,
    *,
    name: str = "",
    details: Mapping[str, Any] | None = None,
    original: Generator | None = None,
) -> LowRankEdit:
    """What a solver found, as an edit.

    Args:
        editable: the layer it was found for.
        update: Λ, (unit rank kernel_height kernel_width), relative to the weight it was solved from.
        context: D, (rank key_dim).
        name: what lists call it.
        details: how it came about: plain values, as JSON knows them.
        original: the network before any edit, where `editable` is of one with edits.

    Raises:
        ValueError: shapes that do not fit the layer, or values that are not finite.
        TypeError: details that are no plain values.
    """
    editable.expand(update, context)
    network = editable.network if original is None else original
    what = (editable.layer, editable.weight, editable.kind, update.clone(), context.clone())
    edit = LowRankEdit(*what, network.name, network.weights_fingerprint, name=name)
    try:
        plain = json.loads(json.dumps(_rendering(network) | dict(details or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"`details` must be plain values (text, numbers, lists, dicts): {error}") from error
    return replace(edit, details=plain)


def edit_from(
    solution: Solution,
    editable: EditableLayer,
    *,
    name: str = "",
    details: Mapping[str, Any] | None = None,
    original: Generator | None = None,
) -> LowRankEdit:
    """What `solve` found, as an edit that remembers how it was solved for; arguments and errors as for `as_edit`."""
    about = {"solver": "solve", **solution_details(solution), **dict(details or {})}
    return as_edit(editable, solution.update, solution.context, name=name, details=about, original=original)


def solution_details(solution: Solution) -> dict[str, Any]:
    """What an edit remembers of the solution it was made of: what was asked for, and what was found."""
    asked = {part: getattr(solution, part) for part in ("objective", "norm", "smoothness")}
    found = {part: getattr(solution, part) for part in FOUND}
    return {"rank": len(solution.context), **asked, **found, "notes": list(solution.notes)}


def check_fits(edit: LowRankEdit, network: Generator, *, force: bool = False) -> None:
    """Raise `ValueError` when an edit is not this network's (unless `force`), or its layer or shapes are not."""
    fingerprint = network.weights_fingerprint
    if edit.fingerprint != fingerprint and not force:
        raise ValueError(
            f"edit {edit.name!r} was made for {edit.network!r} (weights {edit.fingerprint[:8]!r}), not for "
            f"{network.name!r} (weights {fingerprint[:8]!r}): apply it to the network as it was before any edit; "
            "force=True applies it all the same"
        )
    weights = dict(network.module.named_parameters())
    if edit.weight not in weights:
        raise ValueError(
            f"edit {edit.name!r} changes {edit.weight[:100]!r}, which {network.name!r} does not have."
            f"{did_you_mean(edit.weight[:100], weights)}"
        )
    network.layer_info(edit.layer)
    if not edit.weight.startswith(f"{edit.layer}."):
        raise ValueError(f"edit {edit.name!r} must change a weight of its layer {edit.layer!r}, got {edit.weight!r}")
    if edit.shape != tuple(weights[edit.weight].shape):
        raise ValueError(
            f"edit {edit.name!r} changes a weight of shape {edit.shape}, but {edit.weight!r} of {network.name!r} has "
            f"{tuple(weights[edit.weight].shape)}"
        )
    kind = convolution_kind(network, edit.layer)
    if edit.kind != kind:
        raise ValueError(f"edit {edit.name!r} is of a {edit.kind} convolution, but {edit.layer!r} is a {kind} one")


def active_edits(edits: LowRankEdit | Iterable[LowRankEdit]) -> tuple[LowRankEdit, ...]:
    """Those that do anything, in order."""
    return tuple(edit for edit in ([edits] if isinstance(edits, LowRankEdit) else edits) if edit.active)


def _edited(network: Generator, weight: str, edits: list[LowRankEdit]) -> Tensor:
    """W0 + Σ ΔW; summed with more digits than kept, so that the order of edits does not show."""
    start = network.module.get_parameter(weight).detach()
    precise = torch.float64 if has_float64(start.device) else torch.float32
    content = sum((edit.delta(start.device, precise) for edit in edits), start.to(precise)).to(start.dtype)
    if not torch.isfinite(content).all():
        names = ", ".join(repr(edit.name) for edit in edits)
        raise ValueError(f"`edits` must leave the weights finite, but {names} make {weight!r} too large: lower them")
    return content


def _rendering(network: Generator) -> dict[str, Any]:
    """Truncation and noise under which an edit was made, where the family has them."""
    about = getattr(network, "rendering", None)
    kept = {name: getattr(about, name, None) for name in ("psi", "cutoff", "noise", "seed")}
    return {} if about is None else {"rendering": kept}
