"""The original's descent: step by step as published, its variants, and what it does with bad input."""

import math

import pytest
import torch
from torch.nn import functional as F

GOLDEN = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")
RUNS = {
    "edit.tight1.rank1": (1, "projected"),
    "edit.tight1.rank3": (3, "projected"),
    "edit.lowrankgrad": (1, "low_rank_gradient"),
    "edit.fullrank": (1, "full"),
    "edit.linear": (1, "linear"),
}
STEPS = 101


@pytest.fixture(scope="module")
def small():
    """Keys, a weight, a goal and a direction: (1 3 4 4), (2 3 3 3), (1 2 4 4), (1 3)."""
    torch.manual_seed(0)
    keys, weight, direction = torch.randn(1, 3, 4, 4), torch.randn(2, 3, 3, 3), torch.tensor([[0.6, 0.0, 0.8]])
    return keys, weight, torch.randn(1, 2, 4, 4), direction


def steps(small, **options):
    from ganwidgets.rewrite.descent import descent_steps

    keys, weight, goal, direction = small
    loss = lambda W: (F.conv2d(keys, W, padding=1) - goal).abs().mean()  # noqa: E731
    return descent_steps(loss, weight, direction, "plain", **({"iterations": 25} | options))


def outside(change, direction):
    """The part of a change that no update along the direction makes."""
    return change - torch.einsum("oihw,ri,rj->ojhw", change, direction, direction)


@pytest.mark.parametrize(
    ("name", "run"),
    [(name, run) for name in GOLDEN for run in RUNS if run != "edit.linear" or name.startswith("stylegan2")],
)
def test_the_first_hundred_steps_are_the_original_s(request, progan, stylegan2, name, run):
    from ganwidgets.rewrite.descent import descent_steps, mean_error

    arrays, facts, target = cropped(name, progan if name.startswith("progan") else stylegan2)
    editable, (rank, variant) = target.editable, RUNS[run]
    D, losses = arrays[f"D.zca.3masks.rank{rank}"], {}
    options = {"variant": variant, "iterations": STEPS}
    for step in descent_steps(mean_error([target]), editable.W0, D, editable.kind, **options):
        losses[step.iteration] = step.loss
        known = arrays.get(f"{run}.W_after_step{step.iteration}")
        if known is not None and step.iteration < 100:
            assert torch.allclose(step.stepped, known, atol=1e-4)
    moved = 10 * facts[run]["sensitivity"]["loss_maxabs_first_100"]
    for iteration, loss in zip(arrays[f"{run}.iters"].tolist(), arrays[f"{run}.loss"].tolist(), strict=True):
        if iteration < STEPS:
            assert losses[iteration] == pytest.approx(loss, rel=1e-4, abs=moved), iteration


def cropped(name, network):
    """The golden optimisation problem itself: the stored keys and goal."""
    import json
    from dataclasses import replace
    from pathlib import Path

    import numpy as np

    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.target import keep_target

    data = Path(__file__).parents[1] / "data/rewriting"
    arrays = {key: torch.from_numpy(np.array(array)) for key, array in np.load(data / f"{name}.npz").items()}
    number = int(name[-1])
    editable = editable_layer(network, f"layer{number}" if name.startswith("progan") else f"convs.{number - 3}")
    image = 82 if name.startswith("progan") else 5
    whole = keep_target(editable, network.sample_z(image + 1)[image:])
    keys, goal = arrays["paste.tight1.alpha1.goal_in"], arrays["paste.tight1.alpha1.goal_out"][0]
    maps = keys
    if editable.kind == "modulated":  # stored are keys: the input times the style
        maps = keys / editable.conv.modulation(whole.state.args[1]).detach()[:, :, None, None]
    state = replace(whole.state, args=(maps, *whole.state.args[1:2]))
    state = replace(state, acts=editable.values(state, editable.W0))
    where = torch.ones_like(goal[0])
    target = replace(whole, state=state, goal=goal, area=where, where=where)
    return arrays, json.loads((data / f"{name}.json").read_text()), target


def test_a_step_of_adam_is_the_rate_long(small):
    """Its first step moves every weight by the rate, against the gradient's sign; then it is projected."""
    weight, direction = small[1], small[3]
    first = next(steps(small, rate=0.01))
    moved = (first.stepped - weight).abs()
    assert torch.allclose(moved[moved > 0], torch.tensor(0.01), atol=1e-5)
    assert outside(first.stepped - weight, direction).abs().max() > 1e-3
    assert outside(first.weight - weight, direction).abs().max() < 1e-6


