"""The planted networks answer as their description says."""

import pytest
import torch

from ganwidgets.models.edits import zero_units
from ganwidgets.testing import planted_generator, planted_segmenter
from ganwidgets.testing.planted import BLUE, DEAD, RED, SATURATED


def masks(g, s, z, layer="layer1"):
    """Active pixels (batch unit h w) and pixels of each concept (batch concept h w)."""
    seg = s(g.images(z))
    numbers = torch.arange(1, 5)[:, None, None]
    return g.acts(z, layer) > 0, (seg[:, :1] == numbers) | (seg[:, 1:] == numbers)


def iou(a, b):
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("layer", ["layer1", "layer2"])
@pytest.mark.parametrize(("channels", "size"), [(3, 16), (1, (8, 24)), (4, 32)])
def test_planted_units_are_the_concepts(layer, channels, size):
    g, s = planted_generator(8, size, channels=channels), planted_segmenter()
    active, present = masks(g, s, g.sample_z(64), layer)
    assert iou(active[:, RED], present[:, 0]) == 1
    assert iou(active[:, BLUE], present[:, 1]) == 1
    assert iou(active[:, RED], present[:, 3]) == 0.5
    assert not active[:, DEAD].any()
    assert active[:, SATURATED].all()
    assert not present[:, 2].any()


def test_areas_are_those_of_the_description(planted, reader):
    z = planted.sample_z(200)
    _, present = masks(planted, reader, z)
    assert present[:, 0].float().mean((1, 2)).tolist() == [(0.5 if v > 0 else 0) for v in z[:, 0]]
    assert present[:, 1].float().mean((1, 2)).tolist() == [(1 / 64 if v > 0 else 0) for v in z[:, 1]]


def test_ablation_removes_exactly_the_planted_concept(planted, reader):
    z = planted.sample_z(20)
    seg = reader(planted.images(z))
    for unit, gone in ((RED, [1, 4]), (BLUE, [2])):
        with planted.intervene("layer1", zero_units([unit])):
            after = reader(planted.images(z))
        assert torch.equal(after, torch.where(torch.isin(seg, torch.tensor(gone, dtype=seg.dtype)), 0, seg))
    images = planted.images(z)
    with planted.intervene("layer2", zero_units(range(2, 8))):
        assert torch.equal(planted.images(z), images)


@pytest.mark.parametrize(("strength", "left"), [(0.4, True), (0.6, False)])
def test_paint_counts_while_more_than_half_is_left(planted, reader, strength, left):
    with planted.intervene("layer1", zero_units([RED], strength)):
        assert bool((reader(planted.images(planted.sample_z(9)))[:, 0] == 1).any()) == left


@pytest.mark.parametrize("units", [1, 2, 3, 2048])
def test_any_number_of_units(units):
    g = planted_generator(units)
    z = g.sample_z(8)
    assert g.layers["layer2"].units == units
    assert torch.equal(g.acts(z, "layer2"), 2 * g.acts(z, "layer1"))
    active, present = masks(g, planted_segmenter(), z)
    assert iou(active[:, RED], present[:, 0]) == 1


def test_scores_agree_with_the_segmentation_and_have_gradients(planted, reader):
    images = planted.images(planted.sample_z(6)).requires_grad_()
    scores = reader.scores(images)
    assert torch.equal((scores[:, 0] > 0.5), reader(images)[:, 0] == 1)
    (slope,) = torch.autograd.grad(scores[:, 0].sum(), images)
    assert slope.abs().max() == 0.5
