"""StyleGAN2: arithmetic known on paper, numbers of the reference implementations, and what a file tells."""

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganwidgets.models import StyleGAN2, StyleGAN2Generator, load, set_units, with_weights
from ganwidgets.models.files import read_weights
from ganwidgets.models.layers import default_layer
from ganwidgets.models.stylegan2 import Rendering, filled_in, is_stylegan2, noise_side
from ganwidgets.models.stylegan2_layers import Blur, ModulatedConv2d, StyledConv, Upsample
from ganwidgets.models.stylegan2_names import nvidia_table, rewriting_name
from ganwidgets.testing import check_generator

GOLDEN = Path(__file__).parents[1] / "data" / "stylegan2"
FILTER = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16

pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")  # random weights fill more than [-1, 1]


def outputs(name):
    with np.load(GOLDEN / f"{name}_outputs.npz") as file:
        return dict(file)


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


def close(found, golden, tolerance=1e-4):
    np.testing.assert_allclose(found[: len(golden)], golden, rtol=tolerance, atol=tolerance)


# The reference implementations' numbers


def test_images_are_those_of_the_reference():
    golden, g = outputs("size32"), load(GOLDEN / "size32.pt")
    z = torch.from_numpy(golden["z"])
    squeezed = g.truncated(float(golden["psi"]))
    ws, at = squeezed.ws(z), int(golden["inject_index"])
    close(g.w(z), golden["w"])
    close(ws[:, 3], golden["w_truncated"])
    close(g.images(z, clamp=False), golden["image.noise_stored.psi1"])
    close(squeezed.images(z, clamp=False), golden["image.noise_stored.psi"])
    close(squeezed.with_noise("zero").images(z, clamp=False), golden["image.noise_zero.psi"])
    mixed = torch.cat([ws[:, :at], ws.flip(0)[:, at:]], 1)
    close(squeezed.images(mixed, clamp=False), golden["image.mix"])


def test_noise_can_be_given():
    golden, g = outputs("size32"), load(GOLDEN / "size32.pt").truncated(0.7)
    z = torch.from_numpy(golden["z"])
    sides = [noise_side(number) for number in range(g.module.n_styled)]
    assert sides == [4, 8, 8, 16, 16, 32, 32]
    maps = [np.random.RandomState(0).randn(len(z), 1, side, side).astype(np.float32) for side in sides]
    noises = [torch.from_numpy(part) for part in maps]
    close(g.images((z, *noises), clamp=False), golden["image.rewriting_seq.psi"])
    for number, part in enumerate(noises):
        args = g.below((z, *noises), f"convs.{number - 1}" if number else "conv1", keep_args=True).args
        assert torch.equal(args[2], part)


@pytest.mark.parametrize("name", ["size32", "size64_mult1"])
def test_activations_and_styles_are_those_of_the_reference(name):
    golden = outputs(name)
    g = load(GOLDEN / f"{name}.pt").truncated(float(golden["psi"]))
    acts = [key.removeprefix("act.") for key in golden if key.startswith("act.")]
    styles = [key.removeprefix("style.") for key in golden if key.startswith("style.")]
    assert len(acts) == len(styles) == len(g.module.convs) + len(g.module.to_rgbs) + 2
    images, found = g.read(torch.from_numpy(golden["z"]), [*acts, *[f"{s}.modulation" for s in styles]], clamp=False)
    close(images, golden["image.noise_stored.psi"])
    for layer in acts:
        part = found[layer]
        rows = golden[f"act.{layer}"].shape[2]
        start = (part.shape[2] - rows) // 2
        close(part[:, :, start : start + rows], golden[f"act.{layer}"])
    for style in styles:
        close(found[f"{style}.modulation"], golden[f"style.{style}"])


def test_nvidias_weights_give_nvidias_images():
    golden, g = outputs("nvidia"), load(GOLDEN / "nvidia.safetensors")
    z, psi = torch.from_numpy(golden["z"]), float(golden["psi"])
    squeezed = g.truncated(psi)
    close(g.ws(z), golden["ws.psi1"], 2e-4)
    close(squeezed.ws(z), golden["ws.psi"], 2e-4)
    close(g.images(z, clamp=False), golden["image.const.psi1"], 2e-4)
    close(squeezed.images(z, clamp=False), golden["image.const.psi"], 2e-4)
    close(squeezed.with_noise("zero").images(z, clamp=False), golden["image.none.psi"], 2e-4)
    partly = g.truncated(psi, cutoff=int(golden["cutoff"]))
    close(partly.images(z, clamp=False), golden["image.const.psi.cutoff"], 2e-4)
    names = {"b4.conv1": "conv1", "b4.img": "to_rgb1", "b8.conv0": "convs.0", "b8.conv1": "convs.1"}
    names |= {"b16.conv0": "convs.2", "b32.img": "to_rgbs.2"}
    for theirs, ours in names.items():
        close(squeezed.acts(z, ours), golden[f"act.{theirs}"], 2e-4)


