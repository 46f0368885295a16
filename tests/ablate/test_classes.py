"""Class drops that are known on paper: see the description of the planted classifier."""

import numpy as np
import pandas as pd
import pytest
import torch

STRIPE, TWIN_A, TWIN_B, GLARE, UNREAD, DEAD = range(6)
BLANK, STRIPES, TWICE, UNLEARNED = range(4)
LAYERS = ("detect", "mix", "relu")  # `relu` is followed by a mean and a linear layer


@pytest.fixture(scope="module")
def classifier():
    from ganwidgets.testing import planted_classifier

    return planted_classifier()


@pytest.fixture(scope="module")
def photos():
    from ganwidgets.testing import planted_photos

    return planted_photos(80)


def ablation(*args, **options):
    from ganwidgets.ablate.classes import class_ablation

    return class_ablation(*args, **options)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("batch", [7, 64])
def test_each_planted_unit_costs_what_is_known_on_paper(classifier, photos, layer, batch):
    found = ablation(classifier, layer, *photos, batch=batch)
    drop = np.zeros((10, 4))
    drop[STRIPE, STRIPES] = 1
    drop[GLARE, BLANK] = -1 / 2
    np.testing.assert_allclose(found.class_drop, drop)
    np.testing.assert_allclose(found.overall_drop, drop.mean(1))  # as many images of each class
    np.testing.assert_allclose(found.balanced_drop, drop.mean(1))
    assert found.accuracy == 5 / 8 and found.recall.tolist() == [0.5, 1, 1, 0]
    assert found.n == 80 and found.n_per_class.tolist() == [20] * 4
    assert found.classes == ("blank", "stripe", "twice", "unlearned")


def test_twins_are_only_missed_together(classifier, photos):
    from ganwidgets.ablate.class_passes import predictions
    from ganwidgets.models import zero_units

    images, labels = photos
    edits = [zero_units([TWIN_A]), zero_units([TWIN_B]), zero_units([TWIN_A, TWIN_B])]
    for layer in LAYERS:
        before, after = predictions(classifier, layer, images, edits)
        right = (after[:, labels == TWICE] == TWICE).mean(1)
        assert right.tolist() == [1, 1, 0]
        assert ((before == labels.numpy()) == (after[0] == labels.numpy())).all()


def test_the_corrected_highest_drop_is_exact_where_halves_agree(classifier, photos):
    found = ablation(classifier, "relu", *photos)
    assert found.max_class_drop_corrected.tolist() == [1.0, *[0.0] * 9]
    assert found.max_class_drop.tolist() == [1.0, *[0.0] * 9]
    assert found.classes[found.worst_class[STRIPE]] == "stripe"
    low, high = found.max_class_interval.T
    assert ((low <= found.max_class_drop_corrected) & (found.max_class_drop_corrected <= high)).all()
    assert 0.3 < found.max_class_chance[STRIPE] < 0.6  # 20 losses dealt to four classes of 20 by chance
    assert found.max_class_chance[DEAD] == 0


def test_the_balanced_accuracy_of_a_class_counts_false_alarms_too(classifier, photos):
    """Without the stripe unit "stripe" loses all its images, and blank is wrongly given out 20 times."""
    found = ablation(classifier, "mix", *photos).class_balanced_drop[STRIPE]
    # stripe: recall 1 -> 0, true negatives 50/60 -> 50/60 (10 glaring ones are still taken for stripe)
    np.testing.assert_allclose(found, [20 / 60 / 2, 1 / 2, 0, 0])


def test_importance_to_several_classes_counts_only_units_that_cost_something(classifier, photos):
    counts = ablation(classifier, "mix", *photos).importance_counts(top=4)
    assert counts.tolist() == [2, *[0] * 9]  # stripe, and the blanks it keeps from false alarms


def test_only_the_rest_runs_again(classifier, photos):
    """10 images in 2 batches: `detect` runs once a batch, `linear` once more for every unit."""
    from ganwidgets.testing import planted_classifier

    fresh, calls = planted_classifier(), {"detect": 0, "linear": 0}
    for name in calls:
        fresh.module.get_submodule(name).register_forward_hook(lambda *args, n=name: calls.update({n: calls[n] + 1}))
    ablation(fresh, "detect", photos[0][:10], photos[1][:10], units=range(6, 10), batch=5)
    assert calls["detect"] == 2
    assert calls["linear"] == 2 * (1 + 4)


