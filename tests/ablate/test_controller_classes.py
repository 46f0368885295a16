"""The sessions of a classifier's units: what is published, kept, cancelled and refused. Answers are known on paper."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from traitlets import TraitError

STRIPE, TWIN_A, TWIN_B, GLARE, UNREAD, DEAD = range(6)
BLANK, STRIPES, TWICE, UNLEARNED = range(4)


@pytest.fixture(scope="module")
def classifier():
    from ganwidgets.testing import planted_classifier

    return planted_classifier()


@pytest.fixture
def data(classifier):
    from ganwidgets.ablate.controller_classes import LabelledImages
    from ganwidgets.testing import planted_photos

    return LabelledImages(classifier, *planted_photos(80))


@pytest.fixture
def make(classifier, data):
    from ganwidgets.ablate import controller_classes
    from ganwidgets.ablate.controller_class_curves import ClassCurvesController

    kinds = {
        "alone": controller_classes.ClassesController,
        "joint": controller_classes.JointDropController,
        "curves": ClassCurvesController,
    }
    made = []

    def make(kind, **options):
        made.append(kinds[kind](classifier, data, **{"layer": "relu", "batch": 16, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def eager(monkeypatch):
    """Publish after every batch of images, however fast it was."""
    monkeypatch.setattr("ganwidgets.ablate.controller_classes.PUBLISH_INTERVAL", 0.0)
    monkeypatch.setattr("ganwidgets.ablate.controller_classes.time", SimpleNamespace(monotonic=lambda: 0.0))


# Every unit alone


def test_a_run_says_what_each_unit_is_worth(make):
    session = make("alone")
    session.run(wait=True)
    assert (session.status, session.error, session.progress) == ("done", "", 1.0)
    drop = np.zeros((10, 4))
    drop[STRIPE, STRIPES], drop[GLARE, BLANK] = 1, -1 / 2
    np.testing.assert_allclose(session.ablation.class_drop, drop)
    assert session.attributes.class_selectivity[UNREAD] == 1 and session.attributes.class_selectivity[DEAD] == 0
    assert set(session.correlations["n_units"]) == {10} and session.measured == ("relu",)
    assert session.pictures.is_dead(DEAD) and not session.pictures.is_dead(STRIPE)


def test_the_top_images_of_a_unit_are_those_of_its_class(make, data):
    session = make("alone")
    session.run(wait=True)
    assert set(data.labels[session.pictures.top(STRIPE, 20)]) == {STRIPES}
    assert set(data.labels[session.pictures.top(TWIN_A, 20)]) == {TWICE}
    others = session.pictures.top(STRIPE, 5, data.labels != STRIPES)
    assert len(others) == 5 and STRIPES not in data.labels[others]
    assert data.pictures([0, 1]).shape == (2, 8, 8, 3) and data.pictures([0]).dtype == np.uint8


def test_what_is_published_on_the_way_is_of_all_units_and_the_images_so_far(make, eager):
    session, seen = make("alone"), []
    session.observe(lambda change: seen.append(change.new), "ablation")
    session.run(wait=True)
    assert [one.n for one in seen] == [16, 32, 48, 64, 80]
    assert {one.units for one in seen} == {tuple(range(10))}
    assert seen[0].class_drop[STRIPE, STRIPES] == 1


def test_cancelling_keeps_the_images_so_far_and_says_how_many(make, eager):
    session = make("alone")

    def stop(change):
        if change.new is not None and change.new.n >= 32:
            session.cancel()

    session.observe(stop, "ablation")
    session.run()
    session.wait(20.0)
    assert session.status == "cancelled" and session.ablation.n == 32
    assert session.correlations is None and session.attributes is not None
    session.unobserve(stop, "ablation")
    session.run(wait=True)
    assert (session.status, session.ablation.n) == ("done", 80)


def test_cancelling_keeps_what_was_measured_since_the_last_look(make, eager, monkeypatch):
    from ganwidgets.ablate import controller_classes as file

    session, steps = make("alone"), file.class_ablation_steps

    def cancelled_at_48(*args, **options):
        for step in steps(*args, **options):
            if step is not None and step.n == 48:
                session.cancel()
            yield step

    monkeypatch.setattr(file, "class_ablation_steps", cancelled_at_48)
    monkeypatch.setattr(file, "PUBLISH_INTERVAL", 1e9)
    seen = []
    session.observe(lambda change: seen.append(change.new.n), "ablation")
    session.run()
    session.wait(20.0)
    assert session.status == "cancelled" and seen == [16, 48]


def test_layers_keep_their_results_and_their_units(make):
    session = make("alone", units=(STRIPE,))
    session.run(wait=True)
    relu = session.ablation
    session.layer = "mix"
    assert session.ablation is None and session.units == ()
    session.units = (TWIN_A,)
    session.run(wait=True)
    assert session.ablation.layer == "mix" and session.measured == ("mix", "relu")
    session.layer = "relu"
    assert session.ablation is relu and session.units == (STRIPE,)


def test_a_broken_network_is_a_sentence_and_the_old_result_stands(make, monkeypatch):
    session = make("alone")
    session.run(wait=True)
    before = session.ablation

    def fail(*args, **options):
        raise ValueError("scores must be finite")

    monkeypatch.setattr("ganwidgets.ablate.controller_classes.mean_activations", fail)
    session.run(wait=True)
    assert session.status == "failed" and "scores must be finite" in session.error and session.ablation is before


# What is refused


def test_images_and_labels_are_checked_when_they_are_given(classifier):
    from ganwidgets.ablate.controller_classes import LabelledImages
    from ganwidgets.testing import planted_photos

    images, labels = planted_photos(16)
    with pytest.raises(ValueError, match="`images` must be"):
        LabelledImages(classifier, images[:, :, :4], labels)
    with pytest.raises(TypeError, match=r"`images` must be a tensor or an array .* got str"):
        LabelledImages(classifier, "photos", labels)
    with pytest.raises(ValueError, match="`labels` must lie in 0 … 3"):
        LabelledImages(classifier, images, labels + 1)
    with pytest.raises(ValueError, match="at least two classes"):
        LabelledImages(classifier, images, torch.zeros(16, dtype=torch.int64))


def test_without_labels_the_networks_own_predictions_count(classifier):
    from ganwidgets.ablate.controller_classes import ClassesController, LabelledImages
    from ganwidgets.testing import planted_photos

    data = LabelledImages(classifier, planted_photos(40)[0])
    session = ClassesController(classifier, data, layer="relu")
    session.run(wait=True)
    assert data.predicted and session.ablation.accuracy == 1
    assert session.ablation.classes == ("blank", "stripe", "twice")  # "unlearned" is never predicted
    session.close()


def test_units_out_of_range_and_unknown_layers_are_refused(make):
    session = make("alone")
    with pytest.raises(TraitError, match="`units` must lie in 0 to 9"):
        session.units = (10,)
    with pytest.raises(TraitError, match="`layer` must be one of"):
        session.layer = "rely"


# Units together


def test_twins_cost_nothing_alone_and_everything_together(make):
    alone, joint = make("alone"), make("joint")
    alone.run(wait=True)
    joint.look_at("relu", (TWIN_A,), alone.ablation)
    joint.wait(10.0)
    assert joint.drop.class_drop.tolist() == [0, 0, 0, 0] and joint.drop.against == "mean of the other units"
    np.testing.assert_allclose(joint.drop.class_chance, [-0.5 / 9, 1 / 9, 0, 0])
    joint.look_at("relu", (TWIN_A, TWIN_B), alone.ablation)
    joint.wait(10.0)
    assert joint.drop.units == (TWIN_A, TWIN_B) and joint.drop.n == 80
    assert joint.drop.class_drop.tolist() == [0, 0, 1, 0] and joint.drop.overall_drop == 0.25
    low, high = joint.drop.overall_interval
    assert 0 < low < 0.25 < high < 0.4 and "5 random sets of 2" in joint.drop.against
    joint.look_at("relu", (), alone.ablation)
    joint.wait(10.0)
    assert joint.drop is None


def test_a_single_unit_is_measured_where_nothing_is_known_yet(make):
    joint = make("joint")
    joint.look_at("relu", (STRIPE,), None)
    joint.wait(10.0)
    assert joint.drop.class_drop[STRIPES] == 1 and joint.drop.n == 80 and "random sets of 1" in joint.drop.against


# Curves


def test_curves_are_ordered_on_one_half_and_judged_on_the_other(make):
    alone, curves = make("alone"), make("curves")
    alone.run(wait=True)
    curves.ablation = alone.ablation
    curves.run(wait=True)
    assert (curves.status, curves.error) == ("done", "")
    assert curves.curve.n == 40 and curves.orders["overall drop"][0] == STRIPE
    assert curves.orders["least overall drop"][0] == GLARE
    start, first = curves.curve.accuracy["overall drop"][:2]
    assert start - first == pytest.approx(0.25) and len(curves.curve.random) == 20
    assert curves.first_units("overall drop", 1) == (STRIPE,) and curves.first_units("no such order", 3) == ()


def test_curves_measure_the_first_half_themselves_where_nothing_is_known(make):
    alone, given, without = make("alone"), make("curves"), make("curves")
    alone.run(wait=True)
    given.ablation = alone.ablation
    for session in (given, without):
        session.run(wait=True)
    assert given.orders == without.orders
    np.testing.assert_array_equal(given.curve.random, without.curve.random)
    without.layer = "mix"
    assert without.curve is None and without.orders == {}
