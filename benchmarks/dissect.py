"""What a dissection costs over the bare work, and whether its memory grows: `python benchmarks/dissect.py`.

    python benchmarks/dissect.py [--n 512] [--repeats 5] [--layer layer4] [--large 5000]

The bare work is one forward pass and one segmentation of the same images in the same batches; the figure is the whole
dissection (result included) over it. Both are timed in turn, `--repeats` times, in one process on one torch thread; the
ratios are those of each turn, given as median and range. The bundled generator is dissected with the bundled segmenter,
and with a trivial one (17 colour rules), where the bare work is hardly more than the forward pass. Peak memory is that
of a process of its own for each sample size.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

import torch

import ganwidgets as gw
from ganwidgets.dissect import DissectionRun, Options

AIMS = {
    ("bundled", "top_fraction", True): 1.6,
    ("bundled", "iqr", True): 4.0,
    ("trivial", "top_fraction", False): 1.6,
    ("trivial", "top_fraction", True): 2.0,
    ("trivial", "iqr", True): None,
}


class ColourRules:
    """The cheapest segmenter with as many concepts as the bundled one: eight colours and nine shades of grey."""

    name, slots = "colour rules", ("colour", "shade")
    concepts = (*(f"colour {k}" for k in range(8)), *(f"shade {k}" for k in range(9)))
    categories = ("colour",) * 8 + ("shade",) * 9

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        red, green, blue = (images > 0).to(torch.uint8).unbind(1)
        shade = ((images[:, 1] + 1) * 4.5).clamp(0, 8).to(torch.uint8)
        return torch.stack([1 + red + 2 * green + 4 * blue, 9 + shade], 1)


def run(network, segmenter, options: Options) -> float:
    """Seconds until the first labels; the dissection is finished on return."""
    work, start, first = DissectionRun(network, segmenter, options), time.perf_counter(), None
    for _ in work.steps():
        if first is None and work.ready:
            work.result()
            first = time.perf_counter() - start
    work.result()
    return first


@torch.no_grad()
def bare(network, segmenter, options: Options) -> None:
    """One forward pass and one segmentation of the images a dissection sees."""
    for seed in (options.seed, options.seed + 1)[: 2 if options.rule == "iqr" else 1]:
        for z in network.sample_z(options.n, seed).split(options.batch):
            segmenter(network.images(z))


def seconds(work, *given) -> tuple[float, object]:
    """How long a call takes, and what it gives."""
    start = time.perf_counter()
    given = work(*given)
    return time.perf_counter() - start, given


def print_ratios(n: int, repeats: int, layer: str) -> None:
    """The table of costs."""
    network = gw.load("scenes")
    segmenters = {"bundled": gw.segment.load("scenes"), "trivial": ColourRules()}
    info = network.layer_info(layer)
    print(f"{n} images; {layer}: {info.shape[0]} units, {info.shape[1]} x {info.shape[2]} -> 64 x 64\n")
    print(f"{'segmenter':10}{'rule':14}{'chance, interval':18}{'whole/bare':>11}{'range':>14}{'aim':>6}", end="")
    print(f"{'images/s':>10}{'first labels':>14}")
    for (name, rule, chance), aim in AIMS.items():
        options = Options(layers=(layer,), n=n, rule=rule, chance=chance)
        warm = Options(layers=(layer,), n=64, rule=rule, chance=chance)
        bare(network, segmenters[name], warm), run(network, segmenters[name], warm)
        ratios, speeds, firsts = [], [], []
        for _ in range(repeats):
            alone, _ = seconds(bare, network, segmenters[name], options)
            whole, first = seconds(run, network, segmenters[name], options)
            ratios.append(whole / alone)
            speeds.append(n / whole)
            firsts.append(first)
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(
            f"{name:10}{rule:14}{'with' if chance else 'without':18}{statistics.median(ratios):11.2f}{spread:>14}",
            end="",
        )
        print(f"{aim or '-':>6}{statistics.median(speeds):10.0f}{statistics.median(firsts):12.2f} s", flush=True)


def print_memory(sizes: list[int], layer: str) -> None:
    """Peak memory of a process that dissects so many images."""
    for n in sizes:
        command = [sys.executable, __file__, "--peak-of", str(n), "--layer", layer]
        peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        print(f"peak memory at n = {n:,}: {float(peak[1]):,.0f} MB, of which {float(peak[0]):,.0f} MB before it began")
    print()


def print_peak(n: int, layer: str) -> None:
    """Peak memory [MB] before and after a dissection, in this process."""
    network, segmenter = gw.load("scenes"), gw.segment.load("scenes")
    bare(network, segmenter, Options(layers=(layer,), n=64))
    before = peak()
    run(network, segmenter, Options(layers=(layer,), n=n))
    print(before, peak())


def peak() -> float:
    """Most memory this process ever held [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layer", default="layer4")
    parser.add_argument("--large", type=int, default=5000)
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.peak_of:
        print_peak(given.peak_of, given.layer)
        return
    print_memory([500, given.large], given.layer)  # first: a child's peak begins at what its parent holds
    print_ratios(given.n, given.repeats, given.layer)


if __name__ == "__main__":
    main()
