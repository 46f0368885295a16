"""Ledoit and Wolf's covariance, beside the sums it is defined by."""

import numpy as np
import pytest

from ganwidgets.nn.shrinkage import ledoit_wolf


@pytest.mark.parametrize(("n", "columns"), [(40, 5), (8, 20), (200, 3)])
def test_the_amount_is_that_of_the_definition(n, columns):
    rows = np.random.RandomState(n).normal(size=(n, columns)) * np.linspace(0.5, 3, columns)
    centred = rows - rows.mean(0)
    sample = centred.T @ centred / n
    scale = np.trace(sample) / columns
    far = np.square(sample - scale * np.eye(columns)).sum()
    noise = sum(np.square(np.outer(x, x) - sample).sum() for x in centred) / n**2
    found, amount = ledoit_wolf(rows)
    assert amount == pytest.approx(min(noise / far, 1))
    np.testing.assert_allclose(found, (1 - amount) * sample + amount * scale * np.eye(columns))
    assert np.linalg.eigvalsh(found).min() > 0  # also with fewer images than columns


def test_one_column_and_equal_variances_are_left_as_they_are():
    rows = np.array([[1.0], [3.0]])
    assert ledoit_wolf(rows)[1] == 0 and ledoit_wolf(rows)[0] == [[1.0]]


def test_one_image_has_no_covariance():
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        ledoit_wolf(np.ones((1, 3)))
