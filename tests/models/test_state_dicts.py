"""The generator is found in whatever the trainer saved."""

import pytest
import torch
from torch import nn

from ganwidgets.models.state_dicts import generator_weights, with_weights

W = {"conv.weight": torch.ones(2)}
OTHER = {"conv.weight": torch.zeros(2)}


@pytest.mark.parametrize(
    "content",
    [
        W,
        {"state_dict": W, "epoch": 3},
        {"epoch": 3, "checkpoint": {"state_dict": {"module.conv.weight": torch.ones(2)}}},
        {"netG_state_dict": W, "netD_state_dict": OTHER},
        {"g": OTHER, "g_ema": W, "d": OTHER},
        {"G": W, "D": OTHER},
        {"generator": W, "discriminator": OTHER, "g_opt": {"state": {0: OTHER}, "param_groups": []}},
        {"generator.conv.weight": torch.ones(2), "discriminator.conv.weight": torch.zeros(2)},
        {"_orig_mod.module.conv.weight": torch.ones(2)},
        {"module.conv.weight": torch.ones(2), "n_averaged": torch.tensor(5)},
    ],
)
def test_the_generators_weights_are_found(content):
    found = generator_weights(content)
    assert list(found) == ["conv.weight"]
    assert torch.equal(found["conv.weight"], W["conv.weight"])


def test_a_prefix_that_only_some_weights_have_is_a_name():
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    assert list(generator_weights(state)) == ["module.a", "b"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    assert generator_weights({"a": torch.ones(1, dtype=dtype)})["a"].dtype == torch.float32
    assert generator_weights({"a": torch.ones(1, dtype=torch.int64)})["a"].dtype == torch.int64


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"epoch": 3}, "must hold a state dict"),
        ([torch.ones(1)], "must hold a state dict"),
        ({"netD_state_dict": W}, "this is the discriminator's file"),
        ({"photo": W, "sketch": W}, "several networks, 'photo', 'sketch'"),
    ],
)
def test_what_is_not_found_is_said(content, sentence):
    with pytest.raises(ValueError, match=sentence):
        generator_weights(content)


def test_with_weights_freezes_and_takes_them():
    with torch.device("meta"):
        network = nn.Linear(2, 1)
    network = with_weights(network, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
    assert network(torch.tensor([[1.0, 2.0]])).item() == 3
    assert not any(p.requires_grad for p in network.parameters())
