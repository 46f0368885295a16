"""Generators: networks from latents to images, and `TorchGenerator`, which makes one of any module."""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.devices import OnDevice
from ganwidgets.models.latents import standard_normal, truncate, whole_number
from ganwidgets.models.memory import memory_needed
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import Network, State
from ganwidgets.models.wrappers import unwrap

MANY_BEYOND = 0.1
"""Share of values beyond [-1, 1] in one pass that is enough to speak of another range."""

FAIR_SAMPLE = 256
"""Images after which a share of 1 % is: a generator without a last tanh overshoots in a few bright pictures."""


class Generator(OnDevice, Network):
    """A network from latents to images.

    Args:
        module: turns latents (batch, *z_shape) into images.
        z_shape: of one latent.
        name: what reports call it.
        output_range: lowest and highest value of the module's images; `images` maps them to [-1, 1].
        sampler: `sampler(n, seed)` gives n latents as array or tensor, if the prior is not a standard normal.

    Attributes:
        image_shape: (channels, height, width).
        source: file that `load` read it from, or None; `export_weights` writes like it.

    Raises:
        ValueError: the module does not turn such latents into images of 1, 3 or 4 channels.
    """

    source: Path | None = None

    def __init__(
        self,
        module: nn.Module,
        z_shape: Sequence[int],
        name: str | None = None,
        output_range: tuple[float | int, float | int] = (-1.0, 1.0),
        sampler: Callable[[int, int], Any] | None = None,
    ) -> None:
        self.module = unwrap(module)
        self.z_shape = tuple(z_shape)
        self.output_range, self.sampler = output_range, sampler
        self._told, self._seen, self._beyond = False, 0, 0.0
        if not output_range[0] < output_range[1]:
            raise ValueError(f"`output_range` must be (lowest, highest), got {output_range}")
        try:
            super().__init__(module, self.sample_z(2), name)
        except Exception as error:  # whatever a stranger's module may raise
            if needs := memory_needed(error):
                raise ValueError(f"`module` ({name or type(self.module).__name__}) {needs}: it drew nothing") from error
            raise ValueError(
                f"`module` must turn latents of shape {(2, *self.z_shape)} into images, but failed: {error}. "
                "Give `z_shape`, the shape of one latent, if another is meant."
            ) from error
        if len(self.output_shape) != 3 or self.output_shape[0] not in (1, 3, 4):
            raise ValueError(
                "`module` must give images (batch, 1, 3 or 4 channels, height, width), got "
                f"{(2, *self.output_shape)}: is this the discriminator, or a classifier?"
            )

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns them into images: the same on every device."""
        return hashlib.sha256(f"{super().fingerprint} {self.output_range}".encode()).hexdigest()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.output_shape

    def sample_z(
        self, n: SupportsIndex | float, seed: SupportsIndex | float = 1, truncation: float | int | None = None
    ) -> Tensor:
        """`n` latents from the declared prior; latent i is the same for every n and every device.

        Args:
            n: how many.
            seed: of numpy's RandomState; 1 is what the field dissects with.
            truncation: squeeze into [−t, t] [standard deviations]; None draws from the whole prior.

        Raises:
            TypeError: n or seed not a whole number.
            ValueError: n below 1, seed negative, truncation not positive or with a prior that is not normal.
        """
        n, seed = whole_number("n", n, 1), whole_number("seed", seed, 0)
        if truncation is not None and not truncation > 0:
            raise ValueError(f"`truncation` must be positive, or None for none, got {truncation}")
        if self.sampler is None:
            z = standard_normal(n, self.z_shape, seed)
            return torch.from_numpy(z if truncation is None else truncate(z, truncation)).to(self.device)
        if truncation is not None:
            raise ValueError("`truncation` needs the standard normal prior, but this generator has its own `sampler`")
        return torch.as_tensor(self.sampler(n, seed)).float().to(self.device)

    def images(
        self, z: Inputs, clamp: bool = True, *, grad: bool | None = None
    ) -> Float[Tensor, "batch rgb height width"]:
        """Images in [-1, 1].

        Args:
            z: latents.
            clamp: False leaves what lies beyond.
            grad: whether gradients are recorded; None means when grad mode is on and something requires them.

        Raises:
            ValueError: latents of another shape, or images that are not finite.
        """
        return self._as_images(super().forward(z, grad=grad), clamp)

    def read(
        self, inputs: Inputs, layers: str | Sequence[str], *, clamp: bool = True, grad: bool | None = None
    ) -> tuple[Tensor, dict]:
        """Images, as `images` gives them, and {layer: activations}, from one forward pass."""
        output, found = super().read(inputs, layers, grad=grad)
        return self._as_images(output, clamp), found

    def above(
        self,
        state: State,
        acts: Float[Tensor, "batch unit *location"] | None = None,
        *,
        clamp: bool = True,
        grad: bool | None = None,
    ) -> Tensor:
        """Images, as `images` gives them, for a run stopped by `below`; see `Network.above`."""
        return self._as_images(super().above(state, acts, grad=grad), clamp)

    def _prepared(self, inputs: Inputs) -> Inputs:
        if isinstance(inputs, Tensor) and inputs.shape[1:] != self.z_shape:
            if inputs.ndim < 2 or inputs[:1].numel() != torch.Size(self.z_shape).numel():
                raise ValueError(
                    f"`z` must be (n, {', '.join(map(str, self.z_shape))}), got {tuple(inputs.shape)}; "
                    "sample_z(n) draws such latents, z[None] makes a batch of one"
                )
            inputs = inputs.reshape(-1, *self.z_shape)
        return super()._prepared(inputs)

    def _as_images(self, output: Tensor, clamp: bool) -> Tensor:
        low, high = self.output_range
        images = output.float()
        if (low, high) != (-1.0, 1.0):
            images = (images - low) * (2 / (high - low)) - 1
        if not images.numel():
            return images
        lowest, highest = images.detach().aminmax()
        largest = float(torch.maximum(-lowest, highest))
        if not largest < float("inf"):
            bad = int((~images.isfinite()).flatten(1).any(1).sum())
            raise ValueError(f"`images` must be finite, but {self.name} gave NaN or infinity in {bad} of {len(images)}")
        if clamp and not self._told:
            self._judge_range(images.detach(), largest)
        return images.clamp(-1, 1) if clamp else images

    def _judge_range(self, images: Tensor, largest: float) -> None:
        """Say so once when images lie far beyond [-1, 1]: many values of some pass, or over 1 % of a fair sample."""
        beyond = float((images.abs() > 1.05).float().mean()) if largest > 1.05 else 0.0
        self._seen, self._beyond = self._seen + len(images), self._beyond + beyond * len(images)
        share = beyond if beyond > MANY_BEYOND else self._beyond / self._seen
        if share > MANY_BEYOND or (share > 0.01 and self._seen >= FAIR_SAMPLE):
            self._told = True
            warnings.warn(
                f"{share:.0%} of the values of {self.name} lie beyond [-1, 1] and are clamped; "
                "give `output_range` if its images have another range",
                stacklevel=4,
            )


class TorchGenerator(Generator):
    """Any torch module that turns latents into images, as a generator one can dissect and edit.

    Args:
        module: the module.
        z_shape: of one latent; None takes it from the first convolution (units, 1, 1) or linear layer (units,).
        name: what reports call it.
        output_range: lowest and highest value of the module's images.
        sampler: `sampler(n, seed)` gives n latents, if the prior is not a standard normal.

    Raises:
        ValueError: no `z_shape` given or found that gives images.
    """

    def __init__(
        self,
        module: nn.Module,
        z_shape: Sequence[int] | None = None,
        name: str | None = None,
        output_range: tuple[float | int, float | int] = (-1.0, 1.0),
        sampler: Callable[[int, int], Any] | None = None,
    ) -> None:
        likely, *others = [tuple(z_shape)] if z_shape is not None else _likely_z_shapes(unwrap(module))
        try:
            super().__init__(module, likely, name, output_range, sampler)
        except ValueError as error:
            for other in others:
                with suppress(ValueError):
                    return super().__init__(module, other, name, output_range, sampler)
            raise error


def _likely_z_shapes(module: nn.Module) -> list[tuple[int, ...]]:
    """Shapes a latent may have, likely ones first, judged by the first layer with weights."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            return [(part.in_channels, 1, 1), (part.in_channels,)]
        if isinstance(part, nn.Linear):
            return [(part.in_features,), (part.in_features, 1, 1)]
    raise ValueError("`z_shape` must be given: the module has no convolution or linear layer to take it from")
