"""Whatever people call a picture becomes red, green and blue in [-1, 1], or one sentence."""

import io
import json
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ganwidgets.nn.photos import preview, read_photo, read_with_notes, resized

HOSTILE = Path(__file__).parents[3] / "shared" / "data" / "photos-hostile"


def colours(height=6, width=9):
    """Every pixel its own colour (height width rgb)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 40, columns * 28, (rows + columns) * 17], -1).astype(np.uint8)


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def as_tensor(array):
    return torch.from_numpy(np.asarray(array, np.float32)).permute(2, 0, 1) / 127.5 - 1


def png(width, height, bits=8, kind=2, data=b""):
    """A PNG that declares this size, whatever it holds."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def test_colours_are_exact_from_every_kind_of_source(tmp_path):
    pixels, expected = colours(), as_tensor(colours())
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), Image.open(path), pixels):
        assert torch.allclose(read_photo(source), expected, atol=1e-6)
    assert torch.allclose(read_photo((pixels / 255).astype(np.float32)), expected, atol=1e-6)
    assert torch.allclose(read_photo(pixels.astype(np.uint16) * 257), expected, atol=1e-6)
    assert torch.allclose(read_photo(torch.from_numpy(pixels)), expected, atol=1e-6)
    photo = read_photo(path)
    assert photo.dtype == torch.float32 and photo.is_contiguous()
    photo.zero_()  # and is one's own to change


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stored_on_its_side_is_set_upright(orientation):
    upright = colours()
    stored = {  # what the camera's turn or mirror made of it
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = read_photo(encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif))
    assert torch.allclose(photo, as_tensor(upright), atol=1e-6)


def test_transparent_pixels_show_what_lies_behind():
    rgba = np.dstack([colours(20, 20), np.zeros((20, 20), np.uint8)])
    rgba[0, 0, 3], rgba[0, 1] = 255, (0, 0, 0, 51)
    source = encoded(Image.fromarray(rgba))
    white = read_photo(source)
    assert torch.equal(white[:, 1:], torch.ones(3, 19, 20))
    assert torch.allclose(white[:, 0, 0], as_tensor(rgba[..., :3])[:, 0, 0])
    assert white[:, 0, 1].tolist() == pytest.approx([0.6] * 3)  # 20 % black over white: 0.8 in [0, 1]
    check = read_photo(source, background="checkerboard")
    assert check[0, 1, [2, 7, 8, 15, 16]].tolist() == pytest.approx([1, 1, 0.6, 0.6, 1])
    assert check[0, [2, 7, 8, 15, 16], 1].tolist() == pytest.approx([1, 1, 0.6, 0.6, 1])


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK", "YCbCr"])
def test_modes_without_three_colours(mode):
    grey = np.repeat(np.repeat([[0, 255], [255, 0]], 4, 0), 4, 1).astype(np.uint8)
    picture = Image.fromarray(grey).convert("RGB").convert(mode)
    kind = {"CMYK": "TIFF", "YCbCr": "JPEG"}.get(mode, "PNG")
    expected = as_tensor(np.repeat(grey[..., None], 3, 2))
    source = encoded(picture, kind, **({"quality": 100} if kind == "JPEG" else {}))
    assert torch.allclose(read_photo(source), expected, atol=0.02)
    assert torch.allclose(read_photo(picture), expected, atol=0.02)


def test_16_bits_are_scaled_and_not_cut_off():
    values = np.linspace(0, 65535, 48).reshape(6, 8).round().astype(np.uint16)
    photo = read_photo(encoded(Image.fromarray(values)))
    assert torch.allclose(photo[0], torch.from_numpy(values.astype(np.float32)) / 65535 * 2 - 1, atol=1e-6)
    assert torch.equal(photo[0], photo[1]) and torch.equal(photo[0], photo[2])


def test_a_palette_with_a_transparent_colour():
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    photo = read_photo(encoded(picture, transparency=1))
    assert photo[:, 0].T.tolist() == [[1, -1, -1], [1, 1, 1]]


