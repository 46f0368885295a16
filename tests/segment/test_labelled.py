"""Labelled images: what they give, and what is refused in one sentence."""

import numpy as np
import pytest
import torch


def test_arrays_give_images_in_order_and_labels_of_whole_images_everywhere(arrays):
    from ganwidgets.segment.labelled import checked_batch

    images, seg = checked_batch(arrays, [2, 0])
    assert (len(arrays), arrays.image_shape, arrays.seg_shape, arrays.slots) == (
        3,
        (3, 4, 4),
        (4, 4),
        ("object", "scene"),
    )
    np.testing.assert_allclose(images[:, 0, 0, 0], [200 / 127.5 - 1, -1])
    assert (seg[:, 0, 0] == torch.tensor([1, 1, 2, 2])).all()
    assert (seg[0, 1] == 4).all() and (seg[1, 1] == 3).all()
    assert (arrays.batch([1])[1][0, 1] == 0).all()


def test_float_images_and_one_slot_per_axis():
    import ganwidgets as gw

    images = torch.linspace(-1, 1, 2 * 3 * 2 * 2).view(2, 3, 2, 2)
    data = gw.segment.LabelledArrays(images, np.ones((2, 2, 4, 4), np.int64), ["a"], slots=["x", "y"])
    found, seg = data.batch([0, 1])
    assert torch.equal(found, images) and seg.shape == (2, 2, 4, 4) and data.seg_shape == (4, 4)
    assert data.categories == ("object",)


def test_a_fingerprint_tells_content_names_and_shapes_apart(arrays):
    import ganwidgets as gw

    images, masks = np.zeros((2, 4, 4, 3), np.uint8), np.ones((2, 4, 4), np.uint8)

    def of(images=images, masks=masks, names=("a", "b"), **more):
        return gw.segment.LabelledArrays(images, masks, names, **more).fingerprint()

    known = of()
    assert known == of() != arrays.fingerprint()
    assert len({known, of(images + 1), of(masks=masks + 1), of(names=("a", "c")), of(categories=("x", "y"))}) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": np.full((2, 4, 4), 3)}, "numbers from 0 to 2, one for each of `concepts`, got 3 to 3"),
        ({"masks": np.full((2, 4, 4), -1)}, "numbers from 0 to 2"),
        ({"masks": np.ones((3, 4, 4), np.uint8)}, "one number for each of the 2 images"),
        ({"masks": np.ones((2, 4, 4), np.float32)}, "must hold whole numbers"),
        ({"images": np.zeros((2, 4, 4, 3), np.int32)}, "must be uint8"),
        ({"images": np.full((2, 3, 4, 4), 2.0)}, r"must lie in \[-1, 1\], got values from 2 to 2"),
        ({"concepts": ["a", "a"]}, "each once"),
        ({"concepts": []}, "at least one concept"),
        ({"categories": ["x"]}, "one category for each of the 2 concepts"),
        ({"slots": ["x", "y"]}, "must name the 1 slots"),
        ({"images": np.zeros((0, 4, 4, 3), np.uint8), "masks": np.zeros((0, 4, 4), np.uint8)}, "at least one image"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(change, message):
    import ganwidgets as gw

    given = {"images": np.zeros((2, 4, 4, 3), np.uint8), "masks": np.ones((2, 4, 4), np.uint8), "concepts": ["a", "b"]}
    with pytest.raises((ValueError, TypeError), match=message):
        gw.segment.LabelledArrays(**given | change)


def test_masks_of_two_sizes_are_refused():
    import ganwidgets as gw

    masks = {"a": np.ones((1, 4, 4), np.uint8), "b": np.ones((1, 2, 2), np.uint8)}
    with pytest.raises(ValueError, match="one size"):
        gw.segment.LabelledArrays(np.zeros((1, 4, 4, 3), np.uint8), masks, ["x"])


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (lambda data, numbers: (torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 4)), "whole numbers as seg"),
        (lambda data, numbers: (torch.zeros(1, 3, 5, 4), torch.zeros(1, 2, 4, 4).long()), "`images` of shape"),
        (lambda data, numbers: (torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4).long()), "`seg` of shape"),
        (lambda data, numbers: (torch.full((1, 3, 4, 4), 3.0), torch.zeros(1, 2, 4, 4).long()), "values from 3 to 3"),
        (lambda data, numbers: (torch.zeros(1, 3, 4, 4), torch.full((1, 2, 4, 4), 9)), "got 9"),
        (lambda data, numbers: (np.zeros((1, 3, 4, 4)), torch.zeros(1, 2, 4, 4).long()), "two tensors, got ndarray"),
    ],
)
def test_every_answer_is_judged(arrays, batch, message, monkeypatch):
    from ganwidgets.segment import labelled

    monkeypatch.setattr(type(arrays), "batch", batch)
    with pytest.raises((ValueError, TypeError), match=message):
        labelled.checked_batch(arrays, [0])


def test_what_lacks_a_member_is_told(arrays):
    from ganwidgets.segment.labelled import check_labelled, is_labelled

    class Half:
        concepts, batch = ("a",), None

        def __len__(self):
            return 1

    assert is_labelled(Half()) and is_labelled(arrays)
    with pytest.raises(TypeError, match="Half lacks name, categories, slots, image_shape, fingerprint"):
        check_labelled(Half())
