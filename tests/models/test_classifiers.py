"""A classifier is a network from images in [-1, 1] to logits, whatever its module wants and gives."""

import importlib.util

import pytest
import torch
from torch import nn

HAS_TORCHVISION = importlib.util.find_spec("torchvision") is not None


def small(**options):
    from ganwidgets.models.classifiers import TorchClassifier

    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(6, 4)
    )
    return TorchClassifier(module, image_shape=options.pop("image_shape", (3, 8, 12)), **options)


@pytest.fixture
def images():
    return torch.rand(5, 3, 8, 12, generator=torch.Generator().manual_seed(2)) * 2 - 1


def test_logits_are_the_modules_output(images):
    classifier = small()
    with torch.no_grad():
        expected = classifier.module.eval()(images)
    assert torch.equal(classifier.logits(images), expected)
    assert torch.equal(classifier.predict(images), expected.argmax(1))
    assert torch.allclose(classifier.probabilities(images), expected.softmax(1))
    assert classifier.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize(
    ("normalise", "mean", "deviation"),
    [
        (None, 0.5, 0.5),  # images in [-1, 1], as they come
        ("unit", 0.0, 1.0),
        ((0.25, 2.0), 0.25, 2.0),
        (((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)), (0.1, 0.2, 0.3), (1.0, 2.0, 3.0)),
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_the_module_gets_images_as_it_wants_them(images, normalise, mean, deviation):
    classifier = small(normalise=normalise)
    mean, deviation = (torch.tensor(part).reshape(-1, 1, 1) for part in (mean, deviation))
    wanted = ((images + 1) / 2 - mean) / deviation
    with torch.no_grad():
        expected = classifier.module.eval()(wanted)
    assert torch.allclose(classifier.logits(images), expected, atol=1e-6)
    state = classifier.below(images, "0")  # normalised once, not again on the way up
    assert torch.equal(classifier.above(state), classifier.logits(images))


def test_eight_bit_images_are_the_same_images():
    classifier = small()
    whole = torch.randint(0, 256, (3, 3, 8, 12), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        classifier.logits(whole.to(torch.uint8)), classifier.logits(whole.float() / 127.5 - 1), atol=1e-6
    )


def test_probabilities_are_read_through_their_logarithm(images):
    from ganwidgets.models.classifiers import TorchClassifier

    logits = small()
    module = nn.Sequential(*logits.module, nn.Softmax(1))
    given = TorchClassifier(module, image_shape=(3, 8, 12), outputs="probabilities")
    assert torch.allclose(given.probabilities(images), logits.probabilities(images), atol=1e-6)
    assert torch.equal(given.predict(images), logits.predict(images))
    assert given.linear_head("1") is None  # what it gives are no logits


def test_outputs_that_look_like_probabilities_are_mentioned():
    from ganwidgets.models.classifiers import TorchClassifier

    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Softmax(1))
    with pytest.warns(UserWarning, match="outputs='probabilities'"):
        TorchClassifier(module, image_shape=(3, 2, 2))
    with pytest.raises(ValueError, match=r"`outputs` 'probabilities' needs scores of at least 0"):
        TorchClassifier(module[:2], image_shape=(3, 2, 2), outputs="probabilities")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(2, 3, 12, 8), r"`images` must be \(n, 3, 8, 12\), got \(2, 3, 12, 8\); resize or crop"),
        (torch.zeros(2, 8, 12, 3), "permute"),
        (torch.zeros(3, 8, 12), r"images\[None\]"),
        (torch.full((2, 3, 8, 12), 2.2), r"`images` must lie in \[-1, 1\], got values from 2.2 to 2.2"),
        (torch.full((2, 3, 8, 12), float("nan")), "must lie in"),
    ],
)
def test_images_that_do_not_fit_are_refused_with_what_to_do(wrong, message):
    with pytest.raises(ValueError, match=message):
        small().logits(wrong)


