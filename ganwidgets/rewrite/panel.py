"""The rewriting panel: mark what a rule is about, apply, and see it change in every picture.

`panel(network)` makes it; it reads as a list of components and a list of wires. What is computed lives in controllers
(`session`, `marking`, `reporting`, `advising`), how results become sheets and words in `panel_views.py`.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from traitlets import Bunch, Float, Int, Tuple, Unicode, validate

from ganwidgets import cells, ui
from ganwidgets.jobs import Controller, lock
from ganwidgets.models.checkpoints import load
from ganwidgets.models.export import encode_weights
from ganwidgets.models.generator import Generator
from ganwidgets.panels import ComposedPanel, callable_module, segmenter_for
from ganwidgets.rewrite import panel_tables as tables
from ganwidgets.rewrite import panel_views as views
from ganwidgets.rewrite.controller import RewriteController
from ganwidgets.rewrite.controller_advice import AdviceController
from ganwidgets.rewrite.controller_marking import MarkingController
from ganwidgets.rewrite.controller_report import ReportController
from ganwidgets.wiring import Wire, join, show


def panel(network: Any, segmenter: Any = None, *, key: str | None = None, **traits: Any) -> "Panel":
    """Rewrite a rule of a generator in a notebook cell: copy, paste, say where it shall hold, apply.

    Args:
        network: a generator, or what `ganwidgets.load` makes one of.
        segmenter: names the pixels, to count what an edit did: an object, or a name `segment.load` knows. None takes
            the bundled one for the bundled generators, and leaves others without.
        key: panels of one key replace each other; by default those of one notebook cell do, when it is run again.
        traits: first values of the session, such as layer, rank, seed, n_sample or truncation.

    Raises:
        ValueError, TypeError: what cannot be a generator or a segmenter, or a network without an editable layer.
        traitlets.TraitError: no such layer, or another value that is refused.
    """
    made = Panel(network, segmenter, **traits)
    cells.replace(made, key)
    return made


class Panel(ComposedPanel):
    """A composed view; displays itself in a cell. Its traits can be read, assigned and observed.

    Attributes:
        session: the `RewriteController`; it can mark, apply, undo, save and load from Python.
        marking: the `MarkingController`: the region that is painted now.
        reporting, advising: what the edits did, and which layer and rank to begin with.
        layout: the `ui.Layout` of all components; `painter`, `trays`, `grid`, `stack`, `compare`, … are they.
    """

    layer = Unicode(help="Whose rules are rewritten.")
    rank = Int(1, help="Directions along which an edit may change the layer.")
    smoothness = Float(0.3, help="λ: the price of changes elsewhere.")
    image = Int(help="Number of the picture that is painted on.")
    numbers = Tuple(help="Which pictures of the sample are on show.")
    edits = Tuple(read_only=True, help="The first one first, those left out included.")

    _DECIDED = ("layer", "rank", "smoothness", "image", "numbers")

    def __init__(self, network: Any, segmenter: Any, **traits: Any) -> None:
        self.network = network = load(network)
        self.segmenter = segmenter = segmenter_for(network, segmenter)
        self.session = RewriteController(network, **traits)
        self.marking = MarkingController(self.session)
        self.reporting = ReportController(self.session, segmenter)
        self.advising = AdviceController(self.session, segmenter)
        super().__init__()
        self._make_components()
        self._wires = [wire for connect in self._connections for wire in connect()]

    @property
    def edited(self) -> Generator:
        """The network with the edits in force; the network itself if there are none."""
        return self.session.edited

    # What it is made of

    def _make_components(self) -> None:
        self.trays = {
            kind: ui.Tray(title=title, color=color, message=hint) for kind, (title, color, hint) in views.TRAYS.items()
        }
        self.drop = ui.FileDrop(label="Open", hint="saved edits or marks; or drop them here", accept=views.ENDINGS)
        self.painter = ui.MaskPainter(color=views.BRUSH, message="Drawing the pictures…")
        self.put = ui.Controls(fields=views.PUT)
        self.look = ui.Controls(fields=views.LOOK)
        self.grid = ui.ImageGrid(message="Drawing the pictures…", multiple=False, show="after")
        self.settings = ui.Controls(fields=views.settings(self.session.editable_layers, self.network))
        self.run_bar = ui.RunBar(label="Apply", resumable=False)
        self.others = ui.Controls(fields=views.OTHERS)
        strengths = {"strengths": views.STRENGTHS, "renamable": True}
        self.stack = ui.EditStack(title="Edits", message="No rule is changed yet.", **strengths)
        self.compare = ui.Compare(message="Drawing the picture…")
        self.curve = ui.Curve(x_label="step", y_label="cost; no edit costs 1")
        self.report_fields = ui.Controls(fields=tables.report_fields(getattr(self.segmenter, "concepts", ())))
        self.report_bar = ui.RunBar(resumable=False)
        looks = {"horizontal": True, "value_label": tables.VALUE, "reference_label": tables.REFERENCE}
        self.report_bars = ui.Histogram(**looks)
        self.advice_bar = ui.RunBar(resumable=False)
        self.advice_table = ui.Matrix(value_label=tables.ADVICE_VALUE, percent=True, limits=[0, 1])
        self.files = ui.Download(files=views.FILES)
        self.layout = ui.Layout.of(self._arranged(), title=f"Rewriting {self.network.name}")

    def _arranged(self) -> Any:
        tabs = ui.tabs(
            ui.column(self.compare, label="Compare"),
            ui.column(self.curve, label="How found"),
            ui.column(self.report_fields, self.report_bar, self.report_bars, label="Report"),
            ui.column(self.advice_bar, self.advice_table, label="Advice"),
        )
        return ui.row(
            ui.column(*self.trays.values(), self.drop),
            ui.column(self.painter, self.put, self.look, self.grid),
            ui.column(self.settings, self.run_bar, self.others, self.stack, self.files, tabs),
            weights=(4, 9, 7),
        )

    # The wires

    @property
    def _connections(self) -> tuple:
        edit = self._wire_settings, self._wire_run, self._wire_stack, self._wire_files
        return self._wire_traits, self._wire_trays, self._wire_painter, self._wire_grid, *edit, self._wire_judges

    def _wire_traits(self) -> Iterator[Wire]:
        yield Wire((self.session, self._copy, [*self._DECIDED, "edits"]))
        for name in (*self._DECIDED, "edits"):
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
        yield Wire((s, self._paint, "image_after"), (m, self._paint, "region"))
        self._paint()
        yield show(m, ["region", "opened"], self.painter, "message", self._painter_message)
        yield show(s, "image", self.painter, "message", self._painter_message)
        yield show(s, "error", self.painter, "error")
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
        for name in ("seed", "n_sample"):
            yield join(s, name, self.look, "values", key=name)
        self.look.on_request("press", lambda name: s.turn(-1 if name == "earlier" else 1))
        yield show(s, "image_before", self.compare, "before", views.png)
        yield show(s, "image_after", self.compare, "after", views.png)

    def _wire_settings(self) -> Iterator[Wire]:
        for name in ("layer", "rank", "smoothness", "refining"):
            yield join(self.session, name, self.settings, "values", key=name)

    def _wire_run(self) -> Iterator[Wire]:
        s = self.session
        state = ["working", "status", "progress", "remaining", "error"]
        yield show(s, state, self.run_bar, ["status", "progress", "remaining"], views.run_state)
        yield show(s, ["working", "solution", "losses", "edits", "trays"], self.run_bar, "note", self._run_note)
        yield show(s, "trays", self.run_bar, "disabled", lambda trays: s.missing("paste"))
        self.run_bar.on_request("run", lambda: s.apply() and None)
        self.run_bar.on_request("cancel", s.cancel)
        self.others.on_request("press", lambda name: (s.erase if name == "erase" else s.zero)() and None)
        yield show(s, "losses", self.curve, "lines", views.loss_lines)
        yield show(s, ["solution", "losses"], self.curve, ["title", "message"], views.solution_words)

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
        self.advice_table.message = "Run tries every layer and several ranks, and says which to begin with."

    # What travels along them

    @validate(*_DECIDED)
    def _decide(self, proposal: Bunch) -> Any:
        """An assignment to the panel is one to its session, which may refuse it."""
        name = proposal["trait"].name
        setattr(self.session, name, proposal["value"])
        return getattr(self.session, name)

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
            self.painter.image = views.painted(s.image_after, m.region)

    def _painter_message(self, *changed: Any) -> str:
        return views.painter_message(self.session.image, self.marking.region, self.marking.opened)

    def _run_note(self, working: str, solution: Any, losses: tuple, edits: tuple, trays: Any) -> str:
        return views.run_note(working, solution, losses, len(edits), self.session.missing("paste"))

    def _pressed(self, name: str) -> None:
        if name == "search":
            self.marking.search()
        elif name == "clear":
            self.marking.clear()
        else:
            self.marking.put(name)

    def _report_words(self, changed: Any) -> tuple[str, str]:
        r = self.reporting
        return r.missing(), tables.report_note(r.report, r.judged, r.active)

    def _advised(self, change: Bunch) -> None:
        """The table so far, the recommended cell chosen."""
        with lock, self.advice_table.hold_sync():
            layers, ranks, values, notes, words = tables.advice_table(self.advising.advice)
            self.advice_table.fill(layers, ranks, values, notes=notes)
            self.advice_table.title = words

    def _take_advice(self, change: Bunch) -> None:
        """A cell that is clicked sets the layer and the rank."""
        table = self.advice_table
        if len(table.selected_rows) == 1 and len(table.selected_columns) == 1:
            self.advising.use(table.selected_rows[0], int(table.selected_columns[0].split()[-1]))

    # Files

    def _open(self, name: str, content: bytes) -> None:
        """Marks in the original's JSON, or edits; which of them, the content says."""
        if content.lstrip()[:1] == b"{":
            self.session.load_request(content)
        else:
            self.session.load(content)

    def _file(self, name: str) -> tuple[str, bytes | str]:
        s, stem = self.session, self.network.name
        if name == "edits":
            return f"{stem}-edits.safetensors", s.to_bytes()
        if name == "request":
            return f"{stem}-marks.json", s.request_json()
        if name == "picture":
            return f"{stem}-{s.seed}-{s.image}.png", views.png(s.image_after)
        content = encode_weights(s.edited, ".safetensors")
        if len(content) > views.MOST_EXPORTED:
            raise ValueError(
                f"The weights take {len(content) / 2**20:.0f} MiB, more than a page should carry: write them from "
                "Python, gw.models.export_weights(p.edited, path)."
            )
        return f"{stem}-rewritten.safetensors", content

    # For the person at the keyboard

    @property
    def _controllers(self) -> tuple[Controller, ...]:
        return self.marking, self.session, self.reporting, self.advising

    def __repr__(self) -> str:
        n = len(self.edits)
        return f"Panel({self.network.name!r}, layer={self.layer!r}, rank={self.rank}, {n} edit{'' if n == 1 else 's'})"


callable_module(__name__, panel)
