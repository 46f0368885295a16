"""Labelled images: what they give, and what is refused in one sentence."""

import json

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture
def arrays():
    """Three 4 × 4 pictures, grey 0, 100, 200; objects left and right, and a scene for each whole image."""
    import ganwidgets as gw

    images = np.zeros((3, 4, 4, 3), np.uint8) + np.array([0, 100, 200], np.uint8)[:, None, None, None]
    sides = np.zeros((3, 4, 4), np.uint8)
    sides[:, :, :2], sides[:, :, 2:] = 1, 2
    masks = {"object": sides, "scene": np.array([3, 0, 4], np.uint8)}
    names = ["left", "right", "street", "room"]
    categories = ["object", "object", "scene", "scene"]
    return gw.segment.LabelledArrays(images, masks, names, categories=categories)


def test_arrays_give_images_in_order_and_labels_of_whole_images_everywhere(arrays):
    from ganwidgets.segment.labelled import checked_batch

    images, seg = checked_batch(arrays, [2, 0])
    assert (len(arrays), arrays.image_shape, arrays.seg_shape, arrays.slots) == (
        3,
        (3, 4, 4),
        (4, 4),
        ("object", "scene"),
    )
    np.testing.assert_allclose(images[:, 0, 0, 0], [200 / 127.5 - 1, -1])
    assert (seg[:, 0, 0] == torch.tensor([1, 1, 2, 2])).all()
    assert (seg[0, 1] == 4).all() and (seg[1, 1] == 3).all()
    assert (arrays.batch([1])[1][0, 1] == 0).all()


def test_float_images_and_one_slot_per_axis():
    import ganwidgets as gw

    images = torch.linspace(-1, 1, 2 * 3 * 2 * 2).view(2, 3, 2, 2)
    data = gw.segment.LabelledArrays(images, np.ones((2, 2, 4, 4), np.int64), ["a"], slots=["x", "y"])
    found, seg = data.batch([0, 1])
    assert torch.equal(found, images) and seg.shape == (2, 2, 4, 4) and data.seg_shape == (4, 4)
    assert data.categories == ("object",)


def test_a_fingerprint_tells_content_names_and_shapes_apart(arrays):
    import ganwidgets as gw

    images, masks = np.zeros((2, 4, 4, 3), np.uint8), np.ones((2, 4, 4), np.uint8)

    def of(images=images, masks=masks, names=("a", "b"), **more):
        return gw.segment.LabelledArrays(images, masks, names, **more).fingerprint()

    known = of()
    assert known == of() != arrays.fingerprint()
    assert len({known, of(images + 1), of(masks=masks + 1), of(names=("a", "c")), of(categories=("x", "y"))}) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": np.full((2, 4, 4), 3)}, "numbers from 0 to 2, one for each of `concepts`, got 3 to 3"),
        ({"masks": np.full((2, 4, 4), -1)}, "numbers from 0 to 2"),
        ({"masks": np.ones((3, 4, 4), np.uint8)}, "one number for each of the 2 images"),
        ({"masks": np.ones((2, 4, 4), np.float32)}, "must hold whole numbers"),
        ({"images": np.zeros((2, 4, 4, 3), np.int32)}, "must be uint8"),
        ({"images": np.full((2, 3, 4, 4), 2.0)}, r"must lie in \[-1, 1\], got values from 2 to 2"),
        ({"concepts": ["a", "a"]}, "each once"),
        ({"concepts": []}, "at least one concept"),
        ({"categories": ["x"]}, "one category for each of the 2 concepts"),
        ({"slots": ["x", "y"]}, "must name the 1 slots"),
        ({"images": np.zeros((0, 4, 4, 3), np.uint8), "masks": np.zeros((0, 4, 4), np.uint8)}, "at least one image"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(change, message):
    import ganwidgets as gw

    given = {"images": np.zeros((2, 4, 4, 3), np.uint8), "masks": np.ones((2, 4, 4), np.uint8), "concepts": ["a", "b"]}
    with pytest.raises((ValueError, TypeError), match=message):
        gw.segment.LabelledArrays(**given | change)


def test_masks_of_two_sizes_are_refused():
    import ganwidgets as gw

    masks = {"a": np.ones((1, 4, 4), np.uint8), "b": np.ones((1, 2, 2), np.uint8)}
    with pytest.raises(ValueError, match="one size"):
        gw.segment.LabelledArrays(np.zeros((1, 4, 4, 3), np.uint8), masks, ["x"])


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (lambda data, numbers: (torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 4)), "whole numbers as seg"),
        (lambda data, numbers: (torch.zeros(1, 3, 5, 4), torch.zeros(1, 2, 4, 4).long()), "`images` of shape"),
        (lambda data, numbers: (torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4).long()), "`seg` of shape"),
        (lambda data, numbers: (torch.full((1, 3, 4, 4), 3.0), torch.zeros(1, 2, 4, 4).long()), "values from 3 to 3"),
        (lambda data, numbers: (torch.zeros(1, 3, 4, 4), torch.full((1, 2, 4, 4), 9)), "got 9"),
        (lambda data, numbers: (np.zeros((1, 3, 4, 4)), torch.zeros(1, 2, 4, 4).long()), "two tensors, got ndarray"),
    ],
)
def test_every_answer_is_judged(arrays, batch, message, monkeypatch):
    from ganwidgets.segment import labelled

    monkeypatch.setattr(type(arrays), "batch", batch)
    with pytest.raises((ValueError, TypeError), match=message):
        labelled.checked_batch(arrays, [0])


