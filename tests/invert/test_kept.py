"""What is kept in memory of a network's own pictures does not grow with every layer that is tried."""

import dataclasses

import pytest
import torch
from torch import nn

LAYERS = ("1", "2", "3", "4", "5")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Small samples, in a folder of the tests, and none from before."""
    from ganwidgets.invert import sample
    from ganwidgets.results import cache

    monkeypatch.setattr(cache, "user_cache_path", lambda name: tmp_path)
    monkeypatch.setattr(sample, "N", 128)
    sample._recent.clear()
    sample._memory.clear()


@pytest.fixture
def network():
    """Five layers of one size."""
    from ganwidgets.models.generator import TorchGenerator

    torch.manual_seed(0)
    layers = [nn.ConvTranspose2d(4, 5, 8), *(nn.Sequential(nn.Conv2d(5, 5, 3, padding=1), nn.Tanh()) for _ in range(5))]
    return TorchGenerator(nn.Sequential(*layers, nn.Conv2d(5, 3, 1), nn.Tanh()).eval(), z_shape=(4, 1, 1))


@pytest.fixture
def image(network):
    return network.images(network.sample_z(1, 5))[0]


def held(thing):
    """Bytes of all tensors in there, each counted once."""
    found, seen, todo = {}, set(), [thing]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, torch.Tensor):
            storage = one.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        elif isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list | tuple):
            todo.extend(one)
        elif dataclasses.is_dataclass(one) or hasattr(one, "__dict__"):
            todo.extend(vars(one).values())
    return sum(found.values())


def remembered(network):
    from ganwidgets.invert.sample import own_sample
    from ganwidgets.invert.statistics import remembered

    return remembered(own_sample(network))


@pytest.mark.parametrize("strategy", ["ridge", "ridge+r"])
def test_what_is_held_is_that_of_two_layers_however_many_are_tried(network, image, strategy):
    from ganwidgets.invert import invert

    sizes = []
    for layer in LAYERS:
        invert(network, image, strategy, layer=layer, steps=0 if strategy == "ridge" else 1)
        sizes.append(held(remembered(network)))
    assert sizes[1] > 1.3 * sizes[0]  # two are kept, as one goes back and forth between two
    assert max(sizes) < 1.02 * sizes[1]


def test_a_layer_that_was_let_go_gives_the_same_again(network, image):
    from ganwidgets.invert import invert

    first = invert(network, image, "ridge", layer="1")
    for layer in LAYERS:
        invert(network, image, "ridge", layer=layer)
    again = invert(network, image, "ridge", layer="1")
    assert torch.equal(first.latent, again.latent) and first.editability == again.editability


def test_of_the_last_two_layers_nothing_is_drawn_again(network, image, monkeypatch):
    from ganwidgets.invert import invert

    for layer in ("1", "2", "3"):
        invert(network, image, "ridge", layer=layer)
    batches, acts = [], type(network).acts
    monkeypatch.setattr(
        type(network), "acts", lambda self, z, *rest, **more: batches.append(len(z)) or acts(self, z, *rest, **more)
    )
    for layer in ("2", "3", "2"):
        invert(network, image, "ridge", layer=layer)
    assert max(batches) < 32  # those of the search alone, not of the sample
    invert(network, image, "ridge", layer="1")
    assert batches.count(32) == 4


def test_how_much_units_vary_is_kept_of_all_layers(network, monkeypatch):
    """It is little, and strategies that change many layers need it of all of them in every search."""
    from ganwidgets.invert.statistics import scales

    first = scales(network, "z", LAYERS)
    monkeypatch.setattr(type(network), "acts", lambda *given, **options: pytest.fail("drawn again"))
    again = scales(network, "z", LAYERS)
    assert all(torch.equal(first.residuals[layer], again.residuals[layer]) for layer in LAYERS)
