"""From a name, a file or a module to a generator: `load`.

Files are recognised by what they hold, never by what they are called, and read inertly (`files.py`). Families are
tried in turn; a file of none of them needs the module it was saved from, which only its author has.
"""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ganwidgets.models.dcgan import DCGAN, is_dcgan
from ganwidgets.models.files import read_weights
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.progan import ProGAN, is_progan
from ganwidgets.models.state_dicts import generator_weights
from ganwidgets.models.stylegan2 import StyleGAN2, is_stylegan2
from ganwidgets.models.stylegan2_generator import StyleGAN2Generator

SCENES = Path(__file__).parents[1] / "scenes" / "weights"
"""Where the bundled weights are."""

NAMES = ("scenes", "faces")
"""Generators that `load` knows by name; "scenes@<name>" is an earlier checkpoint of the first."""


def names() -> list[str]:
    """All names that `load` knows, earlier checkpoints of "scenes" ("scenes@500k") included."""
    return [NAMES[0], *(f"{NAMES[0]}@{kept}" for kept in _earlier()), *NAMES[1:]]


def _earlier() -> list[str]:
    return sorted(file.stem.removeprefix("early-") for file in SCENES.glob("early-*.safetensors"))


def load(source: Any, name: str | None = None) -> Generator:
    """A generator, ready to be dissected and edited.

    Args:
        source: "scenes", the bundled world (or "scenes@<name>", earlier in its training; `names()` lists them);
            "faces", 64-pixel faces (extra `faces`); the path of a weights file of a Progressive GAN, DCGAN or
            StyleGAN2 (.safetensors, torch, .npz); a state dict of one; a torch module; or a generator, which is given
            back.
        name: what reports call it; by default the name or file name.

    Raises:
        FileNotFoundError: no such file; says which names are near.
        ValueError: a file that is broken, hostile, a discriminator's, or of no family known here.
        TypeError: something else.
        ImportError: "faces" without its package.
    """
    if isinstance(source, Generator):
        return source
    if isinstance(source, StyleGAN2):
        return StyleGAN2Generator(source, name)
    if isinstance(source, nn.Module):
        return TorchGenerator(source, name=name)
    if isinstance(source, Mapping):
        return _from_weights(source, name or "state dict")
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "`source` must be a name such as 'scenes', a path, a state dict, a module or a generator, got "
            f"{type(source).__name__}"
        )
    path = _path(source)
    content = read_weights(path)
    try:
        generator = _from_weights(content, name or (str(source) if _is_known(source) else path.stem))
    except ValueError as error:
        raise ValueError(f"`source` {str(source)!r}: {error}") from error
    generator.source = path.absolute()  # what `export_weights` takes as model
    return generator


def _from_weights(content: Any, name: str) -> Generator:
    state = generator_weights(content)
    if is_stylegan2(state):
        return StyleGAN2Generator(StyleGAN2.from_state_dict(state), name)
    if is_progan(state):
        return TorchGenerator(ProGAN.from_state_dict(state), name=name)
    if is_dcgan(state):
        return TorchGenerator(DCGAN.from_state_dict(state), name=name)
    if _looks_like_discriminator(state):
        raise ValueError(
            "this must be a generator, but the weights go from image channels to one score: a discriminator"
        )
    first = ", ".join(f"{key} {tuple(part.shape)}" for key, part in list(state.items())[:3])
    raise ValueError(
        f"the weights must be those of a Progressive GAN, DCGAN or StyleGAN2 generator, got {len(state)} others "
        f"({first}, …). Build their module in Python, load_state_dict() them, and pass the module: load(module), or "
        "TorchGenerator(module, z_shape=(...))"
    )


def _looks_like_discriminator(state: Mapping[str, Tensor]) -> bool:
    names = [key.lower().replace("_", "") for key in state]
    if any("fromrgb" in key for key in names):
        return True
    weights = [part for part in state.values() if part.ndim in (2, 4)]
    return (
        bool(weights)
        and any(w.ndim == 4 and w.shape[1] in (1, 3, 4) for w in weights)
        and any(w.shape[0] == 1 for w in weights)
    )


def _is_known(source: str | os.PathLike) -> bool:
    return isinstance(source, str) and source.partition("@")[0] in NAMES


def _path(source: str | os.PathLike) -> Path:
    """The file a source names, or one sentence why there is none."""
    if _is_known(source):
        name, at, early = source.partition("@")
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
        near = did_you_mean(path.name, NAMES) or near or f" Names known here: {', '.join(map(repr, NAMES))}."
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
