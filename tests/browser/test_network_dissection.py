"""The panel of a network that is fed images, in a real JupyterLab: on the planted classifier, known on paper.

Of its ten units all but the dead one detect a band of the photos: four concepts in `detect` and in `relu`. The logit of
a stripe is the sum of what its units contribute.
"""

import pytest
from playwright.sync_api import expect

SETUP = """
import ganwidgets as gw
import torch
from ganwidgets.testing import planted_classifier, planted_photos
images, _ = planted_photos(64)
masks = (images[:, 0] > 0).to(torch.uint8) * (torch.arange(8) // 2 + 1).to(torch.uint8)[:, None]
data = gw.segment.LabelledArrays(images, {"band": masks}, ["first", "second", "third", "fourth"], name="bands")
p = gw.dissect.panel(planted_classifier(), data, layer="relu", top_fraction=0.03, run=False)
p.turning.rotations = 1
"""


@pytest.fixture(scope="module")
def notebook(open_cells):
    with open_cells("network.ipynb", SETUP, "p") as opened:
        opened.run(0)
        opened.run(1)
        yield opened


@pytest.fixture
def panel(notebook):
    shown = notebook.cell(1).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=30_000)
    return shown


@pytest.fixture
def dissected(panel, notebook):
    if notebook.ask("p.result is None") == "True":
        panel.get_by_role("button", name="Run", exact=True).first.click()
        notebook.eventually(lambda: notebook.ask("p.wait() and p.dissecting.status") == "done", 30)
    return panel


def tab(view, name):
    chosen = view.get_by_role("tab", name=name)
    chosen.scroll_into_view_if_needed()
    chosen.click()
    return view.get_by_role("tabpanel", name=name)


def test_a_run_fills_bars_and_grid(dissected, notebook):
    bars = dissected.locator(".gw-histogram").first
    expect(bars.get_by_role("option")).to_have_count(4, timeout=20_000)
    expect(bars).to_contain_text("9 detectors, 4 unique")
    assert notebook.ask("(p.result.n, p.result.rule)") == "(64, 'netdissect')"
    card = dissected.locator(".gw-card[data-unit='0']")
    expect(card.locator(".gw-card-label")).to_have_text("first")
    card.click(position={"x": 40, "y": 12})
    notebook.eventually(lambda: notebook.ask("p.units") == "(0,)")


def test_a_bar_filters_the_grid(dissected):
    bar = dissected.locator(".gw-histogram").first.locator("[role=option][data-key=first]")
    cards = dissected.locator(".gw-unit-grid .gw-card")
    before = cards.count()
    bar.click()
    expect(bar).to_have_attribute("aria-selected", "true")
    expect(cards.first.locator(".gw-card-label")).to_have_text("first")
    assert 0 < cards.count() < before
    bar.click()
    expect(cards).to_have_count(before)


def test_layers_are_compared_and_a_column_of_the_table_opens_its_layer(dissected, notebook):
    page = tab(dissected, "Layers compared")
    page.get_by_role("button", name="Run", exact=True).click()
    table = page.locator(".gw-matrix")
    expect(table.get_by_role("columnheader", name="detect")).to_be_visible(timeout=30_000)
    notebook.ask("p.wait() and None")
    expect(table.get_by_role("rowheader", name="all, random weights")).to_be_visible()
    expect(table.locator("[role=gridcell][data-row='1'][data-column='1']")).to_contain_text("4")
    table.get_by_role("columnheader", name="detect").click()
    notebook.eventually(lambda: notebook.ask("p.layer") == "detect")
    notebook.ask("setattr(p, 'layer', 'relu')")


def test_the_basis_is_turned_into_a_curve(dissected, notebook):
    page = tab(dissected, "Turned basis")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".gw-curve .gw-title")).to_contain_text("relu: 10 units, 64 images", timeout=30_000)
    notebook.ask("p.wait() and None")
    expect(page.locator(".gw-series").first).to_be_visible()


def test_a_picture_that_is_clicked_is_told_by_its_units(dissected, notebook):
    page = tab(dissected, "One prediction")
    number = int(notebook.ask("next(i for i, n in enumerate(p.explaining.numbers) if n % 4 == 1)"))  # a stripe
    cell = page.locator(".gw-image-grid").first.get_by_role("gridcell").nth(number)
    cell.scroll_into_view_if_needed()
    cell.click()
    table = page.locator(".gw-matrix")
    expect(table.get_by_role("columnheader", name="stripe")).to_be_visible(timeout=20_000)
    expect(table.get_by_role("rowheader").first).to_have_text("unit 0: first")
    expect(table.get_by_role("rowheader").last).to_have_text("sum: the logit")
    expect(page.locator(".gw-image-grid").nth(1)).to_contain_text("stripe:")
    assert notebook.ask("p.explaining.explanation.name") == "stripe"
