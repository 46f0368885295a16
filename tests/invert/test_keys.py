"""What is kept of a network belongs to its prior, to the edits in force, and to the search it was measured with."""

import copy

import numpy as np
import pytest
import torch

import ganwidgets as gw
from ganwidgets.invert import encoder_keeping, invert, judge, sample, verdict
from ganwidgets.invert.encoder import encoder_for, kept_encoder, learning
from ganwidgets.invert.encoder_recipe import Recipe
from ganwidgets.models import zero_units
from ganwidgets.results import cache
from ganwidgets.testing import planted_linear_generator

FEW = Recipe(apart=1, together=1, batch=8, pool=16)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Small samples, in a folder of the test, and nothing in memory."""
    monkeypatch.setattr(cache, "user_cache_path", lambda name: tmp_path)
    monkeypatch.setattr(sample, "N", 192)
    monkeypatch.setattr(verdict, "_memory", {})
    monkeypatch.setattr(encoder_keeping, "_memory", {})
    sample._memory.clear()
    sample._recent.clear()
    return tmp_path


def uniform(network):
    """The same module with another prior."""
    return gw.TorchGenerator(
        network.module,
        network.z_shape,
        output_range=(-50, 50),
        sampler=lambda n, seed: np.random.RandomState(seed).uniform(5, 6, (n, *network.z_shape)),
    )


def test_two_priors_of_one_module_have_two_samples(folder):
    network = planted_linear_generator()
    normal = gw.TorchGenerator(network.module, network.z_shape, output_range=(-50, 50))
    other = uniform(network)
    assert normal.fingerprint == other.fingerprint
    first, second = sample.own_sample(normal), sample.own_sample(other)
    assert second is not first and float(second.z.min()) >= 5
    sample._memory.clear()
    again = sample.own_sample(other)
    assert torch.allclose(again.thumbnails, sample.thumbnail(other.images(again.z)), atol=1e-2), "read from its file"
    assert len(list(folder.rglob("*.sample.safetensors"))) == 2


def test_two_priors_have_two_encoders_and_none_that_ships(folder):
    scenes = gw.load("scenes")
    assert kept_encoder(scenes, cache=False) is not None
    other = copy.copy(scenes)
    other.sampler = lambda n, seed: scenes.sample_z(n, seed) + 9
    assert other.fingerprint == scenes.fingerprint and kept_encoder(other, cache=False) is None
    network = planted_linear_generator()
    normal = gw.TorchGenerator(network.module, network.z_shape, output_range=(-50, 50))
    encoder_for(normal, "direct", recipe=FEW)
    assert kept_encoder(normal, "direct", recipe=FEW) and not kept_encoder(uniform(network), "direct", recipe=FEW)


def test_pictures_of_an_edited_network_are_not_taken_for_its_own(folder):
    network = planted_linear_generator()
    edit = zero_units(range(network.layer_info("1").units))
    with network.intervene("1", edit):
        edited = sample.own_sample(network)
        assert sample.own_sample(network) is edited and sample.is_kept(network), "drawn once"
        assert torch.allclose(edited.thumbnails, sample.thumbnail(network.images(edited.z)), atol=1e-2)
    assert not list(folder.rglob("*.safetensors")) and not sample.is_kept(network)
    own = sample.own_sample(network)
    assert float((own.thumbnails - edited.thumbnails).abs().mean()) > 0.05


def test_a_judgement_and_an_encoder_of_an_edited_network_are_not_filed(folder):
    network = planted_linear_generator()
    photo = network.images(network.sample_z(1, 5))[0]
    found = invert(network, photo, "ridge")
    for file in folder.rglob("*.safetensors"):
        file.unlink()  # the sample of the network itself
    with network.intervene("1", zero_units([0, 1])):
        edited = judge(network, found, n=3).verdict
        encoder = encoder_for(network, "direct", recipe=FEW)
        assert kept_encoder(network, "direct", recipe=FEW) is encoder
    assert not list(folder.rglob("*.safetensors")) and kept_encoder(network, "direct", recipe=FEW) is None
    assert edited.n == 3 and not verdict._memory


def test_no_photo_is_searched_for_while_edits_are_in_force(folder):
    from ganwidgets.invert import invert
    from ganwidgets.models import with_edits

    network, edit = planted_linear_generator(), zero_units([0, 1])
    photo = network.images(network.sample_z(1, 5))[0]
    with network.intervene("1", edit), pytest.raises(ValueError, match="`network` must be without edits in force"):
        invert(network, photo, "ridge", layer="1")
    carrying = with_edits(network, [("1", edit)])
    found = invert(carrying, photo, "ridge", layer="1")
    assert found.network_fingerprint == carrying.fingerprint != network.fingerprint
    assert torch.allclose(carrying.images(found.latent)[0], found.reconstruction, atol=1e-5)


@pytest.mark.parametrize("cached", [True, "path"])
def test_an_encoder_that_cannot_be_written_is_still_there(tmp_path, monkeypatch, caplog, cached):
    (tmp_path / "file").write_text("")
    if cached is True:
        monkeypatch.setattr(cache, "user_cache_path", lambda name: tmp_path / "file")
    where = cached if cached is True else tmp_path / "file" / "below"
    network = planted_linear_generator()
    first = encoder_for(network, "direct", recipe=FEW, cache=where)
    assert "nothing is kept" in caplog.text and encoder_for(network, "direct", recipe=FEW, cache=where) is first


def test_a_full_disk_costs_only_the_keeping(tmp_path, monkeypatch, caplog):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ganwidgets.invert.encoder_files.write_parts", full)
    monkeypatch.setattr("ganwidgets.invert.encoder.SAVED_EVERY", 0.0)
    monkeypatch.setattr("ganwidgets.invert.encoder.Recipe", lambda: FEW)
    network = planted_linear_generator()
    last = [*learning(network, "direct")][-1]
    assert last.encoder is not None and "No space left" in caplog.text
    assert list(learning(network, "direct")) == [], "not trained a second time"
    assert invert(network, network.images(network.sample_z(1, 5))[0], "encoder").errors.psnr > 0


def test_a_prior_that_ignores_its_seed_has_one_sample_while_that_is_in_memory():
    module = planted_linear_generator().module
    shape = planted_linear_generator().z_shape
    network = gw.TorchGenerator(module, shape, output_range=(-50, 50), sampler=lambda n, seed: torch.rand(n, *shape))
    first = sample.own_sample(network)
    assert sample.own_sample(network) is first and sample.is_kept(network)
