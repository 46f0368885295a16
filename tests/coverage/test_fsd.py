"""The distance as published, beside its floor, with intervals that hold the truth as often as they say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ganwidgets.coverage.fsd import fsd
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.nn.frechet import gaussian_distance

GOLDEN = Path(__file__).parents[1] / "data" / "fsd"
RTOL = {"random20": 1e-6, "scene_model_vs_scenes": 1e-6, "rank_deficient": 1e-5, "realistic336": 1e-5}


def golden(case):
    with np.load(GOLDEN / "areas.npz") as file:
        areas = [100 * file[f"{case}.{side}"].astype(np.float64) for side in ("true", "gen")]
    return areas, json.loads((GOLDEN / "fsd.json").read_text())["cases"][case]["reference"]


@pytest.mark.parametrize("case", RTOL)
def test_published_distances_and_what_each_concept_adds(case):
    (true, gen), reference = golden(case)
    found = fsd(true, gen, floor=False, halves=20)
    wanted = [reference[name] for name in ("fsd", "meandiff", "covdiff")]
    np.testing.assert_allclose([found.distance, found.mean, found.covariance], wanted, rtol=RTOL[case])
    assert found.contributions.min() >= 0 and len(found.contributions) == true.shape[1]
    np.testing.assert_allclose(found.contributions.sum(0), [found.mean, found.covariance], rtol=1e-7)
    assert np.isnan(found.floor) and not found.beyond_floor


def test_a_set_against_itself():
    (true, gen), _ = golden("same")
    found = fsd(true, gen, halves=20)
    assert 0 <= found.distance < 1e-9 and found.interval[0] == 0


def test_contributions_on_paper():
    """Independent columns: (μ − μ')² of each, and (σ − σ')² of each; the third never varies and differs by 5."""
    one = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1.0]]) * np.sqrt(3) / 2  # variances of 1
    rows = np.column_stack([2 * one[:, 0], one[:, 1], np.full(4, 5.0)])
    others = np.column_stack([3 * one[:, 0] + 1, one[:, 1], np.zeros(4)])
    found = fsd(rows, others, concepts=("a", "b", "c"), floor=False, halves=20)
    np.testing.assert_allclose(found.contributions, [[1, 1], [0, 0], [25, 0]], atol=1e-9)
    assert found.to_frame()["concept"].tolist() == ["c", "a", "b"]
    assert found.to_frame()["share"].tolist() == pytest.approx([25 / 27, 2 / 27, 0])


def gaussians(n, shift, scale, seed, columns=4):
    """Two sets of a known distance: means apart by `shift`, covariances by a factor."""
    random, factor = np.random.RandomState(seed), np.random.RandomState(9).normal(size=(4, 4))[:columns, :columns]
    rows, others = (random.normal(size=(n, columns)) @ factor.T for _ in range(2))
    cov = factor @ factor.T
    truth = gaussian_distance(np.zeros(columns), cov, np.full(columns, float(shift)), cov * scale).distance
    return rows, others * np.sqrt(scale) + shift, truth


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (0.3, 1.2), (1.0, 1.5)])
def test_intervals_hold_a_known_distance_and_the_debiased_one_is_near_it(shift, scale):
    held, distances, debiased = 0, [], []
    for seed in range(40):
        rows, others, truth = gaussians(120, shift, scale, seed)
        found = fsd(rows, others, floor=False, halves=30, seed=seed)
        held += found.interval[0] <= truth <= found.interval[1]
        distances.append(found.distance)
        debiased.append(found.debiased)
    assert held >= 34  # of 40; 38 are expected, and more near 0
    bias, left = np.mean(distances) - truth, np.mean(debiased) - truth
    assert bias > 0 and abs(left) < 0.45 * bias


def test_the_floor_is_what_two_real_sets_of_these_sizes_give():
    """Halves of 400 images, scaled to 400 against 800, agree with 30 fresh pairs of such sets."""
    rows, others, _ = gaussians(400, 0, 1, 1)
    found = fsd(rows, np.concatenate([others, others]), halves=60)
    fresh = []
    for seed in range(30):
        one, other, _ = gaussians(800, 0, 1, 100 + seed)
        fresh.append(fsd(one[:400], other, floor=False, halves=20).distance)
    assert found.floor == pytest.approx(np.mean(fresh), rel=0.3)
    assert found.floor_interval[0] < np.mean(fresh) < found.floor_interval[1]


def test_the_floor_of_further_real_images_is_measured_directly():
    rows, others, _ = gaussians(200, 0, 1, 2)
    further = gaussians(200, 0, 1, 3)[0]
    found = fsd(rows, others, floor=further, halves=40)
    assert found.floor == pytest.approx(fsd(rows, further, floor=False, halves=20).distance)
    assert not found.beyond_floor
    assert fsd(rows, others + 1, floor=further, halves=40).beyond_floor


def test_the_bias_falls_with_the_number_of_images():
    rows, others, truth = gaussians(320, 0.3, 1.2, 4)
    found = fsd(rows, others, floor=False, halves=60)
    assert list(found.bias) == [40, 80, 160, 320] and found.bias[320] == found.distance
    assert found.bias[40] > found.bias[80] > found.bias[160]
    assert abs(found.extrapolated - truth) < abs(found.bias[80] - truth)


def test_too_few_images_for_a_covariance_are_said_and_shrinkage_helps():
    rows, others, _ = gaussians(12, 0, 1, 5)
    wide, other_wide = (np.random.RandomState(i).normal(size=(12, 30)) for i in range(2))
    assert not fsd(rows, others, halves=20).notes
    found = fsd(wide, other_wide, halves=20)
    assert (
        found.enough == 31 and "12 images are too few for a covariance of 30 concepts, which needs 31" in found.notes[0]
    )
    shrunk = fsd(wide, other_wide, shrinkage="ledoit-wolf", halves=20)
    assert shrunk.distance < found.distance / 2 and all(0 < amount <= 1 for amount in shrunk.shrinkage)
    np.testing.assert_allclose(shrunk.contributions.sum(), shrunk.distance, rtol=1e-7)


def test_unlabelled_pixels_are_a_column_where_asked_for():
    """The published distance counts index 0, too: with one slot, areas and unlabelled pixels sum to 100 %."""
    seg = torch.from_numpy(np.random.RandomState(0).randint(0, 4, (2, 40, 1, 4, 4)).astype(np.uint8))
    counts = [AreaCounts(3, 1, 16) for _ in range(2)]
    for each, part in zip(counts, seg, strict=True):
        each.add(part, range(40))
    rows = [np.stack([100 * (part == i).sum((1, 2, 3)).numpy() / 16 for i in range(4)], 1) for part in seg]
    found = fsd(*counts, concepts=("a", "b", "c"), unlabelled=True, floor=False, halves=20)
    assert found.distance == pytest.approx(fsd(*rows, floor=False, halves=20).distance)
    assert found.concepts == ("unlabelled", "a", "b", "c")
    assert fsd(*counts, floor=False, halves=20).distance == pytest.approx(
        fsd(rows[0][:, 1:], rows[1][:, 1:], floor=False, halves=20).distance
    )


def test_the_floor_is_of_the_columns_of_the_distance():
    """140 concepts that nothing shows are shrunk neither in the distance nor in its floor."""
    random = np.random.RandomState(0)
    rows, others, further = (np.pad(10 * random.rand(60, 10), ((0, 0), (0, 140))) for _ in range(3))
    further[:, 10] = random.rand(60)  # what only further images show counts everywhere
    for floor, columns in ((True, 10), (further, 11)):
        options = {"shrinkage": "ledoit-wolf", "halves": 20}
        wide = fsd(rows, others, floor=floor, **options)
        narrow = fsd(rows[:, :columns], others[:, :columns],
                     floor=floor if floor is True else floor[:, :columns], **options)  # fmt: skip
        assert wide.distance == pytest.approx(narrow.distance) and wide.floor == pytest.approx(narrow.floor)
        assert wide.floor_interval == pytest.approx(narrow.floor_interval)
    direct = fsd(rows[:, :11], further[:, :11], floor=False, **options).distance
    assert wide.floor == pytest.approx(direct)


@pytest.mark.parametrize("n", [2, 3])
def test_so_few_images_have_no_interval_and_it_is_said(n):
    random = np.random.RandomState(n)
    found = fsd(10 * random.rand(n, 2), 10 * random.rand(n, 2) + 5, halves=20)
    assert np.isnan(found.interval).all() and np.isnan(found.debiased) and np.isnan(found.floor)
    assert "of infinitely many images not known from so few" in str(found) and "nan" not in str(found)


@pytest.mark.parametrize(
    ("rows", "others", "message"),
    [
        (np.ones((1, 3)), np.ones((5, 3)), r"`data` must hold at least 2 images for a covariance"),
        (np.ones((5, 3)), np.ones((5, 4)), "must have the same concepts, got 3 and 4 columns"),
        (np.ones((5, 3)), np.full((5, 3), np.nan), "`generated` must be finite areas .* got NaN or infinity"),
        (np.ones(5), np.ones((5, 1)), r"`data` must be finite areas .* got shape \(5,\)"),
    ],
)
def test_areas_that_cannot_be_compared_are_refused(rows, others, message):
    with pytest.raises(ValueError, match=message):
        fsd(rows, others)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shrinkage": "oas"}, r"`shrinkage` must be one of \[None, 'ledoit-wolf'\], got 'oas'"),
        ({"concepts": ("a",)}, "`concepts` must name the 3 columns, got 1"),
        ({"halves": 3}, "`halves` must be at least 20"),
        ({"floor": np.ones((5, 2))}, "`floor` must have the 3 concepts of `data`, got 2"),
        ({"unlabelled": True}, "`unlabelled` needs counted areas"),
    ],
)
def test_options_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fsd(np.random.rand(5, 3), np.random.rand(5, 3), **options)
