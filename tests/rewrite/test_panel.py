"""The panel without a browser: what arrives in the components, and what a click, a stroke or a file does in Python."""

import io

import comm
import numpy as np
import pytest
import torch
from comm.base_comm import BaseComm
from PIL import Image
from traitlets import TraitError


class QuietComm(BaseComm):
    """A front end that takes everything and keeps what it is told."""

    told: list

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
        self.__dict__.setdefault("told", []).append((data or {}, buffers or []))


@pytest.fixture(scope="module")
def network():
    """A Progressive GAN of four widths that is drawn at random, 16 × 16."""
    from ganwidgets.models import ProGAN, TorchGenerator

    torch.manual_seed(0)
    return TorchGenerator(ProGAN((8, 8, 8, 8)), name="tiny", output_range=(-50, 50))


@pytest.fixture
def make(network, monkeypatch):
    monkeypatch.setattr(comm, "create_comm", lambda *args, **kwargs: QuietComm(*args, **kwargs))
    from ganwidgets.rewrite.panel import panel

    made = []

    def make(segmenter=None, **traits):
        traits = {"n_sample": 30, "layer": "layer4", "refining": False, "norm": "l2", **traits}
        made.append(panel(network, segmenter, key=f"test {len(made)}", **traits))
        return made[-1].wait(30.0)

    yield make
    for one in made:
        one.close()


def browser_sets(widget, **state):
    data = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def browser_asks(widget, action, *buffers, **fields):
    """What the answer says went wrong; "" if nothing did."""
    data = {"method": "custom", "content": {"id": 1, "action": action, **fields}}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": [memoryview(b) for b in buffers]})
    answers = [told["content"] for told, _ in widget.comm.told if told.get("method") == "custom"]
    return answers[-1]["error"]


def browser_paints(panel, rows, columns, tool="paint"):
    """A stroke over these rows and columns of the picture."""
    number = browser_paints.number = getattr(browser_paints, "number", 0) + 1
    mask = np.zeros((16, 16), np.uint8)
    mask[slice(*rows), slice(*columns)] = 255
    size = {"stroke": str(number), "tool": tool, "width": 16, "height": 16}
    return browser_asks(panel.painter, "stroke", mask.tobytes(), **size)


def press(panel, name):
    error = browser_asks(panel.put, "press", name=name)
    panel.wait(20.0)
    return error


def marked(panel):
    """Copy from picture 0 and paste into picture 1, as a person does it."""
    browser_paints(panel, (2, 8), (2, 8))
    assert press(panel, "object") == ""
    browser_sets(panel.grid, selected=[1])
    browser_paints(panel, (8, 14), (8, 14))
    assert press(panel, "paste") == ""
    return panel


def picture(data):
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB")).astype(int)


def test_a_new_panel_shows_a_page_of_pictures_and_says_what_to_do(make):
    panel = make()
    assert list(panel.grid.sheets) == ["before", "after"] and panel.grid.sheets["after"]["count"] == 12
    assert panel.grid.captions == [str(n) for n in range(12)] and panel.grid.selected == [0]
    assert panel.look.values == {"numbers": "0-11", "seed": 1, "n_sample": 30}
    assert panel.painter.size == [16, 16] and (picture(panel.painter.image) == panel.session.image_after).all()
    assert "Paint on it" in panel.painter.message and all(tray.entries == [] for tray in panel.trays.values())
    assert "Nothing is painted yet" in press(panel, "object") and press(panel, "clear") == ""
    assert "`examples` must show what to look for" in press(panel, "search")
    assert "must be there to be pasted" in panel.run_bar.disabled and "copy it" in panel.run_bar.note
    assert "what the rule is about" in browser_asks(panel.others, "press", name="erase")
    assert panel.files.disabled.keys() == {"edits", "weights", "request"}


