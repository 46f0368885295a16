"""From a name, a file or a module to a generator: `load`.

Files are recognised by what they hold, never by what they are called, and read inertly (`files.py`). The generator in
them is found (`found.py`), the families are tried in turn (`families.py`), and two pictures are looked at
(`selfcheck.py`). A file of no known family needs the module it was saved from, which only its author has.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ganwidgets.models import selfcheck, zoo
from ganwidgets.models.devices import device_named
from ganwidgets.models.families import FAMILIES, Family
from ganwidgets.models.files import Content, read_file
from ganwidgets.models.found import Found, find_generator
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.inert_names import shown
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.memory import memory_needed
from ganwidgets.models.priors import Sampler, with_prior
from ganwidgets.models.recipes import Recipe, RecipeLike, from_recipe, read_recipe
from ganwidgets.models.strangers import stranger
from ganwidgets.models.stylegan2 import StyleGAN2
from ganwidgets.models.stylegan2_generator import stylegan2_generator
from ganwidgets.models.stylegan3 import StyleGAN3
from ganwidgets.models.stylegan3_generator import stylegan3_generator

SCENES = Path(__file__).parents[1] / "scenes" / "weights"
"""Where the bundled weights are."""

WITHOUT = "scenes-without-tree"
"""The bundled world's generator, trained further on scenes that lack trees: what it cannot draw is known."""

NAMES = ("scenes", WITHOUT, "faces")
"""Generators that `load` knows by name; "scenes@<name>" is an earlier checkpoint of the first."""


def names() -> list[str]:
    """Names of bundled generators, earlier checkpoints of "scenes" ("scenes@500k") included; `zoo.list()` has more."""
    return [NAMES[0], *(f"{NAMES[0]}@{kept}" for kept in _earlier()), *NAMES[1:]]


def _earlier() -> list[str]:
    return sorted(file.stem.removeprefix("early-") for file in SCENES.glob("early-*.safetensors"))


def load(
    source: Any,
    name: str | None = None,
    *,
    recipe: RecipeLike | None = None,
    prior: str | Sampler | None = None,
    device: str | torch.device | None = None,
) -> Generator:
    """A generator, ready to be dissected and edited.

    Args:
        source: "scenes", the bundled world (or "scenes@<name>", earlier in its training; `names()` lists them);
            "scenes-without-tree", the same trained further on scenes that lack trees; "faces", 64-pixel faces (extra
            `faces`); a name of `zoo.list()`, published weights that are downloaded once; the path of a weights file of
            a known family (.safetensors, torch, a pickle of NVIDIA's, .npz, Keras' .h5); a state dict of one; a torch
            module; or a generator, which is given back. `inspect` says what is in a file.
        name: what reports call it; by default the name or file name.
        recipe: what the weights do not say about a file of no known family: lines such as "conv up.0 padding 1" or
            "relu", mappings, or the path of a JSON file of them; see `recipe_words`.
        prior: what latents are drawn from, if it is not what the family draws from: "normal", "uniform", "sphere",
            "uniform(0, 1)", or a function sampler(n, seed).
        device: where it computes: "cpu", "cuda", "mps", "auto" for the fastest there is, or a torch.device. None leaves
            a module where it is, and files on the CPU. A seed is the same picture everywhere.

    Raises:
        FileNotFoundError: no such file; says which names are near.
        ValueError: a file that is broken, hostile, a discriminator's, or of no family known here.
        TypeError: something else.
        ImportError: "faces" without its package.
    """
    if recipe is None and isinstance(source, Generator | nn.Module):
        generator = _brought(_of_module(source, name), device)
        return generator if prior is None else with_prior(generator, prior)
    where = None if device is None else device_named(device)  # refused before a large file is read
    content, path = read(source)
    description = None if recipe is None else read_recipe(recipe, path)
    try:
        found = find_generator(content)
        if description is not None:
            generator = _from_recipe(description, found, name or content.name, prior)
        else:
            generator = build(found, name or content.name)
            generator = generator if prior is None else with_prior(generator, prior)
    except ValueError as error:
        raise ValueError(str(error) if path is None else f"`source` {str(source)!r}: {error}") from error
    if path is not None and _can_be_written(content, found):
        generator.source = path.absolute()  # what `export_weights` takes as model
    generator = _brought(generator, where)
    for complaint in selfcheck.complaints(generator):
        warnings.warn(complaint, stacklevel=2)
    return generator


def read(source: Any) -> tuple[Content, Path | None]:
    """What is in the file or state dict that `load` was given, under the name it would get; and the file.

    Raises:
        as `load`.
    """
    if isinstance(source, Mapping):
        return Content("state dict", "state dict", source), None
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "`source` must be a name such as 'scenes', a path, a state dict, a module or a generator, got "
            f"{type(source).__name__}"
        )
    path = _path(source)
    content = read_file(path)
    return replace(content, name=str(source) if _is_known(source) else path.stem), path


