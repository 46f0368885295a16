"""The panel without a browser: what arrives in the components when traits change, and what a click does in Python."""

import io
import json

import comm
import numpy as np
import pytest
from comm.base_comm import BaseComm
from PIL import Image
from traitlets import TraitError


class QuietComm(BaseComm):
    """A front end that takes everything and keeps what it is told."""

    told: list

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        self.__dict__.setdefault("told", []).append((data or {}, buffers or []))


@pytest.fixture(scope="module")
def dissection(planted, reader):
    import ganwidgets as gw

    return gw.dissect.run(planted, segmenter=reader, layer="layer1", n=100, top_fraction=0.4)


@pytest.fixture
def make(planted, reader, dissection, monkeypatch):
    monkeypatch.setattr(comm, "create_comm", lambda *args, **kwargs: QuietComm(*args, **kwargs))
    from ganwidgets.paint.panel import panel

    made = []

    def make(network=planted, known=dissection, segmenter=reader, **options):
        made.append(panel(network, known, segmenter, **{"n_scenes": 4, **options}))
        return made[-1].wait(30.0)

    yield make
    for one in made:
        one.close()


def browser_sets(widget, **state):
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def browser_asks(widget, action, buffers=(), **fields):
    """What the answer says went wrong; "" if nothing did."""
    data = {"method": "custom", "content": {"id": 1, "action": action, **fields}}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": list(buffers)})
    answers = [told["content"] for told, _ in widget.comm.told if told.get("method") == "custom"]
    return answers[-1]["error"]


def mask(*rows):
    area = np.zeros((16, 16), np.uint8)
    area[slice(*rows)] = 255
    return area


def browser_paints(panel, rows=(0, 16), tool="paint"):
    """A stroke from left to right over these rows of the picture."""
    number = browser_paints.number = getattr(browser_paints, "number", 0) + 1
    size = {"stroke": str(number), "tool": tool, "width": 16, "height": 16}
    error = browser_asks(panel.painter, "stroke", [memoryview(mask(*rows).tobytes())], **size)
    panel.wait(20.0)
    return error


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


# What is shown


def test_a_new_panel_shows_scenes_brushes_and_a_canvas(make):
    panel = make()
    assert panel.palette.captions == [b.concept for b in panel.painting.brushes] and "red" in panel.palette.captions
    assert panel.palette.sheets["brushes"]["count"] == len(panel.palette.captions)
    assert panel.scenes.sheets["scenes"]["count"] == 4 and panel.scenes.selected == [0]
    assert panel.painter.size == [16, 16] and picture(panel.painter.image).shape == (16, 16, 3)
    assert panel.compare.before == panel.compare.after == panel.painter.image
    assert panel.run_bar.status == "done" and panel.run_bar.n_done == 100
    assert panel.picker.layer == "layer1" and [row["dissected"] for row in panel.picker.layers] == [True, False, False]
    assert panel.stack.entries == [] and panel.files.disabled == {"strokes": "nothing is painted"}
    assert "Choose a brush" in panel.painter.message


def test_plain_tiles_stand_where_icons_will_be(make):
    from ganwidgets.paint import panel_views as views

    panel = make()
    plain, names = views.brush_sheet(panel.painting.brushes, ())
    drawn, same = views.brush_sheet(panel.painting.brushes, panel.painting.icons)
    assert names == same and plain["brushes"]["count"] == drawn["brushes"]["count"]
    assert plain["brushes"]["image"] != drawn["brushes"]["image"]


# Painting


def test_a_stroke_of_a_brush_changes_the_picture_inside_it_and_is_listed(make):
    panel = make()
    browser_sets(panel.palette, selected=[panel.palette.captions.index("red")])
    assert panel.brush == "red" and panel.settings.values["units"] == "0, 4"
    browser_sets(panel.settings, values={**panel.settings.values, "mode": "remove"})
    scene = next(i for i, shown in enumerate(panel.painting.scenes) if shown[2, 2, 0] > shown[2, 2, 1] + 50)
    browser_sets(panel.scenes, selected=[scene])
    panel.wait(10.0)
    assert browser_paints(panel, (0, 8)) == ""
    before, after = picture(panel.compare.before), picture(panel.painter.image)
    assert (np.abs(before - after).max(2)[:8, :8] > 50).all() and (before[8:] == after[8:]).all()
    assert panel.compare.after == panel.painter.image
    (entry,) = panel.stack.entries
    assert (entry["title"], entry["detail"], entry["strength"]) == ("remove red", "2 units of layer1", 1.0)
    assert entry["thumbnail"] == 0 and panel.stack.sheet["count"] == 1
    assert panel.painter.message.startswith("red: -64 of 128 pixels in the brush (red stood there")
    assert panel.painter.can_undo and panel.stack.can_undo and not panel.painter.can_redo
    assert panel.painter.color == "#d55e00" == entry["color"]


