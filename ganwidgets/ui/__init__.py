"""Reusable notebook components: they draw what their traits say and report what a person chose.

Nothing here knows about networks or imports torch; each component works alone and can be linked to others with
traitlets. `Layout` puts several of them on one page, and `to_html` writes any of them as a page without a kernel.
"""

from ganwidgets.ui.code_snippet import CodeSnippet
from ganwidgets.ui.component import Component
from ganwidgets.ui.controls import Controls
from ganwidgets.ui.export import page
from ganwidgets.ui.histogram import Histogram
from ganwidgets.ui.image_grid import ImageGrid
from ganwidgets.ui.layer_picker import LayerPicker
from ganwidgets.ui.layout import Layout, column, row
from ganwidgets.ui.run_bar import RunBar
from ganwidgets.ui.unit_grid import UnitGrid

__all__ = [
    "CodeSnippet",
    "Component",
    "Controls",
    "Histogram",
    "ImageGrid",
    "LayerPicker",
    "Layout",
    "RunBar",
    "UnitGrid",
    "column",
    "page",
    "row",
]
