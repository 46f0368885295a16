import numpy as np
import pytest
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui import sheets

TREE = {"id": "a", "title": "Draw tree", "strength": 0.5, "thumbnail": 1, "color": "#56b4e9"}
DOOR = {"id": "b", "title": "Remove door", "muted": True}


def test_a_wish_names_the_entry_and_python_decides() -> None:
    stack, heard = ui.EditStack(entries=[TREE, DOOR]), []
    stack.on_request("mute", lambda entry, muted: heard.append(("mute", entry, muted)))
    stack.on_request("move", lambda entry, to: heard.append(("move", entry, to)))
    assert stack.comm.request("mute", entry="b", muted=False)["ok"]
    assert stack.comm.request("move", entry="a", to=1)["ok"]
    assert heard == [("mute", "b", False), ("move", "a", 1)]
    assert stack.entries == [TREE, DOOR]


def test_the_picture_shows_the_newest_edits_with_their_thumbnails() -> None:
    tiles = [np.full((16, 16, 3), colour, np.uint8) for colour in ((200, 30, 30), (30, 200, 30))]
    stack = ui.EditStack(entries=[TREE, DOOR], sheet=sheets.sheet(tiles, 2))
    picture = stack.picture()
    assert picture is not None
    pixels = np.asarray(picture).astype(int)
    assert (np.abs(pixels - (30, 200, 30)).max(-1) < 20).any()
    assert not (np.abs(pixels - (200, 30, 30)).max(-1) < 20).any()  # nobody's thumbnail
    assert repr(stack) == "EditStack(2 edits, 1 muted)"
    assert ui.EditStack().picture() is None
    assert ui.EditStack(entries=[DOOR]).picture() is not None


def test_the_picture_has_the_newest_edit_at_the_top_left() -> None:
    entries = [{"id": str(i), "title": f"{i}", "color": f"#0000{i + 100:02x}"} for i in range(14)]
    picture = ui.EditStack(entries=entries).picture()
    assert picture is not None
    assert picture.getpixel((8 + 12, 8 + 15)) == (0, 0, 113)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"entries": [{"id": "a"}]}, r"`entries\[0\]` lacks the key 'title'"),
        ({"entries": [TREE | {"colour": "red"}]}, "unknown key 'colour'"),
        ({"entries": [TREE | {"strength": 1.2}]}, r"the strength of 'a' must lie in \[0, 1\], got 1.2"),
        ({"entries": [TREE, TREE]}, "one entry per id, got 'a' twice"),
        ({"entries": [TREE | {"id": 3}]}, "ids that are texts, got 3"),
        ({"sheet": {"image": b""}}, r"`sheet\[0\]` lacks the key 'columns'"),
    ],
)
def test_wrong_traits_are_refused_in_one_sentence(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.EditStack(**traits)


def test_strengths_go_as_far_as_they_are_told_to() -> None:
    stack = ui.EditStack(strengths=(-1, 2), entries=[TREE | {"strength": -0.5}, DOOR | {"strength": 2}])
    assert [entry["strength"] for entry in stack.entries] == [-0.5, 2]
    with pytest.raises(TraitError, match=r"must lie in \[-1, 2\], got 2.5"):
        stack.entries = [TREE | {"strength": 2.5}]
    with pytest.raises(TraitError, match=r"`strengths` must be \[lowest, highest\], got \[1, 1\]"):
        stack.strengths = [1, 1]


def test_another_name_is_a_wish_too() -> None:
    stack, heard = ui.EditStack(entries=[TREE], renamable=True), []
    stack.on_request("rename", lambda entry, name: heard.append((entry, name)))
    assert stack.comm.request("rename", entry="a", name="Spires")["ok"]
    assert heard == [("a", "Spires")] and stack.entries[0]["title"] == "Draw tree"
