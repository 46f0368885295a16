"""A real GAN: some unit of the 64-pixel face generator follows the mouth from face to face."""

import importlib.util
import runpy
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "faces.py"
TRUTH = Path(__file__).parents[1] / "../shared/data/facepart-truth-digiface64/facepart_digiface64_seed1.npz"

pytestmark = [
    pytest.mark.skipif(not TRUTH.exists(), reason="the face-part masks (shared/data) are not beside the repository"),
    pytest.mark.skipif(
        importlib.util.find_spec("gan_face_generate") is None, reason="the extra `faces` is not installed"
    ),
]


@pytest.fixture(scope="module")
def mouths():
    benchmark = runpy.run_path(str(BENCHMARK))
    generator, images, parts = benchmark["labelled_faces"]()
    return benchmark["dissect_part"](generator, images, parts["mouth"], "mouth")


def test_some_layer_has_a_mouth_unit(mouths):
    """Best unit against the best that any unit reaches when every face is given another face's mouth."""
    above = [name for name, layer in mouths.layers.items() if layer.iou[:, 0].max() > layer.iou_chance.max()]
    assert {"main.5", "main.8"} & set(above)


def test_every_trusted_sample_was_dissected(mouths):
    assert mouths.n == 228
    assert mouths.complete
    assert mouths.concepts == ("mouth",)
