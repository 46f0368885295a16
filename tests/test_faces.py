"""A real GAN: units of the 64-pixel face generator follow the mouth from face to face, and draw it."""

import importlib.util
import runpy
from pathlib import Path

import pytest

from ganwidgets.ablate.counts import random_sets

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "faces.py"
TRUTH = Path(__file__).parents[1] / "../shared/data/facepart-truth-digiface64/facepart_digiface64_seed1.npz"

pytestmark = [
    pytest.mark.skipif(not TRUTH.exists(), reason="the face-part masks (shared/data) are not beside the repository"),
    pytest.mark.skipif(
        importlib.util.find_spec("gan_face_generate") is None, reason="the extra `faces` is not installed"
    ),
]


@pytest.fixture(scope="module")
def faces():
    return runpy.run_path(str(BENCHMARK))


@pytest.fixture(scope="module")
def labelled(faces):
    return faces["labelled_faces"]()


@pytest.fixture(scope="module")
def mouths(faces, labelled):
    generator, images, parts = labelled
    return faces["dissect_part"](generator, images, parts["mouth"], "mouth")


@pytest.fixture(scope="module")
def mouth_benchmark():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARK.parent)  # mouth.py imports from faces.py
        return runpy.run_path(str(BENCHMARK.with_name("mouth.py")))


def test_some_layer_has_a_mouth_unit(mouths):
    """Best unit against the best that any unit reaches when every face is given another face's mouth."""
    above = [name for name, layer in mouths.layers.items() if layer.iou[:, 0].max() > layer.iou_chance.max()]
    assert {"main.5", "main.8"} & set(above)


def test_every_trusted_sample_was_dissected(mouths):
    assert mouths.n == 228
    assert mouths.complete
    assert mouths.concepts == ("mouth",)


def test_without_the_best_mouth_units_the_mouth_changes_more_than_without_any_of_ten_random_sets(
    labelled, mouths, mouth_benchmark
):
    """In grey levels inside the mask, and in proportion to what changes outside it."""
    generator, _, parts = labelled
    z, masks = generator.sample_z(40, seed=1), mouth_benchmark["wider"](parts["mouth"][:40])
    best = mouth_benchmark["rank_by_iou"](mouths, "mouth", "main.8")
    sets = [best[:4], *random_sets(4, len(best), 10, seed=0)]
    changes = mouth_benchmark["pixel_change"](generator, "main.8", sets, z, masks)
    inside, ratio = changes[:, :, 0].mean(1), mouth_benchmark["ratios"](changes)
    assert inside[0] > inside[1:].max()
    assert ratio[0] > 3 > ratio[1:].max()
