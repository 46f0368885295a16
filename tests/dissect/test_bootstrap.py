"""The interval of an IoU: images are drawn again, whole, and the truth is mostly inside."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganwidgets.dissect.bootstrap import BLOCK, image_weights

UNIT = 0


@pytest.fixture
def interval(independent, start):
    """The interval of the unit whose true IoU is 1/3, with the layer's result."""
    network, segmenter = independent

    def interval(n, seed=1, **options):
        work = start(network, segmenter, **({"layers": ("maps",), "top_fraction": 0.4} | options), n=n, seed=seed)
        list(work.steps())
        return work.result().layer()

    return interval


@given(first=st.integers(0, 3 * BLOCK), count=st.integers(1, BLOCK + 5))
def test_an_image_has_the_same_weights_in_every_batch(first, count):
    whole = np.concatenate([image_weights(i * BLOCK, BLOCK, 20, 1) for i in range(5)], 1)
    found = image_weights(first, count, 20, 1)
    assert found.shape == (21, count)
    np.testing.assert_array_equal(found, whole[:, first : first + count])


def test_weights_are_those_of_drawing_with_replacement():
    """Poisson(1): mean and variance 1; 5 standard errors."""
    drawn = image_weights(0, 4 * BLOCK, 100, 1)[1:].astype(float)
    error = 5 / np.sqrt(drawn.size)
    assert abs(drawn.mean() - 1) < error and abs(drawn.var() - 1) < 2 * error
    assert abs((drawn == 0).mean() - np.exp(-1)) < error
    per_image = drawn - drawn.mean(0)
    near = abs(np.corrcoef(per_image[:50]) - np.eye(50))
    assert near.max() < 6 / np.sqrt(4 * BLOCK)  # draws know nothing of each other


def test_the_first_draw_is_the_sample_itself():
    assert (image_weights(1000, 64, 20, 1)[0] == 1).all()


def test_images_blocks_and_seeds_differ():
    a, b = image_weights(0, 2 * BLOCK, 100, 1), image_weights(0, 2 * BLOCK, 100, 2)
    assert (a != b).mean() > 0.5
    assert (a[1:, :BLOCK] != a[1:, BLOCK:]).mean() > 0.5
    assert len(np.unique(a, axis=1).T) == 2 * BLOCK


def test_intervals_mostly_cover_the_truth(interval):
    """At 95 %, 3 or more misses in 24 seeds have a probability of 0.12, 5 or more of 0.006."""
    found = [interval(128, seed).interval[UNIT] for seed in range(24)]
    assert sum(low <= 1 / 3 <= high for low, high in found) >= 20
    assert not all(low <= 0.27 <= high for low, high in found)  # it does say something


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_are_those_of_another_bootstrap(interval, independent, seed):
    """Images drawn with replacement by numpy, 4,000 times, from counts that are made here."""
    network, _ = independent
    found = interval(256, seed, resamples=400)
    z = network.sample_z(256, seed)
    unit, red = ((z[:, i] > 0).numpy() for i in (UNIT, 1))
    rows = np.random.RandomState(0).randint(0, 256, (4000, 256))
    both, either = ((x[rows]).sum(1) for x in (unit & red, unit | red))
    expected = np.quantile(both / either, [0.025, 0.975])
    np.testing.assert_allclose(found.interval[UNIT], expected, rtol=0, atol=0.15 * np.ptp(expected))


def test_four_times_the_images_halve_the_interval(interval):
    widths = [np.mean([np.ptp(interval(n, seed).interval[UNIT]) for seed in range(3)]) for n in (64, 256, 1024)]
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.25) == widths[1] / widths[2]


def test_the_interval_lies_around_the_iou(interval):
    found = interval(128)
    assert found.interval[UNIT, 0] < found.label_iou[UNIT] < found.interval[UNIT, 1]
    np.testing.assert_array_equal(found.interval[1], [1, 1])  # unit 1 is "red", whatever is drawn


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_intervals_stay_between_0_and_1(planted, reader, start, rule):
    work = start(planted, reader, rule=rule, n=70)
    list(work.steps())
    found = work.result().layer()
    assert (found.interval >= 0).all() and (found.interval <= 1).all()
    assert (found.interval[:, 0] <= found.interval[:, 1]).all()


def test_places_in_an_image_are_not_drawn_apart(make_generator, make_segmenter, start):
    """A unit that is all of a concept, but in half of the images only: the interval is wide, though pixels are many."""

    def maps(z):
        return (z[:, :2] > 0).float()[:, :, None, None].expand(-1, -1, 16, 16) * torch.linspace(0.5, 1, 16)

    read = make_segmenter(lambda images: (images > 0).to(torch.uint8), ["red"])
    work = start(make_generator(maps, lambda x: x[:, 1:] - 0.25), read, layers=("maps",), n=64, top_fraction=0.49)
    list(work.steps())
    assert np.ptp(work.result().layer().interval[UNIT]) > 0.15
