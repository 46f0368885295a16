"""Modules whose weights have shapes and no numbers, to be filled from a file: nothing is drawn, nothing allocated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _NothingDrawn(TorchFunctionMode):
    """Leaves out what `torch.nn.init` does; for normal numbers without memory torch would load its whole compiler."""

    def __torch_function__(self, function: Callable, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)


@contextmanager
def blank() -> Iterator[None]:
    """Modules made inside have weights without numbers, on the device "meta"; whoever made them puts some in."""
    with torch.device("meta"), _NothingDrawn():
        yield
