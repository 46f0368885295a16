"""How each step of a recipe becomes a module: one function for each kind, and `MAKERS`, which knows them by name."""

from collections.abc import Callable

from torch import Tensor, nn

from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.pipeline import CLASS, LATENT, ClassEmbedding, Crop, Reshape
from ganwidgets.models.recipe_parts import MOST, Options, Parts


def _weight(parts: Parts, options: Options, *ndims: int) -> tuple[str, Tensor]:
    key = options.take("key")
    if not isinstance(key, str) or f"{key}.weight" not in parts.state:
        known = [name.removesuffix(".weight") for name in parts.state if name.endswith(".weight")]
        raise ValueError(
            f"`recipe` must name weights of the file for {options.kind}, but there is no {f'{key}.weight'!r}."
            f"{did_you_mean(str(key), known)}"
        )
    weight = parts.state[f"{key}.weight"]
    if weight.ndim not in ndims:
        raise ValueError(
            f"`recipe` says {options.kind} for {key!r}, whose weight must have {ndims[0]} axes, got "
            f"{tuple(weight.shape)}"
        )
    return key, weight


def _first(parts: Parts, size: int, is_map: bool) -> None:
    """Latents are what the first weights take, less what was joined to them."""
    if parts.z_shape is None:
        depth = size - parts.joined
        if depth < 1:
            raise ValueError(f"`recipe` joins {parts.joined} numbers to a latent, but the first layer takes {size}")
        parts.z_shape = (depth, 1, 1) if is_map else (depth,)


def _linear(parts: Parts, options: Options) -> None:
    key, weight = _weight(parts, options, 2)
    bias = f"{key}.bias" in parts.state
    outputs, inputs = weight.shape
    options.claimed(**{"in": inputs, "out": outputs, "bias": bias})
    _first(parts, inputs, is_map=False)
    parts.add(nn.Linear(inputs, outputs, bias=bias), "linear", key)
    parts.is_map = False


def _conv(parts: Parts, options: Options) -> None:
    key, weight = _weight(parts, options, 4)
    transposed = options.kind == "ConvTranspose2d"
    groups, bias = options.number("groups", 1, 1), f"{key}.bias" in parts.state
    inputs, outputs = weight.shape[:2] if transposed else weight.shape[1::-1]
    inputs, outputs = (inputs, outputs * groups) if transposed else (inputs * groups, outputs)
    kernel = tuple(weight.shape[2:])
    options.claimed(**{"in": inputs, "out": outputs, "bias": bias, "kernel": kernel})
    how = {"stride": options.numbers("stride", 1, 1), "padding": options.numbers("padding", 0)}
    how |= {"dilation": options.numbers("dilation", 1, 1), "groups": groups, "bias": bias}
    if transposed:
        how["output_padding"] = options.numbers("output_padding", 0)
    _first(parts, inputs, is_map=True)
    try:
        module = (nn.ConvTranspose2d if transposed else nn.Conv2d)(inputs, outputs, kernel, **how)
    except ValueError as error:
        raise ValueError(f"`recipe` does not fit the weights of {key!r}: {error}") from None
    parts.add(module, "conv", key)
    parts.is_map = True


def _batch_norm(parts: Parts, options: Options) -> None:
    key = options.take("key")
    mean = parts.state.get(f"{key}.running_mean")
    if mean is None:
        raise ValueError(
            f"`recipe` says batch norm for {key!r}, but the file has no {key}.running_mean; groupnorm and instancenorm "
            "need none"
        )
    affine = f"{key}.weight" in parts.state
    options.claimed(affine=affine, running_stats=True, channels=mean.numel())
    kind = nn.BatchNorm2d if parts.is_map else nn.BatchNorm1d
    parts.add(kind(mean.numel(), eps=options.fraction("eps", 1e-5), affine=affine), "norm", key)


def _group_norm(parts: Parts, options: Options) -> None:
    key, weight = _weight(parts, options, 1)
    units = weight.numel()
    groups = units if options.kind == "InstanceNorm" else options.number("groups", 1, 1)
    if units % groups:
        raise ValueError(f"`recipe` must give groups that divide the {units} units of {key!r}, got {groups}")
    options.claimed(channels=units, affine=True)
    parts.add(nn.GroupNorm(groups, units, eps=options.fraction("eps", 1e-5)), "norm", key)


