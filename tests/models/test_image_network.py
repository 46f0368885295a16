"""Networks that are fed images and give anything; classifiers of Hugging Face as chains."""

import json

import pytest
import torch
from torch import nn


def test_images_are_normalised_as_said_and_layers_can_be_read():
    from ganwidgets.models import ImageNetwork

    module = nn.Sequential(nn.Identity(), nn.Conv2d(3, 2, 1)).train()
    network = ImageNetwork(module, 4, normalise="imagenet")
    images = torch.linspace(-1, 1, 48).view(1, 3, 4, 4)
    seen = network.acts(images, "0")
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(seen, ((images + 1) / 2 - mean) / deviation)
    assert (network.image_shape, network.name, network.map_layers) == ((3, 4, 4), "Sequential", ("0", "1"))
    assert network.fingerprint != ImageNetwork(module, 4).fingerprint
    bytes_ = ((images + 1) * 127.5).round().to(torch.uint8)
    torch.testing.assert_close(network.acts(bytes_, "0"), seen, atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 5, 4), "resize or crop"),
        (torch.zeros(1, 4, 4, 3), "permute"),
        (torch.zeros(1, 3, 4, 4) + 2, "before any"),
        (torch.zeros(1, 3, 4, 4).long(), "floats in"),
    ],
)
def test_other_images_are_refused(images, message):
    from ganwidgets.models import ImageNetwork

    with pytest.raises((ValueError, TypeError), match=message):
        ImageNetwork(nn.Sequential(nn.Conv2d(3, 2, 1)), 4).acts(images, "0")


def test_a_module_that_takes_no_such_images_is_told():
    from ganwidgets.models import ImageNetwork

    with pytest.raises(ValueError, match=r"must take images of shape \(2, 3, 4, 4\), but failed"):
        ImageNetwork(nn.Linear(5, 2), 4)


# Hugging Face directories


@pytest.fixture
def directory(tmp_path):
    """A MobileNetV2 of random weights with three classes, written as transformers does."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.MobileNetV2Config(
        image_size=64, depth_multiplier=0.25, num_labels=3, id2label={0: "cat", 1: "dog", 2: "bird"}
    )
    transformers.MobileNetV2ForImageClassification(config).eval().save_pretrained(tmp_path)
    steps = {"image_processor_type": "MobileNetV2ImageProcessor", "crop_size": {"height": 64, "width": 64}}
    steps |= {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"shortest_edge": 72}, "do_normalize": True}
    steps |= {"do_rescale": True, "rescale_factor": 1 / 255, "do_resize": True, "do_center_crop": True, "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(steps))
    return tmp_path


def test_a_directory_is_a_classifier_and_a_chain(directory):
    import transformers

    import ganwidgets as gw

    classifier = gw.load_classifier(f"hf:{directory}")
    assert (classifier.image_shape, classifier.classes) == ((3, 64, 64), ("cat", "dog", "bird"))
    assert classifier.normalise == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    module = transformers.MobileNetV2ForImageClassification.from_pretrained(directory).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(classifier.logits(images), module((images / 2) / 0.25).logits)
    assert classifier.linear_head("conv_1x1") is not None
    state = classifier.below(images, "layer.3")
    assert state.exact_skip
    torch.testing.assert_close(classifier.above(state), classifier.logits(images))
    assert gw.load_classifier(directory, classes=["a", "b", "c"]).classes == ("a", "b", "c")


def test_a_directory_of_another_task_is_told(directory):
    import ganwidgets as gw

    config = json.loads((directory / "config.json").read_text())
    config["architectures"] = ["MobileNetV2ForSemanticSegmentation"]
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        ValueError, match=r"must be an image classifier, but .* holds MobileNetV2ForSemanticSegmentation"
    ):
        gw.load_classifier(f"hf:{directory}")


def test_no_directory_is_told():
    import ganwidgets as gw

    with pytest.raises(FileNotFoundError, match="directory or its Hugging Face name"):
        gw.load_classifier("hf:/nowhere/at/all")


def test_a_chain_is_made_again_when_a_part_was_exchanged(directory):
    import transformers

    from ganwidgets.models.chains import as_chain

    module = transformers.MobileNetV2ForImageClassification.from_pretrained(directory).eval()
    example = torch.zeros(2, 3, 64, 64)
    first = as_chain(module, example)
    assert as_chain(module, example) is first and first.classifier is module.classifier
    module.classifier = nn.Linear(module.classifier.in_features, 5)
    assert as_chain(module, example).classifier.out_features == 5
