"""Intervals hold what they promise, and the highest of many drops loses its bias."""

import numpy as np
import pytest


def test_the_paired_interval_covers_the_true_drop_in_95_of_100_samples():
    from ganwidgets.ablate.class_statistics import paired_interval

    random = np.random.RandomState(0)
    for n, lose, win in ((20, 0.3, 0.05), (100, 0.05, 0.02), (500, 0.2, 0.2)):
        lost, won, _ = random.multinomial(n, [lose, win, 1 - lose - win], 4000).T
        low, high = paired_interval(lost, won, n).T
        covered = ((low <= lose - win) & (lose - win <= high)).mean()
        assert 0.93 <= covered <= 0.99


def test_no_change_in_few_images_is_no_certainty():
    from ganwidgets.ablate.class_statistics import paired_interval

    few, many = (paired_interval(np.array([0]), np.array([0]), n)[0] for n in (5, 500))
    assert few[0] < -0.2 and few[1] > 0.2
    assert -0.01 < many[0] < 0 < many[1] < 0.01
    assert paired_interval(np.array([5]), np.array([0]), 5)[0, 1] == 1  # never beyond 1


def test_the_interval_of_a_share_is_wilsons():
    from ganwidgets.nn.proportions import proportion_interval

    np.testing.assert_allclose(
        proportion_interval(np.array([0, 5, 10]), 10)[[0, 1]], [[0, 0.2775], [0.2366, 0.7634]], atol=1e-4
    )


def test_sums_are_those_of_each_class_in_any_order():
    from ganwidgets.ablate.class_statistics import class_sums

    values, place = np.array([[1, 2, 3, 4], [-1, 0, 1, 0]], np.int8), np.array([1, 0, 1, 2])
    assert class_sums(values, place, 3).tolist() == [[2, 4, 4], [0, 0, 0]]
    assert class_sums(np.full((1, 300), 1, np.int8), np.zeros(300, int), 1).tolist() == [[300]]  # beyond 8 bits


@pytest.fixture(scope="module")
def noise():
    """Units that lose and win images by chance: every true class drop is 0."""
    random = np.random.RandomState(1)
    change = random.choice([-1, 0, 1], p=(0.1, 0.8, 0.1), size=(400, 600)).astype(np.int8)
    return change, np.arange(600) % 30


def test_the_highest_of_many_is_too_high_and_split_halves_are_not(noise):
    from ganwidgets.ablate.class_statistics import class_sums, split_half_max

    change, place = noise
    plain = (class_sums(change, place, 30) / 20).max(1)
    corrected, chosen = split_half_max(change, place, 30, splits=10, seed=0)
    error = corrected.std() / np.sqrt(len(corrected))
    assert plain.mean() > 0.15  # "some class loses a sixth", in units that do nothing
    assert abs(corrected.mean()) < 4 * error < 0.02
    np.testing.assert_allclose(chosen.sum(1), 1)


def test_split_halves_find_a_drop_that_is_there(noise):
    from ganwidgets.ablate.class_statistics import split_half_max

    change, place = noise
    hit = change.copy()
    hit[:, place == 7] = 1
    hit[:, np.flatnonzero(place == 7)[::4]] = 0  # class 7 loses 15 of 20
    corrected, chosen = split_half_max(hit, place, 30, splits=10, seed=0)
    assert corrected.mean() == pytest.approx(0.75, abs=0.01)
    assert chosen[:, 7].mean() > 0.99


def test_halves_are_of_each_class_and_the_odd_image_takes_turns():
    from ganwidgets.ablate.class_statistics import halves

    place = np.array([0] * 5 + [1] * 4 + [2])
    counts = np.array([np.bincount(place[halves(place, 3, seed)], minlength=3) for seed in range(40)])
    assert set(counts[:, 0]) == {2, 3} and set(counts[:, 1]) == {2} and set(counts[:, 2]) == {0, 1}


def test_classes_of_one_image_take_no_part():
    from ganwidgets.ablate.class_statistics import split_half_max

    change = np.array([[1, 0, 0]], np.int8)
    value, chosen = split_half_max(change, np.array([0, 1, 1]), 2, splits=5, seed=0)
    assert value.tolist() == [0] and chosen.tolist() == [[0, pytest.approx(1)]]
    assert np.isnan(split_half_max(change, np.array([0, 1, 2]), 3, splits=5, seed=0)[0]).all()


def test_shuffling_says_how_high_chance_goes(noise):
    from ganwidgets.ablate.class_statistics import class_sums, shuffled_max

    change, place = noise
    level = shuffled_max(change, place, 30, shuffles=60, seed=0)
    above = ((class_sums(change, place, 30) / 20).max(1) > level).mean()
    assert 0.01 <= above <= 0.1  # 1 in 20
