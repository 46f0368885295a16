"""The session that makes a rule of an edit, in a planted world: one change, within a limit, that can be stopped."""

import time

import pytest
import torch
from torch import nn
from traitlets import TraitError

RED = torch.tensor([[1.0, 0, 0, 0]])
"""The direction of the keys along which pictures are red."""


@pytest.fixture(scope="module")
def network():
    """Planted maps of four units, and their colours as a convolution."""
    from ganwidgets.models import TorchGenerator
    from ganwidgets.testing.planted import Colour, Paint

    conv = nn.Conv2d(4, 3, 1, bias=False)
    conv.weight.data = 2 * Colour(4, 3).weight[:, :, None, None]
    module = nn.Sequential()
    module.add_module("paint", Paint(4, 4, 16, 16))
    module.add_module("conv", conv)
    return TorchGenerator(module.eval(), z_shape=(4,), name="one convolution")


@pytest.fixture
def session(network):
    """With an edit along red that does nothing yet."""
    from ganwidgets.rewrite.apply import as_edit
    from ganwidgets.rewrite.controller import RewriteController
    from ganwidgets.rewrite.editable import editable_layer
    from ganwidgets.rewrite.files import to_bytes

    made = RewriteController(network, n_sample=12)
    made.load(to_bytes([as_edit(editable_layer(network, "conv"), torch.zeros(3, 1, 1, 1), RED, name="red")]))
    made.wait(20.0)
    yield made
    made.close()


@pytest.fixture
def rule(session, soft):
    from ganwidgets.rewrite.controller_rule import RuleController

    made = RuleController(session, soft, source="red", target="blue", n=24)
    yield made
    made.close()


@pytest.fixture
def endless(monkeypatch):
    """Steps without end, each of which adds 1 to the edit."""
    from ganwidgets.rewrite import controller_rule
    from ganwidgets.rewrite.generalise import Generalisation

    def steps(editable, update, context, sample, **options):
        for step in range(1, 10**6):
            time.sleep(0.002)
            yield Generalisation(update + step, context, 1.0, 1.0, 0.01, 5.0, step, 10**6)

    monkeypatch.setattr(controller_rule, "generalise", steps)
    monkeypatch.setattr(controller_rule, "SHOW_EVERY", 0.02)


def until(there, seconds=20.0):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_it_betters_the_edit_as_one_step_that_can_be_undone(session, rule):
    before = session.edits[0]
    rule.generalise(steps=30, wait=True)
    session.wait(20.0)
    (edit,) = session.edits
    assert (
        rule.error == ""
        and (rule.step.step, rule.step.steps) == (30, 30)
        and (edit.uid, edit.name)
        == (
            before.uid,
            "red",
        )
    )
    assert edit.update.equal(rule.step.update) and edit.update[2] > 0 > edit.update[0]  # more blue, less red
    wanted, outside = rule.course["wanted"], rule.course["outside"]
    assert len(wanted) == len(outside) == 30 and wanted[-1] < wanted[0] and max(outside) == 0
    about = {"source": "red", "target": "blue", "limit": 0.04, "n": 24, "seed": 2001}
    assert edit.details["generalised"] == about and edit.details["steps"] == 30
    assert (session.after != session.before).any()
    session.undo()
    assert session.edits[0] is before
    session.redo()
    assert session.edits[0] is edit


def test_it_begins_where_the_strength_says_and_the_newest_in_force_is_meant(session, rule):
    from ganwidgets.rewrite.generalise import generalise

    rule.generalise(steps=5, wait=True)
    session.set_strength(0, 2)
    start = session.edits[0].update * 2
    rule.generalise(steps=1, wait=True)
    (edit,) = session.edits
    with torch.enable_grad():
        (first,) = generalise(session._bench.editable("conv"), start, RED, rule.sample, steps=1)
    assert edit.strength == 1 and edit.update.equal(first.update)
    session.mute(0)
    assert rule.missing() == "There is no edit to go on from: apply one first."
    with pytest.raises(ValueError, match="There is no edit to go on from"):
        rule.generalise()


