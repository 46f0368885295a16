"""Classifiers: networks from images to a score per class, and `TorchClassifier`, which makes one of any module.

Images are those of the rest of the package, in [-1, 1]; how a network wants them normalised is said once, with
`normalise`. Scores are logits: a network that gives probabilities is read through their logarithm, which a softmax
turns back into them. `linear_head` finds out where the rest of a network is "average over the map, then one linear
layer", because there the effect of a unit has a closed form.
"""

import hashlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, SupportsIndex

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ganwidgets.models.chains import LinearHead, as_chain, head_of
from ganwidgets.models.devices import OnDevice
from ganwidgets.models.image_network import (
    checked_images,
    checked_normalisation,
    checked_shape,
    noise_images,
    normalised,
    square,
)
from ganwidgets.models.passes import Inputs
from ganwidgets.models.protocol import Network, State
from ganwidgets.models.wrappers import unwrap

OUTPUTS = ("logits", "probabilities")
"""What a module may give."""


class Classifier(OnDevice, Network):
    """A network from images to a score per class.

    Args:
        module: turns images (batch, *image_shape) into scores (batch, class).
        image_shape: (channels, height, width).
        classes: their names, in the order of the scores; None calls them "0", "1", …
        name: what reports call it.
        outputs: "logits" or "probabilities", whichever the module gives.

    Attributes:
        classes: names, no two alike: of names that were given more than once, each carries its number, as in
            "crane (134)" and "crane (517)" of ImageNet.

    Raises:
        ValueError: the module does not turn such images into scores of these classes.
    """

    def __init__(
        self,
        module: nn.Module,
        image_shape: Sequence[SupportsIndex],
        classes: Sequence[str] | None = None,
        name: str | None = None,
        outputs: str = "logits",
    ) -> None:
        self.module, self.image_shape = unwrap(module), checked_shape(image_shape)
        if outputs not in OUTPUTS:
            raise ValueError(f"`outputs` must be one of {OUTPUTS}, got {outputs!r}")
        self.outputs = outputs
        example = noise_images(self.image_shape)
        try:
            super().__init__(module, example, name)
        except Exception as error:  # whatever a stranger's module may raise
            raise ValueError(
                f"`module` must turn images of shape {tuple(example.shape)} into scores, but failed: {error}. "
                "Give `image_shape`, (channels, height, width) of one image, if another is meant."
            ) from error
        if len(self.output_shape) != 1 or self.output_shape[0] < 2:
            raise ValueError(
                "`module` must give scores (batch, class) of at least 2 classes, got "
                f"{(2, *self.output_shape)}: is this a generator, or a network with one score?"
            )
        self.classes = _checked_classes(classes, self.output_shape[0])
        self._check_outputs(example)

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns images into scores: the same on every device."""
        return hashlib.sha256(f"{super().fingerprint} {self.outputs} {self.image_shape}".encode()).hexdigest()

    def logits(self, images: Inputs, *, grad: bool | None = None) -> Float[Tensor, "batch class"]:
        """Scores whose softmax is the probabilities.

        Args:
            images: (batch channel height width) in [-1, 1], or uint8.
            grad: whether gradients are recorded; None means when grad mode is on and something requires them.

        Raises:
            ValueError: images of another shape or range, or scores that are not finite.
        """
        return self._as_logits(super().forward(images, grad=grad))

    def probabilities(self, images: Inputs, *, grad: bool | None = None) -> Float[Tensor, "batch class"]:
        """How likely each class is, as the network says."""
        return self.logits(images, grad=grad).softmax(1)

    def predict(self, images: Inputs) -> Int[Tensor, " batch"]:
        """Number of the class with the highest score; of equal ones the first."""
        return self.logits(images, grad=False).argmax(1)

    def read(
        self, inputs: Inputs, layers: str | Sequence[str], *, grad: bool | None = None
    ) -> tuple[Float[Tensor, "batch class"], dict]:
        """Logits and {layer: activations}, from one forward pass."""
        output, found = super().read(inputs, layers, grad=grad)
        return self._as_logits(output), found

    def above(
        self, state: State, acts: Float[Tensor, "batch unit *location"] | None = None, *, grad: bool | None = None
    ) -> Float[Tensor, "batch class"]:
        """Logits for a run stopped by `below`; see `Network.above`."""
        return self._as_logits(super().above(state, acts, grad=grad))

    def some(self, state: State, keep: Bool[Tensor, " batch"]) -> State:
        """The same run for some of its images, so that `above` need not do the others.

        Raises:
            ValueError: the network draws random numbers, which images of a batch share out among them.
        """
        if self._draws_noise:
            raise ValueError(f"`state` must be run as a whole: {self.name} draws random numbers")
        return replace(state, acts=state.acts[keep], inputs=state.inputs[keep.to(state.inputs.device)])

    @property
    def images_are_independent(self) -> bool:
        """Whether a batch may be split (`some`): the network draws no random numbers."""
        return not self._draws_noise

    def linear_head(self, layer: str) -> LinearHead | None:
        """The closed form of what follows a layer, or None if that is more than an average and a linear layer.

        It holds for edits that treat every location alike. None, too, while an intervention is in force.

        Raises:
            ValueError: no such layer.
        """
        info = self.layer_info(layer)
        rest = None if self._edits() or self.outputs != "logits" else self._rest(info.name)
        return head_of(rest, info.resolution)

    def _prepared(self, inputs: Inputs) -> Inputs:
        return super()._prepared(checked_images(inputs, self.image_shape) if isinstance(inputs, Tensor) else inputs)

    def _as_logits(self, output: Tensor) -> Tensor:
        scores = output.float()
        if not bool(scores.isfinite().all()):
            bad = int((~scores.isfinite()).any(1).sum())
            raise ValueError(f"scores must be finite, but {self.name} gave NaN or infinity for {bad} of {len(scores)}")
        if self.outputs == "probabilities":
            if scores.numel() and not _are_probabilities(scores.detach()):
                raise ValueError(
                    f"`outputs` 'probabilities' needs scores of at least 0 that sum to 1, but those of {self.name} "
                    "do not: give outputs='logits'"
                )
            return scores.clamp(min=torch.finfo(scores.dtype).tiny).log()
        return scores

    def _check_outputs(self, example: Tensor) -> None:
        scores = self.forward(example).float()
        if self.outputs == "probabilities":
            self._as_logits(scores)
        elif bool(scores.isfinite().all()) and _are_probabilities(scores):
            warnings.warn(
                f"the scores of {self.name} look like probabilities: give outputs='probabilities' if they are",
                stacklevel=4,
            )


class TorchClassifier(Classifier):
    """Any torch module that turns images into class scores, as a classifier whose units one can switch off.

    torchvision's own networks are taken as the chain of their parts (the same weights, the same numbers), so that
    `above` skips what lies below a layer.

    Args:
        module: the module, in train or eval mode; it is always run in eval mode.
        image_shape: (channels, height, width), or one number for square RGB images.
        classes: names in the order of the scores; None takes them from `module.config.id2label` (transformers), or
            calls them "0", "1", …
        name: what reports call it.
        outputs: "logits" or "probabilities".
        normalise: what the module wants: None, images in [-1, 1]; "unit", in [0, 1]; "imagenet"; or (mean, standard
            deviation) of images in [0, 1], a number or one a channel.

    Raises:
        ValueError: the module does not turn such images into scores of these classes.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        image_shape: Sequence[SupportsIndex] | SupportsIndex,
        classes: Sequence[str] | None = None,
        name: str | None = None,
        outputs: str = "logits",
        normalise: str | tuple | None = None,
    ) -> None:
        shape, module = checked_shape(square(image_shape)), unwrap(module)
        self.normalise = checked_normalisation(normalise, shape[0])
        names = _names_of(module) if classes is None else classes
        chain = as_chain(module, noise_images(shape))
        super().__init__(chain, shape, names, name or type(module).__name__, outputs)

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of what turns images into scores: the same on every device."""
        return hashlib.sha256(f"{super().fingerprint} {self.normalise}".encode()).hexdigest()

    def _call(self, inputs: Inputs) -> Any:
        return super()._call(inputs if self.normalise is None else normalised(inputs, self.normalise))


def _checked_classes(classes: Sequence[str] | None, n: int) -> tuple[str, ...]:
    if classes is None:
        return tuple(map(str, range(n)))
    if isinstance(classes, str) or not all(isinstance(name, str) and name for name in classes):
        raise TypeError(f"`classes` must be a list of names, got {classes!r}")
    if len(classes) != n:
        raise ValueError(f"`classes` must name the {n} classes of this network, got {len(classes)} names")
    return _told_apart(classes)


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which no two are alike: each of those that are gets its number behind it."""
    while len(set(names)) < len(names):
        times = Counter(names)
        names = [f"{name} ({number})" if times[name] > 1 else name for number, name in enumerate(names)]
    return tuple(names)


def _are_probabilities(scores: Tensor) -> bool:
    return bool((scores >= 0).all() and ((scores.sum(1) - 1).abs() < 1e-3).all())


def _names_of(module: nn.Module) -> tuple[str, ...] | None:
    """Names of classes as networks of `transformers` carry them."""
    names = getattr(getattr(module, "config", None), "id2label", None)
    if not isinstance(names, dict):
        return None
    numbered = {int(number): str(name) for number, name in names.items() if str(number).isdecimal()}  # JSON: text
    return tuple(numbered[number] for number in sorted(numbered)) if sorted(numbered) == [*range(len(names))] else None
