"""The sessions without a picture: marks, edits that queue, undo to the very same pictures, cancel, files, refusals."""

import time

import numpy as np
import pytest
from traitlets import TraitError


def box(top, left, bottom, right, size=16):
    region = np.zeros((size, size), np.float32)
    region[top:bottom, left:right] = 1
    return region


HERE, THERE = box(2, 2, 8, 8), box(8, 8, 14, 14)


# Looking


def test_a_session_shows_the_first_page_and_turns_in_a_ring(make_session):
    session = make_session()
    assert session.shown == session.numbers == tuple(range(12)) and session.layer == "layer4.conv"
    assert session.after.shape == (12, 16, 16, 3) and (session.after == session.before).all()
    for by, first in ((1, 12), (1, 24), (1, 0), (-1, 24)):
        session.turn(by)
        assert session.numbers[0] == first
    assert session.numbers == tuple(range(24, 30))
    session.show([3, 8, 3])
    assert session.numbers == (3, 8)
    session.turn(1)  # back to the page, not on from the choice
    assert session.numbers[0] == 24


def test_the_picture_looked_at_need_not_be_on_show(make_session, network):
    from ganwidgets.nn.images import to_uint8

    session = make_session(image=20)
    alone = to_uint8(network.images(network.sample_z(30, 1)[20:21], grad=False))[0]
    assert np.abs(session.image_after.astype(int) - alone).max() <= 1 and 20 not in session.shown


def test_a_search_puts_what_matches_best_on_show(marked):
    marked.search(wait=True)
    assert len(marked.numbers) == 12 and marked.numbers == marked.found.images and 1 in marked.numbers[:6]
    marked.wait(20.0)
    assert marked.matches.shape[0] == 12 and marked.level > 0
    assert marked.matches[0].max() == pytest.approx(marked.found.scores[0].item(), rel=1e-4)


def test_more_pictures_than_can_be_shown_are_not_searched_for(marked):
    with pytest.raises(ValueError, match="`k` must be at most 64, as many pictures as can be shown at once, got 70"):
        marked.search(k=70)
    assert marked.found is None and marked.error == ""


def test_other_pictures_do_not_carry_the_heat_of_those_before(marked):
    seen = []
    assert marked.matches is not None
    marked.observe(lambda change: seen.append(marked.matches), "shown")
    marked.turn()
    marked.wait(20.0)
    assert seen == [None] and marked.matches is not None


# Marks


def test_an_object_takes_the_place_of_the_one_before_and_others_add_up(marked):
    marked.mark("object", 2, HERE)
    marked.mark("examples", 3, HERE)
    marked.mark("examples", 4, THERE)
    assert [place.image for place in marked.trays.object] == [2]
    marked.mark("examples", 5, THERE, instead=0)
    assert [place.image for place in marked.trays.examples] == [5, 4]
    marked.wait(20.0)
    assert sorted(marked.marked) == [1, 2, 4, 5]
    assert marked.unmark("examples", 1).image == 4
    marked.clear("examples")
    assert marked.trays.context == marked.trays.paste


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.mark("object", 30, HERE), "`image` must be below 30, the size of the sample, got 30"),
        (lambda s: s.mark("object", 1, np.zeros((16, 16))), "`region` must be painted somewhere"),
        (lambda s: s.mark("objects", 1, HERE), "`kind` must be one of"),
        (lambda s: s.mark("paste", 1, HERE, instead=0), "must be one of the 0 places in 'paste'"),
        (lambda s: s.unmark("paste", 0), "must be one of the 0 places in 'paste'"),
        (lambda s: s.search(), "`examples` must show what to look for"),
        (lambda s: s.apply(), "`object` must be there to be pasted"),
        (lambda s: s.zero(), "`examples` must show what the rule is about"),
        (lambda s: s.load(b"{}"), "this is truncated or another format"),
        (lambda s: s.load_request(b"[]"), "must have some of"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once_and_changes_nothing(make_session, call, message):
    session = make_session()
    with pytest.raises(ValueError, match=message):
        call(session)
    assert session.edits == () and session.trays.context == ()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layer", "layer99", "layer99"),
        ("rank", 9, "`rank` must lie in 1 to 8, got 9"),
        ("smoothness", -1.0, "`smoothness` must be 0 or more"),
        ("numbers", (30,), "`numbers` must lie in 0 to 29, got 30"),
        ("numbers", (), "`numbers` must be 1 to 64 numbers"),
        ("image", 30, "`image` must lie in 0 to 29"),
    ],
)
def test_wrong_settings_are_refused_and_what_stood_stays(make_session, name, value, message):
    session = make_session()
    stood = getattr(session, name)
    with pytest.raises(TraitError, match=message):
        setattr(session, name, value)
    assert getattr(session, name) == stood


