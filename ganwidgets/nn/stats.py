"""Statistics that merge exactly: split a run over machines, stop it, resume it, and get the same answer bit for bit.

Everything counted is a whole number in int64, so the order of addition cannot matter. Every accumulator has `add`,
`merge` (of one that saw other images), `state` (a dict of tensors, for a file) and `from_state`.

- `Counts`: named tensors of counts.
- `TopK`: the k highest values of every unit, which image each came from, and a map of it.
- `Moments`: mean and covariance of whole numbers.

`histograms.py` has joint histograms of values and labels.
"""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

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
