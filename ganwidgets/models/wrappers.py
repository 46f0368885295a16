"""Which modules can be read and edited exactly, and how to get at them through the usual wrappers.

Hooks see every call of a plain module. A compiled or scripted one runs code in which hooks registered later are
silently ignored, so it is unwrapped where the inner module computes the same, and refused where it cannot be.
"""

import torch
from torch import nn


def unwrap(module: nn.Module) -> nn.Module:
    """The plain module inside `torch.compile`, `DataParallel` and `DistributedDataParallel`.

    Raises:
        TypeError: not a module, or one in which hooks would be ignored (scripted, compiled in place or in parts).
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module, got {type(module).__name__}")
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(getattr(module, "_orig_mod", None), nn.Module):
            module = module._orig_mod
        else:
            break
    for name, part in module.named_modules():
        if reason := _refusal(part):
            where = f"its part {name!r}" if name else type(part).__name__
            raise TypeError(
                f"`module` must be a plain module, but {where} {reason}: reading and editing layers would silently "
                "do nothing there. Pass the module as it was before."
            )
    return module


def _refusal(part: nn.Module) -> str:
    if isinstance(part, torch.jit.ScriptModule):
        return "is scripted or traced (torch.jit)"
    if isinstance(getattr(part, "_orig_mod", None), nn.Module):
        return "is wrapped by torch.compile"
    if getattr(part, "_compiled_call_impl", None) is not None:
        return "was compiled in place with .compile()"
    if hasattr(part.forward, "_torchdynamo_orig_callable"):
        return "has a compiled forward"
    if isinstance(part, nn.DataParallel) and len(part.device_ids) > 1:
        return "is a DataParallel over several devices"
    return ""
