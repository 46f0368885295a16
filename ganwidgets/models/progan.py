"""The Progressive GAN generator of Karras et al. (2018), as published for GAN Dissection.

A latent is normalised and spread to 4 × 4; every further pair of layers doubles the resolution; a last 1 × 1
convolution makes RGB. A layer is norm → (upsample) → convolution → scale and bias → LeakyReLU, so what one reads at
`layerN` is the rectified output *before* the next norm. Everything about the shape is in the state dict:
`ProGAN.from_state_dict` infers it, `canonical_keys` translates the two older naming conventions.
"""

import math
import re
from collections.abc import Mapping
from itertools import count, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ganwidgets.models.blank import blank
from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.inert_names import shown
from ganwidgets.models.pipeline import check_map
from ganwidgets.models.renaming import renamed
from ganwidgets.models.state_dicts import MOST_PIXELS, generator_weights, with_weights


class PixelNorm(nn.Module):
    """Scale every location to unit mean square over its units."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class ScaledBias(nn.Module):
    """Multiply by a fixed scale (equalised learning rate) and add a learned bias per unit."""

    def __init__(self, units: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.b = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.b.to(x.dtype)[:, None, None]


class Layer(nn.Sequential):
    """Norm, optional nearest upsampling, convolution, scale and bias, LeakyReLU(0.2)."""

    def __init__(self, inputs: int, units: int, *, kernel: int = 3, padding: int = 1, up: bool = False) -> None:
        super().__init__()
        self.norm = PixelNorm()
        self.up = nn.Upsample(scale_factor=2, mode="nearest") if up else nn.Identity()
        self.conv = nn.Conv2d(inputs, units, kernel, padding=padding, bias=False)
        self.wscale = ScaledBias(units, math.sqrt(2) / (kernel * math.sqrt(inputs)))
        self.relu = nn.LeakyReLU(0.2)
        nn.init.normal_(self.conv.weight)


class FirstLayer(Layer):
    """The layer that spreads a latent, (batch unit) or (batch unit 1 1), to 4 × 4."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units, kernel=4, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, :, None, None] if x.ndim == 2 else x)


class ToRGB(nn.Module):
    """Norm and a 1 × 1 convolution to image channels; no activation (images are clamped by the caller)."""

    def __init__(self, inputs: int, channels: int = 3) -> None:
        super().__init__()
        self.norm = PixelNorm()
        self.conv = nn.Conv2d(inputs, channels, 1, bias=False)
        self.wscale = ScaledBias(channels, 1 / math.sqrt(inputs))
        nn.init.normal_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.wscale(self.conv(self.norm(x)))


class ProGAN(nn.Sequential):
    """The published generator: `layer1` … `layerN`, then `output_{R}x{R}`.

    Args:
        sizes: latent size, then the number of units at 4, 8, 16, … pixels; resolution is 4 · 2^(len(sizes) − 2).
        channels: image channels.
    """

    def __init__(self, sizes: tuple[int, ...], channels: int = 3) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.resolution = 4 * 2 ** (len(sizes) - 2)
        for level, (inputs, units) in enumerate(pairwise(sizes)):
            number = 2 * level + 1
            first = Layer(inputs, units, up=True) if level else FirstLayer(inputs, units)
            self.add_module(f"layer{number}", first)
            self.add_module(f"layer{number + 1}", Layer(units, units))
        self.add_module(f"output_{self.resolution}x{self.resolution}", ToRGB(sizes[-1], channels))

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "ProGAN":
        """The published generator with these weights; all about its shape is read off them.

        Args:
            state: weights in any of the three naming conventions, also nested under `state_dict` or with the
                `module.` of DataParallel before each name.

        Raises:
            ValueError: not a Progressive GAN generator, or weights missing, surplus or of the wrong shape.
        """
        state = canonical_keys(generator_weights(state))
        convs = []
        for number in count(1):
            if f"layer{number}.conv.weight" not in state:
                break
            convs.append(state[f"layer{number}.conv.weight"])
        output = next((key for key in state if re.fullmatch(r"output_\d{1,5}x\d{1,5}\.conv\.weight", key)), None)
        if len(convs) < 2 or len(convs) % 2 or output is None or any(conv.ndim != 4 for conv in convs):
            raise ValueError(
                "a Progressive GAN generator must hold layer1.conv.weight, layer2.conv.weight, … (an even number) and "
                f"output_RxR.conv.weight, got {len(convs)} such layers and {output or 'no output'}"
            )
        _side(len(convs))
        for level, conv in enumerate(convs[::2]):
            check_map("a ProGAN", max(conv.shape[:2]) if level else len(conv), 4 * 2**level)
        sizes = (convs[0].shape[1], *(conv.shape[0] for conv in convs[::2]))
        with blank():  # nothing is drawn or allocated: the weights come from the file
            network = cls(sizes, channels=state[output].shape[0])
        return with_weights(network, state)


