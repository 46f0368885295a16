from collections.abc import Callable

import numpy as np
import pytest
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui import sheets


def test_units_are_kept_in_order_and_once() -> None:
    assert ui.UnitGrid(selected=(9, 3, 3)).selected == [3, 9]


def test_an_appended_sheet_travels_alone(rows: dict, strip: Callable) -> None:
    grid = ui.UnitGrid(rows=rows, sheets=[strip(0, 1)])
    seen = []
    grid.observe(lambda change: seen.append(len(change["new"])), "sheets")
    grid.sheets = [*grid.sheets, strip(2)]
    (content, buffers), *rest = grid.comm.customs()
    assert rest == []
    assert grid.comm.updates("sheets") == []
    assert content["kind"] == "sheets"
    assert content["sheets"] == [{"units": [2], "columns": 2, "tile": [16, 16], "image": 0, "mask": 1}]
    assert buffers == [grid.sheets[1]["image"], grid.sheets[1]["mask"]]
    assert seen == [2]
    assert len(grid.get_state("sheets")["sheets"]) == 2  # a page that is opened later gets all


def test_a_new_list_replaces_all_sheets(rows: dict, strip: Callable) -> None:
    grid = ui.UnitGrid(rows=rows, sheets=[strip(0, 1)])
    grid.sheets = [strip(2)]
    assert len(grid.comm.updates("sheets")) == 1
    grid.sheets = [strip(0), strip(1)]  # longer, but not the old one and more
    assert len(grid.comm.updates("sheets")) == 2
    assert grid.comm.customs() == []


def test_a_second_view_gets_the_sheets_it_missed(rows: dict, strip: Callable) -> None:
    grid = ui.UnitGrid(rows=rows, sheets=[strip(0), strip(1)])
    grid.comm.update(wanted=[1, 2])
    ((content, _),) = grid.comm.customs()
    assert [sheet["units"] for sheet in content["sheets"]] == [[1]]
    grid.comm.update(wanted=[])
    assert len(grid.comm.customs()) == 1


def test_the_picture_shows_the_best_units_first(rows: dict, strip: Callable) -> None:
    grid = ui.UnitGrid(rows=rows, sheets=[strip(0, 1)])
    assert ui.UnitGrid().picture() is None
    shown = grid.picture()
    assert shown is not None
    assert shown.getpixel((20, 60)) == shown.getpixel((24, 64))  # inside the strip of unit 1: one colour
    grid.sheets = []
    without = grid.picture()
    assert without is not None
    assert without.size == shown.size
    assert without.getpixel((20, 60)) != shown.getpixel((20, 60))


def test_a_sheet_for_the_grid_is_made_in_one_line(rows: dict, picture: np.ndarray) -> None:
    grid = ui.UnitGrid(rows=rows, sheets=[{"units": [0], **sheets.sheet([picture, picture], 2)}])
    assert grid.sheets[0]["count"] == 2


def test_the_words_are_names_it_knows(rows: dict) -> None:
    grid = ui.UnitGrid(rows=rows, words={"value": "Class drop"})
    with pytest.raises(TraitError, match=r"`words` must give texts for names among .* got 'iou'"):
        grid.words = {"iou": "Class drop"}
    assert grid.words == {"value": "Class drop"}
