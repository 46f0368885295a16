"""The search itself, where the answer is known: linear networks, known latents, planted failures."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ganwidgets.testing import best_latent, planted_linear_generator


def search(network, images, steps=150, residuals=(), start=None, **changes):
    """Every step of a search for these images, from the mean latent."""
    from ganwidgets.invert.drawing import Drawing
    from ganwidgets.invert.losses import Losses, Target
    from ganwidgets.invert.refine import Settings, refining
    from ganwidgets.invert.start import Start
    from ganwidgets.invert.statistics import scales

    losses = changes.pop("losses", Losses())
    start = torch.zeros(len(images), *network.z_shape) if start is None else start
    settings = Settings(steps, **{"rate": 0.1, "patience": 1.0, **changes})
    target = Target(images, losses)
    return list(refining(Drawing(network, "z"), target, Start(start, None), scales(network, "z", residuals), settings))


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


def test_the_known_latent_of_a_linear_network_is_found(linear):
    z = linear.sample_z(3, 5)
    last = search(linear, linear.images(z), steps=300)[-1]
    assert torch.allclose(last.variables.latent, z, atol=0.02)
    assert (last.psnr > 45).all() and last.stopped == "steps"


def test_a_picture_the_network_cannot_draw_gets_about_the_closed_form(linear):
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) - 0.5
    from ganwidgets.nn.picture_errors import psnr

    last = search(linear, image, steps=300)[-1]
    closed = linear.images(best_latent(linear, image[0])[None], clamp=False)
    assert float(last.psnr) > float(psnr(closed, image)) - 0.3  # L1 is searched for, not the square
    assert float(last.psnr) < float(psnr(closed, image)) + 1e-3  # nothing beats least squares in squares


def test_the_best_state_is_kept_and_never_the_last(linear):
    images = linear.images(linear.sample_z(2, 5))
    steps = search(linear, images, steps=40, rate=3.0)  # far too fast: it overshoots
    losses = torch.stack([step.loss for step in steps])
    assert (losses[1:] <= losses[:-1]).all()
    last = steps[-1]
    drawn = linear.images(last.variables.latent)
    assert torch.equal(drawn, last.images)  # the picture belongs to the state


def test_a_batch_is_its_pictures_one_by_one(linear):
    images = linear.images(linear.sample_z(3, 5))
    together = search(linear, images, steps=30, residuals=("2",))[-1]
    for number in range(3):
        alone = search(linear, images[number : number + 1], steps=30, residuals=("2",))[-1]
        assert torch.allclose(alone.variables.latent[0], together.variables.latent[number], atol=1e-4)
        assert torch.allclose(alone.images[0], together.images[number], atol=1e-4)


def test_the_same_seed_gives_the_same_search(linear):
    images = linear.images(linear.sample_z(2, 5))
    first, second = (search(linear, images, steps=20, noise=0.3, seed=4)[-1] for _ in range(2))
    other = search(linear, images, steps=20, noise=0.3, seed=5)[-1]
    assert torch.equal(first.variables.latent, second.variables.latent)
    assert not torch.equal(first.variables.latent, other.variables.latent)


def test_noise_is_gone_in_the_end(linear):
    images = linear.images(linear.sample_z(2, 5))
    assert (search(linear, images, steps=300, noise=0.5)[-1].psnr > 40).all()


def test_residuals_reach_a_picture_no_latent_draws_and_leave_the_latent_alone(linear):
    image = linear.images(linear.sample_z(1, 5)) + 0.3  # another brightness than any map has
    image = image.clamp(-1, 1)
    plain = search(linear, image)[-1]
    last = search(linear, image, residuals=("1", "2"), latent=False, residual_rate=0.05, start=plain.variables.latent)[
        -1
    ]
    assert float(last.psnr) > float(plain.psnr) + 3
    assert torch.equal(last.variables.latent, plain.variables.latent)
    assert list(last.variables.residuals) == ["1", "2"]


def test_a_search_ends_where_nothing_is_gained(linear):
    images = linear.images(linear.sample_z(1, 5))
    steps = search(linear, images, steps=2000, patience=0.02, gain=0.01)
    assert steps[-1].stopped == "plateau" and steps[-1].step < 1500
    assert all(not step.stopped for step in steps[:-1])


def test_a_time_limit_ends_it_with_the_best_so_far(linear):
    steps = search(linear, linear.images(linear.sample_z(1, 5)), steps=10**6, time_limit=0.05)
    assert steps[-1].stopped == "time" and steps[-1].loss <= steps[0].loss


def test_no_steps_is_the_start_and_needs_no_gradient(linear):
    z = linear.sample_z(2, 5)
    (only,) = search(linear, linear.images(z), steps=0, start=z)
    assert only.stopped == "steps" and torch.allclose(only.variables.latent, z) and (only.psnr == 100).all()


def test_an_image_that_is_found_at_once_stays_found(linear):
    z = linear.sample_z(1, 5)
    last = search(linear, linear.images(z), steps=25, start=z)[-1]
    assert torch.allclose(last.variables.latent, z) and float(last.psnr) == 100


class Breaks(nn.Module):
    """Gives NaN for latents beyond 1."""

    def forward(self, x):
        return torch.where(x > 1, torch.nan, x)


def breaking():
    from ganwidgets.models import TorchGenerator

    lines = nn.Sequential(nn.Unflatten(1, (3, 1, 1)), nn.Upsample(scale_factor=8), Breaks())
    draw = lambda n, seed: torch.rand(n, 3, generator=torch.Generator().manual_seed(seed)) * 0.5  # noqa: E731
    return TorchGenerator(lines, (3,), name="breaking", sampler=draw)


def test_a_loss_that_becomes_nan_is_said_and_the_best_state_kept():
    network = breaking()
    target = torch.full((1, 3, 8, 8), 1.0)
    steps = search(network, target, steps=60, rate=2.0, start=torch.full((1, 3), 0.2))
    last = steps[-1]
    assert last.stopped == "not finite" and f"step {last.step}" in last.notes[0]
    assert last.images.isfinite().all() and last.psnr.isfinite().all() and last.loss <= steps[0].loss


def test_a_picture_that_fails_takes_no_other_with_it_and_fails_once(monkeypatch):
    from ganwidgets.invert.drawing import Drawing

    looked, look = [], Drawing.not_finite
    monkeypatch.setattr(Drawing, "not_finite", lambda *args: looked.append(1) or look(*args))
    network = breaking()
    targets = torch.stack([torch.full((3, 8, 8), 1.0), torch.full((3, 8, 8), 0.4)])
    last = search(network, targets, steps=40, rate=1.0, start=torch.full((2, 3), 0.2))[-1]
    assert "picture 0" in last.notes[0] and len(last.notes) == len(looked) == 1
    alone = search(network, targets[1:], steps=40, rate=1.0, start=torch.full((1, 3), 0.2))[-1]
    assert torch.allclose(last.variables.latent[1], alone.variables.latent[0], atol=1e-5)
    assert float(last.psnr[1]) > 25 and last.stopped in ("steps", "plateau")


def test_features_that_are_nan_from_the_start_are_refused(linear):
    from ganwidgets.invert import Losses

    with pytest.raises(ValueError, match="loss of the start is NaN"):
        search(linear, linear.images(linear.sample_z(1, 5)), losses=Losses(features={"bad": lambda x: x / 0 * 0}))


class Deaf(nn.Module):
    """A part without gradients, as quantised ones are."""

    def forward(self, x):
        with torch.no_grad():
            return x * 1.0


class InPlace(nn.Module):
    """Overwrites what the gradient of the part before needs."""

    def forward(self, x):
        y = x.sigmoid()
        y.mul_(2)
        return y


@pytest.mark.parametrize("part", [Deaf, InPlace])
def test_a_network_without_gradients_is_one_sentence(part):
    from ganwidgets.models import TorchGenerator

    parts = nn.Sequential(nn.Unflatten(1, (3, 1, 1)), nn.Upsample(scale_factor=8), part(), nn.Tanh())
    network = TorchGenerator(parts, (3,), name="deaf")
    images = network.images(network.sample_z(1, 5))
    with pytest.raises(ValueError, match=r"must give gradients .* deaf gives none .* 'ridge'"):
        search(network, images)
    assert search(network, images, steps=0)[-1].stopped == "steps"


def test_weights_collect_no_gradients_and_stay_bit_identical(linear):
    before = {name: weight.clone() for name, weight in linear.module.state_dict().items()}
    print_before = linear.fingerprint
    search(linear, linear.images(linear.sample_z(1, 5)), steps=5, residuals=("2",))
    assert all(weight.grad is None for weight in linear.module.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in linear.module.state_dict().items())
    assert linear.fingerprint == print_before


def test_what_lies_below_the_residual_runs_once_where_the_latent_is_fixed(linear):
    ran = []
    hook = linear.module[0].register_forward_hook(lambda *_: ran.append(1))
    images = linear.images(linear.sample_z(1, 5))
    ran.clear()
    search(linear, images, steps=10, residuals=("2",), latent=False)
    fixed = len(ran)
    ran.clear()
    search(linear, images, steps=10, residuals=("2",))
    hook.remove()
    assert fixed <= 2 and len(ran) >= 10


def test_settings_are_values():
    from ganwidgets.invert.refine import Settings

    assert replace(Settings(10), rate=0.2) == Settings(10, rate=0.2)
