"""An encoder as a file, and what a training goes on from: one safetensors with JSON in its metadata, never a pickle.

What a file holds is checked against the encoder that the network asks for, so that it cannot claim shapes of its own.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganwidgets.invert.encoder_latents import LatentSpace
from ganwidgets.invert.encoder_recipe import KINDS, Recipe
from ganwidgets.invert.encoder_training import Training, built, chain_of
from ganwidgets.invert.sample import identity
from ganwidgets.models.generator import Generator
from ganwidgets.models.style_generator import StyleGenerator
from ganwidgets.results.cache import content_path
from ganwidgets.results.files import read_parts, write_parts

FORMAT, VERSION = "ganwidgets encoder", 1
_TRAINING = "ganwidgets encoder training"


def path_for(network: Generator, kind: str, layer: str, recipe: Recipe, folder: bool | str | Path) -> Path:
    """Where an encoder is kept."""
    about = [FORMAT, VERSION, *identity(network), kind, layer, asdict(recipe)]
    return content_path(folder, "encoders", about, ".safetensors")


def write(path: Path, facts: Mapping[str, Any], net: nn.Module, latents: LatentSpace) -> Path:
    """Weights in half precision; statistics, of which there are few, as they are."""
    tensors = {f"net/{name}": _small(part.detach()) for name, part in net.state_dict().items()}
    tensors |= {"mean": latents.mean, "spread": latents.spread}
    return write_parts(path, FORMAT, VERSION, facts, {name: part.cpu().numpy() for name, part in tensors.items()})


def read(path: Path, network: Generator) -> tuple[dict[str, Any], nn.Module, LatentSpace]:
    """What was written, as an encoder of this network: (facts, weights, latents).

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, damaged, something else, or of another network.
    """
    facts, arrays = read_parts(path, FORMAT, VERSION, "a saved encoder", "train it again")
    try:
        return _checked(facts, {name: _tensor(name, part) for name, part in arrays.items()}, network)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"`path` must be a saved encoder of {network.name}, but {path.name}: {reason}") from error


def _checked(facts: dict[str, Any], tensors: dict[str, Tensor], network: Generator) -> tuple:
    if facts["network_fingerprint"] != network.fingerprint:
        raise ValueError(f"is of another network ({facts['network_name']!r}, or this one with other weights)")
    kind, layer = facts["kind"], facts["layer"]
    if kind not in KINDS or not isinstance(layer, str):
        raise ValueError(f"has kind {kind!r} and layer {layer!r}")
    shape = (network.module.style_dim,) if isinstance(network, StyleGenerator) else tuple(network.z_shape)
    space = "w" if isinstance(network, StyleGenerator) else "z"
    if facts["space"] != space or not isinstance(facts["scale_free"], bool) or not isinstance(facts["recipe"], dict):
        raise ValueError("is damaged")
    Recipe(**facts["recipe"])
    if not all(isinstance(value, int | float) for value in facts["quality"].values()):
        raise ValueError("is damaged")
    net = built(network, kind, chain_of(network, layer) if kind == "layered" else (), shape, 0)
    wanted = {f"net/{name}": part for name, part in net.state_dict().items()}
    wanted |= {"mean": torch.zeros(shape).flatten(), "spread": torch.zeros(shape).flatten()}
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in wanted.items()}:
        raise ValueError("holds other weights than such an encoder has")
    if not all(part.isfinite().all() for part in tensors.values()):
        raise ValueError("holds NaN or infinity")
    net.load_state_dict({name: tensors[f"net/{name}"].to(part) for name, part in net.state_dict().items()})
    mean, spread = (tensors[name].float().to(network.device) for name in ("mean", "spread"))
    net.eval().requires_grad_(False)
    return facts, net.to(network.device), LatentSpace(space, shape, mean, spread, facts["scale_free"])


def write_state(path: Path, training: Training, extra: Mapping[str, Any]) -> Path:
    """Everything a training needs to go on."""
    tensors = {name: part.cpu().numpy() for name, part in training.state().items()}
    facts = {"step": training.number, "recipe": asdict(training.recipe), "extra": dict(extra)}
    return write_parts(path, _TRAINING, VERSION, facts, tensors)


def read_state(path: Path, training: Training) -> dict[str, Any]:
    """Bring a training to where it was when the file was written; returns what was noted beside it.

    Raises:
        ValueError: the file is damaged, something else, or of another training.
    """
    facts, arrays = read_parts(path, _TRAINING, VERSION, "the state of a training", "train anew")
    number, recipe = facts.get("step"), asdict(training.recipe)
    if not isinstance(number, int) or not 0 <= number <= training.recipe.steps or facts.get("recipe") != recipe:
        raise ValueError(f"`path` must be the state of this training, but {path.name} is of another or damaged")
    tensors = {name: _tensor(name, part) for name, part in arrays.items()}
    if not all(part.isfinite().all() for part in tensors.values()):
        raise ValueError(f"`path` must be the state of a training, but {path.name} holds NaN or infinity")
    training.resume(number, tensors)
    return facts.get("extra") or {}


def rounded(net: nn.Module) -> nn.Module:
    """A copy that computes with the weights that `write` keeps."""
    net = copy.deepcopy(net).eval().requires_grad_(False)
    net.load_state_dict({name: _small(part).to(part) for name, part in net.state_dict().items()})
    return net


def _small(part: Tensor) -> Tensor:
    return part.half() if part.ndim > 1 else part


def _tensor(name: str, array: np.ndarray) -> Tensor:
    if array.dtype.kind not in "fi":
        raise ValueError(f"holds {array.dtype} numbers")
    single = array.size == 1 and name.endswith(("num_batches_tracked", "/step"))  # numpy wrote one number as a row
    return torch.from_numpy(array.reshape(()) if single else array)
