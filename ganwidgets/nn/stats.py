"""Statistics that merge exactly: split a run over machines, stop it, resume it, and get the same answer bit for bit.

Everything counted is a whole number in int64, so the order of addition cannot matter. Every accumulator has `add`,
`merge` (of one that saw other images), `state` (a dict of tensors, for a file) and `from_state`.

- `Counts`: named tensors of counts.
- `JointHistogram`: how often a unit's value falls into a bin while a pixel carries a label; `Edges` says which values a
  bin holds. Quantiles and counts above any value are read from it afterwards, by interpolation inside one bin.
- `TopK`: the k highest values of every unit, which image each came from, and a map of it.
- `Moments`: mean and covariance of whole numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

MOST_BYTES = 2**26
"""A joint histogram takes at most 64 MiB: with many units and concepts its bins become fewer."""

State = dict[str, Tensor]


class Counts:
    """Named int64 tensors that only grow, e.g. `Counts(area=(128,), hits=(128, 17))` [shapes]."""

    def __init__(self, device: torch.device | str = "cpu", **shapes: tuple[int, ...]) -> None:
        self.tensors = {name: torch.zeros(shape, dtype=torch.int64, device=device) for name, shape in shapes.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def add(self, **amounts: Tensor) -> None:
        """Add to the counters of these names."""
        for name, amount in amounts.items():
            self.tensors[name] += amount

    def merge(self, other: "Counts") -> None:
        """Add another's counts. Raises `ValueError` when it counts something else."""
        shapes, others = ({name: tuple(t.shape) for name, t in c.tensors.items()} for c in (self, other))
        if shapes != others:
            raise ValueError(f"`other` must have the counters {shapes}, got {others}")
        self.add(**{name: tensor.to(self.tensors[name].device) for name, tensor in other.tensors.items()})

    def state(self) -> State:
        """Copies of the counters."""
        return {name: tensor.clone() for name, tensor in self.tensors.items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Counts":
        """The counts whose `state` this was."""
        self = cls()
        self.tensors = {name: tensor.clone() for name, tensor in state.items()}
        return self


@dataclass(frozen=True, eq=False)
class Edges:
    """Which value of a unit falls into which bin. Bins have no end: any value has one, near ones are fine.

    With x = (value − origin) / span, the place among the bins is n_bins · x / (1 + x), for x > 0 only; `two_sided`
    edges take any x and use n_bins · (1 + x / (1 + |x|)) / 2. So half of the bins lie within one span of the origin,
    and a rare unit whose first images were dark does not leave the histogram.

    Attributes:
        origin: lowest value (two-sided: middle), one a unit.
        span: scale, above 0, one a unit.
        n_bins: number of bins.
        two_sided: whether values below the origin have bins.
    """

    origin: Float[Tensor, " unit"]
    span: Float[Tensor, " unit"]
    n_bins: int
    two_sided: bool = False

    def bin_of(self, x: Float[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Bin of values given as x, in spans from the origin."""
        share = (x / (1 + x.abs())).add_(1).mul_(0.5) if self.two_sided else x / (1 + x)
        return share.mul_(self.n_bins).to(torch.int32).clamp_(0, self.n_bins - 1)

    def value_at(self, place: Float[Tensor, " unit"]) -> Float[Tensor, " unit"]:
        """Value of each unit at a place among the bins (0 is the lower edge of the first)."""
        share = (place.double() / self.n_bins).clamp(max=1 - 1e-9)
        if self.two_sided:
            side = (2 * share - 1).clamp(min=-1 + 1e-9)
            x = side / (1 - side.abs())
        else:
            x = share / (1 - share)
        return self.origin.double() + x * self.span.double()

    def same_as(self, other: "Edges") -> bool:
        """Whether counts under these and the other edges may be added."""
        return (
            (self.n_bins, self.two_sided) == (other.n_bins, other.two_sided)
            and torch.equal(self.origin.cpu(), other.origin.cpu())
            and torch.equal(self.span.cpu(), other.span.cpu())
        )

    def state(self) -> State:
        """Everything, as tensors."""
        return {
            "origin": self.origin,
            "span": self.span,
            "n_bins": torch.tensor(self.n_bins),
            "two_sided": torch.tensor(self.two_sided),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Edges":
        """The edges whose `state` this was."""
        return cls(state["origin"], state["span"], int(state["n_bins"]), bool(state["two_sided"]))


class JointHistogram:
    """Counts of pixels by unit, bin of the unit's value, and label of the pixel.

    Args:
        edges: of the bins; histograms merge only when theirs are equal.
        n_labels: number of labels; label 0 means none and is not counted.
    """

    def __init__(self, edges: Edges, n_labels: int) -> None:
        self.edges, self.n_labels = edges, n_labels
        device, units = edges.origin.device, len(edges.origin)
        # Column 0 of `joint` is where unlabelled pixels go; nothing reads it.
        self.joint = torch.zeros(units, edges.n_bins, n_labels + 1, dtype=torch.int64, device=device)
        self.alone = torch.zeros(units, edges.n_bins, dtype=torch.int64, device=device)

    @staticmethod
    def bins_that_fit(units: int, n_labels: int, wanted: int = 512) -> int:
        """Number of bins, at most `wanted`, with which the counts stay within `MOST_BYTES`."""
        return max(2, min(wanted, MOST_BYTES // (8 * units * (n_labels + 2))))

    def add(self, unit: Int[Tensor, " pixel"], bins: Int[Tensor, " pixel"], labels: Sequence[Tensor]) -> None:
        """Count pixels.

        Args:
            unit: whose value it is.
            bins: bin of that value.
            labels: the pixels' labels, one tensor a slot.
        """
        row = unit * self.edges.n_bins + bins
        self.alone += torch.bincount(row, minlength=self.alone.numel()).view_as(self.alone)
        row = row * (self.n_labels + 1)
        ones = torch.ones((), dtype=torch.int64, device=row.device)
        for label in labels:
            code = row + label
            self.joint.view(-1).index_add_(0, code, ones.expand(len(code)))

    def place_of(self, n_above: Num[Tensor, " unit"]) -> Float[Tensor, " unit"]:
        """Place among the bins above which so many of a unit's pixels lie.

        It is the lower edge of the first bin when the histogram holds fewer. A bin that holds the unit's highest values
        is never split: pixels that share one value are either all above a threshold or none.
        """
        above = self.alone.flip(1).cumsum(1).flip(1).double()  # (unit bin) pixels in this bin or higher
        n_above = n_above.to(above)[:, None]
        inside = (above >= n_above).sum(1) - 1  # the bin in which the wanted place lies, -1 when below all
        bin_ = inside.clamp(min=0)[:, None]
        here = self.alone.gather(1, bin_).double().clamp(min=1)
        share = ((above.gather(1, bin_) - n_above) / here).clamp(0, 1)
        highest = above.gather(1, bin_) - self.alone.gather(1, bin_) == 0
        place = bin_ + torch.where(highest, 0.0, share)
        return torch.where(inside < 0, 0.0, place.squeeze(1))

    def above(self, place: Float[Tensor, " unit"]) -> tuple[Float[Tensor, " unit"], Float[Tensor, "unit label"]]:
        """Pixels, and pixels of each label, above a place among the bins; interpolated inside one bin."""
        bin_ = place.long().clamp(0, self.edges.n_bins - 1)
        keep = 1 - (place.double() - bin_)  # the share of that bin which lies above
        later = torch.arange(self.edges.n_bins, device=place.device) > bin_[:, None]
        alone = (self.alone * later).sum(1) + keep * self.alone.gather(1, bin_[:, None]).squeeze(1)
        at_bin = self.joint.gather(1, bin_[:, None, None].expand(-1, 1, self.joint.shape[2])).squeeze(1)
        weights = later.double()[:, None]  # exact: counts stay below 2**53
        joint = (weights @ self.joint.double()).squeeze(1) + keep[:, None] * at_bin
        return alone, joint[:, 1:]

    def merge(self, other: "JointHistogram") -> None:
        """Add another's counts.

        Raises:
            ValueError: it has other edges or labels.
        """
        if not self.edges.same_as(other.edges) or self.n_labels != other.n_labels:
            raise ValueError("`other` must have the same edges and labels: calibrate once and hand the edges on")
        self.joint += other.joint.to(self.joint.device)
        self.alone += other.alone.to(self.alone.device)

    def state(self) -> State:
        """Everything, as tensors; the edges are part of it."""
        return self.edges.state() | {"joint": self.joint.clone(), "alone": self.alone.clone()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "JointHistogram":
        """The histogram whose `state` this was."""
        self = cls(Edges.from_state(state), state["joint"].shape[2] - 1)
        self.joint, self.alone = state["joint"].clone(), state["alone"].clone()
        return self


class TopK:
    """The k highest values of every unit, exactly; of equal values the one of the earlier image.

    Args:
        units: number of units.
        k: how many to keep.
        map_shape: (height, width) of a map that is kept with each value; None keeps none.
        device: where to keep them.

    Attributes:
        value: (unit k) descending, -inf where there are fewer.
        index: (unit k) number of the image, -1 where there are fewer.
        maps: (unit k height width), or None.
    """

    def __init__(
        self, units: int, k: int, map_shape: tuple[int, int] | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.value = torch.full((units, k), -torch.inf, device=device)
        self.index = torch.full((units, k), -1, dtype=torch.int64, device=device)
        self.maps = None if map_shape is None else torch.zeros(units, k, *map_shape, device=device)

    def add(
        self,
        value: Float[Tensor, "unit candidate"],
        index: Int[Tensor, "unit candidate"],
        maps: Float[Tensor, "unit candidate height width"] | None = None,
    ) -> None:
        """Offer further values; -inf is never taken."""
        units, k = self.value.shape
        # Only candidates that reach the standing k-th value can enter, so most batches end here.
        if not (value >= self.value[:, -1:]).logical_and(value > -torch.inf).any():
            return
        values, indices = torch.cat([self.value, value], 1), torch.cat([self.index, index], 1)
        by_index = indices.argsort(dim=1, stable=True)
        order = values.gather(1, by_index).argsort(dim=1, descending=True, stable=True)
        chosen = by_index.gather(1, order)[:, :k]
        self.value, self.index = values.gather(1, chosen), indices.gather(1, chosen)
        self.index[self.value == -torch.inf] = -1
        if self.maps is not None:
            rows = torch.arange(units, device=chosen.device)[:, None].expand_as(chosen)
            kept = self.maps[rows, chosen.clamp(max=k - 1)]
            new = chosen >= k
            kept[new] = maps[rows[new], chosen[new] - k]
            self.maps = kept

    def merge(self, other: "TopK") -> None:
        """Offer another's values, of other images."""
        kept, given = (
            [tuple(part.shape) for part in (top.value, top.maps) if part is not None] for top in (self, other)
        )
        if kept != given:
            raise ValueError(f"`other` must keep {kept} (values: unit k; maps: unit k height width), got {given}")
        device = self.value.device
        self.add(*(None if part is None else part.to(device) for part in (other.value, other.index, other.maps)))

    def state(self) -> State:
        """Everything, as tensors."""
        parts = {"value": self.value, "index": self.index, "maps": self.maps}
        return {name: part.clone() for name, part in parts.items() if part is not None}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "TopK":
        """The accumulator whose `state` this was."""
        self = cls(*state["value"].shape)
        self.value, self.index = state["value"].clone(), state["index"].clone()
        self.maps = state["maps"].clone() if "maps" in state else None
        return self


class Moments:
    """Mean and covariance of rows of whole numbers (pixel counts), exact whatever the order.

    Args:
        columns: numbers in a row.
    """

    def __init__(self, columns: int) -> None:
        self.n = 0
        self.total = torch.zeros(columns, dtype=torch.int64)
        self.product = torch.zeros(columns, columns, dtype=torch.int64)

    def add(self, rows: Int[Tensor, "row column"]) -> None:
        """Take in further rows.

        Raises:
            TypeError: not whole numbers.
            ValueError: a number whose square float64 does not hold exactly.
        """
        if rows.is_floating_point():
            raise TypeError(f"`rows` must be whole numbers, got {rows.dtype}; count pixels, or scale and round first")
        exact = rows.double()
        largest = float(exact.abs().max()) if exact.numel() else 0.0
        at_once = int(2**53 // max(largest, 1.0) ** 2)  # sums of products up to 2**53 are exact in float64
        if at_once < 1:
            raise ValueError(f"`rows` must hold numbers up to {int(2**26.5):,}, got {largest:,.0f}")
        self.n += len(rows)
        self.total += rows.sum(0)
        for part in exact.split(min(at_once, 1024)):
            self.product += (part.T @ part).long()

    def merge(self, other: "Moments") -> None:
        """Take in the rows another has seen."""
        if self.total.shape != other.total.shape:
            raise ValueError(f"`other` must have {len(self.total)} columns, got {len(other.total)}")
        self.n += other.n
        self.total += other.total
        self.product += other.product

    def mean(self) -> Float[np.ndarray, " column"]:
        """Mean of the rows.

        Raises:
            ValueError: there is none.
        """
        if self.n < 1:
            raise ValueError("`mean` needs at least 1 row, got 0")
        return self.total.double().numpy() / self.n

    def covariance(self) -> Float[np.ndarray, "column column"]:
        """Covariance of the rows, with n − 1.

        Raises:
            ValueError: fewer than two rows.
        """
        if self.n < 2:
            raise ValueError(f"`covariance` needs at least 2 rows, got {self.n}")
        total = self.total.numpy().astype(object)  # Python's integers: the difference of two large numbers stays exact
        product = self.product.numpy().astype(object) * self.n - total[:, None] * total[None]
        return product.astype(np.float64) / (self.n * (self.n - 1))

    def state(self) -> State:
        """Everything, as tensors."""
        return {"n": torch.tensor(self.n), "total": self.total.clone(), "product": self.product.clone()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "Moments":
        """The moments whose `state` this was."""
        self = cls(len(state["total"]))
        self.n, self.total, self.product = int(state["n"]), state["total"].clone(), state["product"].clone()
        return self
