"""The panel without a browser: what arrives in the components when traits change, and what a click does in Python."""

import io
import re
import threading

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError


@pytest.fixture(scope="module")
def small():
    from ganwidgets.testing import planted_generator

    return planted_generator(resolution=8)


@pytest.fixture(scope="module")
def dissection(small, reader):
    import ganwidgets as gw

    return gw.dissect.run(small, layer="layer1", segmenter=reader, n=80, top_fraction=0.4)


@pytest.fixture(scope="module")
def real(small):
    return small.images(small.sample_z(120, seed=9))


@pytest.fixture
def make(small, dissection, reader, real, quiet):
    from ganwidgets.ablate.panel import panel

    made = []

    def make(network=small, dissection=dissection, segmenter=reader, **options):
        made.append(panel(network, dissection, segmenter, **{"real": real, "n": 80, "concept": "red"} | options))
        made[-1].wait(30.0)
        made[-1].removing.size = 1
        made[-1].wait(30.0)
        return made[-1]

    yield make
    for one in made:
        one.close()


def line(panel, name):
    return next(line for line in panel.curve_view.lines if name in line["name"])


# Removing


def test_a_new_panel_shows_curves_with_chance_pictures_and_bars(make):
    panel = make()
    assert line(panel, "IoU")["y"] == [0, 1, 1, 1] == line(panel, "effect")["y"]
    assert line(panel, "IoU")["x"] == [0, 1, 2, 4] == panel.curve_view.band["x"]
    assert "red, 48 images, 95 % intervals" in panel.curve_view.title
    assert panel.curve_view.chosen == 1 and panel.units == (0,) and panel.edit.values["units"] == "0"
    assert list(panel.images.sheets) == ["before", "after", "difference"] and panel.images.title == "Without unit 0"
    red = {bar["key"]: bar for bar in panel.losses.bars}["red"]
    assert red["value"] == pytest.approx(-panel.effect.effect[0]) and red["low"] <= red["value"] <= red["high"]
    assert red["chance"] > red["value"] and "1 unit of layer1 at strength 1, 12 pictures" in panel.losses.subtitle
    assert panel.curve_bar.status == "done" and panel.curve_bar.note == "48 images, 10 random orders"
    labels = [option["label"] for option in panel.choice.fields[0]["options"]]
    assert labels[0].startswith("red (") and set(panel.choice.values) == {"concept"}


def test_a_click_on_the_curve_switches_off_so_many_units(browser_sets, make):
    panel = make()
    browser_sets(panel.curve_view, chosen=2)
    panel.wait(10.0)
    assert panel.removing.size == 2 and len(panel.units) == 2 and panel.effect.ablation.units == panel.units
    browser_sets(panel.curve_view, chosen=None)
    assert panel.curve_view.chosen == 2 and panel.curve_bar.error == ""  # there is always one
    browser_sets(panel.look, values={**panel.look.values, "order": "random", "size": 3})
    panel.wait(10.0)
    assert panel.units == tuple(sorted(panel.removing.rankings["random"][:3]))


def test_units_can_be_typed_and_nonsense_goes_back_with_the_reason(browser_sets, make):
    panel = make()
    browser_sets(panel.edit, values={**panel.edit.values, "units": "5, 1-2"})
    panel.wait(10.0)
    assert panel.units == (1, 2, 5) == panel.ablating.units
    browser_sets(panel.edit, values={**panel.edit.values, "units": "tree"})
    assert panel.edit.values["units"] == "1, 2, 5" and "must be numbers" in panel.images.error
    with pytest.raises(TraitError, match="`units` must lie in 0 to 7"):
        panel.units = [99]
    panel.units = [3]
    assert panel.edit.values["units"] == "3"


def test_another_concept_is_measured_at_once_and_the_first_comes_back(browser_sets, make):
    panel = make()
    first = panel.curve
    browser_sets(panel.choice, values={"concept": "blue"})
    panel.wait(30.0)
    assert panel.curve.concept == "blue" and panel.units == (1,) and "blue" in panel.curve_view.title
    panel.concept = "red"
    panel.wait(10.0)
    assert panel.curve is first and panel.units == (0,)
    browser_sets(panel.choice, values={"concept": "green"})
    panel.wait(30.0)
    assert "none of 48 contains 'green'" in panel.curve_bar.error and panel.curve_view.lines == []


