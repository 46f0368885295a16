"""The panel without a browser: what arrives in the components when traits change, and what a click does in Python."""

import io
import threading

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError


def open_image(data):
    return Image.open(io.BytesIO(data))


# What is shown


def test_a_new_panel_dissects_and_shows_units_bars_and_pictures(make_panel):
    panel = make_panel()
    assert panel.grid.rows["label"][0] == "red" and panel.grid.rows["status"][2] == "dead"
    assert panel.grid.rows["unit"] == list(range(8)) and panel.grid.message
    bars = {bar["key"]: bar for bar in panel.histogram.bars}
    assert bars["blue"]["value"] >= 1 and set(bars) <= {"red", "blue", "red top"}
    assert all(bar["chance"] is not None for bar in panel.histogram.bars)
    assert list(panel.images.sheets) == ["before"]  # nothing is ablated: there is nothing to compare
    assert panel.images.sheets["before"]["count"] == 12 and panel.images.title == "12 generated pictures"
    assert panel.run_bar.status == "done" and (panel.run_bar.n_done, panel.run_bar.n_total) == (100, 100)
    assert panel.picker.layer == "layer1" and [x["dissected"] for x in panel.picker.layers] == [True, False, False]
    assert panel.grid.groups == ["object", "part"] and panel.grid.legend[0]["name"] == "red"
    assert panel.losses.bars == [] and "Select units" in panel.losses.message


def test_the_layout_fits_all_components_and_links_bars_with_the_grid(browser_sets, make_panel):
    panel = make_panel(run=False)
    names = [type(child).__name__ for child in panel.layout.children]
    assert names.count("Histogram") == 2 and {"LayerPicker", "RunBar", "UnitGrid", "ImageGrid", "CodeSnippet"} <= set(
        names
    )
    assert {(link["source_trait"], link["target_trait"]) for link in panel.layout.links} == {
        ("selected", "concepts"),
        ("concepts", "selected"),
    }
    browser_sets(panel.histogram, selected=["red"])
    assert panel.grid.concepts == ["red"]
    browser_sets(panel.grid, concepts=[])
    assert panel.histogram.selected == []


def test_selected_units_change_the_pictures_and_the_bars(browser_sets, make_panel):
    panel = make_panel()
    browser_sets(panel.grid, selected=[0])
    panel.wait(10.0)
    assert panel.units == (0,) and panel.effect.ablation.units == (0,)
    red = {bar["key"]: bar for bar in panel.losses.bars}["red"]
    assert red["value"] == pytest.approx(-panel.effect.effect[0]) and red["value"] < 0
    assert red["low"] <= red["value"] <= red["high"] and red["chance"] <= 0
    assert panel.images.title == "Without unit 0" and list(panel.images.sheets) == ["before", "after", "difference"]
    assert [sheet["count"] for sheet in panel.images.sheets.values()] == [12] * 3
    assert [bool(sheet.get("scale")) for sheet in panel.images.sheets.values()] == [False, False, True]
    before, after = (open_image(panel.images.sheets[name]["image"]) for name in ("before", "after"))
    assert before.size == after.size == (64, 48) and before.tobytes() != after.tobytes()
    browser_sets(panel.edit, values={**panel.edit.values, "strength": 0.25})
    panel.wait(10.0)
    assert panel.ablating.strength == 0.25 and panel.effect.effect[0] == 0


def test_the_selection_is_a_trait_that_can_be_assigned_and_observed(make_panel):
    panel, seen = make_panel(), []
    panel.observe(lambda change: seen.append(change.new), "units")
    panel.units = [3, 1]
    assert panel.units == (1, 3) and panel.grid.selected == [1, 3] and seen == [(1, 3)]
    with pytest.raises(TraitError, match="`units` must lie in 0 to 7"):
        panel.units = [99]
    assert panel.units == (1, 3) and panel.grid.selected == [1, 3]
    panel.n = 50
    assert panel.settings.values["n"] == 50 and panel.dissecting.n == 50
    panel.layer = "layer2"
    assert (panel.units, panel.picker.layer, panel.ablating.layer) == ((), "layer2", "layer2")
    panel.layer = "layer1"
    assert panel.units == (1, 3) == panel.ablating.units


def test_what_the_session_refuses_goes_back_to_the_browser_with_the_reason(browser_sets, make_panel):
    panel = make_panel()
    browser_sets(panel.grid, selected=[2])
    browser_sets(panel.grid, selected=[2, 99])
    assert panel.grid.selected == [2] and "`units` must lie in" in panel.run_bar.error
    browser_sets(panel.settings, values={**panel.settings.values, "n": 0})
    assert panel.settings.values["n"] == 100 and "`n` must lie in" in panel.run_bar.error
    browser_sets(panel.settings, values={**panel.settings.values, "n": 70})
    assert panel.run_bar.error == ""


