"""The panel without a browser: what arrives in the components when traits change, and what a click does in Python."""

import io
import json
import re
import threading

import comm
import numpy as np
import pytest
from comm.base_comm import BaseComm
from PIL import Image
from traitlets import TraitError


class QuietComm(BaseComm):
    """A front end that takes everything and says nothing."""

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        pass


@pytest.fixture
def make(planted, reader, monkeypatch):
    monkeypatch.setattr(comm, "create_comm", lambda *args, **kwargs: QuietComm(*args, **kwargs))
    from ganwidgets.dissect.panel import panel

    made = []

    def make(network=planted, layer="layer1", segmenter=reader, **options):
        made.append(panel(network, layer, segmenter, **{"n": 100, "top_fraction": 0.4, **options}))
        made[-1].wait(30.0)
        return made[-1]

    yield make
    for one in made:
        one.close()


def browser_sets(widget, **state):
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def browser_asks(widget, action, **fields):
    data = {"method": "custom", "content": {"id": 1, "action": action, **fields}}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def open_image(data):
    return Image.open(io.BytesIO(data))


# What is shown


def test_a_new_panel_dissects_and_shows_units_bars_and_pictures(make):
    panel = make()
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


def test_the_layout_fits_all_components_and_links_bars_with_the_grid(make):
    panel = make(run=False)
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


def test_selected_units_change_the_pictures_and_the_bars(make):
    panel = make()
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


def test_the_selection_is_a_trait_that_can_be_assigned_and_observed(make):
    panel, seen = make(), []
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


def test_what_the_session_refuses_goes_back_to_the_browser_with_the_reason(make):
    panel = make()
    browser_sets(panel.grid, selected=[2])
    browser_sets(panel.grid, selected=[2, 99])
    assert panel.grid.selected == [2] and "`units` must lie in" in panel.run_bar.error
    browser_sets(panel.settings, values={**panel.settings.values, "n": 0})
    assert panel.settings.values["n"] == 100 and "`n` must lie in" in panel.run_bar.error
    browser_sets(panel.settings, values={**panel.settings.values, "n": 70})
    assert panel.run_bar.error == ""


def test_changing_the_layer_shows_what_is_kept(make):
    panel = make()
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


def test_strips_are_drawn_for_units_in_view(make):
    from ganwidgets.testing import planted_generator

    panel = make(planted_generator(units=100, resolution=8))
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


def test_a_strip_shows_the_units_top_images_with_its_region(make):
    panel = make()
    sheet = next(sheet for sheet in panel.grid.sheets if 0 in sheet["units"])
    row, (width, height) = sheet["units"].index(0), sheet["tile"]
    image = np.asarray(open_image(sheet["image"]).convert("RGB")).astype(int)[row * height : (row + 1) * height, :width]
    mask = np.asarray(open_image(sheet["mask"]).convert("L"))[row * height : (row + 1) * height, :width]
    assert image[2, 2, 0] - image[2, 2, 1] > 100  # red at the left
    assert mask[2, 2] and not mask[2, -2]


def test_a_refined_result_replaces_the_strips_that_were_asked_for_last(make):
    panel = make()
    browser_sets(panel.grid, wanted=[7])
    old = panel.grid.sheets
    panel.run()
    panel.wait(10.0)
    assert panel.grid.sheets is not old and len(panel.grid.sheets) == 1
    assert set(panel.grid.sheets[0]["units"]) == set(range(8))


def test_enter_opens_a_units_detail(make):
    panel = make()
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


def test_each_unit_can_be_measured_alone(make):
    panel = make()
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


def test_a_failing_segmenter_is_told_and_the_pictures_stay(make, reader):
    class Failing:
        name, concepts, categories, slots = "failing", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            raise RuntimeError("no weights")

    panel = make(segmenter=Failing())
    assert panel.run_bar.status == "failed" and panel.run_bar.error == "no weights (RuntimeError)"
    panel.units = [0]
    panel.wait(10.0)
    assert panel.images.error == "no weights (RuntimeError)"
    assert panel.images.title == "Without unit 0" and len(panel.images.sheets) == 3


def test_clicks_from_several_threads_during_a_run_end_on_the_last(make):
    """Handlers run on the main thread or on subshells, results come from the worker: nothing may deadlock or tear."""
    panel = make(n=2000, run=False)
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


