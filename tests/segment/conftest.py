"""Labelled images that several tests share."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def arrays():
    """Three 4 × 4 pictures, grey 0, 100, 200; objects left and right, and a scene for each whole image."""
    import ganwidgets as gw

    images = np.zeros((3, 4, 4, 3), np.uint8) + np.array([0, 100, 200], np.uint8)[:, None, None, None]
    sides = np.zeros((3, 4, 4), np.uint8)
    sides[:, :, :2], sides[:, :, 2:] = 1, 2
    masks = {"object": sides, "scene": np.array([3, 0, 4], np.uint8)}
    names = ["left", "right", "street", "room"]
    categories = ["object", "object", "scene", "scene"]
    return gw.segment.LabelledArrays(images, masks, names, categories=categories)


@pytest.fixture
def folder(tmp_path):
    """Two photos 6 × 4, masks beside them: the first all 1, the second 2 at the left and 255 at the right."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    second = np.full((4, 6), 2, np.uint8)
    second[:, 3:] = 255
    for name, level, mask in (("a", 10, np.ones((4, 6), np.uint8)), ("b", 200, second)):
        Image.fromarray(np.full((4, 6, 3), level, np.uint8)).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path
