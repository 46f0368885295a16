"""Brushes are the units a dissection found, best first and above chance, with the level at which they draw."""

from dataclasses import replace

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def dissection(planted, reader):
    from ganwidgets.dissect import run

    return run(planted, segmenter=reader, layers=["layer1", "layer2"], n=70, top_fraction=0.3, resamples=20)


def test_the_planted_units_are_the_brushes(dissection, planted):
    from ganwidgets.paint import brushes

    found = {brush.concept: brush for brush in brushes(dissection, planted, "layer2")}
    assert found["red"].units[0] == 0 and found["red"].iou[0] == 1.0 and found["red"].value[0] == 2.0
    assert found["blue"].units[0] == 1 and found["blue"].value[0] == 2.0
    assert "green" not in found  # it never occurs: no brush, rather than one of noise
    assert all(b.layer == "layer2" and b.n == 70 and len(b.units) == len(b.value) for b in found.values())
    assert 2 not in {unit for brush in found.values() for unit in brush.units}  # a dead unit draws nothing


def test_units_at_chance_are_left_out_and_without_chance_the_best_are_taken(dissection):
    from ganwidgets.paint.brushes import unit_sets

    layer = dissection.layers["layer1"]
    iou = np.zeros((8, 4), np.float32)
    iou[:, 0] = [0.5, 0.2, 0.9, 0.3, 0.1, 0.4, 0.0, 0.2]
    chance = np.full(8, 0.25, np.float32)
    status = np.array(["ok", "ok", "dead", *["ok"] * 5])

    def units(chance, n_units=20):
        made = replace(dissection, layers={"layer1": replace(layer, iou=iou, iou_chance=chance, status=status)})
        return [brush.units for brush in unit_sets(made, n_units=n_units)]

    assert units(chance) == [(0, 5, 3)]
    assert units(chance * np.nan) == [(0, 5, 3, 1, 7, 4)]  # not measured
    assert units(chance * np.nan, 2) == [(0, 5)]
    assert units(chance * 4) == []


def test_painting_with_a_brush_draws_its_concept(dissection, planted, reader):
    from ganwidgets.paint import Stroke, apply_to_many, brushes

    red = next(b for b in brushes(dissection, planted, "layer1") if b.concept == "red")
    region = np.zeros((16, 16), np.float32)
    region[4:9, 10:15] = 1
    z = -planted.sample_z(5).abs()
    seg = reader(apply_to_many(planted, [Stroke(red.layer, red.units, region, red.value)], z))[:, 0]
    assert torch.equal(seg == 1, torch.tensor(region > 0).expand(5, -1, -1))


def test_icons_show_the_scene_in_which_the_brush_does_most(dissection, planted, reader):
    from ganwidgets.paint.brushes import brushes, icons

    found = brushes(dissection, planted, "layer1")
    red = next(i for i, brush in enumerate(found) if brush.concept == "red")
    z = torch.tensor([[1.0, -1, 0, 0], [-1.0, -1, 0, 0]])  # red stands already in the first
    for segmenter in (reader, None):
        shown = list(icons(planted, found, segmenter, z))
        assert len(shown) == len(found) and shown[red].shape == (16, 16, 3)
        assert shown[red][8, 8].tolist() == [255, 0, 0] and shown[red][8, 1].tolist() == [128, 128, 128]


def test_levels_are_computed_once_a_layer_and_again_for_other_weights():
    from ganwidgets.paint.brushes import Levels
    from ganwidgets.testing import planted_generator

    network, ran = planted_generator(), []
    levels = Levels(network)
    network.module.layer1.register_forward_hook(lambda *given: ran.append(1))
    first = levels("layer1")
    passes = len(ran)
    assert levels("layer1") is first and len(ran) == passes
    network.module.layer1.areas *= 2
    assert torch.equal(levels("layer1"), first * 2)


def test_a_layer_that_was_not_dissected_or_another_network_is_one_sentence(dissection, planted):
    from ganwidgets.paint import brushes
    from ganwidgets.testing import planted_generator

    with pytest.raises(ValueError, match=r"`layer` must be one of \['layer1', 'layer2'\], got 'colour'"):
        brushes(dissection, planted, "colour")
    with pytest.raises(ValueError, match="`dissection` must be of this network"):
        brushes(dissection, planted_generator(units=9), "layer1")
