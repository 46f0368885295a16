"""Files that come from the browser: bytes and a harmless name, and what Python makes of them."""

import pytest
from traitlets import TraitError

from ganwidgets import ui


def send(drop: ui.FileDrop, name: str, *contents: bytes) -> dict:
    """What Python answers to a file."""
    data = {"method": "custom", "content": {"id": "7", "action": "file", "name": name}}
    drop.comm.from_browser(data, list(contents))
    return drop.comm.customs()[-1][0]


def test_the_handler_gets_bytes_and_a_harmless_name() -> None:
    drop, got = ui.FileDrop(), []
    stop = drop.on_file(lambda name, content: got.append((name, content)))
    assert send(drop, "../../etc/my marks.json", b"{}")["ok"]
    assert got == [("etc-my-marks.json", b"{}")] and type(got[0][1]) is bytes
    stop()
    assert "Nothing in Python answers" in send(drop, "a", b"x")["error"]


def test_what_the_handler_refuses_is_said() -> None:
    drop = ui.FileDrop()

    def refuse(name: str, content: bytes) -> None:
        raise ValueError(f"{name} holds something else.")

    drop.on_file(refuse)
    assert send(drop, "a.json", b"x")["error"] == drop.error == "a.json holds something else."


def test_too_much_and_nothing_are_refused_before_the_handler() -> None:
    drop, got = ui.FileDrop(), []
    drop.on_file(lambda name, content: got.append(name))
    assert "at most 8 MiB, got 8.0 MiB" in send(drop, "a", bytes(8 * 2**20 + 1))["error"]
    assert "one content, got 0" in send(drop, "a")["error"]
    assert got == []


def test_pictures_may_be_made_smaller_before_they_come() -> None:
    assert ui.FileDrop(max_side=2048).max_side == 2048
    with pytest.raises(TraitError):
        ui.FileDrop(max_side=-1)


def test_wrong_endings_are_refused() -> None:
    with pytest.raises(TraitError, match=r"endings such as '.json', got 'json'"):
        ui.FileDrop(accept=["json"])
    assert repr(ui.FileDrop(accept=(".json",))) == "FileDrop(.json)" and repr(ui.FileDrop()) == "FileDrop(any file)"
