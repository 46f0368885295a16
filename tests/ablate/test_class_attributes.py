"""Attributes of planted units are known on paper; estimators keep their promises on samples of known distributions."""

import numpy as np
import pandas as pd
import pytest
import torch

STRIPE, TWIN_A, TWIN_B, GLARE, UNREAD, DEAD = range(6)


def entropy(p: float) -> float:
    """Of a coin [bit]."""
    return -p * np.log2(p) - (1 - p) * np.log2(1 - p)


@pytest.fixture(scope="module")
def classifier():
    from ganwidgets.testing import planted_classifier

    return planted_classifier()


@pytest.fixture(scope="module")
def photos():
    from ganwidgets.testing import planted_photos

    return planted_photos(800)


@pytest.fixture(scope="module")
def table(classifier, photos):
    from ganwidgets.ablate.class_attributes import unit_attributes

    return unit_attributes(classifier, "relu", *photos).set_index("unit")


def test_selectivity_of_planted_units_is_one_or_nothing(table):
    assert table.class_selectivity[:6].tolist() == pytest.approx([1, 1, 1, 1, 1, 0])
    assert table.preferred_class[:5].tolist() == ["stripe", "twice", "twice", "blank", "unlearned"]
    assert table.class_selectivity[6:].between(0.01, 0.5).all()
    assert (table.class_selectivity_low <= table.class_selectivity).all()
    assert (table.class_selectivity <= table.class_selectivity_high).all()


def test_information_about_the_class_is_that_of_the_plan(table):
    expected = [entropy(1 / 4)] * 3 + [entropy(1 / 8) - 1 / 4, entropy(1 / 4), 0] + [2] * 4
    assert table.mutual_information.tolist() == pytest.approx(expected, abs=0.01)
    assert (table.mutual_information_chance[:5] < 0.02).all()


def test_a_unit_that_makes_a_class_correlates_with_its_probability(table):
    assert table.class_correlation[TWIN_A] > 0.98 and table.class_correlation_class[TWIN_A] == "twice"
    assert table.class_correlation_class[STRIPE] == table.class_correlation_class[GLARE] == "stripe"
    assert table.class_correlation[DEAD] == 0
    assert table.class_correlation_chance.max() < 0.2


@pytest.mark.parametrize("layer", ["mix", "relu", "pool"])
def test_the_norm_is_that_of_the_filter_that_makes_the_unit(classifier, photos, layer):
    from ganwidgets.ablate.class_attributes import filter_norms

    assert filter_norms(classifier, layer, photos[0][:2]).tolist() == list(range(1, 11))


def test_norms_are_summed_over_inputs_and_kernel_and_stop_at_a_sum(photos):
    from torch import nn

    from ganwidgets.ablate.class_attributes import filter_norms, unit_attributes
    from ganwidgets.models.cifar_resnet import Block
    from ganwidgets.models.classifiers import TorchClassifier

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        Block(6, 6),
        nn.MaxPool2d(8),
        nn.Flatten(),
    )
    module.append(nn.Linear(6, 4))
    classifier, images = TorchClassifier(module.train(), image_shape=(1, 8, 8)), photos[0][:2]
    expected = module[0].weight.detach().abs().sum((1, 2, 3)).double().numpy()
    assert filter_norms(classifier, "2", images) == pytest.approx(expected)
    assert filter_norms(classifier, "3", images) is None  # the sum at the end of a block: no single filter
    assert filter_norms(classifier, "4", images) is None
    assert filter_norms(classifier, "6", images).shape == (4,)
    assert "l1_norm" not in unit_attributes(classifier, "3", photos[0][:40], photos[1][:40])
    assert module.training and module[1].num_batches_tracked == 0


def test_information_is_without_bias_where_there_is_none():
    from ganwidgets.ablate.class_attributes import bins_for, mutual_information, quantile_bins

    random = np.random.RandomState(0)
    for n in (200, 500, 3000):
        place = np.arange(n) % 10
        bins = quantile_bins(random.standard_normal((n, 500)), bins_for(n, 10))
        found = mutual_information(bins, place)
        bias = bins.max() * 9 / (2 * n * np.log(2))  # of the plug-in estimate: (bins − 1) (classes − 1) / 2n
        assert abs(found.mean()) < 0.1 * bias
    assert bins.max() == 7 and (np.bincount(bins[:, 0]) == 3000 / 8).all()
    assert [bins_for(n, 10) for n in (20, 200, 5000)] == [2, 4, 8]


def test_information_of_a_noisy_channel():
    """A class of two, and an activation whose sign is the class in 9 of 10 images."""
    from ganwidgets.ablate.class_attributes import mutual_information, quantile_bins

    random = np.random.RandomState(1)
    place = np.arange(20_000) % 2
    flipped = random.uniform(size=(20_000, 3)) < 0.1
    activity = np.where(flipped, 1 - place[:, None], place[:, None]) + random.uniform(0, 0.5, (20_000, 3))
    assert mutual_information(quantile_bins(activity), place) == pytest.approx(1 - entropy(0.1), abs=0.02)