def is_progan(state: Mapping[str, Tensor]) -> bool:
    """Whether these names are those of a Progressive GAN generator, in one of the three conventions."""
    tensorflow = any(key.startswith("4x4/") for key in state) and any("ToRGB" in key for key in state)
    return tensorflow or bool({"layer1.conv.weight", "features.0.conv.weight"} & set(state))


def canonical_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the current names, from any of the three conventions; a file with current ones passes through.

    Old PyTorch files store a scale, which is ignored: it follows from the shapes. TensorFlow kernels are stored with
    other axes, and those that upsample mirrored. RGB outputs of lower resolutions, which training leaves, are dropped.

    Raises:
        ValueError: more layers than any network has, weights missing, surplus or twice, or a network that had not
            grown to its full size.
    """
    if "features.0.conv.weight" in state:
        state = _from_old_names(state)
    elif any(key.startswith("4x4/") for key in state):
        state = _from_tensorflow(state)
    numbers = [int(found[1]) for key in state if (found := re.match(r"layer(\d{1,3})\.", key))]
    resolution = _side(max(numbers, default=0))
    lower = [key for key in state if (found := re.match(r"output_(\d{1,5})x", key)) and int(found[1]) < resolution]
    return {key: part for key, part in state.items() if key not in set(lower)}


def _side(n_layers: int) -> int:
    """Side of the picture of so many layers [pixels]; refused before the power is computed if nothing is that large."""
    if n_layers // 2 >= MOST_PIXELS.bit_length() - 1:
        raise ValueError(f"a ProGAN must have images of at most {MOST_PIXELS} pixels a side, got {n_layers} layers")
    return 2 * 2 ** (n_layers // 2)


def _from_old_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    blocks = [int(found[1]) for key in state if (found := re.fullmatch(r"features\.(\d{1,3})\.conv\.weight", key))]
    side = _side(max(blocks) + 1)

    def current(key: str) -> str:
        key = re.sub(r"^features\.(\d{1,3})\.", lambda found: f"layer{int(found[1]) + 1}.", key)
        return re.sub(r"^output\.", f"output_{side}x{side}.", key)

    return renamed({key: part for key, part in state.items() if not key.endswith("wscale.scale")}, current)


def _from_tensorflow(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    resolution = max(int(found[1]) for key in state if (found := re.match(r"(\d{1,5})x\d{1,5}/", key)))
    if not 4 <= resolution <= MOST_PIXELS:
        raise ValueError(f"a ProGAN must have images of at most {MOST_PIXELS} pixels a side, got {resolution}")
    if "lod" in state and bool((state["lod"] != 0).any()):
        raise ValueError(
            f"a Progressive GAN must be grown to its full size, lod 0, got lod {float(state['lod'].flatten()[0]):g}: "
            "it mixes pictures of two sizes, which is not done here; take a later file of this training"
        )
    places = {"4x4/Dense": "layer1", "4x4/Conv": "layer2", "ToRGB_lod0": f"output_{resolution}x{resolution}"}
    for level in range(1, int(math.log2(resolution)) - 1):
        places[f"{4 * 2**level}x{4 * 2**level}/Conv0_up"] = f"layer{2 * level + 1}"
        places[f"{4 * 2**level}x{4 * 2**level}/Conv1"] = f"layer{2 * level + 2}"
    used = {f"{old}/{kind}" for old in places for kind in ("weight", "bias")} | {"lod"}
    lower = r"ToRGB_lod\d{1,2}/(weight|bias)"  # which training leaves
    if surplus := [key for key in state if key not in used and not re.fullmatch(lower, key)]:
        raise ValueError(f"a Progressive GAN of {resolution} pixels has no {shown(surplus[0])}, but the file does")
    current = {}
    for old, new in places.items():
        if missing := [key for key in (f"{old}/weight", f"{old}/bias") if key not in state]:
            raise ValueError(f"a Progressive GAN in TensorFlow's names must hold {missing[0]}, but it is missing")
        weight = state[f"{old}/weight"]
        if old.endswith("Dense"):
            weight = weight.reshape(weight.shape[0], -1, 4, 4).permute(1, 0, 2, 3).flip(2, 3)
        elif old.endswith("Conv0_up"):
            weight = weight.permute(2, 3, 0, 1).flip(2, 3)
        else:
            weight = weight.permute(3, 2, 0, 1)
        current[f"{new}.conv.weight"], current[f"{new}.wscale.b"] = weight.contiguous(), state[f"{old}/bias"]
    return current


def _generator(found: Found, name: str) -> Generator:
    return TorchGenerator(ProGAN.from_state_dict(found.state), name=name)


FAMILY = Family("Progressive GAN", lambda found: is_progan(found.state), _generator)
