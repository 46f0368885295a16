"""Distances known on paper, then those of the published code (see ../data/fsd/README.md for its tolerances)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ganwidgets.nn.frechet import AreaMoments, frechet_distance

GOLDEN = Path(__file__).parents[1] / "data" / "fsd"
RTOL = {"random20": 1e-6, "scene_model_vs_scenes": 1e-6, "rank_deficient": 1e-5, "realistic336": 1e-5}


def golden(case):
    with np.load(GOLDEN / "areas.npz") as file:
        areas = [100 * file[f"{case}.{side}"].astype(np.float64) for side in ("true", "gen")]
    return areas, json.loads((GOLDEN / "fsd.json").read_text())["cases"][case]["reference"]


@pytest.mark.parametrize("case", RTOL)
def test_published_distances(case):
    (true, gen), reference = golden(case)
    for sides in ((true, gen), (gen, true)):
        found = frechet_distance(*sides)
        wanted = [reference[name] for name in ("fsd", "meandiff", "covdiff")]
        np.testing.assert_allclose(found, wanted, rtol=RTOL[case])
        assert float(found) == found.distance


@pytest.mark.parametrize("case", ["same", *RTOL])
def test_a_set_against_itself_gives_nothing_and_never_less(case):
    (areas, _), _ = golden(case)
    distance, mean, covariance = frechet_distance(areas, areas.copy())
    assert mean == 0
    assert 0 <= covariance == distance < 1e-12 * max(1, np.square(areas).sum())


def test_on_paper():
    """Variances 2 and 8 a column, means 1 and 4: (4 − 1)² + (√8 − √2)² = 9 + 2, for one column and for two."""
    one, other = np.array([[0.0], [2.0]]), np.array([[2.0], [6.0]])
    assert frechet_distance(one, other) == pytest.approx((11, 9, 2))
    assert frechet_distance(np.hstack([one, one[::-1]]), np.hstack([other, other[::-1]])) == pytest.approx((22, 18, 4))


def test_orthogonal_directions_share_nothing():
    """Rank one each, along different axes: the traces add up."""
    one, other = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0, -1.0], [1.0, 1.0]])
    assert frechet_distance(one, other) == pytest.approx((4, 0, 4))


def segmentations(n, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, 6, (n, 2, 4, 8)).astype(np.uint8))


def counted(n):
    seen = AreaMoments(5, 32)
    seen.add(segmentations(n))
    return seen


def rows(seg):
    return np.stack([100 * (seg == number).sum((1, 2, 3)).numpy() / 32 for number in range(1, 6)], 1)


def test_moments_of_segmentations_are_those_of_their_areas():
    seen, areas = counted(30), rows(segmentations(30))
    assert seen.n == 30
    np.testing.assert_allclose(seen.mean(), areas.mean(0), rtol=1e-13)
    np.testing.assert_allclose(seen.covariance(), np.cov(areas.T), rtol=1e-10, atol=1e-10)
    other = rows(segmentations(20, seed=1))
    np.testing.assert_allclose(frechet_distance(seen, other), frechet_distance(areas, other), rtol=1e-9)


def test_moments_merge_in_any_order_and_outlive_a_file():
    seg = segmentations(30)
    whole, late, early = (AreaMoments(5, 32) for _ in range(3))
    whole.add(seg)
    late.add(seg[11:])
    early.add(seg[:11])
    late.merge(AreaMoments.from_state(early.state()))
    assert late.n == 30
    assert np.array_equal(late.mean(), whole.mean())
    assert np.array_equal(late.covariance(), whole.covariance())
    assert frechet_distance(late, whole).distance < 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: frechet_distance(np.zeros((1, 3)), np.zeros((5, 3))), "`areas` must hold at least 2 images, got 1"),
        (lambda: frechet_distance(np.zeros((5, 3)), AreaMoments(3, 32)), "`others` must hold at least 2 images, got 0"),
        (lambda: frechet_distance(np.zeros((5, 3)), counted(5)), "the same concepts, got 3 and 5 columns"),
        (lambda: frechet_distance(np.full((5, 3), np.nan), np.zeros((5, 3))), "`areas` must be finite areas .* NaN"),
        (lambda: AreaMoments(5, 32).merge(AreaMoments(5, 64)), "`other` must count images of 32 pixels, got 64"),
        (lambda: AreaMoments(5, 32).merge(AreaMoments(4, 32)), "`other` must have 5 columns, got 4"),
        (lambda: AreaMoments(5, 16).add(segmentations(2)), r"`seg` must have 16 pixels an image, got \(4, 8\)"),
        (lambda: AreaMoments(4, 32).add(segmentations(2)), "`seg` must hold 0 to 4, got 0 to 5"),
        (lambda: AreaMoments(9, 32).add(segmentations(2).long() - 1), "`seg` must hold 0 to 9, got -1 to 4"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
