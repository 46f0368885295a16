"""Undo is a list: every change can be taken back, in order, and the strokes themselves never change."""

import pytest


def letters(stack):
    return "".join(stroke.name for stroke in stack)


@pytest.fixture
def stack(named):
    from ganwidgets.paint import StrokeStack

    made = StrokeStack()
    for stroke in named("abc"):
        made = made.push(stroke)
    return made


def test_every_change_can_be_undone_and_redone(stack):
    steps = [stack]
    for change, *how in (("mute", 0), ("delete", 1), ("move", 1, 0), ("with_strength", 0, 0.5), ("clear",)):
        steps.append(getattr(steps[-1], change)(*how))
    now = steps[-1]
    for step in reversed(steps[:-1]):
        now = now.undo()
        assert now.strokes == step.strokes
    for step in steps[1:]:
        now = now.redo()
        assert now.strokes == step.strokes
    assert not now.can_redo and now.can_undo


def test_undo_and_redo_at_the_ends_change_nothing(stack):
    assert stack.redo() is stack
    first = stack.undo().undo().undo()
    assert letters(first) == "" and not first.can_undo and first.undo() is first


def test_a_new_stroke_after_undo_forgets_what_was_undone(stack, named):
    (d,) = named("d")
    forked = stack.undo().push(d)
    assert letters(forked) == "abd" and not forked.can_redo
    assert letters(forked.undo()) == "ab" and letters(stack) == "abc"


@pytest.mark.parametrize(
    ("which", "to", "expected"), [(0, 2, "bca"), (2, 0, "cab"), (1, 1, "abc"), (0, 1, "bac"), (2, 1, "acb")]
)
def test_moving_puts_a_stroke_at_the_place(stack, which, to, expected):
    assert letters(stack.move(which, to)) == expected


def test_muting_and_strength_touch_one_stroke_and_keep_its_uid(stack):
    changed = stack.mute(1).with_strength(2, 0.25)
    assert [s.muted for s in changed] == [False, True, False] and changed[2].strength == 0.25
    assert [s.uid for s in changed] == [s.uid for s in stack] and stack[1].muted is False
    assert changed.mute(1, False)[1].muted is False


def test_the_eraser_takes_from_every_stroke_that_is_heard_and_removes_what_is_left_empty():
    import numpy as np

    from ganwidgets.paint import Stroke, StrokeStack

    left, right, whole = np.eye(1, 4), np.eye(1, 4, 3), np.ones((2, 8))
    stack = StrokeStack()
    for name, region in (("left", left), ("right", right), ("whole", whole)):
        stack = stack.push(Stroke("layer1", [0], region, 1.0, name=name))
    rubber = np.array([[1.0, 0.5, 0.0, 0.0]])
    kept = stack.mute(2).erase(rubber)
    assert [stroke.name for stroke in kept] == ["right", "whole"] and kept[1].region.all()
    erased = stack.erase(rubber)
    assert [stroke.name for stroke in erased] == ["right", "whole"]
    assert erased[0] is stack[1] and erased[1].uid == stack[2].uid
    assert erased[1].region.tolist() == [[0, 0, 0.5, 0.5, 1, 1, 1, 1]] * 2
    assert erased.undo().strokes[0] is stack[0]
    assert erased.erase(left) is erased  # nothing there any more
    with pytest.raises(ValueError, match="must have something marked"):
        stack.erase(np.zeros((2, 2)))


def test_what_changes_nothing_is_no_step(stack):
    assert stack.mute(0, False) is stack and stack.with_strength(0, 1.0) is stack and stack.move(1, 1) is stack
    empty = stack.clear()
    assert empty.clear() is empty


def test_strokes_are_found_by_uid_too(stack):
    assert letters(stack.delete(stack[1].uid)) == "ac" and stack[stack[2].uid] is stack[2]


@pytest.mark.parametrize("which", [3, -1, "nobody", True])
def test_a_stroke_that_is_not_there_is_one_sentence(stack, which):
    for change in (stack.mute, stack.delete, lambda w: stack.with_strength(w, 0.5), lambda w: stack.move(w, 0)):
        with pytest.raises(ValueError, match=r"`which` must be the number of a stroke \(0 to 2\)"):
            change(which)
    with pytest.raises(ValueError, match="nothing is painted"):
        stack.clear().delete(0)
    with pytest.raises(ValueError, match=r"`strength` must lie in \[0, 1\]"):
        stack.with_strength(0, 1.2)


def test_without_is_as_if_the_stroke_had_never_been(stack, named):
    d, e = named("de")
    bad = stack.push(d).push(e).mute(0)
    clean = bad.without(bad[3])
    assert letters(clean) == "abce" and clean[0].muted
    undone = [letters(clean)]
    while clean.can_undo:
        clean = clean.undo()
        undone.append(letters(clean))
    assert undone == ["abce", "abce", "abc", "ab", "a", ""]  # the mute, then each push once


def test_without_a_changed_stroke_is_the_stroke_before_the_change(stack, named):
    stronger = stack.with_strength(1, 0.5).push(*named("d"))
    clean = stronger.without(stronger[1])
    assert letters(clean) == "abcd" and clean[1] is stack[1]
    assert letters(clean.undo()) == "abc" and letters(clean.undo().undo()) == "ab"


def test_without_reaches_what_was_undone(stack):
    undone = stack.undo()
    clean = undone.without(stack[2])
    assert letters(clean) == "ab" and not clean.can_redo


def test_the_past_has_an_end(stack, named, monkeypatch):
    from ganwidgets.results import history as module

    monkeypatch.setattr(module, "MOST_STEPS", 4)
    for stroke in named("defghij"):
        stack = stack.push(stroke)
    assert len(stack) == 10 and len(stack.past) == 4


def test_the_same_stroke_twice_is_two_strokes(stack):
    again = stack.push(stack[0])
    assert letters(again) == "abca" and len({stroke.uid for stroke in again}) == 4
    assert [stroke.muted for stroke in again.mute(again[3].uid, True)] == [False, False, False, True]
