"""An adaptation as a value: low-rank changes, files that come back, and files that lie."""

import pytest
import torch


@pytest.fixture
def made():
    from ganwidgets.results.adaptation import Adaptation, Locality, LowRank
    from ganwidgets.results.inversion import Errors

    change = LowRank(torch.ones(4, 2), torch.ones(2, 9), (4, 1, 3, 3))
    return Adaptation(
        {"layer8": torch.rand(4, 8, 8)},
        {"layer6.weight": change},
        torch.zeros(3, 8, 8),
        Errors(36.0, 0.9, 0.01),
        Errors(30.0, 0.8, 0.02),
        "weights+maps",
        200,
        3.5,
        "steps",
        torch.zeros(4, 3),
        {"layer6.weight": 0.02},
        Locality((0.01, 0.02), 5),
    )


def test_a_low_rank_change(made):
    change = made.weights["layer6.weight"]
    assert torch.equal(change.delta(), torch.full((4, 1, 3, 3), 2.0))
    assert (change.rank, made.rank) == (2, 2)
    assert change.norm == pytest.approx(12.0)


def test_parts_that_do_not_fit_are_refused():
    from ganwidgets.results.adaptation import LowRank

    with pytest.raises(ValueError, match="multiply to a weight"):
        LowRank(torch.ones(4, 2), torch.ones(2, 9), (4, 1, 3, 2))


def test_the_sentence_says_what_it_brought_and_what_else_moved(made):
    assert "30.0 → 36.0 dB" in made.sentence
    assert "2 other pictures by 1.5% of the range (at most 2.0%)" in made.sentence


def test_parts_come_back(made):
    import json

    from ganwidgets.results.adaptation import Adaptation

    about, tensors = made.to_parts()
    back = Adaptation.from_parts(json.loads(json.dumps(about)), tensors)
    assert torch.equal(back.scales["layer8"], made.scales["layer8"])
    assert torch.equal(back.weights["layer6.weight"].delta(), made.weights["layer6.weight"].delta())
    assert (back.errors, back.before, back.locality, back.drift) == (
        made.errors, made.before, made.locality, made.drift,
    )  # fmt: skip
    assert (back.form, back.steps, back.stopped) == (made.form, made.steps, made.stopped)


@pytest.mark.parametrize(
    "lie",
    [
        lambda about, tensors: about.pop("form"),
        lambda about, tensors: about.update(form="pickle"),
        lambda about, tensors: about.update(stopped="never"),
        lambda about, tensors: about.update(scales=[1]),
        lambda about, tensors: about.update(scales=["a"] * 65),
        lambda about, tensors: about.update(scales=["layer8", "layer8"]),
        lambda about, tensors: about.update(drift={"layer6.weight": "much"}),
        lambda about, tensors: about.update(locality={"change": [None], "seed": 1}),
        lambda about, tensors: about["weights"][0].update(shape=[4, 1, 3, 10**9]),
        lambda about, tensors: about["weights"][0].update(shape=["4"]),
        lambda about, tensors: about.update(errors={"psnr": 1}),
        lambda about, tensors: about.update(steps=True),
        lambda about, tensors: tensors.pop("u/0"),
        lambda about, tensors: tensors.update({"scale/0": torch.full((4, 8, 8), float("nan"))}),
        lambda about, tensors: tensors.update({"scale/0": torch.zeros(4, 8)}),
        lambda about, tensors: tensors.update({"image": torch.zeros(3, 8, 8, dtype=torch.int32)}),
    ],
)
def test_lies_are_refused(made, lie):
    from ganwidgets.results.adaptation import Adaptation

    about, tensors = made.to_parts()
    lie(about, tensors)
    with pytest.raises(ValueError, match=r"`|tensor"):
        Adaptation.from_parts(about, tensors)


def test_weights_of_another_network_are_refused(made, planted):
    from ganwidgets.results.inverted import with_changes

    with pytest.raises(ValueError, match="has no weight"):
        with_changes(planted, made.weights)
    assert with_changes(planted, {}) is planted


@pytest.mark.parametrize("number", [float("inf"), -float("inf"), float("nan"), 10**400, 1e300])
@pytest.mark.parametrize(
    "place",
    [
        lambda about, number: about["errors"].update(psnr=number),
        lambda about, number: about["before"].update(l1=number),
        lambda about, number: about.update(seconds=number),
        lambda about, number: about.update(drift={"layer6.weight": number}),
        lambda about, number: about.update(locality={"change": [number], "seed": 1}),
    ],
)
def test_numbers_that_are_none_are_refused(made, place, number):
    """JSON's 1e999 is read as infinity."""
    from ganwidgets.results.adaptation import Adaptation

    about, tensors = made.to_parts()
    about = {name: dict(part) if isinstance(part, dict) else part for name, part in about.items()}
    place(about, number)
    with pytest.raises(ValueError, match="must be a usual number"):
        Adaptation.from_parts(about, tensors)


def test_a_curve_has_three_columns(made):
    from ganwidgets.results.adaptation import Adaptation

    about, tensors = made.to_parts()
    with pytest.raises(ValueError, match="3 columns"):
        Adaptation.from_parts(about, tensors | {"curve": torch.zeros(4, 2)})
