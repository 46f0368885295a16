"""StyleGAN2 generators (Karras et al. 2020), rebuilt from nothing but their weights, in plain torch.

A mapping turns a latent z into w; every styled layer is steered by a w of its own, so a picture is given by `ws`, one w
for each. A pass draws every picture from the same learned 4 × 4 map. `Rendering` says what else a picture depends on:
how far w is pulled to the average (*truncation*), and which noise the layers get.

Size, units and depth are read off a state dict: `StyleGAN2.from_state_dict`. `stylegan2_names.py` knows the naming
conventions, `StyleGAN2Generator` is the network one can dissect and edit.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.progan import PixelNorm
from ganwidgets.models.state_dicts import MOST_PIXELS, generator_weights, with_weights
from ganwidgets.models.stylegan2_layers import KERNEL, Constant, EqualLinear, StyledConv, ToRGB
from ganwidgets.models.stylegan2_names import canonical_keys, naming

NOISE = ("stored", "zero", "seeded")
"""Kinds of noise: the maps in the file, none, or maps drawn from a seed and the latent."""


@dataclass(frozen=True, eq=False)
class Rendering:
    """How latents become a picture, besides the weights.

    Attributes:
        psi: w = average + psi · (w − average). 1 leaves w, 0 gives the average picture. Nothing happens to ws given.
        cutoff: only the first so many ws are pulled; None means all.
        average: where they are pulled to; None means the file's own `latent_avg`.
        noise: "stored": the maps in the file, one for each layer. "zero": none. "seeded": each picture has its own,
            drawn from `seed`, layer and latent alone, so neither the batch nor what else runs changes it.
        seed: of seeded noise.
    """

    psi: float = 1.0
    cutoff: int | None = None
    average: Float[Tensor, " style"] | None = None
    noise: str = "stored"
    seed: int = 0


AS_TRAINED = Rendering()


class StyleGAN2(nn.Module):
    """The generator: latents in, pictures out.

    Args:
        units: at 4, 8, 16, … pixels.
        style_dim: size of w.
        n_mlp: layers of the mapping.
        z_dim: size of z; by default `style_dim`.
        channels: of the picture.
        average: whether there is a `latent_avg`.
    """

    def __init__(
        self,
        units: Sequence[int],
        style_dim: int = 512,
        n_mlp: int = 8,
        z_dim: int | None = None,
        channels: int = 3,
        average: bool = False,
    ) -> None:
        super().__init__()
        self.units, self.style_dim, self.z_dim = tuple(units), style_dim, z_dim or style_dim
        first, *later = self.units
        self.style = nn.Sequential(PixelNorm())
        for number in range(n_mlp):
            inputs = style_dim if number else self.z_dim
            self.style.append(EqualLinear(inputs, style_dim, rate=0.01, rectify=True))
        self.input = Constant(first)
        self.conv1 = StyledConv(first, first, style_dim)
        self.to_rgb1 = ToRGB(first, style_dim, channels, upsample=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        for below, here in zip(self.units, later, strict=False):
            self.convs.append(StyledConv(below, here, style_dim, upsample=True))
            self.convs.append(StyledConv(here, here, style_dim))
            self.to_rgbs.append(ToRGB(here, style_dim, channels))
        for number in range(self.n_styled):
            self.noises.register_buffer(f"noise_{number}", torch.randn(1, 1, *[noise_side(number)] * 2))
        if average:
            self.register_buffer("latent_avg", torch.zeros(style_dim))

    @property
    def n_styled(self) -> int:
        """Number of styled layers, each with a noise map."""
        return 2 * len(self.units) - 1

    @property
    def n_latent(self) -> int:
        """Number of ws of a picture."""
        return 2 * len(self.units)

    @property
    def resolution(self) -> int:
        """Side of the picture [pixels]."""
        return 4 * 2 ** (len(self.units) - 1)

    def extra_repr(self) -> str:
        return f"units={self.units}, style_dim={self.style_dim}"

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "StyleGAN2":
        """The generator with these weights; all about its shape is read off them.

        Args:
            state: weights in rosinality's, the rewriting repository's or NVIDIA's names, also nested as they were saved
                (`{"g_ema": …, "latent_avg": …}`). Noise maps that are missing are drawn from seed 0.

        Raises:
            ValueError: not such a generator, one of a kind not read here, or weights missing, surplus or of the wrong
                shape; says which.
        """
        state = canonical_keys(generator_weights(state))
        with torch.device("meta"):  # nothing is drawn or allocated: the weights come from the file
            network = cls(**_architecture(state), average="latent_avg" in state)
        filled = {key: filled_in(key) for key in network.state_dict() if key not in state}
        return with_weights(network, state | {key: part for key, part in filled.items() if part is not None})

    def forward(self, latent: Tensor, *noises: Tensor, rendering: Rendering = AS_TRAINED) -> Tensor:
        """Pictures, not clamped, of z (batch z_dim) or ws (batch n_latent style_dim).

        Args:
            latent: z or ws.
            noises: one map (1 or batch, 1, height, width) for each styled layer, instead of `rendering.noise`.
            rendering: truncation and noise.
        """
        ws = latent if latent.ndim == 3 else self.spread(self.style(latent), rendering)
        noises = self._checked(noises, len(ws)) if noises else self.noise_maps(latent, rendering)
        x = self.conv1(self.input(ws), ws[:, 0], noises[0])
        picture = self.to_rgb1(x, ws[:, 1])
        for number, to_rgb in enumerate(self.to_rgbs):
            up, flat = 2 * number, 2 * number + 1
            x = self.convs[up](x, ws[:, up + 1], noises[up + 1])
            x = self.convs[flat](x, ws[:, flat + 1], noises[flat + 1])
            picture = to_rgb(x, ws[:, flat + 2], picture)  # with the w of the next layer that upsamples
        return picture

    def spread(
        self, w: Float[Tensor, "batch style"], rendering: Rendering = AS_TRAINED
    ) -> Float[Tensor, "batch layer style"]:
        """One w for every layer, pulled to the average.

        Raises:
            ValueError: psi is not 1 and there is no average.
        """
        ws = w[:, None].expand(-1, self.n_latent, -1)
        if rendering.psi == 1:
            return ws
        average = rendering.average if rendering.average is not None else getattr(self, "latent_avg", None)
        if average is None:
            raise ValueError("`psi` other than 1 needs the average of w, but the weights hold no latent_avg")
        average, n = average.to(w), self.n_latent if rendering.cutoff is None else rendering.cutoff
        return torch.cat([average + rendering.psi * (ws[:, :n] - average), ws[:, n:]], 1)

    def noise_maps(self, latent: Tensor, rendering: Rendering = AS_TRAINED) -> list[Tensor | None]:
        """The noise of each styled layer for these latents, (batch 1 height width)."""
        if rendering.noise == "zero":
            return [None] * self.n_styled
        if rendering.noise == "stored":
            return [self.noises.get_buffer(f"noise_{i}").expand(len(latent), -1, -1, -1) for i in range(self.n_styled)]
        words, like = _words(latent), self.noises.noise_0
        return [seeded_noise(words, rendering.seed, number).to(like) for number in range(self.n_styled)]

    def _checked(self, noises: Sequence[Tensor], batch: int) -> list[Tensor]:
        wanted = [(1, noise_side(number), noise_side(number)) for number in range(self.n_styled)]
        if [tuple(noise.shape[1:]) for noise in noises] != wanted or any(len(n) not in (1, batch) for n in noises):
            raise ValueError(
                f"`noises` must be {len(wanted)} maps of 1 or {batch} images, {wanted[0]} to {wanted[-1]}, got "
                f"{[tuple(noise.shape) for noise in noises]}; noise_maps(z) gives such maps"
            )
        return [noise.expand(batch, -1, -1, -1) for noise in noises]


def noise_side(number: int) -> int:
    """Side of the noise map of a styled layer [pixels]: 4, 8, 8, 16, 16, …"""
    return 2 ** ((number + 5) // 2)


def filled_in(key: str) -> Tensor | None:
    """What a file may leave out: filters are always the same, and noise maps are as good as any; else None."""
    if key.endswith(".kernel"):
        return KERNEL.clone()
    if key.startswith("noises.noise_"):
        number = int(key.rpartition("_")[2])
        return seeded_noise([()], 0, number)
    return None


def seeded_noise(words: Sequence[tuple[int, ...]], seed: int, number: int) -> Float[Tensor, "batch 1 height width"]:
    """Standard normal maps for one styled layer, one for each image, which `words` tell apart."""
    side = noise_side(number)
    maps = [np.random.RandomState([seed, number, *own]).standard_normal((1, side, side)) for own in words]
    return torch.from_numpy(np.stack(maps).astype(np.float32))


def _words(latent: Tensor) -> list[tuple[int, ...]]:
    """Four numbers for each latent that another one will not have."""
    rows = latent.detach().float().cpu().flatten(1).numpy()
    digests = [hashlib.sha256(np.ascontiguousarray(row).tobytes()).digest() for row in rows]
    return [tuple(np.frombuffer(digest[:16], np.uint32).tolist()) for digest in digests]


def is_stylegan2(state: Mapping[str, Tensor]) -> bool:
    """Whether these names are those of a StyleGAN2 generator, in one of the three conventions."""
    return naming(state) is not None


def _architecture(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the constructor needs, from shapes."""

    def shape(key: str, ndim: int) -> torch.Size:
        if key not in state or state[key].ndim != ndim:
            got = tuple(state[key].shape) if key in state else "nothing"
            raise ValueError(f"a StyleGAN2 generator must have a weight with {ndim} axes as {key}, got {got}")
        return state[key].shape

    levels = next(n for n in count() if f"to_rgbs.{n}.conv.weight" not in state)
    if 4 * 2**levels > MOST_PIXELS:
        raise ValueError(f"a StyleGAN2 must have images of at most {MOST_PIXELS} pixels a side, got {levels} doublings")
    later = [shape(f"convs.{2 * level}.conv.weight", 5)[1] for level in range(levels)]
    style_dim, z_dim = shape("style.1.weight", 2)
    return {
        "units": (shape("input.input", 4)[1], *later),
        "style_dim": style_dim,
        "n_mlp": next(n for n in count() if f"style.{n + 1}.weight" not in state),
        "z_dim": z_dim,
        "channels": shape("to_rgb1.conv.weight", 5)[1],
    }
