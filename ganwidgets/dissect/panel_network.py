"""The dissection panel of a network that is fed images: the same grid and bars, and three questions beside them.

`panel(classifier, data)` makes it. Beside the units of a layer stand: all layers compared, with random weights as the
chance level; the layer's basis, turned; and a prediction, told by its units.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from traitlets import Bunch, Instance, Int, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.dissect import panel_network_views as views
from ganwidgets.dissect.controller_network import (
    DepthController,
    ExplainController,
    NetworkController,
    RotationController,
)
from ganwidgets.dissect.counting import COUNTINGS
from ganwidgets.dissect.depth import depth_layers
from ganwidgets.dissect.options import RULES
from ganwidgets.dissect.panel_grid import GridPainter
from ganwidgets.dissect.panel_views import (
    NEAR_CHANCE,
    REFERENCE,
    bars,
    groups_of,
    no_bars,
    run_state,
    subtitle,
)
from ganwidgets.dissect.sources import subjects
from ganwidgets.jobs import Controller, lock
from ganwidgets.nn.images import to_uint8
from ganwidgets.panels import ComposedPanel
from ganwidgets.results.dissection import Dissection
from ganwidgets.wiring import Wire, join, show, view_link

MOST_EXPORTED = 512  # units with pictures in an exported page
RULE_OPTIONS = [{"value": rule, "label": rule.replace("_", " ").replace("iqr", "IQR")} for rule in RULES]
_COUNTING = {
    "name": "counting",
    "kind": "choice",
    "label": "Count detectors by",
    "options": [{"value": name, "label": name} for name in COUNTINGS],
}


def network_panel(
    network: Any,
    data: Any,
    layer: str | None = None,
    *,
    segmenter: Any = None,
    result: Dissection | None = None,
    n: int | None = None,
    seed: int = 1,
    rule: str = "netdissect",
    top_fraction: float | None = None,
    run: bool = True,
    key: str | None = None,
) -> "NetworkPanel":
    """Dissect a network with labelled images in a notebook cell; `dissect.panel(network, data)` does this.

    Args:
        network: a classifier, or a torch module that takes the data's images.
        data: labelled images; or with a segmenter photos.
        layer: to start with; None takes the result's, or the middle one.
        segmenter: names the pixels of photos.
        result: a dissection that was made before, to look at instead of running a new one.
        n: images of a run; None takes all.
        seed: of the order in which they are taken.
        rule: how units are labelled.
        top_fraction: share above a unit's threshold; None takes the rule's own.
        run: start at once, unless there is a result.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.

    Raises:
        ValueError, TypeError: what cannot be dissected.
        traitlets.TraitError: no such layer, or a layer without maps.
    """
    network, source = subjects(network, data, segmenter)
    given = {"n": n, "seed": seed, "rule": rule, "top_fraction": top_fraction, "layer": layer}
    made = NetworkPanel(network, source, result, **{k: v for k, v in given.items() if v is not None})
    cells.replace(made, key)
    if run and result is None:
        made.dissecting.run()
    return made


class NetworkPanel(ComposedPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        dissecting: the `NetworkController`.
        comparing: the `DepthController`: layers side by side.
        turning: the `RotationController`: the layer's basis.
        explaining: the `ExplainController`: one prediction.
        layout: the `ui.Layout` of all components; `grid`, `histogram`, `depth`, … are the components.
    """

    layer = Unicode(help="Layer that is looked at.")
    units = Tuple(help="Numbers of the selected units.")
    n = Int(help="Images of the next run.")
    result = Instance(Dissection, allow_none=True, read_only=True, help="Of the layer; partial while running.")

    def __init__(self, network: Any, data: Any, result: Dissection | None = None, **options: Any) -> None:
        self.network, self.data = network, data
        self.dissecting = NetworkController(network, data, **options)
        if result is not None:
            chosen = options.get("layer")
            self.dissecting.adopt(result)
            if chosen is not None:
                self.dissecting.layer = chosen
        self.comparing = DepthController(self.dissecting)
        self.turning = RotationController(self.dissecting)
        self.explaining = ExplainController(network, data)
        super().__init__()
        self._make_components()
        self.painter = GridPainter(self.grid, self.dissecting)
        parts = self._wire_traits, self._wire_dissection, self._wire_depth, self._wire_rotation, self._wire_explanation
        self._wires = [*(wire for connect in parts for wire in connect()), *self.painter.wires()]

    # What it is made of

    def _make_components(self) -> None:
        self.picker, self.run_bar = ui.LayerPicker(), ui.RunBar()
        self.settings = ui.Controls(
            fields=[
                {"name": "n", "kind": "int", "label": "Images", "min": 1, "max": len(self.data), "step": 100},
                {"name": "rule", "kind": "choice", "label": "Label by", "options": RULE_OPTIONS},
            ]
        )
        self.histogram = ui.Histogram(
            title="Units per concept",
            value_label="units",
            reference_label=REFERENCE,
            horizontal=True,
        )
        self.grid = ui.UnitGrid()
        self.snippet = ui.CodeSnippet(label="Copy as Python")
        self.counting = ui.Controls(fields=[_COUNTING])
        self.depth_bar, self.turn_bar = ui.RunBar(resumable=False), ui.RunBar(resumable=False)
        self.depth = ui.Matrix(
            title="Unique detectors by layer",
            row_label="category",
            column_label="layer",
            value_label="unique detectors",
        )
        self.turn = ui.Curve(x_label="share α of a random rotation of the basis", y_label="units", y_range=[0, None])
        self.pictures = ui.ImageGrid(multiple=False, title="Which prediction?")
        self.overlays = ui.ImageGrid()
        self.contributions = ui.Matrix(
            title="The logit, as a sum",
            row_label="part",
            column_label="class",
            value_label="contribution to the logit",
            scale="diverging",
        )
        questions = ui.tabs(
            ui.column(self.depth_bar, self.depth, label="Layers compared"),
            ui.column(self.turn_bar, self.turn, label="Turned basis"),
            ui.column(self.pictures, self.overlays, self.contributions, label="One prediction"),
        )
        self.layout = ui.Layout.of(
            ui.column(
                ui.row(self.picker, self.settings, self.run_bar, weights=(4, 4, 5)),
                ui.row(
                    ui.column(self.histogram),
                    ui.column(self.grid, self.snippet),
                    ui.column(self.counting, questions),
                    weights=(5, 9, 7),
                ),
            ),
            title=f"Dissection of {self.network.name} with {self.data.name}",
        )

    # The wires

    def _wire_traits(self) -> Iterator[Wire]:
        yield Wire((self.dissecting, self._copy, ["layer", "units", "n", "result"]))
        for name in ("layer", "units", "n", "result"):
            self.set_trait(name, getattr(self.dissecting, name))

    def _wire_dissection(self) -> Iterator[Wire]:
        d, worth = self.dissecting, depth_layers(self.network)
        self.grid.groups = self.histogram.groups = groups_of(self.data.categories)
        choices = partial(views.layers, self.network, (*worth, *self.explaining.layers))
        yield show(d, ["dissected", "layer"], self.picker, "layers", choices)
        yield join(d, "layer", self.picker, "layer")
        yield join(d, "n", self.settings, "values", key="n")
        yield join(d, "rule", self.settings, "values", key="rule")
        yield Wire((d, d.fit_n, "rule"))
        yield join(d, "units", self.grid, "selected", to_view=list, to_python=tuple)
        run = ["layer", "run_layer", "status", "result", "n", "progress", "n_done", "n_total", "stopped"]
        said = ["status", "progress", "n_done", "n_total", "resumable"]
        yield show(d, run, self.run_bar, said, run_state)
        yield show(d, ["remaining", "error"], self.run_bar, ["remaining", "error"], lambda *values: values)
        yield show(d, "result", self.run_bar, "note", lambda result: "; ".join(result.notes) if result else "")
        yield show(d, ["result", "layer"], self.histogram, "bars", bars)
        yield show(d, ["result", "layer"], self.histogram, "subtitle", subtitle)
        yield show(d, ["result", "layer"], self.histogram, "note", self._note)
        yield show(d, "result", self.histogram, "message", no_bars)
        yield view_link(self.layout, (self.histogram, "selected"), (self.grid, "concepts"))
        yield view_link(self.layout, (self.grid, "concepts"), (self.histogram, "selected"))
        yield show(self.painter, "error", self.grid, "error")
        yield show(d, ["result", "layer"], self.snippet, "code", partial(views.code, self.network.name))
        self.run_bar.on_request("run", d.run)
        self.run_bar.on_request("resume", d.resume)
        self.run_bar.on_request("cancel", d.cancel)

    def _wire_depth(self) -> Iterator[Wire]:
        c = self.comparing
        yield join(c, "counting", self.counting, "values", key="counting")
        yield from self._wire_bar(c, self.depth_bar)
        yield Wire((c, self._fill_depth, ["profile", "counting"]), (c, self._take_profile, "profile"))
        yield Wire((self.depth, self._choose_layer, "selected_columns"))
        yield show(c, "profile", self.depth, "message", views.depth_message)

    def _wire_rotation(self) -> Iterator[Wire]:
        t = self.turning
        yield show(self.comparing, "counting", t, "counting")
        yield from self._wire_bar(t, self.turn_bar)
        yield show(t, ["rotation", "counting"], self.turn, ["lines", "title"], views.rotation_lines)
        yield show(t, "rotation", self.turn, "message", views.rotation_message)

    def _wire_explanation(self) -> Iterator[Wire]:
        e = self.explaining
        if e.layers:
            self.pictures.sheets = views.offered_sheet(to_uint8(e.offered()))
        yield show(self.dissecting, "result", e, "dissection")
        yield join(e, "image", self.pictures, "selected", to_view=_listed, to_python=_first)
        yield show(e, "explanation", self.overlays, ["sheets", "captions", "title"], views.explanation_sheet)
        yield Wire((e, self._fill_sum, "explanation"))
        yield show(e, ["image", "dissection"], self.contributions, "message", self._explanation_message)
        yield show(e, "error", self.contributions, "error")

    def _wire_bar(self, session: DepthController | RotationController, bar: ui.RunBar) -> Iterator[Wire]:
        said = ["status", "progress", "n_done", "n_total"]
        yield show(session, ["status", "progress"], bar, said, self._bar_state)
        yield show(session, ["remaining", "error"], bar, ["remaining", "error"], lambda *values: values)
        bar.on_request("run", session.run)
        bar.on_request("cancel", session.cancel)

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

    def _note(self, result: Dissection | None, layer: str) -> str:
        return " ".join(part for part in (views.counting_note(result, layer), NEAR_CHANCE) if part)

    def _bar_state(self, status: str, progress: float) -> tuple[str, float, int, int]:
        return views.asking_state(status, progress, self.dissecting.n)

    def _fill_depth(self, change: Bunch) -> None:
        with lock:
            self.depth.fill(**views.depth_table(self.comparing.profile, self.comparing.counting))

    def _fill_sum(self, change: Bunch) -> None:
        with lock:
            self.contributions.fill(**views.explanation_table(change.new))

    def _take_profile(self, change: Bunch) -> None:
        """What was dissected to compare layers need not be dissected again to look at one."""
        if change.new is not None:
            with lock:
                layer = self.dissecting.layer
                self.dissecting.adopt(change.new.found)
                self.dissecting.layer = layer

    def _choose_layer(self, change: Bunch) -> None:
        if change.new:
            with lock:
                self.dissecting.layer = change.new[-1]

    def _explanation_message(self, image: int | None, dissection: Dissection | None) -> str:
        return views.explanation_message(image, dissection, self.explaining.layers)

    # For the person at the keyboard

    def run(self) -> "NetworkPanel":
        """Dissect the layer, in this thread, and come back when it is done."""
        self.dissecting.run(wait=True)
        return self

    def _instead(self) -> dict[ui.Component, dict[str, Any]]:
        return {self.grid: {"kept": self.painter.paint_all(MOST_EXPORTED)}}

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.dissecting, self.comparing, self.turning, self.explaining, self.painter

    def __repr__(self) -> str:
        return f"NetworkPanel({self.network.name!r}, layer={self.layer!r}, units={list(self.units)})"


def _listed(image: int | None) -> list[int]:
    return [] if image is None else [image]


def _first(selected: Sequence[int]) -> int | None:
    return selected[-1] if selected else None
