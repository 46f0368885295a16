"""Where red can be inserted, as a session: a first look, then everything, kept for units that were measured."""

import numpy as np
import pytest
from traitlets import TraitError


@pytest.fixture(scope="module")
def small():
    from ganwidgets.testing import planted_generator

    return planted_generator(resolution=8)


@pytest.fixture
def make(small, reader):
    from ganwidgets.ablate import ContextController

    made = []

    def make(network=small, segmenter=reader, **traits):
        first = {"layer": "layer1", "units": (0,), "concept": "red", "n": 8, "n_random_sets": 2}
        made.append(ContextController(network, segmenter, **first | traits))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


def test_it_is_what_a_script_measures(make, small, reader):
    from ganwidgets.ablate import insertion_context, insertion_value

    controller, seen = make(), []
    controller.observe(lambda change: seen.append((change.new.n, len(change.new.chance))), "context")
    controller.run()
    controller.wait(30.0)
    value = insertion_value(small, "layer1", small.sample_z(128, seed=6))
    z = small.sample_z(8, seed=5)
    script = insertion_context(small, "layer1", [0], value, "red", reader, z, n_random_sets=2)
    np.testing.assert_array_equal(controller.context.gains, script.gains)
    np.testing.assert_array_equal(controller.context.chance, script.chance)
    assert seen == [(2, 0), (8, 2)] and controller.context.gain[-1] == 1.0  # grey cells turn red, a pixel each


def test_answers_are_kept_for_units_that_were_measured(make):
    controller = make()
    controller.run(wait=True)
    kept = controller.context
    controller.look_at("layer2", (1, 2), "blue")
    assert controller.context is None
    controller.look_at("layer1", (0,), "red")
    assert controller.context is kept


def test_cancel_leaves_the_first_look(make):
    controller = make()
    controller.observe(lambda change: controller.cancel(), "context")
    controller.run()
    controller.wait(30.0)
    assert controller.status == "cancelled" and controller.context.n == 2


def test_what_cannot_be_measured_is_one_sentence(make):
    controller = make(segmenter=None)
    controller.run(wait=True)
    assert "`segmenter` must be given" in controller.error
    controller = make(units=())
    controller.run(wait=True)
    assert controller.status == "failed" and "at least one unit" in controller.error


@pytest.mark.parametrize(
    ("trait", "value", "reason"),
    [
        ("concept", "reed", "Did you mean 'red'"),
        ("n", 1, "`n` must lie in"),
        ("quantile", 1.0, "between 0 and 1"),
        ("n_random_sets", -1, "`n_random_sets` must lie in"),
        ("seed", -1, "`seed` must lie in"),
        ("units", (8,), "`units` must lie in 0 to 7"),
    ],
)
def test_a_refused_value_leaves_what_stands(make, trait, value, reason):
    controller = make()
    before = getattr(controller, trait)
    with pytest.raises(TraitError, match=reason):
        setattr(controller, trait, value)
    assert getattr(controller, trait) == before
