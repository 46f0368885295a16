"""Where insertion works in the planted world: red paint takes on grey cells, and cannot add to cells that are red."""

from pathlib import Path

import numpy as np
import pytest
import torch

RED, BLUE, TOP = 0, 1, 3
NOTHING = -1
SEED = 3


@pytest.fixture(scope="module")
def small():
    from ganwidgets.testing import planted_generator

    return planted_generator(resolution=8)


@pytest.fixture(scope="module")
def z(small):
    return small.sample_z(10, seed=3)


def context(*args, **options):
    from ganwidgets.ablate.context import insertion_context

    return insertion_context(*args, **options)


@pytest.fixture(scope="module")
def red_context(small, reader, z):
    return context(small, "layer1", [0], 1.0, "red", reader, z, n_random_sets=6, seed=SEED)


def test_the_gain_is_grouped_by_what_stood_there(red_context, z):
    """Layer and image have one size, so a cell is a pixel: grey gains 1 red pixel, red none."""
    gain, red, blue = red_context.gain, int((z[:, 0] > 0).sum()), int((z[:, 1] > 0).sum())
    assert (gain[RED], gain[NOTHING]) == (0.0, 1.0) and red_context.stood[NOTHING] == "nothing named"
    assert red_context.cells[[RED, BLUE, 2, TOP, NOTHING]].tolist() == [
        red * 32, blue, 0, red * 16, 640 - red * 32 - blue,
    ]  # fmt: skip
    assert red_context.images[[RED, BLUE, NOTHING]].tolist() == [red, blue, 10]
    assert red_context.interval[NOTHING].tolist() == [1.0, 1.0] and red_context.n == 10


def test_what_the_other_concepts_gain_is_there_too(red_context):
    """Red on blue paint is neither: the blue pixel is lost, and no red one gained."""
    assert red_context.gains[BLUE].tolist() == [0.0, -1.0, 0.0, 0.0]
    # Of the grey pixels, those in the upper half become "red top" as well.
    assert 0.4 < red_context.gains[NOTHING, TOP] < 0.6
    assert np.isnan(red_context.gains[2]).all() and np.isnan(red_context.interval[2]).all()


def test_the_gain_of_each_cell(red_context, z):
    share = float((z[:, 0] > 0).double().mean())
    assert red_context.by_cell.shape == (8, 8)
    assert red_context.by_cell[:, :4] == pytest.approx(1 - share) and red_context.by_cell[0, 4:] == pytest.approx(1)


def test_random_units_bring_it_if_they_hold_the_painter(red_context):
    from ganwidgets.ablate.counts import random_sets

    held = [float(0 in chosen) for chosen in random_sets(1, 8, 6, seed=SEED)]
    assert red_context.chance[:, NOTHING].tolist() == held and 0 < sum(held) < 6


def test_the_frame_lists_what_was_met_best_first(red_context):
    frame = red_context.to_frame()
    assert frame["stood"].iloc[0] == "nothing named" and "green" not in set(frame["stood"])
    assert (np.diff(frame["gain"]) <= 0).all() and (frame["chance_low"] <= frame["chance_high"]).all()


def test_the_answer_is_a_sentence_with_its_numbers(red_context):
    assert red_context.answer("red").startswith("Set on red, these units bring 0.0 red pixels per cell on average (")
    assert "by the lower end of the intervals, they bring most on nothing named: 1.0 red" in red_context.answer("red")
    assert red_context.answer("nothing named").endswith("this is where they bring most.")
    assert red_context.best == "nothing named"
    assert "nothing is known" in red_context.answer("green")
    with pytest.raises(ValueError, match="`stood` must be one of"):
        red_context.answer("roof")


def known(gain, low, high, cells, images):
    """A context in which four places and nothing named were met so often, and gained so much of "door"."""
    from ganwidgets.ablate import InsertionContext

    names = ("door", "wall", "sky", "cloud")
    gains = np.stack([gain, *np.zeros((3, 5))], 1)
    interval, chance = np.stack([low, high], 1).astype(float), np.zeros((0, 5))
    counts = (np.array(cells), np.array(images))
    return InsertionContext(
        "layer", (0,), "door", 50, names, (*names, "nothing named"), *counts, gains, interval, chance, np.zeros((1, 1))
    )


