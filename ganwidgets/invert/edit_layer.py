"""Which layer an inversion recovers, where none is named: deep enough to hold objects, small enough to mean something.

A photo can be matched through any layer that holds more numbers than the photo, whatever the network has learned: what
lies above then only has to be inverted. So of a network's outermost layers it is the middle one, or the last one before
it that holds fewer numbers than a picture. A layer that is the picture already, as what goes into a last tanh, is none:
then the layers inside it are looked at.
"""

from math import prod

from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import default_layer, depth_layers


def edit_layer(network: Generator) -> str:
    """The middle one of the outermost layers, or an earlier one that holds fewer numbers than a picture.

    Raises:
        ValueError: no layer has maps.
    """
    middle = default_layer(network)
    if _is_picture(network, middle):
        middle = _middle([name for name in network.map_layers if not _is_picture(network, name)]) or middle
    if _numbers(network, middle) <= prod(network.image_shape):
        return middle
    order = list(network.layers)
    small = [
        name
        for name in depth_layers(network, len(order))
        if order.index(name) < order.index(middle) and _numbers(network, name) <= prod(network.image_shape)
    ]
    return small[-1] if small else middle


def _middle(names: list[str]) -> str | None:
    """The middle one of the outermost; where one holds all others, those inside it are meant."""
    outer = _outermost(names)
    while len(outer) == 1 and (inside := [name for name in names if name.startswith(f"{outer[0]}.")]):
        outer = _outermost(inside)
    return outer[(len(outer) - 1) // 2] if outer else None


def _outermost(names: list[str]) -> list[str]:
    return [name for name in names if not any(name.startswith(f"{other}.") for other in names)]


def _is_picture(network: Generator, layer: str) -> bool:
    """Whether a layer has a picture's size and no more units than it has channels."""
    channels, *size = network.image_shape
    units, *resolution = network.layer_info(layer).shape
    return resolution == size and units <= channels


def _numbers(network: Generator, layer: str) -> int:
    return prod(network.layer_info(layer).shape)
