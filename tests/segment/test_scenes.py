"""The bundled segmenter names held-out drawings, and keeps the protocol."""

import numpy as np
import pytest
import torch

from ganwidgets import segment
from ganwidgets.scenes.draw import CONCEPTS, draw_batch
from ganwidgets.scenes.measure import HELD_OUT_SEED, concept_iou, to_images
from ganwidgets.segment import SceneSegmenter
from ganwidgets.segment.protocol import Segmenter, validate_segmentation
from ganwidgets.segment.scenes import WEIGHTS

pytestmark = pytest.mark.skipif(not WEIGHTS.exists(), reason="the bundled segmenter's weights are not there")


@pytest.fixture(scope="module")
def segmenter():
    return segment.load("scenes")


@pytest.fixture(scope="module")
def drawings():
    return to_images(draw_batch(8, seed=HELD_OUT_SEED, start=50_000)[0])


def test_it_sees_what_was_drawn(segmenter):
    iou = concept_iou(segmenter, 300)
    assert set(iou) == set(CONCEPTS)
    assert np.mean(list(iou.values())) >= 0.90
    assert min(iou.values()) >= 0.75, iou


def test_it_keeps_the_protocol(segmenter, drawings):
    assert isinstance(segmenter, Segmenter)
    seg = validate_segmentation(segmenter(drawings), drawings, segmenter)
    assert seg.dtype == torch.uint8
    assert not seg.requires_grad
    assert len(segmenter.categories) == len(segmenter.concepts) == 17
    assert WEIGHTS.stat().st_size <= 2_000_000


def test_answers_do_not_depend_on_the_batch(segmenter, drawings):
    together = segmenter(drawings)
    alone = torch.cat([segmenter(image[None]) for image in drawings])
    assert (together != alone).float().mean() < 1e-4


def test_scores_are_probabilities_that_agree_with_the_labels(segmenter, drawings):
    scores, seg = segmenter.scores(drawings), segmenter(drawings)
    assert scores.shape == (8, 17, 64, 64)
    torch.testing.assert_close(scores[:, :10].sum(1), torch.ones(8, 64, 64))
    assert (scores[:, 10:].sum(1) <= 1 + 1e-5).all()
    assert torch.equal(scores[:, :10].argmax(1) + 1, seg[:, 0].long())
    part = seg[:, 1] > 0
    assert torch.equal(scores[:, 10:].argmax(1)[part] + 11, seg[:, 1].long()[part])
    assert (scores[:, 10:].sum(1)[~part] < 0.9).all()


def test_scores_pass_gradients_to_the_images(segmenter, drawings):
    images = drawings[:1].clone().requires_grad_()
    segmenter.scores(images)[:, CONCEPTS.index("tree")].mean().backward()
    assert images.grad.abs().sum() > 0
    assert not segmenter.scores(drawings[:1]).requires_grad


@pytest.mark.parametrize("size", [(32, 32), (128, 128), (64, 96), (48, 80)])
def test_other_sizes_are_answered_at_their_own_size(segmenter, drawings, size):
    resized = torch.nn.functional.interpolate(drawings, size, mode="bilinear", antialias=True)
    seg = validate_segmentation(segmenter(resized), resized, segmenter)
    back = torch.nn.functional.interpolate(seg, (64, 64), mode="nearest-exact")
    assert (back[:, 0] == segmenter(drawings)[:, 0]).float().mean() > 0.9
    assert segmenter.scores(resized).shape == (8, 17, *size)


def test_grey_and_transparent_images(segmenter, drawings):
    grey, rgba = drawings.mean(1, keepdim=True), torch.cat([drawings, torch.zeros(8, 1, 64, 64)], 1)
    assert torch.equal(segmenter(grey), segmenter(grey.expand(-1, 3, -1, -1)))
    assert torch.equal(segmenter(rgba), segmenter(drawings))


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 2, 64, 64), torch.zeros(2, 3, 64, 64, dtype=torch.uint8)], ids=["channels", "dtype"]
)
def test_wrong_images(segmenter, images):
    with pytest.raises(ValueError, match=r"`images` must be float in \[-1, 1\] of shape"):
        segmenter(images)


def test_missing_weights_say_how_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors does not exist .* train one with"):
        SceneSegmenter(tmp_path / "nothing.safetensors")


def test_the_fingerprint_is_that_of_the_file(segmenter):
    assert segmenter.fingerprint() == SceneSegmenter(WEIGHTS).fingerprint()
    assert len(segmenter.fingerprint()) == 64
