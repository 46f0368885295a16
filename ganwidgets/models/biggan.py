"""BigGAN-deep generators (Brock et al. 2019), in the naming of the PyPI package `pytorch-pretrained-biggan`.

A latent and a vector for the class, side by side, steer every layer: batch norm takes its scale and shift from them.
The statistics of batch norm were measured after training, for 51 values of *truncation* between 0 and 1, because
latents drawn closer to 0 give other statistics. Truncation is therefore part of the network here
(`BigGANGenerator.truncated`): it says from where latents are drawn and which statistics are used.

All sizes are read off the weights. Every second block doubles the resolution, as in the published ones.
"""

import copy
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.blank import blank
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.latents import standard_normal, truncate
from ganwidgets.models.passes import Inputs
from ganwidgets.models.pipeline import check_map
from ganwidgets.models.spectral import without_spectral_norm
from ganwidgets.models.state_dicts import MOST_PIXELS, with_weights

EPS = 1e-4
"""What batch norm adds to variances in the published networks; no file says it."""

_MOST_ATTENDED = 128  # pixels a side: every place looks at every fourth one
_TAIL = 2.0  # latents lie within so many standard deviations, before truncation


class TruncatedBatchNorm(nn.Module):
    """Batch norm with statistics for many truncations; scale and shift are learned, or follow from a condition."""

    def __init__(self, units: int, n_stats: int, condition: int | None = None) -> None:
        super().__init__()
        self.register_buffer("running_means", torch.zeros(n_stats, units))
        self.register_buffer("running_vars", torch.ones(n_stats, units))
        if condition is None:
            self.weight, self.bias = nn.Parameter(torch.ones(units)), nn.Parameter(torch.zeros(units))
        else:
            self.scale = nn.Linear(condition, units, bias=False)
            self.offset = nn.Linear(condition, units, bias=False)

    def forward(self, x: Tensor, truncation: float, condition: Tensor | None = None) -> Tensor:
        mean, variance = self._at(self.running_means, truncation), self._at(self.running_vars, truncation)
        if condition is None:
            return F.batch_norm(x, mean, variance, self.weight, self.bias, eps=EPS)
        scale = (1 + self.scale(condition)) * torch.rsqrt(variance + EPS)  # (batch unit)
        shift = self.offset(condition) - mean * scale
        return torch.addcmul(shift[:, :, None, None], x, scale[:, :, None, None])

    @staticmethod
    def _at(statistics: Float[Tensor, "truncation unit"], truncation: float) -> Float[Tensor, " unit"]:
        """Between two truncations the package weighs the lower one by how far one is past it; so do we, to agree."""
        share, lower = math.modf(truncation / (1 / (len(statistics) - 1)))
        low = statistics[int(lower)]
        return low if share == 0 else low * share + statistics[int(lower) + 1] * (1 - share)