def test_without_a_segmenter_nothing_runs_and_it_says_what_is_missing(make):
    panel = make(segmenter=None)
    assert (panel.run_bar.status, panel.run_bar.error, panel.dissecting.status) == ("idle", "", "idle")
    for said in (panel.run_bar.disabled, panel.run_bar.note, panel.grid.message, panel.measure.disabled["measure"]):
        assert "`segmenter=` is needed to name units" in said
    assert "Press Run" not in panel.grid.message and "panel.units" in panel.grid.message
    assert panel.images.sheets and panel.images.error == ""
    panel.units = [0]
    panel.wait(10.0)
    assert "segmenter" in panel.losses.message and list(panel.images.sheets) == ["before", "after", "difference"]
    named = make()
    assert named.run_bar.disabled == "" and named.measure.disabled == {}


def test_a_generator_of_ones_own_gets_no_bundled_segmenter_for_its_name(make):
    import ganwidgets as gw
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    network.name = "scenes"
    panel = make(network, segmenter=None)
    assert panel.segmenter is None and "# G is your generator" in panel.snippet.code
    assert "gw.segment.load" not in panel.snippet.code
    bundled = make(gw.load("scenes"), layer=None, segmenter=None, run=False)
    assert bundled.segmenter.name == "scenes" and "G = gw.load('scenes')" in bundled.snippet.code


def test_a_generator_that_gives_nan_is_told(make):
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    network.module.colour.bias[:] = float("nan")
    panel = make(network)
    assert "must be finite" in panel.run_bar.error and "must be finite" in panel.images.error


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_other_channels_and_shapes(make, channels):
    from ganwidgets.testing import planted_generator

    panel = make(planted_generator(resolution=(16, 24), channels=channels))
    panel.units = [0]
    panel.wait(10.0)
    assert panel.images.sheets["after"]["tile"] == [24, 16] and panel.grid.sheets[0]["tile"] == [24, 16]
    assert panel.run_bar.error == panel.images.error == panel.painter.error == ""


@pytest.mark.parametrize("units", [1, 2048])
def test_one_unit_and_two_thousand(make, units):
    from ganwidgets.testing import planted_generator

    panel = make(planted_generator(units=units, resolution=8), n=64)
    assert len(panel.grid.rows["unit"]) == units
    assert sum(len(sheet["units"]) for sheet in panel.grid.sheets) == min(units, 24)
    panel.units = [units - 1]
    panel.wait(20.0)
    assert panel.effect is not None and panel.painter.error == ""


def test_what_cannot_be_shown_is_refused_at_once(make, planted):
    with pytest.raises(TraitError, match="Did you mean"):
        make(layer="layer12")
    with pytest.raises(TypeError, match="`segmenter` must have"):
        make(segmenter=3)
    with pytest.raises(ValueError, match="`source` must be one of"):
        make(segmenter="scens")
    with pytest.raises(TypeError, match="`source`"):
        make(3)


# Results that exist, export, code, life


def test_a_result_that_exists_is_shown_without_running(make, planted, reader):
    import ganwidgets as gw

    result = gw.dissect.run(planted, layer="layer2", segmenter=reader, n=80, top_fraction=0.4)
    panel = make(layer=None, result=result)
    assert panel.result is result and panel.layer == "layer2"
    assert panel.run_bar.status == "done" and panel.grid.rows["label"][0] == "red"
    bare = make(layer=None, result=result, segmenter=None)
    assert bare.grid.rows["label"][0] == "red" and bare.run_bar.error == ""
    assert bare.run_bar.disabled and bare.run_bar.note == ""


def test_running_again_repeats_an_adopted_result(make, planted, reader):
    import ganwidgets as gw

    result = gw.dissect.run(planted, layer="layer2", segmenter=reader, n=80, seed=5, rule="iqr", padding="zeros")
    panel = make(layer=None, result=result, n=1000, seed=1)
    assert panel.n == 80 and panel.settings.values["n"] == 80 and panel.settings.values["rule"] == "iqr"
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert panel.result is not result and panel.result.options == result.options
    assert panel.result.to_frame().equals(result.to_frame())


def test_the_page_says_what_is_shown_and_what_the_chance_mark_means(make):
    panel = make()
    assert panel.histogram.subtitle == "layer1 · 100 images, seed 1, top fraction 0.4"
    browser_sets(panel.settings, values={"n": 700, "rule": "iqr"})  # of the next run, not of what is shown
    assert panel.histogram.subtitle == "layer1 · 100 images, seed 1, top fraction 0.4"
    assert "other images" in panel.histogram.reference_label
    assert "same place in every picture" in panel.histogram.note and "near chance" in panel.histogram.note
    panel.layer = "layer2"
    assert panel.histogram.subtitle == "" and panel.histogram.message == "Nothing is dissected yet."
    panel.wait(10.0)


