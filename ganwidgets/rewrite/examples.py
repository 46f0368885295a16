"""Example regions: places in pictures of a sample that show what a rule is about.

An `Example` is the number of a picture in a sample of latents and what a person painted on it. `region_at` brings the
painting to the size of a map of keys, `example_keys` reads the keys under it.

The original read masks as RGB and resized them by PIL's bilinear filter in 8 bits. `legacy=True` does the same; else a
location counts by the painted share of its area.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ganwidgets.models.latents import whole_number
from ganwidgets.nn.regions import as_region, resize
from ganwidgets.rewrite.editable import EditableLayer

AT_ONCE = 8  # pictures


@dataclass(frozen=True, eq=False)
class Example:
    """A painted place in one picture of a sample.

    Attributes:
        image: number of the picture: of the latent in the sample.
        region: what was painted, in [0, 1], at any size; also given as array or PNG.

    Raises:
        ValueError: a negative number, or a region outside [0, 1].
    """

    image: int
    region: Float[Tensor, "height width"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", whole_number("image", self.image, 0))
        object.__setattr__(self, "region", as_region(self.region).cpu())


def region_at(
    region: Float[Tensor, "height width"], size: tuple[int, int], *, legacy: bool = False
) -> Float[Tensor, "new_height new_width"]:
    """A region at the size of a map.

    Args:
        region: in [0, 1].
        size: (height, width).
        legacy: as the original resizes: PIL's bilinear filter in 8 bits.
    """
    if not legacy:
        return region if tuple(region.shape) == tuple(size) else resize(region, tuple(size))
    from PIL import Image

    levels = Image.fromarray(np.rint(region.double().numpy() * 255).astype(np.uint8))
    small = np.array(levels.resize((size[1], size[0]), resample=Image.Resampling.BILINEAR))
    return torch.from_numpy(small.astype(np.float32) / 255)


def example_keys(
    editable: EditableLayer, examples: Sequence[Example], z: Float[Tensor, "image *latent"], *, legacy: bool = False
) -> tuple[Float[Tensor, "place key_dim"], Float[Tensor, " place"]]:
    """Keys at all painted places, and how much each is painted; float64, on the CPU.

    Args:
        editable: the layer.
        examples: where to read; their numbers are those of the latents.
        z: the sample.
        legacy: resize regions as the original does.

    Raises:
        ValueError: no examples, one that paints nothing, or a picture the sample does not hold.
    """
    _check(examples, z)
    images = sorted({example.image for example in examples})
    found: dict[int, Tensor] = {}
    for start in range(0, len(images), AT_ONCE):
        some = images[start : start + AT_ONCE]
        keys = editable.keys(editable.run(z[some])).detach().cpu().double()
        found |= dict(zip(some, keys.flatten(2).transpose(1, 2), strict=True))  # (place key_dim)
    keys, weights = [], []
    for number, example in enumerate(examples):
        painted = region_at(example.region, editable.key_size, legacy=legacy).flatten().double()
        if not (painted > 0).any():
            raise ValueError(
                f"`examples[{number}]` (picture {example.image}) paints nothing on the {editable.key_size[0]} × "
                f"{editable.key_size[1]} keys of {editable.name}: paint a place, or remove it"
            )
        keys.append(found[example.image][painted > 0])
        weights.append(painted[painted > 0])
    return torch.cat(keys), torch.cat(weights)


def _check(examples: Sequence[Example], z: Tensor) -> None:
    if not len(examples):
        raise ValueError("`examples` must hold at least one painted region, got none")
    for number, example in enumerate(examples):
        if not example.image < len(z):
            raise ValueError(
                f"`examples[{number}]` is of picture {example.image}, but the sample `z` holds {len(z)}: "
                f"draw a larger one, e.g. sample_z({example.image + 1})"
            )
