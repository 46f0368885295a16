"""When Python is gone: views say so, and a saved notebook shows pictures without a kernel."""

import io
import json

import pytest
from PIL import Image
from playwright.sync_api import expect

SETUP = """
import ganwidgets as gw
from ganwidgets import testing
p = gw.paint.panel(testing.planted_generator(), None, testing.planted_segmenter(), n=32, n_scenes=4)
p.wait() and None
"""

SHUT_DOWN = "sessionContext.shutdown()"
RESTART = "sessionContext.session.kernel.restart()"
OF_LAB = "Cannot read properties of null (reading 'kernel')"  # JupyterLab 4.6 says so of any notebook without one
OPEN = "commands.execute('docmanager:open', {path: '%s', kernelPreference: {shouldStart: false, shouldReuse: false}})"


def tell(page, what):
    """Have JupyterLab do something and wait until it is done."""
    where = "window.jupyterapp" + (".shell.currentWidget" if what.startswith("session") else "")
    page.evaluate(f"() => {{ window.__told = ''; {where}.{what}.then(() => {{ window.__told = 'done'; }}) }}")
    page.wait_for_function("() => window.__told", timeout=30_000)


def colours(page, box):
    """Colours that are seen on a part of the page."""
    with Image.open(io.BytesIO(page.screenshot(clip=box))) as shown:
        return {colour for share, colour in shown.convert("RGB").getcolors(2**24) if share > 50}


@pytest.fixture(scope="module")
def notebook(open_cells):
    with open_cells("gone.ipynb", SETUP, "p", "p") as opened:
        for cell in range(3):
            opened.run(cell)
        opened.save()
        yield opened


@pytest.fixture
def views(notebook):
    """Both views of the panel, painted."""
    found = [notebook.cell(cell).locator(".gw-layout").first for cell in (1, 2)]
    for view in found:
        expect(view).to_have_attribute("data-ready", "1", timeout=30_000)
        expect(view.locator(".gw-stage")).to_be_visible()
    return found


def test_running_the_cell_again_bids_the_old_views_farewell(views, notebook):
    notebook.run(0)  # makes another panel
    for view in views:
        expect(view.locator(".gw-notice").first).to_contain_text("replaced by a newer run", timeout=10_000)
        expect(view.get_by_role("button", name="Apply the strokes")).to_be_disabled()
    notebook.run(1)
    fresh = notebook.cell(1).locator(".gw-layout").first
    expect(fresh).to_have_attribute("data-ready", "1", timeout=20_000)
    expect(fresh.locator(".gw-notice").first).to_be_hidden()
    notebook.run(2)


@pytest.mark.parametrize("what", [RESTART, SHUT_DOWN], ids=["restarted", "shut down"])
def test_views_say_that_they_are_disconnected(views, notebook, what):
    tell(notebook.page, what)
    for view in views:
        notice = view.locator(".gw-notice").first
        expect(notice).to_contain_text("Disconnected: the kernel was restarted or closed", timeout=20_000)
        for name in ("Run", "Apply the strokes", "Save picture"):
            expect(view.get_by_role("button", name=name).first).to_be_disabled()
        expect(view.locator(".gw-stage canvas").first).to_be_visible()  # the last state stays
    if what == RESTART:
        for cell in range(3):
            notebook.run(cell)


@pytest.mark.parametrize("trusted", [True, False], ids=["one's own", "somebody else's"])
def test_a_saved_notebook_shows_pictures_without_a_kernel(notebook, lab, watched, trusted):
    """JupyterLab trusts a notebook as it was saved here; not once it was changed elsewhere."""
    name, saved = f"saved-{trusted}.ipynb", json.loads((lab.folder / "gone.ipynb").read_text())
    if not trusted:
        saved["cells"].append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": "changed"})
    (lab.folder / name).write_text(json.dumps(saved))
    with watched(forgiven=(OF_LAB,)) as page:
        page.goto(f"{lab.url}/lab/workspaces/trusted-{trusted}?reset")
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        tell(page, OPEN % name)
        assert page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session") is None
        cell = page.locator(".jp-Notebook .jp-Cell").nth(1)
        picture = cell.locator(".gw-still" if trusted else ".jp-RenderedImage img")
        expect(picture).to_be_visible(timeout=20_000)
        box = picture.bounding_box()
        assert box["width"] > 250 and box["height"] > 150
        assert len(colours(page, box)) > 2, "blank"
        if trusted:
            expect(cell.locator(".jp-OutputArea-output").first).to_have_css("font-size", "0px")
        else:
            expect(cell.locator(".gw-still")).to_be_hidden()  # one picture is enough