class Block(nn.Module):
    """Four times norm, ReLU, convolution, beside a shortcut that drops surplus units and doubles the resolution."""

    def __init__(self, inputs: int, middle: int, units: int, condition: int, n_stats: int, up: bool) -> None:
        super().__init__()
        self.units, self.up = units, up
        for number, size in enumerate((inputs, middle, middle, middle)):
            self.add_module(f"bn_{number}", TruncatedBatchNorm(size, n_stats, condition))
        self.conv_0 = nn.Conv2d(inputs, middle, 1)
        self.conv_1 = nn.Conv2d(middle, middle, 3, padding=1)
        self.conv_2 = nn.Conv2d(middle, middle, 3, padding=1)
        self.conv_3 = nn.Conv2d(middle, units, 1)

    def forward(self, x: Tensor, condition: Tensor, truncation: float) -> Tensor:
        y = self.conv_0(F.relu(self.bn_0(x, truncation, condition)))
        y = self._wider(F.relu(self.bn_1(y, truncation, condition)))
        y = self.conv_1(y)
        y = self.conv_2(F.relu(self.bn_2(y, truncation, condition)))
        y = self.conv_3(F.relu(self.bn_3(y, truncation, condition)))
        return y + self._wider(x[:, : self.units])

    def _wider(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.up else x

    def extra_repr(self) -> str:
        return f"up={self.up}"


class SelfAttention(nn.Module):
    """Every place takes from those that resemble it, at half the resolution."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.snconv1x1_theta = nn.Conv2d(units, units // 8, 1, bias=False)
        self.snconv1x1_phi = nn.Conv2d(units, units // 8, 1, bias=False)
        self.snconv1x1_g = nn.Conv2d(units, units // 2, 1, bias=False)
        self.snconv1x1_o_conv = nn.Conv2d(units // 2, units, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query = self.snconv1x1_theta(x).flatten(2)  # (batch part place)
        key = F.max_pool2d(self.snconv1x1_phi(x), 2).flatten(2)  # (batch part quarter)
        value = F.max_pool2d(self.snconv1x1_g(x), 2).flatten(2)
        likeness = torch.softmax(query.transpose(1, 2) @ key, -1)  # (batch place quarter)
        taken = (value @ likeness.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gamma * self.snconv1x1_o_conv(taken)


@dataclass(frozen=True)
class Sizes:
    """The sizes of a BigGAN-deep.

    Attributes:
        z_dim: of a latent.
        n_classes: how many classes.
        embedding: size of the vector of a class.
        width: units of the last layer.
        blocks: (inputs, middle, units) of each block, or None where there is attention.
        n_stats: truncations for which there are statistics.
    """

    z_dim: int
    n_classes: int
    embedding: int
    width: int
    blocks: tuple[tuple[int, int, int] | None, ...]
    n_stats: int


class _Synthesis(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        condition = sizes.z_dim + sizes.embedding
        first = next(block for block in sizes.blocks if block is not None)[0]
        self.gen_z = nn.Linear(condition, 4 * 4 * first)
        self.layers, number, units = nn.ModuleList(), 0, first
        for block in sizes.blocks:
            if block is None:
                self.layers.append(SelfAttention(units))
            else:
                self.layers.append(Block(*block, condition, sizes.n_stats, up=number % 2 == 1))
                number, units = number + 1, block[2]
        self.bn = TruncatedBatchNorm(sizes.width, sizes.n_stats)
        self.conv_to_rgb = nn.Conv2d(sizes.width, sizes.width, 3, padding=1)

    def forward(self, condition: Tensor, truncation: float) -> Tensor:
        x = self.gen_z(condition)
        x = x.reshape(len(x), 4, 4, -1).permute(0, 3, 1, 2).contiguous()  # (batch unit h w)
        for layer in self.layers:
            x = layer(x, condition, truncation) if isinstance(layer, Block) else layer(x)
        x = self.conv_to_rgb(F.relu(self.bn(x, truncation)))
        return torch.tanh(x[:, :3])


class BigGAN(nn.Module):
    """The generator: a latent and a class, one-hot, to a picture."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embeddings = nn.Linear(sizes.n_classes, sizes.embedding, bias=False)
        self.generator = _Synthesis(sizes)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "BigGAN":
        """The generator with these weights, spectral normalisation worked in.

        Raises:
            ValueError: not such a generator, or weights missing, surplus or of the wrong shape.
        """
        state = without_spectral_norm(state)
        with blank():  # nothing is drawn or allocated: the weights come from the file
            network = cls(_sizes(state))
        return with_weights(network, state)

    def forward(self, z: Tensor, classes: Tensor, truncation: float = 1.0) -> Tensor:
        return self.generator(torch.cat([z, self.embeddings(classes)], 1), truncation)


class BigGANGenerator(ConditionalGenerator):
    """A BigGAN-deep as a generator.

    Args:
        module: a `BigGAN`.
        name: what reports call it.

    Attributes:
        truncation: in (0, 1]; latents are drawn within 2 · truncation, and the statistics are those measured there.
    """

    truncation: float = 1.0

    def __init__(self, module: BigGAN, name: str | None = None) -> None:
        sizes = module.sizes
        super().__init__(module, (sizes.z_dim,), sizes.n_classes, name, sampler=self._draw)

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns latents into images, label and truncation included."""
        return hashlib.sha256(f"{super().fingerprint} truncation {self.truncation}".encode()).hexdigest()

    def truncated(self, truncation: float | int) -> "BigGANGenerator":
        """The same network, sharing all weights, whose pictures are more alike and more typical.

        Args:
            truncation: in (0, 1]; the published demonstrations use 0.4.

        Raises:
            ValueError: outside of it.
        """
        if isinstance(truncation, bool) or not isinstance(truncation, int | float) or not 0 < truncation <= 1:
            raise ValueError(f"`truncation` must lie in (0, 1], got {truncation!r}")
        second = copy.copy(self)
        second.truncation = float(truncation)
        second.sampler = second._draw
        return second

    def _draw(self, n: int, seed: int) -> Float[np.ndarray, "n *latent"]:
        return truncate(standard_normal(n, self.z_shape, seed), _TAIL) * np.float32(self.truncation)

    def _call(self, inputs: Inputs) -> Tensor:
        z, labels = inputs if isinstance(inputs, tuple) else (inputs, self._labels(inputs))
        return self.module(z, self._class_input(labels).to(z.dtype), self.truncation)


def _sizes(state: Mapping[str, Tensor]) -> Sizes:
    """All sizes, from the shapes of the weights."""

    def shape(key: str, ndim: int) -> torch.Size:
        if key not in state or state[key].ndim != ndim:
            got = tuple(state[key].shape) if key in state else "nothing"
            raise ValueError(f"a BigGAN-deep must have a weight with {ndim} axes as {key}, got {got}")
        return state[key].shape

    embedding, n_classes = shape("embeddings.weight", 2)
    condition = shape("generator.gen_z.weight", 2)[1]
    blocks: list[tuple[int, int, int] | None] = []
    for number in count():
        here = f"generator.layers.{number}"
        if f"{here}.gamma" in state:
            blocks.append(None)
            if 4 * 2 ** (len(blocks) // 2) > _MOST_ATTENDED:
                raise ValueError(f"a BigGAN-deep must have its attention at most at {_MOST_ATTENDED} pixels a side")
        elif f"{here}.conv_0.weight" in state:
            middle, inputs = shape(f"{here}.conv_0.weight", 4)[:2]
            blocks.append((inputs, middle, shape(f"{here}.conv_3.weight", 4)[0]))
        else:
            break
    n_blocks = sum(block is not None for block in blocks)
    if n_blocks < 2 or 4 * 2 ** (n_blocks // 2) > MOST_PIXELS or condition <= embedding:
        raise ValueError(
            f"a BigGAN-deep must have blocks for at most {MOST_PIXELS} pixels a side, steered by a latent and a class, "
            f"got {n_blocks} blocks, {condition} numbers to steer them and {embedding} of a class"
        )
    for number, (_, _, units) in enumerate(block for block in blocks if block is not None):
        check_map("a BigGAN-deep", units, 4 * 2 ** ((number + 1) // 2))
    n_stats, width = shape("generator.bn.running_means", 2)
    if n_stats < 2:
        raise ValueError(f"a BigGAN-deep must have statistics for several truncations, got {n_stats}")
    return Sizes(condition - embedding, n_classes, embedding, width, tuple(blocks), n_stats)


def _recognises(found: Found) -> bool:
    keys = found.state
    return "embeddings.weight" in keys and any(key.startswith("generator.gen_z.") for key in keys)


def _build(found: Found, name: str) -> BigGANGenerator:
    return BigGANGenerator(BigGAN.from_state_dict(found.state), name)


FAMILY = Family(
    "BigGAN-deep",
    _recognises,
    _build,
    lambda generator: {"classes": str(generator.n_classes), "truncation": str(generator.truncation)},
)
