"""What the first 64 images say: where a unit's tail begins, and that later surprises do no harm."""

import numpy as np
import pytest
import torch

from ganwidgets.dissect.calibrate import TAIL, at_levels, calibrate, first_look, tail_levels
from ganwidgets.dissect.options import Options
from ganwidgets.nn.images import upsample


def options(top_fraction=0.05, **more):
    return Options(layers=("maps",), top_fraction=top_fraction, **more)


def dissected(work):
    list(work.steps())
    return work.result()


@pytest.fixture
def ramp():
    """One unit that takes the values 0, 1, ..., 6399, once each, and one with their negatives times two."""
    values = torch.from_numpy(np.random.RandomState(0).permutation(6400)).float().view(64, 1, 10, 10)
    return torch.cat([values, -2 * values], 1)


def test_levels_are_those_above_which_the_shares_lie(ramp):
    """Every second row and column is looked at, a quarter of the pixels: within 4 standard errors."""
    for share in (0.5, 0.1, 0.01):
        [level] = tail_levels(ramp, (share,), (10, 10), "clamp")
        above = (ramp > level[:, None, None]).float().mean((0, 2, 3))
        np.testing.assert_allclose(above, share, rtol=0, atol=4 * np.sqrt(share / 1600))


def test_levels_are_exact_on_the_places_looked_at(ramp):
    for level, share in zip(tail_levels(ramp, (0.25, 0.01), (10, 10), "clamp"), (0.25, 0.01), strict=True):
        above = (ramp[:, :, ::2, ::2] > level[:, None, None]).sum((0, 2, 3))
        assert above.tolist() == [round(1600 * share) - 1] * 2


def test_levels_of_many_units_are_those_of_each(monkeypatch):
    acts = torch.randn(16, 40, 4, 4, generator=torch.Generator().manual_seed(0))
    grid = (256, 256)  # 16 * 128 * 128 places looked at: 32 units at once
    [together] = tail_levels(acts, (0.1,), grid, "clamp")
    for unit in (0, 31, 32, 39):
        [alone] = tail_levels(acts[:, unit : unit + 1], (0.1,), grid, "clamp")
        torch.testing.assert_close(together[unit], alone[0])


def test_padding_matters_to_the_levels():
    acts = torch.ones(4, 1, 2, 2)
    [clamp], [zeros] = (tail_levels(acts, (0.9,), (16, 16), padding) for padding in ("clamp", "zeros"))
    assert clamp[0] == 1 and zeros[0] < 1


@pytest.mark.parametrize("top_fraction", [0.01, 0.05, 0.2])
def test_half_of_the_bins_lie_where_the_threshold_is(ramp, top_fraction):
    found = calibrate(ramp, (10, 10), options(top_fraction), 4)
    for unit in (0, 1):
        values = ramp[:, unit].flatten()
        assert (values > found.edges.origin[unit]).float().mean() == pytest.approx(TAIL * top_fraction, abs=0.03)
        assert (values > found.provisional[unit]).float().mean() == pytest.approx(top_fraction, abs=0.02)
        end = found.edges.origin[unit] + found.edges.span[unit]
        assert (values > end).float().mean() == pytest.approx(top_fraction / 20, abs=0.006)
    assert found.edges.n_bins == 512 and not found.edges.two_sided and found.concept is None


@pytest.mark.parametrize("value", [0.0, -3.0, 5.0, 1e6, 1e-20, -1e30])
def test_a_constant_unit_has_a_tail_of_nothing(value):
    found = calibrate(torch.full((64, 1, 4, 4), value), (16, 16), options(), 4)
    assert found.edges.origin[0] == found.provisional[0] == value and found.edges.span[0] > 0


def test_known_thresholds_need_one_bin():
    found = at_levels(torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([3, 1]))
    assert found.edges.n_bins == 1 and found.concept.tolist() == [3, 1]
    assert found.edges.origin.tolist() == found.provisional.tolist() == [1, 2]
    assert found.provisional.dtype == torch.float32


