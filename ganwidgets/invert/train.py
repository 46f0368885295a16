"""Train an encoder in a terminal: `python -m ganwidgets.invert.train NETWORK FOLDER --kind layered`.

It stops after `--minutes`, or when it is interrupted, and goes on when started again with the same folder and options.
FOLDER then holds `encoder.safetensors`, which `load_encoder` reads, and `history.json`. How the bundled ones were made
stands in `ganwidgets/scenes/weights/provenance.json`.
"""

import json
import time
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from ganwidgets.invert.encoder import training
from ganwidgets.invert.encoder_recipe import Recipe
from ganwidgets.models.checkpoints import load

app = typer.Typer(add_completion=False, help="Train an encoder on a network's own pictures.")
console = Console(stderr=True)

COLUMNS = ("step", "minutes", "losses")
EVERY = 50  # steps in a row of the history


@app.command()
def main(
    network: Annotated[str, typer.Argument(help="A name such as 'scenes', or a weights file.")],
    folder: Annotated[Path, typer.Argument(help="Where the run keeps its state.")],
    kind: Annotated[str, typer.Option(help="layered or direct.")] = "layered",
    layer: Annotated[str | None, typer.Option(help="Edit layer of a layered one; by default the usual one.")] = None,
    apart: Annotated[int, typer.Option(help="Steps of the first stage.")] = Recipe.apart,
    together: Annotated[int, typer.Option(help="Steps of the second stage.")] = Recipe.together,
    batch: Annotated[int, typer.Option(help="Pictures in a step.")] = Recipe.batch,
    half: Annotated[bool, typer.Option("--half", help="In bfloat16, where the processor is fast at it.")] = False,
    seed: Annotated[int, typer.Option(help="Of weights and latents.")] = Recipe.seed,
    minutes: Annotated[float, typer.Option(help="Stop and save after this long.")] = 60.0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
) -> None:
    """Train an encoder of NETWORK, or continue the run in FOLDER."""
    torch.set_num_threads(threads)
    try:
        recipe = Recipe(apart=apart, together=together, batch=batch, half=half, seed=seed)
        run(network, folder, kind, layer, recipe, minutes)
    except (FileNotFoundError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error


def run(source: str, folder: Path, kind: str, layer: str | None, recipe: Recipe, minutes: float) -> None:
    """Train until all steps are done or the minutes have passed; raises `ValueError` as `training` does."""
    network = load(source)
    folder.mkdir(parents=True, exist_ok=True)
    record, began, parts = folder / "history.json", time.monotonic(), []
    rows = json.loads(record.read_text())["history"] if record.is_file() else []
    before = rows[-1][1] if rows else 0.0
    steps = training(network, kind, layer=layer, cache=folder, recipe=recipe)
    for step in steps:
        spent = round(before + (time.monotonic() - began) / 60, 2)
        parts.append(step.losses)
        if step.step % EVERY == 0 or step.encoder:
            rows.append([step.step, spent, _means(parts)])
            console.print(f"step {step.step} of {step.steps}  minutes {spent:.2f}  {rows[-1][2]}")
            parts.clear()
            record.write_text(json.dumps({"kind": kind, "columns": COLUMNS, "history": rows}))
        if step.encoder:
            step.encoder.save(folder / "encoder.safetensors")
            console.print(f"{step.encoder!r}  {dict(step.encoder.quality)}")
        elif time.monotonic() - began > minutes * 60:
            steps.close()
            return


def _means(parts: list[dict]) -> dict[str, float]:
    names = parts[-1]
    return {name: round(sum(part.get(name, 0.0) for part in parts) / len(parts), 4) for name in names}


if __name__ == "__main__":
    app()
