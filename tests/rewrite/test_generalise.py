"""From an edit to a rule: in a planted world it is known which key is the source's, and what else it would touch."""

import numpy as np
import pytest
import torch
from torch import nn

RED, BLUE = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[0, 1.0, 0, 0]])
"""Directions of the keys: unit 0 is painted red, unit 1 blue."""


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
def editable(network):
    from ganwidgets.rewrite.editable import editable_layer

    return editable_layer(network, "conv")


@pytest.fixture(scope="module")
def sample(network, soft):
    from ganwidgets.rewrite.generalise import rule_sample

    return lambda n=24, **options: rule_sample(
        network, network.sample_z(n, seed=4), soft, **({"source": "red", "target": "blue"} | options)
    )


@pytest.fixture
def judge(network, soft, editable):
    """What the report says of an update, on other latents."""
    from ganwidgets.models import with_weights
    from ganwidgets.rewrite.report import report

    def of(step, target="blue"):
        weight = editable.W0 + editable.expand(step.update, step.context)
        after = with_weights(network, {"conv.weight": weight})
        return report(network, after, soft, network.sample_z(40, seed=9), source="red", target=target)

    return of


def last(steps):
    *_, step = steps
    return step


def test_along_the_key_of_the_source_it_does_all_that_is_wanted_and_nothing_else(editable, sample, judge):
    from ganwidgets.rewrite.generalise import generalise

    step = last(generalise(editable, torch.zeros(3, 1, 1, 1), RED, sample(), steps=40, rate=0.2))
    found = judge(step)
    assert [float(found.share(m)[0]) for m in ("success", "outside", "elsewhere")] == [1.0, 0.0, 0.0]
    assert (step.step, step.steps) == (40, 40) and step.side == 0.0 and step.wanted < 0.5


def test_the_limit_decides_where_the_rule_cannot_tell_apart(editable, sample, judge):
    """Along red + blue, whatever makes the red green makes the blue dots greener."""
    from ganwidgets.rewrite.generalise import generalise

    both, start, found = (RED + BLUE) / 2**0.5, torch.zeros(3, 1, 1, 1), {}
    for limit, steps in ((0.5, 40), (1e-6, 300)):  # it takes a while until the price is high enough
        options = {"limit": limit, "steps": steps, "rate": 0.2, "at_once": 6}
        found[limit] = judge(last(generalise(editable, start, both, sample(target="green"), **options)), "green")
    assert found[0.5].share("success")[0] == 1.0 and found[0.5].share("elsewhere")[0] > 0
    assert found[1e-6].share("success")[0] == 0.0 and found[1e-6].share("elsewhere")[0] == 0


def test_what_cannot_be_seen_costs_nothing(editable, sample, judge):
    """Along red + blue, less red and more blue: the dots are as blue as can be already, so no limit is met."""
    from ganwidgets.rewrite.generalise import generalise

    both = (RED + BLUE) / 2**0.5
    step = last(generalise(editable, torch.zeros(3, 1, 1, 1), both, sample(), limit=1e-6, steps=40, rate=0.2))
    assert [float(judge(step).share(m)[0]) for m in ("success", "elsewhere")] == [1.0, 0.0]


def test_the_first_step_tells_the_costs_of_the_start(editable, sample, soft):
    """Red is red for sure, σ(4), and hardly blue, σ(−4); a dot of another colour counts almost 3 a pixel."""
    from ganwidgets.rewrite.generalise import GIVE_UP, PRICE, generalise

    sigma = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    first = next(generalise(editable, torch.zeros(3, 1, 1, 1), RED, sample(), steps=1))
    assert first.wanted == pytest.approx(2 * (1 - sigma(-4) ** GIVE_UP) / GIVE_UP, rel=1e-4)
    assert (first.side, first.outside, first.price) == (0.0, 0.0, PRICE)
    white = torch.tensor([1.0, 1.0, 0.0])[:, None, None, None]  # blue dots (−1, −1, 1) become (0, 0, 1)
    taken = sample(12)
    first = next(generalise(editable, white, BLUE, taken, steps=1, at_once=24))  # so every picture takes part
    outside = ~torch.nn.functional.max_pool2d(taken.masks.float()[:, None], 3, 1, 1)[:, 0].bool()
    dots = 4 * int((taken.z[:, 1] > 0).sum()) / int(outside.sum())
    moved = 127.5 / 8  # least visible changes: by 1 of a range from −1 to 1
    assert first.side == pytest.approx(dots * moved / (1 + moved / 3), rel=1e-3)
    assert first.outside == pytest.approx(dots)


def test_the_network_stays_and_the_same_seed_gives_the_same_steps(editable, sample, network):
    from ganwidgets.rewrite.generalise import generalise

    before = network.module.state_dict()["conv.weight"].clone()
    start, both = torch.full((3, 1, 1, 1), 0.1), (RED + BLUE) / 2**0.5  # how many dots there are is chance
    one, two, other = (
        list(generalise(editable, start, both, sample(), steps=5, at_once=4, seed=seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(network.module.state_dict()["conv.weight"], before) and float(start.max()) == pytest.approx(0.1)
    assert all(torch.equal(a.update, b.update) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[-1].update, one[0].update)
    assert not torch.equal(one[-1].update, other[-1].update)


def test_a_sample_knows_where_the_source_is(sample):
    taken = sample(24)
    red = taken.z[:, 0] > 0
    assert taken.has == tuple(red.nonzero()[:, 0].tolist()) and len(taken.has) + len(taken.lacks) == 24
    assert torch.equal(taken.masks[:, 0, 0], red) and taken.margin == 1 and taken.images.dtype == torch.float16
    told = []
    sample(40, progress=told.append)
    assert told == [0.8, 1.0]


def test_bad_input_is_refused(network, soft, editable, sample):
    from ganwidgets.rewrite.generalise import generalise, rule_sample

    with pytest.raises(ValueError, match="none of 24 has; take more latents"):
        sample(source="green")
    with pytest.raises(ValueError, match="`target` must be another concept"):
        sample(target="red")
    no_scores = type("Hard", (), {k: getattr(soft, k) for k in ("name", "concepts", "categories", "slots")})()
    no_scores.__class__.__call__ = lambda self, images: soft(images)
    with pytest.raises(TypeError, match=r"`segmenter` must have scores\(images\)"):
        rule_sample(network, network.sample_z(4), no_scores, source="red")
    start = torch.zeros(3, 1, 1, 1)
    for options, message in (
        ({"limit": 0.0}, "`limit`"),
        ({"rate": -1.0}, "`rate`"),
        ({"steps": 0}, "`steps`"),
        ({"at_once": 1}, "`at_once`"),
    ):
        with pytest.raises(ValueError, match=message):
            generalise(editable, start, RED, sample(), **options)
    with pytest.raises(ValueError, match="`update` must be"):
        generalise(editable, start[:2], RED, sample())
    with pytest.raises(ValueError, match="must be finite"):
        last(generalise(editable, torch.full((3, 1, 1, 1), float("nan")), RED, sample(), steps=2))
