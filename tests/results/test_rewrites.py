"""An edit of a rule is a small product: what sums, differences, opposites and strengths do is known on paper."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

SHAPES = {"plain": (3, 4, 2, 3), "transposed": (4, 3, 2, 3), "modulated": (1, 3, 4, 2, 3)}


def edit(rank=1, kind="plain", seed=0, units=3, keys=4, **how):
    from ganwidgets.results.rewrites import LowRankEdit

    draw = torch.Generator().manual_seed(seed)
    update = torch.randn(units, rank, 2, 3, generator=draw)
    context = torch.randn(rank, keys, generator=draw)
    where = {"layer": "a", "weight": "a.weight", "network": "net", "fingerprint": "f" * 64}
    return LowRankEdit(**{**where, "kind": kind, "update": update, "context": context, **how})


def test_the_change_on_paper():
    from ganwidgets.results.rewrites import LowRankEdit

    update = torch.tensor([[[[2.0]], [[0.0]]], [[[0.0]], [[3.0]]]])  # unit 0 answers direction 0, unit 1 direction 1
    context = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
    paper = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.8, 2.4]])
    made = LowRankEdit("a", "a.weight", "plain", update, context, "net", "f")
    torch.testing.assert_close(made.delta()[..., 0, 0], paper)
    torch.testing.assert_close(made.with_strength(-0.5).delta()[..., 0, 0], -paper / 2)
    assert made.rank == 2 and made.norm == pytest.approx(13**0.5) and made.name == "a, rank 2"
    assert made.with_strength(2).norm == pytest.approx(2 * 13**0.5)
    for kind, stored in (("transposed", paper.T[..., None, None]), ("modulated", paper[None, ..., None, None])):
        torch.testing.assert_close(LowRankEdit("a", "a.weight", kind, update, context, "net", "f").delta(), stored)


@pytest.mark.parametrize("kind", SHAPES)
def test_shape_is_that_of_the_weight(kind):
    made = edit(2, kind)
    assert made.shape == SHAPES[kind] == tuple(made.delta().shape)


strengths = st.floats(-1, 2, width=32)
edits = st.builds(
    edit,
    rank=st.integers(1, 3),
    seed=st.integers(0, 5),
    strength=strengths,
    muted=st.booleans(),
)


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(a=edits, b=edits, c=edits, kind=st.sampled_from(sorted(SHAPES)))
def test_sums_and_differences_do_what_their_parts_do_together(a, b, c, kind):
    from dataclasses import replace

    a, b, c = (replace(one, kind=kind) for one in (a, b, c))
    close((a + b).delta(), a.delta() + b.delta())
    close((a - b).delta(), a.delta() - b.delta())
    close((-a).delta(), -a.delta())
    close(((a + b) + c).delta(), (a + (b + c)).delta())
    close((a + b).with_strength(0.5).delta(), (a.delta() + b.delta()) / 2)
    assert (a + b).active and (a + b).strength == 1 and (a + b).rank <= a.rank + b.rank


@settings(deadline=None, max_examples=40)
@given(a=edits, strength=strengths)
def test_strength_scales_the_change_and_nothing_else(a, strength):
    again = a.with_strength(strength)
    close(again.delta(), torch.zeros(SHAPES["plain"]) if a.muted else edit_delta(a) * strength)
    assert (again.uid, again.name, again.muted) == (a.uid, a.name, a.muted)


def edit_delta(made):
    return torch.einsum("orhw,ri->oihw", made.update, made.context)


def test_an_edit_minus_itself_is_exactly_nothing_and_plus_itself_keeps_its_rank():
    a = edit(3)
    assert not (a - a).delta().any() and (a + a).rank == 3
    torch.testing.assert_close((a + a).delta(), 2 * a.delta())


def test_muted_edits_do_nothing_and_take_no_part_in_sums():
    a, b = edit(1, seed=1), edit(2, seed=2, muted=True)
    assert not b.delta().any() and b.norm == 0 and not b.active
    assert (a + b).rank == (b + a).rank == 1
    close((b + a).delta(), a.delta())
    assert not (b + b).delta().any() and not edit(strength=0.0).active


def test_sums_have_a_name_a_uid_and_a_memory_of_their_own():
    a, b = edit(name="domes", details={"seed": 1}), edit(seed=1, name="trees", strength=0.5)
    total = a - b
    assert total.name == "domes − trees" and (-a).name == "−(domes)" and len({a.uid, b.uid, total.uid, (-a).uid}) == 4
    parts = total.details["parts"]
    assert [part["strength"] for part in parts] == [1.0, 0.5] and parts[0]["details"] == {"seed": 1}
    long = edit(name="x" * 500)
    assert len(long.name) == 200 and len((long + long).name) == 200


def test_scaled_multiplies_the_strength_there_is():
    a = edit(strength=0.5)
    assert a.scaled(3).strength == 1.5 and a.scaled(-2).strength == -1.0
    with pytest.raises(ValueError, match=r"`strength` must lie in \[-1, 2\] .*got 2.5"):
        a.scaled(5)


@pytest.mark.parametrize("strength", [-1.01, 2.5, float("nan"), float("inf"), True])
def test_strengths_outside_are_one_sentence(strength):
    with pytest.raises(ValueError, match=r"`strength` must lie in \[-1, 2\] \(0 does nothing, 1 is as solved"):
        edit(strength=strength)


def test_strengths_of_numpy_are_numbers():
    assert edit(strength=np.float64(0.5)).strength == 0.5


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"kind": "conv"}, r"`kind` must be one of \['plain'"),
        ({"update": torch.zeros(3, 1, 2)}, r"must be \(unit, rank, height, width\).*got \(3, 1, 2\) and \(1, 4\)"),
        ({"update": torch.zeros(3, 2, 2, 3)}, r"must be of the same rank, got \(3, 2, 2, 3\) and \(1, 4\)"),
        ({"update": torch.zeros(0, 1, 2, 3)}, r"must be \(unit, rank"),
        ({"update": torch.full((3, 1, 2, 3), float("nan"))}, "`update` must be finite"),
        ({"context": torch.full((1, 4), float("inf"))}, "`context` must be finite"),
    ],
)
def test_what_is_no_edit_is_one_sentence(how, reason):
    with pytest.raises(ValueError, match=reason):
        edit(**how)


def test_tensors_must_hold_floats():
    with pytest.raises(TypeError, match=r"`update` must be a tensor of floats, got torch.int64"):
        edit(update=torch.zeros(3, 1, 2, 3, dtype=torch.int64))
    assert edit(update=torch.zeros(3, 1, 2, 3, dtype=torch.float16)).update.dtype == torch.float32
    needs_grad = torch.zeros(3, 1, 2, 3, requires_grad=True)
    assert not edit(update=needs_grad).delta().requires_grad


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (
            {"fingerprint": "0" * 64, "network": "other"},
            r"of one network.*'net' \(weights 'ffff.*'other' \(weights '0000",
        ),
        ({"layer": "b", "weight": "b.weight"}, "of one layer to be added, got 'a' and 'b': give both to `apply`"),
        ({"keys": 5}, r"weights of one shape to be added, got \(3, 4, 2, 3\) and \(3, 5, 2, 3\)"),
        ({"kind": "modulated"}, "of one layer"),
    ],
)
def test_edits_of_different_places_do_not_add(how, reason):
    with pytest.raises(ValueError, match=reason):
        edit() + edit(**how)
    with pytest.raises(ValueError, match=reason):
        edit() - edit(**how)


def test_only_edits_add_to_edits():
    with pytest.raises(TypeError):
        edit() + 1
    with pytest.raises(TypeError):
        edit() - None


def test_edits_of_different_precision_add():
    a, b = edit(2), edit(1, seed=3, update=torch.ones(3, 1, 2, 3, dtype=torch.float64))
    close((a + b).delta().float(), a.delta() + b.delta().float())
    fine = edit(2, context=a.context.double())
    assert (a + fine).rank == 2
    close((a + fine).delta().float(), 2 * a.delta())