def test_a_few_lucky_cells_are_not_recommended():
    """Cloud has the highest mean, of three cells in two images; wall is what can be relied on."""
    nan = np.nan
    found = known(
        [nan, 8.0, 1.0, 20.0, 30.0], [nan, 6, 0, -4, nan], [nan, 10, 2, 44, nan], [0, 200, 300, 3, 1], [0, 40, 45, 2, 1]
    )
    assert found.best == "wall"
    told = found.answer("sky")
    assert "by the lower end of the intervals, they bring most on wall: 8.0 door pixels" in told and "cloud" not in told
    assert found.answer("wall").endswith("by the lower end of the intervals, this is where they bring most.")
    assert "on wall: 8.0" in found.answer("cloud")  # whose mean is higher
    assert found.to_frame()["stood"].tolist() == ["nothing named", "cloud", "wall", "sky"]  # the table keeps the means


def test_where_no_place_brings_any_for_sure_the_answer_says_so():
    found = known([0.0, 2.0, 0.0, 1.0, 0.5], [0, -1, 0, -3, -1], [0, 5, 0, 5, 2], [9] * 5, [5] * 5)
    assert "no interval lies above 0, so there is no place where they bring any for sure" in found.answer("wall")


def test_batches_do_not_matter(small, reader, z, red_context, monkeypatch):
    from ganwidgets.ablate import counts

    monkeypatch.setattr(counts, "BATCH", 3)
    parts = context(small, "layer1", [0], 1.0, "red", reader, z, n_random_sets=2, seed=SEED)
    np.testing.assert_array_equal(parts.gains, red_context.gains)
    np.testing.assert_array_equal(parts.chance, red_context.chance[:2])
    np.testing.assert_array_equal(parts.by_cell, red_context.by_cell)


def test_random_sets_get_their_own_values(small, reader, z):
    values = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0])
    found = context(small, "layer1", [4], values, "red", reader, z[:2], n_random_sets=6, seed=SEED)
    assert found.gain[NOTHING] == 0.0 and set(found.chance[:, NOTHING]) == {0.0, 1.0}


def test_progress_goes_to_one_and_can_stop_the_work(small, reader, z):
    told = []
    context(small, "layer1", [0], 1.0, "red", reader, z[:2], n_random_sets=1, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 128

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        context(small, "layer1", [0], 1.0, "red", reader, z[:2], progress=stop)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"concept": "reed"}, "`concept` must be one of"),
        ({"units": [8]}, "`units` must be below 8"),
        ({"value": torch.ones(1, 8, 8)}, "`value` must be a number or one number a unit"),
        ({"z": torch.zeros(0, 4)}, "`z` must hold at least 1"),
    ],
)
def test_bad_input_is_one_sentence(small, reader, z, changes, reason):
    given = {"units": [0], "value": 1.0, "concept": "red", "z": z[:1]} | changes
    with pytest.raises(ValueError, match=reason):
        context(small, "layer1", given["units"], given["value"], given["concept"], reader, given["z"])


def test_a_layer_without_maps_is_told():
    from torch import nn

    from ganwidgets.models import TorchGenerator
    from ganwidgets.testing import planted_segmenter

    module = nn.Sequential()
    module.add_module("flat", nn.Linear(4, 3 * 64))
    module.add_module("image", nn.Unflatten(1, (3, 8, 8)))
    network = TorchGenerator(module.eval(), z_shape=(4,))
    with pytest.raises(ValueError, match="`layer` must be one whose units are maps"):
        context(network, "flat", [0], 1.0, "red", planted_segmenter(), network.sample_z(1))


DATA = Path(__file__).parents[1] / "data/ace"


@pytest.mark.parametrize(("layer", "images"), [("layer4", 50), ("layer6", 10)])
def test_golden_the_reference_gains_the_same_pixels(golden_generator, landscape, layer, images):
    """Ten units set to their 0.995 quantile at every cell of the layer, latents of seed 4."""
    golden, z = np.load(DATA / f"ace_{layer}_house.npz"), golden_generator.sample_z(50, seed=4)[:images]
    units, values = golden["insert.units"].tolist(), torch.from_numpy(golden["insert.value"])
    found = context(golden_generator, layer, units, values, "house", landscape, z, n_random_sets=0)
    expected = golden["insert.pixel_gain_per_image"][:images]
    assert np.abs(expected).max() >= 5
    np.testing.assert_allclose(found.by_cell, expected.mean(0), atol=0.1)
    assert abs(found.by_cell.sum() - expected.mean(0).sum()) <= 0.005 * np.abs(expected.mean(0)).sum() + 0.5
    if images == 50:
        np.testing.assert_allclose(expected.mean(0), golden["insert.mean_gain"], atol=1e-4)
