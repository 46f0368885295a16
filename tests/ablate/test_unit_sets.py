"""Orders and removal curves: the planted painter removes all red as soon as it is in the set, and only then."""

from pathlib import Path

import numpy as np
import pytest
import torch

RED, BLUE = 0, 1


@pytest.fixture(scope="module")
def z(planted):
    return planted.sample_z(40, seed=3)


def curve(*args, **options):
    from ganwidgets.ablate.unit_sets import removal_curve

    return removal_curve(*args, **options)


@pytest.fixture(scope="module")
def red_curve(planted, reader, z):
    orders = {"late": (5, 1, 0, 2), "early": (0, 4, 6, 7)}
    return curve(planted, "layer1", orders, "red", reader, z, sizes=(0, 1, 2, 3, 4), n_random_sets=100)


def test_red_goes_when_the_painter_goes(red_curve):
    assert red_curve.removed["late"].tolist() == [0, 0, 0, 1, 1]
    assert red_curve.removed["early"].tolist() == [0, 1, 1, 1, 1]
    assert red_curve.interval["early"][1].tolist() == [1, 1] and red_curve.n == 40


def test_side_effects_are_kept_for_every_concept(red_curve, z):
    blue = red_curve.share["late"][:, BLUE]
    assert blue.tolist() == [0, 0, 1, 1, 1] and np.isnan(red_curve.share["late"][:, 2]).all()  # green never occurs
    frame = red_curve.side_effects("late").query("concept == 'blue'")
    assert frame["removed"].tolist() == [0, 0, 1, 1, 1] and frame["size"].tolist() == [0, 1, 2, 3, 4]
    assert red_curve.before[RED] == int((z[:, 0] > 0).sum()) * 128


def test_random_orders_hold_the_painter_in_proportion(red_curve):
    assert red_curve.random.shape == (100, 5) and set(np.unique(red_curve.random)) == {0.0, 1.0}
    assert red_curve.random.mean(0) == pytest.approx(np.arange(5) / 8, abs=0.13)
    assert (np.diff(red_curve.random, axis=1) >= 0).all()  # nested sets


def test_the_smallest_sufficient_size(red_curve):
    assert red_curve.size_for("late", 0.5) == 3 and red_curve.size_for("early", 0.5) == 1
    assert red_curve.size_for("late", 1.5) is None


def test_the_frame_and_the_plot_show_orders_beside_chance(red_curve):
    frame = red_curve.to_frame()
    assert frame["order"].tolist() == ["late"] * 5 + ["early"] * 5 and (frame["n"] == 40).all()
    assert (frame["random_low"] <= frame["random"]).all() and (frame["random"] <= frame["random_high"]).all()
    axes = red_curve.plot().axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"late", "early"} <= set(labels) and any("random" in label for label in labels)
    assert red_curve.plot()._repr_png_().startswith(b"\x89PNG")


def test_sizes_double_by_default_as_far_as_the_orders_reach(planted, reader, z):
    found = curve(planted, "layer1", {"all": range(8), "six": range(6)}, "red", reader, z[:4], n_random_sets=0)
    assert found.sizes == (0, 1, 2, 4) and found.random.shape == (0, 4)
    assert found.to_frame()["random"].isna().all() and found.plot() is not None


