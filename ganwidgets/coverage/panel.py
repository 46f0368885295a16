"""The coverage panel: what a generator draws too little and too much of, and the photos that show it.

`panel(network, data, segmenter)` makes it; it reads as a list of components and a list of wires. What is computed lives
in controllers (`comparing`, `sampling`, `omitting`), how results become bars, sheets and words in `panel_views.py`.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from traitlets import Bunch, Instance, Int, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.coverage import panel_views as views
from ganwidgets.coverage.controller import CoverageController
from ganwidgets.coverage.controller_omissions import OmissionsController
from ganwidgets.coverage.controller_samples import SamplesController
from ganwidgets.coverage.panel_code import code
from ganwidgets.coverage.panel_photos import photo_wires, photos_box, reconstruct
from ganwidgets.jobs import Controller, lock
from ganwidgets.models.checkpoints import load
from ganwidgets.panels import (
    ComposedPanel,
    callable_module,
    class_picker,
    class_wires,
    is_scenes,
    network_name,
    segmenter_for,
    segmenter_name,
)
from ganwidgets.results.coverage import DATA, GENERATED, Coverage
from ganwidgets.wiring import Wire, join, show


def panel(
    network: Any,
    data: Any = None,
    segmenter: Any = None,
    *,
    result: Coverage | None = None,
    concept: str | None = None,
    n: int = 1000,
    seed: int = 1,
    truncation: float | None = None,
    labels: str = "segmenter",
    run: bool = True,
    search: bool = True,
    cache: bool | str | Path = False,
    key: str | None = None,
    **settings: Any,
) -> "Panel":
    """See in a notebook cell what a generator cannot draw.

    Args:
        network: a generator, or what `ganwidgets.load` makes one of.
        data: what it should draw: a folder of photos, images, labelled images, or "scenes". None takes drawings for the
            bundled generators.
        segmenter: names the pixels: an object, or a name `segment.load` knows. None takes the bundled one for the
            bundled generators.
        result: a comparison that was made before, to look at instead of running a new one.
        concept: to look at; None waits until one is chosen.
        n: pictures, and at most so many images of the data.
        seed: of the latents, and of which images are taken of data that have more than n.
        truncation: latents from the normal cut at ± this.
        labels: what names the pixels of the data: "segmenter", or their "own" labels.
        run: start at once, unless there is a result.
        search: search for the photos of a concept as soon as somebody chooses it; else when Run is pressed there.
        cache: True keeps comparisons in the user's cache folder under their content, a path in that folder.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.
        **settings: further ones of `CoverageRun`: fit, batch, level, resamples, permutations, halves, common.

    Raises:
        ValueError, TypeError: what cannot be a generator, data or a segmenter; a result of another one, or a setting of
            another name.
        traitlets.TraitError: an option out of its range.
    """
    options = {"n": n, "seed": seed, "truncation": truncation, "labels": labels, "search": search, "cache": cache}
    made = Panel(network, data, segmenter, result=result, concept=concept, settings=settings, **options)
    cells.replace(made, key)
    if run and result is None and made.segmenter is not None:
        made.comparing.run()
    return made


class Panel(ComposedPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        comparing: the `CoverageController`.
        sampling: the `SamplesController` of the images in which the concept is largest.
        omitting: the `OmissionsController` of photos that show the concept, and of what the generator makes of them.
        layout: the `ui.Layout` of all components; `bars`, `distance`, `largest`, … are they.
    """

    concept = Unicode(help="Concept that is looked at; empty: none.")
    n = Int(help="Pictures of the next run, and at most so many images of the data.")
    result = Instance(Coverage, allow_none=True, read_only=True, help="What was found; partial while running.")

    def __init__(self, network: Any, data: Any = None, segmenter: Any = None, **options: Any) -> None:
        result, concept, settings = (options.pop(name) for name in ("result", "concept", "settings"))
        self._searches = options.pop("search")
        self.network = network = load(network)
        self.data = data = _data_for(network, data)
        self.segmenter = segmenter = segmenter_for(network, segmenter)
        self._names = network_name(network), None if segmenter is None else segmenter_name(segmenter)
        self.comparing = c = CoverageController(network, data, segmenter, settings, **options)
        self.sampling = SamplesController(c)
        self.omitting = OmissionsController(c, reconstruct)
        super().__init__()
        self._make_components()
        self._wires = [
            *self._wire_traits(),
            *self._wire_figure(),
            *self._wire_distance(),
            *self._wire_images(),
            *photo_wires(self),
        ]
        if result is not None:
            c.adopt(result)
        if concept is not None:
            self.concept = concept

    # What it is made of

    def _make_components(self) -> None:
        self.settings = ui.Controls(
            fields=[{"name": "n", "kind": "int", "label": "Images of each side", "min": 2, "max": 10**6, "step": 100}]
        )
        self.run_bar = ui.RunBar()
        self.classes = class_picker(self.network)
        self.look = ui.Controls(values={"order": views.BY_AREA})
        self.bars = ui.AreaBars(
            names=views.NAMES, area_label=views.AREA_LABEL, change_label=views.CHANGE_LABEL, note=views.BARS_NOTE
        )
        self.distance = ui.Curve(
            log_x=True, x_label="images of each side", y_label="distance [squared percent of area]"
        )
        self.adds = ui.Histogram(
            horizontal=True, value_label="part of the distance", message="Measured with the distance."
        )
        self.largest = {side: ui.ImageGrid(show="pictures", multiple=False) for side in (DATA, GENERATED)}
        self.snippet = ui.CodeSnippet(label="Copy as Python")
        self.downloads = ui.Download(
            files=[{"name": "result", "label": "Save result", "hint": "opens with gw.coverage.load"}]
        )
        weights = (3, 3, 12) if self.classes else (2, 12)
        self.layout = ui.Layout.of(
            ui.column(
                ui.row(self.settings, *([self.classes] if self.classes else []), self.run_bar, weights=weights),
                ui.row(
                    ui.column(self.look, self.bars),
                    ui.column(self.distance, ui.fold(self.adds, label="What adds most to it")),
                    weights=(9, 5),
                ),
                ui.tabs(
                    photos_box(self),
                    ui.row(self.largest[DATA], self.largest[GENERATED], label="Where it is largest"),
                    ui.column(self.snippet, self.downloads, label="Take away"),
                ),
            ),
            title=f"What {self.network.name} cannot draw",
        )

    # The wires

    def _wire_traits(self) -> Iterator[Wire]:
        c = self.comparing
        yield Wire((c, self._copy, ["concept", "n", "result"]))
        for name in ("concept", "n", "result"):
            self.set_trait(name, getattr(c, name))

    def _wire_figure(self) -> Iterator[Wire]:
        c = self.comparing
        yield join(c, "n", self.settings, "values", key="n")
        yield from class_wires(self.classes, c)
        state = ["status", "result", "progress", "n_done", "n_total", "n", "resumable"]
        said = ["status", "progress", "n_done", "n_total", "resumable"]
        yield show(c, state, self.run_bar, said, views.run_state)
        yield show(c, ["remaining", "error"], self.run_bar, ["remaining", "error"], lambda *values: values)
        settings = ["n", "seed", "truncation", "labels"]
        yield show(
            c, ["result", "status", *settings], self.run_bar, "note",
            lambda result, status, *now: views.note(result, status, **dict(zip(settings, now, strict=True))),
        )  # fmt: skip
        yield show(c, "result", self.look, "fields", self._look_fields)
        yield join(c, "concept", self.look, "values", key="concept", to_python=lambda name: name or "")
        yield show(c, "result", self.bars, "bars", self._bars)
        yield show(self.look, "values", self.bars, "bars", self._bars)
        yield show(c, ["result", "status"], self.bars, ["title", "subtitle", "message"], views.bars_words)
        yield join(c, "concept", self.bars, "selected")
        if self.segmenter is None:
            self.run_bar.disabled = f"{views.NEEDED}: panel(network, data, segmenter)"
        self.run_bar.on_request("run", c.run)
        self.run_bar.on_request("resume", c.resume)
        self.run_bar.on_request("cancel", c.cancel)

    def _wire_distance(self) -> Iterator[Wire]:
        c = self.comparing
        yield show(
            c, "result", self.distance, ["lines", "band"],
            lambda result: views.distance(None if result is None else result.fsd),
        )  # fmt: skip
        yield show(c, ["result", "status"], self.distance, ["title", "note", "message"], views.distance_words)
        yield show(
            c, "result", self.adds, "bars", lambda result: views.contributions(None if result is None else result.fsd)
        )

    def _wire_images(self) -> Iterator[Wire]:
        c, s = self.comparing, self.sampling
        yield Wire((c, self._look, ["concept", "result"]))
        for side, grid in self.largest.items():
            yield show(
                s, "shown", grid, ["sheets", "captions", "title"],
                lambda shown, side=side: views.largest(shown, side, self._concepts),
            )  # fmt: skip
            for source, names in ((s, ["shown", "concept"]), (c, "result")):
                yield show(source, names, grid, "message", partial(self._largest_message, side))
            yield show(s, "error", grid, "error")
        yield show(c, ["result", "concept", "drawn_class"], self.snippet, "code", self._code)
        yield show(self.omitting, ["result", "concept"], self.snippet, "code", self._code)
        yield show(c, "result", self.downloads, "disabled", self._no_file)
        self.downloads.on_file("result", lambda: (f"coverage-{self.network.name}.gwc", c.to_bytes()))

    # What travels along them

    @validate("concept", "n")
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.comparing, name, proposal["value"])
        return getattr(self.comparing, name)

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _look(self, change: Bunch) -> None:
        """Show what is known of the concept, and search for it in photos as soon as all images are counted."""
        with lock:
            c = self.comparing
            self.sampling.look()
            self.omitting.look()
            whole = c.result is not None and c.result.complete
            asked = self._searches and bool(c.concept) and self.segmenter is not None and self.omitting.result is None
            if asked and (whole or c.status not in ("idle", "running")):
                self.omitting.run()

    @property
    def _concepts(self) -> tuple[str, ...]:
        return () if self.segmenter is None else tuple(self.segmenter.concepts)

    def _bars(self, *_: Any) -> list[dict[str, Any]]:
        return views.bars(self.comparing.result, self.look.values.get("order", views.BY_AREA))

    def _look_fields(self, result: Coverage | None) -> list[dict[str, Any]]:
        order = {"name": "order", "kind": "choice", "label": "Order", "options": views.ORDERS}
        return [views.concept_field(self.comparing.concepts, result), order]

    def _largest_message(self, side: str, *_: Any) -> str:
        return views.largest_message(self.sampling.shown, side, self.sampling.concept, self.comparing.result)

    def _no_file(self, result: Coverage | None) -> dict[str, str]:
        return {"result": "nothing is compared yet"} if result is None else {}

    def _code(self, *_: Any) -> str:
        c = self.comparing
        return code(self._names, self.data, c.result, c.concept, self._drawn, self.omitting.result)

    @property
    def _drawn(self) -> str | None:
        """Name of the class that is drawn; None: all, though the network was given with one; "": nothing to say."""
        if (label := self.comparing.drawn_class) is not None:
            return self.network.classes[label]
        return None if getattr(self.network, "label", None) is not None and self.classes else ""

    # For the person at the keyboard

    def run(self) -> "Panel":
        """Compare, in this thread, and come back when it is done."""
        self.comparing.run(wait=True)
        return self

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.comparing, self.sampling, self.omitting

    def __repr__(self) -> str:
        chosen = f", concept={self.concept!r}" if self.concept else ""
        return f"Panel({self.network.name!r}, data={_name(self.data)!r}{chosen})"


def _data_for(network: Any, data: Any) -> Any:
    """What is meant: for None the drawings that a bundled generator learnt from.

    Raises:
        TypeError: nothing is meant.
    """
    if data is None and is_scenes(network):
        return "scenes"
    if data is None:
        raise TypeError(
            f"`data` must say what {network.name!r} should draw: a folder of photos, images (image channel height "
            "width), or labelled images; got None"
        )
    return data


def _name(data: Any) -> str:
    return str(data) if isinstance(data, str | Path) else getattr(data, "name", None) or type(data).__name__


callable_module(__name__, panel)