def test_a_run_that_labels_nothing_says_so(make, reader):
    class Blind:
        name, concepts, categories, slots = "blind", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            return reader(images) * 0

    panel = make(segmenter=Blind(), n=64)
    assert panel.histogram.bars == []
    assert panel.histogram.message == "No unit is labelled: none passes the rule 'top_fraction'."


def test_cancel_and_resume_from_the_run_bar(make, reader):
    started, go = threading.Event(), threading.Event()

    class Slow:
        name, concepts, categories, slots = "slow", reader.concepts, reader.categories, reader.slots
        batches = 0

        def __call__(self, images):
            self.batches += len(images) == 32
            if self.batches == 4:
                started.set()
                assert go.wait(20)
            return reader(images)

    panel = make(segmenter=Slow(), n=300, run=False)
    browser_asks(panel.run_bar, "run")
    assert started.wait(20)
    assert panel.run_bar.status == "running"
    browser_asks(panel.run_bar, "cancel")
    go.set()
    panel.wait(20.0)
    assert panel.run_bar.status == "cancelled" and 64 <= panel.run_bar.n_done < panel.run_bar.n_total == 300
    assert panel.grid.rows["label"][0] == "red"
    browser_asks(panel.run_bar, "resume")
    panel.wait(30.0)
    assert panel.run_bar.status == "done" and panel.result.n == 300


class Stubborn:
    """A segmenter that fails, or waits for a test, at the batch with a number."""

    def __init__(self, reader):
        self.reader, self.batches, self.fail_at, self.wait_at = reader, 0, 0, 0
        self.started, self.go = threading.Event(), threading.Event()
        self.name, self.concepts, self.categories = "stubborn", reader.concepts, reader.categories
        self.slots = reader.slots

    def __call__(self, images):
        self.batches += 1
        if self.batches == self.fail_at:
            raise RuntimeError("lost")
        if self.batches == self.wait_at:
            self.started.set()
            assert self.go.wait(20)
        return self.reader(images)


def test_a_run_stopped_before_its_first_result_can_go_on_though_an_older_result_is_shown(make, reader):
    segmenter = Stubborn(reader)
    panel = make(segmenter=segmenter, n=64)
    old = panel.result
    panel.wait(10.0)
    panel.n, panel.dissecting.rule, segmenter.wait_at = 200, "iqr", segmenter.batches + 3
    browser_asks(panel.run_bar, "run")
    assert segmenter.started.wait(20)
    browser_asks(panel.run_bar, "cancel")
    segmenter.go.set()
    panel.wait(20.0)
    bar = panel.run_bar
    assert panel.result is old and panel.histogram.subtitle.startswith("layer1 · 64 images")
    assert (bar.status, bar.n_done, bar.n_total, bar.resumable) == ("cancelled", 96, 400, True)
    panel.layer = "layer2"
    assert (bar.status, bar.n_done, bar.resumable) == ("idle", 0, False)
    panel.layer = "layer1"
    assert (bar.status, bar.n_done, bar.resumable) == ("cancelled", 96, True)
    browser_asks(bar, "resume")
    panel.wait(30.0)
    assert bar.status == "done" and panel.result.rule == "iqr" and panel.result.n == 200
    assert panel.dissecting.stopped == {} and not bar.resumable


def test_a_run_that_fails_early_can_go_on_though_an_older_result_is_shown(make, reader):
    segmenter = Stubborn(reader)
    panel = make(segmenter=segmenter, n=64)
    old = panel.result
    panel.wait(10.0)
    segmenter.fail_at = segmenter.batches + 2
    panel.n = 128
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    bar = panel.run_bar
    assert panel.result is old and "lost" in bar.error
    assert (bar.status, bar.n_done, bar.n_total, bar.resumable) == ("failed", 32, 128, True)
    browser_asks(bar, "resume")
    panel.wait(20.0)
    assert bar.status == "done" and panel.result.n == 128 and bar.error == ""


