"""What can be read off a thumbnail: ridge regressions to the edit layer's activations and to latents.

They learn from the network's own pictures, and are kept as long as those are.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.ridge import Ridge, RidgeInputs
from ganwidgets.invert.sample import OwnSample, thumbnail
from ganwidgets.invert.statistics import remembered, sample_acts
from ganwidgets.models.generator import Generator


def acts_regression(network: Generator, sample: OwnSample, layer: str) -> Ridge:
    """From thumbnails to the activations of a layer."""
    kept = remembered(sample)
    if ("regression", layer) not in kept:
        acts = sample_acts(network, sample, layer, len(sample.z))
        kept["regression", layer] = _inputs(sample, len(acts)).regress(acts)
    return kept["regression", layer]


def latent_regression(sample: OwnSample, space: str) -> Ridge:
    """From thumbnails to latents."""
    kept, key = remembered(sample), "z" if space == "z" else "w"
    if ("regression of", key) not in kept:
        kept["regression of", key] = _inputs(sample, len(sample.z)).regress(sample.latents(space))
    return kept["regression of", key]


def rows_of(images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch column"]:
    """What the regressions look at."""
    return thumbnail(images).flatten(1)


def _inputs(sample: OwnSample, n: int) -> RidgeInputs:
    kept = remembered(sample)
    if ("inputs", n) not in kept:
        with torch.no_grad():
            kept["inputs", n] = RidgeInputs(sample.thumbnails[:n].flatten(1))
    return kept["inputs", n]
