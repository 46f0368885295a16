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
    for panel in (gw.dissect.panel(planted, segmenter=reader, run=False), gw.paint.panel(planted, run=False)):
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
