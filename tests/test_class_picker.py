"""A dropdown of classes in panels of networks that have them: what is picked is what all parts show."""

import numpy as np
import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.models.conditional import ConditionalGenerator


class Told(nn.Module):
    """The planted generator; "painted" draws red in every picture, "plain" in none, "any" where z says so."""

    def __init__(self, planted: nn.Module) -> None:
        super().__init__()
        self.layers = planted

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        size = z.abs() + 0.1
        return self.layers(c[:, :1] * size - c[:, 1:2] * size + c[:, 2:] * z)


@pytest.fixture
def network(planted):
    return ConditionalGenerator(Told(planted.module), (4,), ["painted", "plain", "any"], "told")


def red(pictures) -> list[bool]:
    return [bool(picture[8, 2, 0] > picture[8, 2, 1] + 100) for picture in np.asarray(pictures)]


def test_networks_without_classes_have_no_picker(planted, reader):
    made = [gw.dissect.panel(planted, segmenter=reader, run=False)]
    made += [method.panel(planted, run=False, key=method.__name__) for method in (gw.paint, gw.ablate)]
    made.append(gw.rewrite.panel(nn.Sequential(nn.ConvTranspose2d(4, 3, 8), nn.Tanh()), n_sample=2, key="rewrite"))
    for panel in made:
        assert panel.classes is None
        panel.close()


def test_the_dissection_panel_shows_the_class_that_is_picked(network, reader):
    panel = gw.dissect.panel(network, segmenter=reader, layer="layers.layer1", n=64, run=False)
    names = [option["label"] for option in panel.classes.fields[0]["options"]]
    assert names == ["every class", "painted", "plain", "any"] and panel.classes.values == {"class": None}
    panel.wait(30.0)
    assert 0 < sum(red(panel.ablating.before)) < 12
    panel.classes.values = {"class": 0}
    panel.wait(30.0)
    assert all(red(panel.ablating.before)) and panel.measuring.network.label == 0
    panel.classes.values = {"class": 1}
    panel.wait(30.0)
    assert not any(red(panel.ablating.before)) and panel.classes.values == {"class": 1}
    panel.close()


def test_a_dissection_is_kept_for_each_class(network, reader):
    panel = gw.dissect.panel(network, segmenter=reader, layer="layers.layer1", n=64, run=False)
    session = panel.dissecting
    session.top_fraction = 0.3
    session.drawn_class = 0
    painted = session.run(wait=True)
    assert "red" in painted.concepts and painted.fingerprint == network.with_label("painted").fingerprint
    session.drawn_class = 1
    panel.wait(30.0)
    assert panel.result is None and panel.picker.layers[0].get("status") != "done"
    plain = session.run(wait=True)
    assert plain.fingerprint != painted.fingerprint
    session.drawn_class = 0
    panel.wait(30.0)
    assert panel.result is painted
    panel.close()


def test_one_paints_on_scenes_of_the_class_that_is_picked(network):
    panel = gw.paint.panel(network, layer="layers.layer1", n_scenes=4, run=False).wait(30.0)
    panel.classes.values = {"class": 0}
    panel.wait(30.0)
    assert all(red(panel.painting.scenes)) and red([panel.painting.before]) == [True]
    panel.units = (0,)
    panel.painting.paint(np.ones((16, 16), np.float32))  # as strong as red is in this class
    panel.classes.values = {"class": 1}
    panel.wait(30.0)
    assert not any(red(panel.painting.scenes)) and not any(red([panel.painting.before]))
    assert red([panel.painting.after]) == [True] and len(panel.strokes) == 1
    panel.classes.values = {"class": 0}  # and back: what was computed for it is valid still
    panel.wait(30.0)
    assert all(red(panel.painting.scenes)) and red([panel.painting.after]) == [True]
    panel.close()


def test_labels_that_are_none_are_refused(network, planted):
    from traitlets import TraitError

    session = gw.paint.panel(network, layer="layers.layer1", run=False).painting
    with pytest.raises(TraitError, match="0 to 2"):
        session.drawn_class = 3
    with pytest.raises(TraitError, match="no classes"):
        gw.paint.panel(planted, run=False).painting.drawn_class = 0


def test_the_class_stands_in_the_code_the_result_its_file_and_its_page(network, reader, tmp_path):
    panel = gw.dissect.panel(network, segmenter=reader, layer="layers.layer1", n=64, run=False)
    panel.wait(30.0)
    assert "with_label" not in panel.snippet.code
    panel.classes.values = {"class": 0}
    panel.dissecting.run(wait=True)
    panel.wait(30.0)
    assert "\nG = G.with_label('painted')\n" in panel.snippet.code and "class 'painted'" in panel.histogram.subtitle
    found = gw.dissect.load(panel.result.save(tmp_path / "one.gwd"))
    assert (found.label, found.class_name) == (0, "painted") and "'told', class 'painted', with" in repr(found)
    assert "class &#x27;painted&#x27;" in found.to_html(tmp_path / "one.html").read_text()
    panel.close()
    again = gw.dissect.panel(network, segmenter=reader, result=found, run=False, key="again")
    assert again.dissecting.drawn_class == 0 and again.result is found and again.classes.values == {"class": 0}
    again.wait(30.0)
    assert all(red(again.ablating.before))
    every = gw.dissect.run(network, segmenter=reader, layer="layers.layer1", n=64)
    assert every.label is None and "class" not in repr(every)
    again.dissecting.adopt(every)
    assert again.dissecting.drawn_class is None and again.result is every
    again.close()


