"""The live preview by assigning traits: pictures before bars, the newest wins, nothing below the layer runs twice."""

import threading

import numpy as np
import pytest
from traitlets import TraitError


@pytest.fixture
def make(planted, reader):
    from ganwidgets.ablate import AblateController

    made = []

    def make(network=planted, segmenter=reader, **traits):
        made.append(AblateController(network, segmenter, **{"layer": "layer1", **traits}))
        made[-1].wait(10.0)
        return made[-1]

    yield make
    for controller in made:
        controller.close()


def red_left(pictures):
    """Whether the left half of each picture is red."""
    left = pictures[:, :, : pictures.shape[2] // 2].astype(int)
    return (left[..., 0] - left[..., 1] > 128).all((1, 2))


def test_a_selection_shows_what_goes(make, planted):
    controller = make()
    assert controller.effect is None and (controller.before == controller.after).all()
    controller.units = (0,)
    controller.wait(10.0)
    painted = (planted.sample_z(12)[:, 0] > 0).numpy()
    assert controller.before.shape == (12, 16, 16, 3) and controller.before.dtype == np.uint8
    assert (red_left(controller.before) == painted).all() and not red_left(controller.after).any()
    effect = controller.effect
    assert effect.ablation.units == (0,) and effect.effect[0] == pytest.approx(painted.mean() / 2)
    assert effect.chance.shape == (10, 4) and controller.status == "done"


def test_an_empty_selection_shows_the_pictures_as_they_are(make):
    controller = make(units=(0,))
    controller.units = ()
    controller.wait(10.0)
    assert controller.effect is None and (controller.before == controller.after).all()


def test_the_preview_is_what_a_script_measures(make, planted, reader):
    from ganwidgets.ablate import ablation_effect

    controller = make(units=(0, 4), strength=0.7, seed=5, truncation=0.8, n_images=9, layer="layer2")
    z = planted.sample_z(9, seed=5, truncation=0.8)
    script = ablation_effect(planted, "layer2", (0, 4), reader, z, strength=0.7, n_random_sets=10)
    shown = controller.effect
    for name in ("before", "after", "effect", "interval", "chance"):
        np.testing.assert_array_equal(getattr(shown, name), getattr(script, name))


def test_pictures_are_published_before_bars_and_bars_before_chance(make):
    controller, order = make(), []
    controller.observe(lambda change: order.append("picture"), "after")
    controller.observe(lambda change: order.append(len(change.new.chance)), "effect")
    controller.units = (0,)
    controller.wait(10.0)
    assert order == ["picture", 0, 10]


def test_only_the_network_above_the_layer_runs_while_units_change(make):
    from ganwidgets.testing import planted_generator

    network, ran = planted_generator(), []
    controller = make(network, layer="layer2")
    network.module.layer1.register_forward_hook(lambda *args: ran.append(1))
    for units in ((0,), (0, 1), ()):
        controller.units = units
        controller.wait(10.0)
    controller.strength = 0.25
    controller.wait(10.0)
    assert ran == []
    controller.seed = 2
    controller.wait(10.0)
    assert ran == [1]
    controller.seed = 1
    controller.wait(10.0)
    assert ran == [1]  # seed 1 was kept


def test_changed_weights_are_seen(make):
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    controller = make(network)
    old = controller.before
    network.module.colour.bias += 0.02
    controller.units = (3,)
    controller.wait(10.0)
    assert not (controller.before == old).all()


def test_a_drag_ends_on_the_last_value_and_never_goes_back(make, planted):
    controller, shown = make(units=(0,)), []
    controller.observe(lambda change: shown.append(change.new.ablation.strength), "effect")
    values = [i / 100 for i in range(101)]
    hand = threading.Thread(target=lambda: [setattr(controller, "strength", value) for value in values])
    hand.start()
    hand.join()
    controller.wait(10.0)
    assert shown[-1] == 1.0 and shown == sorted(shown)
    assert not red_left(controller.after).any() and controller.effect.fraction_removed[0] == 1.0


def test_a_failing_segmenter_is_told_and_the_pictures_stay_live(make, reader):
    class Failing:
        name, concepts, categories, slots = "failing", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            raise RuntimeError("no weights for this segmenter")

    controller = make(units=(0,))
    assert controller.effect is not None
    controller.segmenter = Failing()
    controller.units = (0, 2)
    controller.wait(10.0)
    assert controller.status == "failed"
    assert controller.error == "no weights for this segmenter (RuntimeError)"
    assert not red_left(controller.after).any() and controller.effect is None
    controller.units = (1,)
    controller.wait(10.0)
    assert red_left(controller.after).any()


def test_a_segmenter_of_the_wrong_size_is_one_sentence(make, reader):
    class Small:
        name, concepts, categories, slots = "small", reader.concepts, reader.categories, reader.slots

        def __call__(self, images):
            return reader(images)[:, :, ::2, ::2]

    controller = make(segmenter=Small(), units=(0,))
    assert controller.error.startswith("`seg` must have shape") and controller.status == "failed"


def test_without_a_segmenter_there_are_pictures_only(make):
    controller = make(segmenter=None, units=(0,))
    assert controller.status == "done" and controller.effect is None and not red_left(controller.after).any()


def test_nan_is_told(make):
    from ganwidgets.testing import planted_generator

    network = planted_generator()
    network.module.colour.bias[:] = float("nan")
    assert "must be finite" in make(network).error


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_channels_and_shape(make, channels):
    from ganwidgets.testing import planted_generator

    controller = make(planted_generator(resolution=(16, 24), channels=channels), units=(0,))
    assert controller.after.shape == (12, 16, 24, 3) and controller.error == ""
    assert not (controller.after == controller.before).all()


@pytest.mark.parametrize(
    ("trait", "value", "reason"),
    [
        ("layer", "layer3", "Did you mean 'layer2'"),
        ("units", (8,), "`units` must lie in 0 to 7"),
        ("units", (-1,), "`units` must lie in 0 to 7"),
        ("units", ("3",), "unit numbers"),
        ("strength", 1.5, r"\[0, 1\]"),
        ("seed", -1, "`seed` must lie in"),
        ("truncation", 0.0, "positive"),
        ("n_images", 0, "`n_images` must lie in"),
    ],
)
def test_a_refused_value_leaves_what_stands(make, trait, value, reason):
    controller = make(units=(0,))
    before = getattr(controller, trait)
    with pytest.raises(TraitError, match=reason):
        setattr(controller, trait, value)
    assert getattr(controller, trait) == before


def test_units_are_ordered_once_each_and_follow_the_layer(make):
    controller = make()
    controller.units = [5, np.int64(1), 5]
    assert controller.units == (1, 5)
    controller.look_at("colour", (2,))
    assert (controller.layer, controller.units) == ("colour", (2,))
    with pytest.raises(TraitError):
        controller.look_at("layer1", (99,))
    assert (controller.layer, controller.units) == ("colour", (2,))


def test_outputs_are_read_only(make):
    with pytest.raises(TraitError):
        make().after = None


def test_the_effects_of_single_units_are_a_long_job_that_is_kept_per_layer(planted, reader, monkeypatch):
    from ganwidgets.ablate import UnitEffectsController, unit_effects
    from ganwidgets.ablate import controller as module

    controller = UnitEffectsController(planted, reader, layer="layer1", n=20)
    looks = []

    def look(change):
        looks.append(int(np.isfinite(change.new[:, 0]).sum()))

    controller.observe(look, "effects")
    monkeypatch.setattr(module, "PUBLISH_INTERVAL", 0.0)
    controller.run()
    controller.wait(10.0)
    controller.unobserve(look, "effects")
    np.testing.assert_array_equal(controller.effects, unit_effects(planted, "layer1", reader, planted.sample_z(20)))
    assert looks == list(range(1, 9)) and controller.progress == 1.0
    kept = controller.effects
    controller.layer = "layer2"
    assert controller.effects is None
    controller.layer = "layer1"
    assert controller.effects is kept
    controller.units = (1, 4)
    controller.run(wait=True)
    assert np.isfinite(controller.effects[:, 0]).nonzero()[0].tolist() == [1, 4]
    controller.segmenter = None
    controller.run(wait=True)
    assert controller.status == "failed" and "`segmenter` must be given" in controller.error
    controller.close()
