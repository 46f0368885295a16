"""A rewritten rule as a value: how the weight of one convolution changes, along a few directions of its input.

A `LowRankEdit` holds ΔW as an update Λ and the context directions D it acts along, ΔW = Λ·D. A small product instead of
a copy of the model: edits can be added, subtracted, negated, made weaker or stronger, kept in a file, undone. Edits of
one layer add up exactly, as each is a change of the same weight. `ganwidgets.rewrite.apply` makes the network they
lead to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from ganwidgets.nn.linalg import KINDS, expand_update
from ganwidgets.results.history import new_uid

WEAKEST, STRONGEST = -1.0, 2.0
"""Strengths an edit may have: −1 does the opposite, 0 nothing, 1 what was solved for, 2 twice as much."""

MOST_TEXT = 200  # letters of a name


@dataclass(frozen=True, eq=False)
class LowRankEdit:
    """The change of one convolution's weight, W0 + strength · ΔW.

    Attributes:
        layer: whose output is the value, e.g. "layer6.conv".
        weight: name of the weight in the state dict, e.g. "layer6.conv.weight".
        kind: "plain", "transposed" or "modulated"; says how ΔW is stored.
        update: Λ, (unit rank kernel_height kernel_width). Do not change it in place.
        context: D, (rank key_dim): the directions of the key along which the weight changes. Do not change it in place.
        network: name of the network it was made for, as it was before any edit.
        fingerprint: of that network's module.
        strength: in [−1, 2].
        name: what lists call it.
        muted: whether it is left out for now.
        details: how it came about, as plain values: solver, seeds, rank, the request, ….
        uid: stays the same when the strength or the name is changed, or the edit muted.

    Raises:
        ValueError: tensors that do not fit each other or are not finite, a strength outside the range, another kind.
    """

    layer: str
    weight: str
    kind: str
    update: Tensor = field(repr=False)
    context: Tensor = field(repr=False)
    network: str
    fingerprint: str = field(repr=False)
    strength: float | int = 1.0
    name: str = ""
    muted: bool = False
    details: Mapping[str, Any] = field(default_factory=dict, repr=False)
    uid: str = field(default_factory=new_uid)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"`kind` must be one of {list(KINDS)}, got {str(self.kind)[:60]!r}")
        for part in ("update", "context"):
            object.__setattr__(self, part, _checked(part, getattr(self, part)))
        shapes = f"{tuple(self.update.shape)} and {tuple(self.context.shape)}"
        if self.update.ndim != 4 or self.context.ndim != 2 or not self.update.numel() or not self.context.numel():
            raise ValueError(
                f"`update` and `context` must be (unit, rank, height, width) and (rank, key_dim), got {shapes}"
            )
        if self.update.shape[1] != len(self.context):
            raise ValueError(f"`update` and `context` must be of the same rank, got {shapes}")
        object.__setattr__(self, "strength", _checked_strength(self.strength))
        object.__setattr__(self, "name", (self.name or f"{self.layer}, rank {self.rank}")[:MOST_TEXT])

    @property
    def rank(self) -> int:
        """Number of directions."""
        return len(self.context)

    @property
    def active(self) -> bool:
        """Whether it does anything: not muted, and of some strength."""
        return not self.muted and self.strength != 0

    @property
    def norm(self) -> float:
        """Size of the change: the root of the sum of squares of strength · ΔW; 0 when muted."""
        return float(torch.linalg.vector_norm(self.delta()))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the weight it changes."""
        (units, _, height, width), keys = self.update.shape, self.context.shape[1]
        plain = (units, keys, height, width)
        return {"plain": plain, "transposed": (keys, units, height, width), "modulated": (1, *plain)}[self.kind]

    def delta(self, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> Tensor:
        """strength · ΔW as the weight is stored; zeros when muted.

        Args:
            device: where it is wanted.
            dtype: of the calculation; None is that of the update.
        """
        update, context = (part.to(device, dtype or self.update.dtype) for part in (self.update, self.context))
        return expand_update(update * (self.strength if self.active else 0.0), context, self.kind)

    def with_strength(self, strength: float | int) -> "LowRankEdit":
        """The same edit, as strong as told. Raises `ValueError` outside [−1, 2]."""
        return replace(self, strength=strength)

    def scaled(self, factor: float | int) -> "LowRankEdit":
        """The same edit, `factor` times as strong as it is. Raises `ValueError` where that is outside [−1, 2]."""
        return replace(self, strength=self.strength * factor)

    def __add__(self, other: "LowRankEdit") -> "LowRankEdit":
        """Both at once, as one edit of strength 1: the change of the sum is the sum of the changes.

        Where the two have the same context, so has the sum; else it has the directions of both.

        Raises:
            ValueError: edits of different layers or networks, which `apply` takes as a list.
        """
        return self._with(other, "+") if isinstance(other, LowRankEdit) else NotImplemented

    def __sub__(self, other: "LowRankEdit") -> "LowRankEdit":
        """This without the other, as one edit of strength 1. Raises `ValueError` as for a sum."""
        return self._with(other, "−") if isinstance(other, LowRankEdit) else NotImplemented

    def __neg__(self) -> "LowRankEdit":
        """The opposite change."""
        return replace(self, update=-self.update, name=f"−({self.name})", uid=new_uid())

    def _with(self, other: "LowRankEdit", sign: str) -> "LowRankEdit":
        self._check_same_weight(other)
        second = -other if sign == "−" else other
        parts = [part for part in (self, second) if part.active] or [replace(self, strength=0.0)]
        updates, contexts = [part.update * part.strength for part in parts], [part.context for part in parts]
        if _all_equal(contexts):
            update, context = sum(updates[1:], updates[0]), contexts[0]
        else:
            update, context = torch.cat(updates, 1), torch.cat(contexts)
        name, details = f"{self.name} {sign} {other.name}", {"parts": [_summary(part) for part in parts]}
        changed = {"update": update, "context": context, "name": name, "details": details}
        return replace(self, strength=1.0, muted=False, uid=new_uid(), **changed)

    def _check_same_weight(self, other: "LowRankEdit") -> None:
        if self.fingerprint != other.fingerprint:
            raise ValueError(
                f"edits must be of one network to be added, got one of {self.network!r} (weights "
                f"{self.fingerprint[:8]!r}) and one of {other.network!r} (weights {other.fingerprint[:8]!r})"
            )
        if (self.weight, self.kind) != (other.weight, other.kind):
            raise ValueError(
                f"edits must be of one layer to be added, got {self.layer!r} and {other.layer!r}: give both to "
                "`apply`, as a list"
            )
        if self.shape != other.shape:
            raise ValueError(f"edits must change weights of one shape to be added, got {self.shape} and {other.shape}")


def _summary(edit: LowRankEdit) -> dict[str, Any]:
    """What a sum keeps of its parts."""
    return {"name": edit.name, "strength": edit.strength, "rank": edit.rank, "details": dict(edit.details)}


def _all_equal(tensors: list[Tensor]) -> bool:
    first, *rest = tensors
    return all(torch.equal(part.double(), first.double()) for part in rest)


def _checked(name: str, part: Any) -> Tensor:
    if not isinstance(part, Tensor) or not part.is_floating_point():
        raise TypeError(f"`{name}` must be a tensor of floats, got {getattr(part, 'dtype', type(part).__name__)}")
    part = part.detach().to("cpu", torch.float64 if part.dtype == torch.float64 else torch.float32)
    if not torch.isfinite(part).all():
        raise ValueError(f"`{name}` must be finite, got NaN or infinity: was the step of the solver too large?")
    return part


def _checked_strength(strength: Any) -> float:
    if isinstance(strength, bool) or not isinstance(strength, Real) or not WEAKEST <= strength <= STRONGEST:
        raise ValueError(
            f"`strength` must lie in [{WEAKEST:g}, {STRONGEST:g}] (0 does nothing, 1 is as solved, −1 the opposite), "
            f"got {strength!r}"
        )
    return float(strength)
