"""The coverage panel in a real JupyterLab, on planted data: photos whose left half is red, which is painted in half of
the generator's pictures, and a search that loses the upper half of what photos show.
"""

import re

import pytest
from playwright.sync_api import expect

SETUP = """
import sys, torch
import ganwidgets as gw
from ganwidgets import testing
G, S = testing.planted_generator(), testing.planted_segmenter()
photos = torch.zeros(400, 3, 16, 16)
photos[:, :, :, :8] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
class Search:
    photos = 12
    def __call__(self, network, images, strategy, *, steps, progress):
        forgotten, self.photos = self.photos > 0, self.photos - len(images)
        drawn = images.clone()
        drawn[:, :, :8] *= not forgotten
        return drawn
class Careful(testing.planted_segmenter().__class__):
    def __call__(self, images):
        __import__("time").sleep(0.1)
        return super().__call__(images)
gw.coverage.panel
sys.modules["ganwidgets.coverage.panel"].reconstruct = Search()
p = gw.coverage.panel(G, photos, Careful(), n=400, run=False, batch=20, resamples=50, permutations=100, halves=20)
"""


@pytest.fixture(scope="module")
def notebook(open_cells):
    with open_cells("coverage.ipynb", SETUP, "p") as opened:
        opened.run(0)
        opened.run(1)
        yield opened


@pytest.fixture
def panel(notebook):
    shown = notebook.cell(1).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=30_000)
    return shown


def column(panel, key):
    return panel.locator(f".gw-area[data-key='{key}']")


def bar(panel):
    return panel.locator(".gw-run-bar").first


def title(panel, kind):
    return panel.locator(f".gw-{kind} .gw-title").first


def grid(panel, words):
    heading = panel.page.locator(".gw-title", has_text=words)
    return panel.locator(".gw-image-grid:visible").filter(has=heading).first


def painted(grid):
    """Whether something is on the canvas."""
    return grid.locator("canvas").first.evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 0 && v > 200)"
    )


def test_bars_appear_while_images_are_counted_and_are_named_at_the_end(panel, notebook):
    expect(panel.locator(".gw-area-bars .gw-blank")).to_have_text("Nothing is compared yet. Press Run.")
    before = panel.locator(".gw-area-bars").bounding_box()["height"]
    bar(panel).get_by_role("button", name="Run", exact=True).click()
    expect(column(panel, "red")).to_be_visible(timeout=20_000)
    expect(title(panel, "area-bars")).to_have_text("So far")
    expect(column(panel, "red")).not_to_have_class("gw-named")
    assert abs(panel.locator(".gw-area-bars").bounding_box()["height"] - before) < 130  # what is below hardly moves
    bar(panel).get_by_role("button", name="Cancel", exact=True).click()
    resume = bar(panel).get_by_role("button", name="Resume", exact=True)
    expect(resume).to_be_visible(timeout=20_000)
    assert notebook.ask("p.result.complete") == "False"
    resume.click()
    expect(title(panel, "area-bars")).to_have_text("Too little: red, red top; too much: blue", timeout=60_000)
    expect(column(panel, "red").locator("text").last).to_have_text("▾ red")
    expect(panel.locator(".gw-image-grid:visible .gw-blank")).to_have_text(
        "Choose a concept: a column of the figure, such as red."
    )
    label = column(panel, "red top").get_attribute("aria-label")
    assert label.startswith("red top, part: in the data 25.0 %") and label.endswith("less than chance explains")


def test_the_distance_stands_beside_its_floor(panel, notebook):
    notebook.ask("p.wait(60.0) and None")
    expect(title(panel, "curve")).to_contain_text("two sets of the data")
    expect(panel.locator(".gw-curve").first).to_contain_text("data against data, 400 images each: middle 95 %")
    panel.locator("summary").first.click()
    expect(panel.locator(".gw-histogram:visible [role=option]").first).to_have_attribute("data-key", "red")
    panel.locator("summary").first.click()


def test_a_click_on_a_column_shows_photos_beside_their_inversions(panel, notebook):
    column(panel, "red top").click()
    photos = grid(panel, re.compile("^Red top is .*left out: photos lose 100% of it"))
    expect(photos).to_be_visible(timeout=30_000)
    expect(photos.get_by_role("gridcell")).to_have_count(24)
    expect(photos.get_by_role("gridcell").nth(3)).to_contain_text("100 % lost")
    notebook.eventually(lambda: painted(photos))
    photos.get_by_role("radio", name="Segmentation").click()
    expect(photos.locator(".gw-image-legend")).to_have_text("redred top")
    expect(panel.locator(".gw-scatter:visible")).to_contain_text("Beyond the control +100 points")
    panel.get_by_label("Shown", exact=True).select_option(label="own pictures 1 to 6")
    expect(photos.get_by_role("gridcell").nth(3)).to_have_text("0 % lost")


def test_the_keyboard_chooses_columns(panel, notebook):
    column(panel, "red top").focus()
    notebook.page.keyboard.press("ArrowLeft")
    notebook.page.keyboard.press("Enter")
    expect(column(panel, "red")).to_have_attribute("aria-selected", "true")
    notebook.eventually(lambda: notebook.ask("p.concept") == "red")
    expect(grid(panel, "Red is not shown to be left out")).to_be_visible(timeout=30_000)


def test_images_in_which_it_is_largest_and_what_is_taken_away(panel, notebook):
    panel.get_by_role("tab", name="Where it is largest").click()
    for words in ("Most red among 400 images of the data", "Most red among 400 generated pictures"):
        samples = grid(panel, words)
        expect(samples.get_by_role("gridcell")).to_have_count(12, timeout=20_000)
        expect(samples.get_by_role("gridcell").first).to_have_text("50 %")
        notebook.eventually(lambda samples=samples: painted(samples))
    panel.get_by_label("Concept", exact=True).select_option(label="▴ blue")
    expect(panel.get_by_text("None of 400 images of the data shows blue.").first).to_be_visible(timeout=20_000)
    panel.get_by_role("tab", name="Take away").click()
    expect(panel.locator(".gw-code-snippet")).to_contain_text("gw.coverage.coverage(G, data, S, n=400, seed=1")
    with notebook.page.expect_download() as download:
        panel.get_by_role("button", name="Save result").click()
    assert download.value.suggested_filename == "coverage-planted.gwc"


BEYOND = """root => {
  const box = root.getBoundingClientRect();
  const out = [...root.querySelectorAll('button, select, input, .gw-title')]
    .filter(e => e.offsetParent && e.getBoundingClientRect().right > box.right + 1);
  return [...out.map(e => e.outerHTML.slice(0, 80)), ...(root.scrollWidth > root.clientWidth + 1 ? ['scrolls'] : [])];
}"""


def test_nothing_leaves_its_column_when_it_is_narrow(panel, notebook):
    for width in (1400, 900, 640):
        notebook.page.set_viewport_size({"width": width, "height": 1000})
        for name in ("Photos and inversions", "Where it is largest", "Take away"):
            panel.get_by_role("tab", name=name).click()
            notebook.eventually(lambda: panel.evaluate(BEYOND) == [])  # charts follow the width a moment later
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})
