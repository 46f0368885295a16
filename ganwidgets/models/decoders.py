"""From files to decoders over photos: `load_decoder`, for tiny autoencoders and those of diffusers.

diffusers leaves out weights that its class has no module for, and draws wrong pictures; here they are an error.
"""

import json
import os
from collections.abc import Mapping
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex

from torch import Tensor, nn

from ganwidgets.models.autoencoder import DecoderGenerator
from ganwidgets.models.family import Family
from ganwidgets.models.files import read_weights
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator
from ganwidgets.models.state_dicts import generator_weights, with_weights
from ganwidgets.models.tiny_autoencoder import decoder_of, encoder_of, halves, is_tiny
from ganwidgets.nn.photo_folder import photo_folder

UNSEEN = 8
"""Side of the latents of a decoder that has been given no photos."""


class TinyEncoding:
    """A tiny encoder for photos in [-1, 1]; its own module takes [0, 1]."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, images: Tensor) -> Tensor:
        like = next(self.module.parameters())
        return self.module(((images + 1) / 2).to(like))


def load_decoder(
    decoder: Any,
    encoder: Any = None,
    photos: Any = None,
    *,
    size: SupportsIndex = 256,
    draw: str = "photos",
    name: str | None = None,
) -> DecoderGenerator:
    """A decoder and its encoder, over photos.

    Args:
        decoder: a weights file or state dict of a tiny autoencoder (its decoder, or both halves); or an `AutoencoderKL`
            or `AutoencoderTiny` of diffusers, or the folder of one.
        encoder: a weights file or state dict of the encoder, if `decoder` does not hold it.
        photos: (photo rgb height width) in [-1, 1], or uint8, with sides the encoder can halve; or a folder of photos.
        size: side to which photos of a folder are cut and scaled [pixels].
        draw: "photos" or "gaussian"; see `Encodings`.
        name: what reports call it.

    Raises:
        ValueError: weights missing, surplus or of another kind; says which.
        ImportError: diffusers is needed and not installed.
    """
    if isinstance(photos, str | os.PathLike):
        photos = photo_folder(photos, index(size)).images()
    if hasattr(decoder, "decode") and isinstance(decoder, nn.Module):
        return _of_diffusers(decoder, photos, draw, name)
    path = Path(decoder).expanduser() if isinstance(decoder, str | os.PathLike) else None
    if path is not None and path.is_dir():
        return _of_diffusers(diffusers_autoencoder(path), photos, draw, name or path.name)
    state = _state(decoder)
    name = name or (path.stem if path is not None else None)
    module = decoder_of(state)
    if encoder is None and "encoder" not in halves(state):
        raise ValueError("`encoder` must be given as well: the file holds the decoder only")
    encoding = TinyEncoding(encoder_of(state if encoder is None else _state(encoder)))
    return DecoderGenerator(module, encoding, photos, name=name, draw=draw, output_range=(0.0, 1.0))


def diffusers_autoencoder(folder: str | os.PathLike) -> nn.Module:
    """An autoencoder of diffusers from its folder (config.json and weights), read without its loading code.

    Raises:
        ImportError: diffusers is not installed.
        ValueError: no such folder, a class that is not one of them, or weights that its class has no module for; unlike
            diffusers, which leaves these out, this says which.
    """
    folder = Path(folder).expanduser()
    config = folder / "config.json"
    if not config.is_file():
        raise ValueError(f"`decoder` must be a folder with a config.json of diffusers, but {str(folder)!r} has none")
    settings = json.loads(config.read_text(encoding="utf-8"))
    kind = settings.get("_class_name")
    if kind not in ("AutoencoderKL", "AutoencoderTiny"):
        raise ValueError(f"`decoder` must be an AutoencoderKL or AutoencoderTiny of diffusers, got {kind!r}")
    weights = sorted(folder.glob("diffusion_pytorch_model*.safetensors")) or sorted(folder.glob("*.safetensors"))
    weights = weights or sorted(folder.glob("*.bin"))
    if not weights:
        raise ValueError(f"`decoder` must be a folder with weights, but {str(folder)!r} has none")
    model = _diffusers_class(kind).from_config(settings)
    return with_weights(model, _state(weights[0]))


def _diffusers_class(kind: str) -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise ImportError(
            f"an {kind} needs the package diffusers, which is not installed: pip install diffusers"
        ) from error
    return getattr(diffusers, kind)


class _KLDecoder(nn.Module):
    """The decoding half of diffusers' `AutoencoderKL`, with its names."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        if getattr(model, "post_quant_conv", None) is not None:
            self.post_quant_conv = model.post_quant_conv
        self.decoder = model.decoder

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(z) if hasattr(self, "post_quant_conv") else z)


def _of_diffusers(model: nn.Module, photos: Any, draw: str, name: str | None) -> DecoderGenerator:
    settings = model.config
    # Tiny ones have no scale worth applying: theirs belongs to the diffusion, and their decoder takes what they encode.
    kind = type(model).__name__
    scale, shift = 1.0, 0.0
    if kind == "AutoencoderKL":
        scale, shift = settings.scaling_factor or 1.0, settings.shift_factor or 0.0
    like = next(model.parameters())
    return DecoderGenerator(
        _KLDecoder(model).requires_grad_(False).eval(),
        lambda images: model.encode(images.to(like)),
        photos,
        name=name or kind,
        scale=scale,
        shift=shift,
        draw=draw,
    )


def _state(given: Any) -> dict[str, Tensor]:
    if isinstance(given, Mapping):
        return generator_weights(given)
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"`decoder` and `encoder` must be files or state dicts, got {type(given).__name__}")
    path = Path(given).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"`decoder` and `encoder` must be files, but there is no {str(path)!r}")
    return generator_weights(read_weights(path))


def _recognises(found: Found) -> bool:
    return is_tiny(found.state)


def _build(found: Found, name: str) -> Generator:
    """A decoder without photos draws from standard normal latents, for want of anything better."""
    if "decoder" not in halves(found.state):
        raise ValueError(
            "this must be a generator, but is the encoder of an autoencoder: load_decoder(decoder, encoder, photos) "
            "takes both halves"
        )
    decoder = decoder_of(found.state)
    depth = next(part.in_channels for part in decoder if isinstance(part, nn.Conv2d))
    return Generator(decoder, (depth, UNSEEN, UNSEEN), name, output_range=(0.0, 1.0))


FAMILY = Family("tiny autoencoder", _recognises, _build)
