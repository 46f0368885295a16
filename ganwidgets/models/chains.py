"""Classifiers as chains: what torchvision's networks do one part after the other, and what a chain ends with.

`Network.above` can skip the work below a layer when the rest is a plain sequence of modules. torchvision writes one or
two steps of its networks (flatten, a mean, a ReLU) into `forward()` instead; `as_chain` says them as modules, around
the same parts. `head_of` recognises a rest that only averages over the map and applies one linear layer.
"""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.passes import isolated

_STEPS = {"flatten": lambda: nn.Flatten(1), "mean": lambda: nn.AdaptiveAvgPool2d(1), "rectify": nn.ReLU}

# What forward() of these classes of torchvision does, part by part; a name that is no part is one of _STEPS.
_CHAINS = {
    "AlexNet": "features avgpool flatten classifier",
    "ConvNeXt": "features avgpool classifier",
    "DenseNet": "features rectify mean flatten classifier",
    "EfficientNet": "features avgpool flatten classifier",
    "MobileNetV2": "features mean flatten classifier",
    "MobileNetV3": "features avgpool flatten classifier",
    "RegNet": "stem trunk_output avgpool flatten fc",
    "ResNet": "conv1 bn1 relu maxpool layer1 layer2 layer3 layer4 avgpool flatten fc",
    "SqueezeNet": "features classifier flatten",
    "VGG": "features avgpool flatten classifier",
}

_chains: "weakref.WeakKeyDictionary[nn.Module, nn.Sequential]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class LinearHead:
    """What follows a layer, when that is: average each unit over its map, then logits = weight @ means + bias."""

    weight: Float[Tensor, "class unit"] = field(repr=False)
    bias: Float[Tensor, " class"] = field(repr=False)

    @staticmethod
    def means(acts: Float[Tensor, "batch unit *location"]) -> Float[Tensor, "batch unit"]:
        """Each unit averaged over its map."""
        return acts.flatten(2).mean(2) if acts.ndim > 2 else acts

    def logits(self, means: Float[Tensor, "batch unit"]) -> Float[Tensor, "batch class"]:
        """What the network gives for units of these means."""
        return means @ self.weight.T + self.bias


def as_chain(module: nn.Module, example: Tensor) -> nn.Module:
    """A torchvision network as an `nn.Sequential` of its own parts, which keep their names; others as they are.

    The same module gives the same chain, so that all who wrap it share its lock. A part that is exchanged afterwards
    is not in the chain: wrap the module again.

    Args:
        module: any module.
        example: images; the chain is only taken if it gives the same scores for them, bit for bit.
    """
    known = _CHAINS.get(type(module).__name__) if type(module).__module__.startswith("torchvision.models.") else None
    if known is None or _is_touched(module):
        return module
    steps = known.split()
    chain = _chains.get(module)
    if chain is not None and all(getattr(module, step, part) is part for step, part in chain.named_children()):
        return chain
    chain = nn.Sequential()
    for step in steps:
        chain.add_module(step, getattr(module, step) if hasattr(module, step) else _STEPS[step]())
    weight = next(module.parameters())
    example = example.to(weight)
    with isolated(module), torch.no_grad():
        if not torch.equal(chain.eval()(example.clone()), module(example.clone())):
            return module
    _chains[module] = chain
    return chain


def head_of(rest: Sequence[nn.Module] | None, resolution: tuple[int, ...]) -> LinearHead | None:
    """The closed form of a rest that averages each map (of this height and width) and applies one linear layer."""
    if rest is None:
        return None
    parts = [part for part in _flat(rest) if not isinstance(part, nn.Dropout | nn.Dropout2d | nn.Identity)]
    if not parts or any(map(_is_touched, parts)):
        return None
    *before, last = parts
    if any(size != 1 for size in resolution):
        averages = len(before) == 2 and _is_average(before[0], resolution) and type(before[1]) is nn.Flatten
    else:
        averages = all(type(part) is nn.Flatten for part in before)
    if not averages or type(last) is not nn.Linear:
        return None
    weight = last.weight.detach()
    return LinearHead(weight, weight.new_zeros(len(weight)) if last.bias is None else last.bias.detach())


def _flat(parts: Sequence[nn.Module]) -> Iterator[nn.Module]:
    for part in parts:
        if type(part) is nn.Sequential and not _is_touched(part):
            yield from _flat(list(part))
        else:
            yield part


def _is_average(part: nn.Module, resolution: tuple[int, ...]) -> bool:
    if type(part) is nn.AdaptiveAvgPool2d:
        return part.output_size in (1, (1, 1))
    if type(part) is nn.AvgPool2d:
        kernel = part.kernel_size if isinstance(part.kernel_size, tuple) else (part.kernel_size,) * 2
        return kernel == resolution and part.padding in (0, (0, 0)) and part.divisor_override is None
    return False


def _is_touched(module: nn.Module) -> bool:
    """Whether calling the module does more than its class says: hooks, or a `forward` of its own."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
