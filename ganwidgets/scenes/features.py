"""What the bundled world's discriminator sees in a picture: features learnt against its generator, no download."""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor

from ganwidgets.scenes.growing import Discriminator

WEIGHTS = Path(__file__).parent / "weights" / "discriminator.safetensors"


def discriminator_features() -> Callable[[Tensor], Tensor]:
    """From 64 × 64 images to rows of 128 features: the discriminator's last maps, averaged over the picture.

    They are taken before the minibatch statistic, so a picture's row does not depend on its neighbours.
    """
    net = Discriminator.from_state_dict(load_file(WEIGHTS)).eval().requires_grad_(False)

    @torch.no_grad()
    def features(images: Float[Tensor, "batch rgb height width"]) -> Float[Tensor, "batch column"]:
        return net.to(images.device).features(images).mean((2, 3))

    return features
