"""The command line: `ganwidgets demo`, `doctor`, `inspect`, `layers`, `dissect`.

Results go to standard output, progress and complaints to standard error. Bad input ends with exit code 2 and one
sentence; a second look at the library's traceback is one variable away (GANWIDGETS_DEBUG=1). Names given here are
only ever looked up or opened as files: nothing is imported or evaluated because a command line said so.
"""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from ganwidgets import __version__
from ganwidgets.interrupts import between_batches


class _Sentences(typer.core.TyperGroup):
    """Says what is wrong with a command line in one sentence, as everything else here is said."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        try:
            code = super().main(*args, standalone_mode=False, **extra)
        except Exception as error:
            if not standalone_mode or not hasattr(error, "format_message"):
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()
            else:
                _complain(f"{error.format_message().rstrip('.')}. See {_command(error)} --help.")
            sys.exit(error.exit_code)
        if standalone_mode:
            sys.exit(code or 0)
        return code


def _command(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "ganwidgets"


def _complain(sentence: object) -> None:
    _stderr.print(f"[bold red]ganwidgets:[/] {escape(_printable(' '.join(str(sentence).split())))}", soft_wrap=True)


def _printable(text: str) -> str:
    """Text that may come from a file, without what moves a cursor or colours a terminal; lines stay lines."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def _say(text: object) -> None:
    """Print on standard output what may hold names from a file."""
    print(_printable(str(text)))


app = typer.Typer(
    name="ganwidgets",
    cls=_Sentences,
    help="See, test and change what a generative network knows.\n\n"
    "Start with [bold]ganwidgets demo[/bold]: it dissects the bundled generator and writes a page to explore. "
    "In a notebook the same is [bold]import ganwidgets as gw; gw.dissect.panel(gw.load('scenes'))[/bold].",
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_stderr = Console(stderr=True, highlight=False)

MOST_TENSORS = 60
"""Tensors that `inspect` lists."""

Seed = Annotated[int, typer.Option(help="Which latents: image i is the same for every N.", min=0)]


class Rule(StrEnum):
    """How a unit gets its label."""

    top_fraction = "top_fraction"
    iqr = "iqr"
    netdissect = "netdissect"


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if version:
        _say(f"ganwidgets {__version__}")
        raise typer.Exit


@app.command(epilog="Example:  ganwidgets demo --out scenes.html --n 500")
def demo(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("ganwidgets-demo.html"),
    n: Annotated[int, typer.Option(help="How many images to generate and segment.", min=1)] = 1000,
    seed: Seed = 1,
) -> None:
    """Dissect the bundled generator and write one interactive page.

    The page needs no server and no network: open it with a browser, sort and filter the units, look at where they
    are active, and at what the pictures lose without them.
    """
    with _one_sentence():
        _check_folder(out, "--out")
        from ganwidgets.demo import LAYER, write_page  # imports torch: only once there is work to do

        dissection = _run("scenes", "scenes", layers=[LAYER], n=n, seed=seed)
        if dissection is None or not dissection.complete:
            _stderr.print("Stopped; the page was not written.")
            raise typer.Exit(130)
        write_page(dissection, out)
        _say(summary(dissection))
        _say(f"Written: {out}  (open it with a browser; it works without a network)")
        _say(f"Next, live in a notebook: {_notebook_hint()}")


@app.command()
def doctor() -> None:
    """Say what is installed, what is missing and how to get it.

    Exit code 0 when ganwidgets can work, 1 when something it needs is missing or damaged.
    """
    from ganwidgets.doctor import examine

    colours = {"ok": "green", "optional": "yellow", "problem": "bold red"}
    problems = 0
    console = Console(highlight=False, soft_wrap=True)
    for finding in examine():
        verdict = finding.verdict
        problems += verdict == "problem"
        console.print(f"[{colours[verdict]}]{verdict:<9}[/] {escape(finding.topic)}: {escape(finding.value)}")
        if finding.advice:
            console.print(f"          -> {escape(finding.advice)}")
    _say("Nothing needed is missing." if not problems else f"{problems} to put right before ganwidgets can work.")
    raise typer.Exit(bool(problems))


@app.command(
    epilog="Examples:\n\n"
    "ganwidgets dissect scenes --layer layer5 --n 1000 --out layer5.html\n\n"
    "ganwidgets dissect church.pth --layer layer4 --segmenter scenes --rule iqr --save church.gwd --out church.html"
)
def dissect(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="'scenes', 'scenes@NAME' (earlier in its training), 'faces', or a weights file.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="The report to write, one HTML file.", show_default=False)],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Layer to dissect; may be given more than once. By default the middle one of those with maps; "
            "[bold]ganwidgets layers[/] lists them.",
            show_default=False,
        ),
    ] = None,
    segmenter: Annotated[str, typer.Option(help="Name of the segmenter that names the pixels.")] = "scenes",
    n: Annotated[int, typer.Option(help="How many images to generate and segment.", min=1)] = 1000,
    seed: Seed = 1,
    rule: Annotated[
        Rule, typer.Option(help="How units are labelled; docs/dissect.md compares them.")
    ] = Rule.top_fraction,
    top_fraction: Annotated[
        float | None,
        typer.Option(
            help="Share of pixels counted as active, below 0.5 (rules top_fraction, 0.01, and netdissect, 0.005).",
            show_default=False,
        ),
    ] = None,
    truncation: Annotated[
        float | None, typer.Option(help="Draw latents from the normal distribution cut at ± this value.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Also keep the result, for ganwidgets.dissect.load.", show_default=False)
    ] = None,
) -> None:
    """Find out which units of a generator stand for which concepts.

    Ctrl-C stops after the batch at work; --save keeps what was measured until then.

    Checkpoints are read as inert data: no code from a file ever runs.
    """
    with _one_sentence():
        _check_folder(out, "--out")
        if save is not None:
            _check_folder(save, "--save")
            if save.resolve() == out.resolve():
                raise ValueError(f"`--save` must be another file than `--out`, got {save} for both.")
        options = {"n": n, "seed": seed, "rule": rule.value, "top_fraction": top_fraction, "truncation": truncation}
        dissection = _run(checkpoint, segmenter, layers=layer, **options)
        if save is not None and dissection is not None:
            dissection.save(save)
        if dissection is None or not dissection.complete:
            if dissection is None:
                fate = "too few for a partial result"
            else:
                kept = f"kept in {save}" if save is not None else "not kept (--save FILE keeps it)"
                fate = f"the partial result of {dissection.n} images is {kept}"
            _stderr.print(f"Stopped; {escape(_printable(fate))}.", soft_wrap=True)
            raise typer.Exit(130)
        dissection.to_html(out)
        _say(summary(dissection))
        _say("\n".join(f"Written: {path}" for path in (out, save) if path is not None))


