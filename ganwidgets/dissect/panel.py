"""The dissection panel: which units mean what, and what the pictures lose without them, in one view.

`panel(network)` makes it; it reads as a list of components and a list of wires. What is computed lives in three
controllers (`dissecting`, `ablating`, `measuring`), how results become rows and sheets in `panel_views.py`.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from traitlets import Bunch, Instance, Int, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.ablate.controller import AblateController, UnitEffectsController
from ganwidgets.ablate.effect import EffectResult
from ganwidgets.dissect import panel_code as sources
from ganwidgets.dissect import panel_effects as effects
from ganwidgets.dissect import panel_views as views
from ganwidgets.dissect.controller import DissectController
from ganwidgets.dissect.options import USUAL_FRACTION
from ganwidgets.dissect.panel_grid import GridPainter
from ganwidgets.dissect.panel_network import RULE_OPTIONS, NetworkPanel, network_panel
from ganwidgets.dissect.panel_page import dissection_page as dissection_page
from ganwidgets.dissect.sources import is_segmenter
from ganwidgets.jobs import Controller, lock
from ganwidgets.models.checkpoints import load
from ganwidgets.panels import (
    ComposedPanel,
    callable_module,
    class_picker,
    class_wires,
    network_name,
    segmenter_for,
    segmenter_name,
)
from ganwidgets.results.dissection import Dissection
from ganwidgets.wiring import Wire, join, show, view_link

MOST_EXPORTED = 512  # units with pictures in an exported page
TRUNCATIONS = [{"value": None, "label": "none"}, *({"value": t, "label": f"{t:g}"} for t in (2.0, 1.5, 1.0, 0.7, 0.5))]


def panel(
    network: Any,
    data: Any = None,
    segmenter: Any = None,
    *,
    layer: str | None = None,
    result: Dissection | None = None,
    n: int | None = None,
    seed: int = 1,
    rule: str | None = None,
    top_fraction: float | None = None,
    run: bool = True,
    key: str | None = None,
) -> "Panel | NetworkPanel":
    """Dissect a network in a notebook cell: `panel(generator)`, or `panel(classifier, labelled_images)`.

    A generator's panel also shows what its units do to the pictures; that of a network which is fed images compares its
    layers, turns a layer's basis and tells predictions by their units.

    Args:
        network: a generator, or what `ganwidgets.load` makes one of; with data a classifier, or a torch module.
        data: labelled images; or with a segmenter a folder of photos. A generator has none: there a name is its layer.
        segmenter: names the pixels: an object, or a name `segment.load` knows. None takes the bundled one for the
            bundled generators, and leaves others without: then there are pictures and ablations, but nothing is run.
        layer: to start with; None takes the result's, or the middle one.
        result: a dissection that was made before, to look at instead of running a new one; its settings become those
            of the next run.
        n: images of a run; None takes 1,000 of a generator, and all of labelled ones.
        seed: of its latents, or of the order of labelled images.
        rule: "top_fraction", "iqr" or "netdissect", how units are labelled; None takes "netdissect" with data.
        top_fraction: share of pixels above a unit's threshold; None takes what was published for the rule.
        run: start at once, unless there is a result or no segmenter.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.

    Raises:
        ValueError, TypeError: what cannot be a generator or a segmenter.
        traitlets.TraitError: no such layer, or a layer without maps.
    """
    if isinstance(data, str) and (hasattr(network, "sample_z") or not Path(data).is_dir()):
        data, layer = None, data
    if hasattr(network, "sample_z") and segmenter is None and is_segmenter(data):
        data, segmenter = None, data
    if data is not None:
        named = {"result": result, "n": n, "seed": seed, "rule": rule or "netdissect", "top_fraction": top_fraction}
        return network_panel(network, data, layer, segmenter=segmenter, run=run, key=key, **named)
    rule = rule or "top_fraction"
    share = USUAL_FRACTION.get(rule, 0.01) if top_fraction is None else top_fraction
    options = {"n": 1000 if n is None else n, "seed": seed, "rule": rule, "top_fraction": share}
    made = Panel(network, segmenter, layer=layer, result=result, **options)
    cells.replace(made, key)
    if run and result is None and made.segmenter is not None:
        made.dissecting.run()
    return made


class Panel(ComposedPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        dissecting: the `DissectController`.
        ablating: the `AblateController` of the pictures.
        measuring: the `UnitEffectsController` behind the order "effect".
        layout: the `ui.Layout` of all components; `grid`, `histogram`, `images`, … are the components.
    """

    layer = Unicode(help="Layer that is looked at.")
    units = Tuple(help="Numbers of the selected units.")
    n = Int(help="Images of the next run.")
    result = Instance(Dissection, allow_none=True, read_only=True, help="Of the layer; partial while running.")
    effect = Instance(EffectResult, allow_none=True, read_only=True, help="What the pictures lose; None: no selection.")

    def __init__(self, network: Any, segmenter: Any = None, **options: Any) -> None:
        self.network = network = load(network)
        self.segmenter = segmenter = segmenter_for(network, segmenter)
        self._names = network_name(network), None if segmenter is None else segmenter_name(segmenter)
        result, layer = options.pop("result"), options.pop("layer")
        self.dissecting = DissectController(network, segmenter, **options)
        if result is not None:
            self.dissecting.adopt(result)
        if layer is not None:
            self.dissecting.layer = layer
        self.ablating = AblateController(network, segmenter, layer=self.dissecting.layer)
        self.measuring = UnitEffectsController(network, segmenter, layer=self.dissecting.layer)
        super().__init__()
        self._make_components()
        self.painter = GridPainter(self.grid, self.dissecting, self.measuring)
        self._wires = [*self._wire_traits(), *self._wire_dissection(), *self._wire_ablation(), *self.painter.wires()]

    # What it is made of

    def _make_components(self) -> None:
        self.picker = ui.LayerPicker()
        self.run_bar = ui.RunBar()
        self.settings = ui.Controls(
            fields=[
                {"name": "n", "kind": "int", "label": "Images", "min": 1, "max": 10**7, "step": 100},
                {"name": "rule", "kind": "choice", "label": "Label by", "options": RULE_OPTIONS},
            ]
        )
        self.histogram = ui.Histogram(
            title="Units per concept",
            value_label="units",
            reference_label=views.REFERENCE,
            note=views.NEAR_CHANCE,
            horizontal=True,
        )
        self.grid = ui.UnitGrid()
        self.edit = ui.Controls(
            fields=[
                {"name": "strength", "kind": "slider", "label": "Ablation strength", "min": 0, "max": 1, "step": 0.01},
                {"name": "seed", "kind": "int", "label": "Seed of the pictures", "min": 0, "max": 2**32 - 1},
                {"name": "truncation", "kind": "choice", "label": "Truncation", "options": TRUNCATIONS},
            ]
        )
        self.classes = class_picker(self.network)
        self.images = ui.ImageGrid(show="after", message="Drawing the pictures…")
        self.losses = ui.Histogram(
            title="Pixels gained or lost",
            value_label="share of all pixels; whisker: 95 % interval over the pictures",
            reference_label="mean of 10 random unit sets of this size",
            signed=True,
            horizontal=True,
        )
        self.measure = ui.Controls()
        self.snippet = ui.CodeSnippet(label="Copy as Python")
        self.layout = ui.Layout.of(
            ui.column(
                ui.row(self.picker, self.settings, self.run_bar, weights=(4, 4, 5)),
                ui.row(
                    ui.column(self.histogram),
                    ui.column(self.grid, self.measure, self.snippet),
                    ui.column(*([self.classes] if self.classes else []), self.edit, self.images, self.losses),
                    weights=(5, 9, 7),
                ),
            ),
            title=f"Dissection of {self.network.name}",
        )

    # The wires

    def _wire_traits(self) -> Iterator[Wire]:
        yield Wire(
            (self.dissecting, self._copy, ["layer", "units", "n", "result"]), (self.ablating, self._copy, "effect")
        )
        for name in ("layer", "units", "n", "result"):
            self.set_trait(name, getattr(self.dissecting, name))

    def _wire_dissection(self) -> Iterator[Wire]:
        d = self.dissecting
        self.grid.groups = self.histogram.groups = self.losses.groups = views.groups_of(self._categories)
        yield show(d, ["dissected", "layer"], self.picker, "layers", partial(views.layers, self.network))
        yield join(d, "layer", self.picker, "layer")
        yield join(d, "n", self.settings, "values", key="n")
        yield join(d, "rule", self.settings, "values", key="rule")
        yield join(d, "units", self.grid, "selected", to_view=list, to_python=tuple)
        run = ["layer", "run_layer", "status", "result", "n", "progress", "n_done", "n_total", "stopped"]
        said = ["status", "progress", "n_done", "n_total", "resumable"]
        yield show(d, run, self.run_bar, said, views.run_state)
        yield show(d, ["remaining", "error"], self.run_bar, ["remaining", "error"], lambda *values: values)
        yield show(d, ["result", "layer"], self.histogram, "bars", views.bars)
        yield show(d, ["result", "layer"], self.histogram, "subtitle", views.subtitle)
        yield show(d, "result", self.histogram, "message", views.no_bars)
        yield view_link(self.layout, (self.histogram, "selected"), (self.grid, "concepts"))
        yield view_link(self.layout, (self.grid, "concepts"), (self.histogram, "selected"))
        yield show(self.painter, "error", self.grid, "error")
        if self.segmenter is None:
            self.run_bar.disabled = f"{views.NEEDED}: panel(network, segmenter=...)"
            self.measure.disabled = {"measure": views.NEEDED}
        self.run_bar.on_request("run", d.run)
        self.run_bar.on_request("resume", d.resume)
        self.run_bar.on_request("cancel", d.cancel)

    def _wire_ablation(self) -> Iterator[Wire]:
        d, a, u = self.dissecting, self.ablating, self.measuring
        yield Wire((d, self._look, ["layer", "units"]))
        yield from class_wires(self.classes, d, a, u)
        yield join(a, "strength", self.edit, "values", key="strength")
        yield join(a, "seed", self.edit, "values", key="seed")
        yield join(a, "truncation", self.edit, "values", key="truncation")
        yield show(
            a, "shown", self.images, ["sheets", "title"], lambda shown: effects.pictures(a.before, a.after, shown)
        )
        yield show(a, ["status", "slow"], self.images, "busy", lambda status, slow: slow and status == "running")
        yield show(a, "error", self.images, "error")
        yield show(a, "effect", self.losses, "bars", effects.effect_bars)
        yield show(a, "units", self.losses, "message", partial(effects.losses_message, self.segmenter))
        yield show(u, "status", self.measure, "fields", views.measure_fields)
        yield show(u, ["status", "progress"], self.run_bar, "note", self._note)
        yield show(d, ["result", "layer", "run_layer", "status"], self.run_bar, "note", self._note)
        yield show(u, "error", self.measure, "error")
        yield show(a, "shown", self.snippet, "code", self._code)
        yield show(d, ["result", "layer", "drawn_class"], self.snippet, "code", self._code)
        self.measure.on_request("press", self._press)

    # What travels along them

    @validate("layer", "units", "n")
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.dissecting, name, proposal["value"])
        return getattr(self.dissecting, name)

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _look(self, change: Bunch) -> None:
        self.measuring.layer = self.dissecting.layer
        self.ablating.look_at(self.dissecting.layer, self.dissecting.units)

    @property
    def _categories(self) -> Sequence[str]:
        known = self.segmenter or self.dissecting.result
        return known.categories if known is not None else ()

    def _press(self, name: str) -> None:
        if self.measuring.status == "running":
            self.measuring.cancel()
        else:
            self.measuring.run()

    def _note(self, *_: Any) -> str:
        d, u = self.dissecting, self.measuring
        needed = self.segmenter is None
        return views.note(d.result, d.layer, d.run_layer, d.status, u.status, u.progress, needed)

    def _code(self, *_: Any) -> str:
        d = self.dissecting
        return sources.code(*self._names, self.ablating.shown, d.result, d.layer, self._drawn)

    @property
    def _drawn(self) -> str | None:
        """Name of the class that is drawn; None: all, though the network was given with one; "": nothing to say."""
        if (label := self.dissecting.drawn_class) is not None:
            return self.network.classes[label]
        return None if getattr(self.network, "label", None) is not None and self.classes else ""

    # For the person at the keyboard

    def run(self) -> "Panel":
        """Dissect the layer, in this thread, and come back when it is done."""
        self.dissecting.run(wait=True)
        return self

    def _instead(self) -> dict[ui.Component, dict[str, Any]]:
        return {self.grid: {"kept": self.painter.paint_all(MOST_EXPORTED)}}

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.dissecting, self.ablating, self.measuring, self.painter

    def __repr__(self) -> str:
        return f"Panel({self.network.name!r}, layer={self.layer!r}, units={list(self.units)})"


callable_module(__name__, panel)
