"""Why did nothing happen here? The painting panel's answer: what the same units bring at other places.

A stroke that did nothing starts a measurement in the background: a few scenes, the stroke's units set in every cell of
the layer, one at a time, and what they bring by what stood there before (`ablate.context`). Doors go on walls, not in
the sky. Pictures and strokes go first, and the answer is kept for the next stroke with these units. Where it would take
long, as on a large network, it is stopped, and the message says who has the time.
"""

import time
from collections.abc import Iterator
from typing import Any

from traitlets import Bunch

from ganwidgets.ablate.context import NOTHING
from ganwidgets.ablate.controller_context import ContextController
from ganwidgets.jobs import lock
from ganwidgets.paint import panel_views as views
from ganwidgets.paint.controller import PaintController
from ganwidgets.paint.report import PaintReport
from ganwidgets.paint.strokes import Stroke
from ganwidgets.wiring import Wire

MOST_IMAGES, LEAST_IMAGES = 12, 2
PLACES = 768  # cells of all images together, if LEAST_IMAGES have no more
PATIENCE = 30.0  # [s] of computing in the background, for an answer nobody asked for in so many words
LOOKING = "Looking where these units bring more…"
TOO_SLOW = "Where these units bring more takes longer to find out: gw.ablate.panel(network), “Insert elsewhere”."


class BetterPlaces:
    """Asks where a stroke that did nothing would have done something.

    Args:
        painting: whose reports are looked at.
        inserting: measures.
        painter: the component that shows the message.
    """

    def __init__(self, painting: PaintController, inserting: ContextController, painter: Any) -> None:
        self.painting, self.inserting, self.painter = painting, inserting, painter
        self._too_slow: set[str] = set()  # layers
        self._began: float | None = None  # when the measurement did [s]

    def wires(self) -> Iterator[Wire]:
        """Follow both sessions; the message is the painter's."""
        p, c = self.painting, self.inserting
        yield Wire((p, self._ask, "report"), (c, self._stop, "progress"))
        yield Wire((p, self._say, ["report", "shown", "units"]), (c, self._say, ["context", "status"]))
        self._say()

    def _ask(self, change: Bunch) -> None:
        report, c = change.new, self.inserting
        if not _place_matters(report) or report.stroke.layer in self._too_slow:
            return
        stroke = report.stroke
        height, width = c.network.layers[stroke.layer].resolution
        with lock:
            asked = self._asked(stroke)
            c.n = min(MOST_IMAGES, max(LEAST_IMAGES, PLACES // (height * width)))
            c.look_at(stroke.layer, stroke.units, stroke.concept)
            if c.context is None and not (asked and c.status == "running"):
                self._began = None
                c.run()

    def _stop(self, change: Bunch) -> None:
        """After a while a first look is enough; without one it would take too long."""
        now, c = time.monotonic(), self.inserting
        if change.new == 0 or c.status != "running":
            return
        self._began = self._began or now
        if now - self._began > PATIENCE:
            self._too_slow |= set() if c.context is not None else {c.layer}
            c.cancel()

    def _say(self, change: Bunch | None = None) -> None:
        p = self.painting
        with lock:
            self.painter.message = views.canvas_message(p.report, p.shown, p.units, self._answer(p.report))

    def _answer(self, report: PaintReport | None) -> str:
        """What is known of better places for the stroke; "" if that does not matter."""
        if report is None or not _place_matters(report):
            return ""
        c = self.inserting
        if report.stroke.layer in self._too_slow:
            return f"{report.why_nothing} {TOO_SLOW}"
        if not self._asked(report.stroke):
            return ""
        if c.context is not None:
            return f"Nothing happened. {c.context.answer(report.stood or NOTHING)}"
        return f"{report.why_nothing} {LOOKING if c.status == 'running' else c.error}".strip()

    def _asked(self, stroke: Stroke) -> bool:
        c = self.inserting
        return (c.layer, set(c.units), c.concept) == (stroke.layer, set(stroke.units), stroke.concept)


def _place_matters(report: PaintReport | None) -> bool:
    return report is not None and report.obstacle in ("here", "anywhere") and report.stroke.sign != "remove"
