"""Edits make a second network, W0 + Σ ΔW: known on paper, exact in the end, and without a trace in the first one."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F


@pytest.fixture
def chain():
    """Three convolutions one after the other, on maps that are not square: named 0, 2 and 4."""
    from ganwidgets.models import TorchGenerator

    torch.manual_seed(0)
    parts = (
        nn.ConvTranspose2d(4, 5, (3, 4)),
        nn.ReLU(),
        nn.Conv2d(5, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 3, 1),
        nn.Tanh(),
    )
    return TorchGenerator(nn.Sequential(*parts), (4, 2, 2), name="chain")


def an_edit(network, layer="2", rank=2, seed=0, size=0.5, **how):
    from ganwidgets.rewrite.apply import as_edit
    from ganwidgets.rewrite.editable import editable_layer

    editable = editable_layer(network, layer)
    draw = torch.Generator().manual_seed(seed)
    update = size * torch.randn(editable.n_units, rank, *editable.kernel, generator=draw)
    return as_edit(editable, update, torch.randn(rank, editable.key_dim, generator=draw), **how)


def contents(network):
    return {name: part.clone() for name, part in network.module.state_dict().items()}


def test_on_paper():
    """A 1 × 1 layer that copies colours; an edit makes what is red also green, and at −1 takes it away again."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.apply import apply, as_edit
    from ganwidgets.rewrite.editable import editable_layer

    conv = nn.Conv2d(3, 3, 1, bias=False)
    conv.weight.data = torch.eye(3)[..., None, None]
    network = TorchGenerator(nn.Sequential(nn.Identity(), conv), (3, 2, 3), name="copy")
    red, green = torch.eye(3)[:1], torch.tensor([0.0, 1.0, 0.0])
    edit = as_edit(editable_layer(network, "1"), green[:, None, None, None], red)
    z = torch.tensor([0.5, -0.25, 1.0])[:, None, None].expand(3, 2, 3)[None]
    for strength, wanted in ((1.0, (0.5, 0.25, 1.0)), (-1.0, (0.5, -0.75, 1.0)), (0.5, (0.5, 0.0, 1.0))):
        pictures = apply(network, edit.with_strength(strength)).images(z)
        torch.testing.assert_close(pictures, torch.tensor(wanted)[:, None, None].expand(3, 2, 3)[None])
    assert torch.equal(network.images(z), z)


def test_the_edited_network_computes_with_the_sum(chain):
    from ganwidgets.rewrite.apply import apply

    first, second, other = an_edit(chain), an_edit(chain, seed=1, rank=1).with_strength(-0.5), an_edit(chain, "0")
    edited = apply(chain, [first, other, second])
    weights = contents(chain)
    wanted = weights["2.weight"] + first.delta() + second.delta()
    torch.testing.assert_close(edited.module[2].weight.detach(), wanted)
    torch.testing.assert_close(edited.module[0].weight.detach(), weights["0.weight"] + other.delta())
    z = chain.sample_z(2)
    below = F.relu(F.conv_transpose2d(z, weights["0.weight"] + other.delta(), weights["0.bias"]))
    torch.testing.assert_close(edited.acts(z, "2"), F.conv2d(below, wanted, weights["2.bias"], padding=1))
    assert edited.module[4].weight is chain.module[4].weight and edited.module[2].bias is chain.module[2].bias


def test_the_first_network_never_changes(chain):
    from ganwidgets.rewrite.apply import apply

    before, print_before, z = contents(chain), chain.fingerprint, chain.sample_z(3)
    pictures = chain.images(z)
    edited = apply(chain, [an_edit(chain), an_edit(chain, "0"), an_edit(chain, "4")])
    assert not torch.equal(edited.images(z), pictures) and edited.fingerprint != print_before
    assert all(torch.equal(part, before[name]) for name, part in chain.module.state_dict().items())
    assert torch.equal(chain.images(z), pictures) and chain.fingerprint == print_before


def test_with_nothing_in_force_it_is_the_very_network(chain):
    from dataclasses import replace

    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.stack import EditStack

    edit = an_edit(chain)
    for edits in ([], EditStack(), [replace(edit, muted=True)], edit.with_strength(0), (edit for edit in ())):
        assert apply(chain, edits) is chain