def test_equal_values_share_a_bin_however_many_they_are():
    from ganwidgets.ablate.class_attributes import quantile_bins

    column = np.array([0.0] * 90 + list(np.linspace(1, 2, 10)))
    bins = quantile_bins(column[:, None])[:, 0]
    assert len(set(bins[:90])) == 1 and (bins[90:] > bins[0]).all()
    assert (quantile_bins(np.zeros((5, 2))) == 0).all()


def test_selectivity_counts_classes_alike_however_many_images_they_have():
    from ganwidgets.ablate.class_attributes import class_selectivity

    place = np.array([0] * 8 + [1] * 2 + [2])
    activity = np.array([[2.0]] * 8 + [[1.0]] * 2 + [[0.0]])
    value, preferred = class_selectivity(activity, place, 3)
    assert value.tolist() == pytest.approx([(2 - 0.5) / (2 + 0.5)]) and preferred.tolist() == [0]


def test_negative_activations_are_cut_off_before_selectivity(photos):
    from torch import nn

    from ganwidgets.ablate.class_attributes import unit_attributes
    from ganwidgets.models.classifiers import TorchClassifier

    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
    classifier = TorchClassifier(module, image_shape=(1, 8, 8))
    before, after = (unit_attributes(classifier, layer, *photos) for layer in ("0", "1"))
    assert before.class_selectivity.tolist() == pytest.approx(after.class_selectivity.tolist())
    assert before.class_selectivity.between(0, 1).all()


# Correlations with the damage


def fake(drops):
    """An ablation of units whose overall drops are these shares of two classes of 100 images."""
    from ganwidgets.ablate.class_result import ClassAblation

    labels = np.arange(200) % 2
    after = np.tile(labels, (len(drops), 1))
    for row, drop in enumerate(drops):
        after[row, : round(200 * drop)] = 2
    return ClassAblation("layer", tuple(range(len(drops))), "zero", ("a", "b", "c"), labels, labels, after)


def test_correlations_are_pearsons_and_spearmans_with_their_intervals():
    from scipy.stats import pearsonr, spearmanr

    from ganwidgets.ablate.class_correlations import attribute_correlations

    random = np.random.RandomState(0)
    drops = random.uniform(0, 1, 60).round(2)
    attribute = drops**3 + random.normal(0, 0.1, 60)
    table = pd.DataFrame({"unit": range(60), "mine": attribute, "flat": 1.0, "noise": random.normal(size=60)})
    found = attribute_correlations(fake(drops), table, columns=["mine", "flat", "noise"])
    assert set(found.attribute) == {"mine", "noise"}  # a constant correlates with nothing
    row = found.set_index(["attribute", "drop"]).loc[("mine", "overall_drop")]
    exact = fake(drops).overall_drop
    assert row.pearson == pytest.approx(pearsonr(attribute, exact).statistic)
    assert row.spearman == pytest.approx(spearmanr(attribute, exact).statistic)
    low, high = pearsonr(attribute, exact).confidence_interval()
    assert row.pearson_low == pytest.approx(low, abs=0.06) and row.pearson_high == pytest.approx(high, abs=0.06)
    ranks = pd.DataFrame({"unit": range(60), "ranks": np.exp(5 * attribute)})  # another scale, the same order
    same = attribute_correlations(fake(drops), ranks, columns=["ranks"]).iloc[0]
    assert same[["spearman", "spearman_low", "spearman_high"]].tolist() == pytest.approx(
        row[["spearman", "spearman_low", "spearman_high"]].tolist()
    )
    noise = found.set_index(["attribute", "drop"]).loc[("noise", "overall_drop")]
    assert noise.pearson_low < 0 < noise.pearson_high and (noise.n, noise.n_units) == (200, 60)


def test_correlations_of_the_planted_network_have_no_gaps(classifier, photos, table):
    from ganwidgets.ablate.class_attributes import ATTRIBUTES
    from ganwidgets.ablate.class_correlations import TARGETS, attribute_correlations
    from ganwidgets.ablate.classes import class_ablation

    found = attribute_correlations(class_ablation(classifier, "relu", *photos), table.reset_index())
    assert len(found) == len(ATTRIBUTES) * len(TARGETS) and not found.isna().any().any()
    selective = found.set_index(["attribute", "drop"]).loc["class_selectivity"]
    # As Zhou et al. have it: little to say about the overall drop, more about the highest class drop.
    assert abs(selective.spearman["overall_drop"]) < selective.spearman["max_class_drop_corrected"]


@pytest.mark.parametrize(
    ("units", "columns", "message"),
    [
        (range(3), None, "at least 4 units"),
        (range(12), None, r"lacks \[10, 11\]"),
        (range(6), ["iou"], "`columns` must be columns of `attributes`"),
    ],
)
def test_correlations_over_what_is_not_there_are_refused(table, units, columns, message):
    from ganwidgets.ablate.class_correlations import attribute_correlations

    drops = np.linspace(0, 0.5, len(units))
    with pytest.raises(ValueError, match=message):
        attribute_correlations(fake(drops), table.reset_index(), columns=columns)
