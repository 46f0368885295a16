"""Planted areas: ratios, names and intervals that are known on paper."""

import numpy as np
import pytest
import torch

from ganwidgets.coverage.statistics import compare
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.results.coverage import Coverage

SIDE = 10
ABOUT = {
    "network": "planted",
    "fingerprint": "a",
    "data": "made up",
    "data_fingerprint": "b",
    "segmenter": "exact",
    "labels": "segmenter",
    "concepts": ("sky", "tree", "car", "moon"),
    "categories": ("object",) * 4,
    "slots": ("object",),
    "options": {"n": 100, "seed": 1},
}


def areas(*columns):
    """Counts of images of 100 pixels with so many pixels of each concept, from the top left."""
    rows = np.stack(columns, 1).astype(int)
    seg = np.zeros((len(rows), SIDE * SIDE), np.int64)
    for image, row in zip(seg, rows, strict=True):
        image[: row.sum()] = np.repeat(np.arange(1, len(row) + 1), row)
    found = AreaCounts(len(columns), 1, SIDE * SIDE)
    found.add(torch.from_numpy(seg.reshape(-1, 1, SIDE, SIDE)), range(len(rows)))
    return found


def planted(n=100, seed=0, *, tree=1.0, car=True):
    """Sky about 40 %, a tree of about 10 % in half of the images, a car of 2 % in one of ten, never a moon."""
    random = np.random.RandomState(seed)
    sky = random.randint(30, 51, n)
    trees = np.round(random.randint(5, 16, n) * (random.uniform(size=n) < 0.5) * tree)
    cars = 2 * (np.arange(n) % 10 == 0) * car
    return areas(sky, trees, cars, np.zeros(n))


def compared(data, generated, **options) -> Coverage:
    settings = {"resamples": 300, "permutations": 200, "halves": 20} | options
    return compare(data, generated, ABOUT, **settings)


@pytest.fixture(scope="module")
def half_the_trees():
    return compared(planted(200), planted(200, 1, tree=0.5, car=False))


def test_the_planted_concepts_are_named_and_no_other(half_the_trees):
    found = half_the_trees
    assert set(found.under) == {"tree", "car"} and found.over == ()
    assert found.ratio[1] == pytest.approx(0.5, abs=0.15) and found.ratio[2] == 0 and np.isnan(found.ratio[3])
    assert found.ratio_interval[1, 0] < 0.5 < found.ratio_interval[1, 1] < 1
    assert found.family_interval[1, 0] < found.ratio_interval[1, 0]  # all at once are wider than one alone
    assert found.p[1] <= 0.05 < found.p[0] and found.p[3] == 1 and found.effect[1] < -0.3
    assert found.presence[2] == pytest.approx(0.1) and found.generated_presence[2] == 0
    assert found.difference[2] == pytest.approx(-0.2) and found.complete


def test_what_was_never_drawn_may_still_be_in_one_of_many(half_the_trees):
    """No car in 200 pictures: up to 1 − 0.025^(1/200) = 1.8 % of pictures may have one, of the 10 % of the data."""
    share = 1 - 0.025 ** (1 / 200)
    assert half_the_trees.ratio_interval[2].tolist() == pytest.approx([0, share / 0.1])
    assert half_the_trees.generated_interval[2].tolist() == pytest.approx([0, share * 2])
    all_at_once = 1 - (0.05 / 4) ** (1 / 200)
    assert half_the_trees.family_interval[2].tolist() == pytest.approx([0, all_at_once / 0.1])
    assert half_the_trees.generated_interval[3].tolist() == [0, 0]  # the data know no moon, so nor its size


def test_a_concept_of_the_pictures_alone_is_named_as_too_much():
    moon = areas(np.full(60, 40), np.zeros(60), np.zeros(60), np.arange(60) % 4)
    found = compared(areas(np.full(60, 40), np.zeros(60), np.zeros(60), np.zeros(60)), moon)
    assert found.over == ("moon",) and found.under == () and np.isnan(found.ratio_interval[3]).all()
    assert "too much: moon (1.5 % of the pictures, none in the data)" in str(found) and "nan" not in str(found)
    share = 1 - (0.05 / 4) ** (1 / 60)
    assert found.family_interval[3].tolist() == pytest.approx([0.75 / share, np.inf])


def test_two_sets_of_one_world_are_told_apart_no_more_often_than_the_level():
    named = 0
    for seed in range(60):
        found = compared(planted(60, 2 * seed), planted(60, 2 * seed + 1), permutations=99, resamples=20, halves=None)
        named += bool(found.under or found.over)
    assert named / 60 < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 60)


