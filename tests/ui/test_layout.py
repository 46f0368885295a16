from collections.abc import Callable

import pytest
from PIL import Image
from traitlets import TraitError

from ganwidgets import ui

Panel = tuple[ui.Layout, ui.Histogram, ui.UnitGrid]


@pytest.fixture
def panel(rows: dict, strip: Callable) -> Panel:
    bars = ui.Histogram(bars=[{"key": "tree", "value": 1}])
    grid = ui.UnitGrid(rows=rows, sheets=[strip(0, 1, 2)])
    box = ui.row(bars, ui.column(grid, ui.RunBar(), label="Units"), weights=[1, 2])
    return ui.Layout.of(box, links=[(bars, "selected", grid, "concepts")], title="A panel"), bars, grid


def test_a_box_becomes_children_a_tree_and_links(panel: Panel) -> None:
    layout, bars, grid = panel
    assert layout.children[:2] == [bars, grid]
    assert layout.tree == {
        "kind": "row",
        "items": [0, {"kind": "column", "items": [1, 2], "label": "Units"}],
        "weights": [1, 2],
    }
    assert layout.links == [{"source": 0, "source_trait": "selected", "target": 1, "target_trait": "concepts"}]
    assert layout.get_state("children")["children"] == [f"anywidget:{child.model_id}" for child in layout.children]
    assert repr(layout) == "Layout('A panel': Histogram, UnitGrid, RunBar)"


def test_a_fold_carries_its_label() -> None:
    one, two = ui.Controls(), ui.Controls()
    layout = ui.Layout.of(ui.column(one, ui.fold(two, label="More")))
    assert layout.tree == {"kind": "column", "items": [0, {"kind": "fold", "items": [1], "label": "More"}]}


def test_tabs_carry_the_labels_of_their_boxes() -> None:
    one, two = ui.RunBar(), ui.RunBar()
    layout = ui.Layout.of(ui.tabs(ui.column(one, label="One"), ui.row(two, label="Two")))
    assert layout.tree == {
        "kind": "tabs",
        "items": [{"kind": "column", "items": [0], "label": "One"}, {"kind": "row", "items": [1], "label": "Two"}],
    }
    with pytest.raises(ValueError, match=r"`items\[1\]` needs a label"):
        ui.tabs(ui.column(one, label="One"), ui.column(two))


def test_the_browser_cannot_change_the_children(panel: Panel) -> None:
    layout, bars, _ = panel
    layout.comm.update(children=["anywidget:other"])
    assert layout.children[0] is bars
    assert layout.error == ""


def test_wrong_trees_and_links_are_refused(panel: Panel) -> None:
    layout, bars, grid = panel
    with pytest.raises(TraitError, match="names child 5"):
        layout.tree = {"kind": "row", "items": [5]}
    with pytest.raises(TraitError, match="kind 'row', 'column', 'tabs' or 'fold'"):
        layout.tree = {"kind": "grid", "items": []}
    with pytest.raises(TraitError, match="child positions"):
        layout.tree = {"kind": "row", "items": ["0"]}
    with pytest.raises(TraitError, match=r"Histogram has no trait 'selectd'\. Did you mean 'selected'"):
        layout.link(bars, "selectd", grid, "concepts")
    with pytest.raises(TraitError, match="names child 9"):
        layout.links = [{"source": 9, "source_trait": "selected", "target": 0, "target_trait": "selected"}]
    with pytest.raises(ValueError, match="must be a child of this layout"):
        layout.link(bars, "selected", ui.UnitGrid(), "concepts")
    with pytest.raises(ValueError, match="one number per item"):
        ui.row(bars, grid, weights=[1])
    with pytest.raises(TraitError):
        ui.Layout(children=["text"])


def test_the_picture_is_made_of_the_children(panel: Panel) -> None:
    layout, bars, grid = panel
    whole, left, right = layout.picture(), bars.picture(), grid.picture()
    assert isinstance(whole, Image.Image)
    assert isinstance(left, Image.Image)
    assert isinstance(right, Image.Image)
    assert whole.width == left.width + 8 + right.width
    assert whole.height == max(left.height, right.height)
    assert ui.Layout.of(ui.row(ui.RunBar())).picture() is None


def test_without_a_tree_the_children_are_below_each_other() -> None:
    assert ui.Layout(children=[ui.RunBar(), ui.RunBar()]).shown_tree() == {"kind": "column", "items": [0, 1]}