def test_undo_to_the_start_is_bit_identical_and_half_way_is_what_it_was(chain):
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.stack import EditStack

    z, stack, seen = chain.sample_z(4), EditStack(), []
    for seed, layer in enumerate("2402"):
        seen.append(apply(chain, stack).images(z))
        stack = stack.push(an_edit(chain, layer, seed=seed))
    while stack.can_undo:
        stack = stack.undo()
        assert torch.equal(apply(chain, stack).images(z), seen.pop())
    assert not seen and apply(chain, stack) is chain


def test_the_order_of_edits_does_not_show(chain):
    from itertools import permutations

    from ganwidgets.rewrite.apply import apply

    edits = [an_edit(chain, seed=seed, size=10.0**seed) for seed in range(3)]
    found = [apply(chain, order).module[2].weight for order in permutations(edits)]
    assert all(torch.equal(weight, found[0]) for weight in found)


def test_a_sum_is_applied_as_its_parts(chain):
    from ganwidgets.rewrite.apply import apply

    a, b = an_edit(chain), an_edit(chain, seed=1).with_strength(0.25)
    wanted = apply(chain, [a, b]).module[2].weight
    torch.testing.assert_close(apply(chain, a + b).module[2].weight, wanted)
    torch.testing.assert_close(apply(chain, [a + b, -b, -a]).module[2].weight, chain.module[2].weight)


def test_an_edit_of_another_network_is_refused_with_both_names(chain):
    import copy

    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.apply import apply

    edit = an_edit(chain, name="domes")
    other = TorchGenerator(copy.deepcopy(chain.module), (4, 2, 2), name="trained on")
    assert apply(other, edit) is not other  # the same weights under another name are the same network
    other.module[4].bias.data.add_(1)
    other = TorchGenerator(other.module, (4, 2, 2), name="trained on")
    with pytest.raises(
        ValueError, match=r"'domes' was made for 'chain' \(weights '\w{8}'\), not for 'trained on' \(weights '\w{8}'\)"
    ):
        apply(other, edit)
    torch.testing.assert_close(apply(other, edit, force=True).module[2].weight, chain.module[2].weight + edit.delta())


def test_an_edit_on_top_of_others_belongs_to_the_network_before_them(chain):
    from ganwidgets.rewrite.apply import apply

    first = an_edit(chain)
    edited = apply(chain, first)
    with pytest.raises(ValueError, match="as it was before any edit"):
        apply(chain, an_edit(edited, seed=1))
    second = an_edit(edited, seed=1, original=chain)
    wanted = chain.module[2].weight + first.delta() + second.delta()
    torch.testing.assert_close(apply(chain, [first, second]).module[2].weight, wanted)
    with pytest.raises(ValueError, match="as it was before any edit"):
        apply(edited, first)


def test_truncation_does_not_make_it_another_network(stylegan2):
    from ganwidgets.rewrite.apply import apply

    edit = an_edit(stylegan2, "convs.2", rank=1)
    freer = stylegan2.truncated(1.0)
    assert freer.fingerprint != stylegan2.fingerprint
    assert torch.equal(
        apply(freer, edit).module.convs[2].conv.weight, apply(stylegan2, edit).module.convs[2].conv.weight
    )
    assert apply(freer, edit).rendering.psi == 1.0
    assert edit.details["rendering"]["psi"] == 0.5


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"layer": "3", "weight": "3.weight"}, r"changes '3.weight', which 'chain' does not have"),
        ({"weight": "0.weight"}, "must change a weight of its layer '2', got '0.weight'"),
        (
            {"layer": "4", "weight": "4.weight"},
            r"of shape \(6, 5, 3, 3\), but '4.weight' of 'chain' has \(3, 6, 1, 1\)",
        ),
        ({"kind": "transposed"}, r"of shape \(5, 6, 3, 3\), but '2.weight' of 'chain' has \(6, 5, 3, 3\)"),
        ({"kind": "modulated"}, r"of shape \(1, 6, 5, 3, 3\), but"),
        ({"layer": "nowhere", "weight": "2.weight"}, "`layer` must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_also_by_force(chain, changed, reason):
    from dataclasses import replace

    from ganwidgets.rewrite.apply import apply

    for force in (False, True):
        with pytest.raises(ValueError, match=reason):
            apply(chain, replace(an_edit(chain), **changed), force=force)


def test_an_edit_of_a_square_layer_is_not_applied_the_other_way_round():
    from dataclasses import replace

    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.apply import apply

    square = TorchGenerator(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh()), (3, 4, 4))
    with pytest.raises(ValueError, match="is of a transposed convolution, but '0' is a plain one"):
        apply(square, replace(an_edit(square, "0"), kind="transposed"), force=True)


