"""Which directions of key space a rule is about: context directions from painted examples.

An edit changes the weight only along a few directions d. To answer to the keys of the examples and hardly to others, d
has to be large on the one and small on the average of the other: d = C⁻¹ k for one key, with the second moment C of all
keys. For many keys there are four ways (`METHODS`), all giving orthonormal rows:

- zca: whiten the keys, each weighted by how much its place is painted, take their main directions (an uncentred
  singular value decomposition), whiten those once more. The default, and the original's.
- svd: the main directions of C⁻¹ k.
- mean: the normalised mean of C⁻¹ k; rank 1 only.
- units: single key units, those whose values at the examples are rarest in the sample; one-hot rows.

A row points the way the examples do: its product with the sum of the (whitened) keys is not negative.

Source: Bau et al., "Rewriting a Deep Generative Model" (2020), section 4 and its code; units: Bau et al., "GAN
Dissection" (2019), as used there for comparison.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.nn.linalg import agreeing_signs, orthonormal_rows, spectrum
from ganwidgets.rewrite.editable import EditableLayer
from ganwidgets.rewrite.examples import Example, example_keys
from ganwidgets.rewrite.keys import KeyStatistics, Progress
from ganwidgets.rewrite.rarity import rarity

METHODS = ("zca", "svd", "mean", "units")
TINY = 1e-6
"""A direction counts as spanned by the examples if it holds this part of the main one: keys are float32."""


class RankTooHigh(ValueError):  # noqa: N818 - says what is too high
    """More directions were asked for than the examples span.

    Attributes:
        spanned: the highest rank there is.
    """

    def __init__(self, rank: int, spanned: int, n_examples: int, method: str) -> None:
        super().__init__(
            f"`rank` must be from 1 to {spanned} for these {n_examples} examples and method {method!r}, got "
            f"{rank}. Take {spanned}, or paint more places that differ"
        )
        self.spanned = spanned


def context_directions(
    editable: EditableLayer,
    examples: Sequence[Example],
    z: Float[Tensor, "image *latent"],
    statistics: KeyStatistics,
    rank: int = 1,
    method: str = "zca",
    *,
    damping: float | int = 0.0,
    legacy: bool = False,
    warn: bool = True,
    progress: Progress = lambda fraction: None,
) -> Float[Tensor, "rank key_dim"]:
    """Orthonormal directions that the keys of the examples have and others have not, most important first.

    The same input gives the same directions.

    Args:
        editable: the layer.
        examples: painted regions, any number.
        z: the sample; numbers of the examples are those of its latents.
        statistics: of the layer's keys.
        rank: number of directions.
        method: one of `METHODS`.
        damping: of the second moment, in units of its mean eigenvalue; 0 as in the original.
        legacy: resize regions as the original does.
        warn: of a second moment that is singular; else `singular_note` says it.
        progress: called with the share done ("units" runs the sample).

    Raises:
        ValueError: a rank above what the examples span (`RankTooHigh`), another method, no examples, one that paints
            nothing, or one of a picture that the sample does not hold.
    """
    rows = _rows(editable, examples, z, statistics, method, damping, legacy, progress)
    if warn:
        _warn(singular_note(statistics, method, damping))
    values, directions = _main_directions(rows, method)
    if not 1 <= rank <= len(values):
        raise RankTooHigh(rank, len(values), len(examples), method)
    directions = directions[:rank]
    if method == "zca":
        directions = orthonormal_rows(directions @ statistics.spectrum.power(-0.5, damping))
    return agreeing_signs(directions, rows.sum(0)).to(editable.W0)


def largest_rank(
    editable: EditableLayer,
    examples: Sequence[Example],
    z: Float[Tensor, "image *latent"],
    statistics: KeyStatistics,
    method: str = "zca",
    *,
    damping: float | int = 0.0,
    legacy: bool = False,
    warn: bool = True,
    progress: Progress = lambda fraction: None,
) -> int:
    """The largest rank `context_directions` takes for these examples: how many directions their keys span."""
    rows = _rows(editable, examples, z, statistics, method, damping, legacy, progress)
    if warn:
        _warn(singular_note(statistics, method, damping))
    return len(_main_directions(rows, method)[0])


def match_key(
    editable: EditableLayer,
    example: Example,
    z: Float[Tensor, "image *latent"],
    statistics: KeyStatistics,
    *,
    damping: float | int = 0.0,
    legacy: bool = False,
    warn: bool = True,
) -> Float[Tensor, " key_dim"]:
    """The key to find places like a painted one with: the normalised C⁻¹ times its mean key."""
    options = {"method": "mean", "damping": damping, "legacy": legacy, "warn": warn}
    return context_directions(editable, [example], z, statistics, **options)[0]


def singular_note(statistics: KeyStatistics, method: str = "zca", damping: float | int = 0.0) -> str:
    """What one should know of a second moment that is singular, as a sentence; "" if it is not, or does not count."""
    if method == "units" or damping:
        return ""
    return _singular(statistics.n_silent, len(statistics.second_moment))


def whitening(
    second_moment: Float[Tensor, "key_dim key_dim"], damping: float | int = 0.0
) -> Float[Tensor, "key_dim key_dim"]:
    """The symmetric matrix that makes keys white: C^(−1/2), float64.

    Args:
        second_moment: C.
        damping: added to every eigenvalue, in units of their mean; 0 as in the original, but directions that do not
            occur are left out instead of being blown up, and a warning says so.

    Raises:
        ValueError: not a second moment, or damping negative.
    """
    found = spectrum(second_moment)
    _warn("" if damping else _singular(found.n_silent, len(second_moment)))
    return found.power(-0.5, damping)


def _rows(
    editable: EditableLayer,
    examples: Sequence[Example],
    z: Tensor,
    statistics: KeyStatistics,
    method: str,
    damping: float | int,
    legacy: bool,
    progress: Any = lambda fraction: None,
) -> Float[Tensor, "row key_dim"]:
    """What the directions are made of: weighted, whitened keys; one mean key; or one score for each unit."""
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {list(METHODS)}, got {method!r}")
    statistics.check_fits(editable)
    keys, painted = example_keys(editable, examples, z, legacy=legacy)
    if method == "units":
        return (painted @ rarity(editable, keys, z, progress=progress))[None] / painted.sum()
    rows = painted[:, None] * keys
    if method == "mean":
        rows = rows.sum(0, keepdim=True)
    return rows @ statistics.spectrum.power(-0.5 if method == "zca" else -1, damping)


def _main_directions(rows: Tensor, method: str) -> tuple[Tensor, Tensor]:
    """How much the rows hold of their main directions, as singular values, and these; only what they span.

    Units are directions as they are, and the only row holds their scores.
    """
    n_rows, key_dim = rows.shape
    if method == "units":
        values, order = rows[0].sort(descending=True, stable=True)
        return values, torch.eye(key_dim, dtype=rows.dtype)[order]
    if n_rows > key_dim:  # the eigenvectors of rowsᵀ rows, which is smaller
        squares, vectors = torch.linalg.eigh(rows.T @ rows)
        values, directions = squares.clamp(min=0).sqrt().flip(0), vectors.T.flip(0)
    else:
        _, values, directions = torch.linalg.svd(rows, full_matrices=False)
    if not values[0] > 0:
        raise ValueError("`examples` must hold keys that occur in the sample, but theirs are zero there")
    n_spanned = int((values > TINY * values[0]).sum())
    return values[:n_spanned], directions[:n_spanned]


def _singular(n_silent: int, key_dim: int) -> str:
    if not n_silent:
        return ""
    return (
        f"The second moment is singular: {n_silent} of {key_dim} directions of the keys do not occur in the sample and "
        "are left out. That is right for units that are always 0; else take a larger sample, or damping."
    )


def _warn(note: str) -> None:
    if note:
        warnings.warn(note, stacklevel=3)
