"""What a Keras file says about its layers, as plain facts: their order, what each takes, and what goes in.

A file says it in one of three ways: a list of layers (Sequential), or a graph as Keras 2 or as Keras 3 writes it.
`layers_of` makes one list of all three, in an order in which they can be run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class KerasLayer:
    """A layer of a Keras model.

    Attributes:
        name: as weights are filed under.
        kind: its class, e.g. "Conv2DTranspose".
        config: its settings.
        sources: names of the layers it takes.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    sources: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...] | None:
        """What one input is shaped like, where the layer says so."""
        given = self.config.get("batch_input_shape") or self.config.get("batch_shape")
        if not isinstance(given, list | tuple) or not all(isinstance(size, int) and size > 0 for size in given[1:]):
            return None
        return tuple(given[1:])


def layers_of(model: Mapping[str, Any]) -> list[KerasLayer]:
    """The layers of a model, each after those it takes.

    Raises:
        ValueError: a kind of model that is not read, or a description that makes no sense.
    """
    kind, config = model.get("class_name"), model.get("config")
    if kind not in ("Sequential", "Functional", "Model"):
        raise ValueError(f"the Keras model must be Sequential or Functional, got {kind!r}")
    given = config.get("layers") if isinstance(config, Mapping) else config
    if not isinstance(given, list) or not all(isinstance(layer, Mapping) for layer in given) or not given:
        raise ValueError(f"the Keras {kind} model must list its layers, got {type(given).__name__}")
    return _in_a_row(given) if kind == "Sequential" else _sorted([_node(layer) for layer in given])


def outputs_of(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the layers whose outputs a Functional model gives; () if it does not say."""
    config = model.get("config")
    given = config.get("output_layers", ()) if isinstance(config, Mapping) else ()
    return tuple(_histories(given))


def _in_a_row(given: list[Mapping[str, Any]]) -> list[KerasLayer]:
    layers: list[KerasLayer] = []
    for place, layer in enumerate(given):
        sources = (layers[-1].name,) if layers else ()
        config = _config(layer)
        layers.append(
            KerasLayer(str(config.get("name", f"layer_{place}")), str(layer.get("class_name")), config, sources)
        )
    return layers


def _node(layer: Mapping[str, Any]) -> KerasLayer:
    config = _config(layer)
    name, nodes = str(layer.get("name") or config.get("name")), layer.get("inbound_nodes") or []
    if len(nodes) > 1:
        raise ValueError(f"the Keras layer {name!r} is used {len(nodes)} times, which is not read here")
    return KerasLayer(name, str(layer.get("class_name")), config, tuple(_histories(nodes)))


def _config(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    config = layer.get("config")
    if not isinstance(config, Mapping):
        raise ValueError(f"the Keras layer {layer.get('name') or layer.get('class_name')!r} must have settings")
    return config


def _histories(node: Any) -> Iterator[str]:
    """Names of layers in references: ["dense", 0, 0, {}] in Keras 2, {"keras_history": ["dense", 0, 0]} in Keras 3."""
    if isinstance(node, Mapping):
        if "keras_history" in node:
            yield str(node["keras_history"][0])
        else:
            for part in node.values():
                yield from _histories(part)
    elif isinstance(node, list | tuple):
        if len(node) in (3, 4) and isinstance(node[0], str) and all(isinstance(n, int) for n in node[1:3]):
            yield node[0]
        else:
            for part in node:
                yield from _histories(part)


def _sorted(layers: list[KerasLayer]) -> list[KerasLayer]:
    """Each after those it takes; otherwise in the order given."""
    waiting, done, order = list(layers), set(), []
    while waiting:
        ready = [layer for layer in waiting if set(layer.sources) <= done]
        if not ready:
            raise ValueError(f"the Keras layer {waiting[0].name!r} takes {list(waiting[0].sources)}, which never come")
        order.append(ready[0])
        done.add(ready[0].name)
        waiting.remove(ready[0])
    return order
