"""What panels know of the bundled world: the dissection that comes with it, for these very weights only."""

import pytest


@pytest.fixture(scope="module")
def scenes():
    import ganwidgets as gw

    return gw.load("scenes"), gw.segment.load("scenes")


@pytest.fixture
def known(scenes):
    from ganwidgets.panels import bundled_dissection

    return bundled_dissection(*scenes)


def test_the_bundled_generator_comes_with_a_dissection_of_its_layers(scenes, known):
    network, segmenter = scenes
    assert known.fingerprint == network.fingerprint and known.complete and known.n >= 1000
    assert list(known.layers) == [f"layer{number}" for number in range(1, 11)]
    assert known.concepts == segmenter.concepts
    assert all(network.layers[name].shape == tuple(found.shape) for name, found in known.layers.items())


@pytest.mark.slow
def test_it_says_what_a_quick_one_says(scenes, known):
    import numpy as np

    import ganwidgets as gw

    network, segmenter = scenes
    quick = gw.dissect.run(network, segmenter=segmenter, layer="layer4", n=512, seed=77)
    here, there = (found.layer("layer4") for found in (known, quick))
    both = here.labelled & there.labelled
    assert both.sum() > 0.8 * there.labelled.sum()
    assert np.abs(here.label_iou - there.label_iou).max() < 0.1


def test_other_weights_and_other_segmenters_have_none(scenes, known, planted, reader):
    import ganwidgets as gw
    from ganwidgets.panels import bundled_dissection

    network, segmenter = scenes
    assert bundled_dissection(gw.load("scenes@500k"), segmenter) is None
    assert bundled_dissection(planted, segmenter) is None
    assert bundled_dissection(network, reader) is None and bundled_dissection(network, None) is None
    changed = gw.load("scenes")
    next(iter(changed.module.parameters())).data.mul_(1.01)
    assert bundled_dissection(changed, segmenter) is None


def test_a_file_of_earlier_weights_of_the_bundled_generator_is_not_used(scenes, known, monkeypatch):
    from dataclasses import replace

    from ganwidgets import panels

    stale = replace(known, fingerprint=known.fingerprint[::-1])
    monkeypatch.setattr(panels, "_dissection_of_scenes", lambda: stale)
    assert panels.bundled_dissection(*scenes) is None


@pytest.mark.parametrize("method", ["paint", "ablate"])
def test_panels_start_with_it_and_dissect_only_what_is_missing(method):
    import ganwidgets as gw

    panel = getattr(gw, method).panel("scenes", n=32, run=False)
    assert panel.layer == "layer4" and panel.dissecting.result.n >= 1000 and panel.dissecting.status == "idle"
    assert panel.run_bar.status == "done" and panel.dissecting.n == 32
    other = panel.dissecting
    other.layer = "layer4.relu"
    assert other.result is None
    panel.close()


def test_earlier_weights_get_a_quick_one():
    import ganwidgets as gw

    panel = gw.paint.panel("scenes@500k", n=32, n_scenes=1).wait(60.0)
    assert panel.dissecting.result.n == 32 and panel.painting.brushes
    panel.close()


def test_a_damaged_file_is_as_good_as_none(scenes, monkeypatch, tmp_path):
    from ganwidgets import panels
    from ganwidgets.models import checkpoints

    (tmp_path / "dissection.safetensors").write_bytes(b"nothing")
    monkeypatch.setattr(checkpoints, "SCENES", tmp_path)
    panels._dissection_of_scenes.cache_clear()
    assert panels._dissection_of_scenes() is None
    panels._dissection_of_scenes.cache_clear()
