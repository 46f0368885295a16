"""StyleGAN2 as a network under study: z, w and ws, truncation, noise, layers, edits, bad input."""

import pytest
import torch
from torch import nn

from ganwidgets.models import StyleGAN2, StyleGAN2Generator, set_units, with_weights
from ganwidgets.models.layers import default_layer
from ganwidgets.models.stylegan2 import Rendering, noise_side
from ganwidgets.models.stylegan2_layers import StyledConv
from ganwidgets.models.stylegan2_names import rewriting_name
from ganwidgets.testing import check_generator

pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")  # random weights fill more than [-1, 1]


def module(units=(6, 5, 4), seed=0, **options):
    """Small and random; noise and biases are not zero."""
    torch.manual_seed(seed)
    network = StyleGAN2(units, **{"style_dim": 8, "n_mlp": 2} | options)
    for key, part in network.named_parameters():
        if key.endswith(("noise.weight", "bias")):
            nn.init.normal_(part, 1.0 if "modulation" in key else 0.0, 0.3)
    return network.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def network():
    return StyleGAN2Generator(module(average=True), "small")


# z, w, ws; truncation; noise


def test_z_w_and_ws_give_the_same_image(network):
    z = network.sample_z(3)
    for g in (network, network.truncated(0.4)):
        images, ws = g.images(z), g.ws(z)
        assert ws.shape == (3, 6, 8)
        assert torch.equal(g.images(ws), images)
        assert torch.equal(g.images(g.ws_of(g.w(z), truncate=True)), images)
        assert torch.equal(g.acts(ws, "convs.1"), g.acts(z, "convs.1"))
        assert torch.equal(g.above(g.below(ws, "convs.1")), images)
    assert not torch.equal(network.images(network.ws_of(network.w(z) + 1)), images)


def test_each_layer_is_steered_by_its_own_w(network):
    """conv1 by ws[0], convs.i by ws[i + 1], to_rgb1 by ws[1], to_rgbs.k by ws[2k + 3]."""
    steered = {"conv1": 0, "to_rgb1": 1, "convs.0": 1, "convs.1": 2, "to_rgbs.0": 3, "convs.2": 3, "convs.3": 4}
    steered |= {"to_rgbs.1": 5}
    ws = network.ws(network.sample_z(1))
    names = [f"{layer}.conv.modulation" for layer in steered]
    before = network.read(ws, names)[1]
    for number in range(network.n_latent):
        other = ws.clone()
        other[:, number] += 1
        after = network.read(other, names)[1]
        changed = {
            layer for layer, name in zip(steered, names, strict=True) if not torch.equal(before[name], after[name])
        }
        assert changed == {layer for layer, own in steered.items() if own == number}


def test_truncation_at_0_gives_the_average_image(network):
    average = torch.arange(8.0)
    module = with_weights(network, {"latent_avg": average}).module
    g, z = StyleGAN2Generator(module), network.sample_z(3)
    flat = g.truncated(0)
    assert torch.equal(flat.ws(z), average.expand(3, 6, 8))
    assert torch.equal(flat.images(z), g.images(average.expand(3, 6, 8)))
    torch.testing.assert_close(g.truncated(0.25).ws(z), g.ws_of(average + (g.w(z) - average) / 4))
    assert torch.equal(g.truncated(1).ws(z), g.ws(z))
    partly = g.truncated(0, cutoff=2).ws(z)
    assert torch.equal(partly[:, :2], flat.ws(z)[:, :2]) and torch.equal(partly[:, 2:], g.ws(z)[:, 2:])
    ones = g.truncated(0, average=torch.ones(8))
    assert torch.equal(ones.ws(z), torch.ones(3, 6, 8))
    assert torch.equal(ones.truncated(0).ws(z), flat.ws(z))  # the file's own again


def test_an_average_that_the_file_lacks_is_measured():
    g = StyleGAN2Generator(module())
    z = g.sample_z(4096, seed=0)
    torch.testing.assert_close(g.truncated(0).ws(z[:1])[0, 0], g.w(z).mean(0), rtol=1e-4, atol=1e-5)
    assert not hasattr(g.module, "latent_avg")
    with pytest.raises(ValueError, match="hold no latent_avg"):
        g.module(z[:1], rendering=Rendering(psi=0.5))


