"""StyleGAN2 generators (Karras et al. 2020), rebuilt from nothing but their weights, in plain torch.

A mapping turns a latent z into w; every styled layer is steered by a w of its own, so a picture is given by `ws`, one w
for each. A pass draws every picture from the same learned 4 × 4 map. `Rendering` says what else a picture depends on:
how far w is pulled to the average (*truncation*), and which noise the layers get.

Size, units and depth are read off a state dict: `StyleGAN2.from_state_dict`. `stylegan2_names.py` knows the naming
conventions, `StyleGAN2Generator` is the network one can dissect and edit.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.mapping import AS_TRAINED, Mapped, MappingSize, Rendering
from ganwidgets.models.pipeline import check_map
from ganwidgets.models.state_dicts import MOST_PIXELS, generator_weights, with_weights
from ganwidgets.models.stylegan2_layers import KERNEL, Constant, Shortcut, StyledConv, ToRGB
from ganwidgets.models.stylegan2_names import architecture_of, canonical_keys, naming

NOISE = ("stored", "zero", "seeded")
"""Kinds of noise: the maps in the file, none, or maps drawn from a seed and the latent."""

ARCHITECTURES = ("skip", "resnet", "orig")
"""How blocks are joined; see `StyleGAN2`."""


class StyleGAN2(Mapped):
    """The generator: latents in, pictures out.

    Args:
        units: at 4, 8, 16, … pixels.
        style_dim: size of w.
        n_mlp: layers of the mapping.
        z_dim: size of z; by default `style_dim`.
        channels: of the picture.
        average: whether there is a `latent_avg`.
        architecture: "skip": every resolution adds to the picture. "resnet": every block adds to its input, and only
            the last makes colours. "orig": a plain chain, of which the last makes colours.
        limit: values of every layer are clamped to ± this; None leaves them.
        mapping: sizes of the mapping, if there is more to say about it.
    """

    def __init__(
        self,
        units: Sequence[int],
        style_dim: int = 512,
        n_mlp: int = 8,
        z_dim: int | None = None,
        channels: int = 3,
        average: bool = False,
        architecture: str = "skip",
        limit: float | int | None = None,
        mapping: MappingSize | None = None,
    ) -> None:
        mapping = mapping or MappingSize(z_dim or style_dim, style_dim, n_mlp, average=average)
        super().__init__(mapping)
        if architecture not in ARCHITECTURES:
            raise ValueError(f"`architecture` must be one of {list(ARCHITECTURES)}, got {architecture!r}")
        self.units, self.architecture, self.limit = tuple(units), architecture, limit
        style_dim, (first, *later) = mapping.style_dim, self.units
        skip, resnet = architecture == "skip", architecture == "resnet"
        self.input = Constant(first)
        self.conv1 = StyledConv(first, first, style_dim, limit=limit)
        if skip:
            self.to_rgb1 = ToRGB(first, style_dim, channels, upsample=False, limit=limit)
        self.convs = nn.ModuleList()
        if skip:
            self.to_rgbs = nn.ModuleList()
        if resnet:
            self.shortcuts = nn.ModuleList(Shortcut(*pair) for pair in zip(self.units, later, strict=False))
        self.noises = nn.Module()
        for below, here in zip(self.units, later, strict=False):
            self.convs.append(StyledConv(below, here, style_dim, upsample=True, limit=limit))
            end = (math.sqrt(0.5), limit and limit * math.sqrt(0.5)) if resnet else (1.0, limit)
            self.convs.append(StyledConv(here, here, style_dim, False, *end))
            if skip:
                self.to_rgbs.append(ToRGB(here, style_dim, channels, limit=limit))
        if not skip:
            self.to_rgb = ToRGB(self.units[-1], style_dim, channels, upsample=False, limit=limit)
        for number in range(self.n_styled):
            self.noises.register_buffer(f"noise_{number}", torch.randn(1, 1, *[noise_side(number)] * 2))

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

    @property
    def made_with(self) -> dict[str, Any]:
        """What the weights do not tell, under NVIDIA's names."""
        return {"conv_clamp": self.limit, "mapping_kwargs": {"lr_multiplier": self.rate}}

    def extra_repr(self) -> str:
        more = {"architecture": self.architecture, "limit": self.limit}
        told = [f"{name}={value!r}" for name, value in more.items() if value not in ("skip", None)]
        return ", ".join([f"units={self.units}, style_dim={self.style_dim}", *told])

    @classmethod
    def from_state_dict(
        cls, state: Mapping[str, Any], limit: float | int | None = None, rate: float | int = MappingSize.rate
    ) -> "StyleGAN2":
        """The generator with these weights; all about its shape is read off them.

        Args:
            state: weights in rosinality's, the rewriting repository's or NVIDIA's names, also nested as they were saved
                (`{"g_ema": …, "latent_avg": …}`). Noise maps that are missing are drawn from seed 0.
            limit: values of every layer are clamped to ± this, which weights do not tell.
            rate: how much smaller the mapping's weights act than they are stored, which weights do not tell, either.

        Raises:
            ValueError: not such a generator, one of a kind not read here, or weights missing, surplus or of the wrong
                shape; says which.
        """
        state = canonical_keys(generator_weights(state))
        with torch.device("meta"):  # nothing is drawn or allocated: the weights come from the file
            network = cls(**_architecture(state, rate), limit=limit)
        filled = {key: filled_in(key) for key in network.state_dict() if key not in state}
        return with_weights(network, state | {key: part for key, part in filled.items() if part is not None})

    def forward(
        self, latent: Tensor, *noises: Tensor, classes: Tensor | None = None, rendering: Rendering = AS_TRAINED
    ) -> Tensor:
        """Pictures, not clamped, of z (batch z_dim) or ws (batch n_latent style_dim).

        Args:
            latent: z or ws.
            noises: one map (1 or batch, 1, height, width) for each styled layer, instead of `rendering.noise`.
            classes: one-hot, (batch n_classes), if the network draws by class and z is given.
            rendering: truncation and noise.
        """
        ws = self.ws(latent, classes, rendering)
        noises = self._checked(noises, len(ws)) if noises else self.noise_maps(latent, rendering)
        skip, resnet = self.architecture == "skip", self.architecture == "resnet"
        x = self.conv1(self.input(ws), ws[:, 0], noises[0])
        picture = self.to_rgb1(x, ws[:, 1]) if skip else None
        for number in range(len(self.units) - 1):
            up, flat, below = 2 * number, 2 * number + 1, x
            x = self.convs[up](x, ws[:, up + 1], noises[up + 1])
            x = self.convs[flat](x, ws[:, flat + 1], noises[flat + 1])
            if resnet:
                x = self.shortcuts[number](x, below)
            if skip:
                picture = self.to_rgbs[number](x, ws[:, flat + 2], picture)  # the w of the next layer that upsamples
        return picture if skip else self.to_rgb(x, ws[:, -1])

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


