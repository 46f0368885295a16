"""torchvision's segmentation networks with a weights file of yours: `TorchvisionSegmenter`.

The network is built by its name, the weights are read by `models.files.read_weights`, and nothing is downloaded.
"""

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ganwidgets.models.files import read_weights
from ganwidgets.models.layers import did_you_mean
from ganwidgets.segment.labels import label_set
from ganwidgets.segment.network import TorchSegmenter
from ganwidgets.segment.preparation import Preparation

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""(mean, std) with which torchvision trains."""


class TorchvisionSegmenter(TorchSegmenter):
    """A segmentation network of torchvision, such as "deeplabv3_resnet50" or "lraspp_mobilenet_v3_large".

    Args:
        architecture: torchvision's name of the network.
        weights: path of a weights file, or a state dict.
        classes: names in the order of the outputs; for 21 outputs those of Pascal VOC, as in torchvision's own weights.
        input_size: length of the shorter side at which the network sees images, (height, width), or None for the
            images' own size.
        options: as for `TorchSegmenter`.

    Raises:
        ImportError: torchvision is not installed.
        FileNotFoundError: no such file.
        ValueError: no such network, or weights of another one.
    """

    def __init__(
        self,
        architecture: str,
        weights: str | os.PathLike | Mapping[str, Tensor] | None = None,
        classes: Sequence[str] | None = None,
        *,
        input_size: tuple[int, int] | int | None = 520,
        **options: Any,
    ) -> None:
        state = _state(architecture, weights)
        module, n_classes = _filled(architecture, state)
        voc = label_set("voc-21").names
        if classes is None and n_classes != len(voc):
            raise ValueError(f"`classes` must name the {n_classes} outputs of these weights; only 21 (VOC) are known")
        if classes is not None and len(classes) != n_classes:
            raise ValueError(f"`classes` must name the {n_classes} outputs of these weights, got {len(classes)} names")
        preparation = Preparation(*IMAGENET, size=input_size)
        super().__init__(module, classes or voc, preparation, **{"name": f"torchvision:{architecture}"} | options)


def _state(architecture: str, weights: Any) -> dict[str, Tensor]:
    if weights is None:
        raise ValueError(
            f"`weights` must be the path of a weights file for {architecture!r}, got None: nothing is downloaded here"
        )
    if not isinstance(weights, Mapping):
        if not Path(weights).is_file():
            raise FileNotFoundError(f"`weights` must be a weights file, but there is no {str(weights)!r}")
        weights = read_weights(Path(weights))
    for key in ("model", "state_dict"):  # as torchvision's and other training scripts save
        if isinstance(weights, Mapping) and isinstance(weights.get(key), Mapping):
            weights = weights[key]
    tensors = isinstance(weights, Mapping) and all(isinstance(part, Tensor) for part in weights.values())
    if not tensors or not weights:
        raise ValueError("`weights` must hold tensors by name (a state dict), got something else")
    return {name.removeprefix("module."): tensor for name, tensor in weights.items()}


def _filled(architecture: str, state: Mapping[str, Tensor]) -> tuple[nn.Module, int]:
    """The network of this name with these weights, and its number of classes, which the weights decide."""
    if find_spec("torchvision") is None:
        raise ImportError(
            f"torchvision is needed for {architecture!r} and is not installed: pip install 'ganwidgets[segment]'"
        )
    from torchvision import models

    names = models.list_models(module=models.segmentation)
    if architecture not in names:
        near = did_you_mean(architecture, names)
        raise ValueError(f"`architecture` must be one of torchvision's {names}, got {architecture!r}.{near}")
    heads = [name for name in ("classifier.4.weight", "classifier.high_classifier.weight") if name in state]
    if not heads:
        raise ValueError(
            f"`weights` must be those of {architecture!r}, but have no classifier; they begin {list(state)[:3]}"
        )
    n_classes, more = len(state[heads[0]]), {}
    if not architecture.startswith("lraspp"):
        more["aux_loss"] = any(name.startswith("aux_classifier.") for name in state)
    module = models.get_model(architecture, weights=None, weights_backbone=None, num_classes=n_classes, **more)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise ValueError(f"`weights` must be those of {architecture!r}, but do not fit: {first[0].strip()}") from error
    return module.eval(), n_classes