def test_another_layer_is_dissected_and_measured(browser_sets, make):
    panel = make()
    browser_sets(panel.picker, layer="layer2")
    panel.wait(30.0)
    assert panel.layer == "layer2" == panel.curve.layer and panel.inserting.layer == "layer2" == panel.searching.layer
    assert list(panel.curve.orders) == ["IoU", "effect"] and panel.units == (0,)
    with pytest.raises(TraitError, match="Did you mean 'layer2'"):
        panel.layer = "layer3"


def test_cancel_in_the_middle_keeps_the_orders_that_are_done_and_run_goes_on(browser_asks, make):
    panel = make(run=False)

    def press_cancel(change):
        browser_asks(panel.curve_bar, "cancel")

    panel.removing.observe(press_cancel, "curve")
    browser_asks(panel.curve_bar, "run")
    panel.wait(30.0)
    assert panel.curve_bar.status == "cancelled" and [line["name"] for line in panel.curve_view.lines] == [
        "units by IoU"
    ]
    panel.removing.unobserve(press_cancel, "curve")
    browser_asks(panel.curve_bar, "run")
    panel.wait(30.0)
    assert panel.curve_bar.status == "done" and len(panel.curve_view.lines) == 2


def test_pictures_change_while_curves_are_measured(make):
    """The long job gives way: a preview is not behind thousands of images."""
    panel, inside = make(run=False), threading.Event()
    panel.removing.observe(lambda change: inside.set() if change.new > 0.2 else None, "progress")
    panel.removing.n, panel.removing.wanted = 5_000, ("IoU",)
    panel.removing.run()
    assert inside.wait(20.0)  # in the middle of the one call that measures a curve
    panel.units = [0, 1]
    panel.ablating.wait(20.0)
    assert panel.removing.status == "running" and panel.curve is None
    assert panel.effect.ablation.units == (0, 1)
    panel.removing.cancel()


# Inserting


def test_the_table_says_where_red_can_be_and_why_nothing_happened(browser_sets, browser_asks, make):
    panel = make()
    assert panel.table.rows == [] and "Press Run to set this unit in every place" in panel.table.message
    browser_asks(panel.place_bar, "run")
    panel.wait(30.0)
    assert panel.place_bar.error == "" and panel.inserting.last_traceback == ""
    assert panel.table.rows[0] == "nothing named" and panel.table.columns[0] == "red"
    assert panel.table.values[0][0] == 1.0 and panel.table.low[0][0] == 1.0 and panel.table.low[0][1] is None
    assert "cells in" in panel.table.notes[0][0] and "random units" in panel.table.notes[0][0]
    browser_sets(panel.table, selected_rows=["red"])
    assert panel.table.title.startswith("Set on red, these units bring 0.0 red pixels per cell")
    browser_sets(panel.table, selected_rows=[])
    assert panel.table.title.startswith("Why did nothing happen here?")
    panel.units = [1]
    panel.wait(10.0)
    assert panel.table.rows == [] and panel.context is None
    panel.units = [0]
    assert panel.table.rows  # kept


# Artifacts


def test_suspects_are_shown_confirmed_by_eye_and_judged(browser_sets, browser_asks, make):
    panel = make()
    assert "Press Run" in panel.suspects.message
    panel.searching.n, panel.searching.n_judge, panel.searching.n_random_sets = 80, 60, 2
    browser_asks(panel.find_bar, "run")
    panel.wait(30.0)
    listed = panel.searching.listed
    assert panel.find_bar.note == "8 units ranked by 80 pictures"
    sheet = panel.suspects.sheets["where_active"]
    assert sheet["count"] == len(listed) and Image.open(io.BytesIO(sheet["image"])).size == (64, 32)
    assert "chance level" in panel.suspects.title and len(panel.suspects.captions) == len(listed)
    browser_asks(panel.verdicts, "press", name="reject")
    assert "Select pictures first" in panel.verdicts.error and panel.searching.rejected == ()
    browser_sets(panel.suspects, selected=[1])
    browser_asks(panel.verdicts, "press", name="reject")
    assert panel.suspects.selected == [] and panel.verdicts.error == ""
    browser_sets(panel.suspects, selected=[0])
    browser_asks(panel.verdicts, "press", name="confirm")
    assert panel.searching.confirmed == listed[:1] and panel.searching.rejected == listed[1:2]
    assert [caption[0] for caption in panel.suspects.captions[:2]] == ["✓", "✗"]
    browser_asks(panel.judge, "press", name="measure")
    panel.wait(30.0)
    assert panel.closer.lines[0]["x"] == [1] and "60 other pictures" in panel.closer.title
    assert panel.closer.band["low"] and panel.mended.title == f"Without unit {listed[0]}"


