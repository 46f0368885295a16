import io

import numpy as np
from PIL import Image

from ganwidgets import ui
from ganwidgets.ui import draw, palette, sheets


def has(picture: Image.Image | None, colour: str) -> bool:
    """Whether a colour occurs in a picture."""
    assert picture is not None
    pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    return bool((pixels == tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))).all(1).any())


def test_a_histogram_is_drawn_in_the_colours_of_its_groups() -> None:
    known, unknown = {"key": "tree", "value": 3, "chance": 1}, {"key": "wall", "value": None}
    bars = [known | {"group": "object"}, unknown | {"group": "part"}]
    picture = ui.Histogram(bars=bars, title="Units", value_label="units").picture()
    assert has(picture, palette.CATEGORY_COLORS[0])
    assert not has(picture, palette.CATEGORY_COLORS[1])  # its value is not known
    assert ui.Histogram().picture() is None


def test_losses_are_drawn_to_the_left_of_gains() -> None:
    red, blue = draw.Bar("a", -1.0, None, "#ff0000"), draw.Bar("b", 1.0, None, "#0000ff")
    pixels = np.asarray(draw.bars([red, blue], signed=True))
    where = [np.argwhere((pixels == colour).all(-1))[:, 1].mean() for colour in ((255, 0, 0), (0, 0, 255))]
    assert where[0] < where[1]


def test_an_image_grid_shows_the_sheet_that_is_on_show() -> None:
    dark, light = (sheets.sheet([np.full((16, 16, 3), value, dtype=np.uint8)], 1) for value in (20, 220))
    images = ui.ImageGrid(sheets={"before": dark, "after": light}, show="after")
    picture = images.picture()
    assert picture is not None
    assert picture.getpixel((8, 8))[0] > 200
    images.show = "no such sheet"
    first = images.picture()
    assert first is not None
    assert first.getpixel((8, 8))[0] < 40
    assert ui.ImageGrid().picture() is None
    assert repr(images) == "ImageGrid(1 image, before / after)"


def test_long_names_are_cut() -> None:
    card = draw.Card("unit 1", "a very long name of a concept " * 3, "", "#000000", None)
    buffer = io.BytesIO()
    draw.cards([card]).save(buffer, "PNG")
    assert buffer.getvalue()


def test_places_without_a_picture_are_blank_in_a_still() -> None:
    reds = [np.full((16, 16, 3), (200, 0, 0), np.uint8)] * 3
    pixels = np.asarray(ui.ImageGrid(sheets={"all": sheets.sheet(reds, 2)}).picture())
    assert pixels.shape == (32, 32, 3) and (pixels[16:, 16:] == 255).all()
    assert (pixels[:16, :, 0] > 150).all() and (pixels[16:, :15, 1] < 60).all()
