"""The wires of the painting panel: which part of a session each component shows, and what a stroke asks for."""

import time
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import numpy as np
from traitlets import Bunch

from ganwidgets import ui
from ganwidgets.ablate.controller_context import ContextController
from ganwidgets.dissect.controller import DissectController
from ganwidgets.jobs import lock
from ganwidgets.paint import panel_views as views
from ganwidgets.paint.controller import PaintController
from ganwidgets.paint.panel_photo import PhotoParts
from ganwidgets.paint.panel_places import BetterPlaces
from ganwidgets.panels import ComposedPanel, class_wires
from ganwidgets.wiring import Wire, join, show

PATIENCE = 0.05  # [s] that the answer to a stroke, and the list of strokes, let its picture go first


class WiredPanel(ComposedPanel):
    """The sessions and the wires; `Panel` has the components."""

    DECIDED: ClassVar[tuple[str, ...]] = ("layer", "brush", "units", "scene")

    painting: PaintController
    dissecting: DissectController
    inserting: ContextController
    photo: PhotoParts | None
    classes: ui.Controls | None

    @property
    def _connections(self) -> tuple:
        photo = () if self.photo is None else (self.photo.wires,)
        strokes = self._wire_canvas, self._wire_strokes, self._wire_scenes
        return self._wire_traits, self._wire_brushes, *strokes, *photo

    def _wire_traits(self) -> Iterator[Wire]:
        yield Wire((self.painting, self._copy, [*self.DECIDED, "strokes", "report"]))
        for name in self.DECIDED:
            self.set_trait(name, getattr(self.painting, name))

    def _wire_brushes(self) -> Iterator[Wire]:
        p, d = self.painting, self.dissecting
        yield show(d, ["dissected", "layer"], self.picker, "layers", partial(views.layers, self.network))
        yield join(p, "layer", self.picker, "layer")
        yield show(p, "layer", d, "layer")
        yield Wire((d, self._adopt, "result"), (p, self._dissect, "layer"))
        run = ["status", "result", "progress", "n_done", "n_total", "n"]
        yield show(d, run, self.run_bar, ["status", "progress", "n_done", "n_total"], views.run_state)
        yield show(d, ["remaining", "error"], self.run_bar, ["remaining", "error"], lambda *values: values)
        for name in ("run", "resume", "cancel"):
            self.run_bar.on_request(name, getattr(d, name))
        yield show(p, ["brushes", "icons"], self.palette, ["sheets", "captions"], views.brush_sheet)
        yield show(d, ["layer", "status"], self.palette, "message", partial(views.palette_message, self.segmenter))
        to_view, to_python = (lambda x: views.place_of(x, p.brushes)), (lambda x: views.brush_at(x, p.brushes))
        yield join(p, "brush", self.palette, "selected", to_view=to_view, to_python=to_python)
        yield show(p, "brushes", self.palette, "selected", lambda brushes: views.place_of(p.brush, brushes))
        yield join(p, "units", self.settings, "values", key="units", to_view=views.units_text, to_python=views.units_of)
        for name in ("mode", "strength", "resize"):
            yield join(p, name, self.settings, "values", key=name)

    def _wire_canvas(self) -> Iterator[Wire]:
        p = self.painting
        yield show(p, "after", self.painter, "image", views.png)  # before all else: somebody waits for it
        yield show(p, "after", self.painter, "size", views.size)
        before = views.once(views.png)
        both = lambda settled: (before(p.before), self.painter.image) if settled else (b"", b"")  # noqa: E731
        yield show(p, "settled", self.compare, ["before", "after"], both)
        yield show(p, "mode", self.painter, "color", views.COLORS.get)
        yield from BetterPlaces(p, self.inserting, self.painter).wires()
        yield show(p, "error", self.painter, "error")
        self.painter.on_stroke(self._take)

    def _wire_strokes(self) -> Iterator[Wire]:
        p = self.painting
        for part in (self.painter, self.stack):
            yield show(p, ["can_undo", "can_redo"], part, ["can_undo", "can_redo"], lambda *can: can, gate=self._gate)
            part.on_request("undo", p.undo)
            part.on_request("redo", p.redo)
        rows = views.StackRows()
        yield show(p, "strokes", self.stack, "entries", rows.entries, gate=self._gate)
        yield show(p, "settled", self.stack, ["sheet", "entries"], lambda settled: rows.pictured(settled, p.before))
        yield show(self.stack, ["hovered", "selected"], self.painter, "overlay", self._region)
        self.stack.on_request("mute", lambda entry, muted: p.mute(entry, muted))
        self.stack.on_request("delete", lambda entry: p.delete(entry))
        self.stack.on_request("strength", lambda entry, strength: p.set_strength(entry, strength))
        self.stack.on_request("move", lambda entry, to: p.move(entry, to))
        disabled = lambda made: {} if made else {"strokes": "nothing is painted"}  # noqa: E731
        yield show(p, "strokes", self.files, "disabled", disabled, gate=self._gate)
        for name in ("picture", "strokes", *(["photo"] if self.photo else [])):
            self.files.on_file(name, partial(self._file, name))

    def _wire_scenes(self) -> Iterator[Wire]:
        p = self.painting
        yield show(p, "scenes", self.scenes, "sheets", lambda pictures: views.strip(pictures, "scenes"))
        yield join(p, "scene", self.scenes, "selected", to_view=lambda i: [i], to_python=lambda chosen: chosen[-1])
        yield join(p, "seed", self.seed, "values", key="seed")
        yield from class_wires(self.classes, p, self.dissecting, self.inserting)
        yield show(p, ["many_before", "many_after"], self.others, ["sheets", "title"], views.others)
        self.apply.on_request("press", lambda name: p.apply_to_many(self.apply.values["n"]))

    # What travels along them

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _take(self, mask: np.ndarray, tool: str) -> None:
        """Paint, and let the picture go to the page before all else if it is ready in a moment.

        Whatever goes first would delay it, by 40 ms where small messages wait for the receipt of others (Jupyter's
        server on its own machine). Strokes in quick succession do not wait, so they cannot pile up.
        """
        with self._gate.shut():
            (self.painting.erase if tool == "erase" else self.painting.paint)(mask)
            if time.monotonic() - self._answered > 2 * PATIENCE:
                self.painting.wait_for_picture(PATIENCE)
            self._answered = time.monotonic()

    def _dissect(self, change: Bunch | None = None) -> None:
        """Find out what the units of a new layer draw, unless that is known."""
        found = self.dissecting.result
        if self._runs_itself and (found is None or not found.complete):
            self.dissecting.resume()

    def _adopt(self, change: Bunch) -> None:
        """Make brushes of a dissection, once, when it is complete."""
        found, layer = self.dissecting.result, self.dissecting.layer
        if found is not None and found.complete and self._offered.get(layer) is not found:
            self._offered[layer] = found
            self.painting.adopt(found)

    def _region(self, hovered: str, selected: str) -> bytes:
        return views.overlay(hovered or selected, self.painting.strokes, views.size(self.painting.after))