def test_changing_the_layer_shows_what_is_kept(browser_sets, browser_asks, make_panel):
    panel = make_panel()
    rows = panel.grid.rows
    browser_sets(panel.picker, layer="layer2")
    panel.wait(10.0)
    assert panel.grid.rows == {} and "layer2 is not dissected yet" in panel.grid.message
    assert panel.run_bar.status == "idle" and panel.histogram.bars == []
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert panel.grid.rows["label"][0] == "red" and panel.picker.layers[1]["dissected"]
    panel.layer = "layer1"
    panel.wait(10.0)
    assert panel.grid.rows == rows and panel.grid.sheets


# Strips and details


def test_strips_are_drawn_for_units_in_view(browser_sets, make_panel):
    from ganwidgets.testing import planted_generator

    panel = make_panel(planted_generator(units=100, resolution=8))
    shown = {unit for sheet in panel.grid.sheets for unit in sheet["units"]}
    assert shown == set(panel.result.to_frame().nlargest(24, "iou").unit)
    missing = sorted(set(range(100)) - shown)[:30]
    browser_sets(panel.grid, wanted=missing)
    panel.wait(10.0)
    sheets = panel.grid.sheets
    assert {unit for sheet in sheets for unit in sheet["units"]} == shown | set(missing)
    assert max(len(sheet["units"]) for sheet in sheets) <= 24
    for sheet in sheets:
        size = (5 * sheet["tile"][0], len(sheet["units"]) * sheet["tile"][1])
        assert (
            open_image(sheet["image"]).size == open_image(sheet["mask"]).size == open_image(sheet["seg"]).size == size
        )


def test_a_strip_shows_the_units_top_images_with_its_region(make_panel):
    panel = make_panel()
    sheet = next(sheet for sheet in panel.grid.sheets if 0 in sheet["units"])
    row, (width, height) = sheet["units"].index(0), sheet["tile"]
    image = np.asarray(open_image(sheet["image"]).convert("RGB")).astype(int)[row * height : (row + 1) * height, :width]
    mask = np.asarray(open_image(sheet["mask"]).convert("L"))[row * height : (row + 1) * height, :width]
    assert image[2, 2, 0] - image[2, 2, 1] > 100  # red at the left
    assert mask[2, 2] and not mask[2, -2]


def test_a_refined_result_replaces_the_strips_that_were_asked_for_last(browser_sets, make_panel):
    panel = make_panel()
    browser_sets(panel.grid, wanted=[7])
    old = panel.grid.sheets
    panel.run()
    panel.wait(10.0)
    assert panel.grid.sheets is not old and len(panel.grid.sheets) == 1
    assert set(panel.grid.sheets[0]["units"]) == set(range(8))


def test_enter_opens_a_units_detail(browser_asks, make_panel):
    panel = make_panel()
    browser_asks(panel.grid, "detail", unit=0)
    panel.wait(10.0)
    detail = panel.grid.detail
    facts = dict(detail["facts"])
    assert detail["unit"] == 0 and facts["best concept"] == "red (object)" and float(facts["IoU"].split()[0]) > 0
    assert open_image(detail["top"]["image"]).size[0] == 4 * detail["top"]["tile"][0]
    counted = len(panel.result.counterexamples(0, layer="layer1"))
    assert counted % 4 and detail["counter"]["count"] == counted  # and no empty tiles behind them
    browser_asks(panel.grid, "detail", unit=99)
    assert "`unit` must be a unit" in panel.grid.error
    for unit in (1, 2, 3):  # dead and saturated ones too
        browser_asks(panel.grid, "detail", unit=unit)
        panel.wait(10.0)
        assert panel.grid.detail["unit"] == unit and panel.painter.error == ""


def test_each_unit_can_be_measured_alone(browser_asks, make_panel):
    panel = make_panel()
    assert set(panel.grid.rows["effect"]) == {None}
    browser_asks(panel.measure, "press", name="measure")
    panel.wait(30.0)
    effects, labels = panel.grid.rows["effect"], panel.grid.rows["label"]
    assert effects[0] == pytest.approx(panel.measuring.effects[0, 0]) and effects[0] > 0.1
    assert effects[1] == pytest.approx(panel.measuring.effects[1, 1]) and effects[1] > 0
    assert effects[2] is None and labels[2] == ""  # dead
    assert panel.measure.fields[0]["label"] == "Measure each unit alone" and panel.run_bar.note == ""
    browser_asks(panel.grid, "detail", unit=0)
    panel.wait(10.0)
    assert dict(panel.grid.detail["facts"])["without it"] == f"red loses {100 * effects[0]:.2g} % of all pixels"


