"""Both labelling rules against the systems that published them, on the same generator, latents and segmentations."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

DATA = Path(__file__).parents[1] / "data" / "dissect"
LAYERS = ("layer4", "layer6")
CONCEPTS = ("sky", "ground", "sun", "cloud", "house", "bright")


class Recited:
    """Gives stored segmentations in the order in which images are asked about."""

    name, concepts, categories, slots = "recited", CONCEPTS, ("object",) * 5 + ("color",), ("object", "color")

    def __init__(self, *samples):
        self.rest = torch.from_numpy(np.concatenate(samples))

    def __call__(self, images):
        answer, self.rest = self.rest[: len(images)], self.rest[len(images) :]
        return answer


@pytest.fixture(scope="module")
def golden():
    with np.load(DATA / "golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def dissected():
    import ganwidgets as gw
    from ganwidgets.models.progan import ProGAN

    network = gw.TorchGenerator(ProGAN.from_state_dict(load_file(DATA / "model.safetensors")).eval())
    seg = np.load(DATA / "segmentation.npz")
    done = {}

    def run(rule, exact):
        if (rule, exact) not in done:
            samples = [seg["test_seed1"]] if rule == "top_fraction" else [seg["train_seed2"], seg["test_seed1"]]
            padding = "zeros" if rule == "top_fraction" else "clamp"
            options = gw.dissect.Options(
                layers=LAYERS, n=500, rule=rule, exact=exact, padding=padding, top_k=10, batch=50
            )
            work = gw.dissect.DissectionRun(network, Recited(*samples), options)
            assert list(work.steps())[-1] == work.total
            done[rule, exact] = work, work.result()
        return done[rule, exact]

    return run


@pytest.mark.parametrize(("exact", "level", "iou"), [(True, 1e-4, 1e-4), (False, 3e-3, 1e-3)])
@pytest.mark.parametrize("layer", LAYERS)
def test_top_fraction_is_that_of_davidbau_dissect(dissected, golden, layer, exact, level, iou):
    """Streaming: the threshold is read from bins, so the tolerances are wider; the labels are the same."""
    found = dissected("top_fraction", exact)[1].layers[layer]
    np.testing.assert_allclose(
        found.threshold, golden[f"top_fraction.{layer}.quantile99_995.exact"][:, 0], rtol=0, atol=level
    )
    reference = golden[f"top_fraction.{layer}.iou"][1:].T
    np.testing.assert_allclose(found.iou, reference, rtol=0, atol=iou)
    np.testing.assert_array_equal(found.concept + 1, golden[f"top_fraction.{layer}.best_label"])
    sure = abs(reference.max(1) - 0.04) > iou
    np.testing.assert_array_equal(found.labelled[sure], (reference.max(1) > 0.04)[sure])


@pytest.mark.parametrize("layer", LAYERS)
def test_top_images_are_those_of_davidbau_dissect(dissected, golden, layer):
    pictures = dissected("top_fraction", False)[1].layers[layer].pictures
    index, value = golden[f"top_fraction.{layer}.top10_index"], golden[f"top_fraction.{layer}.top10_value"]
    np.testing.assert_allclose(pictures["top_value"], value, rtol=0, atol=1e-4)
    close = np.diff(value, axis=1) > -1e-4  # two such may stand in either order
    sure = ~(np.pad(close, ((0, 0), (1, 0))) | np.pad(close, ((0, 0), (0, 1))))
    assert sure.mean() > 0.9
    np.testing.assert_array_equal(pictures["top_index"][sure], index[sure])


@pytest.mark.parametrize(("exact", "level", "share"), [(True, 1e-3, 1e-3), (False, 0.15, 0.012)])
@pytest.mark.parametrize("layer", LAYERS)
def test_iqr_is_that_of_gandissect(dissected, golden, layer, exact, level, share):
    """Streaming: 1,024 bins for all pixels, so the best level may be the next of the 100; the labels are the same."""
    found = dissected("iqr", exact)[1].layers[layer]
    label = golden[f"iqr.{layer}.label"]
    overlap = golden[f"iqr.{layer}.iou"][label, range(len(label))] > 0  # one without has no name here
    np.testing.assert_array_equal(found.concept + 1, np.where(overlap, label, 0))
    assert overlap.mean() > 0.8
    np.testing.assert_allclose(found.threshold, golden[f"iqr.{layer}.level"], rtol=0, atol=level)
    for name in ("iou", "iqr"):
        np.testing.assert_allclose(getattr(found, name), golden[f"iqr.{layer}.{name}"][1:].T, rtol=0, atol=share)
    np.testing.assert_allclose(found.concept_area * 500 * 1024, golden[f"iqr.{layer}.label_counts"][1:], rtol=1e-6)


@pytest.mark.parametrize(("exact", "atol"), [(True, 1e-3), (False, 5e-3)])
@pytest.mark.parametrize("layer", LAYERS)
def test_the_search_reaches_the_ratios_of_gandissect(dissected, golden, layer, exact, atol):
    best = dissected("iqr", exact)[0].searches[layer].ratio
    np.testing.assert_allclose(best.numpy(), golden[f"iqr.{layer}.max_iqr"][1:].T, rtol=0, atol=atol)
