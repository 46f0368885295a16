"""What a stroke achieved, what was predicted, and what chance does: each number known on paper."""

import numpy as np
import pytest
import torch

PLAIN = torch.tensor([[-1.0, -1.0, 0.5, 0.5]])
RED = torch.tensor([[1.0, -1.0, 0.5, 0.5]])


def box(rows, columns, alpha=1.0):
    region = np.zeros((16, 16), np.float32)
    region[slice(*rows), slice(*columns)] = alpha
    return region


@pytest.fixture
def stroke():
    from ganwidgets.paint import Stroke

    def make(units=(0,), region=None, value=1.0, **options):
        region = box((4, 8), (6, 12)) if region is None else region
        return Stroke("layer1", units, region, value, **{"concept": "red", **options})

    return make


def test_red_on_a_plain_picture_gains_all_of_the_brush_and_nothing_else(planted, reader, stroke):
    from ganwidgets.paint import report

    found = report(planted, [stroke()], PLAIN, reader, scenes=40, n_random_sets=12)
    assert (found.brush_pixels, found.achieved) == (24, 24)
    assert (found.changed_inside, found.changed_outside) == (1.0, 0.0)
    assert found.stood == "" and found.outside.tolist() == [[0] * 4] * 2
    assert found.concepts == reader.concepts and found.inside[:, 0].tolist() == [0, 24]
    assert found.inside[1, 3] == 24  # "red top" is the other slot of the same pixels


def test_predicted_is_the_mean_gain_of_the_same_stroke_alone_on_other_scenes(planted, reader, stroke):
    """Two of the six columns are red already where z[0] > 0: it gains 16 there, and 24 elsewhere."""
    from ganwidgets.paint import report
    from ganwidgets.paint.report import SCENES_SEED

    under = stroke(region=box((0, 16), (0, 16)), value=1.0)  # another stroke below does not count for the prediction
    found = report(planted, [under, stroke()], PLAIN, reader, scenes=40)
    already = (planted.sample_z(40, SCENES_SEED)[:, 0] > 0).numpy()
    np.testing.assert_array_equal(found.elsewhere[:, 0], np.where(already, 16, 24))
    assert found.predicted == (pytest.approx(24 - 8 * already.mean()), 16.0, 24.0)
    assert found.achieved == 0 and found.stood == "red"  # here it was red all over


def test_chance_is_the_same_stroke_with_random_units(planted, reader, stroke):
    from ganwidgets.paint import report

    found = report(planted, [stroke(units=(0, 4))], PLAIN, reader, scenes=0, n_random_sets=60, seed=1)
    gains = found.chance[:, 0]
    assert set(gains.tolist()) == {0, 24} and found.predicted is None  # unit 0 is among the two, or is not
    assert 0.1 < (gains > 0).mean() < 0.45  # 2 of 8: a quarter
    assert found.by_chance[0] == gains.mean()


def test_removing_is_a_loss_everywhere(planted, reader, stroke):
    from ganwidgets.paint import report

    found = report(planted, [stroke(sign="remove")], RED, reader, scenes=10)
    assert found.achieved == -8 and found.stood == "red" and set(found.elsewhere[:, 0].tolist()) <= {0, -8}
    assert found.changed_inside == pytest.approx(8 / 24) and found.changed_outside == 0


def test_a_soft_fringe_is_neither_inside_nor_outside(planted, reader, stroke):
    from ganwidgets.paint import report
    from ganwidgets.paint.report import footprint

    soft = np.maximum(box((4, 8), (6, 12), 0.2), box((5, 7), (7, 11), 0.8))
    inside, outside = footprint(stroke(region=soft), (16, 16))
    assert torch.equal(inside, torch.tensor(soft > 0.5)) and torch.equal(outside, torch.tensor(soft == 0))
    found = report(planted, [stroke(region=soft)], PLAIN, reader, scenes=0, n_random_sets=0)
    assert (found.brush_pixels, found.changed_outside, found.inside[1, 0], found.outside[1, 0]) == (8, 0.0, 8, 0)


def test_any_stroke_can_be_asked_about_and_the_others_stay(planted, reader, stroke):
    from ganwidgets.paint import report

    lower, upper = stroke(), stroke(sign="remove", region=box((4, 8), (9, 12)))
    found = report(planted, [lower, upper], PLAIN, reader, which=0, scenes=0, n_random_sets=0)
    assert found.stroke.uid == lower.uid and found.achieved == 12  # the other half of it is removed above
    muted = report(planted, [stroke(muted=True)], PLAIN, reader, scenes=0, n_random_sets=0)
    assert muted.achieved == 24  # what it would do


