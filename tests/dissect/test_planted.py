"""What a dissection says about generators whose answers stand in the docstring of `testing.planted`."""

import numpy as np
import pytest
import torch

RED, BLUE, DEAD, SATURATED = range(4)


def dissect(network, segmenter, **options):
    import ganwidgets as gw

    return gw.dissect.run(network, segmenter=segmenter, **({"layer": "layer1", "n": 128} | options))


@pytest.fixture(scope="module")
def wide(planted, reader):
    """At a top fraction of 0.3: "red" covers a quarter of all pixels."""
    return dissect(planted, reader, top_fraction=0.3, n=256)


def concept(dissection, unit, layer=None):
    found = dissection.layer(layer).concept[unit]
    return dissection.concepts[found] if found >= 0 else ""


def test_a_unit_that_is_a_concept_has_iou_1(wide):
    found = wide.layer()
    assert concept(wide, RED) == "red"
    assert found.iou[RED, 0] == found.label_iou[RED] == 1
    assert found.labelled[RED] and found.above_chance[RED] and found.status[RED] == "ok"
    assert found.area[RED] == found.concept_area[0]


def test_half_of_a_unit_has_iou_one_half(wide):
    assert wide.layer().iou[RED, wide.concepts.index("red top")] == 0.5


def test_a_small_concept_is_found_at_a_small_top_fraction(planted, reader):
    found = dissect(planted, reader, top_fraction=0.01)
    assert concept(found, BLUE) == "blue" and found.layer().label_iou[BLUE] == 1
    assert found.layer().concept_area[1] == found.layer().area[BLUE]


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
@pytest.mark.parametrize("exact", [True, False])
def test_a_concept_that_never_occurs_has_0_and_never_nan(planted, reader, rule, exact):
    d = dissect(planted, reader, rule=rule, exact=exact, top_fraction=0.3)
    found, green = d.layer(), d.concepts.index("green")
    assert (found.iou[:, green] == 0).all() and found.concept_area[green] == 0
    assert found.labelled_units[green] == found.chance_units[green] == 0
    for part in ("iou", "iqr", "label_iou", "threshold", "area", "interval", "iou_chance", "chance_units"):
        if getattr(found, part) is not None:
            assert np.isfinite(getattr(found, part)).all(), part


def test_a_unit_that_meets_no_concept_has_no_name(planted, make_segmenter):
    nothing = make_segmenter(lambda images: (images[:, :1] * 0).to(torch.uint8), ["never", "neither"])
    for rule in ("top_fraction", "iqr"):
        found = dissect(planted, nothing, rule=rule, top_fraction=0.3).layer()
        assert (found.concept == -1).all() and not found.labelled.any() and (found.label_iou == 0).all()


def test_a_unit_that_was_unusually_active_at_first_is_spoken_of(make_generator, make_segmenter):
    """On in 32 of the first 64 images and never again: its top 0.3 lie below every threshold that looked likely."""

    def maps(z):
        x = torch.linspace(0, 0.5, 64).view(8, 8).expand(len(z), 1, 8, 8)
        return x + (z[:, :1, None, None] > 0) * (z[:, :1, None, None] < 32)

    generator = make_generator(
        maps, lambda x: x.clamp(0, 1) * 2 - 1, depth=1, sampler=lambda n, seed: np.arange(n)[:, None]
    )
    red = make_segmenter(lambda images: (images > 0).to(torch.uint8), ["red"])
    told = [dissect(generator, red, layer="maps", n=512, top_fraction=0.1, exact=exact) for exact in (False, True)]
    assert [len(d.notes) for d in told] == [1, 0]
    assert told[0].notes[0].startswith("1 unit of 'maps' was so much more active in the first 64 images")
    assert told[0].layer().area[0] < told[1].layer().area[0]


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_a_dead_and_a_saturated_unit_have_no_label(planted, reader, rule):
    found = dissect(planted, reader, rule=rule, top_fraction=0.3).layer()
    assert list(found.status[:4]) == ["ok", "ok", "dead", "saturated"]
    for unit in (DEAD, SATURATED):
        assert found.concept[unit] == -1 and found.label_iou[unit] == 0
        assert not found.labelled[unit] and not found.above_chance[unit]


def test_the_ratio_search_finds_the_planted_units(planted, reader):
    """Not in exact mode: there, as in the published code, no level lies between values that are all 0 or 1."""
    d = dissect(planted, reader, rule="iqr", n=256)
    found = d.layer()
    for unit, name in ((RED, "red"), (BLUE, "blue")):
        assert concept(d, unit) == name and found.labelled[unit]
        assert found.iou[unit, d.concepts.index(name)] == pytest.approx(1)
        assert found.iqr[unit, d.concepts.index(name)] == pytest.approx(1)


def test_layers_are_dissected_in_one_pass(planted, reader):
    both = dissect(planted, reader, layer=None, layers=["layer1", "layer2"], top_fraction=0.3)
    one, two = both.layers.values()
    alone = dissect(planted, reader, layer="layer2", top_fraction=0.3).layer()
    np.testing.assert_array_equal(one.iou, two.iou)  # layer2 is layer1 times 2
    np.testing.assert_array_equal(two.iou, alone.iou)
    np.testing.assert_array_equal(two.iou_chance, alone.iou_chance)
    np.testing.assert_allclose(two.threshold, 2 * one.threshold, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(16, 24), (40, 16)])
def test_images_of_any_channels_and_sides(reader, channels, size):
    from ganwidgets.testing import planted_generator

    d = dissect(planted_generator(8, size, channels=channels), reader, top_fraction=0.3)
    assert concept(d, RED) == "red" and d.layer().label_iou[RED] == 1
    examples = d.exemplars(RED)
    assert examples.images.shape[1:] == (*size, 3) and examples.seg.shape[2:] == examples.mask.shape[1:] == size
    assert (examples.mask == (examples.seg[:, 0] == 1)).all()


@pytest.mark.parametrize(("size", "grid"), [((160, 288), (54, 96)), ((200, 136), (100, 68)), ((128, 64), (128, 64))])
def test_large_images_are_compared_on_a_grid(reader, size, grid):
    """At most 128 a side, every so many pixels."""
    import ganwidgets as gw
    from ganwidgets.testing import planted_generator

    network = planted_generator(2, size)
    work = gw.dissect.DissectionRun(network, reader, gw.dissect.Options(layers=("layer1",), n=48, top_fraction=0.3))
    assert list(work.steps()) == [32, 48]
    assert work.grid == grid
    found = work.result().layer()
    assert found.label_iou[RED] > 0.97 and work.result().exemplars(RED).images.shape[1] <= 128


@pytest.mark.parametrize("units", [1, 2048])
def test_one_unit_and_many(reader, units):
    from ganwidgets.testing import planted_generator

    found = dissect(planted_generator(units, 8), reader, top_fraction=0.3, n=70).layer()
    assert found.iou.shape == (units, 4) and found.label_iou[RED] == 1
    assert found.pictures["top_index"].shape == (units, 8)


def test_the_same_settings_give_the_same_result(planted, reader):
    first, again = (dissect(planted, reader, n=100, rule="iqr").to_frame() for _ in range(2))
    assert first.equals(again)
    assert not first.equals(dissect(planted, reader, n=100, rule="iqr", seed=2).to_frame())
