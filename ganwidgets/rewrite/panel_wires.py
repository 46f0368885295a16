"""The wires of the rewriting panel: which part of a session each component shows, and what a click asks for."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np
from traitlets import Bunch

from ganwidgets import ui
from ganwidgets.jobs import lock
from ganwidgets.panels import ComposedPanel, class_wires
from ganwidgets.rewrite import panel_fields as fields
from ganwidgets.rewrite import panel_tables as tables
from ganwidgets.rewrite import panel_views as views
from ganwidgets.rewrite import panel_words as words
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.controller_advice import AdviceController
from ganwidgets.rewrite.controller_goal import GoalController
from ganwidgets.rewrite.controller_marking import MarkingController
from ganwidgets.rewrite.controller_report import ReportController
from ganwidgets.rewrite.controller_rule import RuleController
from ganwidgets.rewrite.panel_fields import TRAYS
from ganwidgets.wiring import Wire, join, show


class WiredPanel(ComposedPanel):
    """The sessions and the wires; `Panel` has the components."""

    DECIDED: ClassVar[tuple[str, ...]] = ("layer", "rank", "smoothness", "image", "numbers")

    session: RewriteController
    marking: MarkingController
    goal: GoalController
    rule: RuleController
    reporting: ReportController
    advising: AdviceController
    trays: dict[str, ui.Tray]
    classes: ui.Controls | None

    # The wires

    @property
    def _connections(self) -> tuple:
        edit = self._wire_settings, self._wire_run, self._wire_rule, self._wire_stack, self._wire_files
        return self._wire_traits, self._wire_trays, self._wire_painter, self._wire_grid, *edit, self._wire_judges

    def _wire_traits(self) -> Iterator[Wire]:
        yield Wire((self.session, self._copy, [*self.DECIDED, "edits"]))
        for name in (*self.DECIDED, "edits"):
            self.set_trait(name, getattr(self.session, name))

    def _wire_trays(self) -> Iterator[Wire]:
        s, m = self.session, self.marking
        for kind, tray in self.trays.items():
            rows = views.TrayRows()
            drawn = partial(self._tray, kind, rows)
            yield show(s, ["trays", "marked"], tray, ["sheet", "entries"], drawn)
            yield show(m, "opened", tray, "selected", rows.id_of)

            def number(entry: str, kind: str = kind, rows: views.TrayRows = rows) -> int:
                return rows.number(entry, s.trays.all(kind))

            tray.on_request("open", lambda entry, kind=kind, number=number: m.open(kind, number(entry)))
            tray.on_request("remove", lambda entry, kind=kind, number=number: s.unmark(kind, number(entry)))
            tray.on_request("clear", partial(s.clear, kind))

    def _wire_painter(self) -> Iterator[Wire]:
        s, m = self.session, self.marking
        yield Wire((s, self._paint, "image_after"), (m, self._paint, ["region", "opened"]))
        self._paint()
        yield show(m, ["region", "opened"], self.painter, "message", self._painter_message)
        yield show(s, "image", self.painter, "message", self._painter_message)
        unasked = lambda error, failure: "" if error == failure else error  # noqa: E731 (a failure stands at Apply)
        yield show(s, ["error", "failure"], self.painter, "error", unasked)
        yield show(m, ["can_undo", "can_redo"], self.painter, ["can_undo", "can_redo"], lambda *can: can)
        self.painter.on_stroke(lambda mask, tool: m.paint(mask, erase=tool == "erase"))
        self.painter.on_request("undo", m.undo)
        self.painter.on_request("redo", m.redo)
        self.put.on_request("press", self._pressed)

    def _wire_grid(self) -> Iterator[Wire]:
        s = self.session
        yield show(s, ["before", "after", "matches", "shown"], self.grid, ["sheets", "captions"], views.grid)
        yield show(s, ["numbers", "shown"], self.grid, "busy", lambda wanted, there: wanted != there)
        to_python = lambda chosen: s.shown[chosen[-1]] if chosen else s.image  # noqa: E731
        to_view = lambda image: views.place_of(image, s.shown)  # noqa: E731
        yield join(s, "image", self.grid, "selected", to_view=to_view, to_python=to_python)
        yield show(s, "shown", self.grid, "selected", lambda shown: views.place_of(s.image, shown))
        words = {"to_view": views.numbers_text, "to_python": views.numbers_of}
        yield join(s, "numbers", self.look, "values", key="numbers", **words)
        yield from class_wires(self.classes, s)
        for name in ("seed", "n_sample"):
            yield join(s, name, self.look, "values", key=name)
        self.look.on_request("press", lambda name: s.turn(-1 if name == "earlier" else 1))
        yield show(s, "image_before", self.compare, "before", views.png)
        yield show(s, "image_after", self.compare, "after", views.png)

    def _wire_settings(self) -> Iterator[Wire]:
        for name in ("layer", "rank", "smoothness", "refining"):
            yield join(self.session, name, self.settings, "values", key=name)
        for name in ("norm", "objective", "method", "damping", "refine_seconds"):
            yield join(self.session, name, self.advanced, "values", key=name)

    def _wire_run(self) -> Iterator[Wire]:
        s = self.session
        state = ["working", "failure", "progress", "remaining"]
        yield show(s, state, self.run_bar, ["status", "progress", "remaining"], views.run_state)
        yield show(s, "failure", self.run_bar, "error")
        yield show(s, ["working", "failure", "solution", "course", "edits", "trays"], self.run_bar, "note", self._note)
        yield show(s, "trays", self.run_bar, "disabled", lambda trays: s.missing("paste"))
        self.run_bar.on_request("run", lambda: s.apply() and None)
        self.run_bar.on_request("cancel", s.cancel)
        yield show(s, "spanned", self.others, "fields", fields.others)
        asked = {"erase": s.erase, "zero": s.zero, "lower": s.lower_rank}
        self.others.on_request("press", lambda name: asked[name]() and None)
        yield show(s, "course", self.curve, "lines", words.course_lines)
        said = lambda solution, course, edits: words.solution_words(solution, course, edits[-1] if edits else None)  # noqa: E731
        yield show(s, ["solution", "course", "edits"], self.curve, ["title", "note", "message"], said)

    def _wire_rule(self) -> Iterator[Wire]:
        s, r = self.session, self.rule
        self._guess = r.source, r.target
        for name in ("source", "target", "n"):
            yield join(r, name, self.rule_fields, "values", key=name)
        yield join(r, "seconds", self.rule_fields, "values", key="seconds", to_view=round)
        percent = {"to_view": lambda share: round(100 * share, 3), "to_python": lambda percent: percent / 100}
        yield join(r, "limit", self.rule_fields, "values", key="limit", **percent)
        yield Wire((self.goal, self._guessed, ["source", "target"]))
        yield show(r, ["source", "target"], self.reporting, ["source", "target"], views.alike)
        run = ["status", "progress", "remaining"]
        yield show(r, run, self.rule_bar, run, views.alike)
        yield show(r, "error", self.rule_bar, "error", lambda error: error or self.goal.error)
        yield show(self.goal, "error", self.rule_bar, "error", lambda error: r.error or error)
        yield show(s, "edits", self.rule_bar, "disabled", lambda edits: r.missing())
        yield show(r, ["status", "sample", "step"], self.rule_bar, "note", words.rule_note)
        self.rule_bar.on_request("run", lambda: r.generalise() and None)
        self.rule_bar.on_request("cancel", r.cancel)
        lines = lambda course: words.rule_lines(course, r.limit)  # noqa: E731
        yield show(r, "course", self.rule_curve, "lines", lines)
        said = lambda course, sample, step: words.rule_words(course, sample, step, r.missing())  # noqa: E731
        yield show(r, ["course", "sample", "step"], self.rule_curve, ["note", "message"], said)
        yield show(s, "edits", self.rule_curve, "message", lambda edits: said(r.course, r.sample, r.step)[1])

    def _wire_stack(self) -> Iterator[Wire]:
        s = self.session
        yield show(s, ["can_undo", "can_redo"], self.stack, ["can_undo", "can_redo"], lambda *can: can)
        yield show(s, "edits", self.stack, "entries", views.edit_rows)
        for name in ("undo", "redo"):
            self.stack.on_request(name, getattr(s, name))
        self.stack.on_request("mute", lambda entry, muted: s.mute(entry, muted))
        self.stack.on_request("delete", lambda entry: s.delete(entry))
        self.stack.on_request("strength", lambda entry, strength: s.set_strength(entry, strength))
        self.stack.on_request("move", lambda entry, to: s.move(entry, to))
        self.stack.on_request("rename", lambda entry, name: s.rename(entry, name))

    def _wire_files(self) -> Iterator[Wire]:
        s = self.session
        yield show(s, ["edits", "trays"], self.files, "disabled", views.files_disabled)
        for name in ("edits", "request", "weights", "picture"):
            self.files.on_file(name, partial(self._file, name))
        yield join(s, "legacy_alpha", self.opening, "values", key="legacy_alpha")
        self.drop.on_file(self._open)

    def _wire_judges(self) -> Iterator[Wire]:
        s, r, a = self.session, self.reporting, self.advising
        run = ["status", "progress", "remaining"]
        for judge, bar in ((r, self.report_bar), (a, self.advice_bar)):
            yield show(judge, run, bar, run, views.alike)
            yield show(judge, "error", bar, "error")
            bar.on_request("run", lambda judge=judge: judge.run() and None)
            bar.on_request("cancel", judge.cancel)
        for name in ("source", "target", "n"):
            yield join(r, name, self.report_fields, "values", key=name)
        drawn = ["bars", "title", "note"]
        yield show(r, "report", self.report_bars, drawn, tables.report_bars)
        has = self.segmenter is not None
        yield show(r, "report", self.report_bars, "message", lambda report: tables.report_message(has, report))
        yield show(s, "edits", self.report_bar, ["disabled", "note"], self._report_words)
        yield show(r, "report", self.report_bar, ["disabled", "note"], self._report_words)
        yield show(s, "trays", self.advice_bar, "disabled", lambda trays: s.missing("paste"))
        yield Wire((a, self._advised, "advice"), (self.advice_table, self._take_advice, "selected_columns"))
        yield show(a, "advice", self.advice_plot, "points", tables.advice_points)
        yield Wire((self.advice_plot, self._take_point, "selected"))
        self.advice_table.message = "Run tries every layer and several ranks, and says which to begin with."

    # What travels along them

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _tray(self, kind: str, rows: views.TrayRows, trays: Any, marked: dict[int, np.ndarray]) -> tuple:
        entries, sheet = rows.drawn(trays.all(kind), marked)
        return sheet, entries

    def _paint(self, change: Bunch | None = None) -> None:
        """The picture with what is painted on it; tinted like the tray it was opened from."""
        with lock, self.painter.hold_sync():
            s, m = self.session, self.marking
            self.painter.size = views.size(s.image_after)
            color = TRAYS[m.opened[0]][1] if m.opened else views.BRUSH
            self.painter.image, self.painter.color = views.painted(s.image_after, m.region, color), color

    def _painter_message(self, *changed: Any) -> str:
        return views.painter_message(self.session.image, self.marking.region, self.marking.opened)

    def _note(self, working: str, failure: str, solution: Any, course: Any, edits: tuple, trays: Any) -> str:
        return words.run_note(working, failure, solution, course, len(edits), self.session.missing("paste"))

    def _pressed(self, name: str) -> None:
        if name == "search":
            self.marking.search()
        elif name == "clear":
            self.marking.clear()
        else:
            self.marking.put(name)

    def _guessed(self, change: Bunch) -> None:
        """Source and target as they seem to be, unless somebody chose others."""
        with lock:
            rule, goal = self.rule, self.goal
            if goal.source and (rule.source, rule.target) == self._guess:
                with rule.hold_trait_notifications():
                    rule.source, rule.target = goal.source, goal.target
                self._guess = rule.source, rule.target

    def _report_words(self, changed: Any) -> tuple[str, str]:
        r = self.reporting
        return r.missing(), tables.report_note(r.report, r.judged, r.active, r.drawn)

    def _advised(self, change: Bunch) -> None:
        """The table so far, and the recommendation above it."""
        with lock, self.advice_table.hold_sync():
            layers, ranks, values, notes, title = tables.advice_table(self.advising.advice)
            self.advice_table.fill(layers, ranks, values, notes=notes)
            self.advice_table.title = title

    def _take_advice(self, change: Bunch) -> None:
        """A cell that is clicked sets the layer and the rank."""
        table = self.advice_table
        if len(table.selected_rows) == 1 and len(table.selected_columns) == 1:
            self.advising.use(table.selected_rows[0], int(table.selected_columns[0].split()[-1]))

    def _take_point(self, change: Bunch) -> None:
        """So does a point."""
        if len(self.advice_plot.selected) == 1:
            layer, _, rank = self.advice_plot.selected[0].rpartition(", rank ")
            self.advising.use(layer, int(rank))