# Arithmetic on paper


def zeros_between(x):
    """Twice the resolution, a zero after every pixel."""
    wide = x.new_zeros(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3])
    wide[:, :, ::2, ::2] = x
    return wide


def filtered(x, before, after):
    """Every unit with the filter of upsampling, pixel by pixel as the definition has it."""
    x = F.pad(x, (before, after, before, after))
    height, width = x.shape[2] - 3, x.shape[3] - 3
    return sum(FILTER[i, j] * x[:, :, i : i + height, j : j + width] for i in range(4) for j in range(4))


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("upsample", [True, False])
def test_a_modulated_convolution_is_one_convolution_with_other_weights_for_each_image(upsample, demodulate):
    torch.manual_seed(1)
    conv = ModulatedConv2d(3, 5, 3, 4, demodulate=demodulate, upsample=upsample).double().requires_grad_(False)
    x, w = torch.randn(2, 3, 6, 6, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    style = w @ conv.modulation.weight.T / np.sqrt(4) + conv.modulation.bias
    expected = []
    for image in range(2):
        weight = conv.weight[0] / np.sqrt(3 * 9) * style[image, None, :, None, None]  # (unit input 3 3)
        if demodulate:
            weight = weight / torch.sqrt(weight.square().sum((1, 2, 3), keepdim=True) + 1e-8)
        if upsample:  # a transposed convolution writes the kernel at every second pixel
            y = F.conv2d(F.pad(zeros_between(x[image : image + 1]), (2, 1, 2, 1)), weight.flip(2, 3))
            y = filtered(y, 1, 1)
        else:
            y = F.conv2d(x[image : image + 1], weight, padding=1)
        expected.append(y)
    torch.testing.assert_close(conv(x, w), torch.cat(expected), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(conv.keys(x, w), x * style[:, :, None, None], rtol=1e-12, atol=1e-12)


def test_demodulation_takes_out_the_size_of_the_weight():
    """One weight a, one style s: x · s·a·c / |s·a·c| is x or −x, whatever they are; white noise keeps its variance."""
    conv = ModulatedConv2d(1, 1, 1, 1).double().requires_grad_(False)
    x = torch.tensor([[[[2.0, -3.0]]]], dtype=torch.float64)
    for a, s in ((5.0, 0.3), (-2.0, 7.0)):
        conv.weight.fill_(a), conv.modulation.weight.fill_(s), conv.modulation.bias.zero_()
        torch.testing.assert_close(conv(x, torch.ones(1, 1).double()), x * np.sign(a * s), rtol=1e-7, atol=0)
    torch.manual_seed(0)
    many = ModulatedConv2d(64, 16, 3, 4).requires_grad_(False)
    y = many(torch.randn(4, 64, 32, 32), torch.randn(4, 4) * 9)[:, :, 1:-1, 1:-1]
    assert y.var((2, 3)).mean().item() == pytest.approx(1, abs=0.05)


def test_the_filters_are_what_their_definition_says():
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(Blur().double()(x), filtered(x, 1, 1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(Upsample().double()(x), filtered(zeros_between(x), 2, 1), rtol=1e-12, atol=1e-12)
    point = torch.zeros(1, 1, 4, 4)
    point[0, 0, 1, 2] = 1
    assert np.array_equal(Upsample()(point)[0, 0, 1:5, 3:7], FILTER.astype(np.float32))
    flat = Upsample()(torch.ones(1, 1, 4, 4))
    assert (flat[0, 0, 1:-1, 1:-1] == 1).all()  # what is even stays even


def test_a_filter_that_is_not_symmetric_turns():
    """A convolution mirrors its kernel: with weight at one corner only, pixels move the other way."""
    blur, x = Blur(), torch.zeros(1, 1, 5, 5)
    blur.kernel.zero_()[0, 0] = 1
    x[0, 0, 2, 2] = 1
    assert torch.nonzero(blur(x)[0, 0]).tolist() == [[0, 0]]


@pytest.mark.parametrize("upsample", [True, False])
def test_gradients_of_a_styled_layer(upsample):
    torch.manual_seed(0)
    layer = StyledConv(2, 3, 2, upsample).double()
    x, w = torch.randn(2, 2, 3, 3).double(), torch.randn(2, 2).double()
    noise = torch.randn(2, 1, *layer(x, w).shape[2:]).double()
    weight, strength = layer.conv.weight, layer.noise.weight

    def run(x, w, weight, strength):
        parts = {"conv.weight": weight, "noise.weight": strength}
        return torch.func.functional_call(layer, parts, (x, w, noise))

    inputs = [part.detach().clone().requires_grad_() for part in (x, w, weight, strength)]
    assert torch.autograd.gradcheck(run, inputs)


def test_the_mapping_forgets_how_long_z_is(network):
    z = network.sample_z(3)
    torch.testing.assert_close(network.w(z * 100), network.w(z), rtol=1e-4, atol=1e-4)


# What a file tells


@pytest.mark.parametrize(
    ("units", "options"),
    [
        ((4,), {}),
        ((6, 5), {"n_mlp": 1, "channels": 1}),
        ((6, 6, 4), {"style_dim": 5, "z_dim": 7, "n_mlp": 3}),
        ((3, 4, 5, 6, 7, 8), {"average": True}),
    ],
)
def test_the_architecture_is_read_off_the_weights(units, options):
    original = module(units, **options)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    rebuilt = StyleGAN2.from_state_dict(original.state_dict())
    assert torch.equal(torch.get_rng_state(), before)
    assert rebuilt.units == units and rebuilt.resolution == 4 * 2 ** (len(units) - 1)
    assert (rebuilt.style_dim, len(rebuilt.style) - 1) == (options.get("style_dim", 8), options.get("n_mlp", 2))
    assert rebuilt.n_latent == 2 * np.log2(rebuilt.resolution) - 2
    z = torch.randn(2, original.z_dim)
    assert torch.equal(rebuilt(z), original(z))
    assert not rebuilt.training and not any(part.requires_grad for part in rebuilt.parameters())


def as_rewriting(state, dense=""):
    """The names of the rewriting repository's chain."""
    renamed = {}
    for key, part in state.items():
        top, _, rest = key.partition(".")
        number, _, inner = rest.partition(".")
        if top == "conv1":
            key = f"layer2.conv.{rest}".replace(".conv.conv.", ".conv.mconv.")
        elif top == "convs":
            key = f"layer{int(number) + 3}.sconv.{inner}".replace(".sconv.conv.", ".sconv.mconv.")
        elif top == "to_rgb1":
            key = f"to_rgb1.rgb.{rest}"
        elif top == "to_rgbs":
            up = f"up_rgb{int(number) + 1}.kernel"
            key = up if "upsample" in inner else f"to_rgb{int(number) + 2}.rgb.{inner}"
        elif top == "latent_avg":
            key = "latents.latent_avg"
        renamed[key.replace("mconv.weight", f"mconv.{dense}weight")] = part
    return renamed


@pytest.mark.parametrize("dense", ["", "dconv."])
def test_the_rewriting_repositorys_names(network, dense):
    state = network.module.state_dict()
    theirs = as_rewriting(state, dense)
    assert "layer2.conv.noise.weight" in theirs and f"layer3.sconv.mconv.{dense}weight" in theirs
    assert [rewriting_name(key) for key in theirs] == list(state)
    z = network.sample_z(2)
    assert torch.equal(load(theirs).images(z), network.images(z))
    theirs["latents.latent_avg"] = torch.tensor(0.5)  # what old torch kept of it
    assert not hasattr(load(theirs).module, "latent_avg")


def test_files_in_which_noise_and_filters_are_missing(network):
    state = network.module.state_dict()
    bare = {key: part for key, part in state.items() if not key.endswith("kernel") and not key.startswith("noises")}
    first, second = load(bare), load(bare)
    z = network.sample_z(2)
    assert torch.equal(first.images(z), second.images(z))
    assert torch.equal(first.with_noise("zero").images(z), network.with_noise("zero").images(z))
    assert filled_in("noises.noise_3").std().item() == pytest.approx(1, abs=0.1)


def test_what_trainers_save_is_read(tmp_path, network):
    state = network.module.state_dict()
    average = state.pop("latent_avg")
    trained = {"g": {}, "d": {"convs.0.0.weight": torch.ones(4, 3, 1, 1)}, "g_ema": state, "ada_aug_p": 0.1}
    torch.save({**trained, "args": Namespace(size=16)}, tmp_path / "000100.pt")
    torch.save(
        {"g_ema": {f"module.{key}": part for key, part in state.items()}, "latent_avg": average}, tmp_path / "c.pt"
    )
    z = network.sample_z(2)
    for name, has in (("000100.pt", False), ("c.pt", True)):
        g = load(tmp_path / name)
        assert type(g) is StyleGAN2Generator and hasattr(g.module, "latent_avg") == has
        assert torch.equal(g.images(z), network.images(z))
    assert type(load(network.module)) is StyleGAN2Generator


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"convs.1.conv.weight": torch.zeros(1, 5, 5, 1, 1)},
            r"\(1, 5, 5, 3, 3\) torch.float32 as convs.1.conv.weight",
        ),
        ({"convs.2.conv.modulation.bias": None}, r"must have \(5,\) .* as convs.2.conv.modulation.bias, got nothing"),
        ({"convs.2.conv.weight": None}, "5 axes as convs.2.conv.weight, got nothing"),
        ({"style.1.weight": torch.zeros(3)}, r"2 axes as style.1.weight, got \(3,\)"),
        ({"to_rgbs.0.conv.weight": None}, "surplus"),
        ({"noises.noise_4": torch.zeros(1, 1, 4, 4)}, r"as noises.noise_4, got \(1, 1, 4, 4\)"),
        ({"latent_avg": torch.zeros(1, 8)}, r"\(8,\) torch.float32 as latent_avg, got \(1, 8\)"),
        ({"extra": torch.zeros(1)}, "as extra"),
    ],
)
def test_wrong_weights_are_named(network, change, sentence):
    state = network.module.state_dict() | change
    with pytest.raises(ValueError, match=sentence):
        load({key: part for key, part in state.items() if part is not None})


