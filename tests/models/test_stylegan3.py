"""StyleGAN3: NVIDIA's numbers, arithmetic known on paper, and the part of a map that lies under the picture."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ganwidgets.models import export_weights, load, set_units, with_weights, zero_units
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.export import encode_weights
from ganwidgets.models.files import read_weights
from ganwidgets.models.found import Found
from ganwidgets.models.layers import default_layer
from ganwidgets.models.mapping import MappingSize
from ganwidgets.models.stylegan3 import StyleGAN3, is_stylegan3
from ganwidgets.models.stylegan3_generator import (
    FAMILY,
    ConditionalStyleGAN3Generator,
    StyleGAN3Generator,
    stylegan3_generator,
)
from ganwidgets.models.stylegan3_layers import FilteredLayer, Input, filtered_down, resampled
from ganwidgets.models.stylegan3_names import ours, theirs
from ganwidgets.models.stylegan3_plan import Settings, plan
from ganwidgets.testing import check_generator

GOLDEN = Path(__file__).parents[1] / "data" / "stylegan3"
SHARED = Path(__file__).parents[2] / "../shared/golden/stylegan3"
NAMES = ("stylegan3-t_c0", "stylegan3-r_c5", "stylegan3-t_small")

pytestmark = pytest.mark.filterwarnings("ignore:.*lie beyond")


def kwargs(name):
    return json.loads((GOLDEN / f"{name}.json").read_text())["kwargs"]


@pytest.fixture(scope="module")
def networks(networks_of_nvidia):
    return networks_of_nvidia(GOLDEN, NAMES, FAMILY)


def small(seed=0, **changes):
    torch.manual_seed(seed)
    settings = Settings(16, num_layers=4, num_critical=1, margin_size=4, channel_base=64, channel_max=5, **changes)
    return StyleGAN3(settings, MappingSize(6, 6, 2)).requires_grad_(False).eval()


def rows(part, step):
    return part[:1, :, :: max(part.shape[2] // step, 1)] if step else part


def check_against(golden, g, psi, cutoff, thin):
    """All that the reference gave: ws, images, styles and activations."""
    z, c = torch.from_numpy(golden["z"]), golden["c"]
    given = (z, torch.from_numpy(c).argmax(1)) if c.shape[1] else z
    squeezed, step = g.truncated(psi), 4 if thin else 0
    acts = [key.removeprefix("act.") for key in golden if key.startswith("act.")]
    images, found = squeezed.read(given, [*acts, *[f"{layer}.affine" for layer in acts]], clamp=False)
    partly = g.truncated(psi, cutoff=cutoff)
    whole = images[:1] if thin else images
    others = {"psi1": g.images(given, clamp=False), "psi.cutoff": partly.images(given, clamp=False)}
    np.testing.assert_allclose(whole, golden["image.const.psi"], rtol=1e-3, atol=1e-4)
    for key, other in others.items():
        np.testing.assert_allclose(rows(other, step), golden[f"image.const.{key}"], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(rows(images, step), golden["image.none.psi"], rtol=1e-3, atol=1e-4)  # has no noise
    np.testing.assert_allclose(g.ws(given), golden["ws.psi1"], rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(squeezed.ws(given), golden["ws.psi"], rtol=1e-3, atol=2e-4)
    for layer in acts:
        part = rows(found[layer], step)
        part = part[:, [0, -1]] if thin else part
        np.testing.assert_allclose(part, golden[f"act.{layer}"], rtol=1e-3, atol=2e-4)
        np.testing.assert_allclose(found[f"{layer}.affine"], golden[f"style.{layer}"], rtol=1e-3, atol=2e-4)
    assert len(acts) == g.module.settings.num_layers + 2


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_as_nvidias_code_gives_it(networks, name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        golden = dict(file)
    check_against(golden, networks[name], float(golden["psi"]), int(golden["cutoff"]), thin=True)


@pytest.mark.skipif(not SHARED.exists(), reason="shared/golden is not beside the repository")
@pytest.mark.parametrize("name", NAMES)
def test_every_golden_folder_whole(name):
    facts = json.loads((SHARED / name / "meta.json").read_text())
    found = Found(read_weights(SHARED / name / "weights.safetensors"), {"kwargs": kwargs(name)})
    g = FAMILY.build(found, name)
    with np.load(SHARED / name / "outputs.npz") as file:
        check_against(dict(file), g, facts["psi"], facts["truncation_cutoff"], thin=False)
    if (SHARED / name / "network.pkl").exists():
        assert load(SHARED / name / "network.pkl").fingerprint == g.fingerprint


# What a file tells


def test_what_a_file_says_is_taken(networks):
    assert [type(g) for g in networks.values()] == [
        StyleGAN3Generator,
        ConditionalStyleGAN3Generator,
        StyleGAN3Generator,
    ]
    little = networks["stylegan3-t_small"].module
    assert (little.settings.output_scale, little.settings.conv_clamp, little.resolution) == (0.5, None, 16)
    assert [FAMILY.describe(g)["kind"][0] for g in networks.values()] == ["t", "r", "t"]
    assert FAMILY.describe(networks["stylegan3-t_small"])["values"] == "not clamped"
    assert FAMILY.describe(networks["stylegan3-r_c5"])["values"] == "clamped to ±6"


def test_weights_alone_give_the_usual_limit_and_scale(networks):
    g = load(GOLDEN / "stylegan3-t_small.safetensors")
    first = networks["stylegan3-t_small"]
    assert (g.module.settings.output_scale, g.module.settings.conv_clamp) == (0.25, 256)
    z = g.sample_z(2)
    torch.testing.assert_close(g.images(z, clamp=False) * 2, first.images(z, clamp=False), rtol=1e-6, atol=1e-6)
    assert type(load(GOLDEN / "stylegan3-r_c5.safetensors")) is ConditionalStyleGAN3Generator


def test_filters_that_a_file_lacks_are_designed():
    state = read_weights(GOLDEN / "stylegan3-t_small.safetensors")
    bare = {key: part for key, part in state.items() if not key.endswith("_filter")}
    found = [FAMILY.build(Found(part, {"kwargs": kwargs("stylegan3-t_small")}), "") for part in (state, bare)]
    z = found[0].sample_z(2)
    torch.testing.assert_close(found[0].images(z), found[1].images(z), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "facts", "sentence"),
    [
        ({"synthesis.L0_28_10.bias": None}, {}, r"\(10,\) torch.float32 as L0_28_10.bias, got nothing"),
        ({"synthesis.L0_28_10.bias": torch.zeros(3)}, {}, r"as L0_28_10.bias, got \(3,\)"),
        ({"mapping.fc0.weight": None}, {}, r"a weight with 2 axes as mapping\.fc0\.weight"),
        ({"synthesis.L6_16_3.extra": torch.zeros(1)}, {}, "as L6_16_3.extra"),
        ({}, {"num_critical": 2}, "layers and filters of this StyleGAN3 must follow from its settings"),
        ({}, {"margin_size": 8}, "must follow from its settings"),
        ({}, {"z_dim": 0}, "has none"),
    ],
)
def test_wrong_weights_are_named(change, facts, sentence):
    state = read_weights(GOLDEN / "stylegan3-t_small.safetensors") | change
    state = {key: part for key, part in state.items() if part is not None}
    with pytest.raises(ValueError, match=sentence):
        FAMILY.build(Found(state, {"kwargs": kwargs("stylegan3-t_small") | facts}), "")


def test_names_there_and_back(networks):
    state = read_weights(GOLDEN / "stylegan3-r_c5.safetensors")
    assert [theirs(ours(key)) for key in state] == list(state) and is_stylegan3(state)
    assert {ours(key) for key in state} == set(networks["stylegan3-r_c5"].module.state_dict())
    assert not is_stylegan3({"synthesis.b4.const": torch.zeros(1)})


# Arithmetic on paper


def spread(x, up, before, after):
    """A zero or more after every sample, then zeros around or edges cut off: as the definition has it."""
    wide = x.new_zeros(*x.shape[:2], x.shape[2] * up, x.shape[3] * up)
    wide[:, :, ::up, ::up] = x
    wide = nn.functional.pad(wide, [max(before, 0), max(after, 0)] * 2)
    low, high = max(-before, 0), max(-after, 0)
    return wide[:, :, low : wide.shape[2] - high, low : wide.shape[3] - high]


def convolved(x, kernel):
    """Every unit with a kernel (height width), mirrored, as a convolution is."""
    high, wide = kernel.shape
    rows, columns = x.shape[2] - high + 1, x.shape[3] - wide + 1
    return sum(
        kernel[high - 1 - i, wide - 1 - j] * x[:, :, i : i + rows, j : j + columns]
        for i in range(high)
        for j in range(wide)
    )


@pytest.mark.parametrize("up, padding", [(2, (9, 8)), (2, (-3, -4)), (4, (-2, -5)), (1, (2, 3)), (3, (14, 20))])
def test_resampling_up_is_what_its_definition_says(up, padding):
    torch.manual_seed(0)
    x, kernel = torch.randn(2, 3, 11, 10, dtype=torch.float64), torch.randn(6 * up, dtype=torch.float64)
    wanted = convolved(spread(x, up, *padding), torch.outer(kernel, kernel)) * up**2
    found = resampled(x, kernel, up, padding)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(resampled(x, kernel, up, padding, 3.0), wanted * 3, rtol=1e-12, atol=1e-12)
    bare = resampled(x, None, up, padding)
    torch.testing.assert_close(bare, spread(x, up, *padding) * up**2, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("down", [1, 2, 4])
def test_resampling_down_is_what_its_definition_says(down):
    torch.manual_seed(0)
    x, kernel = torch.randn(2, 3, 17, 16, dtype=torch.float64), torch.randn(6, 6, dtype=torch.float64)
    torch.testing.assert_close(filtered_down(x, kernel, down), convolved(x, kernel)[:, :, ::down, ::down])
    line = kernel[0]
    wanted = convolved(x, torch.outer(line, line))[:, :, ::down, ::down]
    torch.testing.assert_close(filtered_down(x, line, down), wanted)
    assert torch.equal(filtered_down(x, None, down), x[:, :, ::down, ::down])


def test_what_is_even_stays_even():
    """A map of ones, resampled up and down, is ones again inside; a leaky ReLU times √2 makes it √2 or −0.2 √2."""
    layer = FilteredLayer(plan(Settings(16, num_layers=4, margin_size=4)).layers[0], 3).requires_grad_(False)
    x = torch.ones(1, 4, 26, 26)
    for value, wanted in ((1.0, math.sqrt(2)), (-1.0, -0.2 * math.sqrt(2))):
        even = layer._activated(x * value)[:, :, 8:-8, 8:-8]
        torch.testing.assert_close(even, torch.full_like(even, wanted), rtol=1e-2, atol=0)


def test_units_at_a_time_make_no_difference(monkeypatch):
    module = small()
    layer, x, w = module.get_submodule(module.names[2]), torch.randn(3, 5, 24, 24), torch.randn(3, 6)
    layer.weight = nn.Parameter(torch.randn(40, layer.weight.shape[1], 3, 3), requires_grad=False)
    layer.bias = nn.Parameter(torch.randn(40), requires_grad=False)
    x = torch.randn(3, layer.weight.shape[1], layer.plan.in_size, layer.plan.in_size)
    at_once = layer(x, w)
    for room in (0, 3 * 16 * 60**2, 10**9):
        monkeypatch.setattr("ganwidgets.models.stylegan3_layers._ROOM", room)
        torch.testing.assert_close(layer(x, w), at_once, rtol=1e-6, atol=1e-6)


def test_demodulation_takes_out_the_size_of_weight_and_style():
    module = small(conv_clamp=None)
    layer = module.get_submodule(module.names[1])
    x, w = torch.randn(2, layer.plan.inputs, layer.plan.in_size, layer.plan.in_size), torch.randn(2, 6)
    before = layer(x, w)
    layer.weight.mul_(7)
    layer.affine.weight.mul_(3), layer.affine.bias.mul_(3)
    torch.testing.assert_close(layer(x, w), before, rtol=1e-4, atol=1e-5)
    layer.magnitude_ema.fill_(4.0)
    torch.testing.assert_close(layer(x * 2, w), before, rtol=1e-4, atol=1e-5)


def test_values_are_cut_off_at_the_limit():
    free, tight = small(conv_clamp=None), small(conv_clamp=0.01)
    w, layer = torch.randn(2, 6), free.names[-1]
    x = torch.randn(2, free.get_submodule(layer).plan.inputs, 16, 16)
    before = free.get_submodule(layer)(x, w)
    torch.testing.assert_close(tight.get_submodule(layer)(x, w), before.clamp(-0.01, 0.01))


def waves(transform):
    torch.manual_seed(0)
    made = Input(6, 3, plan(Settings(32))).requires_grad_(False)
    made.transform.copy_(torch.tensor(transform))
    return made(torch.zeros(1, 3))[0]


def test_the_input_is_turned_and_moved_as_the_transform_says():
    still = waves([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert still.shape == (6, 36, 36)
    turned = waves([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    torch.testing.assert_close(turned, torch.rot90(still, 1, (1, 2)), rtol=1e-4, atol=1e-4)
    step = 3 / 16  # 16 samples a picture
    moved = waves([[1.0, 0, step], [0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(moved[:, :, :-3], still[:, :, 3:], rtol=1e-4, atol=1e-4)
    fast = waves([[20.0, 0, 0], [0, 20, 0], [0, 0, 1]])  # too fast for the sampling rate: silent, not aliased
    assert fast.abs().max() < still.abs().max() / 4


def test_a_moved_input_moves_the_picture():
    """By 4 of 32 pixels, which is whole samples at every rate: all layers move along."""
    torch.manual_seed(1)
    settings = Settings(32, num_layers=6, channel_base=512, channel_max=16)
    module = StyleGAN3(settings, MappingSize(8, 8, 2)).requires_grad_(False).eval()
    z = torch.randn(1, 8)
    still = module(z)
    module.input.transform[0, 2] = 4 / 32
    moved = module(z)
    change = (moved[..., 4:-8] - still[..., 8:-4]).abs().mean() / still.abs().mean()
    unmoved = (moved[..., 4:-8] - still[..., 4:-8]).abs().mean() / still.abs().mean()
    assert change < 0.1 * unmoved


def test_gradients_of_a_layer():
    module = small(conv_clamp=None).double()
    layer = module.get_submodule(module.names[3])
    x = torch.randn(1, layer.plan.inputs, layer.plan.in_size, layer.plan.in_size).double()[:, :, :24, :24]
    w = torch.randn(1, 6).double()
    x.requires_grad_(), w.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: layer(x, w)[..., 7:9, 7:9], (x, w), fast_mode=True)


def test_gradients_reach_z_through_a_limit(networks):
    g = networks["stylegan3-r_c5"]
    z = g.sample_z(2).requires_grad_()
    g.images(z, clamp=False).square().sum().backward()
    assert z.grad.isfinite().all() and (z.grad != 0).any()


# The part of a map under the picture


def test_maps_to_lay_over_the_picture(networks):
    g = networks["stylegan3-t_c0"]
    assert g.map_layers[0] == "input.inside" and g.map_layers[-1] == "L13_32_4.inside" and len(g.map_layers) == 15
    assert "L5_52_13" in g.layers and default_layer(g) in g.map_layers
    z = g.sample_z(2)
    whole, part = (g.acts(z, f"L5_52_13{end}") for end in ("", ".inside"))
    assert whole.shape[2:] == (52, 52) and torch.equal(part, whole[:, :, 10:-10, 10:-10])
    assert g.layer_info("L2_36_16.inside").resolution == (16, 16)


def test_an_edit_under_the_picture_leaves_the_margin(networks):
    g = networks["stylegan3-t_c0"]
    z = g.sample_z(2)
    before, images = g.acts(z, "L5_52_13"), g.images(z)
    with g.intervene("L5_52_13.inside", set_units([2], 3.0)):
        after = g.acts(z, "L5_52_13")
        assert not torch.equal(g.images(z), images)
    assert (after[:, 2, 10:-10, 10:-10] == 3).all()
    after[:, 2, 10:-10, 10:-10] = before[:, 2, 10:-10, 10:-10]
    assert torch.equal(after, before) and torch.equal(g.images(z), images)
    region = torch.zeros(8, 8)
    region[:, :4] = 1  # the left half of the picture
    with g.intervene("L9_52_7.inside", zero_units(range(7), region=region)):
        changed = (g.images(z) - images).abs().mean((0, 1, 2))
    assert changed[:12].mean() > 5 * changed[-10:].mean()


def test_edits_of_the_whole_map_and_the_part(networks):
    g = networks["stylegan3-t_small"]
    z = g.sample_z(2)
    with g.intervene("L2_28_9", zero_units([1])):
        assert (g.acts(z, "L2_28_9")[:, 1] == 0).all()
        with g.intervene("L2_28_9.inside", set_units([1], 1.0)):  # the part comes first, the whole map after it
            assert (g.acts(z, "L2_28_9.inside")[:, 1] == 1).all() and (g.acts(z, "L2_28_9")[:, 1] == 0).all()


# As a network under study


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_every_promise_of_a_generator(networks, name):
    assert len(check_generator(networks[name].truncated(0.7))) == 10


def test_z_w_and_ws_give_the_same_image(networks):
    for name, g in networks.items():
        z = g.sample_z(2)
        one = g.truncated(0.4)
        ws = one.ws(z)
        assert ws.shape == (2, g.module.settings.num_layers + 2, g.module.style_dim), name
        assert torch.equal(one.images(ws), one.images(z))
        assert torch.equal(one.images(one.ws_of(one.w(z), truncate=True)), one.images(z))
        assert not torch.equal(one.images(z), g.images(z)) and one.fingerprint != g.fingerprint


def test_classes(networks):
    g = networks["stylegan3-r_c5"]
    z = g.sample_z(3)
    assert isinstance(g, ConditionalGenerator) and g.n_classes == 5
    assert torch.equal(g.with_label(2).images(z), g.images((z, torch.full((3,), 2))))
    assert not torch.equal(g.with_label(2).images(z), g.with_label(3).images(z))
    assert type(load(g.module)) is type(stylegan3_generator(g.module)) is ConditionalStyleGAN3Generator


def test_why_it_cannot_be_rewritten(networks):
    from ganwidgets.rewrite.editable import editable_layer, editable_layers

    g = networks["stylegan3-t_c0"]
    assert editable_layers(g) == ()
    for layer in ("L5_52_13", "L5_52_13.inside"):
        with pytest.raises(ValueError, match="cannot be rewritten: StyleGAN3 filters a layer's values after"):
            editable_layer(g, layer)


@pytest.mark.parametrize("kind", ["safetensors", "pt"])
@pytest.mark.parametrize("name", NAMES)
def test_an_edited_network_is_written_and_loads_again(networks, name, kind, tmp_path):
    first = networks[name]
    layer = first.module.names[2]
    edited = with_weights(first, {f"{layer}.weight": first.module.get_submodule(layer).weight.flip(0)})
    path = export_weights(edited, tmp_path / f"a.{kind}")
    again, z = load(path), first.sample_z(2)
    assert torch.equal(again.images(z), edited.images(z)) and not torch.equal(again.images(z), first.images(z))
    states = again.module.state_dict(), edited.module.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    once_more = load(export_weights(again, tmp_path / f"b.{kind}"))
    assert torch.equal(once_more.images(z), edited.images(z))


def test_what_weights_do_not_tell_is_never_left_out(networks):
    with pytest.raises(ValueError, match="has no place for what its weights do not tell"):
        encode_weights(networks["stylegan3-t_small"], ".npz")
    assert encode_weights(networks["stylegan3-t_c0"], ".npz")
    with pytest.raises(ValueError, match=r"one of \['nvidia'\] for StyleGAN3"):
        encode_weights(networks["stylegan3-t_c0"], naming="rosinality")
