"""Units off together: orders, curves and the sets a class needs, on the planted classifier."""

import numpy as np
import pytest

STRIPE, TWIN_A, TWIN_B, GLARE, UNREAD, DEAD = range(6)


@pytest.fixture(scope="module")
def classifier():
    from ganwidgets.testing import planted_classifier

    return planted_classifier()


@pytest.fixture(scope="module")
def photos():
    from ganwidgets.testing import planted_photos

    return planted_photos(80)


@pytest.fixture(scope="module")
def ranking(classifier, photos):
    from ganwidgets.ablate.classes import class_ablation

    return class_ablation(classifier, "mix", *photos)


def curve(*args, **options):
    from ganwidgets.ablate.class_curves import cumulative_curve

    return cumulative_curve(*args, **options)


def test_orders_put_the_most_important_unit_first(classifier, photos, ranking):
    from ganwidgets.ablate.class_attributes import unit_attributes
    from ganwidgets.ablate.class_curves import unit_orders

    orders = unit_orders(ranking, unit_attributes(classifier, "mix", *photos))
    assert set(orders) == {
        "overall drop",
        "least overall drop",
        "max class drop",
        "class selectivity",
        "l1 norm",
        "class correlation",
        "mutual information",
    }
    assert all(sorted(order) == list(range(10)) for order in orders.values())
    assert orders["overall drop"][0] == STRIPE and orders["overall drop"][-1] == GLARE
    assert orders["l1 norm"] == tuple(range(9, -1, -1)) and orders["least overall drop"][0] == GLARE
    assert set(unit_orders(ranking)) == {"overall drop", "least overall drop", "max class drop"}


@pytest.mark.parametrize("layer", ["mix", "relu"])
def test_the_curve_falls_where_the_plan_says(classifier, photos, layer):
    found = curve(classifier, layer, *photos, {"mine": (GLARE, STRIPE, TWIN_A, TWIN_B, DEAD)}, sizes=(0, 1, 2, 3, 4, 5))
    assert found.accuracy["mine"].tolist() == [5 / 8, 6 / 8, 4 / 8, 4 / 8, 2 / 8, 2 / 8]
    assert found.class_recall["mine"][:, 2].tolist() == [1, 1, 1, 1, 0, 0]
    assert found.classes == ("blank", "stripe", "twice", "unlearned") and found.n == 80
    low, high = found.interval["mine"].T
    assert (low < found.accuracy["mine"]).all() and (found.accuracy["mine"] < high).all()


def test_random_sets_of_all_or_no_units_are_no_sample(classifier, photos):
    found = curve(classifier, "mix", *photos, {"mine": range(10)}, n_random_sets=12)
    assert found.sizes == (0, 1, 2, 4, 8, 10) and found.random.shape == (12, 6)
    assert set(found.random[:, 0]) == {5 / 8} and set(found.random[:, -1]) == {2 / 8}
    assert len(set(found.random[:, 3])) > 1


def test_the_same_set_is_run_once(classifier, photos, monkeypatch):
    from ganwidgets.ablate import class_curves

    edits = []
    plain = class_curves.predictions
    monkeypatch.setattr(class_curves, "predictions", lambda *args, **kw: edits.extend(args[3]) or plain(*args, **kw))
    curve(classifier, "mix", *photos, {"a": (0, 1), "b": (1, 0)}, sizes=(0, 2), n_random_sets=3)
    units = [tuple(edit.units) for edit in edits]
    assert len(units) == len(set(units)) and units.count((0, 1)) == 1 and units.count(()) == 1


def test_the_table_and_the_plot_show_every_order_beside_chance(classifier, photos, ranking):
    from ganwidgets.ablate.class_curves import unit_orders

    found = curve(classifier, "mix", *photos, unit_orders(ranking), n_random_sets=5)
    frame = found.to_frame()
    assert len(frame) == 3 * 6 and not frame.isna().any().any()
    assert (frame.random_low <= frame.random_high).all()
    axes = found.plot().axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()][1:] == list(unit_orders(ranking))
    assert found.plot()._repr_png_().startswith(b"\x89PNG")
    bare = curve(classifier, "mix", *photos, {"mine": [0]}, sizes=[1], n_random_sets=0)
    assert len(bare.to_frame()) == 1 and bare.plot() is not None


@pytest.mark.parametrize(
    ("orders", "sizes", "message"),
    [
        ({}, None, "`orders` must hold at least one order"),
        ({"mine": (0, 0)}, None, "name each unit once"),
        ({"mine": (10,)}, None, "`units` must be below 10"),
        ({"mine": (0,)}, (0, 11), r"`sizes` must lie in 0 … 10"),
        ({"mine": (0,)}, (), "`sizes` must lie in"),
    ],
)
def test_orders_and_sizes_that_do_not_fit_are_refused(classifier, photos, orders, sizes, message):
    with pytest.raises(ValueError, match=message):
        curve(classifier, "mix", *photos, orders, sizes=sizes)


# What a class needs


def test_a_class_falls_with_its_units_and_lives_on_them_alone(classifier, photos, ranking):
    from ganwidgets.ablate.class_sets import important_sets

    table = important_sets(classifier, "mix", *photos, ranking, sizes=(1, 2, 20), n_random_sets=8)
    assert set(table["size"]) == {1, 2}  # the layer has 10 units, not 20
    rows = table.set_index(["class", "size", "off"])
    gone, alone = rows.loc[("stripe", 1, "most important")], rows.loc[("stripe", 1, "all others")]
    assert (gone.recall, gone.n_units, alone.recall, alone.n_units) == (0, 1, 1, 9)
    assert gone.balanced_accuracy_before == pytest.approx((1 + 50 / 60) / 2)
    assert alone.balanced_accuracy == 1  # without the glare unit nothing else is taken for a stripe
    assert alone.accuracy == 4 / 8 and gone.accuracy == 3 / 8 and gone.accuracy_before == 5 / 8
    assert gone.recall_low == 0 < gone.recall_high < 0.25
    assert rows.loc[("twice", 1, "most important")].recall == 1  # its twin is still there
    assert gone.balanced_accuracy < gone.random <= gone.balanced_accuracy_before + 0.1
    assert not table.isna().any().any()


def test_sets_need_a_ranking_of_the_whole_layer(classifier, photos, ranking):
    from ganwidgets.ablate.class_sets import important_sets
    from ganwidgets.ablate.classes import class_ablation

    with pytest.raises(ValueError, match=r"all 10 units of 'relu', got 10 of 'mix'"):
        important_sets(classifier, "relu", *photos, ranking)
    part = class_ablation(classifier, "mix", *photos, units=[0, 1])
    with pytest.raises(ValueError, match="got 2 of 'mix'"):
        important_sets(classifier, "mix", *photos, part)


def test_classes_without_images_are_left_out(classifier, photos, ranking):
    from ganwidgets.ablate.class_sets import important_sets

    images, labels = (part[np.isin(photos[1], [1, 2])] for part in photos)
    table = important_sets(classifier, "mix", images, labels, ranking, sizes=(1,), n_random_sets=0)
    assert list(table["class"]) == ["stripe", "stripe", "twice", "twice"] and "random" not in table
