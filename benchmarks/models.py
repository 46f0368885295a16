"""Rendering over the bare convolutions in it: `python benchmarks/models.py [--side 256] [--batch 1] [--repeats 5]`.

Every convolution of a pass that mixes units is noted, and called again alone, on numbers of the same shapes, in the
same run. The ratio says what all the rest costs: styles, noise, filters, nonlinearities, hooks. Weights are random. One
thread; CPU seconds, so that other work on the machine counts little; the least of some repeats, taken in turn.

For comparison, NVIDIA's own code takes 1,050 ms for a StyleGAN2 of 256 pixels on one core, rosinality's 1,544 ms.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ganwidgets.models import ProGAN, StyleGAN2, TorchGenerator
from ganwidgets.models.generator import Generator
from ganwidgets.models.mapping import MappingSize
from ganwidgets.models.stylegan2_generator import stylegan2_generator
from ganwidgets.models.stylegan3 import StyleGAN3
from ganwidgets.models.stylegan3_generator import stylegan3_generator
from ganwidgets.models.stylegan3_plan import Settings

CONVOLUTIONS = (torch.conv2d, torch.conv_transpose2d)


class Noted(TorchFunctionMode):
    """Notes the convolutions of a pass that mix units; filters of each unit alone are not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[[], Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in CONVOLUTIONS and kwargs.get("groups", 1) == 1:
            x, weight, *_ = args
            x, weight = torch.randn(x.shape), torch.randn(weight.shape)
            where = {name: kwargs[name] for name in ("stride", "padding") if name in kwargs}
            if len(args) > 3:  # as nn.Conv2d calls it
                where = {"stride": args[3], "padding": args[4]}
            self.calls.append(lambda: func(x, weight, None, **where))
        return func(*args, **kwargs)


def networks(side: int) -> dict[str, Generator]:
    """One of each family, with random weights."""
    torch.manual_seed(0)
    sides = [4 * 2**n for n in range(12) if 4 * 2**n <= side]
    units = [min(32768 // size, 512) for size in sides]
    small = [min(8192 // size, 128) for size in sides]
    styled = {
        "StyleGAN2 (rosinality)": StyleGAN2(units),
        "StyleGAN2-ADA, skip, clamped": StyleGAN2(units, limit=256),
        "StyleGAN2-ADA, resnet, clamped": StyleGAN2(units, architecture="resnet", limit=256),
    }
    filtered = {
        "StyleGAN3-t": StyleGAN3(Settings(side), MappingSize(512, 512, 2)),
        "StyleGAN3-r": StyleGAN3(
            Settings(side, conv_kernel=1, use_radial_filters=True, channel_base=65536, channel_max=1024),
            MappingSize(512, 512, 2),
        ),
    }
    return {
        "Progressive GAN": TorchGenerator(ProGAN([small[0], *small]), name="progan"),
        **{name: stylegan2_generator(module) for name, module in styled.items()},
        **{name: stylegan3_generator(module) for name, module in filtered.items()},
    }


def seconds(*works: Callable[[], Any], repeats: int) -> list[float]:
    """The least CPU time of each, taken in turn."""
    best = [float("inf")] * len(works)
    for _ in range(repeats + 1):  # the first ones warm up
        for number, work in enumerate(works):
            start = time.process_time()
            work()
            best[number] = min(best[number], time.process_time() - start)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("side", 256), ("batch", 1), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"{options.side} pixels, batch {options.batch}: CPU milliseconds a picture\n")
    print("| network | ours | bare convolutions | ratio |\n|---|--:|--:|--:|")
    for name, generator in networks(options.side).items():
        z = generator.sample_z(options.batch)
        with Noted() as noted:
            generator.images(z, clamp=False)
        calls = noted.calls
        works = (lambda g=generator, z=z: g.images(z, clamp=False), lambda calls=calls: [call() for call in calls])
        ours, bare = (1000 * part / options.batch for part in seconds(*works, repeats=options.repeats))
        print(f"| {name} | {ours:.0f} | {bare:.0f} | {ours / bare:.2f} |", flush=True)


if __name__ == "__main__":
    main()
