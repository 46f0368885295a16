"""Trays: wishes name the entry, Python decides; a picture for saved notebooks."""

import numpy as np
import pytest
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui import sheets

PLACES = [{"id": "a", "label": "12", "thumbnail": 0}, {"id": "b", "label": "7", "thumbnail": 1}]


def test_a_wish_names_the_entry_and_changes_nothing_by_itself() -> None:
    tray, heard = ui.Tray(entries=PLACES), []
    for action in ("open", "remove"):
        tray.on_request(action, lambda entry, action=action: heard.append((action, entry)))
    tray.on_request("clear", lambda: heard.append("clear"))
    for action, fields in (("open", {"entry": "b"}), ("remove", {"entry": "a"}), ("clear", {})):
        assert tray.comm.request(action, **fields)["ok"]
    assert heard == [("open", "b"), ("remove", "a"), "clear"]
    assert tray.entries == PLACES


def test_the_picture_darkens_what_is_not_marked() -> None:
    tiles = [np.full((16, 16, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 200, 30))]
    left = np.zeros((16, 16), bool)
    left[:, :8] = True
    sheet = sheets.sheet(tiles, 2) | {"mask": sheets.mask_sheet([left, left], 2)}
    pixels = np.asarray(ui.Tray(entries=PLACES, sheet=sheet).picture()).astype(int)
    assert pixels.shape[0] == 16
    assert np.abs(pixels[8, 4] - (200, 30, 30)).max() < 8 and np.abs(pixels[8, 12] - (100, 15, 15)).max() < 8
    assert np.abs(pixels[8, -12] - (30, 200, 30)).max() < 8
    assert ui.Tray().picture() is None and ui.Tray(entries=PLACES).picture() is None


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"entries": [{"label": "1"}]}, r"`entries\[0\]` lacks the key 'id'"),
        ({"entries": [PLACES[0], PLACES[0]]}, "one entry per id, got 'a' twice"),
        ({"entries": [{"id": 3}]}, "ids that are texts, got 3"),
        ({"sheet": {"image": b""}}, "lacks the key 'columns'"),
        ({"color": "red"}, "hex colour like '#56b4e9', or empty, got 'red'"),
    ],
)
def test_wrong_traits_are_refused_in_one_sentence(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.Tray(**traits)
