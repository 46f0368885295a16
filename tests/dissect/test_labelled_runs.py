"""Dissections of networks that are fed labelled images: what may be given, how it goes on, and what is refused."""

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def bands():
    """The planted classifier with 64 of its images, whose lit band is named: unit STRIPE is "first"."""
    import ganwidgets as gw
    from ganwidgets.testing import planted_classifier, planted_photos

    images, _ = planted_photos(64)
    masks = np.zeros((64, 8, 8), np.uint8)
    for band in range(4):
        masks[:, 2 * band : 2 * band + 2][images[:, 0, 2 * band : 2 * band + 2] > 0] = band + 1
    names = ["first", "second", "third", "fourth"]
    return planted_classifier(), gw.segment.LabelledArrays(images, {"band": masks}, names, name="bands")


def test_every_planted_unit_is_found(bands):
    import ganwidgets as gw

    d = gw.dissect.run(*bands, layer="relu", top_fraction=0.03)
    assert d.to_frame().concept.tolist()[:5] == ["first", "second", "second", "fourth", "third"]
    np.testing.assert_allclose(d.layer().label_iou[:5], 1, atol=1e-6)
    assert d.layer().status[5] == "dead"
    assert (d.n, d.rule, d.complete, d.concepts) == (64, "netdissect", True, ("first", "second", "third", "fourth"))


def test_results_are_saved_shown_and_read_like_any_other(bands, tmp_path):
    import ganwidgets as gw

    d = gw.dissect.run(*bands, layers=["mix", "relu"], top_fraction=0.03)
    again = gw.dissect.load(d.save(tmp_path / "a.gwd"))
    assert again.to_frame().equals(d.to_frame()) and again.concepts == d.concepts and again.rule == "netdissect"
    assert "STRIPE" not in d.to_html(tmp_path / "a.html").read_text() and d.plot("relu") is not None
    examples = d.exemplars(0, layer="relu", k=3)
    assert examples.images.shape == (3, 8, 8, 3) and (examples.seg[:, 0][examples.mask] == 1).all()
    assert gw.dissect.over_depth(d).loc["relu", "all"] == 4


def test_a_seed_is_an_order_and_n_takes_the_first_of_it(bands):
    import ganwidgets as gw
    from ganwidgets.dissect.labelled_batches import LabelledBatches

    network, data = bands
    order = np.random.RandomState(5).permutation(64)
    batches = LabelledBatches(network, data, gw.dissect.Options(layers=("relu",), n=40, seed=5, batch=16))
    batch, pictures = batches.at(32)
    images, seg = data.batch(order[32:40].tolist())
    assert len(batch) == 8 and torch.equal(batch.seg.view(8, 1, 8, 8).long(), seg.long())
    np.testing.assert_array_equal(pictures.images[..., 0], ((images[:, 0] + 1) * 127.5).round().numpy())


@pytest.mark.parametrize("rule", ["netdissect", "iqr", "top_fraction"])
def test_a_run_stops_and_goes_on_bit_for_bit(bands, rule, assert_same, tmp_path):
    import ganwidgets as gw
    from ganwidgets.dissect import DissectionRun, Options, RunState

    options = Options(layers=("mix", "relu"), n=32, batch=8, rule=rule, top_fraction=0.05)
    whole = DissectionRun(*bands, options)
    list(whole.steps())
    part = DissectionRun(*bands, options)
    for done in part.steps():
        if done >= (40 if rule == "iqr" else 16):
            break
    state = RunState.load(part.state().save(tmp_path / "state"))
    again = DissectionRun.from_state(state, *bands)
    list(again.steps())
    assert_same(whole.result(), again.result())
    other = gw.segment.LabelledArrays(bands[1]._images + 0.01, bands[1]._masks, bands[1].concepts, name="bands")
    with pytest.raises(ValueError, match="`segmenter` must be the one the run began with"):
        DissectionRun.from_state(state, bands[0], other)


def test_results_are_cached_by_content(bands, tmp_path, monkeypatch):
    import ganwidgets as gw

    network, data = bands
    first = gw.dissect.run(network, data, layer="relu", cache=tmp_path)
    monkeypatch.setattr(network, "acts", None)
    again = gw.dissect.run(network, data, layer="relu", cache=tmp_path)
    np.testing.assert_array_equal(first.layer().iou, again.layer().iou)
    assert len(list(tmp_path.iterdir())) == 1