def test_too_large_a_step_is_one_sentence(chain):
    from dataclasses import replace

    from ganwidgets.rewrite.apply import apply

    huge = replace(an_edit(chain, name="huge"), update=torch.full((6, 2, 3, 3), 1e38), context=torch.ones(2, 5))
    with pytest.raises(ValueError, match=r"must leave the weights finite, but 'huge' make '2.weight' too large"):
        apply(chain, huge.with_strength(2))


def test_what_is_no_solution_is_one_sentence(chain):
    from ganwidgets.rewrite.apply import as_edit
    from ganwidgets.rewrite.editable import editable_layer

    editable, update, context = editable_layer(chain, "2"), torch.zeros(6, 1, 3, 3), torch.ones(1, 5)
    with pytest.raises(ValueError, match=r"`context` must be \(rank, 5\)"):
        as_edit(editable, update, torch.ones(1, 6))
    with pytest.raises(ValueError, match="`update` must be finite"):
        as_edit(editable, update / 0, context, details={"loss": float("nan")})
    for details in ({"loss": float("nan")}, {"z": torch.zeros(2)}):
        with pytest.raises(TypeError, match="`details` must be plain values"):
            as_edit(editable, update, context, details=details)
    edit = as_edit(editable, update, context, details={"box": (1, 2)})
    assert edit.details == {"box": [1, 2]}
    update += 1
    assert not edit.update.any()


def test_a_solution_becomes_an_edit_that_remembers_how(chain):
    from ganwidgets.rewrite.apply import apply, edit_from
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.solve import solve
    from ganwidgets.rewrite.target import erase_target

    editable, z = editable_layer(chain, "2"), chain.sample_z(1)
    target = erase_target(editable, z, torch.ones(4, 5), [1, 3])
    solution = solve(target, torch.eye(5)[[1, 3]], smoothness=1e-9)
    edit = edit_from(solution, editable, name="less", details={"seed": 1})
    assert torch.equal(edit.update, solution.update) and edit.name == "less"
    assert (edit.details["solver"], edit.details["objective"], edit.details["seed"]) == ("solve", "window", 1)
    torch.testing.assert_close(apply(chain, edit).acts(z, "2")[0], target.goal, rtol=1e-3, atol=1e-3)


def test_only_edits_below_make_statistics_stale(chain):
    from dataclasses import replace

    from ganwidgets.rewrite.apply import apply, stale
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys

    low, same, high = an_edit(chain, "0"), an_edit(chain, "2"), an_edit(chain, "4")
    assert stale([low, same, high], "2", chain) == (low,)
    assert stale([same, high], editable_layer(chain, "2"), chain) == () and stale(high, "0", chain) == ()
    assert stale([replace(low, muted=True), same], "2", chain) == () and stale(low.with_strength(0), "4", chain) == ()
    assert stale([low, same, high], "4", chain) == (low, same)

    def moment(network):
        return collect_keys(editable_layer(network, "2"), network.sample_z(8)).second_moment

    assert torch.equal(moment(apply(chain, [same, high])), moment(chain))  # what stale() says, measured
    assert not torch.allclose(moment(apply(chain, low)), moment(chain))
    with pytest.raises(ValueError, match="`layer` must be one of"):
        stale(low, "nowhere", chain)


def test_layers_inside_one_another_are_the_same_place(progan):
    from ganwidgets.rewrite.apply import stale

    edit = an_edit(progan, "layer6")
    assert (
        edit.layer == "layer6.conv" and stale(edit, "layer6", progan) == () and stale(edit, "layer6.conv", progan) == ()
    )
    assert stale(edit, "layer7.conv", progan) == (edit,) and stale(edit, "layer5", progan) == ()
