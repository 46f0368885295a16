"""Notebook 00 in a real JupyterLab: every cell runs, and the panel does what a person expects of it.

The tests share one run of the notebook and follow each other as a person would: look, filter, select, watch the
pictures change, start a long dissection, cancel it, and take the page home.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

CELL = "gw.dissect.panel("


@pytest.fixture(scope="module")
def notebook(open_notebook):
    with open_notebook("00-start.ipynb") as opened:
        opened.run_all()
        yield opened


@pytest.fixture(scope="module")
def panel(notebook):
    """The panel's cell output, painted."""
    shown = notebook.cell(notebook.find(CELL)).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=30_000)
    shown.scroll_into_view_if_needed()
    expect(shown.locator(".gw-card").first).to_be_visible()
    return shown


def grid(panel):
    return panel.locator(".gw-unit-grid")


def count(panel) -> int:
    """How many units the grid shows, as its footer says."""
    return int(re.match(r"[\d,]+", grid(panel).locator(".gw-count").inner_text())[0].replace(",", ""))


def pixels(canvas) -> str:
    return canvas.evaluate("canvas => canvas.toDataURL()")


def test_every_part_is_painted(panel):
    for name in ("layer-picker", "run-bar", "histogram", "unit-grid", "image-grid"):
        part = panel.locator(f".gw-{name}").first
        expect(part).to_have_attribute("data-ready", "1")
        assert part.bounding_box()["width"] > 50
    strip = grid(panel).locator(".gw-card canvas").first
    colours = strip.evaluate(
        "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    )
    assert colours > 50, "the strip of the first card is blank"
    wraps = "e => [getComputedStyle(e).whiteSpace, getComputedStyle(e).wordBreak, getComputedStyle(e).overflowWrap]"
    # JupyterLab breaks the text of outputs anywhere; code must not be broken inside a number
    assert panel.locator(".gw-code-snippet code").evaluate(wraps) == ["pre-wrap", "normal", "normal"]


def test_a_bar_filters_the_grid(panel):
    everything = count(panel)
    bar = panel.locator(".gw-histogram [role=option]").first
    label = bar.get_attribute("data-key")
    bar.click()
    expect(bar).to_have_attribute("aria-selected", "true")
    expect(grid(panel).locator(".gw-chip")).to_have_text(label)
    assert 0 < count(panel) < everything
    assert set(grid(panel).locator(".gw-card-label").all_inner_texts()) == {label}
    bar.click()
    expect(grid(panel).locator(".gw-chip")).to_have_count(0)
    assert count(panel) == everything


def test_selected_units_reach_python_and_change_the_pictures(panel, notebook):
    images = panel.locator(".gw-image-grid")
    canvas = images.locator("canvas").first
    cards = grid(panel).locator(".gw-card")

    def settled(title: str) -> str:
        expect(images.locator(".gw-title")).to_contain_text(title, timeout=20_000)
        expect(images.locator(".gw-busy.gw-on")).to_have_count(0, timeout=20_000)
        panel.page.wait_for_timeout(300)  # the new sheet is decoded and painted
        return pixels(canvas)

    notebook.ask("setattr(panel, 'units', [])")
    untouched = settled("generated pictures")
    chosen = [int(cards.nth(i).get_attribute("data-unit")) for i in (0, 1)]
    cards.nth(0).click(position={"x": 40, "y": 12})
    expect(cards.nth(0)).to_have_attribute("aria-selected", "true")
    without_one = settled(f"Without unit {chosen[0]}")
    assert without_one != untouched
    cards.nth(1).click(position={"x": 40, "y": 12}, modifiers=["Control"])
    assert settled("Without units") != without_one
    assert notebook.ask("list(panel.units)") == str(sorted(chosen))
    expect(panel.locator(".gw-histogram").nth(1).locator("[role=option]").first).to_be_visible()

    shown = pixels(canvas)
    images.get_by_role("radio", name="Before").click()
    panel.page.wait_for_timeout(300)
    assert pixels(canvas) != shown
    images.get_by_role("radio", name="After").click()


def test_python_selects_in_the_browser(panel, notebook):
    unit = int(grid(panel).locator(".gw-card").nth(2).get_attribute("data-unit"))
    notebook.ask(f"setattr(panel, 'units', [{unit}])")
    expect(grid(panel).locator(f".gw-card[data-unit='{unit}']")).to_have_attribute("aria-selected", "true")
    expect(grid(panel).locator(".gw-count")).to_contain_text("1 selected")


def test_keys_select_and_open_without_jupyter_taking_them(panel, notebook):
    cells = notebook.page.locator(".jp-Notebook .jp-Cell").count()
    card = grid(panel).locator(".gw-card").nth(0)
    card.focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("Space")
    notebook.page.keyboard.press("d")
    notebook.page.keyboard.press("d")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == cells, "d d deleted the cell"
    mode = grid(panel).locator("[role=radio][aria-checked=true]")
    before = mode.get_attribute("data-value")
    notebook.page.keyboard.press("m")
    expect(mode).not_to_have_attribute("data-value", before)
    notebook.page.keyboard.press("Enter")
    expect(panel.locator(".gw-has-detail")).to_have_count(1)
    notebook.page.keyboard.press("Escape")
    expect(panel.locator(".gw-has-detail")).to_have_count(0)


def test_a_long_run_can_be_cancelled_and_keeps_what_it_has(panel, notebook):
    notebook.ask("setattr(panel, 'n', 100_000)")
    bar = panel.locator(".gw-run-bar").first
    bar.get_by_role("button", name=re.compile("Run|Resume")).first.click()
    cancel = bar.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=10_000)
    expect(bar.get_by_role("status")).to_contain_text(re.compile(r"[\d,]{3,} of 100,000"), timeout=60_000)
    cancel.click()
    expect(bar.get_by_role("status")).to_contain_text("stopped", timeout=20_000)
    assert 0 < int(notebook.ask("panel.result.n")) < 100_000
    assert notebook.ask("panel.result.complete") == "False"
    expect(grid(panel).locator(".gw-card").first).to_be_visible()


def test_the_exported_page_works_from_disk_without_a_network(notebook, watched):
    path = Path(notebook.ask("folder / 'start.html'"))
    with watched(offline=True) as page:
        page.route(re.compile("^(http|ws)"), lambda route: route.abort())
        page.goto(path.as_uri())
        units = page.locator(".gw-unit-grid")
        expect(units).to_have_attribute("data-ready", "1", timeout=20_000)
        first = units.locator(".gw-card").first
        expect(first).to_be_visible()
        values = [float(text) for text in units.locator(".gw-card-iou").all_inner_texts()]
        assert values == sorted(values, reverse=True)

        units.get_by_label("Sort").select_option("unit")
        expect(first).to_have_attribute("data-unit", "0")
        numbers = [int(card.get_attribute("data-unit")) for card in units.locator(".gw-card").all()]
        assert numbers == sorted(numbers)

        bar = page.locator(".gw-histogram [role=option]").first
        bar.click()
        expect(units.locator(".gw-chip")).to_have_text(bar.get_attribute("data-key"))
        first.click(position={"x": 40, "y": 12})
        expect(units.locator(".gw-count")).to_contain_text("1 selected")
        strip = units.locator(".gw-card canvas").first
        masked = pixels(strip)
        units.get_by_role("radio", name="Plain").click()
        page.wait_for_function("([c, old]) => c.toDataURL() !== old", arg=[strip.element_handle(), masked])
        expect(page.locator(".gw-run-bar button").first).to_be_disabled()
