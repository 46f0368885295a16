"""One convolution seen as an associative memory: what goes in are keys, what comes out are values.

A layer can be rewritten if it is a convolution whose weight can be exchanged alone. Three kinds occur: a *plain* one
(ProGAN), a *transposed* one (DCGAN), and a *modulated* one (StyleGAN2), whose value is what the whole styled layer
gives. `editable_layer` finds the convolution a name means, `editable_layers` lists them.

A key is the input of the convolution at one location. In a modulated layer it is the input times the style. In a
transposed layer it is a pixel of the coarse input: one key then writes a whole kernel of values.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.passes import first_tensor
from ganwidgets.models.protocol import State
from ganwidgets.models.stylegan2_layers import ModulatedConv2d, StyledConv
from ganwidgets.models.stylegan3_layers import FilteredLayer
from ganwidgets.nn.linalg import expand_update


@dataclass(frozen=True, eq=False)
class EditableLayer:
    """A convolution one can rewrite, made by `editable_layer`; a view of the network, which stays as it is.

    Attributes:
        network: the generator.
        name: canonical name, e.g. "layer6.conv", "main.3", "convs.3".
        layer: the layer whose output is the value.
        weight: name of the convolution's weight in the state dict.
        kind: "plain", "transposed" or "modulated".
        key_size: (height, width) of the map of keys.
    """

    network: Generator
    name: str
    layer: str
    weight: str
    kind: str
    key_size: tuple[int, int]

    @property
    def conv(self) -> nn.Module:
        """The convolution itself; do not change it."""
        return self.network.module.get_submodule(self.weight.rpartition(".")[0])

    @property
    def W0(self) -> Float[Tensor, "..."]:  # noqa: N802 (the field's name)
        """The weight as it is stored, detached: (O I h w), transposed (I O h w), modulated (1 O I h w)."""
        return self.network.module.get_parameter(self.weight).detach()

    @property
    def key_dim(self) -> int:
        """Number of input units: the size of a key."""
        return self.W0.shape[{"plain": 1, "transposed": 0, "modulated": 2}[self.kind]]

    @property
    def n_units(self) -> int:
        """Number of output units: the size of a value."""
        return self.W0.shape[{"plain": 0, "transposed": 1, "modulated": 1}[self.kind]]

    @property
    def kernel(self) -> tuple[int, int]:
        """(height, width) of the kernel."""
        return tuple(self.W0.shape[-2:])

    @property
    def value_size(self) -> tuple[int, int]:
        """(height, width) of the map of values."""
        return self.network.layer_info(self.layer).resolution

    def run(self, z: Tensor) -> State:
        """The network run up to the values, with all that is needed to run this layer again; no gradients."""
        return self.network.below(z, self.layer, keep_args=True, grad=False)

    def keys(self, state: State) -> Float[Tensor, "batch key_dim key_h key_w"]:
        """What the convolution is given at every location.

        Raises:
            ValueError: a state that does not come from `run` of this layer.
        """
        args = self._args(state)
        with torch.no_grad():
            return self.conv.keys(*args[:2]) if self.kind == "modulated" else args[0]

    def values(
        self, state: State, weight: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "batch unit value_h value_w"]:
        """What the layer gives for a state, with another weight if one is given; differentiable in that weight only.

        Args:
            state: from `run`.
            weight: in the stored layout; None means as in the network.

        Raises:
            ValueError: a state of something else, or a weight of another shape.
        """
        args = self._args(state)
        if weight is None:
            return state.acts
        if weight.shape != self.W0.shape:
            raise ValueError(f"`weight` must have the shape {tuple(self.W0.shape)}, got {tuple(weight.shape)}")
        twin = _twin(self.network.module.get_submodule(self.layer))
        owner = twin.conv if self.kind == "modulated" else twin
        owner._parameters["weight"] = weight
        return first_tensor(twin(*args))

    def expand(
        self, update: Float[Tensor, "unit rank kh kw"], context: Float[Tensor, "rank key_dim"]
    ) -> Float[Tensor, "..."]:
        """The change of the weight, in its stored layout, that an update along context directions means.

        Raises:
            ValueError: shapes that do not fit this layer.
        """
        rank, wanted = len(context), (self.n_units, len(context), *self.kernel)
        if context.ndim != 2 or context.shape[1] != self.key_dim:
            raise ValueError(f"`context` must be (rank, {self.key_dim}) for {self.name}, got {tuple(context.shape)}")
        if update.shape != wanted:
            raise ValueError(
                f"`update` must be {wanted} for {self.name} and {rank} directions, got {tuple(update.shape)}"
            )
        return expand_update(update, context, self.kind)

    def _args(self, state: State) -> tuple[Any, ...]:
        if state.network is not self.network or state.layer != self.layer or not state.args:
            raise ValueError(f"`state` must come from run() of {self.name} in {self.network!r}, got one of {state!r}")
        return state.args


def editable_layers(network: Generator) -> tuple[str, ...]:
    """Names of the layers one can rewrite, in the order in which they run."""
    return tuple(name for name in network.layers if _convolution(network, name) and not _obstacle(network, name))


def editable_layer(network: Generator, layer: str) -> EditableLayer:
    """The convolution that a name means.

    Args:
        network: to be edited later.
        layer: the convolution, or a module with just one convolution directly inside, e.g. "layer6.conv" or "layer6".

    Raises:
        ValueError: no such layer, none or several convolutions in it, or one that cannot be rewritten, and why.
    """
    name = _named(network, layer)
    if reason := _obstacle(network, name):
        raise ValueError(f"`layer` {name!r} cannot be rewritten: {reason}. {_choice(network)}")
    kind, weight = _convolution(network, name)
    with torch.no_grad():
        state = network.below(network.sample_z(1), name, keep_args=True, grad=False)
    if not state.args or not isinstance(state.args[0], Tensor) or state.args[0].ndim != 4:
        raise ValueError(
            f"`layer` {name!r} cannot be rewritten: it must be called with its maps as first positional argument"
        )
    return EditableLayer(network, name, name, weight, kind, tuple(state.args[0].shape[-2:]))


def convolution_kind(network: Generator, layer: str) -> str | None:
    """ "plain", "transposed" or "modulated"; None for a layer that is no convolution."""
    found = _convolution(network, layer)
    return found[0] if found else None


def _named(network: Generator, layer: str) -> str:
    """Canonical name of the one convolution that is meant."""
    modules = dict(network.module.named_modules())
    if layer not in modules or not layer:
        near = did_you_mean(str(layer), [name for name in modules if name])
        raise ValueError(f"`layer` must be a layer of {network.name}, got {layer!r}.{near} {_choice(network)}")
    modulated = isinstance(modules[layer], ModulatedConv2d)
    if modulated and _convolution(network, layer.rpartition(".")[0]):
        layer = layer.rpartition(".")[0]
    if modulated or _convolution(network, layer):
        return layer
    inside = [f"{layer}.{name}" for name, _ in modules[layer].named_children()]
    inside = [name for name in inside if _convolution(network, name)]
    if len(inside) == 1:
        return inside[0]
    if isinstance(modules[layer.partition(".")[0]], FilteredLayer):
        raise ValueError(
            f"`layer` {layer!r} cannot be rewritten: StyleGAN3 filters a layer's values after the nonlinearity, so "
            f"that no value belongs to one key. {_choice(network)}"
        )
    if inside:
        raise ValueError(f"`layer` {layer!r} holds {len(inside)} convolutions; say which: {inside}")
    raise ValueError(f"`layer` {layer!r} is not a convolution and none is directly inside it. {_choice(network)}")


def _convolution(network: Generator, name: str) -> tuple[str, str] | None:
    """Kind, and name of the weight, if this module is a convolution or a styled one."""
    path = name.partition("@")[0]
    module = network.module.get_submodule(path)
    if isinstance(module, nn.Conv2d):
        return "plain", f"{path}.weight"
    if isinstance(module, nn.ConvTranspose2d):
        return "transposed", f"{path}.weight"
    if isinstance(module, StyledConv):
        return "modulated", f"{path}.conv.weight"
    return None


def _obstacle(network: Generator, name: str) -> str:
    """Why a convolution cannot be rewritten; empty if it can."""
    if "@" in name or f"{name}@0" in network.layers:
        return "it runs more than once in a pass, with one weight for all"
    if name not in network.layers:
        return "it gives no activations in a pass"
    found = _convolution(network, name)
    if found is None:
        return "its value must be what a whole styled layer gives, and there is none around it"
    conv = network.module.get_submodule(found[1].rpartition(".")[0])
    if not isinstance(conv._parameters.get("weight"), Tensor):
        return "its weight is computed from other weights (spectral or weight norm); remove the norm first"
    owners = [part for part in network.module.modules() if part._parameters.get("weight") is conv.weight]
    if len(owners) > 1:
        return f"{len(owners)} layers share its weight, which an edit of one of them would untie"
    if getattr(conv, "groups", 1) != 1:
        return f"its units see only one of {conv.groups} groups of the input each"
    if found[0] == "transposed" and tuple(conv.dilation) != (1, 1):
        return "transposed convolutions with dilation are not supported"
    return ""


def _choice(network: Generator) -> str:
    names = editable_layers(network)
    return f"Layers that can: {list(names)}" if names else f"{network.name} has no layer that can be rewritten"


def _twin(module: nn.Module) -> nn.Module:
    """The same computation in modules of its own; its weights take part in no gradient."""
    twin = copy.copy(module)
    twin._parameters = {name: part if part is None else part.detach() for name, part in module._parameters.items()}
    twin._modules = {name: part if part is None else _twin(part) for name, part in module._modules.items()}
    return twin
