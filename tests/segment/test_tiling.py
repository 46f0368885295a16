"""Tiles cover everything, blend without seams, and change nothing where a map depends on its own pixel alone."""

from itertools import pairwise

import pytest
import torch

from ganwidgets.segment.tiling import fading, starts, tiled
from ganwidgets.testing import planted_generator, planted_segmenter


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "expected"),
    [(10, 10, 0, [0]), (7, 10, 3, [0]), (20, 10, 0, [0, 10]), (11, 10, 0, [0, 1]), (22, 10, 4, [0, 6, 12])],
)
def test_where_tiles_begin(length, tile, overlap, expected):
    assert starts(length, tile, overlap) == expected


def test_tiles_cover_everything_and_overlap_as_asked():
    for tile in range(2, 12):
        for overlap in range(tile):
            for length in range(1, 60):
                begins = starts(length, tile, overlap)
                assert begins[0] == 0 and begins[-1] + tile >= length and begins[-1] <= max(0, length - tile)
                gaps = [b - a for a, b in pairwise(begins)]
                assert all(0 < gap <= tile - overlap for gap in gaps), (length, tile, overlap, begins)


def test_the_weight_of_a_tile_fades_towards_both_ends():
    assert fading(6, 2).tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3])
    assert fading(4, 0).tolist() == [1, 1, 1, 1]


def test_a_constant_stays_the_same_number():
    """Weights that merely sum to 1 would leave 0.1 as 0.10000001."""
    images = torch.full((2, 3, 37, 53), 0.1)
    assert torch.equal(tiled(lambda x: x * 3, images, 16, 5), images * 3)


def test_maps_of_single_pixels_come_out_as_without_tiles():
    generator, segmenter = planted_generator(resolution=(40, 56)), planted_segmenter()
    images = generator.images(generator.sample_z(6))

    def red(part):  # the part "red top" depends on the whole image, red and blue do not
        return segmenter.scores(part)[:, :3]

    whole = red(images)
    assert whole.std() > 0.1
    assert torch.equal(tiled(red, images, 16, 6), whole)


def test_a_difference_between_tiles_becomes_a_slope_instead_of_a_step():
    calls = []

    def numbered(part):
        calls.append(part.shape)
        return torch.full_like(part[:, :1], float(len(calls)))

    blended = tiled(numbered, torch.zeros(1, 3, 8, 14), 8, 2)[0, 0, 0]
    assert calls == [(1, 3, 8, 8)] * 2
    assert blended[:6].eq(1).all() and blended[8:].eq(2).all()
    assert blended[6:8].tolist() == pytest.approx(
        [1 + 1 / 3, 1 + 2 / 3]
    )  # weights 2/3 and 1/3, then the other way round


def test_gradients_pass_through_the_blend():
    images = torch.rand(1, 3, 20, 20, requires_grad=True)
    (slope,) = torch.autograd.grad(tiled(lambda x: x**2, images, 8, 3).sum(), images)
    assert torch.allclose(slope, 2 * images, atol=1e-5)


@pytest.mark.parametrize("overlap", [8, -1])
def test_an_overlap_that_cannot_be(overlap):
    with pytest.raises(ValueError, match=f"less than the tile of 8 pixels, got {overlap}"):
        tiled(lambda x: x, torch.zeros(1, 3, 20, 20), 8, overlap)
