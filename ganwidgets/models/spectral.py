"""Weights that were trained with spectral normalisation, as the plain weights they stand for.

Training keeps the unnormalised weight W and two vectors u and v; what the layer uses is W / (uᵀ W v). A network that is
only looked at needs the quotient alone, and layers with plain weights can be edited like any other.
"""

from collections.abc import Mapping

from torch import Tensor

_OLD = ".weight_orig"
_NEW = ".parametrizations.weight.original"


def without_spectral_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with each spectrally normalised one replaced by what its layer uses; others as they are.

    Raises:
        ValueError: a weight whose vectors are missing or of another size.
    """
    plain = dict(state)
    for key in state:
        if key.endswith(_OLD):
            path = key.removesuffix(_OLD)
            vectors = f"{path}.weight_u", f"{path}.weight_v"
        elif key.endswith(_NEW):
            path = key.removesuffix(_NEW)
            vectors = f"{path}.parametrizations.weight.0._u", f"{path}.parametrizations.weight.0._v"
        else:
            continue
        parts = [plain.pop(name, None) for name in vectors]
        plain[f"{path}.weight"] = _normalised(key, plain.pop(key), *parts)
    return plain


def _normalised(key: str, weight: Tensor, u: Tensor | None, v: Tensor | None) -> Tensor:
    if u is None or v is None:
        raise ValueError(f"{key} must come with its vectors u and v (spectral normalisation), but they are missing")
    # The output axis is the first, but the second of a transposed convolution. Where both fit, the right one is the one
    # along which u and v are singular vectors, and so give the larger quotient.
    axes = (0, 1) if weight.ndim > 2 else (0,)
    matrices = [weight.movedim(axis, 0).flatten(1) for axis in axes]
    fitting = [u @ (matrix @ v) for matrix in matrices if matrix.shape == (u.numel(), v.numel())]
    if not fitting:
        raise ValueError(
            f"{key} must fit its vectors u and v (spectral normalisation), got {tuple(weight.shape)} with "
            f"{u.numel()} and {v.numel()}"
        )
    return weight / max(fitting)
