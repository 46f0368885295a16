"""Real classifiers: SqueezeNet and MobileNet (ImageNet), ResNets (CIFAR-10), Tiny VGG, and a small one for MNIST."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

DATA = Path(__file__).parents[1] / "../shared/data"
FILES = {
    "squeezenet": DATA / "squeezenet1_0-imagenet-deepcompression",
    "resnet": DATA / "cls-cifar10-resnet-akamaster",
    "tinyvgg": DATA / "cls-tinyvgg-cnn-explainer",
    "mobilenet": DATA / "hf-mobilenetv1-025-128-imagenet",
    "mnist": DATA / "mnist-t10k",
    "photos": DATA / "photos",
}
NAMED = {"chelsea": "Egyptian cat", "hot_dog": "hotdog", "parrot": "macaw", "sunflower": "daisy"}
NAMED |= {"dragonfly": "dragonfly", "coffee": "espresso"}


def needs(*names):
    missing = [name for name in names if not FILES[name].exists()]
    return pytest.mark.skipif(bool(missing), reason=f"{missing} (shared/data) are not beside the repository")


def crops(name: str, size: int, *, larger: float = 8 / 7, many: bool = False) -> torch.Tensor:
    """The centre of a photo, whose short side is a little larger; or 18 crops around it, half of them mirrored."""
    photo = Image.open(FILES["photos"] / f"{name}.jpg").convert("RGB")
    scale = size * larger / min(photo.size)
    photo = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1)
    top, left = ((length - size) // 2 for length in pixels.shape[1:])
    step = size // 16
    moves = [(y, x) for y in (-step, 0, step) for x in (-step, 0, step)] if many else [(0, 0)]
    found = [pixels[:, top + y : top + y + size, left + x : left + x + size] for y, x in moves]
    return torch.stack([one for crop in found for one in ((crop, crop.flip(2)) if many else (crop,))])


def photo_patches(size: int, per_photo: int) -> torch.Tensor:
    """Random patches of all photos, for networks whose own data is not at hand."""
    random, found = np.random.RandomState(0), []
    for path in sorted(FILES["photos"].glob("*.jpg")):
        photo = Image.open(path).convert("RGB")
        for _ in range(per_photo):
            side = int(random.uniform(0.3, 0.9) * min(photo.size))
            left, top = random.randint(photo.width - side), random.randint(photo.height - side)
            patch = photo.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BILINEAR)
            found.append(torch.from_numpy(np.asarray(patch).copy()).permute(2, 0, 1))
    return torch.stack(found)


# SqueezeNet


@pytest.fixture(scope="module")
def squeezenet():
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    from ganwidgets.models.classifier_sources import load_classifier

    return load_classifier("squeezenet1_0", FILES["squeezenet"] / "model.safetensors")


@needs("squeezenet", "photos")
def test_squeezenet_names_what_is_on_the_photos(squeezenet):
    found = {name: squeezenet.classes[int(squeezenet.predict(crops(name, 224)))] for name in NAMED}
    assert found == NAMED
    assert squeezenet.classes == tuple(json.loads((FILES["squeezenet"] / "imagenet_classes.json").read_text()))


@needs("squeezenet", "photos")
def test_squeezenet_loses_a_class_with_the_units_of_that_class(squeezenet):
    """The last convolution has a unit a class; a layer below, the effect is spread over several."""
    from ganwidgets.ablate.classes import class_ablation

    names = list(NAMED)[:4]
    images = torch.cat([crops(name, 224, many=True)[:6] for name in names])
    labels = np.repeat([squeezenet.classes.index(NAMED[name]) for name in names], 6)
    units = sorted(set(labels.tolist()))
    last = class_ablation(squeezenet, "classifier.2", images, labels, units=[*units, 0, 1])
    assert last.accuracy > 0.9
    own = [last.class_drop[row, row] for row in range(4)]
    np.testing.assert_allclose(own, last.recall)  # without its unit a class is never named
    assert np.abs(last.class_drop[4:]).max() == 0  # the units of absent classes


@needs("squeezenet", "photos")
def test_below_once_and_the_whole_network_each_time_predict_the_same(squeezenet):
    from ganwidgets.ablate.classes import class_ablation
    from ganwidgets.models import zero_units

    images = torch.cat([crops(name, 224) for name in list(NAMED)[:3]])
    units = [0, 100, 300, 511]
    found = class_ablation(squeezenet, "features.12", images, units=units)
    for row, unit in enumerate(units):
        with squeezenet.intervene("features.12", zero_units([unit])):
            assert (squeezenet.predict(images).numpy() == found.after[row]).all()


# CIFAR-10 ResNets: their data is not at hand, so decisions on patches of photos stand in for labels


@pytest.fixture(scope="module")
def patches():
    return photo_patches(32, 24)


@needs("resnet", "photos")
@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_a_resnet_is_read_and_keeps_its_promises(name):
    from ganwidgets.models.classifier_sources import load_classifier
    from ganwidgets.testing import check_classifier

    classifier = load_classifier(FILES["resnet"] / f"{name}.safetensors")
    assert "heads" in check_classifier(classifier, "layer3")
    cats = torch.cat([crops(photo, 32, larger=1.0) for photo in ("cat", "chelsea")])
    assert {classifier.classes[number] for number in classifier.predict(cats).tolist()} <= {"cat", "dog"}


@needs("resnet", "photos")
def test_the_closed_form_of_a_resnet_is_the_long_way(patches):
    from ganwidgets.ablate.classes import class_ablation
    from ganwidgets.models.classifier_sources import load_classifier

    classifier = load_classifier(FILES["resnet"] / "resnet20.safetensors")
    assert classifier.linear_head("layer3") is not None
    short = class_ablation(classifier, "layer3", patches)
    handle = classifier.module.flatten.register_forward_hook(lambda *args: None)
    long = class_ablation(classifier, "layer3", patches)
    handle.remove()
    assert (short.after == long.after).mean() > 0.9999  # but for rounding where two classes are level
    assert 0.01 < short.overall_drop.mean() < 0.2
    assert set(short.classes) == set(classifier.classes)


@needs("resnet", "photos")
def test_random_directions_of_a_resnet_matter_less_to_any_one_class_than_units(patches):
    """Rotation of the basis: the highest class drop falls with α (Zhou et al. 2018), while nothing else is changed."""
    from ganwidgets.ablate.rotation import rotation_comparison
    from ganwidgets.models.classifier_sources import load_classifier

    classifier = load_classifier(FILES["resnet"] / "resnet20.safetensors")
    table = rotation_comparison(classifier, "layer3", patches, alphas=(0, 1))
    assert table.accuracy.tolist() == [1, 1] and table.n_axes.tolist() == [64, 64]
    assert table.max_class_drop_corrected[1] < table.max_class_drop_corrected[0]


@needs("resnet", "photos")
def test_attributes_of_a_resnet_layer(patches):
    from ganwidgets.ablate.class_attributes import unit_attributes
    from ganwidgets.models.classifier_sources import load_classifier

    classifier = load_classifier(FILES["resnet"] / "resnet20.safetensors")
    table = unit_attributes(classifier, "layer3", patches)
    assert "l1_norm" not in table and "l1_norm" in unit_attributes(classifier, "layer3.2.bn2", patches)
    assert table.class_selectivity.between(0, 1).all() and not table.isna().any().any()
    assert (table.mutual_information > table.mutual_information_chance).mean() > 0.9
    assert (table.class_correlation > table.class_correlation_chance).mean() > 0.9


# Tiny VGG, MobileNet: other shapes of network


@needs("tinyvgg", "photos")
def test_tiny_vgg_takes_images_from_nought_to_one():
    from safetensors.torch import load_file

    from ganwidgets.models.classifiers import TorchClassifier
    from ganwidgets.testing import check_classifier

    convolutions = [nn.Conv2d(3, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.MaxPool2d(2)]
    more = [nn.Conv2d(10, 10, 3), nn.ReLU(), nn.Conv2d(10, 10, 3), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*convolutions, *more, nn.Flatten(), nn.Linear(1690, 10))
    net.load_state_dict(load_file(FILES["tinyvgg"] / "tinyvgg.safetensors"))
    names = ["lifeboat", "ladybug", "pizza", "bell_pepper", "school_bus", "koala"]
    names += ["espresso", "red_panda", "orange", "sport_car"]
    classifier = TorchClassifier(net, image_shape=64, classes=names, normalise="unit")
    check_classifier(classifier)
    assert classifier.classes[int(classifier.predict(crops("coffee", 64, larger=1.0)))] == "espresso"


class MobileNet(nn.Sequential):
    """MobileNetV1 0.25 as `transformers` names its weights, with TensorFlow's padding."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._add(state, "mobilenet_v1.conv_stem", stride=2)
        for layer in range(26):
            self._add(state, f"mobilenet_v1.layer.{layer}", stride=2 if layer in (2, 6, 10, 22) else 1)
        self.append(nn.AdaptiveAvgPool2d(1)).append(nn.Flatten())
        self.append(nn.Linear(256, 1001))
        self[-1].load_state_dict({part: state[f"classifier.{part}"] for part in ("weight", "bias")})

    def _add(self, state: dict[str, torch.Tensor], name: str, stride: int) -> None:
        weight = state[f"{name}.convolution.weight"]
        units, inputs, kernel = weight.shape[:3]
        margin = {1: 0, 3: 1 if stride == 1 else (0, 1)}[kernel]
        conv = nn.Conv2d(
            inputs if units != weight.shape[0] or inputs > 1 else units,
            units,
            kernel,
            stride,
            margin if isinstance(margin, int) else 0,
            groups=units if inputs == 1 else 1,
            bias=False,
        )
        norm = nn.BatchNorm2d(units, eps=0.001)
        conv.load_state_dict({"weight": weight})
        parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        norm.load_state_dict({part: state[f"{name}.normalization.{part}"] for part in parts})
        if not isinstance(margin, int):
            self.append(nn.ZeroPad2d((0, 1, 0, 1)))
        self.append(conv).append(norm).append(nn.ReLU6())


