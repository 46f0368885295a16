"""The hash changes when the network does, and only then."""

import torch
from torch import nn

from ganwidgets.models.fingerprint import Fingerprint


def module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(0.2))


def test_equal_networks_have_equal_fingerprints():
    assert Fingerprint().of(module()) == Fingerprint().of(module())


def test_every_change_is_seen():
    marks = {Fingerprint().of(module())}
    slope = module()
    slope[2].negative_slope = 0.3
    marks.add(Fingerprint().of(slope))
    network, mark = module(), Fingerprint()
    marks.add(mark.of(network))
    assert len(marks) == 2
    with torch.no_grad():
        network[0].weight[0, 0, 0, 0] += 1e-6
    marks.add(mark.of(network))
    network[1].running_mean += 1
    marks.add(mark.of(network))
    network[0].weight = nn.Parameter(network[0].weight.detach() * 2)
    marks.add(mark.of(network))
    network[0].weight.data = network[0].weight.data * 2
    marks.add(mark.of(network))
    assert len(marks) == 6


def test_weights_are_read_again_only_when_touched(monkeypatch):
    network, mark, read = module(), Fingerprint(), []
    real = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: read.append(1) or real(self))
    first = mark.of(network)
    assert read
    read.clear()
    assert mark.of(network) == first
    assert not read


def test_half_precision_and_empty_weights():
    network = nn.Sequential(nn.Linear(2, 2).bfloat16())
    network.register_buffer("nothing", torch.empty(0))
    assert len(Fingerprint().of(network)) == 64
