"""Small linear algebra of low-rank edits: powers of a second moment, directions in a layer's keys, weight changes.

`spectrum` says which directions of key space occur at all, and its `power` gives whitening and inverse without ever
dividing by nothing; `orthonormal_rows` and `agreeing_signs` make directions definite; `expand_update` writes a low-rank
update in the layout of a weight.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

KINDS = ("plain", "transposed", "modulated")
"""How a convolution stores its weight: (O I h w), (I O h w), (1 O I h w)."""

_LAYOUTS = {"plain": "orhw,ri->oihw", "transposed": "orhw,ri->iohw", "modulated": "orhw,ri->oihw"}


def expand_update(
    update: Float[Tensor, "unit rank kh kw"], context: Float[Tensor, "rank key_dim"], kind: str
) -> Float[Tensor, "..."]:
    """The change of a weight, in its stored layout, that a low-rank update along context directions means.

    Args:
        update: what each kernel tap of each unit adds for each direction.
        context: the directions.
        kind: one of `KINDS`.

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {list(KINDS)}, got {kind!r}")
    change = torch.einsum(_LAYOUTS[kind], update, context.to(update))
    return change[None] if kind == "modulated" else change


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Directions of key space and how much of them occurs: eigenvalues and eigenvectors of a second moment.

    Attributes:
        values: ascending.
        vectors: one a column.
        n_silent: how many of the values are no more than rounding: directions that do not occur.
    """

    values: Float[Tensor, " direction"]
    vectors: Float[Tensor, "key_dim direction"]
    n_silent: int

    def power(self, power: float | int, damping: float | int = 0.0) -> Float[Tensor, "key_dim key_dim"]:
        """A power of the second moment, float64: −1/2 whitens keys, −1 is the inverse.

        Without damping, directions that do not occur are left out: what ever smaller damping tends to, for every key
        of the sample.

        Args:
            power: of the eigenvalues.
            damping: added to every eigenvalue, in units of their mean; 0 adds nothing.

        Raises:
            ValueError: damping negative or not finite.
        """
        if not 0 <= damping < float("inf"):
            raise ValueError(f"`damping` must be 0 or more, in units of the mean eigenvalue, got {damping}")
        occurring = self.values.clamp(min=0)
        damped = occurring + damping * float(occurring.mean())
        kept = slice(0 if damping else self.n_silent, None)
        scale = torch.zeros_like(damped)
        scale[kept] = damped[kept] ** power
        return (self.vectors * scale) @ self.vectors.T


def spectrum(second_moment: Float[Tensor, "key_dim key_dim"]) -> Spectrum:
    """Eigenvalues and eigenvectors of a second moment, in float64.

    Raises:
        ValueError: not square, finite and symmetric, or zero.
    """
    matrix = second_moment.double()
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"`second_moment` must be square, got {tuple(matrix.shape)}")
    if not matrix.isfinite().all():
        raise ValueError("`second_moment` must be finite, got NaN or infinity: is every key of the sample finite?")
    precision = len(matrix) * torch.finfo(second_moment.dtype).eps
    largest = float(matrix.abs().max())
    if not largest > 0:
        raise ValueError("`second_moment` must not be zero: no key of the sample differs from 0")
    if float((matrix - matrix.T).abs().max()) > 4 * precision * largest:
        raise ValueError("`second_moment` must be symmetric")
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return Spectrum(values, vectors, int((values <= precision * float(values[-1])).sum()))


def orthonormal_rows(rows: Float[Tensor, "rank key_dim"]) -> Float[Tensor, "rank key_dim"]:
    """Orthonormal rows; the first k span what the first k given rows span."""
    basis, _ = torch.linalg.qr(rows.T)
    return basis.T.contiguous()


def agreeing_signs(
    rows: Float[Tensor, "rank key_dim"], toward: Float[Tensor, " key_dim"]
) -> Float[Tensor, "rank key_dim"]:
    """Rows turned so that none points away from `toward`; one at right angles to it has its largest entry positive."""
    along = rows @ toward
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))[:, 0]
    clear = along.abs() > 1e-9 * rows.norm(dim=1) * toward.norm()
    return rows * torch.where(torch.where(clear, along, largest) < 0, -1.0, 1.0).to(rows)[:, None]
