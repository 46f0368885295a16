"""In a narrow column every word of the comparison can be read and clicked."""

from pathlib import Path

import pytest

CSS = Path(__file__).parents[2] / "ganwidgets" / "ui" / "static" / "compare.css"


@pytest.mark.parametrize("width", [172, 480])
def test_the_words_wrap(browser, width):
    words = "".join(f"<button>{word}</button>" for word in ("Slider", "Side by side", "Difference"))
    page = browser.new_page()
    page.set_content(
        f"<style>{CSS.read_text()}</style><div id=column style='width:{width}px'><div class=gw-compare-head>"
        f"<h3 class=gw-title>Before and after</h3><div class=gw-segmented>{words}</div></div></div>"
    )
    column = page.locator("#column").bounding_box()
    frame = page.locator(".gw-segmented").bounding_box()
    boxes = [button.bounding_box() for button in page.locator("button").all()]
    page.close()
    assert frame["x"] + frame["width"] <= column["x"] + width
    for box in boxes:
        assert box["x"] + box["width"] <= frame["x"] + frame["width"]
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]
    assert len({box["y"] for box in boxes}) in ((1,) if width > 400 else (2, 3))
