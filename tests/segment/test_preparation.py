"""Images reach a network as its own processor would bring them."""

import pytest
import torch

from ganwidgets.segment import Preparation
from ganwidgets.segment.preparation import as_rgb


def test_normalisation_is_of_images_between_0_and_1():
    images = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1)
    prepared = Preparation(mean=(0.1, 0.2, 0.5), std=(0.5, 0.1, 0.25))(images)
    assert prepared.flatten().tolist() == pytest.approx([-0.2, 3.0, 2.0])
    assert Preparation(bgr=True, mean=(0.0,) * 3, std=(1.0,) * 3)(images).flatten().tolist() == [1.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("options", "size", "expected"),
    [
        ({}, (30, 50), (30, 50)),
        ({"size": (8, 9)}, (30, 50), (8, 9)),
        ({"size": 60}, (30, 50), (60, 100)),
        ({"size": 60}, (50, 30), (100, 60)),
        ({"size": 60, "longest": 80}, (30, 50), (48, 80)),
        ({"size": 60, "longest": 80}, (50, 30), (80, 48)),
        ({"size": 60, "divisor": 32}, (30, 50), (64, 128)),
        ({"divisor": 32}, (64, 33), (64, 64)),
    ],
)
def test_the_size_at_which_a_network_sees(options, size, expected):
    preparation = Preparation(**options)
    assert preparation.input_size(*size) == expected
    assert preparation(torch.zeros(1, 3, *size)).shape[2:] == expected


@pytest.mark.parametrize("resample", ["nearest", "bilinear", "bicubic"])
def test_resizing_keeps_constants_and_range(resample):
    preparation = Preparation(size=(7, 20), resample=resample)
    assert torch.allclose(preparation(torch.full((1, 3, 16, 9), 0.25)), torch.full((1, 3, 7, 20), 0.25), atol=1e-6)
    noise = torch.where(torch.rand(1, 3, 16, 9, generator=torch.Generator().manual_seed(0)) > 0.5, 1.0, -1.0)
    assert preparation(noise).abs().max() <= 1


def test_preparing_is_differentiable():
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(Preparation(std=(0.25,) * 3)(images).sum(), images)
    assert torch.allclose(slope, torch.full_like(slope, 0.5 / 0.25))
    (slope,) = torch.autograd.grad(Preparation(size=(4, 4), std=(0.25,) * 3)(images).sum(), images)
    assert slope.sum().item() == pytest.approx(3 * 4 * 4 * 2)


def test_grey_becomes_rgb_and_alpha_is_left_out():
    grey, rgba = torch.rand(2, 1, 4, 4), torch.rand(2, 4, 4, 4)
    assert torch.equal(as_rgb(grey), grey.expand(-1, 3, -1, -1))
    assert torch.equal(as_rgb(rgba), rgba[:, :3])
    for wrong in (torch.zeros(2, 2, 4, 4), torch.zeros(3, 4, 4), torch.zeros(2, 3, 4, 4, dtype=torch.uint8)):
        with pytest.raises(ValueError, match=r"float in \[-1, 1\] of shape \(batch, 1, 3 or 4 channels"):
            as_rgb(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": (0.5,)}, "3 numbers"),
        ({"std": (0.5, 0.0, 0.5)}, "`std` above 0"),
        ({"resample": "lanczos"}, "one of"),
        ({"size": (0, 4)}, "one number"),
        ({"size": (1, 2, 3)}, "one number"),
        ({"divisor": 0}, "pixels"),
    ],
)
def test_settings_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        Preparation(**options)
