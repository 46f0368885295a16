"""Every wrong answer of a segmenter is met with one sentence that says what to change."""

from dataclasses import dataclass

import pytest
import torch

from ganwidgets import segment
from ganwidgets.segment.protocol import Segmenter, check_segmenter_attributes, validate_segmentation


@dataclass
class Halves:
    """Left half "left", right half "right"."""

    name: str = "halves"
    concepts: tuple = ("left", "right")
    categories: tuple = ("side", "side")
    slots: tuple = ("half",)

    def __call__(self, images):
        seg = torch.ones(len(images), 1, *images.shape[2:], dtype=torch.uint8)
        seg[..., images.shape[3] // 2 :] = 2
        return seg


IMAGES = torch.zeros(3, 3, 8, 10)


def test_a_plain_object_is_a_segmenter():
    segmenter = Halves()
    assert isinstance(segmenter, Segmenter)
    assert segment.load(segmenter) is segmenter
    seg = segmenter(IMAGES)
    assert validate_segmentation(seg, IMAGES, segmenter) is seg


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_all_whole_number_types_are_accepted(dtype):
    validate_segmentation(Halves()(IMAGES).to(dtype), IMAGES, Halves())


def test_an_empty_batch_is_accepted():
    validate_segmentation(Halves()(IMAGES[:0]), IMAGES[:0], Halves())


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (None, TypeError, "`seg` must be a torch tensor .* the segmenter 'halves' returned NoneType"),
        (Halves()(IMAGES).numpy(), TypeError, "returned ndarray; wrap its answer in torch.as_tensor"),
        (Halves()(IMAGES).float(), TypeError, "must hold whole numbers .* returned torch.float32; take argmax"),
        (Halves()(IMAGES).bool(), TypeError, "must hold whole numbers .* returned torch.bool"),
        (Halves()(IMAGES)[..., ::2], ValueError, r"must have shape \(3, 1, 8, 10\) .* returned \(3, 1, 8, 5\)"),
        (Halves()(IMAGES)[:, 0], ValueError, r"must have shape \(3, 1, 8, 10\) .* returned \(3, 8, 10\)"),
        (Halves()(IMAGES)[:2], ValueError, r"returned \(2, 1, 8, 10\)"),
        (Halves()(IMAGES).repeat(1, 2, 1, 1), ValueError, "one map for each of the slots \\('half',\\)"),
        (Halves()(IMAGES) + 1, ValueError, r"numbers from 0 \(nothing\) to 2 .* returned 3; add the missing"),
        (Halves()(IMAGES).long() - 2, ValueError, "returned -1"),
    ],
)
def test_wrong_answers(answer, error, message):
    with pytest.raises(error, match=message) as caught:
        validate_segmentation(answer, IMAGES, Halves())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("segmenter", "error", "message"),
    [
        (object(), TypeError, r"object lacks name, concepts, categories, slots, __call__\(images\)"),
        (Halves(concepts=()), ValueError, "at least one concept, each once; got none"),
        (Halves(concepts=("left", "left")), ValueError, r"got twice: \['left'\]"),
        (Halves(categories=("side",)), ValueError, "one category for each of the 2 concepts, got 1"),
        (Halves(slots=()), ValueError, "at least one slot"),
    ],
)
def test_objects_that_cannot_be_segmenters(segmenter, error, message):
    with pytest.raises(error, match=message):
        check_segmenter_attributes(segmenter)
    with pytest.raises(error, match=message):
        segment.load(segmenter)


def test_unknown_names_suggest_a_known_one():
    assert segment.names() == ("scenes",)
    with pytest.raises(ValueError, match=r"got 'scnes'\. Did you mean 'scenes'"):
        segment.load("scnes")
    with pytest.raises(ValueError, match="An object with the segmenter protocol works too"):
        segment.load("broden")
