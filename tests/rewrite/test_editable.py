"""One convolution as a memory: which it is, what goes in, what comes out, and that the network stays as it is."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

KINDS = ("plain", "transposed", "modulated")


@pytest.fixture(scope="module")
def networks():
    """One small generator of each kind."""
    from ganwidgets.models import ProGAN, TorchGenerator
    from ganwidgets.models.dcgan import DCGAN
    from ganwidgets.models.stylegan2 import StyleGAN2
    from ganwidgets.models.stylegan2_generator import StyleGAN2Generator

    torch.manual_seed(0)
    shapes = {"main.0.weight": (6, 5, 4, 4), "main.2.weight": (5, 4, 4, 4), "main.4.weight": (4, 3, 4, 4)}
    dcgan = DCGAN.from_state_dict({key: torch.randn(shape) / 4 for key, shape in shapes.items()})
    return {
        "plain": TorchGenerator(ProGAN((6, 5, 4))),
        "transposed": TorchGenerator(dcgan),
        "modulated": StyleGAN2Generator(StyleGAN2((6, 5, 4), style_dim=7, n_mlp=2)),
    }


LAYERS = {"plain": "layer3", "transposed": "main.2", "modulated": "convs.2"}


@pytest.fixture(params=KINDS)
def layer(request, networks):
    from ganwidgets.rewrite.editable import editable_layer

    return editable_layer(networks[request.param], LAYERS[request.param])


def generator(*parts, z_shape=(3, 4, 4)):
    from ganwidgets.models import TorchGenerator

    return TorchGenerator(nn.Sequential(*parts), z_shape)


def facts(editable):
    return (
        (editable.name, editable.layer, editable.weight, editable.kind),
        (editable.key_dim, editable.n_units, editable.kernel),
        (editable.key_size, editable.value_size),
    )


def test_what_each_kind_of_layer_is(networks):
    from ganwidgets.rewrite.editable import editable_layer

    assert facts(editable_layer(networks["plain"], "layer3")) == (
        ("layer3.conv", "layer3.conv", "layer3.conv.weight", "plain"),
        (5, 4, (3, 3)),
        ((8, 8), (8, 8)),
    )
    assert facts(editable_layer(networks["transposed"], "main.2")) == (
        ("main.2", "main.2", "main.2.weight", "transposed"),
        (5, 4, (4, 4)),
        ((4, 4), (8, 8)),
    )
    assert facts(editable_layer(networks["modulated"], "convs.2")) == (
        ("convs.2", "convs.2", "convs.2.conv.weight", "modulated"),
        (5, 4, (3, 3)),
        ((8, 8), (16, 16)),
    )


@pytest.mark.parametrize("kind, name, canonical", [
    ("plain", "layer3.conv", "layer3.conv"),
    ("plain", "layer1", "layer1.conv"),
    ("plain", "output_8x8", "output_8x8.conv"),
    ("transposed", "main.0", "main.0"),
    ("modulated", "conv1", "conv1"),
    ("modulated", "convs.2.conv", "convs.2"),
])  # fmt: skip
def test_a_layer_goes_by_its_convolution_or_by_what_holds_it(networks, kind, name, canonical):
    from ganwidgets.rewrite.editable import editable_layer

    assert editable_layer(networks[kind], name).name == canonical


def test_all_layers_that_can_be_rewritten_are_listed_in_order(networks):
    from ganwidgets.rewrite.editable import editable_layer, editable_layers

    assert editable_layers(networks["plain"]) == (*(f"layer{n}.conv" for n in (1, 2, 3, 4)), "output_8x8.conv")
    assert editable_layers(networks["transposed"]) == ("main.0", "main.2", "main.4")
    assert editable_layers(networks["modulated"]) == ("conv1", "convs.0", "convs.1", "convs.2", "convs.3")
    for network in networks.values():
        for name in editable_layers(network):
            assert editable_layer(network, name).name == name


def test_keys_are_what_the_convolution_is_given(networks):
    from ganwidgets.rewrite.editable import editable_layer

    for kind, before in (("plain", "layer3.up"), ("transposed", "main.1")):
        editable = editable_layer(networks[kind], LAYERS[kind])
        z = editable.network.sample_z(3)
        assert torch.equal(editable.keys(editable.run(z)), networks[kind].acts(z, before))


def test_keys_of_a_modulated_layer_are_the_input_times_the_style(networks):
    from ganwidgets.rewrite.editable import editable_layer

    network = networks["modulated"]
    editable, z = editable_layer(network, "convs.2"), network.sample_z(3)
    style = network.module.convs[2].conv.modulation(network.ws(z)[:, 3])  # the layers below use 0, 1 and 2
    wanted = network.acts(z, "convs.1") * style[:, :, None, None]
    torch.testing.assert_close(editable.keys(editable.run(z)), wanted.detach())


def test_values_are_those_of_the_network_bit_for_bit(layer):
    state = layer.run(layer.network.sample_z(3))
    assert torch.equal(layer.values(state), state.acts)
    assert torch.equal(layer.values(state, layer.W0), state.acts)
    assert layer.values(state).shape == (3, layer.n_units, *layer.value_size)


def test_values_of_another_weight_are_those_of_the_edited_network(layer):
    from ganwidgets.models import with_weights

    z = layer.network.sample_z(3)
    weight = layer.W0 + torch.randn(layer.W0.shape, generator=torch.Generator().manual_seed(1))
    edited = with_weights(layer.network, {layer.weight: weight})
    torch.testing.assert_close(layer.values(layer.run(z), weight), edited.acts(z, layer.layer))


def test_values_are_differentiable_in_the_weight_and_in_nothing_else(layer):
    for part in layer.network.module.parameters():
        assert part.grad is None
    state = layer.run(layer.network.sample_z(2))
    start = layer.W0.clone().requires_grad_()
    layer.values(state, start).square().sum().backward()
    assert all(part.grad is None for part in layer.network.module.parameters())
    step = 1e-3 * torch.randn(start.shape, generator=torch.Generator().manual_seed(2))
    above, below = (layer.values(state, layer.W0 + sign * step).double().square().sum() for sign in (1, -1))
    assert float((start.grad * step).sum()) == pytest.approx(float(above - below) / 2, rel=0.02)


def test_the_network_is_as_before(layer):
    module = layer.network.module.train()
    before = {key: part.clone() for key, part in module.state_dict().items()}
    state = layer.run(layer.network.sample_z(2))
    layer.keys(state), layer.values(state, layer.W0 * 2)
    assert all(torch.equal(part, before[key]) for key, part in module.state_dict().items())
    assert all(part.training and not part._forward_hooks and not part._forward_pre_hooks for part in module.modules())
    module.eval()


def test_the_original_is_seen_when_its_weights_change():
    from ganwidgets.rewrite.editable import editable_layer

    network = generator(nn.Conv2d(3, 3, 1, bias=False))
    editable, z = editable_layer(network, "0"), network.sample_z(1)
    with torch.no_grad():
        network.module[0].weight.zero_()
    assert editable.W0.eq(0).all() and editable.run(z).acts.eq(0).all()


def test_an_update_is_laid_out_as_the_weight_is_stored(layer):
    units, inputs, (tall, wide) = layer.n_units, layer.key_dim, layer.kernel
    update = torch.randn(units, 2, tall, wide, generator=torch.Generator().manual_seed(3))
    context = torch.randn(2, inputs, generator=torch.Generator().manual_seed(4))
    change = layer.expand(update, context)
    assert change.shape == layer.W0.shape
    for unit, key, row, column in ((0, 0, 0, 0), (units - 1, 1, tall - 1, 0), (1, inputs - 1, 1, wide - 1)):
        wanted = float(update[unit, :, row, column] @ context[:, key])
        place = {"plain": (unit, key), "transposed": (key, unit), "modulated": (0, unit, key)}[layer.kind]
        assert float(change[(*place, row, column)]) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_an_edit_adds_the_update_applied_to_the_keys_along_the_context(networks, kind):
    """The layer is linear: v(W0 + ΛD) − v(W0) = Λ ∗ (D k)."""
    from ganwidgets.rewrite.editable import editable_layer

    editable = editable_layer(networks[kind], LAYERS[kind])
    state = editable.run(editable.network.sample_z(2))
    context = torch.eye(editable.key_dim)[[1, 3]]
    update = torch.randn(editable.n_units, 2, *editable.kernel, generator=torch.Generator().manual_seed(5))
    changed = editable.values(state, editable.W0 + editable.expand(update, context)) - editable.values(state)
    along = editable.keys(state)[:, [1, 3]]
    if kind == "plain":
        wanted = F.conv2d(along, update, padding=1)
    else:
        wanted = F.conv_transpose2d(along, update.transpose(0, 1), stride=2, padding=1)
    torch.testing.assert_close(changed, wanted, atol=1e-5, rtol=1e-5)


def test_other_paddings_strides_and_dilations_are_those_of_the_layer():
    from ganwidgets.rewrite.editable import editable_layer

    conv = nn.Conv2d(3, 3, 3, stride=2, padding=2, dilation=2, padding_mode="reflect")
    network = generator(nn.Identity(), conv, z_shape=(3, 8, 8))
    editable, z = editable_layer(network, "1"), network.sample_z(2)
    state = editable.run(z)
    assert torch.equal(editable.values(state, editable.W0), network.acts(z, "1")) and editable.value_size == (4, 4)


def test_errors_say_what_fits(layer):
    state = layer.run(layer.network.sample_z(1))
    with pytest.raises(ValueError, match=r"`weight` must have the shape"):
        layer.values(state, layer.W0[..., :1])
    with pytest.raises(ValueError, match=r"`context` must be \(rank, 5\)"):
        layer.expand(torch.zeros(layer.n_units, 1, *layer.kernel), torch.zeros(1, 4))
    with pytest.raises(ValueError, match=r"`update` must be \(4, 2,"):
        layer.expand(torch.zeros(4, 2, 1, 1), torch.zeros(2, 5))


def test_a_state_of_something_else_is_refused(layer, networks):
    other = layer.network.below(layer.network.sample_z(1), next(iter(layer.network.layers)), keep_args=True)
    bare = layer.network.below(layer.network.sample_z(1), layer.layer)
    for state in (other, bare):
        with pytest.raises(ValueError, match=r"`state` must come from run\(\) of"):
            layer.keys(state)


class Twice(nn.Module):
    """One convolution, used twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.conv(self.conv(x))


