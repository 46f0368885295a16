"""A layer's counts are those of numpy, and merge bit for bit whatever machine saw which batch."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganwidgets.dissect.batches import Batch, Batches, concept_pixels, without_repeats
from ganwidgets.dissect.bootstrap import image_weights
from ganwidgets.dissect.calibrate import Calibration, at_levels, calibrate
from ganwidgets.dissect.collect import LayerCounts, draws_that_fit
from ganwidgets.dissect.options import Options
from ganwidgets.nn.histograms import Edges
from ganwidgets.nn.images import upsample

BATCHES = 6


@cache
def batches(rule="top_fraction", **more):
    """Options, a calibration and six batches of the planted generator."""
    from ganwidgets.testing import planted_generator, planted_segmenter

    network, segmenter = planted_generator(5, 16), planted_segmenter()
    settings = {"n": 8 * BATCHES - 3, "batch": 8, "rule": rule, "top_fraction": 0.1, "resamples": 20}
    options = Options(layers=("layer1",), **(settings | more))
    maker = Batches(network, segmenter, options)
    z = maker.latents(1)
    seen = [maker.of(z[first : first + 8], first)[0] for first in range(0, len(z), 8)]
    acts = torch.cat([batch.acts["layer1"] for batch in seen])
    if rule == "iqr":
        calibration = at_levels(torch.full((5,), 0.5), torch.tensor([0, 1, 2, 3, 0]))
    else:
        calibration = replace(calibrate(acts, maker.grid, options, 4), spacing=2)
    return options, calibration, maker, seen


def counted(which, calibration=None, **kind):
    options, known, maker, seen = batches(**kind)
    counts = LayerCounts(calibration or known, maker.grid, maker.category_of, options)
    for number in which:
        batch = seen[number]
        weights = torch.from_numpy(image_weights(batch.first, len(batch), options.resamples, options.seed)).double()
        counts.add(batch.acts["layer1"], batch, weights)
    return counts


def same(a, b):
    one, other = a.state(), b.state()
    return one.keys() == other.keys() and all(torch.equal(part, other[name]) for name, part in one.items())


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_merging_in_any_order_is_one_pass(rule, data):
    order = data.draw(st.permutations(range(BATCHES)))
    cut = data.draw(st.integers(0, BATCHES))
    one, other = counted(order[:cut], rule=rule), counted(order[cut:], rule=rule)
    one.merge(other)
    assert same(one, counted(range(BATCHES), rule=rule))


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_saving_half_way_changes_nothing(rule):
    options, _, maker, _ = batches(rule=rule)
    half = LayerCounts.from_state(counted(range(3), rule=rule).state(), maker.grid, maker.category_of, options)
    assert same(half, counted(range(3), rule=rule))
    half.merge(counted(range(3, BATCHES), rule=rule))
    assert same(half, counted(range(BATCHES), rule=rule))


def moved(calibration, **parts):
    return replace(calibration, **{name: part(getattr(calibration, name)) for name, part in parts.items()})


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("top_fraction", {"provisional": lambda level: level + 1e-3}),
        ("top_fraction", {"spacing": lambda spacing: 4}),
        ("top_fraction", {"edges": lambda e: Edges(e.origin, e.span * 2, e.n_bins)}),
        ("top_fraction", {"edges": lambda e: Edges(e.origin, e.span, e.n_bins // 2)}),
        ("iqr", {"concept": lambda concept: concept.flip(0)}),
        ("iqr", {"concept": lambda concept: None}),
    ],
)
def test_counts_under_another_calibration_are_refused(rule, change):
    one = counted([0], rule=rule)
    before = one.state()
    other = counted([1], moved(one.calibration, **change), rule=rule)
    with pytest.raises(ValueError, match="`other` must have the same calibration"):
        one.merge(other)
    assert all(torch.equal(part, before[name]) for name, part in one.state().items())


def test_counts_of_something_else_are_refused_and_nothing_is_added():
    one = counted([0])
    before = one.state()
    with pytest.raises(ValueError, match="`other` must have the counters"):
        one.merge(counted([1], one.calibration, chance=False))
    assert all(torch.equal(part, before[name]) for name, part in one.state().items())


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
@pytest.mark.parametrize("most", [1, 2000, 4000])
def test_a_batch_may_be_looked_at_in_parts(monkeypatch, rule, most):
    whole = counted(range(2), rule=rule)
    monkeypatch.setattr("ganwidgets.dissect.collect.MOST_PIXELS", most)
    assert same(counted(range(2), rule=rule), whole)


@pytest.fixture
def by_hand():
    """Upsampled maps of all images, segmentations as one-hot, from the batches themselves."""
    _, calibration, maker, seen = batches()
    acts = torch.cat([batch.acts["layer1"] for batch in seen])
    maps = upsample(acts, maker.grid).flatten(2).numpy()  # (image unit place)
    seg = torch.cat([batch.seg for batch in seen]).numpy()
    concepts = np.stack([(seg == number).any(1) for number in range(1, 5)], 1)  # (image concept place)
    return calibration, maps, concepts


def test_the_tail_holds_every_pixel_above_its_beginning(by_hand):
    calibration, maps, concepts = by_hand
    counts = counted(range(BATCHES))
    tail = maps > calibration.edges.origin.numpy()[:, None]
    np.testing.assert_array_equal(counts.histogram.alone.sum(1), tail.sum((0, 2)))
    joint = np.einsum("iup,icp->uc", tail.astype(int), concepts.astype(int))
    np.testing.assert_array_equal(counts.histogram.joint[:, :, 1:].sum(1), joint)
    np.testing.assert_array_equal(counts.counts["concept"], concepts.sum((0, 2)))
    assert counts.counts["pixels"].tolist() == [maps.shape[0] * maps.shape[2]]
    np.testing.assert_array_equal(counts.lowest, maps.min((0, 2)))
    np.testing.assert_array_equal(counts.highest, maps.max((0, 2)))


def test_draws_weigh_whole_images(by_hand):
    calibration, maps, concepts = by_hand
    counts = counted(range(BATCHES)).counts
    active = (maps > calibration.provisional.numpy()[:, None]).astype(int)
    weights = image_weights(0, len(maps), 20, 1).astype(int)
    np.testing.assert_array_equal(counts["drawn_area"], weights @ active.sum(2))
    np.testing.assert_array_equal(counts["drawn_concept"], weights @ concepts.sum(2))
    joint = np.einsum("di,iup,icp->duc", weights, active, concepts.astype(int))
    np.testing.assert_array_equal(counts["drawn_joint"][..., 1:], joint)


def test_under_the_rule_iqr_images_that_hold_the_category_are_counted(by_hand):
    _, maps, concepts = by_hand
    counts = counted(range(BATCHES), rule="iqr")
    category = np.stack([concepts[:, :3].any((1, 2)), concepts[:, 3:].any((1, 2))], 1)  # (image category)
    active = maps > 0.5
    np.testing.assert_array_equal(counts.counts["category"], category.sum(0) * maps.shape[2])
    np.testing.assert_array_equal(counts.histogram.joint[:, 0, 5:], active.sum(2).T @ category.astype(int))
    np.testing.assert_array_equal(counts.histogram.alone[:, 0], active.sum((0, 2)))


def test_without_chance_there_is_nothing_to_draw():
    counts = counted(range(BATCHES), chance=False)
    assert set(counts.counts.tensors) == {"concept", "pixels", "category"}
    with_chance = counted(range(BATCHES))
    assert torch.equal(counts.histogram.joint[..., 1:], with_chance.histogram.joint[..., 1:])


@pytest.mark.parametrize(
    ("units", "concepts", "wanted", "draws"),
    [(8, 4, 100, 101), (512, 300, 100, 101), (2048, 300, 100, 27), (2048, 3000, 100, 21), (1, 1, 20, 21)],
)
def test_tables_of_draws_stay_within_128_mib(units, concepts, wanted, draws):
    assert draws_that_fit(units, concepts, wanted) == draws


def test_with_very_many_concepts_there_are_fewer_draws(monkeypatch, by_hand):
    whole = counted(range(BATCHES), resamples=60)
    monkeypatch.setattr("ganwidgets.dissect.collect.draws_that_fit", lambda *_: 31)
    fewer = counted(range(BATCHES), resamples=60)
    for name in ("drawn_area", "drawn_joint", "drawn_concept"):
        assert torch.equal(fewer.counts[name], whole.counts[name][:31])


@settings(deadline=None)
@given(seed=st.integers(0, 999), slots=st.integers(1, 4))
def test_a_concept_stands_once_at_a_place(seed, slots):
    seg = np.random.RandomState(seed).randint(0, 4, (2, slots, 9)).astype(np.uint8)
    found = without_repeats(torch.from_numpy(seg)).numpy()
    for number in range(1, 4):
        assert ((found == number).sum(1) == (seg == number).any(1)).all()
        np.testing.assert_array_equal(concept_pixels(torch.from_numpy(found), 3)[:, number - 1],
                                      (seg == number).any(1).sum(1))  # fmt: skip
    assert (found[:, 0] == seg[:, 0]).all()


def test_a_batch_survives_being_written_down():
    _, _, _, seen = batches()
    again = Batch.from_state(seen[2].state(), ["layer1"])
    assert again.first == 16 and len(again) == 8
    for name in ("seg", "concepts"):
        assert torch.equal(getattr(again, name), getattr(seen[2], name))
    assert torch.equal(again.acts["layer1"], seen[2].acts["layer1"])


def test_equal_calibrations_are_the_same():
    _, calibration, _, _ = batches()
    edges = Edges.from_state(calibration.edges.state())
    assert calibration.same_as(Calibration(edges, calibration.provisional.clone(), None, calibration.spacing))
