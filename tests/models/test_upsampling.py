"""What weights do not say is read off the statistics of batch norm: activations, strides, upsampling, priors."""

import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.models.norm_statistics import gap, worst_gap
from ganwidgets.models.rows import outline, row_of
from ganwidgets.models.upsampling import recipe_of


def trained(module, draw, rounds=40):
    """A module whose batch norms have seen the latents it was made for."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 0.2
            nn.init.normal_(part.weight, 1, 0.2)
            nn.init.normal_(part.bias, 0, 0.3)
    module.train()
    with torch.no_grad():
        for _ in range(rounds):
            module(draw(128))
    return module.eval()


def normal(n):
    return torch.randn(n, 8, 1, 1)


def uniform(n):
    return torch.rand(n, 8, 1, 1) * 2 - 1


def usual(activation=nn.ReLU, eps=1e-5):
    return nn.Sequential(
        nn.ConvTranspose2d(8, 12, 4, bias=False),
        nn.BatchNorm2d(12, eps=eps),
        activation(),
        nn.ConvTranspose2d(12, 12, 4, 2, 1, bias=False),
        nn.BatchNorm2d(12, eps=eps),
        activation(),
        nn.ConvTranspose2d(12, 10, 4, 2, 1, bias=False),
        nn.BatchNorm2d(10, eps=eps),
        activation(),
        nn.ConvTranspose2d(10, 1, 4, 2, 1),
        nn.Tanh(),
    )


def odd():
    """Sizes 1, 3, 6, 13, 28: strides that no convention tells."""
    return nn.Sequential(
        nn.ConvTranspose2d(8, 12, 3, 2),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.ConvTranspose2d(12, 12, 4),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.ConvTranspose2d(12, 10, 3, 2),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.ConvTranspose2d(10, 1, 4, 2),
        nn.Tanh(),
    )


def upsampled(slope=0.2):
    return nn.Sequential(
        nn.Linear(8, 12 * 16),
        nn.Unflatten(1, (12, 4, 4)),
        nn.BatchNorm2d(12),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(12, 12, 3, padding=1),
        nn.BatchNorm2d(12, 0.8),
        nn.LeakyReLU(slope),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(12, 10, 3, padding=1),
        nn.BatchNorm2d(10, 0.8),
        nn.LeakyReLU(slope),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(10, 3, 3, padding=1),
        nn.Tanh(),
    )


CASES = {
    "usual": (usual, normal, "normal"),
    "uniform prior": (usual, uniform, "uniform"),
    "leaky": (lambda: usual(lambda: nn.LeakyReLU(0.2)), normal, "normal"),
    "odd strides": (odd, normal, "normal"),
    "upsampling, eps 0.8, no first activation": (upsampled, lambda n: torch.randn(n, 8), "normal"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_module_is_found_again_from_its_weights(case):
    make, draw, prior = CASES[case]
    torch.manual_seed(1)
    original = trained(make(), draw)
    generator = gw.load(original.state_dict())
    z = generator.sample_z(4)
    with torch.no_grad():
        assert torch.allclose(generator.images(z), original(z), atol=1e-5)
    assert (generator.sampler is None) == (prior == "normal")
    assert worst_gap(generator)[1] < 0.02


def test_spectral_normalisation_is_worked_in():
    torch.manual_seed(1)
    layers = [nn.utils.parametrizations.spectral_norm(part) if hasattr(part, "kernel_size") else part for part in odd()]
    original = trained(nn.Sequential(*layers), normal)
    generator = gw.load(original.state_dict())
    z = generator.sample_z(4)
    with torch.no_grad():
        assert torch.allclose(generator.images(z), original(z), atol=1e-4)


def test_a_usual_dcgan_stays_one():
    torch.manual_seed(1)
    generator = gw.load(trained(usual(), normal).state_dict())
    assert type(generator.module).__name__ == "DCGAN"


def test_a_wrong_activation_shows_in_the_statistics():
    torch.manual_seed(1)
    original = trained(usual(lambda: nn.LeakyReLU(0.2)), normal)
    right = gw.TorchGenerator(original, (8, 1, 1))
    other = usual().eval()
    other.load_state_dict(original.state_dict())
    assert worst_gap(right)[1] < 0.005 < 0.02 < worst_gap(gw.TorchGenerator(other, (8, 1, 1)))[1]
    assert worst_gap(gw.TorchGenerator(usual().eval(), (8, 1, 1))) is None  # never trained
    assert worst_gap(gw.load("scenes")) is None  # no batch norm


def test_the_gap_is_the_divergence_of_two_normals():
    x = torch.tensor([[-1.0], [1.0]]).repeat(500, 1)  # mean 0, variance 1.001
    assert gap(x, torch.zeros(1), torch.ones(1)) < 1e-5
    assert gap(x, torch.ones(1), torch.ones(1)) == pytest.approx(0.5, abs=1e-2)  # symmetrised: (1 + 1) / 4
    assert gap(x, torch.zeros(1), torch.full((1,), 2.0)) == pytest.approx((0.5 + 2 - 2) / 4, abs=1e-2)
    assert gap(x, torch.zeros(2), torch.ones(2)) == float("inf")


def test_a_row_is_read_in_the_order_in_which_it_runs():
    state = upsampled().state_dict()
    named = {f"{'b' if int(key.split('.')[0]) > 1 else 'l'}.{key}": part for key, part in state.items()}
    for order in (named, dict(sorted(named.items()))):
        assert [op.kind for op in row_of(order)] == ["linear", "norm", "conv", "norm", "conv", "norm", "conv"]
    assert outline(named)[:2] == ["linear l.0", "norm b.2"]


def test_nothing_is_guessed_without_evidence():
    state = upsampled().state_dict()
    assert recipe_of(state) is None  # never trained
    torch.manual_seed(0)
    for key in state:
        if key.endswith("running_mean"):
            state[key] = torch.randn_like(state[key]) * 5
        if key.endswith("running_var"):
            state[key] = torch.rand_like(state[key]) + 3
    assert recipe_of(state) is None
    with pytest.raises(ValueError, match=r"none of the usual ways agrees.*recipe=\['linear 0', 'norm 2', 'conv 4'"):
        gw.load(state)


def test_other_weights_are_no_row():
    assert row_of({"a.weight": torch.zeros(3, 3), "b.gamma": torch.zeros(3)}) is None
    assert row_of(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 1, 3)).state_dict()) is None  # a discriminator
    assert row_of(nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 3)).state_dict()) is None


@pytest.mark.parametrize(
    "state",
    [
        {"weight": torch.zeros(3, 3)},
        {"a.weight": torch.zeros(0, 3), "b.weight": torch.zeros(3, 1, 4, 4), "c.weight": torch.zeros(3, 1, 4, 4)},
        {"a.weight": torch.zeros(4, 3, 4, 4), "n.running_mean": torch.zeros(3), "b.weight": torch.zeros(3, 1, 4, 4)},
        {"a.weight": torch.zeros(4, 3, 4, 4, dtype=torch.int64), "b.weight": torch.zeros(3, 1, 4, 4)},
    ],
    ids=["no names", "empty", "half a norm", "whole numbers"],
)
def test_strange_weights_are_no_row(state):
    assert row_of(state) is None


def test_a_file_that_claims_a_billion_pixels_is_not_drawn():
    state = {}
    for number in range(40):
        state[f"{2 * number}.weight"] = torch.randn(1, 1, 4, 4)
        if number < 39:
            state |= {f"{2 * number + 1}.running_mean": torch.randn(1), f"{2 * number + 1}.running_var": torch.rand(1)}
    with pytest.raises(ValueError, match=r"pixels|none of the usual ways"):
        gw.load(state)