def test_of_an_animation_the_first_frame_is_read_and_that_is_said(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / "three.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r"three\.gif has several frames: the first is read"):
        photo = read_photo(path)
    assert photo[:, 0, 0].tolist() == [1, -1, -1]
    assert read_with_notes(path).notes == ("three.gif has several frames: the first is read",)


def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path):
    def refused(content, name="photo.png"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError) as caught:
            read_photo(tmp_path / name)
        assert str(caught.value).startswith(name) and "\n" not in str(caught.value)
        return str(caught.value)

    assert "is empty" in refused(b"")
    assert "web page" in refused(b"<!DOCTYPE html><html>404</html>")
    assert "Git LFS pointer" in refused(b"version https://git-lfs.github.com/spec/v1")
    assert "no picture that is read here" in refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "photo.jpg")
    whole = encoded(Image.fromarray(colours(64, 64)), "JPEG")
    assert "damaged or cut off" in refused(whole[: len(whole) // 2])
    with pytest.raises(FileNotFoundError, match=r"no file '.*absent\.jpg'"):
        read_photo(tmp_path / "absent.jpg")
    with pytest.raises(TypeError, match=r"with \.read\(\) first"):
        read_photo(io.BytesIO(whole))


@pytest.mark.parametrize("size", [(20_000, 20_000), (9_000, 9_000), (60_000, 2_000), (2**31 - 1, 2**31 - 1)])
def test_what_declares_too_many_pixels_is_not_decoded(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("default")  # as in a notebook, where Pillow only warns of some
        with pytest.raises(ValueError, match=r"at most 64,000,000 are read .* it was not decoded"):
            read_photo(png(*size))
    with pytest.raises(ValueError, match="it was not decoded"):
        read_photo(png(*size))


def test_the_limit_holds_for_pictures_and_arrays_too():
    for source in (colours(), Image.fromarray(colours()), encoded(Image.fromarray(colours()))):
        with pytest.raises(ValueError, match=r"declares 9 × 6 pixels, and at most 53 are read"):
            read_photo(source, max_pixels=53)
        read_photo(source, max_pixels=54)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 5), np.uint8), r"got \(3, 4, 5\); a tensor \(rgb height width\) needs permute"),
        (np.zeros((0, 4, 3), np.uint8), r"got \(0, 4, 3\)"),
        (np.zeros(4, np.uint8), r"got \(4,\)"),
        (np.full((4, 4), 1.5), "numbers in \\[0, 1\\], got float64"),
        (np.full((4, 4), np.nan), "numbers in \\[0, 1\\]"),
        (np.full((4, 4), -0.1, np.float32), "numbers in \\[0, 1\\]"),
        (np.zeros((4, 4), np.int64), "got int64"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    with pytest.raises(ValueError, match=message):
        read_photo(array)


def test_cropping_cuts_the_middle_out():
    pixels = np.zeros((6, 12, 3), np.uint8)
    pixels[:, 3:9] = 255
    assert torch.equal(read_photo(pixels, 6), torch.ones(3, 6, 6))
    assert torch.equal(read_photo(pixels.transpose(1, 0, 2), 3), torch.ones(3, 3, 3))


def test_a_letterbox_keeps_all_of_it_between_grey_bars():
    photo = read_photo(np.full((4, 8, 3), 255, np.uint8), (16, 16), "letterbox")
    assert photo[:, 4:12].eq(1).all() and photo[:, :4].eq(0).all() and photo[:, 12:].eq(0).all()


def test_stretching_squashes():
    half = np.zeros((4, 8, 3), np.uint8)
    half[:, 4:] = 255
    assert read_photo(half, (4, 8), "stretch").equal(read_photo(half))
    squashed = read_photo(half, (2, 2), "stretch")[0]
    assert squashed[:, 0].max() < squashed[:, 1].min()


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch"])
@pytest.mark.parametrize("shape", [(8, 12_000), (12_000, 8), (1, 1), (1, 5), (300, 200)])
def test_any_shape_comes_out_at_the_size_asked_for(fit, shape):
    photo = read_photo(np.full((*shape, 3), 128, np.uint8), (64, 96), fit)
    assert photo.shape == (3, 64, 96) and photo.isfinite().all()
    grey = torch.tensor(128 / 127.5 - 1)
    inside = photo[:, 31:33, 47:49] if fit == "letterbox" else photo
    assert (inside - grey).abs().amin() < 1e-6 and ((photo - grey).abs() < 1e-5).logical_or(photo == 0).all()


def test_a_box_is_cut_out_before_all_else():
    pixels = colours(20, 30)
    photo = read_photo(pixels, box=(0.1, 0.2, 0.5, 0.6))
    assert torch.equal(photo, as_tensor(pixels[2:10, 6:18]))
    for fit in ("crop", "letterbox", "stretch"):
        whole = read_photo(pixels[2:10, 6:18], (7, 9), fit)
        assert torch.allclose(read_photo(pixels, (7, 9), fit, box=(0.1, 0.2, 0.5, 0.6)), whole, atol=1e-6)
    assert read_photo(pixels, box=(0.999, 0, 1, 0.001)).shape == (3, 1, 1)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: a box is meant of the upright picture
    source = encoded(Image.fromarray(np.ascontiguousarray(np.rot90(pixels))), exif=exif)
    assert torch.allclose(read_photo(source, box=(0.1, 0.2, 0.5, 0.6)), photo, atol=1e-6)


def test_a_preview_is_small_upright_and_knows_how_large_the_picture_is():
    exif = Image.Exif()
    exif[0x0112] = 6
    small, size, notes = preview(encoded(Image.new("RGB", (40, 400), "red"), exif=exif), 100)
    assert (tuple(small.shape), size, notes) == ((3, 10, 100), (40, 400), ())
    assert preview(colours(), 100).image.equal(read_photo(colours()))  # never larger than it is
    assert preview(np.zeros((2, 5000), np.uint8), 100).image.shape == (3, 1, 100)
    with pytest.raises(ValueError, match="it was not decoded"):
        preview(png(20_000, 20_000), 100)


@pytest.mark.parametrize("box", [(0, 0, 1), (0.5, 0, 0.5, 1), (0, 0, 1.1, 1), (-0.1, 0, 1, 1), (0, 0, np.nan, 1)])
def test_boxes_that_are_none(box):
    with pytest.raises(ValueError, match=r"`box` must be \(top, left, bottom, right\)"):
        read_photo(colours(), box=box)


def test_a_photo_of_sixty_million_pixels_is_read_without_being_whole_in_floats():
    tracemalloc.start()
    photo = read_photo(np.broadcast_to(np.uint8(200), (6000, 10_000, 3)), 64, box=(0, 0.2, 1, 0.8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (photo - (200 / 127.5 - 1)).abs().max() < 1e-5
    assert peak < 100e6  # bytes; in floats it would be 720 million


def test_the_alpha_channel_can_be_kept():
    rgba = np.zeros((4, 8, 4), np.uint8)
    rgba[:, :4] = (255, 0, 0, 255)  # red beside clear green
    rgba[:, 4:] = (0, 255, 0, 0)
    source = encoded(Image.fromarray(rgba))
    photo = read_photo(source, alpha=True)
    assert photo[:, 0, 0].tolist() == [1, -1, -1, 1] and photo[3, 0, 7] == -1
    small = read_photo(source, (1, 1), "stretch", alpha=True)
    assert small[:, 0, 0].tolist() == pytest.approx([1, -1, -1, 0])  # half clear, and still red
    boxed = read_photo(source, (8, 8), "letterbox", alpha=True)
    assert boxed[3, :2].eq(-1).all() and boxed[3, 2:6, :3].eq(1).all()
    assert read_photo(colours(), alpha=True)[3].eq(1).all()


def test_shrinking_averages():
    stripes = torch.tensor([-1.0, 1.0]).repeat(32).expand(1, 64, 64)
    assert resized(stripes, (8, 8), "stretch").abs().max() < 0.1


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch"])
@pytest.mark.parametrize("shape", [(40, 90), (90, 40), (1, 70), (70, 1)])
def test_a_picture_in_bands_is_the_same_as_all_at_once(fit, shape, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 4), np.uint8)
    sizes = (None, 16, (30, 200), (200, 30), (16, 1))
    whole = [read_photo(pixels, size, fit, background="checkerboard") for size in sizes]
    monkeypatch.setattr("ganwidgets.nn.photos._BAND", 200)
    for size, expected in zip(sizes, whole, strict=True):
        for source in (pixels, Image.fromarray(pixels)):
            assert torch.allclose(read_photo(source, size, fit, background="checkerboard"), expected, atol=1e-5)
    assert torch.allclose(resized(whole[0], (30, 200), fit), whole[2], atol=1e-5)


def test_a_single_column_is_averaged_too():
    column = np.repeat(np.repeat([[0, 255]], 8, 0).reshape(16, 1, 1), 3, 2).astype(np.uint8)
    column[:, 0, 2] = 255
    photo = read_photo(column, (4, 1), "stretch")
    assert photo[:2].abs().max() < 0.3 and photo[2].eq(1).all()


def test_a_large_picture_made_small_is_never_whole_in_floats(monkeypatch):
    from ganwidgets.nn import photo_pixels, photos

    asked, rows = [], photo_pixels.in_unit_range
    monkeypatch.setattr(photo_pixels, "in_unit_range", lambda part, name: asked.append(part.size) or rows(part, name))
    assert read_photo(Image.new("RGBA", (3000, 1500)), 64).shape == (3, 64, 64)
    assert max(width * height for width, height in asked) <= photos._BAND
    assert sum(width * height for width, height in asked) == 1500 * 1500  # only what is kept


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_colour_of_another_kind_is_told(mode):
    picture = Image.new(mode, (4, 4))
    picture.info["transparency"] = b"\0" * 4
    with pytest.raises(ValueError, match="the picture must have colours that Pillow can turn into red, green and blue"):
        read_photo(picture)


def test_too_little_memory_is_told_and_not_taken_for_damage(monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", short)
    with pytest.raises(ValueError, match="needs more memory than there is"):
        read_photo(Image.new("RGB", (4, 4)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit": "cover"}, "`fit` must be one of .* got 'cover'"),
        ({"background": "black"}, "`background` must be one of"),
        ({"size": 0}, "`size` must be a number of pixels"),
        ({"size": (4, 5, 6)}, "`size` must be a number of pixels"),
        ({"size": 100_000}, "`size` must be a number of pixels up to 16,384"),
    ],
)
def test_options_that_do_not_exist(options, message):
    with pytest.raises(ValueError, match=message):
        read_photo(colours(), **options)


SEEDS = [
    encoded(Image.fromarray(colours(24, 24)), "JPEG"),
    encoded(Image.fromarray(colours(24, 24)), "PNG"),
    encoded(Image.fromarray(colours(24, 24)).quantize(16), "GIF"),
    encoded(Image.fromarray(colours(24, 24)), "WEBP"),
    encoded(Image.fromarray(colours(24, 24)), "TIFF"),
    encoded(Image.fromarray(colours(24, 24)), "BMP"),
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_give_a_picture_or_a_sentence(data):
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders have much to say about damaged metadata
        try:
            photo = read_photo(content, max_pixels=100_000)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert photo.shape[0] == 3 and photo.min() >= -1 and photo.max() <= 1


EXPECTED = json.loads((HOSTILE / "expected.json").read_text()) if HOSTILE.is_dir() else {}


@pytest.mark.skipif(not EXPECTED, reason="needs ../shared/data/photos-hostile")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_hostile_photo_is_what_a_right_reader_finds(name):
    about = EXPECTED[name]["expect"]
    if "error" in about:
        with pytest.raises(ValueError, match=name):
            read_photo(HOSTILE / name)
        return
    photo, notes = read_with_notes(HOSTILE / name)
    width, height = about.get("upright_size", about.get("size"))
    assert photo.shape == (3, height, width)
    assert bool(notes) == (about.get("frames", 1) > 1)
    if "right_mean_8bit" in about:
        assert ((photo.mean() + 1) * 127.5).item() == pytest.approx(about["right_mean_8bit"], abs=0.01)
    for fit in ("crop", "letterbox", "stretch"):
        assert read_with_notes(HOSTILE / name, 224, fit).image.shape == (3, 224, 224)


@pytest.mark.skipif(not EXPECTED, reason="needs ../shared/data/photos-hostile")
@pytest.mark.parametrize(
    ("name", "original", "key"),
    [
        ("exif_orientation6.jpg", "coffee.jpg", "mean_abs_diff_after_exif_transpose"),
        ("cmyk.jpg", "flower.jpg", "mean_abs_diff_to_original"),
    ],
)
def test_turned_and_printed_photos_are_those_they_were_made_from(name, original, key):
    about = EXPECTED[name]["expect"]
    photo = read_photo(HOSTILE / name)
    whole = Image.open(HOSTILE.parent / "photos" / original).convert("RGB").resize(photo.shape[:0:-1], Image.LANCZOS)
    apart = (photo - as_tensor(np.asarray(whole))).abs().mean().item() * 127.5
    assert apart < about[key] + 3
