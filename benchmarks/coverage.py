"""What the bundled generators cannot draw, and how often the comparison says so for nothing.

    python benchmarks/coverage.py [--parts floor null full without omissions] [--n 10000] [--photos 24] [--steps 200]
                                  [--concepts tree spire window …] [--keep FOLDER]

Five parts, each a table:

- floor: Fréchet segmentation distance of n drawings against n others, measured, beside what halves of the first n say;
  by the segmenter and by exact labels. The bias at fewer images.
- null: two sets of drawings compared 400 times: how often any concept is named (family-wise level 0.05).
- full: the bundled generator against drawings: what is named, ratios with 95 % intervals, the distance; and how often
  a comparison of 200 of them names what all together do not bear out.
- without: the same of the generator that was trained further on scenes without trees.
- omissions: photos (drawings) that show a concept, searched for in both generators, beside their own pictures.

`--keep` holds areas that were counted, so that a second call goes on from there.
"""

import argparse
import hashlib
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import ganwidgets as gw
from ganwidgets.coverage.omissions import omitting
from ganwidgets.coverage.statistics import compare
from ganwidgets.invert import reconstruct
from ganwidgets.nn.areas import AreaCounts
from ganwidgets.nn.proportions import proportion_interval
from ganwidgets.results.coverage import Coverage
from ganwidgets.scenes.draw import CATEGORIES, CONCEPTS, SIZE
from ganwidgets.scenes.measure import HELD_OUT_SEED, drawn_batches
from ganwidgets.segment.labelled_scenes import drawing

PARTS = ("floor", "null", "full", "without", "omissions")
REPEATS, IMAGES = 400, 200
SEARCHED = ["tree", "spire", "window", "mountain", "water", "cloud", "church", "door", "path", "dome"]
ABOUT = dict.fromkeys(("network", "fingerprint", "data", "data_fingerprint", "segmenter", "labels"), "")
ABOUT |= {"concepts": CONCEPTS, "categories": CATEGORIES, "slots": ("object", "part"), "options": {}}
console = Console(width=140)


def drawn(n: int, keep: Path) -> tuple[AreaCounts, AreaCounts]:
    """Areas of held-out drawings: by the segmenter, and exactly."""
    segmenter, first = gw.segment.load("scenes"), 0
    # What was counted depends on the program that draws and on the segmenter; a file that is cut off is none.
    content = hashlib.sha256(f"{drawing()} {segmenter.fingerprint()}".encode()).hexdigest()[:16]
    paths = [keep / f"drawn-{n}-{name}-{content}.safetensors" for name in ("seen", "exact")]
    with suppress(FileNotFoundError, SafetensorError, ValueError):
        seen, exact = (AreaCounts.from_state(load_file(path)) for path in paths)
        return seen, exact
    seen, exact = (AreaCounts(len(CONCEPTS), 2, SIZE * SIZE) for _ in range(2))
    for images, truth in drawn_batches(n, seed=HELD_OUT_SEED):
        numbers = range(first, first + len(images))
        seen.add(segmenter(images), numbers)
        exact.add(truth, numbers)
        first += len(images)
    for path, areas in zip(paths, (seen, exact), strict=True):
        save_file(areas.state(), path)
    return seen, exact


def floor(n: int, keep: Path) -> None:
    """n drawings against n others, measured and predicted from halves."""
    table = Table("labels", "n", "distance", "mean part", "95 %", "debiased", "floor from halves of the first n")
    for name, areas in zip(("segmenter", "exact"), drawn(2 * n, keep), strict=True):
        rows = areas.percent
        found = gw.coverage.fsd(rows[:n], rows[n:], concepts=CONCEPTS)
        low, high = found.floor_interval
        table.add_row(
            name,
            f"{n:,}",
            f"{found.distance:.4f}",
            f"{found.mean:.4f}",
            f"{found.interval[0]:.4f} to {found.interval[1]:.4f}",
            f"{found.debiased:.4f}",
            f"{found.floor:.4f} ({low:.4f} to {high:.4f})",
        )
        bias = {k: round(v, 3) for k, v in found.bias.items()}
        console.print(f"{name}: bias by images {bias}, at infinity {found.extrapolated:.4f}")
    console.print(table)


def some(areas: AreaCounts, rows: np.ndarray) -> AreaCounts:
    """The areas of some of the images."""
    state = areas.state()
    return AreaCounts.from_state(state | {key: state[key][np.sort(rows)] for key in ("numbers", "counts")})


def null(n: int, keep: Path) -> None:
    """How often two sets of drawings are told apart."""
    rows, random = drawn(2 * n, keep)[0], np.random.RandomState(0)
    named = 0
    for repeat in range(REPEATS):
        order = random.permutation(len(rows))
        sets = [some(rows, order[part * IMAGES : (part + 1) * IMAGES]) for part in range(2)]
        found = compare(*sets, ABOUT, resamples=20, permutations=199, halves=None, seed=repeat)
        named += bool(found.under or found.over)
    told = (
        f"any of {len(CONCEPTS)} concepts named in {named} of {REPEATS} comparisons of {IMAGES} drawings with {IMAGES}"
    )
    console.print(f"null: {told}: {share(named)}, level 5 %")


