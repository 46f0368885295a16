"""Edits on activations small enough to work out on paper."""

import numpy as np
import pytest
import torch

from ganwidgets.models.edits import compose, resize_region, set_units, zero_units


@pytest.fixture
def acts():
    return torch.arange(1.0, 13.0).reshape(1, 3, 2, 2)  # unit 0: 1..4, unit 1: 5..8, unit 2: 9..12


def test_zero_units_switches_off_these_units_only(acts):
    out = zero_units([0, 2]).apply(acts)
    assert out[0].sum((1, 2)).tolist() == [0, 26, 0]


def test_edits_are_out_of_place(acts):
    before = acts.clone()
    zero_units([0]).apply(acts)
    zero_units([]).apply(acts).zero_()
    assert torch.equal(acts, before)


def test_strength_moves_part_of_the_way(acts):
    assert zero_units([1], strength=0.25).apply(acts)[0, 1].tolist() == [[3.75, 4.5], [5.25, 6]]
    assert set_units([1], 9, strength=0.5).apply(acts)[0, 1].tolist() == [[7, 7.5], [8, 8.5]]


def test_full_strength_replaces_even_what_is_not_finite():
    acts = torch.full((1, 1, 2, 2), float("inf"))
    assert set_units([0], 2.0).apply(acts).tolist() == [[[[2, 2], [2, 2]]]]


def test_value_per_unit_and_per_location(acts):
    assert set_units([2, 0], torch.tensor([7.0, 5.0])).apply(acts)[0, :, 0, 0].tolist() == [5, 5, 7]
    maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert torch.equal(set_units([1], maps).apply(acts)[0, 1], maps[0])


def test_strength_per_unit(acts):
    out = zero_units([0, 1], strength=torch.tensor([1.0, 0.5])).apply(acts)
    assert out[0, :, 0, 0].tolist() == [0, 2.5, 9]


def test_region_limits_an_edit(acts):
    region = torch.tensor([[1.0, 0.0], [0.0, 0.5]])
    assert zero_units([0], region=region).apply(acts)[0, 0].tolist() == [[0, 2], [3, 2]]
    assert set_units([0], 10.0, region, 0.5).apply(acts)[0, 0].tolist() == [[5.5, 2], [3, 5.5]]


def test_painted_region_is_resized_by_area(acts):
    painted = np.zeros((4, 4), bool)
    painted[0, :3] = True  # upper left cell: 2 of 4 pixels, upper right: 1 of 4
    assert zero_units([0], region=painted).apply(acts)[0, 0].tolist() == [[0.5, 1.5], [3, 4]]


@pytest.mark.parametrize(
    ("row", "width", "expected"),
    [([1.0, 0.0, 0.0], 2, [2 / 3, 0.0]), ([1.0, 0.0], 3, [1.0, 0.5, 0.0]), ([0.25], 3, [0.25] * 3)],
)
def test_resize_region_weighs_partly_covered_cells(row, width, expected):
    resized = resize_region(torch.tensor([row]), (1, width))
    torch.testing.assert_close(resized, torch.tensor([expected]))


def test_resize_region_keeps_the_painted_share():
    region = torch.rand(37, 53, generator=torch.Generator().manual_seed(0))
    for size in ((8, 8), (64, 96), (37, 10)):
        torch.testing.assert_close(resize_region(region, size).mean(), region.mean())


def test_compose_applies_in_order(acts):
    edit = compose(set_units([0], 4.0), zero_units([0], strength=0.5))
    assert edit.apply(acts)[0, 0].unique().tolist() == [2]
    assert compose(zero_units([0]), set_units([0], 4.0)).apply(acts)[0, 0].unique().tolist() == [4]


def test_gradients_flow_to_activations_value_and_strength(acts):
    acts.requires_grad_()
    value, strength = torch.tensor([2.0], requires_grad=True), torch.tensor(0.5, requires_grad=True)
    edit = set_units([1], value, strength=strength)
    edit.apply(acts).sum().backward()
    assert acts.grad[0, :, 0, 0].tolist() == [1, 0.5, 1]
    assert value.grad.tolist() == [2]  # four locations at half strength
    assert strength.grad == 4 * 2 - (5 + 6 + 7 + 8)
    assert edit.requires_grad
    assert compose(edit).requires_grad
    assert not zero_units([1]).requires_grad


def test_edits_of_a_layer_of_vectors():
    acts = torch.arange(6.0).reshape(2, 3)
    assert set_units([1], 9.0).apply(acts).tolist() == [[0, 9, 2], [3, 9, 5]]
    with pytest.raises(ValueError, match="needs a layer whose output is a map"):
        zero_units([1], region=torch.ones(2, 2)).apply(acts)


@pytest.mark.parametrize("units", [np.array([3, 8]), torch.tensor([3, 8]), range(3, 9, 5), (np.int64(3), 8)])
def test_units_from_any_whole_numbers(units):
    assert zero_units(units).units == (3, 8)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: zero_units([1.5]), TypeError, "`units` must be a list of unit numbers"),
        (lambda: zero_units("12"), TypeError, "`units` must be a list of unit numbers"),
        (lambda: zero_units(np.array([True, False])), TypeError, "`units` must be a list of unit numbers"),
        (lambda: zero_units([-1]), ValueError, "`units` must not be negative, got -1"),
        (lambda: zero_units([2, 2]), ValueError, "`units` must name each unit once"),
        (lambda: zero_units([1], strength=1.5), ValueError, r"`strength` must lie in \[0, 1\], got 1.5"),
        (lambda: zero_units([1], strength=float("nan")), ValueError, "`strength` must lie"),
        (lambda: zero_units([1], strength=torch.ones(2)), ValueError, "`strength` must be a number or 1 numbers"),
        (lambda: zero_units([1], region=torch.ones(3)), ValueError, "`region` must be"),
        (lambda: zero_units([1], region=torch.full((2, 2), 255)), ValueError, r"`region` must lie in \[0, 1\]"),
        (lambda: set_units([1], float("nan")), ValueError, "`value` must be finite"),
        (lambda: set_units([1], torch.ones(2)), ValueError, "`value` must be a number"),
    ],
)
def test_bad_edits_say_what_is_wanted(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_compose_takes_edits_only():
    with pytest.raises(TypeError):
        compose("off")


def test_an_edit_that_does_not_fit_the_layer(acts):
    with pytest.raises(ValueError, match="`units` must be below 3, the number of units of this layer, got 3"):
        compose(zero_units([0]), zero_units([3])).apply(acts)
    with pytest.raises(ValueError, match=r"`value` must have one map a unit, shape \(1, 2, 2\)"):
        set_units([0], torch.ones(1, 4, 4)).apply(acts)
