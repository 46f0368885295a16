"""Where a network computes: devices by name, a network brought to one, and sums that need float64.

    G = gw.load("scenes", device="auto")    # the fastest there is
    G = G.to("cpu")                         # a second network; the first stays where it is

Latents are drawn on the CPU and then brought to the network (`Generator.sample_z`), so a seed is the same picture on
every device. Counts and sums are exact in float64, which Apple's graphics (MPS) do not have: `precise` and
`counting_device` bring such work to the CPU there, and leave it beside the network everywhere else.
"""

import copy
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ganwidgets.models.fingerprint import Fingerprint

NAMES = ("auto", "cpu", "cuda", "mps")
"""What a device may be called; "cuda:1" is the second of several."""

AnyNetwork = TypeVar("AnyNetwork", bound="OnDevice")


class OnDevice:
    """What networks can do that can be brought to a device; they have a `module`."""

    module: nn.Module
    device: torch.device

    def to(self: AnyNetwork, device: str | torch.device) -> AnyNetwork:
        """The same network on a device, or itself if it is there; it stays where it is, for others that use it.

        Args:
            device: "auto" for the fastest there is, "cpu", "cuda", "mps", or a torch.device.

        Raises:
            ValueError: a device that is not here.
            TypeError: neither a name nor a device.
        """
        where = device_named(device)
        if self.device == where:
            return self
        second = copy.copy(self)
        second.module, second._fingerprint = _copied(self.module, where), Fingerprint()
        return second


def device_named(device: str | torch.device) -> torch.device:
    """The device that is meant.

    Args:
        device: "auto" for the fastest there is, "cpu", "cuda", "mps", or a torch.device.

    Raises:
        ValueError: a device that is not here.
        TypeError: neither a name nor a device.
    """
    if not isinstance(device, str | torch.device):
        raise TypeError(f"`device` must be one of {list(NAMES)} or a torch.device, got {device!r}")
    if device == "auto":
        return torch.device(next((name for name in ("cuda", "mps") if _count(name)), "cpu"))
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"`device` must be one of {list(NAMES)} or a torch.device, got {device!r}") from None
    if missing := _why_not(found):
        raise ValueError(
            f"`device` must be one that is here, but {str(device)!r} is not: {missing}. device='auto' takes the "
            "fastest there is; `ganwidgets doctor` says which"
        )
    return torch.device(found.type, found.index or 0) if found.type == "cuda" else torch.device(found.type)


def has_float64(device: torch.device) -> bool:
    """Whether a device computes in double precision."""
    return device.type != "mps"


def counting_device(device: torch.device) -> torch.device:
    """Where counts and float64 sums of what is on a device are kept: there, or on the CPU if it has no float64."""
    return device if has_float64(device) else torch.device("cpu")


def precise(tensor: Tensor) -> Tensor:
    """The numbers in float64; on the CPU if their device has none."""
    return tensor.to(counting_device(tensor.device)).double()


def _count(kind: str) -> int:
    """How many devices of a kind there are."""
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    return int(torch.backends.mps.is_available())


def _why_not(device: torch.device) -> str:
    """Why a device cannot be used; "" if it can."""
    if device.type == "meta":
        return "nothing is computed there"
    if device.type in ("cuda", "mps"):
        n, what = _count(device.type), {"cuda": "usable CUDA device", "mps": "usable Apple graphics"}[device.type]
        if n == 0:
            return f"this torch ({torch.__version__}) finds no {what}"
        return "" if (device.index or 0) < n else f"there {'is' if n == 1 else 'are'} only {n}, counted from 0"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return (str(error).splitlines() or ["?"])[0]
    return ""


def _copied(module: nn.Module, device: torch.device) -> nn.Module:
    """A copy whose weights are on a device; weights that are used twice stay one, and nothing is copied on the way."""
    known: dict[int, Any] = {}
    for part in chain(module.parameters(), module.buffers()):
        there = part.detach().to(device, _dtype_there(part, device))
        is_weight = isinstance(part, nn.Parameter)
        known[id(part)] = nn.Parameter(there, requires_grad=part.requires_grad) if is_weight else there
    return copy.deepcopy(module, known)


def _dtype_there(part: Tensor, device: torch.device) -> torch.dtype:
    """float32 in place of float64 where that is not known."""
    return torch.float32 if part.dtype == torch.float64 and not has_float64(device) else part.dtype
