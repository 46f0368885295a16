"""Searches that lose what they are told to lose: an omission is what photos lose beyond what they should.

The planted generator paints a blue dot where z[1] > 0 and a red half where z[0] > 0. The segmenter here names the dot,
and a spot of equal size in the red. Photos show both on a lighter ground, by which a search tells them from pictures.
"""

from dataclasses import replace
from importlib import import_module
from time import perf_counter

import numpy as np
import pytest
import torch
from torch import nn

from ganwidgets.coverage import coverage, omissions, omitting
from ganwidgets.coverage.judgement import judged
from ganwidgets.coverage.omissions import _areas, checked_shares, chosen_by, images_of
from ganwidgets.coverage.panel_photos_views import details, verdict
from ganwidgets.coverage.sources import Data
from ganwidgets.models import TorchGenerator
from ganwidgets.results.omissions import Inverted
from ganwidgets.testing import planted_generator

GROUND = 0.2


class Spots:
    """Names the blue dot and the spot in the middle of the red; nothing is ever green."""

    name, concepts, categories, slots = "spots", ("spot", "blue", "green"), ("object",) * 3, ("object",)

    def __call__(self, images):
        red, blue = images[:, 0] - images[:, 2] > 1, images[:, 2] - images[:, 0] > 1
        spot = torch.zeros_like(red)
        spot[:, 8:10, 3:5] = red[:, 8:10, 3:5]
        return (spot + 2 * blue)[:, None].to(torch.uint8)

    def fingerprint(self):
        return "spots"


@pytest.fixture(scope="module")
def network():
    return planted_generator()


def photos(n=20, blue=True):
    images = torch.full((n, 3, 16, 16), GROUND)
    images[:, :, :, :8] = torch.tensor([1.0, -1, -1])[:, None, None]
    if blue:
        images[:, :, 8:10, 12:14] = torch.tensor([-1.0, -1, 1])[:, None, None]
    return images


def losing(*what, pictures=False):
    """A search that paints over these in photos, and in the generator's own pictures if told so."""

    def reconstruct(images):
        drawn = images.clone()
        chosen = torch.ones(len(images), dtype=bool) if pictures else (images[:, 0, 0, -1] == GROUND)
        if "blue" in what:
            drawn[chosen, :, 8:10, 12:14] = GROUND
        if "spot" in what:
            drawn[chosen, :, 8:10, 3:5] = GROUND
        return drawn

    return reconstruct


def found(network, reconstruct, concept="blue", data=None, **options):
    settings = {"n": 12, "pool": 40, "batch": 5} | options
    data = photos() if data is None else data
    return omissions(network, data, Spots(), concept, reconstruct=reconstruct, **settings)


def test_what_only_photos_lose_is_an_omission(network):
    result = found(network, losing("blue"))
    assert result.named and result.control_kind == "same concept" and not result.notes
    assert (result.lost, result.control_lost, result.others, result.control_others) == (1, 0, 0, 0)
    assert result.excess_interval == (1, 1) and result.beyond_interval == (1, 1)
    assert "'blue' is an omission of planted: 100% of it is lost in 12 photos, 0% (same concept) in 12" in str(result)
    assert (result.photos.before[:, 1] == 4).all() and (result.photos.kept[:, 1] == 0).all()
    assert result.control.psnr.min() > 90 > result.photos.psnr.max()


def test_a_search_that_finds_everything_calls_nothing_an_omission(network):
    result = found(network, lambda images: images)
    assert not result.named and result.lost == result.excess == result.beyond_others == 0


def test_what_the_search_loses_everywhere_is_its_own_error(network):
    result = found(network, losing("blue", pictures=True))
    assert not result.named and result.lost == result.control_lost == 1 and result.excess == 0


def test_what_photos_lose_anyway_is_no_omission(network):
    result = found(network, losing("blue", "spot"))
    assert not result.named and result.excess == 1 and result.beyond_others == 0 and result.others == 1


def test_a_generator_that_draws_none_is_judged_by_other_concepts():
    red_only = planted_generator(units=1)
    result = found(red_only, losing("blue"))
    assert result.named and result.control_kind == "other concepts" and result.control_lost == 0
    assert "too few of the generator's pictures show 'blue'" in result.notes[0]
    assert not found(red_only, losing("blue", "spot", pictures=True)).named


def test_a_few_smears_are_no_control():
    """z[1] > 0 in half of the pictures, but the segmenter sees a quarter of the dot in them: too small to compare."""

    class Smears(Spots):
        def __call__(self, images):
            seg = super().__call__(images)
            own = images[:, 0, 0, -1] != GROUND
            seg[own, :, 8:10, 13:] = 0
            seg[own, :, 9:, 12:] = 0
            return seg

    result = omissions(
        planted_generator(), photos(), Smears(), "blue", reconstruct=losing("blue"), n=12, pool=40, least=0.1
    )
    assert result.control_kind == "other concepts"


