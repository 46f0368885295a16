"""A card per unit: what it stands for, how well, and the images it likes most."""

import io

from PIL import Image
from traitlets import Bunch, Enum, HasTraits, TraitError, Unicode, observe, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle, plural, suggest
from ganwidgets.ui.palette import category_color
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys

COLUMNS = ("unit", "label", "category", "iou", "chance", "above", "labelled", "low", "high", "effect", "status")
SORTS = ("iou", "label", "unit", "effect")
MODES = ("mask", "segmentation", "plain")
WORDS = ("value", "label", "category", "categories", "unlabelled", "best", "effect", "affected", "counter", "note")


class UnitGrid(Component):
    """Units as cards that can be sorted, filtered, selected and opened.

    Sorting, filtering, the outline of the active region and the choice of picture happen in the browser. A sheet that
    is appended to `sheets` travels alone; a new list replaces all of them.
    """

    _esm, _css = bundle("unit_grid")

    rows = PlainDict(help=f"One list per column ({', '.join(COLUMNS)}), all of one length.").tag(sync=True)
    sheets = PlainList(
        help="Top images: {units, columns, tile, image, mask, seg}; row r of a sheet is the strip of units[r]."
    ).tag(sync=True)
    wanted = PlainList(help="Units in view for which the browser has no sheet; answer by appending one.").tag(
        sync=True, echo_update=False
    )
    selected = PlainList(help="Numbers of the selected units, ascending.").tag(sync=True)
    concepts = PlainList(help="Show only units with these labels; empty shows all.").tag(sync=True)
    query = Unicode("", help="Show only units whose number, label or category contains this text.").tag(sync=True)
    category = Unicode("", help="Show only units of this category; empty shows all.").tag(sync=True)
    groups = PlainList(help="Categories in the order in which they take colours; empty: alphabetical.").tag(sync=True)
    sort = Enum(SORTS, "iou", help="Order of the cards.").tag(sync=True)
    mode = Enum(MODES, "mask", help="What the strips show.").tag(sync=True)
    detail = PlainDict(
        default_value=None,
        allow_none=True,
        help="The opened unit: {unit, title, facts, top, counter}, or None. See `on_request`.",
    ).tag(sync=True)
    kept = PlainDict(
        help="For a page without Python: {facts: {unit: [[name, value], ...]}, counter: sheets as in `sheets`, with "
        "the number of pictures of each unit as `counts`}."
    ).tag(sync=True)
    legend = PlainList(help="Colours of the segmentation: {name, color}.").tag(sync=True)
    message = Unicode("", help="What to say where cards would be.").tag(sync=True)
    words = PlainDict(
        help=f"Names in place of those of a dissection ({', '.join(WORDS)}); value: what the column iou holds."
    ).tag(sync=True)

    @validate("rows")
    def _check_rows(self, proposal: Bunch) -> dict:
        rows = proposal["value"]
        for name in rows:
            if name not in COLUMNS:
                raise TraitError(f"`rows` has the unknown column {name!r}.{suggest(name, list(COLUMNS))}")
        if rows and "unit" not in rows:
            raise TraitError(f"`rows` needs the column 'unit' (their numbers); it has {sorted(rows)}.")
        lengths = {name: len(column) for name, column in rows.items()}
        if len(set(lengths.values())) > 1:
            raise TraitError(f"`rows` needs columns of one length, got {lengths}.")
        return rows

    @validate("words")
    def _check_words(self, proposal: Bunch) -> dict:
        for name, word in proposal["value"].items():
            if name not in WORDS or not isinstance(word, str):
                raise TraitError(f"`words` must give texts for names among {list(WORDS)}, got {name!r}: {word!r}.")
        return proposal["value"]

    @validate("sheets")
    def _check_sheets(self, proposal: Bunch) -> list:
        require_keys("sheets", proposal["value"], ("units", "columns", "tile", "image"), ("mask", "seg", "count"))
        return proposal["value"]

    @validate("selected")
    def _check_selected(self, proposal: Bunch) -> list[int]:
        for unit in proposal["value"]:
            if not isinstance(unit, int) or isinstance(unit, bool):
                raise TraitError(f"`selected` must hold unit numbers, got {unit!r}.")
        return sorted(set(proposal["value"]))

    def notify_change(self, change: Bunch) -> None:
        """Sends only the new sheets when some were appended (2,048 units hold about 28 MB of them)."""
        old, new = change["old"], change["new"]
        if change["name"] == "sheets" and self.comm and old and len(new) > len(old) and new[: len(old)] == old:
            self._send_sheets(new[len(old) :])
            HasTraits.notify_change(self, change)
        else:
            super().notify_change(change)

    @observe("wanted")
    def _send_again(self, change: Bunch) -> None:
        """A second view of the same grid has not received the sheets that were appended before it opened."""
        wanted = set(change["new"])
        self._send_sheets([sheet for sheet in self.sheets if wanted.intersection(sheet["units"])])

    def _send_sheets(self, sheets: list[dict]) -> None:
        if not sheets:
            return
        buffers: list[bytes] = []
        described = []
        for sheet in sheets:
            entry = {}
            for name, value in sheet.items():
                entry[name] = len(buffers) if isinstance(value, bytes) else value
                if isinstance(value, bytes):
                    buffers.append(value)
            described.append(entry)
        self.send({"kind": "sheets", "sheets": described}, buffers)

    def describe(self) -> str:
        return f"{plural(len(self.rows.get('unit', ())), 'unit')}, {len(self.selected)} selected"

    def picture(self) -> Image.Image | None:
        """The cards with the highest values, with their labels and strips."""
        units = self.rows.get("unit", [])
        if not units:
            return None
        blank: list = [None] * len(units)
        iou, label, category = (self.rows.get(name, blank) for name in ("iou", "label", "category"))
        order = sorted(range(len(units)), key=lambda i: (-(iou[i] or 0.0), units[i]))[:12]
        groups = self.groups or sorted({name for name in category if name})
        strips = self._strips([units[i] for i in order])
        cards = [
            draw.Card(
                f"unit {units[i]}",
                label[i] or self.words.get("unlabelled", "unlabelled"),
                "" if iou[i] is None else f"{self.words.get('value', 'IoU')} {iou[i]:.2f}",
                category_color(category[i] or "", groups),
                strips.get(units[i]),
            )
            for i in order
        ]
        return draw.cards(cards, note=f"{len(order)} of {plural(len(units), 'unit')}")

    def _strips(self, units: list[int]) -> dict[int, Image.Image]:
        strips = {}
        for sheet in self.sheets:
            found = [unit for unit in units if unit in sheet["units"]]
            if not found:
                continue
            with Image.open(io.BytesIO(sheet["image"])) as opened:
                whole = opened.convert("RGB")
            height = sheet["tile"][1]
            for unit in found:
                row = sheet["units"].index(unit)
                strips[unit] = whole.crop((0, row * height, whole.width, (row + 1) * height))
        return strips
