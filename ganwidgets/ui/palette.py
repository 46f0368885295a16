"""Colours shared by the pictures made in Python and the ones drawn in the browser.

Categories take the Okabe-Ito colours (distinguishable with every common colour vision) in a fixed order; concepts of a
segmentation take evenly turned hues, because there may be hundreds of them.
"""

import colorsys
from collections.abc import Sequence

CATEGORY_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8C8C8C")
"""Okabe-Ito, in the order in which categories take them; js/lib/colour.ts holds the same list."""

NOTHING = (222, 222, 222)
"""The colour of pixels where the segmenter predicts nothing."""

_GOLDEN = 0.61803398875
_LEVELS = ((0.62, 0.88), (0.78, 0.62), (0.42, 0.96), (0.85, 0.78))  # (saturation, value), taken in turn


def concept_color(index: int) -> tuple[int, int, int]:
    """The (red, green, blue) in 0-255 of the concept with this 0-based index, the same in every run.

    Raises:
        ValueError: when `index` is negative.
    """
    if index < 0:
        raise ValueError(f"`index` must be 0 or more (the 0-based position of a concept), got {index}.")
    hue = (0.56 + index * _GOLDEN) % 1.0
    saturation, value = _LEVELS[index % len(_LEVELS)]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def category_color(category: str, groups: Sequence[str]) -> str:
    """The hex colour of a category: its position among `groups`; grey for one that is not listed."""
    if category not in groups:
        return CATEGORY_COLORS[-1]
    return CATEGORY_COLORS[list(groups).index(category) % len(CATEGORY_COLORS)]


def legend(concepts: Sequence[str]) -> list[dict[str, str]]:
    """Names and hex colours of concepts, in their order, as ``UnitGrid.legend`` takes them."""
    return [{"name": name, "color": "#{:02x}{:02x}{:02x}".format(*concept_color(i))} for i, name in enumerate(concepts)]
