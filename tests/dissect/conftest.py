"""Small generators and segmenters of which a test states every pixel."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn


class Step(nn.Module):
    """A function as a module, so that it is a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.fixture
def make_generator():
    """`make_generator(maps, paint, depth)`: layer `maps` of z, images `paint(maps)`."""
    import ganwidgets as gw

    def make(maps, paint, depth=4, **options):
        module = nn.Sequential()
        module.add_module("maps", Step(maps))
        module.add_module("paint", Step(paint))
        return gw.TorchGenerator(module.eval(), z_shape=(depth,), name="drawn by a test", **options)

    return make


@pytest.fixture
def make_segmenter():
    """`make_segmenter(read, concepts)`: a segmenter that answers `read(images)`."""

    def make(read, concepts, categories=None, slots=("object",), **more):
        named = {"concepts": tuple(concepts), "categories": tuple(categories or ("object",) * len(concepts))}
        found = type("Reads", (), {"__call__": lambda self, images: read(images)})()
        vars(found).update(SimpleNamespace(name="read by a test", slots=slots, **named, **more).__dict__)
        return found

    return make


@pytest.fixture
def independent(make_generator, make_segmenter):
    """A unit and a concept on the left half of half of the images each, independently: their IoU is 1/3.

    The unit is active where z[0] > 0, "red" is painted where z[1] > 0. Of all pixels the unit covers 1/4, the concept
    1/4, both together 1/8, and 1/8 / (1/4 + 1/4 - 1/8) = 1/3.
    """
    left = torch.zeros(8, 8)
    left[:, :4] = 1

    def maps(z):
        return (z[:, :2] > 0).float()[:, :, None, None] * left

    generator = make_generator(maps, lambda x: x[:, 1:2] * 2 - 1)
    return generator, make_segmenter(lambda images: (images > 0).to(torch.uint8), ["red"])


@pytest.fixture
def start():
    """`start(network, segmenter, **options)`: a run that has not begun."""
    import ganwidgets as gw

    def start(network, segmenter, **options):
        settings = {"layers": ("layer1",), "n": 128, "top_fraction": 0.3} | options
        return gw.dissect.DissectionRun(network, segmenter, gw.dissect.Options(**settings))

    return start


@pytest.fixture
def assert_same():
    """`assert_same(a, b)`: two dissections agree bit for bit in every array, thumbnails included."""

    def equal(a, b, what):
        assert (a is None) == (b is None), what
        if a is not None:
            a, b = np.asarray(a), np.asarray(b)
            assert a.dtype == b.dtype, what
            np.testing.assert_array_equal(a, b, err_msg=what)

    def check(a, b):
        assert a.n == b.n and list(a.layers) == list(b.layers)
        for name, one in a.layers.items():
            for part in fields(one):
                ours, theirs = getattr(one, part.name), getattr(b.layers[name], part.name)
                if part.name == "pictures":
                    assert ours.keys() == theirs.keys()
                    for key, value in ours.items():
                        equal(value, theirs[key], f"{name}.{key}")
                else:
                    equal(ours, theirs, f"{name}.{part.name}")
        for key, value in a.thumbnails.items():
            equal(value, b.thumbnails[key], key)

    return check


@pytest.fixture
def make_panel(planted, reader, quiet):
    from ganwidgets.dissect.panel import panel

    made = []

    def make_panel(network=planted, layer="layer1", segmenter=reader, **options):
        made.append(panel(network, layer, segmenter, **{"n": 100, "top_fraction": 0.4, **options}))
        made[-1].wait(30.0)
        return made[-1]

    yield make_panel
    for one in made:
        one.close()
