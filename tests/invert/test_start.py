"""Where searches start: by regression, from the nearest picture, from an encoder; samples are kept and checked."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from ganwidgets.testing import planted_linear_generator

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


def conditional(classes=3):
    """Draws the class as a colour, z as a shade."""
    from ganwidgets.models.conditional import ConditionalGenerator

    class Colours(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Conv2d(3 + 2, 3, 1, bias=False)
            self.mix.weight.data = torch.cat([torch.eye(3) * 0.8, torch.full((3, 2), 0.05)], 1)[:, :, None, None]

        def forward(self, z, c):
            maps = torch.cat([c[:, :3], z], 1)[:, :, None, None].expand(-1, -1, 8, 8)
            return self.mix(maps)

    return ConditionalGenerator(Colours(), (2,), classes, name="colours")


def drawn_by(network, found):
    """What the network draws for what was found."""
    from ganwidgets.invert import inputs_of, inverted

    return inverted(network, found).images(inputs_of(network, found))[0]


def test_a_regression_finds_the_latent_and_the_activations_of_a_linear_network(linear):
    from ganwidgets.invert.regression import acts_regression, rows_of
    from ganwidgets.invert.sample import own_sample
    from ganwidgets.invert.start import started

    z = linear.sample_z(3, 5)
    images = linear.images(z)
    assert torch.allclose(started(linear, images, "ridge", "z", "1").latent, z, atol=0.05)
    acts = acts_regression(linear, own_sample(linear), "1")
    assert acts.explained > 0.99
    assert torch.allclose(acts(rows_of(images)), linear.acts(z, "1"), atol=0.05)


def test_the_nearest_picture_of_the_sample_is_found_and_then_the_next(linear):
    from ganwidgets.invert.sample import own_sample
    from ganwidgets.invert.start import started

    sample = own_sample(linear)
    images = linear.images(sample.z[[7, 100]])
    assert torch.allclose(started(linear, images, "best", "z", "1").latent, sample.z[[7, 100]])
    second = started(linear, images, "best", "z", "1", rank=1).latent
    assert not torch.allclose(second, sample.z[[7, 100]])
    assert torch.allclose(started(linear, images, "ridge", "z", "1", rank=1).latent, sample.z[[7, 100]])


def test_an_own_sample_may_be_given(linear):
    from ganwidgets.invert.sample import OwnSample, thumbnail
    from ganwidgets.invert.start import started

    z = linear.sample_z(20, 77)
    mine = OwnSample(z, None, None, thumbnail(linear.images(z)))
    assert torch.allclose(started(linear, linear.images(z[4:5]), "best", "z", "1", sample=mine).latent, z[4:5])


def test_a_sample_is_drawn_once_then_read_and_a_damaged_one_drawn_again(own_cache, caplog):
    from ganwidgets.invert import sample

    network = planted_linear_generator(z=4)
    first = sample.own_sample(network)
    files = set(own_cache.rglob("*.sample.safetensors"))
    assert sample.own_sample(network) is first
    (path,) = [file for file in files if file.stat().st_size and _is_of(file, first)]
    sample._memory.clear()
    again = sample.own_sample(network)
    assert again is not first and torch.equal(again.thumbnails, first.thumbnails)
    path.write_bytes(path.read_bytes()[:50])
    sample._memory.clear()
    assert torch.equal(sample.own_sample(network).thumbnails, first.thumbnails)
    assert "computed again" in caplog.text


def _is_of(path, sample):
    from safetensors.torch import load_file

    return torch.equal(load_file(path)["thumbnails"].float(), sample.thumbnails)


def test_a_folder_that_cannot_be_made_costs_only_the_keeping(monkeypatch, tmp_path, caplog):
    from ganwidgets.invert import sample

    (tmp_path / "file").write_text("")
    network = planted_linear_generator(z=3)
    found = sample.own_sample(network, 32, cache=tmp_path / "file" / "below")
    assert len(found.z) == 32 and "nothing is kept" in caplog.text


def test_large_pictures_have_smaller_samples():
    from ganwidgets.invert.sample import FEWEST, sample_size
    from ganwidgets.testing import planted_generator

    assert [sample_size(planted_generator(4, side)) for side in (32, 256)] == [192, FEWEST]


def test_thumbnails_keep_the_shape_and_small_pictures_stay():
    from ganwidgets.invert.sample import thumbnail

    assert thumbnail(torch.zeros(1, 3, 64, 128)).shape == (1, 3, 16, 32)
    assert thumbnail(torch.zeros(1, 1, 8, 8)).shape == (1, 1, 8, 8)


def test_an_encoder_is_asked_for_by_kind_and_layer(linear, monkeypatch):
    from ganwidgets.invert.start import started

    z, asked = linear.sample_z(2, 5), []

    def encoder_for(network, kind, *, layer=None, **more):
        asked.append((kind, layer))
        return SimpleNamespace(z=lambda images: z)

    monkeypatch.setitem(sys.modules, "ganwidgets.invert.encoder", SimpleNamespace(encoder_for=encoder_for))
    images = linear.images(z)
    assert torch.equal(started(linear, images, "direct", "z", "1").latent, z)
    assert torch.equal(started(linear, images, "layered", "z", "1").latent, z)
    assert asked == [("direct", None), ("layered", "1")]


def test_layered_then_r_changes_the_layers_before_the_edit_layer_only(monkeypatch):
    import ganwidgets as gw

    network = gw.load("scenes")
    z = network.sample_z(1, 5)
    fake = SimpleNamespace(encoder_for=lambda *_, **__: SimpleNamespace(z=lambda images: z + 0.1))
    monkeypatch.setitem(sys.modules, "ganwidgets.invert.encoder", fake)
    found = gw.invert.invert(network, network.images(z)[0], "layered+r", layer="layer4", steps=5)
    assert list(found.residuals) == ["layer1", "layer2", "layer3"]
    assert torch.allclose(found.latent, z + 0.1)
    assert found.curve[-1, 1] < found.curve[0, 1]


def test_the_class_of_a_picture_is_found_and_stays_a_mixture():
    from ganwidgets.invert import invert

    network = conditional()
    z = network.sample_z(1, 5)
    image = network.images((z, torch.tensor([2])))[0]
    found = invert(network, image, "ridge+z", steps=60)
    assert found.class_vector.argmax() == 2 and float(found.class_vector[2]) > 0.9
    assert float(found.class_vector.sum()) == pytest.approx(1, abs=1e-5) and (found.class_vector >= 0).all()
    assert torch.allclose(drawn_by(network, found), found.reconstruction, atol=1e-5)
    between = network.images((z, torch.tensor([[0.5, 0.5, 0.0]])))[0]
    mixed = invert(network, between, "z", steps=120)
    assert mixed.class_vector[:2].tolist() == pytest.approx([0.5, 0.5], abs=0.1)


def test_a_fixed_class_stays_fixed():
    from ganwidgets.invert import invert

    network = conditional().with_label(1)
    found = invert(network, network.images(network.sample_z(1, 5))[0], "ridge+z", steps=4)
    assert found.class_vector.tolist() == [0, 1, 0]


@pytest.mark.parametrize("strategy, space", [("w", "w"), ("ws", "ws"), ("z", "z"), ("ridge+r", "w")])
def test_a_stylegan_is_searched_in_every_space(strategy, space, style):
    from ganwidgets.invert import invert

    network = style()
    image = network.images(network.sample_z(1, 5))[0]
    found = invert(network, image, strategy, steps=8)
    shapes = {"z": (1, 8), "w": (1, 8), "ws": (1, network.n_latent, 8)}
    assert found.space == space and found.latent.shape == shapes[space]
    assert found.curve[-1, 1] <= found.curve[0, 1] and found.editability.n > 0
    assert torch.allclose(drawn_by(network, found), found.reconstruction, atol=1e-4)


def test_the_w_of_a_known_picture_is_found(style):
    from ganwidgets.invert import invert

    network = style()
    image = network.images(network.sample_z(1, 5))[0]
    found = invert(network, image, "w", steps=120)
    assert found.errors.psnr > 30


def test_a_stylegan_that_draws_by_class_needs_none_for_w(style):
    from ganwidgets.invert import invert

    network = style(n_classes=3)
    found = invert(network, network.images(network.sample_z(1, 5))[0], "w", steps=3)
    assert found.class_vector is None and found.space == "w"
