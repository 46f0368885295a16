"""Areas, IoU and ratios, against numbers known on paper."""

import numpy as np
import pytest
import torch

from ganwidgets.scenes.draw import CONCEPTS, draw_batch
from ganwidgets.scenes.measure import area_ratios, areas, concept_iou, drawn_batches, to_images


def test_areas_are_percent_of_the_image():
    seg = torch.zeros(2, 2, 10, 10, dtype=torch.uint8)
    seg[0, 0, :5] = 1
    seg[0, 1, 0, 0] = 17
    seg[1, 0] = 3
    table = areas(seg)
    assert table.shape == (2, 17)
    assert table[0, 0] == 50
    assert table[0, 16] == 1
    assert table[1, 2] == 100
    assert table.sum() == 151


def test_the_truth_has_an_iou_of_one_and_half_of_it_of_a_half():
    batches = list(drawn_batches(100, seed=2))
    answers = iter(seg for _, seg in batches)
    iou = concept_iou(lambda images: next(answers), 100)
    assert set(iou) == set(CONCEPTS)
    assert set(iou.values()) == {1.0}

    answers = iter(seg.clone() for _, seg in batches)

    def without_left_half_of_the_sky(images):
        seg = next(answers)
        seg[:, 0, :, :32][seg[:, 0, :, :32] == 1] = 0
        return seg

    sky = sum(int((seg[:, 0] == 1).sum()) for _, seg in batches)
    right = sum(int((seg[:, 0, :, 32:] == 1).sum()) for _, seg in batches)
    iou = concept_iou(without_left_half_of_the_sky, 100)
    assert iou["sky"] == right / sky
    assert all(value == 1 for name, value in iou.items() if name != "sky")


def test_batches_do_not_change_the_drawings():
    images = torch.cat([images for images, _ in drawn_batches(10, seed=3, start=5, batch=4)])
    assert torch.equal(images, to_images(draw_batch(10, seed=3, start=5)[0]))
    assert images.min() >= -1
    assert images.max() <= 1


def test_ratios_and_their_interval():
    random = np.random.RandomState(0)
    drawn = random.rand(2000, 2)
    sampled = random.rand(2000, 2) * (1, 3)
    ratio, interval = area_ratios(sampled, drawn)
    assert ratio == pytest.approx([1, 3], rel=0.05)
    assert (interval[:, 0] < ratio).all()
    assert (ratio < interval[:, 1]).all()
    relative = (1 / 3) ** 0.5 / 2000**0.5 * 2**0.5  # standard error of a ratio of two means of uniforms
    assert interval[0, 1] - interval[0, 0] == pytest.approx(2 * 1.96 * relative, rel=0.25)
