"""The crop box: a box inside the picture, whatever a browser sends, and a still picture of it."""

import io

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ganwidgets import ui


def png(width: int = 20, height: int = 10) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 200, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_the_browser_chose_is_taken_or_refused_with_the_standing_value_sent_back() -> None:
    box = ui.CropBox(image=png())
    box.comm.update(box=[0.1, 0.2, 0.9, 0.8], fit="letterbox")
    assert (box.box, box.fit) == ([0.1, 0.2, 0.9, 0.8], "letterbox")
    box.comm.update(box=[0.5, 0, 0.5, 1])
    assert box.box == [0.1, 0.2, 0.9, 0.8] and "in shares of the picture, 0 to 1" in box.error
    assert repr(box) == "CropBox(letterbox, 20-80 % × 10-90 %)"


def test_the_still_picture_is_dark_outside_the_box() -> None:
    picture = ui.CropBox(image=png(), box=[0, 0.5, 1, 1]).picture()
    assert picture is not None and picture.size == (20, 10)
    assert picture.getpixel((15, 5)) == (200, 200, 200) and picture.getpixel((5, 5))[0] < 100
    assert ui.CropBox().picture() is None and repr(ui.CropBox()) == "CropBox(empty)"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"box": [0, 0, 1]}, "`box` must be"),
        ({"box": [0, 0, 1, None]}, "`box` must be"),
        ({"box": [0, 0, 1, "1"]}, "`box` must hold numbers"),
        ({"size": [3]}, r"`size` must be \[width, height\]"),
        ({"aspect": -1}, "`aspect` must be width over height"),
        ({"fits": ["cover"]}, "`fits` must hold some of"),
        ({"fits": []}, "`fits` must hold some of"),
        ({"fit": "cover"}, "cover"),
    ],
)
def test_wrong_traits_are_refused_in_one_sentence(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.CropBox(**traits)