def build(found: Found, name: str) -> Generator:
    """The generator that was found in a file.

    Raises:
        ValueError: it is of no family known here, or damaged.
    """
    family = family_of(found)
    try:
        return family.build(found, name)
    except ImportError:
        raise
    except Exception as error:  # weights that do not fit together can fail anywhere
        if needs := memory_needed(error):
            raise ValueError(_too_large(family, found, needs)) from error
        if isinstance(error, ValueError):
            raise
        raise ValueError(
            f"the weights must be those of a whole {family.name}, but do not fit together ({shown(error)})"
        ) from error


def _too_large(family: Family, found: Found, needs: str) -> str:
    n = sum(part.numel() for part in found.state.values())
    return f"this {family.name} of {n:,} parameters {needs}"


def family_of(found: Found) -> Family:
    """The first family that recognises what was found.

    Raises:
        ValueError: none does; says what the weights are, if that can be told.
    """
    for family in FAMILIES:
        if family.recognises(found):
            return family
    if what := stranger(found.state):
        raise ValueError(what)
    first = ", ".join(f"{shown(key)} {tuple(part.shape)}" for key, part in list(found.state.items())[:3])
    raise ValueError(
        f"the weights must be those of a generator of a known family ({', '.join(f.name for f in FAMILIES)}), got "
        f"{len(found.state)} others ({first}, …). Say how they are put together, load(file, recipe=[...]), or "
        "build their module in Python, load_state_dict() them, and pass the module: load(module)"
    )


def _from_recipe(description: Recipe, found: Found, name: str, prior: str | Sampler | None) -> Generator:
    try:
        return from_recipe(description, found.state, name, prior=prior)
    except ValueError as error:
        if "keras" not in found.config:
            raise
        raise ValueError(f"{error}. A Keras file with its own layers needs no `recipe`: leave it out") from error


def _can_be_written(content: Content, found: Found) -> bool:
    """Whether `export_weights` can write a file like this one: one of plain tensors by name."""
    return content.format not in ("hdf5", "keras") and "class_name" not in found.config


def _of_module(source: Generator | nn.Module, name: str | None) -> Generator:
    if isinstance(source, Generator):
        return source
    if isinstance(source, StyleGAN2):
        return stylegan2_generator(source, name)
    if isinstance(source, StyleGAN3):
        return stylegan3_generator(source, name)
    return TorchGenerator(source, name=name)


def _brought(generator: Generator, device: str | torch.device | None) -> Generator:
    """The generator on the device, and in float32 if it gives no finite pictures there in half precision."""
    return _finite(generator if device is None else generator.to(device))


def _finite(generator: Generator) -> Generator:
    """The generator itself, or one in float32 if half precision gives no finite pictures."""
    wide = selfcheck.in_float32(generator)
    if wide is None:
        return generator
    warnings.warn(
        f"the pictures of {generator.name} hold NaN or infinity in half precision; a copy in float32 is used instead",
        stacklevel=4,
    )
    return wide


def _is_known(source: str | os.PathLike) -> bool:
    return isinstance(source, str) and (source.partition("@")[0] in NAMES or source in zoo.WEIGHTS)


def _path(source: str | os.PathLike) -> Path:
    """The file a source names, or one sentence why there is none."""
    if isinstance(source, str) and source in zoo.WEIGHTS and not Path(source).is_file():
        return zoo.path(source)
    if _is_known(source):
        name, at, early = source.partition("@")
        if name == WITHOUT:
            return SCENES / "without-tree.safetensors"
        return _scenes_path(early if at else None) if name == "scenes" else _faces_path()
    path = Path(source).expanduser()
    if path.is_file():
        return path
    if path.exists() and not path.is_dir():
        raise ValueError(f"`source` must be a file, but {str(source)!r} is a device or a pipe")
    if path.is_dir():
        raise ValueError(f"`source` must be a file, but {str(source)!r} is a folder: name the weights file in it")
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(f"`source` must be a file, but there is no folder {str(folder)!r}")
    near = did_you_mean(path.name, [entry.name for entry in folder.iterdir()])
    if len(path.parts) == 1 and not path.suffix:
        known = did_you_mean(path.name, (*NAMES, *zoo.WEIGHTS))
        near = known or near or f" Names known here: {', '.join(map(repr, NAMES))}; zoo.list() has more."
    raise FileNotFoundError(f"`source` must be a file or a known name, but there is no {str(source)!r}.{near}")


def _scenes_path(early: str | None) -> Path:
    kept = _earlier()
    if early is not None and early not in kept:
        raise FileNotFoundError(
            f"`source` 'scenes@…' must name one of {kept}, got {early!r}.{did_you_mean(early, kept)}"
        )
    path = SCENES / ("generator.safetensors" if early is None else f"early-{early}.safetensors")
    if path.is_file():
        return path
    raise FileNotFoundError(
        "the weights of 'scenes' must lie in ganwidgets/scenes/weights/generator.safetensors, but that file is "
        "missing: install ganwidgets again, or train them with `python -m ganwidgets.scenes.train gan`"
    )


def _faces_path() -> Path:
    spec = find_spec("gan_face_generate")  # found, not imported: only its weights are wanted
    path = Path(spec.origin).parent / "weights.tar" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise ImportError(
            "'faces' needs the package gan-face-generate, which is not installed: pip install 'ganwidgets[faces]' "
            "(Python 3.11 or 3.12)"
        )
    return path
