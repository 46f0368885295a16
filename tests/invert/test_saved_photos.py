"""Saved inversions and painted photos are opened by what is in them, whatever they are called and however they come."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ganwidgets.testing import planted_generator

NAMES = ("photo.inversion", "photo.SAFETENSORS", "photo.safetensors", "photo", "photo.jpg")


@pytest.fixture(scope="module")
def files():
    """Contents of an inversion's file and of a painted photo's, and the latent in both."""
    from ganwidgets.invert import invert
    from ganwidgets.paint import photo_files
    from ganwidgets.results import inversion_files

    network = planted_generator()
    found = invert(network, network.images(network.sample_z(1, 3))[0], "ridge")
    painted = photo_files.to_bytes(photo_files.PaintedPhoto(found), network)
    return {"plain": inversion_files.to_bytes(found), "painted": painted, "latent": found.latent}


@pytest.fixture
def made():
    from ganwidgets.invert import panel

    found = panel(planted_generator(), run=False, judge=False)
    yield found
    found.close()


def test_the_headers_say_what_files_are(files, tmp_path):
    from ganwidgets.paint import photo_files
    from ganwidgets.results.inversion_files import FORMAT, format_of, is_saved

    assert (format_of(files["plain"]), format_of(files["painted"])) == (FORMAT, photo_files.FORMAT)
    assert [format_of(content) for content in (b"", b"12345678", b"\0" * 8 + b"{}", b"\xff" * 20)] == [""] * 4
    assert is_saved("a.png", files["plain"]) and is_saved("damaged.Inversion", b"") and not is_saved("a.png", b"")
    assert not is_saved(tmp_path) and is_saved("nowhere.safetensors") and not is_saved("nowhere.png")
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM"):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, kind)
        assert not is_saved("photo", file.getvalue())


@pytest.mark.parametrize("kind", ["plain", "painted"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_opened_by_its_content(made, files, kind, name, tmp_path):
    path = tmp_path / name
    path.write_bytes(files[kind])
    ways = [lambda: made.open(path), lambda: made.open(str(path)), lambda: made.open(files[kind])]
    for way in (*ways, lambda: made._take(name, files[kind])):
        made.open(np.zeros((16, 16, 3), np.uint8))
        assert made.inversion is None
        way()
        assert torch.equal(made.inversion.latent, files["latent"])
        assert (made.painting is not None) == (kind == "painted")


def test_every_name_that_is_saved_can_be_chosen_in_a_browser(made):
    from ganwidgets.invert import panel_views
    from ganwidgets.results.inversion_files import ENDINGS

    assert set(ENDINGS) <= set(made.drop.accept) and set(panel_views.PHOTOS) <= set(made.drop.accept)


@pytest.mark.parametrize("kind", ["plain", "painted"])
def test_another_generators_is_refused_by_its_own_reason(files, kind, tmp_path):
    from ganwidgets.invert import panel

    (tmp_path / "other.safetensors").write_bytes(files[kind])
    other = panel(planted_generator(units=6), run=False, judge=False)
    for way in (lambda: other._take("a.safetensors", files[kind]), lambda: other.open(tmp_path / "other.safetensors")):
        with pytest.raises(ValueError, match=r"(inverted|made) in 'planted'"):
            way()
    other.close()


def test_what_else_is_in_a_file_is_named(made, files, tmp_path):
    from safetensors.torch import save

    from ganwidgets.results.inversion_files import from_bytes

    (tmp_path / "weights.safetensors").write_bytes(save({"weight": torch.zeros(2)}))
    with pytest.raises(ValueError, match=r"^weights.safetensors: a saved inversion .* \(weights, perhaps\)$"):
        made.open(tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match=r"something else \('ganwidgets painted photo'\)$"):
        from_bytes(files["painted"])
    with pytest.raises(ValueError, match="truncated or another format"):
        made._take("damaged.inversion", files["plain"][:100])
    with pytest.raises(FileNotFoundError):
        made.open(tmp_path / "nowhere.safetensors")
    assert made.inversion is None


def test_a_painted_photo_brings_its_class_along(by_class):
    from ganwidgets.invert import panel
    from ganwidgets.paint import photo_files

    made = panel(by_class(), steps=2, judge=False)
    made.session.drawn_class = 1
    made.open(made.session.network.images(made.session.network.sample_z(1, 3))[0], wait=True)
    painted = photo_files.to_bytes(photo_files.PaintedPhoto(made.inversion), made.session.network)
    made.session.drawn_class = 2
    made._take("painted.safetensors", painted)
    assert made.session.drawn_class == 1 and made.painting is not None
    assert torch.equal(made.inversion.latent, photo_files.inversion_of(painted).latent)
    with pytest.raises(ValueError, match="holds something else"):
        photo_files.inversion_of(made.session.to_bytes())
    made.close()


def test_what_the_session_would_search_for_otherwise_does_not_go_on(made):
    from ganwidgets.invert import Losses, invert

    photo = made.network.images(made.network.sample_z(1, 3))[0]
    for changes, resumable in (({}, True), ({"strategy": "ridge+r (changed)"}, False), ({"losses": "mine"}, False)):
        found = invert(made.network, photo, steps=3, losses=Losses())
        made.open(found.replaced(stopped="cancelled", steps=2, **changes))
        assert made.session.resumable is resumable and made.run_bar.resumable is resumable