@app.command(epilog="Example:  ganwidgets layers scenes")
def layers(
    checkpoint: Annotated[str, typer.Argument(help="As for dissect.", show_default=False)],
) -> None:
    """List the layers of a generator that can be dissected: name, units, height x width of their maps."""
    with _one_sentence():
        from ganwidgets import dissect, models

        network = models.load(checkpoint)
        chosen = dissect.default_layer(network)
        for name in network.map_layers:
            units, height, width = network.layers[name].shape
            _say(f"{name:<24}{units:>6}{height:>8} x {width}{'   default' if name == chosen else ''}")


@app.command(epilog="Example:  ganwidgets inspect network.pkl")
def inspect(
    file: Annotated[
        str, typer.Argument(help="A weights file of any kind, or a name as for dissect.", show_default=False)
    ],
) -> None:
    """Say what is in a weights file: kind, family, sizes, and what was ignored and why.

    Files are read as inert data: no code from a file ever runs. Exit code 0 when ganwidgets can load it, 1 when not.
    """
    with _one_sentence():
        from ganwidgets.models.inspection import inspect as look

        found = look(file)
    _show(found)
    raise typer.Exit(bool(found.problem))


def _show(found: Any) -> None:
    """An `Inspection` as tables; what comes from the file is text and never markup."""
    console = Console(highlight=False)
    colours = {"ignored": "yellow", "note": "cyan", "problem": "bold red"}
    facts = Table(title=Text(_printable(found.name)), title_justify="left", show_header=False, box=None)
    for what, value in found.rows():
        facts.add_row(Text(what, style=colours.get(what, "bold")), Text(_printable(value), overflow="fold"))
    console.print(facts)
    if found.layers:
        parts = Table("layer with maps", Column("units", justify="right"), Column("maps", justify="right"), box=None)
        for name, units, height, width in found.layers:
            parts.add_row(Text(_printable(name)), f"{units}", f"{height} x {width}")
        console.print(parts)
    elif found.tensors:
        parts = Table("tensor", "shape", "type", box=None)
        for name, shape, kind in found.tensors[:MOST_TENSORS]:
            parts.add_row(Text(_printable(name), overflow="fold"), " x ".join(map(str, shape)), kind)
        console.print(parts)
        if (more := len(found.tensors) - MOST_TENSORS) > 0:
            _say(f"and {more} more")