def test_a_little_beside_its_place_is_not_lost(network):
    result = found(network, lambda images: images.roll(1, 3))
    assert result.lost == 0
    assert found(network, lambda images: images.roll(4, 3)).lost == 1


def test_the_largest_loss_comes_first(network):
    data = photos(20)
    data[5, :, 8:12, 12:14] = torch.tensor([-1.0, -1, 1])[:, None, None]

    def reconstruct(images):
        drawn = images.clone()
        drawn[images[:, 0, 0, -1] == GROUND, :, 8:12, 12:14] = GROUND
        return drawn

    result = found(network, reconstruct, data=data, n=20)
    assert result.photos.numbers[0] == 5 and result.photos.before[0, 1] == 8
    frame = result.to_frame()
    assert frame["set"].tolist() == ["photo"] * 20 + ["control"] * len(result.control)
    assert frame["before"][0] == pytest.approx(100 * 8 / 256) and frame["lost"][0] == 1
    assert np.array_equal(result.compared[0][0], [True, False, False])


def test_an_object_with_images_may_be_given_back(network):
    class Reconstructions:
        def __init__(self, images):
            self.images = images

    assert found(network, lambda images: Reconstructions(images)).lost == 0


def test_a_known_coverage_saves_looking_through(network):
    known = coverage(network, photos(40), Spots(), n=40, resamples=20, permutations=20, halves=None)
    one = found(network, losing("blue"), data=photos(40), known=known)
    two = found(network, losing("blue"), data=photos(40))
    assert one.photos.numbers.tolist() == two.photos.numbers.tolist() and one.excess == two.excess
    for data, other in ((photos(39), Spots()), (photos(40), renamed("spots", "other")), (photos(40), renamed("x", ""))):
        with pytest.raises(ValueError, match="`known` must be a coverage of the same generator, data and segmenter"):
            omissions(network, data, other, "blue", reconstruct=losing("blue"), n=12, known=known)


def renamed(name, fingerprint):
    """A segmenter of the same concepts that is another one."""
    other = Spots()
    other.name, other.fingerprint = name, lambda: fingerprint
    return other


def test_the_data_are_read_once_to_know_a_coverage(network, monkeypatch):
    known = coverage(network, photos(40), Spots(), n=40, resamples=20, permutations=20, halves=None)
    hashed, fingerprint = [], Data.fingerprint
    monkeypatch.setattr(Data, "fingerprint", lambda self: hashed.append(1) or fingerprint(self))
    found(network, losing("blue"), data=photos(40), known=known)
    assert len(hashed) == 1


def test_without_anything_of_similar_area_it_is_said(network):
    data = photos()
    data[:, :, :, :8] = GROUND
    result = found(network, losing("blue"), data=data)
    assert np.isnan(result.others) and not result.named  # what is not known speaks for nothing
    assert "no photo shows another concept of similar area" in result.notes[0]
    assert "an unknown share beyond other concepts" in str(result)
    for text in (str(result), verdict(result), details(result), verdict(replace(result, named=True))):
        assert "nan" not in text
    assert "no other concept of its size tells what is usual" in verdict(result)


def test_a_control_that_says_nothing_is_said(network):
    """No other concept in the generator's pictures, and no photo of theirs shows this one."""

    class Alone(Spots):
        def __call__(self, images):
            seg = super().__call__(images)
            seg[images[:, 0, 0, -1] != GROUND] = 0
            return seg

    result = omissions(network, photos(), Alone(), "blue", reconstruct=losing("blue"), n=12, pool=40)
    assert np.isnan(result.control_lost) and np.isnan(result.excess) and not result.named
    assert not any("nan" in text for text in (str(result), verdict(result), details(result)))
    assert "what the search loses anyway is not known" in verdict(result)


@pytest.mark.parametrize(("n", "named"), [(2, False), (3, False), (7, False), (8, True)])
def test_a_few_photos_name_nothing(network, n, named):
    """The bootstrap of a few photos hardly has a width."""
    result = found(network, losing("blue"), n=n, pool=60)
    assert result.excess_interval[0] == 1 and result.named == named
    assert named == (f"only {n} photos: nothing is called an omission below 8" not in result.notes)
    assert named == ("too few" not in verdict(result))


