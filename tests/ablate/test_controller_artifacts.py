"""Artifact units as a session: found, looked at, decided by a person, and judged by what their removal does."""

import numpy as np
import pytest
from traitlets import TraitError


@pytest.fixture(scope="module")
def real(planted):
    """The data: the planted world without its red paint, so that unit 0 draws what the data never show."""
    from ganwidgets.models import zero_units

    with planted.intervene("layer1", zero_units([0])):
        return planted.images(planted.sample_z(200, seed=9))


@pytest.fixture
def make(planted, real):
    from ganwidgets.ablate import ArtifactsController

    made = []

    def make(network=planted, data=real, **traits):
        small = {"layer": "layer1", "n": 100, "n_judge": 60, "n_random_sets": 2, "top_k": 10}
        made.append(ArtifactsController(network, data, **small | traits))
        return made[-1]

    yield make
    for controller in made:
        controller.close()


def test_the_unit_that_draws_what_the_data_lack_is_listed_first_with_its_pictures(make, planted, real):
    from ganwidgets.ablate import find_artifact_units

    controller = make(by="distance")
    controller.find()
    controller.wait(30.0)
    script = find_artifact_units(planted, "layer1", real=real[:100], n=100, top_k=10, seed=7)
    np.testing.assert_array_equal(controller.found.distance, script.distance)
    assert controller.listed[0] in (0, 4)  # unit 4 follows the same latent
    assert 2 not in controller.listed  # dead: it has no top pictures
    assert controller.pictures.images.shape == (len(controller.listed), 4, 16, 16, 3)
    controller.by = "rarity"
    controller.wait(10.0)
    assert controller.listed == tuple(u for u in script.ranking("rarity") if np.isfinite(script.rarity[u]))


def test_verdicts_exclude_each_other_and_are_kept_per_layer(make):
    controller = make(units=(1, 3))
    controller.confirm()
    controller.reject((3, 5))
    assert (controller.confirmed, controller.rejected) == ((1,), (3, 5))
    controller.confirm((5, 1))
    assert (controller.confirmed, controller.rejected) == ((1, 5), (3,))
    controller.layer = "layer2"
    assert (controller.confirmed, controller.rejected, controller.units) == ((), (), ())
    controller.confirm((7,))
    controller.layer = "layer1"
    assert (controller.confirmed, controller.rejected) == ((1, 5), (3,))
    controller.forget((1, 3))
    assert (controller.confirmed, controller.rejected) == ((5,), ())


def test_removing_the_confirmed_unit_brings_the_pictures_closer(make):
    controller = make()
    controller.confirm((0,))
    controller.measure()
    controller.wait(30.0)
    removal = controller.removal
    assert removal.units == (0,) and removal.n == 60 and removal.n_real == 100 and len(removal.random) == 2
    assert removal.closer[0] > 0.5 * removal.before > 0
    controller.confirm((1,))
    assert controller.removal is None  # it is of other units


def test_pictures_of_the_data_are_made_when_they_are_needed(make, real):
    asked = []
    controller = make(data=lambda: asked.append(1) or real)
    assert asked == []
    controller.find(wait=True)
    controller.find(wait=True)
    assert asked == [1] and controller.found is not None


def test_cancel_leaves_what_stands(make):
    controller = make(n=50_000)
    controller.observe(lambda change: controller.cancel(), "progress")
    controller.find()
    controller.wait(30.0)
    assert controller.status == "cancelled" and controller.found is None and controller.error == ""


def test_what_cannot_be_measured_is_one_sentence(make):
    controller = make(data=None)
    controller.find(wait=True)
    assert controller.status == "failed" and "`real` must be given" in controller.error
    controller = make()
    controller.measure(wait=True)
    assert "`confirmed` must hold at least one unit" in controller.error


@pytest.mark.parametrize(
    ("trait", "value", "reason"),
    [
        ("confirmed", (8,), "`confirmed` must lie in 0 to 7"),
        ("n", 1, "`n` must lie in"),
        ("n_judge", 39, "`n_judge` must lie in 40"),
        ("n_random_sets", 0, "`n_random_sets` must lie in"),
        ("by", "looks", "'by'|`by`|by"),
    ],
)
def test_a_refused_value_leaves_what_stands(make, trait, value, reason):
    controller = make()
    before = getattr(controller, trait)
    with pytest.raises(TraitError, match=reason):
        setattr(controller, trait, value)
    assert getattr(controller, trait) == before
