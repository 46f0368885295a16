"""torchvision's segmentation networks with weights from a file."""

import pytest
import torch

torchvision = pytest.importorskip("torchvision")

NAME = "lraspp_mobilenet_v3_large"  # the smallest of them, 13 MB


@pytest.fixture(scope="module")
def network():
    """With random weights; statistics of BatchNorm as after training, so that maps differ."""
    torch.manual_seed(0)
    return torchvision.models.get_model(NAME, weights=None, weights_backbone=None, num_classes=21).eval()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lraspp.pth"
    torch.save({"model": network.state_dict(), "epoch": 3}, path)
    return path


def load(name=NAME, **options):
    from ganwidgets import segment

    return segment.load(f"torchvision:{name}", **options)


def images():
    return torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_it_answers_as_the_network_with_torchvisions_own_preparation(network, file):
    S = load(weights=file, input_size=96)
    assert len(S.concepts) == 20 and S.concepts[7] == "cat" and set(S.categories) == {"object"}
    preset = torchvision.transforms._presets.SemanticSegmentation(resize_size=96)
    prepared = preset((images() + 1) / 2)
    assert torch.allclose(S.preparation(images()), prepared, atol=1e-5)
    with torch.no_grad():
        maps = network(prepared)["out"]
    expected = torch.nn.functional.interpolate(maps, (48, 64), mode="bilinear", align_corners=False).argmax(1)
    assert torch.equal(S(images())[:, 0].long(), expected)


def test_it_keeps_the_promises_of_a_segmenter(file):
    from ganwidgets.testing import check_segmenter

    assert check_segmenter(load(weights=file, input_size=64), images()) == ("names", "segmentation", "scores")


def test_heads_of_training_and_other_classes_are_taken_from_the_weights():
    from ganwidgets.segment import TorchvisionSegmenter

    model = torchvision.models.get_model(
        "fcn_resnet50", weights=None, weights_backbone=None, num_classes=2, aux_loss=True
    )
    state = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match="must name the 2 outputs"):
        TorchvisionSegmenter("fcn_resnet50", state)
    assert TorchvisionSegmenter("fcn_resnet50", state, ["background", "tree"]).concepts == ("tree",)
    with pytest.raises(ValueError, match="must name the 2 outputs of these weights, got 3"):
        TorchvisionSegmenter("fcn_resnet50", state, ["a", "b", "c"])


def test_what_cannot_be_loaded_says_why(file, network, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="nothing is downloaded here"):
        load()
    with pytest.raises(FileNotFoundError, match=r"there is no '.*absent\.pth'"):
        load(weights=tmp_path / "absent.pth")
    with pytest.raises(ValueError, match=r"one of torchvision's .*Did you mean 'fcn_resnet50'"):
        load("fcn_resnet5", weights=file)
    with pytest.raises(ValueError, match="must be those of 'fcn_resnet50'"):
        load("fcn_resnet50", weights=file)
    with pytest.raises(ValueError, match="but have no classifier"):
        load(weights={"fc.weight": torch.zeros(3, 3)})
    with pytest.raises(ValueError, match="tensors by name"):
        load(weights={})
    incomplete = dict(list(network.state_dict().items())[1:])
    with pytest.raises(ValueError, match="but do not fit: Missing key"):
        load(weights=incomplete)
    from ganwidgets.segment import torchvision as own

    monkeypatch.setattr(own, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'ganwidgets\[segment\]'"):
        load(weights=file)