def test_it_is_projected_every_so_often_and_at_the_end(small):
    inside = [
        step.iteration
        for step in steps(small, every=10)
        if outside(step.weight - small[1], small[3]).abs().max() < 1e-5
    ]
    assert inside == [0, 10, 20, 24]


def test_the_linear_variant_never_leaves_the_context(small):
    for step in steps(small, variant="linear"):
        assert outside(step.stepped - small[1], small[3]).abs().max() < 1e-5


def test_low_rank_gradients_do_not_reach_inputs_without_context(small):
    """The direction is 0 at the second input: its weights stay, where those of the plain projection wander."""
    moved = [next(steps(small, variant=v)).stepped - small[1] for v in ("low_rank_gradient", "projected")]
    assert not moved[0][:, 1].any() and moved[1][:, 1].all() and moved[0][:, [0, 2]].all()


def test_full_rank_is_not_projected(small):
    *_, last = steps(small, variant="full")
    assert outside(last.weight - small[1], small[3]).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["plain", "transposed", "modulated"])
def test_an_update_is_read_off_the_change_it_makes(kind):
    from ganwidgets.nn.linalg import expand_update
    from ganwidgets.rewrite.descent import along

    update, context = torch.randn(4, 2, 3, 3), torch.linalg.qr(torch.randn(5, 2))[0].T
    assert torch.allclose(along(expand_update(update, context, kind), context, kind), update, atol=1e-5)


@pytest.mark.parametrize("name", ["progan_layer6", "stylegan2_layer5"])
def test_the_descent_ends_with_the_weights_it_says(progan, stylegan2, name):
    from ganwidgets.rewrite.descent import descend, mean_error

    network = progan if name.startswith("progan") else stylegan2
    arrays, _, target = cropped(name, network)
    before, seen = network.fingerprint, []
    context = arrays["D.zca.3masks.rank1"]
    with torch.no_grad():
        found = descend(target, context, iterations=30, progress=seen.append)
    loss, editable = mean_error([target]), target.editable
    rebuilt = editable.W0 + editable.expand(found.update, context)
    assert torch.allclose(rebuilt, found.weight, atol=1e-4)
    assert found.loss_before == pytest.approx(float(loss(editable.W0))) == pytest.approx(found.losses[0])
    assert found.loss_after == pytest.approx(float(loss(found.weight)))
    assert len(found.losses) == 30 and seen[-1] == 1.0 and network.fingerprint == before and found.notes == ()
    assert descend(target, context, variant="full", iterations=3).update is None


def test_the_error_of_several_targets_is_their_weighted_mean(progan):
    from dataclasses import replace

    from ganwidgets.rewrite.descent import mean_error

    target = cropped("progan_layer6", progan)[2]
    corner = torch.zeros_like(target.where)
    corner[:2, :2] = 1
    one, two = replace(target, weight=3.0), replace(target, goal=target.goal + 5, where=corner)
    W = target.editable.W0
    first = (target.goal - target.present()).abs().mean()
    second = (target.goal + 5 - target.present()).abs()[:, :2, :2].mean()
    assert float(mean_error([one, two])(W)) == pytest.approx(float(3 * 25 * first + 4 * second) / (3 * 25 + 4))


def test_from_another_weight_the_change_is_that_from_it(progan):
    from ganwidgets.rewrite.descent import descend

    arrays, _, target = cropped("progan_layer6", progan)
    context, start = arrays["D.zca.3masks.rank1"], target.editable.W0 + 0.1
    found = descend(target, context, iterations=5, weight=start)
    assert torch.allclose(start + target.editable.expand(found.update, context), found.weight, atol=1e-4)


@pytest.mark.parametrize("rate", [1e36, 2e37, 3e37])
def test_a_huge_step_ends_with_the_last_weights_of_a_finite_loss(progan, rate):
    from ganwidgets.rewrite.descent import descend

    arrays, _, target = cropped("progan_layer6", progan)
    found = descend(target, arrays["D.zca.3masks.rank1"], rate=rate, iterations=30)
    assert torch.isfinite(found.weight).all() and math.isfinite(found.loss_after)
    assert "no longer finite. Lower the rate" in found.notes[0]


def test_bad_options_are_refused(small):
    for message, options in {
        "`variant` must be one of": {"variant": "newton"},
        "`iterations` and `every` must be at least 1": {"every": 0},
        "`rate` must be a number above 0": {"rate": 0},
    }.items():
        with pytest.raises(ValueError, match=message):
            steps(small, **options)
