"""Torch data sets, and photos whose pixels a segmenter names, as labelled images."""

import numpy as np
import pytest
import torch
from PIL import Image


def test_a_torch_data_set_of_tensors_pictures_and_whole_image_labels():
    import ganwidgets as gw

    picture = Image.fromarray(np.full((4, 4, 3), 255, np.uint8))
    items = [
        (torch.zeros(3, 4, 4), torch.full((4, 4), 1)),
        (picture, Image.fromarray(np.full((4, 4), 255, np.uint8))),
        (np.full((8, 8, 3), 255, np.uint8), 2),
        (torch.ones(3, 4, 4, dtype=torch.uint8) * 255, torch.ones(1, 4, 4).long()),
    ]
    data = gw.segment.LabelledDataset(items, ["cat", "dog"], name="mine")
    images, seg = data.batch(range(4))
    assert [float(image.mean()) for image in images] == [-1, 1, 1, 1]
    assert [int(mask.unique()) for mask in seg] == [1, 0, 2, 1]
    assert data.fingerprint() != gw.segment.LabelledDataset(items[:3], ["cat", "dog"]).fingerprint()


def test_every_item_of_a_data_set_is_in_its_fingerprint():
    import ganwidgets as gw

    items = [(torch.full((3, 2, 2), 0.5), 1)] * 300
    names = [gw.segment.LabelledDataset(items, ["cat", "dog"]).fingerprint()]
    for number in (1, 150, 298):  # not among 64 that are spread evenly
        changed = [*items[:number], (items[0][0], 2), *items[number + 1 :]]
        names.append(gw.segment.LabelledDataset(changed, ["cat", "dog"]).fingerprint())
    names.append(gw.segment.LabelledDataset(items, ["cat", "dog"], version="2").fingerprint())
    assert len(set(names)) == 5 and names[0] == gw.segment.LabelledDataset(items, ["cat", "dog"]).fingerprint()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (torch.zeros(3, 4, 4), "must give .image, mask. items"),
        ((torch.zeros(4, 4), 1), "must give images"),
        ((torch.full((3, 4, 4), 2.0), 1), "`value_range` must hold"),
        ((torch.zeros(3, 4, 4), torch.zeros(4, 4)), "masks of whole numbers"),
        ((torch.zeros(3, 4, 4), 3), "0 has 3 to 3 and there are 2 names"),
    ],
)
def test_items_of_another_kind_are_told(item, message):
    import ganwidgets as gw

    with pytest.raises((ValueError, TypeError), match=message):
        gw.segment.LabelledDataset([item], ["cat", "dog"]).batch([0])


class Brightness:
    """Names pixels "bright" or "dark", and counts how often it is asked."""

    name, concepts, categories, slots = "brightness", ("bright", "dark"), ("color", "color"), ("tone",)
    asked = 0

    def __call__(self, images):
        self.asked += len(images)
        return (2 - (images.mean(1, keepdim=True) > 0).long()).to(torch.uint8)

    def fingerprint(self):
        return "1"


def test_photos_are_named_by_a_segmenter_once(folder):
    import ganwidgets as gw

    segmenter = Brightness()
    data = gw.segment.SegmentedPhotos(folder / "images", segmenter, size=8)
    assert (len(data), data.image_shape, data.name) == (2, (3, 8, 8), "images, named by brightness")
    assert [int(mask.unique()) for mask in data.batch([0, 1])[1]] == [2, 1]
    assert int(data.batch([1])[1].unique()) == 1 and segmenter.asked == 2
    assert data.fingerprint() != gw.segment.SegmentedPhotos(folder / "images", segmenter, size=9).fingerprint()


class Plain(Brightness):
    """Has no fingerprint."""

    fingerprint = property()

    def __init__(self, at=0.0):
        self.at = at

    def __call__(self, images):
        self.asked += len(images)
        return (2 - (images.mean(1, keepdim=True) > self.at).long()).to(torch.uint8)


def test_a_segmenter_without_a_fingerprint_is_only_itself_and_nothing_is_cached(tmp_path, monkeypatch):
    import ganwidgets as gw

    # As when memory is used again.
    monkeypatch.setattr("ganwidgets.segment.labelled_photos.id", lambda thing: 1, raising=False)
    photos, one = torch.linspace(-1, 1, 3 * 64).reshape(4, 3, 4, 4), Plain()
    names = {gw.segment.SegmentedPhotos(photos, Plain(at)).fingerprint() for at in np.linspace(-0.5, 0.5, 20)}
    assert len(names) == 20  # although each one is gone before the next is made
    assert len({gw.segment.SegmentedPhotos(photos, one).fingerprint() for _ in range(2)}) == 1
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 1), torch.nn.ReLU())
    for at in (-0.5, 0.5):
        found = gw.dissect.run(net, photos, segmenter=Plain(at), layer="0", chance=False, cache=tmp_path)
        assert found.layer().concept_area[0] == pytest.approx((photos.mean(1) > at).float().mean())
    assert not list(tmp_path.rglob("*.gwd"))


@pytest.mark.parametrize(("kept", "asked"), [(10**6, 300), (100 * 16, 500)])
def test_segmentations_are_remembered_up_to_a_number_of_bytes(kept, asked, monkeypatch):
    """300 photos of 16 bytes, twice in the same order: with room for 100, the other 200 are asked for again."""
    import ganwidgets as gw

    monkeypatch.setattr("ganwidgets.segment.labelled_photos.REMEMBERED", kept)
    segmenter = Plain()
    data = gw.segment.SegmentedPhotos(torch.zeros(300, 3, 4, 4), segmenter)
    for _ in range(2):
        for first in range(0, 300, 50):
            data.batch(range(first, first + 50))
    assert segmenter.asked == asked


def test_255_is_a_concept_where_it_has_a_name():
    import ganwidgets as gw

    item = torch.zeros(3, 4, 4), torch.full((4, 4), 255)
    for many, seen in ((255, 255), (254, 0)):
        data = gw.segment.LabelledDataset([item], [str(number) for number in range(1, many + 1)])
        assert data.batch([0])[1].unique().tolist() == [seen]


def test_images_in_memory_are_named_too():
    import ganwidgets as gw

    data = gw.segment.SegmentedPhotos(torch.stack([torch.ones(3, 4, 4), -torch.ones(3, 4, 4)]), Brightness())
    assert data.image_shape == (3, 4, 4) and data.batch([1, 0])[1][:, 0, 0, 0].tolist() == [2, 1]


def test_what_are_no_photos_is_told(tmp_path, arrays):
    import ganwidgets as gw

    (tmp_path / "x.jpg").write_text("no picture")
    for photos, message in (
        (tmp_path, "no photo that can be read .1 left out."),
        (tmp_path / "nowhere", "no folder"),
        (torch.zeros(3, 4, 4), "must be float images"),
        (arrays, "labelled images need no segmenter"),
    ):
        with pytest.raises((ValueError, TypeError, OSError), match=message):
            gw.segment.SegmentedPhotos(photos, Brightness())
