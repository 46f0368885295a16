"""Where the photo gives way: reach and softness by the published shares, and a composite that is exact outside."""

import pytest
import torch


@pytest.fixture
def spot():
    region = torch.zeros(256, 256)
    region[100:120, 100:140] = 1
    return region


def test_the_published_reach_at_256_pixels(spot):
    from ganwidgets.nn.brush_masks import AROUND, surround

    hard = surround(spot, (256, 256), AROUND, soft=0)
    rows, columns = hard.nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (84, 135, 84, 155)
    soft = surround(spot, (256, 256), AROUND)
    assert (soft[100:120, 100:140] == 1).all()
    assert (soft[:72] == 0).all()  # 16 pixels around, and three sigmas of 4
    assert soft[84, 120] == pytest.approx(0.55, abs=0.01)  # half a pixel inside the edge of a Gaussian of 4


def test_the_seam_is_narrower(spot):
    from ganwidgets.nn.brush_masks import surround

    share = surround(spot, (256, 256))
    assert (share[:, :84] == 0).all()
    assert share[110, 120] == 1
    assert surround(torch.zeros(4, 4), (8, 8)).sum() == 0


@pytest.mark.parametrize("size", [(7, 40), (40, 7), (1, 1)])
def test_odd_sizes(size):
    from ganwidgets.nn.brush_masks import AROUND, surround

    share = surround(torch.ones(3, 3), size, AROUND)
    assert share.shape == size
    assert (share == 1).all()


def test_the_composite_is_the_photo_outside_and_the_drawing_inside(spot):
    from ganwidgets.nn.brush_masks import composite, outside_error, surround

    photo, drawn = torch.rand(3, 256, 256), torch.ones(3, 256, 256)
    shown = composite(photo, drawn, share := surround(spot, (256, 256)))
    assert torch.equal(shown[:, share == 0], photo[:, share == 0])
    assert torch.allclose(shown[:, share == 1], drawn[:, share == 1])
    assert outside_error(photo, photo, spot) == 0
    assert outside_error(photo + spot, photo, spot) == 0  # what differs is inside the brush
    assert outside_error(photo + 0.5, photo, spot) == pytest.approx(0.25)
    assert outside_error(photo + 1, photo, torch.ones(2, 2)) == 0  # nothing is outside


@pytest.mark.parametrize("side", [64, 256, 512])
def test_all_of_the_drawing_is_there_up_to_the_border(side):
    from ganwidgets.nn.brush_masks import surround

    quarter, region = side // 4, torch.zeros(side, side)
    region[quarter : 2 * quarter, quarter : 2 * quarter] = 1
    share = surround(region, (side, side))
    assert (share[region > 0] == 1).all()  # corners, too
    row = share[quarter + quarter // 2]
    outside = row[2 * quarter :]
    assert (outside[1:] <= outside[:-1]).all() and outside[0] > 0.7  # no step at the border, and soft beyond it
    assert (outside[side // 16 + 1 :] == 0).all()
    assert torch.allclose(surround(region / 2, (side, side))[region > 0], torch.tensor(0.5))
