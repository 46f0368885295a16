"""The Broden layout: tiny data sets written here, read back pixel by pixel; hostile ones in one sentence."""

import csv

import numpy as np
import pytest
from PIL import Image

COLUMNS = ["image", "split", "ih", "iw", "sh", "sw", "color", "object", "part", "scene"]
LABELS = [  # number, name, category as published
    (1, "red-c", "color(2)"),
    (2, "cat", "object(3)"),
    (3, "head", "part(2)"),
    (4, "ear", "part(1)"),
    (5, "street-s", "scene(1)"),
    (300, "wood", "object(1);material(9)"),
]


def write_table(path, columns, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def write_mask(path, numbers):
    """label = R + 256 · G, as published."""
    rgb = np.stack([numbers % 256, numbers // 256, np.zeros_like(numbers)], -1).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)


@pytest.fixture
def root(tmp_path):
    """Three images 8 × 8 with masks 4 × 4: pixels with a cat, its head and its ear; a street; nothing."""
    images = tmp_path / "images" / "set"
    images.mkdir(parents=True)
    for number, level in enumerate((50, 100, 150)):
        Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(images / f"{number}.png")
    cat, head, ear, red, wood = (np.zeros((4, 4), int) for _ in range(5))
    cat[:2], head[:1], ear[0, 0], red[:, 0], wood[3] = 2, 3, 4, 1, 300
    for name, numbers in (
        ("cat", cat),
        ("head", head),
        ("ear", ear),
        ("red", red),
        ("wood", np.where(wood, wood, cat)),
    ):
        write_mask(images / f"0_{name}.png", numbers)
    rows = [
        ["set/0.png", "train", 8, 8, 4, 4, "set/0_red.png", "set/0_wood.png", "set/0_head.png;set/0_ear.png", ""],
        ["set/1.png", "val", 8, 8, 4, 4, "", "", "", "5"],
        ["set/2.png", "train", 8, 8, 4, 4, "", "", "", "0"],
    ]
    write_table(tmp_path / "index.csv", COLUMNS, rows)
    labels = [(0, "-", "", 0, 0, "")] + [(number, name, category, 1, 1, "") for number, name, category in LABELS]
    write_table(tmp_path / "label.csv", ["number", "name", "category", "frequency", "coverage", "syns"], labels)
    write_table(tmp_path / "category.csv", ["name", "first", "last", "count", "frequency"], [["object", 2, 300, 2, 1]])
    head = ["code", "number", "name", "frequency", "coverage"]
    write_table(tmp_path / "c_object.csv", head, [[1, 2, "cat", 1, 0.5], [2, 300, "wood", 1, 0.25]])
    return tmp_path


def test_every_label_of_every_pixel_is_read(root):
    from ganwidgets.segment import Broden
    from ganwidgets.segment.labelled import checked_batch

    data = Broden(root)
    assert data.concepts == ("red", "cat", "head", "ear", "street", "wood")
    assert data.categories == ("color", "object", "part", "part", "scene", "object")
    assert data.slots == ("object", "part 1", "part 2", "scene", "color")
    assert (len(data), data.image_shape, data.seg_shape, data.splits) == (3, (3, 8, 8), (4, 4), {"train": 2, "val": 1})
    images, seg = checked_batch(data, [0, 1, 2])
    np.testing.assert_allclose(images[:, 0, 0, 0], np.array([50, 100, 150]) / 127.5 - 1, atol=1e-6)
    assert seg[0, 0].tolist() == [[2] * 4, [2] * 4, [0] * 4, [6] * 4]
    assert seg[0, 1, 0].tolist() == [3] * 4 and seg[0, 2, 0].tolist() == [4, 0, 0, 0]
    assert seg[0, 4].tolist() == [[1, 0, 0, 0]] * 4
    assert (seg[1, 3] == 5).all() and (seg[1, :3] == 0).all()  # a label of the whole image
    assert (seg[2] == 0).all()  # scene 0, which the published files hold by mistake, is nothing


def test_a_label_belongs_to_the_category_in_which_it_covers_most(root):
    from ganwidgets.segment import Broden

    head = ["code", "number", "name", "frequency", "coverage"]
    columns = [*COLUMNS, "material"]
    rows = list(csv.reader((root / "index.csv").read_text().splitlines()))[1:]
    write_table(root / "index.csv", columns, [[*row, ""] for row in rows])
    write_table(root / "c_material.csv", head, [[1, 300, "wood", 1, 0.75]])
    assert Broden(root).categories[-1] == "material"
    write_table(root / "c_material.csv", head, [[1, 300, "wood", 1, 0.1]])
    assert Broden(root).categories[-1] == "object"


def test_splits_and_categories_can_be_chosen(root):
    from ganwidgets.segment import Broden

    assert len(Broden(root, split="val")) == 1
    data = Broden(root, categories=["part"])
    assert (data.concepts, data.slots) == (("head", "ear"), ("part 1", "part 2"))
    assert data.batch([0])[1][0, 1, 0].tolist() == [2, 0, 0, 0]
    assert data.fingerprint() != Broden(root).fingerprint()


def test_what_a_label_is_does_not_depend_on_the_categories_read(root):
    from ganwidgets.segment import Broden

    head = ["code", "number", "name", "frequency", "coverage"]
    edit(root, "color,object", "material,object")
    write_table(root / "c_material.csv", head, [[1, 300, "wood", 1, 19.0]])
    write_table(root / "c_object.csv", head, [[1, 2, "cat", 1, 1.0], [2, 300, "wood", 1, 3.0]])
    assert dict(zip(*(lambda d: (d.concepts, d.categories))(Broden(root)), strict=True))["wood"] == "material"
    assert "wood" not in Broden(root, categories=["object"]).concepts


def test_a_fingerprint_changes_with_masks_and_with_the_numbers_of_labels(root):
    from ganwidgets.segment import Broden

    names = [Broden(root).fingerprint(), Broden(root).fingerprint()]
    path = root / "images" / "set" / "0_head.png"
    size, numbers = path.stat().st_size, np.zeros((4, 4), int)
    numbers[:1] = 4
    write_mask(path, numbers)
    assert path.stat().st_size == size
    names.append(Broden(root).fingerprint())
    text = (root / "label.csv").read_text()
    (root / "label.csv").write_text(text.replace("300,wood", "301,wood"))
    names.append(Broden(root).fingerprint())
    assert names[0] == names[1] and len(set(names)) == 3


def edit(root, old, new):
    text = (root / "index.csv").read_text()
    assert old in text
    (root / "index.csv").write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "index.csv").unlink(), "has no index.csv"),
        (lambda root: (root / "label.csv").unlink(), "must hold label.csv"),
        (
            lambda root: (root / "label.csv").write_text("number,name\n1,x\n"),
            "label.csv must have lines with .*no category",
        ),
        (lambda root: (root / "label.csv").write_text("number,name,category\nx,a,b\n"), "line 2 has 'x'"),
        (lambda root: (root / "index.csv").write_text("image,split\n"), "has no ih"),
        (lambda root: (root / "index.csv").write_bytes(b"\xff\xfe\x00"), "must be a table of text"),
        (lambda root: edit(root, "set/1.png,val,8,8", "set/1.png,val,8,9"), "must give one size"),
        (lambda root: edit(root, ",8,8,4,4,,,,5", ",8,8,4,4,,,,5,7,7"), "in every line, line 3 has not"),
        (
            lambda root: (root / "index.csv").write_text(",".join(map(str, range(20_000))) + "\na\n" * 9),
            "index.csv must have at most 64 columns, got 20,000",
        ),
        (lambda root: edit(root, ",8,8,4,4,,,,5", ",8,8,4,4,,,," + "5;" * 65), "64 labels in a cell, line 3 has more"),
        (
            lambda root: (root / "index.csv").write_text(
                "image,split,ih,iw,sh,sw,object\na,train,8,8,4096,4096," + "1;" * 60 + "\n"
            ),
            "at most 268,435,456 numbers an image, got 60 slots of 4096 × 4096; read fewer `categories`",
        ),
        (lambda root: edit(root, ",,5", ",,-5"), "whole numbers from 0 on, line 3 has '-5'"),
        (lambda root: edit(root, ",,5", ",,77"), "'set/1.png' must hold labels of label.csv, got 77"),
        (lambda root: edit(root, "set/0_red.png", "../../../etc/passwd"), "leads out of it"),
        (lambda root: edit(root, "set/0_red.png", "/etc/passwd"), "leads out of it"),
        (lambda root: edit(root, "set/0_red.png", "set/none.png"), "there is no 'set/none.png'"),
        (lambda root: edit(root, "set/0.png,", "set/0_red.png,"), "must be 8 × 8 pixels, as index.csv says, got 4 × 4"),
        (lambda root: edit(root, "set/0_red.png", "set/0.png"), "must be 4 × 4 pixels, as index.csv says, got 8 × 8"),
        (lambda root: write_mask(root / "images/set/0_red.png", np.full((4, 4), 299)), "got 299"),
        (lambda root: write_mask(root / "images/set/0_red.png", np.full((4, 4), 5000)), "got 5000"),
        (lambda root: (root / "images/set/0_red.png").write_text("<html>"), "0_red.png is a web page"),
        (lambda root: (root / "images/set/0.png").write_bytes(b""), "0.png is empty"),
        (lambda root: (root / "c_object.csv").write_text("number,coverage\n2,much\n"), "numbers as coverage, line 2"),
    ],
)
def test_a_hostile_layout_is_told_in_one_sentence(root, spoil, message):
    from ganwidgets.segment import Broden

    spoil(root)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as told:
        Broden(root).batch([0, 1, 2])
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "test"}, r"one of \['train', 'val'\]"),
        ({"categories": ["objects"]}, "Did you mean 'object'"),
    ],
)
def test_choices_are_judged(root, options, message):
    from ganwidgets.segment import Broden

    with pytest.raises(ValueError, match=message):
        Broden(root, **options)


def test_names_keep_their_suffix_where_they_would_collide(root):
    from ganwidgets.segment import Broden

    text = (root / "label.csv").read_text().replace("street-s", "cat-s")
    (root / "label.csv").write_text(text)
    assert {"cat", "cat-s"} <= set(Broden(root).concepts)
