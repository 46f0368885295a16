"""Rotations of a space of units: a random one, and the same turn by a share of it.

Source: Bau, Zhou, Khosla, Oliva, Torralba, "Network Dissection", CVPR 2017. Their reordering of rows ("unpermute") only
names axes and is left out.
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import schur


def random_rotation(n: int, seed: int = 0) -> Float[np.ndarray, "axis unit"]:
    """A rotation of n dimensions, uniform over all of them (determinant 1)."""
    q, r = np.linalg.qr(np.random.RandomState(seed).standard_normal((n, n)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[0] = -q[0]
    return q


def rotation_power(rotation: Float[np.ndarray, "axis unit"], alpha: float | int) -> Float[np.ndarray, "axis unit"]:
    """Q^α: the same turn, but only a share α of it; 0 is none, 1 the rotation itself.

    Raises:
        ValueError: not a rotation.
    """
    n = len(rotation)
    if not np.allclose(rotation @ rotation.T, np.eye(n), atol=1e-8) or np.linalg.det(rotation) < 0:
        raise ValueError("`rotation` must be orthogonal with determinant 1; random_rotation(n) makes one")
    blocks, basis = schur(rotation, output="real")
    turned, place, flipped = np.eye(n), 0, []
    while place < n:
        if place + 1 < n and abs(blocks[place + 1, place]) > 1e-10:  # a turn in a plane
            angle = alpha * np.arctan2(blocks[place + 1, place], blocks[place, place])
            _turn(turned, place, place + 1, angle)
            place += 2
            continue
        if blocks[place, place] < 0:
            flipped.append(place)
        place += 1
    for first, second in zip(flipped[::2], flipped[1::2], strict=True):  # two axes turned round: half a turn
        _turn(turned, first, second, alpha * np.pi)
    return basis @ turned @ basis.T


def _turn(matrix: np.ndarray, first: int, second: int, angle: float) -> None:
    """Write a turn in the plane of two axes into an identity matrix."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix[[first, first, second, second], [first, second, first, second]] = cos, -sin, sin, cos
