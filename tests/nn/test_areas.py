"""Areas counted image by image: known counts, and the same rows in whatever order they come."""

import numpy as np
import pytest
import torch

from ganwidgets.nn.areas import AreaCounts


def segmentations(n, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, 6, (n, 2, 4, 8)).astype(np.uint8))


def counted(seg, numbers):
    found = AreaCounts(5, 2, 32)
    found.add(seg, numbers)
    return found


def test_counts_on_paper():
    seg = torch.zeros(2, 2, 2, 2, dtype=torch.uint8)
    seg[0, 0] = 1  # all of the first image is concept 1
    seg[1, 0, 0], seg[1, 1, 0, 0] = 2, 3  # half of the second is concept 2, a quarter also concept 3
    found = AreaCounts(3, 2, 4)
    found.add(seg, [7, 3])
    assert found.numbers.tolist() == [3, 7]
    assert found.counts.tolist() == [[0, 2, 1], [4, 0, 0]]
    assert found.percent.tolist() == [[0, 50, 25], [100, 0, 0]]
    assert found.nothing.tolist() == [[2, 3], [0, 4]]


def test_parts_merge_bit_for_bit_in_any_order_and_outlive_a_file():
    seg = segmentations(30)
    whole = counted(seg, range(30))
    late, early = counted(seg[11:], range(11, 30)), counted(seg[:11], range(11))
    late.merge(AreaCounts.from_state(early.state()))
    for found in (late, AreaCounts.from_state(whole.state())):
        assert np.array_equal(found.numbers, whole.numbers) and np.array_equal(found.counts, whole.counts)
        assert np.array_equal(found.nothing, whole.nothing) and found.pixels == 32


def test_a_selection_keeps_names_and_slots():
    whole = counted(segmentations(6), range(6))
    found = whole.select([3, 1], [1])
    assert np.array_equal(found.counts, whole.counts[:, [3, 1]])
    assert np.array_equal(found.nothing, whole.nothing[:, [1]]) and len(found) == 6


def test_no_image_is_counted_twice():
    found = counted(segmentations(4), range(4))
    with pytest.raises(ValueError, match=r"`numbers` must be of images that were not counted yet, got 2 twice"):
        found.add(segmentations(2), [2, 9])
    with pytest.raises(ValueError, match=r"got 0 twice"):
        found.merge(found)
    assert len(found) == 4


@pytest.mark.parametrize(
    ("seg", "message"),
    [
        (segmentations(2)[:, :1], "2 slots and 32 pixels an image, got shape"),
        (segmentations(2)[..., :4], "2 slots and 32 pixels"),
        (segmentations(2) + 3, r"`seg` must hold 0 to 5, got 3 to 8"),
        (segmentations(2).long() - 2, r"got -2 to"),
    ],
)
def test_what_cannot_be_counted_is_refused(seg, message):
    with pytest.raises(ValueError, match=message):
        counted(seg, range(2))


def test_accumulators_of_other_things_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 2, 32\), got \(5, 2, 16\)"):
        AreaCounts(5, 2, 32).merge(AreaCounts(5, 2, 16))
    with pytest.raises(ValueError, match="name each of the 2 images, got 1"):
        counted(segmentations(2), [1])