def test_a_small_file_cannot_ask_for_a_huge_image(network):
    state = network.module.state_dict() | {f"to_rgbs.{k}.conv.weight": torch.zeros(1, 3, 1, 1, 1) for k in range(40)}
    with pytest.raises(ValueError, match="at most 4096 pixels a side, got 40 doublings"):
        load(state)


def test_other_kinds_are_refused_in_words(tmp_path):
    state = read_weights(GOLDEN / "nvidia.safetensors")
    with pytest.raises(ValueError, match=r"must hold mapping\.embed\.bias, but it is missing"):
        load(state | {"mapping.embed.weight": torch.zeros(32, 5)})
    with pytest.raises(ValueError, match=r"has no synthesis\.b\d+\.torgb\.\S+, but the file does"):
        load(state | {"synthesis.b16.skip.weight": torch.zeros(1)})  # a shortcut beside colours at every resolution
    with pytest.raises(ValueError, match=r"has no synthesis\.b\d+\.torgb\.\S+, but the file does"):
        load({key: part for key, part in state.items() if not key.startswith("synthesis.b4.torgb")})
    with pytest.raises(ValueError, match=r"must hold synthesis\.b8\.conv1\.bias"):
        load({key: part for key, part in state.items() if key != "synthesis.b8.conv1.bias"})
    with pytest.raises(ValueError, match=r"with 0 doublings has no synthesis\.b16\.conv0\.affine\.bias"):
        load({key: part for key, part in state.items() if key != "synthesis.b8.conv0.weight" and "b8" not in key})
    critic = {"convs.0.0.weight": torch.ones(4, 3, 1, 1), "final_linear.1.weight": torch.ones(1, 4)}
    torch.save(critic, tmp_path / "d.pt")
    with pytest.raises(ValueError, match=r"d\.pt': this must be a generator.*a discriminator"):
        load(tmp_path / "d.pt")
    with pytest.raises(ValueError, match="this is the discriminator's file"):
        load({"d": critic, "latent_avg": torch.zeros(8)})
    assert not is_stylegan2(critic)


def test_every_weight_has_one_name_of_nvidias():
    state = module((4, 4, 4)).state_dict()
    assert sorted(stored.key for stored in nvidia_table(2, 2).values()) == sorted([*state, "latent_avg"])


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
    from ganwidgets.models.stylegan2_names import rewriting_name

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
