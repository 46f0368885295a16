"""The first half of every StyleGAN: z, and a class where there are classes, becomes w, and w one w for each layer.

`Mapped` is what StyleGAN2 and StyleGAN3 have in common. `Rendering` says what a picture depends on besides the weights:
how far w is pulled to the average (*truncation*), and, where a network has noise, which noise its layers get.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ganwidgets.models.progan import PixelNorm

_GAIN, _SLOPE = math.sqrt(2), 0.2  # of the leaky ReLU


@dataclass(frozen=True, eq=False)
class Rendering:
    """How latents become a picture, besides the weights.

    Attributes:
        psi: w = average + psi · (w − average). 1 leaves w, 0 gives the average picture. Nothing happens to ws given.
        cutoff: only the first so many ws are pulled; None means all.
        average: where they are pulled to; None means the file's own `latent_avg`.
        noise: "stored": the maps in the file, one for each layer. "zero": none. "seeded": each picture has its own,
            drawn from `seed`, layer and latent alone, so neither the batch nor what else runs changes it.
        seed: of seeded noise.
    """

    psi: float | int = 1.0
    cutoff: int | None = None
    average: Float[Tensor, " style"] | None = None
    noise: str = "stored"
    seed: int = 0


AS_TRAINED = Rendering()


class EqualLinear(nn.Module):
    """A linear layer whose weight is stored larger than it acts, by a factor that depends on its shape.

    Args:
        inputs: size of the input.
        outputs: size of the output.
        bias: what the bias starts as.
        rate: how much smaller yet weight and bias act (the mapping learns slowly: 0.01).
        rectify: whether leaky ReLU times √2 follows.
    """

    def __init__(
        self, inputs: int, outputs: int, bias: float | int = 0.0, rate: float | int = 1.0, rectify: bool = False
    ) -> None:
        super().__init__()
        self.scale, self.rate, self.rectify = rate / math.sqrt(inputs), rate, rectify
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), float(bias)))

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight * self.scale, self.bias * self.rate)
        return F.leaky_relu(y, _SLOPE) * _GAIN if self.rectify else y

    def extra_repr(self) -> str:
        return f"rate={self.rate}, rectify={self.rectify}"


@dataclass(frozen=True)
class MappingSize:
    """Sizes of a mapping.

    Attributes:
        z_dim: of z.
        style_dim: of w.
        n_mlp: number of layers.
        hidden: of what lies between two layers; None is `style_dim`.
        n_classes: how many classes are told apart; 0 for none.
        embed_dim: of what a class becomes; None is `style_dim`.
        rate: how much smaller weights act than they are stored.
        average: whether there is a `latent_avg`.
    """

    z_dim: int
    style_dim: int
    n_mlp: int
    hidden: int | None = None
    n_classes: int = 0
    embed_dim: int | None = None
    rate: float | int = 0.01
    average: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Of what goes into each layer, and of what comes out of the last."""
        classes = (self.embed_dim or self.style_dim) if self.n_classes else 0
        return (self.z_dim + classes, *[self.hidden or self.style_dim] * (self.n_mlp - 1), self.style_dim)


class Mapped(nn.Module):
    """A generator with a mapping; subclasses draw.

    Args:
        size: of the mapping.

    Attributes:
        style: the mapping. With classes, z and class are brought to equal length before it; else it does that itself.
        embed: what a class becomes; only where there are classes.
    """

    n_latent: int
    """Number of ws of a picture."""

    def __init__(self, size: MappingSize) -> None:
        super().__init__()
        self.z_dim, self.style_dim, self.n_classes = size.z_dim, size.style_dim, size.n_classes
        self.rate = size.rate
        if size.n_classes:
            self.embed = EqualLinear(size.n_classes, size.embed_dim or size.style_dim)
        self.style = nn.Sequential(nn.Identity() if size.n_classes else PixelNorm())
        for inputs, outputs in zip(size.widths, size.widths[1:], strict=False):
            self.style.append(EqualLinear(inputs, outputs, rate=size.rate, rectify=True))
        if size.average:
            self.register_buffer("latent_avg", torch.zeros(size.style_dim))

    def ws(self, latent: Tensor, classes: Tensor | None, rendering: Rendering) -> Float[Tensor, "batch layer style"]:
        """One w for every layer; ws (batch n_latent style_dim) stay as they are."""
        return latent if latent.ndim == 3 else self.spread(self.w(latent, classes), rendering)

    def w(self, z: Float[Tensor, "batch z"], classes: Float[Tensor, "batch label"] | None = None) -> Tensor:
        """What the mapping makes of latents, and of classes if the network has any.

        Raises:
            ValueError: it has, and none are given.
        """
        if not self.n_classes:
            return self.style(z)
        if classes is None:
            raise ValueError(f"`classes` must be given with z, (batch, {self.n_classes}): this network draws by class")
        return self.style(torch.cat([_normal(z), _normal(self.embed(classes))], 1))

    def spread(
        self, w: Float[Tensor, "batch style"], rendering: Rendering = AS_TRAINED
    ) -> Float[Tensor, "batch layer style"]:
        """One w for every layer, pulled to the average.

        Raises:
            ValueError: psi is not 1 and there is no average.
        """
        ws = w[:, None].expand(-1, self.n_latent, -1)
        if rendering.psi == 1:
            return ws
        average = rendering.average if rendering.average is not None else getattr(self, "latent_avg", None)
        if average is None:
            raise ValueError("`psi` other than 1 needs the average of w, but the weights hold no latent_avg")
        average, n = average.to(w), self.n_latent if rendering.cutoff is None else rendering.cutoff
        return torch.cat([average + rendering.psi * (ws[:, :n] - average), ws[:, n:]], 1)


_normal = PixelNorm()
