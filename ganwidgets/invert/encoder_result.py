"""What a trained encoder is, how it is read from a file, and what a training gives one step after another."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.invert import encoder_files as files
from ganwidgets.invert.encoder_latents import LatentSpace
from ganwidgets.invert.encoder_quality import quality
from ganwidgets.invert.encoder_recipe import Recipe
from ganwidgets.invert.encoder_training import Training
from ganwidgets.models.generator import Generator


@dataclass(frozen=True, eq=False)
class Encoder:
    """A trained encoder of one network.

    Attributes:
        kind: "layered" or "direct".
        layer: whose activations `acts` finds; "" for a direct one.
        net: its weights; do not change them.
        latents: what it finds; `space` says whether z or w.
        image_shape: (channels, height, width) of the pictures it takes.
        quality: on latents it never saw: median `psnr` [dB] of pictures drawn again, `latent` (cosine similarity), and
            of layered ones the correlation of activations.
        recipe: how it was trained.
        network_name, network_fingerprint: of the network whose pictures it was trained on.
    """

    kind: str
    layer: str
    net: nn.Module
    latents: LatentSpace
    image_shape: tuple[int, int, int]
    quality: Mapping[str, float]
    recipe: Recipe
    network_name: str
    network_fingerprint: str

    @property
    def space(self) -> str:
        """ "z", or "w" for StyleGANs."""
        return self.latents.space

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights."""
        digest = hashlib.sha256(f"{self.kind} {self.layer} {self.network_fingerprint}".encode())
        for name, part in sorted(self.net.state_dict().items()):
            digest.update(name.encode() + part.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        aim, found = self.layer or f"to {self.space}", self.quality.get("psnr", float("nan"))
        return f"<Encoder {self.kind} {aim}: {found:.1f} dB>"

    @torch.no_grad()
    def z(self, images: Float[Tensor, "batch channel height width"]) -> Tensor:
        """Latents that the network would draw these pictures from: z, or w of StyleGANs.

        Raises:
            ValueError: pictures of another size than the network's.
        """
        return self.latents.from_rows(self.net(self._checked(images)))

    @torch.no_grad()
    def acts(self, images: Float[Tensor, "batch channel height width"]) -> Float[Tensor, "batch unit *location"]:
        """Activations of `layer` that the network would draw these pictures from.

        Raises:
            ValueError: a direct encoder, or pictures of another size than the network's.
        """
        if self.kind != "layered":
            raise ValueError("`kind` must be 'layered' to find activations, a direct encoder finds latents only")
        return self.net.standards[-1].back(self.net.image_to_acts(self._checked(images)))

    def save(self, path: str | Path) -> Path:
        """Write it to a file, whole or not at all; `load_encoder` reads it.

        Raises:
            OSError: no such folder, no permission, or the disk is full.
        """
        names = ("kind", "layer", "network_name", "network_fingerprint")
        facts = {name: getattr(self, name) for name in names} | {"quality": dict(self.quality)}
        facts |= {"recipe": asdict(self.recipe), "space": self.space, "scale_free": self.latents.scale_free}
        return files.write(Path(path), facts, self.net, self.latents)

    def _checked(self, images: Tensor) -> Tensor:
        if images.ndim != 4 or tuple(images.shape[1:]) != self.image_shape or not images.is_floating_point():
            raise ValueError(
                f"`images` must be float (batch, {', '.join(map(str, self.image_shape))}) like the network's, got "
                f"{images.dtype} {tuple(images.shape)}"
            )
        return images.to(self.latents.mean)


@dataclass(frozen=True, eq=False)
class EncoderStep:
    """Where a training is.

    Attributes:
        step, steps: done, and in all.
        stage: "apart" or "together".
        losses: parts of the loss in the last step.
        encoder: in the last one only.
    """

    step: int
    steps: int
    stage: str
    losses: Mapping[str, float]
    encoder: Encoder | None = None

    @property
    def fraction(self) -> float:
        """Share that is done."""
        return self.step / self.steps if self.steps else 1.0


def load_encoder(path: str | Path, network: Generator) -> Encoder:
    """Read an encoder of this network from a file. Nothing in the file is run.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is truncated, damaged, something else, or of another network.
    """
    facts, net, latents = files.read(Path(path), network)
    names = ("quality", "network_name", "network_fingerprint")
    return Encoder(
        facts["kind"],
        facts["layer"],
        net,
        latents,
        network.image_shape,
        recipe=Recipe(**facts["recipe"]),
        **{name: facts[name] for name in names},
    )


def finished(run: Training) -> Encoder:
    """The encoder of a training, as a file of it would give it back: its weights rounded to half precision."""
    found, net = quality(run), files.rounded(run.net)
    own = run.network
    return Encoder(run.kind, run.layer, net, run.latents, own.image_shape, found, run.recipe, own.name, own.fingerprint)
