"""Generators from Keras files: the file says what the layers are, so nothing has to be guessed.

Keras keeps images as (height, width, channels) and kernels as (height, width, in, out); torch has channels first.
Convolutions, norms and resizing are the same either way once kernels are turned; a reshape or flatten is not, and is
done in Keras's order. Layers keep their Keras names. A layer that is not known is refused by name, never left out.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ganwidgets.models.blank import blank
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.inert_names import shown
from ganwidgets.models.keras_config import KerasLayer, layers_of, outputs_of
from ganwidgets.models.keras_layers import Build, add_layer
from ganwidgets.models.keras_numbered import by_kind
from ganwidgets.models.pipeline import Pipeline
from ganwidgets.models.state_dicts import with_weights

_CLASS_WORDS = ("label", "class", "cond", "digit", "categor")


def from_keras(model: Mapping[str, Any], weights: Mapping[str, Tensor], name: str | None = None) -> Generator:
    """The generator a Keras model describes.

    Args:
        model: its `model_config`.
        weights: by path in the file, e.g. "dense_1/dense_1/kernel:0".
        name: what reports call it; by default as Keras does.

    Raises:
        ValueError: a layer or setting that is not read here, weights missing or left over, or no images.
    """
    layers = layers_of(model)
    filed, unused = _filed(by_kind(weights, layers), [layer.name for layer in layers])
    latent, classes = _inputs(layers)
    build = Build(filed, None if classes is None else classes.name)
    with blank():  # nothing is drawn or allocated: the weights come from the file
        for layer in layers:
            add_layer(build, layer)
        _end_at_output(build, model, layers)
        network = Pipeline(build.steps)
    left = unused + [f"{layer}/{kind}" for layer, kinds in build.weights.items() for kind in kinds]
    if left:
        raise ValueError(f"the Keras file holds {len(left)} weights that no layer uses: {', '.join(left[:3])}")
    z_shape = _z_shape(latent, layers, build)
    if classes is not None and not network.takes_class:
        raise ValueError(f"the Keras model must use its class input {classes.name!r}, but no layer takes it")
    network.check_sizes(z_shape, build.n_classes)
    network = with_weights(network, _counters(network) | build.state)
    name, output_range = name or str(_name_of(model)), _range(build)
    if build.class_input is None and not build.n_classes:
        return TorchGenerator(network, z_shape, name, output_range)
    return ConditionalGenerator(network, z_shape, build.n_classes, name, output_range)


def _counters(network: nn.Module) -> dict[str, Tensor]:
    return {key: torch.tensor(0) for key in network.state_dict() if key.endswith("num_batches_tracked")}


def _name_of(model: Mapping[str, Any]) -> str:
    config = model.get("config")
    return config.get("name", "keras model") if isinstance(config, Mapping) else "keras model"


def _filed(weights: Mapping[str, Tensor], names: list[str]) -> tuple[dict[str, dict[str, Tensor]], list[str]]:
    """Weights by layer and kind, from paths such as "model_weights/dense_1/dense_1/kernel:0", and those of no layer."""
    filed: dict[str, dict[str, Tensor]] = {}
    unused, known = [], set(names)
    for path, part in weights.items():
        *folders, last = path.split("/")
        if folders[:1] == ["optimizer_weights"]:
            continue
        owner = next((folder for folder in folders if folder in known), None)
        if owner is None:
            unused.append(path)
        else:
            kinds, kind = filed.setdefault(owner, {}), last.partition(":")[0]
            if kind in kinds:
                raise ValueError(f"the Keras layer {shown(owner)} must have one {shown(kind)}, but the file holds two")
            kinds[kind] = part
    return filed, unused


def _inputs(layers: list[KerasLayer]) -> tuple[KerasLayer | None, KerasLayer | None]:
    """The inputs that take the latent and the class; None for a latent that is not declared, and for no class."""
    inputs = [layer for layer in layers if layer.kind == "InputLayer"]
    if len(inputs) < 2:
        return (inputs[0] if inputs else None), None
    embedded = {source for layer in layers if layer.kind == "Embedding" for source in layer.sources}
    rules = (
        lambda layer: layer.name in embedded,
        lambda layer: any(word in layer.name.lower() for word in _CLASS_WORDS),
    )
    for rule in rules:
        found = [layer for layer in inputs if rule(layer)]
        if len(inputs) == 2 and len(found) == 1:
            return next(layer for layer in inputs if layer is not found[0]), found[0]
    raise ValueError(
        f"the Keras model must take a latent, or a latent and a class, got {[layer.name for layer in inputs]}"
    )


def _end_at_output(build: Build, model: Mapping[str, Any], layers: list[KerasLayer]) -> None:
    """Refuse models that give something else than what their last layer does."""
    outputs = outputs_of(model) or (layers[-1].name,)
    if len(outputs) != 1 or not build.steps or build.at.get(outputs[0]) != build.steps[-1].name:
        raise ValueError(f"the Keras model must give one picture, its last layer's, got the outputs {list(outputs)}")


def _z_shape(latent: KerasLayer | None, layers: list[KerasLayer], build: Build) -> tuple[int, ...]:
    shape = (latent or layers[0]).shape
    if shape is None:
        dense = next((build.state.get(f"{layer.name}.weight") for layer in layers if layer.kind == "Dense"), None)
        if dense is None:
            raise ValueError("the Keras model must say the shape of its input, or begin with a Dense layer")
        return (dense.shape[1],)
    return (shape[2], *shape[:2]) if len(shape) == 3 else shape


def _range(build: Build) -> tuple[float, float]:
    """A sigmoid somewhere behind all weights ends in [0, 1]; all else is taken for [−1, 1]."""
    for step in reversed(build.steps):
        if isinstance(step.module, nn.Sigmoid):
            return 0.0, 1.0
        if isinstance(step.module, nn.Tanh) or any(True for _ in step.module.parameters()):
            break
    return -1.0, 1.0


def _recognises(found: Found) -> bool:
    return "keras" in found.config


def _build(found: Found, name: str) -> Generator:
    return from_keras(found.config["keras"], found.state, name)


FAMILY = Family("Keras", _recognises, _build)
