"""Late layers are found by what they give, in any family."""

import pytest
import torch
from torch import nn


def test_the_bundled_generator():
    import ganwidgets as gw
    from ganwidgets.invert import late_layers as late

    network = gw.load("scenes")
    assert late.levels(network, "layer4") == {16: "layer6", 32: "layer8", 64: "layer10"}
    assert late.map_layers(network, "layer4") == ("layer6", "layer8")
    assert late.perturbed_layers(network, "layer4") == ("layer6", "layer8", "layer10")
    assert late.tuned_weights(network, "layer4") == ("layer6.conv.weight", "layer8.conv.weight")
    assert late.map_layers(network, "layer8") == ("layer10",)  # only the picture's own size is left
    assert late.levels(network, "layer10") == {}


def test_a_plain_sequence_inside_a_wrapper():
    from ganwidgets.invert import late_layers as late
    from ganwidgets.models import TorchGenerator

    def block(units, more):
        return [nn.ConvTranspose2d(units, more, 4, 2, 1), nn.BatchNorm2d(more), nn.ReLU()]

    main = nn.Sequential(*block(16, 12), *block(12, 8), *block(8, 6), nn.ConvTranspose2d(6, 3, 4, 2, 1), nn.Tanh())
    module = nn.Module()
    module.main = main
    module.forward = main.forward
    network = TorchGenerator(module, z_shape=(16, 4, 4))
    assert late.levels(network, "main.2") == {16: "main.5", 32: "main.8"}
    assert late.tuned_weights(network, "main.2") == ("main.3.weight", "main.6.weight")
    assert late.map_layers(network, "main.2") == ("main.5", "main.8")


@pytest.mark.parametrize("side", [32, 64])
def test_a_stylegan(side):
    from ganwidgets.invert import late_layers as late
    from ganwidgets.models.stylegan2 import StyleGAN2
    from ganwidgets.models.stylegan2_generator import StyleGAN2Generator

    network = StyleGAN2Generator(StyleGAN2((8,) * (side.bit_length() - 2), style_dim=8, n_mlp=2))
    layer = next(name for name in network.map_layers if network.layers[name].resolution == (8, 8))
    found = late.levels(network, layer)
    assert max(found) == side
    assert all(network.layers[name].units > 4 for name in found.values())
    weights = late.tuned_weights(network, layer)
    assert len(weights) == 2
    assert all(dict(network.module.named_parameters())[name].ndim >= 4 for name in weights)


def test_a_network_of_one_size(planted):
    from ganwidgets.invert import late_layers as late

    assert late.levels(planted, "layer1") == {}
    assert late.tuned_weights(planted, "layer1") == ()
    assert torch.is_tensor(planted.sample_z(1))
