"""Removal curves as a session: order by order, cancelled and continued, on a network whose answers are known."""

import numpy as np
import pytest
from traitlets import TraitError


@pytest.fixture
def make(planted, reader):
    from ganwidgets.ablate import RemovalController

    made = []

    def make(network=planted, segmenter=reader, **traits):
        small = {"layer": "layer1", "concept": "red", "n": 30, "n_random_sets": 4, "n_rank": 16, "n_search": 60}
        made.append(RemovalController(network, segmenter, **small | traits))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


@pytest.fixture(scope="module")
def dissection(planted, reader):
    import ganwidgets as gw

    return gw.dissect.run(planted, layer="layer1", segmenter=reader, n=80, top_fraction=0.4)


@pytest.fixture
def asked(monkeypatch):
    """What the session hands to the functions that measure: latents of single units, orders of curves."""
    from ganwidgets.ablate import controller_removal as module

    asked = {"latents": [], "orders": []}
    alone, curve = module.each_unit_effect, module.removal_curve
    monkeypatch.setattr(module, "each_unit_effect", lambda *a: asked["latents"].append(a[3]) or alone(*a))
    monkeypatch.setattr(module, "removal_curve", lambda *a, **o: asked["orders"].append([*a[2]]) or curve(*a, **o))
    return asked


def test_the_curves_are_what_a_script_measures(make, planted, reader, dissection, asked):
    from ganwidgets.ablate import rank_by_effect, rank_by_iou, removal_curve, unit_effects

    controller = make(dissection=dissection)
    controller.run()
    controller.wait(30.0)
    effects = unit_effects(planted, "layer1", reader, planted.sample_z(16, seed=4))
    orders = {"IoU": rank_by_iou(dissection, "red"), "effect": rank_by_effect(effects, "red", reader.concepts)}
    assert (asked["latents"][0] == planted.sample_z(16, seed=4)).all()  # units are ordered on other latents
    z = planted.sample_z(30, seed=3)
    script = removal_curve(planted, "layer1", orders, "red", reader, z, sizes=(0, 1, 2, 4), n_random_sets=4)
    curve = controller.curve
    assert (curve.sizes, dict(curve.orders), curve.n) == ((0, 1, 2, 4), orders, 30)
    for name in orders:
        np.testing.assert_array_equal(curve.removed[name], script.removed[name])
        np.testing.assert_array_equal(curve.interval[name], script.interval[name])
    np.testing.assert_array_equal(curve.random, script.random)
    assert curve.removed["IoU"].tolist() == [0, 1, 1, 1] and controller.status == "done" and controller.complete


def test_each_order_is_published_when_it_is_done_and_chance_comes_after_the_first(make, dissection):
    controller, seen = make(dissection=dissection), []
    controller.observe(lambda change: seen.append((tuple(change.new.orders), len(change.new.random))), "curve")
    controller.run()
    controller.wait(30.0)
    assert seen == [(("IoU",), 0), (("IoU",), 4), (("IoU", "effect"), 4)]


def test_a_cancelled_run_keeps_its_orders_and_goes_on_with_the_rest(make, dissection, asked):
    controller = make(dissection=dissection)
    controller.observe(lambda change: controller.cancel(), "curve")
    controller.run()
    controller.wait(30.0)
    assert controller.status == "cancelled" and list(controller.curve.orders) == ["IoU"] and not controller.complete
    controller.unobserve_all("curve")
    first = controller.curve.removed["IoU"]
    controller.resume()
    controller.wait(30.0)
    assert list(controller.curve.orders) == ["IoU", "effect"] and controller.curve.removed["IoU"] is not first
    np.testing.assert_array_equal(controller.curve.removed["IoU"], first)
    assert asked["orders"] == [["IoU"], ["effect"], ["IoU"]]  # the last beside random ones


def test_an_order_that_cannot_be_had_is_said_and_the_others_are_measured(make):
    controller = make(wanted=("IoU", "effect"))
    controller.run(wait=True)
    assert list(controller.curve.orders) == ["effect"] and controller.missing == {"IoU": "layer1 is not dissected"}
    assert controller.status == "done" and controller.complete


def test_a_segmenter_without_scores_has_no_order_by_alpha(make, reader):
    class Plain:
        name, concepts, categories, slots = "plain", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            return reader(images)

    controller = make(segmenter=Plain(), wanted=("effect", "alpha"))
    controller.run(wait=True)
    assert list(controller.curve.orders) == ["effect"] and "must have scores" in controller.missing["alpha"]


def test_alpha_finds_the_planted_unit(make):
    controller = make(wanted=("alpha",))
    controller.run(wait=True)
    assert controller.rankings["alpha"][0] == 0 and controller.curve.removed["alpha"].tolist() == [0, 1, 1, 1]


def test_the_chosen_units_are_the_first_of_an_order(make, dissection):
    controller = make(dissection=dissection, size=1)
    assert controller.chosen == (0,)  # the order by IoU is known without a run
    controller.order, controller.size = "random", 3
    assert len(set(controller.chosen)) == 3
    controller.order = "effect"
    assert controller.chosen == ()
    controller.run(wait=True)
    assert controller.chosen[0] == 0 and len(controller.chosen) == 3


def test_curves_are_kept_per_layer_and_concept(make):
    controller = make(wanted=("effect",))
    controller.run(wait=True)
    red = controller.curve
    controller.concept = "blue"
    assert controller.curve is None and controller.chosen == ()
    controller.run(wait=True)
    assert controller.curve.concept == "blue" and controller.rankings["effect"][0] == 1
    controller.concept = "red"
    assert controller.curve is red
    controller.layer = "layer2"
    assert controller.curve is None


@pytest.mark.parametrize(
    ("trait", "value", "reason"),
    [
        ("concept", "reed", "Did you mean 'red'"),
        ("wanted", ("iou",), "names among"),
        ("n", 0, "`n` must lie in"),
        ("n_random_sets", 0, "`n_random_sets` must lie in"),
        ("size", -1, "`size` must lie in"),
        ("seed", -1, "`seed` must lie in"),
        ("layer", "layer3", "Did you mean 'layer2'"),
    ],
)
def test_a_refused_value_leaves_what_stands(make, trait, value, reason):
    controller = make()
    before = getattr(controller, trait)
    with pytest.raises(TraitError, match=reason):
        setattr(controller, trait, value)
    assert getattr(controller, trait) == before


def test_what_cannot_be_measured_is_one_sentence(make):
    controller = make(segmenter=None)
    controller.run(wait=True)
    assert controller.status == "failed" and "`segmenter` must be given" in controller.error
    never = make(concept="green")
    never.run(wait=True)
    assert never.status == "failed" and "none of 30 contains 'green'" in never.error
