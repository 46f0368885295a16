"""Label sets are complete, say where they come from, and give categories to a model's names."""

import pytest

from ganwidgets.segment import label_set, label_sets
from ganwidgets.segment.labels import categories_of, unique

SIZES = {
    "ade20k-150": (150, {"object": 100, "stuff": 50}),
    "ade20k-36-parts": (36, {"part": 36}),
    "coco-panoptic-133": (133, {"object": 80, "stuff": 53}),
    "coco-stuff-182": (182, {"object": 91, "stuff": 91}),
    "voc-21": (21, {"nothing": 1, "object": 20}),
    "cityscapes-19": (19, {"stuff": 7, "object": 12}),
}


def test_these_are_there():
    assert label_sets() == tuple(sorted(SIZES))


@pytest.mark.parametrize("name", SIZES)
def test_counts_are_those_the_data_sets_publish(name):
    labels, (n, kinds) = label_set(name), SIZES[name]
    assert len(labels) == n == len(set(labels.names))
    assert {kind: labels.categories.count(kind) for kind in set(labels.categories)} == kinds
    assert labels.source and labels.licence
    assert all(main == names[0] and all(names) for main, names in zip(labels.names, labels.synonyms, strict=True))
    assert repr(labels).startswith(f"LabelSet('{name}', {n} classes: ")


def test_a_few_classes_are_where_they_belong():
    ade, voc, coco = label_set("ade20k-150"), label_set("voc-21"), label_set("coco-panoptic-133")
    assert [ade.names[i] for i in (0, 2, 12, 149)] == ["wall", "sky", "person", "flag"]
    assert ade.synonyms[89][:2] == ("television", "television receiver")
    assert (voc.names[0], voc.names[8], voc.names[12]) == ("background", "cat", "dog")
    assert (coco.names[0], coco.names[80], coco.names[132]) == ("person", "banner", "rug-merged")
    assert label_set("coco-stuff-182").names[91] == "banner"


def test_voc_is_that_of_torchvision():
    segmentation = pytest.importorskip("torchvision").models.segmentation
    names = segmentation.DeepLabV3_ResNet50_Weights.DEFAULT.meta["categories"]
    assert label_set("voc-21").names[1:] == tuple(names[1:])


def test_categories_come_from_the_set_that_knows_most_names():
    assert categories_of(["wall", "sky", "television receiver", "Bed "]) == ("stuff", "stuff", "object", "object")
    assert categories_of(["sky-other-merged", "person", "wall-brick", "snow"]) == ("stuff", "object", "stuff", "stuff")
    assert categories_of(["person head", "car wheel"]) == ("part", "part")
    assert categories_of(["cat", "dog", "quux"]) == ("object", "object", "concept")
    assert categories_of(["person", "LABEL_1", "LABEL_2", "LABEL_3"]) == ("concept",) * 4


def test_a_wrong_name_says_what_there_is():
    with pytest.raises(ValueError, match=r"one of \['ade20k-150'.*got 'ade20k-15'\. Did you mean 'ade20k-150'"):
        label_set("ade20k-15")


def test_names_given_twice_are_told_apart():
    assert unique(["screen", "door", "screen"]) == ("screen (0)", "door", "screen (2)")
    assert len(set(unique(["a", "a", "a (0)"]))) == 3
