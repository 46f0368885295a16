"""What is in a file, in a table: what was found, what was chosen as the generator, what was ignored and why.

    print(gw.inspect("network.pkl"))
    gw.inspect("network.pkl").to_frame()

The file is read as `load` reads it: nothing in it runs, and no name in it is looked up outside the package.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ganwidgets.models import selfcheck
from ganwidgets.models.checkpoints import build, family_of, read
from ganwidgets.models.files import Content
from ganwidgets.models.found import Found, find_generator
from ganwidgets.models.generator import Generator
from ganwidgets.models.inert_names import shown
from ganwidgets.models.inert_trees import children, text_of

if TYPE_CHECKING:
    import pandas as pd

MOST_TENSORS = 200
"""Tensors that are listed."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect` found.

    Attributes:
        name: of the file.
        format: "torch", "torch (legacy)", "pickle", "safetensors", "npz", "hdf5", "keras" or "state dict".
        size: of the file [bytes]; None of a state dict.
        family: of the generator; "" if it is of none that is known.
        where: the keys that lead to the generator, "" if it is all there is.
        facts: what is known about it, e.g. {"image": "3 x 64 x 64", "z": "512", "classes": "10"}.
        layers: (name, units, height, width) of the layers with maps; () if it could not be built.
        tensors: (name, shape, type) of the weights chosen; of all in the file if nothing was.
        ignored: (what, why) of everything else.
        notes: what was done on the way, and what looks wrong.
        problem: why it cannot be loaded; "" if it can.
    """

    name: str
    format: str
    size: int | None
    family: str
    where: str
    facts: Mapping[str, str]
    layers: tuple[tuple[str, int, int, int], ...]
    tensors: tuple[tuple[str, tuple[int, ...], str], ...]
    ignored: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    problem: str

    def rows(self) -> Iterator[tuple[str, str]]:
        """(what, value) of all but layers and tensors, in the order in which they are shown."""
        yield "format", self.format if self.size is None else f"{self.format}, {self.size:,} bytes"
        yield "family", self.family or "none that is known here"
        yield "chosen", self.where or ("all of it" if self.tensors and not self.problem else "nothing")
        yield from self.facts.items()
        yield from (("ignored", f"{what}: {why}") for what, why in self.ignored)
        yield from (("note", note) for note in self.notes)
        if self.problem:
            yield "problem", self.problem

    def to_frame(self) -> "pd.DataFrame":
        """One row for each tensor: name, shape, type, number of elements."""
        import pandas as pd

        rows = [(name, shape, kind, prod(shape)) for name, shape, kind in self.tensors]
        return pd.DataFrame(rows, columns=["tensor", "shape", "type", "elements"])

    def __str__(self) -> str:
        lines = [self.name, *(f"  {what:<12}{value}" for what, value in self.rows())]
        if self.layers:
            lines.append("  layers with maps")
            lines += [f"    {name:<28}{units:>6}{height:>7} x {width}" for name, units, height, width in self.layers]
        elif self.tensors:
            lines.append("  tensors")
            lines += [f"    {name:<44} {_sides(shape):<20} {kind}" for name, shape, kind in self.tensors[:MOST_TENSORS]]
            if (more := len(self.tensors) - MOST_TENSORS) > 0:
                lines.append(f"    and {more} more")
        return "\n".join(lines)


def inspect(source: Any) -> Inspection:
    """What is in a file or a state dict, and what `load` would make of it.

    Args:
        source: as for `load`, but for modules and generators.

    Raises:
        as `load` where the file cannot be read at all.
    """
    content, path = read(source)
    name, size = (content.name, None) if path is None else (path.name, path.stat().st_size)
    try:
        found = find_generator(content)
    except ValueError as error:
        return _unknown(content, name, size, str(error))
    family, generator, problem = "", None, ""
    try:
        family = (known := family_of(found)).name
        generator = build(found, content.name)
    except ValueError as error:
        problem = str(error)
    facts = _weights_facts(found) | ({} if generator is None else facts_of(generator) | known.describe(generator))
    notes = (*found.notes, *([] if generator is None else selfcheck.complaints(generator)))
    return Inspection(
        name,
        content.format,
        size,
        family,
        found.where,
        {str(key): str(value) for key, value in facts.items()},
        () if generator is None else _layers(generator),
        _listed(found.state),
        found.ignored,
        notes,
        problem,
    )


def facts_of(generator: Generator) -> dict[str, str]:
    """What can be said of every generator, and of those with a mapping or classes."""
    channels, height, width = generator.image_shape
    kinds = {1: "grey", 3: "RGB", 4: "RGBA"}
    facts = {"image": f"{height} x {width}, {channels} channels ({kinds[channels]})", "z": _sides(generator.z_shape)}
    module = generator.module
    if (style := getattr(module, "style_dim", None)) is not None:
        facts["w"] = str(style)
        depth = sum(part.ndim == 2 for key, part in module.state_dict().items() if key.startswith("style."))
        facts["mapping"] = f"{depth} layers"
    if classes := getattr(generator, "classes", ()):
        first = ", ".join(map(shown, classes[:4])) + (", …" if len(classes) > 4 else "")
        facts["classes"] = f"{len(classes)} ({first})"
    return facts


def _weights_facts(found: Found) -> dict[str, str]:
    facts = {"parameters": f"{sum(part.numel() for part in found.state.values()):,} in {len(found.state)} tensors"}
    if name := found.config.get("class_name"):
        facts["class"] = shown(name)
    plain = {key: value for key, value in found.config.get("options", {}).items() if len(text_of(value)) <= 60}
    if plain:
        facts["options"] = ", ".join(f"{shown(key)}={shown(value)}" for key, value in list(plain.items())[:12])
    return facts


def _layers(generator: Generator) -> tuple[tuple[str, int, int, int], ...]:
    return tuple((name, *generator.layers[name].shape) for name in generator.map_layers)


def _listed(state: Mapping[str, Tensor]) -> tuple[tuple[str, tuple[int, ...], str], ...]:
    return tuple((shown(key), tuple(part.shape), str(part.dtype).removeprefix("torch.")) for key, part in state.items())


def _unknown(content: Content, name: str, size: int | None, problem: str) -> Inspection:
    tensors = _listed(dict(_tensors(content.tree, "", set())))
    return Inspection(name, content.format, size, "", "", {}, (), tensors, (), content.notes, problem)


def _tensors(node: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a file once, with the keys that lead to it."""
    if isinstance(node, Tensor):
        yield path or "(no name)", node
    elif id(node) not in seen:
        seen.add(id(node))
        named = node.items() if isinstance(node, Mapping) else enumerate(children(node))
        for key, part in named:
            yield from _tensors(part, f"{path}/{shown(key)}" if path else shown(key), seen)


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
