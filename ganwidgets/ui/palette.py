"""Colours shared by the pictures made in Python and the ones drawn in the browser.

Categories take the Okabe-Ito colours (distinguishable with every common colour vision) in a fixed order; concepts of a
segmentation take colours as unlike each other as there are, because there may be hundreds of them.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

CATEGORY_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8C8C8C")
"""Okabe-Ito, in the order in which categories take them; js/lib/colour.ts holds the same list."""

NOTHING = (222, 222, 222)
"""The colour of pixels where the segmenter predicts nothing."""

_LIGHTNESS = (32.0, 88.0)  # of the colours, so that all of them stand out from white, black and each other


def concept_color(index: int) -> tuple[int, int, int]:
    """The (red, green, blue) in 0-255 of the concept with this 0-based index, the same in every run.

    Each colour is the one that looks most unlike all before it and unlike `NOTHING`, so that the first ones, of which a
    segmenter with few concepts has no others, differ most.

    Raises:
        ValueError: when `index` is negative.
    """
    if index < 0:
        raise ValueError(f"`index` must be 0 or more (the 0-based position of a concept), got {index}.")
    made = 64
    while made <= index and made < len(_candidates()[0]):
        made *= 2
    colours = _apart(made)
    return colours[index % len(colours)]


@lru_cache
def _candidates() -> tuple[np.ndarray, np.ndarray]:
    """Colours to choose from: (colour rgb) in 0-255, and the same in CIELAB."""
    levels = np.arange(0, 256, 15)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    lab = _lab(rgb)
    usable = (lab[:, 0] >= _LIGHTNESS[0]) & (lab[:, 0] <= _LIGHTNESS[1])
    return rgb[usable], lab[usable]


@lru_cache
def _apart(n: int) -> list[tuple[int, int, int]]:
    """The first `n` colours, each as far as possible from those before it (Gonzalez 1985), and from `NOTHING`."""
    rgb, lab = _candidates()
    nearest = np.linalg.norm(lab - _lab(np.array([NOTHING])), axis=1)
    chosen = []
    for _ in range(min(n, len(rgb))):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(lab - lab[chosen[-1]], axis=1))
    return [(int(r), int(g), int(b)) for r, g, b in rgb[chosen]]


def _lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of sRGB colours (colour rgb) in 0-255."""
    share = rgb / 255.0
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T / _TO_XYZ.sum(1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * 29**2 / (3 * 6**2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def category_color(category: str, groups: Sequence[str]) -> str:
    """The hex colour of a category: its position among `groups`; grey for one that is not listed."""
    if category not in groups:
        return CATEGORY_COLORS[-1]
    return CATEGORY_COLORS[list(groups).index(category) % len(CATEGORY_COLORS)]


def legend(concepts: Sequence[str]) -> list[dict[str, str]]:
    """Names and hex colours of concepts, in their order, as ``UnitGrid.legend`` takes them."""
    return [{"name": name, "color": "#{:02x}{:02x}{:02x}".format(*concept_color(i))} for i, name in enumerate(concepts)]


_VIRIDIS = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725")
_LOSS, _MIDDLE, _GAIN = (213, 94, 0), (246, 246, 247), (0, 114, 178)
_INK = (31, 35, 40)


def viridis(share: float | int) -> tuple[int, int, int]:
    """The (red, green, blue) in 0-255 of viridis at `share` of its range; ends are kept beyond 0 and 1."""
    at = min(max(share, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    low = min(int(at), len(_VIRIDIS) - 2)
    return _mix(_channels(_VIRIDIS[low]), _channels(_VIRIDIS[low + 1]), at - low)


def diverging(share: float | int) -> tuple[int, int, int]:
    """The (red, green, blue) in 0-255 of losses (-1, vermilion) over nothing (0, near white) to gains (1, blue)."""
    inside = min(max(share, -1.0), 1.0)
    return _mix(_MIDDLE, _LOSS if inside < 0 else _GAIN, abs(inside))


def pen_color(color: str) -> str:
    """A hex colour as a thin line or a small mark on white: nearer to the ink, so that yellow can be seen."""
    return "#{:02x}{:02x}{:02x}".format(*_mix(_INK, _channels(color.lstrip("#")), 0.8))


def _channels(color: str) -> tuple[int, int, int]:
    red, green, blue = (int(color[i : i + 2], 16) for i in (0, 2, 4))
    return red, green, blue


def _mix(first: tuple[int, int, int], second: tuple[int, int, int], share: float | int) -> tuple[int, int, int]:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
