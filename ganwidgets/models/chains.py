"""Classifiers as chains: what torchvision's networks do one part after the other, and what a chain ends with.

`Network.above` can skip the work below a layer when the rest is a plain sequence of modules. torchvision writes one or
two steps of its networks (flatten, a mean, a ReLU) into `forward()` instead, transformers the whole of it; `as_chain`
says them as modules, around the same parts. `head_of` recognises a rest that only averages over the map and applies one
linear layer.
"""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ganwidgets.models.passes import first_tensor, isolated

_STEPS = {"flatten": lambda: nn.Flatten(1), "mean": lambda: nn.AdaptiveAvgPool2d(1), "rectify": nn.ReLU}

# What forward() of these classes does, part by part; a name that is no part is one of _STEPS.
_CHAINS = {
    "MobileNetV1ForImageClassification": "mobilenet_v1.conv_stem mobilenet_v1.layer mobilenet_v1.pooler flatten "
    "dropout classifier",
    "MobileNetV2ForImageClassification": "mobilenet_v2.conv_stem mobilenet_v2.layer mobilenet_v2.conv_1x1 "
    "mobilenet_v2.pooler flatten dropout classifier",
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

# The chain of a module, and of which parts it was made.
_chains: "weakref.WeakKeyDictionary[nn.Module, tuple[nn.Sequential, tuple]]" = weakref.WeakKeyDictionary()


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
    """A known network as an `nn.Sequential` of its own parts, which keep their names; others as they are.

    Known are networks of torchvision, and of transformers where they are a chain.

    The same module gives the same chain, so that all who wrap it share its lock. A part that is exchanged afterwards
    is not in the chain: wrap the module again.

    Args:
        module: any module.
        example: images; the chain is only taken if it gives the same scores for them, bit for bit.
    """
    origin = type(module).__module__
    known = _CHAINS.get(type(module).__name__) if origin.startswith(("torchvision.models.", "transformers.")) else None
    if known is None or _is_touched(module):
        return module
    try:
        parts = _parts(module, known.split())
    except AttributeError:  # another version of the library
        return module
    chain, of = _chains.get(module, (None, ()))
    if chain is not None and len(of) == len(parts) and all(a is b for a, b in zip(of, parts.values(), strict=True)):
        return chain
    chain = nn.Sequential()
    for name, part in parts.items():
        if isinstance(part, nn.ModuleList):
            part = nn.Sequential(*part)
        chain.add_module(name, _STEPS[name]() if part is None else part)
    weight = next(module.parameters())
    example = example.to(weight)
    with isolated(module), torch.no_grad():
        if not torch.equal(chain.eval()(example.clone()), first_tensor(module(example.clone()))):
            return module
    _chains[module] = chain, tuple(parts.values())
    return chain


def _parts(module: nn.Module, steps: Sequence[str]) -> dict[str, nn.Module | None]:
    """The parts of a module by the last word of their names; None for a step that has no part of its own."""
    return {
        step.rpartition(".")[2]: None if step in _STEPS and not hasattr(module, step) else module.get_submodule(step)
        for step in steps
    }


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
