"""Files that come from the browser: bytes and a harmless name, and what Python makes of them."""

import pytest
from traitlets import TraitError

from ganwidgets import ui


def send(drop: ui.FileDrop, name: str, *contents: bytes, **fields: object) -> dict:
    """What Python answers to a file, or a piece of one."""
    data = {"method": "custom", "content": {"id": "7", "action": "file", "name": name, **fields}}
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
    assert "at most 64 MiB, 8 MiB at a time" in send(drop, "a", bytes(8 * 2**20 + 1))["error"]
    assert "one content, got 0" in send(drop, "a")["error"]
    assert got == []


def test_a_large_file_is_put_together_from_its_pieces() -> None:
    drop, got = ui.FileDrop(), []
    drop.on_file(lambda name, content: got.append((name, content)))
    for part, piece in enumerate((b"one", b"two", b"three")):
        assert got == [] and send(drop, "a b", piece, upload="x", part=part, parts=3)["ok"]
    assert got == [("a-b", b"onetwothree")] and drop._pieces == []  # nothing is held when it is over


def test_pieces_out_of_order_or_of_two_files_are_refused() -> None:
    drop, got = ui.FileDrop(), []
    drop.on_file(lambda name, content: got.append(content))
    refused = "must come piece by piece"
    assert refused in send(drop, "a", b"2", upload="x", part=1, parts=2)["error"]  # without the first
    send(drop, "a", b"1", upload="x", part=0, parts=3)
    assert refused in send(drop, "a", b"3", upload="x", part=2, parts=3)["error"]
    assert refused in send(drop, "a", b"9", upload="x", part=5, parts=3)["error"]
    send(drop, "b", b"1", upload="y", part=0, parts=2)  # another is begun: the first is let go
    assert refused in send(drop, "a", b"2", upload="x", part=1, parts=3)["error"]
    assert send(drop, "b", b"2", upload="y", part=1, parts=2)["ok"] and got == [b"12"]
    assert send(drop, "a", b"1", upload="z", part="no", parts=2)["error"]


def test_a_file_that_never_ends_is_given_up() -> None:
    drop = ui.FileDrop()
    drop.on_file(lambda name, content: None)
    piece = bytes(8 * 2**20)
    for part in range(8):
        assert send(drop, "a", piece, upload="x", part=part, parts=10**6)["ok"]
    assert "at most 64 MiB" in send(drop, "a", piece, upload="x", part=8, parts=10**6)["error"]
    assert drop._pieces == []


def test_pictures_may_be_made_smaller_before_they_come() -> None:
    assert ui.FileDrop(max_side=2048).max_side == 2048
    with pytest.raises(TraitError):
        ui.FileDrop(max_side=-1)


def test_wrong_endings_are_refused() -> None:
    with pytest.raises(TraitError, match=r"endings such as '.json', got 'json'"):
        ui.FileDrop(accept=["json"])
    assert repr(ui.FileDrop(accept=(".json",))) == "FileDrop(.json)" and repr(ui.FileDrop()) == "FileDrop(any file)"