def test_what_lacks_a_member_is_told(arrays):
    from ganwidgets.segment.labelled import check_labelled, is_labelled

    class Half:
        concepts, batch = ("a",), None

        def __len__(self):
            return 1

    assert is_labelled(Half()) and is_labelled(arrays)
    with pytest.raises(TypeError, match="Half lacks name, categories, slots, image_shape, fingerprint"):
        check_labelled(Half())


# Folders


@pytest.fixture
def folder(tmp_path):
    """Two photos 6 × 4, masks beside them: the first all 1, the second 2 at the left and 255 at the right."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    second = np.full((4, 6), 2, np.uint8)
    second[:, 3:] = 255
    for name, level, mask in (("a", 10, np.ones((4, 6), np.uint8)), ("b", 200, second)):
        Image.fromarray(np.full((4, 6, 3), level, np.uint8)).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path


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


# Torch data sets, photos with a segmenter


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


# Drawn and composed scenes, colours


def test_drawn_scenes_are_those_of_the_world():
    import ganwidgets as gw
    from ganwidgets.scenes.draw import draw
    from ganwidgets.segment.labelled import checked_batch

    data = gw.segment.DrawnScenes(5, seed=3)
    images, seg = checked_batch(data, [4, 1])
    drawn = draw(3, 4)
    np.testing.assert_array_equal(((images[0].permute(1, 2, 0) + 1) * 127.5).round().numpy(), drawn.image)
    np.testing.assert_array_equal(seg[0], drawn.seg)
    assert gw.segment.DrawnScenes(5, seed=3, size=32).batch([0])[1].shape == (1, 2, 32, 32)
    assert len({gw.segment.DrawnScenes(5, seed=s, size=z).fingerprint() for s in (3, 4) for z in (64, 32)}) == 4


@pytest.fixture
def cutouts(tmp_path):
    """A red disc and a green square, with names beside them."""
    rgba = np.zeros((2, 16, 16, 4), np.uint8)
    y, x = np.mgrid[:16, :16]
    rgba[0, (y - 7.5) ** 2 + (x - 7.5) ** 2 < 36] = (255, 0, 0, 255)
    rgba[1, 4:12, 4:12] = (0, 255, 0, 255)
    np.savez_compressed(tmp_path / "pictures.npz", rgba=rgba)
    (tmp_path / "names.json").write_text(json.dumps([{"name": "disc"}, {"name": "square"}]))
    return tmp_path / "pictures.npz"


def test_pasted_pictures_carry_their_name_and_nothing_else_does(cutouts):
    import ganwidgets as gw
    from ganwidgets.segment.labelled import checked_batch

    data = gw.segment.PastedScenes(cutouts, n=2000, size=64, names={"disc": "shape", "square": "shape"})
    assert len(data) == 2000 and data.concepts[-2:] == ("disc", "square") and data.categories[-1] == "shape"
    images, seg = checked_batch(data, range(40))
    disc, square = (seg[:, 0] == len(data.concepts) - 1), (seg[:, 0] == len(data.concepts))
    red, green = ((images + 1) * 127.5).permute(0, 2, 3, 1)[disc], ((images + 1) * 127.5).permute(0, 2, 3, 1)[square]
    assert len(red) > 1000 and len(green) > 1000
    assert float((red[:, 0] - red[:, 1]).median()) > 200 and float((green[:, 1] - green[:, 0]).median()) > 200
    assert (seg[:, 1][disc | square] == 0).all()  # no wall behind a disc
    pure = (images[:, 0] > 0.98) & (images[:, 1:] < -0.98).all(1)
    assert disc[pure].all()


def test_scenes_do_not_depend_on_the_batch_and_seeds_differ(cutouts):
    import ganwidgets as gw

    data = gw.segment.PastedScenes(cutouts, n=50, size=32)
    alone, together = data.batch([17]), data.batch([3, 17, 40])
    assert torch.equal(alone[0][0], together[0][1]) and torch.equal(alone[1][0], together[1][1])
    assert not torch.equal(alone[0], gw.segment.PastedScenes(cutouts, n=50, size=32, seed=1).batch([17])[0])


def test_photos_as_backgrounds_have_no_labels(cutouts, folder):
    import ganwidgets as gw

    data = gw.segment.PastedScenes(cutouts, n=4, size=(24, 32), backgrounds=folder / "images", names=["square"])
    images, seg = data.batch(range(4))
    assert (data.concepts, data.slots, images.shape) == (("square",), ("object",), (4, 3, 24, 32))
    levels = ((images + 1) * 127.5).round().permute(0, 2, 3, 1)[seg[:, 0] == 0]
    assert float((levels.std(1) < 30).float().mean()) > 0.95  # grey photos; what is half transparent stays unnamed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": ["dics"]}, "Did you mean 'disc'"),
        ({"objects": (3, 2)}, "`objects` must be"),
        ({"scale": (0.5, 2.0)}, "`scale` must be"),
        ({"pictures": "nowhere.npz"}, "there is no 'nowhere.npz'"),
    ],
)
def test_choices_of_a_composition_are_judged(cutouts, change, message):
    import ganwidgets as gw

    with pytest.raises((ValueError, FileNotFoundError), match=message):
        gw.segment.PastedScenes(**{"pictures": cutouts, "n": 4} | change)


@pytest.mark.parametrize("what", ["text", "no names", "another array", "an object array"])
def test_files_of_another_kind_are_told(cutouts, what):
    import ganwidgets as gw

    if what == "text":
        cutouts.write_text("no archive")
    elif what == "no names":
        (cutouts.parent / "names.json").unlink()
    elif what == "another array":
        np.savez(cutouts, rgba=np.zeros((2, 4, 4, 3), np.uint8))
    else:
        np.savez(cutouts, rgba=np.array([{}], dtype=object))
    with pytest.raises((ValueError, FileNotFoundError), match="`pictures` must"):
        gw.segment.PastedScenes(cutouts)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((255, 0, 0), "red"), ((0, 0, 0), "black"), ((255, 255, 255), "white"), ((30, 60, 220), "blue"),
        ((30, 150, 40), "green"), ((250, 220, 60), "yellow"), ((245, 130, 20), "orange"), ((128, 128, 128), "grey"),
        ((105, 65, 35), "brown"), ((245, 160, 185), "pink"), ((120, 40, 150), "purple"),
    ],
)  # fmt: skip
def test_colours_have_the_names_people_give_them(colour, name):
    from ganwidgets.segment.colours import PROTOTYPES, colour_names

    image = (torch.tensor(colour) / 127.5 - 1).view(1, 3, 1, 1)
    assert list(PROTOTYPES)[int(colour_names(image)) - 1] == name


def test_a_slot_of_colours_beside_the_labels(arrays):
    import ganwidgets as gw
    from ganwidgets.segment.labelled import checked_batch

    data = gw.segment.WithColours(arrays)
    images, seg = checked_batch(data, [0, 2])
    assert torch.equal(images, arrays.batch([0, 2])[0]) and torch.equal(seg[:, :2], arrays.batch([0, 2])[1])
    named = [data.concepts[int(mask.unique()) - 1] for mask in seg[:, 2]]
    assert named == ["black", "grey"] and data.categories[-1] == "color" and data.slots[-1] == "color"
    assert data.fingerprint() != arrays.fingerprint()
