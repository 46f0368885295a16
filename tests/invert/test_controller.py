"""The inverting session: photos in every state, a search that can be watched and stopped, and what follows it."""

import io
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from traitlets import TraitError

from ganwidgets.testing import planted_generator

HOSTILE = Path(__file__).parents[3] / "shared" / "data" / "photos-hostile"


def session(network=None, **traits):
    from ganwidgets.invert.controller import InvertController

    return InvertController(network or planted_generator(), **{"steps": 6, **traits})


class Growing(nn.Module):
    """Three sizes of maps, so that there are late layers to adapt."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.ConvTranspose2d(5, 8, 4)
        self.second, self.third = (nn.Conv2d(8, 8, 3, padding=1) for _ in "ab")
        self.colour = nn.Conv2d(8, 3, 1)

    def forward(self, z):
        x = torch.tanh(self.first(z[:, :, None, None]))
        for layer in (self.second, self.third):
            x = torch.tanh(layer(nn.functional.interpolate(x, scale_factor=2.0)))
        return torch.tanh(self.colour(x))


def followed(steps=2, form="weights+maps"):
    """A session with late layers, and those that follow it."""
    from ganwidgets.invert.controller_after import AdaptController, VerdictController
    from ganwidgets.models.generator import TorchGenerator

    made = session(TorchGenerator(Growing().eval(), (5,), "growing"), layer="first")
    adapting = AdaptController(made, steps=steps, form=form)
    return made, adapting, VerdictController(made, adapting, n=2)


@pytest.fixture
def own():
    """A picture the planted generator can draw."""
    network = planted_generator()
    return network.images(network.sample_z(1, 3))[0]


def jpeg(width=48, height=32, turned=False):
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6 if turned else 1
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_photo_of_another_shape_is_cut_in_the_middle_until_somebody_says_otherwise():
    c = session()
    c.open(jpeg(48, 32), "wide.jpg")
    c.wait(60.0)
    assert (c.photo_size, c.photo_name, c.photo.shape) == ((48, 32), "wide.jpg", (32, 48, 3))
    assert c.box == pytest.approx((0, 1 / 6, 1, 5 / 6)) and c.target.shape == (16, 16, 3)
    middle = c.target
    c.box = (0, 0, 1, 2 / 3)
    c.wait(60.0)
    assert (c.target != middle).any() and c.status == "done"
    c.fit, c.box = "letterbox", (0, 0, 1, 1)
    c.wait(60.0)
    assert (c.target[0] == 128).all() and c.inversion is None
    c.open(jpeg(48, 32, turned=True), "turned.jpg")
    assert c.photo_size == (32, 48) and c.fit == "crop" and c.box == pytest.approx((1 / 6, 0, 5 / 6, 1))


@pytest.mark.parametrize("box", [(0, 0, 1), (0.5, 0, 0.5, 1), (0, 0, 1.5, 1)])
def test_a_box_that_is_none_is_refused(box):
    c = session()
    with pytest.raises(TraitError, match=r"`box` must be \(top, left, bottom, right\)"):
        c.box = box


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="needs ../shared/data/photos-hostile")
def test_every_hostile_photo_is_taken_or_refused_in_a_sentence():
    c, refused = session(), set()
    for path in [*sorted(HOSTILE.glob("*.*g*")), HOSTILE / "photo.webp"]:
        if path.suffix == ".json":
            continue
        try:
            c.open(path.read_bytes(), path.name)
        except ValueError as error:
            refused.add(path.name)
            assert "\n" not in str(error) and c.photo_name != path.name
        else:
            c.wait(60.0)
            assert c.target.shape == (16, 16, 3) and c.status == "done", path.name
    assert refused == {"truncated.jpg", "empty.jpg", "not_an_image.png", "bomb_20000x20000.png"}


def test_a_photo_that_is_refused_leaves_what_was_there(own):
    c = session()
    c.open(own, "own")
    c.run(wait=True)
    with pytest.raises(ValueError, match="is empty"):
        c.open(b"")
    with pytest.raises(ValueError, match=r"finite and lie in \[-1, 1\]"):
        c.open(own * 3)
    assert c.photo_name == "own" and c.inversion is not None


def test_a_search_publishes_pictures_and_then_the_result(own):
    c, seen = session(), []
    with pytest.raises(ValueError, match="Open a photo first"):
        c.run()
    c.open(own)
    c.observe(lambda change: seen.append((c.step, c.inversion is not None)), "image")
    c.run()
    assert c.searching == "running"
    c.wait(60.0)
    assert seen[0] == (0, False) and seen[-1][1] and c.searching == c.status == "done"
    assert c.inversion.errors.psnr == pytest.approx(c.psnr, abs=0.01) and len(c.curve) == c.step + 1
    assert c.error_map.shape == (16, 16) and c.image.shape == (16, 16, 3) and not c.stale


def test_a_search_that_is_stopped_keeps_the_best_so_far():
    c = session(steps=100_000)
    c.open(jpeg(16, 16))
    c.observe(lambda change: c.step >= 3 and c.cancel(), "step")
    c.run()
    c.wait(60.0)
    assert c.inversion.stopped == "cancelled" and c.searching == "cancelled"
    assert 3 <= c.inversion.steps < 100_000 and c.inversion.photo_sha256
    with torch.no_grad():
        again = c.network.images(c.network.sample_z(2, 5))
    assert torch.equal(again, planted_generator().images(c.network.sample_z(2, 5)))  # bit-identical


def test_a_stopped_search_goes_on_until_something_is_changed(tmp_path, monkeypatch):
    from ganwidgets.invert import engine

    monkeypatch.setattr(engine, "SHOW_EVERY", 0.0)  # every step, or a fast search is over before it is stopped
    c = session(steps=400)
    c.open(jpeg(16, 16))
    c.observe(lambda change: c.step == 3 and c.cancel(), "step")
    c.run()
    c.wait(60.0)
    found = c.inversion
    assert c.resumable and c.searching == "cancelled" and (c.step, c.total) == (found.steps, 400)
    c.seed = 5
    assert c.stale and not c.resumable
    with pytest.raises(ValueError, match="no stopped search to go on with"):
        c.resume()
    c.seed = 1
    other = session()
    other.load(c.save(tmp_path / "stopped.safetensors"))  # also from a file, in another session
    assert other.resumable and other.searching == "cancelled" and (other.step, other.total) == (found.steps, 400)
    for one in (c, other):
        one.resume(wait=True)
        assert one.searching == "done" and not one.resumable and found.steps < one.inversion.steps <= 400
        assert one.inversion.curve[-1, 1] < found.curve[-1, 1] and one.inversion.photo_sha256 == found.photo_sha256
    c.open(jpeg(20, 16))
    assert not c.resumable


def test_a_saved_inversion_brings_its_class_along(by_class):
    c = session(by_class(), steps=2)
    kept = {}
    for label in (1, None):
        c.drawn_class = label
        c.open(c.network.images(c.network.sample_z(1, 3))[0])
        c.run(wait=True)
        kept[label] = c.to_bytes()
    for begins, opened in ((None, 1), (2, 1), (2, None)):
        other = session(by_class(), drawn_class=begins)
        other.load(kept[opened])
        assert other.drawn_class == opened and other.found_in is other.network and not other.stale
        assert other.inversion.network_fingerprint == other.network.fingerprint


def test_another_photo_ends_the_search_for_the_last_one():
    c = session(steps=100_000)
    c.open(jpeg(16, 16), "first")
    c.run()
    c.open(jpeg(20, 16), "second")
    c.wait(60.0)
    assert c.photo_name == "second" and c.inversion is None and c.searching == "idle"
    c.starts_itself, c.steps = True, 3
    c.open(jpeg(16, 18), "third")
    c.wait(60.0)
    assert c.inversion.steps <= 3


def test_what_changed_since_is_said_and_taken_back(own):
    c = session()
    c.open(own)
    c.run(wait=True)
    for name, value in (("seed", 2), ("steps", 7), ("strategy", "ridge"), ("layer", "layer1"), ("box", (0, 0, 1, 0.5))):
        was = getattr(c, name)
        setattr(c, name, value)
        assert c.stale, name
        setattr(c, name, was)
        assert not c.stale, name
    c.wait(60.0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("strategy", "rigde", "Did you mean 'ridge'"),
        ("strategy", "ws", "needs a StyleGAN"),
        ("layer", "layer9", "layer9"),
        ("starts", 0, "`starts` must lie in 1 to 64"),
        ("steps", -1, "`steps` must lie in 0 to"),
        ("fit", "cover", "cover"),
    ],
)
def test_settings_that_do_not_exist_are_refused(name, value, message):
    c = session()
    with pytest.raises(TraitError, match=message):
        setattr(c, name, value)


def test_a_generator_without_gradients_says_so(own):
    c = session()
    forward = c.network.module.forward
    c.network.module.forward = torch.no_grad()(forward)
    c.open(own)
    c.run()
    c.wait(60.0)
    assert c.searching == "failed" and "must give gradients" in c.error and c.inversion is None


def test_one_even_colour_is_searched_for_and_told():
    c = session()
    c.open(np.full((20, 20, 3), 77, np.uint8))
    c.run()
    c.wait(60.0)
    assert c.inversion is not None and c.inversion.notes.count(c.remarks[0]) == 1
    assert "one even colour" in c.remarks[0]


def test_it_is_judged_by_itself_when_nobody_else_works():
    c, adapting, judging = followed()
    c.open(jpeg(16, 16))
    c.run()
    c.wait(60.0)
    judging.wait(60.0)
    assert c.inversion.verdict.n == 2 and judging.status == "done"
    first = c.inversion.verdict
    adapting.run()
    adapting.wait(60.0)
    assert c.inversion.adaptation is not None and c.inversion.verdict == first
    judging.judges_itself = False
    c.run()
    c.wait(60.0)
    assert c.inversion.verdict is None and judging.status == "done"


def test_an_adaptation_is_shown_kept_and_taken_off():
    c, adapting, judging = followed()
    judging.judges_itself = False
    with pytest.raises(ValueError, match="Find a photo first"):
        adapting.run()
    c.open(jpeg(16, 16))
    c.run(wait=True)
    plain = c.image
    adapting.run()
    adapting.wait(60.0)
    made = c.inversion.adaptation
    assert made.form == "weights+maps" and len(c.adapting) and c.psnr == pytest.approx(made.errors.psnr)
    assert (c.image != plain).any()
    adapting.take_off()
    assert c.inversion.adaptation is None and (c.image == plain).all() and c.adapting is None


@pytest.mark.parametrize("stopped", [False, True])
def test_an_adaptation_that_is_taken_off_while_it_runs_does_not_come_back(stopped):
    c, adapting, judging = followed(steps=100_000)
    judging.judges_itself = False
    c.open(jpeg(16, 16))
    c.run(wait=True)
    plain, shown = c.image, threading.Event()
    c.observe(lambda change: shown.set(), "adapting")
    adapting.run()
    assert shown.wait(30.0)
    if stopped:
        adapting.cancel()
    adapting.take_off()
    adapting.wait(60.0)
    assert c.inversion.adaptation is None and c.adapting is None and (c.image == plain).all()
    adapting.steps = 2
    adapting.run(wait=True)
    assert c.inversion.adaptation is not None


def test_a_generator_without_late_layers_cannot_be_adapted_and_says_so(own):
    from ganwidgets.invert.controller_after import AdaptController

    c = session()
    adapting = AdaptController(c)
    c.open(own)
    c.run(wait=True)
    adapting.run()
    adapting.wait(60.0)
    assert adapting.status == "failed" and "to be tuned; form='maps' does without" in adapting.error


def test_an_adaptation_of_the_last_photo_is_of_no_use():
    c, adapting, judging = followed(steps=100_000)
    judging.judges_itself = False
    c.open(jpeg(16, 16))
    c.run(wait=True)
    adapting.run()
    c.open(jpeg(18, 16))
    adapting.wait(60.0)
    assert c.inversion is None and adapting.status == "cancelled"


def test_an_inversion_is_saved_and_opened_again(own, tmp_path):
    c = session()
    with pytest.raises(ValueError, match="There is no inversion yet"):
        c.to_bytes()
    c.open(own)
    c.run(wait=True)
    path = c.save(tmp_path / "photo.safetensors")
    d = session()
    d.load(path)
    assert torch.equal(d.inversion.latent, c.inversion.latent) and (d.image == c.image).all() and not d.stale
    assert d.photo.shape == d.target.shape == (16, 16, 3)
    d.load(c.to_bytes())
    d.run(wait=True)  # the photo came with it
    assert d.inversion.errors.psnr == pytest.approx(c.inversion.errors.psnr, abs=0.5)
    with pytest.raises(ValueError):
        d.load(b"no such file")
    with pytest.raises(ValueError, match=r"made in 'planted', whose weights or settings are others"):
        followed()[0].load(path)


def test_a_saved_inversion_ends_the_search_that_runs(own):
    done = session()
    done.open(own)
    done.run(wait=True)
    c, started = session(steps=100_000), threading.Event()
    c.observe(lambda change: change.new >= 1 and started.set(), "step")
    c.open(jpeg(40, 16))  # not square, so that the box of the saved one is another
    c.run()
    assert started.wait(60.0)
    c.adopt(done.inversion)
    assert c.inversion is done.inversion and c.searching == "done"
    c.wait(60.0)
    assert c.inversion is done.inversion and c.searching == "done" and (c.image == done.image).all() and not c.stale
    assert c.status != "running"  # or nobody would judge it


def test_a_photo_that_is_still_prepared_does_not_become_the_target_of_a_saved_inversion(own):
    done = session()
    done.open(jpeg(40, 16))
    done.run(wait=True)
    saved = done.inversion.replaced(notes=("It was grey.",))
    c, go = session(), threading.Event()
    c.submit(lambda progress: go.wait(60.0), lambda value: None, kind="slow", interactive=True)
    c.open(own)  # prepared behind the slow one
    c.adopt(saved)
    go.set()
    c.wait(60.0)
    assert (c.target == c.photo).all() and c.remarks == ("It was grey.",)
    c.open(jpeg(20, 16))
    c.wait(60.0)
    c.adopt(saved)  # its box is another: nothing is prepared for that
    c.wait(60.0)
    assert (c.target == c.photo).all() and c.remarks == ("It was grey.",)


def test_a_search_that_gave_nothing_leaves_all_that_was_found_before(own, monkeypatch):
    from ganwidgets.invert import controller_search

    c, adapting, _ = followed()
    c.open(jpeg(16, 16))
    c.run(wait=True)
    adapting.run(wait=True)
    names = ("inversion", "step", "total", "psnr", "curve", "adapting", "image", "error_map")
    was = {name: getattr(c, name) for name in names}
    c.steps = 5
    assert c.stale

    def failing(network, photo, **options):
        raise ValueError("no memory")
        yield

    monkeypatch.setattr(controller_search, "inverting", failing)
    c.run(wait=True)
    assert c.searching == "failed" and c.stale and c.inversion is was["inversion"]
    for name in names[1:]:
        assert np.array_equal(getattr(c, name), was[name]), name


@pytest.mark.parametrize("resumes", [False, True])
def test_a_search_that_fails_midway_gives_back_what_was_found_before(resumes, monkeypatch):
    from ganwidgets.invert import controller_search, engine

    monkeypatch.setattr(engine, "SHOW_EVERY", 0.0)
    c = session(steps=400)
    c.open(jpeg(16, 16))
    stop = lambda change: c.step == 3 and c.cancel()  # noqa: E731
    c.observe(stop, "step")
    c.run(wait=True)
    c.unobserve(stop, "step")
    found, real = c.inversion, controller_search.inverting

    def failing(network, photo, **options):
        for number, shot in enumerate(real(network, photo, **options)):
            if number == 5:
                raise ValueError("no memory")
            yield shot

    monkeypatch.setattr(controller_search, "inverting", failing)
    (c.resume if resumes else c.run)(wait=True)
    assert c.searching == "failed" and "no memory" in c.error
    assert c.inversion is found and c.resumable and not c.stale and c.step == found.steps
    assert c.psnr == pytest.approx(found.errors.psnr) and len(c.to_bytes()) > 1000


def test_what_was_judged_meanwhile_stays_when_a_search_gives_nothing(own, monkeypatch):
    from ganwidgets.invert import controller_search
    from ganwidgets.results.inversion import Verdict

    c = session()
    c.open(own)
    c.run(wait=True)
    found = c.inversion

    def failing(network, photo, **options):
        c.judged(Verdict(0.5, 4, 20.0, 20.0), found)
        raise ValueError("no memory")
        yield

    monkeypatch.setattr(controller_search, "inverting", failing)
    c.run(wait=True)
    assert c.searching == "failed" and c.inversion.latent is found.latent and c.inversion.verdict.n == 4


def test_a_search_that_goes_on_waits_for_no_encoder_and_tells_its_time(monkeypatch):
    from ganwidgets.invert import controller_search, engine

    def never(*about):
        raise AssertionError("an encoder is learned")
        yield

    told = []
    monkeypatch.setattr(engine, "SHOW_EVERY", 0.0)
    c = session(steps=400)
    c.open(jpeg(16, 16))
    c.observe(lambda change: c.step == 160 and c.cancel(), "step")
    c.run(wait=True)
    monkeypatch.setattr(controller_search, "learning", never)
    c.observe(lambda change: told.append((c.progress, c.remaining)), "progress")
    began = time.monotonic()
    c.resume(wait=True)
    took = time.monotonic() - began
    assert c.searching == "done" and c.inversion.steps > 160
    early = [remaining for fraction, remaining in told if 0.45 < fraction < 0.7]
    assert not early or max(early) > 0.2 * took  # not as if 160 steps had just been done


@pytest.mark.parametrize("label", [2, None])
def test_a_saved_w_of_a_class_brings_its_class_along(style, label):
    from ganwidgets.invert import invert

    network = style(n_classes=3)
    drawn = network if label is None else network.with_label(label)
    found = invert(drawn, drawn.images(drawn.sample_z(1, 3))[0], "w", steps=1)
    assert found.class_vector is None  # nothing but the fingerprint tells it
    c = session(network, drawn_class=1)
    c.adopt(found)
    assert c.drawn_class == label and c.found_in.fingerprint == found.network_fingerprint


def test_what_cannot_be_judged_is_not_judged_and_says_why(own):
    from ganwidgets.invert import Losses, invert

    c, _, judging = followed()
    photo = c.network.images(c.network.sample_z(1, 3))[0]
    for found in (
        invert(c.network, photo, layer="first", steps=2, losses=Losses(residual=0.5)),
        invert(c.network, photo, layer="first", steps=2).replaced(strategy="mine"),
        invert(c.network, photo, layer="first", steps=2).replaced(steps=0, stopped="cancelled"),
    ):
        c.adopt(found)
        judging.wait(60.0)
        assert judging.status == "idle" and judging.error == "" and judging.missing()
        with pytest.raises(ValueError, match=r"stopped before it began|in a way of your own"):
            judging.run()


def test_a_frame_that_comes_too_late_is_not_shown_for_another_photo():
    from ganwidgets.invert.engine import inverting

    c = session()
    c.open(jpeg(16, 16))
    key, shot = c._key(), list(inverting(c.network, c.photo, steps=2))[-1]
    c.open(jpeg(20, 16))
    c._found(c.network, key, shot)
    assert c.inversion is None and c.image is None
    c.wait(60.0)


def test_a_verdict_that_failed_once_is_tried_for_the_next_photo(monkeypatch):
    from ganwidgets.invert import controller_after

    asked, judging_for_real = [], controller_after.judging

    def judging_once(network, inversion, **options):
        asked.append(inversion)
        if len(asked) == 1:
            raise RuntimeError("no memory")
        yield from judging_for_real(network, inversion, **options)

    monkeypatch.setattr(controller_after, "judging", judging_once)
    c, adapting, judging = followed()
    c.open(jpeg(16, 16))
    c.run(wait=True)
    judging.wait(60.0)
    assert judging.status == "failed" and "no memory" in judging.error
    adapting.run(wait=True)
    judging.wait(60.0)
    assert judging.status == "failed" and len(asked) == 1  # the same photo: not again by itself
    c.open(jpeg(20, 16))
    assert (judging.status, judging.error) == ("idle", "")
    c.run(wait=True)
    c.wait(60.0)
    judging.wait(60.0)
    assert c.inversion.verdict.n == 2 and judging.status == "done" and len(asked) == 2


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"layer": "nope"}, "nope"),
        ({"seed": -1}, "`seed` of the inversion must lie in 0 to"),
        ({"seed": 2**40}, "`seed` of the inversion must lie in 0 to"),
        ({"strategy": "ws"}, "needs a StyleGAN"),
        ({"image": torch.zeros(3, 8, 8), "reconstruction": torch.zeros(3, 8, 8)}, "of the network's size"),
        ({"latent": torch.zeros(1, 7)}, "`latent` must be"),
        ({"class_vector": torch.ones(3) / 3}, "`class_vector` must be None"),
        ({"space": "w", "latent": torch.zeros(1, 4)}, "`space` must be 'z'"),
    ],
)
def test_an_inversion_that_does_not_fit_leaves_everything_as_it_was(own, lie, message):
    c = session()
    c.open(own)
    c.run(wait=True)
    inversion = c.inversion
    c.open(jpeg(16, 16), "mine", code="mine()")
    c.box = (0, 0, 1, 0.5)
    c.steps = 100_000
    c.run()
    while c.step < 1:
        time.sleep(0.01)
    names = ("photo_name", "photo_code", "box", "fit", "layer", "strategy", "seed", "searching")
    source, before = c._source, [getattr(c, name) for name in names]
    with pytest.raises(ValueError, match=message):
        c.adopt(inversion.replaced(**lie))
    assert c._source is source and [getattr(c, name) for name in names] == before == [*before[:-1], "running"]
    c.cancel()
    c.wait(60.0)
    assert c.inversion.stopped == "cancelled"


def test_pictures_to_try_are_drawn_and_opened_with_the_code_that_makes_them():
    c = session(drawn=True)
    c.look_for_examples()
    c.wait(60.0)
    assert {kind: found.shape[0] for kind, found in c.examples.items()} == {"drawn": 6, "own": 6}
    c.open_example("own", 2)
    c.wait(60.0)
    assert c.photo_name == "own picture 2" and c.photo_code == "G.images(G.sample_z(6, 7))[2]"
    assert np.abs(c.target.astype(int) - c.examples["own"][2]).max() <= 1
    c.open_example("drawn", 1)
    from ganwidgets.scenes import draw

    assert (c.photo == draw.draw(2026, 1).image).all() and c.photo_code == "draw(2026, 1).image"


def test_closing_stops_and_lets_go(own):
    c, adapting, judging = followed()
    c.open(own)
    c.run()
    for one in (judging, adapting, c):
        one.close()
        one.wait(60.0)
    assert c.inversion is None