def test_single_cells_are_edited_and_read_one_at_a_time(reader):
    """Layer and image have one size: every red pixel is a cell; without the painter there, it alone is gone."""
    from ganwidgets.testing import planted_generator

    small = planted_generator(resolution=8)
    z = small.sample_z(12, seed=3)
    found = curve(small, "layer1", {"order": (4, 0)}, "red", reader, z, at="cell", n_random_sets=8, sizes=(0, 1, 2))
    red_cells = int((z[:, 0] > 0).sum()) * 32
    assert found.before.tolist() == [red_cells, 0, 0, red_cells // 2] and found.at == "cell"
    assert found.removed["order"].tolist() == [0, 0, 1]
    assert set(np.unique(found.random)) <= {0.0, 1.0} and found.random[:, 0].tolist() == [0] * 8


def test_a_cell_of_several_pixels_is_counted_inside_only():
    """Layer 8 × 8, image 16 × 16: removing a cell's paint takes the 2 × 2 pixels it covers, and the rest stays."""
    from torch import nn

    from ganwidgets.ablate.cells import Target, cell_counts
    from ganwidgets.models import TorchGenerator
    from ganwidgets.testing import planted_generator, planted_segmenter

    small = planted_generator(resolution=8).module
    module = nn.Sequential()
    module.add_module("layer1", small.layer1)
    module.add_module("larger", nn.Sequential(small.layer2, nn.Upsample(scale_factor=2)))
    module.add_module("colour", small.colour)
    network = TorchGenerator(module.eval(), z_shape=(4,), name="upsampled")
    z = network.sample_z(6, seed=3)
    before, after = cell_counts(Target(network, "layer1", "red", planted_segmenter()), z, [(4,), (0,)])
    assert before[:, RED].tolist() == [128 if red else 0 for red in z[:, 0] > 0]
    assert after[0].equal(before) and int(after[1, :, RED].sum()) == 0


def test_orders_by_iou_by_effect_and_by_alpha(planted, reader, z):
    from ganwidgets.ablate import unit_effects
    from ganwidgets.ablate.unit_sets import rank_by_alpha, rank_by_effect, rank_by_iou
    from ganwidgets.dissect import run

    dissection = run(planted, segmenter=reader, layers=("layer1",), n=100, top_fraction=0.3, chance=False)
    order = rank_by_iou(dissection, "red")
    assert order[0] == 0 and sorted(order) == list(range(8))
    assert rank_by_iou(dissection, "red", "layer1") == order
    effects = unit_effects(planted, "layer1", reader, z)
    assert rank_by_effect(effects, "blue", reader.concepts)[0] == 1 == rank_by_effect(effects, 1)[0]
    effects[0] = np.nan  # not measured
    assert rank_by_effect(effects, "red", reader.concepts) == (1, 2, 3, 4, 5, 6, 7, 0)
    assert rank_by_alpha(torch.tensor([0.0, 1.0, 0.5, 1.0])) == (1, 3, 2, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"concept": "reed"}, "`concept` must be one of .* Did you mean 'red'"),
        ({"concept": "green"}, "none of 4 contains 'green'"),
        ({"orders": {}}, "`orders` must hold at least one"),
        ({"orders": {"IoU": (0, 8)}}, "`units` must be below 8"),
        ({"orders": {"IoU": (0, 0)}}, "each unit once"),
        ({"sizes": (0, 3)}, "`sizes` must lie in 0 to 2"),
        ({"sizes": ()}, "`sizes` must lie in"),
        ({"layer": "layer7"}, "`layer` must be one of"),
        ({"at": "pixel"}, "`at` must be one of"),
    ],
)
def test_bad_input_is_one_sentence(planted, reader, z, changes, reason):
    given = {"layer": "layer1", "orders": {"IoU": (0, 1)}, "concept": "red", "n_random_sets": 0} | changes
    layer, orders, concept = (given.pop(name) for name in ("layer", "orders", "concept"))
    with pytest.raises(ValueError, match=reason):
        curve(planted, layer, orders, concept, reader, z[:4], **given)


@pytest.mark.parametrize("effects", ["red", 4])
def test_an_unknown_column_is_told(effects):
    from ganwidgets.ablate.unit_sets import rank_by_effect

    with pytest.raises(ValueError, match="`concept` must"):
        rank_by_effect(np.zeros((8, 4), np.float32), effects)


@pytest.mark.parametrize("at", ["image", "cell"])
def test_progress_goes_to_one_and_can_stop_the_work(planted, reader, z, at):
    told = []
    curve(planted, "layer1", {"a": (0,)}, "red", reader, z[:2], at=at, n_random_sets=1, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        curve(planted, "layer1", {"a": (0,)}, "red", reader, z[:2], at=at, progress=stop)


DATA = Path(__file__).parents[1] / "data/ace"


@pytest.mark.parametrize("layer", ["layer4", "layer6"])
def test_golden_whole_images(golden_generator, landscape, layer):
    """fullablate.py: the first 0 to 10 units by IoU off everywhere, 200 latents of seed 3."""
    golden, z = np.load(DATA / f"ace_{layer}_house.npz"), golden_generator.sample_z(200, seed=3)
    sizes, orders = (0, 1, 3, 10), {"IoU": golden["iou_order"].tolist()}
    found = curve(golden_generator, layer, orders, "house", landscape, z, sizes=sizes, n_random_sets=0)
    np.testing.assert_allclose(found.removed["IoU"], golden["fullablate.removed"][list(sizes)], atol=5e-3)
    pixels = golden["fullablate.all_concepts.pixels"]  # (concept size)
    np.testing.assert_allclose(found.share["IoU"], 1 - (pixels[:, sizes] / pixels[:, :1]).T, atol=5e-3)


@pytest.mark.parametrize(("layer", "n", "cell_pixels"), [("layer4", 60, 16), ("layer6", 60, 4)])
def test_golden_single_cells(golden_generator, landscape, layer, n, cell_pixels):
    """evalablate.py: one cell at a time, where the concept is, read there, 60 latents of seed 2."""
    golden, z = np.load(DATA / f"ace_{layer}_house.npz"), golden_generator.sample_z(n, seed=2)
    orders, sizes = {"IoU": golden["iou_order"].tolist()}, (0, 2, 10)
    found = curve(golden_generator, layer, orders, "house", landscape, z, sizes=sizes, n_random_sets=0, at="cell")
    assert found.before[4] / cell_pixels == pytest.approx(golden["pixablation.score"][0], rel=5e-3)
    np.testing.assert_allclose(found.removed["IoU"], golden["pixablation.removed"][list(sizes)], atol=5e-3)


def test_sizes_are_put_in_order_and_the_smallest_that_is_enough_is_found(planted, reader, z):
    found = curve(planted, "layer1", {"order": (0, 1, 2, 3)}, "red", reader, z, sizes=(4, 1, 1, 2), n_random_sets=0)
    assert found.sizes == (1, 2, 4) and found.size_for("order", 0.0) == 1
    with pytest.raises(TypeError):
        curve(planted, "layer1", {"order": (0, 1)}, "red", reader, z, sizes=(1.9,), n_random_sets=0)