# Edits


def test_an_edit_changes_the_pictures_and_undo_gives_the_very_same_back(marked, network):
    before = marked.after.copy()
    marked.apply("rule", wait=True)
    marked.wait(20.0)
    (edit,) = marked.edits
    assert edit.name == "rule" and marked.error == "" and marked.working == ""
    assert marked.solution.loss_after < marked.solution.loss_before
    assert (marked.after != before).any() and (marked.before == before).all()
    assert marked.edited is not network
    marked.undo()
    marked.wait(20.0)
    assert (marked.after == before).all() and marked.edited is network and marked.can_redo
    marked.redo()
    assert marked.edits == (edit,)


def test_two_quick_applies_make_two_edits_the_second_on_top_of_the_first(marked):
    marked.apply()
    marked.apply()
    marked.wait(30.0)
    first, second = marked.edits
    assert first.uid != second.uid and [edit.name for edit in marked.edits] == [
        "paste 1, layer4.conv",
        "paste 2, layer4.conv",
    ]
    assert second.norm < 0.8 * first.norm  # less was left to do


def test_strength_mute_and_names(marked):
    marked.apply(wait=True)
    marked.wait(20.0)
    full, before = marked.after.copy(), marked.before.copy()
    marked.mute(0)
    marked.wait(20.0)
    assert (marked.after == before).all()
    marked.mute(0, on=False)
    marked.set_strength(0, -1)
    marked.rename(0, "the other way")
    marked.wait(20.0)
    assert (marked.after != full).any() and (marked.edits[0].strength, marked.edits[0].name) == (-1, "the other way")
    with pytest.raises(ValueError, match="strength"):
        marked.set_strength(0, 2.5)
    marked.delete(0)
    assert marked.edits == ()
    marked.undo()
    assert marked.edits[0].name == "the other way"


def test_a_refinement_betters_the_edit_in_place_and_is_one_step_to_undo(marked, monkeypatch):
    from ganwidgets.rewrite import controller
    from ganwidgets.rewrite.refine import refine

    monkeypatch.setattr(controller, "refine", lambda *given, **options: refine(*given, **options, steps=3))
    marked.refining = True
    marked.apply(wait=True)
    assert {name: len(steps) for name, steps in marked.course.items()} == {"cost": 3, "picture": 3, "values": 3}
    share = marked.solution.loss_after / marked.solution.loss_before
    assert marked.course["values"][-1] == pytest.approx(share) and marked.course["picture"][0] > 0
    assert len(marked.edits) == 1 and marked.error == ""
    assert marked.edits[0].update.equal(marked.solution.update)
    marked.undo()
    assert marked.edits == () and not marked.can_undo


@pytest.mark.parametrize("then", ["apply", "undo", "delete"])
def test_a_refinement_ends_when_it_is_no_longer_wanted(marked, then):
    """Without end by itself, or another rule would have to wait for it."""
    marked.refining = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganwidgets.rewrite.controller.refine", _endless)
        marked.apply("first")
        _until(lambda: marked.edits)
        marked.refining = False
        marked.delete(0) if then == "delete" else getattr(marked, then)()
        marked.wait(20.0)
    assert marked.status == "done" and not marked.error
    assert len(marked.edits) == (2 if then == "apply" else 0)


def test_a_refinement_ends_when_its_time_is_over(marked):
    marked.refining, marked.refine_seconds = True, 0.2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganwidgets.rewrite.controller.refine", _endless)
        marked.apply()
        marked.wait(20.0)
    assert marked.status == "done" and len(marked.edits) == 1
    assert marked.solution.notes[-1] == "Refining ended after 0.2 s."
    with pytest.raises(TraitError, match=r"`refine_seconds` must be a time above 0 \[seconds\], got 0"):
        marked.refine_seconds = 0


def test_a_search_does_not_wait_for_a_refinement(marked):
    marked.refining = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganwidgets.rewrite.controller.refine", _endless)
        marked.apply()
        _until(lambda: marked.edits)
        marked.search()
        _until(lambda: marked.found is not None)
        assert marked.working == "apply"
        marked.cancel()
        marked.wait(20.0)


def test_what_an_edit_needs_is_there_before_it_is_asked_for(marked, monkeypatch):
    """So that it answers at once; on top of an edit of the same layer, too."""
    from ganwidgets.rewrite.editable import EditableLayer

    ran, run = [], EditableLayer.run
    monkeypatch.setattr(EditableLayer, "run", lambda layer, z: ran.append(len(z)) or run(layer, z))
    for _ in range(2):
        ran.clear()
        list(marked._bench.solving(marked.trays, marked._settings, marked.edits, progress=lambda share: None))
        assert max(ran) == 1  # what was marked, no other picture of the sample
        marked.apply(wait=True)
        marked.wait(20.0)


