"""A dissection as a page of its own: what `Dissection.to_html` writes."""

from ganwidgets import ui
from ganwidgets.dissect import panel_views as views
from ganwidgets.results.dissection import Dissection
from ganwidgets.ui.export import page

MOST = 512  # units of a layer that get pictures


def dissection_page(dissection: Dissection, *, title: str | None = None) -> str:
    """A page of a dissection alone: for each layer, units per concept beside the unit grid; no kernel, no network."""
    sections, links = [], []
    for layer in dissection.layers:
        rows = views.rows(dissection, layer)
        best = views.by_iou(rows)[:MOST]
        groups = views.groups_of(dissection.categories)
        chunks = [best[i : i + views.CHUNK] for i in range(0, len(best), views.CHUNK)]
        grid = ui.UnitGrid(
            rows=rows,
            groups=groups,
            legend=views.legend(dissection, layer),
            sheets=[views.unit_sheet(dissection, layer, units) for units in chunks],
            kept=views.kept(dissection, layer, best),
        )
        histogram = ui.Histogram(
            bars=views.bars(dissection, layer),
            groups=groups,
            title="Units per concept",
            value_label="units",
            subtitle=views.subtitle(dissection, layer),
            reference_label=views.REFERENCE,
            note=views.NEAR_CHANCE,
            message=views.no_bars(dissection),
        )
        sections.append(ui.column(ui.row(histogram, grid, weights=(2, 5)), label=layer))
        links += [(histogram, "selected", grid, "concepts"), (grid, "concepts", histogram, "selected")]
    heading = title or f"Dissection of {dissection.subject}: {dissection.n:,} images, rule {dissection.rule}"
    layout = ui.Layout.of(ui.column(*sections), links=links, title=heading)
    text = page(layout, title=heading)
    for component in (*layout.children, layout):
        component.close()
    return text