def test_without_pictures_of_the_data_it_says_so(make):
    panel = make(real=None)
    assert "panel(network, real=images)" in panel.find_bar.disabled
    assert "panel(network, real=images)" in panel.suspects.message


# Bad circumstances


def test_without_a_dissection_a_quick_one_is_made_and_begins_with_its_concept(make):
    panel = make(dissection=None, concept=None, layer="layer2")
    assert panel.dissecting.result.n == 80 and panel.run_bar.status == "done"
    assert panel.concept in ("red", "blue") and list(panel.curve.orders) == ["IoU", "effect"]


def test_with_a_concept_the_curves_wait_for_the_quick_dissection(make):
    """The order by IoU comes from it."""
    panel = make(dissection=None, concept="blue", layer="layer2")
    assert list(panel.curve.orders) == ["IoU", "effect"] and panel.removing.missing == {}


def test_curves_measured_before_the_dissection_get_the_order_by_iou_afterwards(browser_asks, make):
    panel = make(dissection=None, concept="red", layer="layer1", run=False)
    panel.removing.run()
    panel.wait(30.0)
    assert list(panel.curve.orders) == ["effect"] and "not dissected" in panel.curve_bar.note
    panel._runs = True
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert list(panel.curve.orders) == ["effect", "IoU"] and panel.removing.missing == {}


def test_without_a_segmenter_there_are_pictures_only(make):
    panel = make(dissection=None, segmenter=None, concept=None)
    assert "segmenter is needed" in panel.curve_view.message and "segmenter is needed" in panel.curve_bar.disabled
    panel.units = [0]
    panel.wait(10.0)
    assert panel.images.title == "Without unit 0" and panel.losses.bars == []
    assert "segmenter is needed" in panel.losses.message and "segmenter is needed" in panel.table.message


def test_a_failing_segmenter_is_told_and_the_pictures_stay_live(make, reader):
    class Failing:
        name, concepts, categories, slots = "failing", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            raise RuntimeError("no weights for this segmenter")

    panel = make(dissection=None, segmenter=Failing(), concept=None)
    assert "no weights for this segmenter" in panel.run_bar.error
    panel.concept = "red"
    panel.units = [0]
    panel.wait(10.0)
    assert "no weights for this segmenter" in panel.curve_bar.error and panel.curve_bar.status == "failed"
    assert panel.images.title == "Without unit 0" and "no weights" in panel.images.error


def test_a_dissection_of_another_network_and_a_wrong_concept_are_refused(small, dissection, reader):
    import ganwidgets as gw
    from ganwidgets.testing import planted_generator

    with pytest.raises(ValueError, match="must be of this network"):
        gw.ablate.panel(planted_generator(units=5), dissection, reader, run=False)
    with pytest.raises(TraitError, match="Did you mean 'red'"):
        gw.ablate.panel(small, dissection, reader, concept="reed", run=False)


def test_a_cell_that_is_run_again_closes_its_old_panel_and_frees_it(make):
    first, again = make(run=False, key="mine"), make(run=False, key="mine")
    assert first.removing._closed and not again.removing._closed
    assert first.layout.farewell and not first.ablating._scenes
    first.curve_view.chosen = 2  # a click that was on its way
    assert first.removing.size == 1


def test_the_panel_is_a_function_of_the_package_and_has_a_picture_and_a_page(make, tmp_path):
    import inspect

    import ganwidgets as gw

    panel = make()
    assert callable(gw.ablate.panel) and "dissection" in inspect.signature(gw.ablate.panel).parameters
    assert repr(panel) == "Panel('planted', layer='layer1', concept='red', 1 unit)"
    data = panel._repr_mimebundle_()[0]
    assert data["text/plain"] == repr(panel) and "image/png" in data
    text = panel.to_html(tmp_path / "panel.html").read_text(encoding="utf-8")
    assert "Insert elsewhere" in text and not re.search(r"https?://(?!www\.w3)", text)
    assert np.isfinite(panel.curve.random).all()