def test_integers_other_than_eight_bit_are_refused():
    with pytest.raises(TypeError, match="floats in"):
        small().logits(torch.zeros(1, 3, 8, 12, dtype=torch.int64))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"image_shape": (3, 8)}, ValueError, "`image_shape` must be"),
        ({"image_shape": (2, 8, 8)}, ValueError, "`image_shape` must be"),
        ({"image_shape": (1, 8, 8)}, ValueError, "`module` must turn images of shape"),
        ({"classes": ["a", "b"]}, ValueError, "`classes` must name the 4 classes of this network, got 2"),
        ({"classes": "abcd"}, TypeError, "`classes` must be a list of names"),
        ({"outputs": "scores"}, ValueError, "`outputs` must be one of"),
        ({"normalise": "caffe"}, ValueError, "`normalise` must be None, one of"),
        ({"normalise": (0.5, 0.0)}, ValueError, "positive standard deviations"),
        ({"normalise": ((0.1, 0.2), 1.0)}, ValueError, "one number or 3"),
    ],
)
def test_settings_that_do_not_fit_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        small(**options)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["crane", "dog", "crane", "cat"], ("crane (0)", "dog", "crane (2)", "cat")),
        (["a", "a", "a (0)", "b"], ("a (0) (0)", "a (1)", "a (0) (2)", "b")),
        (["d", "c", "b", "a"], ("d", "c", "b", "a")),
    ],
)
def test_no_two_classes_have_one_name(images, given, kept):
    """ImageNet has two cranes; a table by class, or a choice of one, must not take them for the same."""
    from ganwidgets.ablate import class_ablation

    classifier = small(classes=given)
    assert classifier.classes == kept
    table = class_ablation(classifier, "1", images.repeat(2, 1, 1, 1), [0, 2, 1, 3, 0, 2, 1, 3, 0, 2]).class_frame(0)
    assert table["class"].tolist() == list(kept)


def test_networks_that_are_no_classifiers_are_refused():
    from ganwidgets.models.classifiers import TorchClassifier

    with pytest.raises(ValueError, match=r"scores \(batch, class\) of at least 2 classes, got \(2, 4, 6, 6\)"):
        TorchClassifier(nn.Conv2d(3, 4, 3), image_shape=8)
    with pytest.raises(ValueError, match="one score"):
        TorchClassifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 1)), image_shape=8)


def test_scores_that_are_not_finite_are_an_error(images):
    classifier = small()
    with torch.no_grad():
        classifier.module[5].bias[1] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinity for 5 of 5"):
        classifier.logits(images)


def test_train_mode_changes_nothing_and_stays(images):
    classifier = small()
    expected = classifier.logits(images)
    classifier.module.train()
    assert torch.equal(classifier.logits(images), expected)  # the dropout was off
    assert classifier.module.training and classifier.module[4].training


def test_the_fingerprint_knows_weights_and_normalisation():
    one, same, other = small(), small(), small(normalise="unit")
    assert one.fingerprint == same.fingerprint != other.fingerprint
    with torch.no_grad():
        one.module[0].weight += 1
    assert one.fingerprint != same.fingerprint


