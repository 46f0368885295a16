"""The segmenter learns, stops and continues without a trace, and ships without batch normalisation."""

import json

import torch
from safetensors.torch import load_file

from ganwidgets.scenes.draw import draw_batch
from ganwidgets.scenes.measure import to_images
from ganwidgets.scenes.train_segmenter import SegmenterSettings, SegmenterTraining, disturb, segmentation_loss
from ganwidgets.scenes.unet import UNet, label, split

TINY = {"drawings": 8, "batch": 4, "steps": 4, "compile": False}


def training(folder):
    return SegmenterTraining(folder, SegmenterSettings(**TINY), log=lambda line: None)


def test_stopping_and_continuing_changes_nothing(tmp_path):
    whole, first = training(tmp_path / "whole"), training(tmp_path / "parts")
    whole.run()
    first._train_step()
    first.save()
    second = training(tmp_path / "parts")
    assert second.step == 1
    second.run()
    a, b = (load_file(tmp_path / name / "segmenter.safetensors") for name in ("whole", "parts"))
    assert a.keys() == b.keys() == UNet().state_dict().keys()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert json.loads((tmp_path / "parts" / "history.json").read_text())["step"] == 4


def test_folding_keeps_the_function():
    torch.manual_seed(0)
    net, images = UNet(norm=True), torch.randn(4, 3, 64, 64)
    for _ in range(3):
        net(images)
    folded = net.folded()
    net.eval()
    torch.testing.assert_close(folded(images), net(images), rtol=1e-4, atol=1e-5)
    assert not [name for name in folded.state_dict() if "norm" in name]


def test_labels_are_numbered_as_the_drawings_number_them():
    logits = torch.full((1, 18, 1, 2), -9.0)
    logits[0, 6, 0, :] = 9  # seventh object: tree
    logits[0, 10, 0, 0] = 9  # no part
    logits[0, 15, 0, 1] = 9  # fifth part: door
    assert label(logits)[0, :, 0].tolist() == [[7, 7], [0, 15]]
    assert [group.shape[1] for group in split(logits)] == [10, 8]


def test_the_loss_is_zero_for_the_truth_and_large_for_the_opposite():
    seg = torch.from_numpy(draw_batch(4, seed=1)[1])
    truth = torch.zeros(4, 18, 64, 64)
    truth.scatter_(1, seg[:, :1].long() - 1, 40.0)
    truth.scatter_(1, 10 + (seg[:, 1:].long() - 10).clamp(min=0), 40.0)
    assert segmentation_loss(truth, seg) < 1e-3
    assert segmentation_loss(-truth, seg) > 10


def test_disturbing_repeats_for_a_seed_and_stays_in_range():
    images = to_images(draw_batch(16, seed=1)[0])
    a, b = (disturb(images, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.shape == images.shape
    assert a.abs().max() <= 1
    assert 0.02 < (a - images).abs().mean() < 0.2
