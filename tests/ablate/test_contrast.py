"""What tells red from blue, and from everything else, is the planted unit."""

import numpy as np
import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.ablate.contrast import concept_contrast
from ganwidgets.models import TorchGenerator


class Halves(nn.Module):
    """Unit 0: 3 on the left of the picture, 1 on the right; unit 1: -1 and 1; unit 2 is 5 everywhere."""

    def __init__(self):
        super().__init__()
        self.units = nn.Identity()
        self.pixels = nn.Identity()

    def forward(self, z):
        left = (torch.arange(4) < 2).float().expand(len(z), 4, 4)
        acts = self.units(torch.stack([1 + 2 * left, 1 - 2 * left, torch.full_like(left, 5)], 1))
        return self.pixels(acts / 5)


class Sides:
    name, slots, concepts, categories = "sides", ("side",), ("left", "right", "never"), ("side",) * 3

    def __call__(self, images):
        return torch.where(images[:, :1] > 0.4, 1, 2).to(torch.uint8)


def test_means_and_contrast_as_on_paper():
    network = TorchGenerator(Halves(), z_shape=(1,))
    found = concept_contrast(network, "units", "left", "right", Sides(), network.sample_z(3))
    np.testing.assert_allclose([found.value, found.other, found.spread], [[3, -1, 5], [1, 1, 5], [1, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(found.contrast, [2, -2, 0], atol=1e-6)
    assert found.units(3) == (0, 1, 2) and found.n == 3 and set(found.to_frame().n) == {3}


def test_the_planted_unit_comes_first():
    network, segmenter = gw.testing.planted_generator(), gw.testing.planted_segmenter()
    found = concept_contrast(network, "layer1", "red", "blue", segmenter, network.sample_z(32))
    assert set(found.units(2)) == {0, 1} and found.contrast[0] > 0 > found.contrast[1]


@pytest.mark.parametrize(
    ("concepts", "words"),
    [
        (("left", "left"), "another"),
        (("never", "left"), "'never' must occur"),
        (("left", "never"), "'never' without 'left' must occur"),
        (("lef", "right"), "Did you mean"),
    ],
)
def test_bad_concepts_are_refused(concepts, words):
    network = TorchGenerator(Halves(), z_shape=(1,))
    with pytest.raises(ValueError, match=words):
        concept_contrast(network, "units", *concepts, Sides(), network.sample_z(2))
