"""The two ablation panels in a real JupyterLab: on planted networks, so what must be on the page is known on paper.

Without unit 0 of the planted generator no red is left, and nothing else changes. Without STRIPE, unit 0 of the planted
classifier, the class "stripe" loses all of its recall.
"""

import json

import pytest
from playwright.sync_api import expect

SETUP = """
import ganwidgets as gw
from ganwidgets import testing
G, S, C = testing.planted_generator(resolution=8), testing.planted_segmenter(), testing.planted_classifier()
known = gw.dissect.run(G, segmenter=S, layer="layer1", n=80, top_fraction=0.4)
a = gw.ablate.panel(G, known, S, concept="red", real=G.images(G.sample_z(120, seed=9)))
c = gw.ablate.classes_panel(C, *testing.planted_photos())
a.searching.n, a.searching.n_judge, a.searching.n_random_sets, a.inserting.n = 80, 60, 2, 4
"""


@pytest.fixture(scope="module")
def notebook(open_cells):
    with open_cells("ablate.ipynb", SETUP, "a", "c") as opened:
        opened.run(0)
        opened.run(1)
        opened.run(2)
        opened.ask("(a.wait(), c.wait()) and None")
        yield opened


def cell(notebook, index):
    shown = notebook.cell(index).locator(".gw-layout").first
    expect(shown).to_have_attribute("data-ready", "1", timeout=30_000)
    return shown


@pytest.fixture
def panel(notebook):
    """The panel of the generator, one unit of the red off."""
    notebook.ask("(setattr(a, 'concept', 'red'), setattr(a.removing, 'size', 1), a.wait()) and None")
    return cell(notebook, 1)


@pytest.fixture
def classes(notebook):
    return cell(notebook, 2)


def part(view, kind, title):
    """The component of this kind whose heading contains `title`."""
    return view.locator(f".gw-{kind}:visible").filter(has=view.page.locator(".gw-title", has_text=title)).first


def press(view, name):
    button = view.get_by_role("button", name=name, exact=True)
    button.scroll_into_view_if_needed()
    button.click()


def choose(view, label, word):
    """Take the option that begins with `word`; how many units a concept has stands after it."""
    field = view.get_by_label(label, exact=True)
    field.select_option(label=next(text for text in field.locator("option").all_inner_texts() if text.startswith(word)))


def pixels(grid):
    return grid.locator("canvas").first.evaluate("canvas => canvas.toDataURL()")


# Units of a generator


def test_a_concept_is_chosen_and_its_removal_curve_stands_beside_chance(panel, notebook):
    choose(panel, "Concept", "blue")
    curve = part(panel, "curve", "Removal curves: blue")
    expect(curve).to_be_visible(timeout=20_000)
    notebook.ask("a.wait() and None")
    expect(curve.locator(".gw-series")).to_have_count(2)
    expect(curve.locator(".gw-band-area").first).to_be_visible()
    expect(curve.locator(".gw-chart-legend")).to_contain_text("random units: middle 90 % of 10 orders")
    plot = curve.get_by_role("slider")
    plot.focus()
    notebook.page.keyboard.press("Home")
    notebook.page.keyboard.press("ArrowRight")  # from none to one unit
    told = plot.get_attribute("aria-valuetext")
    assert "units by IoU 100.0 %" in told and "random units: middle 90 % of 10 orders" in told


def test_a_click_on_the_curve_switches_units_off_in_the_pictures(panel, notebook):
    images = part(panel, "image-grid", "Without unit 0")
    expect(images).to_be_visible(timeout=20_000)
    after = pixels(images)
    images.get_by_role("radio", name="Before").click()
    notebook.eventually(lambda: pixels(images) != after)
    images.get_by_role("radio", name="After").click()
    notebook.eventually(lambda: pixels(images) == after)
    plot = part(panel, "curve", "Removal curves").get_by_role("slider")
    plot.focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "Enter"):  # two units
        notebook.page.keyboard.press(key)
    expect(part(panel, "image-grid", "Without units")).to_be_visible(timeout=20_000)
    assert notebook.ask("(a.removing.size, len(a.units), a.units[0])") == "(2, 2, 0)"
    losses = part(panel, "histogram", "Pixels gained or lost").locator("[role=option][data-key=red]")
    expect(losses).to_contain_text("−")


