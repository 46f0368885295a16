"""A folder of photos keeps its numbers, whatever else lies in it."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

from ganwidgets.nn.photo_folder import photo_folder


@pytest.fixture
def folder(tmp_path):
    """Three good photos in two folders, and some that are not."""
    root = tmp_path / "photos"
    (root / "below").mkdir(parents=True)
    for name, colour, size in (("b.png", "red", (8, 4)), ("a.jpg", "white", (5, 5)), ("below/c.webp", "blue", (4, 9))):
        Image.new("RGB", size, colour).save(root / name, quality=100)
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(root / "cut.jpg")
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:-2000])
    (root / "page.png").write_text("<html>not found</html>")
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.png").write_text("no photo")
    (root / ".thumbs").mkdir()
    Image.new("RGB", (4, 4)).save(root / ".thumbs" / "t.png")
    return root


def test_photos_are_listed_by_name_and_the_others_named_with_a_reason(folder):
    photos = photo_folder(folder, 4)
    assert photos.names == ("a.jpg", "b.png", "below/c.webp")
    assert [name for name, _ in photos.skipped] == ["cut.jpg", "page.png"]
    assert "cut off" in photos.skipped[0][1] and "web page" in photos.skipped[1][1]
    assert repr(photos) == "PhotoFolder('photos', 3 photos, 2 skipped)"


def test_they_are_read_when_asked_for(folder):
    photos = photo_folder(folder, (4, 6), "stretch")
    assert len(photos) == 3 and [tuple(photo.shape) for photo in photos] == [(3, 4, 6)] * 3
    assert photos[1][:, 0, 0].tolist() == [1, -1, -1]
    assert photos.images().shape == (3, 3, 4, 6)
    assert torch.equal(photos.images([2, 0]), torch.stack([photos[2], photos[0]]))
    assert photos[-1].equal(photos[2])
    with pytest.raises(IndexError):
        photos[3]
    with pytest.raises(ValueError, match="must name a photo"):
        photos.images([])


def test_without_a_size_there_are_photos_but_no_batch(folder):
    photos = photo_folder(folder)
    assert [tuple(photo.shape[1:]) for photo in photos] == [(5, 5), (4, 8), (9, 4)]
    with pytest.raises(ValueError, match="`size` must be given"):
        photos.images()


def test_links_do_not_lead_out_of_the_folder(folder, tmp_path):
    outside = tmp_path / "secret"
    outside.mkdir()
    Image.new("RGB", (4, 4)).save(outside / "s.png")
    (folder / "linked").symlink_to(outside)
    (folder / "link.png").symlink_to(outside / "s.png")
    (folder / "to-a.jpg").symlink_to(folder / "a.jpg")
    (folder / "dangling.png").symlink_to(tmp_path / "absent.png")
    photos = photo_folder(folder, 4)
    assert photos.names == ("a.jpg", "b.png", "below/c.webp", "to-a.jpg")
    reasons = dict(photos.skipped)
    assert reasons["link.png"] == "is a link that leads out of the folder"
    assert "dangling.png" in reasons and not any("secret" in name or "linked" in name for name in reasons)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize("check", [True, False])
def test_a_pipe_is_skipped_rather_than_waited_for(folder, check):
    os.mkfifo(folder / "pipe.png")
    (folder / "to-pipe.jpg").symlink_to(folder / "pipe.png")
    photos = photo_folder(folder, 4, check=check)
    reasons = dict(photos.skipped)
    assert reasons["pipe.png"] == "pipe.png is no regular file" and "to-pipe.jpg" in reasons and "a.jpg" in photos.names


def test_a_first_few_and_a_quick_look(folder):
    assert photo_folder(folder, 4, limit=2).names == ("a.jpg", "b.png")
    quick = photo_folder(folder, 4, check=False)
    assert quick.names == ("a.jpg", "b.png", "below/c.webp", "cut.jpg")
    with pytest.raises(ValueError, match=r"cut\.jpg is damaged or cut off"):
        quick[3]


def test_animations_are_kept_and_told(folder):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    frames[0].save(folder / "two.gif", save_all=True, append_images=frames[1:])
    photos = photo_folder(folder, 4)
    assert photos.notes == ("two.gif has several frames: the first is read",)
    assert photos[photos.names.index("two.gif")][:, 0, 0].tolist() == [1, -1, -1]


def test_photos_that_are_too_much_for_the_memory_are_skipped_and_counted(folder, monkeypatch):
    def short(path, *_, **__):
        raise MemoryError if path.name == "a.jpg" else TypeError("of another kind")

    monkeypatch.setattr("ganwidgets.nn.photo_folder.read_with_notes", short)
    photos = photo_folder(folder)
    assert len(photos) == 0 and len(photos.skipped) == 5
    assert photos.skipped[:2] == (("a.jpg", "needs more memory than there is"), ("b.png", "of another kind"))


def test_options_and_folders_that_do_not_exist(folder, tmp_path):
    with pytest.raises(NotADirectoryError, match="there is no folder"):
        photo_folder(tmp_path / "absent")
    with pytest.raises(ValueError, match="`fit` must be one of"):
        photo_folder(folder, 4, "cover")
    (tmp_path / "empty").mkdir()
    assert len(photo_folder(tmp_path / "empty", 4)) == 0


def test_a_number_that_is_no_photos_is_told(tmp_path):
    for name in "ab":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.png")
    photos = photo_folder(tmp_path, 4)
    assert len(photos.images([-1, 0])) == 2
    with pytest.raises(ValueError, match=r"must lie in 0 to 1, .* has 2 photos, got 2; images\(\) gives all"):
        photos.images(range(16))
