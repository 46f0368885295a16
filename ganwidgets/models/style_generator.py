"""What all StyleGANs have in common as generators one can dissect and edit: they take z, w or ws.

    ws = G.ws(z)                        # (batch, n_latent, style_dim), truncated
    G.images(ws)                        # the same pictures as images(z)
    G.images(G.ws_of(w))                # one w for every layer
    G.images(torch.cat([ws[:, :4], ws.flip(0)[:, 4:]], 1))  # coarse layers of one picture, fine ones of another

Everything that takes latents takes ws as well: `acts`, `read`, `below`, `above`. Truncation is part of the network and
applies to z only; a network made by `truncated` shares all weights with the first.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Sequence
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.devices import precise
from ganwidgets.models.generator import Generator
from ganwidgets.models.latents import whole_number
from ganwidgets.models.mapping import AS_TRAINED, Mapped, Rendering
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import Network

AVERAGE_N = 4096
"""Latents whose mean w stands in for an average that the file lacks."""

_BATCH = 512


class StyleGenerator(Generator):
    """A StyleGAN as a generator; families say which in `family`.

    Args:
        module: of the family.
        name: what reports call it.
        rendering: truncation and noise; `truncated` is the usual way to set it.

    Attributes:
        rendering: truncation and noise in force.
        naming: what weights are called in the files that `export_weights` writes; None is the family's own way.

    Raises:
        TypeError: another module, or one that draws by class and needs its own kind of generator.
    """

    family: type[Mapped] = Mapped
    naming: str | None = None

    def __init__(self, module: nn.Module, name: str | None = None, rendering: Rendering = AS_TRAINED) -> None:
        self._check_module(module)
        self.rendering = rendering
        super().__init__(module, (module.z_dim,), name)

    def _check_module(self, module: nn.Module) -> None:
        wanted = self.family.__name__
        if not isinstance(module, self.family):
            raise TypeError(f"`module` must be a {wanted}, got {type(module).__name__}; load(module) wraps any module")
        if bool(module.n_classes) != isinstance(self, ConditionalGenerator):
            draws = f"draws {module.n_classes} classes" if module.n_classes else "knows no classes"
            raise TypeError(f"`module` {draws}: load(module) makes the generator that fits")

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

    def w(self, z: Inputs) -> Float[Tensor, "batch style"]:
        """What the mapping makes of z, before truncation."""
        return self.acts(z, "style")

    def ws(self, z: Inputs) -> Float[Tensor, "batch layer style"]:
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
        total = sum(precise(self.w(part)).sum(0) for part in self.sample_z(n, seed).split(_BATCH))
        return (total / whole_number("n", n, 1)).float()

    def truncated(
        self, psi: float | int, cutoff: SupportsIndex | None = None, average: Float[Tensor, " style"] | None = None
    ) -> "StyleGenerator":
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

    def _with(self, **changes: object) -> "StyleGenerator":
        second = copy.copy(self)
        second.rendering = dataclasses.replace(self.rendering, **changes)
        return second

    def _call(self, inputs: Inputs) -> Tensor:
        latent, *noises = inputs if isinstance(inputs, tuple) else (inputs,)
        return self.module(latent, *noises, rendering=self.rendering)

    def _prepared(self, inputs: Inputs) -> Inputs:
        if isinstance(inputs, tuple):
            latent, *more = inputs
            return (self._prepared(latent), *(Network._prepared(self, part) for part in more))
        if not isinstance(inputs, Tensor) or inputs.ndim != 3 or inputs.shape[1] == 1:
            return Generator._prepared(self, inputs)
        wanted = (self.n_latent, self.module.style_dim)
        if inputs.shape[1:] != wanted:
            raise ValueError(f"`ws` must be (n, {wanted[0]}, {wanted[1]}), got {tuple(inputs.shape)}; ws(z) gives such")
        return Network._prepared(self, inputs)


class ConditionalStyleGenerator(StyleGenerator, ConditionalGenerator):
    """A StyleGAN that draws by class: z and the class become w; for ws given, the label changes nothing.

    Args:
        module: of the family, with classes.
        classes: their names; None calls them "0", "1", ….
        name: what reports call it.
        rendering: truncation and noise.
        label: the class to draw, by number or name; None lets it follow from the latent.
    """

    def __init__(
        self,
        module: nn.Module,
        classes: Sequence[str] | None = None,
        name: str | None = None,
        rendering: Rendering = AS_TRAINED,
        label: SupportsIndex | str | None = None,
    ) -> None:
        self._check_module(module)
        if classes is not None and len(classes) != module.n_classes:
            raise ValueError(f"`classes` must be {module.n_classes} names, got {len(classes)}")
        self.rendering = rendering
        names = module.n_classes if classes is None else classes
        ConditionalGenerator.__init__(self, module, (module.z_dim,), names, name, label=label)

    def _call(self, inputs: Inputs) -> Tensor:
        latent, *noises = inputs if isinstance(inputs, tuple) else (inputs,)
        if latent.ndim == 3:
            return self.module(latent, *noises, rendering=self.rendering)
        labels = noises.pop(0) if _is_pair(inputs) else self._labels(latent)
        classes = self._class_input(labels).to(latent)
        return self.module(latent, *noises, classes=classes, rendering=self.rendering)

    def _prepared(self, inputs: Inputs) -> Inputs:
        if not _is_pair(inputs):
            return StyleGenerator._prepared(self, inputs)
        more = (Network._prepared(self, part) for part in inputs[2:])
        return (*ConditionalGenerator._prepared(self, inputs[:2]), *more)


def _is_pair(inputs: Inputs) -> bool:
    """Whether labels or class vectors follow the latent; noise maps have four axes."""
    return isinstance(inputs, tuple) and len(inputs) > 1 and torch.as_tensor(inputs[1]).ndim in (1, 2)
