"""A network with other weights in one place shares the rest, and leaves the first as it is."""

import pytest
import torch
from torch import nn

from ganwidgets.models import ProGAN, TorchGenerator, set_units, with_weights
from ganwidgets.testing import planted_generator

KEY = "layer3.conv.weight"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TorchGenerator(ProGAN((8, 8, 6, 4)), name="first", output_range=(-50, 50))


def test_only_the_changed_weight_differs(network):
    z, before = network.sample_z(3), {k: v.clone() for k, v in network.module.state_dict().items()}
    images, print_before = network.images(z), network.fingerprint
    second = with_weights(network, {KEY: before[KEY] * 2}, "second")
    assert torch.equal(network.images(z), images) and network.fingerprint == print_before
    assert not torch.equal(second.images(z), images) and second.fingerprint != print_before
    assert (network.name, second.name) == ("first", "second")
    for key, part in second.module.state_dict().items():
        assert torch.equal(part, before[key] * (2 if key == KEY else 1))
        assert (part.data_ptr() == network.module.state_dict()[key].data_ptr()) == (key != KEY)


def test_an_edit_of_one_is_no_edit_of_the_other(network):
    second, z = with_weights(network, {}), network.sample_z(2)
    images = network.images(z)
    assert torch.equal(second.images(z), images)
    with network.intervene("layer3", set_units([0], 5.0)):
        assert not torch.equal(network.images(z), images) and torch.equal(second.images(z), images)
    with second.intervene("layer3", set_units([0], 5.0)):
        assert torch.equal(network.images(z), images) and not torch.equal(second.images(z), images)


def test_hooks_of_others_act_in_the_copy_too(network):
    seen = []
    network.module.layer3.register_forward_hook(lambda *_: seen.append(1))
    second = with_weights(network, {})
    second.images(second.sample_z(1))
    assert seen == [1]


def test_buffers_change_and_gradients_do_not_reach_the_change():
    network = TorchGenerator(nn.Sequential(nn.ConvTranspose2d(4, 3, 4), nn.BatchNorm2d(3)))
    mean = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    second = with_weights(network, {"1.running_mean": mean})
    assert torch.equal(second.module[1].running_mean, mean.detach()) and not second.module[1].running_mean.requires_grad
    assert not network.module[1].running_mean.any()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer3.conv.wieght": torch.zeros(1)}, "Did you mean 'layer3.conv.weight'"),
        ({KEY: torch.zeros(2, 2)}, "must keep the shape"),
        ({KEY: torch.full((6, 8, 3, 3), torch.nan)}, "finite"),
    ],
)
def test_bad_changes_are_refused(network, changes, words):
    with pytest.raises(ValueError, match=words):
        with_weights(network, changes)


def test_the_input_of_a_layer_runs_it_again():
    network = planted_generator()
    z = network.sample_z(4)
    for layer in network.layers:
        state = network.below(z, layer, keep_args=True)
        with torch.no_grad():
            again = network.module.get_submodule(layer)(*[a.clone() for a in state.args])
        assert torch.equal(again, state.acts)
    assert network.below(z, layer).args == ()


def test_the_input_is_what_the_layer_got_not_what_it_made_of_it():
    """An in-place ReLU overwrites its input; the second of two calls has its own."""
    relu = nn.ReLU(inplace=True)
    network = TorchGenerator(nn.Sequential(nn.ConvTranspose2d(4, 3, 4), relu, nn.Conv2d(3, 3, 1), relu))
    z = network.sample_z(2)
    for call, source in ((0, "0"), (1, "2")):
        state = network.below(z, f"1@{call}", keep_args=True)
        assert torch.equal(state.args[0], network.acts(z, source)) and (state.args[0] < 0).any()
