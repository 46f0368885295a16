"""What else than pixels can be compared: features of the discriminator, of the network's encoder, of known networks.

    losses = gw.invert.Losses(features={"discriminator": gw.invert.feature_fn(G, "discriminator")})

Nothing is ever downloaded: VGG and LPIPS are there where their packages are installed and their weights lie in torch's
cache, and otherwise one sentence says what is missing. Any function from images in [-1, 1] to a tensor, or to several,
will do as well: the `features` of a discriminator of one's own, say.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ganwidgets.models.checkpoints import SCENES
from ganwidgets.models.generator import Generator
from ganwidgets.models.image_network import NORMALISATIONS, normalised
from ganwidgets.scenes.growing import Discriminator

KINDS = ("discriminator", "encoder", "lpips", "vgg")
_VGG, _ALEX = "vgg16-397923af.pth", "alexnet-owt-7be5be79.pth"  # as torchvision names them in torch's cache
_VGG_LAYERS = 21  # up to relu4_2, as published


def feature_fn(network: Generator, kind: str) -> Callable[[Tensor], Any]:
    """A function of images whose values `Losses.features` compares; gradients go through it.

    Args:
        network: whose pictures are searched for.
        kind: "discriminator", of the bundled world's; "encoder", what the network's own encoder makes of a picture;
            "vgg" or "lpips", where installed and on the disk.

    Raises:
        ValueError: another kind, or one that is not there for this network or on this machine.
    """
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}, got {kind!r}; Losses takes any function of images as well")
    return {"discriminator": _discriminator, "encoder": _encoder, "lpips": _lpips, "vgg": _vgg}[kind](network)


def _discriminator(network: Generator) -> Callable[[Tensor], Any]:
    if not network.name.startswith("scenes") or network.image_shape != (3, 64, 64):
        raise ValueError(
            f"`kind` 'discriminator' is there for the bundled world only, and {network.name} is another network: give "
            "Losses the `features` of its own discriminator"
        )
    judge = _frozen(Discriminator.from_state_dict(load_file(SCENES / "discriminator.safetensors")), network)
    return lambda images: judge.features(images.to(judge.logit.weight))


def _encoder(network: Generator) -> Callable[[Tensor], Any]:
    from ganwidgets.invert.encoder import encoder_for  # it may train

    net = _frozen(encoder_for(network, "direct").net, network)
    return lambda images: net(images)


def _vgg(network: Generator) -> Callable[[Tensor], Any]:
    _need("vgg", "torchvision", _VGG)
    from torchvision.models import vgg16

    weights = torch.load(_cached(_VGG), map_location="cpu", weights_only=True)
    whole = vgg16(weights=None)
    whole.load_state_dict(weights)
    part = _frozen(whole.features[:_VGG_LAYERS], network)
    return lambda images: part(normalised(_coloured(images), NORMALISATIONS["imagenet"]))


def _lpips(network: Generator) -> Callable[[Tensor], Any]:
    _need("lpips", "lpips", _ALEX)
    import lpips

    whole = _frozen(lpips.LPIPS(net="alex", verbose=False), network)

    def features(images: Tensor) -> list[Tensor]:
        found = whole.net(whole.scaling_layer(_coloured(images)))
        return [lpips.normalize_tensor(part) for part in found]

    return features


def _need(kind: str, package: str, file: str) -> None:
    if find_spec(package) is None:
        raise ValueError(f"`kind` {kind!r} needs the package {package}, which is not installed; nothing is downloaded")
    if not _cached(file).is_file():
        raise ValueError(
            f"`kind` {kind!r} needs the weights {file} in {_cached(file).parent}, and they are not there; nothing is "
            "downloaded here: put them there, or leave `features` out"
        )


def _cached(file: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / file


def _coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]


def _frozen(module: torch.nn.Module, network: Generator) -> Any:
    return module.eval().requires_grad_(False).to(network.device)
