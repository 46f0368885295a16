"""Strokes that become edits: paint with a generator's own units.

A `Stroke` is where, which units, how far; a `StrokeStack` is a session of them with undo. `apply_to_many` paints them
on scenes, `report` says what one did beside what was to be expected, `brushes` makes the unit sets of a dissection
ready to paint with. `copy_region` and `paste` carry a part of one scene into another, `save` and `load` keep strokes in
a JSON file. `panel` paints in a notebook, and `PaintController` is the session behind it. Both take a photo, too, as an
`Inversion` in the generator; `save_photo` and `load_photo` keep it, with its strokes, in one file.
"""

from ganwidgets.later import files_of, loader
from ganwidgets.paint.brushes import Brush, brushes
from ganwidgets.paint.clips import Clip, copy_region, paste
from ganwidgets.paint.files import from_json, load, save, to_json
from ganwidgets.paint.photo_canvas import OutsideErrors
from ganwidgets.paint.photo_files import PaintedPhoto, load_photo, save_photo
from ganwidgets.paint.render import apply_to_many
from ganwidgets.paint.report import PaintReport, report
from ganwidgets.paint.stack import StrokeStack
from ganwidgets.paint.strokes import PaintEdit, Stroke, edits

# Loaded when asked for: a script that only paints needs no traitlets.
_LATER = {"controller": ("PaintController",), "panel": ("panel",)}

__all__ = [
    "Brush",
    "Clip",
    "OutsideErrors",
    "PaintEdit",
    "PaintReport",
    "PaintedPhoto",
    "Stroke",
    "StrokeStack",
    "apply_to_many",
    "brushes",
    "copy_region",
    "edits",
    "from_json",
    "load",
    "load_photo",
    "paste",
    "report",
    "save",
    "save_photo",
    "to_json",
    *files_of(_LATER),
]

__getattr__ = loader(__name__, globals(), _LATER)
