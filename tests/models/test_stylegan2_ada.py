"""StyleGAN2 as NVIDIA trains it: its images and layers, three architectures, classes, values within a limit."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganwidgets.models import StyleGAN2, export_weights, load, set_units, with_weights
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.export import encode_weights
from ganwidgets.models.files import read_weights
from ganwidgets.models.found import Found
from ganwidgets.models.mapping import MappingSize
from ganwidgets.models.stylegan2_ada import FAMILY, from_nvidia
from ganwidgets.models.stylegan2_generator import (
    ConditionalStyleGAN2Generator,
    StyleGAN2Generator,
    stylegan2_generator,
)
from ganwidgets.models.stylegan2_layers import Activate, Shortcut, StyledConv, Upsample
from ganwidgets.testing import check_generator

GOLDEN = Path(__file__).parents[1] / "data" / "ada"
SHARED = Path(__file__).parents[2] / "../shared/golden/stylegan2-ada"
BLOCKS = (("x", "resnet"), ("img", "skip"))  # what a block gives beside its convolutions
NAMES = ("ada_c0_orig", "ada_c5_resnet_clamp", "sg3repo_stylegan2_c5")

pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")  # random weights fill more than [-1, 1]


@pytest.fixture(scope="module")
def networks(networks_of_nvidia):
    return networks_of_nvidia(GOLDEN, NAMES, FAMILY)


def close(found, golden):
    np.testing.assert_allclose(found, golden, rtol=1e-3, atol=2e-4)


def rows(part, step):
    return part[:1, :, :: max(part.shape[2] // step, 1)] if step else part


def ours(theirs):
    """Name of a layer here."""
    side, part = int(theirs.split(".")[0][1:]), theirs.split(".")[1]
    level = int(math.log2(side)) - 3
    if part.startswith("conv"):
        return "conv1" if side == 4 else f"convs.{2 * level + int(part[-1])}"
    return {"x": f"shortcuts.{level}", "torgb": "to_rgb", "img": "to_rgb1" if side == 4 else f"to_rgbs.{level}"}[part]


def check_against(golden, g, psi, cutoff, thin):
    """All that the reference gave: ws, images, styles and activations."""
    z, c = torch.from_numpy(golden["z"]), golden["c"]
    given = (z, torch.from_numpy(c).argmax(1)) if c.shape[1] else z
    squeezed, step = g.truncated(psi), 4 if thin else 0
    close(g.ws(given), golden["ws.psi1"])
    close(squeezed.ws(given), golden["ws.psi"])
    for key, one in {
        "image.const.psi1": g,
        "image.const.psi": squeezed,
        "image.none.psi": squeezed.with_noise("zero"),
        "image.const.psi.cutoff": g.truncated(psi, cutoff=cutoff),
    }.items():
        images = one.images(given, clamp=False)
        close(images[:1] if thin and key == "image.const.psi" else rows(images, step), golden[key])
    kind, checked = g.module.architecture, 0
    for key in golden:
        what, _, theirs = key.partition(".")
        part = theirs.rpartition(".")[2]
        if what == "style" and part != "torgb":
            close(squeezed.acts(given, f"{ours(theirs)}.conv.modulation"), golden[key])
        elif what == "act" and theirs != "b4.x" and (part.startswith("conv") or (part, kind) in BLOCKS):
            acts = rows(squeezed.acts(given, ours(theirs)), step)
            close(acts[:, [0, -1]] if thin else acts, golden[key])
            checked += 1
    assert checked >= 2 * len(g.module.units) - 1


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_as_nvidias_code_gives_it(networks, name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        golden = dict(file)
    check_against(golden, networks[name], float(golden["psi"]), int(golden["cutoff"]), thin=True)


@pytest.mark.skipif(not SHARED.exists(), reason="shared/golden is not beside the repository")
@pytest.mark.parametrize("name", ["ada_c0_skip", *NAMES])
def test_every_golden_folder_whole(name):
    facts = json.loads((SHARED / name / "meta.json").read_text())
    init = json.loads((SHARED / name / "init.json").read_text())["init_kwargs"]
    state = read_weights(SHARED / name / "weights.safetensors")
    usual = {"conv_clamp": 256} if "sg3" in name else {}  # the default of that repository
    g = FAMILY.build(Found(state, {"kwargs": usual | init}), name)
    with np.load(SHARED / name / "outputs.npz") as file:
        check_against(dict(file), g, facts["psi"], facts["truncation_cutoff"], thin=False)
    if (SHARED / name / "network.pkl").exists():
        again = load(SHARED / name / "network.pkl")
        assert again.fingerprint == g.fingerprint


# What a file tells


def test_what_the_container_says_is_taken(networks):
    kinds = {name: (g.module.architecture, g.module.limit, g.module.n_classes) for name, g in networks.items()}
    assert kinds == {
        "ada_c0_orig": ("orig", None, 0),
        "ada_c5_resnet_clamp": ("resnet", 0.9, 5),
        "sg3repo_stylegan2_c5": ("skip", 256, 5),  # nothing says so but the layers in the container
    }
    assert [type(g) for g in networks.values()] == [StyleGAN2Generator, *[ConditionalStyleGAN2Generator] * 2]
    assert networks["ada_c0_orig"].z_shape == (24,) and networks["ada_c0_orig"].module.style_dim == 20


@pytest.mark.parametrize("name", NAMES[:2])
def test_weights_alone_say_all_but_the_limit(name, networks):
    g = load(GOLDEN / f"{name}.safetensors")
    assert type(g) is type(networks[name]) and g.module.limit == 256
    assert g.module.architecture == networks[name].module.architecture
    z = networks[name].sample_z(2)
    same = torch.equal(g.images(z, clamp=False), networks[name].images(z, clamp=False))
    assert same == (name == "ada_c0_orig")  # the other one's values would go beyond ±0.9
    facts = FAMILY.describe(g)
    assert facts["values"] == "clamped to ±256" and facts["kind"] == f"{g.module.architecture!r} architecture"


def test_a_mapping_of_other_sizes():
    size = MappingSize(5, 4, 3, hidden=7, n_classes=3, embed_dim=6, rate=0.5, average=True)
    torch.manual_seed(0)
    module = StyleGAN2((4, 3), mapping=size)
    assert [tuple(part.weight.shape) for part in module.style[1:]] == [(7, 11), (7, 7), (4, 7)]
    again = StyleGAN2.from_state_dict(module.state_dict(), rate=0.5)
    assert [part.rate for part in again.style[1:]] == [0.5] * 3 and again.embed.rate == 1
    z, c = torch.randn(2, 5), torch.eye(3)[:2]
    assert torch.equal(again(z, classes=c), module(z, classes=c))
    assert (again.z_dim, again.style_dim, again.n_classes) == (5, 4, 3)


def test_a_network_without_noise():
    state = read_weights(GOLDEN / "ada_c0_orig.safetensors")
    bare = {key: part for key, part in state.items() if not key.endswith(("noise_strength", "noise_const"))}
    z = load(state).sample_z(2)
    assert torch.equal(load(bare).images(z), load(state).with_noise("zero").images(z))
    with pytest.raises(ValueError, match=r"must hold synthesis\.b8\.conv1\.noise_strength, but it is missing"):
        load({key: part for key, part in state.items() if key != "synthesis.b8.conv1.noise_strength"})


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"activation": "relu"}, r"leaky ReLUs \('lrelu'\) as activation, got 'relu'"),
        ({"mapping_kwargs": {"activation": "swish"}}, "as mapping's activation, got 'swish'"),
        ({"z_dim": 0}, "has none"),
        ({"img_resolution": 64}, "the file says 64 pixels, but its weights make 16"),
    ],
)
def test_kinds_that_are_not_read_are_said(facts, sentence):
    with pytest.raises(ValueError, match=sentence):
        from_nvidia(Found(read_weights(GOLDEN / "ada_c0_orig.safetensors"), {"kwargs": facts}))


def test_an_architecture_that_is_none():
    with pytest.raises(ValueError, match="`architecture` must be one of"):
        StyleGAN2((4, 4), 3, architecture="dense")


# Arithmetic on paper


def test_a_nonlinearity_with_a_gain_and_a_limit():
    activate = Activate(1, gain=math.sqrt(0.5), limit=2.0).requires_grad_(False)
    activate.bias.fill_(1.0)
    x = torch.tensor([0.0, 0.5, 4.0, -2.0, -60.0]).view(1, 1, 1, 5)
    wanted = torch.tensor([1.0, 1.5, 2.0, -0.2, -2.0])  # √2 · √½ = 1; slope 0.2; cut off at ±2
    torch.testing.assert_close(activate(x.clone()).flatten(), wanted)
    x = x.clone().requires_grad_()
    activate(x * 1).sum().backward()
    torch.testing.assert_close(x.grad.flatten(), torch.tensor([1.0, 1.0, 0.0, 0.2, 0.0]))


def test_a_shortcut_adds_what_went_in_at_twice_its_size():
    shortcut = Shortcut(3, 2).requires_grad_(False)
    x, below = torch.randn(2, 2, 8, 8), torch.randn(2, 3, 4, 4)
    mixed = torch.einsum("oi,bihw->bohw", shortcut.weight[:, :, 0, 0], below) / math.sqrt(3) * math.sqrt(0.5)
    torch.testing.assert_close(shortcut(x, below), x + Upsample()(mixed))


def test_a_plain_chain_makes_colours_at_the_end_only(networks):
    g = networks["ada_c0_orig"]
    ws = g.ws(g.sample_z(2))
    names = [name for name, part in g.module.named_modules() if isinstance(part, StyledConv)]
    x = g.module.input(ws)
    for number, (name, noise) in enumerate(zip(names, g.noise_maps(ws), strict=True)):
        x = g.module.get_submodule(name)(x, ws[:, number], noise)
    assert torch.equal(g.module.to_rgb(x, ws[:, -1]), g.images(ws, clamp=False))


def test_blocks_add_to_what_went_into_them(networks):
    g = networks["ada_c5_resnet_clamp"]
    z = g.sample_z(2)
    layers = ["conv1", "convs.1", "convs.3", "shortcuts.0", "shortcuts.1"]
    acts = g.read(z, layers)[1]
    first = g.module.shortcuts[0](acts["convs.1"], acts["conv1"])
    assert torch.equal(first, acts["shortcuts.0"])
    assert torch.equal(g.module.shortcuts[1](acts["convs.3"], first), acts["shortcuts.1"])
    assert acts["convs.1"].abs().max() == pytest.approx(0.9 * math.sqrt(0.5)) and acts["conv1"].abs().max() <= 0.9
    assert "shortcuts.1" in g.map_layers and "to_rgb" not in g.map_layers


# Classes


def test_the_class_decides_with_the_latent(networks):
    g = networks["ada_c5_resnet_clamp"]
    z = g.sample_z(4)
    labels = g.labels_of(z)
    assert isinstance(g, ConditionalGenerator) and g.n_classes == 5 and g.classes == ("0", "1", "2", "3", "4")
    assert torch.equal(g.images((z, labels)), g.images(z))
    other = g.with_label(3)
    assert other.module is g.module and other.fingerprint != g.fingerprint
    assert torch.equal(other.images(z), g.images((z, torch.full((4,), 3))))
    assert not torch.equal(other.images(z), g.with_label(2).images(z))
    ws = other.ws(z)
    assert torch.equal(g.with_label(1).images(ws), other.images(ws))  # ws have left the class behind
    assert torch.equal(other.truncated(0.5).with_label(None).truncated(1).images(z), g.images(z))
    noises = [part * 2 for part in g.noise_maps(z)]
    assert torch.equal(other.images((z, *noises)), g.images((z, torch.full((4,), 3), *noises)))
    assert torch.equal(other.acts((z, labels), "convs.1"), g.acts(z, "convs.1"))
    assert torch.equal(g.above(g.below((z, labels), "convs.1")), g.images(z))


def test_z_alone_is_not_enough_for_the_module(networks):
    with pytest.raises(ValueError, match=r"`classes` must be given with z, \(batch, 5\)"):
        networks["ada_c5_resnet_clamp"].module(torch.zeros(1, 32))


def test_zero_is_a_latent(networks):
    """z and class are normalised apart: z = 0 leaves half of what the mapping gets, the class, as it is."""
    g = networks["ada_c5_resnet_clamp"]
    module, c = g.module, torch.eye(5)[:1]
    embedded = module.embed(c)
    embedded = embedded / embedded.square().mean().sqrt()
    wanted = module.style[1:](torch.cat([torch.zeros(1, 32), embedded], 1))
    torch.testing.assert_close(module.w(torch.zeros(1, 32), c), wanted)


def test_generators_fit_their_module(networks):
    with_classes, without = networks["ada_c5_resnet_clamp"].module, networks["ada_c0_orig"].module
    with pytest.raises(TypeError, match="`module` draws 5 classes: load"):
        StyleGAN2Generator(with_classes)
    with pytest.raises(TypeError, match="`module` knows no classes"):
        ConditionalStyleGAN2Generator(without)
    named = ConditionalStyleGAN2Generator(with_classes, ["a", "b", "c", "d", "e"], label="c")
    assert named.label == 2 and torch.equal(
        named.images(named.sample_z(1)), named.with_label(2).images(named.sample_z(1))
    )
    with pytest.raises(ValueError, match="`classes` must be 5 names, got 2"):
        ConditionalStyleGAN2Generator(with_classes, ["a", "b"])
    assert type(stylegan2_generator(with_classes)) is type(load(with_classes)) is ConditionalStyleGAN2Generator


# As a network under study


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("noise", ["stored", "seeded"])
def test_it_keeps_every_promise_of_a_generator(networks, name, noise):
    assert len(check_generator(networks[name].truncated(0.7).with_noise(noise))) == 10


def test_an_edit_of_a_block_shows_and_ends(networks):
    g = networks["ada_c5_resnet_clamp"].with_label(1)
    z = g.sample_z(2)
    images = g.images(z)
    for layer in ("shortcuts.0", "convs.3", "input"):
        with g.intervene(layer, set_units([0], 0.7)):
            assert not torch.equal(g.images(z), images)
        assert torch.equal(g.images(z), images)


@pytest.mark.parametrize("layer", ["convs.2", "convs.3"])
def test_a_rewritten_layer_is_predicted_within_its_limit(networks, layer):
    from ganwidgets.rewrite.editable import editable_layer, editable_layers
    from ganwidgets.rewrite.styled import styled_places

    g = networks["ada_c5_resnet_clamp"].with_label(1)
    assert editable_layers(g) == ("conv1", *(f"convs.{number}" for number in range(6)))
    editable = editable_layer(g, layer)
    state = editable.run(g.sample_z(1))
    torch.manual_seed(0)
    context = torch.linalg.qr(torch.randn(editable.key_dim, 2))[0].T
    update = torch.randn(editable.n_units, 2, 3, 3) / 2
    places = styled_places(editable, state, 0, context)
    limit = 0.9 * (math.sqrt(0.5) if layer == "convs.3" else 1)
    assert editable.kind == "modulated" and places.limit == pytest.approx(limit)
    values = editable.values(state, editable.W0 + editable.expand(update, context))
    assert (values.abs() == values.abs().max()).float().mean() > 0.1  # many are cut off
    found = places.values(update.double().flatten(1))
    torch.testing.assert_close(found.float(), values[0].flatten(1), rtol=1e-4, atol=1e-5)
    x = (update.double() / 50).flatten(1)
    steps = torch.randn(x.shape, dtype=torch.float64) * 1e-6
    cost = [0.5 * (places.goal + 0.1 - places.values(x + s)).square().sum() for s in (-steps, steps)]
    shifted = replace(places, goal=places.goal + 0.1)
    slope = -(shifted.normal(x, torch.ones_like(places.goal))[1] * steps).sum()
    assert slope.item() == pytest.approx(((cost[1] - cost[0]) / 2).item(), rel=1e-3)


# Back into a file


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
@pytest.mark.parametrize("name", NAMES)
def test_an_edited_network_is_written_in_nvidias_names_and_loads_again(networks, name, kind, tmp_path):
    first = networks[name]
    edited = with_weights(first, {"convs.1.conv.weight": first.module.convs[1].conv.weight * 1.5})
    path = export_weights(edited, tmp_path / f"a.{kind}")
    again, z = load(path), first.sample_z(2)
    assert type(again) is type(first) and again.fingerprint == edited.fingerprint
    assert torch.equal(again.images(z), edited.images(z)) and not torch.equal(again.images(z), first.images(z))
    written = read_weights(path)
    written = written.get("state_dict", written.get("G_ema", written))
    golden = read_weights(GOLDEN / f"{name}.safetensors") if name != NAMES[2] else None
    assert golden is None or {key: part.shape for key, part in written.items()} == {
        key: part.shape for key, part in golden.items()
    }
    once_more = export_weights(again, tmp_path / f"b.{kind}")
    assert load(once_more).fingerprint == edited.fingerprint


def test_other_names_keep_the_limit_too(networks, tmp_path):
    first = networks["ada_c5_resnet_clamp"]
    for kind in ("pt", "safetensors"):
        again = load(export_weights(first, tmp_path / f"a.{kind}", naming="rosinality"))
        assert again.fingerprint == first.fingerprint
    with pytest.raises(ValueError, match=r"must end in \.safetensors, \.pt or \.pth .* no place"):
        encode_weights(first, ".npz")
    assert load(export_weights(networks["sg3repo_stylegan2_c5"], tmp_path / "b.npz")).module.limit == 256
