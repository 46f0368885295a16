"""Masks keep their alpha at any size and as PNG; what is no mask, or too large, is one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

QUARTER = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0.5]])


def test_area_keeps_the_painted_share_and_max_the_strongest_spot():
    from ganwidgets.nn.regions import resize

    assert resize(QUARTER, (1, 2)).tolist() == [[0.25, 0.125]]
    assert resize(QUARTER, (1, 2), "max").tolist() == [[1.0, 0.5]]


def test_height_and_width_are_not_mixed_up_and_sizes_need_not_divide():
    from ganwidgets.nn.regions import resize

    tall = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    assert resize(tall, (2, 1)).tolist() == [[pytest.approx(1 / 3)], [pytest.approx(1 / 3)]]
    assert resize(tall, (2, 1), "max").tolist() == [[1.0], [1.0]]
    assert resize(torch.tensor([[1.0, 0, 0]]), (1, 2), "max").tolist() == [[1.0, 0.0]]  # the middle cell is split


def test_a_finer_layer_than_the_mask_gets_the_mask_back():
    from ganwidgets.nn.regions import resize

    for how in ("area", "max"):
        assert resize(QUARTER, (4, 4), how).tolist() == QUARTER.repeat_interleave(2, 0).tolist()


def test_a_painted_mask_never_gets_above_1():
    from ganwidgets.nn.regions import at_most, resize

    for size in ((16, 16), (7, 11), (64, 48)):
        whole = torch.ones(400, 300)
        assert resize(whole, size).max() <= 1 and at_most(whole, size).max() <= 1 and resize(whole, size).min() > 0.999


def test_another_way_to_resize_is_refused():
    from ganwidgets.nn.regions import resize

    with pytest.raises(ValueError, match=r"`resize` must be one of \['area', 'max'\], got 'nearest'"):
        resize(QUARTER, (1, 2), "nearest")


def test_at_most_reduces_only_what_is_finer():
    from ganwidgets.nn.regions import at_most

    assert at_most(QUARTER, (2, 4)) is QUARTER and at_most(QUARTER, (8, 8)) is QUARTER
    assert at_most(QUARTER, (8, 2)).tolist() == [[0.5, 0.0], [0.0, 0.25]]


@pytest.mark.parametrize(
    "mask",
    [
        [[0, 1], [1, 0]],
        np.array([[0, 255], [255, 0]], np.uint8),
        np.array([[False, True], [True, False]]),
        torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64),
    ],
    ids=["lists", "8-bit", "booleans", "doubles"],
)
def test_masks_of_any_kind_are_read(mask):
    from ganwidgets.nn.regions import as_region

    region = as_region(mask)
    assert region.dtype == torch.float32 and region.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        ([[0.0, 1.5]], r"must lie in \[0, 1\]"),
        ([[0.0, float("nan")]], r"must lie in \[0, 1\]"),
        ([0.0, 1.0], "must be \\(height, width\\)"),
        (np.zeros((0, 4)), "must be \\(height, width\\)"),
        ("a circle", "got str"),
        (None, "got NoneType"),
        (np.zeros((1, 4097), bool), "at most 4096 × 4096, got 4097 × 1"),
        (b"GIF89a", "must be a PNG image"),
    ],
)
def test_what_is_no_mask_is_one_sentence(mask, reason):
    from ganwidgets.nn.regions import as_region

    with pytest.raises(ValueError, match=f"`region` .*{reason}"):
        as_region(mask)


def test_an_8_bit_mask_comes_back_from_png_bit_for_bit_and_a_finer_one_within_16_bits():
    from ganwidgets.nn.regions import as_region, to_png

    eight = torch.arange(256).reshape(8, 32).to(torch.uint8)
    region = as_region(eight)
    assert torch.equal(as_region(to_png(region)), region) and len(to_png(region)) < 600
    fine = torch.rand(8, 32)
    assert (as_region(to_png(fine)) - fine).abs().max() <= 0.5 / 65535 + 1e-7


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L"])
def test_the_alpha_of_a_png_is_the_mask_and_without_alpha_its_grey(mode):
    from ganwidgets.nn.regions import as_region

    alpha = np.array([[0, 51], [102, 255]], np.uint8)
    bands = {"RGBA": [np.full_like(alpha, 9)] * 3 + [alpha], "LA": [np.full_like(alpha, 9), alpha], "L": [alpha]}
    file = io.BytesIO()
    Image.merge(mode, [Image.fromarray(band) for band in bands[mode]]).save(file, "PNG")
    assert as_region(file.getvalue()).tolist() == (alpha / 255).astype(np.float32).tolist()


def png(width, height, rows=b"", later=()):
    """A PNG that claims a size, and then perhaps another."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    heads = [chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)) for size in ((width, height), *later)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(heads) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png(100_000, 100_000), "at most 4096 × 4096, got 100000 × 100000"),
        (png(0, 4), "at most 4096 × 4096, got 0 × 4"),
        (b"\x89PNG\r\n\x1a\n" + bytes(16 * 2**20), "at most 8 MiB, got 16.0 MiB"),
        (png(4, 4), "damaged"),
        (png(8, 8, bytes(72), [(6000, 6000)]), "damaged: it declares two sizes"),
        (png(8, 8, bytes(72), [(14_000, 14_000)]), "damaged"),
        (png(4, 4, bytes(20))[:-24], "damaged"),
        (b"\x89PNG\r\n\x1a\n", "must be a PNG image"),
    ],
    ids=["huge", "empty", "16 MiB", "no rows", "two sizes", "two, the second a bomb", "cut off", "only a signature"],
)
def test_a_png_that_is_too_large_or_damaged_is_one_sentence(data, reason):
    from ganwidgets.nn.regions import as_region

    with pytest.raises(ValueError, match=reason):
        as_region(data)
