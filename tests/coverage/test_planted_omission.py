"""The generator that was trained without trees: what it lacks is known, and is what is named first."""

import pytest

import ganwidgets as gw

N = 96


@pytest.fixture(scope="module")
def compared():
    settings = {"n": N, "batch": 40, "resamples": 100, "permutations": 200, "halves": 20}
    return {
        name: gw.coverage.coverage(gw.load(name), "scenes", "scenes", **settings)
        for name in ("scenes", "scenes-without-tree")
    }


def test_the_tree_is_named_first_with_an_interval_that_excludes_chance(compared):
    found = compared["scenes-without-tree"]
    tree = found.number("tree")
    assert found.network == "scenes-without-tree" and found.under[0] == "tree" == found.under_by(0.5)[0]
    assert found.ratio_interval[tree, 1] < 0.3 and found.family_interval[tree, 1] < 0.5
    assert found.p[tree] <= 0.05 and found.effect[tree] < -1
    assert found.fsd.beyond_floor and found.fsd.to_frame()["concept"].tolist().index("tree") < 4


def test_the_full_generator_draws_trees(compared):
    found = compared["scenes"]
    assert "tree" not in (*found.under, *found.over) and found.under_by(0.8) == ()
    assert found.fsd.distance < compared["scenes-without-tree"].fsd.distance
