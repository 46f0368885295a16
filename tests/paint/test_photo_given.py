"""What a painting panel is given as its photo: a saved one by its content, and words for one that was not inverted."""

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture(scope="module")
def late():
    from ganwidgets.testing.planted_late import planted_late_generator

    return planted_late_generator()


@pytest.mark.parametrize("painted", [False, True])
@pytest.mark.parametrize("name", ["photo.inversion", "photo.SAFETENSORS", "photo.safetensors", "photo"])
def test_a_saved_photo_is_known_by_its_content(late, tmp_path, name, painted):
    from ganwidgets.paint import photo_files
    from ganwidgets.paint.panel_photo import photo_of
    from ganwidgets.testing.planted_late import planted_late_photo

    found = planted_late_photo(late)
    path = photo_files.save_photo(tmp_path / name, found, late) if painted else found.save(tmp_path / name)
    for given in (path, str(path)):
        network, photo = photo_of(given, late)
        assert network is late and torch.equal(photo.inversion.latent, found.latent)


def test_a_photo_that_was_not_inverted_is_told_to_be(late, tmp_path):
    from ganwidgets.paint.panel_photo import photo_of

    path, array = tmp_path / "photo.jpg", np.zeros((32, 32, 3), np.uint8)
    Image.fromarray(array).save(path)
    for given in (path, str(path), path.read_bytes(), array, Image.fromarray(array), torch.zeros(3, 32, 32)):
        with pytest.raises(TypeError, match=r"photo that was inverted .*invert\(network, photo\) inverts"):
            photo_of(given, late)
    with pytest.raises(FileNotFoundError):
        photo_of(tmp_path / "nowhere.safetensors", late)


def test_saved_photos_can_be_chosen_by_either_name(late, reader):
    import ganwidgets as gw
    from ganwidgets.results.inversion_files import ENDINGS
    from ganwidgets.testing.planted_late import planted_late_photo

    photo = planted_late_photo(late)
    panel = gw.paint.panel(photo, None, reader, network=late, layer="layer1", run=False, key="given")
    assert panel.photo.drop.accept == list(ENDINGS)
    panel.close()