def _embedding(parts: Parts, options: Options) -> None:
    key, weight = _weight(parts, options, 2)
    classes, size = weight.shape
    options.claimed(**{"in": classes, "out": size})
    how = _how(options)
    _joined(parts, classes, size if how == "concat" else 0)
    module = ClassEmbedding(classes, size, how, unit=bool(options.take("unit", False)))
    before = parts.steps[-1].name if parts.steps else LATENT
    parts.add(module, "embedding", key, (before, CLASS))


def _one_hot(parts: Parts, options: Options) -> None:
    classes, how = options.number("classes", None, 1), _how(options)
    _joined(parts, classes, classes if how == "concat" else 0)
    before = parts.steps[-1].name if parts.steps else LATENT
    parts.add(ClassEmbedding(classes, None, how), "onehot", None, (before, CLASS))


def _how(options: Options) -> str:
    """How a class joins; "concat(z, embedding)" is understood as well."""
    said = str(options.take("joins", "concat")).partition("(")[0]
    if said not in ("concat", "multiply", "add"):
        raise ValueError(f"`recipe` must join a class by 'concat', 'multiply' or 'add', got {said!r}")
    return said


def _joined(parts: Parts, classes: int, size: int) -> None:
    if parts.n_classes not in (0, classes):
        raise ValueError(f"`recipe` must have one number of classes, got {parts.n_classes} and {classes}")
    parts.n_classes = classes
    parts.joined += size if parts.z_shape is None else 0


def _reshape(parts: Parts, options: Options) -> None:
    shape, permute = options.take("shape"), options.take("permute")
    whole = isinstance(shape, list | tuple) and all(isinstance(size, int) and 0 < size <= MOST for size in shape)
    if not whole or len(shape) != 3 or permute not in (None, [0, 3, 1, 2]):
        raise ValueError(
            "`recipe` must reshape to three numbers, (channels height width) or with channels_last (height width "
            f"channels), got {shape!r} and permute {permute!r}"
        )
    last = bool(options.take("channels_last", permute is not None))
    parts.add(Reshape(shape, last), "reshape")
    parts.is_map = True


def _flatten(parts: Parts, options: Options) -> None:
    parts.add(nn.Flatten(1), "flatten")
    parts.is_map = False


def _upsample(parts: Parts, options: Options) -> None:
    scale, mode = options.numbers("scale", 2, 1), options.take("mode", "nearest")
    if mode not in ("nearest", "bilinear", "bicubic"):
        raise ValueError(f"`recipe` must upsample 'nearest', 'bilinear' or 'bicubic', got {mode!r}")
    corners = {} if mode == "nearest" else {"align_corners": bool(options.take("align_corners", False))}
    parts.add(nn.Upsample(scale_factor=scale, mode=mode, **corners), "upsample")


def _pixel_shuffle(parts: Parts, options: Options) -> None:
    parts.add(nn.PixelShuffle(options.number("scale", 2, 1)), "pixel_shuffle")


def _crop(parts: Parts, options: Options) -> None:
    edges = [options.number(edge, 0) for edge in ("top", "left", "bottom", "right")]
    if options.kind == "Crop":
        parts.add(Crop(*edges), "crop")
    else:
        top, left, bottom, right = edges
        parts.add(nn.ZeroPad2d((left, right, top, bottom)), "pad")


def _leaky_relu(parts: Parts, options: Options) -> None:
    parts.add(nn.LeakyReLU(options.fraction("slope", 0.2)), "leaky_relu")


def _plain(name: str, module: Callable[[], nn.Module]) -> Callable[[Parts, Options], None]:
    return lambda parts, options: parts.add(module(), name)


_ACTIVATIONS = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}

MAKERS: dict[str, Callable[[Parts, Options], None]] = {
    "Linear": _linear,
    "Conv2d": _conv,
    "ConvTranspose2d": _conv,
    "Norm": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "BatchNorm1d": _batch_norm,
    "GroupNorm": _group_norm,
    "InstanceNorm": _group_norm,
    "Embedding": _embedding,
    "OneHot": _one_hot,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Upsample": _upsample,
    "PixelShuffle": _pixel_shuffle,
    "Pad": _crop,
    "Crop": _crop,
    "leaky_relu": _leaky_relu,
    **{name: _plain(name, module) for name, module in _ACTIVATIONS.items()},
    **{module.__name__: _plain(name, module) for name, module in _ACTIVATIONS.items()},
    "LeakyReLU": _leaky_relu,
}
"""Kind of step → what builds it."""