def test_images_that_an_edit_leaves_alone_are_not_run_again(classifier, photos):
    from ganwidgets.testing import planted_classifier

    fresh, seen = planted_classifier(), []
    fresh.module.linear.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    ablation(fresh, "mix", *photos, units=[STRIPE, DEAD])
    assert len(seen) == 4 and sum(seen[::2]) == 80 and sum(seen[1::2]) == 20  # two batches; a quarter has a stripe


@pytest.mark.parametrize("to", ["zero", "mean"])
def test_the_closed_form_and_the_long_way_agree_on_a_network_without_a_plan(to):
    from torch import nn

    from ganwidgets.models.classifiers import TorchClassifier

    torch.manual_seed(4)
    images = torch.rand(60, 3, 12, 12) * torch.rand(60, 3, 1, 1) * 2 - 1
    module = nn.Sequential(
        nn.Conv2d(3, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 5)
    ).eval()
    with torch.no_grad():  # so that every class is predicted for some images
        module[5].bias -= module(images).mean(0)
    classifier = TorchClassifier(module, image_shape=12)
    short = ablation(classifier, "2", images, to=to)
    handle = module[4].register_forward_hook(lambda *args: None)  # somebody else's hook: no closed form
    assert classifier.linear_head("2") is None
    long = ablation(classifier, "2", images, to=to)
    handle.remove()
    assert (short.after == long.after).all()
    assert np.abs(short.overall_drop).sum() > 0


def test_setting_to_the_mean_sets_to_the_mean(classifier, photos):
    """STRIPE's mean is 1/4, which does not reach the 1/2 of blank: the same losses as without it."""
    zero, mean = (ablation(classifier, "relu", *photos, to=to, units=[STRIPE, GLARE]) for to in ("zero", "mean"))
    assert zero.class_drop[0].tolist() == mean.class_drop[0].tolist() == [0, 1, 0, 0]
    from ganwidgets.ablate.classes import unit_edits

    (edit,) = unit_edits(classifier, "relu", photos[0], [GLARE], "mean")
    assert float(edit.value) == pytest.approx(4 / 8)  # lit in 1/8 of the images, times the filter's 4


def test_without_labels_the_networks_own_decisions_count(classifier, photos):
    images, labels = photos
    found = ablation(classifier, "relu", images)
    assert found.accuracy == 1 and found.classes == ("blank", "stripe", "twice")
    share = [(found.before == number).mean() for number in range(3)]
    assert found.overall_drop[STRIPE] == pytest.approx((labels == STRIPES).float().mean())
    assert found.overall_drop[GLARE] == pytest.approx(1 / 8) and sum(share) == 1


def test_a_class_never_predicted_leaves_no_gap_in_the_tables(classifier, photos):
    from ganwidgets.ablate.classes import class_scores, compare_networks

    found = ablation(classifier, "relu", *photos)
    scores = class_scores(found.labels, found.before, found.names)
    never = scores.set_index("class").loc["unlearned"]
    assert never.predicted == 0 and never.recall == 0 and never.precision == 0 and never.balanced_accuracy == 0.5
    for table in (found.to_frame(), found.class_frame(STRIPE), scores, compare_networks({"planted": found})):
        assert not table.isna().any().any()


def test_the_table_has_a_row_a_unit_and_its_own_reading(classifier, photos):
    frame = ablation(classifier, "relu", *photos, units=[3, 0]).to_frame()
    assert frame.unit.tolist() == [3, 0] and frame.n.tolist() == [80, 80]
    assert frame.overall_drop.tolist() == [-1 / 8, 1 / 4] and frame.worst_class[1] == "stripe"
    assert frame.classes_hurt.tolist() == [0, 1]
    assert (frame.overall_low < frame.overall_drop).all() and (frame.overall_drop < frame.overall_high).all()


def test_class_scores_are_those_of_the_original_code():
    """Worked by hand after intervention_experiment.py: 8 images, three classes."""
    from ganwidgets.ablate.classes import class_scores

    labels, predicted = np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 0, 2, 2, 0])
    found = class_scores(labels, predicted, ("a", "b", "c"))
    expected = pd.DataFrame(
        {
            "class": ["a", "b", "c"],
            "n": [3, 2, 3],
            "predicted": [4, 2, 2],
            "precision": [2 / 4, 1 / 2, 1.0],
            "recall": [2 / 3, 1 / 2, 2 / 3],
            "true_negative_rate": [3 / 5, 5 / 6, 1.0],
            "accuracy": [(2 + 3) / 8, (1 + 5) / 8, (2 + 5) / 8],
            "balanced_accuracy": [(2 / 3 + 3 / 5) / 2, (1 / 2 + 5 / 6) / 2, (2 / 3 + 1) / 2],
        }
    )
    pd.testing.assert_frame_equal(found, expected)