@pytest.fixture
def sent(monkeypatch):
    """Traits that go to the front end, each with its component, and answers, in the order in which they go."""
    found = []

    def publish(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        self.__dict__.setdefault("told", []).append((data or {}, buffers or []))
        data = data or {}
        aside = (path[0] for path in data.get("buffer_paths", ()))  # bytes
        names = {*data.get("state", {}), *aside}
        found.append((self, sorted(names) or ["answer"]))

    monkeypatch.setattr(QuietComm, "publish_msg", publish)
    return lambda component: [(i, names) for i, (one, names) in enumerate(found) if one is component.comm]


def test_the_picture_goes_to_the_page_first_and_what_comes_with_it_a_moment_later(make, sent, monkeypatch):
    from ganwidgets.paint import panel_wires as module

    monkeypatch.setattr(module, "PATIENCE", 20.0)
    panel = make()
    panel.brush, panel.painting.mode = "red", "remove"
    panel.scene = next(i for i, shown in enumerate(panel.painting.scenes) if shown[2, 2, 0] > shown[2, 2, 1] + 50)
    panel.wait(10.0)
    panel._answered = -1e9
    start = [len(sent(part)) for part in (panel.painter, panel.stack, panel.compare)]
    assert browser_paints(panel) == ""
    of_painter, of_stack, of_compare = (
        sent(part)[n:] for part, n in zip((panel.painter, panel.stack, panel.compare), start, strict=True)
    )
    assert of_painter[0][1] == ["image"]
    answered = next(i for i, names in of_painter if names == ["answer"])
    first = min(i for i, _ in (*of_stack, *of_compare))
    assert of_painter[0][0] < first and of_painter[0][0] < answered
    assert [names for _, names in of_stack if "sheet" in names] == [["entries", "sheet"]]
    thumbnails = next(i for i, names in of_stack if "sheet" in names)
    assert ["entries"] in [names for i, names in of_stack if i < answered], "the list is there with the answer"
    assert thumbnails > answered and min(i for i, _ in of_compare) > answered
    assert all("before" not in names for _, names in of_compare)


def test_neither_a_slow_picture_nor_strokes_in_quick_succession_hold_up_the_answers(make, monkeypatch):
    import threading

    from ganwidgets.testing import planted_generator

    network, may_go = planted_generator(), threading.Event()
    may_go.set()
    network.module.layer2.register_forward_hook(lambda *given: may_go.wait(20) and None)
    panel = make(network, known=None, segmenter=None, layer="layer1")
    panel.units, panel._answered = [0], -1e9
    waited = []
    wait = panel.painting.wait_for_picture
    monkeypatch.setattr(panel.painting, "wait_for_picture", lambda timeout: waited.append(timeout) or wait(timeout))
    may_go.clear()
    size = {"tool": "paint", "width": 16, "height": 16}
    for i in range(20):
        assert browser_asks(panel.painter, "stroke", [memoryview(mask(0, 8).tobytes())], stroke=f"s{i}", **size) == ""
        assert len(panel.strokes) == len(panel.stack.entries) == i + 1 and not panel.painting.shown.strokes
    assert 1 <= len(waited) < 20 and set(waited) == {0.05}
    may_go.set()
    panel.wait(20.0)
    assert len(panel.painting.shown.strokes) == 20 and panel.stack.sheet["count"] == 20


def test_units_of_ones_own_paint_too_and_leave_the_brush(make):
    panel = make()
    panel.brush = "red"
    browser_sets(panel.settings, values={**panel.settings.values, "units": "1, 4-6"})
    assert panel.units == (1, 4, 5, 6) and panel.brush == "" and panel.palette.selected == []
    assert browser_paints(panel) == "" and panel.strokes[0].units == (1, 4, 5, 6)
    assert "of the brush and" in panel.painter.message
    for text, words in (("1, x", "`units` must be numbers"), ("99", "`units` must lie in 0 to 7")):
        browser_sets(panel.settings, values={**panel.settings.values, "units": text})
        assert words in panel.painter.error and panel.settings.values["units"] == "1, 4, 5, 6"


def test_a_stroke_without_units_is_refused_with_the_reason(make):
    panel = make()
    assert "choose a brush" in browser_paints(panel)
    assert panel.strokes == () and "choose a brush" in panel.painter.error


def test_erasing_takes_away_what_was_painted_there_as_one_step(make):
    panel = make()
    panel.brush = "red"
    browser_paints(panel, (0, 8))
    browser_paints(panel, (8, 16))
    assert browser_paints(panel, (4, 16), "erase") == ""
    assert len(panel.strokes) == 1 and panel.strokes[0].region[:4].all() and not panel.strokes[0].region[4:].any()
    assert browser_asks(panel.painter, "undo") == ""
    assert len(panel.strokes) == 2 and panel.strokes[0].region[4:8].all()


def test_the_list_mutes_weakens_moves_deletes_and_undoes(make):
    panel = make()
    panel.brush = "red"
    for rows in ((0, 4), (4, 8), (8, 12)):
        browser_paints(panel, rows)
    first, second, third = (entry["id"] for entry in panel.stack.entries)
    assert browser_asks(panel.stack, "mute", entry=first, muted=True) == ""
    assert browser_asks(panel.stack, "strength", entry=second, strength=0.25) == ""
    assert browser_asks(panel.stack, "move", entry=first, to=2) == ""
    assert [entry["id"] for entry in panel.stack.entries] == [second, third, first]
    assert [(e["muted"], e["strength"]) for e in panel.stack.entries] == [(False, 0.25), (False, 1.0), (True, 1.0)]
    assert browser_asks(panel.stack, "delete", entry=third) == ""
    assert [entry["id"] for entry in panel.stack.entries] == [second, first]
    assert "[0, 1]" in browser_asks(panel.stack, "strength", entry=first, strength=2)
    assert "uid" in browser_asks(panel.stack, "delete", entry="gone")
    for _ in range(4):
        browser_asks(panel.stack, "undo")
    assert [entry["id"] for entry in panel.stack.entries] == [first, second, third] and panel.stack.can_redo
    panel.wait(10.0)
    assert panel.stack.sheet["count"] == 3


def test_hovering_a_stroke_shows_where_it_is(make):
    panel = make()
    panel.brush = "red"
    browser_paints(panel, (0, 4))
    browser_sets(panel.stack, hovered=panel.stack.entries[0]["id"])
    shown = picture(panel.painter.overlay)
    assert (shown[:4] == 255).all() and (shown[4:] == 0).all()
    browser_sets(panel.stack, hovered="")
    assert panel.painter.overlay == b""


def test_the_report_says_why_nothing_happened(make):
    panel = make()
    panel.brush, panel.painting.mode = "red", "remove"
    scene = next(i for i, shown in enumerate(panel.painting.scenes) if shown[2, 2, 0] < shown[2, 2, 1] + 50)
    panel.scene = scene
    browser_paints(panel)
    assert "Nothing happened: there was no red inside the brush." in panel.painter.message


# Scenes and layers


def test_another_scene_keeps_the_strokes(make):
    panel = make()
    panel.brush = "red"
    browser_paints(panel, (0, 2))
    image = panel.painter.image
    pictures = panel.painting.scenes
    other = next(i for i in range(4) if (pictures[i][8:] != pictures[0][8:]).any())
    browser_sets(panel.scenes, selected=[other])
    panel.wait(10.0)
    assert panel.scene == other and panel.scenes.selected == [other] and len(panel.strokes) == 1
    assert panel.painter.image != image and panel.painting.shown.scene.index == other
    browser_sets(panel.seed, values={"seed": 5})
    panel.wait(10.0)
    assert panel.painting.shown.scene.seed == 5


def test_strokes_are_applied_to_many_scenes_on_request(make):
    panel = make()
    panel.brush, panel.painting.mode = "red", "remove"
    browser_paints(panel)
    browser_sets(panel.apply, values={"n": 9})
    assert browser_asks(panel.apply, "press", name="apply") == ""
    panel.wait(20.0)
    assert [sheet["count"] for sheet in panel.others.sheets.values()] == [9, 9] and "9 scenes" in panel.others.title
    browser_sets(panel.apply, values={"n": 0})
    assert "`n` must lie in" in browser_asks(panel.apply, "press", name="apply")


def test_a_layer_that_was_not_dissected_paints_with_units_and_gets_brushes_on_request(make):
    panel = make()
    browser_sets(panel.picker, layer="layer2")
    panel.wait(10.0)
    assert panel.palette.captions == [] and "press Run" in panel.palette.message and panel.run_bar.status == "idle"
    panel.units = [0]
    browser_paints(panel)
    assert panel.strokes[0].layer == "layer2"
    browser_asks(panel.run_bar, "run")
    panel.wait(30.0)
    assert "red" in panel.palette.captions and panel.units == (0,) and len(panel.strokes) == 1
    panel.layer = "layer1"
    assert panel.run_bar.n_done == 100 and panel.palette.captions


def test_without_a_dissection_a_quick_one_is_made_for_each_layer_one_looks_at(make):
    panel = make(known=None, n=64)
    assert panel.dissecting.result.n == 64 and panel.palette.captions and panel.run_bar.status == "done"
    other = next(row["name"] for row in panel.picker.layers if row["name"] != panel.layer)
    panel.layer = other
    panel.wait(30.0)
    assert panel.dissecting.result.layer().name == other and panel.palette.captions
    offered = panel.painting.brushes
    panel.layer, panel.layer = panel.picker.layers[0]["name"], other
    panel.wait(30.0)
    assert panel.painting.brushes[0].units == offered[0].units


def test_one_paints_while_the_quick_dissection_runs(make):
    from ganwidgets.paint.panel import panel as start

    make()  # for the quiet front end
    from ganwidgets.testing import planted_generator, planted_segmenter

    panel = start(planted_generator(), None, planted_segmenter(), n=100_000)
    panel.units = [0]
    size = {"stroke": "s", "tool": "paint", "width": 16, "height": 16}
    assert browser_asks(panel.painter, "stroke", [memoryview(mask(0, 16).tobytes())], **size) == ""
    for _ in range(400):
        if panel.painting.shown is not None and len(panel.painting.shown.strokes) == 1:
            break
        panel.painting.submit(lambda progress: None, lambda value: None, kind="turn", interactive=True).ended.result(20)
    assert panel.dissecting.status == "running" and len(panel.painting.shown.strokes) == 1
    browser_asks(panel.run_bar, "cancel")
    panel.wait(30.0)
    assert panel.run_bar.status == "cancelled"
    panel.close()


def test_without_a_segmenter_units_paint_and_the_palette_says_what_is_missing(make, planted):
    panel = make(known=None, segmenter=None)
    assert "Brushes need a segmenter" in panel.palette.message and panel.run_bar.status == "idle"
    panel.units = [0]
    assert browser_paints(panel) == "" and "changed visibly" in panel.painter.message
    browser_asks(panel.run_bar, "run")
    panel.wait(10.0)
    assert "`segmenter` must be given" in panel.run_bar.error


def test_a_failing_segmenter_is_told_and_the_pictures_stay(make, reader):
    class Failing:
        name, concepts, categories, slots = "failing", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            raise RuntimeError("no weights")

    panel = make(known=None, segmenter=Failing(), n=64)
    assert panel.run_bar.status == "failed" and panel.run_bar.error == "no weights (RuntimeError)"
    panel.units = [0]
    assert browser_paints(panel) == ""
    assert "no weights" in panel.painter.error and len(panel.painting.shown.strokes) == 1 and panel.painter.image


# Files, traits, cells


def test_the_picture_and_the_strokes_are_downloads(make, planted, tmp_path):
    panel = make()
    panel.brush = "red"
    browser_paints(panel)
    assert panel.files.disabled == {}
    for name in ("picture", "strokes"):
        assert browser_asks(panel.files, "file", name=name, ticket="t") == ""
    sent = [
        (told["content"], buffers) for told, buffers in panel.files.comm.told if "ticket" in told.get("content", {})
    ]
    (first, (image,)), (second, (strokes,)) = sent
    assert first["type"] == "image/png" and image == panel.painter.image and first["file"].endswith("-1-0.png")
    assert second["type"] == "application/json" and json.loads(strokes)["network"] == planted.name
    path = tmp_path / "strokes.json"
    path.write_bytes(strokes)
    panel.painting.clear()
    panel.painting.load(path)
    assert panel.strokes[0].concept == "red"


def test_traits_can_be_assigned_and_observed_and_refusals_leave_what_stands(make):
    panel, seen = make(), []
    panel.observe(lambda change: seen.append(len(change.new)), "strokes")
    panel.brush = "red"
    browser_paints(panel)
    assert seen == [1] and panel.report is not None and "brush='red', 1 stroke)" in repr(panel)
    for name, value, words in (("brush", "unicorn", "`brush` must be"), ("scene", 99, "`scene` must lie in")):
        with pytest.raises(TraitError, match=words):
            setattr(panel, name, value)
    assert panel.brush == "red" and panel.scene == 0
    with pytest.raises(TraitError, match="read-only"):
        panel.strokes = ()


def test_running_a_cell_again_closes_the_panel_before(make):
    first = make(key="cell")
    second = make(key="cell")
    assert first.painting._closed and not second.painting._closed
    first.painting.update()  # does nothing, and does not fail
    second.brush = "red"
    assert browser_paints(second) == ""


def test_a_saved_notebook_gets_a_picture_and_a_page_can_be_written(make, tmp_path):
    panel = make()
    panel.brush = "red"
    browser_paints(panel)
    data, _ = panel._repr_mimebundle_()
    assert data["image/png"] and data["text/plain"] == repr(panel)
    assert "draw red" in panel.to_html(tmp_path / "page.html").read_text(encoding="utf-8")


def test_another_networks_dissection_is_refused(make, dissection):
    from ganwidgets.testing import planted_generator

    with pytest.raises(ValueError, match="`dissection` must be of this network"):
        make(planted_generator(units=12))


def test_the_panel_is_a_function_whichever_way_it_was_imported_first():
    import ganwidgets as gw

    assert callable(gw.paint.panel) and gw.paint.panel is gw.paint.panel