def false_names(whole: Coverage) -> None:
    """How often a few pictures name a concept that all of them together do not, or the other way round."""
    random, wrong, right = np.random.RandomState(0), 0, []
    for repeat in range(REPEATS):
        sets = [some(whole.counts[side], random.permutation(whole.n_data)[:IMAGES]) for side in ("data", "generated")]
        found = compare(*sets, ABOUT, resamples=20, permutations=199, halves=None, seed=repeat)
        wrong += bool(set(found.under) - set(whole.under) or set(found.over) - set(whole.over))
        right.append(len(found.under) + len(found.over))
    told = f"{REPEATS} comparisons of {IMAGES} of these with {IMAGES}"
    console.print(f"names that all {whole.n_data:,} do not bear out: in {wrong} of {told}: {share(wrong)}")
    console.print(f"concepts named in each: {np.mean(right):.1f} on average")


def share(hits: int) -> str:
    """Share of the repeats, with its interval."""
    low, high = proportion_interval(np.array(hits), REPEATS)
    return f"{hits / REPEATS:.1%} ({low:.1%} to {high:.1%})"


def compared(name: str, n: int, keep: Path) -> Coverage:
    """A generator against drawings, areas kept every so often."""
    return gw.coverage.coverage(gw.load(name), "scenes", "scenes", n=n, batch=64, cache=keep)


def shown(found: Coverage) -> None:
    """A coverage as a table."""
    table = Table(
        "concept", "data %", "generated %", "ratio", "95 %", "all at once", "effect", "p", "named", title=str(found)
    )
    for row in found.to_frame().itertuples():
        table.add_row(
            row.concept,
            f"{row.data:.2f}",
            f"{row.generated:.2f}",
            f"{row.ratio:.3f}",
            f"{row.ratio_low:.3f} to {row.ratio_high:.3f}",
            f"{row.family_low:.3f} to {row.family_high:.3f}",
            f"{row.effect:+.2f}",
            f"{row.p:.3f}",
            row.named,
        )
    console.print(table)
    fsd, bias = found.fsd, {k: round(v, 2) for k, v in found.fsd.bias.items()}
    console.print(f"too little, most surely missing first: {found.under}; less than half: {found.under_by(0.5)}")
    console.print(f"too much: {found.over}")
    console.print(f"{fsd}; debiased {fsd.debiased:.3f}, at infinity {fsd.extrapolated:.3f}, by images {bias}")
    console.print(fsd.to_frame().head(6).round(3).to_string())


def omissions(concepts: list[str], photos: int, steps: int, keep: Path) -> None:
    """Concepts searched for in both generators."""
    table = Table(
        "generator", "concept", "lost", "others", "own pictures lose", "beyond them", "beyond others", "called", "s"
    )
    for name in ("scenes-without-tree", "scenes"):
        network = gw.load(name)
        known = gw.coverage.coverage(network, "scenes", "scenes", n=400, halves=None, cache=keep)
        for concept in concepts if name == "scenes" else concepts[:1]:
            start = time.perf_counter()
            search = partial(reconstruct, network, strategy="ridge+z", steps=steps)
            *_, found = omitting(network, "scenes", "scenes", concept, reconstruct=search, n=photos, known=known)
            (low, high), (least, most) = found.excess_interval, found.beyond_interval
            table.add_row(
                name,
                concept,
                f"{found.lost:.0%}",
                f"{found.others:.0%}",
                f"{found.control_lost:.0%} ({found.control_kind})",
                f"{found.excess:+.0%} ({low:+.0%} to {high:+.0%})",
                f"{found.beyond_others:+.0%} ({least:+.0%} to {most:+.0%})",
                "omission" if found.named else "no",
                f"{time.perf_counter() - start:.0f}",
            )
            console.print(str(found))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--n", type=int, default=10_000, help="pictures, and drawings a set")
    parser.add_argument("--photos", type=int, default=24, help="photos a concept is looked for in")
    parser.add_argument("--steps", type=int, default=200, help="of the search for each photo")
    parser.add_argument("--concepts", nargs="+", default=SEARCHED, choices=CONCEPTS)
    parser.add_argument("--keep", type=Path, default=Path("coverage-areas"), help="folder for what was counted")
    chosen = parser.parse_args()
    chosen.keep.mkdir(parents=True, exist_ok=True)
    for part in chosen.parts:
        console.rule(part)
        if part in ("floor", "null"):
            {"floor": floor, "null": null}[part](chosen.n, chosen.keep)
        elif part == "omissions":
            omissions(chosen.concepts, chosen.photos, chosen.steps, chosen.keep)
        else:
            found = compared("scenes" if part == "full" else "scenes-without-tree", chosen.n, chosen.keep)
            shown(found)
            false_names(found)


if __name__ == "__main__":
    main()
