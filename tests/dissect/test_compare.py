"""Two dissections side by side, every number of the table chosen by hand."""

from dataclasses import replace

import numpy as np
import pandas
import pytest


@pytest.fixture
def make(planted, reader):
    """`make(concepts, labelled, iou, status)`: a dissection with these numbers of labelled units."""
    import ganwidgets as gw

    real = gw.dissect.run(planted, segmenter=reader, layer="layer1", n=5, resamples=20)

    def make(concepts, labelled, iou, status=None, layers=("conv",)):
        iou = np.array(iou, np.float32)
        layer = replace(
            real.layer(),
            labelled_units=np.array(labelled),
            iou=iou,
            status=np.array(status or ["ok"] * len(iou)),
        )
        categories = tuple("part" if "top" in concept else "object" for concept in concepts)
        return replace(real, concepts=concepts, categories=categories, layers=dict.fromkeys(layers, layer))

    return make


def test_a_row_a_concept_on_paper(make):
    from ganwidgets.dissect import compare

    a = make(("tree", "roof top"), [3, 0], [[0.5, 0.01], [0.2, 0.02]])
    b = make(("tree", "roof top"), [1, 2], [[0.1, 0.3], [0.6, 0.4], [0.0, 0.0]])
    expected = pandas.DataFrame(
        {
            "category": ["object", "part"],
            "units_a": [3, 0],
            "units_b": [1, 2],
            "difference": [-2, 2],
            "best_iou_a": np.array([0.5, 0.02], np.float32),
            "best_iou_b": np.array([0.6, 0.4], np.float32),
        },
        index=pandas.Index(["tree", "roof top"], name="concept"),
    )
    pandas.testing.assert_frame_equal(compare(a, b), expected)


def test_concepts_in_another_order_are_the_same_concepts(make):
    from ganwidgets.dissect import compare

    a, b = make(("tree", "sky"), [3, 1], [[0.5, 0.1]]), make(("sky", "tree"), [1, 3], [[0.1, 0.5]])
    found = compare(a, b)
    assert list(found.index) == ["tree", "sky"] and (found.difference == 0).all()
    np.testing.assert_array_equal(found.best_iou_a, found.best_iou_b)


def test_a_concept_that_one_does_not_know_is_not_zero(make):
    from ganwidgets.dissect import compare

    found = compare(make(("tree", "sky"), [3, 1], [[0.5, 0.1]]), make(("tree", "roof top"), [2, 4], [[0.3, 0.2]]))
    assert set(found.index) == {"tree", "sky", "roof top"}
    assert found.loc["tree", "difference"] == -1
    assert found.loc["sky", ["units_b", "difference", "best_iou_b"]].isna().all()
    assert found.loc["roof top", ["units_a", "difference", "best_iou_a"]].isna().all()
    assert found.loc["roof top", "units_b"] == 4
    assert found.category.to_dict() == {"tree": "object", "sky": "object", "roof top": "part"}


def test_no_concept_in_common(make):
    from ganwidgets.dissect import compare

    found = compare(make(("tree",), [3], [[0.5]]), make(("roof top",), [4], [[0.2]]))
    assert len(found) == 2 and found.difference.isna().all()


def test_dead_and_saturated_units_do_not_count(make):
    from ganwidgets.dissect import compare

    a = make(("tree",), [1], [[0.2], [0.9], [0.8]], ["ok", "dead", "saturated"])
    b = make(("tree",), [0], [[0.9], [0.9]], ["dead", "saturated"])
    found = compare(a, b)
    assert found.best_iou_a.tolist() == pytest.approx([0.2]) and found.best_iou_b.tolist() == [0]


def test_layers_of_one_network(planted, reader):
    import ganwidgets as gw

    both = gw.dissect.run(planted, segmenter=reader, layers=["layer1", "layer2"], n=70, top_fraction=0.3)
    found = gw.dissect.compare(both, both, "layer1", "layer2")
    assert list(found.index) == list(reader.concepts) and (found.difference == 0).all()
    assert found.loc["red", "best_iou_a"] == 1 and found.loc["green", "best_iou_a"] == 0
    assert found.units_a.dtype.kind == "i"


def test_networks_of_other_sizes(reader):
    import ganwidgets as gw
    from ganwidgets.testing import planted_generator

    one, many = (
        gw.dissect.run(planted_generator(units, 8), segmenter=reader, layer="layer1", n=70, top_fraction=0.3)
        for units in (1, 2)
    )
    found = gw.dissect.compare(one, many)
    assert found.loc["red", "difference"] == 0 and found.loc["blue", "difference"] == 1
    assert found.loc["blue", "best_iou_b"] == 1 > found.loc["blue", "best_iou_a"]


def test_of_several_layers_one_must_be_named(make):
    from ganwidgets.dissect import compare

    two, one = make(("tree",), [1], [[0.5]], layers=("conv1", "conv2")), make(("tree",), [1], [[0.5]])
    with pytest.raises(ValueError, match=r"`layer` must be one of \['conv1', 'conv2'\], got None"):
        compare(one, two)
    with pytest.raises(ValueError, match=r"got 'conv3'\. Did you mean 'conv"):
        compare(two, one, "conv3")
    assert compare(one, two, layer_b="conv2").difference.tolist() == [0]
