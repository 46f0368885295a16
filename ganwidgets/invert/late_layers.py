"""Which layers are adapted to a photo: late ones, chosen by what they give and not by what they are called.

What stands where is decided up to the edit layer; textures and colours come after it. So only layers of finer maps
than those of the edit layer are adapted. The published rule for a network of 256 pixels edited at 8: weights at 16 and
32, maps at 64 and 128, a perturbation at 32, 64, 128 and 256. Counted from both ends, that is the two coarsest levels
above the edit layer, the two finest ones below the picture's size, and the four finest ones.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019).
"""

from ganwidgets.models.layers import LayerInfo
from ganwidgets.models.protocol import Network

FEWEST_UNITS = 5
"""A layer of fewer gives colours (a picture, perhaps with an alpha channel), not activations."""


def levels(network: Network, layer: str) -> dict[int, str]:
    """Longest side of a map → the last layer of that size, for sizes finer than those of `layer`, coarse ones first.

    Of layers inside each other the outer one is taken; those that give colours, and their parts, are left out.
    """
    info = network.layer_info(layer)
    start = max(info.resolution, default=1)
    order = list(network.layers)
    later = [network.layers[name] for name in order[order.index(info.name) + 1 :]]
    later = [one for one in later if one.is_map and one.calls == 1 and max(one.resolution) > start]
    colours = [one for one in later if one.units < FEWEST_UNITS and _is_flat(one, network)]
    later = [one for one in later if one.units >= FEWEST_UNITS and not any(_is_in(one, other) for other in colours)]
    blocks = [one for one in later if len({max(other.resolution) for other in later if _is_in(other, one)}) <= 2]
    last: dict[int, str] = {}
    for one in blocks:
        if not any(_is_in(one, other) for other in blocks):
            last[max(one.resolution)] = one.name
    return dict(sorted(last.items()))


def map_layers(network: Network, layer: str) -> tuple[str, ...]:
    """Layers that get a map: the two finest levels below the picture's size, or whatever level there is."""
    found = levels(network, layer)
    inner = [name for side, name in found.items() if side < max(network.output_shape[1:])]
    return tuple((inner or list(found.values()))[-2:])


def perturbed_layers(network: Network, layer: str) -> tuple[str, ...]:
    """Layers that are perturbed for one edit: the four finest levels."""
    return tuple(levels(network, layer).values())[-4:]


def tuned_weights(network: Network, layer: str) -> tuple[str, ...]:
    """Names of the weights that are tuned: the last convolution of each of the two coarsest levels after `layer`."""
    sides = list(levels(network, layer))[:2]
    own = dict(network.module.named_parameters())
    order = list(network.layers)
    found: dict[int, str] = {}
    for name in order[order.index(network.layer_info(layer).name) + 1 :]:
        one = network.layers[name]
        if one.is_map and one.calls == 1 and one.units >= FEWEST_UNITS and max(one.resolution) in sides:
            path, _, _ = name.partition("@")
            for key in network.module.get_submodule(path)._parameters:
                weight = own.get(f"{path}.{key}")
                if weight is not None and weight.ndim >= 4 and weight.is_floating_point():
                    found[max(one.resolution)] = f"{path}.{key}"
    return tuple(found[side] for side in sides if side in found)


def _is_in(one: LayerInfo, other: LayerInfo) -> bool:
    return one.name.startswith(f"{other.name}.")


def _is_flat(one: LayerInfo, network: Network) -> bool:
    """Whether everything inside a layer is of its own size: then it turns activations into colours, and no more."""
    inside = [other for name, other in network.layers.items() if name.startswith(f"{one.name}.") and other.is_map]
    return all(other.resolution == one.resolution for other in inside)
