"""Generators of self-conditioned GANs (Liu et al. 2020) and of the GANs they build on (Mescheder et al. 2018).

Residual blocks without norms: a latent, beside a vector of length 1 for its cluster, is spread to 4 × 4; two blocks at
every resolution, nearest upsampling between, and a last convolution. The classes are clusters that the discriminator
found in the training images; how often each occurred is not in a checkpoint, so they are drawn evenly.
"""

from collections.abc import Mapping
from itertools import count

from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.blank import blank
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.pipeline import CLASS, LATENT, ClassEmbedding, Pipeline, Reshape, Step, check_map
from ganwidgets.models.state_dicts import MOST_PIXELS, with_weights

EMBEDDINGS = ("get_latent.embedding", "embedding")
"""What the vectors of the classes are called, here and in the GANs before."""

SLOPE = 0.2
RESIDUAL = 0.1
"""How much of a residual is added."""


class ResidualBlock(nn.Module):
    """Shortcut + 0.1 · residual, where the residual is twice LeakyReLU and a convolution.

    Args:
        inputs: units that come in.
        middle: units between the two convolutions.
        units: units that go out.
    """

    def __init__(self, inputs: int, middle: int, units: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(inputs, middle, 3, padding=1)
        self.conv_1 = nn.Conv2d(middle, units, 3, padding=1)
        if inputs != units:
            self.conv_s = nn.Conv2d(inputs, units, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv_0(F.leaky_relu(x, SLOPE))
        residual = self.conv_1(F.leaky_relu(residual, SLOPE))
        shortcut = self.conv_s(x) if hasattr(self, "conv_s") else x
        return shortcut + RESIDUAL * residual


def from_state_dict(state: Mapping[str, Tensor], name: str | None = None) -> Generator:
    """The generator with these weights; all about its shape is read off them.

    Raises:
        ValueError: not such a generator, or weights missing, surplus or of the wrong shape.
    """
    embedding = next((key for key in EMBEDDINGS if f"{key}.weight" in state), None)
    blocks = _blocks(state)
    first = blocks[0][1]
    fc = state.get("fc.weight")
    if fc is None or fc.ndim != 2 or len(fc) != 16 * first:
        got = "nothing" if fc is None else tuple(fc.shape)
        raise ValueError(f"a self-conditioned GAN must have 4 · 4 · {first} outputs in fc.weight, got {got}")
    n_classes, size = state[f"{embedding}.weight"].shape if embedding else (0, 0)
    z_dim = fc.shape[1] - size
    if z_dim < 1:
        raise ValueError(f"a self-conditioned GAN must have a latent besides the {size} numbers of a class, got none")
    with blank():  # nothing is drawn or allocated: the weights come from the file
        network = Pipeline(_steps(state, embedding, blocks))
    network = with_weights(network, state)
    if embedding is None:
        return TorchGenerator(network, (z_dim,), name)
    return ConditionalGenerator(network, (z_dim,), n_classes, name)


def _blocks(state: Mapping[str, Tensor]) -> list[tuple[str, int, int, int]]:
    """(name, inputs, middle, units) of the residual blocks, in order; two at each resolution."""
    blocks = []
    for level in count():
        for half in range(2):
            name = f"resnet_{level}_{half}"
            convs = [state.get(f"{name}.conv_{number}.weight") for number in range(2)]
            if any(conv is None or conv.ndim != 4 for conv in convs):
                if len(blocks) < 2 or half or 4 * 2 ** (level - 1) > MOST_PIXELS:
                    raise ValueError(
                        "a self-conditioned GAN must have resnet_0_0, resnet_0_1, … with two convolutions each, for at "
                        f"most {MOST_PIXELS} pixels a side, got {len(blocks)} such blocks"
                    )
                return blocks
            blocks.append((name, convs[0].shape[1], convs[0].shape[0], convs[1].shape[0]))
            check_map("a self-conditioned GAN", max(blocks[-1][1:]), 4 * 2 ** min(level, 64))
    return blocks


def _steps(state: Mapping[str, Tensor], embedding: str | None, blocks: list[tuple[str, int, int, int]]) -> list[Step]:
    steps = []
    if embedding:
        weight = state[f"{embedding}.weight"]
        steps.append(Step(embedding, ClassEmbedding(*weight.shape, unit=True), (LATENT, CLASS)))
    outputs, inputs = state["fc.weight"].shape
    steps.append(Step("fc", nn.Linear(inputs, outputs, bias="fc.bias" in state)))
    steps.append(Step("reshape", Reshape((outputs // 16, 4, 4))))
    for number, (name, before, middle, units) in enumerate(blocks):
        if number and number % 2 == 0:
            steps.append(Step(f"upsample_{number // 2}", nn.Upsample(scale_factor=2, mode="nearest")))
        steps.append(Step(name, ResidualBlock(before, middle, units)))
    last = state.get("conv_img.weight")
    if last is None or last.ndim != 4:
        raise ValueError("a self-conditioned GAN must have a last convolution conv_img.weight, but it is missing")
    steps.append(Step("leaky_relu", nn.LeakyReLU(SLOPE)))
    steps.append(Step("conv_img", nn.Conv2d(last.shape[1], last.shape[0], 3, padding=1)))
    steps.append(Step("tanh", nn.Tanh()))
    return steps


def _recognises(found: Found) -> bool:
    return {"fc.weight", "resnet_0_0.conv_0.weight", "conv_img.weight"} <= set(found.state)


def _build(found: Found, name: str) -> Generator:
    return from_state_dict(found.state, name)


FAMILY = Family("self-conditioned GAN", _recognises, _build)