def test_strokes_tint_the_picture_until_they_are_put_into_a_tray(make):
    panel = make()
    plain = picture(panel.painter.image)
    assert browser_paints(panel, (2, 8), (2, 8)) == "" and browser_paints(panel, (2, 8), (6, 12)) == ""
    changed = (picture(panel.painter.image) != plain).any(2)
    assert changed[2:8, 2:12].mean() > 0.9 and not changed[8:].any()
    assert browser_asks(panel.painter, "undo") == "" and panel.painter.can_redo
    assert not (picture(panel.painter.image) != plain).any(2)[:, 8:].any()
    assert press(panel, "object") == ""
    assert (picture(panel.painter.image) == plain).all() and not panel.painter.can_undo
    (entry,) = panel.trays["object"].entries
    assert entry["label"] == "0" and panel.trays["object"].sheet["mask"].startswith(b"\x89PNG")


def test_apply_changes_the_grid_and_undo_gives_the_same_bytes_back(make, network):
    panel = marked(make())
    before, shown = panel.grid.sheets["after"]["image"], panel.painter.image
    assert (
        panel.run_bar.disabled == "" and "matches" in panel.grid.sheets and len(panel.grid.sheets["matches"]["scale"])
    )
    assert browser_asks(panel.run_bar, "run") == ""
    panel.wait(20.0)
    assert panel.grid.sheets["after"]["image"] != before == panel.grid.sheets["before"]["image"]
    assert (picture(panel.compare.before) != picture(panel.compare.after)).any()
    (row,) = panel.stack.entries
    assert (row["title"], row["detail"]) == ("paste 1, layer4.conv", "rank 1 of layer4.conv")
    assert panel.run_bar.status == "idle" and "error of the values −7" in panel.run_bar.note
    assert "At 9 places in the pasted box the values were" in panel.curve.message
    assert panel.edits == panel.session.edits and panel.edited is not network
    assert browser_asks(panel.stack, "undo") == ""
    panel.wait(20.0)
    assert panel.grid.sheets["after"]["image"] == before and panel.painter.image == shown
    assert panel.edited is network and panel.stack.can_redo


def test_the_list_weakens_renames_mutes_and_deletes(make):
    panel = marked(make())
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    (uid,) = [row["id"] for row in panel.stack.entries]
    assert browser_asks(panel.stack, "strength", entry=uid, strength=-1) == ""
    assert browser_asks(panel.stack, "rename", entry=uid, name="domes → spires") == ""
    assert browser_asks(panel.stack, "mute", entry=uid, muted=True) == ""
    (row,) = panel.stack.entries
    assert (row["strength"], row["title"], row["muted"]) == (-1, "domes → spires", True)
    assert "at least one letter" in browser_asks(panel.stack, "rename", entry=uid, name=" ")
    assert browser_asks(panel.stack, "delete", entry=uid) == "" and panel.stack.entries == []


def test_a_thumbnail_opens_its_picture_with_the_mask_and_putting_it_again_exchanges_it(make):
    panel = marked(make())
    browser_sets(panel.grid, selected=[5])
    (entry,) = panel.trays["paste"].entries
    assert browser_asks(panel.trays["paste"], "open", entry=entry["id"]) == ""
    panel.wait(20.0)
    assert panel.image == 1 and panel.grid.selected == [1] and panel.trays["paste"].selected == entry["id"]
    assert "as marked under “Paste”" in panel.painter.message
    changed = (picture(panel.painter.image) != panel.session.image_after).any(2)
    assert changed[8:14, 8:14].mean() > 0.9 and not changed[:8].any()
    browser_paints(panel, (0, 4), (0, 4))
    assert press(panel, "paste") == "" and len(panel.trays["paste"].entries) == 1
    assert panel.trays["paste"].selected == ""
    (new,) = panel.trays["paste"].entries
    assert "not in the tray any more" in browser_asks(panel.trays["paste"], "remove", entry=entry["id"])
    assert browser_asks(panel.trays["paste"], "remove", entry=new["id"]) == "" and panel.trays["paste"].entries == []