def test_a_run_that_another_layer_replaced_can_go_on(make, reader):
    segmenter = Stubborn(reader)
    segmenter.wait_at = 4
    panel = make(segmenter=segmenter, n=300, run=False)
    browser_asks(panel.run_bar, "run")
    assert segmenter.started.wait(20)
    panel.layer = "layer2"
    assert panel.run_bar.status == "running" and panel.run_bar.note == "this run is of layer1"
    browser_asks(panel.run_bar, "run")
    segmenter.go.set()
    panel.wait(30.0)
    assert panel.run_bar.note == "" and panel.run_bar.status == "done"
    panel.layer = "layer1"
    assert (panel.run_bar.status, panel.run_bar.resumable) == ("cancelled", True)
    browser_asks(panel.run_bar, "resume")
    panel.wait(30.0)
    assert panel.result.n == 300 and panel.run_bar.status == "done"


def test_the_code_repeats_what_is_shown(make, planted, reader):
    panel = make(planted)
    panel.units = [0, 4]
    panel.ablating.strength, panel.ablating.seed, panel.ablating.truncation = 0.75, 4, 1.5
    panel.wait(10.0)
    names = {"G": planted, "S": reader}
    exec(panel.snippet.code, names)
    assert names["d"].to_frame().equals(panel.result.to_frame())
    for name in ("before", "after", "effect", "chance", "interval"):
        np.testing.assert_array_equal(getattr(names["effect"], name), getattr(panel.effect, name))
    from ganwidgets.nn.images import to_uint8

    assert (to_uint8(names["after"]) == panel.ablating.after).all()


def test_the_code_of_the_bundled_world_needs_nothing_else():
    from ganwidgets.ablate import Ablation
    from ganwidgets.ablate.controller import Shown
    from ganwidgets.dissect.panel_code import code

    shown = Shown(Ablation("layer5", (3,)), seed=1, truncation=None, n_images=12)
    text = code("scenes", "scenes", shown)
    assert text.splitlines()[2] == "G = gw.load('scenes')" and "S = gw.segment.load('scenes')" in text
    assert "strength" not in text and "truncation" not in text


def test_only_what_a_name_really_stands_for_is_called_by_it(planted, reader):
    import torch

    import ganwidgets as gw
    from ganwidgets.panels import network_name, segmenter_name

    network = gw.load("scenes")
    assert network_name(network) == "scenes" and network_name(planted) == ""
    early = next(name for name in gw.models.checkpoints.names() if "@" in name)
    assert network_name(gw.load(early)) == early
    with torch.no_grad():
        next(network.module.parameters()).add_(1.0)
    assert network_name(network) == ""
    segmenter = gw.segment.load("scenes")
    assert segmenter_name(segmenter) == "scenes"

    class Mine:
        name, concepts, categories, slots = "scenes", reader.concepts, reader.categories, reader.slots

    assert segmenter_name(Mine()) == segmenter_name(reader) == ""


def test_the_code_tells_the_settings_that_are_not_usual(planted, reader):
    import ganwidgets as gw
    from ganwidgets.dissect.panel_code import code

    chosen = {"layer": "layer2", "n": 70, "seed": 3, "rule": "iqr", "truncation": 1.5, "batch": 16}
    result = gw.dissect.run(planted, segmenter=reader, **chosen)
    names = {"G": planted, "S": reader}
    text = code("", "", None, result, "layer2")
    assert "top_fraction" not in text and "grid" not in text
    exec(text, names)
    assert names["d"].options == result.options


def test_the_export_holds_every_unit_and_the_links(make, tmp_path):
    from ganwidgets.testing import planted_generator

    panel = make(planted_generator(units=60, resolution=8))
    text = panel.to_html(tmp_path / "panel.html").read_text(encoding="utf-8")
    models = json.loads(re.search(r'id="gw-page">(.*?)</script>', text, re.DOTALL)[1])["models"]
    grid = next(model for model in models.values() if model["kind"] == "UnitGrid")
    assert sorted(unit for sheet in grid["state"]["sheets"] for unit in sheet["units"]) == list(range(60))
    layout = next(model for model in models.values() if model["kind"] == "Layout")
    assert len(layout["state"]["links"]) == 2
    kept = grid["state"]["kept"]
    assert sorted(map(int, kept["facts"])) == list(range(60)) and panel.grid.kept == {}  # the browser has no need of it
    found = {unit: len(panel.result.counterexamples(unit, layer="layer1", k=4)) for unit in range(60)}
    counts = {unit: k for s in kept["counter"] for unit, k in zip(s["units"], s["counts"], strict=True)}
    assert counts == {unit: k for unit, k in found.items() if k} and sum(counts.values()) > 60
    facts = dict(kept["facts"]["0"])
    assert f"{panel.result.layer().threshold[0]:.4g}, on " in facts["active above"] and facts["images"] == "100"
    assert [path for path in (b["path"] for b in grid["buffers"]) if path[:2] == ["kept", "counter"]]
    assert "http://" not in text.replace("http://www.w3.org", "") and "https://" not in text.replace(
        "https://www.w3", ""
    )