def test_networks_that_differ_in_truncation_or_noise_share_weights_but_no_fingerprint(network):
    others = [network.truncated(0.5), network.truncated(0.5, cutoff=2), network.with_noise("zero")]
    others += [
        network.with_noise("seeded"),
        network.with_noise("seeded", 1),
        network.truncated(0.5, average=torch.ones(8)),
    ]
    assert all(other.module is network.module for other in others)
    assert len({network.fingerprint, *(other.fingerprint for other in others)}) == 7
    assert network.truncated(0.5).fingerprint == others[0].fingerprint
    second = with_weights(others[0], {"conv1.noise.weight": torch.zeros(1)})
    assert second.rendering.psi == 0.5 and second.fingerprint != others[0].fingerprint


def test_seeded_noise_is_the_pictures_own(network):
    """It depends on the seed, the layer and the latent; not on the batch, nor on where a pass stops."""
    g, z = network.with_noise("seeded", 3), network.sample_z(4)
    maps = g.noise_maps(z)
    assert [part.shape for part in maps] == [(4, 1, side, side) for side in (4, 8, 8, 16, 16)]
    for order in ([2], [3, 2, 2], [0, 1, 2, 3]):
        for layer, number in (("conv1", 0), ("convs.1", 2), ("convs.3", 4)):
            noise = g.below(z[order], layer, keep_args=True).args[2]
            assert torch.equal(noise, maps[number][order])
    ours = torch.stack(
        [maps[1][0], maps[1][1], maps[2][0], network.with_noise("seeded", 4).noise_maps(z)[1][0]]
    ).flatten(1)
    assert (torch.corrcoef(ours).fill_diagonal_(0).abs() < 0.5).all()  # 64 values, each its own
    large = torch.cat([part.flatten() for part in maps])
    assert large.mean().abs() < 0.1 and large.std().item() == pytest.approx(1, abs=0.1)
    alone = g.images(z[2:3])
    torch.testing.assert_close(alone, g.images(z)[2:3], rtol=1e-5, atol=1e-5)
    assert not torch.equal(alone, network.images(z[2:3]))


def test_stored_and_no_noise(network):
    z = network.sample_z(2)
    assert network.with_noise("zero").noise_maps(z) == [None] * 5
    assert network.with_noise("zero").below(z, "convs.1", keep_args=True).args[2] is None
    stored = network.noise_maps(z)
    assert torch.equal(stored[3], network.module.noises.noise_3.expand(2, 1, 16, 16))
    assert torch.equal(network.images((z, *stored)), network.images(z))
    silent = [torch.zeros(1, 1, noise_side(number), noise_side(number)) for number in range(5)]
    assert torch.equal(network.images((z, *silent)), network.with_noise("zero").images(z))


def test_gradients_reach_ws_and_noise(network):
    ws = network.ws(network.sample_z(2)).requires_grad_()
    noises = [part.clone().requires_grad_() for part in network.noise_maps(ws)]
    network.images((ws, *noises), clamp=False).square().sum().backward()
    assert all((part.grad != 0).any() for part in (ws, *noises))


# As a network under study


@pytest.mark.parametrize("noise", ["stored", "seeded", "zero"])
def test_it_keeps_every_promise_of_a_generator(network, noise):
    assert len(check_generator(network.truncated(0.7).with_noise(noise))) == 10


def test_every_layer_is_read_and_every_styled_one_can_be_run_again(network):
    z = network.sample_z(2)
    images, found = network.read(z, list(network.layers))
    assert torch.equal(images, network.images(z)) and len(found) == 43
    for layer in ("conv1", *(f"convs.{number}" for number in range(4))):
        state = network.below(z, layer, keep_args=True)
        x, w, noise = state.args
        styled = network.module.get_submodule(layer)
        assert torch.equal(styled(x, w, noise), state.acts)
        weight = styled.conv.weight * 1.5 + 0.1
        other = with_weights(network, {f"{layer}.conv.weight": weight})
        again = other.module.get_submodule(layer)(x, w, noise)
        assert torch.equal(again, other.acts(z, layer)) and not torch.equal(again, state.acts)
        torch.testing.assert_close(network.above(state, again), other.images(z))


