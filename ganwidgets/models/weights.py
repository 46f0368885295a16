"""The same network with other weights in one place: how a rule is changed without changing the model.

`with_weights` makes a second network; `put_weight` is for those who look for the weights it should have.
"""

import copy
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ganwidgets.models.fingerprint import Fingerprint
from ganwidgets.models.layers import did_you_mean
from ganwidgets.models.protocol import Network

AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def with_weights(network: AnyNetwork, changes: Mapping[str, Tensor], name: str | None = None) -> AnyNetwork:
    """A second network with some weights exchanged; all others are shared with the first, which stays as it is.

    The two have modules, hooks and locks of their own, so they can be used at the same time. What is trained later in
    one, shared weights included, is trained in the other.

    Args:
        network: the first one.
        changes: parameter or buffer name, as in `network.module.state_dict()` → its new content, of the same shape.
        name: what reports call the second network; by default as the first.

    Raises:
        ValueError: no such weight, another shape, or content that is not finite.
    """
    shared = dict(network.module.named_parameters()) | dict(network.module.named_buffers())
    module = copy.deepcopy(network.module, {id(part): part for part in shared.values()})
    for key, content in changes.items():
        _exchange(module, key, _checked(key, content, shared))
    second = copy.copy(network)
    second.module, second._fingerprint = module, Fingerprint()
    second.name = network.name if name is None else name
    return second


def put_weight(network: Network, key: str, content: Tensor) -> None:
    """Put a tensor, gradients and all, in place of a weight of a network that is one's own, made by `with_weights`.

    The weight then follows what the tensor was computed from, in this network only, until the next one is put there.
    """
    path, _, last = key.rpartition(".")
    network.module.get_submodule(path)._parameters[last] = content


def _checked(key: str, content: Tensor, known: Mapping[str, Tensor]) -> Tensor:
    if key not in known:
        raise ValueError(f"`changes` must name weights of the network, got {key!r}.{did_you_mean(key, known)}")
    if content.shape != known[key].shape:
        raise ValueError(
            f"`changes` must keep the shape {tuple(known[key].shape)} of {key!r}, got {tuple(content.shape)}"
        )
    if not torch.isfinite(content).all():
        raise ValueError(f"`changes` must be finite, got NaN or infinity for {key!r}")
    return content.detach().to(known[key])


def _exchange(module: nn.Module, key: str, content: Tensor) -> None:
    path, _, last = key.rpartition(".")
    owner = module.get_submodule(path)
    if last in owner._parameters:
        owner._parameters[last] = nn.Parameter(content, requires_grad=owner._parameters[last].requires_grad)
    else:
        owner._buffers[last] = content
