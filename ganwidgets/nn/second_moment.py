"""The uncentred second moment of very many vectors, in float64, whatever the order in which they come.

A sum of a million products rounds differently in another order. Here the rounding error of every addition is kept
beside the sum (Knuth's two-sum), so the sum is as good as in twice the precision: groups of rows may be added in any
order and merged in any grouping, and the result in float64 is the same bit for bit, except where the true sum lies
within about 2^-50 of half way between two numbers. What it cannot repair is how the rows were grouped: the product of
one group is an ordinary matrix product, so add the rows of one image at a time.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

State = dict[str, Tensor]


class SecondMoment:
    """Mean of x xᵀ over rows x.

    Args:
        columns: numbers in a row.
        device: where to keep it.

    Attributes:
        n: rows seen.
    """

    def __init__(self, columns: int, device: torch.device | str = "cpu") -> None:
        self.n = 0
        self.total = torch.zeros(columns, columns, dtype=torch.float64, device=device)
        self.rest = torch.zeros_like(self.total)  # what rounding took from `total`

    def add(self, rows: Float[Tensor, "row column"]) -> None:
        """Take in a group of further rows, e.g. those of one image.

        Raises:
            ValueError: another number of columns, or rows that are not finite.
        """
        if rows.ndim != 2 or rows.shape[1] != len(self.total):
            raise ValueError(f"`rows` must be (row, {len(self.total)}), got {tuple(rows.shape)}")
        rows = rows.to(self.total)
        product = rows.T @ rows
        if not product.isfinite().all():
            raise ValueError("`rows` must be finite, got NaN or infinity")
        self.n += len(rows)
        self._take(product)

    def merge(self, other: "SecondMoment") -> None:
        """Take in the rows another has seen.

        Raises:
            ValueError: it has another number of columns.
        """
        if self.total.shape != other.total.shape:
            raise ValueError(f"`other` must have {len(self.total)} columns, got {len(other.total)}")
        self.n += other.n
        self._take(other.total.to(self.total))
        self.rest += other.rest.to(self.rest)

    def mean(self) -> Float[Tensor, "column column"]:
        """The second moment E[x xᵀ].

        Raises:
            ValueError: there are no rows.
        """
        if self.n < 1:
            raise ValueError("`mean` needs at least 1 row, got 0")
        return (self.total + self.rest) / self.n

    def state(self) -> State:
        """Everything, as tensors."""
        return {"n": torch.tensor(self.n), "total": self.total.clone(), "rest": self.rest.clone()}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "SecondMoment":
        """The moment whose `state` this was."""
        self = cls(len(state["total"]), state["total"].device)
        self.n, self.total, self.rest = int(state["n"]), state["total"].clone(), state["rest"].clone()
        return self

    def _take(self, part: Tensor) -> None:
        total = self.total + part
        added = total - self.total
        self.rest += (self.total - (total - added)) + (part - added)
        self.total = total
