"""The painting panel in a real JupyterLab, on the bundled generator: what a hand does becomes a picture, and stays."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

SETUP = """
import ganwidgets as gw
p = gw.paint.panel("scenes", seed=7)
"""


@pytest.fixture(scope="module")
def notebook(open_cells):
    with open_cells("panel.ipynb", SETUP, "p", "p") as opened:
        opened.run(0)
        opened.run(1)
        yield opened


@pytest.fixture(scope="module")
def panel(notebook):
    """The panel's cell output, painted, with its brushes."""
    shown = notebook.cell(1).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=30_000)
    expect(shown.locator(".gw-mask-painter .gw-stage")).to_be_visible()
    return shown


@pytest.fixture
def view(panel, notebook):
    """The panel without strokes, the tree brush chosen."""
    notebook.ask("(p.painting.clear(), setattr(p, 'brush', 'tree'), setattr(p, 'scene', 0)) and None")
    notebook.ask("p.painting.wait() and None")
    expect(panel.locator(".gw-stack-row")).to_have_count(0)
    panel.locator(".gw-stage").scroll_into_view_if_needed()
    return panel


@pytest.fixture
def hand(view, hand_on):
    return hand_on(view)


def part(view, title):
    """The image grid of this title."""
    return view.locator(".gw-image-grid").filter(has_text=title).first


def shown(view, canvas=".gw-stage canvas"):
    """The pixels on the page, 64 × 64 × 3."""
    painted = view.locator(canvas).first.evaluate(
        "c => { const s = document.createElement('canvas'); s.width = s.height = 64; const t = s.getContext('2d');"
        " t.imageSmoothingEnabled = false; t.drawImage(c, 0, 0, 64, 64);"
        " return [...t.getImageData(0, 0, 64, 64).data] }"
    )
    return np.array(painted).reshape(64, 64, 4)[..., :3]


def settled(view, notebook):
    """The pixels on the page once they are those of Python's picture."""
    notebook.ask("p.painting.wait() and None")
    drawn = np.array(json.loads(notebook.ask("p.painting.after.tolist()")))
    notebook.eventually(lambda: np.abs(shown(view) - drawn).mean() < 2)
    return shown(view)


def test_brushes_come_by_themselves_with_icons_and_a_click_takes_one(panel, notebook):
    brushes = part(panel, "Brushes")
    expect(brushes.get_by_role("gridcell").first).to_be_visible(timeout=60_000)
    notebook.ask("p.painting.wait() and None")
    names = brushes.locator(".gw-caption").all_inner_texts()
    assert "tree" in names and len(names) == int(notebook.ask("len(p.painting.icons)"))
    expect(brushes.get_by_role("grid")).to_have_attribute("aria-multiselectable", "false")
    for name in ("water", "tree"):
        cell = brushes.get_by_role("gridcell").nth(names.index(name))
        cell.scroll_into_view_if_needed()
        cell.click()
        expect(cell).to_have_attribute("aria-selected", "true")
        expect(brushes.locator("[aria-selected=true]")).to_have_count(1)
        notebook.eventually(lambda name=name: notebook.ask("p.brush") == name)


