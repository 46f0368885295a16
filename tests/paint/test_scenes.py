"""On the bundled world: a brush of a quick dissection changes what is inside it, and draws what it is named for."""

import numpy as np
import pytest

import ganwidgets as gw


@pytest.fixture(scope="module")
def world():
    network, segmenter = gw.load("scenes"), gw.segment.load("scenes")
    return network, segmenter, gw.dissect.run(network, segmenter=segmenter, layer="layer4", n=256)


def disc(y, x, radius):
    rows, columns = np.mgrid[:64, :64]
    return (np.hypot(rows - y, columns - x) <= radius).astype(np.float32)


def test_every_brush_changes_pixels_inside_more_than_outside(world):
    from ganwidgets.paint import Stroke, brushes, report

    network, segmenter, dissection = world
    found = brushes(dissection, network)
    assert len(found) >= 5
    ratios = []
    for brush in found:
        stroke = Stroke(brush.layer, brush.units, disc(40, 20, 9), brush.value, concept=brush.concept)
        changes = []
        for z in network.sample_z(4, seed=5).split(1):
            shown = report(network, [stroke], z, segmenter, scenes=0, n_random_sets=0)
            changes.append((shown.changed_inside, shown.changed_outside))
        inside, outside = np.mean(changes, axis=0)
        assert inside > 2 * outside, brush.concept
        ratios.append(inside / outside)
    assert np.median(ratios) > 5


def test_the_tree_brush_draws_trees_inside_more_than_random_units_do(world):
    from ganwidgets.paint import Stroke, brushes, report

    network, segmenter, dissection = world
    tree = next(brush for brush in brushes(dissection, network) if brush.concept == "tree")
    stroke = Stroke(tree.layer, tree.units, disc(40, 32, 10), tree.value, concept="tree")
    found = report(network, [stroke], network.sample_z(1, seed=5), segmenter, scenes=24, n_random_sets=10)
    assert found.predicted[0] > 0.05 * found.brush_pixels  # the mean of 24 scenes
    assert found.predicted[0] > found.by_chance[0]
