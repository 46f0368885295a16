"""Grey, transparent and non-square pictures: every panel shows them, and what they show is right."""

import numpy as np
import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.testing import check_generator, planted_generator

SHAPES = [(28, 28, 1), (48, 32, 3), (32, 48, 4)]


def upsampling(height, width, channels):
    torch.manual_seed(0)
    layers = [nn.ConvTranspose2d(6, 8, (height // 4, width // 4)), nn.ReLU(), nn.Upsample(scale_factor=2)]
    layers += [
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(8, channels, 3, padding=1),
    ]
    return nn.Sequential(*layers, nn.Tanh()).eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_network_of_ones_own(shape):
    height, width, channels = shape
    generator = gw.load(upsampling(*shape))
    assert generator.image_shape == (channels, height, width)
    check_generator(generator)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", ["dissect", "ablate", "paint", "rewrite"])
def test_every_panel_shows_them(shape, method, reader, tmp_path):
    height, width, channels = shape
    planted = method != "rewrite"
    network = (
        planted_generator(resolution=(height, width), channels=channels) if planted else gw.load(upsampling(*shape))
    )
    options = {"dissect": {"n": 32}, "ablate": {"n": 32}, "paint": {"n": 32, "n_scenes": 2}, "rewrite": {"layer": "3"}}
    segmenter = {"segmenter": reader} if planted else {}
    panel = getattr(gw, method).panel(network, **segmenter, **options[method]).wait(60.0)
    assert not [session.error for session in panel._controllers if session.error]
    panel.to_html(tmp_path / "page.html")
    panel.close()


@pytest.mark.parametrize("shape", SHAPES)
def test_paint_lands_where_it_was_put(shape):
    height, width, channels = shape
    network = planted_generator(resolution=(height, width), channels=channels)
    panel = gw.paint.panel(network, layer="layer1", n_scenes=1, run=False).wait(60.0)
    region = np.zeros((height, width), np.float32)
    region[: height // 2] = 1
    panel.painting.push(gw.paint.Stroke("layer1", (0,), region, 1.0))
    panel.wait(60.0)
    before, after = panel.painting.before, panel.painting.after
    assert after.shape == (height, width, 3)
    assert (after[: height // 2, : width // 2, 0] == 255).all()  # red, and white where there is no colour
    assert (after[height // 2 :] == before[height // 2 :]).all()
    panel.close()


def test_what_is_transparent_shows_a_checkerboard(reader):
    network = planted_generator(resolution=16, channels=4)
    network.module.colour.bias[3] = -1  # clear everywhere
    panel = gw.dissect.panel(network, segmenter=reader, run=False).wait(60.0)
    values = set(np.unique(panel.ablating.before))
    assert values == {204, 255}
    panel.close()
