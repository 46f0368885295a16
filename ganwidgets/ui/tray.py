"""A tray of pictures with what was marked in each: things somebody collects for one purpose."""

import io
import re

from PIL import Image
from traitlets import Bunch, TraitError, Unicode, validate

from ganwidgets.ui import draw
from ganwidgets.ui.component import Component, bundle, plural
from ganwidgets.ui.traits import PlainDict, PlainList, require_keys


class Tray(Component):
    """Thumbnails in the order in which they were put in; each shows what is marked in it.

    Each wish is a request with the entry's id as `entry`, so that it means the same one however the tray has changed
    meanwhile: "open" (a click: look at it again), "remove" and, without a field, "clear". `on_request` takes the
    functions; Python decides, the tray shows what it said.
    """

    _esm, _css = bundle("tray")

    entries = PlainList(help="{id, label?, thumbnail?}; thumbnail: a tile of `sheet`.").tag(sync=True)
    sheet = PlainDict(
        default_value=None,
        allow_none=True,
        help="Thumbnails: {image, columns, tile, count?, mask?}, or None; mask: a PNG over the sheet, white inside.",
    ).tag(sync=True)
    selected = Unicode("", help="Id of the entry that is being looked at; empty when none is.").tag(sync=True)
    title = Unicode("").tag(sync=True)
    color = Unicode("", help="Of the mark beside the title, as #rrggbb; empty: no mark.").tag(sync=True)
    message = Unicode("", help="What to say, and to do, where entries would be.").tag(sync=True)

    @validate("entries")
    def _check_entries(self, proposal: Bunch) -> list:
        entries = proposal["value"]
        require_keys("entries", entries, ("id",), ("label", "thumbnail"))
        ids = [entry["id"] for entry in entries]
        for one in ids:
            if not (isinstance(one, str) and one):
                raise TraitError(f"`entries` needs ids that are texts, got {one!r}.")
            if ids.count(one) > 1:
                raise TraitError(f"`entries` needs one entry per id, got {one!r} twice.")
        return entries

    @validate("sheet")
    def _check_sheet(self, proposal: Bunch) -> dict | None:
        if proposal["value"] is not None:
            require_keys("sheet", [proposal["value"]], ("image", "columns", "tile"), ("count", "mask"))
        return proposal["value"]

    @validate("color")
    def _check_color(self, proposal: Bunch) -> str:
        if not re.fullmatch("(#[0-9a-fA-F]{6})?", proposal["value"]):
            raise TraitError(f"`color` must be a hex colour like '#56b4e9', or empty, got {proposal['value']!r}.")
        return proposal["value"]

    def describe(self) -> str:
        return f"{self.title!r}, {plural(len(self.entries), 'picture')}"

    def picture(self) -> Image.Image | None:
        """The thumbnails, what is not marked darkened; None when the tray is empty."""
        drawn = [entry["thumbnail"] for entry in self.entries if isinstance(entry.get("thumbnail"), int)]
        return draw.arrange([self._tile(index) for index in drawn], "row") if drawn and self.sheet else None

    def _tile(self, index: int) -> Image.Image:
        width, height = self.sheet["tile"]
        row, column = divmod(index, self.sheet["columns"])
        box = column * width, row * height, (column + 1) * width, (row + 1) * height
        tile = _opened(self.sheet["image"], "RGB").crop(box)
        if not self.sheet.get("mask"):
            return tile
        return Image.composite(tile, tile.point(lambda level: level // 2), _opened(self.sheet["mask"], "L").crop(box))


def _opened(data: bytes, mode: str) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert(mode)
