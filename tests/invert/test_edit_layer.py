"""Which layer is recovered where none is named."""

import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.invert.edit_layer import edit_layer


def test_the_bundled_worlds_is_the_fourth():
    assert edit_layer(gw.load("scenes")) == "layer4", "layer6 holds more numbers than a picture"


def test_the_middle_one_if_it_is_small_enough():
    body = nn.Sequential(nn.ConvTranspose2d(6, 4, 4), nn.ConvTranspose2d(4, 4, 2, 2), nn.ConvTranspose2d(4, 3, 2, 2))
    assert edit_layer(gw.TorchGenerator(body, (6, 1, 1))) == "1"


def test_an_earlier_one_if_it_is_not():
    torch.manual_seed(0)
    body = nn.Sequential(nn.ConvTranspose2d(6, 8, 4), nn.ConvTranspose2d(8, 40, 2, 2), nn.ConvTranspose2d(40, 3, 2, 2))
    assert edit_layer(gw.TorchGenerator(body, (6, 1, 1))) == "0"


def test_the_middle_one_where_all_are_large():
    body = nn.Sequential(nn.ConvTranspose2d(6, 90, 4), nn.ConvTranspose2d(90, 90, 2, 2), nn.ConvTranspose2d(90, 1, 1))
    assert edit_layer(gw.TorchGenerator(body, (6, 1, 1))) == "1"


class Wrapped(nn.Module):
    """What draws in one block, and a last tanh outside it."""

    def __init__(self, *parts):
        super().__init__()
        self.body, self.act = nn.Sequential(*parts), nn.Tanh()

    def forward(self, z):
        return self.act(self.body(z))


def test_a_block_that_ends_in_the_picture_is_looked_into():
    parts = [nn.ConvTranspose2d(6, 8, 4), nn.ReLU(), nn.ConvTranspose2d(8, 6, 2, 2), nn.ReLU()]
    network = gw.TorchGenerator(Wrapped(*parts, nn.ConvTranspose2d(6, 3, 2, 2)), (6, 1, 1))
    assert network.layer_info("body").shape == network.image_shape
    assert edit_layer(network) == "body.1"


def test_a_network_with_nothing_but_the_picture_keeps_that():
    assert edit_layer(gw.TorchGenerator(Wrapped(nn.ConvTranspose2d(6, 3, 8)), (6, 1, 1))) == "body"