@pytest.mark.parametrize(("many", "named"), [(1, False), (7, False), (8, True)])
def test_a_few_photos_with_another_concept_name_nothing(network, many, named):
    """Twenty photos, of which few say what photos lose anyway: those few drawn again hardly vary."""
    data = photos()
    data[many:, :, :, :8] = GROUND
    result = found(network, losing("blue"), data=data, n=20)
    assert result.compared[0].any(1).sum() == many and result.beyond_interval == (1, 1) and result.named == named
    told = f"only {many} of 20 photos show another concept of similar area"
    assert named == (told not in str(result.notes)) == ("with another concept of its size" not in verdict(result))


def inverted(before, kept):
    """Pictures of 64 pixels with so much of two concepts, and so much of it in its place."""
    before, kept = np.array(before), np.array(kept)
    n, plain = len(before), np.zeros((len(before), 8, 8, 3), np.uint8)
    seg = np.zeros((n, 1, 8, 8), int)
    return Inverted(np.arange(n), plain, plain, seg, seg, before, kept, kept, np.full(n, 20.0))


def judgement(control, kind):
    about = {"concepts": ("tree", "house"), "categories": ("x", "x"), "settings": {}}
    about |= {"network": "g", "data": "d", "segmenter": "s"}
    photos = inverted([[20, 20]] * 20, [[0, 18]] * 20)  # trees are lost, houses but for a tenth are not
    return judged("tree", photos, inverted(*control), kind, 2, about)


@pytest.mark.parametrize(("many", "named"), [(1, False), (7, False), (8, True)])
def test_a_few_pictures_that_say_what_a_search_loses_name_nothing(many, named):
    """A control of other concepts, of whose twenty pictures few show one of similar area."""
    before = [[0, 20]] * many + [[0, 0]] * (20 - many)
    result = judgement((before, before), "other concepts")
    assert result.excess_interval == (1, 1) and result.named == named
    told = f"only {many} of 20 pictures of the control show a concept of similar area"
    assert named == (told not in str(result.notes)) == ("is not known" not in verdict(result))


@pytest.mark.parametrize(("house", "beyond"), [(20, 0.9), (0, 0.9)])
def test_how_a_concept_compares_in_one_picture_does_not_speak_for_an_omission(house, beyond):
    """The only picture of the control with a house loses it, or keeps it: neither makes the difference larger."""
    result = judgement(([[20, 20]] + [[20, 0]] * 19, [[20, house]] + [[20, 0]] * 19), "same concept")
    assert result.beyond_others == pytest.approx(beyond)


