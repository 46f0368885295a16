"""Real segmentation models on real photos: the two DeepLab directories for Pascal VOC beside the repository."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganwidgets import segment
from ganwidgets.nn.photos import read_photo
from ganwidgets.testing import check_segmenter

DATA = Path(__file__).parents[3] / "shared" / "data"
FULL, HALF = "hf-deeplabv3-mobilenetv2-voc", "hf-deeplabv3-mobilenetv2-dm05-voc"
STREETS, WEIGHTS = "tv-deeplab-mobilenetedgetpu-cityscapes", "model.safetensors"
MASKS = DATA / "seg-coral-photos-masks"

pytestmark = [
    pytest.mark.skipif(not (DATA / FULL).is_dir(), reason=f"{FULL} (shared/data) is not beside the repository"),
    pytest.mark.skipif(find_spec("transformers") is None, reason="transformers is not installed"),
]


SOURCES = {FULL: f"hf:{DATA / FULL}", HALF: f"hf:{DATA / HALF}", STREETS: f"edgetpu:{DATA / STREETS / WEIGHTS}"}


@pytest.fixture(scope="module")
def segmenters():
    return {name: segment.load(SOURCES[name]) for name in (FULL, HALF)}


def test_these_are_all_the_segmenters_there_are():
    found = {path.name for path in DATA.iterdir() if "deeplab" in path.name}
    assert found == set(SOURCES)


@pytest.mark.parametrize(
    ("name", "photo", "seen"),
    [
        (FULL, "photos/cat.jpg", {"cat": 0.3}),
        (HALF, "photos/pets.jpg", {"dog": 0.1}),
        (STREETS, "photos/china.jpg", {"sky": 0.4, "vegetation": 0.25, "building": 0.2}),
    ],
)
def test_every_one_of_them_names_the_pixels_of_a_photo(name, photo, seen):
    S = segment.load(SOURCES[name])
    seg = S(read_photo(DATA / photo)[None])
    found = {concept: share(seg, S, concept) for concept in seen}
    assert all(found[concept] > least for concept, least in seen.items()), found
    assert check_segmenter(S, read_photo(DATA / photo, 48)[None]) == ("names", "segmentation", "scores")
    assert S.source == SOURCES[name] and segment.load(SOURCES[name]).fingerprint() == S.fingerprint()


def share(seg, segmenter, concept):
    return (seg == segmenter.concepts.index(concept) + 1).float().mean().item()


def test_its_names_are_those_of_voc(segmenters):
    voc = segment.label_set("voc-21")
    for S in segmenters.values():
        assert (S.concepts, set(S.categories)) == (voc.names[1:], {"object"})
        assert S.preparation.size == (513, 513) and S.preparation.mean == pytest.approx((128 / 255,) * 3)
    assert len({S.fingerprint() for S in segmenters.values()}) == 2


@pytest.mark.parametrize(
    ("name", "photo", "inside", "ignored", "published"),
    [(FULL, "bird", 3, None, 0.906), (FULL, "dog", 0, 2, 0.962), (HALF, "bird", 3, None, 0.831)],
)
def test_overlap_with_masks_is_what_was_measured_with_transformers(segmenters, name, photo, inside, ignored, published):
    S, mask = segmenters[name], np.array(Image.open(MASKS / f"{photo}_mask.png"))
    seen = S(read_photo(MASKS / f"{photo}.png")[None])[0, 0].numpy() == S.concepts.index(photo) + 1
    there, counted = mask == inside, mask != ignored
    iou = (seen & there & counted).sum() / ((seen | there) & counted).sum()
    assert iou == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize(
    ("photo", "concept", "least"),
    [
        ("cat", "cat", 0.3),
        ("chelsea", "cat", 0.7),
        ("owl", "bird", 0.15),
        ("parrot", "bird", 0.2),
        ("pets", "dog", 0.1),
        ("astronaut", "person", 0.35),
    ],
)
def test_animals_and_people_are_seen(segmenters, photo, concept, least):
    images = read_photo(DATA / "photos" / f"{photo}.jpg")[None]
    S = segmenters[HALF]
    assert share(S(images), S, concept) > least


def test_it_keeps_the_promises_of_a_segmenter(segmenters):
    images = torch.stack([read_photo(DATA / "photos" / f"{name}.jpg", 96) for name in ("cat", "owl")])
    assert check_segmenter(segmenters[HALF], images) == ("names", "segmentation", "scores")


def test_tiles_see_the_same_cat(segmenters):
    S = segment.load(f"hf:{DATA / HALF}", tile=384, overlap=96)
    images = read_photo(DATA / "photos" / "chelsea.jpg")[None]
    seg, whole = S(images), segmenters[HALF](images)
    assert seg.shape == whole.shape
    assert abs(share(seg, S, "cat") - share(whole, S, "cat")) < 0.25


def test_a_classifier_and_an_onnx_directory_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match="but is MobileNetV1ForImageClassification"):
        segment.load(f"hf:{DATA / 'hf-mobilenetv1-025-128-imagenet'}")
    with pytest.raises(FileNotFoundError, match=r"must hold a config\.json .* pass it to gw\.segment\.TorchSegmenter"):
        segment.load(f"hf:{DATA / 'tv-deeplab-mobilenetedgetpu-cityscapes'}")
