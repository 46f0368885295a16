"""Make the bundled weights: `python -m ganwidgets.scenes.train gan|segmenter|publish|…` (`--help` lists all).

Train into a folder outside the repository, look at `python -m ganwidgets.scenes.evaluate`, then publish. Both
trainings stop after `--minutes` and continue where they stopped when started again with the same folder.

The dissection that panels start with goes out of date with either of the two networks; make it again with

    ganwidgets dissect scenes --layer layer1 … --layer layer10 --n 4000 --save RUN --out PAGE
    python -m ganwidgets.scenes.train publish-dissection RUN

So do the encoders with the generator. How they were trained stands in `weights/provenance.json`; then

    python -m ganwidgets.scenes.train publish-encoder RUN
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from rich.console import Console

from ganwidgets.scenes import provenance
from ganwidgets.scenes.draw import ALWAYS_DRAWN, CONCEPTS
from ganwidgets.scenes.evaluate import evaluate, load_generator
from ganwidgets.scenes.measure import HELD_OUT_SEED, concept_iou
from ganwidgets.scenes.train_gan import GanSettings, GanTraining
from ganwidgets.scenes.train_segmenter import SegmenterSettings, SegmenterTraining, disturb
from ganwidgets.segment.scenes import SceneSegmenter

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Train the bundled world's networks and publish them."
)
console = Console(stderr=True)

Folder = Annotated[Path, typer.Argument(help="Where the run keeps its state; outside the repository.")]
Minutes = Annotated[float, typer.Option(help="Stop and save after this long.")]
Seed = Annotated[int, typer.Option(help="Seed of the drawings and the weights.")]
Threads = Annotated[int, typer.Option(help="CPU threads.")]
Drawings = Annotated[int, typer.Option(min=1, help="Training drawings, made once.")]
Compile = Annotated[
    bool,
    typer.Option("--compile/--no-compile", help="Use torch.compile: slow to start, then faster; needs a C++ compiler."),
]


@app.command()
def gan(
    folder: Folder,
    minutes: Minutes = 150.0,
    seed: Seed = 1,
    threads: Threads = 1,
    drawings: Drawings = 40_000,
    without: Annotated[list[str] | None, typer.Option(help="Draw a world that lacks this concept.")] = None,
    keep_at: Annotated[list[int] | None, typer.Option(help="Keep the generator after so many thousand images.")] = None,
    from_published: Annotated[bool, typer.Option(help="Start a new folder from the published weights.")] = False,
    use_compile: Compile = True,
) -> None:
    """Train the Progressive GAN, or continue the run in FOLDER."""
    if wrong := sorted(set(without or ()) - (set(CONCEPTS) - set(ALWAYS_DRAWN))):
        raise typer.BadParameter(f"{wrong} cannot be left out; choose from {sorted(set(CONCEPTS) - set(ALWAYS_DRAWN))}")
    settings = GanSettings(
        seed=seed,
        minutes=minutes,
        threads=threads,
        drawings=drawings,
        compile=use_compile,
        without=tuple(without or ()),
    )
    settings.keep_at = tuple(keep_at) if keep_at else settings.keep_at
    published = None
    if from_published:
        published = (provenance.WEIGHTS / "generator.safetensors", provenance.WEIGHTS / "discriminator.safetensors")
        if missing := [path.name for path in published if not path.is_file()]:
            raise typer.BadParameter(f"--from-published needs {' and '.join(missing)} in {provenance.WEIGHTS}")
    continues = provenance.recorded("gan") if from_published else None
    GanTraining(folder, settings, log=console.print, published=published, continues=continues).run()


@app.command()
def segmenter(
    folder: Folder,
    minutes: Minutes = 20.0,
    seed: Seed = 1,
    threads: Threads = 1,
    drawings: Drawings = 24_000,
    steps: Annotated[int, typer.Option(min=1, help="Length of the whole schedule.")] = 6000,
    use_compile: Compile = True,
) -> None:
    """Train the segmenter, or continue the run in FOLDER."""
    settings = SegmenterSettings(
        seed=seed, minutes=minutes, threads=threads, drawings=drawings, steps=steps, compile=use_compile
    )
    SegmenterTraining(folder, settings, log=console.print).run()


@app.command()
def publish(
    folder: Folder,
    weights: Annotated[Path, typer.Option(help="Folder to publish into.")] = provenance.WEIGHTS,
    n: Annotated[int, typer.Option(min=10, help="Pictures to measure on.")] = 10_000,
    name: Annotated[
        str | None, typer.Option(help="Publish only the generator, beside the bundled one, under this name.")
    ] = None,
) -> None:
    """Copy the run in FOLDER (a GAN's or a segmenter's) into the package, measured and with its provenance."""
    try:
        if name is not None:
            record = provenance.publish_variant(folder, weights, name, lambda path: measure_generator(path, n))
        elif (folder / "segmenter.safetensors").is_file():
            record = provenance.publish_segmenter(folder, weights, lambda path: measure_segmenter(path, n))
        else:
            record = provenance.publish_gan(folder, weights, lambda path: measure_generator(path, n))
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    console.print_json(data=record["metrics"])


@app.command()
def publish_dissection(
    run: Annotated[Path, typer.Argument(help="What `ganwidgets dissect scenes --save RUN` wrote.")],
    weights: Annotated[Path, typer.Option(help="Folder to publish into.")] = provenance.WEIGHTS,
) -> None:
    """Copy a dissection of the published generator into the package, without its pictures and with its provenance."""
    try:
        record = provenance.publish_dissection(run, weights)
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    console.print_json(data=record["metrics"])


@app.command()
def publish_encoder(
    run: Annotated[Path, typer.Argument(help="Folder that `python -m ganwidgets.invert.train scenes RUN` left.")],
    weights: Annotated[Path, typer.Option(help="Folder to publish into.")] = provenance.WEIGHTS,
) -> None:
    """Copy an encoder of the bundled generator into the package, with its provenance."""
    try:
        record = provenance.publish_encoder(run, weights)
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    console.print_json(data=record["metrics"])


def measure_generator(path: Path, n: int) -> dict[str, Any]:
    """What `evaluate` finds about the generator in `path`."""
    return evaluate(load_generator(path), SceneSegmenter(), n=n)


def measure_segmenter(path: Path, n: int) -> dict[str, Any]:
    """IoU of every concept on held-out drawings, as drawn and disturbed as in training."""
    net, random = SceneSegmenter(path), torch.Generator().manual_seed(1)
    tables = {"clean": concept_iou(net, n), "disturbed": concept_iou(lambda images: net(disturb(images, random)), n)}
    rounded = {name: {c: round(v, 4) for c, v in iou.items()} for name, iou in tables.items()}
    return {"n": n, "held_out_seed": HELD_OUT_SEED} | {
        name: {"mean_iou": round(float(np.mean(list(iou.values()))), 4), "iou": iou} for name, iou in rounded.items()
    }


if __name__ == "__main__":
    app()
