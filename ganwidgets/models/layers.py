"""What a network's layers are called, and what to say when a name is wrong.

A layer is addressed by its dotted module path, as in `named_modules()`. A module that runs more than once in a pass
is several layers: `relu@0`, `relu@1`, ... in the order of the calls.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from ganwidgets.models.protocol import Network

MOST_LAYERS = 12
"""Layers that are compared when none are named."""

_GOES_ON = (nn.modules.batchnorm._BatchNorm, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.Hardswish)
_ADDS_NOTHING = (nn.Dropout, nn.Dropout2d, nn.Identity, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten)


@dataclass(frozen=True)
class LayerInfo:
    """What a layer gives for one image.

    Attributes:
        name: dotted module path, with `@call` when the module runs more than once.
        shape: of the output without the batch, e.g. (128, 8, 8).
        dtype: of the output.
        calls: how often the module runs in one pass.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    calls: int = 1

    @property
    def units(self) -> int:
        """Number of units (channels)."""
        return self.shape[0] if self.shape else 1

    @property
    def resolution(self) -> tuple[int, ...]:
        """(height, width) of a map, () of a vector."""
        return self.shape[1:]

    @property
    def is_map(self) -> bool:
        """Whether units are maps that can be laid over an image, which dissection and regions need."""
        return len(self.shape) == 3 and self.dtype.is_floating_point


def default_layer(network: "Network") -> str:
    """The middle one of a generator's outermost layers with maps, where objects tend to be.

    Where one module holds all the others, those inside it are meant. Of a network that is fed images it is the middle
    one of `depth_layers`.

    Raises:
        ValueError: no layer has maps.
    """
    if not hasattr(network, "sample_z") and _larger_maps(network):
        layers = depth_layers(network)
        return layers[(len(layers) - 1) // 2]
    shallow = _outermost(network.map_layers)
    while len(shallow) == 1 and (inside := [n for n in network.map_layers if n.startswith(f"{shallow[0]}.")]):
        shallow = _outermost(inside)
    if not shallow:
        raise ValueError(f"`layer` must give maps (batch unit height width); none of {list(network.layers)} does")
    return shallow[(len(shallow) - 1) // 2]


def depth_layers(network: "Network", most: int = MOST_LAYERS) -> tuple[str, ...]:
    """Layers worth comparing: blocks, and convolutions after their norm and rectifier; spread evenly if there are many.

    Raises:
        ValueError: no layer has maps.
    """
    names = _larger_maps(network)
    modules = dict(network.module.named_modules())
    plain = {name for name in names if type(modules.get(name)) is nn.Sequential}
    outer = [n for n in names if n not in plain and not any(n.startswith(f"{o}.") for o in names if o not in plain)]
    kept = []
    for name, after in zip(outer, [*outer[1:], None], strict=True):
        goes_on = after is not None and isinstance(modules[after], _GOES_ON)
        if not goes_on and not isinstance(modules[name], _ADDS_NOTHING):
            kept.append(name)
    kept = kept or outer or names
    if not kept:
        raise ValueError(f"`network` must have layers with maps, but {network.name} has none")
    if len(kept) <= most:
        return tuple(kept)
    places = torch.linspace(0, len(kept) - 1, most).round().long().tolist()
    return tuple(kept[place] for place in dict.fromkeys(places))


def _larger_maps(network: "Network") -> list[str]:
    return [n for n in network.map_layers if "@" not in n and max(network.layers[n].resolution) > 1]


def _outermost(names: Sequence[str]) -> list[str]:
    return [name for name in names if not any(name.startswith(f"{other}.") for other in names)]


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """ " Did you mean 'layer14'?" for the nearest options, or nothing; same letters in another order come first."""
    options = {str(option).lower(): str(option) for option in options}
    near = [option for low, option in options.items() if sorted(low) == sorted(word.lower())]
    close = [options[low] for low in difflib.get_close_matches(word.lower(), options, n=2, cutoff=0.6)]
    near += [option for option in close if option not in near]
    return f" Did you mean {' or '.join(repr(o) for o in near[:2])}?" if near else ""


def unknown_layer(name: object, layers: Mapping[str, LayerInfo], modules: Iterable[str]) -> ValueError:
    """The error for a name that is no layer: which there are, and which was probably meant."""
    if any(layer.startswith(f"{name}@") for layer in layers):
        calls = [layer for layer in layers if layer.startswith(f"{name}@")]
        return ValueError(f"`layer` {name!r} runs {len(calls)} times in a pass; say which call: {_listed(calls)}")
    if name in set(modules):
        return ValueError(
            f"`layer` {name!r} exists but gives no activations in a pass; choose another: {_listed(layers)}"
        )
    return ValueError(f"`layer` must be one of {_listed(layers)}, got {name!r}.{did_you_mean(str(name), layers)}")


def _listed(names: Iterable[str], most: int = 24) -> str:
    names = list(names)
    kept = names if len(names) <= most else sorted(names, key=lambda name: name.count("."))[:most]
    return "[" + ", ".join(repr(name) for name in kept) + (", …]" if len(kept) < len(names) else "]")
