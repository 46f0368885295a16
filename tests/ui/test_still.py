"""What a cell shows: the widget, and a picture that stays when the notebook is opened without a kernel."""

import pytest

from ganwidgets import ui
from ganwidgets.ui.still import still


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What is displayed in a cell."""
    import IPython.display

    found: list[dict] = []
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: found.append(data))
    return found


def test_a_component_is_displayed_with_its_picture_after_it(shown: list[dict]) -> None:
    ui.Histogram(bars=[{"key": "tree", "value": 3}])._ipython_display_()
    widget, picture = shown
    assert "application/vnd.jupyter.widget-view+json" in widget and set(picture) == {"text/html"}
    assert f"base64,{widget['image/png']})" in picture["text/html"]
    assert picture["text/html"].endswith("></div>") and "<img" not in picture["text/html"]  # blank without styles


def test_without_a_picture_there_is_one_output(shown: list[dict]) -> None:
    ui.Histogram()._ipython_display_()
    assert len(shown) == 1


def test_pictures_of_one_notebook_are_told_apart() -> None:
    bundles = [ui.Histogram(bars=[{"key": key, "value": 3}])._repr_mimebundle_()[0] for key in ("tree", "tree", "sky")]
    names = [still(bundle["image/png"]).rpartition("gw-still ")[2].partition('"')[0] for bundle in bundles]
    assert names[0] == names[1] != names[2]
