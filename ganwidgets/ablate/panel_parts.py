"""The components of the ablation panel and their places: three pages behind tabs, below what they share."""

from typing import Any

from ganwidgets import ui
from ganwidgets.ablate import panel_views as views
from ganwidgets.dissect.panel_views import groups_of


def make_components(panel: Any) -> None:
    """Make the components, as attributes of the panel, and `panel.layout` of them all."""
    panel.picker = ui.LayerPicker()
    panel.choice = ui.Controls()
    panel.run_bar = ui.RunBar()
    classes = [panel.classes] if panel.classes else []
    panel.layout = ui.Layout.of(
        ui.column(
            ui.row(panel.picker, ui.column(*classes, panel.choice), panel.run_bar, weights=(4, 3, 5)),
            ui.tabs(_removal(panel), _places(panel), _artifacts(panel)),
        ),
        title=f"What the units of {panel.network.name} cause",
    )
    if panel.segmenter is None:
        for bar in (panel.run_bar, panel.curve_bar, panel.place_bar):
            bar.disabled = views.NEEDED
    if panel.searching.real is None:
        panel.find_bar.disabled = views.REAL_NEEDED


def _removal(panel: Any) -> ui.layout.Box:
    known = panel.segmenter or panel.dissecting.result
    panel.curve_view = ui.Curve(log_x=True, y_percent=True)
    panel.curve_bar = ui.RunBar()
    panel.curve_settings = ui.Controls(fields=list(views.CURVE_SETTINGS))
    panel.look = ui.Controls()
    panel.edit = ui.Controls(fields=[views.UNITS, views.STRENGTH, views.SEED])
    panel.images = ui.ImageGrid(show="after", message="Drawing the pictures…")
    panel.losses = ui.Histogram(
        title="Pixels gained or lost",
        value_label="share of all pixels; whisker: 95 % interval over the pictures",
        reference_label="mean of 10 random unit sets of this size",
        groups=groups_of(known.categories if known is not None else ()),
        signed=True,
        horizontal=True,
    )
    return ui.row(
        ui.column(panel.curve_bar, panel.curve_view, panel.curve_settings),
        ui.column(panel.look, panel.edit, panel.images),
        ui.column(panel.losses),
        weights=(7, 6, 6),
        label="Remove",
    )


def _places(panel: Any) -> ui.layout.Box:
    panel.place_bar = ui.RunBar()
    panel.place_settings = ui.Controls(fields=list(views.CONTEXT_SETTINGS))
    panel.table = ui.Matrix(
        scale="diverging",
        row_label="what stood there before",
        column_label="what is gained",
        value_label="pixels gained per cell that is set; in the read-out: 95 % interval, number of cells, random units",
    )
    return ui.column(
        ui.row(panel.place_bar, panel.place_settings, weights=(3, 2)), panel.table, label="Insert elsewhere"
    )


def _artifacts(panel: Any) -> ui.layout.Box:
    panel.find_bar = ui.RunBar()
    panel.find_settings = ui.Controls(fields=list(views.FIND_SETTINGS))
    panel.suspects = ui.ImageGrid()
    panel.verdicts = ui.Controls(fields=list(views.VERDICTS))
    panel.judge = ui.Controls()
    panel.closer = ui.Curve(
        log_x=True,
        x_label="confirmed units switched off",
        y_label="closer to the data [Fréchet distance]",
    )
    panel.mended = ui.ImageGrid(show="after", message="Drawing the pictures…")
    return ui.row(
        ui.column(panel.find_settings, panel.find_bar, panel.suspects, panel.verdicts),
        ui.column(panel.judge, panel.closer, panel.mended),
        weights=(6, 5),
        label="Artifacts",
    )
