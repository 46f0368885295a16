"""A strategy of one's own is never taken for the known one whose name it has."""

from dataclasses import fields, replace

import pytest
import torch

from ganwidgets.testing import planted_linear_generator

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def linear():
    return planted_linear_generator()


@pytest.fixture(scope="module")
def image(linear):
    return (linear.images(linear.sample_z(1, 5))[0] + 0.3).clamp(-1, 1)


def test_a_changed_strategy_says_so_whichever_part_was_changed():
    from ganwidgets.invert import STRATEGIES

    known = STRATEGIES["ridge+r"]
    others = {"start": "best", "steps": 20, "latent": False, "residuals": "before", "space": "z", "noise": 0.5}
    others |= {"meaning": "mine", "rate": 0.3, "residual_rate": 0.3}
    assert set(others) | {"name"} == {part.name for part in fields(known)}
    for name, value in others.items():
        assert replace(known, **{name: value}).told == "ridge+r (changed)", name
    assert replace(known, name="mine", steps=20).told == "mine"
    assert [one.told for one in STRATEGIES.values()] == list(STRATEGIES) and replace(known).told == "ridge+r"


def test_a_judgement_asks_for_it_and_compares_with_the_same_search(linear, image):
    from ganwidgets.invert import STRATEGIES, invert, judge

    mine = replace(STRATEGIES["ridge+r"], steps=3, start="best", residuals="")
    found = invert(linear, image, mine)
    assert found.strategy == "ridge+r (changed)"
    with pytest.raises(ValueError, match=r"`strategy` must be given: 'ridge\+r \(changed\)' is none of"):
        judge(linear, found, n=4)
    own = judge(linear, found, n=4, strategy=mine).verdict.median_psnr
    usual = judge(linear, invert(linear, image, "ridge+r", steps=3), n=4).verdict.median_psnr
    assert own < usual - 3  # few steps from the nearest picture bring less than the usual ones


def test_it_is_kept_goes_on_and_is_shown(linear, image, tmp_path):
    from ganwidgets.invert import STRATEGIES, invert, load, panel

    mine = replace(STRATEGIES["ridge+r"], noise=0.01)
    path = invert(linear, image, mine, steps=2).save(tmp_path / "mine.safetensors")
    assert load(path).strategy == "ridge+r (changed)"
    assert invert(linear, image, mine, steps=4, resume=load(path)).strategy == "ridge+r (changed)"
    made = panel(linear, strategy="ridge", key="mine")
    made.open(path, wait=True)
    assert made.strategy == "ridge" and made.session.error == made.judging.error == ""
    assert made.facts.facts[-1]["value"].startswith("ridge+r (changed), ")
    assert made.inversion.verdict is None and "way of your own" in made.judge_bar.disabled
    assert torch.equal(made.inversion.image, image)
    made.close()
