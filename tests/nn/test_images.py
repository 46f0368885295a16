"""Matrix products give what torch's own interpolation gives; the pixels above a level are those of brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ganwidgets.nn import images
from ganwidgets.nn.images import Pixels, pixels_above, resize_matrix, to_uint8, upsample

SIZES = [
    ((8, 8), (64, 64)),
    ((4, 6), (12, 24)),
    ((5, 3), (15, 15)),
    ((4, 4), (17, 9)),
    ((7, 5), (7, 5)),
    ((6, 4), (9, 7)),
    ((16, 12), (8, 6)),
    ((9, 16), (4, 20)),
    ((1, 1), (5, 7)),
    ((1, 8), (6, 24)),
]


def maps(*shape, seed=0):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))


def with_zeros(acts, size):
    """The same by torch: samples on a grid, beyond the border zeros."""
    theta = torch.eye(2, 3).expand(len(acts), 2, 3)
    grid = F.affine_grid(theta, [len(acts), 1, *size], align_corners=False)
    return F.grid_sample(acts, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_upsample_is_bilinear_interpolation(old, new):
    acts = maps(3, 2, *old)
    wanted = F.interpolate(acts, new, mode="bilinear", align_corners=False)
    torch.testing.assert_close(upsample(acts, new), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("old", "new"), SIZES)
def test_zeros_padding_is_grid_sample(old, new):
    acts = maps(3, 2, *old)
    torch.testing.assert_close(upsample(acts, new, "zeros"), with_zeros(acts, new), rtol=1e-4, atol=1e-5)


def test_matrix_on_paper():
    """Four pixels over two samples: the outer ones lie a quarter of a sample beyond the border."""
    inner = [[0.75, 0.25], [0.25, 0.75]]
    assert resize_matrix(2, 4).tolist() == [[1, 0], *inner, [0, 1]]
    assert resize_matrix(2, 4, "zeros").tolist() == [[0.75, 0], *inner, [0, 0.75]]
    assert resize_matrix(4, 2).tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]


def test_any_number_of_leading_axes_and_dtypes():
    acts = maps(2, 3, 4, 5).double()
    found = upsample(acts, (8, 10))
    assert found.dtype == torch.float64
    assert torch.equal(found[1, 2], upsample(acts[1, 2], (8, 10)))


def test_unknown_padding_is_refused():
    with pytest.raises(ValueError, match=r"`padding` must be one of \('clamp', 'zeros'\), got 'mirror'"):
        resize_matrix(2, 4, "mirror")


def brute(acts, level, size, padding):
    """(image, unit, place) → value, one by one."""
    big = upsample(acts, size, padding).flatten(2)
    above = (big > level[:, None]).nonzero().tolist()
    return {tuple(where): float(big[tuple(where)]) for where in above}


def as_dict(pixels):
    assert len({len(part) for part in pixels}) == 1
    where = list(zip(*(part.tolist() for part in pixels[:3]), strict=True))
    assert len(set(where)) == len(where), "a pixel was given twice"
    return dict(zip(where, pixels.value.tolist(), strict=True))


@pytest.mark.parametrize("padding", ["clamp", "zeros"])
@pytest.mark.parametrize(("old", "new"), SIZES)
def test_pixels_above_are_those_of_brute_force(old, new, padding):
    acts = maps(3, 4, *old)
    level = torch.tensor([0.3, -0.4, 1.2, 9.0])
    found, wanted = as_dict(pixels_above(acts, level, new, padding)), brute(acts, level, new, padding)
    assert found.keys() == wanted.keys()
    np.testing.assert_allclose([found[k] for k in wanted], list(wanted.values()), rtol=1e-4, atol=1e-5)
    assert not any(unit == 3 for _, unit, _ in found)


@pytest.mark.parametrize("padding", ["clamp", "zeros"])
@pytest.mark.parametrize("old", [(4, 4), (16, 16)])
def test_level_of_minus_infinity_takes_every_pixel(old, padding):
    acts = maps(2, 3, *old)
    level = torch.tensor([-torch.inf, 0.5, torch.inf])
    found = as_dict(pixels_above(acts, level, (16, 16), padding))
    assert found == brute(acts, level, (16, 16), padding)
    assert sum(unit == 0 for _, unit, _ in found) == 2 * 256


@pytest.mark.parametrize("size", [(16, 16), (12, 20), (6, 6), (4, 4)])
def test_a_map_at_its_level_is_not_above_it(size):
    """Strictly above: a constant map, and the plateau of a map with few values."""
    acts = torch.full((2, 1, 4, 4), 0.7)
    level = torch.tensor([0.7])
    assert len(pixels_above(acts, level, size).value) == 0
    acts[1, 0, 1:3, 1:3] = 1.0
    found = pixels_above(acts, level, size)
    assert set(found.image.tolist()) == {1}
    assert (found.value > level).all()


@given(
    seed=st.integers(0, 99),
    old=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    ratio=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    padding=st.sampled_from(images.PADDINGS),
)
def test_cells_give_what_all_pixels_give(seed, old, ratio, padding):
    size = tuple(o * r for o, r in zip(old, ratio, strict=True))
    acts = maps(2, 3, *old, seed=seed)
    level = maps(3, seed=seed + 100) / 2
    found = as_dict(images._pixels_in_cells(acts, level, size, padding))
    wanted = as_dict(images._pixels_everywhere(acts, level, size, padding))
    # Where rounding decides, at the very level, the two may differ.
    close = {k for k in found.keys() ^ wanted.keys() if abs((found | wanted)[k] - float(level[k[1]])) > 1e-5}
    assert not close
    both = [k for k in wanted if k in found]
    np.testing.assert_allclose([found[k] for k in both], [wanted[k] for k in both], rtol=1e-4, atol=1e-5)


def test_large_batches_in_parts(monkeypatch):
    """Many units at a large size go through memory a few images at a time."""
    acts, level = maps(9, 6, 4, 4), torch.zeros(6)
    whole = pixels_above(acts, level, (30, 30))
    seen = []
    monkeypatch.setattr(images, "upsample", lambda *args: seen.append(len(args[0])) or upsample(*args))
    monkeypatch.setattr(images, "_pixels_in_cells", images._pixels_everywhere)
    small = pixels_above(acts[:, :, :, :2], level, (9, 6))
    assert seen == [9]
    many = pixels_above(acts.repeat(1, 50, 1, 1), level.repeat(50), (30, 30))
    assert max(seen[1:]) < 9 and sum(seen[1:]) == 9
    assert isinstance(small, Pixels)
    first = Pixels(*(part[many.unit < 6] for part in many))
    assert as_dict(first).keys() == as_dict(whole).keys()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_to_look_at(channels):
    pixels = torch.tensor([-1.0, 0.0, 1.0, 5.0]).expand(1, channels, 1, 4)
    shown = to_uint8(pixels)
    assert shown.shape == (1, 1, 4, 3) and shown.flags["C_CONTIGUOUS"]
    values = [0, 128, 255, 255]
    if channels == 4:  # as transparent as they are dark, over light grey (255) and darker grey (204) in turn
        values = [255, round(0.5 * 128 + 0.5 * 204), 255, 255]
    assert [row.tolist() for row in shown[0, 0]] == [[value] * 3 for value in values]


def test_behind_transparent_pictures_is_a_checkerboard():
    clear = torch.zeros(1, 4, 16, 24)
    clear[:, 3] = -1
    shown = to_uint8(clear)[0, :, :, 0]
    assert shown[:2, :2].tolist() == [[255, 255]] * 2 and shown[:2, 2:4].tolist() == [[204, 204]] * 2
    assert shown[2:4, :2].tolist() == [[204, 204]] * 2
    clear[:, :3], clear[:, 3] = 0.2, 1
    assert (to_uint8(clear) == 153).all()
