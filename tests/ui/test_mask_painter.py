import io
import threading

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui.pictures import read_mask


def png(mask: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return buffer.getvalue()


def paint(
    painter: ui.MaskPainter, mask: np.ndarray, *, name: str = "s1", tool: str = "paint", **fields: object
) -> dict:
    """The browser sends a stroke; returns the reply."""
    height, width = mask.shape
    content = {"id": "7", "action": "stroke", "stroke": name, "tool": tool, "width": width, "height": height, **fields}
    painter.comm.from_browser({"method": "custom", "content": content}, [png(mask)])
    return painter.comm.customs()[-1][0]


@pytest.fixture
def mask() -> np.ndarray:
    """3 rows of 5 pixels, each with another opacity."""
    return (np.arange(15, dtype=np.uint8) * 17).reshape(3, 5)


def test_a_stroke_arrives_as_it_was_painted(mask: np.ndarray) -> None:
    painter, heard = ui.MaskPainter(), []
    painter.on_stroke(lambda region, tool: heard.append((region, tool)))
    assert paint(painter, mask, tool="erase") == {"id": "7", "ok": True, "error": ""}
    (region, tool) = heard[0]
    assert tool == "erase"
    assert region.dtype == np.float32
    np.testing.assert_array_equal(region, mask.astype(np.float32) / 255)


def test_a_stroke_that_the_browser_sends_again_acts_once(mask: np.ndarray) -> None:
    painter, heard = ui.MaskPainter(), []
    painter.on_stroke(lambda region, tool: heard.append(tool))
    assert all(paint(painter, mask, name="s1")["ok"] for _ in range(3))
    assert paint(painter, mask, name="s2")["ok"]
    assert heard == ["paint", "paint"]


def test_a_stroke_that_is_sent_again_while_the_first_is_still_at_work_acts_once(mask: np.ndarray) -> None:
    painter, heard, inside, go_on = ui.MaskPainter(), [], threading.Event(), threading.Event()

    def slow(_: np.ndarray, tool: str) -> None:
        inside.set()
        go_on.wait(5)
        heard.append(tool)

    painter.on_stroke(slow)
    threads = [threading.Thread(target=paint, args=(painter, mask)) for _ in range(2)]
    threads[0].start()
    inside.wait(5)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert heard == ["paint"]


def test_a_refused_stroke_may_come_again(mask: np.ndarray) -> None:
    painter, heard = ui.MaskPainter(), []

    def refuse_first(_: np.ndarray, tool: str) -> None:
        heard.append(tool)
        if len(heard) == 1:
            raise ValueError("Choose a brush first.")

    painter.on_stroke(refuse_first)
    assert paint(painter, mask) == {"id": "7", "ok": False, "error": "Choose a brush first."}
    assert painter.error == "Choose a brush first."
    assert paint(painter, mask)["ok"]
    assert painter.error == ""
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 4}, "were announced"),
        ({"width": 0}, "`width` of a mask must be a whole number from 1 on, got 0"),
        ({"height": True}, "`height` of a mask must be a whole number"),
        ({"width": 5000, "height": 4000}, "at most 4,096 × 4,096 pixels, got 5,000 × 4,000"),
        ({"tool": "pan"}, "must be 'paint' or 'erase', got 'pan'"),
    ],
)
def test_a_stroke_that_makes_no_sense_is_refused(mask: np.ndarray, fields: dict, message: str) -> None:
    painter, heard = ui.MaskPainter(), []
    painter.on_stroke(lambda region, tool: heard.append(tool))
    reply = paint(painter, mask, **fields)
    assert not reply["ok"]
    assert message in reply["error"]
    assert heard == []


def test_an_empty_stroke_and_one_without_a_mask_are_refused() -> None:
    painter = ui.MaskPainter()
    painter.on_stroke(lambda region, tool: None)
    assert "its mask is empty" in paint(painter, np.zeros((3, 5), np.uint8))["error"]
    content = {"id": "8", "action": "stroke", "stroke": "s", "tool": "paint", "width": 5, "height": 3}
    painter.comm.from_browser({"method": "custom", "content": content})
    assert "must come with one mask, got 0" in painter.comm.customs()[-1][0]["error"]


def test_a_raw_mask_is_read_too(mask: np.ndarray) -> None:
    np.testing.assert_array_equal(read_mask(memoryview(mask.tobytes()), 5, 3), mask.astype(np.float32) / 255)
    with pytest.raises(ValueError, match="must have 15 bytes, got 14"):
        read_mask(mask.tobytes()[:-1], 5, 3)


def test_a_16_mb_mask_and_a_file_that_is_no_picture_are_refused(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"at most 8 MiB, got 16\.0 MiB"):
        read_mask(b"\x89PNG\r\n\x1a\n" + bytes(16 * 2**20), 64, 64)
    with pytest.raises(ValueError, match="PNG cannot be read"):
        read_mask(png(mask)[:50], 5, 3)
    with pytest.raises(ValueError, match="must be grey, got mode 'RGB'"):
        read_mask(png(np.zeros((3, 5, 3), np.uint8)), 5, 3)


def test_a_png_that_claims_more_than_was_announced_is_not_unpacked() -> None:
    small = bytearray(png(np.zeros((1, 1), np.uint8)))
    small[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(ValueError, match=r"were announced|cannot be read"):
        read_mask(bytes(small), 5, 3)


def test_the_picture_of_a_small_image_is_large_enough_to_be_seen(picture: np.ndarray) -> None:
    painter = ui.MaskPainter(image=png(picture))
    shown = painter.picture()
    assert shown is not None
    assert shown.size == (256, 256)
    assert shown.getpixel((9, 9)) == (200, 30, 30)
    assert repr(painter) == "MaskPainter(16 × 16 pixels)"
    assert repr(ui.MaskPainter(image=png(picture), size=[8, 4])) == "MaskPainter(8 × 4 pixels)"
    assert ui.MaskPainter().picture() is None


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"image": b"GIF89a"}, "`image` must be the bytes of a JPEG or PNG"),
        ({"size": [64]}, r"`size` must be \[width, height\]"),
        ({"size": [64, 0]}, r"`size` must be \[width, height\]"),
        ({"brush_size": 0}, "`brush_size` must be above 0"),
        ({"softness": 1.5}, r"`softness` must lie in \[0, 1\], got 1.5"),
        ({"color": "red"}, "`color` must be a hex colour"),
        ({"tools": ["paint", "eraser"]}, "Did you mean 'erase'"),
    ],
)
def test_wrong_traits_are_refused_in_one_sentence(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.MaskPainter(**traits)


def test_a_stroke_waits_for_the_one_before_it_which_another_thread_has(mask: np.ndarray) -> None:
    painter, heard = ui.MaskPainter(), []
    painter.on_stroke(lambda region, tool: heard.append(tool))
    second = threading.Thread(target=paint, args=(painter, mask), kwargs={"name": "b", "tool": "erase", "after": "a"})
    second.start()
    second.join(0.1)
    assert heard == []
    paint(painter, mask, name="a")
    second.join(5)
    assert heard == ["paint", "erase"]


def test_a_stroke_does_not_wait_for_one_that_was_refused(mask: np.ndarray) -> None:
    painter, heard = ui.MaskPainter(), []
    painter.on_stroke(lambda region, tool: heard.append(tool))
    assert not paint(painter, mask * 0, name="a")["ok"]
    second = threading.Thread(target=paint, args=(painter, mask), kwargs={"name": "b", "after": "a"})
    second.start()
    second.join(1.0)
    assert heard == ["paint"]
