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
    result = effect(planted, "layer1", [0, 5], reader, z, chance_sets=200, seed=1)
    assert result.chance.shape == (200, 4)
    # 2 of 8 units: the painter is in a quarter of all pairs, and such a pair removes all red.
    assert set(np.round(result.chance[:, RED], 6)) == {0.0, round(share_of_red / 2, 6)}
    assert result.chance[:, RED].mean() == pytest.approx(share_of_red / 2 / 4, abs=0.04)


def test_batches_do_not_matter(planted, reader, monkeypatch):
    from ganwidgets.ablate import effect as module

    z = planted.sample_z(7)
    whole = effect(planted, "layer1", [0, 1], reader, z, chance_sets=3)
    monkeypatch.setattr(module, "BATCH", 3)
    parts = effect(planted, "layer1", [0, 1], reader, z, chance_sets=3)
    np.testing.assert_array_equal(whole.effect, parts.effect)
    np.testing.assert_array_equal(whole.chance, parts.chance)


def test_the_network_below_the_layer_runs_once_a_batch(reader, z):
    from ganwidgets.testing import planted_generator

    generator, calls = planted_generator(), []
    generator.module.layer1.register_forward_hook(lambda *args: calls.append(1))
    effect(generator, "layer1", [0], reader, z, chance_sets=5)
    assert len(calls) == 2  # 40 images in batches of 32


def test_progress_ends_at_one(planted, reader, z):
    told = []
    effect(planted, "layer1", [0], reader, z, chance_sets=2, progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 6


def test_unit_effects_are_the_effects_of_single_units(planted, reader, z):
    from ganwidgets.ablate import unit_effects

    told = []
    alone = unit_effects(planted, "layer1", reader, z, progress=told.append)
    assert alone.shape == (8, 4) and told[-1] == 1.0
    for unit in (0, 1, 4):
        assert alone[unit] == pytest.approx(effect(planted, "layer1", [unit], reader, z, chance_sets=0).effect)
    assert unit_effects(planted, "layer1", reader, z, units=[1]) == pytest.approx(alone[1:2])


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
    frame = effect(planted, "layer1", [0], reader, z, chance_sets=4).to_frame()
    assert frame["concept"].tolist() == ["red", "blue", "green", "red top"]
    assert frame["category"].tolist() == ["object"] * 3 + ["part"]
    assert (frame["chance_low"] <= frame["chance"]).all() and (frame["chance"] <= frame["chance_high"]).all()
    bare = effect(planted, "layer1", [0], reader, z, chance_sets=0).to_frame()
    assert bare["chance"].isna().all() and bare["chance_low"].isna().all()


@pytest.mark.parametrize(
    ("layer", "units", "strength"), [("layer9", [0], 1.0), ("layer1", [8], 1.0), ("layer1", [0], 2.0)]
)
def test_bad_input_is_one_sentence(planted, reader, z, layer, units, strength):
    with pytest.raises(ValueError, match=r"`(layer|units|strength)` must"):
        effect(planted, layer, units, reader, z, strength=strength)


DATA = Path(__file__).parents[1] / "data"


class Landscape:
    """The rule the golden data was segmented with; house is label 5, bright a slot of its own."""

    name, slots = "landscape", ("object", "color")
    concepts = ("sky", "ground", "sun", "cloud", "house", "bright")
    categories = ("object",) * 5 + ("color",)

    def __call__(self, images):
        r, g, b = ((images + 1) / 2).clamp(0, 1).unbind(1)
        rules = [
            (b > 0.55) & (b - r > 0.15),
            (g - b > 0.15) & (g - r > 0.02),
            (r > 0.80) & (g > 0.60) & (b < 0.60),
            torch.minimum(torch.minimum(r, g), b) > 0.72,
            r - torch.maximum(g, b) > 0.20,
        ]
        objects = torch.zeros_like(r, dtype=torch.uint8)
        for label, rule in reversed(list(enumerate(rules, 1))):  # the first rule that holds wins
            objects[rule] = label
        bright = ((r + g + b) / 3 > 0.62).to(torch.uint8) * 6
        return torch.stack([objects, bright], 1)


@pytest.fixture(scope="module")
def golden_generator():
    import ganwidgets as gw

    for model in (DATA / "dissect/model.safetensors", DATA / "../../../shared/golden/dissect/model.safetensors"):
        if model.exists():
            return gw.load(model)
    pytest.skip("the model of the golden data (tests/data/dissect/model.safetensors) is not here")


@pytest.mark.parametrize("layer", ["layer4", "layer6"])
def test_golden_the_reference_removes_the_same_pixels(golden_generator, layer):
    """CSAILVision/gandissect on a small Progressive GAN: units removed in order of IoU, 200 latents of seed 3."""
    golden = np.load(DATA / f"ace/ace_{layer}_house.npz")
    z = golden_generator.sample_z(200, seed=3)
    for count in (1, 2, 10):
        result = effect(golden_generator, layer, golden["iou_order"][:count].tolist(), Landscape(), z, chance_sets=0)
        np.testing.assert_allclose(result.before, golden["fullablate.all_concepts.pixels"][:, 0], rtol=5e-3)
        np.testing.assert_allclose(result.after, golden["fullablate.all_concepts.pixels"][:, count], rtol=5e-3, atol=2)
        removed = golden["fullablate.removed"][count]
        assert result.fraction_removed[4] == pytest.approx(removed, abs=5e-3)


def test_golden_single_units(golden_generator):
    from ganwidgets.ablate import concept_pixels, unit_effects

    golden = np.load(DATA / "ace/ace_layer4_house.npz")
    z, units = golden_generator.sample_z(200, seed=3), [4, 5, 1, 0]
    alone = unit_effects(golden_generator, "layer4", Landscape(), z, units=units)[:, 4]
    houses = concept_pixels(golden_generator.images(z), Landscape())[:, 4].sum() / (200 * 32 * 32)
    assert alone / float(houses) == pytest.approx(golden["single_unit.removed"][units], abs=5e-3)
