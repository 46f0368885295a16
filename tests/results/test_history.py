"""Undo is a list: what holds for entries of any kind."""

from dataclasses import dataclass, field, replace

import pytest


def history(letters):
    from ganwidgets.results.history import History, new_uid

    @dataclass(frozen=True, eq=False)
    class Entry:
        name: str
        muted: bool = False
        strength: float = 1.0
        uid: str = field(default_factory=new_uid)

        def with_strength(self, strength):
            return replace(self, strength=strength)

    made = History()
    for letter in letters:
        made = made.push(Entry(letter))
    return made


def spelled(entries):
    return "".join(entry.name for entry in entries)


def test_every_change_can_be_undone_and_redone():
    steps = [history("abc")]
    for change, *how in (("mute", 0), ("delete", 1), ("move", 1, 0), ("with_strength", 0, 0.5), ("clear",)):
        steps.append(getattr(steps[-1], change)(*how))
    now = steps[-1]
    for step in reversed(steps[:-1]):
        now = now.undo()
        assert now.entries == step.entries
    for step in steps[1:]:
        now = now.redo()
        assert now.entries == step.entries
    assert not now.can_redo and now.can_undo


def test_the_ends_and_what_changes_nothing_are_no_steps():
    made = history("abc")
    first = made.undo().undo().undo()
    assert made.redo() is made and first.undo() is first and not first.can_undo
    assert made.mute(0, False) is made and made.with_strength(0, 1.0) is made and made.move(1, 1) is made
    assert first.clear() is first


def test_a_new_entry_after_undo_forgets_what_was_undone():
    made = history("abc")
    forked = made.undo().push(history("d")[0])
    assert spelled(forked) == "abd" and not forked.can_redo and spelled(made) == "abc"


@pytest.mark.parametrize(("which", "to", "expected"), [(0, 2, "bca"), (2, 0, "cab"), (0, 1, "bac"), (2, 1, "acb")])
def test_moving_puts_an_entry_at_the_place(which, to, expected):
    assert spelled(history("abc").move(which, to)) == expected


def test_entries_are_found_by_place_or_uid_and_else_one_sentence_says_what_there_is():
    made = history("abc")
    assert spelled(made.delete(made[1].uid)) == "ac" and made[made[2].uid] is made[2]
    for which in (3, -1, "nobody", True):
        with pytest.raises(ValueError, match=r"the number of an entry \(0 to 2\) or its uid, got"):
            made.mute(which)
    with pytest.raises(ValueError, match="none, as there is nothing yet"):
        made.clear().delete(0)


def test_the_same_entry_twice_is_two():
    made = history("abc")
    again = made.push(made[0])
    assert spelled(again) == "abca" and len({entry.uid for entry in again}) == 4


def test_without_is_as_if_the_entry_had_never_been():
    made = history("abcde").mute(0)
    clean = made.without(made[3])
    assert spelled(clean) == "abce" and clean[0].muted
    undone = [spelled(clean)]
    while clean.can_undo:
        clean = clean.undo()
        undone.append(spelled(clean))
    assert undone == ["abce", "abce", "abc", "ab", "a", ""]  # the mute, then each push once


def test_without_a_changed_entry_is_the_entry_before_the_change_and_reaches_what_was_undone():
    made = history("abc")
    weaker = made.with_strength(1, 0.5)
    assert weaker.without(weaker[1])[1] is made[1]
    undone = made.undo()
    clean = undone.without(made[2])
    assert spelled(clean) == "ab" and not clean.can_redo
    far = made.undo().undo().undo().without(made[1])
    assert [spelled(far.redo()), spelled(far.redo().redo()), far.redo().redo().can_redo] == ["a", "ac", False]


def test_the_past_has_an_end(monkeypatch):
    from ganwidgets.results import history as module

    monkeypatch.setattr(module, "MOST_STEPS", 4)
    made = history("abcdefghij")
    assert len(made) == 10 and len(made.past) == 4
