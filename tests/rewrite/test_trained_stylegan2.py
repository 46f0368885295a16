"""Edits of a StyleGAN2 that has learned something, 16 × 16 pixels (tests/data/stylegan2/README.md)."""

from pathlib import Path

import pytest
import torch

DATA = Path(__file__).parents[1] / "data/stylegan2"
LAYERS = ("convs.0", "convs.1", "convs.2", "convs.3")
PAIRS = ((7, 2), (11, 5), (3, 8))  # pictures to copy from and to paste on; never looked at


@pytest.fixture(scope="module")
def network():
    from ganwidgets.models import load

    return load(DATA / "trained16.safetensors")


@pytest.fixture(scope="module")
def z(network):
    return network.sample_z(64, seed=5)


@pytest.fixture(scope="module", params=LAYERS)
def asked(request, network, z):
    """Layer, targets of all pairs, context of the places pasted on, and the price of changes elsewhere."""
    from ganwidgets.rewrite.context import context_directions
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.examples import Example
    from ganwidgets.rewrite.keys import collect_keys
    from ganwidgets.rewrite.moment import patch_moment
    from ganwidgets.rewrite.target import copy_object, paste_target

    editable, region = editable_layer(network, request.param), torch.zeros(16, 16)
    region[4:12, 4:12] = 1
    targets = [
        paste_target(editable, z[on : on + 1], copy_object(editable, z[of : of + 1], region), region)
        for of, on in PAIRS
    ]
    examples = [Example(on, region) for _, on in PAIRS]
    context = context_directions(editable, examples, z, collect_keys(editable, z))
    return editable, targets, context, patch_moment(editable, z, context)


def errors(target, solution):
    """Mean absolute error in the box of the edited picture: of values, and of pixels."""
    from ganwidgets.rewrite.refine_errors import Along, Looking

    looking = Looking((target,), Along(solution.context))
    return looking(solution.update), looking.before


def test_the_pictures_are_not_noise(network, z):
    """They differ from latent to latent, and neighbouring pixels hardly differ."""
    images = network.images(z)
    across, along = images.std(0).mean(), (images[..., 1:] - images[..., :-1]).abs().mean()
    assert across > 0.2 and along < across / 2


@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_an_edit_comes_nearer_to_its_goal_than_none(asked, norm):
    """The values of every pair, and the pictures of all together: the last layer makes one of them a little worse."""
    from ganwidgets.rewrite.solve import solve

    _, targets, context, moment = asked
    both = [errors(target, solve(target, context, norm=norm, moment=moment)) for target in targets]
    assert all(found.values < 0.9 * nothing.values for found, nothing in both)
    assert sum(found.picture for found, _ in both) < 0.75 * sum(nothing.picture for _, nothing in both)


def test_joint_edits_serve_all_targets(asked):
    """One for three pictures is better for them together than any that was made for one, and than none for each."""
    from ganwidgets.rewrite.solve import solve

    _, targets, context, moment = asked

    def total(solution):
        return sum(errors(target, solution)[0].values for target in targets)

    joint = solve(targets, context, norm="l1", moment=moment)
    assert all(errors(target, joint)[0].values < errors(target, joint)[1].values for target in targets)
    assert total(joint) < min(total(solve(target, context, norm="l1", moment=moment)) for target in targets)


def test_pictures_to_be_kept_change_less(asked, z):
    from ganwidgets.rewrite.solve import solve
    from ganwidgets.rewrite.target import keep_target

    editable, (target, *_), context, moment = asked
    kept = [keep_target(editable, z[number : number + 1], weight=100) for number in (20, 21)]
    alone, careful = (solve(target, context, moment=moment, preserve=some) for some in ((), kept))

    def moved(solution):
        weight = editable.W0 + editable.expand(solution.update, context)
        return sum(float((picture.present(weight) - picture.goal).abs().mean()) for picture in kept)

    assert moved(careful) < 0.3 * moved(alone) and careful.loss_after < careful.loss_before


def test_strength_and_undo_are_exact(asked, network, z):
    from ganwidgets.rewrite.apply import apply, edit_from
    from ganwidgets.rewrite.solve import solve
    from ganwidgets.rewrite.stack import EditStack

    editable, (target, *_), context, moment = asked
    solution = solve(target, context, moment=moment)
    edit, before = edit_from(solution, editable), network.images(z[:4], clamp=False)
    edited = apply(network, edit).images(z[:4], clamp=False)
    halves = [edit.with_strength(0.5), edit.with_strength(0.5)]
    assert torch.equal(apply(network, halves).images(z[:4], clamp=False), edited)
    assert torch.equal(apply(network, [edit, edit.with_strength(-1)]).images(z[:4], clamp=False), before)
    assert apply(network, edit.with_strength(0)) is network
    stack = EditStack().push(edit)
    assert torch.equal(apply(network, stack.undo()).images(z[:4], clamp=False), before)
    assert torch.equal(apply(network, stack.undo().redo()).images(z[:4], clamp=False), edited)
    assert torch.equal(network.images(z[:4], clamp=False), before) and not torch.equal(edited, before)


def test_refining_changes_less_elsewhere(asked):
    """The price is in both; that the rest of the picture should stay only the error of the picture knows."""
    from ganwidgets.rewrite.refine import refine
    from ganwidgets.rewrite.solve import solve

    _, (target, *_), context, moment = asked
    first, *_, last = refine(target, solve(target, context, moment=moment), moment=moment, steps=20)
    assert last.best < 0.98 * first.cost and last.errors.elsewhere < 0.8 * first.errors.elsewhere
    assert last.errors.values > first.errors.values
