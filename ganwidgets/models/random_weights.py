"""The same architecture with random weights: what a network finds before it has learnt anything.

Weights are drawn with the variance that keeps activations at the same scale through rectified layers, biases are zero,
norms do nothing of their own; running statistics of batch norms are estimated again, since those of trained weights
would silence random ones.

Source: He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", ICCV 2015, for the variance.
"""

from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ganwidgets.models.latents import whole_number
from ganwidgets.models.protocol import Network
from ganwidgets.models.weights import with_weights

AnyNetwork = TypeVar("AnyNetwork", bound=Network)

_NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm)


@torch.no_grad()
def random_network(
    network: AnyNetwork, seed: int = 0, images: Float[Tensor, "batch channel height width"] | None = None
) -> AnyNetwork:
    """A second network of the same architecture with random weights; the first stays as it is.

    Args:
        network: fed images.
        seed: of the weights.
        images: some that the network is meant for, from which the statistics of batch norms are estimated again; None
            takes noise.
    """
    random = torch.Generator().manual_seed(whole_number("seed", seed, 0))
    changes: dict[str, Tensor] = {}
    owners = dict(network.module.named_modules())
    for name, parameter in network.module.named_parameters():
        changes[name] = _drawn(owners[name.rpartition(".")[0]], name, parameter, random)
    for name, buffer in network.module.named_buffers():
        if isinstance(owners[name.rpartition(".")[0]], _BatchNorm):
            changes[name] = torch.ones_like(buffer) if name.endswith("running_var") else torch.zeros_like(buffer)
    second = with_weights(network, changes, f"{network.name} with random weights")
    second.module.eval()
    _estimate(second, _noise(network) if images is None else images)
    return second


def _drawn(owner: nn.Module, name: str, parameter: Tensor, random: torch.Generator) -> Tensor:
    if isinstance(owner, _NORMS):
        return torch.ones_like(parameter) if name.endswith("weight") else torch.zeros_like(parameter)
    if parameter.ndim < 2:
        return torch.zeros_like(parameter)
    out = 1 if isinstance(owner, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d) else 0
    deviation = (2 * parameter.shape[out] / parameter.numel()) ** 0.5  # 2 / fan in
    return torch.randn(parameter.shape, generator=random) * deviation


def _estimate(network: Network, images: Tensor) -> None:
    """Give every batch norm the mean and variance that it sees."""
    norms = [part for part in network.module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.training, norm.momentum = True, 1.0
    try:
        network._call(network._prepared(images))
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.training, norm.momentum = False, momentum


def _noise(network: Network) -> Tensor:
    shape = network.image_shape
    return torch.rand(16, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