def test_images_are_brought_to_what_the_network_takes(bands):
    """Larger and coloured ones: squashed and made grey; masks stay as large as they are."""
    import ganwidgets as gw

    network, data = bands
    images, seg = data.batch(range(64))
    large = images.repeat_interleave(2, 2).repeat_interleave(2, 3).expand(-1, 3, -1, -1)
    options = {"layer": "relu", "top_fraction": 0.03}
    masks = seg[:, 0].repeat_interleave(2, 1).repeat_interleave(2, 2)
    found = gw.dissect.run(network, gw.segment.LabelledArrays(large, {"band": masks}, data.concepts), **options)
    assert found.to_frame().concept.tolist()[:5] == ["first", "second", "second", "fourth", "third"]
    assert found.thumbnails["segs"].shape[2:] == (16, 16)


def test_photos_and_a_segmenter_are_labelled_images(bands):
    import ganwidgets as gw

    class Lit:
        name, concepts, categories, slots = "lit", ("lit",), ("object",), ("tone",)

        def __call__(self, images):
            return (images > 0).to(torch.uint8)

    network, data = bands
    found = gw.dissect.run(network, data.batch(range(64))[0], segmenter=Lit(), layer="relu", top_fraction=0.03)
    assert (found.concepts, found.segmenter) == (("lit",), "photos, named by lit")


def test_any_torch_module_that_takes_images(bands):
    import ganwidgets as gw

    data = bands[1]
    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    found = gw.dissect.run(module, data, layer="1")
    assert found.layer().shape == (4, 8, 8) and found.network == "Sequential"


def test_the_rule_iqr_takes_other_images_to_choose_thresholds(bands):
    import ganwidgets as gw

    found = gw.dissect.run(*bands, layer="relu", rule="iqr")
    assert (found.n, found.options["n"]) == (32, 32)
    assert found.to_frame().concept.tolist()[:5] == ["first", "second", "second", "fourth", "third"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 65}, "`n` must be at most 64, the images of 'bands', got 65"),
        ({"n": 33, "rule": "iqr"}, "`n` must be at most 32 under the rule 'iqr'"),
        ({"truncation": 1.0}, "labelled images have no latents"),
        ({"layer": "linear"}, "must give maps"),
        ({"layer": "rleu"}, "Did you mean 'relu'"),
        ({"data": None}, "`data` must be given for a network that is fed images"),
        ({"data": torch.zeros(4, 1, 8, 8)}, "got Tensor without one"),
        ({"segmenter": "scenes"}, "labelled images have labels of their own"),
    ],
)
def test_what_cannot_be_dissected_is_told(bands, change, message):
    import ganwidgets as gw

    given = {"network": bands[0], "data": bands[1], "layer": "relu"} | change
    network, data = given.pop("network"), given.pop("data")
    with pytest.raises((ValueError, TypeError), match=message):
        gw.dissect.run(network, data, **given)


def test_a_generator_needs_a_segmenter_and_no_data(planted, bands):
    import ganwidgets as gw

    with pytest.raises(TypeError, match="`segmenter` must be given for a generator"):
        gw.dissect.run(planted)
    with pytest.raises(TypeError, match="draws its own images"):
        gw.dissect.run(planted, bands[1])


def test_networks_without_an_image_shape_and_with_other_channels_are_told(planted, bands):
    import ganwidgets as gw
    from ganwidgets.models.image_network import ImageNetwork

    four = ImageNetwork(nn.Sequential(nn.Conv2d(4, 2, 1)), (4, 8, 8))
    with pytest.raises(ValueError, match="images of 4 channels"):
        gw.dissect.run(four, bands[1], layer="0")
    with pytest.raises(TypeError, match="is a generator"):
        gw.dissect.DissectionRun(planted, bands[1], gw.dissect.Options(layers=("layer1",), n=4))


def test_a_network_that_fails_is_told_and_the_next_call_starts_again(bands):
    import ganwidgets as gw

    class Odd(nn.Module):
        def forward(self, x):
            return x / (x.mean((1, 2, 3), keepdim=True) + 0.5 > 0)

    module = nn.Sequential(Odd(), nn.Conv2d(1, 2, 1))
    network = gw.models.ImageNetwork(module, (1, 8, 8))
    dark = torch.full((70, 1, 8, 8), -1.0)
    dark[::2] = 1
    data = gw.segment.LabelledArrays(dark, np.ones((70, 8, 8), np.uint8), ["x"])
    with pytest.raises(ValueError, match="finite activations"):
        gw.dissect.run(network, data, layer="0")
