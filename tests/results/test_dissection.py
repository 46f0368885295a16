"""What a dissection tells: tables and pictures whose content is known beforehand."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

COLUMNS = ["layer", "unit", "concept", "category", "iou", "iou_low", "iou_high", "iou_chance", "above_chance"]
COLUMNS += ["labelled", "iqr", "threshold", "area", "status"]


def test_table_on_paper(paper):
    frame = paper.to_frame()
    assert list(frame.columns) == COLUMNS
    assert frame.layer.tolist() == ["conv"] * 4
    assert frame.unit.tolist() == [0, 1, 2, 3]
    assert frame.concept.tolist() == ["tree", "door", "", "door"]
    assert frame.category.tolist() == ["object", "part", "", "part"]
    wanted = {
        "iou": [0.5, 0.3, 0, 0.02],
        "iou_low": [0.4, 0.2, 0, 0.01],
        "iou_high": [0.6, 0.35, 0, 0.03],
        "iou_chance": [0.1, 0.4, 0, 0.05],
        "iqr": [0.4, 0.25, np.nan, 0.01],  # a dead unit has no concept whose ratio could be given
        "threshold": [1.5, 2.5, 0, 0.5],
        "area": [0.01, 0.02, 0, 0.03],
    }
    for name, values in wanted.items():
        np.testing.assert_allclose(frame[name], values, rtol=1e-6, err_msg=name)
    assert frame.above_chance.tolist() == [True, False, False, False]
    assert frame.labelled.tolist() == [True, True, False, False]
    assert frame.status.tolist() == ["ok", "ok", "dead", "ok"]


def test_table_of_several_layers(real, real_iqr):
    frame = real.to_frame()
    assert list(frame.columns) == COLUMNS
    assert frame.layer.tolist() == ["layer1"] * 8 + ["layer2"] * 8
    assert frame.unit.tolist() == [*range(8)] * 2
    assert frame[:8].equals(real.to_frame("layer1"))
    assert frame[8:].reset_index(drop=True).equals(real.to_frame("layer2"))
    assert frame.iqr.isna().all()
    found = frame.set_index(["layer", "unit"])
    for layer in real.layers:
        assert found.loc[layer].concept.tolist()[:4] == ["red", "blue", "", ""]
        assert found.loc[layer].iou.tolist()[:4] == [1, 1, 0, 0]
        assert found.loc[layer].status.tolist()[:4] == ["ok", "ok", "dead", "saturated"]
    assert real_iqr.to_frame().loc[1, "iqr"] == pytest.approx(1)
    assert real_iqr.to_frame().iou_chance.isna().all()


def test_top_images_are_those_with_the_highest_values(real, planted):
    z = planted.sample_z(70).numpy()
    best = real.exemplars(5, "layer1")  # gated by z[1]
    assert best.index.tolist() == np.argsort(-z[:, 1])[:8].tolist()
    assert (np.diff(best.value) < 0).all()
    acts = planted.acts(torch.from_numpy(z), "layer1")
    np.testing.assert_array_equal(best.value, acts[best.index, 5].amax((1, 2)))
    shown = planted.images(torch.from_numpy(z[best.index]))
    np.testing.assert_array_equal(best.images, ((shown + 1) * 127.5).round().permute(0, 2, 3, 1).numpy())


def test_of_equal_images_the_earlier_comes_first(real, planted, reader):
    """Unit 0 is 1 in every image that shows red: the first eight; its mask is the red."""
    z = planted.sample_z(70)
    best = real.exemplars(0, "layer2")
    assert best.index.tolist() == np.flatnonzero(z[:, 0] > 0)[:8].tolist()
    assert best.value.tolist() == [2] * 8
    np.testing.assert_array_equal(best.seg, reader(planted.images(z[best.index])))
    np.testing.assert_array_equal(best.mask, best.seg[:, 0] == 1)


def test_counterexamples_lack_the_concept(real, planted):
    z = planted.sample_z(70)
    counter = real.counterexamples(0, "layer1")
    assert counter.index.tolist() == np.flatnonzero(z[:, 0] <= 0)[:6].tolist()
    assert not (counter.seg == 1).any()
    assert not counter.mask.any()


def test_masks_are_what_is_above_the_threshold(real, planted):
    z = planted.sample_z(70)
    acts = planted.acts(z, "layer1")
    threshold = real.layers["layer1"].threshold
    for unit in (5, 6, 7):
        best = real.exemplars(unit, "layer1")
        far = (acts[best.index, unit] - float(threshold[unit])).abs() > 1e-2  # maps are kept in half precision
        np.testing.assert_array_equal(best.mask[far], (acts[best.index, unit] > float(threshold[unit]))[far])
        assert best.mask.any() and not best.mask.all()


def test_masks_are_upsampled_as_the_dissection_was(paper):
    """A 2 × 2 map on 4 × 4 pixels above 2.5: with zeros beyond the border its outer pixels fade."""
    unit, clamped = 1, np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]], bool)
    assert np.array_equal(paper.exemplars(unit).mask[0], clamped)
    zeros = replace(paper, options=paper.options | {"padding": "zeros"})
    assert not zeros.exemplars(unit).mask.any()


def test_pictures_on_paper(paper):
    best = paper.exemplars(0)
    assert len(best) == 2
    assert best.index.tolist() == [20, 10] and best.value.tolist() == [9, 8]
    assert best.images[:, 0, 0, 0].tolist() == [1, 0]
    assert best.seg[:, 1, 3, 3].tolist() == [1, 0]
    assert len(paper.exemplars(2)) == 0
    assert paper.exemplars(2).mask.shape == (0, 4, 4)
    assert paper.counterexamples(3).index.tolist() == [30]


@pytest.mark.parametrize(("k", "index"), [(1, [10]), (2, [10, 20]), (99, [10, 20, 30]), (None, [10, 20, 30])])
def test_as_many_pictures_as_asked_for(paper, k, index):
    assert paper.exemplars(1, k=k).index.tolist() == index
    assert paper.counterexamples(1, "conv", k).index.tolist() == index


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d.exemplars(8, "layer1"), ValueError, "`unit` must lie between 0 and 7, got 8"),
        (lambda d: d.exemplars(-1, "layer1"), ValueError, "`unit` must be at least 0, got -1"),
        (lambda d: d.exemplars(1.5, "layer1"), TypeError, "unit"),  # here jaxtyping says so first
        (lambda d: d.exemplars(0, "layer1", k=0), ValueError, "`k` must be at least 1, got 0"),
        (lambda d: d.exemplars(0), ValueError, r"`layer` must be one of \['layer1', 'layer2'\], got None\.$"),
        (lambda d: d.plot("layer3"), ValueError, r"one of \['layer1', 'layer2'\], got 'layer3'\. Did you mean 'layer"),
        (lambda d: d.to_frame("conv"), ValueError, r"`layer` must be one of \['layer1', 'layer2'\], got 'conv'\.$"),
    ],
)
def test_what_does_not_exist(real, call, error, message):
    with pytest.raises(error, match=message):
        call(real)


def test_numbers_of_numpy_are_units_too(real):
    assert real.exemplars(np.int64(5), "layer1").index.tolist() == real.exemplars(5, "layer1").index.tolist()


def test_repr_says_what_was_seen_and_is_stable(paper, real):
    assert repr(paper) == ("Dissection of 'paper' with 'pen', 40 of 50 images, rule 'iqr'; conv: 2 of 4 units labelled")
    assert repr(real) == (
        "Dissection of 'planted' with 'planted', 70 images, rule 'top_fraction'; "
        f"layer1: {real.layers['layer1'].labelled.sum()} of 8 units labelled; "
        f"layer2: {real.layers['layer2'].labelled.sum()} of 8 units labelled"
    )
    assert ", 1 image, rule" in repr(replace(paper, n=1, options=paper.options | {"n": 1}))
    assert (paper.seed, paper.rule, paper.complete, real.complete) == (3, "iqr", False, True)


def test_a_result_cannot_be_changed(paper):
    with pytest.raises(FrozenInstanceError):
        paper.n = 41
    with pytest.raises(FrozenInstanceError):
        paper.layer().threshold = paper.layer().area


def test_without_pictures_all_numbers_stay_and_the_file_is_small(real, tmp_path):
    from ganwidgets.results.files import load

    small = load(real.without_pictures().save(tmp_path / "small.gwd"))
    assert small.to_frame().equals(real.to_frame())
    np.testing.assert_array_equal(small.layer("layer2").iou, real.layer("layer2").iou)
    assert len(small.exemplars(0, "layer1")) == len(small.counterexamples(0, "layer1")) == 0
    assert (tmp_path / "small.gwd").stat().st_size < real.save(tmp_path / "all.gwd").stat().st_size / 8
    assert len(real.exemplars(0, "layer1")) == 8  # untouched