def summary(dissection: Any) -> str:
    """The counts a person asks for first, as plain text: labelled units and, per concept, its best unit."""
    lines = []
    for name in dissection.layers:
        frame = dissection.to_frame(name)
        labelled = frame[frame["labelled"]]
        real = int(labelled["above_chance"].sum())
        lines.append(f"{name}: {len(frame)} units, {dissection.n} images, rule {dissection.rule}")
        lines.append(f"  {len(labelled)} units labelled, {real} of them above their chance level")
        silent = [f"{count} {status}" for status, count in frame["status"].value_counts().items() if status != "ok"]
        if silent:
            lines.append(f"  {', '.join(silent)}")
        if len(labelled):
            lines.append(f"  {'concept':<16}{'units':>6}{'best unit':>11}{'IoU':>7}{'chance':>8}")
        groups = labelled.sort_values("iou", ascending=False).groupby("concept", sort=False, observed=True)
        for concept, rows in groups:
            best = rows.iloc[0]
            lines.append(f"  {concept:<16}{len(rows):>6}{best.unit:>11}{best.iou:>7.3f}{best.iou_chance:>8.3f}")
    return "\n".join(lines)


# Plumbing -------------------------------------------------------------------------------------------------------


def _run(checkpoint: str, segmenter: str, *, layers: list[str] | None, **options: Any) -> Any:
    """Dissect with a progress bar; after Ctrl-C what there is, None if that is too little."""
    from ganwidgets import dissect, models, segment

    network = models.load(checkpoint)
    names = tuple(layers) if layers else (dissect.default_layer(network),)
    work = dissect.DissectionRun(network, segment.load(segmenter), dissect.Options(layers=names, **options))
    with _progress(work.total) as advance, between_batches() as stopped:
        for done in work.steps():
            advance(done)
            if stopped():
                break
    return work.result() if work.ready else None


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn what the library says about bad input into one sentence and exit code 2."""

    def show(message, *_: object, **__: object) -> None:
        _stderr.print(f"[yellow]Note:[/] {escape(_printable(str(message)))}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
            if os.environ.get("GANWIDGETS_DEBUG") or isinstance(error, BrokenPipeError):
                raise
            if isinstance(error, OSError) and error.strerror:
                error = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
            _complain(str(error) or "this needs more memory than there is")
            raise typer.Exit(2) from None


def _check_folder(path: Path, option: str) -> None:
    """Before minutes of work, make sure that their result can be written."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ValueError(f"`{option}` must lie in an existing folder, got {path}. Create {folder} first.")
    if path.is_dir():
        raise ValueError(f"`{option}` must be a file, got the folder {path}. Add a file name to it.")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise ValueError(f"`{option}` must be writable, got {path}. Choose another place.")


@contextmanager
def _progress(n: int) -> Iterator[Any]:
    """A progress bar on standard error that takes the number of images done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_stderr, transient=True, disable=not _stderr.is_terminal) as bar:
        task = bar.add_task("images", total=n)
        yield lambda done: bar.update(task, completed=done)


def _notebook_hint() -> str:
    if Path("notebooks/00-start.ipynb").is_file() and Path("Makefile").is_file():
        return "make lab  (opens notebooks/00-start.ipynb)"
    return "pip install 'ganwidgets[lab]', then jupyter lab, then gw.dissect.panel(gw.load('scenes')) in a cell"


if __name__ == "__main__":
    sys.exit(app(prog_name="ganwidgets"))
