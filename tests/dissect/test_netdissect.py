"""Network Dissection's rule on labelled images: worked out by hand, then against a slow program written from it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


class Grey(nn.Module):
    """Units are the channels as they are, at half the size: the mean of 2 × 2 pixels."""

    def forward(self, images):
        return nn.functional.avg_pool2d(images, 2)


def network(channels, height, width):
    from ganwidgets.models.image_network import ImageNetwork

    module = nn.Sequential()
    module.add_module("maps", Grey())
    module.add_module("rest", nn.Flatten())
    return ImageNetwork(module, (channels, 2 * height, 2 * width), name="grey")


def doubled(maps):
    """Images whose mean of 2 × 2 pixels is this."""
    return torch.as_tensor(maps, dtype=torch.float32).repeat_interleave(2, 2).repeat_interleave(2, 3)


@pytest.fixture
def by_hand():
    """One unit and four images with masks 4 × 4, of which a quarter of all places is active: 16 of 64.

    Image 0: rows 0 and 1 are active, rows 1 and 2 are "cat". Image 1: nothing active, row 0 is "cat". Image 2: rows 0
    and 1 active, the whole image is a "street". Image 3: nothing active, the whole image is a "room".
    So for "cat", of objects, seen in images 0 and 1: I = 4, G = 12, A = 8, IoU 4 / 16. For "street": I = 8, G = 16,
    A = 8 (images 2 and 3), IoU 8 / 16; for "room": I = 0. "dog" is never seen. "paw", a part within the cat, is on the
    first pixel of row 1 of image 0: I = 1, G = 1, A = 8 (image 0 only), IoU 1 / 8.
    """
    import ganwidgets as gw

    maps = np.full((4, 1, 4, 4), -0.5)
    # Values that differ, so that exactly a quarter lies above a threshold.
    active = 0.5 + np.arange(8).reshape(2, 4) / 100
    maps[0, 0, :2], maps[2, 0, :2] = active, active + 0.1
    thing, part = np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)
    thing[0, 1:3], thing[1, 0], part[0, 1, 0] = 1, 1, 5
    masks = {"object": thing, "part": part, "scene": np.array([0, 0, 2, 3], np.uint8)}
    names, categories = ["cat", "street", "room", "dog", "paw"], ["object", "scene", "scene", "object", "part"]
    return gw.segment.LabelledArrays(doubled(maps), masks, names, categories=categories)


@pytest.mark.parametrize("exact", [True, False])
def test_per_category_denominators_by_hand(by_hand, exact):
    import ganwidgets as gw

    net = network(1, 4, 4)
    d = gw.dissect.run(net, by_hand, layer="maps", top_fraction=0.25, exact=exact, chance=False)
    assert (d.rule, d.n, d.network, d.segmenter) == ("netdissect", 4, "grey", "labelled images")
    found = d.layer()
    np.testing.assert_allclose(found.iou[0], [1 / 4, 1 / 2, 0, 0, 1 / 8], atol=1e-6)
    np.testing.assert_allclose(found.area, [16 / 64])
    assert d.to_frame().concept.tolist() == ["street"] and found.labelled.tolist() == [True]
    whole = gw.dissect.run(
        net, by_hand, layer="maps", rule="top_fraction", top_fraction=0.25, exact=exact, chance=False
    )
    np.testing.assert_allclose(whole.layer().iou[0], [4 / 24, 8 / 24, 0, 0, 1 / 16], atol=1e-6)


def test_the_two_ways_of_counting_by_hand(by_hand):
    """One label: street. Per category: street, cat (object) and paw (part)."""
    import ganwidgets as gw

    d = gw.dissect.run(network(1, 4, 4), by_hand, layer="maps", top_fraction=0.25, chance=False)
    table = gw.dissect.detectors(d).set_index(["counting", "category"])[["detectors", "unique"]]
    one, each = table.loc["one label"], table.loc["per category"]
    assert one.detectors.to_dict() == {"object": 0, "scene": 1, "part": 0, "all": 1}
    assert each.detectors.to_dict() == {"object": 1, "scene": 1, "part": 1, "all": 1}
    assert (one.unique["all"], each.unique["all"]) == (1, 3)
    strict = gw.dissect.detectors(d, least_iou=0.25).set_index(["counting", "category"])
    assert strict.loc[("per category", "object"), "detectors"] == 0  # an IoU of 0.25 is not above 0.25
    assert strict.loc[("per category", "all"), "unique"] == 1
    assert gw.dissect.detectors(d, least_iou=0.5).detectors.sum() == 0


def slowly(maps, masks, categories, share):
    """The rule as the paper tells it, pixel by pixel; maps (image unit h w), masks {slot: (image H W)}."""
    images, units = maps.shape[:2]
    size = next(iter(masks.values())).shape[1:]
    big = nn.functional.interpolate(torch.from_numpy(maps), size, mode="bilinear", align_corners=False).numpy()
    found = np.zeros((units, len(categories)))
    for unit in range(units):
        level = np.quantile(maps[:, unit].astype(np.float64), 1 - share, method="hazen")
        active = big[:, unit].astype(np.float64) > level
        for concept, category in enumerate(categories):
            inter = concept_pixels = seen = 0
            for image in range(images):
                here = np.zeros(size, bool)
                held = False
                for mask in masks.values():
                    here |= mask[image] == concept + 1
                    held |= any(c == category and (mask[image] == k + 1).any() for k, c in enumerate(categories))
                inter += (active[image] & here).sum()
                concept_pixels += here.sum()
                seen += active[image].sum() if held else 0
            union = seen + concept_pixels - inter
            found[unit, concept] = inter / union if union else 0
    return found


def random_data(seed, n=12, units=3, size=8):
    import ganwidgets as gw

    random = np.random.RandomState(seed)
    maps = random.standard_normal((n, units, 4, 4)).astype(np.float32).clip(-3, 3) / 3
    categories = [("object", "part", "texture")[k % 3] for k in range(6)]
    masks = {"a": random.randint(0, 7, (n, size, size)), "b": random.randint(0, 4, (n, size, size)) * 2}
    for image in range(n):  # many images lack a category
        for mask in masks.values():
            gone = random.randint(0, 7, 4)
            mask[image][np.isin(mask[image], gone)] = 0
    whole = random.randint(0, 7, n)
    slots = masks | {"whole": whole}
    names = list("abcdef")
    data = gw.segment.LabelledArrays(doubled(maps), slots, names, categories=categories)
    broad = masks | {"whole": np.broadcast_to(whole[:, None, None], (n, size, size))}
    return maps, broad, categories, data


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.05, 0.2, 0.4]))
@settings(max_examples=12, deadline=None)
def test_any_labelled_set_gives_what_the_slow_program_gives(seed, share):
    import ganwidgets as gw

    maps, masks, categories, data = random_data(seed)
    net = network(3, 4, 4)
    d = gw.dissect.run(net, data, layer="maps", top_fraction=share, exact=True, chance=False, seed=seed % 7)
    np.testing.assert_allclose(d.layer().iou, slowly(maps, masks, categories, share), atol=1e-6)
    fast = gw.dissect.run(net, data, layer="maps", top_fraction=share, chance=False, batch=5)
    np.testing.assert_allclose(fast.layer().iou, d.layer().iou, atol=0.02)
    assert (fast.layer().iou >= 0).all() and (fast.layer().iou <= 1).all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_per_category_is_never_lower_than_over_all_images(seed):
    """A smaller image set can only take active pixels out of the union."""
    import ganwidgets as gw

    *_, data = random_data(seed)
    options = {"layer": "maps", "exact": True, "chance": False}
    some = gw.dissect.run(network(3, 4, 4), data, top_fraction=0.2, **options)
    raw = some.layer().threshold
    np.testing.assert_allclose(
        raw, np.quantile(data.batch(range(12))[0][:, :, ::2, ::2].numpy(), 0.8, (0, 2, 3), method="hazen"), atol=1e-6
    )
    per_category = gw.dissect.detectors(some).set_index(["counting", "category"]).unique
    assert per_category["per category", "all"] >= per_category["one label", "all"]


def test_thresholds_are_those_of_the_maps_and_not_of_upsampled_ones():
    import ganwidgets as gw

    *_, data = random_data(3, n=40)
    net, options = network(3, 4, 4), {"layer": "maps", "top_fraction": 0.05, "chance": False}
    of_maps = gw.dissect.run(net, data, **options).layer()
    of_pixels = gw.dissect.run(net, data, rule="top_fraction", **options).layer()
    assert (of_maps.threshold > of_pixels.threshold + 0.02).all()  # peaks are flattened by interpolation
    assert (of_maps.area < 0.05).all() and np.allclose(of_pixels.area, 0.05, atol=2e-3)


def test_the_usual_share_goes_with_the_rule():
    import ganwidgets as gw

    shares = {
        rule: gw.dissect.Options(layers=("a",), rule=rule).top_fraction for rule in ("top_fraction", "netdissect")
    }
    assert shares == {"top_fraction": 0.01, "netdissect": 0.005}


def test_a_place_with_the_same_concept_in_two_slots_counts_once():
    import ganwidgets as gw

    maps = np.linspace(-1, 1, 2 * 16).reshape(2, 1, 4, 4)
    mask = np.ones((2, 4, 4), np.uint8)
    options = {"layer": "maps", "top_fraction": 0.25, "chance": False}
    once = gw.dissect.run(network(1, 4, 4), gw.segment.LabelledArrays(doubled(maps), {"a": mask}, ["x"]), **options)
    both = {"a": mask, "b": mask}
    twice = gw.dissect.run(network(1, 4, 4), gw.segment.LabelledArrays(doubled(maps), both, ["x"]), **options)
    assert once.layer().iou == twice.layer().iou == pytest.approx(8 / 32)


# Chance levels and intervals under the rule


@pytest.fixture(scope="module")
def noise():
    """A concept on the left half of half of the images, a second category on all; a unit that is the concept."""
    import ganwidgets as gw

    random = np.random.RandomState(0)
    maps = random.uniform(-1, -0.9, (96, 2, 8, 8))
    shown = random.uniform(size=96) < 0.5
    maps[shown, 0, :, :4] += 1.5
    maps[:, 1] = random.uniform(-1, 1, (96, 8, 8))
    thing = np.zeros((96, 8, 8), np.uint8)
    thing[shown, :, :4] = 1
    thing[~shown, 0, 0] = 2  # every image holds the category
    images = doubled(np.concatenate([maps, maps[:, :1]], 1))
    return gw.segment.LabelledArrays(images, {"object": thing}, ["left", "corner"]), shown


def test_a_unit_that_is_a_concept_lies_above_chance_and_noise_does_not(noise):
    import ganwidgets as gw

    data, shown = noise
    share = shown.mean() / 2 * 0.999
    found = gw.dissect.run(network(3, 8, 8), data, layer="maps", top_fraction=share).layer()
    assert found.label_iou[0] > 0.97 and found.above_chance[0] and 0.2 < found.iou_chance[0] < 0.5
    assert abs(found.label_iou[1] - found.iou_chance[1]) < 0.05
    low, high = found.interval[0]
    assert low <= found.label_iou[0] <= high and high - low < 0.1


def test_intervals_are_over_the_images_of_the_category():
    """Half of the images hold no label: they change the IoU neither here nor in any resampling of the images."""
    import ganwidgets as gw

    random = np.random.RandomState(0)
    maps = random.uniform(-0.5, 0.4, (80, 1, 8, 8))
    mask = np.zeros((80, 8, 8), np.uint8)
    mask[:40, 0] = 1
    maps[:40, 0, 0] += random.uniform(0, 0.6, (40, 1))  # in some images the unit sees it, in others not
    maps[40:] += 0.3  # where nothing is labelled, the unit is active most
    data = gw.segment.LabelledArrays(doubled(maps), {"object": mask}, ["row"])
    found = gw.dissect.run(network(1, 8, 8), data, layer="maps", top_fraction=0.3, resamples=200).layer()
    level = found.threshold[0]
    active = maps[:40, 0] > level
    draws = []
    for _ in range(400):
        rows = random.randint(0, 40, 40)
        inter = active[rows][:, 0].sum()
        draws.append(inter / (active[rows].sum() + mask[rows].sum() - inter))
    low, high = found.interval[0]
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.012)


@pytest.fixture
def few_bins(monkeypatch):
    """As with thousands of units and concepts: 3 bins where labels are counted, as many as wanted where none are."""
    from ganwidgets.nn.histograms import JointHistogram

    fit = staticmethod(lambda units, n_labels, wanted=512: 3 if n_labels else wanted)
    monkeypatch.setattr(JointHistogram, "bins_that_fit", fit)


def noisy_images(n=96, units=4, side=6):
    """Images of noise and masks that go along with it."""
    import ganwidgets as gw

    maps = torch.randn(n, units, side, side, generator=torch.Generator().manual_seed(0)).clamp(-3, 3) / 3
    seg = (maps[:, 0] > 0.4).int() + 2 * ((maps[:, 1] > 0.5) & (maps[:, 0] <= 0.4)).int()
    images = doubled(maps[:, :3])
    return gw.segment.LabelledArrays(images, seg.to(torch.uint8), ["a", "b"], categories=["x", "y"])


def test_few_bins_are_followed_by_a_second_pass(few_bins):
    import ganwidgets as gw

    data, net, seen = noisy_images(), network(3, 6, 6), []
    found = gw.dissect.run(net, data, layer="maps", top_fraction=0.05, progress=seen.append)
    exact = gw.dissect.run(net, data, layer="maps", top_fraction=0.05, exact=True, chance=False)
    for name in ("iou", "area", "threshold"):
        np.testing.assert_allclose(getattr(found.layer(), name), getattr(exact.layer(), name), rtol=0.02, atol=2e-3)
    assert exact.layer().iou.max() > 0.2 and found.notes == () and len(seen) == 6 and seen[-1] == 1


def test_before_the_second_pass_has_ended_a_note_says_so_and_another_process_can_go_on(few_bins):
    import ganwidgets as gw

    data, net = noisy_images(), network(3, 6, 6)
    options = gw.dissect.Options(layers=("maps",), n=96, rule="netdissect", top_fraction=0.05)
    whole = gw.dissect.DissectionRun(net, data, options)
    assert list(whole.steps()) == [32, 64, 96, 128, 160, 192] and whole.total == 192
    for stop in (96, 128):
        work = gw.dissect.DissectionRun(net, data, options)
        next(done for done in work.steps() if done == stop)
        assert "3 bins" in work.result().notes[0] and "second pass" in work.result().notes[0]
        again = gw.dissect.DissectionRun.from_state(work.state(), net, data)
        assert again.seen == stop and list(again.steps())[-1] == 192
        assert again.result().notes == () and np.array_equal(again.result().layer().iou, whole.result().layer().iou)


@pytest.mark.parametrize("rule", ["top_fraction", "iqr"])
def test_few_bins_of_other_rules_are_told(few_bins, rule):
    import ganwidgets as gw

    found = gw.dissect.run(network(3, 6, 6), noisy_images(), layer="maps", rule=rule, n=48, chance=False)
    assert "3 bins" in found.notes[0] and "fewer than 256" in found.notes[0]
