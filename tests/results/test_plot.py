"""The bar graph: heights, order and chance marks as in the numbers; shown without pyplot."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure


def with_units(paper, labelled_units, chance_units=(0.25, 1.5, 0.75), **changes):
    layer = replace(
        paper.layer(), labelled_units=np.array(labelled_units), chance_units=np.array(chance_units, np.float64)
    )
    return replace(paper, layers={"conv": layer}, **changes)


def bars(figure):
    return [bar.get_height() for container in figure.axes[0].containers for bar in container]


def names(figure):
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


def legend(figure):
    return {text.get_text() for text in figure.axes[0].get_legend().get_texts()}


def test_bars_by_category_then_by_number(paper):
    figure = with_units(paper, [2, 9, 5]).plot()
    assert names(figure) == ["sky", "tree", "door"]
    assert bars(figure) == [5, 2, 9]
    assert legend(figure) == {"object", "part", "expected by chance"}
    assert figure.axes[0].get_title() == "conv: 2 of 4 units, 3 concepts"
    assert figure.axes[0].get_ylabel() == "units"


def test_concepts_without_units_are_left_out(paper):
    figure = with_units(paper, [0, 3, 0]).plot("conv")
    assert (names(figure), bars(figure)) == (["door"], [3])
    assert legend(figure) == {"part", "expected by chance"}


def test_chance_marks_lie_at_the_expected_number(paper):
    (marks,) = with_units(paper, [2, 9, 5]).plot().axes[0].collections
    assert [segment[0, 1] for segment in marks.get_segments()] == [0.75, 0.25, 1.5]


def test_chance_that_was_not_measured_is_not_drawn(paper):
    figure = with_units(paper, [2, 9, 5], [np.nan] * 3).plot()
    assert not figure.axes[0].collections
    assert legend(figure) == {"object", "part"}


def test_no_unit_labelled(paper):
    figure = with_units(paper, [0, 0, 0]).plot()
    assert [text.get_text() for text in figure.axes[0].texts] == ["no unit is labelled"]
    assert bars(figure) == [] and names(figure) == []
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_shows_it_where_pyplot_was_never_imported(real):
    formatters = pytest.importorskip("IPython.core.formatters")
    before = pyplot.get_fignums()
    figure = real.plot("layer1")
    assert isinstance(figure, Figure)
    data, _ = formatters.DisplayFormatter().format(figure)
    assert data["image/png"].startswith(b"\x89PNG")
    assert pyplot.get_fignums() == before


def test_names_are_text_not_mathematics(paper):
    strange = with_units(paper, [1, 1, 1], concepts=("$x", "$\\bad$", "_a"), categories=("$\\y$", "b", "b"))
    strange = replace(strange, layers={"conv": replace(strange.layer(), name="$\\z$")})
    assert strange.plot()._repr_png_().startswith(b"\x89PNG")


def test_the_graph_of_a_real_dissection(real):
    layer = real.layers["layer2"]
    figure = real.plot("layer2")
    assert dict(zip(names(figure), bars(figure), strict=True)) == {
        name: n for name, n in zip(real.concepts, layer.labelled_units, strict=True) if n
    }
    assert {"red", "blue"} <= set(names(figure))


def test_of_several_layers_one_must_be_named(real):
    with pytest.raises(ValueError, match=r"`plot\(layer=…\)` draws one layer: give one of \['layer1', 'layer2'\]"):
        real.plot()