def _architecture(state: Mapping[str, Tensor], rate: float | int) -> dict[str, Any]:
    """What the constructor needs, from shapes."""

    def shape(key: str, ndim: int) -> torch.Size:
        if key not in state or state[key].ndim != ndim:
            got = tuple(state[key].shape) if key in state else "nothing"
            raise ValueError(f"a StyleGAN2 generator must have a weight with {ndim} axes as {key}, got {got}")
        return state[key].shape

    kind = architecture_of(state)
    each, step = ("to_rgbs.{}.conv.weight", 1) if kind == "skip" else ("convs.{}.conv.weight", 2)
    levels = next(n for n in count() if each.format(n * step) not in state)
    if 4 * 2**levels > MOST_PIXELS:
        raise ValueError(f"a StyleGAN2 must have images of at most {MOST_PIXELS} pixels a side, got {levels} doublings")
    later = [shape(f"convs.{2 * level}.conv.weight", 5)[1] for level in range(levels)]
    for level, units in enumerate((shape("input.input", 4)[1], *later)):
        check_map("a StyleGAN2", units, 4 * 2**level)
    n_mlp = next(n for n in count() if f"style.{n + 1}.weight" not in state)
    hidden, inputs = shape("style.1.weight", 2)
    embed_dim, n_classes = shape("embed.weight", 2) if "embed.weight" in state else (0, 0)
    style_dim = shape("conv1.conv.modulation.weight", 2)[1]
    size = (inputs - embed_dim, style_dim, n_mlp, hidden if n_mlp > 1 else None, n_classes, embed_dim)
    return {
        "units": (shape("input.input", 4)[1], *later),
        "channels": shape("to_rgb1.conv.weight" if kind == "skip" else "to_rgb.conv.weight", 5)[1],
        "architecture": kind,
        "mapping": MappingSize(*size, rate, "latent_avg" in state),
    }
