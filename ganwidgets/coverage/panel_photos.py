"""The part of the coverage panel that shows photos beside what the generator makes of them."""

from collections.abc import Iterator
from typing import Any

from ganwidgets import ui
from ganwidgets.coverage import panel_photos_views as views
from ganwidgets.coverage.controller_omissions import STRATEGIES, OmissionsController
from ganwidgets.wiring import Wire, join, show


def reconstruct(network: Any, images: Any, strategy: str, **options: Any) -> Any:
    """How the generator makes images; loaded when it is needed."""
    from ganwidgets.invert import reconstruct as searched

    return searched(network, images, strategy, **options)


def photos_box(panel: Any) -> ui.layout.Box:
    """Make the components, as attributes of the panel, and their place."""
    kinds = [{"value": name, "label": name, "hint": views.STRATEGY_WORDS[name]} for name in STRATEGIES]
    panel.photo_settings = ui.Controls(
        fields=[
            {"name": "n", "kind": "int", "label": "Photos", "min": 2, "max": 1000},
            {"name": "steps", "kind": "int", "label": "Steps of a search", "min": 1, "max": 10_000},
        ]
    )
    panel.photo_strategy = ui.Controls(
        fields=[{"name": "strategy", "kind": "choice", "label": "Search by", "options": kinds}]
    )
    panel.photo_bar = ui.RunBar(resumable=False)
    panel.pages = ui.Controls()
    panel.photos = ui.ImageGrid(multiple=False)
    panel.losses = ui.Histogram(
        title="Lost where it was",
        horizontal=True,
        value_label="% of its area; others: concepts of similar area; own: generated pictures",
    )
    panel.kept = ui.Scatter(
        title="Picture by picture",
        x_label="area before [% of the image]",
        y_label="of it stays in its place [%]",
        groups=[views.PHOTOS, views.CONTROL],
    )
    return ui.row(
        ui.column(panel.photo_bar, panel.photos, panel.pages),
        ui.column(panel.photo_settings, panel.photo_strategy, panel.losses, panel.kept),
        weights=(9, 5),
        label="Photos and inversions",
    )


def photo_wires(panel: Any) -> Iterator[Wire]:
    """Bind them to the session of the photos."""
    o: OmissionsController = panel.omitting
    for name in ("n", "steps"):
        yield join(o, name, panel.photo_settings, "values", key=name)
    yield join(o, "strategy", panel.photo_strategy, "values", key="strategy")
    said = ["status", "progress", "remaining", "error"]
    yield show(o, said, panel.photo_bar, said, lambda *values: values)
    yield show(o, ["stale", "status"], panel.photo_bar, "note", views.stale)
    yield show(o, "concept", panel.photo_bar, "disabled", lambda concept: "" if concept else "choose a concept first")
    about = ["result", "pairs"]

    def page() -> str:
        return panel.pages.values.get("page") or ""

    def shown(*_: Any) -> tuple[dict[str, Any], list[str]]:
        return views.photos(page(), o.result, o.pairs)

    def fields(result: Any, pairs: Any) -> list[dict[str, Any]]:
        options = views.pages(result, pairs)
        return [{"name": "page", "kind": "choice", "label": "Shown", "options": options}] if len(options) > 1 else []

    def first(*_: Any) -> dict[str, str]:
        options = views.pages(o.result, o.pairs)
        kept = [option["value"] for option in options if option["value"] == page()]
        return {"page": (kept or [options[0]["value"]])[0]} if len(options) > 1 else {}

    yield show(o, about, panel.pages, ["fields", "values"], lambda *now: (fields(*now), first()))
    yield show(o, about, panel.photos, ["sheets", "captions"], shown)
    yield show(panel.pages, "values", panel.photos, ["sheets", "captions"], shown)
    yield show(o, ["concept", *about, "status", "n"], panel.photos, "title", views.title)

    def message(*_: Any) -> str:
        c = panel.comparing
        return views.message(o.concept, o.status, c.status, c.result, panel.segmenter is not None)

    yield show(o, ["concept", "status"], panel.photos, "message", message)
    yield show(panel.comparing, ["status", "result"], panel.photos, "message", message)
    yield show(o, "result", panel.losses, ["bars", "message"], lambda result: (views.losses(result), NOT_YET))
    yield show(
        o, "result", panel.kept, ["points", "note", "message"],
        lambda result: (views.points(result), views.details(result), NOT_YET),
    )  # fmt: skip
    for action, work in (("run", o.run), ("resume", o.run), ("cancel", o.cancel)):
        panel.photo_bar.on_request(action, work)


NOT_YET = "Measured when photos and control are found."
