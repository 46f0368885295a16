"""What a person brings, as the network could have drawn it: `box` and `fit` hold for everything that is a photo."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from ganwidgets.testing import planted_generator, planted_linear_generator

BOX = (0.0, 0.25, 0.5, 1.0)


pytestmark = pytest.mark.usefixtures("own_cache")


def picture(height, width, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def as_tensor(array):
    return torch.from_numpy(array).permute(2, 0, 1).float() / 127.5 - 1


def as_png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("options", [{"box": BOX}, {"fit": "letterbox"}, {"fit": "stretch", "box": BOX}])
@pytest.mark.parametrize("size", [(16, 16), (40, 24)])
def test_a_tensor_is_cut_and_fitted_as_the_same_array_is(size, options):
    from ganwidgets.invert.photo import wanted

    network, array = planted_linear_generator(), picture(*size)
    image = wanted(network, as_tensor(array), **options).image
    assert torch.allclose(image, wanted(network, array, **options).image, atol=1e-5)
    assert torch.allclose(image, wanted(network, as_tensor(array)[None], **options).image)
    whole = torch.from_numpy(array).permute(2, 0, 1)  # uint8
    assert torch.allclose(image, wanted(network, whole, **options).image, atol=1e-5)


@pytest.mark.parametrize("channels, given", [(1, 1), (1, 3), (4, 4), (3, 4)])
def test_so_are_tensors_of_other_channels(channels, given):
    from ganwidgets.invert.photo import wanted

    network, array = planted_linear_generator(channels=channels), picture(16, 16, given)
    found, known = (wanted(network, photo, box=BOX) for photo in (as_tensor(array), array))
    assert torch.allclose(found.image, known.image, atol=1e-4) and found.notes == known.notes


@pytest.mark.parametrize("kind", [as_tensor, np.asarray, Image.fromarray, as_png])
@pytest.mark.parametrize(
    "options, reason",
    [({"fit": "nonsense"}, "`fit` must be one of"), ({"box": (9, 9)}, "`box` must be"), ({"box": ()}, "`box` must be")],
)
def test_box_and_fit_are_checked_whatever_the_photo_is(kind, options, reason):
    from ganwidgets.invert import inverting

    with pytest.raises(ValueError, match=reason):
        inverting(planted_linear_generator(), kind(picture(16, 16)), "ridge", **options)


def test_a_tensor_of_the_networks_own_size_is_taken_as_it_is():
    from ganwidgets.invert.photo import wanted

    network = planted_linear_generator()
    image = network.images(network.sample_z(1, 5))[0]
    assert torch.equal(wanted(network, image).image, image)
    with pytest.raises(ValueError, match=r"of the network's size, got \(3, 8, 8\); give `box`"):
        wanted(network, image[:, :8, :8])
    with pytest.raises(ValueError, match=r"one image \(channel height width\), got \(2, 3, 16, 16\)"):
        wanted(network, torch.zeros(2, 3, 16, 16), box=BOX)


@pytest.mark.parametrize("change", [{"box": (0, 0, 0.5, 0.5)}, {"box": (0.25, 0, 1, 0.5), "fit": "letterbox"}])
def test_the_panels_code_for_a_part_of_an_own_picture_gives_the_panels_inversion(change):
    from ganwidgets.invert import panel

    made = panel(planted_generator(), strategy="ridge", judge=False)
    try:
        made.wait(60.0)
        made.session.open_example("own", 1)
        for name, value in change.items():
            setattr(made, name, value)
        made.wait(60.0)
        made.run()
        space = {"G": made.network}
        exec(re.sub(r"gw\.paint\.panel.*", "", made.snippet.code), space)
        found = space["inversion"]
        assert (found.image - space["photo"]).abs().max() > 0.1  # it is another picture than the whole one
        assert (found.image - made.inversion.image).abs().max() < 0.01
        assert (found.reconstruction - made.inversion.reconstruction).abs().max() < 0.01
    finally:
        made.close()


def clear(height=16, width=16):
    """A picture whose right half is transparent."""
    array = picture(height, width, 4)
    array[..., 3] = 255
    array[:, width // 2 :, 3] = 0
    return array


@pytest.mark.parametrize("kind", [np.asarray, Image.fromarray, as_png, as_tensor])
def test_what_is_transparent_gets_the_background_it_is_shown_with_and_a_note(kind):
    from ganwidgets.invert.photo import wanted
    from ganwidgets.nn.photos import preview

    found = wanted(planted_linear_generator(), kind(clear()), box=(0, 0, 1, 1))
    assert torch.allclose(found.image, preview(clear(), 16).image, atol=1e-5)
    assert found.image[:, :, 8:].unique().numel() > 1  # a checkerboard, and not white
    assert found.notes == ("Parts of the photo are transparent: a checkerboard lies behind them.",)


def test_of_a_palette_with_a_transparent_colour_and_of_grey_with_alpha_it_is_said_too(tmp_path):
    from ganwidgets.invert.photo import wanted

    network = planted_linear_generator()
    few = Image.fromarray(clear()[..., :3]).quantize(8)
    few.save(tmp_path / "few.gif", transparency=0)
    assert "transparent" in "".join(wanted(network, tmp_path / "few.gif").notes)
    assert "transparent" in "".join(wanted(network, clear()[..., 2:]).notes)


def test_nothing_is_said_of_alpha_that_hides_nothing():
    from ganwidgets.invert.photo import wanted

    network, opaque = planted_linear_generator(), picture(24, 16, 4)
    opaque[..., 3] = 255
    assert wanted(network, as_png(opaque), fit="letterbox").notes == ()  # bars are none of the photo
    assert wanted(network, as_png(clear(24, 16)), box=(0, 0, 1, 0.5)).notes == ()  # the part that is opaque
    assert wanted(planted_linear_generator(channels=4), as_png(clear())).notes == ()  # it draws alpha itself
