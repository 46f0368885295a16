"""Networks through which no gradient goes: searches that need none work, the others say so."""

import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.invert import invert


class InPlace(nn.Module):
    """Overwrites what its gradient needs."""

    def forward(self, x):
        return torch.sigmoid(x).mul_(2)


def net(middle):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8 * 4 * 4),
        nn.Unflatten(1, (8, 4, 4)),
        middle,
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(6, 3, 3, padding=1),
        nn.Tanh(),
    )


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    from ganwidgets.invert import sample
    from ganwidgets.results import cache

    with pytest.MonkeyPatch.context() as patch:
        kept = tmp_path_factory.mktemp("cache")
        patch.setattr(cache, "user_cache_path", lambda name: kept)
        patch.setattr(sample, "N", 192)
        yield {
            "quantised": gw.TorchGenerator(quantised(), (4,)),
            "in place": gw.TorchGenerator(net(InPlace()), (4,)),
        }


def quantised():
    import warnings

    with warnings.catch_warnings():  # torch says that this is to move to another package
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(net(nn.ReLU()), {nn.Linear}, dtype=torch.qint8)


@pytest.mark.parametrize("kind", ["quantised", "in place"])
def test_a_regression_does_without_gradients(networks, kind):
    network = networks[kind]
    picture = network.images(network.sample_z(1, 9))[0]
    found = invert(network, picture, "ridge")
    blank = float((picture - picture.mean((1, 2), keepdim=True)).square().mean())
    assert float((found.reconstruction - picture).square().mean()) < 0.5 * blank
    assert found.steps == 0 and found.editability.n


@pytest.mark.parametrize("strategy", ["ridge+r", "ridge+z", "z"])
@pytest.mark.parametrize("kind", ["quantised", "in place"])
def test_what_needs_gradients_says_so(networks, kind, strategy):
    with pytest.raises(ValueError, match=r"`network` must give gradients .* use strategy 'ridge' or 'encoder'"):
        invert(networks[kind], torch.zeros(3, 16, 16), strategy, steps=3)


def test_too_little_memory_is_not_taken_for_that():
    from ganwidgets.invert.search_state import gradients

    class Full(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            raise torch.OutOfMemoryError("no")

    x = torch.ones(2, requires_grad=True)
    with pytest.raises(torch.OutOfMemoryError):
        gradients(Full.apply(x), [x])
