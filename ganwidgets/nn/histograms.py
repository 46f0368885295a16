"""Joint histograms that merge exactly: how often a unit's value falls into a bin while a pixel carries a label.

`Edges` says which values a bin holds; `JointHistogram` counts. Quantiles and counts above any value are read from it
afterwards, by interpolation inside one bin. As in `stats.py`, everything counted is a whole number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from ganwidgets.nn.stats import State

MOST_BYTES = 2**26
"""A joint histogram takes at most 64 MiB: with many units and concepts its bins become fewer."""


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
