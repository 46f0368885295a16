"""A session of edits: the list can be changed and changed back, and says what is in force."""

import pytest
import torch


@pytest.fixture
def stack():
    from ganwidgets.results.rewrites import LowRankEdit
    from ganwidgets.rewrite.stack import EditStack

    made = EditStack()
    for name in "abc":
        update, context = torch.ones(2, 1, 1, 1), torch.eye(3)[:1]
        made = made.push(LowRankEdit("l", "l.weight", "plain", update, context, "net", "f", name=name))
    return made


def letters(stack):
    return "".join(edit.name for edit in stack)


def test_every_change_is_one_step_and_can_be_undone(stack):
    steps = [stack]
    changes = [
        ("mute", 0),
        ("with_strength", 1, -1),
        ("rename", 2, "domes"),
        ("duplicate", 0),
        ("move", 3, 0),
        ("delete", 1),
        ("clear",),
    ]
    for change, *how in changes:
        steps.append(getattr(steps[-1], change)(*how))
        assert type(steps[-1]) is type(stack) and len(steps[-1].past) == len(steps[-2].past) + 1
    now = steps[-1]
    for step in reversed(steps[:-1]):
        now = now.undo()
        assert now.edits == step.edits
    for step in steps[1:]:
        now = now.redo()
        assert now.edits == step.edits


def test_active_are_those_that_do_anything(stack):
    left = stack.mute(0).with_strength(1, 0)
    assert left.active == (stack[2],) and len(left.edits) == 3
    assert [edit.name for edit in left.mute(0, False).active] == ["a", "c"]


def test_changes_touch_one_edit_and_keep_its_uid(stack):
    changed = stack.mute(0).with_strength(1, 2).rename(2, "  trees ")
    assert [(edit.muted, edit.strength, edit.name) for edit in changed] == [
        (True, 1.0, "a"),
        (False, 2.0, "b"),
        (False, 1.0, "trees"),
    ]
    assert [edit.uid for edit in changed] == [edit.uid for edit in stack]


def test_a_duplicate_is_an_edit_of_its_own_next_to_the_first(stack):
    again = stack.duplicate(stack[1].uid)
    assert [edit.name for edit in again] == ["a", "b", "b (2)", "c"] and again[1].uid != again[2].uid
    assert torch.equal(again[2].delta(), stack[1].delta())
    assert [edit.muted for edit in again.mute(again[2].uid)] == [False, False, True, False]
    assert again.duplicate(1)[2].name == "b (3)"


def test_names_and_strengths_that_cannot_be_are_one_sentence(stack):
    for name in ("", "   "):
        with pytest.raises(ValueError, match="`name` must have at least one letter"):
            stack.rename(0, name)
    assert len(stack.rename(0, "x" * 500)[0].name) == 200 and stack.rename(0, "a") is stack
    assert len(stack.rename(0, "x" * 500).duplicate(0)[1].name) <= 200
    with pytest.raises(ValueError, match=r"`strength` must lie in \[-1, 2\]"):
        stack.with_strength(0, 3)
    with pytest.raises(ValueError, match=r"the number of an edit \(0 to 2\) or its uid, got 7"):
        stack.duplicate(7)
    with pytest.raises(ValueError, match="none, as nothing is edited"):
        stack.clear().rename(0, "x")