def _endless(targets, start, **options):
    from ganwidgets.rewrite.refine import Refinement

    while True:
        time.sleep(0.001)
        yield Refinement(1, 1000, 1.0, 1.0, start, 1.0)


def _until(there, seconds=20.0):
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_cancel_before_there_is_an_edit_leaves_all_as_it_was(marked, network, monkeypatch):
    weights = {name: weight.clone() for name, weight in network.module.state_dict().items()}

    def never(*given, **options):
        while True:
            time.sleep(0.01)
            yield None

    monkeypatch.setattr(marked._bench, "solving", never)
    marked.apply()
    assert marked.working == "apply"
    marked.cancel()
    marked.wait(20.0)
    assert marked.edits == () and marked.working == "" and not marked.can_undo and marked.edited is network
    assert all(weight.equal(network.module.state_dict()[name]) for name, weight in weights.items())


def test_a_rank_that_the_examples_do_not_span_is_an_error_in_words(make_session):
    session = make_session(rank=5)
    session.mark("object", 0, HERE)
    session.mark("paste", 1, box(8, 8, 9, 9))
    session.apply(wait=True)
    session.wait(20.0)
    assert session.edits == () and session.status == "failed" and "rank" in session.error == session.failure
    session.rank = 1
    session.apply(wait=True)
    session.wait(20.0)
    assert len(session.edits) == 1 and session.status == "done" and session.error == session.failure == ""


@pytest.mark.parametrize("what", ["apply", "zero"])
def test_a_rank_above_what_the_examples_span_is_lowered_on_request(make_session, what):
    session = make_session(rank=5)
    session.mark("object", 0, HERE)
    session.mark("paste", 1, box(8, 8, 9, 9))
    with pytest.raises(ValueError, match="No rule failed"):
        session.lower_rank()
    getattr(session, what)("mine", wait=True)
    assert session.edits == () and session.spanned == 1 and "Take 1, or paint more places" in session.failure
    session.lower_rank(wait=True)
    assert (session.edits[0].rank, session.edits[0].name, session.rank, session.spanned) == (1, "mine", 1, 0)
    assert session.failure == ""
    session.rank = 5
    getattr(session, what)(lower_rank=True, wait=True)
    assert session.edits[1].rank == 1 == session.rank
    session.mark("examples", 2, HERE)
    session.rank = 2
    getattr(session, what)(lower_rank=True, wait=True)
    assert session.edits[2].rank == 2 == session.rank


def test_erase_and_zero(marked):
    marked.mark("examples", 3, HERE)
    marked.zero(wait=True)
    marked.erase(wait=True)
    assert [edit.details["what"] for edit in marked.edits] == ["zero", "erase"]
    assert marked.edits[0].details["request"].keys() == {"object", "paste", "key"}


def test_a_sample_that_lacks_directions_of_the_keys_is_a_note_of_the_edit():
    """One of four planted units is always 0; nothing is warned of from the worker."""
    from torch import nn

    from ganwidgets.models import TorchGenerator
    from ganwidgets.rewrite.controller import RewriteController
    from ganwidgets.testing.planted import Colour, Paint

    conv = nn.Conv2d(4, 3, 1, bias=False)
    conv.weight.data = Colour(4, 3).weight[:, :, None, None]
    network = TorchGenerator(nn.Sequential(Paint(4, 4, 16, 16), conv).eval(), z_shape=(4,), name="planted")
    session = RewriteController(network, n_sample=12, refining=False)
    session.mark("object", 0, HERE)
    session.mark("paste", 1, np.ones((16, 16)))
    session.apply(wait=True)
    session.zero(wait=True)
    session.wait(20.0)
    assert session.error == "" and len(session.edits) == 2
    for edit in session.edits:
        assert any("The second moment is singular: 1 of 4 directions" in note for note in edit.details["notes"])
    session.delete(1)
    assert any("singular" in note for note in session.solution.notes)
    session.damping = 0.1
    session.apply(wait=True)
    assert not any("singular" in note for note in session.solution.notes)
    session.close()


def test_statistics_of_many_strengths_below_are_not_all_kept(marked, monkeypatch):
    from ganwidgets.rewrite import workbench_sample

    monkeypatch.setattr(workbench_sample, "KEPT_STATISTICS", 3)
    marked.apply(wait=True)
    marked.layer = "layer6"
    for strength in (0.1, 0.2, 0.3, 0.4, 0.5):
        marked.set_strength(0, strength)
        marked.wait(20.0)
    assert len(marked._bench._statistics) == 3