def test_the_table_of_places_answers_why_nothing_happened(panel, notebook):
    panel.get_by_role("tab", name="Insert elsewhere").click()
    press(panel, "Run")
    table = panel.locator(".gw-matrix")
    expect(table.get_by_role("rowheader").first).to_have_text("nothing named", timeout=30_000)
    notebook.ask("a.wait() and None")
    expect(table.get_by_role("gridcell").first).to_contain_text("+1.0")
    for place, answer in (
        ("nothing named", "this is where they bring most"),
        ("red", "they bring most on nothing named: 1.0 red pixels per cell"),
    ):
        row = table.locator(f"[role=rowheader][title='{place}']").get_attribute("data-row")
        table.locator(f"[role=gridcell][data-row='{row}'][data-column='0']").click()
        expect(table.locator(".gw-title")).to_contain_text(answer)
    expect(table.locator(".gw-title")).to_contain_text("Set on red, these units bring 0.0 red pixels per cell")


def test_artifact_units_are_confirmed_and_rejected_by_eye_and_judged(panel, notebook):
    panel.get_by_role("tab", name="Artifacts").click()
    press(panel, "Run")
    suspects = part(panel, "image-grid", "Units of layer1 by strangeness")
    cells = suspects.get_by_role("gridcell")
    expect(cells.first).to_be_visible(timeout=30_000)
    for place, verdict, mark in ((0, "✓ Artifact", "✓"), (1, "✗ Fine", "✗")):
        cells.nth(place).scroll_into_view_if_needed()
        cells.nth(place).click()
        expect(cells.nth(place)).to_have_attribute("aria-selected", "true")
        press(panel, verdict)
        expect(cells.nth(place).locator(".gw-caption")).to_contain_text(mark)
        expect(suspects.locator("[aria-selected=true]")).to_have_count(0)  # the next verdict is not on them, too
    listed = json.loads(notebook.ask("list(a.searching.listed)"))
    assert notebook.ask("(a.searching.confirmed, a.searching.rejected)") == f"(({listed[0]},), ({listed[1]},))"
    press(panel, "Measure without them")
    expect(part(panel, "curve", "Without 1 confirmed: 60 other pictures")).to_be_visible(timeout=30_000)
    expect(part(panel, "image-grid", f"Without unit {listed[0]}")).to_be_visible()
    panel.get_by_role("tab", name="Remove").click()


# Units of a classifier


def test_a_unit_is_selected_and_the_classes_it_matters_to_are_bars(classes, notebook):
    card = classes.locator(".gw-card[data-unit='0']")
    card.scroll_into_view_if_needed()
    expect(card.locator(".gw-card-label")).to_have_text("stripe")
    card.click(position={"x": 40, "y": 12})
    bars = part(classes, "histogram", "Recall gained or lost by class")
    first = bars.get_by_role("option").first
    expect(first).to_have_attribute("data-key", "stripe", timeout=20_000)
    expect(first).to_contain_text("−100.0 %")
    expect(bars.locator(".gw-histogram-of")).to_contain_text("Without unit 0: accuracy 62.5 % → 37.5 %")
    assert notebook.ask("c.units") == "(0,)"


def test_brushing_a_scatter_selects_in_the_grid(classes, notebook):
    plots = classes.locator(".gw-scatter")
    expect(plots).to_have_count(4)
    plot = plots.first.locator(".gw-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    beside = plots.nth(2).locator(".gw-plot").bounding_box()
    assert abs(beside["y"] - box["y"]) < 1 < beside["x"] - box["x"], "plots beside each other are not level"
    mouse = notebook.page.mouse
    mouse.move(box["x"] + box["width"] / 4, box["y"] + 2)  # the upper part: only STRIPE loses anything for sure
    mouse.down()
    mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, steps=5)
    mouse.up()
    expect(plots.first.locator(".gw-count")).to_contain_text("1 of 10 points")
    expect(classes.locator(".gw-card[aria-selected=true]")).to_have_attribute("data-unit", "0")
    mouse.move(box["x"] + 1, box["y"] + 1)
    mouse.down()
    mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] - 2, steps=5)
    mouse.up()
    chosen = plots.nth(2).locator(".gw-count")  # the others follow
    expect(chosen).not_to_contain_text("1 of 10 points")
    units = json.loads(notebook.ask("list(c.units)"))
    assert len(units) > 5 and chosen.inner_text().startswith(f"{len(units)} of")
    expect(classes.locator(".gw-unit-grid .gw-count")).to_contain_text(f"{len(units)} selected")


def test_curves_of_many_units_select_the_first_ones(classes, notebook):
    classes.get_by_role("tab", name="Many units together").click()
    press(classes, "Run")
    curve = part(classes, "curve", "Accuracy without the first units")
    expect(curve.locator(".gw-band-area").first).to_be_visible(timeout=20_000)
    notebook.ask("c.wait() and None")
    plot = curve.get_by_role("slider")
    plot.focus()
    for key in ("Home", "ArrowRight", "Enter"):
        notebook.page.keyboard.press(key)
    notebook.eventually(lambda: notebook.ask("c.units") == "(0,)")
