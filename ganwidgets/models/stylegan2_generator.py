"""StyleGAN2 as a generator one can dissect and edit, given z, w or ws.

    G = gw.load("church.pt").truncated(0.5)
    z = G.sample_z(8)
    G.images(z)                         # what one usually does
    ws = G.ws(z)                        # (batch, n_latent, style_dim), truncated
    G.images(ws)                        # the same pictures
    G.images(G.ws_of(w))                # one w for every layer
    G.images(torch.cat([ws[:, :4], ws.flip(0)[:, 4:]], 1))  # coarse layers of one picture, fine ones of another
    G.images((z, *noises))              # with noise maps of one's own, one for each styled layer

Everything that takes latents takes ws as well: `acts`, `read`, `below`, `above`. Truncation is part of the network and
applies to z only; a network made by `truncated` or `with_noise` shares all weights with the first.
"""

import copy
import dataclasses
import hashlib
from typing import SupportsIndex

from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import Network
from ganwidgets.models.stylegan2 import AS_TRAINED, NOISE, Rendering, StyleGAN2

AVERAGE_N = 4096
"""Latents whose mean w stands in for an average that the file lacks."""

_BATCH = 512


class StyleGAN2Generator(Generator):
    """A StyleGAN2 as a generator.

    Args:
        module: a `StyleGAN2`.
        name: what reports call it.
        rendering: truncation and noise; `truncated` and `with_noise` are the usual way to set them.

    Attributes:
        rendering: truncation and noise in force.

    Raises:
        TypeError: another module.
    """

    def __init__(self, module: nn.Module, name: str | None = None, rendering: Rendering = AS_TRAINED) -> None:
        if not isinstance(module, StyleGAN2):
            raise TypeError(f"`module` must be a StyleGAN2, got {type(module).__name__}; load(module) wraps any module")
        self.rendering = rendering
        super().__init__(module, (module.z_dim,), name)

    @property
    def map_layers(self) -> tuple[str, ...]:
        """Layers whose units are maps that can be laid over an image; the picture so far (`to_rgbs`) is none."""
        return tuple(name for name in super().map_layers if not name.startswith("to_rgb"))

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns latents into images, truncation and noise included."""
        own = self.rendering
        parts = f"{super().fingerprint} {own.psi} {own.cutoff} {own.noise} {own.seed}".encode()
        average = b"" if own.average is None else own.average.cpu().numpy().tobytes()
        return hashlib.sha256(parts + average).hexdigest()

    @property
    def n_latent(self) -> int:
        """Number of ws of a picture."""
        return self.module.n_latent

    def w(self, z: Tensor) -> Float[Tensor, "batch style"]:
        """What the mapping makes of z, before truncation."""
        return self.acts(z, "style")

    def ws(self, z: Tensor) -> Float[Tensor, "batch layer style"]:
        """One w for every layer, truncated as in this network: `images(ws(z))` are `images(z)`."""
        return self.module.spread(self.w(z), self.rendering)

    def ws_of(self, w: Float[Tensor, "batch style"], *, truncate: bool = False) -> Float[Tensor, "batch layer style"]:
        """One w for every layer.

        Args:
            w: one for each picture.
            truncate: pull them to the average as this network does with z.
        """
        return self.module.spread(w, self.rendering if truncate else AS_TRAINED)

    def average_w(self, n: SupportsIndex = AVERAGE_N, seed: SupportsIndex = 0) -> Float[Tensor, " style"]:
        """Mean w of `n` latents, for files without a `latent_avg`."""
        total = sum(self.w(part).double().sum(0) for part in self.sample_z(n, seed).split(_BATCH))
        return (total / whole_number("n", n, 1)).float()

    def truncated(
        self, psi: float | int, cutoff: SupportsIndex | None = None, average: Float[Tensor, " style"] | None = None
    ) -> "StyleGAN2Generator":
        """The same network, whose pictures are more alike and more typical.

        Args:
            psi: w = average + psi · (w − average); 1 is no truncation, 0 gives the average picture.
            cutoff: only the first so many of the `n_latent` ws are pulled; None means all.
            average: where they are pulled to. None means the file's `latent_avg`; where it has none, the mean w of
                4,096 latents of seed 0.

        Raises:
            ValueError: psi not finite, cutoff out of range, or an average of another size.
        """
        if not abs(psi) < float("inf"):
            raise ValueError(f"`psi` must be a finite number, usually in [0, 1], got {psi}")
        if cutoff is not None and whole_number("cutoff", cutoff, 0) > self.n_latent:
            raise ValueError(f"`cutoff` must be at most {self.n_latent}, the number of ws, got {cutoff}")
        size = (self.module.style_dim,)
        if average is not None and (average.shape != size or not average.isfinite().all()):
            raise ValueError(f"`average` must be a finite w of shape {size}, got {tuple(average.shape)}")
        if average is None and not hasattr(self.module, "latent_avg"):
            average = self.average_w() if self.rendering.average is None else self.rendering.average
        average = None if average is None else average.detach().clone()
        return self._with(psi=float(psi), cutoff=None if cutoff is None else int(cutoff), average=average)

    def with_noise(self, noise: str, seed: SupportsIndex = 0) -> "StyleGAN2Generator":
        """The same network with another kind of noise.

        Args:
            noise: "stored", the file's maps (the default); "zero", none; "seeded", own maps for each picture, drawn
                from the seed and the latent as it is given (so z and its ws get different ones).
            seed: of seeded noise.

        Raises:
            ValueError: no such kind.
        """
        if noise not in NOISE:
            raise ValueError(f"`noise` must be one of {list(NOISE)}, got {noise!r}; images((z, *maps)) takes maps")
        return self._with(noise=noise, seed=whole_number("seed", seed, 0))

    def noise_maps(self, latent: Tensor) -> list[Float[Tensor, "batch 1 height width"] | None]:
        """The noise that each styled layer gets for these z or ws; None where there is none."""
        return self.module.noise_maps(self._prepared(latent), self.rendering)

    def _with(self, **changes: object) -> "StyleGAN2Generator":
        second = copy.copy(self)
        second.rendering = dataclasses.replace(self.rendering, **changes)
        return second

    def _call(self, inputs: Inputs) -> Tensor:
        latent, *noises = inputs if isinstance(inputs, tuple) else (inputs,)
        return self.module(latent, *noises, rendering=self.rendering)

    def _prepared(self, inputs: Inputs) -> Inputs:
        if isinstance(inputs, tuple):
            latent, *noises = inputs
            return (self._prepared(latent), *(Network._prepared(self, noise) for noise in noises))
        if not isinstance(inputs, Tensor) or inputs.ndim != 3 or inputs.shape[1] == 1:
            return super()._prepared(inputs)
        wanted = (self.n_latent, self.module.style_dim)
        if inputs.shape[1:] != wanted:
            raise ValueError(f"`ws` must be (n, {wanted[0]}, {wanted[1]}), got {tuple(inputs.shape)}; ws(z) gives such")
        return Network._prepared(self, inputs)