# What can go wrong


def test_a_failing_segmenter_is_told_and_the_pictures_stay(make_panel, reader):
    class Failing:
        name, concepts, categories, slots = "failing", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            raise RuntimeError("no weights")

    panel = make_panel(segmenter=Failing())
    assert panel.run_bar.status == "failed" and panel.run_bar.error == "no weights (RuntimeError)"
    panel.units = [0]
    panel.wait(10.0)
    assert panel.images.error == "no weights (RuntimeError)"
    assert panel.images.title == "Without unit 0" and len(panel.images.sheets) == 3


def test_clicks_from_several_threads_during_a_run_end_on_the_last(browser_sets, make_panel):
    """Handlers run on the main thread or on subshells, results come from the worker: nothing may deadlock or tear."""
    panel = make_panel(n=2000, run=False)
    panel.dissecting.run()

    def click(thread):
        for i in range(30):
            browser_sets(panel.grid, selected=[(thread + i) % 8])
            browser_sets(panel.edit, values={**panel.edit.values, "strength": i / 30})
            browser_sets(panel.grid, wanted=[i % 8])

    threads = [threading.Thread(target=click, args=(i,), daemon=True) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    browser_sets(panel.grid, selected=[0])
    browser_sets(panel.edit, values={**panel.edit.values, "strength": 1.0})
    panel.wait(60.0)
    assert panel.result.n == 2000 and panel.effect.ablation.units == (0,) and panel.effect.ablation.strength == 1.0
    assert panel.grid.rows["label"][0] == "red" and panel.losses.bars[0]["key"] == "red"
    assert panel.run_bar.error == panel.images.error == panel.grid.error == panel.edit.error == ""


def test_without_a_segmenter_nothing_runs_and_it_says_what_is_missing(make_panel):
    panel = make_panel(segmenter=None)
    assert (panel.run_bar.status, panel.run_bar.error, panel.dissecting.status) == ("idle", "", "idle")
    for said in (panel.run_bar.disabled, panel.run_bar.note, panel.grid.message, panel.measure.disabled["measure"]):
        assert "`segmenter=` is needed to name units" in said
    assert "Press Run" not in panel.grid.message and "panel.units" in panel.grid.message
    assert panel.images.sheets and panel.images.error == ""
    panel.units = [0]
    panel.wait(10.0)
    assert "segmenter" in panel.losses.message and list(panel.images.sheets) == ["before", "after", "difference"]
    named = make_panel()
    assert named.run_bar.disabled == "" and named.measure.disabled == {}


def test_a_generator_of_ones_own_gets_no_bundled_segmenter_for_its_name(make_panel):
    import ganwidgets as gw
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    network.name = "scenes"
    panel = make_panel(network, segmenter=None)
    assert panel.segmenter is None and "# G is your generator" in panel.snippet.code
    assert "gw.segment.load" not in panel.snippet.code
    bundled = make_panel(gw.load("scenes"), layer=None, segmenter=None, run=False)
    assert bundled.segmenter.name == "scenes" and "G = gw.load('scenes')" in bundled.snippet.code


def test_a_generator_that_gives_nan_is_told(make_panel):
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    network.module.colour.bias[:] = float("nan")
    panel = make_panel(network)
    assert "must be finite" in panel.run_bar.error and "must be finite" in panel.images.error


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_channels_and_shapes(make_panel, channels):
    from ganwidgets.testing import planted_generator

    panel = make_panel(planted_generator(resolution=(16, 24), channels=channels))
    panel.units = [0]
    panel.wait(10.0)
    assert panel.images.sheets["after"]["tile"] == [24, 16] and panel.grid.sheets[0]["tile"] == [24, 16]
    assert panel.run_bar.error == panel.images.error == panel.painter.error == ""


@pytest.mark.parametrize("units", [1, 2048])
def test_one_unit_and_two_thousand(make_panel, units):
    from ganwidgets.testing import planted_generator

    panel = make_panel(planted_generator(units=units, resolution=8), n=64)
    assert len(panel.grid.rows["unit"]) == units
    assert sum(len(sheet["units"]) for sheet in panel.grid.sheets) == min(units, 24)
    panel.units = [units - 1]
    panel.wait(20.0)
    assert panel.effect is not None and panel.painter.error == ""


def test_what_cannot_be_shown_is_refused_at_once(make_panel, planted):
    with pytest.raises(TraitError, match="Did you mean"):
        make_panel(layer="layer12")
    with pytest.raises(TypeError, match="`segmenter` must have"):
        make_panel(segmenter=3)
    with pytest.raises(ValueError, match="`source` must be one of"):
        make_panel(segmenter="scens")
    with pytest.raises(TypeError, match="`source`"):
        make_panel(3)