def test_a_dissection_alone_becomes_a_page_with_a_section_per_layer(planted, reader, tmp_path):
    import ganwidgets as gw

    result = gw.dissect.run(planted, layers=["layer1", "layer2"], segmenter=reader, n=80, top_fraction=0.4)
    result.to_html(tmp_path / "d.html")
    text = (tmp_path / "d.html").read_text(encoding="utf-8")
    models = json.loads(re.search(r'id="gw-page">(.*?)</script>', text, re.DOTALL)[1])["models"]
    assert [model["kind"] for model in models.values()].count("UnitGrid") == 2
    grids = [model["state"] for model in models.values() if model["kind"] == "UnitGrid"]
    assert all(len(grid["kept"]["facts"]) == 8 and grid["kept"]["counter"] for grid in grids)
    histograms = [model["state"] for model in models.values() if model["kind"] == "Histogram"]
    assert [one["subtitle"].split(" · ")[0] for one in histograms] == ["layer1", "layer2"]
    assert all("near chance" in one["note"] for one in histograms)


def test_a_cell_that_is_run_again_closes_its_old_panel(make, monkeypatch):
    from ganwidgets import cells

    cell = ["a", 1]
    monkeypatch.setattr(cells, "_cell", lambda: tuple(cell))
    first, sibling = make(run=False), make(run=False)
    assert not first.dissecting._closed and not sibling.dissecting._closed
    cell[0] = "b"
    other = make(run=False)
    cell[:] = ["a", 2]
    again = make(run=False)
    assert first.dissecting._closed and sibling.dissecting._closed
    assert not other.dissecting._closed and not again.dissecting._closed
    named = [make(run=False, key="mine") for _ in range(2)]
    assert [panel.dissecting._closed for panel in named] == [True, False]


def test_a_closed_panel_leaves_its_view_as_it_is(make):
    sent = []

    class Recording(QuietComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            sent.append((msg_type, self.comm_id, data or {}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comm, "create_comm", lambda *args, **kwargs: Recording(*args, **kwargs))
        panel = make()
    layout, grid = panel.layout.comm.comm_id, panel.grid.comm
    told = len(sent)
    panel.close()
    import gc

    gc.collect()
    states = [data["state"] for kind, at, data in sent[told:] if at == layout and kind == "comm_msg"]
    assert states == [{"farewell": panel.layout.farewell}] and "newer run of its cell" in panel.layout.farewell
    assert "comm_close" not in {kind for kind, *_ in sent}
    grid.handle_msg({"content": {"data": {"method": "update", "state": {"selected": [1]}}}, "buffers": []})
    assert panel.units == () and panel.grid.selected == []  # a click into it arrives nowhere


def test_the_panel_function_keeps_its_signature_and_its_words():
    import subprocess
    import sys

    look = "print('segmenter' in inspect.signature(gw.dissect.panel).parameters, gw.dissect.panel.__doc__[:40])"
    for first in ("gw.dissect.panel", "import ganwidgets.dissect.panel", "from ganwidgets.dissect.panel import Panel"):
        program = f"import inspect, ganwidgets as gw\n{first}\n{look}\n{look}"
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert ran.stdout.splitlines() == ["True Dissect a network in a notebook cell: `p"] * 2


def test_closing_stops_the_run_and_frees_what_it_held(make):
    import gc
    import weakref

    panel = make(run=False)
    panel.units = [0]
    panel.wait(10.0)
    acts = [weakref.ref(scene.state.acts) for scene in panel.ablating._scenes.values()]
    panel.n = 100_000
    panel.dissecting.run()
    running = panel.dissecting._jobs["dissect"]
    panel.close()
    running.ended.result(20)
    gc.collect()
    assert acts and all(ref() is None for ref in acts)
    assert panel.dissecting._runs == {} and panel.grid.comm is None
    panel.grid.selected = [1]  # a click that was on its way
    assert panel.dissecting.units == (0,)


def test_the_repr_is_the_same_in_every_run_and_a_picture_comes_with_it(make):
    panel = make()
    panel.units = [1]
    assert repr(panel) == "Panel('planted', layer='layer1', units=[1])"
    data = panel._repr_mimebundle_()[0]
    assert data["text/plain"] == repr(panel) and "image/png" in data
    assert "application/vnd.jupyter.widget-view+json" in data
