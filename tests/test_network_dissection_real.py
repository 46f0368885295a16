"""Every classifier that is at hand loads, classifies and is dissected; skipped where the data are not there."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

DATA = Path(__file__).parents[1] / "../shared/data"
EMOJI = DATA / "emoji-noto-64" / "noto_emoji_64.npz"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")


def tiny_vgg(classes: list[str]):
    """The network of cls-tinyvgg-cnn-explainer, as its SOURCE.txt describes it."""
    from safetensors.torch import load_file

    import ganwidgets as gw

    first = [nn.Conv2d(3, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(10, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.MaxPool2d(2)]
    module = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(1690, 10))
    module.load_state_dict(load_file(DATA / "cls-tinyvgg-cnn-explainer" / "tinyvgg.safetensors"))
    return gw.load_classifier(module, image_shape=64, classes=classes, normalise="unit", name="Tiny VGG")


def load(name: str):
    import ganwidgets as gw

    if name == "tinyvgg":
        names = "lifeboat ladybug pizza bell_pepper school_bus koala espresso red_panda orange sport_car"
        return tiny_vgg(names.split())
    if name == "squeezenet":
        pytest.importorskip("torchvision")
        folder = DATA / "squeezenet1_0-imagenet-deepcompression"
        return gw.load_classifier("squeezenet1_0", weights=folder / "model.safetensors")
    if name.startswith("hf-"):
        pytest.importorskip("transformers")
        return gw.load_classifier(f"hf:{DATA / name}")
    return gw.load_classifier(DATA / "cls-cifar10-resnet-akamaster" / f"{name}.safetensors")


# Of each: a photo, and what the network says of it.
SEEN = {
    "tinyvgg": ("coffee", "espresso"),
    "squeezenet": ("chelsea", "Egyptian cat"),
    "resnet20": ("cat", "cat"),
    "resnet56": ("cat", "cat"),
    "hf-mobilenetv1-025-128-imagenet": ("parrot", "macaw"),
    "hf-mobilenetv2-imagenet": ("sunflower", "daisy"),
}


@pytest.mark.parametrize("name", SEEN)
def test_every_classifier_loads_and_classifies(name):
    from ganwidgets.nn.photos import read_photo

    photo, answer = SEEN[name]
    classifier = load(name)
    images = read_photo(DATA / "photos" / f"{photo}.jpg", classifier.image_shape[1:])[None]
    assert classifier.classes[int(classifier.predict(images))] == answer
    assert len(set(classifier.classes)) == len(classifier.classes)


@pytest.mark.parametrize("name", ["tinyvgg", "squeezenet", "resnet20", "hf-mobilenetv1-025-128-imagenet"])
def test_every_kind_is_dissected_with_composed_scenes(name):
    import ganwidgets as gw

    classifier = load(name)
    data = gw.segment.PastedScenes(EMOJI, n=2000, size=56, objects=(1, 2), scale=(0.4, 0.8))
    assert len(data) == 2000
    layer = gw.dissect.depth_layers(classifier)[-1]
    found = gw.dissect.run(classifier, data, layer=layer, n=32, resamples=20)
    assert found.n == 32 and found.layer().iou.max() > 0.1 and found.to_frame().iou_chance.notna().all()


def test_a_prediction_of_a_published_network_is_an_exact_sum():
    import ganwidgets as gw

    classifier = load("resnet20")
    data = gw.segment.PastedScenes(EMOJI, n=200, size=32, objects=(1, 1), scale=(0.6, 0.9), names=["dog face", "bus"])
    d = gw.dissect.run(classifier, data, layer="layer3", chance=False, top_fraction=0.05)
    images, seg = data.batch(range(40))
    dogs = [i for i in range(40) if (seg[i, 0] == len(data.concepts) - 1).any()]
    told = [gw.dissect.explain(classifier, images[i], d, "dog") for i in dogs]
    for e in told:
        assert e.contributions.sum() + e.rest + e.bias == pytest.approx(e.logit, abs=1e-4)
    named = [concept for e in told for concept in e.concepts[:3]]
    assert named.count("dog face") > named.count("bus")  # what speaks for a dog is named after the dog


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers is not installed")
def test_a_classifier_with_a_real_segmenter_on_photos():
    import ganwidgets as gw

    classifier = load("hf-mobilenetv1-025-128-imagenet")
    segmenter = gw.segment.load(f"hf:{DATA / 'hf-deeplabv3-mobilenetv2-dm05-voc'}", input_size=(129, 129))
    data = gw.segment.SegmentedPhotos(DATA / "photos", segmenter, size=128)
    found = gw.dissect.run(classifier, data, layer="layer.11", resamples=20)
    assert found.n == len(data) == 14 and "bird" in found.concepts
    assert found.layer().concept_area[found.concepts.index("cat")] > 0.01


def test_photos_with_masks_of_a_published_set():
    import ganwidgets as gw

    folder = DATA / "seg-coral-photos-masks"
    data = gw.segment.LabelledFolder(folder, {3: "bird"}, images=".", masks=".", suffix="_mask", size=513)
    share = (data.batch([0])[1] == 1).float().mean()
    assert float(share) == pytest.approx(51377 / 513**2, abs=1e-6)


def test_every_hostile_photo_is_read_or_told_in_one_sentence():
    import ganwidgets as gw

    folder = DATA / "photos-hostile"
    expected = json.loads((folder / "expected.json").read_text())

    class Nothing:
        name, concepts, categories, slots = "nothing", ("x",), ("object",), ("object",)

        def __call__(self, images):
            return torch.zeros(len(images), 1, *images.shape[2:], dtype=torch.uint8)

    data = gw.segment.SegmentedPhotos(folder, Nothing(), size=64)
    left_out = dict(data.photos.skipped)
    assert set(left_out) == {name for name, entry in expected.items() if "error" in entry["expect"]}
    assert all("\n" not in reason and name in reason for name, reason in left_out.items())
    images, _ = data.batch(range(len(data)))
    assert len(data) == len(expected) - len(left_out) and np.isfinite(images.numpy()).all()