@needs("mobilenet", "photos")
def test_mobilenet_with_folded_batch_norm():
    from safetensors.torch import load_file

    from ganwidgets.ablate.classes import class_ablation
    from ganwidgets.models.classifiers import TorchClassifier
    from ganwidgets.testing import check_classifier

    net = MobileNet(load_file(FILES["mobilenet"] / "model.safetensors"))
    config = json.loads((FILES["mobilenet"] / "config.json").read_text())
    names = [config["id2label"][str(number)] for number in range(1001)]
    classifier = TorchClassifier(net.train(), image_shape=128, classes=names, normalise=(128 / 255, 128 / 255))
    check_classifier(classifier)  # in train mode, which would destroy it if it were run so
    assert classifier.classes[int(classifier.predict(crops("hot_dog", 128)))] == "banded gecko"  # its known error
    images = torch.cat([crops(name, 128, many=True) for name in ("parrot", "sunflower", "coffee")])
    last_map = classifier.map_layers[-2]
    assert classifier.linear_head(last_map) is not None
    found = class_ablation(classifier, last_map, images)
    assert not found.to_frame().isna().any().any() and found.n == 54


# MNIST: real labels, so accuracy is accuracy


@pytest.fixture(scope="module")
def digits():
    file = np.load(FILES["mnist"] / "mnist_t10k.npz")
    images, labels = (torch.from_numpy(file[name]) for name in ("images", "labels"))
    return images[:, None], labels.long()


