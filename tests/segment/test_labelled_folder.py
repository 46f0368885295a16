"""Folders of photos and masks as labelled images; what is wrong in one is told."""

import numpy as np
import pytest
from PIL import Image


def test_a_folder_of_photos_and_masks(folder):
    import ganwidgets as gw

    data = gw.segment.LabelledFolder(folder, ["cat", "dog"])
    images, seg = data.batch([1, 0])
    assert (len(data), data.image_shape, data.name) == (2, (3, 4, 6), folder.name)
    np.testing.assert_allclose(images[:, 0, 0, 0], [200 / 127.5 - 1, 10 / 127.5 - 1], atol=1e-6)
    assert seg[0, 0, 0].tolist() == [2, 2, 2, 0, 0, 0] and (seg[1] == 1).all()


def test_numbers_can_be_named_one_by_one_and_others_left_out(folder):
    import ganwidgets as gw

    data = gw.segment.LabelledFolder(folder, {2: "dog"}, size=2)
    images, seg = data.batch([0, 1])
    assert images.shape == (2, 3, 2, 2) and seg.tolist() == [[[[0, 0], [0, 0]]], [[[1, 0], [1, 0]]]]


def test_a_palette_counts_by_its_indices(folder):
    import ganwidgets as gw

    mask = Image.fromarray(np.full((4, 6), 2, np.uint8))
    mask.putpalette([0, 0, 0, 255, 0, 0, 7, 7, 7])
    mask.save(folder / "masks" / "a.png")
    assert (gw.segment.LabelledFolder(folder, ["cat", "dog"]).batch([0])[1] == 2).all()


def test_masks_may_lie_beside_the_photos(tmp_path):
    import ganwidgets as gw

    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "bird.png")
    Image.fromarray(np.full((4, 4), 3, np.uint8)).save(tmp_path / "bird_mask.png")
    data = gw.segment.LabelledFolder(tmp_path, {3: "bird"}, images=".", masks=".", suffix="_mask")
    assert len(data) == 1 and (data.batch([0])[1] == 1).all()


def test_masks_beside_the_photos_need_a_suffix(tmp_path):
    import ganwidgets as gw

    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.jpg")
    Image.fromarray(np.ones((4, 4), np.uint8)).save(tmp_path / "a.png")
    for masks in (".", "./"):
        with pytest.raises(ValueError, match="`suffix` must tell masks from photos"):
            gw.segment.LabelledFolder(tmp_path, ["x"], images=".", masks=masks)


@pytest.mark.parametrize(("part", "other"), [("images", "a.jpg"), ("masks", "a.gif")])
def test_a_name_that_occurs_twice_is_refused(folder, part, other):
    import ganwidgets as gw

    Image.fromarray(np.ones((4, 6), np.uint8)).save(folder / part / other)
    with pytest.raises(ValueError, match=f"`{part}` must hold one file of each name, got '{other}' and 'a.png'"):
        gw.segment.LabelledFolder(folder, ["cat", "dog"])


def test_a_fingerprint_changes_with_any_file(folder):
    import ganwidgets as gw

    before = gw.segment.LabelledFolder(folder, ["cat", "dog"]).fingerprint()
    assert before == gw.segment.LabelledFolder(folder, ["cat", "dog"]).fingerprint()
    Image.fromarray(np.ones((4, 6), np.uint8)).save(folder / "masks" / "b.png")
    assert before != gw.segment.LabelledFolder(folder, ["cat", "dog"]).fingerprint()


def damaged(folder, what):
    target = folder / "masks" / "a.png"
    if what == "no mask":
        target.unlink()
    elif what == "another size":
        Image.fromarray(np.ones((3, 6), np.uint8)).save(target)
    elif what == "a photo":
        Image.fromarray(np.ones((4, 6), np.uint8)).save(folder / "m.jpg")
        (folder / "m.jpg").replace(target)
    elif what == "text":
        target.write_text("<html>")
    elif what == "cut off":
        Image.fromarray(np.random.RandomState(0).randint(0, 3, (400, 600), np.uint8)).save(target)
        target.write_bytes(target.read_bytes()[:2000])
    elif what == "a number without a name":
        Image.fromarray(np.full((4, 6), 7, np.uint8)).save(target)
    elif what == "a link out":
        outside = folder.parent / f"{folder.name}-outside.png"
        Image.fromarray(np.ones((4, 6), np.uint8)).save(outside)
        target.unlink()
        target.symlink_to(outside)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no mask", "1 have none, 'a.png' first: it should be called a.png"),
        ("another size", "'a.png' must be as large as its photo, 6 × 4, got 6 × 3"),
        ("a photo", "without loss"),
        ("text", "a.png is a web page"),
        ("cut off", "must be a whole mask"),
        ("a number without a name", "numbers from 0 to 2 .255 is left out., got 7; name it"),
        ("a link out", "leads out of it"),
    ],
)
def test_a_damaged_folder_is_told_in_one_sentence(folder, what, message):
    import ganwidgets as gw

    damaged(folder, what)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        gw.segment.LabelledFolder(folder, ["cat", "dog"]).batch([0, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": "../"}, "leads out of it"),
        ({"masks": "nowhere"}, "there is no 'nowhere'"),
        ({"size": 0}, "`size` must be a side"),
        ({"categories": ["x"]}, "one category for each"),
    ],
)
def test_options_of_a_folder_are_judged(folder, options, message):
    import ganwidgets as gw

    with pytest.raises((ValueError, FileNotFoundError), match=message):
        gw.segment.LabelledFolder(folder, ["cat", "dog"], **options)
