"""Generators that draw what they are told to: a class goes in beside the latent.

    G = gw.load("digits.pth", recipe="architecture.json")
    G.classes                       # ("0", "1", …)
    G.with_label(7)                 # the same network, which draws sevens only
    G.images((z, labels))           # a class of one's own for every picture
    G.images((z, vectors))          # something between classes: a vector of floats for every picture

Everywhere else a picture is one latent, so the class must follow from it. Either it is fixed (`with_label`), or it is a
fixed function of the latent (`label` None): the same latent is the same picture, and classes are drawn evenly.
"""

import copy
import hashlib
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.generator import Generator
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.passes import Inputs


class ConditionalGenerator(Generator):
    """A network from latents and classes to images.

    Args:
        module: called as `module(z, c)` with c one-hot, (batch, n_classes); gives images.
        z_shape: of one latent.
        classes: their names, or how many there are (then they are called "0", "1", …).
        name: what reports call it.
        output_range: lowest and highest value of the module's images.
        sampler: `sampler(n, seed)` gives n latents, if the prior is not a standard normal.
        label: the class to draw, by number or name; None draws every class.

    Attributes:
        classes: names, no two alike: of names given more than once, each carries its number.
        label: number of the class that is drawn; None when it follows from the latent.
        class_vector: what goes in for the class instead, if `with_class_vector` said so.

    Raises:
        ValueError: no classes, no such label, or the module does not turn such inputs into images.
    """

    classes: tuple[str, ...]
    label: int | None
    class_vector: Tensor | None = None

    def __init__(
        self,
        module: nn.Module,
        z_shape: Sequence[int],
        classes: Sequence[str] | SupportsIndex,
        name: str | None = None,
        output_range: tuple[float | int, float | int] = (-1.0, 1.0),
        sampler: Callable[[int, int], Any] | None = None,
        label: SupportsIndex | str | None = None,
    ) -> None:
        self.classes = _class_names(classes)
        self.label = self._number_of(label)
        super().__init__(module, z_shape, name, output_range, sampler)

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns latents into images, the label included."""
        digest = hashlib.sha256(f"{super().fingerprint} label {self.label}".encode())
        if self.class_vector is not None:
            digest.update(self.class_vector.cpu().numpy().tobytes())
        return digest.hexdigest()

    def with_label(self, label: SupportsIndex | str | None) -> "ConditionalGenerator":
        """The same network, sharing all weights, that draws one class.

        Args:
            label: number or name of a class; None lets the class follow from the latent again.

        Raises:
            ValueError: no such class.
            TypeError: neither a number nor a name.
        """
        second = copy.copy(self)
        second.label, second.class_vector = self._number_of(label), None
        return second

    def with_class_vector(self, vector: Float[Tensor, " label"]) -> "ConditionalGenerator":
        """The same network, sharing all weights, that draws with this vector in place of a class.

        Raises:
            ValueError: not one finite number a class.
        """
        if vector.shape != (self.n_classes,) or not torch.isfinite(vector).all():
            raise ValueError(
                f"`vector` must be {self.n_classes} finite numbers, one a class, got {tuple(vector.shape)}"
            )
        second = copy.copy(self)
        second.class_vector = vector.detach().float()
        return second

    def labels_of(self, z: Tensor) -> Tensor:
        """The class of each latent's picture: the label (or class vector), or else what the latent's bytes decide."""
        return self._labels(self._prepared(z))

    def _labels(self, z: Tensor) -> Tensor:
        if self.class_vector is not None:
            return self.class_vector.to(z).expand(len(z), -1)
        if self.label is not None:
            return torch.full((len(z),), self.label, device=z.device)
        rows = z.detach().float().cpu().flatten(1).contiguous().numpy()
        digests = [hashlib.sha256(row.tobytes()).digest() for row in rows]
        labels = [int.from_bytes(digest[:8], "little") % self.n_classes for digest in digests]
        return torch.tensor(labels, dtype=torch.long, device=z.device)

    def _class_input(self, labels: Tensor) -> Float[Tensor, "batch label"]:
        """What the module takes for classes: one-hot vectors; vectors of one's own stay as they are."""
        return labels if labels.is_floating_point() else F.one_hot(labels, self.n_classes).float()

    def _call(self, inputs: Inputs) -> Any:
        z, labels = inputs if isinstance(inputs, tuple) else (inputs, self._labels(inputs))
        classes = self._class_input(labels)
        return self.module(z, classes.to(z.dtype) if classes.is_floating_point() else classes)

    def _prepared(self, inputs: Inputs) -> Inputs:
        if not isinstance(inputs, tuple):
            return super()._prepared(inputs)
        if len(inputs) != 2:
            raise ValueError(f"`z` must be latents, or a pair (latents, labels), got {len(inputs)} parts")
        z = super()._prepared(inputs[0])
        labels = torch.as_tensor(inputs[1], device=z.device)
        if labels.is_floating_point() and labels.shape == (len(z), self.n_classes):
            return z, labels.to(z.dtype)
        whole = not labels.is_floating_point() and labels.dtype != torch.bool
        if not whole or labels.shape != (len(z),) or bool(((labels < 0) | (labels >= self.n_classes)).any()):
            raise ValueError(
                f"`labels` must be {len(z)} whole numbers from 0 to {self.n_classes - 1}, one for each latent, or as "
                f"many vectors of {self.n_classes} floats, got {tuple(labels.shape)} {labels.dtype}"
            )
        return z, labels.long()

    def _number_of(self, label: SupportsIndex | str | None) -> int | None:
        if label is None:
            return None
        if isinstance(label, str):
            if label not in self.classes:
                raise ValueError(
                    f"`label` must be a class of this network, got {label!r}.{did_you_mean(label, self.classes)}"
                )
            return self.classes.index(label)
        try:
            number = index(label)
        except TypeError:
            raise TypeError(f"`label` must be the number or name of a class, or None, got {label!r}") from None
        if isinstance(label, bool) or not 0 <= number < self.n_classes:
            raise ValueError(f"`label` must be from 0 to {self.n_classes - 1}, got {label!r}")
        return number


def _class_names(classes: Sequence[str] | SupportsIndex) -> tuple[str, ...]:
    """Names of classes, given as names or as their number; names that are alike get their number behind them."""
    if isinstance(classes, SupportsIndex) and not isinstance(classes, bool):
        names = tuple(map(str, range(index(classes))))
    elif isinstance(classes, str) or not all(isinstance(name, str) and name for name in classes):
        raise TypeError(f"`classes` must be names of classes, or how many there are, got {classes!r}")
    else:
        names = tuple(classes)
    if not names:
        raise ValueError(f"`classes` must be at least one, got {classes!r}")
    alike = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    return tuple(f"{name} ({number})" if name in alike else name for number, name in enumerate(names))
