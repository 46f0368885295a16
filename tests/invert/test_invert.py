"""One photo from what a person brings to an `Inversion`, and many at once."""

import hashlib
import io
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from ganwidgets.testing import planted_linear_generator

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


@pytest.fixture(scope="module")
def own(linear):
    """A picture it draws, and its latent."""
    z = linear.sample_z(1, 5)
    return linear.images(z)[0], z


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def photo():
    return png(np.random.RandomState(0).randint(0, 256, (40, 24, 3), np.uint8))


def test_the_default_finds_the_known_latent_of_a_linear_network(linear, own):
    from ganwidgets.invert import invert

    image, z = own
    found = invert(linear, image, "ridge+z", layer="1")
    assert torch.allclose(found.latent, z, atol=0.03) and found.errors.psnr > 40
    assert found.residuals == {} and found.space == "z" and found.layer == "1" and found.class_vector is None
    assert torch.equal(found.image, image)


def test_the_regression_alone_finds_it_too(linear, own):
    from ganwidgets.invert import invert

    found = invert(linear, own[0], "ridge", layer="1")
    assert torch.allclose(found.latent, own[1], atol=0.05) and found.steps == 0 and found.stopped == "steps"


def test_residuals_belong_to_the_edit_layer_and_make_the_reconstruction(linear, photo):
    from ganwidgets.invert import invert
    from ganwidgets.models.edits import set_units

    found = invert(linear, photo, layer="1", steps=20)
    assert list(found.residuals) == ["1"] and found.residuals["1"].shape == (6, 4, 4)
    acts = linear.acts(found.latent, "1")[0] + found.residuals["1"]
    with linear.intervene("1", set_units(range(6), acts)):
        assert torch.allclose(linear.images(found.latent)[0], found.reconstruction, atol=1e-5)


