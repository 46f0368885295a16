"""A logit as a sum over units: exact, on paper and against the network itself."""

import numpy as np
import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def known():
    import ganwidgets as gw
    from ganwidgets.testing import planted_classifier, planted_photos

    images, labels = planted_photos(64)
    masks = (images[:, 0] > 0).to(torch.uint8) * (torch.arange(8) // 2 + 1).to(torch.uint8)[:, None]
    data = gw.segment.LabelledArrays(images, {"band": masks}, ["first", "second", "third", "fourth"])
    classifier = planted_classifier()
    return classifier, images, labels, gw.dissect.run(classifier, data, layers=["mix", "relu"], top_fraction=0.03)


def test_a_stripe_is_told_by_its_unit_alone(known):
    """The mean of STRIPE over its map is 1 × its size 1, its weight 1: the logit is 1 and the bias 0."""
    import ganwidgets as gw
    from ganwidgets.testing.planted_classifier import STRIPE

    classifier, images, labels, d = known
    e = gw.dissect.explain(classifier, images[labels == 1][0], d, top=1)
    assert (e.name, e.label, e.layer, e.units.tolist(), e.concepts) == ("stripe", 1, "relu", [STRIPE], ("first",))
    assert (e.logit, e.contributions[0], e.bias, e.rest) == pytest.approx((1, 1, 0, 0))
    assert e.iou[0] == pytest.approx(1) and e.masks[0, :2].all() and not e.masks[0, 2:].any()
    assert e.to_frame().part.tolist() == ["unit 0", "all other units", "bias"]


def test_what_two_units_share_and_what_another_class_gets(known):
    import ganwidgets as gw
    from ganwidgets.testing.planted_classifier import TWIN_A, TWIN_B

    classifier, images, labels, d = known
    e = gw.dissect.explain(classifier, images[labels == 2][0], d, top=2)
    assert e.name == "twice" and sorted(e.units) == [TWIN_A, TWIN_B]
    assert e.contributions.tolist() == pytest.approx([1, 1]) and e.rest == pytest.approx(0)
    other = gw.dissect.explain(classifier, images[labels == 2][0], d, "blank", top=2)
    assert (other.bias, other.logit) == pytest.approx((0.5, 0.5)) and other.contributions.tolist() == [0, 0]
    assert gw.dissect.explain(classifier, images[labels == 2][0], d, 0).logit == other.logit


@pytest.fixture(scope="module")
def random_net():
    import ganwidgets as gw
    from ganwidgets.models.cifar_resnet import CifarResNet

    torch.manual_seed(0)
    module = CifarResNet(1, 8, 5)
    nn.init.normal_(module.linear.bias)
    classifier = gw.TorchClassifier(module, image_shape=32)
    data = gw.segment.DrawnScenes(32, size=32)
    return classifier, data, gw.dissect.run(classifier, data, layer="layer3", chance=False)


@pytest.mark.parametrize("label", range(5))
@pytest.mark.parametrize("top", [1, 5, 32, 99])
def test_parts_add_up_to_the_logit_of_any_class(random_net, label, top):
    import ganwidgets as gw

    classifier, data, d = random_net
    image = data.batch([7])[0]
    e = gw.dissect.explain(classifier, image, d, label, top=top)
    logit = float(classifier.logits(image)[0, label])
    assert e.logit == logit
    assert e.contributions.sum() + e.rest + e.bias == pytest.approx(logit, abs=1e-5)
    assert e.to_frame().contribution.sum() == pytest.approx(logit, abs=1e-5)
    assert (np.diff(e.contributions) <= 0).all() and e.contributions[0] == e.every_contribution.max()
    assert len(e.units) == min(top, 32)


def test_switching_units_off_costs_exactly_what_they_contribute(random_net):
    """An evaluation of the explanation: completeness to the network it explains."""
    import ganwidgets as gw

    classifier, data, d = random_net
    image = data.batch([3])[0]
    e = gw.dissect.explain(classifier, image, d, top=4)
    for rank, unit in enumerate(e.units):
        with classifier.intervene("layer3", gw.zero_units([int(unit)])):
            assert e.logit - float(classifier.logits(image)[0, e.label]) == pytest.approx(
                e.contributions[rank], abs=1e-5
            )
    with classifier.intervene("layer3", gw.zero_units(e.units.tolist())):
        left = float(classifier.logits(image)[0, e.label])
    assert left == pytest.approx(e.rest + e.bias, abs=1e-5)


def test_a_picture_in_bytes_and_of_another_size_is_taken(random_net):
    import ganwidgets as gw

    classifier, data, d = random_net
    image = data.batch([3])[0][0]
    whole = gw.dissect.explain(classifier, ((image + 1) * 127.5).round().to(torch.uint8), d)
    assert whole.logit == pytest.approx(gw.dissect.explain(classifier, image, d).logit, abs=0.02)
    assert gw.dissect.explain(classifier, torch.zeros(1, 50, 60), d).image.shape == (32, 32, 3)


def test_it_can_be_drawn(known, random_net):
    import ganwidgets as gw

    classifier, data, d = random_net
    assert gw.dissect.explain(classifier, data.batch([3])[0], d).plot()._repr_png_().startswith(b"\x89PNG")
    classifier, images, _, d = known
    assert gw.dissect.explain(classifier, images[0], d, top=1).plot() is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "stirpe"}, "Did you mean 'stripe'"),
        ({"label": 4}, "`label` must lie in 0 to 3"),
        ({"layer": "mix"}, r"those of planted classifier are \['relu'\]; got mix"),
        ({"layer": "rleu"}, "`layer` must be one of"),
        ({"image": torch.zeros(8, 8)}, "must be one image"),
        ({"image": torch.zeros(8, 8, 3)}, "permute"),
        ({"top": 0}, "`top` must be"),
    ],
)
def test_what_cannot_be_explained_is_told(known, change, message):
    import ganwidgets as gw

    classifier, images, _, d = known
    with pytest.raises(ValueError, match=message):
        gw.dissect.explain(**{"classifier": classifier, "image": images[0], "dissection": d} | change)


def test_a_dissection_of_other_weights_is_refused(known, random_net):
    import ganwidgets as gw

    with pytest.raises(ValueError, match="must be of planted classifier with these weights, got one of CifarResNet"):
        gw.dissect.explain(known[0], known[1][0], random_net[2])


def test_masks_are_enlarged_as_the_dissection_did(known):
    """A map of ones with nothing beyond it fades at its border, one that goes on does not."""
    from dataclasses import replace

    import ganwidgets as gw

    classifier, images, labels, d = known
    zeros = replace(d, options={**d.options, "padding": "zeros"})
    e = [gw.dissect.explain(classifier, images[labels == 1][0], one, top=1) for one in (d, zeros)]
    assert [one.padding for one in e] == ["clamp", "zeros"]
    flat = [
        replace(one, maps=np.ones((1, 2, 2), np.float32), thresholds=np.array([0.99], np.float32)).masks for one in e
    ]
    assert flat[0].all() and not flat[1][0, 0].any()
