import re
from pathlib import Path

import pytest

from ganwidgets.ui import palette


def test_colours_of_concepts_do_not_change_and_differ() -> None:
    assert [palette.concept_color(i) for i in range(2)] == [(85, 174, 224), (150, 158, 35)]
    colours = [palette.concept_color(i) for i in range(64)]
    assert len(set(colours)) == 64
    pairs = [(x, y) for i, x in enumerate(colours[:17]) for y in colours[:i]]
    assert min(sum(abs(a - b) for a, b in zip(x, y, strict=True)) for x, y in pairs) > 30


def test_a_negative_index_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        palette.concept_color(-1)


def test_the_legend_names_every_colour() -> None:
    assert palette.legend(["sky", "tree"]) == [
        {"name": "sky", "color": "#55aee0"},
        {"name": "tree", "color": "#969e23"},
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
