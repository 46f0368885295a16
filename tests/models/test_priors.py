"""Priors in a word: where latents lie, and that the first of many are those of few."""

import numpy as np
import pytest
import torch
from torch import nn

import ganwidgets as gw
from ganwidgets.models.priors import sampler_of, with_prior


@pytest.mark.parametrize(
    ("prior", "low", "high", "mean", "deviation"),
    [
        ("uniform", -1, 1, 0.0, 1 / 3**0.5),
        ("uniform(0, 1)", 0, 1, 0.5, 1 / 12**0.5),
        ("Uniform(-2,4)", -2, 4, 1.0, 6 / 12**0.5),
        ("normal(1, 0.5)", -9, 9, 1.0, 0.5),
    ],
)
def test_latents_lie_where_the_prior_says(prior, low, high, mean, deviation):
    z = sampler_of(prior, (50,))(400, 0)
    assert z.shape == (400, 50) and z.dtype == np.float32 and z.min() >= low and z.max() <= high
    assert abs(z.mean() - mean) < 0.03 * deviation and abs(z.std() / deviation - 1) < 0.03


def test_a_sphere_has_its_radius_in_every_direction():
    z = sampler_of("sphere(3)", (4, 2, 1))(500, 0).reshape(500, -1)
    assert np.allclose(np.linalg.norm(z, axis=1), 3) and abs(z.mean()) < 0.1
    assert np.allclose(np.linalg.norm(sampler_of("sphere", (5,))(3, 0), axis=1), 1)


@pytest.mark.parametrize("prior", ["uniform", "normal(0, 2)", "sphere"])
def test_the_first_of_many_are_those_of_few(prior):
    sampler = sampler_of(prior, (3, 1, 1))
    assert np.array_equal(sampler(10, 4)[:6], sampler(6, 4)) and not np.array_equal(sampler(6, 4), sampler(6, 5))


def test_the_standard_normal_needs_no_sampler():
    assert [sampler_of(prior, (3,)) for prior in (None, "normal", "normal(0, 1)", " Normal ")] == [None] * 4
    own = lambda n, seed: None  # noqa: E731
    assert sampler_of(own, (3,)) is own


@pytest.mark.parametrize(
    "prior", ["gauss", "uniform(1)", "uniform(1, 0)", "normal(0, 0)", "uniform(a, b)", "sphere(-1)", ""]
)
def test_what_is_no_prior_is_refused(prior):
    with pytest.raises(ValueError, match="prior"):
        sampler_of(prior, (3,))
    with pytest.raises(TypeError, match="prior"):
        sampler_of(3, (3,))


def test_load_takes_a_prior_and_shares_the_weights():
    module = nn.Sequential(nn.ConvTranspose2d(2, 3, 4), nn.Tanh())
    generator = gw.load(module, prior="uniform")
    assert generator.module is module and generator.sample_z(100).abs().max() <= 1
    normal = with_prior(generator, "normal")
    assert normal.sampler is None and torch.equal(normal.sample_z(2), gw.load(module).sample_z(2))