def test_numbers_pages_and_a_search_choose_what_is_on_show(make):
    panel = make()
    browser_sets(panel.look, values={**panel.look.values, "numbers": "0-2, 12"})
    panel.wait(20.0)
    assert panel.numbers == (0, 1, 2, 12) and panel.grid.captions == ["0", "1", "2", "12"]
    for typed, words in (("1, x", "numbers such as 0-8, 12"), ("0-99", "At most 64"), ("30", "must lie in 0 to 29")):
        browser_sets(panel.look, values={**panel.look.values, "numbers": typed})
        assert words in panel.painter.error and panel.look.values["numbers"] == "0-2, 12"
    browser_asks(panel.look, "press", name="later")
    panel.wait(20.0)
    assert panel.look.values["numbers"] == "0-11" and panel.painter.error == ""
    browser_paints(panel, (2, 8), (2, 8))
    assert press(panel, "search") == "" and panel.grid.sheets["after"]["count"] == 12
    assert panel.numbers == panel.session.found.images != tuple(range(12))


def test_settings_travel_both_ways_and_wrong_ones_come_back(make):
    panel = make()
    browser_sets(panel.settings, values={**panel.settings.values, "layer": "layer5.conv", "rank": 3})
    assert (panel.layer, panel.rank, panel.session.rank) == ("layer5.conv", 3, 3)
    browser_sets(panel.settings, values={**panel.settings.values, "rank": 99})
    assert "`rank` must lie in 1 to 8" in panel.painter.error and panel.settings.values["rank"] == 3
    panel.smoothness = 0.5
    assert panel.settings.values["smoothness"] == 0.5
    with pytest.raises(TraitError, match="nowhere"):
        panel.layer = "nowhere"


def test_more_settings_wait_folded_away_and_travel_both_ways(make):
    panel = make()
    folded = next(box for box in boxes(panel.layout.tree) if box["kind"] == "fold")
    assert folded["label"] == "More settings" and panel.layout.children[folded["items"][0]] is panel.advanced
    wanted = {"norm": "l1", "objective": "map", "method": "svd", "damping": 0.1, "refine_seconds": 5}
    assert panel.advanced.values.keys() == wanted.keys()
    browser_sets(panel.advanced, values=wanted)
    assert {name: getattr(panel.session, name) for name in wanted} == wanted and panel.painter.error == ""
    panel.session.norm = "l2"
    assert panel.advanced.values["norm"] == "l2"


def boxes(tree):
    """All boxes of a layout."""
    if isinstance(tree, dict):
        yield tree
        for item in tree["items"]:
            yield from boxes(item)


def test_why_a_rule_was_not_found_stands_at_apply_and_other_refusals_at_the_picture(make):
    panel = marked(make())
    browser_sets(panel.look, values={**panel.look.values, "numbers": "99"})
    assert "`numbers` must lie in" in panel.painter.error and panel.run_bar.error == ""
    panel.session.clear("paste")
    panel.session.mark("paste", 1, np.pad([[1.0]], ((8, 7), (8, 7))))
    panel.rank = 5
    assert browser_asks(panel.run_bar, "run") == ""
    panel.wait(20.0)
    assert "rank" in panel.run_bar.error and panel.painter.error == ""
    assert panel.run_bar.status == "failed" and panel.run_bar.note == ""
    panel.rank = 1
    assert browser_asks(panel.run_bar, "run") == ""
    panel.wait(20.0)
    assert panel.run_bar.error == "" and len(panel.edits) == 1


@pytest.fixture
def brightness():
    """A segmenter that tells bright from dark pixels, softly."""

    class Brightness:
        name, concepts, categories, slots = "brightness", ("bright", "dark"), ("object", "object"), ("object",)

        def scores(self, images):
            bright = torch.sigmoid(4 * images.mean(1))
            return torch.stack([bright, 1 - bright], 1)

        def __call__(self, images):
            return (2 - (images.mean(1, keepdim=True) > 0).int()).to(torch.uint8)

        def fingerprint(self):
            return "brightness"

    return Brightness()


