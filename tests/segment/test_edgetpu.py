"""A DeepLab on a MobileNetEdgeTPU read off its weights; the real one is in test_segmenters_real.py."""

import pytest
import torch
from torch.nn import functional as F

from ganwidgets import segment
from ganwidgets.segment.edgetpu import EdgeTPUSegmenter, _Conv, edgetpu_deeplab
from ganwidgets.testing import check_segmenter

STAGES = [[2], [3, 3], [3], [4], [4], [5, 5], [6]]  # units of each block


def norm(path: str, units: int) -> dict[str, torch.Tensor]:
    values = {"weight": torch.ones, "bias": torch.zeros, "running_mean": torch.zeros, "running_var": torch.ones}
    made = {f"{path}.{name}": value(units) for name, value in values.items()}
    return made | {f"{path}.num_batches_tracked": torch.tensor(0)}


def tiny(n_classes: int = 3) -> dict[str, torch.Tensor]:
    """A network of few units, with the plan of the real one."""
    torch.manual_seed(0)
    state = {"backbone.conv_stem.weight": torch.randn(2, 3, 3, 3)} | norm("backbone.bn1", 2)
    inputs = 2
    for stage, blocks in enumerate(STAGES):
        for number, units in enumerate(blocks):
            path, wide = f"backbone.blocks.{stage}.{number}", 2 * inputs
            if stage == 0:
                parts = {"conv": (units, inputs, 1)}
            elif stage < 3:
                parts = {"conv_exp": (wide, inputs, 3), "conv_pwl": (units, wide, 1)}
            else:
                parts = {"conv_pw": (wide, inputs, 1), "conv_dw": (wide, 1, 3), "conv_pwl": (units, wide, 1)}
            for place, (name, (out, into, side)) in enumerate(parts.items(), 1):
                state |= {f"{path}.{name}.weight": torch.randn(out, into, side, side)} | norm(f"{path}.bn{place}", out)
            inputs = units
    head = {"convs.0.0": (2, 4, "convs.0.1"), "convs.1.1": (2, 4, "convs.1.2"), "project.0": (2, 4, "project.1")}
    state |= {"backbone.conv_head.weight": torch.randn(4, inputs, 1, 1)} | norm("backbone.bn2", 4)
    for name, (units, into, beside) in head.items():
        state |= {f"classifier.0.{name}.weight": torch.randn(units, into, 1, 1)} | norm(f"classifier.0.{beside}", units)
    return state | {"classifier.1.weight": torch.randn(n_classes, 2, 1, 1), "classifier.1.bias": torch.randn(n_classes)}


def test_it_pads_as_tensorflow_does():
    weight, x = torch.randn(1, 1, 3, 3), torch.randn(1, 1, 6, 6)
    conv = _Conv(weight, stride=2)
    conv.load_state_dict({"weight": weight})
    below = F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, stride=2)  # 6 = 2 · 3: one row is missing, below
    around = F.conv2d(F.pad(x[..., :5, :5], (1, 1, 1, 1)), weight, stride=2)  # 5: one above, one below
    assert torch.allclose(conv(x), below) and torch.allclose(conv(x[..., :5, :5]), around)


def test_a_picture_is_halved_four_times_and_then_looked_at_in_wider_steps():
    network = edgetpu_deeplab(tiny())
    sides = []
    for stage in network.backbone.blocks:
        stage.register_forward_hook(lambda module, args, out: sides.append(out.shape[2]))
    assert network(torch.randn(1, 3, 64, 96)).shape == (1, 3, 64, 96)
    assert sides == [32, 16, 8, 4, 4, 4, 4]
    wide = [[block.conv_dw.dilation[0] for block in stage] for stage in network.backbone.blocks[3:]]
    assert wide == [[1], [1], [1, 2], [2]]
    assert [[block.adds for block in stage] for stage in network.backbone.blocks][1] == [False, True]


def test_the_last_part_is_a_sum_of_what_a_cell_and_what_the_picture_shows():
    state = tiny()
    network = edgetpu_deeplab(state)
    maps = torch.randn(2, 4, 3, 5)
    cells = F.relu(F.conv2d(maps, state["classifier.0.convs.0.0.weight"]) / (1 + 1e-5) ** 0.5)
    whole = F.relu(
        F.conv2d(maps.mean((2, 3), keepdim=True), state["classifier.0.convs.1.1.weight"]) / (1 + 1e-5) ** 0.5
    )
    both = torch.cat([cells, whole.expand(-1, -1, 3, 5)], 1)
    expected = F.relu(F.conv2d(both, state["classifier.0.project.0.weight"]) / (1 + 1e-5) ** 0.5)
    assert torch.allclose(network.classifier[0](maps), expected, atol=1e-5)


def test_it_is_a_segmenter_with_names_of_ones_own(tmp_path):
    torch.save(tiny(), tmp_path / "streets.pth")
    source = f"edgetpu:{tmp_path / 'streets.pth'}"
    S = segment.load(source, classes=["road", "sky", "background"], input_size=None)
    assert S.concepts == ("road", "sky") and S.categories == ("stuff", "stuff")
    assert check_segmenter(S, torch.rand(2, 3, 32, 48) * 2 - 1) == ("names", "segmentation", "scores")
    assert EdgeTPUSegmenter(tiny(19)).concepts == segment.label_set("cityscapes-19").names


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda state: state.pop("backbone.conv_stem.weight"), "do not fit: 'backbone.conv_stem.weight'"),
        (lambda state: state.pop("backbone.blocks.3.0.bn2.weight"), "Missing key.*bn2.weight"),
        (lambda state: state.update({"more": torch.ones(1)}), "Unexpected key.*more"),
        (lambda state: state.update({"backbone.bn1.bias": torch.ones(7)}), "size mismatch.*bn1.bias"),
        (lambda state: state.update({"backbone.conv_stem.weight": torch.ones(2)}), "do not fit"),
        (lambda state: state.update({"backbone.blocks.2.9.conv.weight": torch.ones(2, 2, 1, 1)}), "do not fit"),
        (lambda state: state.clear(), "do not fit"),
    ],
)
def test_other_weights_are_refused(change, sentence):
    state = tiny()
    change(state)
    with pytest.raises(ValueError, match=f"DeepLab with a MobileNetEdgeTPU backbone.*{sentence}"):
        EdgeTPUSegmenter(state)


def test_names_must_fit_and_the_file_must_be_there():
    with pytest.raises(ValueError, match="must name the 3 outputs of these weights; only 19"):
        EdgeTPUSegmenter(tiny())
    with pytest.raises(ValueError, match="must name the 3 outputs of these weights, got 2 names"):
        EdgeTPUSegmenter(tiny(), ["a", "b"])
    with pytest.raises(FileNotFoundError, match=r"there is no 'nowhere\.pth'"):
        segment.load("edgetpu:nowhere.pth")
