"""DeepLab on a MobileNetEdgeTPU, from its weights alone: `EdgeTPUSegmenter`.

The names are those of timm and torchvision, which hold its two halves: a backbone of stages (`backbone.blocks.2.1.…`)
and a head that looks at every cell and at the whole picture (`classifier.0.convs.…`). Widths, kernels and the kind of
every block are in the shapes. What the weights do not say is the network's plan as published: the stem and the first
blocks of stages 1, 2, 3 and 5 halve the picture, but not below a sixteenth; later blocks then look at every second
cell; and the first block of a stage does not add its input.

Source: Xiong et al., "MobileDets" (2020), and Chen et al., "Rethinking Atrous Convolution" (2017).
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.blank import blank
from ganwidgets.models.files import read_weights
from ganwidgets.segment.labels import label_set
from ganwidgets.segment.network import TorchSegmenter
from ganwidgets.segment.preparation import Preparation

HALVING = (1, 2, 3, 5)
"""Stages whose first block halves the picture."""

COARSEST = 16
"""Pixels a cell, at most; a stage that would halve further spreads its kernels instead."""

_LEVELS = (128 / 255,) * 3  # mean and standard deviation of pixels in [0, 1]


class EdgeTPUSegmenter(TorchSegmenter):
    """A DeepLab with a MobileNetEdgeTPU backbone, whose file holds weights and no plan.

    Args:
        weights: path of a weights file, or a state dict.
        classes: names in the order of the outputs; for 19 outputs those of Cityscapes.
        input_size: (height, width) at which the network sees images, or None for the images' own size.
        options: as for `TorchSegmenter`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: weights of another network, or names that do not fit them.
    """

    def __init__(
        self,
        weights: str | os.PathLike | Mapping[str, Tensor],
        classes: Sequence[str] | None = None,
        *,
        input_size: tuple[int, int] | None = (513, 513),
        **options: Any,
    ) -> None:
        if not isinstance(weights, Mapping) and not Path(weights).is_file():
            raise FileNotFoundError(f"`weights` must be a weights file, but there is no {str(weights)!r}")
        state = weights if isinstance(weights, Mapping) else read_weights(Path(weights))
        module = edgetpu_deeplab(state)
        n, cityscapes = len(module.classifier[1].weight), label_set("cityscapes-19").names
        if classes is None and n != len(cityscapes):
            raise ValueError(f"`classes` must name the {n} outputs of these weights; only 19 (Cityscapes) are known")
        if classes is not None and len(classes) != n:
            raise ValueError(f"`classes` must name the {n} outputs of these weights, got {len(classes)} names")
        preparation = Preparation(_LEVELS, _LEVELS, size=input_size)
        super().__init__(module, classes or cityscapes, preparation, **{"name": "edgetpu"} | options)


def edgetpu_deeplab(state: Mapping[str, Tensor]) -> nn.Module:
    """The network of these weights: prepared images to a map per class.

    Raises:
        ValueError: they are not those of such a network.
    """
    try:
        with blank():  # nothing is drawn or allocated: the weights come from the file
            network = _DeepLab(state)
        network.load_state_dict(dict(state), assign=True)
    except (KeyError, AttributeError, IndexError, RuntimeError, StopIteration, ValueError) as error:
        first = (str(error).splitlines()[1:2] or [str(error)])[0].strip()
        raise ValueError(
            "`weights` must be those of a DeepLab with a MobileNetEdgeTPU backbone (backbone.conv_stem, "
            f"backbone.blocks.…, classifier.0.convs.…), but do not fit: {first[:200]}"
        ) from error
    return network.eval().requires_grad_(False)


class _Conv(nn.Conv2d):
    """A convolution that pads like TensorFlow's "same": what cannot be halved goes below and to the right."""

    def __init__(self, weight: Tensor, stride: int = 1, dilation: int = 1, bias: bool = False) -> None:
        units, inputs, kernel, _ = weight.shape
        groups = units if inputs == 1 else 1
        spread = {"stride": stride, "dilation": dilation, "groups": groups, "bias": bias}
        super().__init__(inputs * groups, units, kernel, **spread)

    def forward(self, x: Tensor) -> Tensor:
        step, reach = self.stride[0], self.dilation[0] * (self.kernel_size[0] - 1) + 1
        missing = [max(0, (-(-side // step) - 1) * step + reach - side) for side in (x.shape[3], x.shape[2])]
        return super().forward(F.pad(x, [part for gap in missing for part in (gap // 2, gap - gap // 2)]))


class _Block(nn.Module):
    """Convolutions one after the other, each with a norm, all but the last followed by a ReLU."""

    def __init__(self, state: Mapping[str, Tensor], path: str, stride: int, dilation: int, adds: bool) -> None:
        super().__init__()
        names = ("conv",), ("conv_exp", "conv_pwl"), ("conv_pw", "conv_dw", "conv_pwl")
        self.names = next(kind for kind in names if f"{path}.{kind[0]}.weight" in state)
        self.adds = adds
        for number, name in enumerate(self.names, 1):
            weight = state[f"{path}.{name}.weight"]
            wide = (stride, dilation) if weight.shape[2] > 1 else (1, 1)
            self.add_module(name, _Conv(weight, *wide))
            self.add_module(f"bn{number}", nn.BatchNorm2d(len(weight)))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number, name in enumerate(self.names, 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(name)(y))
            y = F.relu(y) if number < len(self.names) else y
        return x + y if self.adds else y


class _Backbone(nn.Module):
    """Stem, stages and a last 1 × 1 convolution."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        stem, last = state["backbone.conv_stem.weight"], state["backbone.conv_head.weight"]
        self.conv_stem, self.bn1 = _Conv(stem, 2), nn.BatchNorm2d(len(stem))
        self.blocks = nn.Sequential()
        coarse, dilation = 2, 1
        for stage, length in enumerate(_lengths(state)):
            halves = stage in HALVING
            stride = 2 if halves and coarse < COARSEST else 1
            blocks, later = nn.Sequential(), dilation * 2 if halves and stride == 1 else dilation
            for number in range(length):
                place = (stride, dilation) if number == 0 else (1, later)
                blocks.append(_Block(state, f"backbone.blocks.{stage}.{number}", *place, adds=number > 0))
            self.blocks.append(blocks)
            coarse, dilation = coarse * stride, later
        self.conv_head, self.bn2 = _Conv(last), nn.BatchNorm2d(len(last))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv_stem(x)))
        return F.relu(self.bn2(self.conv_head(self.blocks(x))))


class _Pyramid(nn.Module):
    """What every cell shows, beside what the whole picture shows."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        cell, whole, both = (state[f"classifier.0.{name}.weight"] for name in ("convs.0.0", "convs.1.1", "project.0"))
        self.convs = nn.ModuleList([_normed(cell), nn.Sequential(nn.AdaptiveAvgPool2d(1), *_normed(whole))])
        self.project = _normed(both)

    def forward(self, x: Tensor) -> Tensor:
        cells, whole = (conv(x) for conv in self.convs)
        return self.project(torch.cat([cells, whole.expand_as(cells)], 1))


class _DeepLab(nn.Module):
    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.backbone = _Backbone(state)
        self.classifier = nn.Sequential(_Pyramid(state), _Conv(state["classifier.1.weight"], bias=True))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.classifier(self.backbone(images))
        return F.interpolate(maps, images.shape[2:], mode="bilinear", align_corners=True)  # as it was trained


def _normed(weight: Tensor) -> nn.Sequential:
    return nn.Sequential(_Conv(weight), nn.BatchNorm2d(len(weight)), nn.ReLU())


def _lengths(state: Mapping[str, Tensor]) -> list[int]:
    """How many blocks each stage has."""
    places = {tuple(key.split(".")[2:4]) for key in state if key.startswith("backbone.blocks.")}
    stages = {stage for stage, _ in places}
    return [sum(stage == str(number) for stage, _ in places) for number in range(len(stages))]
