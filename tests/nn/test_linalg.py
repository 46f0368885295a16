"""Spectra, whitening and directions: on paper, singular ones and those that are negative by rounding included."""

import numpy as np
import pytest
import torch


def random_moment(size=5, rank=5, seed=0):
    rows = torch.randn(40, rank, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    mixed = rows @ torch.randn(rank, size, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    return mixed.T @ mixed / len(mixed)


def test_powers_of_a_diagonal_are_those_of_its_numbers():
    from ganwidgets.nn.linalg import spectrum

    found = spectrum(torch.diag(torch.tensor([4.0, 1.0, 16.0], dtype=torch.float64)))
    assert found.values.tolist() == [1, 4, 16] and found.n_silent == 0
    torch.testing.assert_close(found.power(-0.5), torch.diag(torch.tensor([0.5, 1, 0.25], dtype=torch.float64)))
    torch.testing.assert_close(found.power(-1), torch.diag(torch.tensor([0.25, 1, 1 / 16], dtype=torch.float64)))


def test_whitened_keys_are_white_and_the_inverse_is_one():
    from ganwidgets.nn.linalg import spectrum

    C = random_moment()
    white, eye = spectrum(C).power(-0.5), torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(white @ C @ white, eye, atol=1e-9, rtol=0)
    torch.testing.assert_close(spectrum(C).power(-1) @ C, eye, atol=1e-8, rtol=0)
    assert torch.equal(white, white.T) or torch.allclose(white, white.T, atol=1e-12)


def test_damping_is_added_in_units_of_the_mean_eigenvalue():
    from ganwidgets.nn.linalg import spectrum

    C = torch.diag(torch.tensor([1.0, 3.0], dtype=torch.float64))  # mean 2
    wanted = torch.diag(torch.tensor([1 / 2, 1 / 4], dtype=torch.float64))
    torch.testing.assert_close(spectrum(C).power(-1, 0.5), wanted)


def test_directions_that_do_not_occur_are_left_out_and_counted():
    from ganwidgets.nn.linalg import spectrum

    C = random_moment(size=5, rank=3)
    found = spectrum(C)
    assert found.n_silent == 2
    inverse = found.power(-1)
    torch.testing.assert_close(inverse, torch.linalg.pinv(C, rtol=1e-10), rtol=1e-6, atol=1e-8)
    assert spectrum(C).power(-1, 1e-3).isfinite().all()


def test_less_damping_tends_to_none_for_keys_that_occur():
    from ganwidgets.nn.linalg import spectrum

    C = random_moment(size=5, rank=3)
    key = C @ torch.arange(5.0, dtype=torch.float64)
    undamped = spectrum(C).power(-0.5) @ key
    far, near = (float((spectrum(C).power(-0.5, d) @ key - undamped).norm()) for d in (1e-3, 1e-6))
    assert near < far / 100 and near < 1e-4 * float(undamped.norm())


def test_eigenvalues_negative_by_rounding_give_no_nan():
    from ganwidgets.nn.linalg import spectrum

    C = torch.diag(torch.tensor([2.0, 1.0, -1e-9, 0.0], dtype=torch.float64))
    for power in (-0.5, -1):
        for damping in (0, 1e-6):
            assert spectrum(C).power(power, damping).isfinite().all()
    assert spectrum(torch.diag(torch.tensor([2.0, -1e-3], dtype=torch.float64))).power(-0.5, 1e-6).isfinite().all()
    assert spectrum(C).n_silent == 2
    assert spectrum(C).power(-0.5).diagonal().tolist()[2:] == [0, 0]


def test_float32_is_known_to_be_coarse():
    from ganwidgets.nn.linalg import spectrum

    C = torch.diag(torch.tensor([1.0, 1e-8]))
    assert spectrum(C).n_silent == 1 and spectrum(C.double()).n_silent == 0


@pytest.mark.parametrize("matrix, reason", [
    (torch.zeros(3, 3), "must not be zero"),
    (torch.tensor([[1.0, float("nan")], [0.0, 1.0]]), "must be finite"),
    (torch.tensor([[1.0, 2.0], [0.0, 1.0]]), "must be symmetric"),
])  # fmt: skip
def test_what_is_no_second_moment_is_refused(matrix, reason):
    from ganwidgets.nn.linalg import spectrum

    with pytest.raises(ValueError, match=f"`second_moment` {reason}"):
        spectrum(matrix)


@pytest.mark.parametrize("damping", [-1e-9, float("nan"), float("inf")])
def test_damping_must_be_a_number_from_0_on(damping):
    from ganwidgets.nn.linalg import spectrum

    with pytest.raises(ValueError, match="`damping` must be 0 or more"):
        spectrum(torch.eye(2)).power(-1, damping)


def test_orthonormal_rows_span_the_same_one_after_the_other():
    from ganwidgets.nn.linalg import orthonormal_rows

    rows = torch.tensor([[3.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [5.0, 5.0, 0.0, 2.0]])
    basis = orthonormal_rows(rows)
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(basis.abs(), np.eye(4)[[0, 1, 3]], atol=1e-6)


def test_rows_are_turned_toward_the_given_vector_or_their_largest_entry():
    from ganwidgets.nn.linalg import agreeing_signs

    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, -0.5, 0.5], [0.0, -0.6, 0.5]], dtype=torch.float64)
    turned = agreeing_signs(rows, torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    assert turned[0].tolist() == [-1, 0, 0]
    assert turned[1].tolist() in ([0, -0.5, 0.5], [0, 0.5, -0.5])  # at right angles: its largest entry decides
    assert turned[1].gather(0, turned[1].abs().argmax()[None]) > 0
    assert turned[2].tolist() == [0, 0.6, -0.5]


def test_an_unknown_kind_of_weight_is_refused():
    from ganwidgets.nn.linalg import expand_update

    with pytest.raises(ValueError, match=r"`kind` must be one of \['plain', 'transposed', 'modulated'\]"):
        expand_update(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1), "linear")
