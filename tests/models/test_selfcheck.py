"""What a generator that was just loaded draws, and the likely cause if it draws nothing."""

import warnings

import pytest
import torch
from torch import nn

from ganwidgets.models.checkpoints import load
from ganwidgets.models.dcgan import DCGAN
from ganwidgets.models.generator import TorchGenerator
from ganwidgets.models.selfcheck import complaints, memory_needed


def small(last=nn.Tanh, seed=0):
    torch.manual_seed(seed)
    chain = [nn.ConvTranspose2d(4, 6, 4), nn.BatchNorm2d(6), nn.ReLU(), nn.ConvTranspose2d(6, 3, 4, 2, 1), last()]
    net = nn.Sequential(*chain)
    with torch.no_grad():
        net[0].weight.mul_(4), net[3].weight.mul_(4)
        net[1].running_mean += 0.1
    return net


def test_a_generator_that_draws_has_nothing_to_complain_of():
    assert complaints(TorchGenerator(small())) == []
    with warnings.catch_warnings(action="error"):
        load(small().state_dict())


def changed(change):
    net = small()
    with torch.no_grad():
        change(net)
    return net


def _zeros(net):
    net[0].weight.zero_()


def _nan(net):
    net[3].weight[0, 0, 0, 0] = float("nan")


def _infinite(net):
    net[3].bias[0] = float("inf")


def _never(net):
    net[1].running_mean.zero_(), net[1].weight.zero_()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_zeros, "draws the same picture for different latents; likely because 0.weight is all zeros"),
        (_nan, "draws nothing: `images` must be finite.*; likely because 3.weight holds NaN or infinity"),
        (_never, "the same picture.*; likely because the statistics of 1 were never gathered"),
        (lambda net: [p.zero_() for p in net.parameters()], "blank pictures; likely because 0.weight is all zeros"),
        (lambda net: net[0].weight.mul_(1e-9), "draws the same picture for different latents$"),
    ],
)
def test_what_is_wrong_is_said_with_its_cause(change, told):
    net = changed(change)
    with pytest.warns(UserWarning, match=told):
        g = load(dict(net.state_dict()))
    assert isinstance(g.module, DCGAN)
    assert len(complaints(g)) == 1


def test_pictures_from_0_to_1_are_told():
    generator = TorchGenerator(small(nn.Sigmoid))
    (told,) = complaints(generator)
    assert "as if its range were [0, 1]" in told and "output_range=(0, 1)" in told
    assert complaints(TorchGenerator(small(nn.Sigmoid), output_range=(0, 1))) == []


class Overflows(nn.Module):
    """Finite in float32, infinite in float16."""

    def __init__(self):
        super().__init__()
        self.net = nn.ConvTranspose2d(4, 3, 4)

    def forward(self, z):
        return torch.tanh(self.net(z) * 1e5 * 0 + (z * 1e5 - z * 1e5).sum(1, keepdim=True) + self.net(z))


def test_half_precision_that_overflows_is_run_in_float32():
    torch.manual_seed(0)
    module = Overflows()
    with warnings.catch_warnings(action="error"):
        load(module)
    half = Overflows().half()
    with pytest.warns(UserWarning, match="NaN or infinity in half precision; a copy in float32 is used instead"):
        g = load(half)
    assert next(half.parameters()).dtype == torch.float16, "the module that was given stays as it was"
    assert next(g.module.parameters()).dtype == torch.float32
    assert g.images(g.sample_z(2)).isfinite().all()


def test_half_precision_that_works_is_left_alone():
    with warnings.catch_warnings(action="error"):
        g = load(small().half())
    assert next(g.module.parameters()).dtype == torch.float16


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            RuntimeError("can't allocate memory: you tried to allocate 12000000000 bytes. Error"),
            "needs 12.0 GB at once",
        ),
        (MemoryError(), "needs more memory than there is"),
        (ValueError("else"), None),
    ],
)
def test_what_is_said_about_memory(error, sentence):
    outer = ValueError("failed")
    outer.__cause__ = error
    said = memory_needed(outer)
    assert said is None if sentence is None else said.startswith(sentence)
