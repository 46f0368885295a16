"""The panel of a network that is fed images: every interaction by assigning a trait."""

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError


@pytest.fixture
def made(bands):
    """A panel of the planted classifier, dissected at `relu`; closed afterwards."""
    import ganwidgets as gw

    panel = gw.dissect.panel(*bands, layer="relu", top_fraction=0.03, run=False)
    panel.run()
    yield panel
    panel.close()


@pytest.fixture(scope="module")
def bands():
    import ganwidgets as gw
    from ganwidgets.testing import planted_classifier, planted_photos

    images, _ = planted_photos(64)
    masks = (images[:, 0] > 0).to(torch.uint8) * (torch.arange(8) // 2 + 1).to(torch.uint8)[:, None]
    names = ["first", "second", "third", "fourth"]
    return planted_classifier(), gw.segment.LabelledArrays(images, {"band": masks}, names, name="bands")


def test_the_same_grid_and_bars_as_for_a_generator(made):
    assert made.result.n == 64 and made.result.rule == "netdissect"
    shown = {bar["key"]: bar["value"] for bar in made.histogram.bars}
    assert set(shown) == {"first", "second", "third", "fourth"} and sum(shown.values()) == 9  # all but the dead one
    assert made.grid.rows["label"][:3] == ["first", "second", "second"]
    assert "9 detectors, 4 unique (one label); 9 detectors, 4 unique (per category)" in made.histogram.note
    assert "rule netdissect, top fraction 0.03" in made.histogram.subtitle
    assert "gw.dissect.run(C, data, layer='relu', n=64" in made.snippet.code
    compile(made.snippet.code, "snippet", "exec")
    made.grid.selected = [0, 2]
    assert made.units == (0, 2)
    made.painter.open(0)
    made.wait(20.0)
    assert made.grid.detail["title"] == "Unit 0 · first"


def test_layers_are_compared_and_what_was_dissected_is_kept(made):
    made.comparing.run(wait=True)
    assert made.depth.columns == ["detect", "relu"] and made.depth.rows == ["object", "all", "all, random weights"]
    assert made.depth.values[1] == [4, 4]
    assert set(made.dissecting.dissected) >= {"detect", "relu"} and made.layer == "relu"
    made.depth.selected_columns = ["detect"]
    assert made.layer == "detect" and made.result is not None
    before = made.depth.values
    made.counting.values = {"counting": "per category"}
    assert made.comparing.counting == made.turning.counting == "per category" and made.depth.values[:2] == before[:2]


def test_the_basis_of_the_layer_is_turned(made):
    made.turning.rotations = 1
    made.turning.run(wait=True)
    assert made.turn.title == "relu: 10 units, 64 images"
    line = made.turn.lines[0]
    assert line["name"] == "unique detectors" and line["x"] == [0, 0.2, 0.4, 0.6, 0.8, 1] and line["y"][0] == 4
    assert made.turning.status == "done" and made.turn_bar.status == "done"


def test_a_prediction_is_told_by_its_units(made, bands):
    assert made.contributions.message == "Choose an image." and made.pictures.sheets["images"]["count"] == 24
    number = next(i for i, n in enumerate(made.explaining.numbers) if n % 4 == 1)  # a stripe
    made.pictures.selected = [number]
    made.wait(20.0)
    assert made.explaining.explanation.name == "stripe" and made.overlays.title.startswith("stripe: ")
    assert made.contributions.rows[0] == "unit 0: first" and made.contributions.rows[-1] == "sum: the logit"
    values = np.array(made.contributions.values)[:, 0]
    assert values[:-1].sum() == pytest.approx(values[-1], abs=1e-5)
    made.explaining.label = 2
    made.wait(20.0)
    assert made.explaining.explanation.name == "twice" and made.contributions.columns == ["twice"]
    made.pictures.selected = []
    made.wait(20.0)
    assert made.explaining.explanation is None and made.contributions.rows == []


def test_without_a_fitting_layer_the_panel_says_which_one_it_needs(bands):
    import ganwidgets as gw

    panel = gw.dissect.panel(*bands, layer="mix", run=False)
    assert panel.contributions.message.startswith("Choose the layer relu and press Run")
    panel.close()


def test_a_module_without_classes_has_no_predictions(bands):
    import ganwidgets as gw

    module = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    panel = gw.dissect.panel(module, bands[1], run=False)
    assert "No prediction" in panel.contributions.message and panel.pictures.sheets == {}
    assert panel.layer == "1"
    panel.close()


def test_refusals_leave_what_stands(made):
    with pytest.raises(TraitError, match="`n` must lie in 1 to 64"):
        made.n = 65
    made.settings.values = {**made.settings.values, "n": 1000}
    assert made.n == 64 and "1 to 64" in made.run_bar.error
    with pytest.raises(TraitError, match="`layer` must give maps"):
        made.layer = "linear"
    with pytest.raises(TraitError, match="no latents"):
        made.dissecting.truncation = 1.0
    with pytest.raises(TraitError, match="`counting` must be one of"):
        made.comparing.counting = "all"
    assert made.layer == "relu"


def test_the_usual_share_follows_the_rule_and_a_chosen_one_stays(made, bands):
    import ganwidgets as gw

    panel = gw.dissect.panel(*bands, run=False)
    assert (panel.dissecting.rule, panel.dissecting.top_fraction) == ("netdissect", 0.005)
    panel.settings.values = {**panel.settings.values, "rule": "top_fraction"}
    assert panel.dissecting.top_fraction == 0.01
    made.dissecting.rule = "top_fraction"
    assert made.dissecting.top_fraction == 0.03
    panel.close()


def test_it_is_saved_as_a_page_and_as_a_picture(made, tmp_path):
    text = made.to_html(tmp_path / "a.html").read_text()
    assert "One prediction" in text and "Layers compared" in text
    assert "image/png" in made._repr_mimebundle_()[0] and repr(made).startswith("NetworkPanel('planted classifier'")


def test_it_starts_at_once_and_takes_a_result_instead(bands):
    import ganwidgets as gw

    panel = gw.dissect.panel(*bands, layer="relu")
    panel.wait(30.0)
    assert panel.result is not None and panel.dissecting.status == "done"
    again = gw.dissect.panel(*bands, result=panel.result)
    assert again.result is panel.result and again.layer == "relu"
    for one in (panel, again):
        one.close()


def test_photos_with_a_segmenter(bands):
    import ganwidgets as gw

    class Lit:
        name, concepts, categories, slots = "lit", ("lit",), ("object",), ("tone",)

        def __call__(self, images):
            return (images > 0).to(torch.uint8)

    network, data = bands
    panel = gw.dissect.panel(network, data.batch(range(32))[0], Lit(), layer="relu", run=False)
    panel.run()
    assert panel.result.concepts == ("lit",)
    panel.close()


def test_the_number_of_images_follows_the_rule_so_that_it_can_run(bands):
    import ganwidgets as gw

    panel = gw.dissect.panel(*bands, layer="relu", run=False)
    assert panel.n == 64
    panel.dissecting.rule = "iqr"
    assert panel.n == 32 and panel.run().result.n == 32
    panel.dissecting.rule = "netdissect"
    assert panel.n == 64
    panel.settings.values = {"n": 64, "rule": "iqr"}  # as somebody chooses it
    assert panel.n == 32 and panel.settings.values == {"n": 32, "rule": "iqr"}
    panel.dissecting.adopt(gw.dissect.run(*bands, layer="relu", n=32, chance=False))
    assert (panel.n, panel.dissecting.rule) == (32, "netdissect")
    panel.n = 20
    panel.dissecting.rule = "iqr"
    assert panel.n == 20
    panel.close()
    panel = gw.dissect.panel(*bands, rule="iqr", run=False, key="another")
    assert panel.n == 32
    panel.close()


def test_the_panel_opens_at_the_layer_that_a_script_takes(bands):
    """Five convolutions in a trunk: the middle one, not the trunk's output."""
    import ganwidgets as gw

    trunk = nn.Sequential(
        *(nn.Sequential(nn.Conv2d(4 if k else bands[1].image_shape[0], 4, 1), nn.ReLU()) for k in range(5))
    )
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]
    classifier = gw.load_classifier(nn.Sequential(trunk, *head), image_shape=bands[1].image_shape)
    panel = gw.dissect.panel(classifier, bands[1], run=False)
    found = gw.dissect.run(classifier, bands[1], chance=False)
    assert list(found.layers) == [panel.layer] == ["0.2.1"]
    panel.close()
