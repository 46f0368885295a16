"""Whether a generator that was just loaded draws pictures, and what is likely wrong if it does not.

Two fixed latents are rendered, one at a time: their pictures must be finite, different, not blank, and on both
sides of 0. Pictures beyond [-1, 1] are told by `Generator.images`, when they are clamped.
"""

import copy
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from ganwidgets.models.fingerprint import Fingerprint
from ganwidgets.models.generator import Generator
from ganwidgets.models.memory import memory_needed
from ganwidgets.models.norm_statistics import worst_gap

SEED = 0
"""Of the two latents."""

_HALF = (torch.float16, torch.bfloat16)
_STRANGE = 1.0  # [nats] between what a batch norm stored and what it meets; training leaves less than 0.03
_ALIKE = 1e-4  # [of 2, the width of the range]: pictures that differ less are taken for one


def complaints(generator: Generator) -> list[str]:
    """What is wrong with the pictures of a generator, each in one sentence with its likely cause; [] if nothing is."""
    z = generator.sample_z(2, seed=SEED)
    try:
        images = torch.cat([generator.images(one, clamp=False, grad=False) for one in z.split(1)])
    except (ValueError, RuntimeError, MemoryError) as error:
        if needs := memory_needed(error):
            return [f"{generator.name} {needs}: its pictures were not looked at"]
        if not isinstance(error, ValueError):
            raise
        return [f"{generator.name} draws nothing: {error}{_because(_broken(generator.module))}"]
    first, second = images
    if float(images.max() - images.min()) < _ALIKE:
        return [f"{generator.name} draws blank pictures{_because(_causes(generator.module))}"]
    if float((first - second).abs().max()) < _ALIKE:
        return [f"{generator.name} draws the same picture for different latents{_because(_causes(generator.module))}"]
    lowest, highest = float(images.min()), float(images.max())
    if lowest >= 0 and generator.output_range == (-1.0, 1.0):
        return [
            f"the pictures of {generator.name} lie in [{lowest:.2f}, {highest:.2f}], as if its range were [0, 1]: "
            "if it ends in a sigmoid, give output_range=(0, 1)"
        ]
    return []


def _strange_statistics(generator: Generator) -> Iterator[str]:
    worst = worst_gap(generator)
    if worst is not None and worst[1] > _STRANGE:
        yield (
            f"what comes into {worst[0]!r} of {generator.name} is not what its batch norm met in training: another "
            "activation, stride or prior was used there. Say it with load(file, recipe=[...], prior=...)"
        )


def in_float32(generator: Generator) -> Generator | None:
    """A copy that computes in float32, of a generator of half precision whose pictures are not finite; else None."""
    if not any(part.dtype in _HALF for part in generator.module.parameters()):
        return None
    try:
        generator.images(generator.sample_z(2, seed=SEED), clamp=False, grad=False)
    except ValueError:
        wide = copy.copy(generator)
        wide.module, wide._fingerprint = copy.deepcopy(generator.module).float(), Fingerprint()
        infos = generator.layers.items()
        wide.layers = {
            name: replace(info, dtype=torch.float32 if info.dtype in _HALF else info.dtype) for name, info in infos
        }
        return wide
    return None


def _because(causes: Iterator[str]) -> str:
    cause = next(causes, "")
    return f"; likely because {cause}" if cause else ""


def _broken(module: nn.Module) -> Iterator[str]:
    for name, part in _weights(module):
        if part.is_floating_point() and not bool(torch.isfinite(part).all()):
            yield f"{name} holds NaN or infinity: the training diverged, or the file is damaged"


def _causes(module: nn.Module) -> Iterator[str]:
    yield from _broken(module)
    for name, part in _weights(module):
        if part.ndim > 1 and not name.rpartition(".")[2].startswith(("bias", "noise")) and not bool(part.any()):
            yield f"{name} is all zeros: the file was written before training, or is damaged"
    for name, part in module.named_modules():
        if _never_gathered(part):
            yield f"the statistics of {name} were never gathered: it was trained, or saved, without them"


def _weights(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.state_dict().items()


def _never_gathered(part: nn.Module) -> bool:
    mean, var = getattr(part, "running_mean", None), getattr(part, "running_var", None)
    if not isinstance(mean, Tensor) or not isinstance(var, Tensor):
        return False
    return not bool(mean.any()) and bool((var == 1).all())
