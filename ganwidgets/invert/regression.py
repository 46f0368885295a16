"""What can be read off a thumbnail: ridge regressions to the edit layer's activations and to latents.

They learn from the network's own pictures, and are kept as long as those are, or as `statistics.lately` says.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.invert.ridge import Ridge, RidgeInputs
from ganwidgets.invert.sample import OwnSample, thumbnail
from ganwidgets.invert.statistics import lately, remembered, sample_acts
from ganwidgets.models.generator import Generator


def acts_regression(network: Generator, sample: OwnSample, layer: str) -> Ridge:
    """From thumbnails to the activations of a layer."""
    kept = lately(sample, "layer", layer)
    if "regression" not in kept:
        acts = sample_acts(network, sample, layer, len(sample.z))
        kept["regression"] = _inputs(sample, len(acts)).regress(acts)
    return kept["regression"]


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
    kept = lately(sample, "inputs", n)
    if "parts" not in kept:
        with torch.no_grad():
            kept["parts"] = RidgeInputs(sample.thumbnails[:n].flatten(1))
    return kept["parts"]
