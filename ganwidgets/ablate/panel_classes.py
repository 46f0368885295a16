"""The panel of a classifier's units: which classes are recognised less often without them, in one view.

`classes_panel(classifier, images, labels)` makes it; it reads as a list of components and a list of wires. What is
computed lives in three controllers (`measuring`, `joining`, `curving`), how results become rows, bars, points and lines
in `panel_classes_views.py` and `panel_classes_charts.py`.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from traitlets import Bunch, Instance, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.ablate import panel_classes_charts as charts
from ganwidgets.ablate import panel_classes_views as views
from ganwidgets.ablate.class_result import ClassAblation
from ganwidgets.ablate.controller_class_curves import ClassCurvesController
from ganwidgets.ablate.controller_classes import ClassesController, JointDropController, LabelledImages
from ganwidgets.ablate.joint_drop import JointDrop
from ganwidgets.ablate.panel_classes_grid import ClassGridPainter
from ganwidgets.jobs import Controller, lock
from ganwidgets.models.classifier_sources import load_classifier
from ganwidgets.panels import ComposedPanel
from ganwidgets.wiring import Wire, join, show, view_link

MOST_EXPORTED = 512  # units with pictures in an exported page


def classes_panel(
    classifier: Any,
    images: Any,
    labels: Any = None,
    *,
    layer: str | None = None,
    classes: Sequence[str] | None = None,
    batch: int = 64,
    run: bool = True,
    key: str | None = None,
) -> "ClassesPanel":
    """See in a notebook cell what each unit of a classifier is worth to each class.

    Args:
        classifier: a classifier, or what `load_classifier` makes one of; a torch module takes images in [-1, 1] here.
        images: (image channel height width) in [-1, 1], or uint8.
        labels: number of the true class of each image; None takes the network's own predictions, so that a drop is the
            share of decisions that change.
        layer: to start with; None takes the last one with maps.
        classes: names in the order of the scores, for a module that has none.
        batch: images at once; a run publishes after each.
        run: start at once.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.

    Raises:
        ValueError, TypeError: what cannot be a classifier, images it does not take, or labels that do not fit.
        traitlets.TraitError: no such layer.

    Source: Zhou, Sun, Bau, Torralba, "Revisiting the Importance of Individual Units in CNNs via Ablation", 2018.
    """
    shape = tuple(getattr(images, "shape", ()))[1:]
    options = {} if not hasattr(classifier, "named_modules") else {"image_shape": shape}
    made = ClassesPanel(load_classifier(classifier, classes=classes, **options), images, labels, layer, batch)
    cells.replace(made, key)
    if run:
        made.measuring.run()
    return made


class ClassesPanel(ComposedPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        measuring: the `ClassesController`: every unit alone.
        joining: the `JointDropController`: the selected units together.
        curving: the `ClassCurvesController`: more and more units.
        layout: the `ui.Layout` of all components; `grid`, `bars`, `plots`, `curve`, … are the components.
    """

    layer = Unicode(help="Layer that is looked at.")
    units = Tuple(help="Numbers of the selected units.")
    ablation = Instance(ClassAblation, allow_none=True, read_only=True, help="Of the layer; partial while running.")
    drop = Instance(JointDrop, allow_none=True, read_only=True, help="Of the selected units together.")

    def __init__(self, classifier: Any, images: Any, labels: Any, layer: str | None, batch: int) -> None:
        self.classifier = classifier
        self.data = data = LabelledImages(classifier, images, labels)
        options = {"batch": batch, "layer": views.default_layer(classifier) if layer is None else layer}
        self.measuring = ClassesController(classifier, data, **options)
        self.joining = JointDropController(classifier, data, **options)
        self.curving = ClassCurvesController(classifier, data, **options)
        super().__init__()
        self._make_components()
        self.painter = ClassGridPainter(self.grid, self.measuring)
        wires = self._wire_traits, self._wire_run, self._wire_units, self._wire_plots, self._wire_curves
        self._wires = [*(wire for connect in wires for wire in connect()), *self.painter.wires()]

    # What it is made of

    def _make_components(self) -> None:
        self.picker = ui.LayerPicker(done="measured")
        self.run_bar = ui.RunBar(resumable=False)
        self.grid = ui.UnitGrid(mode="plain")
        self.bars = ui.Histogram(
            title="Recall gained or lost by class",
            value_label="change of recall; whisker: 95 % interval over the images",
            signed=True,
            horizontal=True,
        )
        self.compare = ui.Controls(fields=[charts.AGAINST])
        self.plots = {
            name: ui.Scatter(title=title, x_label=word, y_percent=True)
            for name, (title, word) in charts.ATTRIBUTE_WORDS.items()
        }
        self.order = ui.Controls()
        self.curve_bar = ui.RunBar(resumable=False)
        self.curve = ui.Curve(
            x_label="units off together",
            y_label="accuracy",
            y_percent=True,
            log_x=True,
            hidden=charts.HIDDEN,
        )
        first, second, third, fourth = self.plots.values()
        attributes = self.compare, ui.row(ui.row(first, second), ui.row(third, fourth))
        curves = ui.row(self.curve_bar, self.order, weights=(6, 5)), self.curve
        self.layout = ui.Layout.of(
            ui.column(
                ui.row(self.picker, self.run_bar, weights=(4, 7)),
                ui.row(ui.column(self.grid), ui.column(self.bars), weights=(9, 6)),
                ui.tabs(
                    ui.column(*attributes, label="Can one tell beforehand?"),
                    ui.column(*curves, label="Many units together"),
                ),
            ),
            title=f"Units of {self.classifier.name}",
        )

    # The wires

    def _wire_traits(self) -> Iterator[Wire]:
        yield Wire((self.measuring, self._copy, ["layer", "units", "ablation"]), (self.joining, self._copy, "drop"))
        for name in ("layer", "units"):
            self.set_trait(name, getattr(self.measuring, name))

    def _wire_run(self) -> Iterator[Wire]:
        m = self.measuring
        yield show(m, ["measured", "layer"], self.picker, "layers", partial(views.layers, self.classifier))
        yield join(m, "layer", self.picker, "layer")
        state = partial(views.run_state, n_images=len(self.data))
        run = ["layer", "run_layer", "status", "ablation", "progress"]
        yield show(m, run, self.run_bar, ["status", "progress", "n_done", "n_total"], state)
        yield show(m, ["status", "stage", "layer", "run_layer", "ablation"], self.run_bar, "note", views.run_note)
        yield show(m, ["remaining", "error"], self.run_bar, ["remaining", "error"], lambda *values: values)
        self.run_bar.on_request("run", m.run)
        self.run_bar.on_request("cancel", m.cancel)

    def _wire_units(self) -> Iterator[Wire]:
        m, j = self.measuring, self.joining
        yield join(m, "units", self.grid, "selected", to_view=list, to_python=tuple)
        yield Wire((m, self._look, ["layer", "units", "ablation"]))
        subtitle = partial(charts.bars_subtitle, n_images=len(self.data), predicted=self.data.predicted)
        yield show(j, "drop", self.bars, ["bars", "subtitle"], lambda drop: (charts.class_bars(drop), subtitle(drop)))
        yield show(j, "drop", self.bars, "reference_label", lambda drop: drop.against if drop else "")
        yield show(j, "units", self.bars, "message", charts.bars_message)
        yield show(j, "error", self.bars, "error")
        yield show(self.painter, "error", self.grid, "error")
        yield view_link(self.layout, (self.bars, "selected"), (self.grid, "concepts"))
        yield view_link(self.layout, (self.grid, "concepts"), (self.bars, "selected"))

    def _wire_plots(self) -> Iterator[Wire]:
        m = self.measuring
        yield join(m, "against", self.compare, "values", key="against")
        for name, plot in self.plots.items():
            drawn = ["attributes", "ablation", "against"]
            yield show(m, drawn, plot, "points", partial(charts.points, name))
            yield show(m, ["correlations", "ablation", "against"], plot, "note", partial(charts.correlation_note, name))
            yield show(m, "attributes", plot, "message", partial(charts.no_points, name))
            yield show(m, "against", plot, "y_label", charts.DROP_WORDS.get)
            yield show(m, "ablation", plot, "groups", views.groups)
            yield view_link(self.layout, (plot, "selected"), (self.grid, "selected"))
            yield view_link(self.layout, (self.grid, "selected"), (plot, "selected"))

    def _wire_curves(self) -> Iterator[Wire]:
        m, c = self.measuring, self.curving
        yield show(m, "layer", c, "layer")
        yield show(m, "ablation", c, "ablation")
        drawn = ["lines", "band", "title", "message"]
        yield show(c, "curve", self.curve, drawn, charts.curves)
        state = partial(charts.curve_state, n_images=len(self.data))
        said = ["status", "progress", "remaining", "n_done", "n_total", "note", "error"]
        yield show(c, ["status", "progress", "remaining", "stage", "curve", "error"], self.curve_bar, said, state)
        yield show(c, "orders", self.order, ["fields", "values"], charts.order_field)
        yield Wire((self.curve, self._take, "chosen"), (self.order, self._take, "values"))
        self.curve_bar.on_request("run", c.run)
        self.curve_bar.on_request("cancel", c.cancel)

    # What travels along them

    @validate("layer", "units")
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.measuring, name, proposal["value"])
        return getattr(self.measuring, name)

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _look(self, change: Bunch) -> None:
        m = self.measuring
        self.joining.look_at(m.layer, m.units, m.ablation)

    def _take(self, change: Bunch) -> None:
        size, order = self.curve.chosen, self.order.values.get("order")
        if size is not None and order:
            self.measuring.units = self.curving.first_units(order, int(size))

    # For the person at the keyboard

    def run(self) -> "ClassesPanel":
        """Measure the layer, in this thread, and come back when it is done."""
        self.measuring.run(wait=True)
        return self

    def _instead(self) -> dict[ui.Component, dict[str, Any]]:
        return {self.grid: {"kept": self.painter.paint_all(MOST_EXPORTED)}}

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.measuring, self.joining, self.curving, self.painter

    def __repr__(self) -> str:
        return f"ClassesPanel({self.classifier.name!r}, layer={self.layer!r}, units={list(self.units)})"
