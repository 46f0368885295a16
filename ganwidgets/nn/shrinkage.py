"""A covariance that can be inverted from few images: shrunk towards equal variances, by as much as the data ask for.

Source: Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
Multivariate Analysis 88 (2004).
"""

import numpy as np
from jaxtyping import Float, Num


def ledoit_wolf(rows: Num[np.ndarray, "image column"]) -> tuple[Float[np.ndarray, "column column"], float]:
    """(1 − δ) S + δ · (tr S / columns) · I, and δ in [0, 1], with S the covariance over images (divided by n).

    Raises:
        ValueError: fewer than two images.
    """
    amount, scale = shrinkage(rows)
    centred = np.asarray(rows, float) - rows.mean(0)
    sample = centred.T @ centred / len(rows)
    return (1 - amount) * sample + amount * scale * np.eye(rows.shape[1]), amount


def shrinkage(rows: Num[np.ndarray, "image column"]) -> tuple[float, float]:
    """δ and tr S / columns of `ledoit_wolf`, without a matrix larger than the shorter side of the rows.

    Raises:
        ValueError: fewer than two images.
    """
    n, columns = rows.shape
    if n < 2:
        raise ValueError(f"`rows` must hold at least 2 images, got {n}")
    centred = np.asarray(rows, float) - rows.mean(0)
    squares = np.square(centred).sum(1)
    # Both products have the same sum of squares, n² times that of S.
    product = centred @ centred.T if n < columns else centred.T @ centred
    norm, scale = np.square(product / n).sum(), squares.sum() / n / columns
    far = norm - columns * scale**2  # squared distance of S from its target
    # Of the squares of x xᵀ only the sum is needed: Σ over images of |x|⁴.
    noise = (np.square(squares).sum() / n - norm) / n
    return (0.0 if far <= 0 else float(min(max(noise / far, 0.0), 1.0))), float(scale)
