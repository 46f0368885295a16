"""DCGAN generators (Radford et al. 2016), rebuilt from nothing but their weights.

A chain of transposed convolutions, each but the last followed by batch norm and ReLU, the last by Tanh. A state dict
tells channels, kernels, biases and norms; the rest is the usual: the first layer spreads the latent to kernel × kernel,
every later one doubles the resolution, an untransposed one keeps it. Layers keep the names they have in the file
(`main.0`, `main.1`, …); activations, which have no weights, take the free numbers between.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from ganwidgets.models.blank import blank
from ganwidgets.models.family import Family
from ganwidgets.models.found import Found
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.state_dicts import MOST_PIXELS, check_room, generator_weights, with_weights


@dataclass(frozen=True)
class Step:
    """One convolution of the chain: its name and shape in the file, and the norm after it."""

    conv: str
    inputs: int
    units: int
    kernel: int
    transposed: bool
    bias: bool
    norm: str | None
    affine: bool

    def module(self, first: bool) -> nn.Module:
        """The convolution, with the usual stride and padding."""
        if not self.transposed:
            return nn.Conv2d(self.inputs, self.units, self.kernel, padding=self.kernel // 2, bias=self.bias)
        if first:
            return nn.ConvTranspose2d(self.inputs, self.units, self.kernel, bias=self.bias)
        return nn.ConvTranspose2d(
            self.inputs,
            self.units,
            self.kernel,
            stride=2,
            padding=(self.kernel - 1) // 2,
            output_padding=self.kernel % 2,
            bias=self.bias,
        )


class DCGAN(nn.Sequential):
    """A DCGAN generator; latents are (batch, depth, 1, 1)."""

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "DCGAN":
        """The generator with these weights; all about its shape is read off them.

        Args:
            state: weights, also nested (`netG_state_dict`, …) or with the `module.` of DataParallel before each name.

        Raises:
            ValueError: not a chain of transposed convolutions and batch norms that ends in 1, 3 or 4 channels.
        """
        state = generator_weights(state)
        chain = read_chain(state)
        if chain is None:
            raise ValueError(
                "a DCGAN generator must be a chain of ConvTranspose2d and BatchNorm2d weights from the latent to 1, 3 "
                f"or 4 channels, got {len(state)} weights ({', '.join(list(state)[:3])}, …) that are not"
            )
        resolution = _sides(chain)[-1]
        if resolution > MOST_PIXELS:
            raise ValueError(f"a DCGAN must have images of at most {MOST_PIXELS} pixels a side, got {resolution}")
        for step, side in zip(chain, _sides(chain), strict=True):
            check_room("DCGAN", step.conv, step.units, side)
        with blank():  # nothing is drawn or allocated: the weights come from the file
            network = cls()
            for place, step in enumerate(chain):
                last = step is chain[-1]
                _put(network, step.conv, step.module(first=not place))
                if step.norm:
                    _put(network, step.norm, nn.BatchNorm2d(step.units, affine=step.affine))
                activation = nn.Tanh() if last else nn.ReLU()
                _put(network, _free_name(step.norm or step.conv, state, "tanh" if last else "relu"), activation)
        counters = {key: torch.tensor(0) for key in network.state_dict() if key.endswith("num_batches_tracked")}
        return with_weights(network, counters | state)  # files from before 2018 lack the counters


def _sides(chain: list[Step]) -> list[int]:
    """Of the maps that each convolution gives."""
    doublings = accumulate((int(step.transposed) for step in chain[1:]), initial=0)
    return [chain[0].kernel * 2**number for number in doublings]


def is_dcgan(state: Mapping[str, Tensor]) -> bool:
    """Whether these weights make the chain of a DCGAN generator."""
    return read_chain(state) is not None


def read_chain(state: Mapping[str, Tensor]) -> list[Step] | None:
    """The convolutions in order, or None if these weights are no DCGAN generator's."""
    modules: dict[str, dict[str, Tensor]] = {}
    for key, part in state.items():
        path, _, kind = key.rpartition(".")
        modules.setdefault(path, {})[kind] = part
    # Files are not always in order (safetensors sorts by name), so first by the numbers in the names.
    by_number = sorted(modules, key=lambda path: ([int(n) for n in re.findall(r"\d+", path)], _is_norm(modules[path])))
    for order in (by_number, list(modules)):
        chain = _chain(order, modules)
        if chain is not None and _nests(chain):
            return chain
    return None


def _is_norm(weights: Mapping[str, Tensor]) -> bool:
    return "running_mean" in weights


def _chain(order: list[str], modules: dict[str, dict[str, Tensor]]) -> list[Step] | None:
    """The steps in this order, if the channels fit."""
    steps: list[Step] = []
    for path in order:
        weights = modules[path]
        units = steps[-1].units if steps else None
        if _is_norm(weights):
            if not steps or steps[-1].norm or weights["running_mean"].shape != (units,):
                return None
            steps[-1] = Step(**(vars(steps[-1]) | {"norm": path, "affine": "weight" in weights}))
            continue
        step = _convolution(path, weights, units)
        if step is None:
            return None
        steps.append(step)
    ends = len(steps) >= 2 and steps[-1].units in (1, 3, 4) and steps[-1].norm is None and steps[0].transposed
    return steps if ends else None


def _convolution(path: str, weights: Mapping[str, Tensor], before: int | None) -> Step | None:
    weight = weights.get("weight")
    if weight is None or weight.ndim != 4 or weight.shape[2] != weight.shape[3] or set(weights) - {"weight", "bias"}:
        return None
    kernel = weight.shape[2]
    transposed = before in (None, weight.shape[0]) and not (kernel in (1, 3) and weight.shape[1] == before)
    if not transposed and (weight.shape[1] != before or kernel % 2 == 0):
        return None
    if transposed and before is not None and kernel in (1, 3):
        return None  # whether such a layer doubles the resolution cannot be told from its weights
    inputs, units = weight.shape[:2] if transposed else (weight.shape[1], weight.shape[0])
    return Step(path, inputs, units, kernel, transposed, "bias" in weights, None, True)


def _nests(chain: list[Step]) -> bool:
    """Whether nested sequences with these names run in this order: no name returns to a sequence already left."""
    names = [name for step in chain for name in (step.conv, step.norm) if name]
    if "" in names:
        return False
    for depth in range(1, max(name.count(".") for name in names) + 1):
        tops = [".".join(name.split(".")[:depth]) for name in names]
        runs = [top for place, top in enumerate(tops) if not place or tops[place - 1] != top]
        if len(runs) != len(set(runs)):
            return False
    return True


def _put(root: nn.Sequential, path: str, module: nn.Module) -> None:
    *parents, key = path.split(".")
    for parent in parents:
        if parent not in root._modules:
            root.add_module(parent, nn.Sequential())
        root = root._modules[parent]
    root.add_module(key, module)


def _free_name(after: str, state: Mapping[str, Tensor], kind: str) -> str:
    """A name for an activation that follows `after`: the next number if it is free."""
    parent, dot, key = after.rpartition(".")
    if key.isdigit():
        following = f"{parent}{dot}{int(key) + 1}"
        if not any(name.startswith(f"{following}.") for name in state):
            return following
    return f"{parent}{dot}{key}_{kind}"


def _generator(found: Found, name: str) -> Generator:
    return TorchGenerator(DCGAN.from_state_dict(found.state), name=name)


def _describe(generator: Generator) -> Mapping[str, Any]:
    return {"assumed": "what weights do not say: ReLU between layers, Tanh at the end, normal latents"}


FAMILY = Family("DCGAN", lambda found: is_dcgan(found.state), _generator, _describe)