def test_an_inversion_says_where_it_comes_from(linear, photo):
    from ganwidgets.invert import invert

    found = invert(linear, photo, steps=4, seed=9)
    assert found.photo_sha256 == hashlib.sha256(photo).hexdigest()
    assert (found.network_name, found.network_fingerprint) == ("linear", linear.fingerprint)
    assert (found.strategy, found.seed, found.steps, found.total_steps) == ("ridge+r", 9, 4, 4)
    assert found.curve.shape == (5, 3) and found.curve[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert "linear" in repr(found) and "4 steps" in repr(found) and found.seconds > 0
    assert found.errors.psnr == pytest.approx(float(found.curve[-1, 2]), abs=1e-3)
    assert found.adapted is found.reconstruction and found.error_map.shape == (16, 16)


def test_the_same_call_gives_the_same_inversion(linear, photo):
    from ganwidgets.invert import invert

    first, second = (invert(linear, photo, steps=6) for _ in range(2))
    assert torch.equal(first.latent, second.latent) and torch.equal(first.reconstruction, second.reconstruction)


def test_a_search_can_be_watched(linear, photo):
    from ganwidgets.invert import engine, inverting

    shots = list(inverting(linear, photo, steps=6))
    assert [shot.inversion is not None for shot in shots] == [False] * (len(shots) - 1) + [True]
    assert all(shot.image.shape == (3, 16, 16) and shot.error.shape == (16, 16) for shot in shots)
    assert all(b.psnr >= a.psnr - 1e-4 or b.loss <= a.loss for a, b in pairwise(shots))
    assert shots[-1].remaining == 0 and shots[-1].total == 6 and engine.SHOW_EVERY <= 0.2


def test_a_cancelled_search_gives_the_best_so_far_and_leaves_the_network_as_it_was(linear, photo):
    from ganwidgets.invert import inverting

    before = {name: weight.clone() for name, weight in linear.module.state_dict().items()}
    search = inverting(linear, photo, steps=10**6)
    shot = next(search)
    while shot.step == 0:
        shot = next(search)
    last = search.send(True)
    assert last.inversion.stopped == "cancelled" and last.inversion.steps == shot.step
    assert last.inversion.errors.psnr == pytest.approx(shot.psnr, abs=1e-3)
    with pytest.raises(StopIteration):
        next(search)
    after = linear.module.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_the_first_search_shows_own_pictures_while_it_draws_them_and_can_be_cancelled(photo, monkeypatch, tmp_path):
    from ganwidgets.invert import engine, inverting, sample
    from ganwidgets.results import cache

    monkeypatch.setattr(cache, "user_cache_path", lambda name: tmp_path)
    monkeypatch.setattr(engine, "SHOW_EVERY", 0.0)
    monkeypatch.setattr(sample, "N", 128)
    fresh = planted_linear_generator(z=5)
    search = inverting(fresh, photo)
    next(search)
    early = next(search)
    assert early.step == 0 and early.inversion is None
    found = search.send(True).inversion
    assert found.stopped == "cancelled" and found.steps == 0
    drawn = fresh.images(found.latent)[0]
    assert torch.allclose(drawn, found.reconstruction, atol=1e-6)  # one of its own pictures
    assert not list(tmp_path.rglob("*.safetensors"))  # half a sample is not kept


def test_several_starts_are_no_worse_than_one(linear, photo):
    from ganwidgets.invert import invert

    one, three = (invert(linear, photo, "z", steps=8, starts=starts) for starts in (1, 3))
    assert float(three.curve[-1, 1]) <= float(one.curve[-1, 1]) + 1e-6


def test_many_at_once_are_each_by_itself(linear):
    from ganwidgets.invert import reconstruct

    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    together = reconstruct(linear, images, steps=15, layer="1")
    alone = [reconstruct(linear, images[i : i + 1], steps=15, layer="1") for i in range(3)]
    assert torch.allclose(together.images, torch.cat([one.images for one in alone]), atol=1e-4)
    assert len(together) == 3 and together.residuals["1"].shape == (3, 6, 4, 4)
    assert torch.allclose(together.part(slice(1, 2)).acts(linear), alone[1].acts(linear), atol=1e-3)
    assert together.psnr.shape == together.ssim.shape == together.l1.shape == (3,)


def test_batches_that_do_not_fit_into_memory_are_split(linear, monkeypatch):
    from ganwidgets.invert import reconstruct
    from ganwidgets.invert import reconstruct as whole

    images, seen = linear.images(linear.sample_z(5, 3)), []
    before = reconstruct(linear, images, "ridge", layer="1")
    module = __import__("sys").modules["ganwidgets.invert.reconstruct"]
    monkeypatch.setattr(module, "batch_size", lambda network: 2)
    after = whole(linear, images, "ridge", layer="1", progress=seen.append)
    assert torch.allclose(before.images, after.images, atol=1e-5)
    assert seen == sorted(seen) and seen[-1] == 1 and len(seen) == 3


def test_a_grey_network_gets_a_grey_photo_and_says_so(photo):
    from ganwidgets.invert import invert

    grey = planted_linear_generator(channels=1)
    found = invert(grey, photo, steps=2)
    assert found.image.shape == (1, 16, 16) and any("grey" in note for note in found.notes)
    assert found._repr_mimebundle_()["image/png"][:4] == b"\x89PNG"


def test_a_network_with_transparency_gets_the_photos(photo):
    from ganwidgets.invert import invert

    clear = np.zeros((16, 16, 4), np.uint8)
    clear[:, :8] = 255
    found = invert(planted_linear_generator(channels=4), png(clear), steps=2)
    assert found.image.shape == (4, 16, 16)
    assert found.image[3, 0, 0] == 1 and found.image[3, 0, 15] == -1


def test_a_photo_of_one_colour_is_said_and_still_measured(linear):
    from ganwidgets.invert import invert

    found = invert(linear, png(np.full((16, 16, 3), 90, np.uint8)), steps=3)
    assert any("one even colour" in note for note in found.notes)
    assert np.isfinite([found.errors.psnr, found.errors.ssim, found.errors.l1]).all()


def test_other_shapes_are_cropped_letterboxed_stretched_or_cut_out(linear, photo):
    from ganwidgets.invert import invert

    found = {fit: invert(linear, photo, "ridge", fit=fit).image for fit in ("crop", "letterbox", "stretch")}
    assert (found["letterbox"][:, :, 0] == 0).all() and not torch.equal(found["crop"], found["stretch"])
    part = invert(linear, photo, "ridge", box=(0.0, 0.0, 0.6, 1.0)).image
    assert not torch.equal(part, found["crop"])


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"strategy": "rigde+z"}, "one of .* Did you mean 'ridge"),
        ({"strategy": "ws"}, "needs a StyleGAN"),
        ({"layer": "9"}, "`layer` must be one of"),
        ({"steps": -1}, "`steps` must be at least 0"),
        ({"starts": 0}, "`starts` must be at least 1"),
        ({"time_limit": 0}, "`time_limit` must be a number of seconds"),
        ({"photo": torch.zeros(3, 8, 8)}, r"must be one image \(3, 16, 16\)"),
        ({"photo": torch.full((3, 16, 16), torch.nan)}, "finite"),
        ({"photo": b"no picture"}, "no picture"),
        ({"photo": None}, "must be a path, bytes"),
        ({"photo": np.zeros((4, 4, 3), np.uint8), "fit": "zoom"}, "`fit` must be one of"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_at_once(linear, own, change, reason):
    from ganwidgets.invert import inverting

    given = {"photo": own[0], **change}
    with pytest.raises((ValueError, TypeError), match=reason):
        inverting(linear, **given)  # before the first step


@pytest.mark.parametrize(
    "images, reason",
    [
        (torch.zeros(2, 3, 8, 8), r"must be \(n, 3, 16, 16\)"),
        (torch.zeros(0, 3, 16, 16), "got"),
        (torch.full((1, 3, 16, 16), 7.0), "lie in"),
    ],
)
def test_images_that_do_not_fit_are_refused(linear, images, reason):
    from ganwidgets.invert.reconstruct import checked_targets

    with pytest.raises((ValueError, TypeError), match=reason):
        checked_targets(linear, images)


def test_strategies_are_values_of_ones_own(linear, photo):
    from ganwidgets.invert import STRATEGIES, invert

    mine = replace(STRATEGIES["ridge+r"], name="mine", steps=3)
    assert invert(linear, photo, mine).strategy == "mine"


def test_the_paper_s_six_strategies_are_there():
    from ganwidgets.invert import STRATEGIES

    assert list(STRATEGIES)[:6] == ["z", "encoder", "encoder+z", "layered", "layered+z", "layered+r"]


def test_what_is_done_once_for_a_network_does_not_count_for_the_time_limit(monkeypatch):
    import time

    from ganwidgets.invert import invert, start

    reconstruct = import_module("ganwidgets.invert.reconstruct")
    network = planted_linear_generator()
    image = network.images(network.sample_z(1, 5))[0]
    sampling, regression = reconstruct.sampling, start.acts_regression

    def slow_sampling(*given):
        time.sleep(0.3)
        return (yield from sampling(*given))

    def slow_regression(*given):
        time.sleep(0.0 if learned else 0.3)
        learned.append(True)
        return regression(*given)

    learned = []
    monkeypatch.setattr(reconstruct, "sampling", slow_sampling)
    monkeypatch.setattr(start, "acts_regression", slow_regression)
    monkeypatch.setattr(start, "STEPS", 1)
    found = invert(network, image, "ridge+r", steps=10**6, time_limit=0.4)
    assert found.stopped in ("time", "plateau") and found.steps >= 5 and found.seconds > 0.6


def test_nor_does_the_training_of_an_encoder(monkeypatch):
    import time

    from ganwidgets.invert import encoder, invert

    network, trained = planted_linear_generator(), []

    def encoder_for(network, kind, **options):
        time.sleep(0.0 if trained else 0.5)
        trained.append(kind)
        return SimpleNamespace(z=lambda images: network.sample_z(len(images), 3))

    monkeypatch.setattr(encoder, "encoder_for", encoder_for)
    image = network.images(network.sample_z(1, 5))[0]
    found = invert(network, image, "encoder+z", steps=10**6, time_limit=0.3)
    assert found.steps >= 5 and found.seconds > 0.5