def test_the_ablation_panel_measures_the_class_that_is_picked(network, reader):
    options = {"layer": "layers.layer1", "concept": "red", "n": 64, "run": False}
    panel = gw.ablate.panel(network, segmenter=reader, **options).wait(30.0)
    sessions = panel._controllers
    assert [option["label"] for option in panel.classes.fields[0]["options"]][1:] == ["painted", "plain", "any"]
    panel.units = (0,)
    for label, all_red in ((0, True), (1, False)):
        panel.classes.values = {"class": label}
        panel.wait(30.0)
        assert {session.drawn_class for session in sessions} == {label} == {s.network.label for s in sessions}
        assert red(panel.ablating.before) == [all_red] * 12 and not any(red(panel.ablating.after))
    panel.close()


def test_curves_places_and_suspects_are_kept_for_each_class(network, reader):
    real = torch.zeros(64, 3, 16, 16)
    panel = gw.ablate.panel(network, segmenter=reader, layer="layers.layer1", concept="red", real=real, run=False)
    removing, inserting, searching = panel.removing, panel.inserting, panel.searching
    removing.wanted, removing.n, removing.n_random_sets = ("effect",), 8, 2
    panel.units, inserting.n, inserting.n_random_sets, searching.n, searching.top_k = (0,), 4, 0, 48, 4
    panel.classes.values = {"class": 0}
    for job in (removing.run, inserting.run, searching.find):
        job(wait=True)
    painted = removing.curve, inserting.context, searching.found
    assert painted[0].orders["effect"][0] == 0 and painted[0].before[0] == 8 * 16 * 8  # half of each picture
    searching.confirm((0,))
    panel.classes.values = {"class": 2}
    panel.wait(30.0)
    assert (removing.curve, inserting.context, searching.found, searching.removal) == (None, None, None, None)
    assert searching.confirmed == (0,)  # a verdict is on the unit
    removing.run(wait=True)
    assert 0 < removing.curve.before[0] < 8 * 16 * 8
    panel.classes.values = {"class": 0}
    panel.wait(30.0)
    assert (removing.curve, inserting.context, searching.found) == painted
    panel.close()


def test_the_ablation_panel_orders_units_by_the_dissection_of_the_class(network, reader):
    panel = gw.ablate.panel(network, segmenter=reader, layer="layers.layer1", n=64, run=False, key="orders")
    panel.dissecting.top_fraction = 0.3
    panel.classes.values = {"class": 0}
    painted = panel.dissecting.run(wait=True)
    panel.wait(30.0)
    assert panel.removing.dissection is painted and panel.concept
    panel.classes.values = {"class": 1}
    panel.wait(30.0)
    assert panel.removing.dissection is None and "IoU" not in panel.removing.rankings
    panel.classes.values = {"class": 0}
    panel.wait(30.0)
    assert panel.removing.dissection is painted and "IoU" in panel.removing.rankings
    panel.close()


class Tinted(nn.Module):
    """Grey noise through one convolution; the first of two classes is bright, the second dark."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 3, padding=1)
        with torch.no_grad():
            self.conv.weight.copy_(torch.linspace(-0.1, 0.1, self.conv.weight.numel()).reshape(3, 4, 3, 3))

    def forward(self, z: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        tint = (c[:, 0] - c[:, 1])[:, None, None, None] * 0.5
        return torch.tanh(self.conv(z)) * 0.3 + tint


@pytest.fixture
def tinted():
    torch.manual_seed(3)
    return ConditionalGenerator(Tinted(), (4, 8, 8), ["bright", "dark"], "tinted")


def bright(pictures) -> list[bool]:
    return [bool(np.asarray(picture).mean() > 128) for picture in pictures]


def test_rules_are_made_in_pictures_of_the_class_that_is_picked(tinted):
    panel = gw.rewrite.panel(tinted, n_sample=8, refining=False).wait(30.0)
    session, square = panel.session, np.eye(8, dtype=np.float32)
    panel.classes.values = {"class": 0}
    panel.wait(30.0)
    assert all(bright(session.before)) and all(bright(session.after)) and bright([session.image_after]) == [True]
    panel.marking.paint(square)
    session.mark("object", 0, square)
    session.mark("paste", 1, square)
    session.apply(wait=True)
    assert session.edits[0].details["class"] == "bright"
    panel.classes.values = {"class": 1}
    panel.wait(30.0)
    assert not any(bright(session.before)) and not any(bright(session.after))
    assert not session.trays.object and panel.marking.region is None  # they were places in other pictures
    assert len(panel.edits) == 1 and panel.edited.label == 1  # a rule holds for every class
    z = tinted.sample_z(2)
    assert not torch.equal(panel.edited.images(z), session.network.images(z))
    panel.close()


def test_a_report_on_an_edit_is_of_one_class(tinted, reader):
    panel = gw.rewrite.panel(tinted, reader, n_sample=8, refining=False, key="report").wait(30.0)
    session, square = panel.session, np.eye(8, dtype=np.float32)
    session.mark("object", 0, square)
    session.mark("paste", 1, square)
    session.apply(wait=True)
    panel.reporting.n = 4
    panel.reporting.run(wait=True)
    assert panel.reporting.report is not None and "class" not in session.edits[0].details
    panel.classes.values = {"class": 1}
    panel.wait(30.0)
    assert panel.reporting.report is None
    panel.close()
