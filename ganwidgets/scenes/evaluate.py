"""How good is the bundled world's generator: `python -m ganwidgets.scenes.evaluate`.

Three answers. Does every concept cover as much of the samples as of the drawings (ratio with an interval, and how
many of the seventeen lie between half and twice)? How far apart are the two sets of segmentations (Fréchet
segmentation distance), compared with two sets of drawings? And what does it look like (a 10 × 10 grid)? The
segmenter reads samples and drawings alike, so its own mistakes cancel; exact labels give a second floor.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from safetensors.torch import load_file
from torch import nn

from ganwidgets.models.progan import ProGAN
from ganwidgets.nn.frechet import frechet_distance
from ganwidgets.scenes.draw import CONCEPTS
from ganwidgets.scenes.measure import HELD_OUT_SEED, area_ratios, areas, drawn_batches
from ganwidgets.segment.scenes import SceneSegmenter

GENERATOR = Path(__file__).parent / "weights" / "generator.safetensors"

app = typer.Typer(add_completion=False)


def load_generator(path: Path) -> nn.Module:
    """A generator exported by training, in float32 and ready to sample."""
    net = ProGAN.from_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return net.eval().requires_grad_(False).to(memory_format=torch.channels_last)


@torch.no_grad()
def sampled_areas(
    generator: nn.Module, segmenter: SceneSegmenter, n: int, *, seed: int, tick=lambda n: None
) -> np.ndarray:
    """Percent of each of `n` samples that each concept covers (image concept)."""
    z = torch.from_numpy(np.random.RandomState(seed).standard_normal((n, generator.sizes[0])).astype(np.float32))
    rows = []
    for batch in z.split(64):
        rows.append(areas(segmenter(generator(batch).clamp(-1, 1))))
        tick(len(batch))
    return np.concatenate(rows)


def drawn_areas(segmenter: SceneSegmenter, n: int, *, start: int, tick=lambda n: None) -> tuple[np.ndarray, np.ndarray]:
    """Percent of `n` held-out drawings that each concept covers: as the segmenter sees it, and exactly."""
    seen, exact = [], []
    for images, truth in drawn_batches(n, seed=HELD_OUT_SEED, start=start):
        seen.append(areas(segmenter(images)))
        exact.append(areas(truth))
        tick(len(images))
    return np.concatenate(seen), np.concatenate(exact)


def evaluate(
    generator: nn.Module, segmenter: SceneSegmenter, *, n: int = 10_000, seed: int = 1, tick=lambda n: None
) -> dict[str, Any]:
    """Everything measured about a generator, ready for JSON: `concepts`, `within`, `fsd` and two floors.

    `tick` is called with the number of images done, `3 * n` in all.
    """
    samples = sampled_areas(generator, segmenter, n, seed=seed, tick=tick)
    seen, exact = drawn_areas(segmenter, n, start=0, tick=tick)
    others_seen, others_exact = drawn_areas(segmenter, n, start=n, tick=tick)
    ratio, interval = area_ratios(samples, seen)
    columns = (exact.mean(0), seen.mean(0), samples.mean(0), ratio, *interval.T)
    keys = ("drawn_exact", "drawn", "sampled", "ratio", "low", "high")
    table = {
        name: dict(zip(keys, (round(float(c[i]), 4) for c in columns), strict=True)) for i, name in enumerate(CONCEPTS)
    }
    return {
        "n": n,
        "seed": seed,
        "concepts": table,
        "within": int(((ratio >= 0.5) & (ratio <= 2)).sum()),
        "fsd": round(float(frechet_distance(samples, seen)), 3),
        "fsd_floor": round(float(frechet_distance(others_seen, seen)), 3),
        "fsd_floor_exact": round(float(frechet_distance(others_exact, exact)), 3),
    }


@torch.no_grad()
def grid(generator: nn.Module, *, seed: int = 1, side: int = 10, zoom: int = 2) -> Image.Image:
    """The first `side` × `side` samples in one picture."""
    z = np.random.RandomState(seed).standard_normal((side * side, generator.sizes[0])).astype(np.float32)
    images = generator(torch.from_numpy(z)).clamp(-1, 1)
    tiles = ((images + 1) * 127.5).round().to(torch.uint8)  # (tile rgb height width)
    _, channels, height, width = tiles.shape
    rows = tiles.view(side, side, channels, height, width).permute(0, 3, 1, 4, 2)  # (row height column width rgb)
    sheet = Image.fromarray(rows.reshape(side * height, side * width, channels).numpy())
    return sheet.resize((sheet.width * zoom, sheet.height * zoom), Image.Resampling.NEAREST)


def report(result: dict[str, Any], console: Console) -> None:
    """Print what `evaluate` found."""
    table = Table(
        "concept", "drawn %", "sampled %", "ratio", "95 %", title=f"area of each concept, n = {result['n']:,}"
    )
    for name, row in result["concepts"].items():
        mark = "" if 0.5 <= row["ratio"] <= 2 else "  out"
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        table.add_row(name, f"{row['drawn']:.2f}", f"{row['sampled']:.2f}", f"{row['ratio']:.2f}{mark}", span)
    console.print(table)
    console.print(f"{result['within']} of {len(CONCEPTS)} concepts cover between half and twice their drawn area")
    console.print(
        f"Fréchet segmentation distance {result['fsd']} (drawings to drawings {result['fsd_floor']}, "
        f"with exact labels {result['fsd_floor_exact']})"
    )


@app.command()
def main(
    weights: Annotated[Path, typer.Option(help="Generator exported by training (.safetensors).")] = GENERATOR,
    n: Annotated[int, typer.Option(min=10, help="Samples, and drawings to compare them with.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the latents.")] = 1,
    grid_out: Annotated[Path | None, typer.Option("--grid", help="Write a 10 × 10 picture of samples here.")] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write every number here.")] = None,
) -> None:
    """Compare samples of the bundled world's generator with drawings of it."""
    if not weights.is_file():
        raise typer.BadParameter(f"{weights} does not exist; train one with `python -m ganwidgets.scenes.train gan`")
    generator, segmenter = load_generator(weights), SceneSegmenter()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("reading pictures", total=3 * n)
        result = evaluate(generator, segmenter, n=n, seed=seed, tick=lambda done: progress.advance(task, done))
    report(result, Console())
    if grid_out:
        grid(generator, seed=seed).save(grid_out)
    if json_out:
        json_out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    app()
