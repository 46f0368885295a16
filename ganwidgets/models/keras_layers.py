"""What each Keras layer becomes in torch; `keras.py` puts them together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.keras_config import KerasLayer
from ganwidgets.models.pipeline import CLASS, LATENT, ClassEmbedding, Crop, Join, Step


class KerasReshape(nn.Module):
    """To another shape, in the order in which Keras lays out numbers: channels vary fastest."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x  # (batch h w unit)
        x = x.reshape(len(x), *self.shape)
        return x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x

    def extra_repr(self) -> str:
        return str(self.shape)


class SamePad(nn.Module):
    """The border Keras adds for padding "same": what does not divide evenly goes to the bottom and right."""

    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]) -> None:
        super().__init__()
        self.how = kernel, stride, dilation

    def forward(self, x: Tensor) -> Tensor:
        edges: list[int] = []
        for size, kernel, stride, dilation in zip(x.shape[2:], *self.how, strict=True):
            total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
            edges = [total // 2, total - total // 2, *edges]  # the last axis comes first
        return F.pad(x, edges)

    def extra_repr(self) -> str:
        return "kernel, stride, dilation = {}, {}, {}".format(*self.how)


@dataclass
class Build:
    """What has been built so far: steps, torch weights, and where the output of each Keras layer is found."""

    weights: dict[str, dict[str, Tensor]]
    class_input: str | None
    n_classes: int = 0
    steps: list[Step] = field(default_factory=list)
    state: dict[str, Tensor] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    is_map: dict[str, bool] = field(default_factory=dict)

    def add(self, layer: KerasLayer, name: str, module: nn.Module, is_map: bool, **state: Tensor) -> None:
        """One more step that follows what `layer` takes, or what was added for it before."""
        inputs = (self.at[layer.name],) if layer.name in self.at else tuple(self.at[source] for source in layer.sources)
        self.steps.append(Step(name, module, inputs))
        self.state |= {f"{name}.{key}": part.contiguous() for key, part in state.items()}
        self.at[layer.name], self.is_map[layer.name] = name, is_map

    def takes_map(self, layer: KerasLayer) -> bool:
        """Whether what goes into a layer is a map, not a vector."""
        return any(self.is_map.get(source, False) for source in layer.sources)

    def weight(self, layer: KerasLayer, kind: str, ndim: int) -> Tensor:
        """A weight of a layer, taken once."""
        part = self.weights.get(layer.name, {}).pop(kind, None)
        if part is None or part.ndim != ndim:
            got = "nothing" if part is None else tuple(part.shape)
            raise ValueError(f"the Keras layer {layer.name!r} must have a {kind} with {ndim} axes, got {got}")
        return part.float()


def add_layer(build: Build, layer: KerasLayer) -> None:
    """One more layer.

    Raises:
        ValueError: a kind or a setting that is not read here; says which layer has it.
    """
    if layer.config.get("data_format", "channels_last") not in (None, "channels_last"):
        raise ValueError(f"the Keras layer {layer.name!r} must have channels last, got {layer.config['data_format']!r}")
    if layer.kind == "InputLayer":
        is_class = layer.name == build.class_input
        build.at[layer.name] = CLASS if is_class else LATENT
        build.is_map[layer.name] = not is_class and layer.shape is not None and len(layer.shape) == 3
        if is_class and layer.shape is not None and layer.shape != (1,):
            build.n_classes = layer.shape[0]  # one-hot; an embedding says otherwise
        return
    if not layer.sources:  # a Sequential model without a declared input
        layer = KerasLayer(layer.name, layer.kind, layer.config, ("",))
        build.at[""], build.is_map[""] = LATENT, layer.shape is not None and len(layer.shape) == 3
    make = _LAYERS.get(layer.kind)
    if make is None:
        raise ValueError(
            f"the Keras layer {layer.name!r} is a {layer.kind}, which is not read here; read are {', '.join(_LAYERS)}"
        )
    make(build, layer)


# One function for each kind of layer


def _dense(build: Build, layer: KerasLayer) -> None:
    if build.takes_map(layer):
        raise ValueError(f"the Keras layer {layer.name!r} is a Dense layer over a map, which is not read here")
    kernel = build.weight(layer, "kernel", 2)
    bias = _bias(build, layer)
    module = nn.Linear(*kernel.shape, bias=bool(bias))
    build.add(layer, layer.name, module, False, weight=kernel.T, **bias)
    _activation_of(build, layer)


def _conv(build: Build, layer: KerasLayer) -> None:
    kernel, bias, config = build.weight(layer, "kernel", 4), _bias(build, layer), layer.config
    size, stride, dilation = tuple(kernel.shape[:2]), _pair(layer, "strides", 1), _pair(layer, "dilation_rate", 1)
    groups, padding = config.get("groups", 1), (0, 0)
    if _padding(layer) == "same":
        if stride == (1, 1) and all((k - 1) * d % 2 == 0 for k, d in zip(size, dilation, strict=True)):
            padding = tuple((k - 1) * d // 2 for k, d in zip(size, dilation, strict=True))
        else:
            build.add(layer, f"{layer.name}_pad", SamePad(size, stride, dilation), True)
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, "bias": bool(bias)}
    module = nn.Conv2d(kernel.shape[2] * groups, kernel.shape[3], size, **how)
    build.add(layer, layer.name, module, True, weight=kernel.permute(3, 2, 0, 1), **bias)
    _activation_of(build, layer)


def _conv_transpose(build: Build, layer: KerasLayer) -> None:
    kernel, bias = build.weight(layer, "kernel", 4), _bias(build, layer)
    size, stride = tuple(kernel.shape[:2]), _pair(layer, "strides", 1)
    _only(layer, dilation_rate=[[1, 1], 1, (1, 1)], output_padding=[None], groups=[1])
    surplus = [k - s for k, s in zip(size, stride, strict=True)]  # rows beyond input · stride; negative: missing
    cut = [max(rows, 0) if _padding(layer) == "same" else 0 for rows in surplus]
    before = tuple(rows // 2 for rows in cut)
    missing = tuple(max(-rows, 0) for rows in surplus)
    module = nn.ConvTranspose2d(
        kernel.shape[3], kernel.shape[2], size, stride, before, output_padding=missing, bias=bool(bias)
    )
    build.add(layer, layer.name, module, True, weight=kernel.permute(3, 2, 0, 1), **bias)
    bottom, right = (rows - 2 * first for rows, first in zip(cut, before, strict=True))
    if bottom or right:
        build.add(layer, f"{layer.name}_crop", Crop(0, 0, bottom, right), True)
    _activation_of(build, layer)


def _batch_norm(build: Build, layer: KerasLayer) -> None:
    is_map, config = build.takes_map(layer), layer.config
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
    if axis not in (-1, 3 if is_map else 1):
        raise ValueError(f"the Keras layer {layer.name!r} must normalise over channels, got axis {axis!r}")
    mean, variance = build.weight(layer, "moving_mean", 1), build.weight(layer, "moving_variance", 1)
    gamma = build.weight(layer, "gamma", 1) if config.get("scale", True) else torch.ones(len(mean), device="cpu")
    beta = build.weight(layer, "beta", 1) if config.get("center", True) else torch.zeros(len(mean), device="cpu")
    module = (nn.BatchNorm2d if is_map else nn.BatchNorm1d)(len(mean), eps=float(config.get("epsilon", 1e-3)))
    statistics = {"running_mean": mean, "running_var": variance}
    build.add(layer, layer.name, module, is_map, weight=gamma, bias=beta, **statistics)


def _reshape(build: Build, layer: KerasLayer) -> None:
    shape = layer.config.get("target_shape")
    if not isinstance(shape, list | tuple) or len(shape) not in (1, 3) or not all(isinstance(n, int) for n in shape):
        raise ValueError(f"the Keras layer {layer.name!r} must reshape to a vector or a map, got {shape!r}")
    build.add(layer, layer.name, KerasReshape(tuple(shape)), len(shape) == 3)


def _flatten(build: Build, layer: KerasLayer) -> None:
    build.add(layer, layer.name, KerasReshape((-1,)), False)


def _upsampling(build: Build, layer: KerasLayer) -> None:
    mode = layer.config.get("interpolation", "nearest")
    if mode not in ("nearest", "bilinear"):
        raise ValueError(f"the Keras layer {layer.name!r} must upsample 'nearest' or 'bilinear', got {mode!r}")
    corners = {} if mode == "nearest" else {"align_corners": False}
    scale = tuple(map(float, _pair(layer, "size", 2)))
    build.add(layer, layer.name, nn.Upsample(scale_factor=scale, mode=mode, **corners), True)


def _border(build: Build, layer: KerasLayer) -> None:
    """ZeroPadding2D and Cropping2D."""
    pads = layer.kind == "ZeroPadding2D"
    given = layer.config.get("padding" if pads else "cropping", 1)
    rows, columns = given if isinstance(given, list | tuple) else (given, given)
    edges = [edge if isinstance(edge, list | tuple) else (edge, edge) for edge in (rows, columns)]
    if not all(isinstance(n, int) and 0 <= n <= 4096 for edge in edges for n in edge):
        raise ValueError(f"the Keras layer {layer.name!r} must have whole numbers for its border, got {given!r}")
    (top, bottom), (left, right) = edges
    module = nn.ZeroPad2d((left, right, top, bottom)) if pads else Crop(top, left, bottom, right)
    build.add(layer, layer.name, module, True)


def _embedding(build: Build, layer: KerasLayer) -> None:
    weight = build.weight(layer, "embeddings", 2)
    if build.at[layer.sources[0]] != CLASS:
        raise ValueError(f"the Keras layer {layer.name!r} must embed the class, the second input")
    build.n_classes = len(weight)
    build.add(layer, layer.name, ClassEmbedding(*weight.shape, how=None), False, weight=weight)


def _merge(build: Build, layer: KerasLayer) -> None:
    is_map = build.takes_map(layer)
    if layer.kind == "Concatenate" and layer.config.get("axis", -1) not in (-1, 3 if is_map else 1):
        raise ValueError(f"the Keras layer {layer.name!r} must join channels, got axis {layer.config['axis']!r}")
    how = {"Concatenate": "concat", "Multiply": "multiply", "Add": "add"}[layer.kind]
    build.add(layer, layer.name, Join(how), is_map)


def _activation(build: Build, layer: KerasLayer) -> None:
    named = _named_activation(layer)
    build.add(layer, layer.name, nn.Identity() if named is None else named, build.takes_map(layer))


def _leaky(build: Build, layer: KerasLayer) -> None:
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    slope = slope.get("value") if isinstance(slope, Mapping) else slope
    if not isinstance(slope, int | float):
        raise ValueError(f"the Keras layer {layer.name!r} must have a number for its slope, got {slope!r}")
    build.add(layer, layer.name, nn.LeakyReLU(float(slope)), build.takes_map(layer))


def _relu(build: Build, layer: KerasLayer) -> None:
    _only(layer, max_value=[None], threshold=[0, None])
    slope = layer.config.get("negative_slope") or 0
    build.add(layer, layer.name, nn.LeakyReLU(slope) if slope else nn.ReLU(), build.takes_map(layer))


def _nothing(build: Build, layer: KerasLayer) -> None:
    """A layer that does nothing once training is over."""
    build.at[layer.name] = build.at[layer.sources[0]]
    build.is_map[layer.name] = build.takes_map(layer)


_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "softplus": nn.Softplus,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
}

_LAYERS: dict[str, Callable[[Build, KerasLayer], None]] = {
    "Dense": _dense,
    "Conv2D": _conv,
    "Conv2DTranspose": _conv_transpose,
    "BatchNormalization": _batch_norm,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "UpSampling2D": _upsampling,
    "ZeroPadding2D": _border,
    "Cropping2D": _border,
    "Embedding": _embedding,
    "Concatenate": _merge,
    "Multiply": _merge,
    "Add": _merge,
    "Activation": _activation,
    "LeakyReLU": _leaky,
    "ReLU": _relu,
    "Dropout": _nothing,
    "SpatialDropout2D": _nothing,
    "GaussianNoise": _nothing,
}


def _activation_of(build: Build, layer: KerasLayer) -> None:
    """The activation that a layer has in itself, as a step of its own."""
    module = _named_activation(layer)
    if module is not None:
        build.add(layer, f"{layer.name}_{layer.config['activation']}", module, build.is_map[layer.name])


def _named_activation(layer: KerasLayer) -> nn.Module | None:
    name = layer.config.get("activation")
    if name in (None, "linear"):
        return None
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        raise ValueError(
            f"the Keras layer {layer.name!r} has the activation {name!r}, which is not read here; read are "
            f"{', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]()


def _bias(build: Build, layer: KerasLayer) -> dict[str, Tensor]:
    return {"bias": build.weight(layer, "bias", 1)} if layer.config.get("use_bias", True) else {}


def _pair(layer: KerasLayer, name: str, default: int) -> tuple[int, int]:
    value = layer.config.get(name, default)
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(isinstance(n, int) and 0 < n <= 4096 for n in pair):
        raise ValueError(f"the Keras layer {layer.name!r} must have positive whole numbers as {name}, got {value!r}")
    return pair


def _padding(layer: KerasLayer) -> str:
    padding = layer.config.get("padding", "valid")
    if padding not in ("same", "valid"):
        raise ValueError(f"the Keras layer {layer.name!r} must have padding 'same' or 'valid', got {padding!r}")
    return padding


def _only(layer: KerasLayer, **allowed: list[Any]) -> None:
    for name, values in allowed.items():
        value = layer.config.get(name, values[0])
        if value not in values:
            raise ValueError(f"the Keras layer {layer.name!r} has {name} = {value!r}, which is not read here")
