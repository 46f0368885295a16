"""How values answer to an edit: against the layers themselves, with another weight."""

import pytest
import torch
from torch import nn

CONVOLUTIONS = {
    "padded": lambda: nn.Conv2d(3, 4, 3, padding=1),
    "without padding": lambda: nn.Conv2d(3, 4, (1, 3), bias=False),
    "reflected": lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
    "strided and dilated": lambda: nn.Conv2d(3, 4, 3, padding=2, stride=2, dilation=2),
    "same": lambda: nn.Conv2d(3, 4, 5, padding="same"),
    "DCGAN": lambda: nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1),
    "DCGAN, odd kernel": lambda: nn.ConvTranspose2d(3, 4, 5, stride=2, padding=2, output_padding=1, bias=False),
    "stride 3": lambda: nn.ConvTranspose2d(3, 4, (3, 5), stride=(3, 2)),
}


def layer(make, seed=0):
    """A layer whose keys are the latent, (3, 5, 6)."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.editable import editable_layer

    torch.manual_seed(seed)
    colours = nn.Conv2d(4, 3, 1)
    return editable_layer(TorchGenerator(nn.Sequential(nn.Identity(), make(), colours), (3, 5, 6)), "1")


def styled(upsample):
    from ganwidgets.models.stylegan2 import StyleGAN2
    from ganwidgets.models.stylegan2_generator import StyleGAN2Generator
    from ganwidgets.rewrite.editable import editable_layer

    torch.manual_seed(0)
    network = StyleGAN2Generator(StyleGAN2((6, 5, 4), style_dim=7, n_mlp=2))
    for name, part in network.module.named_parameters():
        if "noise.weight" in name or "activate.bias" in name:
            part.data.normal_()
    return editable_layer(network, "convs.2" if upsample else "convs.3")


def an_edit(editable, rank=2, seed=1):
    torch.manual_seed(seed)
    context = torch.linalg.qr(torch.randn(editable.key_dim, rank))[0].T
    return torch.randn(editable.n_units, rank, *editable.kernel), context


@pytest.mark.parametrize("make", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_a_convolution_changes_by_the_edit_times_the_responses(make):
    from ganwidgets.rewrite.responses import projected, responses

    editable = layer(make)
    update, context = an_edit(editable)
    state = editable.run(editable.network.sample_z(2))
    maps = responses(editable.conv, projected(editable.keys(state), context))
    change = torch.einsum("ou,buhw->bohw", update.flatten(1).double(), maps)
    expected = editable.values(state, editable.W0 + editable.expand(update, context)) - state.acts
    assert change.shape == expected.shape and torch.allclose(change.float(), expected, atol=1e-4)


@pytest.mark.parametrize("upsample", [False, True])
def test_a_styled_layer_is_known_exactly(upsample):
    """Noise, bias, blur, demodulation and rectification included, also for a large edit and another start."""
    from ganwidgets.rewrite.styled import styled_places

    editable = styled(upsample)
    update, context = an_edit(editable)
    state = editable.run(editable.network.sample_z(3))
    start = editable.W0 + torch.randn_like(editable.W0)
    for weight in (None, start):
        for number in range(3):
            places = styled_places(editable, state, number, context, weight)
            first = editable.W0 if weight is None else weight
            with_none = editable.values(state, first)[number].flatten(1)
            assert torch.allclose(places.goal.float(), with_none, atol=1e-5)
            expected = editable.values(state, first + editable.expand(update, context))[number].flatten(1)
            assert torch.allclose(places.values(update.flatten(1).double()).float(), expected, atol=1e-5)


@pytest.mark.parametrize("upsample", [False, True])
def test_derivatives_of_a_styled_layer_are_those_of_autograd(upsample):
    """Σ weight J Jᵀ and Σ weight J · error, with J by automatic differentiation of the values."""
    from ganwidgets.rewrite.styled import styled_places

    editable = styled(upsample)
    update, context = an_edit(editable)
    places = styled_places(editable, editable.run(editable.network.sample_z(1)), 0, context)
    x, weight = update.flatten(1).double() / 3, torch.rand_like(places.goal)
    matrix, right = places.normal(x, weight)
    J = torch.autograd.functional.jacobian(
        lambda x: places.values(x).sum(0), x
    )  # (place unit unknown): units are apart
    J = J.movedim(1, 0)  # (unit place unknown)
    assert torch.allclose(matrix, torch.einsum("op,opu,opv->ouv", weight, J, J))
    assert torch.allclose(right, torch.einsum("op,opu,op->ou", weight, J, places.goal - places.values(x)))


def test_demodulation_is_one_number_of_each_picture():
    """Without it the factor is 1; with it, by hand: (Σ (style · scale · W)² + 1e-8)^(−1/2)."""
    from ganwidgets.rewrite.styled import styled_places

    editable = styled(upsample=False)
    update, context = an_edit(editable)
    state = editable.run(editable.network.sample_z(2))
    conv, style = editable.conv, editable.conv.modulation(state.args[1]).detach()
    weight = (editable.W0 + editable.expand(update, context))[0] * conv.scale
    factors = [styled_places(editable, state, n, context).demodulation(update.flatten(1).double())[0] for n in (0, 1)]
    for number, factor in enumerate(factors):
        power = (weight * style[number][:, None, None]).square().sum((1, 2, 3)) + 1e-8
        assert torch.allclose(factor[:, 0].float(), power.rsqrt(), rtol=1e-4)
    assert not torch.allclose(*factors)


@pytest.mark.parametrize("name", ["padded", "DCGAN", "DCGAN, odd kernel", "stride 3"])
def test_phases_do_not_see_each_other(name):
    """An unknown answers only at places of its own phase, and every place has one."""
    from ganwidgets.rewrite.responses import projected, responses
    from ganwidgets.rewrite.solve_transposed import phase_of_places, phase_of_unknowns

    editable = layer(CONVOLUTIONS[name])
    context = an_edit(editable)[1]
    maps = responses(editable.conv, projected(editable.keys(editable.run(editable.network.sample_z(1))), context))[0]
    places = phase_of_places(editable.conv, torch.ones(maps.shape[1:]).nonzero())
    unknowns = phase_of_unknowns(editable.conv, 2)
    apart = places[None] != unknowns[:, None]
    assert not maps.flatten(1)[apart].any() and maps.flatten(1).abs().sum(1).all()
    assert len(unknowns.unique()) == {"padded": 1, "stride 3": 6}.get(name, 4)


@pytest.mark.parametrize("name", ["padded", "DCGAN"])
def test_the_moment_tells_the_mean_square_of_a_change(name):
    from ganwidgets.rewrite.moment import patch_moment

    editable = layer(CONVOLUTIONS[name])
    update, context = an_edit(editable)
    z, seen = editable.network.sample_z(5), []
    moment = patch_moment(editable, z, context, batch=2, progress=seen.append)
    state = editable.run(z)
    change = editable.values(state, editable.W0 + editable.expand(update, context)) - state.acts
    x = update.flatten(1).double()
    assert torch.allclose(((x @ moment) * x).sum(1).float(), change.square().mean((0, 2, 3)), rtol=1e-4)
    assert seen == [0.4, 0.8, 1.0]
    kept = [editable.run(z[:3]), editable.run(z[3:])]
    assert torch.allclose(patch_moment(editable, kept, context), moment)


@pytest.mark.parametrize("upsample", [False, True])
def test_the_moment_of_a_styled_layer_is_right_for_small_edits(upsample):
    from ganwidgets.rewrite.moment import patch_moment

    editable = styled(upsample)
    update, context = an_edit(editable)
    z, x = editable.network.sample_z(4), update.flatten(1).double()
    moment, state = patch_moment(editable, z, context, batch=3), editable.run(z)
    change = (editable.values(state, editable.W0 + 1e-4 * editable.expand(update, context)) - state.acts) / 1e-4
    expected = torch.einsum("ou,ouv,ov->o", x, moment, x).float()
    assert torch.allclose(change.square().mean((0, 2, 3)), expected, rtol=0.03)


def test_a_sample_must_be_something():
    from ganwidgets.rewrite.moment import patch_moment

    editable = layer(CONVOLUTIONS["padded"])
    context = an_edit(editable)[1]
    with pytest.raises(ValueError, match="at least one latent or state"):
        patch_moment(editable, [], context)
    with pytest.raises(ValueError, match="finite keys at 1, got NaN"):
        patch_moment(editable, torch.full((1, 3, 5, 6), float("nan")), context)
