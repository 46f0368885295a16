"""The panel of a classifier without a browser: what arrives in the components, and what a click does in Python."""

import io
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

STRIPE, TWIN_A, TWIN_B, GLARE, UNREAD, DEAD = range(6)


@pytest.fixture(scope="module")
def classifier():
    from ganwidgets.testing import planted_classifier

    return planted_classifier()


@pytest.fixture
def make(classifier, quiet):
    from ganwidgets.ablate import classes_panel
    from ganwidgets.testing import planted_photos

    made = []

    def make(network=classifier, data=None, **options):
        images, labels = data or planted_photos(80)
        made.append(classes_panel(network, images, labels, **{"layer": "relu", "batch": 16, **options}))
        made[-1].wait(30.0)
        return made[-1]

    yield make
    for one in made:
        one.close()


# What is shown


def test_a_new_panel_measures_and_shows_each_units_class_drop(make):
    panel = make()
    rows = panel.grid.rows
    assert rows["unit"] == list(range(10)) and rows["label"][STRIPE] == "stripe" and rows["label"][TWIN_A] == ""
    assert rows["iou"][STRIPE] == 1 and rows["low"][STRIPE] < 1 and rows["effect"][STRIPE] == 0.25
    assert rows["effect"][GLARE] == -0.125 and rows["status"][DEAD] == "dead"
    assert [unit for unit in range(10) if rows["labelled"][unit]] == [STRIPE]
    assert panel.grid.words["value"] == "Highest class drop"
    assert (panel.run_bar.status, panel.run_bar.n_done, panel.run_bar.n_total) == ("done", 80, 80)
    assert panel.run_bar.note == "62.5 % right with all units" and panel.run_bar.error == ""
    assert panel.bars.bars == [] and "Select units" in panel.bars.message
    assert (
        panel.picker.done == "measured"
        and {"relu": True}.items() <= {entry["name"]: entry["dissected"] for entry in panel.picker.layers}.items()
    )


