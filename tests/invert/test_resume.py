"""A search that was stopped goes on from what it had found, in the same numbers."""

import time
from dataclasses import replace
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
import torch

from ganwidgets.testing import planted_linear_generator

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


@pytest.fixture(scope="module")
def photo():
    return np.random.RandomState(0).randint(0, 256, (16, 16, 3), np.uint8)


def stopped(network, photo, steps=60, after=5, **options):
    """A search that somebody stopped after some steps."""
    from ganwidgets.invert import engine, inverting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "SHOW_EVERY", 0.0)
        search = inverting(network, photo, steps=steps, **options)
        while next(search).step < after:
            pass
        return search.send(True).inversion


def test_it_begins_at_the_picture_at_which_it_was_stopped(linear, photo):
    from ganwidgets.invert import inverting

    found = stopped(linear, photo, layer="1")
    first = next(inverting(linear, photo, layer="1", resume=found))
    assert found.residuals["1"].abs().max() > 0  # maps are taken over, not the latent alone
    assert torch.allclose(first.image, found.reconstruction, atol=1e-5)
    assert (first.step, first.psnr) == (found.steps, pytest.approx(found.errors.psnr, abs=1e-3))


def test_steps_seconds_and_curve_go_on(linear, photo):
    from ganwidgets.invert import invert

    found = stopped(linear, photo, layer="1")
    whole = invert(linear, photo, layer="1", resume=found)
    assert (found.stopped, found.steps, found.total_steps) == ("cancelled", 5, 60)
    assert whole.total_steps == 150 and 5 < whole.steps <= 150  # by default as many in all as the strategy has
    assert torch.equal(whole.curve[: len(found.curve)], found.curve)
    assert (whole.curve[:, 0].diff() >= 0).all() and whole.curve[-1, 0] == whole.steps
    assert (whole.curve[:, 1].diff() <= 1e-6).all() and whole.curve[-1, 1] < found.curve[-1, 1]
    assert whole.seconds > found.seconds and "Was stopped, and went on from step 5." in whole.notes


def test_it_ends_where_a_search_without_a_break_does(linear, photo):
    from ganwidgets.invert import invert

    whole = invert(linear, photo, layer="1", steps=200)
    broken = invert(linear, photo, layer="1", steps=200, resume=stopped(linear, photo, steps=200, layer="1", after=40))
    assert broken.errors.psnr == pytest.approx(whole.errors.psnr, abs=0.5)
    assert broken.steps <= 200


def test_the_rate_goes_on_falling(linear):
    from ganwidgets.invert.drawing import Drawing
    from ganwidgets.invert.losses import Losses, Target
    from ganwidgets.invert.refine import Settings, refining
    from ganwidgets.invert.start import Start
    from ganwidgets.invert.statistics import scales

    images, own = linear.images(linear.sample_z(1, 5)), scales(linear, "z", ())

    def travelled(before):
        start = Start(torch.zeros(1, *linear.z_shape), None, steps=before)
        search = refining(Drawing(linear, "z"), Target(images, Losses()), start, own, Settings(20, patience=1.0))
        points = [step.variables.latent for step in search]
        return float(sum((b - a).abs().sum() for a, b in pairwise(points)))

    assert travelled(180) < 0.3 * travelled(0)  # 20 steps at the end of 200 are shorter than 20 of 20


def test_what_was_saved_goes_on_and_keeps_the_hash_of_its_photo(linear, photo, tmp_path):
    from ganwidgets.invert import invert
    from ganwidgets.results.inversion_files import load

    found = replace(stopped(linear, photo, layer="1"), photo_sha256="ab" * 32)
    again = load(found.save(tmp_path / "stopped.safetensors"))
    whole = invert(linear, again.image, layer="1", steps=20, resume=again)
    assert whole.photo_sha256 == "ab" * 32 and whole.steps <= 20
    twice = invert(linear, again.image, layer="1", steps=25, resume=whole)
    told = [note for note in twice.notes if "went on" in note]
    assert told == [f"Was stopped, and went on from step 5, {whole.steps}."]