def test_it_goes_on_from_the_edit_as_it_is_when_it_begins_and_keeps_its_numbers_apart(session, rule):
    from dataclasses import replace

    (edit,) = session.edits
    numbers = {"loss_after": 1.0, "notes": ["a note"], "refined": 7}
    refined = replace(edit, update=edit.update + 1, details={**numbers, "seed": 9})
    assert session.better(refined, than=edit, step=True)
    session.seed = rule.seed
    rule.generalise(steps=2, wait=True)
    details = session.edits[0].details
    assert details["solved"] == numbers and details["seed"] == 9 and "loss_after" not in details
    assert details["generalised"]["seed"] == rule.seed + 1  # the sample was drawn from the other one
    rule.generalise(steps=2, wait=True)
    assert session.edits[0].details["solved"] == numbers


def test_generalise_waits_for_a_refinement_and_goes_on_from_its_end(session, rule):
    import threading
    from dataclasses import replace

    (edit,), started, go = session.edits, threading.Event(), threading.Event()
    better = replace(edit, update=edit.update + 1)
    held = lambda progress: (started.set(), go.wait(10), True)[-1]  # noqa: E731
    session.submit(held, lambda done: session.better(better, than=edit, step=False), kind="apply x")
    assert started.wait(5)
    rule.generalise(steps=1)
    go.set()
    rule.wait(20.0)
    assert rule.error == "" and rule.step is not None
    session.undo()
    assert session.edits[0].update.equal(better.update)


def test_as_many_steps_as_there_is_time_for(session, rule):
    from ganwidgets.rewrite.controller_rule import FEWEST, _affordable

    rule.seconds = 1e-3
    rule.generalise(wait=True)
    assert rule.step.step == FEWEST
    slow = lambda steps: iter([time.sleep(0.02)])  # noqa: E731
    assert _affordable(slow, 1.0) in range(30, 49) and _affordable(slow, 100.0) == 200


def test_cancel_keeps_the_last_step_and_undo_takes_it_back(session, rule, endless):
    before = session.edits[0]
    rule.generalise(steps=10**6)
    until(lambda: session.edits[0] is not before)
    rule.cancel()
    rule.wait(20.0)
    assert rule.status == "cancelled" and rule.error == "" and rule.step.step >= 2
    assert session.edits[0].update.equal(rule.step.update)
    session.undo()
    assert session.edits[0] is before and session.can_redo


@pytest.mark.parametrize("then", ["undo", "delete", "another"])
def test_it_ends_when_it_is_no_longer_wanted(session, rule, endless, then):
    before = session.edits[0]
    rule.generalise(steps=10**6)
    until(lambda: session.edits[0] is not before)
    if then == "another":
        session.refining, session.damping = False, 0.1  # as one unit is always 0
        session.mark("examples", 0, torch.ones(16, 16))
        session.zero()
    else:
        session.delete(0) if then == "delete" else session.undo()
    rule.wait(20.0)
    session.wait(20.0)
    assert rule.error == session.error == "" and rule.status == "done"
    assert len(session.edits) == {"undo": 1, "delete": 0, "another": 2}[then]
    assert then != "undo" or session.edits[0] is before


def test_what_makes_no_sense_is_refused(session, rule):
    from ganwidgets.rewrite.controller_rule import RuleController

    with pytest.raises(ValueError, match="A segmenter with scores is needed"):
        RuleController(session).generalise()
    with pytest.raises(ValueError, match="`which` must be the number of an edit"):
        rule.generalise(3)
    for name, value in (("limit", 0.0), ("limit", 1.5), ("n", 0), ("seconds", 0.0), ("seed", -1)):
        with pytest.raises(TraitError, match=f"`{name}`"):
            setattr(rule, name, value)
    rule.source = rule.target = "red"
    rule.generalise(wait=True)
    assert rule.status == "failed" and "`target` must be another concept" in rule.error