@pytest.mark.parametrize(
    ("scene", "units", "options", "obstacle", "words"),
    [
        (PLAIN, (0,), {}, "", ""),  # it is red now
        (PLAIN, (0,), {"sign": "remove"}, "absent", "Nothing happened: there was no red inside the brush."),
        (RED, (0,), {"region": box((4, 8), (0, 8))}, "already", "Nothing happened: red was there already."),
        (RED, (1,), {"concept": "blue", "region": box((4, 8), (0, 8))}, "here", "here, where red stood; the same"),
        (PLAIN, (4,), {}, "anywhere", "no more in other scenes: try another place, another layer or more units."),
    ],
)
def test_a_stroke_that_did_nothing_says_what_stood_in_the_way(
    planted, reader, stroke, scene, units, options, obstacle, words
):
    """Blue paint over red is neither, so unit 1 does nothing where it is red, and something in half of the scenes."""
    from ganwidgets.paint import report

    found = report(planted, [stroke(units=units, **options)], scene, reader, scenes=12, n_random_sets=6)
    assert found.obstacle == obstacle and words in found.why_nothing
    assert bool(found.why_nothing) is bool(obstacle)


def test_a_pixel_or_two_is_almost_nothing_and_unknown_chance_no_reason(planted, reader, stroke):
    from dataclasses import replace

    from ganwidgets.paint import report

    found = report(planted, [stroke(units=(4,), region=np.ones((16, 16)))], PLAIN, reader, scenes=4, n_random_sets=4)
    found = replace(found, chance=0 * found.chance)
    for gained, obstacle in ((5, "anywhere"), (6, "")):  # 2 % of 256
        assert replace(found, inside=np.array([[0, 0, 0, 0], [gained, 0, 0, 0]])).obstacle == obstacle
    for part in ("chance", "elsewhere"):
        assert replace(found, **{part: getattr(found, part)[:0]}).obstacle == ""


def test_the_report_in_words_and_as_a_table(planted, reader, stroke):
    from ganwidgets.paint import report

    found = report(planted, [stroke()], RED, reader, scenes=8, n_random_sets=5)
    words = found.sentence
    for part in ("red: +16 of 24 pixels in the brush", "red stood there", "in 8 other scenes +", "random units "):
        assert part in words
    assert words.endswith("67% of the brush and 0% of the rest changed visibly.")
    frame = found.to_frame().set_index("concept")
    assert frame.loc["red", ["inside_before", "inside_after", "achieved"]].tolist() == [8, 24, 16]
    assert frame.loc["red", "predicted_low"] <= frame.loc["red", "predicted"] <= frame.loc["red", "predicted_high"]
    assert frame.loc["green", "predicted"] == 0 and len(frame) == 4


@pytest.mark.parametrize("concept", [None, "castle"])
def test_units_without_a_known_concept_are_reported_by_what_changed(planted, reader, stroke, concept):
    from ganwidgets.paint import report

    found = report(planted, [stroke(concept=concept)], PLAIN, reader, scenes=2, n_random_sets=1)
    assert found.achieved is None and found.predicted is None
    assert found.sentence == "100% of the brush and 0% of the rest changed visibly."
    assert found.to_frame()["achieved"].tolist() == [24, 0, 0, 24]


def test_without_a_segmenter_only_changes_are_counted(planted, stroke):
    from ganwidgets.paint import report

    found = report(planted, [stroke()], PLAIN)
    assert (
        found.concepts == () and found.changed_inside == 1.0 and found.achieved is None and len(found.to_frame()) == 0
    )


def test_a_pasted_clip_has_a_prediction_but_no_random_twin(planted, reader):
    from ganwidgets.paint import copy_region, paste, report

    clip = copy_region(planted, RED, "layer1", box((4, 8), (6, 12)))
    found = report(planted, [paste(clip)], PLAIN, reader, scenes=3)
    assert found.elsewhere.shape == (3, 4) and found.chance.shape == (0, 4)
    assert found.inside[:, 0].tolist() == [0, 8]


def test_a_stroke_that_covers_everything_has_no_outside(planted, reader, stroke):
    from ganwidgets.paint import report

    found = report(planted, [stroke(region=np.ones((4, 4)))], PLAIN, reader, scenes=0, n_random_sets=0)
    assert found.changed_outside == 0.0 and found.brush_pixels == 256


def test_other_scenes_are_cut_below_the_layer_once(reader, stroke):
    from ganwidgets.paint.report import Elsewhere
    from ganwidgets.testing import planted_generator

    network, ran = planted_generator(), []
    network.module.layer1.register_forward_hook(lambda *given: ran.append(1))
    other = Elsewhere(network, reader, 5)
    first = other.gains(stroke())
    passes = len(ran)
    np.testing.assert_array_equal(other.gains(stroke()), first)
    assert len(ran) == passes
    network.module.colour.bias[:] = torch.tensor([2.0, -2.0, -2.0])  # everything is red now
    assert other.gains(stroke())[:, 0].tolist() == [0] * 5


def test_a_number_of_no_stroke_is_one_sentence(planted, reader, stroke):
    from ganwidgets.paint import report

    for strokes, which in (([], -1), ([stroke()], 1), ([stroke()], -2)):
        with pytest.raises(ValueError, match="`which` must be the number of one of"):
            report(planted, strokes, PLAIN, reader, which=which)


@pytest.mark.parametrize("n", [0, 3])
def test_a_report_is_of_one_picture(planted, reader, stroke, n):
    from ganwidgets.paint import report

    with pytest.raises(ValueError, match=f"`z` must be one latent in a batch of one, got {n}"):
        report(planted, [stroke()], planted.sample_z(3)[:n], reader)
