"""StyleGAN2: arithmetic known on paper, numbers of the reference implementations, and what a file tells."""

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ganwidgets.models import StyleGAN2, StyleGAN2Generator, load
from ganwidgets.models.files import read_weights
from ganwidgets.models.stylegan2 import filled_in, is_stylegan2, noise_side
from ganwidgets.models.stylegan2_layers import Blur, ModulatedConv2d, StyledConv, Upsample
from ganwidgets.models.stylegan2_names import nvidia_table, rewriting_name

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
