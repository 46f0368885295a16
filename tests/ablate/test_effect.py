"""Effects that are known on paper: unit 0 of the planted generator paints half an image red, where z[0] > 0."""

from pathlib import Path

import numpy as np
import pytest
import torch

RED, RED_TOP = 0, 3


@pytest.fixture(scope="module")
def z(planted):
    return planted.sample_z(40, seed=3)


@pytest.fixture(scope="module")
def share_of_red(z):
    return float((z[:, 0] > 0).float().mean())


def effect(*args, **options):
    from ganwidgets.ablate import ablation_effect

    return ablation_effect(*args, **options)


@pytest.mark.parametrize("layer", ["layer1", "layer2"])
def test_the_painting_unit_removes_its_concept_and_nothing_else(planted, reader, z, share_of_red, layer):
    result = effect(planted, layer, [0], reader, z)
    assert result.effect == pytest.approx([share_of_red / 2, 0, 0, share_of_red / 4])
    assert result.fraction_removed == pytest.approx([1, 0, np.nan, 1], nan_ok=True)
    assert result.before[RED] == pytest.approx(result.n * result.image_pixels * share_of_red / 2)
    assert result.after[RED] == 0 and result.n == 40


def test_other_units_change_nothing(planted, reader, z):
    assert effect(planted, "layer1", [2, 3, 4, 5], reader, z).effect.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(("strength", "gone"), [(0.0, 0.0), (0.4, 0.0), (0.6, 1.0), (1.0, 1.0)])
def test_strength_fades_the_paint(planted, reader, z, strength, gone):
    assert effect(planted, "layer1", [0], reader, z, strength=strength).fraction_removed[RED] == gone


def test_the_interval_is_that_of_a_share_of_images(planted, reader, z, share_of_red):
    """Each image loses 1/2 or nothing, so the mean over n images has the standard error of a proportion."""
    low, high = effect(planted, "layer1", [0], reader, z).interval[RED]
    half = 1.96 * 0.5 * np.sqrt(share_of_red * (1 - share_of_red) / 40)
    assert low == pytest.approx(share_of_red / 2 - half, abs=0.03)
    assert high == pytest.approx(share_of_red / 2 + half, abs=0.03)


def test_chance_is_the_share_of_random_sets_that_hold_the_painter(planted, reader, z, share_of_red):
    result = effect(planted, "layer1", [0, 5], reader, z, n_random_sets=200, seed=1)
    assert result.chance.shape == (200, 4)
    # 2 of 8 units: the painter is in a quarter of all pairs, and such a pair removes all red.
    assert set(np.round(result.chance[:, RED], 6)) == {0.0, round(share_of_red / 2, 6)}
    assert result.chance[:, RED].mean() == pytest.approx(share_of_red / 2 / 4, abs=0.04)


def test_batches_do_not_matter(planted, reader, monkeypatch):
    from ganwidgets.ablate import counts as module

    z = planted.sample_z(7)
    whole = effect(planted, "layer1", [0, 1], reader, z, n_random_sets=3)
    monkeypatch.setattr(module, "BATCH", 3)
    parts = effect(planted, "layer1", [0, 1], reader, z, n_random_sets=3)
    np.testing.assert_array_equal(whole.effect, parts.effect)
    np.testing.assert_array_equal(whole.chance, parts.chance)


def test_the_network_below_the_layer_runs_once_a_batch(reader, z):
    from ganwidgets.testing import planted_generator

    generator, calls = planted_generator(), []
    generator.module.layer1.register_forward_hook(lambda *args: calls.append(1))
    effect(generator, "layer1", [0], reader, z, n_random_sets=5)
    assert len(calls) == 2  # 40 images in batches of 32


