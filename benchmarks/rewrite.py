"""The closed form against the original's descent, on edits the original made: `python benchmarks/rewrite.py`.

    python benchmarks/rewrite.py [--steps 2001] [--repeats 10] [--data tests/data]
                                 [--parts parity time seen first world] [--edits 20]

The golden cases of the tests hold the weights that the code of Bau et al. (2020) kept, on two layers each of a small
Progressive GAN and a small StyleGAN2. Five tables:

1. The original's objective (the crop, absolute errors, one direction): mean absolute error of the weights it kept, of
   its variant with low-rank gradients, and of `solve`.
2. Time: our own projected descent, 2,001 steps, and `solve`, both for that objective and in this very run. CPU seconds
   of one thread, so that other work on the machine counts little. With fewer `--steps` the time is scaled up.
3. What one sees (objective "window", λ as by default): error inside the box of the edited picture, change elsewhere in
   it, and change of the pictures of the other samples; nearer 0 is better in each column.
4. How long a person waits: wall time from `apply` in a new session to the first edited pictures of its grid, in bare
   forward passes of that grid; the best of the repeats. This one is of the bundled generator.
5. What one sees, for twenty edits of the bundled generator, beside our own projected descent (`rewrite_world`): how
   many are better in all three, and, for those that are not, the same for other λ.
"""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rewrite_world import EDITS, SEED, world
from torch import Tensor

import ganwidgets as gw
from ganwidgets.models import with_weights
from ganwidgets.rewrite import (
    EditableLayer,
    RewriteController,
    Target,
    copy_object,
    descend,
    editable_layer,
    load_request,
    paste_target,
    patch_moment,
    solve,
)
from ganwidgets.rewrite.descent import ITERATIONS, mean_error

CASES = ("progan_layer5", "progan_layer6", "stylegan2_layer5", "stylegan2_layer6")
SAMPLE = 200  # latents, as in the golden files
PARTS = ("parity", "time", "seen", "first", "world")
CROP = {"objective": "crop", "norm": "l1", "smoothness": 0}


@dataclass(frozen=True, eq=False)
class Case:
    """One edit that the original made."""

    name: str
    editable: EditableLayer
    z: Tensor
    pasted_on: int
    target: Target
    arrays: dict[str, Tensor]

    @classmethod
    def read(cls, name: str, data: Path) -> "Case":
        family, _, number = name.partition("_layer")
        if family == "progan":
            editable = editable_layer(gw.load(data / "dissect/model.safetensors"), f"layer{number}")
        else:
            network = gw.load(data / "rewriting/stylegan2_nonoise.pt").truncated(0.5)
            editable = editable_layer(network, f"convs.{int(number) - 3}")
        asked = "request_cloud2sun.json" if family == "progan" else f"request_{name}.json"
        request = load_request(data / "rewriting" / asked, legacy_alpha=True)
        z, source, place = editable.network.sample_z(SAMPLE), request.object, request.paste
        copied = copy_object(editable, z[source.image : source.image + 1], source.region, legacy=True)
        target = paste_target(editable, z[place.image : place.image + 1], copied, place.region, legacy=True)
        arrays = np.load(data / "rewriting" / f"{name}.npz")
        return cls(name, editable, z, place.image, target, {key: torch.from_numpy(arrays[key]) for key in arrays})

    @property
    def context(self) -> Tensor:
        return self.arrays["D.zca.3masks.rank1"]

    def kept(self, run: str) -> Tensor:
        """The weight that the original finally kept."""
        return self.weight(self.arrays[f"{run}.W.update"], self.arrays[f"{run}.W.context"])

    def weight(self, update: Tensor, context: Tensor) -> Tensor:
        return self.editable.W0 + self.editable.expand(update, context)


def parity(case: Case) -> list[Any]:
    """Row of the first table."""
    error, found = mean_error([case.target.cropped()]), solve(case.target, case.context, **CROP)
    weights = [case.kept("edit.tight1.rank1"), case.kept("edit.lowrankgrad"), case.weight(found.update, found.context)]
    with torch.no_grad():
        return [f"{float(error(weight)):.4f}" for weight in (case.editable.W0, *weights)]


def timing(case: Case, steps: int, repeats: int) -> list[Any]:
    """Row of the second table."""
    cropped = case.target.cropped()
    descended = seconds(lambda: descend(cropped, case.context, iterations=steps))
    row = [f"{descended * ITERATIONS / steps:.2f}"]
    moment = patch_moment(case.editable, case.z[:64], case.context)
    for options in (CROP, {"norm": "l1", "moment": moment}, {"norm": "l2", "moment": moment}):
        work = partial(solve, case.target, case.context, **options)
        solved = min(seconds(work) for _ in range(repeats))
        row.append(f"{solved * 1e3:.1f}")
        if options is CROP:
            row.append(f"{descended * ITERATIONS / steps / solved:.0f}")
    return row


