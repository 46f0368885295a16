"""A small network that perturbs late layers a little: what is sought for one edit, in place of pixels.

A fixed picture of noise runs through convolutions that halve it step by step; at the size of each late layer a head
gives s, and the layer gives x·(1 + s). Only this network is trained. It is smooth where nothing tells it otherwise, so
it mends a border without copying the photo into the brush.

Source: Bau, Strobelt, Peebles, Wulff, Zhou, Zhu, Torralba, "Semantic photo manipulation with a generative image prior"
(2019): 32 channels of noise, four levels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NOISE = 32  # channels


class Perturbation(nn.Module):
    """Noise to one map a layer, (unit, height, width) each; all zero at first.

    Args:
        shapes: of the layers, (unit, height, width).
        size: (height, width) of the noise.
        seed: of the noise and of the first weights.
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], size: tuple[int, int], seed: int = 1) -> None:
        super().__init__()
        self.shapes = [tuple(shape) for shape in shapes]
        random = torch.Generator().manual_seed(seed)
        self.register_buffer("noise", torch.randn(1, NOISE, *size, generator=random))
        # Finest first: the noise gets smaller on its way.
        self.order = sorted(range(len(shapes)), key=lambda i: -max(shapes[i][1:]))
        self.steps = nn.ModuleList(nn.Conv2d(NOISE, NOISE, 3, padding=1) for _ in self.order)
        self.heads = nn.ModuleList(nn.Conv2d(NOISE, shapes[i][0], 1) for i in self.order)
        for step, head in zip(self.steps, self.heads, strict=True):
            step.weight.data = torch.randn(step.weight.shape, generator=random) / (9 * NOISE / 2) ** 0.5
            for part in (step.bias, head.weight, head.bias):
                part.data.zero_()

    def forward(self) -> list[Tensor]:
        """s of each layer, in the order in which the layers were given."""
        found: list[Tensor] = [self.noise] * len(self.shapes)
        x = self.noise
        for step, head, which in zip(self.steps, self.heads, self.order, strict=True):
            x = F.leaky_relu(step(F.adaptive_avg_pool2d(x, self.shapes[which][1:])), 0.2)
            found[which] = head(x)[0]
        return found
