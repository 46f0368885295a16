"""How a network draws a picture from what a search changes: latent, class vector, and maps added to early layers.

`Drawing` turns these into images, with gradients. Where the latent is fixed, the part of the network below the first
residual runs once.
"""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ganwidgets.invert.edit_layer import edit_layer
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.edits import Edit
from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import depth_layers
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import State


@dataclass(frozen=True, eq=False)
class AddEach(Edit):
    """Adds its own map to the activations of every picture of a batch."""

    values: Float[Tensor, "batch unit *location"]

    def apply(self, acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit *location"]:
        return acts + self.values.to(acts)


@dataclass(frozen=True, eq=False)
class Variables:
    """What a batch of pictures is made of.

    Attributes:
        latent: z, w or ws.
        classes: class vectors (batch label), or None where the network draws without.
        residuals: layer → maps that are added (batch unit *location).
    """

    latent: Tensor
    classes: Tensor | None
    residuals: Mapping[str, Tensor]

    def part(self, index: slice | Tensor) -> "Variables":
        """Those of some pictures."""
        classes = None if self.classes is None else self.classes[index]
        return replace(self, latent=self.latent[index], classes=classes, residuals=_each(self.residuals, index))

    def detached(self) -> "Variables":
        """The same numbers, without gradients."""
        classes = None if self.classes is None else self.classes.detach()
        residuals = {layer: maps.detach() for layer, maps in self.residuals.items()}
        return Variables(self.latent.detach(), classes, residuals)


def _each(residuals: Mapping[str, Tensor], index: slice | Tensor) -> dict[str, Tensor]:
    return {layer: maps[index] for layer, maps in residuals.items()}


class Drawing:
    """Pictures of a network from `Variables`.

    Args:
        network: a generator.
        space: what the latents are: "z", "w" or "ws".
    """

    def __init__(self, network: Generator, space: str) -> None:
        self.network, self.space = network, space

    def inputs(self, latent: Tensor, classes: Tensor | None) -> Inputs:
        """What the network is called with."""
        if self.space == "w":
            return self.network.ws_of(latent)
        return latent if self.space == "ws" or classes is None else (latent, classes)

    def images(self, variables: Variables, state: State | None = None, *, grad: bool = False) -> Tensor:
        """Images, not clamped; with `state`, the part below the first residual is not run again."""
        with ExitStack() as stack:
            for layer, maps in variables.residuals.items():
                stack.enter_context(self.network.intervene(layer, AddEach(maps)))
            if state is not None:
                return self.network.above(state, clamp=False, grad=grad)
            inputs = self.inputs(variables.latent, variables.classes)
            return self.network.images(inputs, clamp=False, grad=grad)

    def not_finite(self, variables: Variables) -> Tensor:
        """Which pictures hold NaN or infinity."""
        with ExitStack() as stack:
            for layer, maps in variables.residuals.items():
                stack.enter_context(self.network.intervene(layer, AddEach(maps)))
            raw = self.network.forward(self.inputs(variables.latent, variables.classes), grad=False)
        return ~raw.isfinite().flatten(1).all(1)

    def pinned(self, variables: Variables) -> State | None:
        """What needs to be run only once while the latent stays as it is; None if nothing is saved by it."""
        first = next(iter(variables.residuals), None)
        if first is None:
            return None
        state = self.network.below(self.inputs(variables.latent, variables.classes), first, grad=False)
        return state if state.exact_skip else None

    def acts(self, variables: Variables, layer: str, *, grad: bool = False) -> Tensor:
        """Activations of a layer."""
        with ExitStack() as stack:
            for name, maps in variables.residuals.items():
                stack.enter_context(self.network.intervene(name, AddEach(maps)))
            return self.network.acts(self.inputs(variables.latent, variables.classes), layer, grad=grad)


def chosen_layer(network: Generator, layer: str | None = None) -> str:
    """The layer whose activations an inversion is to find: the one named, or the usual one to edit.

    Raises:
        ValueError: no such layer, or no layer with maps.
    """
    return edit_layer(network) if layer is None else network.layer_info(layer).name


def residual_layers(network: Generator, layer: str, where: str) -> tuple[str, ...]:
    """Layers whose outputs residuals are added to.

    Args:
        network: a generator.
        layer: the edit layer.
        where: "" for none, "at" for the edit layer, "before" for the blocks before it (at most three; the edit layer
            where there are none).
    """
    if where != "before":
        return (layer,) if where else ()
    order = list(network.layers)
    before = [
        name
        for name in depth_layers(network, len(order))
        if order.index(name) < order.index(layer) and not _inside(layer, name) and not _inside(name, layer)
    ]
    return tuple(before[-3:]) or (layer,)


def _inside(name: str, other: str) -> bool:
    return name.startswith(f"{other}.")


def class_is_free(network: Generator) -> bool:
    """Whether a picture's class is to be found: the network draws by class, and none is fixed."""
    if not isinstance(network, ConditionalGenerator):
        return False
    return network.label is None and network.class_vector is None


def class_logits(network: ConditionalGenerator, labels: Int[Tensor, " row"]) -> Float[Tensor, "row label"]:
    """Where the search for a class vector starts: nine tenths for these classes, the rest shared by all others."""
    share = math.log(9.0 * max(1, network.n_classes - 1))
    return torch.zeros(len(labels), network.n_classes, device=labels.device).scatter(1, labels[:, None], share)
