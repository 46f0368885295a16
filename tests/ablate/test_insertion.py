"""Insertions that are known on paper: unit 0 of the planted generator at 1 is red paint, at 0 none."""

from pathlib import Path

import numpy as np
import pytest
import torch

RED, BLUE = 0, 1
LEFT = torch.zeros(16, 16)
LEFT[:, :8] = 1


@pytest.fixture(scope="module")
def z(planted):
    return planted.sample_z(40, seed=3)


@pytest.fixture(scope="module")
def share_of_red(z):
    return float((z[:, 0] > 0).float().mean())


def insert(*args, **options):
    from ganwidgets.ablate.insertion import insertion_effect

    return insertion_effect(*args, **options)


def test_inserting_the_painter_paints_where_it_was_not(planted, reader, z, share_of_red):
    result = insert(planted, "layer1", [0], 1.0, reader, z, region=LEFT)
    assert result.effect == pytest.approx([(1 - share_of_red) / 2, 0, 0, (1 - share_of_red) / 4])
    assert result.after[RED] == 40 * 128 and result.kind == "insertion" and result.value == 1.0
    assert result.fraction_removed[RED] == pytest.approx(1 - 1 / share_of_red)  # negative: there is more
    assert result.interval[RED, 0] < result.effect[RED] < result.interval[RED, 1]


@pytest.mark.parametrize(("value", "strength", "painted"), [(0.4, 1.0, False), (0.6, 1.0, True), (1.0, 0.4, False)])
def test_value_and_strength_decide_whether_it_counts(planted, reader, z, value, strength, painted):
    """Where there was no paint, strength · value is left, and counts while above one half."""
    clear = z[z[:, 0] <= 0]
    result = insert(planted, "layer1", [0], value, reader, clear, strength=strength, region=LEFT, n_random_sets=0)
    assert result.effect[RED] == (0.5 if painted else 0.0)


def test_random_sets_get_their_own_values_from_one_for_every_unit(planted, reader, z, share_of_red):
    """Of the eight units only unit 0 can paint red, and only its own value is 1: an eighth of the sets do it."""
    values = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0])
    result = insert(planted, "layer1", [0], values, reader, z, region=LEFT, n_random_sets=200)
    assert set(np.round(result.chance[:, RED], 6)) == {0.0, round((1 - share_of_red) / 2, 6)}
    assert (result.chance[:, RED] > 0).mean() == pytest.approx(1 / 8, abs=0.06)
    assert result.value.tolist() == [1.0]
    given = insert(planted, "layer1", [0], torch.tensor([1.0]), reader, z, region=LEFT, n_random_sets=0)
    assert given.effect.tolist() == result.effect.tolist()


def test_the_average_causal_effect_is_inserted_minus_ablated(planted, reader, z, share_of_red):
    """In the left half every image is red with the painter in, and none without it: 1/2 exactly, in every image."""
    from ganwidgets.ablate.insertion import average_causal_effect

    result = average_causal_effect(planted, "layer1", [0], 1.0, reader, z, region=LEFT, n_random_sets=100)
    assert result.effect == pytest.approx([0.5, 0, 0, 0.25]) and result.interval[RED] == pytest.approx([0.5, 0.5])
    assert result.ablated.effect[RED] == pytest.approx(share_of_red / 2)
    assert result.inserted.effect[RED] == pytest.approx((1 - share_of_red) / 2)
    assert (result.n, result.concepts) == (40, reader.concepts)
    # Random units do nothing, or are the painter, or the blue one, which turns the red of the left half off.
    assert set(np.round(result.chance[:, RED], 6)) == {0.0, 0.5, round(-share_of_red / 2, 6)}
    frame = result.to_frame()
    assert frame["ablated"][RED] == 0 and frame["inserted"][RED] == 40 * 128
    assert frame["unchanged"][RED] == round(40 * 128 * share_of_red) and frame["effect"][RED] == pytest.approx(0.5)


def test_measuring_elsewhere_finds_nothing(planted, reader, z):
    result = insert(planted, "layer1", [0], 1.0, reader, z, region=LEFT, measure=1 - LEFT, n_random_sets=0)
    assert result.effect.tolist() == [0, 0, 0, 0] and result.image_pixels == 128


