"""Area bars in Python: what they refuse, and what a saved notebook shows of them."""

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ganwidgets import ui
from ganwidgets.ui import area_chart

BARS = [
    {"key": "sky", "area": 40.0, "other": 41.0, "change": 0.025, "low": -0.01, "high": 0.06},
    {"key": "tree", "area": 5.0, "other": 0.0, "change": -1.0, "low": -1.0, "high": -0.99, "verdict": "less"},
    {"key": "dome", "area": 0.5, "other": 2.1, "change": 3.2, "low": 0.5, "high": 5.0, "verdict": "more"},
]


def pixels(picture: Image.Image, color: str, tolerance: int = 30) -> np.ndarray:
    """The (x, y) at which a colour occurs."""
    wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    found = np.abs(np.asarray(picture.convert("RGB")).astype(int) - wanted).max(-1) <= tolerance
    return np.argwhere(found)[:, ::-1]


def test_the_picture_shows_losses_downwards_and_gains_upwards() -> None:
    picture = ui.AreaBars(bars=BARS, title="What is drawn", names=["data", "generated"]).picture()
    assert picture is not None
    loss, gain = pixels(picture, area_chart.LOSS), pixels(picture, area_chart.GAIN)
    columns = area_chart.LEFT + np.arange(4) * area_chart.PITCH
    inside = [spots[spots[:, 1] < picture.height - area_chart.LABELS - 24] for spots in (loss, gain)]
    assert (inside[0][:, 0] >= columns[1]).all() and (inside[0][:, 0] < columns[2]).all()
    assert (inside[1][:, 0] >= columns[2]).all() and (inside[1][:, 0] < columns[3]).all()
    assert inside[0][:, 1].min() >= inside[1][:, 1].max() - 1  # from the same line of zero


def test_bars_are_as_high_as_logarithms() -> None:
    bars = [{"key": str(power), "area": 10.0**power} for power in (-1, 0, 1)]
    picture = ui.AreaBars(bars=bars, names=["data", "generated"]).picture()
    spots = pixels(picture, area_chart.BAR, 4)
    spots = spots[spots[:, 1] < 140]
    middles = area_chart.LEFT + np.arange(3) * area_chart.PITCH + 12
    heights = [(spots[:, 0] == middle).sum() for middle in middles]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=2) and heights[0] > 5


def test_nothing_has_no_picture_and_half_known_bars_have_one() -> None:
    assert ui.AreaBars().picture() is None
    odd = [{"key": "a", "area": None}, {"key": "b" * 90, "area": np.nan, "other": 1e-9, "change": 1e9, "low": -1.0}]
    assert ui.AreaBars(bars=odd).picture() is not None
    assert ui.AreaBars(bars=odd).bars[1]["area"] is None


def test_its_repr_counts_and_names_what_is_chosen() -> None:
    assert repr(ui.AreaBars(bars=BARS)) == "AreaBars(3 columns)"
    assert repr(ui.AreaBars(bars=BARS, selected="tree")) == "AreaBars(3 columns, 'tree' selected)"


def test_marks_of_the_axes_are_round() -> None:
    assert area_chart.powers((0.01, 50)) == pytest.approx([0.01, 0.1, 1, 10])
    assert area_chart.halves((-1, 1.1)) == [-1, -0.5, 0, 0.5, 1]
    assert area_chart.halves((-1, 9)) == [0, 2, 4, 6, 8]
    assert [area_chart.times(change) for change in (3.2, 12.0, 5000.0)] == ["×4.2", "×13", "×1000+"]
    assert [area_chart.change_text(change) for change in (-1.0, 0.0, 0.5)] == ["−100 %", "0", "+50 %"]


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"bars": [BARS[0], BARS[0]]}, "one column per key, got 'sky' twice"),
        ({"bars": [{"key": "sky"}]}, "lacks the key 'area'"),
        ({"bars": [{"key": "sky", "area": "40"}]}, "must hold numbers or None, got '40'"),
        ({"bars": [{"key": "sky", "area": 1, "verdict": "fewer"}]}, "must be 'less' or 'more', got 'fewer'"),
        ({"bars": [{"key": "sky", "area": 1, "colour": "red"}]}, "unknown key 'colour'"),
        ({"names": ["one"]}, "`names` must be two texts"),
        ({"area_range": [0, 50]}, "`area_range` must be above 0"),
        ({"area_range": [50, 1]}, "low < high"),
        ({"change_range": [0.1, 1]}, "`change_range` must hold 0"),
        ({"change_range": [1]}, r"must be \[low, high\]"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(traits: dict, message: str) -> None:
    with pytest.raises(TraitError, match=message):
        ui.AreaBars(**traits)