def test_however_often_it_goes_on_a_file_takes_its_notes(linear):
    from ganwidgets.invert import invert
    from ganwidgets.results.inversion_files import from_bytes, to_bytes

    clear = np.zeros((16, 16, 4), np.uint8)
    clear[4:12, 4:12] = 255
    found = stopped(linear, clear, layer="1", steps=10**6, after=1)
    about = [note for note in found.notes if "transparent" in note]
    for _ in range(60):
        again = from_bytes(to_bytes(found))
        found = invert(linear, again.image, layer="1", steps=again.steps + 1, resume=again)
        found = found.replaced(total_steps=10**6)
    assert about and found.notes[0] == about[0]  # what was done to the photo is not forgotten
    assert len(found.notes) == 2 and found.notes[1].endswith(f", {again.steps}.") and len(found.notes[1]) < 100


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_noise_does_not_lose_what_was_found(linear, noise):
    from ganwidgets.invert import inverting
    from ganwidgets.invert.strategies import STRATEGIES

    photo = linear.images(linear.sample_z(1, 5))[0]
    strategy = replace(STRATEGIES["ridge+z"], name="mine", noise=noise)
    found = stopped(linear, photo, strategy=strategy, after=10)
    search = inverting(linear, photo, strategy, layer=found.layer, resume=found)
    next(search)
    assert search.send(True).inversion.errors.psnr >= found.errors.psnr - 1e-3


def test_a_mixture_of_classes_goes_on(by_class):
    from ganwidgets.invert import inverting

    network = by_class()
    photo = np.full((8, 8, 3), (200, 60, 90), np.uint8)
    found = stopped(network, photo, strategy="z", after=12)
    first = next(inverting(network, photo, "z", resume=found))
    assert 0.01 < float(found.class_vector.max()) < 0.999
    assert torch.allclose(first.image, found.reconstruction, atol=1e-4)


def test_the_time_left_is_that_of_the_steps(linear, photo, monkeypatch):
    from ganwidgets.invert import engine, inverting

    reconstruct = import_module("ganwidgets.invert.reconstruct")
    prepare = reconstruct.prepare
    monkeypatch.setattr(engine, "SHOW_EVERY", 0.0)
    monkeypatch.setattr(reconstruct, "prepare", lambda *about: (time.sleep(0.5), prepare(*about)))
    shots = [shot for shot in inverting(linear, photo, layer="1", steps=40) if 0 < shot.step < 40]
    took = shots[-1].seconds - shots[0].seconds
    assert shots[3].remaining < 3 * took + 0.2 and shots[3].seconds > 0.5
    found = stopped(linear, photo, layer="1", steps=40, after=20)
    again = [shot for shot in inverting(linear, photo, layer="1", resume=found, steps=40) if shot.step > 20]
    assert again[2].remaining < 3 * took + 0.2


def test_seeds_that_no_file_could_hold_are_refused(linear, photo):
    from ganwidgets.invert import invert

    with pytest.raises(ValueError, match="`seed` must be at most 4294967295"):
        invert(linear, photo, layer="1", steps=1, seed=2**32)


def test_what_it_cannot_go_on_with_is_said(linear, photo):
    from ganwidgets.invert import Losses, invert

    found = stopped(linear, photo, layer="1")
    other, again = planted_linear_generator(z=5), {"layer": "1", "resume": found}
    for network, picture, options, message in (
        (linear, 255 - photo, again, "of this photo"),
        (other, photo, again, "of this network"),
        (linear, photo, {"resume": found, "layer": "2"}, "'ridge\\+r' at '2' can go on with"),
        (linear, photo, {**again, "strategy": "ridge+z"}, "'ridge\\+z' at '1' can go on with"),
        (linear, photo, {**again, "losses": Losses(residual=0.3)}, "`losses` must be those of `resume`"),
        (linear, photo, {**again, "starts": 2}, "`starts` must be 1"),
        (linear, photo, {**again, "steps": 5}, "`steps` must be above 5"),
    ):
        with pytest.raises(ValueError, match=message):
            invert(network, picture, **options)
    with pytest.raises(TypeError, match="resume"):
        invert(linear, photo, layer="1", resume="file")
