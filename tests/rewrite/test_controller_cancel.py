"""What a click means is what was there when it was made, and Cancel leaves things as they were: with the real work."""

import threading

import numpy as np
import pytest
import torch

HERE = np.zeros((16, 16), np.float32)
HERE[2:8, 2:8] = 1
THERE = HERE[::-1, ::-1].copy()


@pytest.fixture(scope="module")
def network():
    """A Progressive GAN of four widths that is drawn at random, 16 × 16."""
    from ganwidgets.models import ProGAN, TorchGenerator

    torch.manual_seed(0)
    return TorchGenerator(ProGAN((8, 8, 8, 8)), name="tiny", output_range=(-50, 50))


@pytest.fixture
def make(network):
    from ganwidgets.rewrite.controller import RewriteController

    made = []

    def make(**traits):
        session = RewriteController(network, **{"n_sample": 30, "layer": "layer4", "refining": False, **traits})
        made.append(session)
        session.mark("object", 0, HERE)
        session.mark("paste", 1, THERE)
        session.wait(30.0)
        return session

    yield make
    for session in made:
        session.close()


@pytest.fixture
def busy():
    """Call it to hold the worker, and call what it gives to let it go on."""
    from ganwidgets.jobs import Controller

    holder, started, go = Controller(), threading.Event(), threading.Event()

    def hold():
        holder.submit(lambda progress: (started.set(), go.wait(10), None)[-1], lambda value: None)
        assert started.wait(5)
        return go.set

    yield hold
    go.set()
    holder.wait(5.0)


@pytest.mark.parametrize("where", ["collecting", "context_directions", "paste_target", "patch_moment", "solve_steps"])
def test_cancel_in_the_middle_of_the_work_leaves_everything_bit_identical(make, network, monkeypatch, where):
    from ganwidgets.rewrite import workbench, workbench_sample

    session = make()
    session.apply(wait=True)
    session.wait(20.0)
    session.layer = "layer5"
    session.wait(20.0)
    session._bench._statistics.clear()
    weights = {name: weight.clone() for name, weight in network.module.state_dict().items()}
    stack, edits, after, solution = session._stack, session.edits, session.after, session.solution
    steps = ["collecting", "context_directions", "paste_target", "patch_moment", "solve_steps", "edit_from"]
    ran = []

    def watched(step, real):
        def run(*given, **options):
            ran.append(step)
            if step == where:
                session.cancel()  # the person presses it while this runs
            return real(*given, **options)

        return run

    for step in steps:
        file = workbench_sample if step == "collecting" else workbench
        monkeypatch.setattr(file, step, watched(step, getattr(file, step)))
    job = session.apply()
    session.wait(20.0)
    assert ran == steps[: steps.index(where) + 1] and job.outcome == "cancelled" and session.error == ""
    assert session._stack is stack and session.edits is edits and session.solution is solution
    assert (session.after == after).all() and session.working == ""
    assert all(weight.equal(network.module.state_dict()[name]) for name, weight in weights.items())


def test_an_edit_that_is_ready_only_after_cancel_is_not_put_on_the_stack(make, monkeypatch):
    from ganwidgets.rewrite import workbench

    session, real = make(), workbench.edit_from

    def cancelled(*given, **options):
        session.cancel()
        return real(*given, **options)

    monkeypatch.setattr(workbench, "edit_from", cancelled)
    assert session.apply(wait=True).outcome == "cancelled" and session.edits == () and not session.can_undo


def test_the_moment_of_a_styled_layer_can_be_stopped_after_each_picture(stylegan2):
    from ganwidgets.rewrite.editable import editable_layer, editable_layers
    from ganwidgets.rewrite.moment import patch_moment

    editable = editable_layer(stylegan2, editable_layers(stylegan2)[1])
    states, told = [editable.run(stylegan2.sample_z(4))], []
    patch_moment(editable, states, torch.eye(editable.key_dim)[:1], progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]

    def stop(share):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        patch_moment(editable, states, torch.eye(editable.key_dim)[:1], progress=stop)


