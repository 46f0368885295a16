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
p = gw.paint.panel("scenes", n=64, seed=7)
at = lambda y, x: [int(c) for c in p.painting.after[int(64 * y), int(64 * x)]]
"""
CELLS = [SETUP, "p", "p", "print()"]


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python"}}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel}
    book["cells"] = [code | {"id": f"c{i}", "source": source} for i, source in enumerate(CELLS)]
    (lab.folder / "panel.ipynb").write_text(json.dumps(book))
    with open_notebook("panel.ipynb") as opened:
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
    notebook.ask("(p.wait(), p.painting.clear(), setattr(p, 'brush', 'tree'), setattr(p, 'scene', 0), p.wait())")
    expect(panel.locator(".gw-stack-row")).to_have_count(0)
    stage(panel).scroll_into_view_if_needed()
    return panel


def part(view, title):
    """The image grid of this title."""
    return view.locator(".gw-image-grid").filter(has_text=title).first


def stage(view):
    return view.locator(".gw-mask-painter .gw-stage")


def place(view, x, y):
    """Where a point of the picture (in shares of its size) is on the page."""
    box = stage(view).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(view, start, end):
    mouse = view.page.mouse
    mouse.move(*place(view, *start))
    mouse.down()
    mouse.move(*place(view, *end), steps=5)
    mouse.up()


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
    notebook.ask("p.wait() and None")
    drawn = np.array(json.loads(notebook.ask("p.painting.after.tolist()")))
    eventually(lambda: np.abs(shown(view) - drawn).mean() < 2, view.page)
    return shown(view)


def eventually(check, page, seconds=10.0):
    for _ in range(int(seconds * 20)):
        if check():
            return
        page.wait_for_timeout(50)
    assert check()


def test_brushes_come_by_themselves_with_icons_and_a_click_takes_one(panel, notebook):
    brushes = part(panel, "Brushes")
    expect(brushes.get_by_role("gridcell").first).to_be_visible(timeout=60_000)
    notebook.ask("p.wait()")
    names = brushes.locator(".gw-caption").all_inner_texts()
    assert "tree" in names and len(names) == int(notebook.ask("len(p.painting.icons)"))
    expect(brushes.get_by_role("grid")).to_have_attribute("aria-multiselectable", "false")
    for name in ("water", "tree"):
        cell = brushes.get_by_role("gridcell").nth(names.index(name))
        cell.scroll_into_view_if_needed()
        cell.click()
        expect(cell).to_have_attribute("aria-selected", "true")
        expect(brushes.locator("[aria-selected=true]")).to_have_count(1)
        eventually(lambda name=name: notebook.ask("p.brush") == name, panel.page)


def test_the_mouse_paints_and_the_picture_follows(view, notebook):
    before = settled(view, notebook)
    drag(view, (0.2, 0.7), (0.35, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    changed = np.abs(settled(view, notebook) - before).max(2) > 24
    assert changed[40:50, 12:24].mean() > 0.3 > 0.05 > changed[:20].mean()
    expect(view.locator(".gw-paint-status")).to_contain_text(re.compile(r"tree: [+-]\d+ of \d+ pixels in the brush"))
    expect(stage(view)).to_have_attribute("data-strokes", "0")  # the tint is gone, the picture has it
    assert notebook.ask("(p.strokes[0].concept, p.strokes[0].region.shape)") == "('tree', torch.Size([64, 64]))"


def test_a_finger_and_the_keys_paint(view, notebook):
    session = view.page.context.new_cdp_session(view.page)
    for kind, x in (("touchStart", 0.3), ("touchMove", 0.4), ("touchMove", 0.5), ("touchEnd", None)):
        points = [] if x is None else [dict(zip("xy", place(view, x, 0.75), strict=True), id=0)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    stage(view).focus()
    view.page.mouse.move(0, 0)
    for _ in range(4):
        view.page.keyboard.press("ArrowDown")
    view.page.keyboard.press("Enter")
    expect(view.locator(".gw-stack-row")).to_have_count(2)
    assert notebook.ask("[float(s.region[48, 26]) > 0.5 for s in p.strokes]") == "[True, False]"


def test_undo_redo_erase_and_mute(view, notebook):
    before = settled(view, notebook)
    drag(view, (0.2, 0.7), (0.4, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    after = settled(view, notebook)
    assert (after != before).any()
    stage(view).scroll_into_view_if_needed()
    stage(view).focus()
    view.page.keyboard.press("Control+z")
    expect(view.locator(".gw-stack-row")).to_have_count(0)
    assert np.abs(settled(view, notebook) - before).mean() < 1
    stage(view).focus()
    view.page.keyboard.press("Control+Shift+z")
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    row = view.locator(".gw-stack-row").first
    row.get_by_role("button", name="Mute").click()
    eventually(lambda: notebook.ask("p.strokes[0].muted") == "True", view.page)
    assert np.abs(settled(view, notebook) - before).mean() < 1
    row.get_by_role("button", name=re.compile("Mute|Unmute|Show")).first.click()
    eventually(lambda: notebook.ask("p.strokes[0].muted") == "False", view.page)
    assert np.abs(settled(view, notebook) - after).mean() < 1
    view.get_by_role("radio", name="Erase").click()
    stage(view).scroll_into_view_if_needed()
    for y in (0.65, 0.7, 0.75):
        drag(view, (0.05, y), (0.6, y))
    view.get_by_role("radio", name="Paint", exact=True).click()
    expect(view.locator(".gw-stack-row")).to_have_count(0)
    assert np.abs(settled(view, notebook) - before).mean() < 1


def test_hovering_a_stroke_lights_its_region(view, notebook):
    drag(view, (0.2, 0.7), (0.4, 0.7))
    row = view.locator(".gw-stack-row").first
    expect(row).to_be_visible()
    settled(view, notebook)
    row.scroll_into_view_if_needed()
    row.hover()
    eventually(lambda: notebook.ask("len(p.painter.overlay) > 0") == "True", view.page)
    view.page.mouse.move(0, 0)
    eventually(lambda: notebook.ask("p.painter.overlay") == "b''", view.page)


def test_strokes_faster_than_the_model_are_all_there_and_the_picture_ends_on_the_last(view, notebook):
    stage(view).evaluate(
        """stage => {
          const box = stage.getBoundingClientRect();
          const pen = {pointerId: 1, button: 0, isPrimary: true, bubbles: true, pointerType: 'pen'};
          const send = (type, i) => stage.dispatchEvent(new PointerEvent(type, {...pen,
            clientX: box.left + (i % 20 + 0.5) / 20 * box.width, clientY: box.top + box.height * (0.5 + i / 500)}));
          stage.setPointerCapture = () => {};
          for (let i = 0; i < 200; i++) { send('pointerdown', i); send('pointerup', i); }
          delete stage.setPointerCapture;
        }"""
    )
    expect(view.locator(".gw-stack-row")).to_have_count(200, timeout=30_000)
    notebook.ask("p.wait()")
    assert notebook.ask("p.painting.shown.strokes == p.strokes and len(p.strokes)") == "200"
    settled(view, notebook)
    expect(stage(view)).to_have_attribute("data-strokes", "0", timeout=20_000)


def test_a_scene_is_chosen_and_the_strokes_go_with_it_to_many(view, notebook):
    drag(view, (0.2, 0.7), (0.4, 0.7))
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


def test_the_picture_and_the_strokes_are_saved_by_the_browser(view, notebook):
    drag(view, (0.2, 0.7), (0.4, 0.7))
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


def test_two_views_show_one_session(view, notebook):
    notebook.run(2)
    other = notebook.cell(2).locator(".gw-layout").first
    expect(other).to_have_attribute("data-ready", "1", timeout=20_000)
    expect(stage(other)).to_be_visible()
    stage(other).scroll_into_view_if_needed()
    drag(other, (0.2, 0.7), (0.4, 0.7))
    for one in (view, other):
        expect(one.locator(".gw-stack-row")).to_have_count(1)
        settled(one, notebook)


def test_a_saved_notebook_shows_a_picture_without_a_kernel(view, notebook, lab, watched):
    drag(view, (0.2, 0.7), (0.4, 0.7))
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    settled(view, notebook)
    notebook.run(1)
    expect(stage(view)).to_be_visible()
    notebook.page.evaluate("() => { window.jupyterapp.commands.execute('docmanager:save') }")
    eventually(lambda: "image/png" in (lab.folder / "panel.ipynb").read_text(), view.page)
    output = json.loads((lab.folder / "panel.ipynb").read_text())["cells"][1]["outputs"][0]["data"]
    saved = Image.open(io.BytesIO(base64.b64decode("".join(output["image/png"]))))
    assert saved.width > 600 and "1 stroke" in "".join(output["text/plain"])
    with watched() as page:
        page.set_content(f"<img src='data:image/png;base64,{''.join(output['image/png'])}'>")
        assert page.locator("img").evaluate("async i => { await i.decode(); return i.naturalWidth }") == saved.width