def test_the_mouse_paints_and_the_picture_follows(view, hand, notebook):
    before = settled(view, notebook)
    hand.drag((0.2, 0.7), (0.35, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    changed = np.abs(settled(view, notebook) - before).max(2) > 24
    assert changed[40:50, 12:24].mean() > 0.3 > 0.05 > changed[:20].mean()
    expect(view.locator(".gw-paint-status")).to_contain_text(re.compile(r"tree: [+-]\d+ of \d+ pixels in the brush"))
    expect(hand.stage).to_have_attribute("data-strokes", "0")  # the tint is gone, the picture has it
    assert notebook.ask("(p.strokes[0].concept, p.strokes[0].region.shape)") == "('tree', torch.Size([64, 64]))"


def test_a_finger_and_the_keys_paint(view, hand, notebook):
    hand.touch(*(((x, 0.75),) for x in (0.3, 0.4, 0.5)))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    hand.stage.focus()
    view.page.mouse.move(0, 0)
    for _ in range(4):
        view.page.keyboard.press("ArrowDown")
    view.page.keyboard.press("Enter")
    expect(view.locator(".gw-stack-row")).to_have_count(2)
    assert notebook.ask("[float(s.region[48, 26]) > 0.5 for s in p.strokes]") == "[True, False]"


def test_undo_redo_erase_and_mute(view, hand, notebook):
    before = settled(view, notebook)
    hand.drag((0.2, 0.7), (0.4, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    after = settled(view, notebook)
    assert (after != before).any()
    hand.stage.scroll_into_view_if_needed()
    hand.stage.focus()
    view.page.keyboard.press("Control+z")
    expect(view.locator(".gw-stack-row")).to_have_count(0)
    assert np.abs(settled(view, notebook) - before).mean() < 1
    hand.stage.focus()
    view.page.keyboard.press("Control+Shift+z")
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    row = view.locator(".gw-stack-row").first
    row.get_by_role("button", name="Mute").click()
    notebook.eventually(lambda: notebook.ask("p.strokes[0].muted") == "True")
    assert np.abs(settled(view, notebook) - before).mean() < 1
    row.get_by_role("button", name=re.compile("Mute|Unmute|Show")).first.click()
    notebook.eventually(lambda: notebook.ask("p.strokes[0].muted") == "False")
    assert np.abs(settled(view, notebook) - after).mean() < 1
    view.get_by_role("radio", name="Erase").click()
    hand.stage.scroll_into_view_if_needed()
    for y in (0.65, 0.7, 0.75):
        hand.drag((0.05, y), (0.6, y))
    view.get_by_role("radio", name="Paint", exact=True).click()
    expect(view.locator(".gw-stack-row")).to_have_count(0)
    assert np.abs(settled(view, notebook) - before).mean() < 1


def test_hovering_a_stroke_lights_its_region(view, hand, notebook):
    hand.drag((0.2, 0.7), (0.4, 0.7))
    row = view.locator(".gw-stack-row").first
    expect(row).to_be_visible()
    settled(view, notebook)
    row.scroll_into_view_if_needed()
    notebook.hovering(row, lambda: notebook.ask("len(p.painter.overlay) > 0") == "True")
    view.page.mouse.move(0, 0)
    notebook.eventually(lambda: notebook.ask("p.painter.overlay") == "b''")


def test_strokes_faster_than_the_model_are_all_there_and_the_picture_ends_on_the_last(view, hand, notebook):
    hand.burst(200)
    expect(view.locator(".gw-stack-row")).to_have_count(200, timeout=30_000)
    notebook.ask("p.painting.wait() and None")
    assert notebook.ask("p.painting.shown.strokes == p.strokes and len(p.strokes)") == "200"
    settled(view, notebook)
    expect(hand.stage).to_have_attribute("data-strokes", "0", timeout=20_000)


def test_a_scene_is_chosen_and_the_strokes_go_with_it_to_many(view, hand, notebook):
    hand.drag((0.2, 0.7), (0.4, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    scene = part(view, "Scenes").get_by_role("gridcell").nth(3)
    scene.scroll_into_view_if_needed()
    scene.click()
    expect(scene).to_have_attribute("aria-selected", "true")
    assert notebook.ask("p.scene") == "3"
    settled(view, notebook)
    many = view.get_by_role("button", name="Apply the strokes")
    many.scroll_into_view_if_needed()
    many.click()
    expect(part(view, "on 20 scenes").get_by_role("gridcell")).to_have_count(20, timeout=20_000)


def test_the_picture_and_the_strokes_are_saved_by_the_browser(view, hand, notebook):
    hand.drag((0.2, 0.7), (0.4, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    drawn = settled(view, notebook)
    saved = {}
    for name in ("Save picture", "Save strokes"):
        with view.page.expect_download() as download:
            view.get_by_role("button", name=name).click()
        saved[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert list(saved) == ["scenes-7-0.png", "scenes-strokes.json"]
    assert np.abs(np.asarray(Image.open(io.BytesIO(saved["scenes-7-0.png"]))).astype(int) - drawn).mean() < 2
    assert json.loads(saved["scenes-strokes.json"])["strokes"][0]["concept"] == "tree"


def test_two_views_show_one_session(view, notebook, hand_on):
    notebook.run(2)
    other = notebook.cell(2).locator(".gw-layout").first
    expect(other).to_have_attribute("data-ready", "1", timeout=20_000)
    hand_on(other).stage.scroll_into_view_if_needed()
    hand_on(other).drag((0.2, 0.7), (0.4, 0.7))
    for one in (view, other):
        expect(one.locator(".gw-stack-row")).to_have_count(1)
        settled(one, notebook)


def test_a_saved_notebook_holds_a_picture_of_the_panel(view, hand, notebook, lab):
    """What is shown of it without a kernel: `test_gone.py`."""
    hand.drag((0.2, 0.7), (0.4, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    settled(view, notebook)
    notebook.run(1)
    expect(hand.stage).to_be_visible()
    notebook.save()
    output = json.loads((lab.folder / "panel.ipynb").read_text())["cells"][1]["outputs"][0]["data"]
    saved = Image.open(io.BytesIO(base64.b64decode("".join(output["image/png"]))))
    assert saved.width > 600 and "1 stroke" in "".join(output["text/plain"])