def test_pictures_end_on_the_state_of_the_stack_whatever_is_cancelled(make, busy):
    session = make()
    session.apply(wait=True)
    session.wait(20.0)
    assert (session.after != session.before).any()
    go_on = busy()
    session.undo()
    session.cancel()
    go_on()
    session.wait(20.0)
    assert session.edits == () and (session.after == session.before).all()


@pytest.mark.parametrize("then", [{"seed": 7}, {"n_sample": 20}, {"rank": 2}, {"layer": "layer3"}])
def test_a_rule_is_made_of_what_was_there_when_it_was_asked_for(make, busy, then):
    alone, session = make(), make()
    go_on = busy()
    job = session.apply()
    for name, value in then.items():
        setattr(session, name, value)
    go_on()
    session.wait(20.0)
    alone.apply(wait=True)
    assert job.outcome == "done" and session.error == ""
    (edit,), (wanted,) = session.edits, alone.edits
    assert edit.update.equal(wanted.update) and edit.details == wanted.details


def test_a_search_of_a_sample_that_is_gone_does_not_choose_pictures(make, busy):
    session = make()
    go_on = busy()
    session.search()
    session.seed = 7
    go_on()
    session.wait(20.0)
    assert session.found is None and session.numbers == tuple(range(12)) and session.error == ""


# Refining


def steps(session, each=lambda: None, n=3):
    """Refinements by the real steps of descent; `each` happens before the last one."""
    from ganwidgets.rewrite.refine import refine

    def some(*given, **options):
        for number, step in enumerate(refine(*given, **options, steps=n)):
            if number == n - 1:
                each()
            yield step

    return some


def test_undo_of_a_strength_keeps_what_was_refined_meanwhile(make, monkeypatch):
    session = make(refining=True)
    monkeypatch.setattr("ganwidgets.rewrite.controller.SHOW_EVERY", 0.0)
    weaker = lambda: session.set_strength(0, 0.5)  # noqa: E731
    monkeypatch.setattr("ganwidgets.rewrite.controller.refine", steps(session, weaker))
    session.apply(wait=True)
    (refined,) = session.edits
    assert refined.strength == 0.5 and refined.details["refined"] == 2
    session.undo()
    (edit,) = session.edits
    assert edit.strength == 1 and edit.update.equal(refined.update) and edit.details == refined.details
    session.undo()
    assert session.edits == ()
    session.redo()
    assert session.edits[0].update.equal(refined.update)


def test_a_refined_edit_remembers_its_own_numbers(make, monkeypatch):
    session = make(refining=True)
    monkeypatch.setattr("ganwidgets.rewrite.controller.refine", steps(session))
    session.apply(wait=True)
    details, solution = session.edits[0].details, session.solution
    assert details["loss_after"] == solution.loss_after and details["change"] == solution.change
    assert details["refined"] == 2 and details["measure"] == "picture"
    assert details["error"] == pytest.approx(session.course["picture"][-1])


def test_what_is_told_is_that_of_the_edit_on_top(make, monkeypatch):
    session = make(refining=True)
    monkeypatch.setattr("ganwidgets.rewrite.controller.refine", steps(session))
    session.apply(wait=True)
    first, course = session.solution, session.course
    session.apply(wait=True)
    assert session.solution is not first and session.course != course
    session.undo()
    assert session.solution is first and session.course == course
    session.redo()
    session.delete(1)
    assert session.solution is first
    session.clear_edits()
    assert session.solution is None and session.course == {}
    session.undo()
    assert session.solution is first
    session.load(session.to_bytes())
    assert session.solution is None  # of a file nothing is known


def test_an_edit_that_was_made_another_one_meanwhile_is_left_alone(make, monkeypatch):
    session = make(refining=True)

    def another():
        from dataclasses import replace

        (edit,) = session.edits
        assert session.better(replace(edit, update=2 * edit.update), than=edit, step=True)

    monkeypatch.setattr("ganwidgets.rewrite.controller.refine", steps(session, another))
    session.apply(wait=True)
    doubled = session.edits[0].update
    session.undo()
    assert doubled.equal(2 * session.edits[0].update) and session.solution is not None
    session.redo()
    assert session.solution is None and session.error == ""
