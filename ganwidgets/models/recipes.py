"""A generator from its weights and a recipe: a description, step by step, of what weights alone do not tell.

Where a map is enlarged, what activation follows, how far a kernel moves: none of this is in a state dict. A recipe says
it, as lines of words (`recipe_words.py`), as plain data, or as a JSON file of them:

    gw.load("generator.pt", recipe=["deconv net.0", "norm net.1", "relu", "deconv net.3 stride 2 padding 1", …, "tanh"])
    gw.load("generator.pt", recipe="architecture.json")

Nothing of a recipe is run: each step is one of those below, with options that are known, and every weight of the file
must be used. Layers are called as in the file.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganwidgets.models.blank import blank
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.pipeline import Pipeline
from ganwidgets.models.priors import Sampler, sampler_of
from ganwidgets.models.recipe_parts import Parts
from ganwidgets.models.recipe_steps import built
from ganwidgets.models.recipe_words import step_of
from ganwidgets.models.spectral import without_spectral_norm
from ganwidgets.models.state_dicts import with_weights

RecipeLike = str | os.PathLike | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]

_MOST_BYTES = 4_000_000


@dataclass(frozen=True)
class Recipe:
    """A description of a generator.

    Attributes:
        steps: in the order in which they run, as plain data.
        z_shape: of one latent; None takes it from the first weights.
        prior: what latents are drawn from.
        output_range: lowest and highest value of its images; None means [0, 1] behind a sigmoid, else [-1, 1].
        classes: names of classes, if it is told what to draw; None numbers them.
    """

    steps: tuple[Mapping[str, Any], ...]
    z_shape: tuple[int, ...] | None = None
    prior: str | Sampler | None = None
    output_range: tuple[float, float] | None = None
    classes: tuple[str, ...] | None = None


def read_recipe(given: RecipeLike, file: str | os.PathLike | None = None) -> Recipe:
    """A recipe from what a person gave.

    Args:
        given: lines of words or plain data; a mapping with "layers" (and "z", "output"), or with "models" of several;
            or the path of a JSON file of one of these.
        file: the weights it is for; its folder is looked into as well, and its name chooses among several models.

    Raises:
        FileNotFoundError: no such JSON file.
        ValueError: no recipe; says what is wrong.
        TypeError: something else than a recipe.
    """
    if isinstance(given, str | os.PathLike):
        given = _read_json(Path(given), file)
    if isinstance(given, Mapping):
        return _from_mapping(given, file)
    if not isinstance(given, Sequence) or isinstance(given, bytes):
        raise TypeError(f"`recipe` must be a list of steps, a mapping or the path of a JSON file, got {given!r}")
    return Recipe(_steps(given))


def from_recipe(
    recipe: Recipe, state: Mapping[str, Tensor], name: str | None = None, *, prior: str | Sampler | None = None
) -> Generator:
    """The generator a recipe describes, with these weights.

    Args:
        recipe: as `read_recipe` gives it.
        state: weights by name.
        name: what reports call the generator.
        prior: what latents are drawn from, instead of what the recipe says.

    Raises:
        ValueError: a step that is not known or does not fit the weights, weights that no step uses, or no images.
    """
    state = without_spectral_norm(state)
    with blank():  # nothing is drawn or allocated: the weights come from the file
        parts = built(recipe.steps, state)
        network = Pipeline(parts.steps)
    return from_pipeline(network, parts, state, recipe, name, prior)


def from_pipeline(
    network: Pipeline,
    parts: Parts,
    state: Mapping[str, Tensor],
    recipe: Recipe,
    name: str | None = None,
    prior: str | Sampler | None = None,
) -> Generator:
    """The generator of a pipeline that was built on paper: weights filled in, latents and classes as described."""
    z_shape = recipe.z_shape or parts.z_shape
    if z_shape is None:
        raise ValueError("`recipe` must say the shape of a latent ('z': {'shape': [100]}): no step has weights for it")
    network.check_sizes(z_shape, parts.n_classes)
    network = with_weights(network, counters(network) | dict(state))
    sampler = sampler_of(recipe.prior if prior is None else prior, z_shape)
    ends_in_sigmoid = isinstance(network.get_submodule(network.order[-1]), nn.Sigmoid)
    output_range = recipe.output_range or ((0.0, 1.0) if ends_in_sigmoid else (-1.0, 1.0))
    if not parts.n_classes:
        return TorchGenerator(network, z_shape, name, output_range, sampler)
    return ConditionalGenerator(network, z_shape, recipe.classes or parts.n_classes, name, output_range, sampler)


def counters(network: nn.Module) -> dict[str, Tensor]:
    """Counters of training steps, which many files lack and nothing looks at."""
    return {key: torch.tensor(0) for key in network.state_dict() if key.endswith("num_batches_tracked")}


def _steps(given: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    steps = []
    for step in given:
        if isinstance(step, str):
            steps.append(step_of(step))
        elif isinstance(step, Mapping):
            steps.append(dict(step))
        else:
            raise TypeError(f"`recipe` must hold lines such as 'relu', or mappings, got {step!r}")
    if not steps:
        raise ValueError("`recipe` must hold at least one step, got none")
    return tuple(steps)


def _from_mapping(given: Mapping[str, Any], file: str | os.PathLike | None) -> Recipe:
    if "models" in given:
        given = _chosen(given["models"], file)
    if "layers" not in given:
        raise ValueError(f"`recipe` must have 'layers', its steps in order, got {list(given)}")
    z, output = given.get("z") or {}, given.get("output") or {}
    try:
        shape = tuple(int(size) for size in z["shape"]) if "shape" in z else None
        ends = tuple(float(end) for end in output["range"]) if "range" in output else None
        low, high = ends or (-1.0, 1.0)  # two of them
        classes = given.get("classes")
        classes = None if classes is None else tuple(map(str, classes))
    except (TypeError, ValueError, AttributeError):
        raise ValueError(
            "`recipe` must give z as {'shape': [100], 'distribution': 'normal'} and output as {'range': [-1, 1]}, got "
            f"{z!r} and {output!r}"
        ) from None
    return Recipe(_steps(given["layers"]), shape, z.get("distribution"), ends and (low, high), classes)


def _chosen(models: Any, file: str | os.PathLike | None) -> Mapping[str, Any]:
    """The model of several that is in this file, or the one that is called a generator, or the only one."""
    if not isinstance(models, Mapping) or not all(isinstance(model, Mapping) for model in models.values()):
        raise ValueError(f"`recipe` must give 'models' as a mapping of names to descriptions, got {models!r}")
    wanted = None if file is None else Path(file).name
    rules: tuple[Callable[[str, Mapping], bool], ...] = (
        lambda name, model: wanted is not None and wanted in (_base(model.get("file")), _base(model.get("port"))),
        lambda name, model: name == "generator",
        lambda name, model: True,
    )
    for rule in rules:
        found = [model for name, model in models.items() if rule(name, model)]
        if len(found) == 1:
            return found[0]
    raise ValueError(f"`recipe` describes {list(models)}: pass the description of the one that is meant")


def _base(path: Any) -> str | None:
    return Path(path).name if isinstance(path, str) else None


def _read_json(path: Path, file: str | os.PathLike | None) -> Any:
    places = [path.expanduser()]
    if file is not None and not path.is_absolute():
        places.append(Path(file).expanduser().parent / path)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"`recipe` must be a list of steps or a JSON file, but there is no {str(path)!r}"
            + (" there, nor beside the weights" if len(places) > 1 else "")
        )
    if found.stat().st_size > _MOST_BYTES:
        raise ValueError(f"`recipe` must be a short description, but {found.name} has {found.stat().st_size:,} bytes")
    try:
        return json.loads(found.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no text, no JSON, or a number of thousands of digits
        raise ValueError(f"`recipe` must be a JSON file, but {found.name} is none: {error}") from None
