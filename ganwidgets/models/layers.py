"""What a network's layers are called, and what to say when a name is wrong.

A layer is addressed by its dotted module path, as in `named_modules()`. A module that runs more than once in a pass
is several layers: `relu@0`, `relu@1`, ... in the order of the calls.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ganwidgets.models.protocol import Network


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
    """The middle one of the outermost layers with maps, where objects tend to be.

    Where one module holds all the others, those inside it are meant.

    Raises:
        ValueError: no layer has maps.
    """
    shallow = _outermost(network.map_layers)
    while len(shallow) == 1 and (inside := [n for n in network.map_layers if n.startswith(f"{shallow[0]}.")]):
        shallow = _outermost(inside)
    if not shallow:
        raise ValueError(f"`layer` must give maps (batch unit height width); none of {list(network.layers)} does")
    return shallow[(len(shallow) - 1) // 2]


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