def test_the_most_surely_missing_comes_first_and_a_margin_asks_for_more():
    data = areas(np.full(80, 30), 10 + np.arange(80) % 3, 10 + np.arange(80) % 3, np.zeros(80))
    less = areas(np.full(80, 30), 7 + np.arange(80) % 3, 2 + np.arange(80) % 3, np.zeros(80))
    found = compared(data, less)
    assert found.under == ("car", "tree") and found.under_by(0.5) == ("car",)
    with pytest.raises(ValueError, match=r"`margin` must lie in \[0, 1\)"):
        found.under_by(1.0)


def test_the_largest_images_are_found(half_the_trees):
    tree = half_the_trees.counts["data"].counts[:, 1]
    numbers = half_the_trees.largest("tree", k=5)
    assert [tree[i] for i in numbers] == sorted(tree, reverse=True)[:5]
    assert half_the_trees.largest("moon") == () and len(half_the_trees.largest("car", k=50)) == 20
    with pytest.raises(ValueError, match=r"`concept` must be one of \['sky'"):
        half_the_trees.largest("cat")
    with pytest.raises(ValueError, match=r"`side` must be one of \['data', 'generated'\]"):
        half_the_trees.largest("tree", "photos")


def test_a_table_and_a_sentence(half_the_trees):
    frame = half_the_trees.to_frame()
    assert frame["concept"].tolist() == ["sky", "tree", "car", "moon"]
    assert frame["named"].tolist() == ["", "under", "under", ""]
    text = str(half_the_trees)
    assert "planted against made up: 200 pictures, 200 images. too little:" in text
    assert "family-wise level 0.05" in text and "two sets of real images" in text


def test_the_same_seed_gives_the_same_result():
    one, two = (compared(planted(40), planted(40, 1)) for _ in range(2))
    assert np.array_equal(one.ratio_interval, two.ratio_interval, equal_nan=True) and np.array_equal(one.p, two.p)
    assert one.fsd.interval == two.fsd.interval and one.fsd.floor == two.fsd.floor


def test_one_image_is_too_few():
    with pytest.raises(ValueError, match="`data` must hold at least 2 images to say how sure a mean is, got 1"):
        compared(planted(1), planted(5))
    with pytest.raises(ValueError, match="equal concepts, got 4 and 2"):
        compared(planted(5), areas(np.ones(5), np.ones(5)))


@pytest.mark.parametrize("n", [2, 3])
def test_of_two_or_three_images_nothing_is_known(n):
    found = compared(planted(n), planted(n, 1), permutations=19)
    assert found.under == found.over == () and not np.isnan(found.family_interval).any()
    assert "nan" not in str(found) and "No concept differs" in str(found)


def figure(found, **options):
    axes = found.plot(**options).axes
    return axes[0], axes[1]


def test_the_published_figure(half_the_trees):
    above, below = figure(half_the_trees)
    assert above.get_yscale() == "log" and above.get_ylim() == (0.01, 50) and below.get_ylim() == (-1.0, 1.1)
    assert [label.get_text() for label in below.get_xticklabels()] == ["sky", "tree", "car"]  # the moon has no area
    np.testing.assert_allclose([bar.get_height() for bar in above.patches], half_the_trees.area[:3])
    np.testing.assert_allclose(above.lines[0].get_ydata()[:2], half_the_trees.generated_area[:2])
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in below.patches}
    np.testing.assert_allclose([heights[i] for i in range(3)], half_the_trees.ratio[:3] - 1)
    assert [text.get_text() for text in below.get_legend().get_texts()] == [
        "too little (level 5%, all together)",
        "not told apart",
    ]
    assert figure(half_the_trees, top=2)[1].get_xticks().tolist() == [0, 1]


def test_changes_beyond_the_figure_are_written():
    data = areas(np.full(30, 40), np.full(30, 5), np.full(30, 5), np.full(30, 1))
    found = compared(data, areas(np.full(30, 40), np.full(30, 10), np.full(30, 15), np.full(30, 1)))
    texts = [text.get_text() for text in figure(found)[1].texts]
    assert "+200% " in texts and not any("100%" in text for text in texts)  # twice as much is within the figure


def test_names_with_dollars_are_drawn_as_they_are(tmp_path):
    odd = compare(planted(20), planted(20, 1), ABOUT | {"concepts": ("$x^2", "tree", "a_b", "<b>")}, resamples=20,
                  permutations=20, halves=None)  # fmt: skip
    odd.plot().savefig(tmp_path / "figure.png")
