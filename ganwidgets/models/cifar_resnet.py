"""The small residual networks for 32 × 32 images: `CifarResNet`, read from files by `load_classifier`.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2; names of weights as
in akamaster/pytorch_resnet_cifar10 (shortcuts without parameters, their "option A").
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Names of the ten classes, in order."""


class Block(nn.Module):
    """Two 3 × 3 convolutions with batch norm, added to their input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, self.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        new = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride == 2:
            margin = (new.shape[1] - x.shape[1]) // 2
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, margin, margin))
        return F.relu(new + x)


class CifarResNet(nn.Sequential):
    """A plain sequence of `conv1`, `bn1`, `relu`, three layers of blocks, `pool`, `flatten` and `linear`.

    Args:
        blocks: in each layer; 3 make ResNet-20, 9 make ResNet-56.
        width: units of the first layer; the next ones have twice and four times as many.
        classes: number of classes.
    """

    def __init__(self, blocks: int = 3, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        for number, units in enumerate((width, 2 * width, 4 * width), 1):
            first = Block(units if number == 1 else units // 2, units)
            self.add_module(f"layer{number}", nn.Sequential(first, *(Block(units, units) for _ in range(blocks - 1))))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.linear = nn.Linear(4 * width, classes)

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> "CifarResNet":
        """The network of these weights, in eval mode.

        Raises:
            ValueError: weights of another network.
        """
        if not is_cifar_resnet(state):
            raise ValueError("`state` must hold the weights of a CIFAR ResNet (conv1, layer1.0.conv1, …, linear)")
        blocks = len({name.split(".")[1] for name in state if name.startswith("layer1.")})
        module = cls(blocks, len(state["conv1.weight"]), len(state["linear.weight"]))
        module.load_state_dict(state)
        return module.eval()


def is_cifar_resnet(state: Mapping[str, Any]) -> bool:
    """Whether these are the weights of a `CifarResNet`, judged by names and shapes."""
    first, last = state.get("conv1.weight"), state.get("linear.weight")
    return (
        isinstance(first, Tensor)
        and isinstance(last, Tensor)
        and first.shape[1:] == torch.Size((3, 3, 3))
        and last.ndim == 2
        and last.shape[1] == 4 * len(first)
        and "layer3.0.bn2.running_var" in state
    )
