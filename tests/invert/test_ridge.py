"""Ridge regression: exact where the truth is linear, cautious where there is none."""

import pytest
import torch


def rows(n=60, columns=5, seed=0):
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(seed))


def test_a_linear_truth_is_found_exactly():
    from ganwidgets.invert.ridge import ridge

    x, weight = rows(), rows(5, 3, seed=1)
    found = ridge(x, x @ weight + 2)
    fresh = rows(seed=2)
    assert torch.allclose(found(fresh), fresh @ weight + 2, atol=1e-3)
    assert found.explained > 0.999 and found.strength <= 1e-5


def test_noise_is_answered_with_the_mean_and_said_to_be_unexplained():
    from ganwidgets.invert.ridge import ridge

    x, y = rows(), rows(60, 2, seed=3)
    found = ridge(x, y)
    assert found.strength >= 0.1 and found.explained < 0.1
    assert (found(rows(seed=4)) - y.mean(0)).abs().max() < 0.5


def test_more_inputs_than_rows_and_outputs_of_any_shape():
    from ganwidgets.invert.ridge import ridge

    x = rows(20, 50)
    found = ridge(x, x[:, :6].reshape(20, 2, 3) + 1)
    assert found(x).shape == (20, 2, 3) and found(x[:0]).shape == (0, 2, 3)


def test_the_strength_is_the_one_that_cross_validation_by_hand_prefers():
    """Leaving out one row at a time, with each penalty: the chosen one is among the best."""
    from ganwidgets.invert.ridge import STRENGTHS, ridge

    x = rows(40, 8)
    y = x @ rows(8, 1, seed=1) + 1.5 * rows(40, 1, seed=5)
    found = ridge(x, y)
    top = torch.linalg.svdvals((x - x.mean(0)).double())[0] ** 2

    def error(strength):
        total = 0.0
        for out in range(40):
            keep = [i for i in range(40) if i != out]
            a, b = x[keep].double(), y[keep].double()
            m, k = a.mean(0), b.mean(0)
            w = torch.linalg.solve((a - m).T @ (a - m) + strength * top * torch.eye(8).double(), (a - m).T @ (b - k))
            total += float(((x[out].double() - m) @ w + k - y[out]).square())
        return total

    errors = [error(float(s)) for s in STRENGTHS]
    assert errors[STRENGTHS.tolist().index(found.strength)] < 1.03 * min(errors)


def test_inputs_that_never_vary_give_the_mean():
    from ganwidgets.invert.ridge import ridge

    found = ridge(torch.ones(9, 4), torch.arange(9.0)[:, None])
    assert found(torch.ones(2, 4)).flatten().tolist() == [4.0, 4.0] and found.explained == 0


@pytest.mark.parametrize("x, y", [(rows(2), rows(2)), (rows() / 0, rows()), (rows(), rows() / 0)])
def test_what_cannot_be_regressed_is_refused(x, y):
    from ganwidgets.invert.ridge import ridge

    with pytest.raises(ValueError, match="finite rows"):
        ridge(x, y)


def test_outputs_too_many_to_keep_cost_only_weak_directions(monkeypatch):
    from ganwidgets.invert import ridge as module

    monkeypatch.setattr(module, "MOST_NUMBERS", 30)
    found = module.ridge(rows(60, 5), rows(60, 10, seed=2))
    assert found.coefficients.shape == (3, 10)
