import re
from pathlib import Path

import numpy as np
import pytest

from ganwidgets.ui import palette


def test_colours_of_concepts_do_not_change_and_differ() -> None:
    assert [palette.concept_color(i) for i in range(3)] == [(0, 0, 255), (0, 255, 0), (255, 0, 0)]
    assert len({palette.concept_color(i) for i in range(1200)}) == 1200
    assert palette.concept_color(100_000) == palette.concept_color(100_000)  # more than there are: they come again


@pytest.mark.parametrize(("n", "least_lab", "least_rgb"), [(17, 40, 70), (60, 22, 30), (150, 15, 30)])
def test_colours_of_concepts_look_unlike(n: int, least_lab: float, least_rgb: int) -> None:
    colours = np.array([palette.concept_color(i) for i in range(n)] + [palette.NOTHING])
    lab = cielab(colours)
    pairs = [(i, j) for i in range(n + 1) for j in range(i)]
    assert min(np.linalg.norm(lab[i] - lab[j]) for i, j in pairs) > least_lab  # 2.3 is just noticeable
    assert min(np.abs(colours[i] - colours[j]).sum() for i, j in pairs) >= least_rgb


def cielab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB colours by the textbook, to judge the palette by other code than its own."""
    rows = []
    for colour in rgb:
        r, g, b = (((c / 255 + 0.055) / 1.055) ** 2.4 if c > 10 else c / 255 / 12.92 for c in colour)
        x, y, z = (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
        )
        fx, fy, fz = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
        rows.append((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)))
    return np.array(rows)


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        palette.concept_color(-1)


def test_the_legend_names_every_colour() -> None:
    assert palette.legend(["sky", "tree"]) == [
        {"name": "sky", "color": "#0000ff"},
        {"name": "tree", "color": "#00ff00"},
    ]


def test_categories_take_okabe_ito_in_the_given_order_as_in_the_browser() -> None:
    assert palette.category_color("part", ["object", "part"]) == palette.CATEGORY_COLORS[1]
    assert palette.category_color("other", ["object"]) == palette.CATEGORY_COLORS[-1]
    source = Path(__file__).parents[2] / "js" / "lib" / "colour.ts"
    if not source.is_file():
        pytest.skip("the sources of the bundles are not here")
    listed = re.search(r"CATEGORY_COLOURS = \[(.*?)\]", source.read_text(), re.DOTALL)
    assert listed is not None
    assert tuple(re.findall(r'"(#\w+)"', listed[1])) == palette.CATEGORY_COLORS
