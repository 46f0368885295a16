"""Values wanted after a later layer: as the closed form where layers between only scale, better where they do not."""

from dataclasses import replace

import pytest
import torch
from torch import nn

CONTEXT = torch.tensor([[0.6, 0.0, 0.8]])


class Scale(nn.Module):
    def forward(self, x):
        return 2 * x - torch.tensor([1.0, 0.0, 3.0, 0.5])[:, None, None]


def layer_before(*between):
    """A convolution whose keys are the latent (3, 6, 6), some modules, colours."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.editable import editable_layer

    torch.manual_seed(0)
    first, colours = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 1)
    colours.weight.data *= 0.05
    return editable_layer(TorchGenerator(nn.Sequential(nn.Identity(), first, *between, colours), (3, 6, 6)), "1")


def painted(top, left, bottom, right):
    region = torch.zeros(6, 6)
    region[top:bottom, left:right] = 1
    return region


def pasted(editable, until=None, part=(1, 1, 5, 5)):
    from ganwidgets.rewrite.target import copy_object, paste_target

    z = editable.network.sample_z(4)
    copied = copy_object(editable, z[:1], painted(*part), until=until)
    return paste_target(editable, z[1:2], copied, painted(1, 1, 5, 5))


def refined(targets, start, **options):
    from ganwidgets.rewrite.refine import refine

    *_, last = refine(targets, start, **options)
    return last


def solved(target, **options):
    from ganwidgets.rewrite.solve import solve

    return solve(target, CONTEXT, **options)


def error_there(target, solution):
    """Mean absolute error after the later layer, where it counts."""
    editable, later = target.editable, target.later
    values = target.present(editable.W0 + editable.expand(solution.update, solution.context))
    now = editable.network.between(target.state, later.layer, values[None])[0]
    return float(((later.goal - now).abs() * later.where).sum() / later.where.sum())


def test_the_object_is_copied_and_pasted_after_the_later_layer_too():
    editable = layer_before(nn.ReLU(), nn.Upsample(scale_factor=2))
    target, z = pasted(editable, "3"), editable.network.sample_z(4)
    there = editable.network.acts(z[:2], "3")
    assert target.later.layer == "3" and target.later.where.shape == (12, 12) and target.later.where.sum() == 64
    inside = target.later.where > 0
    assert torch.allclose(target.later.goal[:, inside], there[0][:, inside], atol=1e-6)
    assert torch.allclose(target.later.goal[:, ~inside], there[1][:, ~inside], atol=1e-6)
    assert torch.equal(target.goal, pasted(editable).goal) and pasted(editable).later is None


@pytest.mark.parametrize("smoothness", [0, 0.3])
def test_where_layers_between_only_scale_the_closed_form_is_the_answer(smoothness):
    """The cost there is the same function of Λ: it starts where it would for the layer itself, and gains as little."""
    target = pasted(layer_before(Scale()), "2")
    start = solved(target, norm="l1", smoothness=smoothness)
    there, here = (refined(target, start, measure=measure) for measure in ("2", "value"))
    assert there.best == pytest.approx(here.best, rel=1e-4)
    assert torch.allclose(there.solution.update, here.solution.update, atol=1e-4)
    assert error_there(target, start) < 1.005 * error_there(target, there.solution)


def test_an_edit_planted_before_linear_layers_is_found_from_either_side():
    """Layers that mix units: the closed form meets the goal, and what the goal makes later is met with it."""
    from ganwidgets.rewrite.target import keep_target

    editable = layer_before(nn.Conv2d(4, 4, 3, padding=1), Scale())
    update = torch.randn(4, 1, 3, 3) / 4
    kept = keep_target(editable, editable.network.sample_z(1))
    target = replace(kept, goal=kept.present(editable.W0 + editable.expand(update, CONTEXT)), area=kept.where)
    start = solved(target, smoothness=0)
    last = refined(target, start, measure="3", steps=3)
    assert torch.allclose(last.solution.update, update, atol=1e-3) and last.best < 1e-4
    far = replace(start, update=torch.zeros_like(update))
    found = refined(target, far, measure="3", steps=300, rate=0.06)
    assert (found.solution.update - update).norm() < 0.2 * update.norm() and found.best < 0.1


def test_where_layers_between_bend_the_later_values_come_nearer():
    editable = layer_before(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.Tanh())
    target, before = pasted(editable, "4", part=(0, 2, 4, 6)), editable.network.fingerprint
    start = solved(target, smoothness=0.01)
    last = refined(target, start, measure="4", steps=80)
    assert error_there(target, last.solution) < 0.95 * error_there(target, start)
    assert last.error == pytest.approx(
        error_there(target, last.solution) / error_there(target, replace(start, update=0 * start.update)), rel=0.2
    )
    assert editable.network.fingerprint == before


def test_what_is_kept_is_kept_there_too():
    from ganwidgets.rewrite.target import keep_target

    editable = layer_before(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    target = pasted(editable, "3")
    kept = keep_target(editable, editable.network.sample_z(4)[3:], weight=1e4)
    start = solved(target, smoothness=0)
    last = refined(target, start, measure="3", preserve=[kept], steps=60, rate=0.1)
    now = kept.present(editable.W0 + editable.expand(last.solution.update, CONTEXT))
    then = kept.present(editable.W0 + editable.expand(start.update, CONTEXT))
    assert (now - kept.goal).abs().mean() < 0.1 * (then - kept.goal).abs().mean()


def test_a_target_without_values_there_takes_those_its_own_make():
    editable = layer_before(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    target = pasted(editable)
    start = solved(target, smoothness=0.01)
    last = refined(target, start, measure="3", steps=100)
    assert refined(pasted(editable, "2"), start, measure="3", steps=100).best == last.best < 1


def test_layers_that_are_not_later_or_have_no_maps_are_refused():
    editable = layer_before(nn.ReLU())
    start = solved(pasted(editable), smoothness=0.01)
    for layer in ("0", "1"):
        with pytest.raises(ValueError, match="`layer` must finish after '1'"):
            pasted(editable, layer)
        with pytest.raises(ValueError, match="`layer` must finish after '1'"):
            refined(pasted(editable), start, measure=layer)
    with pytest.raises(ValueError, match="`layer` must be one of"):
        pasted(editable, "nowhere")
    with pytest.raises(ValueError, match="or the name of a later layer, got 'nowhere'"):
        refined(pasted(editable), start, measure="nowhere")
    flat = layer_before(nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 6, 6))))
    with pytest.raises(ValueError, match="whose activations are maps"):
        pasted(flat, "2.0")


def test_a_styled_layer_is_measured_after_the_next_one():
    from ganwidgets.models.stylegan2 import StyleGAN2
    from ganwidgets.models.stylegan2_generator import StyleGAN2Generator
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.solve import solve
    from ganwidgets.rewrite.target import copy_object, paste_target

    torch.manual_seed(0)
    editable = editable_layer(StyleGAN2Generator(StyleGAN2((6, 5, 4), style_dim=7, n_mlp=2)), "convs.1")
    z, region = editable.network.sample_z(2), torch.zeros(16, 16)
    region[4:12, 4:12] = 1
    target = paste_target(editable, z[:1], copy_object(editable, z[1:], region, until="convs.3"), region)
    start = solve(target, torch.eye(editable.key_dim)[:1])
    last = refined(target, start, measure="convs.3", steps=60)
    assert error_there(target, last.solution) < 0.98 * error_there(target, start)