class ByKeyword(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.conv(input=x)


def test_what_cannot_be_rewritten_is_said_with_what_can(networks):
    from ganwidgets.rewrite.editable import editable_layer, editable_layers

    grouped = generator(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1, groups=3))
    spectral = generator(parametrizations.spectral_norm(nn.Conv2d(3, 3, 1)))
    wide = generator(nn.ConvTranspose2d(3, 3, 3, dilation=2))
    holds = generator(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1)))
    style = networks["modulated"]
    tied = generator(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))
    tied.module[1].weight = tied.module[0].weight
    for network, name, reason in (
        (grouped, "1", r"'1' cannot be rewritten: its units see only one of 3 groups.*can: \['0'\]"),
        (spectral, "0", r"its weight is computed from other weights.*has no layer that can"),
        (wide, "0", "transposed convolutions with dilation"),
        (generator(Twice()), "0.conv", "it runs more than once in a pass"),
        (generator(Twice()), "0.conv@0", r"`layer` must be a layer of .*has no layer"),
        (generator(ByKeyword()), "0", "it must be called with its maps as first positional argument"),
        (holds, "0", r"'0' holds 2 convolutions; say which: \['0.0', '0.2'\]"),
        (holds, "0.1", r"'0.1' is not a convolution and none is directly inside it.*\['0.0', '0.2'\]"),
        (networks["plain"], "layr3", r"must be a layer of .*got 'layr3'. Did you mean 'layer3'"),
        (networks["plain"], "", r"must be a layer of .*got ''"),
        (style, "to_rgbs.0.conv", "its value must be what a whole styled layer gives"),
        (style, "to_rgbs.0", r"'to_rgbs.0' is not a convolution .*'convs.0'"),
        (tied, "1", "2 layers share its weight, which an edit of one of them would untie"),
        (style, "style.1", r"'style.1' is not a convolution .*'conv1'"),
    ):
        with pytest.raises(ValueError, match=reason):
            editable_layer(network, name)
    assert editable_layers(grouped) == ("0",) and editable_layers(spectral) == () == editable_layers(generator(Twice()))
