"""Strengths that take one concept and spare the others, where one unit draws both."""

import numpy as np
import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.ablate.sparing import optimise_removal
from ganwidgets.models import TorchGenerator

LAYER = "units"


class Units(nn.Module):
    """Unit 0 adds half of the red, unit 1 half of the red and half of the blue, unit 2 nothing; all are 1."""

    def __init__(self):
        super().__init__()
        self.units = nn.Identity()
        self.draw = nn.Conv2d(3, 3, 1, bias=False)
        self.draw.weight = nn.Parameter(torch.tensor([[0.5, 0.5, 0], [0, 0.5, 0], [0, 0, 0]])[:, :, None, None])

    def forward(self, z):
        return self.draw(self.units(torch.ones(len(z), 3, 4, 4)))


class Amounts:
    """Red and "blue" are as present as their channels are bright: soft counts are linear in the units."""

    name, slots, concepts, categories = "amounts", ("colour",), ("red", "blue", "never"), ("colour",) * 3

    def scores(self, images):
        return images.clamp(0, 1)

    def __call__(self, images):
        return (images[:, :1] > 0.3).to(torch.uint8)


class Unscored:
    name, slots, concepts, categories = "unscored", ("colour",), ("red",), ("colour",)

    def __call__(self, images):
        return (images[:, :1] > 0.3).to(torch.uint8)


@pytest.fixture
def network():
    return TorchGenerator(Units(), z_shape=(2,))


def found(network, **options):
    return optimise_removal(
        network, LAYER, "red", Amounts(), **{"n_search": 8, "steps": 80, "batch": 4, "seed": 0} | options
    )


def test_the_unit_that_draws_both_is_left_on(network):
    """Blue may lose 5 %: half of unit 1's share is half the blue, so α₁ = 0.05; unit 0 costs nothing, so α₀ = 1."""
    alpha = found(network, allowed=0.05)
    np.testing.assert_allclose(alpha.alpha[:2], [1, 0.05], atol=0.03)
    assert alpha.units()[0] == 0 and alpha.strengths(1) == (1.0,)
    last = alpha.history[-1]
    assert last["removed"] == pytest.approx(0.525, abs=0.02) and last["other"] <= 0.08 and last["concept"] == "blue"


def test_it_finds_the_same_where_gradients_are_switched_off(network):
    with torch.no_grad():
        off = found(network, steps=5)
    assert np.array_equal(off.alpha, found(network, steps=5).alpha)


def test_without_a_price_both_go(network):
    alpha = found(network, allowed=1.0)
    np.testing.assert_allclose(alpha.alpha[:2], [1, 1], atol=0.03)


def test_only_what_is_named_is_spared(network):
    np.testing.assert_allclose(found(network, spare=["never"]).alpha[:2], [1, 1], atol=0.03)
    assert found(network, spare=[], steps=2).history[-1]["concept"] == ""


def test_a_unit_that_draws_nothing_is_freed_by_the_penalty(network):
    assert found(network, weight=0.0).alpha[2] == pytest.approx(0.1, abs=1e-6)
    assert found(network, weight=0.1).alpha[2] < 0.02


def test_same_seed_same_strengths_and_a_network_left_as_it_was(network):
    before = network.fingerprint
    assert np.array_equal(found(network, steps=5).alpha, found(network, steps=5).alpha)
    assert network.fingerprint == before and network.module.draw.weight.grad is None


def test_it_tells_its_progress_and_can_be_stopped(network):
    seen = []
    found(network, steps=4, progress=seen.append)
    assert seen == [0.25, 0.5, 0.75, 1.0]

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        found(network, progress=stop)


def test_table_is_ordered_and_says_how_many_pictures(network):
    frame = found(network).to_frame()
    assert frame.unit.tolist()[0] == 0 and frame.alpha.is_monotonic_decreasing and set(frame.n) == {8}


def test_strengths_measure_as_promised_on_planted_world():
    network, segmenter = gw.testing.planted_generator(), gw.testing.planted_segmenter()
    alpha = optimise_removal(network, "layer1", "red", segmenter, spare=["blue"], n_search=16, batch=16)
    done = gw.ablate.ablation_effect(
        network, "layer1", alpha.units(), segmenter, network.sample_z(16), strength=alpha.strengths(), n_random_sets=0
    )
    rows = done.to_frame().set_index("concept")
    assert rows.fraction_removed["red"] == 1 and rows.fraction_removed["blue"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": 2.5}, "batch"),
        ({"n_search": 0}, "n_search"),
        ({"allowed": -0.1}, "allowed"),
        ({"allowed": float("nan")}, "allowed"),
        ({"weight": float("inf")}, "weight"),
        ({"spare": ["red"]}, "which is to be removed"),
        ({"spare": ["bleu"]}, "Did you mean"),
    ],
)
def test_numbers_out_of_range_are_refused(network, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        found(network, **options)


def test_a_concept_that_never_occurs_and_a_segmenter_without_scores(network):
    with pytest.raises(ValueError, match="draw more"):
        optimise_removal(network, LAYER, "never", Amounts(), n_search=4, steps=2, batch=4)
    with pytest.raises(TypeError, match="scores"):
        optimise_removal(network, LAYER, "red", Unscored(), steps=1)
