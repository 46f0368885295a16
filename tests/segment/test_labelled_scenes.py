"""Scenes that are drawn or composed, and the names of colours, as labelled images."""

import json

import numpy as np
import pytest
import torch


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
