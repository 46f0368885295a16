"""Places for a brush, and values that draw what is wanted on the one kind and not on the other."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from ganwidgets.ablate.brush_places import BrushPlaces, find_places
from ganwidgets.ablate.contrast import ConceptContrast
from ganwidgets.ablate.insertion_search import optimise_insertion
from ganwidgets.models import TorchGenerator


class Ground(nn.Module):
    """z[0] > 0: a wall (unit 0 is 1), else sky (0). Red is unit 1 on a wall only, blue unit 2 anywhere."""

    def __init__(self):
        super().__init__()
        self.units, self.pixels = nn.Identity(), nn.Identity()

    def forward(self, z):
        wall = (z[:, 0] > 0).float()[:, None, None].expand(len(z), 8, 8)
        acts = self.units(torch.stack([wall, torch.zeros_like(wall), torch.zeros_like(wall)], 1))
        return self.pixels(torch.stack([acts[:, 1] * acts[:, 0].detach(), acts[:, 0] / 2, acts[:, 2]], 1))


class Names:
    """Red and blue by their channels, wall and sky by the green one."""

    name, slots = "names", ("paint", "ground")
    concepts, categories = ("red", "blue", "wall", "sky"), ("paint", "paint", "ground", "ground")

    def scores(self, images):
        red, green, blue = images.unbind(1)
        return torch.stack([red, blue, 2 * green, 1 - 2 * green], 1)

    def __call__(self, images):
        red, _, wall = images[:, 0] > 0.5, None, images[:, 1] > 0.25
        paint = torch.where(red, 1, torch.where(images[:, 2] > 0.5, 2, 0))
        return torch.stack([paint, torch.where(wall, 3, 4)], 1).to(torch.uint8)


@pytest.fixture
def network():
    return TorchGenerator(Ground(), z_shape=(2,))


@pytest.fixture
def contrast():
    return ConceptContrast("units", "red", "wall", *np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1]], np.float32), n=1)


def test_places_lie_where_they_are_wanted(network):
    places = find_places(network, Names(), "wall", (2, 3), n=5, n_search=64)
    assert len(places) == 5 and (places.z[:, 0] > 0).all() and places.on == "wall"
    assert (places.regions.sum((1, 2)) == 6).all()
    rows, columns = places.regions[0].any(1).sum(), places.regions[0].any(0).sum()
    assert (int(rows), int(columns)) == (2, 3)


def test_places_keep_away_from_what_is_not_wanted():
    """The left half is red: a brush on the wall without red lies in the right half."""

    class Half(Ground):
        def forward(self, z):
            images = super().forward(z + 10)
            return torch.cat([images[:, :, :, :4] + torch.tensor([1.0, 0, 0])[:, None, None], images[:, :, :, 4:]], 3)

    network = TorchGenerator(Half(), z_shape=(2,), output_range=(-2, 2))
    images = network.images(network.sample_z(1))
    assert images.shape[1:] == (3, 8, 8)

    class Wall(Names):
        def __call__(self, images):
            return super().__call__(images * 2)

    free = find_places(network, Wall(), "wall", (8, 4), n=2, without="red", n_search=4)
    assert free.regions[:, :, 4:].all() and not free.regions[:, :, :4].any()
    with pytest.raises(ValueError, match="smaller"):
        find_places(network, Wall(), "wall", (8, 5), n=2, without="red", n_search=4)


def test_the_unit_that_draws_on_walls_only_is_found(network, contrast):
    """12 pixels are enough of 16: unit 1 alone makes red, and no other value matters."""
    wall, sky = (find_places(network, Names(), on, (4, 4), n=4, n_search=64) for on in ("wall", "sky"))
    search = partial(optimise_insertion, network, "units", "red", Names(), wall, contrast)
    found = search(avoid=sky, units=[1, 2], enough=12.0)
    with torch.no_grad():  # also where somebody has switched gradients off
        assert np.array_equal(search(avoid=sky, units=[1, 2], enough=12.0).value, found.value)
    assert found.value[0] >= 0.75 and found.value[1] == 0 and found.n == 4
    assert found.history[0]["gained"] == 0 and found.history[-1]["gained"] >= 12 and found.history[-1]["elsewhere"] == 0


def test_what_would_appear_in_the_wrong_place_too_is_not_learned(network, contrast):
    wall, sky = (find_places(network, Names(), on, (4, 4), n=4, n_search=64) for on in ("wall", "sky"))
    freely = optimise_insertion(network, "units", "blue", Names(), wall, contrast, units=[1, 2], steps=40)
    bound = optimise_insertion(network, "units", "blue", Names(), wall, contrast, avoid=sky, units=[1, 2], steps=40)
    assert freely.value[1] > 0.5 and abs(bound.value[1]) < 0.2 and np.isnan(freely.history[0]["elsewhere"])


def test_values_stay_within_reach_and_the_network_as_it_was(network, contrast):
    wall, before = find_places(network, Names(), "wall", (4, 4), n=2, n_search=32), network.fingerprint
    far = optimise_insertion(network, "units", "red", Names(), wall, contrast, units=[1], enough=1e9, steps=100)
    assert far.units == (1,) and far.value.shape == (1,) and far.value[0] <= 3 and network.fingerprint == before


@pytest.mark.parametrize(
    ("options", "words"),
    [({"enough": 0}, "enough"), ({"steps": 0}, "steps"), ({"batch": 0}, "batch"), ({"units": [7]}, "units")],
)
def test_numbers_out_of_range_are_refused(network, contrast, options, words):
    places = BrushPlaces(network.sample_z(2), torch.ones(2, 8, 8), "wall")
    with pytest.raises(ValueError, match=words):
        optimise_insertion(network, "units", "red", Names(), places, contrast, **options)


def test_a_contrast_of_another_layer_and_a_brush_larger_than_the_picture_are_refused(network, contrast):
    places = BrushPlaces(network.sample_z(2), torch.ones(2, 8, 8), "wall")
    with pytest.raises(ValueError, match="`contrast` must be of 'pixels'"):
        optimise_insertion(network, "pixels", "red", Names(), places, contrast)
    with pytest.raises(ValueError, match="within the 8 x 8"):
        find_places(network, Names(), "wall", (9, 2))