def test_an_edit_of_a_part_shows_and_ends(network):
    z = network.sample_z(2)
    images = network.images(z)
    for layer in ("convs.1.conv", "convs.1.noise", "convs.1"):
        with network.intervene(layer, set_units([0], 3.0)):
            assert not torch.equal(network.images(z), images)
            assert (network.acts(z, layer)[:, 0] == 3).all()
        assert torch.equal(network.images(z), images)


@pytest.mark.parametrize("levels", range(2, 8))
def test_a_styled_layer_in_the_middle_is_the_default(levels):
    with torch.device("meta"):
        network = StyleGAN2((2,) * levels, style_dim=2, n_mlp=1)
    with torch.no_grad():
        g = StyleGAN2Generator(network.to_empty(device="cpu"))
    assert isinstance(g.module.get_submodule(default_layer(g)), StyledConv)
    assert not any(name.startswith("to_rgb") for name in g.map_layers)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda g: g.images(torch.zeros(2, 9)), r"`z` must be \(n, 8\), got \(2, 9\)"),
        (lambda g: g.images(torch.zeros(2, 7, 8)), r"`ws` must be \(n, 6, 8\), got \(2, 7, 8\)"),
        (lambda g: g.images((torch.zeros(2, 8), torch.zeros(1, 1, 4, 4))), r"`noises` must be 5 maps of 1 or 2 images"),
        (lambda g: g.truncated(float("nan")), "`psi` must be a finite number"),
        (lambda g: g.truncated(0.5, cutoff=7), "`cutoff` must be at most 6"),
        (lambda g: g.truncated(0.5, cutoff=-1), "`cutoff` must be at least 0"),
        (lambda g: g.truncated(0.5, average=torch.zeros(3)), r"`average` must be a finite w of shape \(8,\)"),
        (lambda g: g.with_noise("random"), r"must be one of \['stored', 'zero', 'seeded'\], got 'random'"),
        (lambda g: g.with_noise("seeded", -1), "`seed` must be at least 0"),
    ],
)
def test_bad_input_is_answered_in_words(network, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(network)


def test_another_module_is_no_stylegan2():
    with pytest.raises(TypeError, match="`module` must be a StyleGAN2, got Linear"):
        StyleGAN2Generator(nn.Linear(2, 2))


def test_two_weights_of_one_name_are_refused():
    from ganwidgets.models.stylegan2_names import MARKS, canonical_keys

    mark = MARKS["rewriting"]
    with pytest.raises(ValueError, match=r"layer3\.sconv\.mconv\.weight and convs\.0\.conv\.weight are both"):
        canonical_keys({name: torch.ones(2, 2) for name in (mark, "layer3.sconv.mconv.weight", "convs.0.conv.weight")})


def test_long_names_take_no_longer_than_they_are():

    assert rewriting_name("layer3.sconv." + "a" * 1_000_000).startswith("convs.0.aaa")  # seconds, were it quadratic
    assert rewriting_name("layer3.sconv.mconv.x.blur.kernel") == "convs.0.conv.blur.kernel"
    assert rewriting_name(f"layer{'9' * 5000}.sconv.x").startswith("layer999")  # never read as a number


@pytest.mark.parametrize(("units", "fits"), [(32, True), (64, True), (512, False)])
def test_maps_as_large_as_published_ones_are_allowed(units, fits):
    from ganwidgets.models.stylegan2 import _architecture

    with torch.device("meta"):  # 1024 pixels
        state = StyleGAN2((8, *[units] * 8), 16, 2).state_dict()
    if fits:
        assert _architecture(state, 0.01)["units"][-1] == units
    else:
        with pytest.raises(ValueError, match="at most 268,435,456 numbers an image in a layer, got 512 units of 1024"):
            _architecture(state, 0.01)
