"""Sentences about an edit: they must say what the numbers say."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def solution():
    """Of which only the numbers count."""
    return SimpleNamespace(
        context=[0],
        objective="window",
        norm="l1",
        smoothness=0.3,
        loss_before=20.0,
        loss_after=15.0,
        change=0.0123,
        n_places=24,
        notes=("A note.",),
    )


FOUND = (
    "At 24 places in the pasted box the values were 20 from the goal, now 15 (25% of it gone). In other pictures a "
    "value changes by 0.0123. Solved for absolute errors, rank 1, λ 0.3."
)


def test_before_it_is_refined_the_sentence_stands_alone(solution):
    from ganwidgets.rewrite.panel_words import solution_words

    assert solution_words(None, {})[2].startswith("How the newest edit was found shows here")
    assert solution_words(solution, {}) == ("", "", f"{FOUND} A note.")


def test_both_errors_are_told_and_a_warning_where_they_part(solution):
    from ganwidgets.rewrite.panel_words import APART, course_lines, solution_words

    course = {"cost": (2.0, 0.8), "picture": (1.5, 0.6), "values": (0.5, 0.75)}
    title, note, message = solution_words(solution, course)
    assert title == "Error of the picture −40%, of the values −25%" and message == ""
    assert "error in the picture 150% → 60%, of the values 50% → 75%." in note and APART in note
    assert [(line["x"], line["y"]) for line in course_lines(course)] == [
        ([1, 2], [1.5, 0.6]),
        ([1, 2], [0.5, 0.75]),
        ([1, 2], [2.0, 0.8]),
    ]
    together = solution_words(solution, course | {"values": (0.8, 0.75)})[1]
    assert APART not in together


def test_the_note_says_what_is_done_missing_or_reached(solution):
    from ganwidgets.rewrite.panel_words import run_note

    course = {"picture": (1.5, 1.2), "values": (0.5, 0.75)}
    assert run_note("apply", "", None, {}, 0, "") == "finding the edit"
    assert run_note("apply", "", solution, course, 1, "") == "refining the edit"
    assert run_note("", "", None, {}, 0, "`object` must be there: copy it") == "copy it"
    assert run_note("", "it failed", solution, course, 1, "") == run_note("", "", solution, course, 0, "") == ""
    assert run_note("", "", solution, course, 1, "") == "error of the picture +20%, of the values −25%"
    assert run_note("", "", solution, {}, 1, "") == "error of the values −25%"


def test_a_rule_is_drawn_relative_to_its_start_and_to_the_limit():
    from ganwidgets.rewrite.panel_words import rule_lines, rule_words

    course = {"wanted": (4.0, 2.0), "outside": (0.02, 0.04)}
    wanted, outside = rule_lines(course, 0.04)
    assert wanted["y"] == [1.0, 0.75] and outside["y"] == [0.5, 0.75]  # means so far
    sample = SimpleNamespace(source="dome", target=None, z=range(1000), has=range(70))
    note, message = rule_words(course, sample, SimpleNamespace(step=2, steps=9), "")
    assert note.startswith("dome → anything else: step 2 of 9, on 1,000 pictures, 70 with it. Lately 3.0%")
    assert message == "" and rule_lines({}, 0.04) == []
    assert rule_words({}, None, None, "why not") == ("", "why not")


def test_an_edit_from_elsewhere_says_what_it_is_and_believes_no_file():
    from ganwidgets.rewrite.panel_words import solution_words

    told = lambda details: solution_words(None, {}, SimpleNamespace(name="mine", details=details))[2]  # noqa: E731
    assert told({}) == "“mine” was not found in this session."
    assert told({"what": "zero", "notes": ["A note."]}).endswith("there is nothing to solve for. A note.")
    assert "over pictures nobody marked" in told({"generalised": {"source": "dome"}, "what": "paste"})
    assert told({"what": ["zero"], "notes": {"a": 1}}) == told({"notes": [1, None]}) == told({})
    assert len(told({"notes": ["x" * 10_000]})) == 1000