@pytest.mark.parametrize("most", [1, 3000, 2**24])
def test_the_first_look_gives_the_iou_of_every_pair(monkeypatch, most):
    monkeypatch.setattr("ganwidgets.dissect.calibrate.MOST_PIXELS", most)
    random = torch.Generator().manual_seed(0)
    acts = torch.rand(64, 3, 8, 8, generator=random)
    seg = torch.randint(0, 4, (64, 2, 64 * 16), generator=random).to(torch.uint8)
    seg[:, 1] = seg[:, 1] // 3 * 4  # concepts 1 to 3 in the first slot, 4 in the second
    concepts = torch.stack([(seg == number).sum() for number in range(1, 5)])
    known = at_levels(torch.tensor([0.5, 0.7, 0.9]), torch.zeros(3, dtype=torch.int64))
    found, iou = first_look(acts, known, seg, concepts, (32, 32), "clamp")
    active = upsample(acts, (32, 32)).flatten(2) > known.provisional[:, None]
    for unit in range(3):
        for number in range(1, 5):
            here, there = active[:, unit], (seg == number).any(1)
            assert iou[unit, number - 1] == pytest.approx(int((here & there).sum()) / int((here | there).sum()))
    per_image = int(active.sum()) / (64 * 3)
    assert found.spacing == (4 if per_image >= 160 else 2) and found.provisional is known.provisional


@pytest.fixture
def fading(make_generator, make_segmenter):
    """Activations that shrink or grow with the number of the image, which the sampler puts into the latent."""

    def make(factor):
        left = torch.zeros(8, 8)
        left[:, :4] = 1

        def sampler(n, seed):
            z = np.random.RandomState(seed).uniform(0.5, 1, (n, 2)) * np.sign(
                np.random.RandomState(seed + 1).standard_normal((n, 2))
            )
            return np.concatenate([z, np.where(np.arange(n) < 64, 1, factor)[:, None]], 1)

        def maps(z):
            return ((z[:, :1] * z[:, 2:]).clamp(min=0))[:, :, None, None] * left

        generator = make_generator(maps, lambda x: (x > 0) * 2.0 - 1, depth=3, sampler=sampler)
        return generator, make_segmenter(lambda images: (images > 0).to(torch.uint8), ["red"])

    return make


@pytest.mark.parametrize("factor", [1, 30, 100, 0.01])
def test_first_images_that_are_unlike_the_rest_do_no_harm(fading, start, factor):
    """The threshold that takes 10 % of all pixels is found from the bins, wherever it lies; the exact way agrees."""
    streamed, exact = (
        dissected(start(*fading(factor), layers=("maps",), n=256, top_fraction=0.1, exact=exact)).layer()
        for exact in (False, True)
    )
    if factor == 0.01:  # 64 bright images of 256 hold a tenth of the pixels and more
        assert streamed.area[0] == pytest.approx(exact.area[0], abs=0.03)
    else:
        assert streamed.area[0] == pytest.approx(0.1, abs=0.03)
        assert streamed.label_iou[0] == pytest.approx(exact.label_iou[0], abs=0.1)
        assert streamed.threshold[0] == pytest.approx(exact.threshold[0], rel=0.1)


@pytest.mark.parametrize("top_fraction", [0.02, 0.1, 0.2])
def test_a_highest_value_that_fills_more_than_its_share_is_above_the_threshold(planted, reader, start, top_fraction):
    """Unit 0 is 1 on a quarter of the pixels and 0 elsewhere; at 0.02 even the tail is a part of that."""
    result = dissected(start(planted, reader, top_fraction=top_fraction))
    found = result.layer()
    if top_fraction == 0.02:
        assert found.status[0] == "saturated" and found.area[0] == 0
        return
    assert found.area[0] == found.concept_area[0] and found.label_iou[0] == 1
    assert 0 < found.threshold[0] < 1
    examples = result.exemplars(0)
    assert (examples.mask == (examples.seg[:, 0] == 1)).all() and examples.mask.any()
    assert 0.1 < found.iou_chance[0] < 1 and found.above_chance[0]
    np.testing.assert_array_equal(found.interval[0], [1, 1])


def test_the_interval_of_such_a_unit_is_not_empty(independent, start):
    """Both rules for what is active agree, so the interval is that of a top fraction that cuts nothing."""
    network, segmenter = independent
    cut, whole = (
        dissected(start(network, segmenter, layers=("maps",), n=128, top_fraction=share)).layer()
        for share in (0.15, 0.4)
    )
    np.testing.assert_array_equal(cut.interval, whole.interval)
    np.testing.assert_array_equal(cut.iou_chance, whole.iou_chance)
    assert np.ptp(cut.interval[0]) > 0.1