def seen(case: Case) -> Iterator[list[Any]]:
    """Rows of the third table."""
    network, others = case.editable.network, case.z[torch.arange(SAMPLE) != case.pasted_on]
    before, outside = network.images(others, clamp=False), case.target.where == 0
    moment = patch_moment(case.editable, case.z, case.context)
    weights = {"no edit": case.editable.W0, "original": case.kept("edit.tight1.rank1")}
    for norm in ("l1", "l2"):
        found = solve(case.target, case.context, norm=norm, moment=moment)
        weights[f"solve, {norm}"] = case.weight(found.update, found.context)
    for name, weight in weights.items():
        change = (case.target.present(weight) - case.target.present()).abs()[:, outside].mean()
        after = with_weights(network, {case.editable.weight: weight}).images(others, clamp=False)
        numbers = (mean_error([case.target])(weight), change, (after - before).abs().mean())
        yield [name, *(f"{float(number):.4f}" for number in numbers)]


def first(norm: str, repeats: int) -> list[Any]:
    """Row of the fourth table."""
    network = gw.load("scenes")
    waits = [waited(network, norm) for _ in range(repeats)]
    z = network.sample_z(12, 1)
    passes = []
    for _ in range(repeats):
        began = time.perf_counter()
        network.images(z, clamp=False, grad=False)
        passes.append(time.perf_counter() - began)
    return [norm, f"{min(passes) * 1e3:.0f}", f"{min(waits) * 1e3:.0f}", f"{min(waits) / min(passes):.1f}"]


def waited(network: gw.models.Generator, norm: str) -> float:
    """From `apply` to the first edited pictures, in a session that has shown what was marked."""
    session, shown = RewriteController(network, layer="layer6", norm=norm, refining=False), threading.Event()
    region = torch.zeros(64, 64)
    region[18:26, 26:34] = 1
    for kind, image in (("object", 7), ("paste", 0), ("examples", 0), ("examples", 4)):
        session.mark(kind, image, region)
    session.wait(120)
    session.observe(lambda change: shown.set() if session.edits else None, "after")
    began = time.perf_counter()
    session.apply()
    if not shown.wait(120):
        sys.exit(f"No picture came: {session.error}")
    wait = time.perf_counter() - began
    session.wait(120)
    session.close()
    return wait


def seconds(work: Callable[[], Any]) -> float:
    """CPU time."""
    began = time.process_time()
    work()
    return time.process_time() - began


def table(header: list[str], rows: list[list[Any]]) -> None:
    """As Markdown, so that it can go into the docs."""
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=ITERATIONS)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "tests/data")
    parser.add_argument("--edits", type=int, default=EDITS, help="of the bundled generator")
    parser.add_argument("--seed", type=int, default=SEED, help="of those edits")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    parts = set(options.parts)
    golden = parts - {"first", "world"}
    if golden and not (options.data / "rewriting").is_dir():
        sys.exit(f"The golden cases are needed and {options.data / 'rewriting'} is not there: run it in a clone.")
    torch.set_num_threads(1)
    cases = [Case.read(name, options.data) for name in CASES] if golden else []

    if "parity" in parts:
        print("Original objective: mean absolute error of the crop, rank 1\n")
        header = ["case", "no edit", "original, kept", "low-rank gradients", "solve"]
        table(header, [[case.name, *parity(case)] for case in cases])
    if "time" in parts:
        scaled = "" if options.steps == ITERATIONS else f"; descent scaled up from {options.steps} steps"
        print(f"CPU seconds, one thread{scaled}\n")
        header = ["case", f"descent, {ITERATIONS} steps [s]", "solve, same objective [ms]", "times faster"]
        header += ["solve, window, l1 [ms]", "l2 [ms]"]
        table(header, [[case.name, *timing(case, options.steps, options.repeats)] for case in cases])
    if "seen" in parts:
        print("In the edited picture (values) and in the other samples (pictures)\n")
        header = ["case", "weights", "error in the box", "change elsewhere in the picture", "change of other pictures"]
        table(header, [[case.name, *row] for case in cases for row in seen(case)])
    if "first" in parts:
        print("From `apply` to the first edited pictures of a grid of 12, bundled generator, wall time\n")
        header = ["norm", "forward pass of the grid [ms]", "first pictures [ms]", "forward passes"]
        table(header, [first(norm, options.repeats) for norm in ("l2", "l1")])
    if "world" in parts:
        for title, *rows in world(options.edits, options.steps, options.seed):
            print(f"{title}\n")
            table(*rows)


if __name__ == "__main__":
    main()