@pytest.mark.parametrize("quantile", [0.995, 0.9, 0.5, 0.3, 0.001])
def test_the_insertion_value_is_the_exact_quantile(planted, z, quantile):
    from ganwidgets.ablate.insertion import insertion_value

    values = planted.acts(z, "layer1").transpose(0, 1).flatten(1).double().numpy()
    expected = np.quantile(values, quantile, axis=1, method="hazen")
    told = []
    found = insertion_value(planted, "layer1", z, quantile=quantile, progress=told.append)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert told == [0.8, 1.0] and float(found[3]) == 1.0  # the saturated unit


def test_the_mean_where_a_concept_is_present(planted, reader, z):
    """Where the image is red unit 0 is 1, unit 1 (the blue dot in the other half) is 0, and unit 3 is always 1."""
    from ganwidgets.ablate.insertion import mean_where_present

    found = mean_where_present(planted, "layer1", "red", reader, z)
    assert found[:4].tolist() == [1.0, 0.0, 0.0, 1.0]
    red = z[:, 0] > 0
    assert float(found[5]) == pytest.approx(float(planted.acts(z[red], "layer1")[:, 5, :, :8].mean()), rel=1e-5)
    with pytest.raises(ValueError, match="none of 40 contains 'green'"):
        mean_where_present(planted, "layer1", "green", reader, z)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"value": torch.ones(3)}, "`value` must be a number, 1 numbers"),
        ({"value": float("nan")}, "`value` must be finite"),
        ({"units": [9]}, "`units` must be below 8"),
        ({"strength": -0.1}, "`strength` must lie in"),
        ({"region": torch.zeros(2, 2)}, "`region` must cover something"),
        ({"z": torch.zeros(0, 4)}, "`z` must hold at least 1"),
    ],
)
def test_bad_input_is_one_sentence(planted, reader, z, changes, reason):
    given = {"units": [0], "value": 1.0, "z": z} | changes
    units, value, latents = (given.pop(name) for name in ("units", "value", "z"))
    with pytest.raises(ValueError, match=reason):
        insert(planted, "layer1", units, value, reader, latents, **given)


def test_a_quantile_outside_the_values_is_refused(planted, z):
    from ganwidgets.ablate.insertion import insertion_value

    with pytest.raises(ValueError, match="`quantile` must lie between 0 and 1"):
        insertion_value(planted, "layer1", z, quantile=1.5)


DATA = Path(__file__).parents[1] / "data/ace"


@pytest.mark.parametrize("layer", ["layer4", "layer6"])
def test_golden_what_the_reference_inserts(golden_generator, landscape, layer):
    """aceoptimize.py: the mean where the concept is present over 600 latents of seed 10, and their quantiles."""
    from ganwidgets.ablate.insertion import insertion_value, mean_where_present

    golden, z = np.load(DATA / f"ace_{layer}_house.npz"), golden_generator.sample_z(600, seed=10)
    found = mean_where_present(golden_generator, layer, "house", landscape, z)
    np.testing.assert_allclose(found, golden["corpus.weighted_mean_present_feature"], atol=1e-3)
    values = insertion_value(golden_generator, layer, golden_generator.sample_z(500, seed=1))
    np.testing.assert_allclose(values, golden["insert.value"], atol=1e-3)
    for name, quantile in (("10", 0.1), ("50", 0.5), ("99", 0.99)):  # theirs are sketches: 0.02 apart at most
        ours = insertion_value(golden_generator, layer, z, quantile=quantile).numpy()
        np.testing.assert_allclose(ours, golden[f"corpus.feature_{name}"], atol=0.02)


def test_values_of_all_units_in_another_order_are_refused():
    """Seven numbers for seven units: of the layer in its own order, or of `units` in theirs?"""
    from ganwidgets.ablate.insertion import values_of

    value = torch.arange(3.0)
    assert values_of((0, 1, 2), value, 3)((2, 0)).tolist() == [2, 0]
    assert values_of((2, 0), value, 3)((2, 0)).tolist() == [2, 0]
    with pytest.raises(ValueError, match="cannot be told which number is whose; give `units` in ascending order"):
        values_of((2, 1, 0), value, 3)
