"""PSNR, SSIM, L1 and correlation, against numbers known on paper."""

import pytest
import torch


def pictures(n=2, channels=3, size=16, seed=0):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_equal_pictures():
    from ganwidgets.nn.picture_errors import MOST_PSNR, l1, psnr, ssim

    x = pictures()
    assert psnr(x, x).tolist() == [MOST_PSNR] * 2
    assert ssim(x, x).tolist() == pytest.approx([1, 1]) and l1(x, x).tolist() == [0, 0]


def test_a_constant_shift_of_a_tenth_of_the_range_is_20_decibels():
    from ganwidgets.nn.picture_errors import l1, psnr

    x = pictures() * 0.5
    assert psnr(x, x + 0.2).tolist() == pytest.approx([20, 20], abs=1e-3)
    assert l1(x, x + 0.2).tolist() == pytest.approx([0.1, 0.1], abs=1e-5)


def test_ssim_of_two_flat_pictures_is_the_luminance_term_alone():
    from ganwidgets.nn.picture_errors import ssim

    a, b = torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 0.4)  # 0.5 and 0.7 in [0, 1]
    wanted = (2 * 0.5 * 0.7 + 1e-4) / (0.25 + 0.49 + 1e-4)
    assert float(ssim(a, b)) == pytest.approx(wanted, abs=1e-5)


def test_ssim_is_that_of_scikit_image_with_gaussian_windows():
    metrics = pytest.importorskip("skimage.metrics")
    from ganwidgets.nn.picture_errors import ssim

    a, b = pictures(1, 1, 32), pictures(1, 1, 32, seed=1)
    options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 1.0, "full": True}
    _, full = metrics.structural_similarity(((a + 1) / 2)[0, 0].numpy(), ((b + 1) / 2)[0, 0].numpy(), **options)
    assert float(ssim(a, b)) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-4)


def test_pictures_smaller_than_a_window_and_grey_ones():
    from ganwidgets.nn.picture_errors import ssim

    assert ssim(pictures(3, 1, 4), pictures(3, 1, 4, seed=1)).shape == (3,)


def test_noise_and_negatives_are_worse_than_a_little_noise():
    from ganwidgets.nn.picture_errors import correlation, ssim

    x = pictures()
    little = (x + 0.05 * pictures(seed=1)).clamp(-1, 1)
    assert (ssim(x, little) > 0.9).all() and (ssim(x, -x) < 0).all()
    assert correlation(x, -x).tolist() == pytest.approx([-1, -1]) and correlation(
        x, 3 * x + 1
    ).tolist() == pytest.approx([1, 1])
    assert correlation(x, torch.ones_like(x)).tolist() == [0, 0]