def test_progress_ends_at_one(planted, reader, z):
    told = []
    effect(planted, "layer1", [0], reader, z, n_random_sets=2, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 6


def test_unit_effects_are_the_effects_of_single_units(planted, reader, z):
    from ganwidgets.ablate import unit_effects

    told = []
    alone = unit_effects(planted, "layer1", reader, z, progress=told.append)
    assert alone.shape == (8, 4) and told[-1] == 1.0
    for unit in (0, 1, 4):
        assert alone[unit] == pytest.approx(effect(planted, "layer1", [unit], reader, z, n_random_sets=0).effect)
    assert unit_effects(planted, "layer1", reader, z, units=[1]) == pytest.approx(alone[1:2])


def test_unit_effects_are_the_same_when_activations_are_too_many_to_keep(planted, reader, z, monkeypatch):
    from ganwidgets.ablate import effect as module
    from ganwidgets.ablate import unit_effects

    kept = unit_effects(planted, "layer1", reader, z, units=[0, 4])
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    np.testing.assert_array_equal(unit_effects(planted, "layer1", reader, z, units=[0, 4]), kept)
    with pytest.raises(ValueError, match="`z` must hold at least 1"):
        unit_effects(planted, "layer1", reader, z[:0])


def test_concept_pixels_counts_every_slot_and_leaves_the_segmentation_alone():
    from ganwidgets.ablate import concept_pixels

    answer = torch.tensor([[[[1, 0], [2, 2]], [[0, 3], [3, 3]]], [[[0, 0], [0, 0]], [[3, 0], [0, 0]]]])

    class Stored:
        name, concepts, categories, slots = "stored", ("a", "b", "c"), ("x",) * 3, ("object", "part")

        def __call__(self, images):
            return answer

    kept = answer.clone()
    counts = concept_pixels(torch.zeros(2, 3, 2, 2), Stored())
    assert counts.tolist() == [[1, 2, 3], [0, 0, 1]] and answer.equal(kept)


def test_the_frame_has_a_row_per_concept_and_says_what_chance_does(planted, reader, z):
    frame = effect(planted, "layer1", [0], reader, z, n_random_sets=4).to_frame()
    assert frame["concept"].tolist() == ["red", "blue", "green", "red top"]
    assert frame["category"].tolist() == ["object"] * 3 + ["part"]
    assert (frame["chance_low"] <= frame["chance"]).all() and (frame["chance"] <= frame["chance_high"]).all()
    bare = effect(planted, "layer1", [0], reader, z, n_random_sets=0).to_frame()
    assert bare["chance"].isna().all() and bare["chance_low"].isna().all()


def test_one_strength_a_unit(planted, reader, z):
    result = effect(planted, "layer1", [0, 1], reader, z, strength=[0.4, 1.0], n_random_sets=200)
    assert result.fraction_removed[:2].tolist() == [0.0, 1.0]
    assert result.ablation.strength == pytest.approx((0.4, 1.0))
    # Of random pairs an eighth has the painter first, at 0.4, which does nothing, and an eighth second, at 1.
    assert (result.chance[:, RED] > 0).mean() == pytest.approx(1 / 8, abs=0.06)


def half(left=0.0, right=0.0, top=None, height=16, width=16):
    region = torch.tensor([[left, right]]).repeat_interleave(width // 2, 1).expand(height, width).clone()
    if top is not None:
        region[height // 2 :] *= 1 - top
    return region


@pytest.mark.parametrize("size", [4, 16, 64])
def test_a_region_restricts_where_units_go(planted, reader, z, share_of_red, size):
    """The upper half of the red is a concept of its own: without the unit there, all of it goes, and half the red."""
    region = torch.zeros(size, size)
    region[: size // 2] = 1
    result = effect(planted, "layer1", [0], reader, z, region=region)
    assert result.fraction_removed == pytest.approx([0.5, 0, np.nan, 1], nan_ok=True)
    assert result.effect[RED] == pytest.approx(share_of_red / 4) and result.region.shape == (size, size)
    # A random set that holds the painter is restricted in the same way.
    assert set(np.round(result.chance[:, RED], 6)) <= {0.0, round(share_of_red / 4, 6)}


def test_a_measure_restricts_where_pixels_are_counted(planted, reader, z, share_of_red):
    left, right = (effect(planted, "layer1", [0], reader, z, measure=half(*on)) for on in ((1.0, 0.0), (0.0, 1.0)))
    assert left.image_pixels == right.image_pixels == 128
    assert left.effect[RED] == pytest.approx(share_of_red) and left.before[RED] == round(40 * 128 * share_of_red)
    assert right.effect.tolist() == [0, 0, 0, 0] and right.before[RED] == 0


def test_ablation_to_the_mean_leaves_the_mean(planted, reader, z, share_of_red):
    """Unit 0 is 1 on half of the images that are red: its mean is below one half, and no red is left."""
    from ganwidgets.ablate.effect import unit_means

    means = unit_means(planted, "layer1", z)
    everything = planted.acts(z, "layer1").mean((0, 2, 3))
    torch.testing.assert_close(means, everything)
    assert float(means[0]) == pytest.approx(share_of_red / 2)
    assert effect(planted, "layer1", [0], reader, z, to="mean").fraction_removed[RED] == 1.0
    # 0.6 of the paint plus 0.4 of the mean is more than one half: the red stays; to zero, 0.45 is left and it goes.
    mean, zero = (
        effect(planted, "layer1", [0], reader, z, to=to, strength=0.55).fraction_removed[RED] for to in ("mean", "zero")
    )
    assert (mean, zero) == (0.0, 1.0) and 0.45 + 0.55 * share_of_red / 2 > 0.5


def test_ablation_to_another_image_keeps_the_total_and_changes_the_images(planted, reader, z, share_of_red):
    result = effect(planted, "layer1", [0], reader, z, to="resample", n_random_sets=3)
    assert result.effect[RED] == 0 and result.before[RED] == result.after[RED] > 0
    assert np.ptp(result.interval[RED]) > 0.1  # single images lose or gain half of their pixels
    region = half(0.0, 1.0)
    assert np.ptp(effect(planted, "layer1", [0], reader, z, to="resample", region=region).interval[RED]) == 0


def test_everybody_gets_another_image_once():
    from ganwidgets.ablate.effect import other_images

    for n in (2, 3, 40):
        partner = other_images(n, seed=1)
        assert sorted(partner.tolist()) == list(range(n)) and not (partner == torch.arange(n)).any()


def test_the_interval_of_the_share_removed_is_that_of_a_ratio(planted, reader, z):
    whole = effect(planted, "layer1", [0], reader, z)
    assert whole.removed_interval[RED].tolist() == [1.0, 1.0] and np.isnan(whole.removed_interval[2]).all()
    top = torch.zeros(16, 16)
    top[:8] = 1
    half_gone = effect(planted, "layer1", [0], reader, z, region=top)
    assert half_gone.removed_interval[RED] == pytest.approx([0.5, 0.5])
    one = effect(planted, "layer1", [0], reader, z[z[:, 0] > 0][:1])
    assert (
        one.fraction_removed[RED] == 1 and np.isnan(one.removed_interval[RED]).all()
    )  # one image says nothing of others


def test_chance_as_a_share_of_the_concept(planted, reader, z):
    result = effect(planted, "layer1", [0, 5], reader, z, n_random_sets=200, seed=1)
    assert set(np.round(result.chance_removed[:, RED], 6)) == {0.0, 1.0}
    assert np.isnan(result.chance_removed[:, 2]).all()
    frame = result.to_frame()
    assert frame["chance_removed"][RED] == pytest.approx(result.chance_removed[:, RED].mean())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layer": "layer9"}, "`layer` must be one of"),
        ({"units": [8]}, "`units` must be below 8"),
        ({"units": [0, 0]}, "each unit once"),
        ({"units": [0] * 9}, "each unit once"),
        ({"strength": 2.0}, r"`strength` must lie in \[0, 1\]"),
        ({"strength": [0.5, 0.5]}, "`strength` must be a number or 1"),
        ({"to": "median"}, "`to` must be one of"),
        ({"region": torch.zeros(16, 16)}, "`region` must cover something"),
        ({"region": torch.full((16, 16), 2.0)}, r"`region` must lie in \[0, 1\]"),
        ({"region": torch.ones(16)}, "`region` must be"),
        ({"measure": torch.zeros(4, 4)}, "`measure` must cover something"),
        ({"measure": torch.full((4, 4), 0.1)}, "at least half of one pixel"),
        ({"z": torch.zeros(0, 4)}, "`z` must hold at least 1"),
        ({"z": torch.zeros(1, 4), "to": "resample"}, "`z` must hold at least 2"),
    ],
)
def test_bad_input_is_one_sentence(planted, reader, z, changes, reason):
    given = {"layer": "layer1", "units": [0], "z": z} | changes
    layer, units, latents = (given.pop(name) for name in ("layer", "units", "z"))
    with pytest.raises(ValueError, match=reason):
        effect(planted, layer, units, reader, latents, **given)


@pytest.mark.parametrize("to", ["zero", "mean", "resample"])
def test_what_progress_raises_stops_the_work_and_leaves_the_network_alone(planted, reader, z, to):
    def stop(fraction):
        raise KeyboardInterrupt

    images, fingerprint = planted.images(z), planted.fingerprint
    with pytest.raises(KeyboardInterrupt):
        effect(planted, "layer1", [0], reader, z, to=to, progress=stop)
    assert planted.images(z).equal(images) and planted.fingerprint == fingerprint


DATA = Path(__file__).parents[1] / "data/ace"


@pytest.mark.parametrize("layer", ["layer4", "layer6"])
def test_golden_the_reference_removes_the_same_pixels(golden_generator, landscape, layer):
    """CSAILVision/gandissect on a small Progressive GAN: units removed in order of IoU, 200 latents of seed 3."""
    golden = np.load(DATA / f"ace_{layer}_house.npz")
    z = golden_generator.sample_z(200, seed=3)
    for count in (1, 2, 10):
        result = effect(golden_generator, layer, golden["iou_order"][:count].tolist(), landscape, z, n_random_sets=0)
        np.testing.assert_allclose(result.before, golden["fullablate.all_concepts.pixels"][:, 0], rtol=5e-3)
        np.testing.assert_allclose(result.after, golden["fullablate.all_concepts.pixels"][:, count], rtol=5e-3, atol=2)
        removed = golden["fullablate.removed"][count]
        assert result.fraction_removed[4] == pytest.approx(removed, abs=5e-3)


def test_golden_single_units(golden_generator, landscape):
    from ganwidgets.ablate import concept_pixels, unit_effects

    golden = np.load(DATA / "ace_layer4_house.npz")
    z, units = golden_generator.sample_z(200, seed=3), [4, 5, 1, 0]
    alone = unit_effects(golden_generator, "layer4", landscape, z, units=units)[:, 4]
    houses = concept_pixels(golden_generator.images(z), landscape)[:, 4].sum() / (200 * 32 * 32)
    assert alone / float(houses) == pytest.approx(golden["single_unit.removed"][units], abs=5e-3)


def test_golden_a_strength_for_each_unit(golden_generator, landscape):
    """fullablate --mixed_units: the first units of the order at strengths 1, 0.9, …, 0.1."""
    golden = np.load(DATA / "ace_layer6_house.npz")
    z = golden_generator.sample_z(200, seed=3)
    for count in (2, 4):
        units, strengths = golden["iou_order"][:count].tolist(), golden["fullablate_mixed.values"][:count].tolist()
        result = effect(golden_generator, "layer6", units, landscape, z, strength=strengths, n_random_sets=0)
        assert result.after[4] == pytest.approx(golden["fullablate_mixed.pixels"][count], rel=5e-3)
