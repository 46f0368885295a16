"""What is around a panel: results that exist, its page and its code, cells that run again, its end."""

import json
import re
import threading

import comm
import numpy as np
import pytest
from comm.base_comm import BaseComm


def test_a_result_that_exists_is_shown_without_running(make_panel, planted, reader):
    import ganwidgets as gw

    result = gw.dissect.run(planted, layer="layer2", segmenter=reader, n=80, top_fraction=0.4)
    panel = make_panel(layer=None, result=result)
    assert panel.result is result and panel.layer == "layer2"
    assert panel.run_bar.status == "done" and panel.grid.rows["label"][0] == "red"
    bare = make_panel(layer=None, result=result, segmenter=None)
    assert bare.grid.rows["label"][0] == "red" and bare.run_bar.error == ""
    assert bare.run_bar.disabled and bare.run_bar.note == ""


def test_running_again_repeats_an_adopted_result(browser_asks, make_panel, planted, reader):
    import ganwidgets as gw

    result = gw.dissect.run(planted, layer="layer2", segmenter=reader, n=80, seed=5, rule="iqr", padding="zeros")
    panel = make_panel(layer=None, result=result, n=1000, seed=1)
    assert panel.n == 80 and panel.settings.values["n"] == 80 and panel.settings.values["rule"] == "iqr"
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert panel.result is not result and panel.result.options == result.options
    assert panel.result.to_frame().equals(result.to_frame())


def test_the_page_says_what_is_shown_and_what_the_chance_mark_means(browser_sets, make_panel):
    panel = make_panel()
    assert panel.histogram.subtitle == "layer1 · 100 images, seed 1, top fraction 0.4"
    browser_sets(panel.settings, values={"n": 700, "rule": "iqr"})  # of the next run, not of what is shown
    assert panel.histogram.subtitle == "layer1 · 100 images, seed 1, top fraction 0.4"
    assert "other images" in panel.histogram.reference_label
    assert "same place in every picture" in panel.histogram.note and "near chance" in panel.histogram.note
    panel.layer = "layer2"
    assert panel.histogram.subtitle == "" and panel.histogram.message == "Nothing is dissected yet."
    panel.wait(10.0)


def test_a_run_that_labels_nothing_says_so(make_panel, reader):
    class Blind:
        name, concepts, categories, slots = "blind", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            return reader(images) * 0

    panel = make_panel(segmenter=Blind(), n=64)
    assert panel.histogram.bars == []
    assert panel.histogram.message == "No unit is labelled: none passes the rule 'top_fraction'."


def test_cancel_and_resume_from_the_run_bar(browser_asks, make_panel, reader):
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

    panel = make_panel(segmenter=Slow(), n=300, run=False)
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


def test_a_run_stopped_before_its_first_result_can_go_on_though_an_older_result_is_shown(
    browser_asks, make_panel, reader
):
    segmenter = Stubborn(reader)
    panel = make_panel(segmenter=segmenter, n=64)
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


def test_a_run_that_fails_early_can_go_on_though_an_older_result_is_shown(browser_asks, make_panel, reader):
    segmenter = Stubborn(reader)
    panel = make_panel(segmenter=segmenter, n=64)
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


def test_a_run_that_another_layer_replaced_can_go_on(browser_asks, make_panel, reader):
    segmenter = Stubborn(reader)
    segmenter.wait_at = 4
    panel = make_panel(segmenter=segmenter, n=300, run=False)
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


def test_the_code_repeats_what_is_shown(make_panel, planted, reader):
    panel = make_panel(planted)
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


def test_the_export_holds_every_unit_and_the_links(make_panel, tmp_path):
    from ganwidgets.testing import planted_generator

    panel = make_panel(planted_generator(units=60, resolution=8))
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


def test_a_cell_that_is_run_again_closes_its_old_panel(make_panel, monkeypatch):
    from ganwidgets import cells

    cell = ["a", 1]
    monkeypatch.setattr(cells, "_cell", lambda: tuple(cell))
    first, sibling = make_panel(run=False), make_panel(run=False)
    assert not first.dissecting._closed and not sibling.dissecting._closed
    cell[0] = "b"
    other = make_panel(run=False)
    cell[:] = ["a", 2]
    again = make_panel(run=False)
    assert first.dissecting._closed and sibling.dissecting._closed
    assert not other.dissecting._closed and not again.dissecting._closed
    named = [make_panel(run=False, key="mine") for _ in range(2)]
    assert [panel.dissecting._closed for panel in named] == [True, False]


def test_a_closed_panel_leaves_its_view_as_it_is(make_panel):
    sent = []

    class Recording(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            sent.append((msg_type, self.comm_id, data or {}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comm, "create_comm", lambda *args, **kwargs: Recording(*args, **kwargs))
        panel = make_panel()
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


def test_closing_stops_the_run_and_frees_what_it_held(make_panel):
    import gc
    import weakref

    panel = make_panel(run=False)
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


def test_the_repr_is_the_same_in_every_run_and_a_picture_comes_with_it(make_panel):
    panel = make_panel()
    panel.units = [1]
    assert repr(panel) == "Panel('planted', layer='layer1', units=[1])"
    data = panel._repr_mimebundle_()[0]
    assert data["text/plain"] == repr(panel) and "image/png" in data
    assert "application/vnd.jupyter.widget-view+json" in data
