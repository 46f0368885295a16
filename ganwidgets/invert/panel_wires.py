"""The wires of the inverting panel: which part of a session each component shows, and what a click asks for."""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from traitlets import Bunch

from ganwidgets import ui
from ganwidgets.invert import panel_code as sources
from ganwidgets.invert import panel_views as views
from ganwidgets.invert.controller import InvertController
from ganwidgets.invert.controller_after import AdaptController, VerdictController
from ganwidgets.invert.controller_search import SETTINGS
from ganwidgets.jobs import lock
from ganwidgets.panels import ComposedPanel, class_wires
from ganwidgets.wiring import Wire, join, show


class WiredPanel(ComposedPanel):
    """The sessions and the wires; `Panel` has the components."""

    DECIDED: ClassVar[tuple[str, ...]] = ("strategy", "box", "fit")

    session: InvertController
    adapting: AdaptController
    judging: VerdictController
    examples: ui.ImageGrid

    @property
    def _connections(self) -> tuple:
        found = self._wire_pictures, self._wire_facts, self._wire_after
        return self._wire_traits, self._wire_photo, self._wire_search, *found

    def _wire_traits(self) -> Iterator[Wire]:
        names = [*self.DECIDED, "inversion"]
        yield Wire((self.session, self._copy, names))
        for name in names:
            self.set_trait(name, getattr(self.session, name))

    def _wire_photo(self) -> Iterator[Wire]:
        s = self.session
        self.drop.on_file(self._take)
        yield show(s, "photo", self.crop, "image", views.photo)
        yield show(s, "photo_size", self.crop, "size", list)
        yield Wire((self.crop, self._cropped, ["box", "fit"]), (s, self._show_crop, ["box", "fit"]))
        yield show(s, "examples", self.examples, "sheets", views.example_sheets)
        yield show(s, "photo_name", self.examples, "selected", self._chosen)
        yield Wire((self.examples, self._example, "selected"))
        yield from class_wires(self.classes, s)

    def _wire_search(self) -> Iterator[Wire]:
        s = self.session
        yield join(s, "strategy", self.settings, "values", key="strategy")
        for name in ("steps", "starts", "seed", "layer"):
            yield join(s, name, self.more, "values", key=name)
        said = ["searching", "step", "total", "psnr", "stale", "remarks", "inversion"]
        yield show(s, said, self.run_bar, ["status", "n_done", "n_total", "note"], views.run_words)
        yield show(s, "resumable", self.run_bar, "resumable")
        yield show(s, ["progress", "remaining", "error"], self.run_bar, ["progress", "remaining", "error"], _alike)
        yield show(
            s, "photo", self.run_bar, "disabled", lambda photo: "" if photo is not None else "open a photo first"
        )
        self.run_bar.on_request("run", lambda: s.run() and None)
        self.run_bar.on_request("resume", lambda: s.resume() and None)
        self.run_bar.on_request("cancel", s.cancel)

    def _wire_pictures(self) -> Iterator[Wire]:
        s, a = self.session, self.adapting
        yield show(s, "image", self.compare, "after", lambda image: views.live(image, self._running))
        yield show(s, "inversion", self.compare, "after", lambda found: views.live(s.image, False))
        yield show(s, ["target", "inversion"], self.compare, "before", views.wanted)
        yield show(s, "inversion", self.compare, "labels", lambda found: views.labels(found, a.status == "running"))
        yield show(a, "status", self.compare, "labels", lambda status: views.labels(s.inversion, status == "running"))
        yield show(s, "error_map", self.error, "sheets", views.error_sheet)
        yield show(s, ["curve", "adapting"], self.nearness, "lines", lambda *curves: views.lines(*curves, 2))
        yield show(s, ["curve", "adapting"], self.loss, "lines", lambda *curves: views.lines(*curves, 1))

    def _wire_facts(self) -> Iterator[Wire]:
        s, j = self.session, self.judging
        drawn = ["sentence", "tone", "facts", "message"]
        told = lambda *_: views.facts(s.inversion, j.status, j.progress, j.n)  # noqa: E731
        yield show(s, "inversion", self.facts, drawn, told)
        yield show(j, ["status", "progress"], self.facts, drawn, told)
        yield show(s, "inversion", self.judge_bar, "disabled", lambda found: views.lowered(j.missing()))

    def _wire_after(self) -> Iterator[Wire]:
        s, a = self.session, self.adapting
        run = ["status", "progress", "remaining", "error"]
        for controller, bar in ((a, self.adapt_bar), (self.judging, self.judge_bar)):
            yield show(controller, run, bar, run, _alike)
            bar.on_request("run", lambda controller=controller: controller.run() and None)
            bar.on_request("cancel", controller.cancel)
        yield join(a, "form", self.adapt_fields, "values", key="form")
        yield show(s, "inversion", self.adapt_bar, ["note", "disabled"], views.adapt_words)
        yield show(s, "inversion", self.buttons, "disabled", views.buttons_disabled)
        self.buttons.on_request("press", lambda name: (self.paint() if name == "paint" else a.take_off()) and None)
        yield show(s, "inversion", self.files, "disabled", views.files_disabled)
        for name in ("inversion", "picture"):
            self.files.on_file(name, partial(self._file, name))
        yield show(s, [*SETTINGS, "inversion", "photo_name"], self.snippet, "code", self._code)

    # What travels along them

    def _copy(self, change: Bunch) -> None:
        with lock:
            self.set_trait(change.name, change.new)

    def _cropped(self, change: Bunch) -> None:
        """Box and fit go together: the box of one fit is none of another."""
        with lock, self.session.hold_trait_notifications():
            self.session.fit, self.session.box = self.crop.fit, tuple(self.crop.box)

    def _show_crop(self, change: Bunch) -> None:
        with lock, self.crop.hold_sync(), self.crop.hold_trait_notifications():
            self.crop.fit, self.crop.box = self.session.fit, list(self.session.box)

    def _example(self, change: Bunch) -> None:
        """A picture that was chosen is opened."""
        s = self.session
        if change.new and s.examples and change.new != self._chosen(s.photo_name):
            s.open_example(views.example_kind(self.examples.show, s.examples), change.new[-1])

    def _chosen(self, name: str) -> list[int]:
        return views.example_number(name, views.example_kind(self.examples.show, self.session.examples))

    @property
    def _running(self) -> bool:
        return self.session.searching == "running" or self.adapting.status == "running"

    def _code(self, *_: Any) -> str:
        s = self.session
        if s.photo is None:
            return ""
        settings = {name: getattr(s, name) for name in SETTINGS} | {"usual_layer": self._usual_layer}
        settings["class"] = None if s.drawn_class is None else self.network.classes[s.drawn_class]
        return sources.code(self._name, s.photo_code, settings, s.inversion)


def _alike(*values: Any) -> tuple[Any, ...]:
    return values