class Bars(nn.Module):
    """A red bar above and a blue one below, whose lengths vary by z."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(2, 2)

    def forward(self, z):
        bars = torch.arange(32) < (6 * torch.exp(0.9 * z)).round()[:, :, None]
        red, blue = (bar[:, None].expand(-1, 16, -1).float() for bar in bars.unbind(1))
        none = torch.zeros_like(red)
        return torch.stack([torch.cat([red, none], 1), torch.cat([none, none], 1), torch.cat([none, blue], 1)], 1)


class Lengths(Spots):
    name, concepts = "lengths", ("red", "blue", "green")

    def __call__(self, images):
        return ((images[:, 0] > 0.5) + 2 * (images[:, 2] > 0.5))[:, None].to(torch.uint8)


@pytest.mark.parametrize("smallest", [1, 2])
def test_photos_that_are_the_generators_own_lose_no_more_than_its_pictures(smallest):
    """A search that loses everything shorter than so much, of any concept in any picture, and so is no omission."""
    network = TorchGenerator(Bars(), z_shape=(2,), name="bars")

    def search(images):
        drawn = images.clone()
        for rows in (slice(0, 16), slice(16, 32)):
            short = images[:, :, rows].amax(1)[:, 0].sum(1) <= smallest
            drawn[short, :, rows] = 0
        return drawn

    results = []
    options = {"n": 80, "pool": 200, "batch": 80}
    for repeat in range(10):
        data = network.images(network.sample_z(200, seed=100 + repeat)).detach()
        results.append(omissions(network, data, Lengths(), "blue", reconstruct=search, seed=repeat, **options))
    assert {result.control_kind for result in results} == {"same concept"}
    for name in ("excess", "beyond_others"):  # photos as small as `least` alone allows lose 7 % more
        assert np.mean([getattr(result, name) for result in results]) == pytest.approx(0, abs=0.03), name
    held = [low <= 0 <= high for result in results for low, high in (result.excess_interval, result.beyond_interval)]
    assert sum(held) >= 17  # of 20, each with probability 0.95
    for result in results:  # both are as large as a third of the usual length, 6
        assert {part.before[:, 1].min() // 16 for part in (result.photos, result.control)} <= {2, 3}


def brute(seg, drawn, n_concepts, reach):
    """Pixels before, after and near by looking around every pixel."""
    answers = np.zeros((3, n_concepts), int)
    for c in range(1, n_concepts + 1):
        mask, other = (seg == c).any(0), (drawn == c).any(0)
        near = sum(
            bool(mask[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].any())
            for y, x in zip(*other.nonzero(), strict=True)
        )
        answers[:, c - 1] = mask.sum(), other.sum(), min(near, mask.sum())
    return answers


@pytest.mark.parametrize(("height", "width", "reach"), [(16, 16, 1), (33, 48, 2), (64, 57, 4), (5, 90, 1)])
def test_areas_are_those_of_looking_around_every_pixel(height, width, reach):
    random = np.random.RandomState(height)
    seg, drawn = (random.randint(0, 6, (2, height, width)) * (random.rand(2, height, width) < 0.05) for _ in range(2))
    areas = _areas(torch.from_numpy(seg), torch.from_numpy(drawn), 7)
    assert np.array_equal(areas, brute(seg, drawn, 7, reach)) and areas[2].min() == 0 < areas[2].max()


def test_many_concepts_of_a_large_picture_cost_little():
    """150 concepts at 256 pixels cost less than pooling (2r + 1)² pixels around those of three of them."""
    seg = torch.from_numpy(np.random.RandomState(0).randint(0, 151, (2, 1, 256, 256)))
    start = perf_counter()
    _areas(seg[0], seg[1], 150)
    taken, start = perf_counter() - start, perf_counter()
    torch.nn.functional.max_pool2d(torch.stack([seg[0, 0] == c for c in (1, 2, 3)])[None].float(), 33, 1, 16)
    assert taken < perf_counter() - start


def test_a_stop_acts_between_two_pictures(network):
    steps = []
    for share in omitting(network, photos(), Spots(), "blue", reconstruct=losing("blue"), n=12, pool=40, batch=12):
        steps.append(share)
    assert len([share for share in steps[:-1] if share > 0.2]) == 2 * 13


def test_progress_reaches_the_end(network):
    shares = []
    found(network, losing("blue"), progress=shares.append)
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) >= 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concept": "cat"}, r"`concept` must be one the segmenter names, \['spot', 'blue', 'green'\], got 'cat'"),
        ({"concept": "green"}, "`concept` 'green' must be shown by at least 2 photos, but 0 of 20 show it"),
        ({"least": 5.0}, "take a lower `least`"),
        ({"n": 1}, "`n` must be at least 2"),
        ({"margin": 1.5}, r"`margin` must lie in \[0, 1\)"),
        ({"margin": float("nan")}, "`margin` must be finite, got nan"),
        ({"least": float("nan")}, "`least` must be finite, got nan"),
        ({"least": -5}, "`least` must lie in 0 to 100, percent of an image, got -5"),
    ],
)
def test_what_cannot_be_measured_is_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        found(network, losing("blue"), **options)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: checked_shares("x", 0.25), "`margin` must be a number, got 'x'"),
        (lambda: checked_shares(0.4, "1"), "`least` must be a number, got '1'"),
        (lambda: checked_shares(True, 1), "`margin` must be a number, got True"),
        (lambda: chosen_by("found.gwc"), "`known` must be a Coverage, got str; gw.coverage.load opens a file"),
        (lambda: images_of([1]), "`reconstruct` must give images as a tensor, or .* got list"),
    ],
)
def test_what_is_of_another_kind_is_refused(check, message):
    """In words, where nothing else looks at the types of arguments."""
    with pytest.raises(TypeError, match=message):
        check()


def test_a_search_that_gives_no_images_is_refused(network):
    with pytest.raises(TypeError, match=r"`reconstruct` must give images as a tensor, or something .* got list"):
        found(network, lambda images: [1])


def test_nothing_is_said_of_how_somebodys_own_search_works(network):
    assert {"strategy", "steps"}.isdisjoint(found(network, losing("blue"), steps=3).settings)


@pytest.mark.parametrize("answer", [lambda images: images[:, :, :8], lambda images: images * torch.nan])
def test_a_search_that_gives_something_else_is_refused(network, answer):
    with pytest.raises(ValueError, match=r"`reconstruct` must give finite images of shape \(5, 3, 16, 16\), got"):
        found(network, answer)


def test_without_a_search_photos_are_inverted_by_the_latent_alone(network, monkeypatch):
    asked = []

    def reconstruct(network, images, strategy, steps):
        asked.append((network, strategy, steps, torch.is_grad_enabled()))
        return images

    monkeypatch.setattr(import_module("ganwidgets.invert.reconstruct"), "reconstruct", reconstruct)
    result = found(network, None, steps=7)
    assert set(asked) == {(network, "ridge+z", 7, True)}
    assert result.settings["strategy"] == "ridge+z" and result.settings["steps"] == 7
    assert found(network, None, strategy="ridge+r").settings["strategy"] == "ridge+r"
