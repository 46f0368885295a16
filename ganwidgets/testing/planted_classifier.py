"""A classifier whose every unit's worth is known on paper.

Its images have four bands, one below the other; each is dark or lit. `planted_photos` draws them: "blank" has no lit
band except that every second one has the last band lit (a glare), "stripe" the first, "twice" the second, "unlearned"
the third. Units read the mean of one band each. So with as many images of each class:

- the network is right on 1/2 of blank, all of stripe and twice, none of unlearned: accuracy 5/8; "unlearned" is never
  predicted;
- STRIPE off: stripe loses everything (class drop 1, overall drop 1/4), nothing else changes;
- either of the TWINS off: nothing changes, each is enough for "twice"; both off: "twice" loses everything;
- GLARE off: the glaring half of blank, mistaken for stripe, comes right: class drop −1/2, overall −1/8;
- UNREAD knows "unlearned" perfectly (selectivity 1), and nobody reads it: no effect;
- DEAD and the further units have no effect; DEAD has no selectivity and no information either, the further ones tell
  all classes apart (2 bits) without preferring one much;
- with four equal classes the mutual information with the class is h(1/4) = 0.811 bits for STRIPE, the TWINS and
  UNREAD, h(1/8) − 1/4 = 0.294 bits for GLARE (h: binary entropy);
- the filter of unit u has the L1 norm u + 1;
- the same holds at each of the layers `detect`, `mix` and `relu`; behind `relu` the network is a mean and a linear
  layer, so there the closed form applies.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ganwidgets.models.classifiers import TorchClassifier

CLASSES = ("blank", "stripe", "twice", "unlearned")
STRIPE, TWIN_A, TWIN_B, GLARE, UNREAD, DEAD = range(6)
"""The planted units; further ones weigh all bands at random and nobody reads them."""

_BAND_OF = {STRIPE: 0, TWIN_A: 1, TWIN_B: 1, GLARE: 3, UNREAD: 2}
_LIT_IN = {"stripe": 0, "twice": 1, "unlearned": 2}


class Detect(nn.Module):
    """Images (batch channel height width) to activations: unit u is what is lit in its band, and dark elsewhere."""

    def __init__(self, units: int, height: int, width: int) -> None:
        super().__init__()
        areas = np.random.RandomState(0).uniform(0, 1, (units, height, width)).astype(np.float32)
        areas[DEAD] = 0
        for unit, band in _BAND_OF.items():
            areas[unit] = 0
            areas[unit, band * height // 4 : (band + 1) * height // 4] = 4  # so that the mean over the map is 1
        self.register_buffer("areas", torch.from_numpy(areas))

    def forward(self, images: Tensor) -> Tensor:
        light = (images[:, :1] + 1) / 2
        return light * self.areas


def planted_classifier(units: int = 10, resolution: int | tuple[int, int] = 8, *, channels: int = 1) -> TorchClassifier:
    """A classifier with known units; see the module's description.

    Args:
        units: of the layers `detect`, `mix` and `relu`, at least 6.
        resolution: of images and layers; one number, or (height, width), the height a multiple of 4.
        channels: of the images: 1, 3 or 4.
    """
    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    if height % 4 or units < 6:
        raise ValueError(f"`resolution` must be a multiple of 4 high and `units` at least 6, got {height} and {units}")
    sizes = torch.arange(1, units + 1).float()
    mix, linear = nn.Conv2d(units, units, 1, bias=False), nn.Linear(units, len(CLASSES))
    weight = torch.zeros(len(CLASSES), units)
    weight[1, [STRIPE, GLARE]] = 1.0
    weight[2, [TWIN_A, TWIN_B]] = 1.0
    with torch.no_grad():
        mix.weight.copy_(torch.diag(sizes)[:, :, None, None])
        linear.weight.copy_(weight / sizes)
        linear.bias.copy_(torch.tensor([0.5, 0.0, 0.0, -1.0]))
    module = nn.Sequential()
    module.add_module("detect", Detect(units, height, width))
    module.add_module("mix", mix)
    module.add_module("relu", nn.ReLU(inplace=True))
    module.add_module("pool", nn.AdaptiveAvgPool2d(1))
    module.add_module("flatten", nn.Flatten(1))
    module.add_module("linear", linear)
    return TorchClassifier(
        module.eval(), image_shape=(channels, height, width), classes=CLASSES, name="planted classifier"
    )


def planted_photos(
    n: int = 40, resolution: int | tuple[int, int] = 8, *, channels: int = 1
) -> tuple[Float[Tensor, "image channel height width"], Int[Tensor, " image"]]:
    """Images of the four classes in turn, and their labels; `n` a multiple of 8 keeps the shares exact."""
    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    labels = torch.arange(n) % len(CLASSES)
    images = -torch.ones(n, channels, height, width)
    for number, label in enumerate(labels.tolist()):
        band = _LIT_IN.get(CLASSES[label], 3 if number % 8 == 0 else None)
        if band is not None:
            images[number, :, band * height // 4 : (band + 1) * height // 4] = 1
    return images, labels
