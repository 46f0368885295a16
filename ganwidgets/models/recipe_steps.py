"""The steps a recipe may hold, and how each becomes a module whose sizes come from the weights.

A step is plain data: {"type": "Conv2d", "key": "up.0", "padding": 1, "norm": {…}, "activation": "relu"}. A norm and an
activation may be named with the step they follow, or be steps of their own. What a step claims (sizes, whether there is
a bias) is compared with the weights; an option that is not known is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.pipeline import CLASS, LATENT, ClassEmbedding, Crop, Reshape, Step, free_name

_SAID = ("note", "comment", "index", "h5_layer", "h5_norm", "feature_shape")
"""Options that are for people."""

_MOST = 4096
"""The largest number a step may ask for: a line of text can claim a billion pixels."""


@dataclass
class Parts:
    """What has been built so far.

    Attributes:
        steps: of the pipeline.
        z_shape: of one latent, as the first weights have it; None if no weights were seen yet.
        n_classes: how many classes are asked for; 0 for none.
    """

    state: Mapping[str, Tensor]
    steps: list[Step] = field(default_factory=list)
    z_shape: tuple[int, ...] | None = None
    n_classes: int = 0
    joined: int = 0  # how much of the first layer's input is not the latent
    is_map: bool = False

    def add(self, module: nn.Module, kind: str, key: str | None = None, inputs: tuple[str, ...] | None = None) -> None:
        """One more step, under its name in the file, or a free one."""
        taken = {name.rpartition(".")[0] for name in self.state} | {step.name for step in self.steps}
        before = self.steps[-1].name if self.steps else ""
        name = key or (free_name(before, taken, kind) if before else kind)
        self.steps.append(Step(name, module, inputs))


class Options:
    """The options of one step, each to be taken once."""

    def __init__(self, step: Mapping[str, Any]) -> None:
        self.kind, self._left = step["type"], {key: value for key, value in step.items() if key not in _SAID}
        self._left.pop("type")

    def take(self, name: str, default: Any = None) -> Any:
        """An option, or what is meant without it."""
        return self._left.pop(name, default)

    def number(self, name: str, default: int | None = None, least: int = 0) -> int:
        """An option that is a whole number."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            raise ValueError(f"`recipe` must give {name} of {self.kind} as a whole number ≥ {least}, got {value!r}")
        return value

    def numbers(self, name: str, default: Any = None, least: int = 0) -> Any:
        """An option that is a whole number, or one each for height and width."""
        value = self.take(name, default)
        parts = value if isinstance(value, list | tuple) else [value]
        wrong = [v for v in parts if isinstance(v, bool) or not isinstance(v, int) or not least <= v <= _MOST]
        if wrong or not 1 <= len(parts) <= 2:
            raise ValueError(f"`recipe` must give {name} of {self.kind} as whole numbers ≥ {least}, got {value!r}")
        return parts[0] if len(parts) == 1 else tuple(parts)

    def fraction(self, name: str, default: float) -> float:
        """An option that is a number above 0."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ValueError(f"`recipe` must give {name} of {self.kind} as a positive number, got {value!r}")
        return float(value)

    def claimed(self, **facts: Any) -> None:
        """Compare what the step says about its weights with the weights."""
        for name, fact in facts.items():
            value = self.take(name, fact)
            value = tuple(value) if isinstance(value, list) else value
            square = isinstance(fact, tuple) and len(set(fact)) == 1 and value == fact[0]
            if value != fact and not square:
                raise ValueError(f"`recipe` says {name} {value!r} for {self.kind}, but the weights have {fact!r}")

    def end(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            name = next(iter(self._left))
            raise ValueError(f"`recipe` has an option {name!r} for {self.kind} that is not known here")


def built(steps: Sequence[Mapping[str, Any]], state: Mapping[str, Tensor]) -> Parts:
    """The modules of a recipe, their sizes taken from the weights.

    Raises:
        ValueError: a step or option that is not known, or that does not fit the weights.
    """
    parts = Parts(state)
    for step in (single for given in steps for single in _singles(given)):
        make = _MAKERS.get(step["type"])
        if make is None:
            raise ValueError(
                f"`recipe` must be made of {list(_MAKERS)}, got {step['type']!r}."
                f"{did_you_mean(str(step['type']), _MAKERS)}"
            )
        options = Options(step)
        make(parts, options)
        options.end()
    return parts


def _singles(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A step with its norm and activation as steps of their own, in the order said."""
    step = dict(step)
    if not isinstance(step.get("type"), str):
        raise ValueError(f"`recipe` must give each step a type such as 'Conv2d', got {step}")
    if step["type"] in ("Norm", "BatchNorm2d", "BatchNorm1d", "GroupNorm", "InstanceNorm"):
        inner = step.pop("norm", None)
        step.pop("channels", None)
        step = {**inner, **step} if isinstance(inner, Mapping) else step
        step["type"] = inner.get("type", step["type"]) if isinstance(inner, Mapping) else step["type"]
    after = {"norm": step.pop("norm", None), "activation": step.pop("activation", None)}
    slope = {"slope": step.pop("slope")} if after["activation"] and "slope" in step else {}
    order = step.pop("order", ["op", "norm", "activation"])
    if not isinstance(order, list | tuple) or sorted(order) != ["activation", "norm", "op"] or order[0] != "op":
        known = isinstance(order, list | tuple) and order[:1] in (["op"], ("op",)) and set(order) <= {"op", *after}
        if not known:
            raise ValueError(f"`recipe` must give order as ['op', 'norm', 'activation'] or so, got {order!r}")
    singles = [step]
    for part in order[1:]:
        given = after[part]
        if given is None:
            continue
        if part == "norm":
            if not isinstance(given, Mapping):
                raise ValueError(f"`recipe` must give a norm as {{'type': 'BatchNorm2d', 'key': …}}, got {given!r}")
            singles.append(dict({"type": "BatchNorm2d"} | dict(given)))
        else:
            singles.append({"type": given, **slope})
    return singles


# One function for each kind of step


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
    whole = isinstance(shape, list | tuple) and all(isinstance(size, int) and 0 < size <= _MOST for size in shape)
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

_MAKERS: dict[str, Callable[[Parts, Options], None]] = {
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
