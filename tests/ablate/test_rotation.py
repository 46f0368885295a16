"""Rotations are rotations, their powers add up, and removing a rotated axis removes just that."""

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("n", [2, 5, 16, 33])
def test_random_rotations_are_rotations(n):
    from ganwidgets.ablate.rotation import random_rotation

    q = random_rotation(n, seed=n)
    np.testing.assert_allclose(q @ q.T, np.eye(n), atol=1e-12)
    assert np.linalg.det(q) == pytest.approx(1)
    assert np.array_equal(q, random_rotation(n, seed=n)) and not np.allclose(q, random_rotation(n, seed=n + 1))


def test_random_rotations_favour_no_direction():
    from ganwidgets.ablate.rotation import random_rotation

    drawn = np.stack([random_rotation(3, seed) for seed in range(2000)])
    assert np.abs(drawn.mean(0)).max() < 0.05
    np.testing.assert_allclose((drawn**2).mean(0), 1 / 3, atol=0.03)


@pytest.mark.parametrize("n", [2, 7, 24])
def test_powers_of_a_rotation_add_up(n):
    from ganwidgets.ablate.rotation import random_rotation, rotation_power

    q = random_rotation(n, seed=3)
    np.testing.assert_allclose(rotation_power(q, 0), np.eye(n), atol=1e-10)
    np.testing.assert_allclose(rotation_power(q, 1), q, atol=1e-10)
    np.testing.assert_allclose(rotation_power(q, 0.3) @ rotation_power(q, 0.7), q, atol=1e-10)
    np.testing.assert_allclose(rotation_power(q, 0.4) @ rotation_power(q, 0.4).T, np.eye(n), atol=1e-10)


def test_half_of_a_quarter_turn_is_an_eighth():
    from ganwidgets.ablate.rotation import rotation_power

    half = rotation_power(np.array([[0.0, -1.0], [1.0, 0.0]]), 0.5)
    np.testing.assert_allclose(half, np.array([[1, -1], [1, 1]]) / np.sqrt(2), atol=1e-12)


def test_two_axes_turned_round_are_half_a_turn():
    from ganwidgets.ablate.rotation import rotation_power

    flipped = np.diag([1.0, -1.0, -1.0])
    half = rotation_power(flipped, 0.5)
    np.testing.assert_allclose(half @ half, flipped, atol=1e-12)
    assert np.linalg.det(half) == pytest.approx(1)


@pytest.mark.parametrize("matrix", [np.diag([1.0, -1.0]), np.ones((2, 2))])
def test_powers_of_what_is_no_rotation_are_refused(matrix):
    from ganwidgets.ablate.rotation import rotation_power

    with pytest.raises(ValueError, match="`rotation` must be orthogonal"):
        rotation_power(matrix, 0.5)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3, 5)])
def test_removing_a_direction_leaves_nothing_along_it_and_all_else(shape):
    from ganwidgets.ablate.rotation import RemoveDirection, random_rotation

    basis = torch.from_numpy(random_rotation(6)).float()
    acts = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    turned = torch.einsum("au,bu...->ba...", basis, acts)
    after = torch.einsum("au,bu...->ba...", basis, RemoveDirection(basis[2]).apply(acts))
    turned[:, 2] = 0
    assert torch.allclose(after, turned, atol=1e-6)


def test_a_direction_of_another_layer_is_refused():
    from ganwidgets.ablate.rotation import RemoveDirection

    with pytest.raises(ValueError, match="`direction` must have 8 entries, one a unit, got 6"):
        RemoveDirection(torch.zeros(6)).check((8, 4, 4))


@pytest.fixture(scope="module")
def planted():
    from ganwidgets.testing import planted_classifier, planted_photos

    return planted_classifier(), *planted_photos(80)


@pytest.mark.parametrize("layer", ["mix", "relu"])
def test_no_rotation_is_the_ablation_of_units(planted, layer):
    from ganwidgets.ablate.classes import class_ablation, compare_networks
    from ganwidgets.ablate.rotation import rotation_comparison

    classifier, images, labels = planted
    table = rotation_comparison(classifier, layer, images, labels, alphas=[0.0, 1.0])
    plain = compare_networks({"units": class_ablation(classifier, layer, images, labels)})
    for column in ("accuracy", "overall_drop", "max_class_drop", "max_class_drop_corrected"):
        assert table[column][0] == pytest.approx(plain[column][0])
    assert table.alpha.tolist() == [0.0, 1.0] and table.accuracy.tolist() == [5 / 8, 5 / 8]
    assert table.n_axes.tolist() == [10, 10]


def test_the_closed_form_holds_for_rotated_axes(planted):
    from ganwidgets.ablate.class_passes import head_change
    from ganwidgets.ablate.rotation import RemoveDirection, random_rotation

    classifier, images, _ = planted
    edit = RemoveDirection(torch.from_numpy(random_rotation(10)[4]).float())
    head, state = classifier.linear_head("relu"), classifier.below(images, "relu")
    expected = classifier.above(state, edit.apply(state.acts)) - classifier.above(state)
    assert torch.allclose(head_change(head, head.means(state.acts), edit), expected, atol=1e-5)


def test_some_axes_can_stand_for_all(planted):
    from ganwidgets.ablate.rotation import rotation_comparison

    told = []
    table = rotation_comparison(*planted[:1], "relu", *planted[1:], alphas=(0, 0.5), axes=3, progress=told.append)
    assert table.n_axes.tolist() == [3, 3] and told[-1] == 1 and told == sorted(told)
    with pytest.raises(ValueError, match="`alphas` must hold"):
        rotation_comparison(*planted[:1], "relu", *planted[1:], alphas=())
