"""The unit grid of a classifier: rows at once, strips of top images when they come into view."""

from collections.abc import Callable, Iterator, Sequence

from traitlets import Bunch

from ganwidgets import ui
from ganwidgets.ablate import panel_classes_views as views
from ganwidgets.ablate.controller_classes import ClassesController
from ganwidgets.ablate.unit_pictures import UnitPictures
from ganwidgets.jobs import Controller, lock
from ganwidgets.wiring import Wire


class ClassGridPainter(Controller):
    """Fills a unit grid from a session; draws strips and details as jobs between others.

    Args:
        grid: the component.
        session: whose results are shown.
    """

    def __init__(self, grid: ui.UnitGrid, session: ClassesController) -> None:
        super().__init__()
        self.grid, self.session = grid, session
        self._wanted: list[int] = []  # in the order in which they were asked for
        self._hung: set[int] = set()  # units whose strips are there
        self._of: UnitPictures | None = None

    def wires(self) -> Iterator[Wire]:
        """Follow the session and answer the grid."""
        yield Wire((self.session, self._follow, ["layer", "ablation", "pictures", "attributes"]))
        yield Wire((self.grid, self._on_wanted, "wanted"))
        self.grid.on_request("detail", self.open)
        self._follow()

    def paint_all(self, most: int) -> dict:
        """Draw the strips of the best `most` units, now and in this thread, and give what else a page keeps of them."""
        if self._of is None:
            return {}
        units = views.best_first(self.grid.rows)[:most]
        self._paint(units, background=False)
        s = self.session
        return {"facts": {str(unit): views.facts(unit, s.ablation, s.attributes) for unit in units}}

    def open(self, unit: int) -> None:
        """Fill in the detail of a unit.

        Raises:
            ValueError: the layer is not measured, or has no such unit.
        """
        s = self.session
        ablation, attributes, pictures = s.ablation, s.attributes, s.pictures
        if pictures is None or unit not in self.grid.rows["unit"]:
            raise ValueError(f"`unit` must be a unit of a measured layer, got {unit} of {s.layer!r}.")

        def put(detail: dict) -> None:
            self.grid.detail = detail

        self.submit(
            lambda progress: views.detail(unit, ablation, attributes, pictures, s.data.pictures),
            put,
            kind="detail",
            interactive=True,
        )

    def _follow(self, change: Bunch | None = None) -> None:
        s, grid = self.session, self.grid
        new = s.pictures is not self._of
        self._of = s.pictures
        with lock, grid.hold_sync():
            if s.pictures is None:
                grid.rows, grid.sheets, grid.detail = {}, [], None
                grid.message = views.no_cards(s.layer)
                self._wanted, self._hung = [], set()
                return
            ablation = s.ablation if s.ablation is not None and s.ablation.layer == s.pictures.layer else None
            grid.rows = views.rows(s.pictures.activation.shape[1], ablation, s.pictures)
            grid.words, grid.groups = views.words(ablation), views.groups(ablation)
            if new:
                grid.sheets, grid.detail = [], None
                self._wanted, self._hung = views.best_first(grid.rows)[: views.CHUNK], set()
        if new:
            self._paint()
        elif grid.detail:
            self.open(grid.detail["unit"])

    def _on_wanted(self, change: Bunch) -> None:
        with lock:
            asked = [unit for unit in change.new if unit in self.grid.rows.get("unit", ())]
            self._wanted = [unit for unit in self._wanted if unit not in asked] + asked
        self._paint()

    def _paint(self, units: Sequence[int] | None = None, *, background: bool = True) -> None:
        pictures, draw = self._of, self.session.data.pictures
        if pictures is None:
            return

        def work(progress: Callable[[float], None]) -> Iterator[tuple[UnitPictures, dict]]:
            while missing := [unit for unit in units or self._wanted if unit not in self._hung][: views.CHUNK]:
                yield pictures, views.unit_sheet(pictures, draw, missing)

        self.submit(work, self._hang, kind="strips", interactive=True, background=background)

    def _hang(self, drawn: tuple[UnitPictures, dict]) -> None:
        pictures, sheet = drawn
        if pictures is self._of:
            self.grid.sheets = [*(self.grid.sheets if self._hung else []), sheet]
            self._hung |= set(sheet["units"])