def test_the_strip_of_a_unit_shows_the_images_it_likes_most(make):
    panel = make()
    sheet = next(sheet for sheet in panel.grid.sheets if STRIPE in sheet["units"])
    width, height = sheet["tile"]
    picture = np.asarray(Image.open(io.BytesIO(sheet["image"])).convert("L"))
    assert picture.shape == (10 * height, 5 * width) and (width, height) == (64, 64)  # 8 pixels, enlarged
    row = sheet["units"].index(STRIPE)
    for column in range(5):
        tile = picture[row * height : (row + 1) * height, column * width : (column + 1) * width]
        assert tile[: height // 4].mean() > 240 and tile[height // 2 :].mean() < 15  # the first band is lit


def test_selected_units_show_what_the_classes_lose_together(browser_sets, make):
    panel = make()
    browser_sets(panel.grid, selected=[TWIN_A])
    panel.wait(10.0)
    assert {bar["value"] for bar in panel.bars.bars} == {0} and "mean of the other units" in panel.bars.subtitle
    browser_sets(panel.grid, selected=[TWIN_A, TWIN_B])
    panel.wait(10.0)
    first = panel.bars.bars[0]
    assert panel.units == (TWIN_A, TWIN_B) == panel.drop.units
    assert (first["key"], first["value"]) == ("twice", -1) and first["low"] <= first["value"] <= first["high"]
    assert "62.5 % → 37.5 %" in panel.bars.subtitle and "80 images" in panel.bars.subtitle
    assert panel.bars.reference_label == "mean of 5 random sets of 2"
    browser_sets(panel.grid, selected=[])
    panel.wait(10.0)
    assert panel.bars.bars == [] and panel.bars.subtitle == ""


def test_plots_and_grid_share_one_selection_in_both_directions(browser_sets, make):
    panel = make()
    plots = list(panel.plots.values())
    browser_sets(plots[0], selected=[3, 0])
    assert panel.units == (0, 3) and panel.grid.selected == [0, 3]
    assert all(plot.selected == [0, 3] for plot in plots)
    browser_sets(panel.grid, selected=[5])
    assert all(plot.selected == [5] for plot in plots)
    links = {(link["source_trait"], link["target_trait"]) for link in panel.layout.links}
    assert links == {("selected", "selected"), ("selected", "concepts"), ("concepts", "selected")}
    assert len(panel.layout.links) == 2 + 2 * len(plots)


def test_plots_show_attributes_against_the_chosen_drop_with_its_correlation(browser_sets, make):
    panel = make()
    plot = panel.plots["l1_norm"]
    assert [point["x"] for point in plot.points] == list(range(1, 11))  # the filter of unit u has the norm u + 1
    assert [point["y"] for point in plot.points] == [1, *[0] * 9]
    found = panel.measuring.correlations.set_index(["attribute", "drop"]).loc[("l1_norm", "max_class_drop_corrected")]
    assert plot.note.startswith(f"Spearman {found.spearman:.2f} (".replace("-", "−")) and "10 units" in plot.note
    browser_sets(panel.compare, values={"against": "overall_drop"})
    assert plot.y_label == "overall drop" and plot.points[GLARE]["y"] == -0.125
    found = panel.measuring.correlations.set_index(["attribute", "drop"]).loc[("l1_norm", "overall_drop")]
    assert f"Pearson {found.pearson:.2f}".replace("-", "−") in plot.note


def test_curves_are_drawn_with_a_band_and_a_click_selects_their_units(browser_sets, browser_asks, make):
    panel = make()
    assert panel.curve.lines == [] and "Run" in panel.curve.message and panel.order.fields == []
    browser_asks(panel.curve_bar, "run")
    panel.wait(30.0)
    lines = {line["name"]: line for line in panel.curve.lines}
    assert lines["overall drop"]["x"] == [0, 1, 2, 4, 8, 10] and "20 random sets" in panel.curve.band["label"]
    assert lines["overall drop"]["low"][0] < lines["overall drop"]["y"][0] < lines["overall drop"]["high"][0]
    assert panel.curve_bar.status == "done" and "40 images judge" in panel.curve_bar.note
    browser_sets(panel.curve, chosen=1)
    assert panel.units == (STRIPE,)
    browser_sets(panel.order, values={"order": "l1 norm"})
    assert panel.units == (9,)


def test_enter_opens_a_units_facts_and_images_of_other_classes(browser_asks, make):
    panel = make()
    browser_asks(panel.grid, "detail", unit=STRIPE)
    panel.wait(10.0)
    detail = panel.grid.detail
    facts = dict(detail["facts"])
    assert detail["title"] == "Unit 0 · stripe" and facts["highest class drop"].startswith("100.0 % (85.0 % to")
    assert facts["overall drop"].startswith("25.00 %") and facts["images"] == "80"
    assert facts["class selectivity"].endswith("for stripe")
    assert detail["counter"]["count"] == 4
    browser_asks(panel.grid, "detail", unit=DEAD)
    panel.wait(10.0)
    assert dict(panel.grid.detail["facts"])["suffers most"] == "no class"
    browser_asks(panel.grid, "detail", unit=99)
    assert "`unit` must be a unit" in panel.grid.error


# What happens


def test_changing_the_layer_shows_what_is_kept(browser_sets, browser_asks, make):
    panel = make()
    panel.units = [STRIPE]
    browser_sets(panel.picker, layer="mix")
    panel.wait(10.0)
    assert panel.grid.rows == {} and "mix is not measured yet" in panel.grid.message and panel.units == ()
    assert panel.run_bar.status == "idle" and panel.plots["l1_norm"].points == []
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert panel.grid.rows["iou"][STRIPE] == 1
    panel.layer = "relu"
    panel.wait(10.0)
    assert panel.units == (STRIPE,) and panel.grid.sheets and panel.picker.layer == "relu"
    with pytest.raises(TraitError, match="`units` must lie in 0 to 9"):
        panel.units = [10]


def test_a_cancelled_run_shows_the_images_so_far(browser_asks, make, monkeypatch):
    monkeypatch.setattr("ganwidgets.ablate.controller_classes.PUBLISH_INTERVAL", 0.0)
    monkeypatch.setattr("ganwidgets.ablate.controller_classes.time", SimpleNamespace(monotonic=lambda: 0.0))
    panel = make(run=False)
    assert panel.run_bar.status == "idle" and panel.run_bar.n_total == 80

    def stop(change):
        if change.new is not None and change.new.n == 48:
            browser_asks(panel.run_bar, "cancel")

    panel.measuring.observe(stop, "ablation")
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert (panel.run_bar.status, panel.run_bar.n_done, panel.run_bar.progress) == ("cancelled", 48, 0.6)
    assert panel.ablation.n == 48 and panel.plots["l1_norm"].note == "48 images so far"
    assert panel.run_bar.resumable is False


def test_what_fails_is_said_and_nothing_is_lost(browser_asks, make, monkeypatch):
    panel = make()

    def fail(*args, **options):
        raise ValueError("scores must be finite")

    monkeypatch.setattr("ganwidgets.ablate.controller_classes.mean_activations", fail)
    browser_asks(panel.run_bar, "run")
    panel.wait(10.0)
    assert panel.run_bar.status == "failed" and "scores must be finite" in panel.run_bar.error
    assert panel.grid.rows["iou"][STRIPE] == 1


def test_a_bare_module_takes_the_shape_of_its_images_and_the_names_given(make, classifier):
    panel = make(classifier.module, layer=None, classes=("a", "b", "c", "d"))
    assert panel.layer == "relu" and panel.grid.rows["label"][STRIPE] == "b"
    assert panel.classifier.image_shape == (1, 8, 8)


def test_classes_of_one_name_are_told_apart(make, classifier):
    panel = make(classifier.module, classes=("a", "b", "b", "d"))
    panel.units = [TWIN_A, TWIN_B]
    panel.wait(10.0)
    assert panel.bars.bars[0]["key"] == "b (2)" and panel.grid.rows["label"][STRIPE] == "b (1)"


def test_bad_input_is_refused_before_anything_is_drawn(make, classifier):
    from ganwidgets.testing import planted_photos

    images, labels = planted_photos(16)
    with pytest.raises(ValueError, match="at least two classes"):
        make(data=(images, labels * 0))
    with pytest.raises(TraitError, match="`layer` must be one of"):
        make(layer="rely")
    with pytest.raises(TypeError, match="`source` must be"):
        make(network=3)


def test_a_second_panel_of_one_key_closes_the_first(make):
    first = make(key="classes")
    second = make(key="classes")
    assert "replaced by a newer run" in first.layout.farewell and second.layout.farewell == ""
    first.measuring.run()
    first.wait(10.0)
    assert first.measuring.status == "cancelled"  # a closed panel does nothing any more


def test_an_exported_page_keeps_rows_facts_points_and_links(make, tmp_path):
    panel = make()
    text = panel.to_html(tmp_path / "page.html", title="Units").read_text(encoding="utf-8")
    assert "Highest class drop" in text and "Class selectivity" in text and "62.5 % right with all units" in text
    assert not re.search(r"https?://(?!www\.w3\.org)", text.split("<body", 1)[-1][:2000])
    assert json.dumps("suffers most")[1:-1] in text
    assert repr(panel) == "ClassesPanel('planted classifier', layer='relu', units=[])"
    assert "image/png" in panel._repr_mimebundle_()[0]
