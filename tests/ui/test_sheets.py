import io

import numpy as np
import pytest
from PIL import Image

from ganwidgets.ui import palette, sheets


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def test_a_sheet_is_filled_row_by_row() -> None:
    greys = [np.full((16, 32, 3), value, dtype=np.uint8) for value in (10, 120, 240)]
    made = sheets.sheet(greys, 2)
    assert {key: made[key] for key in ("columns", "tile", "count")} == {"columns": 2, "tile": [32, 16], "count": 3}
    pixels = opened(made["image"])
    assert pixels.shape == (32, 64, 3)
    assert [int(pixels[y, x, 0]) for y, x in ((8, 8), (8, 40), (24, 8), (24, 40))] == pytest.approx(
        [10, 120, 240, 0], abs=3
    )


def test_tiles_that_are_no_multiple_of_16_keep_their_colours_apart() -> None:
    red, blue = (np.full((10, 10, 3), colour, dtype=np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    pixels = opened(sheets.sheet([red, blue], 2, quality=95)["image"]).astype(int)
    assert abs(pixels[5, 9] - (255, 0, 0)).max() < 16
    assert abs(pixels[5, 10] - (0, 0, 255)).max() < 16


def test_grey_and_transparent_pictures_are_taken_and_resized() -> None:
    grey, alpha = np.full((8, 8), 99, dtype=np.uint8), np.full((8, 8, 4), 99, dtype=np.uint8)
    made = sheets.sheet([grey, grey[:, :, None], alpha], 3, tile=(16, 16))
    assert opened(made["image"])[8, [8, 24, 40], 0] == pytest.approx([99, 99, 99], abs=2)


def test_a_mask_stays_sharp() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[1, 2] = True
    pixels = opened(sheets.mask_sheet([mask], 1, tile=(8, 8)))
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels[2:4, 4:6, 0].all()
    assert pixels.sum() == 4 * 3 * 255


@pytest.mark.parametrize("highest", [3, 400])
def test_a_segmentation_has_the_colours_of_the_palette_and_parts_over_objects(highest: int) -> None:
    seg = np.zeros((2, 16, 16), dtype=np.int16)
    seg[0, :8], seg[1, 4:8], seg[0, 12:] = 2, 3, highest
    pixels = opened(sheets.seg_sheet([seg], 1))
    assert tuple(pixels[2, 0]) == palette.concept_color(1)
    assert tuple(pixels[6, 0]) == palette.concept_color(2)
    assert tuple(pixels[9, 0]) == palette.NOTHING
    assert tuple(pixels[14, 0]) == palette.concept_color(highest - 1)


def test_no_picture_makes_an_empty_sheet() -> None:
    assert sheets.sheet([], 4)["count"] == 0


@pytest.mark.parametrize(
    ("images", "columns", "message"),
    [
        ([np.zeros((4, 4, 3))], 1, "uint8 pictures"),
        ([np.zeros((1, 4, 4, 3), dtype=np.uint8)], 1, "uint8 pictures"),
        ([np.zeros((4, 4, 3), dtype=np.uint8)], 0, "`columns` must be 1 or more, got 0"),
        ([np.zeros((1000, 4, 3), dtype=np.uint8)] * 70, 1, "at most 65,000 pixels high"),
    ],
)
def test_wrong_pictures_are_refused(images: list, columns: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sheets.sheet(images, columns)