def test_outputs_of_transformers_are_understood(images):
    """A module that returns a mapping, with names in its config."""
    from ganwidgets.models.classifiers import TorchClassifier

    class Wrapped(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner
            self.config = type("Config", (), {"id2label": {1: "b", 0: "a", 3: "d", 2: "c"}})()

        def forward(self, pixel_values: torch.Tensor) -> dict:
            return {"logits": self.inner(pixel_values), "hidden_states": None}

    plain = small()
    wrapped = TorchClassifier(Wrapped(plain.module), image_shape=(3, 8, 12))
    assert wrapped.classes == ("a", "b", "c", "d")
    assert torch.equal(wrapped.logits(images), plain.logits(images))


# The closed form


@pytest.mark.parametrize("layer", ["0", "1", "2", "3", "4"])
def test_the_closed_form_gives_the_scores_where_there_is_one(images, layer):
    classifier = small()
    head = classifier.linear_head(layer)
    if layer == "0":
        assert head is None  # a ReLU comes first
        return
    logits = head.logits(head.means(classifier.acts(images, layer)))
    assert torch.allclose(logits, classifier.logits(images), atol=1e-6)


@pytest.mark.parametrize("layer", ["1", "3"])
def test_zeroing_a_unit_changes_the_logits_by_weight_times_mean(images, layer):
    from ganwidgets.ablate.class_passes import head_change
    from ganwidgets.models.edits import set_units, zero_units

    classifier = small()
    head, state = classifier.linear_head(layer), classifier.below(images, layer)
    means = head.means(state.acts)
    for edit in (zero_units([2]), zero_units([0, 5], strength=0.5), set_units([1], 3.0)):
        expected = classifier.above(state, edit.apply(state.acts)) - classifier.above(state)
        assert torch.allclose(head_change(head, means, edit), expected, atol=1e-6)
    assert torch.allclose(head_change(head, means, zero_units([2])), -means[:, 2:3] * head.weight[:, 2], atol=1e-6)


def test_there_is_no_closed_form_under_an_intervention_or_somebody_elses_hook():
    from ganwidgets.models.edits import zero_units

    classifier = small()
    with classifier.intervene("3", zero_units([0])):
        assert classifier.linear_head("1") is None
    handle = classifier.module[5].register_forward_hook(lambda module, args, output: output * 2)
    assert classifier.linear_head("1") is None
    handle.remove()
    assert classifier.linear_head("1") is not None


class Squared(nn.Module):
    """Flattens, and more."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) ** 2


@pytest.mark.parametrize(
    ("parts", "closed"),
    [
        ([nn.AvgPool2d((8, 12)), nn.Flatten(), nn.Linear(6, 4, bias=False)], True),
        ([nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 24, 4)], False),
        ([nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 4)], False),
        ([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)], False),
        ([nn.Flatten(), nn.Linear(6 * 96, 4)], False),
        ([nn.AdaptiveAvgPool2d(1), Squared(), nn.Linear(6, 4)], False),
    ],
)
def test_only_an_average_and_one_linear_layer_have_a_closed_form(images, parts, closed):
    from ganwidgets.models.classifiers import TorchClassifier

    classifier = TorchClassifier(nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), *parts), image_shape=(3, 8, 12))
    head = classifier.linear_head("0")
    assert (head is not None) == closed
    if closed:
        logits = head.logits(head.means(classifier.acts(images, "0")))
        assert torch.allclose(logits, classifier.logits(images), atol=1e-6)


def test_a_run_can_go_on_for_some_images(images):
    classifier = small()
    state = classifier.below(images, "0")
    keep = torch.tensor([True, False, True, True, False])
    assert torch.allclose(classifier.above(classifier.some(state, keep)), classifier.logits(images[keep]), atol=1e-6)


# Names and files


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
@pytest.mark.parametrize(
    ("name", "size", "last_map"),
    [
        ("squeezenet1_1", 64, "features.12"),
        ("resnet18", 64, "layer4"),
        ("mobilenet_v3_small", 64, "features.12"),
        slow("alexnet", 64, "features.12"),
        slow("vgg11", 32, "features.20"),
        slow("mobilenet_v2", 64, "features.18"),
        slow("efficientnet_b0", 64, "features.8"),
        slow("densenet121", 64, "features"),
        slow("regnet_y_400mf", 64, "trunk_output"),
        slow("convnext_tiny", 64, "features"),
    ],
)
def test_networks_of_torchvision_are_chains_that_give_the_same_scores(name, size, last_map):
    from torchvision import models

    from ganwidgets.models.classifiers import TorchClassifier

    module = models.get_model(name, weights=None, num_classes=7)
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(3)) * 2 - 1
    classifier = TorchClassifier(module, image_shape=size)
    with torch.no_grad():
        assert torch.equal(classifier.logits(images), module.eval()(images))
    state = classifier.below(images, last_map)
    assert state.exact_skip and torch.equal(classifier.above(state), classifier.logits(images))
    assert set(classifier.module.state_dict()) == set(module.state_dict())
    assert TorchClassifier(module, image_shape=size).module is classifier.module  # one lock for both


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
def test_a_part_exchanged_before_wrapping_again_is_seen():
    from torchvision import models

    from ganwidgets.models.classifiers import TorchClassifier

    module = models.get_model("resnet18", weights=None, num_classes=5)
    first = TorchClassifier(module, image_shape=64)
    module.fc = nn.Linear(512, 3)
    assert len(first.classes) == 5 and len(TorchClassifier(module, image_shape=64).classes) == 3


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
def test_a_name_of_torchvision_comes_with_its_weights_file(tmp_path):
    from safetensors.torch import save_file
    from torchvision import models

    from ganwidgets.models.classifier_sources import load_classifier

    torch.manual_seed(1)
    module = models.squeezenet1_1(weights=None, num_classes=6).eval()
    save_file(module.state_dict(), tmp_path / "mine.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in module.state_dict().items()}}, tmp_path / "mine.pth")
    for file in ("mine.safetensors", "mine.pth"):
        classifier = load_classifier("squeezenet1_1", tmp_path / file, image_shape=64, classes=list("abcdef"))
        assert classifier.image_shape == (3, 64, 64) and classifier.classes == tuple("abcdef")
        assert classifier.normalise[0] == pytest.approx((0.485, 0.456, 0.406))
        wanted = (torch.zeros(1, 3, 64, 64) + 0.5 - torch.tensor(classifier.normalise[0])[:, None, None]) / (
            torch.tensor(classifier.normalise[1])[:, None, None]
        )
        with torch.no_grad():
            assert torch.allclose(classifier.logits(torch.zeros(1, 3, 64, 64)), module(wanted), atol=1e-5)
    with pytest.raises(ValueError, match="`weights` must be those of 'resnet18', but do not fit"):
        load_classifier("resnet18", tmp_path / "mine.safetensors")
    with pytest.raises(ValueError, match=r"but has classifier\.1\.bias.*load_classifier\('resnet18', weights=path\)"):
        load_classifier(tmp_path / "mine.safetensors")


@pytest.mark.skipif(not HAS_TORCHVISION, reason="torchvision is not installed")
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("squeezenet1_2", "x.pth"), ValueError, "Did you mean 'squeezenet1_"),
        (("squeezenet1_0",), ValueError, "nothing is downloaded here"),
        (("squeezenet1_0", "nowhere.pth"), FileNotFoundError, "no 'nowhere.pth'"),
    ],
)
def test_names_that_lead_nowhere_say_why(given, error, message):
    from ganwidgets.models.classifier_sources import load_classifier

    with pytest.raises(error, match=message):
        load_classifier(*given)


def test_without_torchvision_its_names_say_what_to_install(monkeypatch):
    from ganwidgets.models import classifier_sources

    monkeypatch.setattr(classifier_sources, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"torchvision is not installed: pip install 'ganwidgets\[classifiers\]'"):
        classifier_sources.load_classifier("resnet18", "x.pth")


def test_a_cifar_resnet_is_read_from_its_file(tmp_path):
    from safetensors.torch import save_file

    from ganwidgets.models.cifar_resnet import CIFAR10, CifarResNet
    from ganwidgets.models.classifier_sources import load_classifier
    from ganwidgets.testing import check_classifier

    torch.manual_seed(0)
    module = CifarResNet(blocks=2, width=4).eval()
    save_file(module.state_dict(), tmp_path / "tiny.safetensors")
    classifier = load_classifier(tmp_path / "tiny.safetensors")
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    assert classifier.classes == CIFAR10 and classifier.name == "tiny" and classifier.image_shape == (3, 32, 32)
    mean, deviation = (torch.tensor(part)[:, None, None] for part in classifier.normalise)
    with torch.no_grad():
        assert torch.allclose(classifier.logits(images), module(((images + 1) / 2 - mean) / deviation), atol=1e-5)
    assert classifier.linear_head("layer3") is not None and classifier.below(images, "layer2").exact_skip
    check_classifier(classifier)


def test_other_sources_are_refused_or_given_back(tmp_path):
    from ganwidgets.models.classifier_sources import load_classifier

    classifier = small()
    assert load_classifier(classifier) is classifier
    assert load_classifier(classifier.module, image_shape=8).image_shape == (3, 8, 8)
    with pytest.raises(ValueError, match="`image_shape` must be given with a module"):
        load_classifier(classifier.module)
    with pytest.raises(TypeError, match="`source` must be"):
        load_classifier(3)
    with pytest.raises(FileNotFoundError, match=r"no 'nowhere/net\.pth'"):
        load_classifier("nowhere/net.pth")
    (tmp_path / "page.pth").write_text("<html>")
    with pytest.raises(ValueError, match="is a web page"):
        load_classifier(tmp_path / "page.pth")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({str(k): f"n{k}" for k in range(12)}, tuple(f"n{k}" for k in range(12))),
        ({1: "b", 0: "a"}, ("a", "b")),
        ({"1": "b", "2": "c"}, None),
        ({"x": "b", "0": "c"}, None),
    ],
)
def test_names_of_classes_are_in_the_order_of_their_numbers(names, expected):
    from ganwidgets.models.classifiers import _names_of

    module = nn.Module()
    module.config = type("Config", (), {"id2label": names})()
    assert _names_of(module) == expected
