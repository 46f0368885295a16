"""Rows of features, and distances to a data set that are known on paper."""

import numpy as np
import pytest
import torch

from ganwidgets.nn.features import RandomFeatures, Reference, data_rows, feature_rows, image_batches
from ganwidgets.nn.frechet import frechet_distance

CPU = torch.device("cpu")


def noise(n, columns, seed=0):
    return np.random.RandomState(seed).standard_normal((n, columns))


def test_random_features_are_the_same_for_everyone():
    images = torch.linspace(-1, 1, 3 * 8 * 8).view(1, 3, 8, 8)
    row = feature_rows(RandomFeatures(), images)
    assert row.shape == (1, 128) and RandomFeatures().columns == 128
    np.testing.assert_array_equal(row, feature_rows(RandomFeatures(), images))
    np.testing.assert_allclose(row[0, :3], PUBLISHED, atol=1e-5)
    assert not np.allclose(row, feature_rows(RandomFeatures(seed=1), images))


PUBLISHED = (-0.2182, -0.155987, 0.0156)
"""First three features of the ramp: a change here changes every artifact score people have written down."""


def test_flat_pictures_have_no_spread_and_texture_shows():
    flat, board = torch.zeros(1, 1, 16, 16), (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    features = RandomFeatures(1)
    assert np.abs(feature_rows(features, flat)).max() == 0
    assert feature_rows(features, board[None, None])[0, 16:32].min() > 0  # spread at the finest scale
    assert feature_rows(features, torch.zeros(2, 1, 1, 1)).shape == (2, 128)  # a picture of one pixel


def test_rows_do_not_depend_on_the_neighbours():
    images = torch.from_numpy(noise(5, 3 * 64).astype(np.float32)).view(5, 3, 8, 8)
    np.testing.assert_allclose(
        feature_rows(RandomFeatures(), images)[2:3], feature_rows(RandomFeatures(), images[2:3]), atol=1e-6
    )


def test_maps_are_averaged_over_the_picture():
    images = torch.from_numpy(noise(5, 3 * 64).astype(np.float32)).view(5, 3, 8, 8)
    np.testing.assert_allclose(feature_rows(lambda x: x, images), images.mean((2, 3)).numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (lambda x: x.mean(), r"`features` must give a row .* for each of 2 images, got shape \(\)"),
        (lambda x: x[:1].flatten(1), r"got shape \(1, 192\)"),
        (lambda x: [1, 2], "got list"),
        (lambda x: torch.zeros(2, 1025), "`features` must have 1 to 1,024 columns, got 1,025"),
        (lambda x: torch.zeros(2, 0), "`features` must have 1 to 1,024 columns, got 0"),
        (lambda x: torch.full((2, 3), torch.nan), "`features` must be finite"),
    ],
)
def test_features_that_do_not_fit_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        feature_rows(features, torch.zeros(2, 3, 8, 8))


def test_images_come_in_small_batches_from_a_tensor_or_from_larger_batches():
    images = torch.rand(70, 3, 8, 8)
    whole = list(image_batches("real", images, (3, 8, 8), CPU))
    parts = list(image_batches("real", iter([images[:50], images[:0], images[50:].double()]), (3, 8, 8), CPU))
    assert [len(batch) for batch in whole] == [32, 32, 6] and [len(batch) for batch in parts] == [32, 18, 20]
    assert torch.equal(torch.cat(whole), images) and torch.equal(torch.cat(parts), images)


def test_progress_is_a_share_where_the_number_is_known():
    told, images = [], torch.rand(70, 3, 8, 8)
    data_rows(RandomFeatures(), images, (3, 8, 8), CPU, told.append)
    assert told == pytest.approx([32 / 70, 64 / 70, 1])
    told.clear()
    data_rows(RandomFeatures(), iter([images]), (3, 8, 8), CPU, told.append)
    assert told == [0, 0, 0]


@pytest.mark.parametrize(("k", "columns"), [(40, 5), (6, 20), (2, 3)])
def test_the_distance_of_sets_is_the_frechet_distance_at_any_rank(k, columns):
    data, rows = 3 * noise(60, columns) + 7, noise(50, columns, seed=1) + 6
    sets = np.stack([np.random.RandomState(i).choice(50, k, replace=False) for i in range(4)])
    reference = Reference(data)
    wanted = [frechet_distance(reference.scaled(rows)[one], reference.scaled(data)).distance for one in sets]
    np.testing.assert_allclose(reference.distance(rows, sets), wanted, rtol=1e-7)


def test_the_data_against_themselves_give_nothing():
    data = noise(60, 5)
    assert Reference(data).distance(data, np.arange(60)[None]) == pytest.approx([0], abs=1e-9)


def test_the_scale_of_a_feature_does_not_decide():
    data, rows = noise(60, 5), noise(50, 5, seed=1) + 1
    sets, stretch = np.arange(50).reshape(2, 25), np.array([1, 10, 1000, 0.5, 3])
    one, other = Reference(data), Reference(data * stretch)
    np.testing.assert_allclose(one.distance(rows, sets), other.distance(rows * stretch, sets))
    np.testing.assert_allclose(one.strangeness(rows), other.strangeness(rows * stretch), rtol=1e-4)


def test_a_feature_that_hardly_varies_in_the_data_is_not_divided_by_nothing():
    data = noise(60, 3)
    data[:, 1:] = 5.0, 0.0
    np.testing.assert_allclose(Reference(data).scale, [data[:, 0].std(), 0.05, 1])
    assert np.isfinite(Reference(np.ones((9, 2))).strangeness(np.ones((3, 2)))).all()


def test_strangeness_on_paper():
    """Data at 0, 1, 2, … 9: a picture at 20 is 11 from the nearest, whose third neighbour is 3 away."""
    data = np.arange(10.0)[:, None]
    found = Reference(data).strangeness(np.array([[20.0], [4.5], [9.0]]))
    assert found == pytest.approx([11 / 3, 0.5 / 2, 0])  # at 4 and 5 the third neighbour is 2 away


def test_a_far_group_of_the_data_is_not_strange():
    """A hundred pictures here, a few over there: one more over there is far from the average, and ordinary."""
    data = np.concatenate([noise(100, 2), noise(8, 2, seed=1) + 30])
    there, between = np.array([[30.0, 30.0]]), np.array([[15.0, 15.0]])
    assert Reference(data).strangeness(there)[0] < 2 < 10 < Reference(data).strangeness(between)[0]


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="`real` must hold at least 4 images, got 3"):
        Reference(noise(3, 2))
