"""Files that the browser saves: made when they are asked for, and given to the view that asked."""

import pytest
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui.download import safe_name


@pytest.fixture
def files() -> ui.Download:
    return ui.Download(files=[{"name": "edit", "label": "Save edit"}, {"name": "picture", "label": "Save picture"}])


def given(files: ui.Download) -> list:
    return [(content, buffers) for content, buffers in files.comm.customs() if "ticket" in content]


def test_a_file_is_made_when_asked_for_and_carries_the_ticket_of_the_view(files: ui.Download) -> None:
    made = []
    files.on_file("edit", lambda: made.append(1) or ("my edit.json", '{"ü": 1}'))
    assert made == []
    assert files.comm.request("file", name="edit", ticket="t1")["ok"] and made == [1]
    ((content, buffers),) = given(files)
    assert content == {"ticket": "t1", "file": "my-edit.json", "type": "application/json"}
    assert bytes(buffers[0]) == '{"ü": 1}'.encode()


def test_what_cannot_be_made_is_said_and_nothing_is_sent(files: ui.Download) -> None:
    def fail() -> tuple[str, bytes]:
        raise ValueError("There is no picture yet.")

    files.on_file("picture", fail)
    assert files.comm.request("file", name="picture", ticket="t")["error"] == "There is no picture yet."
    assert files.error == "There is no picture yet."
    assert "Did you mean 'picture'?" in files.comm.request("file", name="pictur", ticket="t")["error"]
    assert given(files) == []


def test_file_names_mean_the_same_everywhere() -> None:
    assert safe_name("../../etc/pass wd") == "etc-pass-wd"
    assert safe_name("scenes@500k-1-0.png") == "scenes-500k-1-0.png"
    assert safe_name("...") == "file" and len(safe_name("x" * 500)) == 120


def test_wrong_files_are_refused() -> None:
    with pytest.raises(TraitError, match="lacks the key 'label'"):
        ui.Download(files=[{"name": "a"}])
    with pytest.raises(TraitError, match="unknown file 'b'"):
        ui.Download(files=[{"name": "a", "label": "A"}], disabled={"b": "why"})
