"""A file of many megabytes is saved by the browser and opened again: nothing on the way may lose it."""

import pytest

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

SETUP = """
import os
from ganwidgets import ui
data, got = os.urandom(20 * 2**20), []
save = ui.Download(files=[{"name": "file", "label": "Save"}])
save.on_file("file", lambda: ("large.bin", data))
take = ui.FileDrop()
take.on_file(lambda name, content: got.append((name, content == data)))
box = ui.Layout.of(ui.column(save, take))
"""


def test_a_large_file_goes_out_and_comes_back_whole(open_cells, tmp_path):
    with open_cells("files.ipynb", SETUP, "box") as notebook:
        notebook.run(0)
        notebook.run(1)
        view = notebook.cell(1).locator(".gw-layout").first
        expect(view).to_have_attribute("data-ready", "1", timeout=60_000)
        with view.page.expect_download(timeout=60_000) as download:
            view.get_by_role("button", name="Save").click()
        download.value.save_as(tmp_path / "large.bin")
        assert (tmp_path / "large.bin").stat().st_size == 20 * 2**20
        zone = view.locator(".gw-drop")
        zone.locator("input").set_input_files(tmp_path / "large.bin")
        expect(zone.get_by_role("status")).to_have_text("large.bin was opened.", timeout=60_000)
        assert notebook.ask("got") == "[('large.bin', True)]"
