"""The chance level: what a unit's best IoU is when every image meets the segmentation of another one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganwidgets.dissect.calibrate import spacing_for
from ganwidgets.dissect.chance import Deranged, different, lattice, shifts

UNIT, CPU = 0, torch.device("cpu")


def dissected(work):
    list(work.steps())
    return work.result()


@given(derangements=st.integers(20, 60), batch=st.integers(2, 70), turn=st.integers(0, 10**6))
def test_no_image_meets_its_own_segmentation(derangements, batch, turn):
    found = shifts(derangements, batch, turn)
    assert len(found) == derangements
    assert all(0 < shift < batch for shift in found)


@given(batch=st.integers(2, 70), turn=st.integers(0, 1000))
def test_every_way_is_taken_equally_often(batch, turn):
    found = np.bincount(shifts(batch * 3 - 3, batch, turn), minlength=batch)[1:]
    assert (found == 3).all()


@pytest.mark.parametrize("batch", [3, 4, 6, 11, 20, 21, 32])
def test_no_two_derangements_are_the_same_in_every_batch(batch):
    ways = np.array([shifts(20, batch, turn) for turn in range(20)])
    assert len(np.unique(ways, axis=1).T) == 20 == different(20, batch, 20 * batch)


@pytest.mark.parametrize(("batch", "n", "k"), [(2, 512, 1), (32, 5, 4), (3, 6, 4), (32, 32, 20), (2, 3, 1)])
def test_how_many_derangements_differ_is_known(batch, n, k):
    """Two batches of three have two ways each, so at most four together."""
    assert different(20, batch, n) <= k and (k == 4 or different(20, batch, n) == k)


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_pixels_meet_the_segmentation_of_another_image(data):
    """Counted one by one, on the lattice and with two slots."""
    batch, units, concepts, grid = data.draw(st.integers(2, 6)), 3, 4, (6, 4)
    spacing, turn, seed = (
        data.draw(st.sampled_from([1, 2])),
        data.draw(st.integers(0, 5)),
        data.draw(st.integers(0, 99)),
    )
    random = np.random.RandomState(seed)
    seg = random.randint(0, concepts + 1, (batch, 2, 24)).astype(np.uint8)
    active = random.uniform(size=(batch, units, 24)) < 0.3
    image, unit, place = (torch.from_numpy(part) for part in active.nonzero())
    deranged = Deranged(torch.from_numpy(seg), concepts, 20, turn, lattice(grid, spacing, turn, CPU))
    met, area = deranged.count(image, unit, place, units)

    expected, kept = np.zeros((20, units, concepts + 1), int), np.zeros(24, bool).reshape(grid)
    kept[turn % spacing :: spacing, (turn + turn // spacing) % spacing :: spacing] = True
    here = np.argwhere(active & kept.flatten())
    for number, shift in enumerate(shifts(20, batch, turn)):
        for i, u, p in here:
            for slot in (0, 1):
                expected[number, u, seg[(i + shift) % batch, slot, p]] += 1
    np.testing.assert_array_equal(met, expected)
    counted = np.zeros((batch, units), int)
    np.add.at(counted, (here[:, 0], here[:, 1]), 1)
    np.testing.assert_array_equal(area, counted)

    present = random.randint(0, 2, (batch, 3))
    for number, shift in enumerate(shifts(20, batch, turn)):
        by_hand = counted.T @ np.roll(present, -shift, axis=0)
        found = deranged.in_category(area, torch.from_numpy(present))[number]
        np.testing.assert_array_equal(found, by_hand)


def test_a_lattice_numbers_its_places():
    kept, number = lattice((4, 6), 2, 1, CPU)
    assert kept.tolist() == [7, 9, 11, 19, 21, 23]
    assert number[kept].tolist() == list(range(6)) and (number >= 0).sum() == 6
    assert lattice((2, 3), 1, 5, CPU)[1].tolist() == list(range(6))


@given(spacing=st.sampled_from([1, 2, 4]), first=st.integers(0, 99))
def test_lattices_of_successive_batches_leave_no_place_out(spacing, first):
    seen = torch.cat([lattice((16, 24), spacing, first + turn, CPU)[0] for turn in range(spacing**2)])
    assert sorted(seen.tolist()) == list(range(16 * 24))


@pytest.mark.parametrize(
    ("active", "grid", "spacing"),
    [
        *[(39, (64, 64), 1), (40, (64, 64), 2), (159, (64, 64), 2), (160, (64, 64), 4), (1e6, (128, 128), 4)],
        *[(1e6, (15, 64), 1), (1e6, (64, 16), 2), (1e6, (31, 31), 2), (1e6, (32, 32), 4), (0, (64, 64), 1)],
    ],
)
def test_ten_active_pixels_and_eight_rows_remain(active, grid, spacing):
    assert spacing_for(float(active), grid) == spacing


@pytest.mark.parametrize(("n", "batch"), [(128, 32), (70, 32), (66, 3), (65, 64)])
def test_it_is_the_quantile_over_derangements_of_the_best_iou(independent, start, n, batch):
    """By hand: segmentations move on within each batch.

    The last batch of 65 is one image, which meets no other and counts for the areas only.
    """
    network, segmenter = independent
    found = dissected(start(network, segmenter, layers=("maps",), n=n, batch=batch, top_fraction=0.4)).layer()
    z = network.sample_z(n, 1)
    unit, red = ((z[:, i] > 0).numpy() for i in (UNIT, 1))
    both, paired = np.zeros(20), 0
    for turn, first in enumerate(range(0, n, batch)):
        one, other = unit[first : first + batch], red[first : first + batch]
        if len(one) > 1:
            both += [(one & np.roll(other, -shift)).sum() for shift in shifts(20, len(one), turn)]
            paired += one.sum()
    both = both / paired * unit.sum()
    values = both / (unit.sum() + red.sum() - both)
    np.testing.assert_allclose(found.iou_chance[UNIT], np.quantile(values, 0.95), rtol=1e-6)
    assert found.chance_units.tolist() == [2]  # both units would be labelled "red" in every derangement
    assert (values > 0.04).all()


def test_a_unit_independent_of_a_concept_is_at_chance(independent, start):
    """IoU 1/3 on paper. A 95 % level of 20 derangements is exceeded by chance in about one of 20 seeds."""
    network, segmenter = independent
    levels, above = [], 0
    for seed in range(20):
        work = start(network, segmenter, layers=("maps",), n=256, seed=seed, top_fraction=0.4, resamples=20)
        found = dissected(work).layer()
        assert found.labelled[UNIT] and found.label_iou[UNIT] == pytest.approx(1 / 3, abs=0.12)
        assert found.above_chance[1] and found.label_iou[1] == 1  # unit 1 is "red" itself
        levels.append(found.iou_chance[UNIT])
        above += found.above_chance[UNIT]
    assert above <= 4
    assert 1 / 3 < np.mean(levels) < 0.42


def test_more_images_bring_the_level_nearer_to_the_truth(independent, start):
    network, segmenter = independent
    levels = [
        dissected(start(network, segmenter, layers=("maps",), n=n, top_fraction=0.4, resamples=20)).layer().iou_chance
        for n in (64, 2048)
    ]
    assert levels[0][UNIT] > levels[1][UNIT]
    assert levels[1][UNIT] == pytest.approx(1 / 3, abs=0.03)


@pytest.fixture
def sky(make_generator, make_segmenter):
    """Unit 0 and "sky" are the upper half of every image; unit 1 and "red" the left half where z[0] > 0."""
    top, left = torch.zeros(2, 8, 8)
    top[:4], left[:, :4] = 1, 1

    def maps(z):
        return torch.stack([top.expand(len(z), 8, 8), (z[:, 0] > 0).float()[:, None, None] * left], 1)

    def read(images):
        return torch.stack([images[:, 0] > 0, (images[:, 1] > 0) * 2], 1).to(torch.uint8)

    generator = make_generator(maps, lambda x: torch.cat([x, x[:, :1]], 1) * 2 - 1)
    return generator, make_segmenter(read, ["sky", "red"], slots=("layout", "object"))


def test_a_concept_in_the_same_place_of_every_image_says_nothing(sky, start):
    """The published rule labels the unit "sky", and so do we; but it would agree as well with any other image."""
    found = dissected(start(*sky, layers=("maps",), top_fraction=0.49)).layer()
    assert (found.concept.tolist(), found.label_iou.tolist()) == ([0, 1], [1, 1])
    assert found.iou_chance[0] == 1 and found.iou_chance[1] < 0.8
    assert found.above_chance.tolist() == [False, True] and found.labelled.all()
    np.testing.assert_array_equal(found.labelled_units, [1, 1])
    assert found.chance_units[0] >= 1


@pytest.mark.parametrize(("batch", "told"), [(2, True), (3, False)])
def test_small_batches_have_a_level_too(independent, start, batch, told):
    network, segmenter = independent
    work = start(network, segmenter, layers=("maps",), n=512, batch=batch, top_fraction=0.4, resamples=20)
    result = dissected(work)
    assert result.layer().iou_chance[UNIT] == pytest.approx(1 / 3, abs=0.1)
    assert result.layer().above_chance[1]
    assert [note.startswith("chance levels rest on 1 different exchange of") for note in result.notes] == [True] * told


def test_under_the_rule_iqr_units_are_labelled_by_chance_as_the_rule_labels(make_generator, make_segmenter, start):
    """Unit and concept cover half of every image, at random: IoU 1/3 by chance, which is over 0.05, but no information.

    The rule "top_fraction" would label it in every derangement, the rule "iqr" in none.
    """

    def maps(z):
        return (z.view(-1, 2, 8, 8) > 0).float()

    generator = make_generator(maps, lambda x: x[:, 1:2] * 2 - 1, depth=128)
    red = make_segmenter(lambda images: (images > 0).to(torch.uint8), ["red"])
    units = {}
    for rule in ("top_fraction", "iqr"):
        found = dissected(start(generator, red, layers=("maps",), n=256, rule=rule, top_fraction=0.49)).layer()
        assert found.label_iou[1] == pytest.approx(1) and found.iou_chance[1] > 0.3
        units[rule] = found.chance_units.tolist()
    assert units == {"top_fraction": [2], "iqr": [0]}


@pytest.fixture
def two_categories(make_generator, make_segmenter):
    """Unit 0 and "red" are the left half where z[0] > 0; "blue", of another category, the rest of these images.

    Of the images that hold "red" or "blue" none lacks the other; half of the images hold neither.
    """
    left = torch.zeros(8, 8)
    left[:, :4] = 1

    def maps(z):
        return (z[:, :1] > 0).float()[:, :, None, None] * left

    def read(images):
        red = images[:, :1] > 0
        return (red + 2 * (~red & (red.flatten(1).any(1)[:, None, None, None]))).to(torch.uint8)

    network = make_generator(maps, lambda x: x * 2 - 1)
    return network, make_segmenter(read, ["red", "blue"], categories=("warm", "cold"))


def test_under_the_rule_iqr_activity_counts_where_the_other_image_holds_the_category(two_categories, start):
    """By hand: the unit is compared where the image that was met holds "red", which is on half of them."""
    network, segmenter = two_categories
    n, batch = 128, 32
    found = dissected(start(network, segmenter, layers=("maps",), n=n, rule="iqr", resamples=20)).layer()
    red = (network.sample_z(n, 1)[:, 0] > 0).numpy()
    both = np.zeros(20)
    for turn, first in enumerate(range(0, n, batch)):
        part = red[first : first + batch]
        both += [(part & np.roll(part, -shift)).sum() for shift in shifts(20, len(part), turn)]
    values = both / red.sum()  # where both images hold it, unit and concept agree; elsewhere the unit is not compared
    np.testing.assert_allclose(found.iou_chance[UNIT], np.quantile(values, 0.95), rtol=1e-6)


@pytest.mark.parametrize("options", [{"batch": 1, "n": 70}, {"n": 1}])
@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_an_image_alone_in_its_batch_has_no_level_and_one_is_told(planted, reader, start, options, rule):
    result = dissected(start(planted, reader, rule=rule, **options))
    found = result.layer()
    assert np.isnan(found.iou_chance).all() and np.isnan(found.chance_units).all()
    assert not found.above_chance.any()
    assert np.isfinite(found.iou).all()
    [note] = result.notes
    assert note.startswith("chance levels were not measured: an image needs others in its batch")


def test_without_chance_nothing_is_measured_and_nothing_is_said(planted, reader, start):
    result = dissected(start(planted, reader, chance=False))
    found, with_chance = result.layer(), dissected(start(planted, reader)).layer()
    assert np.isnan(found.iou_chance).all() and np.isnan(found.interval).all() and np.isnan(found.chance_units).all()
    assert not found.above_chance.any() and result.notes == ()
    for part in ("iou", "threshold", "label_iou", "labelled", "area"):
        np.testing.assert_array_equal(getattr(found, part), getattr(with_chance, part))


@pytest.fixture
def smooth(make_generator, make_segmenter):
    """Six random 8 × 8 maps, the first two of which are the image at 64 × 64."""
    from ganwidgets.nn.images import upsample

    def paint(maps):
        two = upsample(maps[:, :2], (64, 64)).clamp(-1, 1)
        return torch.cat([two, two[:, :1]], 1)

    generator = make_generator(lambda z: z.view(-1, 6, 8, 8), paint, depth=384)
    read = make_segmenter(lambda images: ((images[:, :2] > 0.9) * torch.tensor([1, 2])[:, None, None]).to(torch.uint8),
                          ["one", "two"], slots=("a", "b"))  # fmt: skip
    return generator, read


@pytest.mark.parametrize("top_fraction", [0.02, 0.1])
def test_a_coarse_lattice_gives_the_level_of_the_whole(smooth, start, monkeypatch, top_fraction):
    """Within 0.006, a quarter of the spread between derangements; the rest of the result is untouched."""
    options = {"layers": ("maps",), "n": 96, "top_fraction": top_fraction, "resamples": 20}
    works = [start(*smooth, **options)]
    coarse = dissected(works[0]).layer()
    monkeypatch.setattr("ganwidgets.dissect.calibrate.spacing_for", lambda *_: 1)
    works.append(start(*smooth, **options))
    whole = dissected(works[1]).layer()
    assert [work._counts["maps"].calibration.spacing for work in works] == [2 if top_fraction == 0.02 else 4, 1]
    np.testing.assert_allclose(coarse.iou_chance, whole.iou_chance, rtol=0, atol=0.006)
    np.testing.assert_array_equal(coarse.above_chance, whole.above_chance)
    for part in ("iou", "threshold", "interval"):
        np.testing.assert_array_equal(getattr(coarse, part), getattr(whole, part))


def test_a_unit_that_the_lattice_misses_is_not_said_to_be_above_chance(make_generator, make_segmenter, start):
    """The other units cover half of the image, so the lattice is coarse; this one has a single pixel, off it."""

    def maps(z):
        x = torch.zeros(len(z), 3, 32, 32)
        x[:, 1:, :, :20] = (z[:, :2] > 0)[:, :, None, None].float()
        x[:, 0, 0, 1] = (z[:, 2] > 0).float()
        return x

    generator = make_generator(maps, lambda x: x * 2 - 1)
    reads = make_segmenter(lambda images: (images[:, 1:2] > 0).to(torch.uint8), ["red"])
    work = start(generator, reads, layers=("maps",), top_fraction=0.4)
    found = dissected(work).layer()
    assert work._counts["maps"].calibration.spacing == 4 and found.area[0] > 0
    assert np.isnan(found.iou_chance[0]) and not found.above_chance[0]
    assert found.iou_chance[1] < 1 and found.above_chance[1]
