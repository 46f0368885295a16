"""Reusable notebook components: they draw what their traits say and report what a person chose.

Nothing here knows about networks or imports torch; each component works alone and can be linked to others with
traitlets. `Layout` puts several of them on one page, and `to_html` writes any of them as a page without a kernel.
"""

from ganwidgets.ui.area_bars import AreaBars
from ganwidgets.ui.code_snippet import CodeSnippet
from ganwidgets.ui.compare import Compare
from ganwidgets.ui.component import Component
from ganwidgets.ui.controls import Controls
from ganwidgets.ui.crop_box import CropBox
from ganwidgets.ui.curve import Curve
from ganwidgets.ui.download import Download
from ganwidgets.ui.edit_stack import EditStack
from ganwidgets.ui.export import page
from ganwidgets.ui.facts import Facts
from ganwidgets.ui.file_drop import FileDrop
from ganwidgets.ui.histogram import Histogram
from ganwidgets.ui.image_grid import ImageGrid
from ganwidgets.ui.layer_picker import LayerPicker
from ganwidgets.ui.layout import Layout, column, fold, row, tabs
from ganwidgets.ui.mask_painter import MaskPainter
from ganwidgets.ui.matrix import Matrix
from ganwidgets.ui.run_bar import RunBar
from ganwidgets.ui.scatter import Scatter
from ganwidgets.ui.tray import Tray
from ganwidgets.ui.unit_grid import UnitGrid

__all__ = [
    "AreaBars",
    "CodeSnippet",
    "Compare",
    "Component",
    "Controls",
    "CropBox",
    "Curve",
    "Download",
    "EditStack",
    "Facts",
    "FileDrop",
    "Histogram",
    "ImageGrid",
    "LayerPicker",
    "Layout",
    "MaskPainter",
    "Matrix",
    "RunBar",
    "Scatter",
    "Tray",
    "UnitGrid",
    "column",
    "fold",
    "page",
    "row",
    "tabs",
]