@pytest.fixture(scope="module")
def digit_net(digits):
    """Two convolutions, trained for one round on the first 6,000 digits of the test set."""
    from ganwidgets.models.classifiers import TorchClassifier

    images, labels = digits
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 24, 3, 2, 1), nn.ReLU()]
    net = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(24 * 49, 10))
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    inputs = images[:6000].float() / 127.5 - 1
    for rows in torch.randperm(6000, generator=torch.Generator().manual_seed(0)).split(64):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(inputs[rows]), labels[rows]).backward()
        optimiser.step()
    return TorchClassifier(net, image_shape=(1, 28, 28), name="digits")


@needs("mnist")
def test_importance_found_on_some_digits_holds_on_others(digit_net, digits):
    """Units that matter most to some class on 1,500 digits, off together on 1,500 others, hurt more than random ones.

    The overall drop of a single unit is within noise here (0.5 % at most), and its order is no better than chance.
    """
    from ganwidgets.ablate.class_curves import cumulative_curve, unit_orders
    from ganwidgets.ablate.classes import class_ablation

    images, labels = digits
    ranked, tested = slice(6000, 7500), slice(7500, 9000)
    ranking = class_ablation(digit_net, "3", images[ranked], labels[ranked], batch=500)
    assert ranking.accuracy > 0.88
    orders = unit_orders(ranking)
    found = cumulative_curve(
        digit_net, "3", images[tested], labels[tested], orders, sizes=(0, 4, 8), n_random_sets=12, batch=500
    )
    assert found.accuracy["overall drop"][0] > 0.88
    assert found.accuracy["max class drop"][2] < found.random[:, 2].min()


@needs("mnist")
def test_the_corrected_highest_class_drop_holds_on_other_digits(digit_net, digits):
    """The uncorrected one promises more than the chosen class loses on digits that had no say in choosing it."""
    from ganwidgets.ablate.classes import class_ablation

    images, labels = digits
    first, second = (
        class_ablation(digit_net, "3", images[rows], labels[rows], batch=500)
        for rows in (slice(6000, 6400), slice(6400, 10000))
    )
    true = second.class_drop[np.arange(24), first.worst_class].mean()  # of the chosen classes, on 9 times as many
    assert abs(first.max_class_drop_corrected.mean() - true) < abs(first.max_class_drop.mean() - true)


@needs("mnist")
def test_a_digit_lives_on_its_own_units(digit_net, digits):
    from ganwidgets.ablate.class_sets import important_sets
    from ganwidgets.ablate.classes import class_ablation

    images, labels = digits
    ranked, tested = slice(6000, 7500), slice(7500, 9000)
    ranking = class_ablation(digit_net, "3", images[ranked], labels[ranked], batch=500)
    table = important_sets(
        digit_net, "3", images[tested], labels[tested], ranking, sizes=(6,), n_random_sets=5, batch=500
    )
    means = table.groupby("off")[["balanced_accuracy", "random"]].mean()
    assert means.loc["most important", "balanced_accuracy"] < means.loc["most important", "random"]
    assert means.loc["all others", "balanced_accuracy"] > means.loc["all others", "random"]


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers is not installed")
@needs("mobilenet", "photos")
def test_a_network_of_transformers_needs_no_adapter(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from transformers import AutoModelForImageClassification

    from ganwidgets.models.classifiers import TorchClassifier
    from ganwidgets.testing import check_classifier

    module = AutoModelForImageClassification.from_pretrained(FILES["mobilenet"])
    classifier = TorchClassifier(module, image_shape=128, normalise=(128 / 255, 128 / 255))
    check_classifier(classifier)
    assert classifier.classes[int(classifier.predict(crops("hot_dog", 128)))] == "banded gecko"
