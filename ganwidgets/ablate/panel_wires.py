"""The wires of the ablation panel: which part of a session each component shows, and what a click asks for."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from traitlets import Bunch

from ganwidgets import ui
from ganwidgets.ablate import panel_views as views
from ganwidgets.ablate.controller import AblateController
from ganwidgets.ablate.controller_artifacts import ArtifactsController
from ganwidgets.ablate.controller_context import ContextController
from ganwidgets.ablate.controller_removal import RemovalController
from ganwidgets.dissect import panel_effects as effects
from ganwidgets.dissect.controller import DissectController
from ganwidgets.dissect.panel_views import layers as layer_rows
from ganwidgets.dissect.panel_views import run_state
from ganwidgets.jobs import Controller, lock
from ganwidgets.paint.panel_views import units_of, units_text
from ganwidgets.panels import ComposedPanel, class_wires
from ganwidgets.results.dissection import Dissection
from ganwidgets.wiring import Wire, join, show


class WiredPanel(ComposedPanel):
    """The sessions and the wires; `Panel` makes the sessions, `panel_parts.py` the components."""

    DECIDED: ClassVar[tuple[str, ...]] = ("layer", "concept", "units")

    dissecting: DissectController
    removing: RemovalController
    ablating: AblateController
    inserting: ContextController
    searching: ArtifactsController
    mending: AblateController
    classes: ui.Controls | None

    @property
    def _connections(self) -> tuple:
        pages = self._wire_curves, self._wire_pictures, self._wire_places, self._wire_artifacts
        return self._wire_traits, self._wire_choices, *pages

    def _wire_traits(self) -> Iterator[Wire]:
        r, a, c = self.removing, self.ablating, self.inserting
        yield Wire(
            (r, self._copy, ["layer", "concept", "curve"]), (a, self._copy, ["units", "effect"]),
            (c, self._copy, "context"),
        )  # fmt: skip
        self.set_trait("layer", r.layer)

    def _wire_choices(self) -> Iterator[Wire]:
        d, r, a = self.dissecting, self.removing, self.ablating
        yield show(d, ["dissected", "layer"], self.picker, "layers", partial(layer_rows, self.network))
        yield join(d, "layer", self.picker, "layer")
        yield from class_wires(self.classes, d, r, a, self.inserting, self.searching, self.mending)
        yield Wire((d, self._draw_class, "drawn_class"))
        yield Wire((d, self._move, "layer"), (d, self._dissected, "result"))
        yield show(d, ["result", "layer"], self.choice, "fields", self._concepts)
        yield join(r, "concept", self.choice, "values", key="concept", to_python=lambda name: name or "")
        yield Wire((r, self._begin, "concept"))
        said = ["status", "progress", "n_done", "n_total", "resumable"]
        run = ["layer", "run_layer", "status", "result", "n", "progress", "n_done", "n_total", "stopped"]
        yield show(d, run, self.run_bar, said, run_state)
        yield show(d, ["remaining", "error"], self.run_bar, ["remaining", "error"], lambda *values: values)
        yield show(d, "status", self.run_bar, "note", lambda status: "which units mean what")
        _answer(self.run_bar, d.run, d.resume, d.cancel)
        yield show(r, "rankings", self.look, "fields", self._look_fields)
        yield join(r, "order", self.look, "values", key="order", to_python=lambda name: name or r.order)
        yield join(r, "size", self.look, "values", key="size")
        yield join(a, "units", self.edit, "values", key="units", to_view=units_text, to_python=units_of)
        yield Wire((r, self._take, "chosen"), (a, self._follow, ["layer", "units"]))

    def _wire_curves(self) -> Iterator[Wire]:
        r, count = self.removing, self.segmenter is not None
        yield show(
            r, "curve", self.curve_view, ["lines", "band"], lambda curve: (views.lines(curve), views.band(curve))
        )
        yield show(
            r, ["curve", "layer", "concept", "status"], self.curve_view, ["title", "x_label", "y_label", "message"],
            lambda curve, layer, concept, status: views.curve_words(curve, layer, concept, count, status),
        )  # fmt: skip
        yield join(
            r, "size", self.curve_view, "chosen", to_view=float, to_python=lambda x: r.size if x is None else int(x)
        )
        for name in ("n", "n_random_sets"):
            yield join(r, name, self.curve_settings, "values", key=name)
        yield join(
            r, "wanted", self.curve_settings, "values", key="alpha", to_view=lambda wanted: "alpha" in wanted,
            to_python=lambda on: ("IoU", "effect", *(("alpha",) if on else ())),
        )  # fmt: skip
        yield from _progress(r, self.curve_bar)
        yield show(r, ["curve", "stage", "status", "missing"], self.curve_bar, "note", views.curve_note)
        _answer(self.curve_bar, lambda: (r.run if r.complete else r.resume)(), r.resume, r.cancel)

    def _wire_pictures(self) -> Iterator[Wire]:
        a, count = self.ablating, self.segmenter is not None
        for name in ("strength", "seed"):
            yield join(a, name, self.edit, "values", key=name)
        yield from _pictures(a, self.images)
        yield show(a, "effect", self.losses, "bars", effects.effect_bars)
        yield show(
            a, ["effect", "layer", "units"], self.losses, ["subtitle", "message"],
            lambda effect, layer, units: views.effect_words(effect, layer, units, count),
        )  # fmt: skip

    def _wire_places(self) -> Iterator[Wire]:
        c, count = self.inserting, self.segmenter is not None
        for name in ("n", "n_random_sets"):
            yield join(c, name, self.place_settings, "values", key=name)
        yield Wire((c, self._fill, "context"))
        yield show(self.table, "selected_rows", self.table, "title", lambda rows: views.answer(c.context, rows))
        yield show(
            c, ["units", "concept", "status"], self.table, "message",
            lambda units, concept, status: views.context_message(units, concept, count, status),
        )  # fmt: skip
        yield from _progress(c, self.place_bar)
        yield show(c, "context", self.place_bar, "note", views.context_note)
        _answer(self.place_bar, c.run, c.run, c.cancel)

    def _wire_artifacts(self) -> Iterator[Wire]:
        f, m = self.searching, self.mending
        for name in ("by", "n"):
            yield join(f, name, self.find_settings, "values", key=name)
        yield show(f, ["found", "pictures", "listed", "by"], self.suspects, ["sheets", "title"], views.suspects)
        about = ["found", "listed", "by", "confirmed", "rejected"]
        yield show(f, about, self.suspects, "captions", views.captions)
        yield show(
            f, "status", self.suspects, "message", lambda status: views.suspects_message(f.real is not None, status)
        )
        yield join(f, "units", self.suspects, "selected", to_view=self._places, to_python=self._numbers)
        yield show(f, "listed", self.suspects, "selected", lambda listed: self._places(f.units))
        self.verdicts.on_request("press", self._decided)
        yield from _progress(f, self.find_bar)
        yield show(f, "found", self.find_bar, "note", views.find_note)
        _answer(self.find_bar, f.find, f.find, f.cancel)
        yield show(f, "confirmed", m, "units")
        yield from _pictures(m, self.mended)
        yield show(f, "removal", self.closer, ["lines", "band"], views.closer)
        yield show(f, ["removal", "confirmed", "status"], self.closer, ["title", "message"], views.closer_words)
        yield show(f, "status", self.judge, "fields", views.judge_fields)
        self.judge.on_request("press", lambda name: f.cancel() if f.status == "running" else f.measure())

    # What travels along them

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _known(self, result: Dissection | None) -> Dissection | None:
        return result if result is not None and result.complete else None

    def _move(self, change: Bunch) -> None:
        """Everything looks at the new layer; a missing dissection of it is made."""
        with lock:
            layer = self.dissecting.layer
            self.ablating.look_at(layer, ())
            self.mending.look_at(layer, ())
            self.searching.layer = layer
            with self.removing.hold_trait_notifications():
                self.removing.dissection = self._known(self.dissecting.result)
                self.removing.layer = layer
            self._take()
        self._catch_up()

    def _draw_class(self, change: Bunch) -> None:
        """A dissection is of one class: units are ordered by that of the class that is drawn, or it is made."""
        with lock:
            self.removing.dissection = self._known(self.dissecting.result)
        self._catch_up()

    def _catch_up(self) -> None:
        if self._runs and self.dissecting.result is None:
            self.dissecting.run()
        self._begin()

    def _dissected(self, change: Bunch | None = None) -> None:
        """Order units by a dissection once it is complete, and begin with the concept it found most units of."""
        found, r = self._known(self.dissecting.result), self.removing
        if found is None:
            return
        with lock:
            r.dissection = found
            if not r.concept and (self.segmenter is None or set(found.concepts) == set(self.segmenter.concepts)):
                r.concept = views.first_concept(found, r.layer)  # which begins
                return
        self._begin()

    def _begin(self, change: Bunch | None = None) -> None:
        with lock:
            self.inserting.look_at(self.ablating.layer, self.ablating.units, self.removing.concept)
        waits = self._known(self.dissecting.result) is None and self.dissecting.status == "running"
        if self._runs and self.removing.concept and not waits and not self.removing.complete:
            self.removing.resume()

    def _take(self, change: Bunch | None = None) -> None:
        with lock:
            self.ablating.units = self.removing.chosen

    def _follow(self, change: Bunch) -> None:
        with lock:
            self.inserting.look_at(self.ablating.layer, self.ablating.units, self.removing.concept)

    def _concepts(self, result: Dissection | None, layer: str) -> list[dict[str, Any]]:
        known = self.segmenter or result
        return [views.concept_field(() if known is None else known.concepts, self._known(result), layer)]

    def _look_fields(self, rankings: dict[str, Any]) -> list[dict[str, Any]]:
        return [views.order_field(rankings), views.SIZE]

    def _fill(self, change: Bunch) -> None:
        with lock, self.table.hold_sync():
            self.table.fill(**views.context_table(change.new))
            stood = [name for name in self.table.selected_rows if name in self.table.rows]
            self.table.selected_columns = self.table.columns[:1]  # the concept itself
            self.table.selected_rows = stood or views.common_place(change.new)
            self.table.title = views.answer(change.new, self.table.selected_rows)

    def _decided(self, name: str) -> None:
        """A verdict on the selected units; they are let go, so that the next verdict is not on them, too."""
        f = self.searching
        if not f.units:
            raise ValueError("Select pictures first, then say what they are.")
        getattr(f, name)()
        f.units = ()

    def _places(self, units: tuple[int, ...]) -> list[int]:
        return [place for place, unit in enumerate(self.searching.listed) if unit in units]

    def _numbers(self, places: list[int]) -> tuple[int, ...]:
        return tuple(self.searching.listed[place] for place in places)


def _progress(controller: Controller, bar: ui.RunBar) -> Iterator[Wire]:
    """A run bar that follows a session."""
    said = ["status", "progress", "remaining", "error"]
    yield show(controller, said, bar, said, lambda *values: values)


def _answer(bar: ui.RunBar, run: Any, resume: Any, cancel: Any) -> None:
    bar.on_request("run", run)
    bar.on_request("resume", resume)
    bar.on_request("cancel", cancel)


def _pictures(session: AblateController, grid: ui.ImageGrid) -> Iterator[Wire]:
    """A grid that follows the pictures of a session."""
    yield show(
        session, "shown", grid, ["sheets", "title"],
        lambda shown: effects.pictures(session.before, session.after, shown),
    )  # fmt: skip
    yield show(session, ["status", "slow"], grid, "busy", lambda status, slow: slow and status == "running")
    yield show(session, "error", grid, "error")
