"""Least squares and least absolute errors: on paper, and against a linear program."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog


def system(responses, error, weight=None, price=None, level=None):
    from ganwidgets.rewrite.least_squares import System

    responses, error = (torch.as_tensor(part, dtype=torch.float64) for part in (responses, error))
    weight = torch.ones(len(responses)) if weight is None else torch.as_tensor(weight)
    price = None if price is None else torch.as_tensor(price, dtype=torch.float64)
    level = error.abs().mean(1) if level is None else torch.as_tensor(level)
    return System(responses, error, weight.double(), price, level.double())


def squares(*args, **options):
    from ganwidgets.rewrite.least_squares import least_squares

    return least_squares(system(*args, **options))


def absolute(problem, solves=20):
    from ganwidgets.rewrite.least_squares import least_absolute

    return list(least_absolute(problem, solves))


def noisy(places, unknowns, units=8, seed=0):
    """Responses and errors with heavy tails."""
    random = np.random.RandomState(seed)
    responses = random.randn(places, unknowns)
    return responses, random.randn(units, unknowns) @ responses.T + random.standard_t(1.5, (units, places))


def test_one_unknown_is_arithmetic():
    """x = Σ w a y / (Σ w a² + price)."""
    assert squares([[1.0], [2]], [[3.0, 4]]).item() == pytest.approx((3 + 8) / 5)
    assert squares([[1.0], [2]], [[3.0, 4]], weight=[5.0, 1], price=[[1.0]]).item() == pytest.approx((15 + 8) / 10)


def test_units_have_nothing_to_do_with_each_other():
    responses, error = noisy(30, 4)
    together = squares(responses, error)
    assert together[3:4] == pytest.approx(squares(responses, error[3:4]), abs=1e-12)
    both = absolute(system(responses, error))[-1]
    assert both[3:4] == pytest.approx(absolute(system(responses, error[3:4]))[-1], abs=1e-6)


def test_the_best_constant_for_absolute_errors_is_the_median():
    found = absolute(system(np.ones((5, 1)), [[0.0, 1, 2, 10, 100], [7, 7, 7, 7, 9]]), 60)
    assert found[-1][:, 0] == pytest.approx([2, 7], abs=1e-2)


def test_with_weights_it_is_the_weighted_median():
    found = absolute(system(np.ones((3, 1)), [[0.0, 1, 5]], weight=[1, 1, 3.0]), 60)[-1]
    assert found.item() == pytest.approx(5, abs=1e-2)


def test_outliers_do_not_move_least_absolute_errors():
    """Three of thirty places say nonsense: the planted answer is found exactly, by squares it is not."""
    random = np.random.RandomState(1)
    responses, planted = random.randn(30, 4), random.randn(2, 4)
    error = planted @ responses.T
    error[:, :3] += 100
    assert absolute(system(responses, error), 40)[-1] == pytest.approx(planted, abs=1e-3)
    assert (squares(responses, error) - torch.from_numpy(planted)).abs().max() > 1


@pytest.mark.parametrize(("places", "unknowns"), [(25, 9), (60, 18), (12, 9)])
def test_twenty_solves_come_within_three_thousandths_of_the_optimum(places, unknowns):
    responses, error = noisy(places, unknowns)
    problem = system(responses, error)
    assert float(problem.left(absolute(problem)[-1]).abs().mean()) <= 1.003 * least_by_program(responses, error)


def least_by_program(responses, error):
    """Mean absolute error of the optimum: min Σ (above + below) with A x + above − below = y."""
    places, unknowns = responses.shape
    cost = np.r_[np.zeros(2 * unknowns), np.ones(2 * places)]
    equal = np.c_[responses, -responses, np.eye(places), -np.eye(places)]
    return sum(linprog(cost, A_eq=equal, b_eq=y, method="highs").fun for y in error) / error.size


def test_it_never_gets_worse():
    from ganwidgets.rewrite.least_squares import absolute_cost

    problem = system(*noisy(40, 6), price=np.eye(6))
    costs = torch.stack([absolute_cost(problem, x) for x in absolute(problem)])
    assert (costs[1:] <= costs[:-1]).all() and (costs[-1] < costs[0]).all()


def test_absolute_errors_with_a_price_are_arithmetic():
    """2 s Σ |y − x| + p x² for y = (1, 1, 1, −9): between −9 and 1 its slope is −2 s · 2 + 2 p x, so x = 2 s / p."""
    problem = system(np.ones((4, 1)), [[1.0, 1, 1, -9]], price=[[12.0]], level=[3.0])
    assert absolute(problem, 60)[-1].item() == pytest.approx(2 * 3 / 12, abs=1e-3)


def test_the_price_does_not_depend_on_the_unit_of_values():
    responses, error = noisy(40, 6)
    for solver in (
        lambda y: squares(responses, y, price=np.eye(6)),
        lambda y: absolute(system(responses, y, price=np.eye(6)))[-1],
    ):
        assert solver(1000 * error) / 1000 == pytest.approx(solver(error), abs=1e-6)


def test_nothing_to_do_is_done_exactly():
    responses = noisy(20, 5)[0]
    for price in (None, np.eye(5)):
        problem = system(responses, np.zeros((3, 20)), price=price)
        assert not squares(responses, np.zeros((3, 20)), price=price).any() and not absolute(problem)[-1].any()


def test_unknowns_that_do_the_same_share_the_work():
    """Two equal columns: of all answers the shortest, and the error is that of one column."""
    one, error = noisy(20, 1)
    found = squares(np.c_[one, one], error)
    assert found[:, 0] == pytest.approx(found[:, 1]) and found.sum(1) == pytest.approx(squares(one, error)[:, 0])
    best = absolute(system(np.c_[one, one], error))[-1]
    assert best.sum(1) == pytest.approx(absolute(system(one, error))[-1][:, 0], abs=1e-6)


def test_an_unknown_that_reaches_nothing_stays_at_zero():
    responses, error = noisy(20, 3)
    responses[:, 1] = 0
    assert not squares(responses, error)[:, 1].any() and not absolute(system(responses, error))[-1][:, 1].any()


def test_places_that_do_not_count_do_not_count():
    responses, error = noisy(20, 3)
    weight = np.r_[np.ones(15), np.zeros(5)]
    expected = squares(responses[:15], error[:, :15])
    assert squares(responses, error, weight=weight) == pytest.approx(expected, abs=1e-10)


def test_many_places_are_added_up_in_parts(monkeypatch):
    from ganwidgets.rewrite import least_squares

    problem = system(*noisy(50, 6))
    whole = absolute(problem)[-1]
    monkeypatch.setattr(least_squares, "MOST_PRODUCTS", 100)  # two places at a time
    assert absolute(problem)[-1] == pytest.approx(whole, abs=1e-8)
