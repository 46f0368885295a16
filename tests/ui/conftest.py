"""A comm that records what would travel to the browser, and a few rows and pictures."""

from collections.abc import Callable
from typing import Any

import comm
import numpy as np
import pytest
from comm.base_comm import BaseComm


class RecordingComm(BaseComm):
    """Keeps every message; `from_browser` plays the other side."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messages: list[tuple[str, dict, list]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        self.messages.append((msg_type, data or {}, list(buffers or [])))

    def from_browser(self, data: dict, buffers: list[bytes] | None = None) -> None:
        self.handle_msg({"content": {"data": data}, "buffers": [memoryview(b) for b in buffers or []]})

    def update(self, **state: Any) -> None:
        """The browser changes traits."""
        self.from_browser({"method": "update", "state": state, "buffer_paths": []})

    def request(self, action: str, **fields: Any) -> dict:
        """The browser asks; returns the reply."""
        self.from_browser({"method": "custom", "content": {"id": "7", "action": action, **fields}})
        return self.customs()[-1][0]

    def customs(self) -> list[tuple[dict, list]]:
        """Custom messages to the browser and their buffers."""
        return [(d["content"], buffers) for _, d, buffers in self.messages if d.get("method") == "custom"]

    def updates(self, name: str) -> list[Any]:
        """Values of a trait that were sent to the browser."""
        states = [d["state"] for _, d, _ in self.messages if d.get("method") == "update"]
        return [state[name] for state in states if name in state]


@pytest.fixture(autouse=True)
def recorded_comms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", RecordingComm)


@pytest.fixture
def rows() -> dict:
    """Three units: a tree, a better sky, and one without a label."""
    return {
        "unit": [0, 1, 2],
        "label": ["tree", "sky", ""],
        "category": ["object", "object", ""],
        "iou": [0.1, 0.3, None],
        "labelled": [True, True, False],
    }


@pytest.fixture
def picture() -> np.ndarray:
    """16 × 16 pixels of one red."""
    return np.full((16, 16, 3), (200, 30, 30), dtype=np.uint8)


@pytest.fixture
def strip(picture: np.ndarray) -> Callable[..., dict]:
    """`strip(3, 8)` makes a sheet with two pictures for each of these units, and their masks."""
    from ganwidgets.ui import sheets

    def make(*units: int) -> dict:
        made = sheets.sheet([picture] * (2 * len(units)), 2)
        del made["count"]
        masks = [np.eye(16, dtype=bool)] * (2 * len(units))
        return {"units": list(units), **made, "mask": sheets.mask_sheet(masks, 2)}

    return make