def test_an_edit_is_generalised_and_taken_back(make, brightness):
    panel = marked(make(brightness))
    assert "no edit to go on from" in panel.rule_bar.disabled and "no edit to go on" in panel.rule_curve.message
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    assert panel.rule_bar.disabled == "" and "nobody marked" in panel.rule_curve.message
    source, target = brightness.concepts
    wanted = {"source": source, "target": target, "limit": 20, "n": 16, "seconds": 1}
    browser_sets(panel.rule_fields, values=wanted)
    assert (panel.rule.limit, panel.rule.seconds) == (0.2, 1.0)
    assert (panel.reporting.source, panel.report_fields.values["target"]) == (source, target)
    before = panel.edits[0]
    assert browser_asks(panel.rule_bar, "run") == ""
    panel.wait(60.0)
    assert panel.rule_bar.error == "" and panel.rule_bar.status == "done" and "16 pictures" in panel.rule_bar.note
    assert len(panel.rule_curve.lines) == 2 and f"{source} → {target}: step" in panel.rule_curve.note
    assert not panel.edits[0].update.equal(before.update)
    browser_asks(panel.stack, "undo")
    assert panel.edits[0] is before


def test_source_and_target_are_guessed_from_what_is_marked_until_somebody_chooses(make, brightness):
    panel = make(brightness)
    bright = np.stack([panel.session.before[number].mean(2) > 127.5 for number in range(12)])
    light, dark = int(bright.mean((1, 2)).argmax()), int(bright.mean((1, 2)).argmin())
    where = lambda mask: mask.astype(np.float32)  # noqa: E731
    panel.session.mark("paste", dark, where(~bright[dark]))
    panel.wait(20.0)
    assert (panel.rule.source, panel.rule.target) == ("dark", "")
    panel.session.mark("object", light, where(bright[light]))
    panel.wait(20.0)
    assert (panel.rule.source, panel.rule.target) == ("dark", "bright")
    assert panel.rule_fields.values["source"] == panel.report_fields.values["source"] == "dark"
    panel.session.mark("object", dark, where(~bright[dark]))
    panel.wait(20.0)
    assert (panel.rule.source, panel.rule.target) == ("dark", "")  # the same concept: anything else
    browser_sets(panel.rule_fields, values={**panel.rule_fields.values, "source": "bright", "target": "dark"})
    panel.session.mark("object", light, where(bright[light]))
    panel.wait(20.0)
    assert (panel.rule.source, panel.rule.target) == ("bright", "dark") and panel.goal.target == "bright"


def test_a_segmenter_that_fails_at_the_guess_is_told(make, brightness):
    class Broken(type(brightness)):
        def __call__(self, images):
            raise RuntimeError("no weights")

    panel = marked(make(Broken()))
    assert panel.rule_bar.error == "no weights (RuntimeError)" and panel.rule.source == "bright"


def test_a_button_beside_the_message_lowers_the_rank(make):
    panel = marked(make(rank=5))
    panel.session.clear("paste")
    panel.session.mark("paste", 1, np.pad([[1.0]], ((8, 7), (8, 7))))
    assert [field["name"] for field in panel.others.fields] == ["erase", "zero"]
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    assert "Take 1" in panel.run_bar.error and "(" not in panel.run_bar.error.rpartition(".")[2]
    assert [field["name"] for field in panel.others.fields] == ["lower", "erase", "zero"]
    assert panel.others.fields[0]["label"] == "Lower the rank to 1 and apply"
    assert browser_asks(panel.others, "press", name="lower") == ""
    panel.wait(20.0)
    assert panel.settings.values["rank"] == 1 and len(panel.edits) == 1 and panel.run_bar.error == ""
    assert [field["name"] for field in panel.others.fields] == ["erase", "zero"]


def test_how_found_is_about_the_edit_on_top(make):
    panel = marked(make())
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    first = panel.run_bar.note
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    assert panel.run_bar.note != first
    browser_asks(panel.stack, "undo")
    assert panel.run_bar.note == first and "At 9 places" in panel.curve.message
    assert browser_asks(panel.others, "press", name="zero") == ""
    panel.wait(20.0)
    assert "lets the context have no effect" in panel.curve.message and panel.run_bar.note == ""


