"""The small networks an encoder is made of; widths and depth follow from the shapes of the layers.

As published (Bau et al. 2019) there are an image → activations network, and one for each layer below that takes the
layer's output back to its input; the last one gives the latent. Activations come and go standardised by unit.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import log2, prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, ...]
FIRST, WIDEST, DIRECT = 32, 128, 96  # units next to the image, at most inside, and at most in a direct encoder
POOLED = 4  # side of the map that a latent is read off


class Standard(nn.Module):
    """Mean and spread of each unit of a layer; the network between them sees numbers around 0."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(units))
        self.register_buffer("spread", torch.ones(units))

    def measure(self, acts: Tensor) -> None:
        """Take both from activations."""
        rows = acts.float().transpose(0, 1).flatten(1)
        self.mean.copy_(rows.mean(1))
        self.spread.copy_(rows.std(1).clamp(min=0.05 * float(rows.std()) + 1e-6))

    def forward(self, acts: Tensor) -> Tensor:
        return (acts - self._like(self.mean, acts)) / self._like(self.spread, acts)

    def back(self, rows: Tensor) -> Tensor:
        """Activations again."""
        return rows * self._like(self.spread, rows) + self._like(self.mean, rows)

    @staticmethod
    def _like(part: Tensor, acts: Tensor) -> Tensor:
        return part.reshape(-1, *[1] * (acts.ndim - 2))


def _conv(inputs: int, units: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, units, 3, stride, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(units), nn.LeakyReLU(0.2))


class Residual(nn.Module):
    """x + two convolutions of x."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.first = _conv(units, units)
        self.second = nn.Sequential(nn.Conv2d(units, units, 3, padding=1, bias=False), nn.BatchNorm2d(units))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.second(self.first(x)), 0.2)


class Trunk(nn.Sequential):
    """From an image to a map of about the wanted size: halved again and again, wider each time."""

    def __init__(self, image: Shape, side: tuple[int, int], widest: int = WIDEST) -> None:
        channels, height, width = image
        halvings = max(0, round(log2(min(height / side[0], width / side[1]))))
        even = halvings > 0 and height % 2 == 0 and width % 2 == 0
        units = FIRST if halvings > 1 or not even else min(2 * FIRST, widest)
        parts: list[nn.Module] = [nn.PixelUnshuffle(2)] if even else []
        parts.append(_conv(channels * (4 if even else 1), units))
        for left in reversed(range(halvings - int(even))):
            parts.append(_conv(units, min(2 * units, widest), 2))
            units = min(2 * units, widest)
            parts += [Residual(units)] if left < 2 else []
        super().__init__(*parts, Residual(units))
        self.units = units


class ImageToActs(nn.Module):
    """E: an image → standardised activations of the edit layer."""

    def __init__(self, image: Shape, acts: Shape) -> None:
        super().__init__()
        self.side = tuple(acts[1:])
        self.trunk = Trunk(image, (max(self.side[0], 4), max(self.side[1], 4)), max(WIDEST, min(acts[0], 256)))
        self.last = nn.Conv2d(self.trunk.units, acts[0], 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(_sized(self.trunk(images), self.side))


class LayerInverse(nn.Module):
    """e_k: standardised output of a layer → standardised output of the layer before it."""

    def __init__(self, acts: Shape, before: Shape) -> None:
        super().__init__()
        inside = min(max(acts[0], before[0], 32), 2 * WIDEST)
        halved = int(before[1] * 2 <= acts[1] and before[2] * 2 <= acts[2])
        self.side = tuple(before[1:])
        self.body = nn.Sequential(_conv(acts[0], inside), _conv(inside, inside, 1 + halved))
        self.last = nn.Conv2d(inside, before[0], 1)

    def forward(self, acts: Tensor) -> Tensor:
        return self.last(_sized(self.body(acts), self.side))


class ToLatent(nn.Module):
    """e_1: a map → the numbers of a latent; latents that are maps themselves are read off place by place."""

    def __init__(self, acts: Shape, latent: Shape) -> None:
        super().__init__()
        self.map = tuple(latent[1:]) if len(latent) == 3 and prod(latent[1:]) > 1 else ()
        if self.map:
            inside = min(max(acts[0], latent[0], 32), WIDEST)
            self.body = nn.Sequential(_conv(acts[0], inside), Residual(inside), nn.Conv2d(inside, latent[0], 1))
            return
        self.side = (min(acts[1], POOLED), min(acts[2], POOLED))
        inside = max(2 * prod(latent), 32)
        first = nn.Linear(acts[0] * prod(self.side), inside, bias=False)
        norm = nn.BatchNorm1d(inside)
        self.body = nn.Sequential(nn.Flatten(), first, norm, nn.LeakyReLU(0.2), nn.Linear(inside, prod(latent)))

    def forward(self, acts: Tensor) -> Tensor:
        if self.map:
            return _sized(self.body(acts), self.map).flatten(1)
        return self.body(_sized(acts, self.side))


class Layered(nn.Module):
    """E, then one inverse for each of `chain`'s layers down to the latent.

    Args:
        image: shape of an image.
        chain: shapes of the layers' outputs, in running order; the last is the edit layer.
        latent: shape of one.
    """

    def __init__(self, image: Shape, chain: Sequence[Shape], latent: Shape) -> None:
        super().__init__()
        self.standards = nn.ModuleList(Standard(shape[0]) for shape in chain)
        self.image_to_acts = ImageToActs(image, chain[-1])
        self.inverses = nn.ModuleList(LayerInverse(after, before) for before, after in pairwise(chain))
        self.to_latent = ToLatent(chain[0], latent)

    def down(self, rows: Tensor) -> Tensor:
        """From standardised activations of the edit layer to rows of latents."""
        for inverse in reversed(self.inverses):
            rows = inverse(rows)
        return self.to_latent(rows)

    def forward(self, images: Tensor) -> Tensor:
        return self.down(self.image_to_acts(images))


class Direct(nn.Module):
    """An image → rows of latents, with nothing in between."""

    def __init__(self, image: Shape, latent: Shape) -> None:
        super().__init__()
        side = tuple(latent[1:]) if len(latent) == 3 and prod(latent[1:]) > 1 else (POOLED, POOLED)
        self.trunk = Trunk(image, side, DIRECT)
        self.to_latent = ToLatent((self.trunk.units, *side), latent)

    def forward(self, images: Tensor) -> Tensor:
        return self.to_latent(_sized(self.trunk(images), self.to_latent.map or (POOLED, POOLED)))


def started(net: nn.Module, seed: int) -> nn.Module:
    """Kaiming normal weights and zero biases from a seed; torch's global generator stays as it is."""
    random = torch.Generator().manual_seed(seed)
    for part in net.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, 0.2, generator=random)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return net


def _sized(x: Tensor, side: tuple[int, ...]) -> Tensor:
    """A map of another size: averaged where it shrinks, stretched where it grows."""
    if tuple(x.shape[2:]) == tuple(side):
        return x
    shrinks = x.shape[2] >= side[0] and x.shape[3] >= side[1]
    return F.adaptive_avg_pool2d(x, side) if shrinks else F.interpolate(x, side, mode="bilinear", align_corners=False)
