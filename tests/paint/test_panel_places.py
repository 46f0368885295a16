"""Why did nothing happen here? The panel looks where the same units bring more, in the background.

Blue paint over red is neither (`testing.planted`): the unit of the blue does nothing on red, and paints a cell of one
pixel everywhere else.
"""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def small():
    from ganwidgets.testing import planted_generator

    return planted_generator(resolution=8)


@pytest.fixture
def make(small, reader):
    from ganwidgets.paint.brushes import Brush
    from ganwidgets.paint.panel import Panel

    made = []

    def make(segmenter=reader):
        panel = Panel(small, None, segmenter, n=8, run=False, layer="layer1", seed=1, n_scenes=8)
        panel.painting.offer(Brush("blue", "object", "layer1", (1,), (), 0, (1.0,)))
        panel.brush = "blue"
        made.append(panel.wait(20.0))
        left = panel.painting.scenes[:, 4, 1].astype(int)
        red = left[:, 0] > left[:, 1] + 50
        panel.red, panel.plain = int(red.argmax()), int(red.argmin())
        return panel

    yield make
    for one in made:
        one.close()


def paint(panel, scene):
    """Paint over what is red in some of the scenes."""
    panel.painting.clear()
    panel.scene = scene
    area = np.zeros((8, 8), np.uint8)
    area[2:6, 1:4] = 255
    panel.painting.paint(area)
    return panel.wait(60.0).painter.message


def test_the_message_says_where_the_units_bring_more(make):
    panel = make()
    message = paint(panel, panel.red)
    assert panel.report.obstacle == "here" and "blue: +0 of 12 pixels in the brush (red stood there" in message
    assert "Nothing happened. Set on red, these units bring 0.0 blue pixels per cell" in message
    assert "they bring most on nothing named: 1.0 blue pixels per cell" in message
    assert panel.inserting.context.n_random_sets == 0 and panel.inserting.error == ""


def test_nothing_is_looked_for_where_a_stroke_did_something(make):
    panel = make()
    message = paint(panel, panel.plain)
    assert panel.report.achieved == 12 and "Nothing happened" not in message
    assert panel.inserting.context is None and panel.inserting.status == "idle"


def test_the_answer_is_kept_for_the_next_stroke_with_these_units(make, monkeypatch):
    panel = make()
    paint(panel, panel.red)
    runs = []
    monkeypatch.setattr(panel.inserting, "run", lambda: runs.append(1))
    assert "they bring most on nothing named" in paint(panel, panel.red) and not runs
    panel.units = [1, 5]  # of nobody's brush: without a concept there is nothing to count
    assert "Nothing happened" not in paint(panel, panel.red) and not runs


def test_a_stroke_and_its_picture_do_not_wait_for_the_answer(make):
    """The picture of a stroke comes while the measurement is in its middle."""
    panel = make()
    seen = []

    def second_stroke(change):
        if change.new > 0.2 and not seen:
            seen.append(panel.inserting.status)
            panel.painting.paint(np.full((8, 8), 255, np.uint8))

    def shown(change):
        if seen and len(change.new.strokes) == 2:
            seen.append(panel.inserting.context.n)

    panel.inserting.observe(second_stroke, "progress")
    panel.painting.observe(shown, "shown")
    paint(panel, panel.red)
    assert seen == ["running", 3]  # the first look of three scenes is there, the others are on their way
    assert panel.inserting.status == "done" and panel.inserting.context.n == 12


def test_what_takes_too_long_is_stopped_and_the_message_says_who_has_the_time(make, monkeypatch):
    from ganwidgets.paint import panel_places

    monkeypatch.setattr(panel_places, "PATIENCE", -1.0)
    panel = make()
    message = paint(panel, panel.red)
    assert panel.inserting.status == "cancelled" and panel.inserting.context is None
    assert "Nothing happened here, where red stood" in message and "gw.ablate.panel(network)" in message
    monkeypatch.setattr(panel.inserting, "run", lambda: pytest.fail("it was found too slow before"))
    assert "gw.ablate.panel(network)" in paint(panel, panel.red)


def test_an_error_is_told(make, monkeypatch):
    panel = make()

    def fails(wish, progress):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(panel.inserting, "_measure", fails)
    message = paint(panel, panel.red)
    assert message.endswith("the same stroke does something in other scenes. out of memory (RuntimeError)")
