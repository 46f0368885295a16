"""How pictures are compared: known distances, features, and what is not there is said."""

import pytest
import torch


def pictures(n=2, size=16, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) - 0.5


def distance(images, wanted, **options):
    from ganwidgets.invert.losses import Losses, Target

    return Target(wanted, Losses(**options)).distance(images)


def test_pixels_are_compared_by_their_mean_absolute_difference():
    x = pictures()
    assert distance(x, x).tolist() == [0, 0]
    assert distance(x + 0.25, x).tolist() == pytest.approx([0.25, 0.25])


def test_the_pyramid_sees_large_shapes_and_not_checkerboards():
    x = pictures()
    board = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8) * 0.2
    alone = {"pixels": 0.0, "pyramid": 1.0}
    assert distance(x + board, x, **alone).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert distance(x + 0.2, x, **alone).tolist() == pytest.approx([0.4, 0.4], abs=1e-5)  # at 8 and 4 pixels


def test_features_are_compared_relative_to_their_size():
    x = pictures()
    mean = {"mean": lambda images: images.mean((2, 3)) * 1000}
    wanted = x + 0.5
    found = distance(x, wanted, pixels=0, features=mean, feature_weight=1.0)
    exact = (0.5 / wanted.mean((2, 3)).abs().mean(1)).tolist()
    assert found.tolist() == pytest.approx(exact, rel=1e-4)
    two = {"several": lambda images: [images, images.mean(1)]}
    assert distance(x, x, features=two).tolist() == [0, 0]


def test_one_picture_s_distance_does_not_depend_on_its_neighbours():
    x, y = pictures(3), pictures(3, seed=1)
    assert torch.allclose(distance(x, y, pyramid=1.0)[1:2], distance(x[1:2], y[1:2], pyramid=1.0))


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"pixels": 0}, "nothing says how the picture should look"),
        ({"pixels": -1.0}, "`pixels` must be 0 or a positive number"),
        ({"residual": float("nan")}, "`residual` must be"),
        ({"pixels": 0, "features": {"a": abs}, "feature_weight": 0}, "nothing says"),
    ],
)
def test_weights_that_make_no_sense_are_refused(options, reason):
    from ganwidgets.invert.losses import Losses

    with pytest.raises(ValueError, match=reason):
        Losses(**options)


@pytest.mark.parametrize("wrong", [lambda x: 3.0 * torch.ones(1), lambda x: [], lambda x: [x[:1]]])
def test_features_without_a_row_for_each_picture_are_refused(wrong):
    from ganwidgets.invert.losses import Losses, Target

    with pytest.raises(ValueError, match="one row an image"):
        Target(pictures(), Losses(features={"wrong": wrong}))


def test_the_bundled_discriminator_sees_and_lets_gradients_through():
    import ganwidgets as gw

    network = gw.load("scenes")
    features = gw.invert.feature_fn(network, "discriminator")
    x = pictures(1, 64).requires_grad_()
    features(x).square().sum().backward()
    assert features(x).shape == (1, 128, 4, 4) and float(x.grad.abs().sum()) > 0


def test_what_is_not_there_is_said(planted, monkeypatch, tmp_path):
    from ganwidgets.invert import feature_fn, features

    with pytest.raises(ValueError, match="bundled world only"):
        feature_fn(planted, "discriminator")
    with pytest.raises(ValueError, match="`kind` must be one of"):
        feature_fn(planted, "clip")
    monkeypatch.setattr(features, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="package lpips, which is not installed; nothing is downloaded"):
        feature_fn(planted, "lpips")
    monkeypatch.setattr(features, "find_spec", lambda name: True)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match="needs the weights vgg16"):
        feature_fn(planted, "vgg")
