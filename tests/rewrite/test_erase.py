"""What is taken out is known on paper where keys are colours, and from the original where the generator is trained."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

DATA = Path(__file__).parents[1] / "data/rewriting"


@pytest.fixture
def colours():
    """A 1 × 1 layer from three key units to three colours, whose keys are the latent: z is (3, 4, 5)."""
    from ganwidgets.models import TorchGenerator

    conv = nn.Conv2d(3, 3, 1, bias=False)
    conv.weight.data = torch.tensor([[0.5, 0.25, 0.0], [0.0, 1.0, -0.5], [0.25, 0.0, 0.5]])[..., None, None]
    return TorchGenerator(nn.Sequential(nn.Identity(), conv), (3, 4, 5), name="colours")


def part_of(network, layer="1", n=64):
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.keys import collect_keys

    editable, z = editable_layer(network, layer), network.sample_z(n)
    return editable, z, collect_keys(editable, z, seed=1)


def test_zero_on_paper(colours):
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.erase import zero

    editable, _, _ = part_of(colours)
    edit = zero(editable, torch.tensor([[0.6, 0.8, 0.0]]))
    edited = apply(colours, edit)
    along = torch.tensor([0.6, 0.8, 0.0])[:, None, None].expand(3, 4, 5)[None]
    across = torch.tensor([-0.8, 0.6, 1.0])[:, None, None].expand(3, 4, 5)[None]
    assert edited.acts(along, "1").abs().max() < 1e-6
    torch.testing.assert_close(edited.acts(across, "1"), colours.acts(across, "1"))
    half = apply(colours, edit.with_strength(0.5))
    torch.testing.assert_close(half.acts(along, "1"), colours.acts(along, "1") / 2)
    assert (edit.rank, edit.details["solver"], edit.details["amount"]) == (1, "zero", 0.0)
    assert edit.norm == pytest.approx(float((editable.W0[..., 0, 0] @ along[0, :, 0, 0]).norm()), rel=1e-5)


def test_zero_of_directions_that_are_not_orthonormal_takes_out_all_they_span(colours):
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.erase import zero

    editable, _, _ = part_of(colours)
    edited = apply(colours, zero(editable, torch.tensor([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0]])))
    wanted = editable.W0.clone()
    wanted[:, :2] = 0
    torch.testing.assert_close(edited.module[1].weight.detach(), wanted)


def test_zero_with_an_amount_makes_the_weight_along_a_direction_that(colours):
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.erase import zero

    editable, _, _ = part_of(colours)
    weight = apply(colours, zero(editable, torch.eye(3)[1:2], amount=0.125)).module[1].weight.detach()
    wanted = editable.W0.clone()
    wanted[:, 1] = 0.125
    torch.testing.assert_close(weight, wanted)


@pytest.mark.parametrize("kind", ["transposed", "modulated"])
def test_zero_in_layers_that_store_their_weight_otherwise(kind, stylegan2):
    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.erase import zero

    torch.manual_seed(0)
    chain = TorchGenerator(nn.Sequential(nn.Identity(), nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1)), (4, 2, 3))
    network, layer = (chain, "1") if kind == "transposed" else (stylegan2, "convs.2")
    editable = editable_layer(network, layer)
    context = torch.linalg.qr(torch.randn(editable.key_dim, 2))[0].T
    edited = editable_layer(apply(network, zero(editable, context)), layer)
    axis = 0 if kind == "transposed" else 2
    assert editable.kind == kind and torch.tensordot(edited.W0, context, ([axis], [1])).abs().max() < 1e-6
    away = torch.linalg.svd(context)[2][2:]  # all other directions: untouched
    torch.testing.assert_close(
        torch.tensordot(edited.W0, away, ([axis], [1])), torch.tensordot(editable.W0, away, ([axis], [1]))
    )


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (torch.ones(1, 4), r"`context` must be \(rank, 3\) for 1, got \(1, 4\)"),
        (torch.ones(4, 3), r"`context` must be \(rank, 3\)"),
        (torch.ones(2, 3), "must be 2 independent directions"),
        (torch.zeros(1, 3), "must be 1 independent directions"),
    ],
)
def test_directions_that_are_none_are_one_sentence(colours, context, reason):
    from ganwidgets.rewrite.erase import zero

    with pytest.raises(ValueError, match=reason):
        zero(part_of(colours)[0], context)


def test_scores_on_paper(colours):
    """Unit 0 is as always, unit 1 twice as large at the painted place, unit 2 never on."""
    from ganwidgets.rewrite.erase import erased_units, unit_scores
    from ganwidgets.rewrite.examples import Example
    from ganwidgets.rewrite.keys import collect_keys

    editable = part_of(colours)[0]
    z = torch.zeros(2, 3, 4, 5)
    z[:, 0], z[:, 1], z[1, 1, 0] = 1.0, 1.0, -2.0
    statistics = collect_keys(editable, z)
    painted = torch.zeros(4, 5)
    painted[0] = 0.5
    usual = (40 - 5 + 5 * 4) / 40  # mean square of unit 1
    scores = unit_scores(editable, [Example(1, painted)], z, statistics)
    torch.testing.assert_close(scores, torch.tensor([1.0, 4 / usual, 0.0], dtype=torch.float64))
    painted[1] = 1.0  # places count by how much they are painted
    scores = unit_scores(editable, [Example(1, painted)], z, statistics)
    torch.testing.assert_close(scores[1], torch.tensor((4 * 0.5 + 1.0) / 1.5 / usual, dtype=torch.float64))
    assert erased_units(editable, [Example(1, painted)], z, statistics, 2) == (1, 0)
    for n_units in (0, 4):
        with pytest.raises(ValueError, match="`n_units` must be from 1 to 3, the units of the key"):
            erased_units(editable, [Example(1, painted)], z, statistics, n_units)


def test_erase_on_paper(colours):
    """Where the unit that stands out is the only one on, a context of it takes out all it does, everywhere."""
    from ganwidgets.rewrite.apply import apply
    from ganwidgets.rewrite.erase import erase
    from ganwidgets.rewrite.examples import Example

    editable, z, statistics = part_of(colours)
    z = z.clone()
    z[3, :, 1:3, 1:3] = torch.tensor([0.0, 6.0, 0.0])[:, None, None]
    painted = torch.zeros(4, 5)
    painted[1:3, 1:3] = 1.0
    edit = erase(editable, Example(3, painted), [], z, statistics, n_units=1, smoothness=1e-6)
    assert edit.details["units"] == [1] and edit.details["solver"] == "erase" and edit.details["n"] == 64
    assert not any("own pictures only" in note for note in edit.details["notes"])  # changes were weighed on all of z
    assert apply(colours, edit).acts(z[3:4], "1")[..., 1:3, 1:3].abs().max() < 1e-3
    assert colours.acts(z[3:4], "1")[..., 1:3, 1:3].abs().max() == 6.0


def test_a_picture_beyond_the_sample_is_one_sentence(colours):
    from ganwidgets.rewrite.erase import erase
    from ganwidgets.rewrite.examples import Example

    editable, z, statistics = part_of(colours)
    inside, beyond = Example(0, torch.ones(4, 5)), Example(64, torch.ones(4, 5))
    with pytest.raises(ValueError, match="`paste` is of picture 64, but the sample `z` holds 64"):
        erase(editable, beyond, [inside], z, statistics)
    with pytest.raises(ValueError, match="picture 64"):
        erase(editable, inside, [beyond], z, statistics)


@pytest.fixture(params=["progan_layer5", "progan_layer6"])
def golden(request, progan):
    """A golden case with the request of its erase run."""
    from ganwidgets.rewrite.request import load_request

    arrays = {name: torch.from_numpy(np.array(part)) for name, part in np.load(DATA / f"{request.param}.npz").items()}
    facts = json.loads((DATA / f"{request.param}.json").read_text())["erase"]
    asked = load_request(DATA / "request_erase_house.json", n_images=200, legacy_alpha=True)
    return *part_of(progan, request.param[7:], 200), asked, arrays, facts


def test_zero_is_the_originals(golden):
    from ganwidgets.rewrite.erase import zero

    editable, _, _, _, arrays, _ = golden
    delta = zero(editable, arrays["D.zca.3masks.rank3"]).delta()
    wanted = torch.einsum("orhw,ri->oihw", arrays["zero.rank3.W.update"], arrays["zero.rank3.W.context"])
    assert (delta - wanted).abs().max() < 1e-5 * editable.W0.abs().max()


def test_the_units_and_the_target_of_the_original(golden):
    """Its losses before and after its edit: it takes the units out of the whole picture, not only the box."""
    from ganwidgets.rewrite.descent import mean_error
    from ganwidgets.rewrite.erase import erased_units, target_without

    editable, z, statistics, asked, arrays, facts = golden
    torch.testing.assert_close(
        statistics.second_moment.diagonal().float(), arrays["erase.square_scale"], rtol=5e-4, atol=0
    )
    units = erased_units(editable, asked.examples, z, statistics, 8, legacy=True)
    assert list(units) == facts["units"]
    loss = mean_error([target_without(editable, asked.paste, z, units, everywhere=True, legacy=True)])
    kept = editable.W0 + editable.expand(arrays["erase.W.update"], arrays["erase.W.context"])
    assert float(loss(editable.W0)) == pytest.approx(facts["loss_first"], rel=1e-5)
    assert float(loss(kept)) == pytest.approx(facts["loss_after_final_projection"], rel=1e-5)


def test_the_descent_of_the_original_begins_so(golden):
    from ganwidgets.rewrite.context import context_directions
    from ganwidgets.rewrite.descent import descend
    from ganwidgets.rewrite.erase import target_without

    editable, z, statistics, asked, arrays, facts = golden
    context = context_directions(editable, asked.examples, z, statistics, 1, legacy=True)
    assert (context @ arrays["erase.W.context"].T).abs() > 1 - 1e-5
    target = target_without(editable, asked.paste, z, facts["units"], everywhere=True, legacy=True)
    found = descend(target, context, iterations=101).losses
    for number, loss in zip(arrays["erase.iters"].tolist(), arrays["erase.loss"].tolist(), strict=True):
        if number <= 100:
            assert found[number] == pytest.approx(loss, rel=5e-3)


def test_erase_at_once_is_better_than_what_the_original_keeps(golden):
    from ganwidgets.rewrite.descent import mean_error
    from ganwidgets.rewrite.erase import erase, target_without

    editable, z, statistics, asked, _, facts = golden
    loss = mean_error([target_without(editable, asked.paste, z, facts["units"], everywhere=True, legacy=True)])
    here = (editable, asked.paste, asked.examples, z, statistics)
    for how in ({}, {"objective": "map", "norm": "l1", "smoothness": 0.0, "everywhere": True}):
        edit = erase(*here, n_units=8, legacy=True, **how)
        assert float(loss(editable.W0 + edit.delta())) < facts["loss_after_final_projection"]
        assert edit.rank == 1 and edit.details["units"] == facts["units"]
