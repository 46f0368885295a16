"""Stored masks are found again by looking at the image."""

import numpy as np
import pytest
import torch

from ganwidgets.segment import FixedSegmentation
from ganwidgets.segment.protocol import Segmenter, validate_segmentation


def known():
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    masks = random.rand(6, 2, 8, 8) < 0.3
    return images, masks


def as_float(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_masks_follow_their_images_in_any_order():
    images, masks = known()
    segmenter = FixedSegmentation.from_masks(images, masks, ("eye", "mouth"), name="faces")
    assert isinstance(segmenter, Segmenter)
    assert segmenter.slots == segmenter.concepts == ("eye", "mouth")
    order = [4, 0, 4, 2]
    asked = as_float(images[order])
    seg = validate_segmentation(segmenter(asked), asked, segmenter)
    np.testing.assert_array_equal(seg[:, 0].numpy(), masks[order, 0] * 1)
    np.testing.assert_array_equal(seg[:, 1].numpy(), masks[order, 1] * 2)


def test_small_numerical_differences_are_forgiven():
    images, masks = known()
    segmenter = FixedSegmentation.from_masks(images, masks, ("eye", "mouth"))
    asked = as_float(images)
    noisy = asked + 0.01 * torch.randn(asked.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(segmenter(noisy), segmenter(asked))


def test_a_stranger_is_refused():
    images, masks = known()
    segmenter = FixedSegmentation.from_masks(images, masks, ("eye", "mouth"))
    asked = as_float(images)
    asked[3] = -asked[3]
    with pytest.raises(ValueError, match="among the 6 labelled ones; image 3 of the batch differs"):
        segmenter(asked)
    with pytest.raises(ValueError, match="must have the size of the labelled images"):
        segmenter(asked[..., :4])


def test_one_slot_with_several_concepts():
    images, _ = known()
    seg = np.random.RandomState(1).randint(0, 4, (6, 1, 8, 8))
    segmenter = FixedSegmentation(images, seg, ("a", "b", "c"), categories=("x", "x", "y"), slots=("thing",))
    assert segmenter.categories == ("x", "x", "y")
    np.testing.assert_array_equal(segmenter(as_float(images)).numpy(), seg)


def test_fingerprint_follows_the_masks():
    images, masks = known()
    first = FixedSegmentation.from_masks(images, masks, ("eye", "mouth")).fingerprint()
    assert first == FixedSegmentation.from_masks(images, masks, ("eye", "mouth")).fingerprint()
    masks[5, 1, 7, 7] ^= True
    assert first != FixedSegmentation.from_masks(images, masks, ("eye", "mouth")).fingerprint()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seg": np.zeros((6, 1, 8, 8), np.float32)}, TypeError, "whole numbers, uint8 to int64, got torch.float32"),
        ({"seg": np.zeros((5, 1, 8, 8), np.uint8)}, ValueError, "label every image at its own size"),
        ({"seg": np.zeros((6, 1, 4, 8), np.uint8)}, ValueError, "label every image at its own size"),
        ({"seg": np.zeros((6, 8, 8), np.uint8)}, ValueError, r"`seg` \(image slot height width\), got .*\(6, 8, 8\)"),
        (
            {"seg": np.full((6, 1, 8, 8), 3, np.uint8)},
            ValueError,
            "from 0 to 2, one for each of `concepts`, got 3 to 3",
        ),
        ({"images": np.zeros((6, 8, 8, 3), np.float32)}, ValueError, "`images` must be uint8"),
        ({"concepts": ("a", "a")}, ValueError, "each once"),
        ({"slots": ("s", "t")}, ValueError, r"name the 1 slots of `seg`, got \('s', 't'\)"),
    ],
)
def test_parts_that_do_not_fit_together(change, error, message):
    whole = {"images": known()[0], "seg": np.zeros((6, 1, 8, 8), np.uint8), "concepts": ("a", "b")} | change
    with pytest.raises(error, match=message):
        FixedSegmentation(whole.pop("images"), whole.pop("seg"), whole.pop("concepts"), **whole)
