import io

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ganwidgets import ui


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 12, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_picture_has_both_next_to_each_other() -> None:
    compare = ui.Compare(before=png(20), after=png(220))
    picture = compare.picture()
    assert picture is not None
    assert picture.height == 8
    assert picture.getpixel((2, 4)) == (20, 20, 20)
    assert picture.getpixel((picture.width - 2, 4)) == (220, 220, 220)
    assert repr(compare) == "Compare(Before / After)"


def test_one_picture_alone_is_shown_and_none_is_none() -> None:
    one = ui.Compare(after=png(220), labels=["Real", "Made"])
    picture = one.picture()
    assert picture is not None
    assert picture.size == (12, 8)
    assert repr(one) == "Compare(Made)"
    assert ui.Compare().picture() is None
    assert repr(ui.Compare()) == "Compare(empty)"


def test_the_browser_moves_the_line_within_its_range() -> None:
    compare = ui.Compare()
    compare.comm.update(position=0.25)
    assert compare.position == 0.25
    compare.comm.update(position=7)
    assert compare.position == 0.25
    assert "must lie in [0, 1], got 7" in compare.error


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"before": b"no picture"}, "`before` must be the bytes of a JPEG or PNG"),
        ({"labels": ["Before"]}, "`labels` must be two texts"),
        ({"position": -0.1}, r"`position` must lie in \[0, 1\]"),
        ({"mode": "swipe"}, "swipe"),
    ],
)
def test_wrong_traits_are_refused_in_one_sentence(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.Compare(**traits)
