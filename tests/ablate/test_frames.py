"""Every table of a measurement says on how many images it stands, and on how many random sets its chance level."""

import importlib
import pkgutil

import pytest

WITHOUT_SETS = {"ClassAblation", "ConceptContrast", "RemovalAlpha"}  # they have no random sets of units beside them


@pytest.fixture(scope="module")
def small():
    from ganwidgets.testing import planted_generator

    return planted_generator(resolution=8)


@pytest.fixture(scope="module")
def results(small, reader):
    """One of each kind, over six images, with three random sets."""
    from ganwidgets import ablate
    from ganwidgets.testing import planted_classifier, planted_photos

    z, sets, classifier = small.sample_z(6, seed=3), {"n_random_sets": 3}, planted_classifier()
    real, photos = small.images(small.sample_z(40, seed=9)), planted_photos(6)
    alpha = {"n_search": 40, "n_train": 8, "n_eval": 4, "epochs": 1}
    found = [
        ablate.ablation_effect(small, "layer1", [0], reader, z, **sets),
        ablate.average_causal_effect(small, "layer1", [0], 1.0, reader, z, **sets),
        ablate.optimise_alpha(small, "layer1", "red", reader, **alpha, **sets),
        ablate.insertion_context(small, "layer1", [0], 1.0, "red", reader, z, **sets),
        ablate.removal_curve(small, "layer1", {"IoU": (0, 1)}, "red", reader, z, **sets),
        ablate.find_artifact_units(small, "layer1", real=real, n=6, top_k=2, **sets),
        ablate.removal_effect(small, "layer1", [0], small.sample_z(40), real=real, **sets),
        ablate.concept_contrast(small, "layer1", "red", "blue", reader, small.sample_z(6)),
        ablate.optimise_removal(small, "layer1", "red", reader, n_search=6, steps=2, batch=6),
        ablate.class_ablation(classifier, "mix", *photos),
        ablate.cumulative_curve(classifier, "mix", *photos, {"mine": (0, 1)}, **sets),
    ]
    return {type(one).__name__: one for one in found}


def test_every_result_with_a_table_is_looked_at(results):
    import ganwidgets.ablate

    modules = [
        importlib.import_module(f"ganwidgets.ablate.{m.name}") for m in pkgutil.iter_modules(ganwidgets.ablate.__path__)
    ]
    classes = {thing for module in modules for thing in vars(module).values() if isinstance(thing, type)}
    with_tables = {
        one.__name__ for one in classes if hasattr(one, "to_frame") and one.__module__.startswith("ganwidgets.")
    }
    assert with_tables - {"Dissection"} == set(results) == set(KINDS)


N = {"AlphaResult": 40, "RemovalEffect": 40}


KINDS = (
    *("EffectResult", "CausalEffect", "AlphaResult", "InsertionContext", "RemovalCurve", "ArtifactUnits"),
    *("RemovalEffect", "ClassAblation", "ClassCurve", "ConceptContrast", "RemovalAlpha"),
)


@pytest.mark.parametrize("name", KINDS)
def test_images_and_random_sets_are_columns(results, name):
    frame = results[name].to_frame()
    assert set(frame["n"]) == {N.get(name, 6)}
    if name not in WITHOUT_SETS:
        assert set(frame["n_random_sets"]) == {3} == {results[name].n_random_sets}


def test_tables_that_are_no_results_say_it_too(results, small, reader):
    from ganwidgets import ablate
    from ganwidgets.testing import planted_classifier, planted_photos

    classifier, photos = planted_classifier(), planted_photos(40)
    ranking = ablate.class_ablation(classifier, "mix", *photos)
    table = ablate.important_sets(classifier, "mix", *photos, ranking, sizes=(1,), n_random_sets=3)
    assert set(table["n_random_sets"]) == {3} and set(table["n"]) == {10}
    bare = ablate.important_sets(classifier, "mix", *photos, ranking, sizes=(1,), n_random_sets=0)
    assert set(bare["n_random_sets"]) == {0}
    attributes = ablate.unit_attributes(classifier, "mix", *photos)
    correlations = ablate.attribute_correlations(ranking, attributes)
    compared = ablate.compare_networks({"it": ranking})
    rotated = ablate.rotation_comparison(classifier, "mix", *photos, alphas=(0.5,))
    side = results["RemovalCurve"].side_effects("IoU")
    for frame, n in ((attributes, 40), (correlations, 40), (compared, 40), (rotated, 40), (side, 6)):
        assert set(frame["n"]) == {n}
    assert set(correlations["n_units"]) == set(compared["n_units"]) == set(rotated["n_axes"]) == {10}
    assert (
        ablate.classes.class_scores(photos[1].numpy(), photos[1].numpy(), classifier.classes)["n"].tolist() == [10] * 4
    )