def test_masks_are_opened_as_the_original_reads_them_if_one_likes(make):
    panel = make()
    panel.session.mark("paste", 1, np.full((16, 16), 0.5))
    saved = panel.session.request_json().encode()
    for legacy, most in ((False, 128 / 255), (True, 1.0)):
        browser_sets(panel.opening, values={"legacy_alpha": legacy})
        assert browser_asks(panel.drop, "file", saved, name="x.json") == ""
        assert float(panel.session.trays.paste[0].region.max()) == pytest.approx(most)


def test_files_are_made_for_the_browser_and_opened_from_it(make):
    panel = marked(make())
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    saved = {}
    for name in ("edits", "request", "weights", "picture"):
        assert browser_asks(panel.files, "file", name=name, ticket="t") == ""
        content, (data,) = next(
            (told["content"], buffers) for told, buffers in reversed(panel.files.comm.told) if buffers
        )
        saved[name] = content["file"], bytes(data)
    assert [name for name, _ in saved.values()] == [
        "tiny-edits.safetensors",
        "tiny-marks.json",
        "tiny-rewritten.safetensors",
        "tiny-1-1.png",
    ]
    other = make()
    for name in ("edits", "request"):
        assert browser_asks(other.drop, "file", saved[name][1], name=saved[name][0]) == ""
    other.wait(20.0)
    assert [row["title"] for row in other.stack.entries] == ["paste 1, layer4.conv"]
    assert {kind: len(tray.entries) for kind, tray in other.trays.items()} == {
        "object": 1,
        "paste": 1,
        "examples": 0,
        "preserve": 0,
    }
    assert "truncated or another format" in browser_asks(other.drop, "file", b"no edit", name="x.safetensors")
    assert len(other.stack.entries) == 1


def test_report_and_advice_fill_their_tabs(make, reader):
    panel = marked(make(reader))
    assert "no edit to judge" in panel.report_bar.disabled
    browser_asks(panel.run_bar, "run")
    panel.wait(20.0)
    panel.reporting.n = 6
    assert browser_asks(panel.report_bar, "run") == "" and browser_asks(panel.advice_bar, "run") == ""
    panel.wait(60.0)
    assert panel.report_bar.note == "6 pictures, seed 1001" and panel.report_bars.note.startswith(
        panel.report_fields.values["source"]
    )
    assert {bar["group"] for bar in panel.report_bars.bars} <= set(panel.report_bars.groups)
    panel.session.rename(0, "another name")
    assert panel.report_bar.note == "6 pictures, seed 1001"
    panel.session.set_strength(0, 0.5)
    assert panel.report_bar.note == "of earlier edits"
    panel.session.undo()
    assert "layer4.conv" in panel.advice_table.rows and panel.advice_table.title.startswith("Begin with")
    assert [point["group"] for point in panel.advice_plot.points].count("to begin with") == 1
    browser_sets(panel.advice_plot, selected=["layer5.conv, rank 1"])
    assert (panel.layer, panel.rank) == ("layer5.conv", 1)
    browser_sets(panel.advice_table, selected_rows=["layer3.conv"], selected_columns=["rank 1"])
    assert (panel.layer, panel.rank) == ("layer3.conv", 1)


def test_without_a_segmenter_a_report_says_what_it_needs(make):
    panel = make()
    assert "segmenter" in panel.report_bar.disabled and "segmenter" in panel.report_bars.message
    assert "segmenter with scores" in panel.rule_bar.disabled


def test_a_saved_notebook_and_a_page_show_what_is_there(make, tmp_path):
    panel = marked(make())
    bundle = panel._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == "Panel('tiny', layer='layer4.conv', rank=1, 0 edits)"
    assert data["image/png"] and panel.layout.picture().width > 300
    page = panel.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Rewriting tiny" in page and "https://" not in page


def test_after_close_nothing_answers(make):
    panel = make()
    panel.close()
    assert panel.layout.farewell
    panel.session.image = 3
    assert panel.painter.message.startswith("Picture 0")
