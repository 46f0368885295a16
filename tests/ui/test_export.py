import base64
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ganwidgets import ui

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)> &amp; \u2028 {title} ]]>"


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="gw-page">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_page_holds_the_states_the_bytes_and_each_script_once(rows: dict, strip: Callable) -> None:
    grids = [ui.UnitGrid(rows=rows, sheets=[strip(0, 1)], selected=[1]), ui.UnitGrid()]
    data = data_of(ui.page(ui.Layout.of(ui.row(*grids), title="Two grids")))
    assert set(data["scripts"]) == {"Layout", "UnitGrid"}
    root, first = data["models"][data["root"]], data["models"]["m1"]
    assert root["state"]["children"] == ["anywidget:m1", "anywidget:m2"]
    assert root["state"]["live"] is False
    assert first["state"]["selected"] == [1]
    assert first["state"]["live"] is False
    assert [buffer["path"] for buffer in first["buffers"]] == [["sheets", 0, "image"], ["sheets", 0, "mask"]]
    assert base64.b64decode(first["buffers"][0]["data"]) == grids[0].sheets[0]["image"]
    assert first["state"]["sheets"][0]["image"] is None
    assert not any(name.startswith("_") or name in ("layout", "tooltip") for name in first["state"])


def test_strings_from_data_cannot_leave_their_place() -> None:
    grid = ui.UnitGrid(rows={"unit": [0], "label": [HOSTILE]}, message=HOSTILE)
    text = ui.page(ui.Layout.of(ui.row(grid), title=HOSTILE))
    assert text.count("<script") == 2
    assert text.count("</script") == 2
    assert "<img" not in text
    assert data_of(text)["models"]["m1"]["state"]["rows"]["label"] == [HOSTILE]
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
    assert title is not None
    assert title[1].startswith("&lt;/script&gt;")


def test_the_policy_allows_the_page_its_own_script_and_no_network() -> None:
    text = ui.page(ui.RunBar())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]
    assert "unsafe-eval" not in policy[1]
    script = text.rsplit("<script>", 1)[1].split("</script>")[0]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy[1]
    assert not re.search(r'(src|href)="', text)


def test_an_export_does_not_show_an_old_error() -> None:
    assert data_of(ui.page(ui.RunBar(error="gone")))["models"]["m0"]["state"]["error"] == ""


def test_a_page_is_written_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "lab.html"
    target.write_text("old")
    assert ui.RunBar().to_html(target, title="Lab") == target
    assert "<title>Lab</title>" in target.read_text(encoding="utf-8")
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        ui.RunBar().to_html(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="must lie in an existing folder"):
        ui.RunBar().to_html(tmp_path / "nowhere" / "lab.html")


def test_a_page_may_hold_what_the_browser_of_a_notebook_does_not(rows: dict, strip: Callable[..., dict]) -> None:
    grid = ui.UnitGrid(rows=rows)
    kept = {"facts": {"0": [["n", np.int64(3)]]}, "counter": [strip(0)]}
    saved = next(iter(data_of(ui.page(grid, instead={grid: {"kept": kept}}))["models"].values()))
    assert saved["state"]["kept"]["facts"] == {"0": [["n", 3]]}
    assert ["kept", "counter", 0, "image"] in [buffer["path"] for buffer in saved["buffers"]]
    assert grid.kept == {}