def test_train_mode_gives_the_same_and_stays():
    from ganwidgets.testing import planted_classifier, planted_photos

    plain, trained = planted_classifier(), planted_classifier()
    detect, *others = trained.module
    from ganwidgets.models.classifiers import TorchClassifier

    module = torch.nn.Sequential(detect, torch.nn.BatchNorm2d(10, eps=0), torch.nn.Dropout(0.9), *others)
    trained = TorchClassifier(module.train(), image_shape=(1, 8, 8))
    before = {name: part.clone() for name, part in trained.module.state_dict().items()}
    found = ablation(trained, "3", *planted_photos(40))
    expected = ablation(plain, "mix", *planted_photos(40))
    assert (found.after == expected.after).all()
    assert trained.module.training and all(part.training for part in trained.module)
    assert all(torch.equal(part, before[name]) for name, part in trained.module.state_dict().items())


def test_partial_results_grow_and_end_with_the_whole(classifier, photos):
    from ganwidgets.ablate.classes import class_ablation_steps, unit_edits

    images, labels = photos
    units = (STRIPE, GLARE)
    edits = unit_edits(classifier, "mix", images, units)
    steps = list(class_ablation_steps(classifier, "mix", images, labels, edits, units, batch=32))
    results = [step for step in steps if step is not None]
    assert [step is None for step in steps] == [True, True, False] * 3
    assert [result.n for result in results][-1] == 80 and results[0].n < results[1].n < 80
    assert (results[-1].after == ablation(classifier, "mix", images, labels, units=units).after).all()


def test_progress_ends_at_one_and_may_stop_the_work(classifier, photos):
    told = []
    ablation(classifier, "mix", *photos, progress=told.append)
    assert told == sorted(told) and told[-1] == 1 and len(told) == 2 * 11

    def stop(fraction):
        if fraction > 0.3:
            raise KeyboardInterrupt

    hooks = [len(part._forward_hooks) for part in classifier.module.modules()]
    with pytest.raises(KeyboardInterrupt):
        ablation(classifier, "mix", *photos, progress=stop)
    assert [len(part._forward_hooks) for part in classifier.module.modules()] == hooks
    assert torch.equal(classifier.predict(photos[0][:8]), classifier.predict(photos[0])[:8])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ([0, 1, 2], ValueError, r"one number an image, 8 of them, got shape \(3,\)"),
        ([0, 1, 2, 3, 0, 1, 2, 4], ValueError, "must lie in 0 … 3, the classes of planted classifier, got 4"),
        ([0, 1, 2, 3, 0, 1, 2, -1], ValueError, "got -1"),
        ([1] * 8, ValueError, "at least two classes, got only 'stripe'"),
        ([0.5] * 8, TypeError, "whole numbers of classes, got float64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(classifier, photos, labels, error, message):
    with pytest.raises(error, match=message):
        ablation(classifier, "relu", photos[0][:8], labels)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "rilu"}, ValueError, "Did you mean 'relu'"),
        ({"units": [10]}, ValueError, "`units` must be below 10"),
        ({"units": [1, 1]}, ValueError, "name each unit once"),
        ({"to": "noise"}, ValueError, "`to` must be one of"),
        ({"images": torch.zeros(0, 1, 8, 8)}, ValueError, "at least one image"),
    ],
)
def test_other_input_that_does_not_fit_is_refused(classifier, photos, options, error, message):
    given = {"layer": "relu", "images": photos[0], "labels": photos[1]} | options
    if not len(given["images"]):
        given["labels"] = []
    with pytest.raises(error, match=message):
        ablation(classifier, **given)


def test_a_unit_that_was_not_switched_off_has_no_table(classifier, photos):
    with pytest.raises(ValueError, match="`unit` must be one of those switched off"):
        ablation(classifier, "relu", *photos, units=[1]).class_frame(0)


def test_networks_are_put_beside_each_other(classifier, photos):
    from ganwidgets.ablate.classes import compare_networks

    whole = ablation(classifier, "relu", *photos)
    dull = ablation(classifier, "relu", *photos, units=[TWIN_A, UNREAD, DEAD])
    table = compare_networks({"whole": whole, "dull": dull}).set_index("network")
    assert table.n_units.tolist() == [10, 3] and table.accuracy.tolist() == [5 / 8, 5 / 8]
    assert table.loc["whole", "max_class_drop_corrected"] == pytest.approx(0.1)
    assert table.share_that_matters.tolist() == pytest.approx([0.1, 0])
    assert table.loc["dull", ["max_class_drop", "max_class_drop_low", "max_class_drop_high"]].tolist() == [0, 0, 0]
