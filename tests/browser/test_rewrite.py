"""The rewriting panel in a real JupyterLab, on the bundled generator: what a hand marks becomes a rule and can go."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

SETUP = """
import ganwidgets as gw
p = gw.rewrite.panel("scenes", n_sample=64, layer="layer6", refining=False, truncation=0.8)
"""
CELLS = [SETUP, "p", "print()"]
REQUEST = Path(__file__).parents[1] / "data/rewriting/requests/proggan_church_sky2tree.json.gz"


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python"}}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel}
    book["cells"] = [code | {"id": f"c{i}", "source": source} for i, source in enumerate(CELLS)]
    (lab.folder / "rewrite.ipynb").write_text(json.dumps(book))
    with open_notebook("rewrite.ipynb") as opened:
        opened.run(0)
        opened.run(1)
        yield opened


@pytest.fixture
def view(notebook):
    """The panel, nothing marked and no rule changed."""
    notebook.ask("(p.session.clear(), p.session.clear_edits(), p.session.show(range(12)), p.wait(60.0))")
    shown = notebook.cell(1).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=30_000)
    expect(stage(shown)).to_be_visible(timeout=30_000)
    return shown


def stage(view):
    return view.locator(".gw-mask-painter .gw-stage")


def tray(view, title):
    return view.locator(".gw-tray").filter(has_text=title).first


def cells(view):
    return view.locator(".gw-image-grid").first.get_by_role("gridcell")


def grid(view):
    """The pixels of the grid on the page."""
    return np.array(
        view.locator(".gw-image-grid canvas").first.evaluate(
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        )
    )


def eventually(check, page, seconds=20.0):
    for _ in range(int(seconds * 10)):
        if check():
            return
        page.wait_for_timeout(100)
    assert check()


def mark(view, notebook, image, start, end, button):
    """Choose a picture, drag over it, and say what that is for."""
    cells(view).nth(image).scroll_into_view_if_needed()
    cells(view).nth(image).click()
    expect(cells(view).nth(image)).to_have_attribute("aria-selected", "true")
    eventually(lambda: notebook.ask("p.image") == str(image), view.page)
    stage(view).scroll_into_view_if_needed()
    box, mouse = stage(view).bounding_box(), view.page.mouse
    place = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    mouse.move(*place(*start))
    mouse.down()
    mouse.move(*place(*end), steps=4)
    mouse.up()
    put = view.get_by_role("button", name=button, exact=True)
    expect(put).to_be_enabled(timeout=10_000)
    put.click()


def marked(view, notebook):
    mark(view, notebook, 0, (0.4, 0.5), (0.55, 0.5), "Copy this")
    mark(view, notebook, 1, (0.4, 0.7), (0.55, 0.7), "Paste here")
    for image in (2, 3):
        mark(view, notebook, image, (0.4, 0.7), (0.55, 0.7), "Add to context")
    for title, count in (("Copy", 1), ("Paste", 1), ("Context", 2)):
        expect(tray(view, title).locator(".gw-tray-cell")).to_have_count(count)
    notebook.ask("p.wait(60.0) and None")


def test_a_rule_is_marked_applied_undone_and_the_grid_is_as_it_was(view, notebook):
    marked(view, notebook)
    before = grid(view)
    view.get_by_role("button", name="Apply", exact=True).click()
    expect(view.locator(".gw-stack-row")).to_have_count(1, timeout=60_000)
    notebook.ask("p.wait(60.0) and None")
    eventually(lambda: (grid(view) != before).any(), view.page)
    assert notebook.ask("(p.session.after != p.session.before).any()") == "True"
    edit = view.locator(".gw-edit-stack")
    row = edit.locator(".gw-stack-row")
    row.focus()
    view.page.keyboard.press("F2")
    view.page.keyboard.type("a new rule")
    view.page.keyboard.press("Enter")
    expect(row).to_contain_text("a new rule")
    edit.get_by_role("button", name="Undo").click()  # the name
    edit.get_by_role("button", name="Undo").click()  # the edit
    expect(row).to_have_count(0)
    notebook.ask("p.wait(60.0) and None")
    eventually(lambda: (grid(view) == before).all(), view.page)
    assert notebook.ask("(p.session.after == p.session.before).all() and p.edited is p.network") == "True"


def test_no_control_leaves_its_column(view):
    """A label that is too long for a narrow column wraps: what lies left of the panel cannot be read or clicked."""
    left = "e => [...e.querySelectorAll('.gw-control, .gw-control *')].filter(part => part.checkVisibility())"
    left += ".map(part => part.getBoundingClientRect().left - e.getBoundingClientRect().left)"
    found = view.evaluate(left)
    assert len(found) > 10 and min(found) >= 0


def test_a_thumbnail_opens_its_picture_and_the_keys_take_it_out(view, notebook):
    mark(view, notebook, 4, (0.4, 0.5), (0.55, 0.5), "Keep this")
    cells(view).nth(7).click()
    kept = tray(view, "Keep unchanged").locator(".gw-tray-open")
    kept.click()
    expect(kept).to_have_attribute("aria-pressed", "true")
    expect(view.locator(".gw-paint-status")).to_contain_text("Picture 4, as marked")
    kept.focus()
    view.page.keyboard.press("Delete")
    expect(tray(view, "Keep unchanged").locator(".gw-blank")).to_be_visible()


def test_an_edit_is_generalised_and_one_undo_takes_that_back(view, notebook):
    marked(view, notebook)
    view.get_by_text("More settings").click()
    view.get_by_label("What is made small").select_option(label="squares, at once")
    eventually(lambda: notebook.ask("p.session.norm") == "l2", view.page)
    view.get_by_role("button", name="Apply", exact=True).click()
    expect(view.locator(".gw-stack-row")).to_have_count(1, timeout=60_000)
    notebook.ask("p.wait(60.0) and None")
    norm = notebook.ask("p.edits[0].norm")
    view.get_by_role("tab", name="Generalise").click()
    page = view.get_by_role("tabpanel")
    page.get_by_label("What is to change").select_option(label="tree")
    eventually(lambda: notebook.ask("p.rule.source") == "tree", view.page)
    notebook.ask("(setattr(p.rule, 'n', 32), setattr(p.rule, 'seconds', 1))")
    page.get_by_role("button", name="Generalise", exact=True).click()
    expect(page.locator(".gw-run-status")).to_contain_text("20 steps, 32 pictures", timeout=120_000)
    assert notebook.ask("p.edits[0].norm") != norm
    view.locator(".gw-edit-stack").get_by_role("button", name="Undo").click()
    eventually(lambda: notebook.ask("p.edits[0].norm") == norm, view.page)


def test_an_edit_is_saved_and_opened_again(view, notebook, tmp_path):
    marked(view, notebook)
    view.get_by_role("button", name="Apply", exact=True).click()
    expect(view.locator(".gw-stack-row")).to_have_count(1, timeout=60_000)
    notebook.ask("p.wait(60.0) and None")
    with view.page.expect_download() as download:
        view.get_by_role("button", name="Save edits").click()
    assert download.value.suggested_filename == "scenes-edits.safetensors"
    path = tmp_path / "scenes-edits.safetensors"
    download.value.save_as(path)
    norm = notebook.ask("round(p.edits[0].norm, 4)")
    notebook.ask("p.session.clear_edits()")
    expect(view.locator(".gw-stack-row")).to_have_count(0)
    view.locator(".gw-file-drop input").set_input_files(path)
    expect(view.locator(".gw-stack-row")).to_have_count(1)
    assert notebook.ask("round(p.edits[0].norm, 4)") == norm


def test_a_request_of_the_original_says_what_it_needs_and_then_fills_the_trays(view, notebook, tmp_path):
    path = tmp_path / "sky2tree.json"
    path.write_bytes(gzip.decompress(REQUEST.read_bytes()))
    drop = view.locator(".gw-file-drop")
    drop.locator("input").set_input_files(path)
    expect(drop.get_by_role("alert")).to_contain_text("the sample holds 64", timeout=10_000)
    notebook.ask("setattr(p.session, 'n_sample', 1000)")
    drop.locator("input").set_input_files(path)
    expect(tray(view, "Copy").locator(".gw-tray-cell")).to_have_count(1, timeout=20_000)
    expect(tray(view, "Paste").locator(".gw-tray-cell")).to_have_count(1)
    notebook.ask("setattr(p.session, 'n_sample', 64)")


def test_a_rank_above_what_is_marked_is_lowered_by_the_button_beside_the_message(view, notebook):
    marked(view, notebook)
    view.locator(".gw-tray").filter(has_text="Context").first.get_by_role("button", name="Clear").click()
    highest = notebook.ask("gw.rewrite.editable_layer(p.network, 'layer6').key_dim")
    notebook.ask(f"setattr(p.session, 'rank', {highest})")
    view.get_by_role("button", name="Apply", exact=True).click()
    lower = view.get_by_role("button", name="Lower the rank to")
    expect(lower).to_be_visible(timeout=30_000)
    expect(view.get_by_text("or paint more places that differ")).to_be_visible()
    lower.click()
    expect(view.locator(".gw-stack-row")).to_have_count(1, timeout=60_000)
    expect(lower).to_have_count(0)
    assert int(notebook.ask("p.session.rank")) == int(notebook.ask("p.edits[0].rank")) < int(highest)
    notebook.ask("setattr(p.session, 'rank', 1)")
