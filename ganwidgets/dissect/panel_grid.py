"""The unit grid of a live dissection: rows at once, strips of pictures when they come into view."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from traitlets import Bunch

from ganwidgets import ui
from ganwidgets.ablate.controller import UnitEffectsController
from ganwidgets.dissect import panel_views as views
from ganwidgets.dissect.controller import DissectController
from ganwidgets.jobs import Controller, lock
from ganwidgets.results.dissection import Dissection
from ganwidgets.wiring import Wire


class GridPainter(Controller):
    """Fills a unit grid from two sessions; draws strips and details as jobs between previews.

    The browser asks through `grid.wanted` for units it shows without pictures. A refined result replaces the strips
    that were asked for last, all in one message, so that nothing flickers; others are asked for again.

    Args:
        grid: the component.
        dissecting: whose result is shown.
        measuring: gives the effect of each unit, if there is one.
    """

    def __init__(
        self, grid: ui.UnitGrid, dissecting: DissectController, measuring: UnitEffectsController | None = None
    ) -> None:
        super().__init__()
        self.grid, self.dissecting, self.measuring = grid, dissecting, measuring
        self._wanted: list[int] = []  # in the order in which they were asked for
        self._hung: set[int] = set()  # units whose strips of this result are there

    def wires(self) -> Iterator[Wire]:
        """Follow the sessions and answer the grid."""
        yield Wire((self.dissecting, self._on_result, ["result", "layer"]))
        if self.measuring is not None:
            yield Wire((self.measuring, self._on_effects, "effects"))
        yield Wire((self.grid, self._on_wanted, "wanted"))
        self.grid.on_request("detail", self.open)
        self._on_result()

    def paint_all(self, most: int) -> dict:
        """Draw the strips of the best `most` units, now and in this thread, and give what else a page keeps of them."""
        result, layer = self.dissecting.result, self.dissecting.layer
        if result is None:
            return {}
        units = views.by_iou(self.grid.rows)[:most]
        self._paint(units, background=False)
        return views.kept(result, layer, units, self._effects)

    def open(self, unit: int) -> None:
        """Fill in the detail of a unit.

        Raises:
            ValueError: the layer is not dissected, or has no such unit.
        """
        result, layer, effects = self.dissecting.result, self.dissecting.layer, self._effects
        if result is None or unit not in self.grid.rows["unit"]:
            raise ValueError(f"`unit` must be a unit of a dissected layer, got {unit} of {layer!r}.")

        def put(detail: dict) -> None:
            self.grid.detail = detail

        self.submit(lambda progress: views.detail(result, layer, unit, effects), put, kind="detail", interactive=True)

    @property
    def _effects(self) -> np.ndarray | None:
        return None if self.measuring is None else self.measuring.effects

    def _on_result(self, change: Bunch | None = None) -> None:
        result, layer = self.dissecting.result, self.dissecting.layer
        with lock, self.grid.hold_sync():
            if result is None:
                self.grid.rows, self.grid.sheets, self.grid.detail = {}, [], None
                self.grid.message = views.no_cards(layer, self.dissecting.segmenter is not None)
                self._wanted, self._hung = [], set()
                return
            self.grid.rows = views.rows(result, layer, self._effects)
            self.grid.legend = views.legend(result, layer)
            again = [unit for unit in self._wanted if unit in self.grid.rows["unit"]] or views.by_iou(self.grid.rows)
            self._wanted, self._hung = again[-views.CHUNK :] if self._wanted else again[: views.CHUNK], set()
        self._paint()
        if self.grid.detail:
            self.open(self.grid.detail["unit"])

    def _on_effects(self, change: Bunch) -> None:
        result = self.dissecting.result
        if result is not None and self.measuring.layer == self.dissecting.layer:
            with lock:
                self.grid.rows = views.rows(result, self.dissecting.layer, change.new)

    def _on_wanted(self, change: Bunch) -> None:
        with lock:
            asked = [unit for unit in change.new if unit in self.grid.rows.get("unit", ())]
            self._wanted = [unit for unit in self._wanted if unit not in asked] + asked
        self._paint()

    def _paint(self, units: Sequence[int] | None = None, *, background: bool = True) -> None:
        result, layer = self.dissecting.result, self.dissecting.layer
        if result is None:
            return

        def work(progress: Callable[[float], None]) -> Iterator[tuple[Dissection, dict]]:
            while missing := [unit for unit in units or self._wanted if unit not in self._hung][: views.CHUNK]:
                yield result, views.unit_sheet(result, layer, missing)

        self.submit(work, self._hang, kind="strips", interactive=True, background=background)

    def _hang(self, drawn: tuple[Dissection, dict]) -> None:
        result, sheet = drawn
        if result is self.dissecting.result:
            self.grid.sheets = [*(self.grid.sheets if self._hung else []), sheet]
            self._hung |= set(sheet["units"])
